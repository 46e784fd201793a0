//! What the errors of an expectation were like, and how far above it replicas are worth their price.
//!
//! Errors are counted in bins, in thousandths of a usual error; old ones fade (all counts are halved when there are enough).
//! The reach is where one more usual error's worth of idle replicas costs as much as the moments under need that they
//! would save: the least of `idle replicas + price · share of moments above`. So a far tail that nobody can afford to
//! cover is not covered, and a near one is, without anybody having to choose a quantile.
//!
//! # Source
//! The newsvendor problem (Arrow, Harris and Marschak, 1951) on an empirical distribution, with a price per moment in
//! place of a price per unit.

use serde::{Deserialize, Serialize};

/// Width of a bin in the middle, thousandths of a usual error.
const FINE: i64 = 64;
/// Lowest error told apart, thousandths of a usual error.
const LOWEST: i64 = -2_048;
/// Fine bins: up to 6 usual errors.
const FINES: usize = 128;
/// Bins above them, each wider by a fifth: up to some hundred usual errors.
const COARSES: usize = 24;
const BINS: usize = FINES + COARSES;
/// One error's count, so that a halved one still counts.
const ONE: u32 = 1 << 8;
/// Errors counted when all are halved: two times four days of 15 s.
const FULL: u64 = 46_080 * ONE as u64;

/// Counts of errors by size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Errors {
    /// Counts, the lowest bin first; empty before the first.
    bins: Vec<u32>,
}

/// Upper edge of a bin, thousandths of a usual error.
fn edge(bin: usize) -> i64 {
    let fine = bin.min(FINES - 1);
    let mut edge = LOWEST + FINE * (fine as i64 + 1);
    for _ in FINES..=bin {
        edge += (edge / 5).max(FINE);
    }
    edge
}

impl Errors {
    /// Counts one error.
    pub fn add(&mut self, error: i64) {
        if self.bins.len() != BINS {
            self.bins = vec![0; BINS];
        }
        let fine = error.saturating_sub(LOWEST).max(0) / FINE;
        let bin = match usize::try_from(fine) {
            Ok(fine) if fine < FINES => fine,
            _ => (FINES..BINS - 1).find(|bin| error < edge(*bin)).unwrap_or(BINS - 1),
        };
        self.bins[bin] = self.bins[bin].saturating_add(ONE);
        if self.total() >= FULL {
            self.bins.iter_mut().for_each(|count| *count /= 2);
        }
    }

    fn total(&self) -> u64 {
        self.bins.iter().map(|count| u64::from(*count)).sum()
    }

    /// The cheapest reach, thousandths of a usual error, where a usual error is `error_milli` thousandths of a replica and a
    /// moment under need costs `price` replicas. Of equals the higher: it is safer. 0 before the first error.
    pub fn reach(&self, error_milli: u64, price: u32) -> i64 {
        let total = u128::from(self.total());
        let (mut above, mut best) = (0_u128, None::<(u128, i64)>);
        for bin in (0..self.bins.len()).rev() {
            let at = edge(bin);
            // Idle replicas from the lowest edge on, in millionths, against moments above this edge.
            let idle = at.saturating_sub(LOWEST).max(0).unsigned_abs();
            let idle = u128::from(idle) * u128::from(error_milli) * total;
            let missing = above * u128::from(price) * 1_000_000;
            let cost = idle + missing;
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, at));
            }
            above += u128::from(self.bins[bin]);
        }
        best.map_or(0, |(_, at)| at)
    }
}

impl Errors {
    /// The error that so many thousandths of the moments did not exceed, thousandths of a usual one; 0 before the first.
    pub fn quantile(&self, share: u64) -> i64 {
        let wanted = self.total().saturating_mul(share.min(1_000)).div_ceil(1_000);
        let mut seen = 0_u64;
        let found = self.bins.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted && seen > 0
        });
        found.map_or(0, edge)
    }
}

/// Smallest usual error of the ladder, thousandths of a replica; each rung is twice the one before.
const RUNG: u64 = 16;
/// Rungs: up to a usual error of some thousand replicas.
const RUNGS: u32 = 20;

/// How many replicas above what is expected are worth their price, by the size of a usual error.
///
/// Worked out for a ladder of sizes before the load is seen, and never falling with the size, so that more load never
/// gives fewer replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reach {
    /// Thousandths of a replica per rung; empty before the first.
    above: Vec<i64>,
}

