//! Provisioning cost (spare capacity at 1 % violations) of the streaming forecaster beside what it has to beat:
//! `cargo xtask bench provision`, or `-- SET` for one set; `PLIMSOLL_PROVE=1` takes every series of the large sets.
//!
//! At each step a policy emits the capacity of the step `L` ahead from data up to now, held one step. Policies: HPA-like
//! (max of five samples over 0.7 or 0.8), the last value plus the rolling quantile of its errors over one day (additive,
//! and relative on logarithms), the same around the max of five samples (what the reactive rule needs to keep the same
//! promise), and the stream. V: share of steps above capacity; U: demand unserved; H: spare capacity,
//! both of mean demand; pinball at 0.99 over mean demand. Sets are read in place; one that is missing is named.

#[path = "provision/fixtures.rs"]
mod fixtures;
#[path = "provision/policies.rs"]
mod policies;
#[path = "provision/tables.rs"]
mod tables;

use plimsoll_traces::Recorded;
use plimsoll_traces::sets::{self, SetError};

/// One set to be judged on.
struct Set {
    name: &'static str,
    about: &'static str,
    read: fn() -> Result<Vec<Recorded>, SetError>,
    /// Steps ahead.
    horizons: &'static [usize],
    /// The last so many steps are tested; half of the series where none is said.
    tested: Option<usize>,
    /// Every n-th series in the short form.
    every: usize,
    /// Whether its events were known in advance and a policy is told of them.
    is_informed: bool,
}

const SETS: &[Set] = &[
    Set {
        name: "worldcup",
        about: "WorldCup98, 28 May to 24 June, last 14 days tested, 1 min",
        read: world_cup,
        horizons: &[5, 1, 15],
        tested: Some(20_160),
        every: 1,
        is_informed: true,
    },
    Set {
        name: "twitter",
        about: "Twitter, 15 days, last half tested, 1 min",
        read: || sets::twitter().map(|series| vec![series]),
        horizons: &[5],
        tested: None,
        every: 1,
        is_informed: false,
    },
    Set {
        name: "nasa",
        about: "NASA, 28 days of July 1995, last half tested, 1 min",
        read: || sets::nasa().map(|series| vec![series]),
        horizons: &[5],
        tested: None,
        every: 1,
        is_informed: false,
    },
    Set {
        name: "genai",
        about: "GenAI pod memory, last half tested, 57 s",
        read: sets::pod_memory,
        horizons: &[5],
        tested: None,
        every: 1,
        is_informed: false,
    },
    Set {
        name: "nab",
        about: "NAB CloudWatch, last half tested, 5 min",
        read: sets::cloudwatch,
        horizons: &[3],
        tested: None,
        every: 1,
        is_informed: false,
    },
    Set {
        name: "bitbrains",
        about: "Bitbrains VM CPU %, July, last half tested, 5 min",
        read: sets::cpu_percent,
        horizons: &[3],
        tested: None,
        every: 10,
        is_informed: false,
    },
    Set {
        name: "planetlab",
        about: "PlanetLab VM CPU %, 3 March, last half tested, 5 min",
        read: || sets::planetlab_day(sets::PLANETLAB_DAYS[0]),
        horizons: &[3],
        tested: None,
        every: 20,
        is_informed: false,
    },
];

/// The four weeks that end with the given data.
fn world_cup() -> Result<Vec<Recorded>, SetError> {
    let mut series = sets::world_cup_98()?;
    let skipped = series.values.len().saturating_sub(28 * 1_440);
    series.start = series.start.plus(series.step.saturating_mul(skipped as u64));
    series.values.drain(..skipped);
    Ok(vec![series])
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_long = std::env::var_os("PLIMSOLL_PROVE").is_some_and(|value| value == "1");
    for set in SETS.iter().filter(|set| named.is_empty() || named.iter().any(|name| name == set.name)) {
        match (set.read)() {
            Ok(series) => {
                let every = if is_long { 1 } else { set.every };
                let series: Vec<Recorded> = series.into_iter().step_by(every).collect();
                for steps in set.horizons {
                    tables::judge(set.about, &series, *steps, set.tested, set.is_informed);
                }
                if let Some(one) = series.first().filter(|_| set.is_informed) {
                    let of = |horizons| {
                        let (spent, bytes) = policies::cost(one, horizons);
                        format!("{spent:.2} us and {bytes} bytes with {} horizons", horizons.len())
                    };
                    println!("one update of the stream: {}; {}\n", of(&[5]), of(&[1, 5, 15]));
                }
            }
            Err(error) => println!("{}: did not run: {error}\n", set.name),
        }
    }
}
