//! What every test of the journal needs: a journal with a known content, and its bytes.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, reason = "clippy does not see that a module of a test binary is test code")]

use plimsoll_journal::{Journal, Kind, Options, Record, Seq};
use plimsoll_model::Timestamp;
use std::path::{Path, PathBuf};

/// A fresh directory in memory where there is one: these tests are about bytes, and would wait for a disk a thousand
/// times over.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Small segments, no compression, so that tests see the bytes they wrote.
pub fn options() -> Options {
    Options { segment_bytes: 1 << 20, compress_over_bytes: usize::MAX, ..Options::default() }
}

/// The record that [`write()`] appends as number `seq`.
pub fn record(seq: u64) -> Record {
    let kind = if seq.is_multiple_of(3) { Kind::DECISION } else { Kind::INPUT };
    let payload = format!("{{\"seq\":{seq},\"text\":\"{}\"}}", "x".repeat((seq * 7 % 50) as usize)).into_bytes();
    Record { seq: Seq(seq), kind, at: Timestamp(1_000 * seq as i64), payload, forgotten: None }
}

/// Appends records `from..to` in commits of `group`.
pub fn write(journal: &mut Journal, from: u64, to: u64, group: u64) {
    for seq in from..to {
        let record = record(seq);
        assert_eq!(journal.append(record.kind, record.at, &record.payload).unwrap(), record.seq);
        if (seq - from + 1).is_multiple_of(group) {
            journal.commit().unwrap();
        }
    }
    journal.commit().unwrap();
}

/// Records `from..to` as they must come back.
pub fn expected(from: u64, to: u64) -> Vec<Record> {
    (from..to).map(record).collect()
}

/// The segments of a journal in order.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pjl"))
        .collect();
    paths.sort();
    paths
}

/// Copies the segments of one journal into a fresh directory.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in segments(from) {
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
