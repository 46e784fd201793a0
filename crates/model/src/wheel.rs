//! The wheel: what an operator orders about one service, by hand and for a time.
//!
//! An order stands above every policy until it ends or is taken back; policies go on deciding beneath it, so that the reason
//! always says what they would have done. One order per service stands at a time; a new one takes the place of the old.

use crate::quantity::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name of who orders, bytes.
pub const BY_LEN_MAX: usize = 200;
/// Most replicas of one service, ordered or by policy: an absurd number must not make a step endless.
pub const REPLICAS_MAX: u32 = 10_000;

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "order")]
pub enum Order {
    /// So many replicas, whatever the policies and the bounds of the spec say, as far as there is room.
    Scale {
        /// How many.
        replicas: u32,
    },
    /// No replicas.
    Stop,
    /// The target does not rise (`out`), fall (`in`) or change (`both`). Replicas that end are replaced.
    Pause {
        /// Which way.
        way: Way,
    },
    /// Nothing is started, stopped or resized, not even replaced.
    Freeze,
}

/// Directions of scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// More replicas.
    Out,
    /// Fewer.
    In,
    /// Either.
    Both,
}

/// An order that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingOrder {
    /// What is ordered.
    #[serde(flatten)]
    pub order: Order,
    /// By whom.
    pub by: String,
    /// When it ends by itself, trace time; none until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "hand")]
pub enum Hand {
    /// Gives an order.
    Order(StandingOrder),
    /// Takes the standing order back: policies decide again.
    Resume {
        /// Who.
        by: String,
    },
    /// Replaces every replica by a new one, without fewer of them serving.
    Restart {
        /// Who.
        by: String,
    },
}

/// What became of the wheel of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "turn")]
pub enum WheelTurn {
    /// An order was given.
    Ordered(StandingOrder),
    /// The standing order was taken back; policies decide again.
    Resumed {
        /// By whom.
        by: String,
    },
    /// The standing order ended by itself; policies decide again.
    Expired(StandingOrder),
    /// Every replica is being replaced.
    Restarted {
        /// By order of whom.
        by: String,
    },
}

/// What an order made of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReason {
    /// The order.
    pub standing: StandingOrder,
    /// Replicas that the policies want.
    pub wanted: u32,
}

impl Hand {
    /// Who.
    #[must_use]
    pub fn by(&self) -> &str {
        match self {
            Self::Order(StandingOrder { by, .. }) | Self::Resume { by } | Self::Restart { by } => by,
        }
    }

    /// What it makes of the wheel.
    #[must_use]
    pub fn turn(&self) -> WheelTurn {
        match self {
            Self::Order(standing) => WheelTurn::Ordered(standing.clone()),
            Self::Resume { by } => WheelTurn::Resumed { by: by.clone() },
            Self::Restart { by } => WheelTurn::Restarted { by: by.clone() },
        }
    }
}

impl Order {
    /// The target, where policies want `wanted` and the target so far is `before`.
    #[must_use]
    pub fn target(self, wanted: u32, before: u32) -> u32 {
        match self {
            Self::Scale { replicas } => replicas,
            Self::Stop => 0,
            Self::Pause { way: Way::Out } => wanted.min(before),
            Self::Pause { way: Way::In } => wanted.max(before),
            Self::Pause { way: Way::Both } | Self::Freeze => before,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale { replicas: 1 } => f.write_str("1 replica"),
            Self::Scale { replicas } => write!(f, "{replicas} replicas"),
            Self::Stop => f.write_str("stopped"),
            Self::Pause { way: Way::Out } => f.write_str("no more replicas"),
            Self::Pause { way: Way::In } => f.write_str("no fewer replicas"),
            Self::Pause { way: Way::Both } => f.write_str("no more and no fewer replicas"),
            Self::Freeze => f.write_str("frozen, nothing starts or stops"),
        }
    }
}

impl fmt::Display for StandingOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by order of {}", self.order, self.by)?;
        match self.until {
            Some(until) => write!(f, " until {until}"),
            None => f.write_str(" until it is taken back"),
        }
    }
}

impl fmt::Display for WheelTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordered(standing) => standing.fmt(f),
            Self::Resumed { by } => write!(f, "left to its policies again by {by}"),
            Self::Expired(standing) => write!(f, "left to its policies again: {standing} is over"),
            Self::Restarted { by } => write!(f, "every replica is replaced by order of {by}"),
        }
    }
}

impl fmt::Display for OrderReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; policies want {}", self.standing, self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_as_it_was_written() {
        for order in [Order::Scale { replicas: 3 }, Order::Stop, Order::Pause { way: Way::In }, Order::Freeze] {
            let hand = Hand::Order(StandingOrder { order, by: "ops".to_owned(), until: Some(Timestamp(5)) });
            let text = serde_json::to_string(&hand).unwrap();
            assert_eq!(serde_json::from_str::<Hand>(&text).unwrap(), hand, "{text}");
        }
    }

    #[test]
    fn a_pause_holds_the_way_that_it_names() {
        let target = |way, wanted| Order::Pause { way }.target(wanted, 5);
        assert_eq!((target(Way::Out, 7), target(Way::Out, 3)), (5, 3));
        assert_eq!((target(Way::In, 7), target(Way::In, 3)), (7, 5));
        assert_eq!((target(Way::Both, 7), target(Way::Both, 3)), (5, 5));
    }
}
