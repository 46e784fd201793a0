//! Histories whose cause is known: incidents that happen to a simulated service under the real controller.
//!
//! A number names a scenario, and everything about it follows from the number. The first half is for whoever writes rules
//! or trains a model; the second is only ever scored, and has pairs of faults, service models, ranges of parameters, clocks
//! and shapes of load that the first lacks ([`Label::is_novel`] marks loads whose shape occurs nowhere else).
//!
//! The load, the faults and the policy are drawn; what then happens is the twin's affair: every request is simulated, the
//! controller sees what a collector would report, and the history is written down from its inputs and decisions.
//!
//! *Limits.* A slow dependency is a longer delay, an I/O-bound replica one whose work is time of a disk, a neighbour a
//! smaller share of every replica's speed: mechanisms, not recordings of any real incident.

mod draft;
mod faults;
mod load;
mod world;

use crate::diagnosis::Cause;
use crate::history::History;
use draft::{Draft, LEAD, Regime};
use plimsoll_stats::Random;
use plimsoll_stats::random::mix;
use serde::{Deserialize, Serialize};

/// Scenarios in each half.
pub const HALF: u32 = 260;
/// What the seeds of drawn scenarios follow from.
const SEED_DRAWN: u64 = 0x7ea_c4ed_7ee5_0002;
/// Scenarios without a fault after both halves: a false alarm is rare, and takes many to be counted.
pub const CONTROLS: u32 = 200;
/// Scenarios in all.
pub const COUNT: u32 = 2 * HALF + CONTROLS;
/// What all seeds follow from.
pub const SEED: u64 = 0x8a11_a575_5eed_0001;
/// Of each half, without a fault.
const NO_FAULT: u32 = 62;
/// Of each half and cause, alone.
const SINGLE: u32 = 12;

/// Which half a scenario is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// Looked at while rules are written.
    Seen,
    /// Only scored.
    Unseen,
    /// Only scored as well: drawn as the unseen half's are, and all without a fault. They count for false alarms alone.
    Controls,
}

/// What is true of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its number, from 0.
    pub number: u32,
    /// What its randomness follows from.
    pub seed: u64,
    /// Its half.
    pub half: Half,
    /// What is the matter; none where nothing is.
    pub causes: Vec<Cause>,
    /// Its load has a shape that occurs nowhere else.
    pub is_novel: bool,
}

/// Why a scenario cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// No such number.
    #[error("there is no scenario {0}; they go from 0 to {last}", last = COUNT - 1)]
    Number(u32),
    /// A scenario that was drawn cannot be: a bug.
    #[error("scenario {number} cannot be set up: {why}")]
    SetUp {
        /// Which.
        number: u32,
        /// Why.
        why: String,
    },
}

/// Pairs that the seen half has, three of each.
const PAIRS_SEEN: [[Cause; 2]; 10] = [
    [Cause::Seasonal, Cause::DependencyBound],
    [Cause::Seasonal, Cause::OverProvisioned],
    [Cause::Trend, Cause::Leak],
    [Cause::Step, Cause::NoisyNeighbour],
    [Cause::FlashCrowd, Cause::Leak],
    [Cause::Leak, Cause::NoisyNeighbour],
    [Cause::Leak, Cause::FlappingPolicy],
    [Cause::DependencyBound, Cause::OverProvisioned],
    [Cause::Bursty, Cause::OverProvisioned],
    [Cause::BadLimits, Cause::NoisyNeighbour],
];

/// Pairs that only the unseen half has, three of each.
const PAIRS_UNSEEN: [[Cause; 2]; 10] = [
    [Cause::Seasonal, Cause::Leak],
    [Cause::Seasonal, Cause::NoisyNeighbour],
    [Cause::Trend, Cause::DependencyBound],
    [Cause::Step, Cause::OverProvisioned],
    [Cause::Step, Cause::Leak],
    [Cause::FlashCrowd, Cause::OverProvisioned],
    [Cause::Leak, Cause::DependencyBound],
    [Cause::Leak, Cause::OverProvisioned],
    [Cause::FlappingPolicy, Cause::DependencyBound],
    [Cause::DependencyBound, Cause::NoisyNeighbour],
];

/// What is true of a scenario.
///
/// # Errors
/// [`ScenarioError::Number`] for a number that is not below [`COUNT`].
pub fn label(number: u32) -> Result<Label, ScenarioError> {
    if number >= COUNT {
        return Err(ScenarioError::Number(number));
    }
    let half = match number / HALF {
        0 => Half::Seen,
        1 => Half::Unseen,
        _ => Half::Controls,
    };
    let place = number % HALF;
    let singles = SINGLE * Cause::ALL.len() as u32;
    let pairs = if half == Half::Seen { &PAIRS_SEEN } else { &PAIRS_UNSEEN };
    let causes = match place {
        _ if half == Half::Controls => Vec::new(),
        place if place < NO_FAULT => Vec::new(),
        place if place < NO_FAULT + singles => vec![Cause::ALL[((place - NO_FAULT) / SINGLE) as usize]],
        place => pairs[((place - NO_FAULT - singles) / 3) as usize % pairs.len()].to_vec(),
    };
    // Loads only: of the unseen half's plain, seasonal, … loads every other one is new.
    let decides_load = causes.is_empty() || causes.iter().any(|cause| cause.is_load());
    let is_novel = half != Half::Seen && decides_load && number % 2 == 1;
    Ok(Label { number, seed: mix(SEED ^ u64::from(number)), half, causes, is_novel })
}

