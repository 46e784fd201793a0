//! Teaches the classifier on incidents that the twin makes and writes its weights. Run by `cargo xtask train analyst`.
//!
//! `train_classifier [--rounds N] [--threads N] [--out FILE]`: each round is one scenario of each of the seen half's 260 places with
//! a seed of its own. Progress on standard error. The same number of rounds gives the same file on any machine and any number
//! of threads: they simulate, and one of them learns, in the order of the places.

use plimsoll_analyst::classifier::{Example, Row, Settings, train};
use plimsoll_analyst::{Features, scenario};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Rounds of the committed weights.
const ROUNDS: u32 = 4;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train_classifier: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut rounds, mut threads, mut out) = (ROUNDS, 1, PathBuf::from("crates/analyst/weights/classifier.bin"));
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--rounds" => rounds = value.parse().map_err(|error| format!("{flag} {value}: {error}"))?,
            "--threads" => threads = value.parse().map_err(|error| format!("{flag} {value}: {error}"))?,
            "--out" => out = PathBuf::from(value),
            _ => return Err(format!("no flag {flag}; there is --rounds, --threads, --out")),
        }
    }
    let (start, mut examples) = (Instant::now(), Vec::new());
    for round in 0..rounds {
        examples.extend(drawn(round, threads)?);
        eprintln!(
            "round {} of {rounds}: {} incidents, {:.0} s",
            round + 1,
            examples.len(),
            start.elapsed().as_secs_f64()
        );
    }
    let trees = train(&examples, &Settings::default(), |cause, trees, loss| {
        eprintln!("{cause}: {trees} trees, mean log loss {loss:.4} on what was held back");
    });
    let bytes = trees.write();
    std::fs::write(&out, &bytes).map_err(|error| format!("{}: {error}", out.display()))?;
    eprintln!(
        "{}: {} bytes, {} trees, {:.0} s",
        out.display(),
        bytes.len(),
        trees.count(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The incidents of a round, in the order of their places.
fn drawn(round: u32, threads: u32) -> Result<Vec<Example>, String> {
    let threads = threads.clamp(1, scenario::HALF);
    let mine = |thread: u32| -> Result<Vec<Example>, String> {
        let (from, to) = (thread * scenario::HALF / threads, (thread + 1) * scenario::HALF / threads);
        (from..to)
            .map(|place| {
                let (label, history) = scenario::draw(place, round).map_err(|error| error.to_string())?;
                Ok(Example { row: Row::of(&Features::of(&history)), causes: label.causes })
            })
            .collect()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || mine(thread))).collect();
        let mut examples = Vec::new();
        for one in running {
            examples.extend(one.join().map_err(|_| "a thread ended early".to_owned())??);
        }
        Ok(examples)
    })
}
