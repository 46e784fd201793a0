//! Writing a batch: the samples, and the summaries they change, in one transaction.

use crate::history::chunk::{Sample, pack, place, unpack};
use crate::history::store::{
    AppendError, HOUR_MS, HOURS, History, KEY_BYTES, Key, META, MINUTE_MS, MINUTES, NAMES, Packed, RAW, SUMMARY_BYTES,
    State,
};
use crate::history::summary::Summary;
use crate::history::{FLUSH_EVERY, SERIES_MAX, SeriesId};
use plimsoll_model::Timestamp;
use redb::{Database, Durability, ReadableTable as _, Table, WriteTransaction};

impl From<Packed> for Summary {
    fn from((min, max, sum, count): Packed) -> Self {
        Self { min, max, sum, count }
    }
}

impl Summary {
    pub(crate) const fn packed(self) -> Packed {
        (self.min, self.max, self.sum, self.count)
    }
}

/// The tables of samples and summaries, open for writing.
pub(crate) struct Tables<'t> {
    pub raw: Table<'t, Key, &'static [u8]>,
    pub minutes: Table<'t, Key, Packed>,
    pub hours: Table<'t, Key, Packed>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            raw: transaction.open_table(RAW)?,
            minutes: transaction.open_table(MINUTES)?,
            hours: transaction.open_table(HOURS)?,
        })
    }
}

impl History {
    /// Writes one value for each series at `at`, and retires what is no longer kept. One batch is one transaction.
    /// Every tenth waits for the disk, so call it where waiting is allowed.
    ///
    /// # Errors
    /// [`AppendError`]; nothing of the batch is in the store then.
    pub fn append(&self, at: Timestamp, samples: &[(SeriesId, i64)]) -> Result<(), AppendError> {
        let minute = i32::try_from(at.0.div_euclid(MINUTE_MS)).map_err(|_| AppendError::Time { at })?;
        let mut held = self.state();
        self.mend(&mut held)?;
        let mut state = held.clone_for_batch();
        let written = self.with(|db| self.write(db, &held, &mut state, (at, minute), samples));
        match &written {
            Ok(emptied) => held.take(state, emptied),
            Err(AppendError::DiskFull { .. } | AppendError::Storage { .. }) => held.is_broken = true,
            Err(_) => {}
        }
        written.map(drop)
    }

    fn write(
        &self,
        db: &Database,
        held: &State,
        state: &mut State,
        (at, minute): (Timestamp, i32),
        samples: &[(SeriesId, i64)],
    ) -> Result<Vec<SeriesId>, AppendError> {
        let mut transaction = db.begin_write().map_err(redb::Error::from)?;
        state.unflushed += 1;
        if state.unflushed < FLUSH_EVERY {
            transaction.set_durability(Durability::None).map_err(redb::Error::from)?;
        } else {
            // Makes opening after a crash quick, at the price of a few pages more in the commits that wait anyway.
            transaction.set_quick_repair(true);
            state.unflushed = 0;
        }
        {
            let mut tables = Tables::open(&transaction)?;
            for (series, value) in samples {
                let number = number_of(&transaction, held, state, series)?;
                let sample = (in_minute(at), *value);
                write_sample(&mut tables, &mut state.stored_bytes, (number, minute), sample)?;
            }
        }
        let emptied = self.retire(&transaction, held, state, at)?;
        save(&transaction, state)?;
        transaction.commit().map_err(redb::Error::from)?;
        Ok(emptied)
    }

    /// Waits until everything appended is on the disk.
    ///
    /// # Errors
    /// [`AppendError`] from the disk.
    pub fn flush(&self) -> Result<(), AppendError> {
        let mut state = self.state();
        self.mend(&mut state)?;
        let flushed: Result<(), redb::Error> = self.with(|db| {
            let mut transaction = db.begin_write()?;
            transaction.set_quick_repair(true);
            Ok(transaction.commit()?)
        });
        state.is_broken = flushed.is_err();
        state.unflushed = 0;
        Ok(flushed?)
    }
}

