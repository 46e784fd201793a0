//! Who makes the next candidates: each arm has a share of the episodes by what it gained for what it cost.
//!
//! The share of an arm is its gain per unit of work, both of which fade. An arm starts with a loan: what all gain on average. It
//! pays it off by working, so that what never gains goes to nothing by itself and comes back only when nobody else gains either.

use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};

/// What is kept of the past at each episode.
const KEPT: f64 = 0.98;
/// Work after which the loan counts half.
const LOAN_WORK: f64 = 50.0;

/// One way to make candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Episodes it had.
    pub episodes: u64,
    /// Work it cost in all, in quick looks.
    pub work: f64,
    /// What it gained in all.
    pub gain: f64,
    /// Candidates of its that were kept.
    pub kept: u64,
    recent_work: f64,
    recent_gain: f64,
}

impl Arm {
    /// One that has done nothing yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), episodes: 0, work: 0.0, gain: 0.0, kept: 0, recent_work: 0.0, recent_gain: 0.0 }
    }

    fn promise(&self, average: f64) -> f64 {
        average * LOAN_WORK / (LOAN_WORK + self.work) + self.recent_gain / (LOAN_WORK + self.recent_work)
    }

    /// Notes an episode.
    pub fn note(&mut self, work: f64, gain: f64, kept: u64) {
        self.episodes += 1;
        self.work += work;
        self.gain += gain;
        self.kept += kept;
        self.recent_work += work;
        self.recent_gain += gain;
    }

    /// Lets an episode pass.
    pub fn fade(&mut self) {
        self.recent_work *= KEPT;
        self.recent_gain *= KEPT;
    }
}

/// The share of each arm.
#[must_use]
pub fn shares(arms: &[Arm]) -> Vec<f64> {
    let (gain, work) = arms.iter().fold((0.0, 0.0), |sum, arm| (sum.0 + arm.recent_gain, sum.1 + arm.recent_work));
    let average = gain / (LOAN_WORK + work);
    let all: f64 = arms.iter().map(|arm| arm.promise(average)).sum();
    arms.iter().map(|arm| if all > 0.0 { arm.promise(average) / all } else { 1.0 / arms.len() as f64 }).collect()
}

/// Draws one by the shares. Each has a first episode before any has a second.
#[must_use]
pub fn choose(arms: &[Arm], random: &mut Random) -> usize {
    if let Some(fresh) = arms.iter().position(|arm| arm.episodes == 0) {
        return fresh;
    }
    let mut left = random.unit();
    for (place, share) in shares(arms).iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return place;
        }
    }
    arms.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_that_never_gains_goes_to_nothing_and_one_that_gains_has_most() {
        let mut arms: Vec<Arm> = ["good", "idle"].map(Arm::new).into();
        let mut random = Random::new(1);
        for _ in 0..400 {
            let chosen = choose(&arms, &mut random);
            arms.iter_mut().for_each(Arm::fade);
            let gain = if chosen == 0 { 0.05 } else { 0.0 };
            arms[chosen].note(8.0, gain, 0);
        }
        let shares = shares(&arms);
        assert!(shares[1] < 0.25 && arms[1].episodes >= 1, "{shares:?}");
        assert!(arms[0].episodes > 3 * arms[1].episodes, "{arms:?}");
    }

    #[test]
    fn an_arm_that_begins_to_gain_late_is_heard() {
        let mut arms: Vec<Arm> = ["early", "late"].map(Arm::new).into();
        let mut random = Random::new(2);
        let mut late_before = 0;
        for episode in 0..1_200 {
            let chosen = choose(&arms, &mut random);
            arms.iter_mut().for_each(Arm::fade);
            let gains = if episode < 300 { [0.05, 0.0] } else { [0.0, 0.05] };
            arms[chosen].note(8.0, gains[chosen], 0);
            if episode == 300 {
                late_before = arms[1].episodes;
            }
        }
        assert!(arms[1].episodes - late_before > 450, "{arms:?}");
    }
}
