//! The file: its tables, its keys, and opening it.

use crate::history::series::SeriesId;
use plimsoll_model::{Bytes, Millis, Timestamp};
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError, TableDefinition};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// Series number, and minutes or hours since 1970: fixed-width and in order of time within a series.
pub(crate) type Key = (u32, i32);

/// Minimum, maximum, sum, count.
pub(crate) type Packed = (i64, i64, i128, u64);

pub(crate) const NAMES: TableDefinition<'static, &str, u32> = TableDefinition::new("names");
pub(crate) const RAW: TableDefinition<'static, Key, &[u8]> = TableDefinition::new("raw");
pub(crate) const MINUTES: TableDefinition<'static, Key, Packed> = TableDefinition::new("minutes");
pub(crate) const HOURS: TableDefinition<'static, Key, Packed> = TableDefinition::new("hours");
pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const KEY_BYTES: u64 = 8;
pub(crate) const SUMMARY_BYTES: u64 = KEY_BYTES + 40;

const FORMAT_VERSION: u64 = 1;
const CACHE_BYTES: usize = 8 << 20;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Samples, in trace time before the newest batch. Whole hours: up to one hour more is kept.
    pub raw: Millis,
    /// Summaries of minutes and hours, likewise.
    pub summary: Millis,
    /// Bound on the disk space of the file, whose apparent length is up to twice that: it grows in powers of two and
    /// has holes. Above it the oldest samples go, then the oldest summaries, but never the hour of the newest
    /// batch.
    pub size_max: Bytes,
}

/// Why the store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the history in {} is in use by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It is no history store, or a damaged one.
    #[error("the history in {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer release wrote it.
    #[error(
        "the history in {} has format version {found}, written by a newer release; this one reads {FORMAT_VERSION}",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The store could not be read or written.
    #[error("cannot open the history in {}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the store said.
        source: Box<redb::Error>,
    },
}

/// Why a batch was not taken. Nothing of it is in the store.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A time outside the years −2,112 to 6,052, which 32-bit minutes cover.
    #[error("time {} ms is outside what the history can hold", at.0)]
    Time {
        /// The time.
        at: Timestamp,
    },
    /// There are too many series.
    #[error("series {series} would be one more than {}", crate::history::SERIES_MAX)]
    TooManySeries {
        /// The one that was not taken.
        series: SeriesId,
    },
    /// No room on the disk.
    #[error("no room on the disk for the history")]
    DiskFull {
        /// What the store said.
        source: Box<redb::Error>,
    },
    /// The store failed.
    #[error("cannot write the history")]
    Storage {
        /// What the store said.
        source: Box<redb::Error>,
    },
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store failed.
    #[error("cannot read the history")]
    Storage {
        /// What the store said.
        source: Box<redb::Error>,
    },
}

impl From<redb::Error> for AppendError {
    fn from(error: redb::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let is_full =
            matches!(&error, redb::Error::Io(io) if matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge));
        let source = Box::new(error);
        if is_full { Self::DiskFull { source } } else { Self::Storage { source } }
    }
}

impl From<redb::Error> for QueryError {
    fn from(error: redb::Error) -> Self {
        Self::Storage { source: Box::new(error) }
    }
}

/// The store. All methods take `&self`; writers wait for each other, and queries wait for nobody.
///
/// After an error of the disk the file below is closed for good, by redb's own rule: what reached the disk is not known.
/// The next append opens it again, from its last durable state, so a disk that was full costs the batches it did not
/// take and no restart.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    pub(crate) retention: Retention,
    /// None only where opening again has failed.
    db: RwLock<Option<Database>>,
    state: Mutex<State>,
    pub(crate) retired: Mutex<Retired>,
}

/// What retention took since the store was opened, in bytes of keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retired {
    /// Because it was too old.
    pub too_old: u64,
    /// Because the file was too large.
    pub too_much: u64,
}

