//! The order in which waiting jobs are looked at.
//!
//! By priority, then by the time of submission. So that a low priority waits long and not for ever, a job gains one
//! point of priority per [`AGEING`] waited (in this order only: ageing never pre-empts anybody). And so that a big job
//! is not passed by small ones for ever, one that has waited [`PATIENCE`] lets nothing behind it start: the room that
//! falls free is kept for it.

use plimsoll_model::quantity::{Millis, Timestamp};

/// Wait that is worth one point of priority, trace time.
pub const AGEING: Millis = Millis(600_000);
/// Wait after which nothing behind may start first, trace time.
pub const PATIENCE: Millis = Millis(3_600_000);

/// A job that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Higher goes first.
    pub priority: i32,
    /// When it was first submitted; retries and pre-empted runs keep their place.
    pub submitted: Timestamp,
}

impl Waiting {
    /// Whether it has waited so long that nothing behind it may start first.
    #[must_use]
    pub fn is_out_of_patience(&self, at: Timestamp) -> bool {
        at.since(self.submitted) >= PATIENCE
    }

    fn rank(&self, at: Timestamp) -> i64 {
        let points = i64::try_from(at.since(self.submitted).0 / AGEING.0).unwrap_or(i64::MAX);
        i64::from(self.priority).saturating_add(points)
    }
}

/// Indexes of `waiting`, the one to look at first first; equals stay in their order.
#[must_use]
pub fn order(waiting: &[Waiting], at: Timestamp) -> Vec<usize> {
    let mut order: Vec<usize> = (0..waiting.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(waiting[*index].rank(at)), waiting[*index].submitted));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_goes_first_then_the_earlier_and_waiting_counts() {
        let at = Timestamp(10_000_000);
        let job = |priority, waited| Waiting { priority, submitted: at.minus(Millis(waited)) };
        for (waiting, expected) in [
            (vec![job(0, 0), job(5, 0), job(0, 10)], vec![1, 2, 0]),
            (vec![job(5, 0), job(0, 6 * 600_000)], vec![1, 0]),
            (vec![job(5, 0), job(0, 4 * 600_000)], vec![0, 1]),
            (vec![job(0, 0), job(0, 0)], vec![0, 1]),
        ] {
            assert_eq!(order(&waiting, at), expected, "{waiting:?}");
        }
        assert!(job(0, 3_600_000).is_out_of_patience(at) && !job(0, 3_599_999).is_out_of_patience(at));
    }
}
