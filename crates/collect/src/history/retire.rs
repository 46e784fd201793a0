//! What is no longer kept: by age in trace time, and by size. Always whole hours, so that a summary never stands for
//! samples of which a part is still there.

use crate::history::SeriesId;
use crate::history::store::{AppendError, HOUR_MS, History, KEY_BYTES, Key, NAMES, SUMMARY_BYTES, State};
use crate::history::write::{Tables, hour_of};
use plimsoll_model::Timestamp;
use redb::{ReadableTable, Value, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// Disk space that the file takes for each stored byte: pages are half to wholly full, copy-on-write holds the pages of
/// the batches since the last one that waited for the disk twice, and freed pages wait to be used again. With 50 series
/// that are retired all the time, 8 MB in the file hold 3 MB and 4.6 MB hold 1.35 MB: a fixed part, and less than 3
/// for each byte (`tests/history.rs` checks the bound).
const FILE_BYTES_PER_STORED: u64 = 3;
const FILE_BYTES_FIXED: u64 = 1 << 20;

impl History {
    /// Retires what `at`, the newest batch, makes too old or too much. Returns the series that are empty by it.
    pub(crate) fn retire(
        &self,
        transaction: &WriteTransaction,
        held: &State,
        batch: &mut State,
        at: Timestamp,
    ) -> Result<Vec<SeriesId>, AppendError> {
        let hour = i32::try_from(at.0.div_euclid(HOUR_MS)).unwrap_or(0);
        let budget = self.retention.size_max.0.saturating_sub(FILE_BYTES_FIXED) / FILE_BYTES_PER_STORED;
        let is_due = batch.retired_hour != Some(hour);
        if !is_due && batch.stored_bytes <= budget {
            return Ok(Vec::new());
        }
        batch.retired_hour = Some(hour);
        let numbers: BTreeMap<u32, &SeriesId> =
            held.numbers.iter().chain(&batch.numbers).map(|(series, number)| (*number, series)).collect();
        let mut tables = Tables::open(transaction)?;
        let oldest = |age: u64| hour_of_ms(at.0.saturating_sub_unsigned(age));
        let mut removed = cut_raw(&mut tables, &numbers, oldest(self.retention.raw.0))?;
        removed += cut_summaries(&mut tables, &numbers, oldest(self.retention.summary.0))?;
        let too_old = removed;
        while batch.stored_bytes.saturating_sub(removed) > budget {
            let (raw, minutes) = (first_hour(&tables.raw, &numbers)?, first_hour(&tables.minutes, &numbers)?);
            removed += if let Some(first) = raw.filter(|first| *first != hour) {
                cut_raw(&mut tables, &numbers, first + 1)?
            } else if let Some(first) = minutes.filter(|first| *first != hour) {
                cut_summaries(&mut tables, &numbers, first + 1)?
            } else {
                break;
            };
        }
        batch.stored_bytes = batch.stored_bytes.saturating_sub(removed);
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.too_old = retired.too_old.saturating_add(too_old);
        retired.too_much = retired.too_much.saturating_add(removed - too_old);
        drop(retired);
        let emptied = if removed > 0 { empty_series(&tables, &numbers)? } else { Vec::new() };
        drop(tables);
        let mut names = transaction.open_table(NAMES).map_err(redb::Error::from)?;
        for series in &emptied {
            names.remove(series.as_str()).map_err(redb::Error::from)?;
        }
        Ok(emptied)
    }
}

fn hour_of_ms(at: i64) -> i32 {
    i32::try_from(at.div_euclid(HOUR_MS)).unwrap_or(i32::MIN / 60)
}

/// Removes the samples before an hour. Returns how many bytes they took.
fn cut_raw(tables: &mut Tables<'_>, numbers: &BTreeMap<u32, &SeriesId>, before: i32) -> Result<u64, redb::Error> {
    let mut removed = 0;
    for number in numbers.keys() {
        let range = (*number, i32::MIN)..(*number, before.saturating_mul(60));
        tables.raw.retain_in(range, |_, chunk| {
            removed += KEY_BYTES + chunk.len() as u64;
            false
        })?;
    }
    Ok(removed)
}

/// Removes the summaries before an hour, and samples that are left there. Returns how many bytes they took.
fn cut_summaries(tables: &mut Tables<'_>, numbers: &BTreeMap<u32, &SeriesId>, before: i32) -> Result<u64, redb::Error> {
    let mut removed = cut_raw(tables, numbers, before)?;
    for number in numbers.keys() {
        let mut count = |_: Key, _| {
            removed += SUMMARY_BYTES;
            false
        };
        tables.minutes.retain_in((*number, i32::MIN)..(*number, before.saturating_mul(60)), &mut count)?;
        tables.hours.retain_in((*number, i32::MIN)..(*number, before), &mut count)?;
    }
    Ok(removed)
}

/// The oldest hour in a table whose keys are minutes.
fn first_hour<V: Value + 'static>(
    table: &impl ReadableTable<Key, V>,
    numbers: &BTreeMap<u32, &SeriesId>,
) -> Result<Option<i32>, redb::Error> {
    let mut first: Option<i32> = None;
    for number in numbers.keys() {
        if let Some(entry) = table.range((*number, i32::MIN)..=(*number, i32::MAX))?.next() {
            let hour = hour_of(entry?.0.value().1);
            first = Some(first.map_or(hour, |first| first.min(hour)));
        }
    }
    Ok(first)
}

/// Series without a summary, and so without a sample.
fn empty_series(tables: &Tables<'_>, numbers: &BTreeMap<u32, &SeriesId>) -> Result<Vec<SeriesId>, redb::Error> {
    let mut empty = Vec::new();
    for (number, series) in numbers {
        if tables.hours.range((*number, i32::MIN)..=(*number, i32::MAX))?.next().is_none() {
            empty.push((*series).clone());
        }
    }
    Ok(empty)
}
