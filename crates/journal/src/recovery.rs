//! What a journal holds when it is opened for writing: the newest snapshot and every record after it, with the
//! unfinished end of the last commit cut off.
//!
//! Only the part from the newest snapshot on is read, so opening takes as long as the work since then and not as long
//! as the history that is kept. Damage in older segments is found by whoever reads them.

use crate::error::{OpenError, ReadError, opening, reading};
use crate::format::{HeaderFault, Kind, Record, RecordFault, SEGMENT_HEADER_BYTES, Seq};
use crate::lock::Lock;
use crate::scan::{Cursor, Found};
use crate::segment::{Segment, UNNAMED_EXTENSION, sync_dir};
use crate::tail::{Verdict, judge};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// What opening a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The newest snapshot; none if none was ever taken.
    pub snapshot: Option<Record>,
    /// Every record after it, in order; every record of all if there is no snapshot.
    pub records: Vec<Record>,
    /// The unfinished commit that was cut off, if there was one.
    pub truncated: Option<Truncated>,
    /// How many segments there are.
    pub segments: usize,
    /// The number that the next record will get.
    pub next_seq: Seq,
}

/// The end of a commit that a crash interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated {
    /// The segment's file.
    pub segment: PathBuf,
    /// The length it was cut to.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// What was wrong with the first of them, in words.
    pub reason: String,
    /// Where the cut bytes are kept; none when they could not be written.
    pub kept: Option<PathBuf>,
}

/// Where the writer goes on.
#[derive(Debug)]
pub(crate) struct End {
    pub segment: Segment,
    pub file: File,
    pub offset: u64,
}

/// Reads the journal in `dir`; the caller holds its lock. No end means that the caller has to create a segment whose
/// first record is `next_seq`.
pub(crate) fn recover(dir: &Path) -> Result<(Recovery, Option<End>), OpenError> {
    remove_unnamed(dir)?;
    let mut segments = Segment::list(dir)?;
    let headless = take_headless(&mut segments)?;
    let from = newest_snapshot(&segments)?;
    let oldest = segments.get(from).or(headless.as_ref().map(|(segment, _)| segment)).map(|segment| segment.first);
    let mut scan = Scan { snapshot: None, records: Vec::new(), due: oldest.unwrap_or(Seq::FIRST) };
    let mut truncated = None;
    let mut end = None;
    for (index, segment) in segments.iter().enumerate().skip(from) {
        scan.expect(dir, segment.first)?;
        let mut cursor = Cursor::open(segment.clone())?;
        let is_last = index + 1 == segments.len();
        if let Some(fault) = scan.read(&mut cursor)? {
            // Where everything rests on a snapshot that is the first record of all, that record was acknowledged:
            // retention waits for it before it removes what came before.
            let rests_on_it = scan.snapshot.is_none() && oldest != Some(Seq::FIRST);
            truncated = Some(cut_or_refuse(&cursor, &fault, is_last && headless.is_none() && !rests_on_it)?);
        }
        if is_last {
            end = Some(End { segment: segment.clone(), file: reopen(segment)?, offset: cursor.offset });
        }
    }
    if scan.snapshot.is_none() && oldest.is_some_and(|first| first != Seq::FIRST) {
        let found = oldest.unwrap_or(Seq::FIRST);
        return Err(ReadError::Missing { dir: dir.to_owned(), expected: Seq::FIRST, found }.into());
    }
    if let Some((segment, bytes)) = headless {
        scan.expect(dir, segment.first)?;
        truncated = Some(remove_headless(dir, segment, bytes)?);
    }
    let Scan { snapshot, records, due: next_seq } = scan;
    Ok((Recovery { snapshot, records, truncated, segments: segments.len(), next_seq }, end))
}

