//! A window of the calendar in which there are at least so many replicas, as KEDA's cron scaler has it.
//!
//! # Source
//! KEDA documentation, "Cron" scaler: `timezone`, `start`, `end`, `desiredReplicas`, and the scaled object's
//! `cooldownPeriod`.

use crate::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// One window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronSpec {
    /// Name of a zone of the IANA database, such as `Europe/Zurich`.
    pub timezone: String,
    /// When it begins: minute, hour, day of month, month, day of week.
    pub start: String,
    /// When it ends.
    pub end: String,
    /// Replicas within it, above zero.
    pub desired_replicas: u32,
    /// How long they stay after its end, trace time.
    #[serde(default = "CronSpec::cooldown")]
    pub cooldown_period: Millis,
}

impl CronSpec {
    /// KEDA's own.
    #[must_use]
    pub const fn cooldown() -> Millis {
        Millis(300_000)
    }
}

/// Everything behind one proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronReason {
    /// The zone.
    pub timezone: String,
    /// Replicas within the window.
    pub desired: u32,
    /// Whether the window is open.
    pub open: bool,
    /// Next beginning; none within five years.
    pub start: Option<Timestamp>,
    /// Next end; none within five years.
    pub end: Option<Timestamp>,
    /// Not open, but its replicas stay until then.
    pub cooldown_until: Option<Timestamp>,
}

impl std::fmt::Display for CronReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "window of {} in {}", self.desired, self.timezone)?;
        match (self.open, self.cooldown_until, self.end, self.start) {
            (true, _, Some(end), _) => write!(f, ", open until {end}"),
            (true, _, None, _) => f.write_str(", open"),
            (false, Some(until), _, _) => write!(f, ", closed, cooling down until {until}"),
            (false, None, _, Some(start)) => write!(f, ", opens {start}"),
            (false, None, _, None) => f.write_str(", never opens"),
        }
    }
}
