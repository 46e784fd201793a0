//! What can go wrong, one type per operation. A full disk has a variant of its own everywhere it can occur, because the
//! controller freezes on it and goes on when there is room, while any other failure of the disk wants a person.

use crate::format::{HeaderFault, PAYLOAD_BYTES_MAX, RecordFault, Seq};
use std::io;
use std::path::{Path, PathBuf};

/// Why a journal did not open for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another writer holds the directory.
    #[error("the journal in {} is in use by process {}", dir.display(), pid.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string()))]
    Locked {
        /// The journal's directory.
        dir: PathBuf,
        /// The process that holds it, as it wrote into the lock file.
        pid: Option<u32>,
    },
    /// No room for a new segment, the lock or the directory itself.
    #[error("no room on the disk of {}", path.display())]
    DiskFull {
        /// The file that could not be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A segment's header is damaged, or of a newer release.
    #[error("journal segment {}: {fault}", segment.display())]
    Header {
        /// The segment's file.
        segment: PathBuf,
        /// What is wrong.
        fault: HeaderFault,
    },
    /// A record that was once acknowledged is damaged.
    #[error("journal segment {}, offset {offset}, record {seq}: {fault}", segment.display())]
    Corrupt {
        /// The segment's file.
        segment: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// The number it has.
        seq: Seq,
        /// What is wrong.
        fault: RecordFault,
    },
    /// Segments are missing between two others, or before the first without a snapshot to start from.
    #[error("journal in {}: records {expected} to {} are missing", dir.display(), found.0.saturating_sub(1))]
    Missing {
        /// The journal's directory.
        dir: PathBuf,
        /// The first record that is due.
        expected: Seq,
        /// The first that is there.
        found: Seq,
    },
    /// Retention has removed what was asked for.
    #[error("record {asked} is no longer kept; the oldest is {oldest}")]
    Gone {
        /// What was asked for.
        asked: Seq,
        /// The oldest record there is.
        oldest: Seq,
    },
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a record was not taken. The journal is as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The payload is too long.
    #[error("a payload of {bytes} bytes is above the journal's limit of {PAYLOAD_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Too much waits for a commit, which has probably failed before.
    #[error("{buffered} bytes wait for a commit, and {bytes} more would be above the limit of {limit}")]
    BufferFull {
        /// Bytes that wait.
        buffered: usize,
        /// Bytes this record needs.
        bytes: usize,
        /// How many may wait.
        limit: usize,
    },
    /// Kind 0 is not a kind.
    #[error("a record's kind is 1 to 255")]
    Kind,
    /// A snapshot first commits what is buffered and starts a segment, and that failed.
    #[error("before the snapshot")]
    Commit(#[from] CommitError),
}

/// Why buffered records did not reach the disk. They stay buffered; the file holds what was committed before.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// No room; works again when there is some.
    #[error("no room on the disk for {} ({pending} records wait)", path.display())]
    DiskFull {
        /// The segment.
        path: PathBuf,
        /// Records that wait.
        pending: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The disk failed otherwise.
    #[error("cannot {doing} {} ({pending} records wait)", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Records that wait.
        pending: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl CommitError {
    /// Whether the disk, a quota or a file size limit is exhausted.
    #[must_use]
    pub const fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}

/// Whether an error means that there is no room: disk, quota, or the process's limit on file sizes.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Turns an I/O error into the open error it stands for.
pub(crate) fn opening(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| match is_full(&source) {
        true => OpenError::DiskFull { path, source },
        false => OpenError::Io { doing, path, source },
    }
}

/// Turns an I/O error into the read error it stands for.
pub(crate) fn reading(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    let path = path.to_owned();
    move |source| ReadError::Io { doing, path, source }
}
