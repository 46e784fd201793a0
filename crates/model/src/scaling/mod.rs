//! How many replicas a service should have: its policies, their damping and its guards.
//!
//! One file per policy that has more than one number. Every field added after the first release carries a serde default,
//! because a journal of an earlier release has none. Nothing here supplies a default of the spec file: those are written
//! down once, in `plimsoll-config`.

mod backlog;
pub mod cron;
mod event;
mod formula;
mod guard;
mod headroom;
pub mod hpa;
pub mod hpa_reason;
pub mod kpa;
mod lazy;
pub mod quantity;
mod sharing;
pub mod vertical;

pub use backlog::{BacklogReason, BacklogSpec};
pub use cron::{CronReason, CronSpec};
pub use event::{CurvePoint, Event, EventSpec, Expected};
pub use formula::{FormulaInput, FormulaPart, FormulaReason, FormulaSpec, FormulaUnit};
pub use guard::{Fallback, FallbackSpec, FlapBudget, GuardSpec};
pub use headroom::{HeadroomReason, HeadroomSpec};
pub use hpa::HpaSpec;
pub use hpa_reason::HpaReason;
pub use kpa::{KpaReason, KpaSpec};
pub use lazy::{LazyReason, LazySpec};
pub use sharing::{Gift, SharingReason};
pub use vertical::{Size, VerticalMode, VerticalReason, VerticalSpec};

use crate::quantity::{MilliRps, Millis, Permille};
use serde::{Deserialize, Serialize};

/// How many replicas there should be: the highest of all policies, then stabilised, guarded and bounded. Trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingSpec {
    /// The policies; the highest proposal wins.
    pub policies: Vec<ScalingPolicy>,
    /// What one replica takes when it is as busy as it should be; none is the request-rate target, or what is learnt from
    /// CPU per request.
    #[serde(default)]
    pub capacity: Option<MilliRps>,
    /// No change while the measured value is within this share of the target.
    pub tolerance: Permille,
    /// Scale out only to the lowest proposal of this window.
    pub stabilization_up: Millis,
    /// Scale in only to the highest proposal of this window.
    pub stabilization_down: Millis,
    /// Most replicas added within `period`.
    pub step_up_max: u32,
    /// Most replicas removed within `period`.
    pub step_down_max: u32,
    /// The period of the two bounds above.
    pub period: Millis,
    /// Spare replicas on top of what the demand needs.
    pub reserve: u32,
    /// Spare replicas as a share of what the demand needs, rounded up.
    #[serde(default)]
    pub reserve_share: Permille,
    /// Spare replicas for this quantile of how much the load has grown within one start-up time.
    #[serde(default)]
    pub reserve_burst: Option<Permille>,
    /// Forecast of the demand; may add replicas, never remove them.
    pub forecast: Option<ForecastSpec>,
    /// What holds every decision back.
    #[serde(default)]
    pub guard: GuardSpec,
    /// How large one replica should be.
    #[serde(default)]
    pub vertical: Option<VerticalSpec>,
}

/// One reason to have replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "metric")]
pub enum ScalingPolicy {
    /// Mean CPU of ready replicas as a share of their request.
    Cpu {
        /// Wanted share.
        target: Permille,
    },
    /// Mean memory of ready replicas as a share of their request.
    Memory {
        /// Wanted share.
        target: Permille,
    },
    /// Requests per second per replica.
    RequestRate {
        /// Wanted rate per replica.
        target: MilliRps,
    },
    /// Requests in flight per replica, in thousandths of a request.
    InFlight {
        /// Wanted thousandths of a request in flight per replica.
        target_milli: u64,
    },
    /// The Kubernetes horizontal autoscaler, with its own damping.
    Hpa(Box<HpaSpec>),
    /// The Knative autoscaler: concurrency over a stable and a panic window, with its own damping.
    Concurrency(KpaSpec),
    /// So many replicas within a weekly or daily window.
    Cron(CronSpec),
    /// An announced event with an expected load.
    Event(EventSpec),
    /// What was needed one season ago, from now to the moment at which a replica started now would be ready.
    Seasonal {
        /// Length of the season, trace time.
        season: Millis,
        /// Share of what was needed that is kept as a floor.
        #[serde(default = "whole")]
        share: Permille,
    },
    /// Work that waits in a queue and has to be done by a deadline.
    Backlog(BacklogSpec),
    /// Lazy capacity provisioning: no forecast, and provably near the clairvoyant optimum.
    Lazy(LazySpec),
    /// Headroom that is learnt, as far as it is worth its price.
    Headroom(HeadroomSpec),
    /// What a formula of the policy language says.
    Formula(FormulaSpec),
}

const fn whole() -> Permille {
    Permille(1_000)
}

impl ScalingPolicy {
    /// The name that a reason carries, as in the spec file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "cpu",
            Self::Memory { .. } => "memory",
            Self::RequestRate { .. } => "request_rate",
            Self::InFlight { .. } => "in_flight",
            Self::Hpa(_) => "hpa",
            Self::Concurrency(_) => "concurrency",
            Self::Cron(_) => "cron",
            Self::Event(_) => "event",
            Self::Seasonal { .. } => "seasonal",
            Self::Backlog(_) => "backlog",
            Self::Lazy(_) => "lazy",
            Self::Headroom(_) => "headroom",
            Self::Formula(_) => "formula",
        }
    }

    /// Whether it damps its own proposals, so that the windows and steps of the service do not apply to it.
    #[must_use]
    pub const fn damps_itself(&self) -> bool {
        matches!(self, Self::Hpa(_) | Self::Concurrency(_) | Self::Lazy(_) | Self::Headroom(_))
    }

    /// Whether it looks at single replicas and not only at their sum.
    #[must_use]
    pub const fn needs_pods(&self) -> bool {
        matches!(self, Self::Hpa(_))
    }
}

/// A seasonal forecast of the request rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastSpec {
    /// Length of one season.
    pub season: Millis,
    /// Length of a second season above the first, a multiple of it: the week above the day.
    #[serde(default)]
    pub season_long: Option<Millis>,
    /// The quantile of the demand that replicas must cover, 500 to 999.
    pub quantile: Permille,
    /// Price of a missing replica over that of an idle one, in thousandths; sets the quantile in place of `quantile`.
    #[serde(default)]
    pub missing_price: Option<Permille>,
    /// Recorded demand that came before: a CSV file of (seconds, requests per second), read at start-up.
    pub history: Option<String>,
    /// Models fitted to the demand seen so far, which join the ones that learn as they go.
    #[serde(default)]
    pub models: Vec<String>,
    /// Time from one fit to the next.
    #[serde(default = "ForecastSpec::day")]
    pub refit: Millis,
}

impl ForecastSpec {
    /// Seasons, the shortest first.
    #[must_use]
    pub fn seasons(&self) -> Vec<Millis> {
        std::iter::once(self.season).chain(self.season_long).collect()
    }

    const fn day() -> Millis {
        Millis(86_400_000)
    }
}
