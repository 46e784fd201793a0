//! Tells a commit that never finished from damage to one that did.
//!
//! A crash can leave the last commit in any state: cut short, or, after a power cut, with sectors in its middle that
//! never arrived and read as zeros. Nobody was told that it was done, so it may go. Everything before it was
//! acknowledged, and must not. So what follows the first bad record decides:
//! - an intact record of a *later* commit: the bad record was acknowledged. Damage.
//! - an intact record of the *same* commit: an unfinished commit if a whole sector of the bad stretch is zero, which a
//!   write that arrived would not leave; damage otherwise.
//! - nothing intact: the unfinished end of the journal. One case cannot be told apart from it, rot in the very last
//!   commit; the cut bytes are therefore kept and reported, never dropped in silence.
//!
//! # Source
//! The zero-sector test is the one of etcd's write-ahead log; the commit count in every record is this format's own.

use crate::format::{RECORD_HEADER_BYTES, RecordHeader, Seq, record_crc};
use crate::segment::read_up_to;
use std::fs::File;
use std::io;

const SECTOR_BYTES: u64 = 512;
const WINDOW_BYTES: usize = 1 << 20;

/// A leading piece of a sector shorter than this proves nothing by being zero: payloads hold a few zeros in a row.
const ZERO_RUN_BYTES_MIN: usize = 64;

/// What a bad record means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The end of a commit that never finished.
    Unfinished,
    /// Damage to acknowledged records.
    Damaged,
}

/// Judges the bad record at `offset`, where record `due` should begin.
pub(crate) fn judge(file: &File, offset: u64, due: Seq) -> io::Result<Verdict> {
    let length = file.metadata()?.len();
    let Some((mut at, mut header)) = first_intact(file, offset.saturating_add(1), length, due)? else {
        return Ok(Verdict::Unfinished);
    };
    let stretch = offset..at;
    loop {
        if header.commit_first() > due {
            return Ok(Verdict::Damaged);
        }
        let after = at + header.total_bytes() as u64;
        match first_intact(file, after, length, header.seq.next())? {
            Some(next) => (at, header) = next,
            None => break,
        }
    }
    let unfinished = has_zero_sector(file, stretch)?;
    Ok(if unfinished { Verdict::Unfinished } else { Verdict::Damaged })
}

/// The first intact record at or after `from` with a number of at least `due`.
fn first_intact(file: &File, from: u64, length: u64, due: Seq) -> io::Result<Option<(u64, RecordHeader)>> {
    let mut window = vec![0; WINDOW_BYTES.min(usize::try_from(length.saturating_sub(from)).unwrap_or(WINDOW_BYTES))];
    let mut start = from;
    while start + (RECORD_HEADER_BYTES as u64) <= length {
        let filled = read_up_to(file, &mut window, start)?;
        let starts = (filled + 1).saturating_sub(RECORD_HEADER_BYTES);
        if starts == 0 {
            break;
        }
        for inside in 0..starts {
            let at = start + inside as u64;
            if let Some(header) = plausible(&window[inside..filled], at, length, due)
                && is_intact(file, at, &header)?
            {
                return Ok(Some((at, header)));
            }
        }
        start += starts as u64;
    }
    Ok(None)
}

/// A header that could be one, so that almost no offset costs a checksum.
fn plausible(bytes: &[u8], at: u64, length: u64, due: Seq) -> Option<RecordHeader> {
    let header = RecordHeader::decode(bytes)?;
    // No more records fit between here and the end of the file than it has header lengths.
    let last = due.0.saturating_add(length / RECORD_HEADER_BYTES as u64);
    let fits = header.check_lengths().is_ok() && header.total_bytes() as u64 <= length - at;
    (fits && header.is_known() && (due.0..=last).contains(&header.seq.0)).then_some(header)
}

fn is_intact(file: &File, at: u64, header: &RecordHeader) -> io::Result<bool> {
    let mut bytes = vec![0; header.total_bytes()];
    let filled = read_up_to(file, &mut bytes, at)?;
    Ok(filled == bytes.len() && record_crc(at, &bytes) == header.crc)
}

/// Whether one sector in the stretch is all zeros; of the first, only the part inside it counts.
fn has_zero_sector(file: &File, stretch: std::ops::Range<u64>) -> io::Result<bool> {
    let mut from = stretch.start;
    let mut sector = [0; SECTOR_BYTES as usize];
    while from < stretch.end {
        let to = (from / SECTOR_BYTES + 1) * SECTOR_BYTES;
        let piece = &mut sector[..usize::try_from(to - from).unwrap_or(0)];
        if to > stretch.end {
            break;
        }
        let filled = read_up_to(file, piece, from)?;
        if filled == piece.len() && filled >= ZERO_RUN_BYTES_MIN && piece.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        from = to;
    }
    Ok(false)
}
