//! A circuit breaker: after some failures in a row nothing is asked for a while, then one question is let through.
//!
//! # Source
//! M. Nygard, "Release It!", 2007, ch. 5.2. A server that names a time (`Retry-After`) is left alone until then.

use serde::Serialize;

/// Failures in a row that open it, where nobody says otherwise.
pub const FAILURES: u32 = 3;
/// First pause, ms, where nobody says otherwise; each further one is twice as long,
pub const PAUSE_MS: u64 = 30_000;
/// up to so many times the first.
const PAUSES_MAX: u64 = 20;
/// Longest time that a server can ask for, ms.
const ASKED_MAX_MS: u64 = 24 * 3_600_000;

/// Its state; times are milliseconds on any clock that does not go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Breaker {
    opens_at: u32,
    pause_ms: u64,
    failures: u32,
    closed_from_ms: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(FAILURES, PAUSE_MS)
    }
}

impl Breaker {
    /// Closed. It opens after so many failures in a row (at least one), for so long at first.
    #[must_use]
    pub const fn new(failures: u32, pause_ms: u64) -> Self {
        let opens_at = if failures == 0 { 1 } else { failures };
        Self { opens_at, pause_ms, failures: 0, closed_from_ms: 0 }
    }

    /// Milliseconds until a question is let through; none for at once.
    #[must_use]
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.closed_from_ms.checked_sub(now_ms).filter(|wait| *wait > 0)
    }

    /// It went well.
    pub const fn succeeded(&mut self) {
        *self = Self::new(self.opens_at, self.pause_ms);
    }

    /// It failed.
    pub fn failed(&mut self, now_ms: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.opens_at {
            let doubled = self.pause_ms.saturating_mul(1 << (self.failures - self.opens_at).min(16));
            let pause = doubled.min(self.pause_ms.saturating_mul(PAUSES_MAX));
            self.closed_from_ms = self.closed_from_ms.max(now_ms.saturating_add(pause));
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
