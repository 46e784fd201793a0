//! A copy of a store without some of its series. A copy and not a removal in place: a page that is freed keeps its bytes until
//! it is used again, and what is forgotten must be gone.

use crate::history::SeriesId;
use crate::history::store::{
    AppendError, HOURS, History, KEY_BYTES, MINUTES, NAMES, OpenError, RAW, Retention, SUMMARY_BYTES,
};
use crate::history::write::{Tables, save};
use redb::{ReadTransaction, ReadableDatabase as _};
use std::path::Path;

/// What a copy holds and what it left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopiedWithout {
    /// Series copied.
    pub kept: usize,
    /// Series left out.
    pub left_out: usize,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The new store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading the old or writing the new one.
    #[error(transparent)]
    Copy(#[from] AppendError),
}

impl History {
    /// Copies everything but the series that `is_left_out` names into a new store at `to`, and waits for the disk.
    ///
    /// # Errors
    /// [`CopyError`]; what was written of the copy is left for the caller to remove.
    pub fn copy_without(
        &self,
        to: &Path,
        retention: Retention,
        is_left_out: impl Fn(&SeriesId) -> bool,
    ) -> Result<CopiedWithout, CopyError> {
        let copy = Self::open(to, retention)?;
        let numbers = self.state().numbers.clone();
        let next_number = self.state().next_number;
        let kept: Vec<(SeriesId, u32)> = numbers.into_iter().filter(|(series, _)| !is_left_out(series)).collect();
        let done = CopiedWithout { kept: kept.len(), left_out: self.state().numbers.len() - kept.len() };
        let copied: Result<u64, redb::Error> = self.with(|db| {
            let read = db.begin_read()?;
            copy.with(|db| {
                let mut transaction = db.begin_write()?;
                transaction.set_quick_repair(true);
                let mut stored = 0;
                {
                    let mut names = transaction.open_table(NAMES)?;
                    let mut tables = Tables::open(&transaction)?;
                    for (series, number) in &kept {
                        names.insert(series.as_str(), number)?;
                        stored += series_to(&read, &mut tables, *number)?;
                    }
                }
                let mut state = copy.state();
                state.numbers = kept.iter().cloned().collect();
                (state.next_number, state.stored_bytes) = (next_number, stored);
                save(&transaction, &state)?;
                transaction.commit()?;
                Ok(stored)
            })
        });
        copied.map_err(AppendError::from)?;
        Ok(done)
    }
}

/// Copies one series; how many bytes of keys and values it has.
fn series_to(read: &ReadTransaction, tables: &mut Tables<'_>, number: u32) -> Result<u64, redb::Error> {
    let all = (number, i32::MIN)..=(number, i32::MAX);
    let mut stored = 0;
    for entry in read.open_table(RAW)?.range(all.clone())? {
        let (key, chunk) = entry?;
        tables.raw.insert(key.value(), chunk.value())?;
        stored += KEY_BYTES + chunk.value().len() as u64;
    }
    for entry in read.open_table(MINUTES)?.range(all.clone())? {
        let (key, summary) = entry?;
        tables.minutes.insert(key.value(), summary.value())?;
        stored += SUMMARY_BYTES;
    }
    for entry in read.open_table(HOURS)?.range(all)? {
        let (key, summary) = entry?;
        tables.hours.insert(key.value(), summary.value())?;
        stored += SUMMARY_BYTES;
    }
    Ok(stored)
}
