//! Why: every term that was weighed, the one that won, what bound it, and what was held back, as data with its numbers.
//!
//! Text is made of these by whoever shows them ([`std::fmt::Display`] gives one line each); nothing here is free text
//! that a program would have to read.

use crate::forecast::Forecast;
use crate::id::{JobName, ServiceName, WorkloadId};
use crate::inventory::ExitCause;
use crate::proposed::ProposalTurn;
use crate::quantity::{Bytes, Micros, MilliRps, Millicores, Millis, Permille, Timestamp};
use crate::scaling::{
    BacklogReason, CronReason, Fallback, FormulaReason, HeadroomReason, HpaReason, KpaReason, LazyReason,
    SharingReason, VerticalReason,
};
use crate::spec::Resources;
use crate::wheel::{OrderReason, WheelTurn};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::rationale_job::{JobRationale, Passed};

/// One proposal for the number of replicas, with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Replicas proposed.
    pub replicas: u32,
    /// How that came about.
    #[serde(flatten)]
    pub basis: Basis,
}

/// What a proposal rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "basis")]
pub enum Basis {
    /// CPU of ready replicas as a share of their request.
    Cpu {
        /// Measured mean.
        measured: Permille,
        /// Wanted.
        target: Permille,
        /// Sum of CPU used.
        used: Millicores,
        /// Replicas measured.
        replicas_measured: u32,
    },
    /// Memory of ready replicas as a share of their request.
    Memory {
        /// Measured mean.
        measured: Permille,
        /// Wanted.
        target: Permille,
        /// Sum of memory used.
        used: Bytes,
        /// Replicas measured.
        replicas_measured: u32,
    },
    /// Arrivals per second.
    RequestRate {
        /// Measured over all replicas.
        measured: MilliRps,
        /// Wanted per replica.
        target: MilliRps,
    },
    /// Requests in flight.
    InFlight {
        /// Measured over all replicas, in thousandths.
        measured_milli: u64,
        /// Wanted per replica, in thousandths.
        target_milli: u64,
    },
    /// Demand to come.
    Forecast {
        /// The forecast.
        forecast: Arc<Forecast>,
        /// The quantile that has to be covered.
        quantile: Permille,
        /// The demand at that quantile.
        demand: MilliRps,
        /// What one replica takes, from the rate policy or learnt from CPU per request.
        per_replica: MilliRps,
        /// Price of a missing replica over that of an idle one, where the quantile follows from it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing_price: Option<Permille>,
    },
    /// The measured value is within the tolerance of its target, so the present number stays.
    WithinTolerance {
        /// Which policy: `cpu`, `memory`, `request_rate` or `in_flight`.
        #[serde(default)]
        metric: String,
        /// Measured / target.
        ratio: Permille,
        /// Half-width of the band around 1,000.
        tolerance: Permille,
    },
    /// Nothing could be measured; the present number stays.
    NoData {
        /// Which policy has no data.
        metric: String,
        /// How old its last figure is, if there ever was one.
        age_ms: Option<u64>,
    },
    /// Requests arrive and no replica runs, so one has to.
    Arrivals {
        /// Measured.
        measured: MilliRps,
    },
    /// The least the spec allows.
    Minimum,
    /// The Kubernetes horizontal autoscaler.
    Hpa(Box<HpaReason>),
    /// The Knative autoscaler.
    Concurrency(Box<KpaReason>),
    /// A cron window.
    Cron(Box<CronReason>),
    /// An announced event.
    Event {
        /// Its name.
        name: String,
        /// Who announced it; empty for one of the spec.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
        /// Its factor in force, in thousandths, where it is in relation to the usual load.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        factor: Option<Permille>,
        /// The usual load that the factor is of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usual: Option<MilliRps>,
        /// The load expected.
        demand: MilliRps,
        /// What one replica takes.
        per_replica: MilliRps,
        /// When its load starts.
        start: Timestamp,
        /// When it ends.
        end: Timestamp,
    },
    /// What was needed one season ago.
    Seasonal {
        /// Most thousandths of a replica that were needed in that span.
        needed_milli: u64,
        /// Share of it that is kept as a floor.
        share: Permille,
        /// The span's first moment.
        from: Timestamp,
        /// The span's end.
        to: Timestamp,
    },
    /// This policy's time has not come, or is over.
    NotDue {
        /// Which policy.
        policy: String,
        /// When it comes, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
    },
    /// The figure of this policy has stayed away for so long that what was declared for that holds.
    Fallback {
        /// Which policy.
        metric: String,
        /// For how long.
        missing: Millis,
        /// What was declared.
        behaviour: Fallback,
    },
    /// Work that waits in a queue.
    Backlog(Box<BacklogReason>),
    /// Lazy capacity provisioning.
    Lazy(Box<LazyReason>),
    /// Headroom that is learnt.
    Headroom(Box<HeadroomReason>),
    /// What a formula came to.
    Formula(Box<FormulaReason>),
}

