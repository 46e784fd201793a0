//! Why: every term that was weighed, the one that won, what bound it, and what was held back, as data with its numbers.
//!
//! Text is made of these by whoever shows them ([`std::fmt::Display`] gives one line each); nothing here is free text
//! that a program would have to read.

use crate::forecast::Forecast;
use crate::id::{JobName, ServiceName, TaskId, WorkloadId};
use crate::inventory::ExitCause;
use crate::quantity::{Bytes, Micros, MilliRps, Millicores, Millis, Permille, Timestamp};
use crate::spec::Resources;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

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
        forecast: Forecast,
        /// The quantile that has to be covered.
        quantile: Permille,
        /// The demand at that quantile.
        demand: MilliRps,
        /// What one replica takes, from the rate policy or learnt from CPU per request.
        per_replica: MilliRps,
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
}

/// Why a job runs or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum JobRationale {
    /// It was started.
    Started {
        /// The run.
        task: TaskId,
        /// What it was given.
        requests: Resources,
        /// What was free.
        free: Resources,
    },
    /// It waits for room.
    Waiting {
        /// The run.
        task: TaskId,
        /// Since when.
        since: Timestamp,
        /// What it asks.
        asked: Resources,
        /// What is free.
        free: Resources,
        /// Its place in the queue, from 1.
        position: u32,
    },
    /// It can never fit.
    Refused {
        /// The run.
        task: TaskId,
        /// What it asks.
        asked: Resources,
        /// What the node has.
        allocatable: Resources,
    },
    /// It was stopped for something more important, and waits again.
    Preempted {
        /// The run.
        task: TaskId,
        /// For whom.
        by: String,
        /// Its own priority.
        priority: i32,
        /// The other's.
        by_priority: i32,
    },
    /// It ended well.
    Succeeded {
        /// The run.
        task: TaskId,
    },
    /// It failed and is tried again.
    Retrying {
        /// The run that failed.
        task: TaskId,
        /// Why.
        cause: ExitCause,
        /// Tries left after the coming one.
        retries_left: u32,
        /// The memory it gets next.
        memory: Bytes,
    },
    /// It failed for good.
    Failed {
        /// The run.
        task: TaskId,
        /// Why.
        cause: ExitCause,
    },
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

/// `1 replica`, `2 replicas`.
fn replicas(count: u32) -> String {
    if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", replicas(self.replicas), self.basis)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { measured, target, used, replicas_measured } => {
                write!(
                    f,
                    "CPU at {measured} of the request over {replicas_measured} replicas ({used} used), target {target}"
                )
            }
            Self::Memory { measured, target, used, replicas_measured } => {
                write!(
                    f,
                    "memory at {measured} of the request over {replicas_measured} replicas ({used} used), target {target}"
                )
            }
            Self::RequestRate { measured, target } => write!(f, "{measured} arriving, {target} wanted per replica"),
            Self::InFlight { measured_milli, target_milli } => write!(
                f,
                "{}.{:03} requests in flight, {}.{:03} wanted per replica",
                measured_milli / 1_000,
                measured_milli % 1_000,
                target_milli / 1_000,
                target_milli % 1_000
            ),
            Self::Forecast { forecast, quantile, demand, per_replica } => write!(
                f,
                "forecast of {demand} for {} ({quantile} quantile, {}, {} seasons), {per_replica} per replica",
                forecast.at, forecast.model, forecast.seasons
            ),
            Self::WithinTolerance { metric, ratio, tolerance } => {
                write!(f, "{metric} is at {ratio} of its target, within ±{tolerance}")
            }
            Self::NoData { metric, age_ms: Some(age) } => {
                write!(f, "no fresh figure for {metric} ({}), held", Millis(*age))
            }
            Self::NoData { metric, age_ms: None } => write!(f, "no figure for {metric} yet, held"),
            Self::Arrivals { measured } => write!(f, "{measured} arriving and no replica runs"),
            Self::Minimum => f.write_str("the least the spec allows"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserve { added } => write!(f, "+{added} in reserve"),
            Self::Maximum { replicas_max, wanted } => {
                write!(f, "bounded to the maximum {replicas_max} (wanted {wanted})")
            }
            Self::Minimum { replicas_min, wanted } => {
                write!(f, "raised to the minimum {replicas_min} (wanted {wanted})")
            }
            Self::StabilizationDown { window, highest, until } => {
                write!(f, "scale-in held: {highest} were proposed within the last {window}, until {until}")
            }
            Self::StabilizationUp { window, lowest } => {
                write!(f, "scale-out held: only {lowest} were proposed within the last {window}")
            }
            Self::StepLimit { step_max, period, wanted } => {
                write!(f, "at most {step_max} per {period} (wanted {wanted})")
            }
            Self::ForecastCannotRemove { proposed } => write!(f, "the forecast's {proposed} may add, not remove"),
        }
    }
}

