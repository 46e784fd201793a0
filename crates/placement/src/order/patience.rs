//! How long a task lets others go first.
//!
//! An order other than `fifo` may starve somebody. Patience puts a bound on that: each task gets a due time when it is
//! submitted, and once it has passed, the task goes before all that are not due, by due time. Because it then also gets
//! the backfill's reservation, its wait is bounded by its patience plus what those due before it take.
//!
//! `FairStart` derives the due time from the work ahead: the area of what waits and runs at submission, over the
//! cluster's size, is about when a FIFO queue would have come to it. A long queue therefore gives everybody more
//! patience, and a constant bound does not turn the order into FIFO just when it matters.
//!
//! # Source
//! The threshold of Carastan-Santos et al., CCGrid 2019; the fair start time of Sabin, Kochhar, Sadayappan, "Job fairness
//! in non-preemptive job scheduling", ICPP 2004.

use plimsoll_model::quantity::{Millis, Permille, Timestamp};

/// How long a task lets others go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// For ever.
    #[default]
    Endless,
    /// So long.
    Fixed(Millis),
    /// `least` and so much of the time that the work ahead of it takes, at most `most`.
    FairStart {
        /// What everybody has.
        least: Millis,
        /// Part of the work ahead, in thousandths.
        ahead: Permille,
        /// More than this nobody has.
        most: Millis,
    },
}

impl Patience {
    /// When a task submitted at `at` is due, with `ahead` the time that the work before it takes on the whole cluster.
    #[must_use]
    pub fn due(&self, at: Timestamp, ahead: Millis) -> Option<Timestamp> {
        match self {
            Self::Endless => None,
            Self::Fixed(span) => Some(at.plus(*span)),
            Self::FairStart { least, ahead: part, most } => {
                let share = u128::from(ahead.0) * u128::from(part.0) / 1_000;
                let span = least.saturating_add(Millis(u64::try_from(share).unwrap_or(u64::MAX)));
                Some(at.plus(span.min(*most)))
            }
        }
    }

    /// Whether it looks at the work ahead.
    #[must_use]
    pub const fn looks_ahead(&self) -> bool {
        matches!(self, Self::FairStart { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_start_grows_with_the_work_ahead_up_to_its_bound() {
        let patience = Patience::FairStart { least: Millis(100), ahead: Permille(500), most: Millis(1_000) };
        let due = |ahead| patience.due(Timestamp(7), Millis(ahead));
        assert_eq!(due(0), Some(Timestamp(107)));
        assert_eq!(due(400), Some(Timestamp(307)));
        assert_eq!(due(u64::MAX), Some(Timestamp(1_007)));
        assert_eq!(Patience::Endless.due(Timestamp(7), Millis(1)), None);
        assert_eq!(Patience::Fixed(Millis(3)).due(Timestamp(7), Millis(1)), Some(Timestamp(10)));
    }
}
