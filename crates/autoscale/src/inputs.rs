//! What one scaling decision rests on, already summed over replicas.
//!
//! The caller says of each figure whether it is fresh, stale or absent. An absent figure is never a zero: that is the
//! difference between "nobody calls" and "nobody looked".

use crate::pod::Pod;
use crate::reserve::Burst;
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::spec::{Resources, ScalingSpec};
use plimsoll_model::{Forecast, MetricReading, QueueObservation};
use std::collections::BTreeMap;
use std::sync::Arc;

/// No figures by name.
static NO_METRICS: BTreeMap<String, MetricReading> = BTreeMap::new();

/// A figure, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<T> {
    /// Measured recently enough to add and to remove replicas.
    Fresh(T),
    /// Measured too long ago to be acted on.
    Stale {
        /// Its age, physical milliseconds.
        age_ms: u64,
        /// The age up to which it would have counted.
        age_max_ms: u64,
    },
    /// Never measured, or its source failed.
    Absent,
}

/// CPU in millicores or memory in bytes, summed over the ready replicas that have a fresh sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The sum.
    pub used: u64,
    /// Replicas in the sum, at least 1.
    pub replicas: u32,
}

/// A forecast, with what one replica can take of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The forecast for the moment at which a replica started now would be ready.
    pub forecast: Arc<Forecast>,
    /// The quantile that has to be covered.
    pub quantile: Permille,
    /// The demand at that quantile.
    pub demand: MilliRps,
    /// What one replica takes; not zero.
    pub per_replica: MilliRps,
    /// The price of a missing replica over that of an idle one, where the quantile follows from it.
    pub missing_price: Option<Permille>,
}

/// Everything that [`crate::decide`] looks at besides its memory.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// Now, trace time.
    pub at: Timestamp,
    /// The policies and their damping.
    pub scaling: &'a ScalingSpec,
    /// Fewest replicas. Where it exceeds `replicas_max`, the maximum holds.
    pub replicas_min: u32,
    /// Most replicas.
    pub replicas_max: u32,
    /// What one replica is reserved.
    pub requests: Resources,
    /// The target before this step. Replicas that are missing or starting are part of it.
    pub current: u32,
    /// CPU of ready replicas.
    pub cpu: Reading<Usage>,
    /// Memory of ready replicas.
    pub memory: Reading<Usage>,
    /// Arrivals, over all replicas.
    pub rate: Reading<MilliRps>,
    /// Thousandths of requests in flight, over all replicas.
    pub in_flight_milli: Reading<u64>,
    /// The demand to come, where the spec asks for a forecast and one replica's capacity is known.
    pub demand: Option<Demand>,
    /// What one replica takes at its target, where that is known.
    pub per_replica: Option<MilliRps>,
    /// Spare replicas for a burst, where the spec asks for them and enough growths were counted.
    pub burst: Option<Burst>,
    /// Replicas whose health check passes.
    pub ready: u32,
    /// How old the fresh figures are, trace time.
    pub age: Millis,
    /// Expected time from start to ready, trace time.
    pub startup: Millis,
    /// Time from one decision to the next, trace time.
    pub tick: Millis,
    /// Figures older than this, physical, are stale.
    pub age_max_ms: u64,
    /// Single replicas; empty where no policy looks at them.
    pub pods: &'a [Pod],
    /// Figures that somebody else measures, by name.
    pub metrics: &'a BTreeMap<String, MetricReading>,
    /// Work that waits.
    pub queue: Reading<QueueObservation>,
}

impl<'a> Inputs<'a> {
    /// Nothing measured and nothing running: what a caller fills in.
    #[must_use]
    pub fn of(scaling: &'a ScalingSpec) -> Self {
        Self {
            at: Timestamp(0),
            scaling,
            replicas_min: 0,
            replicas_max: u32::MAX,
            requests: Resources::default(),
            current: 0,
            cpu: Reading::Absent,
            memory: Reading::Absent,
            rate: Reading::Absent,
            in_flight_milli: Reading::Absent,
            demand: None,
            per_replica: None,
            burst: None,
            ready: 0,
            age: Millis(0),
            startup: Millis(0),
            tick: Millis(15_000),
            age_max_ms: 15_000,
            pods: &[],
            metrics: &NO_METRICS,
            queue: Reading::Absent,
        }
    }

    /// The part of the present target that serves demand: the target less the reserve. The policies compare with this,
    /// or a held proposal plus the reserve would grow by the reserve at each step.
    #[must_use]
    pub fn base(&self) -> u32 {
        crate::reserve::without(self, self.current)
    }
}

impl<T> Reading<T> {
    /// The same reading of another figure.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Fresh(value) => Reading::Fresh(with(value)),
            Self::Stale { age_ms, age_max_ms } => Reading::Stale { age_ms, age_max_ms },
            Self::Absent => Reading::Absent,
        }
    }
}
