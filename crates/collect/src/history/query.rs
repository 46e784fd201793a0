//! Reading: the finest resolution that the number of points asked for allows, merged where even that is too many.

use crate::history::chunk::unpack;
use crate::history::store::{HOUR_MS, HOURS, History, Key, MINUTE_MS, MINUTES, Packed, QueryError, RAW};
use crate::history::summary::{Point, Summary};
use crate::history::{POINTS_MAX, SeriesId};
use plimsoll_model::Timestamp;
use redb::{ReadTransaction, ReadableDatabase as _, TableDefinition};
use std::collections::BTreeMap;
use std::ops::Range;

impl History {
    /// The points of one series from `from` up to but not including `to`, in order, at most `max_points` of them (and
    /// never more than [`POINTS_MAX`]). They are the samples themselves where those are kept and few enough, otherwise
    /// summaries of equal intervals; the range is then widened to whole minutes or hours. An interval without samples
    /// has no point. An unknown series has none at all.
    ///
    /// # Errors
    /// [`QueryError`] from the store.
    pub fn query(
        &self,
        series: &SeriesId,
        from: Timestamp,
        to: Timestamp,
        max_points: usize,
    ) -> Result<Vec<Point>, QueryError> {
        let Some(number) = self.state().numbers.get(series).copied() else { return Ok(Vec::new()) };
        let range = from.0..to.0;
        Ok(self.with(|db| points(&db.begin_read()?, number, range, max_points))?)
    }

    /// The same for every series that fits the pattern, in which `*` stands for any characters within one level.
    ///
    /// # Errors
    /// [`QueryError`] from the store.
    pub fn query_matching(
        &self,
        pattern: &str,
        from: Timestamp,
        to: Timestamp,
        max_points: usize,
    ) -> Result<BTreeMap<SeriesId, Vec<Point>>, QueryError> {
        let numbers: Vec<(SeriesId, u32)> = {
            let state = self.state();
            let fits = state.numbers.iter().filter(|(series, _)| series.matches(pattern));
            fits.map(|(series, number)| (series.clone(), *number)).collect()
        };
        let found: Result<_, redb::Error> = self.with(|db| {
            let transaction = db.begin_read()?;
            let mut found = BTreeMap::new();
            for (series, number) in numbers {
                found.insert(series, points(&transaction, number, from.0..to.0, max_points)?);
            }
            Ok(found)
        });
        Ok(found?)
    }
}

fn points(
    transaction: &ReadTransaction,
    number: u32,
    range: Range<i64>,
    max_points: usize,
) -> Result<Vec<Point>, redb::Error> {
    let max_points = max_points.clamp(1, POINTS_MAX);
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let width = width_of(&range, max_points);
    let (unit, found) = if width < MINUTE_MS {
        (1, samples(transaction, number, &range)?)
    } else if width < HOUR_MS {
        (MINUTE_MS, summaries(transaction, MINUTES, MINUTE_MS, number, &range)?)
    } else {
        (HOUR_MS, summaries(transaction, HOURS, HOUR_MS, number, &range)?)
    };
    if found.len() <= max_points {
        return Ok(found.into_iter().map(|(at, summary)| Point::new(at, summary)).collect());
    }
    // A summary may begin before the range that it reaches into.
    let start = floor(found.first().map_or(range.start, |(at, _)| range.start.min(*at)), unit);
    let width = width_of(&(start..range.end), max_points);
    let width = width.saturating_add(unit - 1) / unit * unit;
    let mut merged: BTreeMap<i64, Summary> = BTreeMap::new();
    for (at, summary) in found {
        let bucket = start + floor(at.saturating_sub(start), width);
        merged.entry(bucket).and_modify(|whole| *whole = whole.and(summary)).or_insert(summary);
    }
    Ok(merged.into_iter().map(|(at, summary)| Point::new(at, summary)).collect())
}

/// The least width that covers the range with that many intervals.
fn width_of(range: &Range<i64>, intervals: usize) -> i64 {
    let length = i128::from(range.end) - i128::from(range.start);
    let intervals = intervals as i128;
    i64::try_from((length + intervals - 1) / intervals).unwrap_or(i64::MAX)
}

fn floor(at: i64, unit: i64) -> i64 {
    at.div_euclid(unit).saturating_mul(unit)
}

/// The keys of all units that the range touches.
fn keys(number: u32, range: &Range<i64>, unit: i64) -> std::ops::RangeInclusive<Key> {
    let key = |at: i64| {
        let unit = at.div_euclid(unit);
        (number, i32::try_from(unit).unwrap_or(if unit < 0 { i32::MIN } else { i32::MAX }))
    };
    key(range.start)..=key(range.end - 1)
}

/// The samples in the range, and the summaries of minutes of which no samples are kept.
fn samples(transaction: &ReadTransaction, number: u32, range: &Range<i64>) -> Result<Vec<(i64, Summary)>, redb::Error> {
    let mut found = BTreeMap::new();
    for (at, summary) in summaries(transaction, MINUTES, MINUTE_MS, number, range)? {
        found.insert(at, vec![(at, summary)]);
    }
    for entry in transaction.open_table(RAW)?.range(keys(number, range, MINUTE_MS))? {
        let (key, chunk) = entry?;
        let start = i64::from(key.value().1) * MINUTE_MS;
        let samples = unpack(chunk.value()).unwrap_or_default().into_iter();
        let samples = samples.map(|(at, value)| (start + i64::from(at), Summary::of(value)));
        found.insert(start, samples.filter(|(at, _)| range.contains(at)).collect());
    }
    Ok(found.into_values().flatten().collect())
}

fn summaries(
    transaction: &ReadTransaction,
    table: TableDefinition<'static, Key, Packed>,
    unit: i64,
    number: u32,
    range: &Range<i64>,
) -> Result<Vec<(i64, Summary)>, redb::Error> {
    let mut found = Vec::new();
    for entry in transaction.open_table(table)?.range(keys(number, range, unit))? {
        let (key, summary) = entry?;
        found.push((i64::from(key.value().1) * unit, summary.value().into()));
    }
    Ok(found)
}
