//! The journal: an append-only, checksummed, versioned record of what came in and what was decided.
//!
//! The daemon writes a decision here, and waits for the disk, before any driver sees it. So after a crash the journal
//! says everything that can have happened to the world: replaying its inputs gives the same decisions, and `explain`
//! reads its answer from it. Payloads are opaque bytes; this crate knows nothing of the domain but a timestamp.
//!
//! # On disk
//! A directory of segments named by the sequence number of their first record (`00000000000000000001.pjl`), a `lock`
//! file that admits one writer, and a `reserve` file whose only purpose is to be deleted when the disk is full. A
//! segment is a 32-byte header and then records, see [`mod@format`]. Sequence numbers start at 1 and have no gaps. A
//! snapshot is always the first record of its segment, so that recovery finds the newest one without reading
//! everything, and so that whole segments before it may be removed.
//!
//! # Invariants
//! - Nothing is lost or reordered: a record that [`Journal::commit`] acknowledged is there after `kill -9` and, as far
//!   as the disk keeps what `fdatasync` promised, after a power cut.
//! - Damage is never skipped. An incomplete tail, which a crash in the middle of a commit leaves, is cut off, kept
//!   beside the segment, and reported; damage anywhere else is an error that names segment and offset.
//! - A failed commit leaves the file as it was before, and the records still buffered: the same call works later.
//! - What is forgotten by order leaves its record's number, time and kind, and the SHA-256 of what was there ([`rewrite()`]).
//! - A segment written by a newer release is refused by name, never guessed at.
//!
//! # Sources
//! Group commit and the write-ahead rule: J. Gray and A. Reuter, "Transaction Processing" (1993), chapter 9. Telling
//! a torn write from rot by looking for sectors that never arrived: the write-ahead log of etcd. Rewriting after a
//! failed `fdatasync` instead of calling it again: A. Rebello et al., "Can Applications Recover from fsync
//! Failures?" (USENIX ATC 2020).

mod error;
pub mod format;
mod journal;
mod lock;
mod reader;
mod recovery;
mod retention;
mod rewrite;
mod scan;
mod segment;
mod tail;

pub use error::{AppendError, CommitError, OpenError, ReadError};
pub use format::{Digest, Kind, PAYLOAD_BYTES_MAX, Record, Seq};
pub use journal::{Committed, Journal, Options};
pub use reader::{Reader, Start};
pub use recovery::{Recovery, Truncated, set_aside};
pub use retention::Removed;
pub use rewrite::{Change, RewriteError, Rewritten, rewrite};
