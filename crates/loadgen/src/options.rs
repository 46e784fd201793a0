//! How a load is sent: connections, waiting, time-outs; and why a run could not begin.

use crate::plan::PlanError;
use std::io;
use std::time::{Duration, Instant};

/// How to send; what to send is the [`LoadPlan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most connections at once, 1 to 65,535.
    pub connections_max: usize,
    /// Most due requests standing in line for a connection, up to 10 million (about 50 bytes each).
    pub waiting_max: usize,
    /// A request that has no whole answer this long after it was *due* has failed, above 0 and at most 1 hour.
    pub timeout: Duration,
    /// An idle connection is closed after this long; keep it below the server's own bound.
    pub idle_max: Duration,
    /// A send later than this after its due time is counted as late.
    pub late_after: Duration,
    /// How often the progress callback is called, 10 ms to 1 hour.
    pub progress_every: Duration,
    /// How long open requests may take to end once the run was stopped, at most 1 hour.
    pub stop_grace: Duration,
    /// The moment that the plan's time counts from; none is now. A moment in the past makes the first sends late.
    pub start: Option<Instant>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: 512,
            waiting_max: 100_000,
            timeout: Duration::from_secs(30),
            idle_max: Duration::from_secs(5),
            late_after: Duration::from_millis(1),
            progress_every: Duration::from_millis(250),
            stop_grace: Duration::from_secs(2),
            start: None,
        }
    }
}

/// Why a run could not begin, or lost its own footing. A target that does not answer is no such error: it is measured.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan is out of range.
    #[error("the load plan is not valid")]
    Plan(#[from] PlanError),
    /// An option is out of range.
    #[error("option {field} must be {range}")]
    Option {
        /// The field.
        field: &'static str,
        /// What it may hold.
        range: &'static str,
    },
    /// The target's name has no address.
    #[error("{target}: the host has no address")]
    Resolve {
        /// The target.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// No timer or runtime could be made.
    #[error("no timer or runtime")]
    System(#[from] io::Error),
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Options {
    pub(crate) fn check(&self) -> Result<(), RunError> {
        let refuse = |field, range| Err(RunError::Option { field, range });
        if !(1..=65_535).contains(&self.connections_max) {
            return refuse("connections_max", "1 to 65,535");
        }
        if self.waiting_max > 10_000_000 {
            return refuse("waiting_max", "at most 10,000,000");
        }
        if self.timeout.is_zero() || self.timeout > HOUR {
            return refuse("timeout", "above 0 and at most 1 hour");
        }
        if !(Duration::from_millis(10)..=HOUR).contains(&self.progress_every) {
            return refuse("progress_every", "10 ms to 1 hour");
        }
        if self.stop_grace > HOUR {
            return refuse("stop_grace", "at most 1 hour");
        }
        Ok(())
    }
}
