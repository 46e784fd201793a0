//! Headroom that is learnt: how far the need rises before a replica started now is ready, and how much of that is worth
//! paying for.

use crate::quantity::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Replicas for what the need may rise to, as far as that is worth its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadroomSpec {
    /// Price of a moment in which replicas are missing, in idle replicas of that moment; a replica is started for it.
    pub price: u32,
    /// The same where a replica runs already and is only kept; at least `price`.
    pub price_keep: u32,
}

/// Why learnt headroom votes as it does. Replicas in thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadroomReason {
    /// Needed by what was measured.
    pub needed_milli: u64,
    /// How old that is.
    pub age: Millis,
    /// Expected as the highest need until a replica started now is ready.
    pub expected_milli: u64,
    /// Part of it that this minute of the hour and of the day has brought before; below zero where they brought less.
    pub recurring_milli: i64,
    /// The usual error of that.
    pub error_milli: u64,
    /// Where a forecast raised either, its median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast_milli: Option<u64>,
    /// Above that and what this time brings, as many are worth starting.
    pub start_milli: i64,
    /// As many are worth keeping.
    pub keep_milli: i64,
    /// Fewest replicas: below it, one is started.
    pub start: u32,
    /// Most replicas: above it, one is stopped.
    pub keep: u32,
    /// Moments learnt from.
    pub learnt: u64,
}

impl fmt::Display for HeadroomReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, keep, learnt, age, .. } = self;
        write!(f, "headroom: {} needed {age} ago", Thousandths(self.needed_milli))?;
        if *learnt == 0 {
            return write!(f, ", a third more while it is learnt how far the need rises");
        }
        write!(f, ", {} expected", Thousandths(self.expected_milli))?;
        if self.recurring_milli != 0 {
            let way = if self.recurring_milli > 0 { "more" } else { "less" };
            write!(f, " ({} {way} as usual at this time)", Thousandths(self.recurring_milli.unsigned_abs()))?;
        }
        write!(f, ", off by {} as a rule; worth starting up to {start}", Thousandths(self.error_milli))?;
        write!(f, " and keeping up to {keep}, from {learnt} moments")?;
        match self.forecast_milli {
            Some(forecast) => write!(f, ", raised by a forecast of {}", Thousandths(forecast)),
            None => Ok(()),
        }
    }
}

/// Thousandths with one place.
struct Thousandths(u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.saturating_add(50) / 100;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason() -> HeadroomReason {
        HeadroomReason {
            needed_milli: 17_960,
            age: Millis(30_000),
            expected_milli: 18_900,
            recurring_milli: 700,
            error_milli: 1_040,
            forecast_milli: None,
            start_milli: 1_400,
            keep_milli: 2_100,
            start: 21,
            keep: 22,
            learnt: 23_040,
        }
    }

    #[test]
    fn the_reason_reads_as_a_sentence() {
        assert_eq!(
            reason().to_string(),
            "headroom: 18.0 needed 30s ago, 18.9 expected (0.7 more as usual at this time), off by 1.0 as a rule; \
             worth starting up to 21 and keeping up to 22, from 23040 moments"
        );
        let learning = HeadroomReason { learnt: 0, ..reason() };
        assert!(learning.to_string().ends_with("a third more while it is learnt how far the need rises"));
        let less = HeadroomReason { recurring_milli: -300, forecast_milli: Some(20_000), ..reason() }.to_string();
        assert!(less.contains("(0.3 less as usual") && less.ends_with("raised by a forecast of 20.0"), "{less}");
    }
}
