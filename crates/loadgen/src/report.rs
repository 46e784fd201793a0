//! What a run measured, as plain data; drawing it is the `report` crate's work.
//!
//! The counts close: `planned = sent + refused + unsent` and `sent = succeeded + failed - refused + cancelled`, where
//! `refused` is [`FailureCounts::overflow`]. Tests hold the generator to it.

use plimsoll_model::{Micros, Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Failures listed one by one in a report; all are counted.
pub const FAILURES_LISTED_MAX: usize = 100;

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Where the load went.
    pub target: String,
    /// The shape, in words.
    pub shape: String,
    /// The plan's seed.
    pub seed: u64,
    /// Factor on the shape's rates.
    pub scale: f64,
    /// Wall-clock time of the first moment of the run.
    pub started_at: Timestamp,
    /// Physical time from the start to the last answer.
    pub elapsed_ms: Millis,
    /// Why sending ended.
    pub ended: Ended,
    /// Requests that fell due.
    pub planned: u64,
    /// Requests that were begun on a connection, or tried to be.
    pub sent: u64,
    /// Answers of status 1xx to 3xx that arrived whole.
    pub succeeded: u64,
    /// Everything that failed, by kind.
    pub failed: FailureCounts,
    /// Failures by method: only a failed GET is one that a retry could have saved.
    pub failed_by_method: BTreeMap<String, u64>,
    /// Requests still open when the run was stopped and its grace time was over.
    pub cancelled: u64,
    /// Requests that were due and waiting for a connection when the run was stopped.
    pub unsent: u64,
    /// Requests that the generator itself began late (`late_after`): this machine was too busy. Their latency counts
    /// from the due time all the same.
    pub late: u64,
    /// The longest such delay.
    pub late_max: Micros,
    /// Requests that waited because all connections were in use; part of their latency.
    pub waited: u64,
    /// The longest such wait.
    pub waited_max: Micros,
    /// Connections opened.
    pub connections_opened: u64,
    /// Bytes of answer bodies.
    pub bytes_received: u64,
    /// Slots of the trace that were not recorded, during which nothing was sent.
    pub gap_slots: u64,
    /// From the due time to the last byte, answers that succeeded.
    pub latency: LatencySummary,
    /// From the due time to the end, requests that failed.
    pub latency_failed: LatencySummary,
    /// From the moment of sending to the last byte, answers that succeeded: what a closed-loop tool would have shown.
    pub service_time: LatencySummary,
    /// One entry per physical second, by the second in which a request ended.
    pub timeline: Vec<Second>,
    /// The first [`FAILURES_LISTED_MAX`] failures.
    pub failures: Vec<FailureSeen>,
}

/// Why sending ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The shape was at its end.
    Completed,
    /// Somebody stopped it.
    Stopped,
    /// The plan's bound on requests was reached.
    RequestLimit,
    /// The plan's bound on time was reached before the shape's end.
    TimeLimit,
}

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection could be made.
    Connect,
    /// No whole answer within the time-out.
    Timeout,
    /// The connection ended before the whole answer was there.
    Reset,
    /// An answer of status 4xx.
    #[serde(rename = "status_4xx")]
    Status4xx,
    /// An answer of status 5xx.
    #[serde(rename = "status_5xx")]
    Status5xx,
    /// An answer that is not HTTP/1.1, or too large.
    Protocol,
    /// Never sent: the line of requests waiting for a connection was full, or none came free within the time-out.
    Overflow,
}

/// Failures by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FailureCounts {
    /// [`FailureKind::Connect`].
    pub connect: u64,
    /// [`FailureKind::Timeout`].
    pub timeout: u64,
    /// [`FailureKind::Reset`].
    pub reset: u64,
    /// [`FailureKind::Status4xx`].
    pub status_4xx: u64,
    /// [`FailureKind::Status5xx`].
    pub status_5xx: u64,
    /// [`FailureKind::Protocol`].
    pub protocol: u64,
    /// [`FailureKind::Overflow`].
    pub overflow: u64,
}

/// One failed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSeen {
    /// When it was due, in physical time from the start of the run.
    pub due_ms: Millis,
    /// When it had failed, likewise.
    pub ended_ms: Millis,
    /// `GET` or `POST`.
    pub method: String,
    /// The path asked for.
    pub path: String,
    /// The kind.
    pub kind: FailureKind,
    /// What was seen: the status, or what the system said.
    pub what: String,
}

