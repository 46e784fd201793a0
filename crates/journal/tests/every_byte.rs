//! The journal cut at every byte and damaged at every byte: what recovery returns is always an exact prefix of what
//! was written, and damage is always said.

#![allow(clippy::unwrap_used, reason = "clippy sees only the bodies of `#[test]` as test code, not what they call")]

mod common;

use common::{copy, expected, options, record, scratch, segments, write};
use plimsoll_journal::{Journal, Kind, OpenError, ReadError, Reader, Start};
use plimsoll_model::Timestamp;
use std::path::Path;

/// Where each record of a single-segment journal ends, the header's end first.
fn ends(dir: &Path, records: u64, group: u64) -> Vec<u64> {
    let (mut journal, _) = Journal::open(dir, options()).unwrap();
    let mut ends = vec![32];
    for seq in 1..=records {
        ends.push(ends[seq as usize - 1] + 36 + record(seq).payload.len() as u64);
    }
    write(&mut journal, 1, records + 1, group);
    ends
}

#[test]
fn a_file_cut_at_any_byte_recovers_exactly_the_whole_records_before_it_and_goes_on() {
    let written = scratch();
    let ends = ends(written.path(), 12, 4);
    let segment = segments(written.path()).remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    assert_eq!(bytes.len() as u64, *ends.last().unwrap());
    for length in 0..=bytes.len() {
        let dir = scratch();
        let cut = dir.path().join(segment.file_name().unwrap());
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length as u64).count().saturating_sub(1) as u64;
        let (mut journal, recovery) = Journal::open(dir.path(), options()).unwrap();
        assert_eq!(recovery.records, expected(1, whole + 1), "cut at {length}");
        let at_boundary = ends.contains(&(length as u64));
        assert_eq!(recovery.truncated.is_none(), at_boundary, "cut at {length}");
        if let Some(truncated) = recovery.truncated {
            let kept = if length < 32 { 0 } else { ends[whole as usize] };
            assert_eq!((truncated.offset, truncated.offset + truncated.bytes), (kept, length as u64));
        }
        write(&mut journal, whole + 1, whole + 3, 1);
        drop(journal);
        let (_, again) = Journal::open(dir.path(), options()).unwrap();
        assert_eq!((again.records, again.truncated), (expected(1, whole + 3), None), "cut at {length}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_reported_and_no_wrong_record_comes_back() {
    let written = scratch();
    let ends = ends(written.path(), 9, 3);
    let segment = segments(written.path()).remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    let last_commit = ends[6];
    for byte in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let dir = scratch();
            let mut bad = bytes.clone();
            bad[byte] ^= 1 << bit;
            std::fs::write(dir.path().join(segment.file_name().unwrap()), &bad).unwrap();
            match Journal::open(dir.path(), options()) {
                Err(OpenError::Read(ReadError::Header { .. })) => assert!(byte < 32, "byte {byte}"),
                Err(OpenError::Read(ReadError::Corrupt { offset, .. })) => {
                    let begin = ends.iter().rev().find(|end| **end <= byte as u64).unwrap();
                    assert_eq!(offset, *begin, "byte {byte}");
                }
                Err(other) => panic!("byte {byte}: {other}"),
                // Only rot in the very last record looks like a commit that never finished; it is cut and kept.
                Ok((_, recovery)) => {
                    assert!(byte as u64 >= ends[8], "byte {byte} of a commit that was acknowledged was cut off");
                    assert!(byte as u64 >= last_commit);
                    assert_eq!(recovery.records, expected(1, 9));
                    let kept = recovery.truncated.unwrap().kept.unwrap();
                    assert_eq!(std::fs::read(kept).unwrap(), bad[ends[8] as usize..]);
                }
            }
            let read: Result<Vec<_>, _> = match Reader::open(dir.path(), Start::Oldest) {
                Ok(reader) => reader.collect(),
                Err(error) => Err(error),
            };
            match read {
                Ok(records) => assert_eq!(records, expected(1, 9)),
                Err(error) => assert!(error.to_string().contains(".pjl"), "{error}"),
            }
        }
    }
}