/// What changed a proposal into the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "bound")]
pub enum Bound {
    /// Spare replicas were added.
    Reserve {
        /// How many.
        added: u32,
    },
    /// The spec's maximum.
    Maximum {
        /// The maximum.
        replicas_max: u32,
        /// What was wanted.
        wanted: u32,
    },
    /// The spec's minimum.
    Minimum {
        /// The minimum.
        replicas_min: u32,
        /// What was wanted.
        wanted: u32,
    },
    /// A higher proposal within the window holds a scale-in back.
    StabilizationDown {
        /// The window.
        window: Millis,
        /// The highest proposal within it.
        highest: u32,
        /// When that proposal leaves the window.
        until: Timestamp,
    },
    /// A lower proposal within the window holds a scale-out back.
    StabilizationUp {
        /// The window.
        window: Millis,
        /// The lowest proposal within it.
        lowest: u32,
    },
    /// At most so many more or fewer replicas per period.
    StepLimit {
        /// The limit that bound.
        step_max: u32,
        /// The period.
        period: Millis,
        /// What was wanted.
        wanted: u32,
    },
    /// A forecast may add, never remove.
    ForecastCannotRemove {
        /// What the forecast proposed.
        proposed: u32,
    },
    /// Spare replicas were added for a burst within one start-up time.
    Burst {
        /// How many.
        added: u32,
        /// The quantile of the growth.
        quantile: Permille,
        /// The growth at that quantile.
        growth: MilliRps,
        /// Growths counted.
        samples: u64,
    },
    /// Spare replicas were added as a share.
    ReserveShare {
        /// How many.
        added: u32,
        /// The share.
        share: Permille,
    },
    /// Scaling in one direction is paused.
    Paused {
        /// What was wanted.
        wanted: u32,
        /// Both directions are.
        both: bool,
    },
    /// Too many changes of direction lately.
    FlapBudget {
        /// Changes of direction within the period.
        changes: u32,
        /// Most of them.
        changes_max: u32,
        /// The period.
        period: Millis,
        /// What was wanted.
        wanted: u32,
    },
    /// Too many changes lately.
    ChangeBudget {
        /// Most changes within an hour.
        changes_max: u32,
        /// What was wanted.
        wanted: u32,
    },
}

/// What would have changed the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// The figure that decides.
    pub figure: String,
    /// The least value that would have given more replicas, in the figure's unit; none when no value would.
    pub more_from: Option<u64>,
    /// The greatest value that would have given fewer replicas, in the figure's unit; none when no value would.
    pub fewer_to: Option<u64>,
    /// The unit of both.
    pub unit: String,
}

/// In what a forecast is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum ForecastFault {
    /// It has seen too little to know its own errors.
    Learning {
        /// Forecasts that have come due.
        forecasts: u32,
    },
    /// Demand came above the covered quantile too often.
    Coverage {
        /// The quantile to be covered.
        nominal: Permille,
        /// The share that it did cover.
        covered: Permille,
        /// The least share that chance allows at that many.
        covered_min: Permille,
        /// Forecasts counted.
        forecasts: u32,
    },
    /// It errs more than the last value does.
    Loss {
        /// Its loss as a share of the last value's.
        ratio: Permille,
        /// The most allowed.
        ratio_max: Permille,
        /// Forecasts counted.
        forecasts: u32,
    },
}

/// Something the controller wanted and did not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "held")]
pub enum Withheld {
    /// A replica does not fit on the node.
    NoCapacity {
        /// Replicas not started.
        replicas: u32,
        /// What one asks.
        asked: Resources,
        /// What is free.
        free: Resources,
    },
    /// A replica that exited waits before it is started again.
    Backoff {
        /// Exits in a row.
        exits: u32,
        /// Not before.
        until: Timestamp,
    },
    /// A replica keeps exiting.
    CrashLoop {
        /// Exits in a row.
        exits: u32,
        /// The last cause.
        cause: ExitCause,
        /// Not before.
        until: Timestamp,
    },
    /// The measured replicas alone would allow fewer, but wanted ones that are starting or not measured may turn out as
    /// busy as the target.
    WaitingForReady {
        /// Replicas wanted and not measured.
        starting: u32,
    },
    /// A stale or partial view may not remove replicas.
    StaleData {
        /// Age of the figures.
        age_ms: u64,
        /// The oldest age allowed to remove.
        age_max_ms: u64,
    },
    /// The forecast has been wrong too often lately, so it adds nothing and the reactive policies decide alone.
    ForecastUntrusted {
        /// What is wrong with it.
        fault: ForecastFault,
    },
    /// The state cannot be written, so nothing changes.
    Frozen {
        /// Why.
        why: String,
    },
    /// One step starts only so many workloads; the others follow in the next.
    ActionLimit {
        /// Replicas not started.
        replicas: u32,
        /// Most starts per step.
        starts_max: u32,
    },
    /// The old replicas stay until one under the new spec is ready.
    RollingReplacement {
        /// Replicas under the old spec.
        outdated: u32,
    },
}

