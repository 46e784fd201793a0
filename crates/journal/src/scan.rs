//! Walks the records of one segment, in order, through a window of bounded size. It decides nothing about damage: it
//! says what it found at which offset, and [`crate::tail`] says what that means.

use crate::error::{ReadError, reading};
use crate::format::{RECORD_HEADER_BYTES, Record, RecordFault, RecordHeader, SEGMENT_HEADER_BYTES, Seq, decode_record};
use crate::segment::{Segment, read_up_to};
use std::fs::File;
use std::io;

/// Bytes read at a time. Large enough that a recovery runs at the disk's speed, small beside the largest record.
const WINDOW_BYTES: usize = 256 << 10;

/// What is at the cursor.
#[derive(Debug)]
pub(crate) enum Found {
    /// The next record; the cursor has moved behind it.
    Record(Record),
    /// The file ends exactly here.
    End,
    /// Something that is not the next record; the cursor stays.
    Fault(RecordFault),
}

/// A cursor in one segment.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub segment: Segment,
    pub file: File,
    /// Where the next record begins.
    pub offset: u64,
    /// The number it must have.
    pub due: Seq,
    /// How many records of its commit came before the last one that was found.
    pub before_in_commit: u32,
    window: Vec<u8>,
    window_offset: u64,
}

impl Cursor {
    /// At the first record of a segment whose header has been checked.
    pub(crate) fn open(segment: Segment) -> Result<Self, ReadError> {
        let file = segment.open()?;
        let header = segment.header(&file)?;
        Ok(Self {
            segment,
            file,
            offset: SEGMENT_HEADER_BYTES as u64,
            due: header.first,
            before_in_commit: 0,
            window: Vec::new(),
            window_offset: 0,
        })
    }

    /// What is next.
    pub(crate) fn next(&mut self) -> Result<Found, ReadError> {
        let found = self.look().map_err(reading("read", &self.segment.path))?;
        if let Found::Record(record) = &found {
            self.due = record.seq.next();
        } else {
            // A writer may be adding to this file; what was seen of its end must be read again next time.
            self.window.clear();
        }
        Ok(found)
    }

    fn look(&mut self) -> io::Result<Found> {
        let offset = self.offset;
        let bytes = self.bytes(RECORD_HEADER_BYTES)?;
        if bytes.is_empty() {
            return Ok(Found::End);
        }
        let short =
            |need: usize, have: usize| Ok(Found::Fault(RecordFault::Short { need: need as u64, have: have as u64 }));
        let Some(header) = RecordHeader::decode(bytes) else {
            return short(RECORD_HEADER_BYTES, bytes.len());
        };
        if let Err(fault) = header.check_lengths() {
            return Ok(Found::Fault(fault));
        }
        let total = header.total_bytes();
        let due = self.due;
        let bytes = self.bytes(total)?;
        if bytes.len() < total {
            return short(total, bytes.len());
        }
        Ok(match decode_record(offset, &header, bytes) {
            Ok(record) if record.seq == due => {
                self.offset += total as u64;
                self.before_in_commit = header.before_in_commit;
                Found::Record(record)
            }
            Ok(record) => Found::Fault(RecordFault::Sequence { expected: due, found: record.seq }),
            Err(fault) => Found::Fault(fault),
        })
    }

    /// The next `count` bytes at the cursor, fewer where the file ends.
    fn bytes(&mut self, count: usize) -> io::Result<&[u8]> {
        let inside = usize::try_from(self.offset - self.window_offset).unwrap_or(usize::MAX);
        let held = self.window.len().saturating_sub(inside);
        if held < count {
            // Never allocate on the word of an unchecked length alone: a file cannot hold more than it is long.
            let left = self.file.metadata()?.len().saturating_sub(self.offset);
            let wanted = count.max(WINDOW_BYTES).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.window.clear();
            self.window.resize(wanted, 0);
            let filled = read_up_to(&self.file, &mut self.window, self.offset)?;
            self.window.truncate(filled);
            self.window_offset = self.offset;
        }
        let inside = usize::try_from(self.offset - self.window_offset).unwrap_or(usize::MAX);
        let end = self.window.len().min(inside.saturating_add(count));
        Ok(self.window.get(inside..end).unwrap_or_default())
    }
}