/// Quantiles of a latency, from an HDR histogram of three significant digits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Requests in it.
    pub count: u64,
    /// Lowest.
    pub min: Micros,
    /// Arithmetic mean.
    pub mean: Micros,
    /// Half of the requests were at most this.
    pub p50: Micros,
    /// 90 %.
    pub p90: Micros,
    /// 99 %.
    pub p99: Micros,
    /// 99.9 %.
    pub p99_9: Micros,
    /// Highest.
    pub max: Micros,
    /// `(share of requests in millionths, latency)` at growing shares, for a plot.
    pub curve: Vec<(u32, Micros)>,
}

/// One physical second of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds from the start.
    pub second: u32,
    /// The trace's time at its start, for a trace.
    pub trace_time: Option<Timestamp>,
    /// The plan's rate in the middle of it, per second; none in a gap and past the end.
    pub planned_rps: Option<f64>,
    /// Requests begun.
    pub sent: u32,
    /// Requests that ended well.
    pub succeeded: u32,
    /// Requests that ended badly.
    pub failed: u32,
    /// Median latency of those that ended well.
    pub p50: Micros,
    /// 99 % quantile of them.
    pub p99: Micros,
    /// Highest of them.
    pub max: Micros,
}

/// What the progress callback is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Physical time since the start.
    pub elapsed: std::time::Duration,
    /// Physical time of the whole plan.
    pub duration: std::time::Duration,
    /// The trace's time now, for a trace.
    pub trace_time: Option<Timestamp>,
    /// The plan's rate now, per second; none in a gap and past the end.
    pub planned_rps: Option<f64>,
    /// Requests begun so far.
    pub sent: u64,
    /// Ended well so far.
    pub succeeded: u64,
    /// Ended badly so far.
    pub failed: u64,
    /// Begun late by the generator's own fault so far.
    pub late: u64,
    /// Open now.
    pub in_flight: usize,
    /// Due and waiting for a connection now.
    pub waiting: usize,
    /// The last full second; none before its end.
    pub last_second: Option<Second>,
}

impl FailureCounts {
    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { connect, timeout, reset, status_4xx, status_5xx, protocol, overflow } = *self;
        connect + timeout + reset + status_4xx + status_5xx + protocol + overflow
    }

    pub(crate) fn count(&mut self, kind: FailureKind) {
        *match kind {
            FailureKind::Connect => &mut self.connect,
            FailureKind::Timeout => &mut self.timeout,
            FailureKind::Reset => &mut self.reset,
            FailureKind::Status4xx => &mut self.status_4xx,
            FailureKind::Status5xx => &mut self.status_5xx,
            FailureKind::Protocol => &mut self.protocol,
            FailureKind::Overflow => &mut self.overflow,
        } += 1;
    }
}

impl LoadReport {
    /// Requests that ended well per second of the run.
    #[must_use]
    pub fn throughput_rps(&self) -> f64 {
        self.succeeded as f64 / (self.elapsed_ms.0 as f64 / 1_000.0).max(0.001)
    }
}

impl fmt::Display for FailureCounts {
    /// The kinds that occurred: `timeout 3, status 5xx 12`; `none` otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connect, timeout, reset, status_4xx, status_5xx, protocol, overflow } = *self;
        let kinds = [
            ("connect", connect),
            ("timeout", timeout),
            ("reset", reset),
            ("status 4xx", status_4xx),
            ("status 5xx", status_5xx),
            ("protocol", protocol),
            ("overflow", overflow),
        ];
        let mut separator = "";
        for (name, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "{separator}{name} {count}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl fmt::Display for LatencySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p99_9, max, .. } = self;
        write!(f, "p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p99_9}  max {max}")
    }
}

impl fmt::Display for LoadReport {
    /// The report in a few lines of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", self.shape, self.target)?;
        writeln!(
            f,
            "requests  {} sent, {} succeeded, {} failed ({}), {:.1}/s over {}",
            self.sent,
            self.succeeded,
            self.failed.total(),
            self.failed,
            self.throughput_rps(),
            self.elapsed_ms
        )?;
        writeln!(f, "latency   {}", self.latency)?;
        write!(
            f,
            "sending   {} late (at most {}), {} waited for a connection (at most {}), {} connections opened",
            self.late, self.late_max, self.waited, self.waited_max, self.connections_opened
        )?;
        if self.gap_slots > 0 {
            write!(f, "\ngaps      {} slots of the trace were not recorded and sent nothing", self.gap_slots)?;
        }
        if self.ended != Ended::Completed {
            let unfinished = self.unsent + self.cancelled;
            write!(f, "\nended     early ({:?}), {unfinished} requests unfinished", self.ended)?;
        }
        Ok(())
    }
}
