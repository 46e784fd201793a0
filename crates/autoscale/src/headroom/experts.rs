//! What is expected of the need, from several plain expectations that are weighted by how far off they were lately.
//!
//! The last need is right where the load drifts, a mean over an hour where every minute is noise, and most loads lie in
//! between: nobody has to say which. Each expectation's mean error fades within a quarter of a day, and its weight falls
//! with the fourth power of it, so that one that is a fifth worse has half the say.
//!
//! Weights are fixed before the need is seen, and each expectation rises with it, so more load never lowers the mixture.
//!
//! # Source
//! Prediction with expert advice (Cesa-Bianchi and Lugosi, 2006), with weights by inverse error in place of exponential
//! ones, which need a rate that suits the series.

use serde::{Deserialize, Serialize};

/// Time constants of the means, ms; the last need itself is the first expectation.
const MEANS_MS: [u64; 4] = [90_000, 300_000, 900_000, 3_600_000];
/// Expectations.
pub const EXPERTS: usize = MEANS_MS.len() + 1;
/// Weight⁻¹ of a new error: a quarter of a day of 15 s.
const FADE: i64 = 1_440;
/// A weight's fixed point.
const ONE: u64 = 1 << 10;

/// What each expectation says.
pub type Said = [u64; EXPERTS];

/// The expectations and how far off each was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Experts {
    /// Mean needs, in 1024ths of a thousandth; none before the first figure.
    means: Option<[u64; MEANS_MS.len()]>,
    /// Mean error of each, 1024ths of a millionth of what was expected.
    errors: [i64; EXPERTS],
    judged: u64,
}

impl Experts {
    /// What each says when so much is needed now and the last figure is `passed` ms old.
    pub fn say(&self, needed: u64, passed: u64) -> Said {
        let mut said = [needed; EXPERTS];
        if let Some(means) = &self.means {
            for ((said, mean), span) in said[1..].iter_mut().zip(means).zip(MEANS_MS) {
                *said = toward(*mean, needed.saturating_mul(1_024), passed, span) / 1_024;
            }
        }
        said
    }

    /// Takes the need of now into the means.
    pub fn follow(&mut self, needed: u64, passed: u64) {
        let value = needed.saturating_mul(1_024);
        let means = self.means.get_or_insert([value; MEANS_MS.len()]);
        for (mean, span) in means.iter_mut().zip(MEANS_MS) {
            *mean = toward(*mean, value, passed, span);
        }
    }

    /// The mixture.
    pub fn mixed(&self, said: &Said) -> u64 {
        let weights = self.weights();
        let all: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let sum: u128 = said.iter().zip(weights).map(|(said, weight)| u128::from(*said) * u128::from(weight)).sum();
        // A weight is at most 2^40, so neither sum overflows; the best one's is not zero.
        u64::try_from(sum / all.max(1)).unwrap_or(u64::MAX)
    }

    fn weights(&self) -> [u64; EXPERTS] {
        let least = self.errors.iter().copied().min().unwrap_or(0).max(0).unsigned_abs();
        self.errors.map(|error| {
            let share = u128::from(least + ONE) * u128::from(ONE) / u128::from(error.max(0).unsigned_abs() + ONE);
            let share = u64::try_from(share).unwrap_or(ONE);
            share * share * share * share
        })
    }

    /// Judges what was said against what came: `relative` gives an error in millionths.
    pub fn judge(&mut self, said: &Said, came: u64, relative: impl Fn(i128) -> i64) {
        self.judged = self.judged.saturating_add(1);
        let fade = i64::try_from(self.judged).unwrap_or(FADE).min(FADE);
        for (error, said) in self.errors.iter_mut().zip(said) {
            let off = relative(i128::from(came) - i128::from(*said)).saturating_mul(1_024);
            *error += (off - *error) / fade;
        }
    }
}

/// From `before` towards `value` for so many milliseconds of a mean over `span`.
fn toward(before: u64, value: u64, passed: u64, span: u64) -> u64 {
    let (before, value, passed) = (i128::from(before), i128::from(value), i128::from(passed.min(span)));
    u64::try_from(before + (value - before) * passed / i128::from(span)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;
    use proptest::prelude::*;

    /// Runs expectations over needs, each judged by the next; the mixture's last word on the last need.
    fn over(needs: impl IntoIterator<Item = u64>) -> (Experts, u64) {
        let mut experts = Experts::default();
        let mut before: Option<Said> = None;
        let mut last = 0;
        for needed in needs {
            if let Some(said) = before {
                experts.judge(&said, needed, |off| i64::try_from(off.abs() * 1_000_000 / 20_000).unwrap());
            }
            experts.follow(needed, 15_000);
            let said = experts.say(needed, 0);
            last = experts.mixed(&said);
            before = Some(said);
        }
        (experts, last)
    }

    #[test]
    fn where_every_minute_is_noise_a_mean_is_expected() {
        let mut random = Random::new(1);
        let mut noise: Vec<u64> = (0..5_000).map(|_| (20_000.0 + 3_000.0 * random.normal()) as u64).collect();
        noise.push(30_000);
        let (_, expected) = over(noise);
        assert!((20_000..22_500).contains(&expected), "{expected}");
    }

    #[test]
    fn where_the_load_drifts_the_last_need_is_expected() {
        let drift = (0..5_000_u64).map(|tick| 20_000 + 8 * tick.min(10_000 - 2 * tick.min(5_000)));
        let last = drift.clone().next_back().unwrap();
        let (_, expected) = over(drift);
        assert!(expected.abs_diff(last) < 300, "{expected} {last}");
    }

    #[test]
    fn before_anything_was_judged_all_have_the_same_say() {
        let experts = Experts::default();
        assert_eq!(experts.mixed(&experts.say(7_000, 15_000)), 7_000);
        assert_eq!(experts.mixed(&[0, 0, 0, 0, 5_000]), 1_000);
    }

    proptest! {
        #[test]
        fn more_need_never_lowers_what_is_expected(
            needs in prop::collection::vec(0_u64..100_000, 1..200), needed in 0_u64..100_000, more in 0_u64..100_000, passed in 0_u64..10_000_000,
        ) {
            let (experts, _) = over(needs);
            let at = |needed| experts.mixed(&experts.say(needed, passed));
            prop_assert!(at(needed + more) >= at(needed));
        }

        #[test]
        fn nothing_overflows(needs in prop::collection::vec(any::<u64>(), 1..20), off in any::<i64>()) {
            let mut experts = Experts::default();
            for needed in needs {
                experts.follow(needed, needed);
                let said = experts.say(needed, needed);
                experts.judge(&said, needed, |_| off);
                experts.mixed(&said);
            }
        }
    }
}