/// The number of a series, a new one for a new series.
fn number_of(
    transaction: &WriteTransaction,
    held: &State,
    batch: &mut State,
    series: &SeriesId,
) -> Result<u32, AppendError> {
    if let Some(number) = held.numbers.get(series).or_else(|| batch.numbers.get(series)) {
        return Ok(*number);
    }
    if held.numbers.len() + batch.numbers.len() >= SERIES_MAX || batch.next_number == u32::MAX {
        return Err(AppendError::TooManySeries { series: series.clone() });
    }
    let number = batch.next_number;
    batch.next_number += 1;
    let mut names = transaction.open_table(NAMES).map_err(redb::Error::from)?;
    names.insert(series.as_str(), number).map_err(redb::Error::from)?;
    batch.numbers.insert(series.clone(), number);
    Ok(number)
}

pub(crate) fn save(transaction: &WriteTransaction, state: &State) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert("next_number", u64::from(state.next_number))?;
    meta.insert("stored_bytes", state.stored_bytes)?;
    Ok(())
}

impl State {
    /// What a batch may change; its `numbers` are only the new ones.
    pub(crate) fn clone_for_batch(&self) -> Self {
        Self { numbers: std::collections::BTreeMap::new(), ..*self }
    }

    /// Takes what a committed batch changed.
    pub(crate) fn take(&mut self, batch: Self, emptied: &[SeriesId]) {
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.extend(batch.numbers);
        for series in emptied {
            numbers.remove(series);
        }
        *self = Self { numbers, ..batch };
    }
}

/// Milliseconds since the minute began.
fn in_minute(at: Timestamp) -> u32 {
    u32::try_from(at.0.rem_euclid(MINUTE_MS)).unwrap_or(0)
}

pub(crate) const fn hour_of(minute: i32) -> i32 {
    minute.div_euclid((HOUR_MS / MINUTE_MS) as i32)
}

/// Writes one sample and the two summaries above it.
fn write_sample(tables: &mut Tables<'_>, stored: &mut u64, key: Key, sample: Sample) -> Result<(), redb::Error> {
    let (number, minute) = key;
    let before = tables.raw.get(key)?.map(|chunk| (chunk.value().len(), unpack(chunk.value()).unwrap_or_default()));
    let (old_length, mut samples) = before.unwrap_or_default();
    let added = samples.len();
    place(&mut samples, sample);
    let packed = pack(&samples);
    if old_length == 0 {
        *stored += KEY_BYTES;
    }
    *stored = (*stored + packed.len() as u64).saturating_sub(old_length as u64);
    tables.raw.insert(key, packed.as_slice())?;

    let all = samples.iter().map(|(_, value)| Summary::of(*value));
    let Some(summary) = Summary::of_all(all) else { return Ok(()) };
    let had_minute = tables.minutes.insert(key, summary.packed())?.is_some();
    let hour_key = (number, hour_of(minute));
    let hour = tables.hours.get(hour_key)?.map(|hour| Summary::from(hour.value()));
    // Added to a minute that was whole, the sample only adds to the hour. Otherwise the minute has lost something.
    let only_adds = samples.len() > added && (old_length > 0 || !had_minute);
    let hour_now = if only_adds {
        hour.map_or(Summary::of(sample.1), |hour| hour.and(Summary::of(sample.1)))
    } else {
        summary_of_minutes(tables, hour_key)?.unwrap_or(summary)
    };
    tables.hours.insert(hour_key, hour_now.packed())?;
    *stored += SUMMARY_BYTES * (u64::from(!had_minute) + u64::from(hour.is_none()));
    Ok(())
}

/// The summary of an hour from those of its minutes; none without any.
pub(crate) fn summary_of_minutes(tables: &Tables<'_>, hour: Key) -> Result<Option<Summary>, redb::Error> {
    let first = hour.1.saturating_mul(60);
    let mut whole: Option<Summary> = None;
    for entry in tables.minutes.range((hour.0, first)..=(hour.0, first.saturating_add(59)))? {
        let minute = Summary::from(entry?.1.value());
        whole = Some(whole.map_or(minute, |whole| whole.and(minute)));
    }
    Ok(whole)
}
