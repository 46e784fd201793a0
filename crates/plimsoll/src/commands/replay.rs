//! `plimsoll replay`: does this build decide the same?

use super::reach::state_dir;
use crate::Verdict;
use crate::args::{Output, Replay};
use plimsoll_daemon::past;

/// Replays and compares.
pub fn run(replay: &Replay) -> anyhow::Result<Verdict> {
    let journal = state_dir(&replay.installation)?.join("journal");
    let result = past::replay(&journal, |_| {})?;
    let same = result.different == 0;
    match replay.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&result)?),
        Output::Text => {
            if let Some((from, to)) = result.span {
                println!("{} steps from {from} to {to}", result.steps);
            }
            println!("{} decisions compared ({} bytes), {} different", result.compared, result.bytes, result.different);
            if result.forgotten > 0 {
                println!(
                    "{} of {} records had something forgotten, their SHA-256 of before is kept; {} decisions that rest on \
                     them can no longer be proved",
                    result.forgotten, result.records, result.unprovable
                );
            }
            for difference in &result.differences {
                println!(
                    "step {}:\n  recorded …{}\n  replayed …{}",
                    difference.step, difference.recorded, difference.replayed
                );
            }
        }
    }
    Ok(if same { Verdict::Done } else { Verdict::No })
}