/// What is known of the file without reading it.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub numbers: BTreeMap<SeriesId, u32>,
    pub next_number: u32,
    /// Bytes of keys and values in all tables of samples and summaries.
    pub stored_bytes: u64,
    /// The hour for which retention ran last.
    pub retired_hour: Option<i32>,
    pub unflushed: u32,
    /// The disk has failed since the file was opened.
    pub is_broken: bool,
}

impl History {
    /// Opens the store at `path` or creates it.
    ///
    /// # Errors
    /// [`OpenError`]. A damaged store is left as it is: history can be lost, but that is not for this to decide.
    pub fn open(path: impl AsRef<Path>, retention: Retention) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let db = create(path).map_err(|error| opening(path, error))?;
        let loaded = load(&db).map_err(|error| OpenError::Storage { path: path.to_owned(), source: Box::new(error) });
        let (state, version) = loaded?;
        if version > FORMAT_VERSION {
            return Err(OpenError::Newer { path: path.to_owned(), found: version });
        }
        let (path, db, state) = (path.to_owned(), RwLock::new(Some(db)), Mutex::new(state));
        Ok(Self { path, retention, db, state, retired: Mutex::default() })
    }

    /// Every series that has a sample or a summary, in order of its name.
    #[must_use]
    pub fn series(&self) -> Vec<SeriesId> {
        self.state().numbers.keys().cloned().collect()
    }

    /// Bytes of samples and summaries, without what the file needs around them.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.state().stored_bytes
    }

    /// What retention took since the store was opened.
    #[must_use]
    pub fn retired(&self) -> Retired {
        *self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic cannot have left the state half changed: it is replaced whole, after the commit.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the open file.
    pub(crate) fn with<T, E: From<redb::Error>>(&self, work: impl FnOnce(&Database) -> Result<T, E>) -> Result<T, E> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        work(db.as_ref().ok_or(redb::Error::DatabaseClosed)?)
    }

    /// Opens the file again if the disk has failed since it was opened.
    pub(crate) fn mend(&self, state: &mut State) -> Result<(), redb::Error> {
        if state.is_broken {
            let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
            // The old one goes first: it holds the file's lock.
            *db = None;
            let opened = create(&self.path)?;
            *state = load(&opened)?.0;
            *db = Some(opened);
        }
        Ok(())
    }
}

fn create(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path)
}

impl Drop for History {
    /// A clean end loses nothing; what a failing disk does not take here, it would have lost later.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

fn opening(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::Locked { path },
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => {
            OpenError::Damaged { path, reason: error.to_string() }
        }
        DatabaseError::Storage(StorageError::Io(io)) if io.kind() == std::io::ErrorKind::InvalidData => {
            OpenError::Damaged { path, reason: io.to_string() }
        }
        other => OpenError::Storage { path, source: Box::new(other.into()) },
    }
}

/// Creates the tables of a new file and reads what is in an old one.
fn load(db: &Database) -> Result<(State, u64), redb::Error> {
    let transaction = db.begin_read()?;
    if let Err(redb::TableError::TableDoesNotExist(_)) = transaction.open_table(META) {
        let transaction = db.begin_write()?;
        transaction.open_table(NAMES)?;
        transaction.open_table(RAW)?;
        transaction.open_table(MINUTES)?;
        transaction.open_table(HOURS)?;
        transaction.open_table(META)?.insert("version", FORMAT_VERSION)?;
        transaction.commit()?;
        return Ok((State::default(), FORMAT_VERSION));
    }
    let meta = transaction.open_table(META)?;
    let number = |key: &str| -> Result<u64, redb::Error> { Ok(meta.get(key)?.map_or(0, |value| value.value())) };
    let mut state = State {
        next_number: u32::try_from(number("next_number")?).unwrap_or(u32::MAX),
        stored_bytes: number("stored_bytes")?,
        ..State::default()
    };
    for entry in transaction.open_table(NAMES)?.iter()? {
        let (name, number) = entry?;
        if let Ok(series) = SeriesId::try_new(name.value()) {
            state.numbers.insert(series, number.value());
        }
    }
    Ok((state, number("version")?))
}
