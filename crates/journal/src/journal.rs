//! The writer: buffers records, commits them together, cuts back what a failed commit left behind.
//!
//! A commit is one write and one `fdatasync` however many records it holds. When it fails, the file is cut to the last
//! committed offset and the records stay in the buffer, so a later commit writes all of them again: after a failed
//! `fdatasync` the kernel may hold pages that it calls clean and that never reached the disk, and only writing them
//! anew makes them true.

use crate::error::{AppendError, CommitError, OpenError, ReadError, is_full, opening};
use crate::format::{
    Envelope, Kind, PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, Record, SEGMENT_HEADER_BYTES, SegmentHeader, Seq,
    encode_record,
};
use crate::lock::Lock;
use crate::recovery::{End, Recovery, recover};
use crate::retention::{self, Limits, Removed};
use crate::rewrite::{self, Change, RewriteError, Rewritten};
use crate::segment::{self, Segment};
use plimsoll_model::Timestamp;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How much may wait for a commit: two records of the largest size, so that one can always be appended to an empty
/// buffer and a writer that ignores failed commits is stopped.
const BUFFER_BYTES_MAX: usize = 2 * (PAYLOAD_BYTES_MAX + RECORD_HEADER_BYTES);

/// The buffer's allocation is given back when a commit leaves more than this, as after a large snapshot.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// Room set aside for the last words of a daemon whose disk is full: some thousand notes.
const RESERVE_BYTES: u64 = 256 << 10;

/// How a journal is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A segment at least this long is followed by a new one.
    pub segment_bytes: u64,
    /// Bound on all segments together; older ones go, see [`Journal::retain`].
    pub retention_bytes: u64,
    /// Segments that ended longer ago than this go, in physical time.
    pub retention_age: Duration,
    /// Payloads longer than this are compressed where that makes them shorter.
    pub compress_over_bytes: usize,
}

impl Default for Options {
    /// 16 MiB segments, 1 GiB or 30 days of them, compression from 1 KiB on: shorter records are mostly header and
    /// gain nothing that a reader would notice.
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            retention_bytes: 1 << 30,
            retention_age: Duration::from_secs(30 * 24 * 3_600),
            compress_over_bytes: 1 << 10,
        }
    }
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Records that are on the disk by it.
    pub records: usize,
    /// Their bytes in the file.
    pub bytes: u64,
    /// The newest record on the disk; none in an empty journal.
    pub through: Option<Seq>,
}

/// A journal open for writing. Dropping it drops what was not committed.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    options: Options,
    segment: Segment,
    file: File,
    /// Length of the file up to which everything is committed.
    committed: u64,
    /// A failed commit may have left bytes behind `committed`.
    is_dirty: bool,
    buffer: Vec<u8>,
    buffered: u32,
    next: Seq,
    /// The newest committed snapshot.
    snapshot: Option<Seq>,
    /// The buffer's first record is a snapshot.
    snapshot_buffered: bool,
    _lock: Lock,
}

