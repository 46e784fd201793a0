//! Taking back what was written of a time that will be lived again: a replay that starts over would otherwise show the
//! rest of the last one as its future, and mix with it wherever its samples fall at other moments.

use crate::history::chunk::{Sample, pack, unpack};
use crate::history::store::{AppendError, History, KEY_BYTES, MINUTE_MS, SUMMARY_BYTES};
use crate::history::summary::Summary;
use crate::history::write::{Tables, hour_of, save, summary_of_minutes};
use plimsoll_model::Timestamp;
use redb::ReadableTable as _;

impl History {
    /// Removes every sample of every series at or after `at`, and brings the summaries in line. Of a minute whose
    /// samples are retired only the summary is there, and it stays if the minute begins before `at`. Waits for the
    /// disk. Series that are empty by it keep their names until retention runs.
    ///
    /// # Errors
    /// [`AppendError`]; nothing is removed then.
    pub fn forget_from(&self, at: Timestamp) -> Result<(), AppendError> {
        let mut held = self.state();
        self.mend(&mut held)?;
        let mut state = held.clone_for_batch();
        let done: Result<(), redb::Error> = self.with(|db| {
            let mut transaction = db.begin_write()?;
            transaction.set_quick_repair(true);
            let mut tables = Tables::open(&transaction)?;
            for number in held.numbers.values() {
                forget(&mut tables, &mut state.stored_bytes, *number, at)?;
            }
            drop(tables);
            save(&transaction, &state)?;
            Ok(transaction.commit()?)
        });
        match &done {
            Ok(()) => held.take(state, &[]),
            Err(_) => held.is_broken = true,
        }
        Ok(done?)
    }
}

fn forget(tables: &mut Tables<'_>, stored: &mut u64, number: u32, at: Timestamp) -> Result<(), redb::Error> {
    let unit = at.0.div_euclid(MINUTE_MS);
    let minute = i32::try_from(unit).unwrap_or(if unit < 0 { i32::MIN } else { i32::MAX });
    let offset = at.0.rem_euclid(MINUTE_MS);
    // A minute that begins at the moment itself goes whole.
    let first = if offset == 0 { minute } else { minute.saturating_add(1) };
    let mut removed = 0;
    tables.raw.retain_in((number, first)..=(number, i32::MAX), |_, chunk| {
        removed += KEY_BYTES + chunk.len() as u64;
        false
    })?;
    tables.minutes.retain_in((number, first)..=(number, i32::MAX), |_, _| {
        removed += SUMMARY_BYTES;
        false
    })?;
    tables.hours.retain_in((number, hour_of(minute).saturating_add(1))..=(number, i32::MAX), |_, _| {
        removed += SUMMARY_BYTES;
        false
    })?;
    *stored = stored.saturating_sub(removed);
    if offset != 0 {
        cut_minute(tables, stored, (number, minute), offset)?;
    }
    let hour = (number, hour_of(minute));
    match summary_of_minutes(tables, hour)? {
        Some(summary) => drop(tables.hours.insert(hour, summary.packed())?),
        None => {
            let had = tables.hours.remove(hour)?.is_some();
            *stored = stored.saturating_sub(SUMMARY_BYTES * u64::from(had));
        }
    }
    Ok(())
}

/// Leaves of a minute only the samples before `offset` milliseconds.
fn cut_minute(tables: &mut Tables<'_>, stored: &mut u64, key: (u32, i32), offset: i64) -> Result<(), redb::Error> {
    let Some(chunk) = tables.raw.get(key)?.map(|chunk| chunk.value().to_vec()) else { return Ok(()) };
    let mut samples: Vec<Sample> = unpack(&chunk).unwrap_or_default();
    samples.retain(|(at, _)| i64::from(*at) < offset);
    *stored = stored.saturating_sub(chunk.len() as u64);
    match Summary::of_all(samples.iter().map(|(_, value)| Summary::of(*value))) {
        Some(summary) => {
            let packed = pack(&samples);
            *stored += packed.len() as u64;
            tables.raw.insert(key, packed.as_slice())?;
            tables.minutes.insert(key, summary.packed())?;
        }
        None => {
            tables.raw.remove(key)?;
            let had = tables.minutes.remove(key)?.is_some();
            *stored = stored.saturating_sub(KEY_BYTES + SUMMARY_BYTES * u64::from(had));
        }
    }
    Ok(())
}
