//! Rates of counters that only grow, and what to do when one does not.

/// A counter as it was last seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counter {
    last: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    value: u64,
    at_us: u64,
}

/// What a new value of a counter means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is no earlier value, or no time has passed since it.
    First,
    /// It grew by this much over this time.
    Grew { by: u64, over_us: u64 },
    /// It is smaller than before: what it counts started over, and nothing is known of this interval.
    Reset,
}

impl Counter {
    /// Takes the value read at `at_us`, monotonic.
    pub(crate) fn step(&mut self, value: u64, at_us: u64) -> Step {
        let step = match self.last {
            None => Step::First,
            // The same instant again: keep the earlier value, so that the next interval covers all of the growth.
            Some(last) if at_us <= last.at_us && value >= last.value => return Step::First,
            Some(last) if value < last.value => Step::Reset,
            Some(last) => Step::Grew { by: value - last.value, over_us: at_us - last.at_us },
        };
        self.last = Some(Seen { value, at_us });
        step
    }
}

impl Step {
    /// Growth per second, rounded down; none for the first value and after a reset.
    pub(crate) fn per_second(self) -> Option<u64> {
        self.scaled(1_000_000)
    }

    /// Growth × `factor` / microseconds, rounded down.
    pub(crate) fn scaled(self, factor: u64) -> Option<u64> {
        let Self::Grew { by, over_us } = self else { return None };
        let scaled = u128::from(by) * u128::from(factor) / u128::from(over_us.max(1));
        Some(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_values_and_a_reset_gives_none() {
        let mut counter = Counter::default();
        assert_eq!(counter.step(100, 1_000_000), Step::First);
        assert_eq!(counter.step(600, 2_000_000).per_second(), Some(500));
        assert_eq!(counter.step(10, 3_000_000), Step::Reset);
        assert_eq!(counter.step(30, 5_000_000).per_second(), Some(10));
    }

    #[test]
    fn a_second_look_at_the_same_instant_loses_no_growth() {
        let mut counter = Counter::default();
        counter.step(0, 10);
        assert_eq!(counter.step(5, 10), Step::First);
        assert_eq!(counter.step(9, 1_000_010).per_second(), Some(9));
    }
}
