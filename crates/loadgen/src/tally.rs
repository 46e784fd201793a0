//! The running counts of one run, and the report they become.

use crate::plan::LoadPlan;
use crate::report::{
    Ended, FAILURES_LISTED_MAX, FailureCounts, FailureKind, FailureSeen, LatencySummary, LoadReport, Second,
};
use crate::shape::Shape;
use hdrhistogram::Histogram;
use plimsoll_model::{Micros, Millis, Timestamp};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest latency told apart, in microseconds: 1 hour. Longer ones count as this.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// One ended request, in physical time from the start of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) due: Duration,
    pub(crate) begun: Duration,
    pub(crate) ended: Duration,
}

#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) planned: u64,
    pub(crate) sent: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: FailureCounts,
    pub(crate) late: u64,
    pub(crate) connections_opened: u64,
    pub(crate) bytes_received: u64,
    pub(crate) timeline: Vec<Second>,
    failed_by_method: BTreeMap<String, u64>,
    failures: Vec<FailureSeen>,
    late_max: Duration,
    waited: u64,
    waited_max: Duration,
    latency: Histogram<u64>,
    latency_failed: Histogram<u64>,
    service_time: Histogram<u64>,
    open: OpenSecond,
}

/// The second that is being counted.
#[derive(Debug)]
struct OpenSecond {
    second: u32,
    sent: u32,
    succeeded: u32,
    failed: u32,
    latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            planned: 0,
            sent: 0,
            succeeded: 0,
            failed: FailureCounts::default(),
            late: 0,
            connections_opened: 0,
            bytes_received: 0,
            timeline: Vec::new(),
            failed_by_method: BTreeMap::new(),
            failures: Vec::new(),
            late_max: Duration::ZERO,
            waited: 0,
            waited_max: Duration::ZERO,
            latency: histogram(3),
            latency_failed: histogram(3),
            service_time: histogram(3),
            open: OpenSecond { second: 0, sent: 0, succeeded: 0, failed: 0, latency: histogram(2) },
        }
    }

    /// Closes the seconds that lie wholly before `now`.
    pub(crate) fn advance(&mut self, plan: &LoadPlan, now: Duration) {
        while u64::from(self.open.second) < now.as_secs() {
            let second = self.open.second;
            let middle = f64::from(second) + 0.5;
            let open = &mut self.open;
            self.timeline.push(Second {
                second,
                trace_time: plan.shape.trace_time(Duration::from_secs(u64::from(second))),
                planned_rps: plan.shape.rate_at(middle).map(|rps| rps * plan.scale),
                sent: open.sent,
                succeeded: open.succeeded,
                failed: open.failed,
                p50: Micros(open.latency.value_at_quantile(0.5)),
                p99: Micros(open.latency.value_at_quantile(0.99)),
                max: Micros(open.latency.max()),
            });
            open.latency.reset();
            (open.sent, open.succeeded, open.failed) = (0, 0, 0);
            open.second += 1;
        }
    }

    /// A request was begun at `begun`; `waited` when it first stood in line for a connection.
    pub(crate) fn begin(&mut self, due: Duration, begun: Duration, waited: bool, late_after: Duration) {
        self.sent += 1;
        self.open.sent += 1;
        let delay = begun.saturating_sub(due);
        if waited {
            self.waited += 1;
            self.waited_max = self.waited_max.max(delay);
        } else if delay > late_after {
            self.late += 1;
            self.late_max = self.late_max.max(delay);
        }
    }

    pub(crate) fn succeed(&mut self, ending: Ending) {
        self.succeeded += 1;
        self.open.succeeded += 1;
        let latency = micros(ending.ended.saturating_sub(ending.due));
        self.latency.saturating_record(latency);
        self.open.latency.saturating_record(latency);
        self.service_time.saturating_record(micros(ending.ended.saturating_sub(ending.begun)));
    }

    pub(crate) fn fail(&mut self, ending: Ending, method: &str, path: &str, kind: FailureKind, what: String) {
        self.failed.count(kind);
        self.open.failed += 1;
        self.latency_failed.saturating_record(micros(ending.ended.saturating_sub(ending.due)));
        if !self.failed_by_method.contains_key(method) {
            self.failed_by_method.insert(method.to_owned(), 0);
        }
        if let Some(count) = self.failed_by_method.get_mut(method) {
            *count += 1;
        }
        if self.failures.len() < FAILURES_LISTED_MAX {
            self.failures.push(FailureSeen {
                due_ms: millis(ending.due),
                ended_ms: millis(ending.ended),
                method: method.to_owned(),
                path: path.to_owned(),
                kind,
                what,
            });
        }
    }

    /// The report; `elapsed` is the physical time from the start to now.
    pub(crate) fn finish(mut self, plan: &LoadPlan, target: String, elapsed: Duration, end: End) -> LoadReport {
        // The second that is open counts too: its end is rounded up.
        self.advance(plan, Duration::from_secs(elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let gap_slots = match &plan.shape {
            Shape::Trace { series, .. } => (series.len() - series.recorded()) as u64,
            _ => 0,
        };
        LoadReport {
            target,
            shape: plan.shape.describe(),
            seed: plan.seed,
            scale: plan.scale,
            started_at: Timestamp(i64::try_from(now.saturating_sub(elapsed).as_millis()).unwrap_or(i64::MAX)),
            elapsed_ms: millis(elapsed),
            ended: end.ended,
            planned: self.planned,
            sent: self.sent,
            succeeded: self.succeeded,
            failed: self.failed,
            failed_by_method: self.failed_by_method,
            cancelled: end.cancelled,
            unsent: end.unsent,
            late: self.late,
            late_max: Micros(micros(self.late_max)),
            waited: self.waited,
            waited_max: Micros(micros(self.waited_max)),
            connections_opened: self.connections_opened,
            bytes_received: self.bytes_received,
            gap_slots,
            latency: summary(&self.latency),
            latency_failed: summary(&self.latency_failed),
            service_time: summary(&self.service_time),
            timeline: self.timeline,
            failures: self.failures,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) ended: Ended,
    pub(crate) cancelled: u64,
    pub(crate) unsent: u64,
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_US_MAX, digits)
        .expect("invariant: the bounds are constants that hdrhistogram accepts")
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn summary(histogram: &Histogram<u64>) -> LatencySummary {
    if histogram.is_empty() {
        return LatencySummary::default();
    }
    let at = |quantile| Micros(histogram.value_at_quantile(quantile));
    let curve = histogram
        .iter_quantiles(2)
        .map(|step| ((step.quantile_iterated_to() * 1e6).round() as u32, Micros(step.value_iterated_to())))
        .collect();
    LatencySummary {
        count: histogram.len(),
        min: Micros(histogram.min()),
        mean: Micros(histogram.mean().round() as u64),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p99_9: at(0.999),
        max: Micros(histogram.max()),
        curve,
    }
}
