//! The body of `POST /v1/events`: an event that is announced as it happens, or for later.
//!
//! Integers with their unit in the name, as everywhere in the API; times are trace time. What is wrong is refused with
//! the field's name and never repaired.

use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::scaling::{CurvePoint, Event, EventSpec, Expected};
use plimsoll_model::{JobName, ServiceName};
use serde::Deserialize;

/// Most points of a curve.
const POINTS_MAX: usize = 1_000;
/// Largest factor, in thousandths.
const FACTOR_MAX: u64 = 1_000_000;
/// Longest text of `by`.
const BY_LEN_MAX: usize = 200;

/// What is announced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// What it is called; one of the same name is replaced.
    pub name: String,
    /// Whose load.
    pub service: ServiceName,
    /// How long it lasts.
    for_ms: Option<u64>,
    /// When it starts; now if absent.
    start_ms: Option<i64>,
    /// When it ends, in place of `for_ms`.
    end_ms: Option<i64>,
    /// The load as a multiple of the usual one.
    factor_permille: Option<u64>,
    /// The load by itself.
    rate_milli_rps: Option<u64>,
    /// How the load goes on.
    #[serde(default)]
    curve: Vec<Point>,
    /// Who announces it.
    #[serde(default)]
    by: String,
}

/// The load from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    /// Time after the start.
    at_ms: u64,
    factor_permille: Option<u64>,
    rate_milli_rps: Option<u64>,
}

/// Why an announcement was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// Not the JSON that is expected.
    #[error("the body is no announcement: {0}")]
    Body(String),
    /// A name that cannot be one.
    #[error("`name` {0:?} is no name: 1 to 63 characters a-z, 0-9 and '-', starting with a letter")]
    Name(String),
    /// A text that is too long.
    #[error("`by` is {0} bytes long, the most is {BY_LEN_MAX}")]
    By(usize),
    /// Neither `for_ms` nor `end_ms`, or both.
    #[error("one of `for_ms` and `end_ms` says when it ends, and not both")]
    End,
    /// It ends before it starts.
    #[error("`{field}`: the event would end at {end}, which is not after its start {start}")]
    EndsBeforeStart {
        /// The field that says so.
        field: &'static str,
        /// The start.
        start: Timestamp,
        /// The end.
        end: Timestamp,
    },
    /// It is over already.
    #[error("`{field}`: the event would end at {end}, and it is {now}")]
    Over {
        /// The field that says so.
        field: &'static str,
        /// The end.
        end: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// No load, two loads, or one out of range.
    #[error(
        "`{place}factor_permille` (1 to {FACTOR_MAX}) or `{place}rate_milli_rps` (1 or more): exactly one has to be given"
    )]
    Load {
        /// Where.
        place: String,
    },
    /// A point that does not come after the one before, or not before the end.
    #[error("`curve[{index}].at_ms` {at} has to be more than {above} and less than {below}")]
    Point {
        /// Which.
        index: usize,
        /// What it says.
        at: u64,
        /// The point before.
        above: u64,
        /// The length of the event.
        below: u64,
    },
    /// Too many points.
    #[error("`curve` has {0} points, the most is {POINTS_MAX}")]
    Points(usize),
}

impl Announcement {
    /// Reads a body.
    ///
    /// # Errors
    /// [`AnnounceError::Body`] with the place.
    pub fn read(body: &[u8]) -> Result<Self, AnnounceError> {
        serde_json::from_slice(body).map_err(|error| AnnounceError::Body(error.to_string()))
    }

    /// The same, saying too which named token it came with.
    #[must_use]
    pub fn via(mut self, token: &str) -> Self {
        self.by = super::via(&self.by, token, BY_LEN_MAX);
        self
    }

    /// The event that it announces at `now`.
    ///
    /// # Errors
    /// [`AnnounceError`], naming the field.
    pub fn event(&self, now: Timestamp) -> Result<Event, AnnounceError> {
        // Events, jobs and services are named alike.
        if self.name.parse::<JobName>().is_err() {
            return Err(AnnounceError::Name(self.name.clone()));
        }
        if self.by.len() > BY_LEN_MAX {
            return Err(AnnounceError::By(self.by.len()));
        }
        let start = self.start_ms.map_or(now, Timestamp);
        let (end, field) = match (self.for_ms, self.end_ms) {
            (Some(length), None) => (start.plus(Millis(length)), "for_ms"),
            (None, Some(end)) => (Timestamp(end), "end_ms"),
            _ => return Err(AnnounceError::End),
        };
        if end <= start {
            return Err(AnnounceError::EndsBeforeStart { field, start, end });
        }
        if end <= now {
            return Err(AnnounceError::Over { field, end, now });
        }
        let curve = self.points(end.since(start).get())?;
        Ok(Event { spec: EventSpec { name: self.name.clone(), start, end, curve }, by: self.by.clone() })
    }

