//! What may start before the task whose turn it is.
//!
//! A queue that waits for its head leaves room idle; one that does not starves large tasks. Backfill is the middle: the
//! head (or everybody) gets a reservation, a time and place computed from the expected ends of what runs, and others may
//! start now if that reservation still holds afterwards.
//!
//! [`reserve`] computes reservations on a sketch of the nodes concerned, never on the fleet itself; [`Timetable`] holds
//! everybody's for the conservative form. Nothing is started here.
//!
//! # Source
//! Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995 (EASY); Mu'alem and Feitelson, "Utilization, predictability,
//! workloads, and user runtime estimates in scheduling the IBM SP2 with backfilling", IEEE TPDS 12(6), 2001 (both).

mod reservation;
mod sketch;
mod timetable;

pub use reservation::{Reservation, Unit, fits_empty, reserve};
pub use sketch::Sketch;
pub use timetable::{Slot, Timetable};

use crate::order::QueueOrder;

/// What may start before the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backfill {
    /// Nothing: who does not fit lets nobody pass.
    None,
    /// Whatever fits, in the queue's order; nothing is kept for anybody.
    Greedy,
    /// Whatever does not delay the head, looked at in this order. `easy` is FIFO, `easy-sjbf` shortest first.
    Easy(QueueOrder),
    /// Whatever delays nobody: every waiting task has a reservation, made in the queue's order and only ever improved.
    Conservative,
    /// The variant that RLScheduler's tables were computed with: the head keeps its turn until it starts, its shadow time
    /// is computed once, and others start in order of submission if they end strictly before it.
    Rls,
    /// No backfill as in RLScheduler: the head keeps its turn until it starts, whatever arrives.
    RlsNone,
}

impl Backfill {
    /// The backfill of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "greedy" => Self::Greedy,
            "easy" => Self::Easy(QueueOrder::Fifo),
            "easy-sjbf" => Self::Easy(QueueOrder::Shortest),
            "conservative" => Self::Conservative,
            "rls" => Self::Rls,
            "rls-none" => Self::RlsNone,
            _ => return name.strip_prefix("easy-").and_then(QueueOrder::by_name).map(Self::Easy),
        })
    }

    /// Its name; an order of candidates by its own name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Greedy => "greedy".to_owned(),
            Self::Easy(QueueOrder::Fifo) => "easy".to_owned(),
            Self::Easy(QueueOrder::Shortest) => "easy-sjbf".to_owned(),
            Self::Easy(order) => format!("easy-{}", order.name()),
            Self::Conservative => "conservative".to_owned(),
            Self::Rls => "rls".to_owned(),
            Self::RlsNone => "rls-none".to_owned(),
        }
    }

    /// Whether a head that did not fit stays head until it starts.
    #[must_use]
    pub const fn keeps_head(&self) -> bool {
        matches!(self, Self::Rls | Self::RlsNone)
    }

    /// The order in which candidates are looked at, where it is not the queue's.
    #[must_use]
    pub const fn candidates(&self) -> Option<QueueOrder> {
        match self {
            Self::Easy(order) => Some(*order),
            Self::Rls => Some(QueueOrder::Fifo),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for name in ["none", "greedy", "easy", "easy-sjbf", "easy-saf", "conservative", "rls", "rls-none"] {
            assert_eq!(Backfill::by_name(name).map(|backfill| backfill.name()).as_deref(), Some(name));
        }
        assert_eq!(Backfill::by_name("easy-nothing"), None);
        assert_eq!(Backfill::by_name("hard"), None);
    }
}
