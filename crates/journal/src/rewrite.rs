//! Copies a journal record by record into another directory, so that something can be forgotten without a hole: every record
//! keeps its number, kind, time, segment and place in its commit, and one whose payload changes keeps the SHA-256 of the payload
//! that was first written. So a copy of the old journal can still be held against the new one, record by record.
//!
//! Copies and never changes in place: until the copy is whole and on the disk, the old journal is the journal. Putting the one
//! in the other's place is the caller's, who has more than the journal to put in place.

use crate::error::ReadError;
use crate::format::{Digest, Envelope, PAYLOAD_BYTES_MAX, Record, SEGMENT_HEADER_BYTES, Seq, encode_record};
use crate::scan::{Cursor, Found};
use crate::segment::{Segment, UNNAMED_EXTENSION, sync_dir};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is, byte for byte.
    Keep,
    /// Something of it is forgotten.
    Forget {
        /// What is left.
        left: Vec<u8>,
        /// SHA-256 of the payload as it was first written. Where something was forgotten before, that of then.
        was: Digest,
    },
}

/// What a copy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rewritten {
    /// Records copied.
    pub records: u64,
    /// Of those, changed.
    pub changed: u64,
    /// Segments written.
    pub segments: usize,
    /// The number after the last record.
    pub next: Option<Seq>,
}

/// Why a journal was not copied. What was written of the copy is left for the caller to remove.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError<E: std::error::Error + 'static> {
    /// The old one cannot be read.
    #[error(transparent)]
    Read(ReadError),
    /// The new one cannot be written.
    #[error("cannot {doing} {}", path.display())]
    Write {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is left of a record does not fit one.
    #[error("what is left of record {seq} is {bytes} bytes, above the journal's limit of {PAYLOAD_BYTES_MAX}")]
    TooLarge {
        /// Its number.
        seq: Seq,
        /// Length.
        bytes: usize,
    },
    /// The caller cannot say what becomes of a record.
    #[error("record {seq}")]
    Change {
        /// Its number.
        seq: Seq,
        /// Why.
        source: E,
    },
}

/// Copies the journal in `from` to the new directory `to`, asking `change` about every record in order. The caller holds the
/// lock of `from`, having opened it: an unfinished end was cut off by that. Payloads longer than `compress_over_bytes` are
/// compressed. When it returns, the copy is on the disk.
///
/// # Errors
/// [`RewriteError`].
pub fn rewrite<E: std::error::Error + 'static>(
    from: &Path,
    to: &Path,
    compress_over_bytes: usize,
    mut change: impl FnMut(&Record) -> Result<Change, E>,
) -> Result<Rewritten, RewriteError<E>> {
    std::fs::create_dir_all(to).map_err(writing("create", to))?;
    let mut done = Rewritten::default();
    for segment in Segment::list(from).map_err(RewriteError::Read)? {
        let path = to.join(segment.path.file_name().unwrap_or_default());
        copy(&segment, &path, compress_over_bytes, &mut change, &mut done)?;
    }
    sync_dir(to).map_err(writing("sync", to))?;
    Ok(done)
}

/// As [`rewrite()`], of one segment that no writer adds to any more and in its own place: the copy gets the name when it is
/// whole and on the disk. Whoever reads the old one reads on.
pub(crate) fn replace<E: std::error::Error + 'static>(
    dir: &Path,
    segment: &Segment,
    compress_over_bytes: usize,
    mut change: impl FnMut(&Record) -> Result<Change, E>,
) -> Result<Rewritten, RewriteError<E>> {
    let mut done = Rewritten::default();
    // Opening the journal removes what a crash left under this name.
    let path = segment.path.with_extension(UNNAMED_EXTENSION);
    let _left_over = std::fs::remove_file(&path);
    copy(segment, &path, compress_over_bytes, &mut change, &mut done)?;
    let named = if done.changed > 0 { std::fs::rename(&path, &segment.path) } else { std::fs::remove_file(&path) };
    named.and_then(|()| sync_dir(dir)).map_err(writing("name", &segment.path))?;
    Ok(done)
}

fn copy<E: std::error::Error + 'static>(
    segment: &Segment,
    path: &Path,
    compress_over_bytes: usize,
    change: &mut impl FnMut(&Record) -> Result<Change, E>,
    done: &mut Rewritten,
) -> Result<(), RewriteError<E>> {
    let header = segment.open().and_then(|file| segment.header(&file)).map_err(RewriteError::Read)?;
    let mut file = BufWriter::new(File::create_new(path).map_err(writing("create", path))?);
    file.write_all(&header.encode_forgotten()).map_err(writing("write", path))?;
    let mut offset = SEGMENT_HEADER_BYTES as u64;
    let mut cursor = Cursor::open(segment.clone()).map_err(RewriteError::Read)?;
    let mut bytes = Vec::new();
    loop {
        let record = match cursor.next().map_err(RewriteError::Read)? {
            Found::Record(record) => record,
            Found::End => break,
            Found::Fault(fault) => {
                let (segment, offset, seq) = (segment.path.clone(), cursor.offset, cursor.due);
                return Err(RewriteError::Read(ReadError::Corrupt { segment, offset, seq, fault }));
            }
        };
        let seq = record.seq;
        let (left, forgotten) = match change(&record).map_err(|source| RewriteError::Change { seq, source })? {
            Change::Keep => (record.payload, record.forgotten),
            Change::Forget { left, was } => {
                done.changed += 1;
                (left, Some(was))
            }
        };
        let length = left.len() + size_of::<Digest>();
        if forgotten.is_some() && length > PAYLOAD_BYTES_MAX {
            return Err(RewriteError::TooLarge { seq, bytes: length });
        }
        let (kind, at, before_in_commit) = (record.kind, record.at, cursor.before_in_commit);
        let envelope = Envelope { offset, seq, kind, at, before_in_commit, forgotten };
        bytes.clear();
        encode_record(&mut bytes, &envelope, &left, compress_over_bytes);
        file.write_all(&bytes).map_err(writing("write", path))?;
        offset += bytes.len() as u64;
        done.records += 1;
        done.next = Some(seq.next());
    }
    done.segments += 1;
    let file = file.into_inner().map_err(|error| error.into_error()).map_err(writing("write", path))?;
    file.sync_all().map_err(writing("sync", path))
}

fn writing<E: std::error::Error + 'static>(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> RewriteError<E> {
    let path = path.to_owned();
    move |source| RewriteError::Write { doing, path, source }
}