/// Removes what a crash in the middle of creating a segment left: it never had its name, so it holds no record.
fn remove_unnamed(dir: &Path) -> Result<(), OpenError> {
    for entry in std::fs::read_dir(dir).map_err(opening("list", dir))? {
        let path = entry.map_err(opening("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == UNNAMED_EXTENSION) {
            std::fs::remove_file(&path).map_err(opening("remove", &path))?;
        }
    }
    Ok(())
}

/// Moves every segment of a journal that cannot be opened into a directory of its own inside `dir`, so that a new
/// journal can begin there. For a person who has decided that going on matters more than the record; the segments
/// remain readable up to the damage.
///
/// # Errors
/// [`OpenError::Locked`] when a writer has the journal; [`OpenError::DiskFull`] or [`OpenError::Io`] from the system.
pub fn set_aside(dir: impl AsRef<Path>) -> Result<PathBuf, OpenError> {
    let dir = dir.as_ref();
    let _lock = Lock::take(dir)?;
    let names = (1..=u32::MAX).map(|number| dir.join(format!("aside-{number}")));
    let mut free = names.skip_while(|path| path.exists());
    let aside = free.next().unwrap_or_else(|| dir.join("aside"));
    std::fs::create_dir(&aside).map_err(opening("create", &aside))?;
    for segment in Segment::list(dir)? {
        let to = aside.join(segment.path.file_name().unwrap_or_default());
        std::fs::rename(&segment.path, &to).map_err(opening("move", &segment.path))?;
    }
    sync_dir(&aside).and_then(|()| sync_dir(dir)).map_err(opening("sync", dir))?;
    Ok(aside)
}

struct Scan {
    snapshot: Option<Record>,
    records: Vec<Record>,
    due: Seq,
}

impl Scan {
    fn expect(&self, dir: &Path, found: Seq) -> Result<(), ReadError> {
        let expected = self.due;
        if found == expected { Ok(()) } else { Err(ReadError::Missing { dir: dir.to_owned(), expected, found }) }
    }

    /// Takes every record of the segment; returns what stopped it before the end.
    fn read(&mut self, cursor: &mut Cursor) -> Result<Option<RecordFault>, ReadError> {
        loop {
            match cursor.next()? {
                Found::Record(record) => {
                    self.due = record.seq.next();
                    if record.kind == Kind::SNAPSHOT {
                        self.records.clear();
                        self.snapshot = Some(record);
                    } else {
                        self.records.push(record);
                    }
                }
                Found::End => return Ok(None),
                Found::Fault(fault) => return Ok(Some(fault)),
            }
        }
    }
}

/// The index of the newest segment that begins with an intact snapshot, or 0.
fn newest_snapshot(segments: &[Segment]) -> Result<usize, ReadError> {
    for (index, segment) in segments.iter().enumerate().rev() {
        let mut cursor = Cursor::open(segment.clone())?;
        if let Found::Record(record) = cursor.next()?
            && record.kind == Kind::SNAPSHOT
        {
            return Ok(index);
        }
    }
    Ok(0)
}

fn reopen(segment: &Segment) -> Result<File, OpenError> {
    OpenOptions::new().read(true).write(true).open(&segment.path).map_err(opening("open", &segment.path))
}

/// A last segment shorter than a header holds nothing and is taken off the list, with its length. This release names
/// a segment only after its header is on the disk, but a file system that reorders the two may still show one.
fn take_headless(segments: &mut Vec<Segment>) -> Result<Option<(Segment, u64)>, ReadError> {
    let Some(last) = segments.last() else { return Ok(None) };
    let bytes = last.open()?.metadata().map_err(reading("stat", &last.path))?.len();
    let is_headless = bytes < SEGMENT_HEADER_BYTES as u64;
    Ok(if is_headless { segments.pop().map(|segment| (segment, bytes)) } else { None })
}

fn remove_headless(dir: &Path, segment: Segment, bytes: u64) -> Result<Truncated, OpenError> {
    let path = segment.path;
    std::fs::remove_file(&path).and_then(|()| sync_dir(dir)).map_err(opening("remove", &path))?;
    let reason = HeaderFault::Short(usize::try_from(bytes).unwrap_or(0)).to_string();
    Ok(Truncated { segment: path, offset: 0, bytes, reason, kept: None })
}

fn cut_or_refuse(cursor: &Cursor, fault: &RecordFault, may_cut: bool) -> Result<Truncated, OpenError> {
    let path = &cursor.segment.path;
    let verdict = if may_cut {
        judge(&cursor.file, cursor.offset, cursor.due).map_err(reading("read", path))?
    } else {
        Verdict::Damaged
    };
    if verdict == Verdict::Damaged {
        let (segment, offset, seq) = (path.clone(), cursor.offset, cursor.due);
        return Err(ReadError::Corrupt { segment, offset, seq, fault: fault.clone() }.into());
    }
    cut(cursor, fault)
}

fn cut(cursor: &Cursor, fault: &RecordFault) -> Result<Truncated, OpenError> {
    let path = &cursor.segment.path;
    let file = reopen(&cursor.segment)?;
    let length = file.metadata().map_err(opening("stat", path))?.len();
    let kept = keep(cursor).ok();
    file.set_len(cursor.offset).and_then(|()| file.sync_all()).map_err(opening("truncate", path))?;
    Ok(Truncated {
        segment: path.clone(),
        offset: cursor.offset,
        bytes: length.saturating_sub(cursor.offset),
        reason: fault.to_string(),
        kept,
    })
}

/// Copies what is about to be cut off beside the segment. Best effort: a full disk must not keep the journal closed.
fn keep(cursor: &Cursor) -> std::io::Result<PathBuf> {
    let path = cursor.segment.path.with_extension(format!("{}.torn", cursor.offset));
    let mut from = cursor.file.try_clone()?;
    from.seek(SeekFrom::Start(cursor.offset))?;
    let mut to = File::create(&path)?;
    let copied = std::io::copy(&mut from.take(u64::MAX), &mut to).and_then(|_| to.sync_all());
    if copied.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    copied.map(|()| path)
}
