//! Takes recorded steps again and compares every decision with the record, byte for byte.
//!
//! Reads standard input: a line is `I` and the JSON of a step's inputs, or `D` and the decision that was recorded for the
//! step before it. Prints `N compared, N different` and fails when something differs. Depends on the core alone, so that
//! a test can build it for another CPU (`-C target-cpu=native`) within seconds; `plimsoll replay` does the same with a
//! journal.

use plimsoll_controller::{Input, State, step};
use plimsoll_model::Timestamp;
use serde::Deserialize;
use std::io::BufRead;
use std::process::ExitCode;

/// What the journal holds of one step.
#[derive(Deserialize)]
struct Recorded {
    at: Timestamp,
    inputs: Vec<Input>,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut state = State::new();
    let (mut compared, mut different) = (0_u64, 0_u64);
    let mut decided: Option<String> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if let Some(inputs) = line.strip_prefix('I') {
            let recorded: Recorded = serde_json::from_str(inputs)?;
            decided = Some(serde_json::to_string(&step(&mut state, recorded.at, &recorded.inputs))?);
        } else if let Some((decision, decided)) = line.strip_prefix('D').zip(decided.take()) {
            compared += 1;
            if decision != decided {
                different += 1;
                eprintln!("recorded {decision}\nreplayed {decided}");
            }
        }
    }
    println!("{compared} compared, {different} different");
    Ok(if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