impl Journal {
    /// Opens the journal in `dir`, creating both, and recovers what is there. Everything from the newest snapshot on
    /// is read and returned; an unfinished commit at the end is cut off and reported.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when another writer has it, [`OpenError::Read`] when it is damaged anywhere but in its
    /// unfinished end or is of a newer release, [`OpenError::DiskFull`] or [`OpenError::Io`] from the system.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<(Self, Recovery), OpenError> {
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir).map_err(opening("create", dir))?;
        let lock = Lock::take(dir)?;
        let (mut recovery, end) = recover(dir)?;
        let next = recovery.next_seq;
        let End { segment, file, offset } = match end {
            Some(end) => end,
            None => {
                recovery.segments += 1;
                new_segment(dir, next).map_err(opening("create a segment in", dir))?
            }
        };
        let snapshot = recovery.snapshot.as_ref().map(|record| record.seq);
        let journal = Self {
            dir: dir.to_owned(),
            options,
            segment,
            file,
            committed: offset,
            is_dirty: false,
            buffer: Vec::new(),
            buffered: 0,
            next,
            snapshot,
            snapshot_buffered: false,
            _lock: lock,
        };
        journal.fill_reserve();
        Ok((journal, recovery))
    }

    /// Buffers one record and returns its number. Nothing is on the disk before [`Self::commit`].
    ///
    /// A snapshot first commits what is buffered and starts a segment, so it may wait for the disk; so does a record
    /// that follows a full segment.
    ///
    /// # Errors
    /// [`AppendError`]; the record was not taken, its number is still free, and everything buffered before is still
    /// buffered.
    pub fn append(&mut self, kind: Kind, at: Timestamp, payload: &[u8]) -> Result<Seq, AppendError> {
        if kind.0 == 0 {
            return Err(AppendError::Kind);
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: payload.len() });
        }
        let bytes = RECORD_HEADER_BYTES + payload.len();
        if self.buffer.len() + bytes > BUFFER_BYTES_MAX {
            return Err(AppendError::BufferFull { buffered: self.buffer.len(), bytes, limit: BUFFER_BYTES_MAX });
        }
        if kind == Kind::SNAPSHOT || self.is_segment_full() {
            self.commit()?;
            self.rotate()?;
        }
        let envelope = Envelope {
            offset: self.committed + self.buffer.len() as u64,
            seq: self.next,
            kind,
            at,
            before_in_commit: self.buffered,
            forgotten: None,
        };
        encode_record(&mut self.buffer, &envelope, payload, self.options.compress_over_bytes);
        self.snapshot_buffered |= kind == Kind::SNAPSHOT;
        self.buffered += 1;
        self.next = self.next.next();
        Ok(envelope.seq)
    }

    /// Writes everything buffered and returns once the disk has it.
    ///
    /// # Errors
    /// [`CommitError`]; the records stay buffered and the next call tries them again.
    pub fn commit(&mut self) -> Result<Committed, CommitError> {
        let done = Committed { records: self.buffered as usize, bytes: self.buffer.len() as u64, through: None };
        if self.buffered > 0 {
            self.cut_back().map_err(|source| self.failed("truncate", source))?;
            if let Err((doing, source)) = self.write() {
                self.is_dirty = true;
                // If this fails too, the flag has the next commit try it again before it writes anything.
                let _ = self.cut_back();
                return Err(self.failed(doing, source));
            }
            self.committed += done.bytes;
            if std::mem::take(&mut self.snapshot_buffered) {
                self.snapshot = Some(self.segment.first);
            }
            self.clear_buffer();
        }
        Ok(Committed { through: self.next.0.checked_sub(1).filter(|seq| *seq > 0).map(Seq), ..done })
    }

    /// Drops what is buffered; its numbers are used again. For a writer that gives up on records which a full disk
    /// does not take. Returns how many records were dropped.
    pub fn discard_buffered(&mut self) -> usize {
        let dropped = self.buffered;
        self.next = Seq(self.next.0 - u64::from(dropped));
        self.snapshot_buffered = false;
        self.clear_buffer();
        dropped as usize
    }

    /// Gives the reserved disk space back, so that a few last records fit on a full disk. It is set aside again when
    /// a segment starts or the journal opens.
    ///
    /// # Errors
    /// What the system said; a reserve that is spent already is no error.
    pub fn spend_reserve(&self) -> io::Result<()> {
        match std::fs::remove_file(self.reserve()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes whole segments that the options no longer keep as of `now`, oldest first; never one that recovery
    /// from the newest committed snapshot needs. Call it after the commit of a snapshot.
    ///
    /// # Errors
    /// [`ReadError`] when a segment's header cannot be read or its file not removed.
    pub fn retain(&self, now: SystemTime) -> Result<Removed, ReadError> {
        let Some(snapshot) = self.snapshot else { return Ok(Removed::default()) };
        let age_ms = i64::try_from(self.options.retention_age.as_millis()).unwrap_or(i64::MAX);
        let not_before_ms = unix_ms(now).saturating_sub(age_ms);
        retention::apply(&self.dir, snapshot, Limits { bytes: self.options.retention_bytes, not_before_ms })
    }

    /// Forgets something of records that are older than `age` as of `now`, in the oldest segment from `from` on whose records
    /// all are: what `change` says. One segment at a call, so that it takes no longer than writing one. Returns what was done
    /// and where to go on; none when there is no such segment. Never one that recovery needs.
    ///
    /// # Errors
    /// [`RewriteError`]; the segment is as it was.
    pub fn forget_in_old<E: std::error::Error + 'static>(
        &self,
        from: Seq,
        now: SystemTime,
        age: Duration,
        change: impl FnMut(&Record) -> Result<Change, E>,
    ) -> Result<Option<(Rewritten, Seq)>, RewriteError<E>> {
        let Some(snapshot) = self.snapshot else { return Ok(None) };
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let not_before_ms = unix_ms(now).saturating_sub(age_ms);
        let found = retention::first_ended(&self.dir, from, snapshot, not_before_ms).map_err(RewriteError::Read)?;
        let Some((segment, next)) = found else { return Ok(None) };
        let done = rewrite::replace(&self.dir, &segment, self.options.compress_over_bytes, change)?;
        Ok(Some((done, next)))
    }

    /// The number that the next record will get.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        self.next
    }

    /// Records that wait for a commit.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.buffered as usize
    }

    /// The newest snapshot that is on the disk.
    #[must_use]
    pub const fn newest_snapshot(&self) -> Option<Seq> {
        self.snapshot
    }

    /// The journal's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn is_segment_full(&self) -> bool {
        self.committed >= self.options.segment_bytes.max(SEGMENT_HEADER_BYTES as u64 + 1)
    }

    /// Starts a segment with the next number. Nothing is buffered. A segment without records already is one.
    fn rotate(&mut self) -> Result<(), CommitError> {
        if self.segment.first == self.next {
            return Ok(());
        }
        let created = new_segment(&self.dir, self.next).map_err(|source| self.failed("create a segment after", source));
        let End { segment, file, offset } = created?;
        (self.segment, self.file, self.committed) = (segment, file, offset);
        self.fill_reserve();
        Ok(())
    }

    fn write(&self) -> Result<(), (&'static str, io::Error)> {
        self.file.write_all_at(&self.buffer, self.committed).map_err(|error| ("write", error))?;
        self.file.sync_data().map_err(|error| ("sync", error))
    }

    fn cut_back(&mut self) -> io::Result<()> {
        if self.is_dirty {
            self.file.set_len(self.committed)?;
            self.is_dirty = false;
        }
        Ok(())
    }

    fn clear_buffer(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
        self.buffered = 0;
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> CommitError {
        let (path, pending) = (self.segment.path.clone(), self.buffered as usize);
        if is_full(&source) {
            CommitError::DiskFull { path, pending, source }
        } else {
            CommitError::Io { doing, path, pending, source }
        }
    }

    fn reserve(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    /// Sets the reserve aside. Best effort: without it the journal works, only with fewer last words.
    fn fill_reserve(&self) {
        use rustix::fs::{FallocateFlags, fallocate};
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(self.reserve());
        let filled = file.and_then(|file| {
            fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES)?;
            Ok(())
        });
        if filled.is_err() {
            let _ = std::fs::remove_file(self.reserve());
        }
    }
}

fn new_segment(dir: &Path, first: Seq) -> io::Result<End> {
    let header = SegmentHeader { first, created_ms: unix_ms(SystemTime::now()) };
    let (segment, file) = segment::create(dir, header)?;
    Ok(End { segment, file, offset: SEGMENT_HEADER_BYTES as u64 })
}

fn unix_ms(now: SystemTime) -> i64 {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    now.duration_since(UNIX_EPOCH).map_or_else(|before| -ms(before.duration()), ms)
}
