//! The words of node pools.

use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use std::fmt;

/// What is counted, in the order of [`Amounts`].
pub const RESOURCES: [&str; 5] = ["cpu", "memory", "disk", "network", "gpu"];

/// CPU and GPUs in thousandths, memory and disk in bytes, network in Mbit/s.
pub type Amounts = [u64; 5];

/// A kind of node that can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Who sells it.
    pub provider: String,
    /// Where it stands.
    pub zone: String,
    /// What it has for tasks.
    pub has: Amounts,
    /// Price of an hour in millionths of a currency unit.
    pub price_micros_per_hour: u64,
    /// From buying to taking tasks, trace time; paid for.
    pub startup: Millis,
    /// Fewest of them.
    pub min: u32,
    /// Most of them.
    pub max: u32,
}

/// How pools behave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolPolicy {
    /// What can be bought, in the order in which ties are broken.
    pub shapes: Vec<Shape>,
    /// An empty node goes after this time.
    pub idle: Millis,
}

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodePhase {
    /// Bought, and not there yet.
    Starting {
        /// When it will be.
        ready_at: Timestamp,
    },
    /// Takes tasks.
    Ready,
    /// Takes no more, and goes when it is empty.
    Leaving,
}

/// A node as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number, whatever the caller means by it.
    pub id: u32,
    /// Place of its shape in the policy.
    pub shape: usize,
    /// Where it is in its life.
    pub phase: NodePhase,
    /// Given out.
    pub used: Amounts,
    /// What its tasks ask.
    pub tasks: Vec<Amounts>,
    /// Since when it has none.
    pub idle_since: Option<Timestamp>,
}

impl Node {
    pub(super) fn free(&self, policy: &PoolPolicy) -> Amounts {
        let has = policy.shapes.get(self.shape).map(|shape| shape.has).unwrap_or_default();
        std::array::from_fn(|resource| has[resource].saturating_sub(self.used[resource]))
    }
}

/// Tasks alike that wait for room or are predicted to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// What each asks.
    pub demand: Amounts,
    /// How many.
    pub count: u32,
}

/// Why a node stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is not there yet.
    Starting {
        /// When it will be.
        ready_at: Timestamp,
    },
    /// Something that waits fits on it.
    ForWaiting,
    /// Nothing that waits fits on it, and something that is foreseen does.
    ForForeseen,
    /// Its tasks fit nowhere else, or it is not its turn to be emptied.
    Used {
        /// The largest share of a resource that is given out.
        share: Permille,
    },
    /// There are no more of its shape than there must be.
    AtMinimum {
        /// How many.
        min: u32,
    },
    /// It is empty, and has not been for long enough.
    Idle {
        /// When it goes if nothing comes.
        until: Timestamp,
    },
    /// It is empty, and nothing goes while something is bought.
    WhileBuying,
    /// It takes no more and its tasks go on to their end.
    Leaving {
        /// Tasks left.
        tasks: u32,
    },
}

impl Keep {
    /// The reason's name, for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Starting { .. } => "starting",
            Self::ForWaiting => "for what waits",
            Self::ForForeseen => "for what is foreseen",
            Self::Used { .. } => "in use",
            Self::AtMinimum { .. } => "at the minimum",
            Self::Idle { .. } => "idle, not for long enough",
            Self::WhileBuying => "idle while others are bought",
            Self::Leaving { .. } => "being emptied",
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting { ready_at } => write!(f, "it will be ready at {ready_at}"),
            Self::ForWaiting => f.write_str("something that waits fits on it"),
            Self::ForForeseen => f.write_str("something that is foreseen fits on it"),
            Self::Used { share } => write!(f, "{share} of it is given out and fits nowhere else"),
            Self::AtMinimum { min } => write!(f, "at least {min} of its shape stay"),
            Self::Idle { until } => write!(f, "it goes at {until} if nothing comes"),
            Self::WhileBuying => f.write_str("nothing goes while something is bought"),
            Self::Leaving { tasks } => write!(f, "{tasks} tasks on it go on to their end"),
        }
    }
}

/// What should change now; every node is in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Nodes to buy, by shape.
    pub buy: Vec<u32>,
    /// Nodes that were to go and take tasks again.
    pub take_back: Vec<u32>,
    /// Nodes that take no more tasks from now on.
    pub cordon: Vec<u32>,
    /// Nodes that go now.
    pub remove: Vec<u32>,
    /// Nodes that stay, and why.
    pub keep: Vec<(u32, Keep)>,
    /// What no shape holds, or what the bounds leave no node for.
    pub unserved: Vec<Waiting>,
}