    fn points(&self, length: u64) -> Result<Vec<CurvePoint>, AnnounceError> {
        if self.curve.len() > POINTS_MAX {
            return Err(AnnounceError::Points(self.curve.len()));
        }
        let is_given = self.factor_permille.is_some() || self.rate_milli_rps.is_some();
        let mut points = Vec::with_capacity(self.curve.len() + 1);
        if is_given || self.curve.is_empty() {
            let expected = expected(self.factor_permille, self.rate_milli_rps, "")?;
            points.push(CurvePoint { at: Millis(0), expected });
        }
        for (index, point) in self.curve.iter().enumerate() {
            let above = points.last().map_or(0, |before| before.at.get());
            if point.at_ms >= length || (!points.is_empty() && point.at_ms <= above) {
                return Err(AnnounceError::Point { index, at: point.at_ms, above, below: length });
            }
            let place = format!("curve[{index}].");
            let expected = expected(point.factor_permille, point.rate_milli_rps, &place)?;
            points.push(CurvePoint { at: Millis(point.at_ms), expected });
        }
        Ok(points)
    }
}

fn expected(factor: Option<u64>, rate: Option<u64>, place: &str) -> Result<Expected, AnnounceError> {
    match (factor, rate) {
        (Some(factor), None) if (1..=FACTOR_MAX).contains(&factor) => Ok(Expected::Factor(Permille(factor))),
        (None, Some(rate)) if rate > 0 => Ok(Expected::Rate(MilliRps(rate))),
        _ => Err(AnnounceError::Load { place: place.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn announce(rest: &str) -> Result<Event, String> {
        let body = format!("{{\"name\":\"sale\",\"service\":\"shop\"{rest}}}");
        Announcement::read(body.as_bytes()).and_then(|it| it.event(NOW)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_event_starts_at_once_and_ends_by_itself() {
        let event = announce(",\"for_ms\":600000,\"factor_permille\":2500,\"by\":\"ci\"").unwrap();
        assert_eq!((event.spec.start, event.spec.end, event.by.as_str()), (NOW, Timestamp(1_600_000), "ci"));
        let expected = Expected::Factor(Permille(2_500));
        assert_eq!(event.spec.curve, [CurvePoint { at: Millis(0), expected }]);
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_field() {
        for (rest, names) in [
            (",\"factor_permille\":2000", "`for_ms` and `end_ms`"),
            (",\"factor_permille\":2000,\"for_ms\":1,\"end_ms\":2", "`for_ms` and `end_ms`"),
            (",\"factor_permille\":2000,\"for_ms\":0", "`for_ms`"),
            (",\"factor_permille\":2000,\"start_ms\":2000000,\"end_ms\":1500000", "`end_ms`"),
            (",\"factor_permille\":2000,\"start_ms\":1,\"end_ms\":2", "it is 1970"),
            (",\"for_ms\":5", "`factor_permille`"),
            (",\"for_ms\":5,\"factor_permille\":1,\"rate_milli_rps\":1", "exactly one"),
            (
                ",\"for_ms\":5,\"factor_permille\":1,\"curve\":[{\"at_ms\":5,\"factor_permille\":1}]",
                "`curve[0].at_ms` 5",
            ),
            (",\"for_ms\":5,\"curve\":[{\"at_ms\":1}]", "`curve[0].factor_permille`"),
            (",\"for_ms\":5,\"factor\":2", "unknown field `factor`"),
        ] {
            let error = announce(rest).unwrap_err();
            assert!(error.contains(names), "{rest}: {error}");
        }
        let error = Announcement::read(b"{\"name\":\"A b\",\"service\":\"shop\"}").unwrap().event(NOW).unwrap_err();
        assert_eq!(error, AnnounceError::Name("A b".to_owned()));
    }
}
