//! Every instance of the machine reassignment challenge given: what runs at first costs, what `plimsoll rebalance` finds, what
//! the challenge's winner found, and how much of the winner's gain that is.
//!
//! `cargo xtask prove roadef` runs all instances for 300 s on two threads each, which takes an hour and a half;
//! `cargo xtask bench roadef` is the short form that CI runs, set A1 for 2 CPU seconds on one thread. Flags of both:
//! `--instances a1_1,b_9`, `--seconds N` (of the clock), `--cpu-seconds N` (of each thread, fair on a busy machine),
//! `--threads N`, `--seed N`. The binary is run as a person would run it, and prints every assignment's exact cost by code
//! that shares nothing with the search. It fails where an instance is not solved at all; the goals are printed beside
//! the medians, since a machine that is slower or busy may miss them.

#![allow(clippy::unwrap_used, reason = "a measurement that fails should stop loudly")]

use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_traces::dataset;
use serde_json::Value;
use std::process::Command;

const SET: &str = "roadef2012-machine-reassignment";
const SHORT: &[&str] = &["a1_1", "a1_2", "a1_3", "a1_4", "a1_5"];
const GOALS: [(&str, &str, f64); 2] = [("A", "a", 99.0), ("B", "b", 95.0)];

fn main() {
    let is_long = std::env::var("PLIMSOLL_PROVE").is_ok_and(|value| value == "1");
    let typed: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let flag = |name: &str| typed.iter().position(|arg| arg == name).and_then(|at| typed.get(at + 1)).cloned();
    let folder = match dataset::find(SET) {
        Ok(folder) => folder,
        Err(missing) => return println!("did not run: roadef: {missing}"),
    };
    let instances: Vec<String> = match flag("--instances") {
        Some(names) => names.split(',').map(str::to_owned).collect(),
        None if is_long => all(&folder),
        None => SHORT.iter().map(|name| (*name).to_owned()).collect(),
    };
    let limit = match (flag("--seconds"), flag("--cpu-seconds")) {
        (Some(seconds), _) => ["--seconds".to_owned(), seconds],
        (None, Some(seconds)) => ["--cpu-seconds".to_owned(), seconds],
        (None, None) if is_long => ["--seconds".to_owned(), "300".to_owned()],
        (None, None) => ["--cpu-seconds".to_owned(), "2".to_owned()],
    };
    let threads = flag("--threads").unwrap_or_else(|| if is_long { "2" } else { "1" }.to_owned());
    let seed = flag("--seed").unwrap_or_else(|| "1".to_owned());
    println!("plimsoll rebalance INSTANCE {} --threads {threads} --seed {seed} --output json", limit.join(" "));
    let mut table = Table::new(
        [Column::left("instance", "INSTANCE")].into_iter().chain(
            ["CPU S", "WALL S", "M TRIED/CPU S", "INITIAL", "OURS", "WINNER", "SCORE %"]
                .map(|title| Column::right(&title.to_lowercase(), title)),
        ),
    );
    let mut scores = Vec::new();
    for instance in &instances {
        let said = rebalance(instance, &limit, &threads, &seed);
        let score = said["score_percent"].as_f64();
        let cpu = said["cpu_seconds"].as_f64().unwrap();
        let tried = said["evaluations"].as_f64().unwrap() / cpu / 1e6;
        eprintln!("{instance}: {} ({score:?})", said["cost_after"]["total"]);
        table.row([
            Cell::of(instance),
            Cell::of(format!("{cpu:.1}")),
            Cell::of(format!("{:.1}", said["wall_seconds"].as_f64().unwrap())),
            Cell::of(format!("{tried:.1}")),
            Cell::of(said["cost_before"]["total"].as_i64().unwrap()),
            Cell::of(said["cost_after"]["total"].as_i64().unwrap()),
            Cell::maybe(said["reference"].as_i64()),
            Cell::maybe(score.map(|score| format!("{score:.4}"))),
        ]);
        scores.extend(score.map(|score| (instance.clone(), score)));
    }
    print!("{}", table.render(&Style::of_stdout()));
    for (set, prefix, goal) in GOALS {
        let mut of_set: Vec<f64> = scores.iter().filter(|it| it.0.starts_with(prefix)).map(|it| it.1).collect();
        of_set.sort_by(f64::total_cmp);
        if let Some(median) = median(&of_set) {
            println!("median of {} instances of {set}: {median:.4} % (goal: at least {goal} %)", of_set.len());
        }
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len() % 2 == 1 { upper } else { (sorted[sorted.len() / 2 - 1] + upper) / 2.0 })
}

/// The instances with a model and a published result, in the order of the published table.
fn all(folder: &std::path::Path) -> Vec<String> {
    let table = std::fs::read_to_string(folder.join("published_results.csv")).unwrap();
    let names = table.lines().skip(1).filter_map(|line| line.split(',').next());
    names.filter(|name| folder.join(format!("model_{name}.txt.xz")).exists()).map(str::to_owned).collect()
}

fn rebalance(instance: &str, limit: &[String], threads: &str, seed: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(["rebalance", instance, "--output", "json", "--threads", threads, "--seed", seed])
        .args(limit)
        .output()
        .unwrap();
    assert!(output.status.success(), "{instance}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