impl fmt::Display for Counterfactual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.figure)?;
        let text = |value: u64| match self.unit.as_str() {
            "millicores" => Millicores(value).to_string(),
            "thousandths of a request/s" => MilliRps(value).to_string(),
            "thousandths of a request" => format!("{}.{:03}", value / 1_000, value % 1_000),
            unit => format!("{value} {unit}"),
        };
        match (self.more_from.map(text), self.fewer_to.map(text)) {
            (Some(more), Some(fewer)) => write!(f, " more replicas from {more} on, fewer at or below {fewer}"),
            (Some(more), None) => write!(f, " more replicas from {more} on, fewer at no value"),
            (None, Some(fewer)) => write!(f, " fewer replicas at or below {fewer}, more at no value"),
            (None, None) => f.write_str(" no value would have changed the target"),
        }
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU and {}", self.cpu, self.memory)
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code } => write!(f, "exit status {code}"),
            Self::Signal { signal } => write!(f, "killed by signal {signal}"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Stopped => f.write_str("stopped"),
            Self::KilledAfterGrace => f.write_str("killed after its grace time"),
            Self::StartFailed { message } => write!(f, "could not start: {message}"),
            Self::NeverReady => f.write_str("never became ready"),
            Self::Lost => f.write_str("gone without a record"),
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCapacity { replicas: missing, asked, free } => {
                write!(f, "no room for {}: each asks {asked}, {free} are free", replicas(*missing))
            }
            Self::Backoff { exits, until } => write!(f, "restart waits until {until} after {exits} exits in a row"),
            Self::CrashLoop { exits, cause, until } => {
                write!(f, "crash loop: {exits} exits in a row, last {cause}; next try at {until}")
            }
            Self::WaitingForReady { starting } => {
                write!(f, "no fewer while {} may be about to take load", replicas(*starting))
            }
            Self::StaleData { age_ms, age_max_ms } => {
                write!(
                    f,
                    "figures are {} old; over {} they may not remove replicas",
                    Millis(*age_ms),
                    Millis(*age_max_ms)
                )
            }
            Self::Frozen { why } => write!(f, "frozen: {why}"),
            Self::ActionLimit { replicas, starts_max } => {
                write!(f, "{replicas} replicas follow in the next step: one step starts at most {starts_max}")
            }
            Self::RollingReplacement { outdated } => {
                write!(f, "{outdated} replicas under the old spec stay until their successors are ready")
            }
        }
    }
}

impl fmt::Display for JobRationale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { task, requests, free } => write!(f, "{task} started with {requests}; {free} were free"),
            Self::Waiting { task, since, asked, free, position } => {
                write!(f, "{task} waits since {since}, place {position}: asks {asked}, {free} are free")
            }
            Self::Refused { task, asked, allocatable } => {
                write!(f, "{task} refused: asks {asked}, the node has {allocatable} in all")
            }
            Self::Preempted { task, by, priority, by_priority } => {
                write!(f, "{task} (priority {priority}) pre-empted by {by} (priority {by_priority})")
            }
            Self::Succeeded { task } => write!(f, "{task} succeeded"),
            Self::Retrying { task, cause, retries_left, memory } => {
                write!(f, "{task} failed ({cause}); tried again with {memory}, {retries_left} tries left after that")
            }
            Self::Failed { task, cause } => write!(f, "{task} failed for good: {cause}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |names: &[ServiceName]| names.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::BadInput { what } => write!(f, "input ignored: {what}"),
            Self::Exited { workload, cause } => write!(f, "{workload} ended: {cause}"),
            Self::Throttled { workload, share, cpu } => {
                write!(f, "{workload} throttled in {share} of periods, using {cpu}")
            }
            Self::Failures { service, failed, finished, latency_p99 } => {
                write!(f, "{service}: {failed} of {finished} requests failed, p99 {latency_p99}")
            }
            Self::PolicyChanged { added, removed, changed } => write!(
                f,
                "policy changed: added [{}], removed [{}], changed [{}]",
                join(added),
                join(removed),
                join(changed)
            ),
            Self::Frozen { why } => write!(f, "frozen: {why}"),
            Self::OutOfMemory { workload, requested, limit, used } => {
                write!(f, "{workload} was killed for memory: {requested} reserved")?;
                if let Some(limit) = limit {
                    write!(f, ", {limit} allowed")?;
                }
                match used {
                    Some(used) => write!(f, ", {used} when last measured"),
                    None => f.write_str(", never measured"),
                }
            }
            Self::ClockBackwards { at, kept } => write!(f, "clock went back to {at}; {kept} kept"),
            Self::ShuttingDown { remaining } => write!(f, "shutting down, {remaining} workloads still have a process"),
            Self::MoreFindings { omitted } => write!(f, "{omitted} more findings left out"),
        }
    }
}

impl fmt::Display for crate::decision::StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScaleIn => "fewer are wanted",
            Self::Replaced => "its spec changed",
            Self::Removed => "no longer in the spec",
            Self::NeverReady => "not ready in the time allowed",
            Self::Unready => "unready for too long",
            Self::Preempted => "something more important needs its room",
            Self::Shutdown => "everything stops",
        })
    }
}
