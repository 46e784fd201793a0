//! One line of text for each typed reason, as `explain`, the dashboard's feed and findings show it.
//!
//! Kept apart from the reasons themselves so that neither file grows past what can be read in one go. Nothing is computed
//! here: every number in a line stands in the value.

use crate::forecast::Forecast;
use crate::id::ServiceName;
use crate::inventory::ExitCause;
use crate::quantity::{MilliRps, Millicores, Millis};
use crate::rationale::{
    Basis, Bound, Counterfactual, Finding, ForecastFault, JobRationale, Passed, Term, Victim, VictimBy, Withheld,
};
use crate::scaling::Fallback;
use crate::spec::Resources;
use std::fmt;

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
            Self::Forecast { forecast, quantile, demand, per_replica, missing_price } => {
                write!(f, "forecast of {demand} for {} ({quantile} quantile", forecast.at)?;
                if let Some(price) = missing_price {
                    write!(f, ", a missing replica costs {price} of an idle one")?;
                }
                write!(f, ", {}, {} seasons), {per_replica} per replica", experts(forecast), forecast.seasons)
            }
            Self::WithinTolerance { metric, ratio, tolerance } => {
                write!(f, "{metric} is at {ratio} of its target, within ±{tolerance}")
            }
            Self::NoData { metric, age_ms: Some(age) } => {
                write!(f, "no fresh figure for {metric} ({}), held", Millis(*age))
            }
            Self::NoData { metric, age_ms: None } => write!(f, "no figure for {metric} yet, held"),
            Self::Arrivals { measured } => write!(f, "{measured} arriving and no replica runs"),
            Self::Minimum => f.write_str("the least the spec allows"),
            Self::Hpa(reason) => reason.fmt(f),
            Self::Concurrency(reason) => reason.fmt(f),
            Self::Cron(reason) => reason.fmt(f),
            Self::Event { name, by, factor, usual, demand, per_replica, start, end } => {
                write!(f, "event {name}: {demand} expected")?;
                if let (Some(factor), Some(usual)) = (factor, usual) {
                    write!(f, " ({factor} of the usual {usual})")?;
                }
                write!(f, ", {per_replica} per replica, {start} to {end}")?;
                if by.is_empty() { Ok(()) } else { write!(f, ", announced by {by}") }
            }
            Self::Seasonal { needed_milli, share, from, to } => {
                write!(f, "{share} of the {}.{:03} replicas", needed_milli / 1_000, needed_milli % 1_000)?;
                write!(f, " that were needed one season ago, {from} to {to}")
            }
            Self::NotDue { policy, from: Some(from) } => write!(f, "{policy} is not due before {from}"),
            Self::NotDue { policy, from: None } => write!(f, "{policy} is over"),
            Self::Fallback { metric, missing, behaviour } => {
                write!(f, "no figure for {metric} for {missing}: {behaviour}")
            }
            Self::Backlog(reason) => reason.fmt(f),
            Self::Lazy(reason) => reason.fmt(f),
            Self::Headroom(reason) => reason.fmt(f),
            Self::Formula(reason) => reason.fmt(f),
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
            Self::Burst { added, quantile, growth, samples } => write!(
                f,
                "+{added} for a burst: in {quantile} of {samples} start-up times the load grew by at most {growth}"
            ),
            Self::ReserveShare { added, share } => write!(f, "+{added} in reserve, {share} of what is needed"),
            Self::Paused { wanted, both: true } => write!(f, "scaling is frozen (wanted {wanted})"),
            Self::Paused { wanted, both: false } => write!(f, "scaling this way is paused (wanted {wanted})"),
            Self::FlapBudget { changes, changes_max, period, wanted } => write!(
                f,
                "scale-in held: {changes} changes of direction within {period}, at most {changes_max} (wanted {wanted})"
            ),
            Self::ChangeBudget { changes_max, wanted } => {
                write!(f, "scale-in held: at most {changes_max} changes an hour (wanted {wanted})")
            }
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ordinal, ready: _, by, of } = self;
        write!(f, "replica {ordinal} of {of}: ")?;
        match by {
            VictimBy::NotReady => f.write_str("it serves nobody"),
            VictimBy::InFlight { in_flight_milli } => {
                write!(f, "fewest requests in flight, {}.{:03}", in_flight_milli / 1_000, in_flight_milli % 1_000)
            }
            VictimBy::Cpu { cpu } => write!(f, "least CPU used, {cpu}"),
            VictimBy::Youngest => f.write_str("the youngest"),
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("the target stays"),
            Self::Replicas { replicas: count } => write!(f, "{} by declaration", replicas(*count)),
            Self::CurrentIfHigher { replicas: count } => write!(f, "at least {} by declaration", replicas(*count)),
            Self::CurrentIfLower { replicas: count } => write!(f, "at most {} by declaration", replicas(*count)),
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
            Self::ForecastUntrusted { fault } => {
                write!(f, "the forecast adds nothing while it is out of bounds: {fault}")
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

impl fmt::Display for ForecastFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learning { forecasts } => {
                write!(f, "{forecasts} of its forecasts have come due, too few to know its errors")
            }
            Self::Coverage { nominal, covered, covered_min, forecasts } => write!(
                f,
                "its {nominal} quantile covered {covered} of the last {forecasts}, chance alone allows {covered_min}"
            ),
            Self::Loss { ratio, ratio_max, forecasts } => write!(
                f,
                "over the last {forecasts} its loss was {ratio} of the last value's, at most {ratio_max} is allowed"
            ),
        }
    }
}

/// How many experts are named in a sentence; the decision's data has all.
const EXPERTS_NAMED: usize = 3;

/// The heaviest experts and their shares, or the model's name where there is only that.
fn experts(forecast: &Forecast) -> String {
    if forecast.weights.is_empty() {
        return forecast.model.to_string();
    }
    let named =
        forecast.weights.iter().take(EXPERTS_NAMED).map(|weight| format!("{} {}", weight.expert, weight.weight));
    let others = (forecast.weights.len() > EXPERTS_NAMED).then(|| "others".to_owned());
    named.chain(others).collect::<Vec<_>>().join(" + ")
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "passed {}, which has no room", self.head)?;
        if let Some(shadow) = self.shadow {
            write!(f, " before {shadow}")?;
        }
        self.ends.map_or(Ok(()), |ends| write!(f, "; expected to end {ends}"))
    }
}

impl fmt::Display for JobRationale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { task, requests, free, passed } => {
                write!(f, "{task} started with {requests}; {free} were free")?;
                passed.as_ref().map_or(Ok(()), |passed| write!(f, "; {passed}"))
            }
            Self::Waiting { task, since, asked, free, position, expected } => {
                write!(f, "{task} waits since {since}, place {position}: asks {asked}, {free} are free")?;
                expected.map_or(Ok(()), |at| write!(f, "; room is reserved for {at}"))
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
            Self::Fitted { service, models, samples } => {
                write!(f, "{service}: {} fitted to {samples} samples joined the forecast", models.join(", "))
            }
            Self::NotFitted { service, model, why } => write!(f, "{service}: {model} did not join the forecast: {why}"),
            Self::Wheel { service, turned } => write!(f, "{service}: {turned}"),
            Self::Proposal { service, turned } => write!(f, "{service}: {turned}"),
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

/// `1 replica`, `2 replicas`.
fn replicas(count: u32) -> String {
    if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") }
}