#[test]
fn sectors_of_the_last_commit_that_never_arrived_are_an_unfinished_commit() {
    let written = scratch();
    let (mut journal, _) = Journal::open(written.path(), options()).unwrap();
    write(&mut journal, 1, 20, 1);
    let before = std::fs::metadata(&segments(written.path())[0]).unwrap().len();
    write(&mut journal, 20, 80, 60);
    drop(journal);
    let segment = segments(written.path()).remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    let first_sector = before.div_ceil(512) * 512;
    let mut sectors = 0;
    for sector in (first_sector..bytes.len() as u64).step_by(512) {
        let dir = scratch();
        let mut bad = bytes.clone();
        let end = bad.len().min(sector as usize + 512);
        bad[sector as usize..end].fill(0);
        std::fs::write(dir.path().join(segment.file_name().unwrap()), &bad).unwrap();
        let (_, recovery) = Journal::open(dir.path(), options()).unwrap();
        let recovered = recovery.records.len() as u64;
        assert!((19..79).contains(&recovered), "sector at {sector}: {recovered} records");
        assert_eq!(recovery.records, expected(1, recovered + 1));
        assert!(recovery.truncated.is_some());
        sectors += 1;
    }
    assert!(sectors > 5);
    // The same in a commit that others followed was acknowledged: damage, not an unfinished commit.
    let dir = scratch();
    let mut bad = bytes;
    bad[512..1_024].fill(0);
    std::fs::write(dir.path().join(segment.file_name().unwrap()), &bad).unwrap();
    let error = Journal::open(dir.path(), options()).unwrap_err();
    assert!(matches!(error, OpenError::Read(ReadError::Corrupt { .. })), "{error}");
}

#[test]
fn a_cut_anywhere_in_the_segment_of_a_new_snapshot_falls_back_to_the_one_before() {
    let written = scratch();
    let (mut journal, _) = Journal::open(written.path(), options()).unwrap();
    write(&mut journal, 1, 4, 1);
    assert_eq!(journal.append(Kind::SNAPSHOT, Timestamp(4), b"state at 4").unwrap().0, 4);
    journal.commit().unwrap();
    write(&mut journal, 5, 8, 1);
    journal.append(Kind::SNAPSHOT, Timestamp(8), b"state at 8").unwrap();
    journal.commit().unwrap();
    write(&mut journal, 9, 11, 1);
    drop(journal);
    let paths = segments(written.path());
    assert_eq!(paths.len(), 3);
    let last = std::fs::read(&paths[2]).unwrap();
    for length in 0..=last.len() {
        let dir = scratch();
        copy(written.path(), dir.path());
        std::fs::write(dir.path().join(paths[2].file_name().unwrap()), &last[..length]).unwrap();
        let (journal, recovery) = Journal::open(dir.path(), options()).unwrap();
        let snapshot = recovery.snapshot.unwrap();
        if length < 32 + 36 + 10 {
            assert_eq!((snapshot.payload.as_slice(), recovery.records), (&b"state at 4"[..], expected(5, 8)));
            assert_eq!(recovery.next_seq.0, 8);
        } else {
            assert_eq!(snapshot.payload, b"state at 8");
            let whole = recovery.records.len() as u64;
            assert_eq!(recovery.records, expected(9, 9 + whole));
        }
        assert_eq!(journal.next_seq(), recovery.next_seq);
    }
    // Without the older segments the snapshot is what everything rests on: cutting it off is refused.
    let dir = scratch();
    let alone = dir.path().join(paths[2].file_name().unwrap());
    std::fs::write(&alone, &last[..60]).unwrap();
    let error = Journal::open(dir.path(), options()).unwrap_err();
    assert!(matches!(error, OpenError::Read(ReadError::Corrupt { .. })), "{error}");
    assert_eq!(std::fs::metadata(&alone).unwrap().len(), 60);
}
