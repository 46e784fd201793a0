//! In which order waiting tasks are looked at: one policy per file, each a key that is computed from [`Facts`].
//!
//! The smallest key goes first; ties go by time of submission and then by id, always. Keys are integers. Most are known
//! at submission and never change; [`QueueOrder::moves`] says which follow the clock and which follow use, so that a
//! queue of ten thousand is not sorted again at every event.
//!
//! An order starts nothing: what may pass whom is for `backfill`, what fits is for the fleet.

mod ageing;
mod catalogue;
mod density;
mod f1;
mod facts;
mod fifo;
mod fixed_priority;
mod multifactor;
mod patience;
mod power;
mod priority_over_time;
mod shortest;
mod smallest_area;
mod unicep;
mod wfp3;

pub use catalogue::{OrderEntry, catalogue};
pub use facts::{Facts, Share};
pub use multifactor::Weights;
pub use patience::Patience;
pub use power::Exponents;

use plimsoll_model::quantity::{Millis, Timestamp};

/// What tasks are ordered by; the smallest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub i128);

impl Key {
    /// After everything else.
    pub const LAST: Self = Self(i128::MAX);
}

/// A queue order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueOrder {
    /// First come, first served.
    Fifo,
    /// Shortest estimate first.
    Shortest,
    /// Smallest dominant share × estimate first.
    SmallestArea,
    /// Highest priority first.
    FixedPriority,
    /// Priority that grows by a point per span waited.
    Ageing {
        /// Wait that is worth one point.
        span: Millis,
    },
    /// Highest dominant share ÷ estimate first.
    Density,
    /// Lowest priority ÷ estimate first.
    PriorityOverTime,
    /// Smallest `estimate^a × size^b` first.
    Power(Exponents),
    /// Weighted sum of age, size, fair share and priority.
    Multifactor(Weights),
    /// Whoever used least of late, per weight.
    FairShare,
    /// Whoever holds the smallest dominant share, per weight.
    Drf,
    /// The same at every level of the tree of queues, guarantees first.
    DrfTree,
    /// `(wait / estimate)³ × processors`.
    Wfp3,
    /// `wait / (log₂ processors × estimate)`.
    Unicep,
    /// `log₁₀ estimate × processors + 870 log₁₀ submitted`.
    F1,
    /// `wfp3` as RLScheduler's tables were computed.
    Wfp3Rls,
    /// `unicep` as RLScheduler's tables were computed.
    UnicepRls,
}

/// What changes a key after submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Nothing.
    Never,
    /// The clock; keys are made again when they are older than this.
    WithTime(Millis),
    /// What holders use. Such an order ranks holders; within one, tasks go by submission.
    WithUse,
}

impl QueueOrder {
    /// The order of that name with its usual parameters; see [`catalogue`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        catalogue().iter().find(|entry| entry.name == name).map(|entry| entry.order)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let same = |other: &Self| std::mem::discriminant(self) == std::mem::discriminant(other);
        catalogue().iter().find(|entry| same(&entry.order)).map_or("", |entry| entry.name)
    }

    /// What changes its keys.
    #[must_use]
    pub const fn moves(&self) -> Moves {
        match self {
            Self::FairShare | Self::Drf | Self::DrfTree => Moves::WithUse,
            Self::Multifactor(weights) => Moves::WithTime(weights.refresh),
            Self::Wfp3 | Self::Unicep => Moves::WithTime(Millis(0)),
            _ => Moves::Never,
        }
    }

    /// A task's key at `at`. `over_use` is decayed use over entitlement with 32 fraction bits, which only `multifactor`
    /// reads. Orders that rank holders have the time of submission as the key of a task.
    #[must_use]
    pub fn key(&self, facts: &Facts, at: Timestamp, over_use: u64) -> Key {
        match self {
            Self::Fifo | Self::FairShare | Self::Drf | Self::DrfTree => fifo::key(facts),
            Self::Shortest => shortest::key(facts),
            Self::SmallestArea => smallest_area::key(facts),
            Self::FixedPriority => fixed_priority::key(facts),
            Self::Ageing { span } => ageing::key(facts, *span),
            Self::Density => density::key(facts),
            Self::PriorityOverTime => priority_over_time::key(facts),
            Self::Power(exponents) => power::key(facts, *exponents),
            Self::Multifactor(weights) => multifactor::key(facts, weights, at, over_use),
            Self::Wfp3 => wfp3::key(facts, at),
            Self::Unicep => unicep::key(facts, at),
            Self::F1 => f1::key(facts),
            Self::Wfp3Rls => wfp3::rls_key(facts),
            Self::UnicepRls => unicep::rls_key(facts),
        }
    }
}

#[cfg(test)]
mod tests;
