//! Plays the adversary against the gate and writes what it found, for `tests/gate.rs`:
//!
//! `cargo run -p plimsoll-analyst --example adversary > crates/analyst/tests/data/adversaries.json`
//!
//! Of each search the plainly bad proposals with the largest claims are kept. What the gate let pass is told on standard
//! error and kept out: a proposal that is bad and was accepted is an escape, and `tests/gate.rs` reports how many there are.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "an example for developers")]

#[path = "../tests/family/adversary.rs"]
mod adversary;
#[path = "../tests/family/mod.rs"]
mod family;

/// Searches.
const SEEDS: std::ops::Range<u64> = 1..6;
/// Rounds of each.
const ROUNDS: usize = 80;
/// Kept of each.
const KEPT: usize = 14;

fn main() {
    let truths = adversary::truths(1);
    let mut kept = Vec::new();
    for seed in SEEDS {
        let campaign = adversary::play(seed, ROUNDS, &truths);
        let adversary::Campaign { asked, accepted, escaped, bad } = campaign;
        eprintln!(
            "search {seed}: asked {asked}, accepted {accepted}, of those bad {}, refused and bad {}",
            escaped.len(),
            bad.len()
        );
        kept.extend(bad.into_iter().take(KEPT));
    }
    println!("{}", serde_json::to_string_pretty(&kept).unwrap());
}
