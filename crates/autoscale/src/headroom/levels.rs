//! How far off what is expected usually is, by its level.
//!
//! An error in proportion to the load fits few services: arrivals of many callers are relatively calmer the more they
//! are, and a job that comes every night has its errors where it is, at the top. So the usual error is learnt by half octaves of
//! what is expected, against the error in proportion, and drawn to the latter while a level was seen seldom.
//!
//! The table that is read holds an error that never falls with the level, and it is worked out before a load is seen: more
//! load never gets fewer replicas.

use super::times::Mean;
use serde::{Deserialize, Serialize};

/// Lower edge of the first level, thousandths of a replica.
const FIRST: u64 = 100;
/// Levels: half octaves, up to some hundred thousand replicas.
const LEVELS: usize = 40;
/// √2, thousandths.
const ROOT: u64 = 1_414;
/// Moments at which a level's own errors count half.
const HALF: i64 = 20;
/// Weight⁻¹ of a new moment at most.
const KEPT: i64 = 5_000;
/// One moment counts at most so many usual errors, thousandths.
const MOST: i64 = 100_000;

/// What is learnt by level.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Levels {
    /// Size of errors against the usual one, thousandths; empty before the first.
    seen: Vec<Mean>,
    /// The same at the edges of levels as a base of errors, thousandths of a replica, never falling; empty before it was
    /// worked out.
    table: Vec<u64>,
}

/// The level of what is expected.
fn level(expected: u64) -> usize {
    let octave = (expected.max(FIRST) / FIRST).ilog2().min(LEVELS as u32 / 2 - 1);
    let above = expected.max(FIRST) >> octave;
    2 * octave as usize + usize::from(above * 1_000 >= FIRST * ROOT)
}

/// Where a level's own error holds: its geometric middle, thousandths of a replica.
fn middle(level: usize) -> u64 {
    let edge = FIRST << (level / 2);
    let edge = if level.is_multiple_of(2) { edge } else { edge * ROOT / 1_000 };
    edge * 1_189 / 1_000
}

impl Levels {
    /// Learns that an error at this level was so many thousandths of the usual one.
    pub fn learn(&mut self, expected: u64, of_usual: i64) {
        if self.seen.len() != LEVELS {
            self.seen = vec![Mean::default(); LEVELS];
        }
        self.seen[level(expected)].learn(of_usual.clamp(0, MOST), KEPT);
    }

    /// Works the table out again; `small` is added to what is expected before a share of it is taken.
    pub fn work_out(&mut self, small: u64) {
        let mut highest = 0;
        let seen = &self.seen;
        let base = |at: usize| {
            let factor = seen.get(at).copied().unwrap_or_default().drawn(1_000, HALF);
            highest = highest.max((middle(at) + small) * factor.unsigned_abs() / 1_000);
            highest
        };
        self.table = (0..LEVELS).map(base).collect();
    }

    /// What errors are shares of, thousandths of a replica: `expected + small` where every level is alike.
    pub fn base(&self, expected: u64, small: u64) -> u64 {
        let (Some(first), Some(last)) = (self.table.first(), self.table.last()) else {
            return expected.saturating_add(small);
        };
        if expected <= middle(0) {
            return *first;
        }
        // The middle below and the one above; between them in proportion.
        let here = level(expected);
        let low = if expected >= middle(here) { here } else { here.saturating_sub(1) };
        let Some(high) = self.table.get(low + 1) else {
            // Beyond the last level in proportion to it.
            let beyond = u128::from(*last) * u128::from(expected) / u128::from(middle(LEVELS - 1));
            return u64::try_from(beyond).unwrap_or(u64::MAX);
        };
        let (from, to) = (middle(low), middle(low + 1));
        self.table[low] + (high - self.table[low]) * (expected - from).min(to - from) / (to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_need_has_its_level_and_middles_rise() {
        assert_eq!((level(0), level(100), level(141), level(142), level(200)), (0, 0, 0, 1, 2));
        assert_eq!(level(u64::MAX), LEVELS - 1);
        assert!((1..LEVELS).all(|at| middle(at) > middle(at - 1) && level(middle(at)) == at));
    }

    #[test]
    fn where_levels_are_alike_errors_are_shares_of_what_is_expected() {
        let mut levels = Levels::default();
        assert_eq!(levels.base(20_000, 300), 20_300);
        levels.work_out(300);
        assert!(levels.base(20_000, 300).abs_diff(20_300) < 50, "{}", levels.base(20_000, 300));
    }

    #[test]
    fn a_level_with_larger_errors_gets_a_larger_base_and_the_one_below_keeps_its_own() {
        let mut levels = Levels::default();
        for _ in 0..1_000 {
            levels.learn(30_000, 2_000);
            levels.learn(10_000, 500);
        }
        levels.work_out(300);
        let (calm, restless) = (levels.base(10_000, 300), levels.base(30_000, 300));
        assert!(calm < 8_000 && restless > 50_000, "{calm} {restless}");
        assert!(levels.base(90_000, 300) >= restless, "never less above");
    }

    proptest! {
        #[test]
        fn the_base_never_falls_with_the_level_and_nothing_overflows(
            errors in prop::collection::vec((0_u64..10_000_000, any::<i64>()), 0..200), expected in any::<u64>(), more in any::<u64>(),
        ) {
            let mut levels = Levels::default();
            errors.iter().for_each(|(at, of_usual)| levels.learn(*at, *of_usual));
            levels.work_out(300);
            for at in [expected, expected % 10_000_000, expected % 10_000] {
                prop_assert!(levels.base(at.saturating_add(more), 300) >= levels.base(at, 300));
                prop_assert!(levels.base(at.saturating_add(more % 5_000), 300) >= levels.base(at, 300));
            }
        }
    }
}
