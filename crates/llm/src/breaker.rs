//! A circuit breaker: after some failures in a row nothing is asked for a while, then one question is let through.
//!
//! # Source
//! M. Nygard, "Release It!", 2007, ch. 5.2. A server that names a time (`Retry-After`) is left alone until then.

use serde::Serialize;

/// Failures in a row that open it.
const FAILURES: u32 = 3;
/// First pause, ms; each further one is twice as long,
const PAUSE_MS: u64 = 30_000;
/// up to this.
const PAUSE_MAX_MS: u64 = 600_000;
/// Longest time that a server can ask for, ms.
const ASKED_MAX_MS: u64 = 24 * 3_600_000;

/// Its state; times are milliseconds on any clock that does not go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Breaker {
    failures: u32,
    closed_from_ms: u64,
}

impl Breaker {
    /// Milliseconds until a question is let through; none for at once.
    #[must_use]
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.closed_from_ms.checked_sub(now_ms).filter(|wait| *wait > 0)
    }

    /// It went well.
    pub const fn succeeded(&mut self) {
        *self = Self { failures: 0, closed_from_ms: 0 };
    }

    /// It failed.
    pub fn failed(&mut self, now_ms: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            let doubled = PAUSE_MS.saturating_mul(1 << (self.failures - FAILURES).min(16));
            self.closed_from_ms = self.closed_from_ms.max(now_ms.saturating_add(doubled.min(PAUSE_MAX_MS)));
        }
    }

    /// The server wants to be left alone for so long.
    pub fn asked_to_wait(&mut self, now_ms: u64, wait_ms: u64) {
        self.closed_from_ms = self.closed_from_ms.max(now_ms.saturating_add(wait_ms.min(ASKED_MAX_MS)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_open_it_and_one_question_is_let_through_after_the_pause() {
        let mut breaker = Breaker::default();
        breaker.failed(0);
        breaker.failed(0);
        assert_eq!(breaker.wait_ms(0), None);
        breaker.failed(0);
        assert_eq!((breaker.wait_ms(0), breaker.wait_ms(30_000)), (Some(30_000), None));
        breaker.failed(30_000);
        assert_eq!(breaker.wait_ms(30_000), Some(60_000));
        for _ in 0..100 {
            breaker.failed(90_000);
        }
        assert_eq!(breaker.wait_ms(90_000), Some(600_000));
        breaker.succeeded();
        assert_eq!(breaker.wait_ms(90_000), None);
    }

    #[test]
    fn a_time_that_a_server_names_is_kept_and_bounded() {
        let mut breaker = Breaker::default();
        breaker.asked_to_wait(1_000, 5_000);
        assert_eq!((breaker.wait_ms(1_000), breaker.wait_ms(6_000)), (Some(5_000), None));
        breaker.asked_to_wait(0, u64::MAX);
        assert_eq!(breaker.wait_ms(0), Some(24 * 3_600_000));
    }
}
