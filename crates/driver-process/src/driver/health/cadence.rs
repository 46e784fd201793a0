//! When to check again, and what a row of answers means. No clock and no sockets in here.
//!
//! A replica that starts is asked after 20 ms and then at gaps that grow by a quarter, up to the spec's interval. So
//! readiness is seen late by at most a fifth of the start-up time, and a slow start costs few checks.

use plimsoll_model::spec::HealthSpec;
use std::time::Duration;

/// First gap between two checks of a replica that starts.
const FIRST: Duration = Duration::from_millis(20);

/// A change of mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Enough checks passed in a row.
    Healthy,
    /// Enough checks failed in a row.
    Unhealthy,
}

/// The state of one replica's checks.
#[derive(Debug)]
pub struct Cadence {
    healthy_after: u32,
    unhealthy_after: u32,
    interval: Duration,
    gap: Duration,
    passed: u32,
    failed: u32,
    verdict: Option<Verdict>,
    was_ever_ready: bool,
}

impl Cadence {
    /// `was_ready` for an adopted replica that was ready before: its start-up is over, and it is not called ready a
    /// second time until it passes.
    pub fn new(spec: &HealthSpec, was_ready: bool) -> Self {
        let interval = super::physical(spec.interval).max(Duration::from_millis(1));
        Self {
            healthy_after: spec.healthy_after.max(1),
            unhealthy_after: spec.unhealthy_after.max(1),
            interval,
            gap: FIRST.min(interval),
            passed: 0,
            failed: 0,
            verdict: None,
            was_ever_ready: was_ready,
        }
    }

    /// Takes one answer into account.
    pub fn observe(&mut self, passed: bool) -> Option<Verdict> {
        if passed {
            (self.passed, self.failed) = (self.passed.saturating_add(1), 0);
        } else {
            (self.passed, self.failed) = (0, self.failed.saturating_add(1));
        }
        let verdict = if self.passed >= self.healthy_after {
            Verdict::Healthy
        } else if self.failed >= self.unhealthy_after && self.was_ever_ready {
            Verdict::Unhealthy
        } else {
            return None;
        };
        self.was_ever_ready |= verdict == Verdict::Healthy;
        (self.verdict.replace(verdict) != Some(verdict)).then_some(verdict)
    }

    /// Time until the next check.
    pub fn wait(&mut self) -> Duration {
        if self.was_ever_ready {
            return self.interval;
        }
        let gap = self.gap;
        // A row of passes in progress is not slowed down.
        if self.passed == 0 {
            self.gap = (gap + gap / 4).min(self.interval);
        }
        gap
    }

    /// It was ready at some time.
    pub const fn was_ever_ready(&self) -> bool {
        self.was_ever_ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Millis;
    use plimsoll_model::spec::Probe;

    fn spec(healthy_after: u32, unhealthy_after: u32) -> HealthSpec {
        HealthSpec {
            probe: Probe::Tcp,
            interval: Millis(1_000),
            timeout: Millis(500),
            healthy_after,
            unhealthy_after,
            startup_max: Millis(10_000),
        }
    }

    #[test]
    fn readiness_needs_a_row_of_passes_and_unreadiness_a_row_of_failures() {
        let mut cadence = Cadence::new(&spec(2, 3), false);
        let answers =
            [false, true, false, true, true, true, false, false, true, false, false, false, false, true, true];
        let verdicts: Vec<_> = answers.into_iter().map(|answer| cadence.observe(answer)).collect();
        let changes: Vec<_> =
            verdicts.iter().enumerate().filter_map(|(place, verdict)| Some((place, (*verdict)?))).collect();
        assert_eq!(changes, [(4, Verdict::Healthy), (11, Verdict::Unhealthy), (14, Verdict::Healthy)]);
    }

    #[test]
    fn a_replica_that_never_was_ready_does_not_become_unready() {
        let mut cadence = Cadence::new(&spec(1, 1), false);
        assert!((0..9).all(|_| cadence.observe(false).is_none()));
        assert_eq!(cadence.observe(true), Some(Verdict::Healthy));
    }

    #[test]
    fn an_adopted_replica_is_confirmed_or_becomes_unready() {
        let mut cadence = Cadence::new(&spec(1, 2), true);
        assert_eq!((cadence.observe(false), cadence.observe(false)), (None, Some(Verdict::Unhealthy)));
        assert_eq!(Cadence::new(&spec(1, 2), true).wait(), Duration::from_secs(1));
    }

    proptest::proptest! {
        #[test]
        fn a_start_is_seen_within_a_quarter_of_its_length_or_an_interval(startup_ms in 1_u64..60_000) {
            let mut cadence = Cadence::new(&spec(1, 1), false);
            let startup = Duration::from_millis(startup_ms);
            let mut now = Duration::ZERO;
            while now < startup {
                cadence.observe(false);
                now += cadence.wait();
            }
            let late = now - startup;
            proptest::prop_assert!(late <= Duration::from_secs(1) && late <= FIRST + startup / 4 + FIRST);
        }
    }
}
