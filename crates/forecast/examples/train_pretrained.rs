//! Trains the small network of `pretrained` on drawn series and writes its weights. Run by `cargo xtask train forecast-net`.
//!
//! `train_pretrained [--batches N] [--seed N] [--rate X] [--out FILE]`: one thread, progress on standard error with the loss
//! on held-out series and CPU minutes. The same seed and number of batches give the same file on any CPU.

use plimsoll_forecast::pretrained::{HeldOut, Training, TrainingSettings};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Batches of the committed weights: five CPU minutes in 2026.
const BATCHES: u32 = 31_000;
/// How often progress is printed and a checkpoint written, in batches.
const EVERY: u32 = 500;

struct Flags {
    settings: TrainingSettings,
    out: PathBuf,
}

fn main() -> ExitCode {
    match flags().and_then(|flags| run(&flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train_pretrained: {error}");
            ExitCode::FAILURE
        }
    }
}

fn flags() -> Result<Flags, String> {
    let mut flags = Flags {
        settings: TrainingSettings { seed: 1, batches: BATCHES, rate: 1e-3 },
        out: PathBuf::from("crates/forecast/weights/pretrained.safetensors"),
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let bad = |error: &dyn std::fmt::Display| format!("{flag} {value}: {error}");
        match flag.as_str() {
            "--batches" => flags.settings.batches = value.parse().map_err(|error| bad(&error))?,
            "--seed" => flags.settings.seed = value.parse().map_err(|error| bad(&error))?,
            "--rate" => flags.settings.rate = value.parse().map_err(|error| bad(&error))?,
            "--out" => flags.out = PathBuf::from(value),
            _ => return Err(format!("no flag {flag}; there is --batches, --seed, --rate, --out")),
        }
    }
    Ok(flags)
}

fn run(flags: &Flags) -> Result<(), String> {
    let start = Instant::now();
    let mut training = Training::new(flags.settings);
    let mut mean = 0.0;
    while !training.finished() {
        let loss = training.step();
        mean += if mean == 0.0 { loss } else { 0.01 * (loss - mean) };
        if training.done().is_multiple_of(EVERY) || training.finished() {
            print(&training, mean, start, &training.held_out(16));
            save(flags, &training)?;
        }
    }
    Ok(())
}

fn print(training: &Training, mean: f64, start: Instant, held_out: &HeldOut) {
    let minutes = cpu_minutes().unwrap_or_else(|| start.elapsed().as_secs_f64() / 60.0);
    eprintln!(
        "batch {:>6}  trained {mean:.4}  held out {:.4}  median/last {:.3}  under q0.9 {:.3} q0.99 {:.4}  CPU {minutes:.1} min",
        training.done(),
        held_out.loss,
        held_out.median_to_last,
        held_out.covered[0],
        held_out.covered[1],
    );
}

/// Written beside the file first, so that a run that is stopped leaves the checkpoint before.
fn save(flags: &Flags, training: &Training) -> Result<(), String> {
    let TrainingSettings { seed, rate, .. } = flags.settings;
    // Not how many batches were asked for: a run that was stopped has the same bytes as one that asked for no more.
    let notes = [("trained", format!("seed {seed}, batches {}, rate {rate}", training.done()))];
    let beside = flags.out.with_extension("new");
    if let Some(folder) = flags.out.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(&beside, training.to_bytes(&notes)).map_err(|error| format!("{}: {error}", beside.display()))?;
    std::fs::rename(&beside, &flags.out).map_err(|error| format!("{}: {error}", flags.out.display()))
}

/// User time of this process, where the system tells it: field 14 of `/proc/self/stat`, in hundredths of a second.
fn cpu_minutes() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
    Some(ticks / 100.0 / 60.0)
}
