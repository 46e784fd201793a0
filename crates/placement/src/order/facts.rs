//! What an order may look at of one waiting task or gang.
//!
//! Integers only, made once when the task is submitted. The true run time is not among them: no order sees it.

use crate::fair::Holder;
use plimsoll_model::quantity::{Millis, Timestamp};

/// A share of the cluster; the whole is [`Share::WHOLE`].
///
/// It is made by multiplication with an inverse of the capacity, so shares of one resource stand to each other exactly
/// as the amounts do, and products of them compare as products of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Share(pub u64);

impl Share {
    /// The whole cluster.
    pub const WHOLE: Self = Self(1 << 62);

    /// `amount` of `capacity`; everything where there is no capacity at all.
    #[must_use]
    pub const fn of(amount: u64, capacity: u64) -> Self {
        if amount == 0 {
            return Self(0);
        }
        if capacity == 0 {
            return Self::WHOLE;
        }
        Self(amount.saturating_mul(Self::WHOLE.0 / capacity))
    }

    /// In millionths of the cluster, for people.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        (self.0 as u128 * 1_000_000 / Self::WHOLE.0 as u128) as u64
    }
}

/// What an order may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// When it was submitted, trace time.
    pub submitted: Timestamp,
    /// How long it is expected to run, trace time; at least a millisecond.
    pub estimate: Millis,
    /// Higher is more important.
    pub priority: i32,
    /// The largest share it asks of any resource of the cluster, all its members together.
    pub size: Share,
    /// Whole cores it asks for, rounded up and at least 1, all its members together: the processors of the batch
    /// literature.
    pub processors: u32,
    /// Whom its use is charged to.
    pub holder: Holder,
}

impl Facts {
    /// How long it has waited.
    #[must_use]
    pub const fn waited(&self, at: Timestamp) -> Millis {
        at.since(self.submitted)
    }

    /// Milliseconds since the start of the trace's clock; before it counts as 0.
    #[must_use]
    pub(super) const fn submitted_at(&self) -> u64 {
        if self.submitted.0 < 0 { 0 } else { self.submitted.0.unsigned_abs() }
    }

    /// Its estimate as a number above 0.
    #[must_use]
    pub(super) const fn time(&self) -> i128 {
        if self.estimate.0 == 0 { 1 } else { self.estimate.0 as i128 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_one_resource_stand_to_each_other_as_the_amounts_do() {
        let share = |amount| u128::from(Share::of(amount, 240).0);
        assert_eq!(share(7) * 12, share(12) * 7);
        assert_eq!(Share::of(120, 240).millionths(), 499_999);
        assert_eq!((Share::of(1, 0), Share::of(0, 0)), (Share::WHOLE, Share(0)));
    }
}
