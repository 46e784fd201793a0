//! What of the journal is kept. Only whole segments go, oldest first, and never the one with the newest snapshot nor
//! any after it: recovery must work whatever the limits say. So a journal without a recent snapshot may be larger
//! than its limit, and the remedy is a snapshot.

use crate::error::{ReadError, reading};
use crate::format::Seq;
use crate::segment::{Segment, sync_dir};
use std::path::Path;

/// What a run of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Segments removed.
    pub segments: usize,
    /// Their length in bytes.
    pub bytes: u64,
    /// Of those segments, such as went for their age alone: the journal was within its size.
    pub too_old: usize,
}

/// What to keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bound on the length of all segments together.
    pub bytes: u64,
    /// Segments whose newest record was written before this moment go; physical ms since 1970.
    pub not_before_ms: i64,
}

/// Removes what `limits` do not keep, of the segments before `snapshot`.
pub(crate) fn apply(dir: &Path, snapshot: Seq, limits: Limits) -> Result<Removed, ReadError> {
    let segments = Segment::list(dir)?;
    let mut lengths = Vec::with_capacity(segments.len());
    for segment in &segments {
        lengths.push(std::fs::metadata(&segment.path).map_err(reading("stat", &segment.path))?.len());
    }
    let mut total: u64 = lengths.iter().sum();
    let mut removed = Removed::default();
    for (pair, length) in segments.windows(2).zip(lengths) {
        let [segment, next] = pair else { break };
        if segment.first >= snapshot || next.first > snapshot {
            break;
        }
        // The next segment began when this one ended, so its creation dates this one's newest record.
        let ended_ms = next.header(&next.open()?)?.created_ms;
        let is_small_enough = total <= limits.bytes;
        if is_small_enough && ended_ms >= limits.not_before_ms {
            break;
        }
        std::fs::remove_file(&segment.path).map_err(reading("remove", &segment.path))?;
        remove_torn(dir, segment)?;
        total -= length;
        removed.segments += 1;
        removed.bytes += length;
        removed.too_old += usize::from(is_small_enough);
    }
    if removed.segments > 0 {
        sync_dir(dir).map_err(reading("sync", dir))?;
    }
    Ok(removed)
}

/// The oldest segment from `from` on that ended before `not_before_ms`, and the number after its last record. None of those that
/// recovery needs: the newest snapshot's and later ones.
pub(crate) fn first_ended(
    dir: &Path,
    from: Seq,
    snapshot: Seq,
    not_before_ms: i64,
) -> Result<Option<(Segment, Seq)>, ReadError> {
    let segments = Segment::list(dir)?;
    for pair in segments.windows(2) {
        let [segment, next] = pair else { break };
        if segment.first < from {
            continue;
        }
        let is_closed = segment.first < snapshot && next.first <= snapshot;
        if !is_closed || next.header(&next.open()?)?.created_ms >= not_before_ms {
            break;
        }
        return Ok(Some((segment.clone(), next.first)));
    }
    Ok(None)
}

/// Removes the ends that recovery once cut off this segment and kept.
fn remove_torn(dir: &Path, segment: &Segment) -> Result<(), ReadError> {
    let prefix = segment.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    for entry in std::fs::read_dir(dir).map_err(reading("list", dir))? {
        let path = entry.map_err(reading("list", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(prefix) && name.ends_with(".torn") {
            std::fs::remove_file(&path).map_err(reading("remove", &path))?;
        }
    }
    Ok(())
}
