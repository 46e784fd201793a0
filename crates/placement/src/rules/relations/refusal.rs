//! Why the rules between tasks keep a shape from a node, with the numbers that said so.

use plimsoll_model::quantity::Micros;

/// Why the rules keep a shape from a node. Numbers name counts and volumes; [`Relations::words`] spells them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationRefusal {
    /// The task wants the node to itself, and so many tasks are there.
    WantsItAlone {
        /// Tasks on the node.
        tasks: u32,
    },
    /// A task there has the node to itself.
    HeldAlone,
    /// The task bears only its own tenant, and others are there.
    BearsOnlyItsOwn,
    /// A task there bears only its own tenant.
    BorneByNone,
    /// Nobody stated a way between the node's site and the task's.
    NoWay,
    /// The way is too long.
    TooFar {
        /// The round trip.
        latency: Micros,
        /// The bound.
        latency_max: Micros,
    },
    /// A volume lies in another zone.
    OtherZone {
        /// The volume, among those with a zone.
        volume: u32,
        /// Its zone.
        zone: u32,
    },
    /// Another node holds a block volume.
    HeldElsewhere {
        /// The volume.
        volume: u32,
        /// The node that holds it.
        holder: u32,
    },
    /// The task avoids tasks that are in the domain.
    Avoids {
        /// Whom it avoids.
        counter: u32,
        /// How many are there.
        count: u32,
    },
    /// Tasks in the domain avoid it.
    AvoidedBy {
        /// Whom they avoid.
        keeper: u32,
        /// How many are there.
        count: u32,
    },
    /// The task wants to be near tasks that are not in the domain.
    Misses {
        /// Whom it misses.
        counter: u32,
    },
    /// The node has no such label, so it is in no domain of a condition.
    NoDomain {
        /// The count that the condition looks at.
        counter: u32,
    },
    /// The domain would be too full beside the emptiest.
    Skew {
        /// Who is spread.
        counter: u32,
        /// Tasks in the domain now.
        count: u32,
        /// Tasks in the emptiest domain that could take it.
        least: u32,
        /// Largest skew.
        skew_max: u32,
    },
}

impl RelationRefusal {
    /// The filter's name, by which refusals are counted.
    #[must_use]
    pub const fn filter(&self) -> &'static str {
        match self {
            Self::WantsItAlone { .. } | Self::HeldAlone | Self::BearsOnlyItsOwn | Self::BorneByNone => "isolation",
            Self::NoWay | Self::TooFar { .. } => "latency",
            Self::OtherZone { .. } | Self::HeldElsewhere { .. } => "volume",
            Self::Avoids { .. } | Self::AvoidedBy { .. } => "anti-affinity",
            Self::Misses { .. } => "affinity",
            Self::NoDomain { .. } => "domain",
            Self::Skew { .. } => "spread",
        }
    }
}