/// Why a service has the replicas it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRationale {
    /// Replicas live before this step.
    pub current: u32,
    /// Of those, ready.
    pub ready: u32,
    /// Replicas wanted.
    pub target: u32,
    /// Every proposal.
    pub terms: Vec<Term>,
    /// Index into `terms` of the one that won.
    pub winner: usize,
    /// What changed the winner into the target, in the order applied.
    pub bounds: Vec<Bound>,
    /// What would have changed the target.
    #[serde(default)]
    pub counterfactual: Option<Counterfactual>,
    /// What was wanted and not done.
    pub withheld: Vec<Withheld>,
    /// Why its replicas have the size they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<Box<VerticalReason>>,
    /// Replicas that were told to stop in this step, and how idle they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub victims: Vec<Victim>,
    /// Who gave what to whom, where capacity was short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Box<SharingReason>>,
    /// The operator's order that stands above the policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<OrderReason>>,
}

/// Why this replica was told to stop and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Victim {
    /// Its number.
    pub ordinal: u64,
    /// It served.
    pub ready: bool,
    /// What it was chosen by.
    pub by: VictimBy,
    /// Replicas that could have been chosen.
    pub of: u32,
}

/// What a victim was chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "idleness")]
pub enum VictimBy {
    /// It serves nobody.
    NotReady,
    /// It had the fewest requests in flight.
    InFlight {
        /// How many, in thousandths.
        in_flight_milli: u64,
    },
    /// It used the least CPU, as far as a difference counts.
    Cpu {
        /// How much.
        cpu: Millicores,
    },
    /// It is the youngest; nothing tells how busy it is.
    Youngest,
}

/// Something worth knowing that is no decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// An input was absurd and was ignored.
    BadInput {
        /// What.
        what: String,
    },
    /// A workload ended that nobody told to stop.
    Exited {
        /// Which.
        workload: WorkloadId,
        /// Why.
        cause: ExitCause,
    },
    /// A workload is held back by its CPU quota.
    Throttled {
        /// Which.
        workload: WorkloadId,
        /// Share of periods throttled.
        share: Permille,
        /// What it used.
        cpu: Millicores,
    },
    /// Requests failed.
    Failures {
        /// Of which service.
        service: ServiceName,
        /// How many.
        failed: u64,
        /// Of how many.
        finished: u64,
        /// 99 % were faster.
        latency_p99: Micros,
    },
    /// The policy changed.
    PolicyChanged {
        /// Services added.
        added: Vec<ServiceName>,
        /// Services removed.
        removed: Vec<ServiceName>,
        /// Services changed.
        changed: Vec<ServiceName>,
    },
    /// The controller decided nothing because its record cannot be kept.
    Frozen {
        /// Why.
        why: String,
    },
    /// A workload was killed for memory.
    OutOfMemory {
        /// Which.
        workload: WorkloadId,
        /// What it was reserved.
        requested: Bytes,
        /// What it was allowed; none is no limit.
        limit: Option<Bytes>,
        /// What it was last seen to use; none if it was never measured.
        used: Option<Bytes>,
    },
    /// The clock handed in went backwards; the later time is kept.
    ClockBackwards {
        /// The time handed in.
        at: Timestamp,
        /// The time kept.
        kept: Timestamp,
    },
    /// Everything is being stopped, and nothing is started.
    ShuttingDown {
        /// Workloads that still have a process.
        remaining: u32,
    },
    /// Models were fitted to a service's demand and joined its forecast.
    Fitted {
        /// Whose.
        service: ServiceName,
        /// Which models.
        models: Vec<String>,
        /// Samples they were fitted to.
        samples: u64,
    },
    /// A model could not be fitted, or came too late; the forecast goes on without it.
    NotFitted {
        /// Whose.
        service: ServiceName,
        /// Which.
        model: String,
        /// Why.
        why: String,
    },
    /// An operator gave or took back an order, or one ended.
    Wheel {
        /// About which service.
        service: ServiceName,
        /// What.
        turned: WheelTurn,
    },
    /// A proposal came into force, or is over.
    Proposal {
        /// For which service.
        service: ServiceName,
        /// What.
        turned: ProposalTurn,
    },
    /// More findings than a step may report.
    MoreFindings {
        /// How many were left out.
        omitted: u32,
    },
}

/// Why this decision and no other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rationale {
    /// By service.
    pub services: BTreeMap<ServiceName, ServiceRationale>,
    /// By job, one entry per thing that happened to it.
    pub jobs: BTreeMap<JobName, Vec<JobRationale>>,
    /// What else is worth knowing.
    pub findings: Vec<Finding>,
}
