//! The one clock: trace time = start + speed × time passed. Every other part is handed values of it.
//!
//! The origin is written to the state directory when the clock starts, in wall-clock time, so that a daemon that comes back
//! after a crash goes on in the same trace time. Between two readings the monotonic clock counts, so that a step of the
//! system's wall clock never moves trace time backwards.

use plimsoll_model::spec::ClockSpec;
use plimsoll_model::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the clock started; what a restarted daemon needs to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Trace time at the start.
    pub trace: Timestamp,
    /// Wall-clock time at the start, milliseconds since the Unix epoch.
    pub wall_ms: i64,
    /// Trace time per physical time.
    pub speed: u32,
}

/// A running clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Origin,
    /// Trace time at `read_at`.
    trace: Timestamp,
    read_at: Instant,
}

/// The wall clock, milliseconds since the Unix epoch.
#[must_use]
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start(spec: &ClockSpec) -> Self {
        let wall_ms = wall_ms();
        let trace = spec.start.unwrap_or(Timestamp(wall_ms));
        Self { origin: Origin { trace, wall_ms, speed: spec.speed.max(1) }, trace, read_at: Instant::now() }
    }

    /// A clock that goes on from `origin`, but never before `at_least` (the last journaled moment).
    #[must_use]
    pub fn resume(origin: Origin, at_least: Timestamp) -> Self {
        let passed = wall_ms().saturating_sub(origin.wall_ms).max(0).unsigned_abs();
        let trace = origin.trace.plus(Millis(passed.saturating_mul(u64::from(origin.speed))));
        Self { origin, trace: trace.max(at_least), read_at: Instant::now() }
    }

    /// The same clock, moved forward so that it never shows a time before `at_least`.
    #[must_use]
    pub fn not_before(mut self, at_least: Timestamp) -> Self {
        self.trace = self.trace.max(at_least);
        self
    }

    /// What a successor needs to resume.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Trace time per physical time.
    #[must_use]
    pub const fn speed(&self) -> u32 {
        self.origin.speed
    }

    /// Trace time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.trace.plus(self.to_trace(self.read_at.elapsed()))
    }

    /// Physical to trace time.
    #[must_use]
    pub fn to_trace(self, physical: Duration) -> Millis {
        let micros = physical.as_micros().saturating_mul(u128::from(self.origin.speed));
        Millis(u64::try_from(micros / 1_000).unwrap_or(u64::MAX))
    }

    /// Trace to physical time.
    #[must_use]
    pub fn to_physical(self, trace: Millis) -> Duration {
        Duration::from_millis(trace.get()) / self.origin.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_time_passes_at_speed() {
        let clock = Clock::start(&ClockSpec { speed: 300, start: Some(Timestamp(1_000)) });
        assert_eq!(clock.to_trace(Duration::from_millis(500)), Millis(150_000));
        assert_eq!(clock.to_physical(Millis(150_000)), Duration::from_millis(500));
        assert!(clock.now() >= Timestamp(1_000));
    }

    #[test]
    fn a_resumed_clock_goes_on_and_never_goes_back() {
        let origin = Origin { trace: Timestamp(0), wall_ms: wall_ms() - 2_000, speed: 10 };
        let resumed = Clock::resume(origin, Timestamp(0)).now();
        assert!((20_000..25_000).contains(&resumed.get()), "{resumed:?}");
        assert!(Clock::resume(origin, Timestamp(90_000)).now() >= Timestamp(90_000));
        let future = Origin { wall_ms: wall_ms() + 60_000, ..origin };
        assert!(Clock::resume(future, Timestamp(5)).now() >= Timestamp(5));
    }
}
