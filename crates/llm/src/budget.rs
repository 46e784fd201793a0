//! What a model may cost: tokens, money and questions per window, hard. Whole numbers only.
//!
//! Before a question is sent, the most that it can cost is reserved: its tokens estimated from above, and all that the model
//! may write. A question that has no room is not sent. Afterwards what the server reports takes the reservation's place, but
//! never less than a token for every eight bytes that went to and fro, because a server may report anything.

use serde::{Deserialize, Serialize};

/// Bytes of a token at the most.
const BYTES_PER_TOKEN_MAX: u64 = 8;

/// Bounds per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Length of the window, ms.
    pub window_ms: u64,
    /// Most tokens, read and written.
    pub tokens_max: u64,
    /// Most requests.
    pub requests_max: u64,
    /// Most money, millionths of the currency's unit.
    pub money_max_micro: u64,
    /// Price of a million tokens read, millionths of the unit.
    pub price_read_micro: u64,
    /// Price of a million tokens written, millionths of the unit.
    pub price_written_micro: u64,
}

impl Default for Budget {
    /// A day, 200,000 tokens, 200 requests, for nothing: a price that is not 0 needs money that is not 0 to be set with it.
    fn default() -> Self {
        Self {
            window_ms: 86_400_000,
            tokens_max: 200_000,
            requests_max: 200,
            money_max_micro: 0,
            price_read_micro: 0,
            price_written_micro: 0,
        }
    }
}

/// Tokens of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// Read by the model.
    pub read: u64,
    /// Written by it.
    pub written: u64,
}

/// What was spent in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// When the window began, ms.
    pub since_ms: u64,
    /// Tokens.
    pub tokens: u64,
    /// Requests.
    pub requests: u64,
    /// Money, millionths.
    pub money_micro: u64,
}

/// There is no room for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of {what} is spent: {spent} of {most} are gone, and a question may take {needed} more")]
pub struct BudgetError {
    /// Of what.
    pub what: &'static str,
    /// Gone.
    pub spent: u64,
    /// The most.
    pub most: u64,
    /// What the question may take.
    pub needed: u64,
}

/// Room that was reserved for a question.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what was reserved has to be settled"]
pub struct Reserved(Tokens);

impl Budget {
    /// The price of tokens, rounded up, millionths.
    #[must_use]
    pub const fn price(&self, tokens: Tokens) -> u64 {
        let read = tokens.read.saturating_mul(self.price_read_micro);
        let written = tokens.written.saturating_mul(self.price_written_micro);
        read.saturating_add(written).div_ceil(1_000_000)
    }

    /// Reserves room for a question that takes at most so many tokens.
    ///
    /// # Errors
    /// [`BudgetError`] where there is none.
    pub fn reserve(&self, spent: &mut Spent, most: Tokens, now_ms: u64) -> Result<Reserved, BudgetError> {
        if now_ms.saturating_sub(spent.since_ms) >= self.window_ms {
            *spent = Spent { since_ms: now_ms, ..Spent::default() };
        }
        let tokens = most.read.saturating_add(most.written);
        let bounds = [
            ("tokens", spent.tokens, self.tokens_max, tokens),
            ("requests", spent.requests, self.requests_max, 1),
            ("money", spent.money_micro, self.money_max_micro, self.price(most)),
        ];
        for (what, spent, most, needed) in bounds {
            if spent.saturating_add(needed) > most {
                return Err(BudgetError { what, spent, most, needed });
            }
        }
        spent.requests += 1;
        spent.tokens += tokens;
        spent.money_micro += self.price(most);
        Ok(Reserved(most))
    }