impl Reach {
    /// The reach for these errors at this price.
    pub fn of(errors: &Errors, price: u32) -> Self {
        let mut highest = i64::MIN;
        let rung = |rung: u32| {
            let size = RUNG << rung;
            highest =
                highest.max(errors.reach(size, price).saturating_mul(i64::try_from(size).unwrap_or(i64::MAX)) / 1_000);
            highest
        };
        Self { above: (0..RUNGS).map(rung).collect() }
    }

    /// Thousandths of a replica for a usual error of this size; between two rungs in proportion.
    pub fn above(&self, error_milli: u64) -> i64 {
        let size = error_milli.max(RUNG);
        let rung = (size / RUNG).ilog2().min(RUNGS - 2);
        let at = |rung: u32| self.above.get(rung as usize).copied().unwrap_or(0);
        let (low, high, from) = (i128::from(at(rung)), i128::from(at(rung + 1)), i128::from(RUNG << rung));
        let above = low + (high - low) * (i128::from(size) - from).min(from) / from;
        i64::try_from(above).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(errors: impl IntoIterator<Item = i64>) -> Errors {
        let mut all = Errors::default();
        errors.into_iter().for_each(|error| all.add(error));
        all
    }

    #[test]
    fn edges_rise() {
        assert!((1..BINS).all(|bin| edge(bin) > edge(bin - 1)));
        assert_eq!((edge(0), edge(FINES - 1)), (LOWEST + FINE, 6_144));
    }

    #[test]
    fn a_tail_that_is_too_dear_is_left_and_a_cheap_one_is_covered() {
        // One moment in a hundred is four usual errors above the others.
        let errors = of((0..1_000).map(|moment| if moment % 100 == 0 { 3_990 } else { 0 }));
        // Four usual errors of half a replica are two replicas, for one moment in a hundred.
        assert!(errors.reach(500, 150) < 100, "150 of a hundredth are less than two replicas");
        assert!((3_990..4_100).contains(&errors.reach(500, 250)), "250 are more");
        assert!((3_990..4_100).contains(&errors.reach(50, 25)), "and so are 25 where errors are small");
    }

    #[test]
    fn a_quantile_is_the_upper_edge_of_its_bin() {
        let errors = of((0..1_000).map(|moment| if moment % 10 == 0 { 3_990 } else { 0 }));
        assert!((1..=FINE).contains(&errors.quantile(500)) && errors.quantile(900) == errors.quantile(500));
        assert!((3_990..4_100).contains(&errors.quantile(990)) && errors.quantile(1_000) == errors.quantile(990));
        assert_eq!(Errors::default().quantile(500), 0);
    }

    #[test]
    fn old_errors_fade() {
        let mut errors = of((0..60_000).map(|_| 5_000));
        (0..200_000).for_each(|_| errors.add(0));
        assert!(errors.reach(1_000, 100) < 100);
        assert_eq!(Errors::default().reach(1_000, 100), 0);
    }

    proptest! {
        #[test]
        fn a_higher_price_never_reaches_less(
            errors in prop::collection::vec(-5_000_i64..200_000, 1..300), unit in 1_u64..50_000, price in 0_u32..100_000, more in 0_u32..100_000,
        ) {
            let errors = of(errors);
            prop_assert!(errors.reach(unit, price.saturating_add(more)) >= errors.reach(unit, price));
            prop_assert!(errors.reach(unit + u64::from(more), price) <= errors.reach(unit, price));
        }

        #[test]
        fn a_larger_error_never_gets_fewer_replicas_nor_a_higher_price(
            errors in prop::collection::vec(-5_000_i64..200_000, 1..300), size in 1_u64..50_000_000, more in 0_u64..50_000_000, price in 0_u32..100_000,
        ) {
            let errors = of(errors);
            let (reach, dearer) = (Reach::of(&errors, price), Reach::of(&errors, price * 2));
            prop_assert!(reach.above(size + more) >= reach.above(size));
            prop_assert!(dearer.above(size) >= reach.above(size));
        }

        #[test]
        fn nothing_overflows(error in any::<i64>(), unit in any::<u64>(), price in any::<u32>()) {
            let errors = of([error, error, 0]);
            prop_assert!(errors.reach(unit, price) >= LOWEST);
        }
    }
}
