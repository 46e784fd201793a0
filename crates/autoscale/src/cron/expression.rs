//! Cron expressions of five fields, and the next moment that matches one in a zone.
//!
//! A moment matches when the local clock shows a matching month, day, hour and minute. So an hour that is skipped in spring
//! is not made up for, and one that is repeated in autumn matches twice, which is what KEDA's library does too. Where both
//! days are restricted, either may match.
//!
//! # Source
//! The behaviour of robfig/cron v3's standard parser (KEDA's): `*`, `?`, lists, ranges, steps (`5/15` is `5-59/15`), names of
//! months and days; Sunday is 0 and never 7; no `@daily`. A search ends after five years.

use super::CronError;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use plimsoll_model::Timestamp;

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Years that are searched beyond the present one.
const YEARS: i16 = 5;

/// What a field may hold.
struct Range {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const FIELDS: [Range; 5] = [
    Range { name: "minute", min: 0, max: 59, names: &[] },
    Range { name: "hour", min: 0, max: 23, names: &[] },
    Range { name: "day of month", min: 1, max: 31, names: &[] },
    Range { name: "month", min: 1, max: 12, names: MONTHS },
    Range { name: "day of week", min: 0, max: 6, names: DAYS },
];

/// Values that match, one bit each, and whether the field restricts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Set {
    bits: u64,
    is_star: bool,
}

impl Set {
    fn has(self, value: impl Into<i64>) -> bool {
        u32::try_from(value.into()).is_ok_and(|value| value < 64 && self.bits >> value & 1 == 1)
    }
}

/// An expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expression {
    minute: Set,
    hour: Set,
    day: Set,
    month: Set,
    weekday: Set,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`CronError`] with the field, what it holds and what it may hold.
    pub fn read(text: &str) -> Result<Self, CronError> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let Ok(parts) = <[&str; 5]>::try_from(parts) else {
            return Err(CronError::Fields { text: text.to_owned(), count: text.split_whitespace().count() });
        };
        let mut sets = [Set::default(); 5];
        for ((set, part), range) in sets.iter_mut().zip(parts).zip(&FIELDS) {
            *set = field(part, range)?;
        }
        let [minute, hour, day, month, weekday] = sets;
        Ok(Self { minute, hour, day, month, weekday })
    }

    /// The first moment strictly after `at` that matches; none within five years.
    #[must_use]
    pub fn next(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(at.0).ok()?;
        let today = zone.to_datetime(after).date();
        let last_year = today.year().checked_add(YEARS)?;
        // A clock that is set back over midnight shows yesterday again.
        let mut date = today.yesterday().ok()?;
        while date.year() <= last_year {
            if !self.month.has(date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            if let Some(found) = self.first_of_day(zone, date, after) {
                let beyond = date.tomorrow().ok().and_then(|date| self.first_of_day(zone, date, after));
                return Some(Timestamp(beyond.map_or(found, |beyond| found.min(beyond)).as_millisecond()));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The first matching moment of a day behind `after`.
    fn first_of_day(&self, zone: &TimeZone, date: Date, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        if !self.month.has(date.month()) || !self.day_matches(date) {
            return None;
        }
        let hours = (0..24_i8).filter(|hour| self.hour.has(*hour));
        let times = hours
            .flat_map(|hour| (0..60_i8).filter(|minute| self.minute.has(*minute)).map(move |minute| (hour, minute)));
        let moments = times.flat_map(|(hour, minute)| moments(zone, date.at(hour, minute, 0, 0)));
        moments.flatten().filter(|moment| *moment > after).min()
    }

    /// Where one of the two restricts nothing both must match, else either.
    fn day_matches(&self, date: Date) -> bool {
        let day = self.day.has(date.day());
        let weekday = self.weekday.has(date.weekday().to_sunday_zero_offset());
        if self.day.is_star || self.weekday.is_star { day && weekday } else { day || weekday }
    }
}

/// The moments at which the local clock shows this: none in a gap, two in a fold.
fn moments(zone: &TimeZone, shown: DateTime) -> [Option<jiff::Timestamp>; 2] {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(shown).ok(), None],
        AmbiguousOffset::Gap { .. } => [None, None],
        AmbiguousOffset::Fold { before, after } => [before.to_timestamp(shown).ok(), after.to_timestamp(shown).ok()],
    }
}

fn field(text: &str, range: &Range) -> Result<Set, CronError> {
    let mut set = Set::default();
    for part in text.split(',') {
        let one = entry(part, range).map_err(|why| CronError::Field {
            field: range.name,
            found: text.to_owned(),
            why,
            min: range.min,
            max: range.max,
        })?;
        set = Set { bits: set.bits | one.bits, is_star: set.is_star || one.is_star };
    }
    Ok(set)
}

/// `*`, `?`, `N`, `N-M`, each with `/S`.
fn entry(text: &str, range: &Range) -> Result<Set, String> {
    let (span, step_text) = text.split_once('/').map_or((text, None), |(span, step)| (span, Some(step)));
    let step = match step_text {
        None => 1,
        Some(step) => number(step).filter(|step| *step > 0).ok_or_else(|| format!("{step:?} is no step above zero"))?,
    };
    let value = |text: &str| {
        let named = || {
            let at = range.names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
            u32::try_from(at).ok().map(|at| at + range.min)
        };
        number(text).or_else(named).ok_or_else(|| format!("{text:?} is no number"))
    };
    let is_star = matches!(span, "*" | "?");
    let (low, high) = match span.split_once('-') {
        _ if is_star => (range.min, range.max),
        Some((low, high)) => (value(low)?, value(high)?),
        None if step_text.is_some() => (value(span)?, range.max),
        None => (value(span)?, value(span)?),
    };
    if low < range.min || high > range.max {
        return Err(format!("{span:?} is out of range"));
    }
    if low > high {
        return Err(format!("{span:?} begins behind its end"));
    }
    let step_width = usize::try_from(step).unwrap_or(usize::MAX);
    let bits = (low..=high).step_by(step_width).fold(0, |bits, value| bits | 1_u64 << value);
    // A star with a step is a restriction.
    Ok(Set { bits, is_star: is_star && step == 1 })
}

fn number(text: &str) -> Option<u32> {
    let is_digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits { text.parse().ok() } else { None }
}