    /// Puts what was taken in place of what was reserved. `reported` is what the server says; none where it says nothing, and
    /// then the reservation stands. `sent` and `received` are bytes of the question and of the answer.
    pub fn settle(
        &self,
        spent: &mut Spent,
        reserved: Reserved,
        reported: Option<Tokens>,
        sent: u64,
        received: u64,
    ) -> Tokens {
        let Reserved(most) = reserved;
        let least = Tokens { read: sent / BYTES_PER_TOKEN_MAX, written: received / BYTES_PER_TOKEN_MAX };
        let taken = reported.map_or(most, |reported| Tokens {
            read: reported.read.max(least.read),
            written: reported.written.max(least.written),
        });
        self.put(spent, most, taken);
        taken
    }

    /// Gives back what was reserved for a question that the server refused to answer; the request still counts.
    pub fn give_back(&self, spent: &mut Spent, reserved: Reserved) {
        self.put(spent, reserved.0, Tokens::default());
    }

    const fn put(&self, spent: &mut Spent, most: Tokens, taken: Tokens) {
        spent.tokens = spent.tokens.saturating_sub(most.read.saturating_add(most.written));
        spent.tokens = spent.tokens.saturating_add(taken.read.saturating_add(taken.written));
        spent.money_micro = spent.money_micro.saturating_sub(self.price(most)).saturating_add(self.price(taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: Tokens = Tokens { read: 600, written: 400 };

    #[test]
    fn a_question_without_room_is_not_sent_and_a_new_window_has_room() {
        let budget = Budget { tokens_max: 2_500, ..Budget::default() };
        let mut spent = Spent::default();
        for _ in 0..2 {
            let reserved = budget.reserve(&mut spent, SMALL, 0).unwrap();
            assert_eq!(budget.settle(&mut spent, reserved, None, 10, 10), SMALL);
        }
        let error = budget.reserve(&mut spent, SMALL, 5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the budget of tokens is spent: 2000 of 2500 are gone, and a question may take 1000 more"
        );
        assert!(budget.reserve(&mut spent, SMALL, 86_400_000).is_ok());
        assert_eq!(spent.tokens, 1_000);
    }

    #[test]
    fn what_is_reported_counts_and_a_report_of_nothing_does_not() {
        let budget = Budget {
            price_read_micro: 1_000_000,
            price_written_micro: 2_000_000,
            money_max_micro: 10_000,
            ..Budget::default()
        };
        let mut spent = Spent::default();
        let reserved = budget.reserve(&mut spent, SMALL, 0).unwrap();
        assert_eq!(spent.money_micro, 1_400);
        let taken = budget.settle(&mut spent, reserved, Some(Tokens { read: 500, written: 100 }), 1_000, 100);
        assert_eq!((taken, spent.money_micro), (Tokens { read: 500, written: 100 }, 700));
        let reserved = budget.reserve(&mut spent, SMALL, 0).unwrap();
        let taken = budget.settle(&mut spent, reserved, Some(Tokens::default()), 800, 160);
        assert_eq!(taken, Tokens { read: 100, written: 20 });
        let reserved = budget.reserve(&mut spent, SMALL, 0).unwrap();
        budget.give_back(&mut spent, reserved);
        assert_eq!((spent.tokens, spent.requests), (720, 3));
        let paid = Budget { price_read_micro: 1, ..Budget::default() };
        assert_eq!(paid.reserve(&mut Spent::default(), SMALL, 0).unwrap_err().what, "money");
    }

    proptest! {
        #[test]
        fn no_sequence_of_honest_questions_goes_over(most in 0_u64..5_000, asks in prop::collection::vec((0_u64..900, 0_u64..900, 0_u64..100), 0..40)) {
            let budget = Budget { tokens_max: most, requests_max: 20, ..Budget::default() };
            let mut spent = Spent::default();
            for (read, written, share) in asks {
                if let Ok(reserved) = budget.reserve(&mut spent, Tokens { read, written }, 0) {
                    let reported = Tokens { read: read * share / 100, written: written * share / 100 };
                    budget.settle(&mut spent, reserved, Some(reported), 0, 0);
                }
                prop_assert!(spent.tokens <= most && spent.requests <= 20);
            }
        }
    }
}
