//! How many retries a service can afford: a share of its requests plus a small floor, so that a failing service is not
//! drowned by its own retries.
//!
//! Tokens fade with a time constant of ten seconds, so that a quiet hour does not save up for a storm.
//!
//! # Source
//! Finagle, `RetryBudget`: deposits per request, a floor of ten retries a second, tokens that live ten seconds.

use std::cell::Cell;

/// Retries per second that are always allowed.
const FLOOR_PER_S: u64 = 10;
/// The floor's tokens are saved for this long, so that one dying replica's requests can all be tried again.
const FLOOR_S: u64 = 10;
/// Thousandths of a retry.
const RETRY: u64 = 1_000;

/// The budget of one service in one worker.
#[derive(Debug)]
pub struct RetryBudget {
    floor: Cell<u64>,
    share: Cell<u64>,
    touched_ms: Cell<u64>,
}

impl RetryBudget {
    /// A budget with its floor full.
    pub const fn new(now_ms: u64) -> Self {
        Self { floor: Cell::new(FLOOR_PER_S * FLOOR_S * RETRY), share: Cell::new(0), touched_ms: Cell::new(now_ms) }
    }

    /// A request came; retries may be `share_permille` of requests.
    pub fn deposit(&self, share_permille: u64) {
        self.share.set(self.share.get().saturating_add(share_permille));
    }

    /// Time passed; called about every tenth of a second.
    pub fn pass(&self, now_ms: u64) {
        let elapsed = now_ms.saturating_sub(self.touched_ms.get()).min(FLOOR_S * 1_000);
        self.touched_ms.set(now_ms);
        let floor = self.floor.get() + elapsed * FLOOR_PER_S * RETRY / 1_000;
        self.floor.set(floor.min(FLOOR_PER_S * FLOOR_S * RETRY));
        let share = self.share.get();
        self.share.set(share - share / (FLOOR_S * 1_000) * elapsed.min(FLOOR_S * 1_000));
    }

    /// Takes one retry if it can be afforded.
    pub fn withdraw(&self) -> bool {
        for tokens in [&self.share, &self.floor] {
            if let Some(left) = tokens.get().checked_sub(RETRY) {
                tokens.set(left);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_requests_above_the_floor() {
        let budget = RetryBudget::new(0);
        for _ in 0..1_000 {
            budget.deposit(200);
        }
        let afforded = (0..1_000).filter(|_| budget.withdraw()).count();
        assert_eq!(afforded, 200 + 100);
        budget.pass(500);
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 5, "ten a second come back");
    }

    #[test]
    fn what_is_not_used_fades() {
        let budget = RetryBudget::new(0);
        for _ in 0..100_000 {
            budget.deposit(200);
        }
        for tick in 1..=600 {
            budget.pass(tick * 100);
        }
        let afforded = (0..30_000).filter(|_| budget.withdraw()).count();
        assert!((100..=160).contains(&afforded), "{afforded}");
    }
}