/// Runs a scenario.
///
/// # Errors
/// [`ScenarioError`].
pub fn run(number: u32) -> Result<(Label, History), ScenarioError> {
    run_label(label(number)?)
}

/// The spec file that a scenario runs under.
///
/// # Errors
/// [`ScenarioError`].
pub fn spec(number: u32) -> Result<String, ScenarioError> {
    let label = label(number)?;
    Ok(draft(&label).spec_text(label.seed % 100_000))
}

/// A further scenario of the kinds that the seen half has, for whoever trains a model: what `place` (a number of the seen half)
/// is about, with a seed of its own for every `round`. None of them is a scenario that is scored.
///
/// # Errors
/// [`ScenarioError::Number`] for a place that is not of the seen half.
pub fn draw(place: u32, round: u32) -> Result<(Label, History), ScenarioError> {
    if place >= HALF {
        return Err(ScenarioError::Number(place));
    }
    let seed = mix(SEED_DRAWN ^ (u64::from(round) << 32 | u64::from(place)));
    run_label(Label { seed, ..label(place)? })
}

fn run_label(label: Label) -> Result<(Label, History), ScenarioError> {
    let draft = draft(&label);
    let history = world::run(&draft, label.seed).map_err(|why| ScenarioError::SetUp { number: label.number, why })?;
    Ok((label, history))
}

fn draft(label: &Label) -> Draft {
    let mut random = Random::new(label.seed);
    let is_foreign = label.half != Half::Seen;
    let regime = regime(label, &mut random);
    let load = label.causes.iter().copied().find(|cause| cause.is_load());
    let factors = load::shape(load, label.is_novel, regime.ticks(), LEAD, &mut random);
    let mut draft = Draft::healthy(regime, factors, is_foreign, &mut random);
    for cause in &label.causes {
        faults::put(*cause, &mut draft, &mut random);
    }
    draft
}

/// Two hours by quarter minutes, ten hours by minutes, three days by five minutes; half minutes only where unseen.
fn regime(label: &Label, random: &mut Random) -> Regime {
    let of = |tick_s, window, speed| Regime { tick_s, window, speed };
    match random.below(if label.half == Half::Seen { 3 } else { 4 }) {
        0 => of(15, 480, 1),
        1 => of(60, 600, 10),
        2 => of(300, 864, 60),
        _ => of(30, 720, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_share_no_pair_and_a_fifth_of_each_is_without_fault() {
        let all: Vec<Label> = (0..COUNT).map(|number| label(number).unwrap()).collect();
        for half in [Half::Seen, Half::Unseen] {
            let mine: Vec<&Label> = all.iter().filter(|label| label.half == half).collect();
            let clean = mine.iter().filter(|label| label.causes.is_empty()).count();
            assert_eq!(mine.len(), HALF as usize);
            assert!(clean * 5 >= mine.len(), "{clean} of {}", mine.len());
            for cause in Cause::ALL {
                assert!(mine.iter().filter(|label| label.causes == [cause]).count() >= 10, "{cause}");
            }
        }
        let pairs = |half| all.iter().filter(move |label| label.half == half && label.causes.len() == 2);
        assert!(pairs(Half::Seen).all(|seen| pairs(Half::Unseen).all(|unseen| unseen.causes != seen.causes)));
        assert!(all.iter().filter(|label| label.is_novel).all(|label| label.half != Half::Seen));
        assert!(all.iter().filter(|label| label.is_novel).count() >= 50);
        assert!(all[2 * HALF as usize..].iter().all(|label| label.half == Half::Controls && label.causes.is_empty()));
        assert_eq!(label(COUNT), Err(ScenarioError::Number(COUNT)));
    }

    #[test]
    fn drawn_scenarios_are_of_the_seen_half_and_have_seeds_of_their_own() {
        let scored: Vec<u64> = (0..COUNT).map(|number| label(number).unwrap().seed).collect();
        let (label, history) = draw(100, 0).unwrap();
        assert_eq!((label.half, label.is_novel, history.check()), (Half::Seen, false, Ok(())));
        assert!(!scored.contains(&label.seed) && draw(100, 1).unwrap().1 != history);
        assert_eq!(draw(HALF, 0), Err(ScenarioError::Number(HALF)));
    }

    #[test]
    fn the_same_number_gives_the_same_history() {
        let (once, again) = (run(3).unwrap(), run(3).unwrap());
        assert_eq!(once, again);
        assert_eq!(once.1.check(), Ok(()));
        assert_eq!(once.1.samples.len() % 60, 24 * usize::from(once.1.samples.len() == 864));
    }
}
