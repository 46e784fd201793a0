//! Reads a journal without its lock, also while a writer lives: for `explain`, `replay` and the API.
//!
//! It follows the writer from segment to segment and stops, without an error, where the last one ends in a record
//! that is not complete; asking again later goes on from there. What it shows near the end may not be committed yet.

use crate::error::{ReadError, reading};
use crate::format::{Kind, Record, Seq};
use crate::scan::{Cursor, Found};
use crate::segment::Segment;
use crate::tail::{Verdict, judge};
use plimsoll_model::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// Between listing the segments and opening one, retention may remove it; a fresh list then knows better.
const OPEN_ATTEMPTS: usize = 4;

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest record that is kept.
    Oldest,
    /// This record.
    Seq(Seq),
    /// The first record whose trace time is this or later. Where trace time jumped back, records before the jump are
    /// looked at first.
    Time(Timestamp),
    /// The newest snapshot at or before this record, from which the state at it can be replayed; the oldest record
    /// where there is none.
    SnapshotBefore(Seq),
    /// The newest snapshot; the oldest record where there is none.
    NewestSnapshot,
}

/// An iterator over the records of a journal. `None` means that there are no more for now.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    cursor: Option<Cursor>,
    /// The number of the next record, where the reader has not found a segment yet.
    due: Seq,
    /// Records before these are passed over.
    from_seq: Seq,
    from_time: Option<Timestamp>,
    failed: bool,
}

impl Reader {
    /// Opens the journal in `dir` for reading.
    ///
    /// # Errors
    /// [`ReadError::Gone`] when retention has removed the record asked for; otherwise what is wrong with a segment.
    pub fn open(dir: impl AsRef<Path>, start: Start) -> Result<Self, ReadError> {
        let dir = dir.as_ref();
        for _ in 1..OPEN_ATTEMPTS {
            match Self::try_open(dir, start) {
                Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && dir.is_dir() => {}
                other => return other,
            }
        }
        Self::try_open(dir, start)
    }

    fn try_open(dir: &Path, start: Start) -> Result<Self, ReadError> {
        let segments = Segment::list(dir)?;
        let oldest = segments.first().map_or(Seq::FIRST, |segment| segment.first);
        let index = match start {
            Start::Oldest => 0,
            Start::Seq(asked) if asked < oldest => return Err(ReadError::Gone { asked, oldest }),
            Start::Seq(asked) => last_up_to(&segments, asked),
            Start::Time(asked) => before_time(&segments, asked)?,
            Start::SnapshotBefore(asked) => snapshot_up_to(&segments, asked)?,
            Start::NewestSnapshot => snapshot_up_to(&segments, Seq(u64::MAX))?,
        };
        let cursor = segments.get(index).cloned().map(Cursor::open).transpose()?;
        let from_seq = if let Start::Seq(asked) = start { asked } else { oldest };
        let from_time = if let Start::Time(asked) = start { Some(asked) } else { None };
        Ok(Self { dir: dir.to_owned(), cursor, due: oldest, from_seq, from_time, failed: false })
    }

    /// The next record, or none at the end of what is there now.
    ///
    /// # Errors
    /// [`ReadError`] at damage; every later call then returns none.
    pub fn read(&mut self) -> Result<Option<Record>, ReadError> {
        if self.failed {
            return Ok(None);
        }
        loop {
            match self.step() {
                Ok(Some(record)) if self.is_wanted(&record) => return Ok(Some(record)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
    }

    fn is_wanted(&mut self, record: &Record) -> bool {
        if record.seq < self.from_seq || self.from_time.is_some_and(|from| record.at < from) {
            return false;
        }
        // Only the beginning is looked for by time: after it, trace time may jump back.
        self.from_time = None;
        true
    }

    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let Some(cursor) = self.cursor.as_mut() else {
                let Some(segment) = self.segment_at(self.due)? else { return Ok(None) };
                self.cursor = Some(Cursor::open(segment)?);
                continue;
            };
            match cursor.next()? {
                Found::Record(record) => return Ok(Some(record)),
                Found::End if self.is_last()? => return Ok(None),
                Found::Fault(_) if self.is_last()? && self.verdict()? == Verdict::Unfinished => return Ok(None),
                Found::End | Found::Fault(_) => {}
            }
            // There is something behind, so this place is final by now. It may not have been when it was looked at:
            // the writer completes a commit, and goes on, at any moment.
            let cursor = self.cursor.as_mut().expect("invariant: it was just looked at");
            match cursor.next()? {
                Found::Record(record) => return Ok(Some(record)),
                Found::End => {
                    let due = cursor.due;
                    self.cursor = self.segment_at(due)?.map(Cursor::open).transpose()?;
                    self.due = due;
                }
                Found::Fault(fault) => {
                    let segment = cursor.segment.path.clone();
                    return Err(ReadError::Corrupt { segment, offset: cursor.offset, seq: cursor.due, fault });
                }
            }
        }
    }

    /// Whether no segment follows the cursor's.
    fn is_last(&self) -> Result<bool, ReadError> {
        let current = self.cursor.as_ref().map(|cursor| cursor.segment.first);
        Ok(Segment::list(&self.dir)?.last().map(|last| last.first) <= current)
    }

    fn verdict(&self) -> Result<Verdict, ReadError> {
        let cursor = self.cursor.as_ref().expect("invariant: only what a cursor found is judged");
        judge(&cursor.file, cursor.offset, cursor.due).map_err(reading("read", &cursor.segment.path))
    }

    /// The segment whose first record is `due`; none when it does not exist yet.
    fn segment_at(&self, due: Seq) -> Result<Option<Segment>, ReadError> {
        let segments = Segment::list(&self.dir)?;
        let Some(segment) = segments.into_iter().find(|segment| segment.first >= due) else { return Ok(None) };
        if segment.first == due {
            return Ok(Some(segment));
        }
        Err(ReadError::Missing { dir: self.dir.clone(), expected: due, found: segment.first })
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// The last segment that begins at or before `asked`.
fn last_up_to(segments: &[Segment], asked: Seq) -> usize {
    segments.partition_point(|segment| segment.first <= asked).saturating_sub(1)
}

/// The last of the leading segments that begin before `asked`. Only leading ones, so that a jump of trace time back
/// and forth hides nothing.
fn before_time(segments: &[Segment], asked: Timestamp) -> Result<usize, ReadError> {
    let mut index = 0;
    for (candidate, segment) in segments.iter().enumerate() {
        match Cursor::open(segment.clone())?.next()? {
            Found::Record(record) if record.at < asked => index = candidate,
            _ => break,
        }
    }
    Ok(index)
}

/// The last segment that begins with a snapshot at or before `asked`, or the first.
fn snapshot_up_to(segments: &[Segment], asked: Seq) -> Result<usize, ReadError> {
    for index in (0..segments.len()).rev().filter(|index| segments[*index].first <= asked) {
        if let Found::Record(record) = Cursor::open(segments[index].clone())?.next()?
            && record.kind == Kind::SNAPSHOT
        {
            return Ok(index);
        }
    }
    Ok(0)
}
