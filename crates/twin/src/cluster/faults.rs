//! When nodes fail and come back: a list, or drawn from exponential distributions.
//!
//! Each node has its own stream of random numbers, so that its failures do not depend on how many other nodes there are
//! or on anything that a policy does: two policies meet the very same faults.
//!
//! # Source
//! The alternating renewal process of reliability theory with exponential times: mean time between failures counts from
//! a repair to the next failure.

use crate::kernel::stream;
use plimsoll_model::{Millis, Timestamp};
use plimsoll_stats::Random;

/// Purpose of the streams of faults; the node's number is added.
const PURPOSE: u64 = 0x0fa0_0000_0000;

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The node's name.
    pub node: String,
    /// When it is lost.
    pub at: Timestamp,
    /// How long until it is back; none is never.
    pub down: Option<Millis>,
}

/// Where failures come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// As listed, in any order.
    List(Vec<Fault>),
    /// Drawn per node. No failure begins after the last arrival, so that everything which can end does.
    Exponential {
        /// Mean time from start or repair to the next failure.
        between: Millis,
        /// Mean time from a failure to its repair.
        repair: Millis,
    },
}

/// Draws of one node.
#[derive(Debug, Clone)]
pub struct Draws {
    random: Random,
}

impl Draws {
    /// The draws of node number `node` under `seed`.
    #[must_use]
    pub const fn new(seed: u64, node: u32) -> Self {
        Self { random: stream(seed, PURPOSE + node as u64) }
    }

    /// An exponential span with this mean, at least a millisecond.
    pub fn span(&mut self, mean: Millis) -> Millis {
        let drawn = self.random.exponential(mean.get() as f64);
        // `as` saturates; a mean of centuries is never reached.
        Millis((drawn as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_mean_and_nodes_their_own_streams() {
        let mut draws = Draws::new(3, 0);
        let mean = Millis(1_000_000);
        let sum: u64 = (0..4_000).map(|_| draws.span(mean).get()).sum();
        // The mean of 4,000 draws has a standard deviation of 1.6 %.
        assert!((sum / 4_000).abs_diff(mean.get()) < 80_000, "{sum}");
        assert_ne!(Draws::new(3, 0).span(mean), Draws::new(3, 1).span(mean));
        assert_eq!(Draws::new(3, 1).span(mean), Draws::new(3, 1).span(mean));
    }
}
