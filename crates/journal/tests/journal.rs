//! One writer, readers beside it, retention, compression and limits.

#![allow(clippy::unwrap_used, reason = "clippy sees only the bodies of `#[test]` as test code, not what they call")]

mod common;

use common::{expected, options, record, scratch, segments, write};
use plimsoll_journal::{
    AppendError, Journal, Kind, OpenError, Options, PAYLOAD_BYTES_MAX, ReadError, Reader, Record, Removed, Seq, Start,
    set_aside,
};
use plimsoll_model::Timestamp;
use proptest::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

fn read(dir: &Path, start: Start) -> Vec<Record> {
    Reader::open(dir, start).unwrap().collect::<Result<_, _>>().unwrap()
}

fn snapshot(journal: &mut Journal) -> Seq {
    let seq = journal.append(Kind::SNAPSHOT, Timestamp(1_000 * journal.next_seq().0 as i64), b"state").unwrap();
    journal.commit().unwrap();
    seq
}

#[test]
fn a_second_writer_is_told_who_has_the_journal_and_gets_it_afterwards() {
    let dir = scratch();
    let (first, _) = Journal::open(dir.path(), options()).unwrap();
    let error = Journal::open(dir.path(), options()).unwrap_err();
    assert!(matches!(&error, OpenError::Locked { pid: Some(pid), .. } if *pid == std::process::id()), "{error:?}");
    assert!(error.to_string().ends_with(&format!("in use by process {}", std::process::id())), "{error}");
    drop(first);
    Journal::open(dir.path(), options()).unwrap();
}

#[test]
fn what_was_not_committed_is_gone_and_its_numbers_are_used_again() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), options()).unwrap();
    write(&mut journal, 1, 4, 1);
    journal.append(Kind::NOTE, Timestamp(0), b"never committed").unwrap();
    assert_eq!(journal.buffered(), 1);
    drop(journal);
    let (mut journal, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!((recovery.records, recovery.next_seq), (expected(1, 4), Seq(4)));
    journal.append(Kind::NOTE, Timestamp(0), b"dropped").unwrap();
    assert_eq!(journal.discard_buffered(), 1);
    write(&mut journal, 4, 6, 2);
    assert_eq!(read(dir.path(), Start::Oldest), expected(1, 6));
}

#[test]
fn segments_follow_each_other_without_gaps_and_recovery_starts_at_the_newest_snapshot() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 400, ..options() }).unwrap();
    write(&mut journal, 1, 30, 3);
    assert!(segments(dir.path()).len() > 3);
    assert_eq!(read(dir.path(), Start::Oldest), expected(1, 30));
    assert_eq!(snapshot(&mut journal), Seq(30));
    write(&mut journal, 31, 60, 4);
    let newest = journal.newest_snapshot();
    drop(journal);
    let (_, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!(recovery.snapshot.as_ref().map(|record| record.seq), newest);
    assert_eq!(recovery.records, expected(31, 60));
    assert_eq!(recovery.segments, segments(dir.path()).len());
}

#[test]
fn a_reader_starts_where_it_is_asked_to() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 400, ..options() }).unwrap();
    write(&mut journal, 1, 20, 1);
    snapshot(&mut journal);
    write(&mut journal, 21, 40, 1);
    snapshot(&mut journal);
    write(&mut journal, 41, 50, 1);
    let first = |start| read(dir.path(), start).first().map(|record| record.seq.0);
    assert_eq!(first(Start::Oldest), Some(1));
    for seq in [1, 7, 20, 33, 49] {
        assert_eq!(first(Start::Seq(Seq(seq))), Some(seq));
        assert_eq!(first(Start::Time(Timestamp(1_000 * seq as i64 - 10))), Some(seq));
    }
    assert_eq!(first(Start::Seq(Seq(50))), None);
    assert_eq!(first(Start::Time(Timestamp(i64::MAX))), None);
    assert_eq!(first(Start::NewestSnapshot), Some(40));
    assert_eq!(first(Start::SnapshotBefore(Seq(39))), Some(20));
    assert_eq!(first(Start::SnapshotBefore(Seq(40))), Some(40));
    assert_eq!(first(Start::SnapshotBefore(Seq(19))), Some(1));
}

#[test]
fn trace_time_that_jumps_back_hides_no_record_from_a_search_by_time() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 100, ..options() }).unwrap();
    for at in [10, 20, 90, 30, 5, 95] {
        journal.append(Kind::INPUT, Timestamp(at), &[0; 80]).unwrap();
        journal.commit().unwrap();
    }
    let times = |from| -> Vec<i64> {
        read(dir.path(), Start::Time(Timestamp(from))).iter().map(|record| record.at.0).collect()
    };
    assert_eq!(times(50), [90, 30, 5, 95]);
    assert_eq!(times(91), [95]);
    assert_eq!(times(1), [10, 20, 90, 30, 5, 95]);
}

#[test]
fn retention_removes_old_segments_by_size_and_age_but_none_that_recovery_needs() {
    let dir = scratch();
    let limits = Options { segment_bytes: 300, retention_bytes: 1_500, ..options() };
    let (mut journal, _) = Journal::open(dir.path(), limits.clone()).unwrap();
    write(&mut journal, 1, 40, 1);
    let now = SystemTime::now();
    assert_eq!(journal.retain(now).unwrap(), Removed::default(), "without a snapshot everything is needed");
    let second = snapshot(&mut journal);
    write(&mut journal, 41, 60, 1);
    let newest = snapshot(&mut journal);
    let removed = journal.retain(now).unwrap();
    assert!(removed.segments > 0 && removed.bytes > 0);
    let total: u64 = segments(dir.path()).iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(total <= 1_500, "{total}");
    let oldest = read(dir.path(), Start::Oldest)[0].seq;
    assert!(oldest > Seq(1) && oldest <= newest);
    let gone = Reader::open(dir.path(), Start::Seq(Seq(1))).unwrap_err();
    assert!(matches!(gone, ReadError::Gone { asked: Seq(1), .. }), "{gone}");
    assert!(second < newest);
    // By age: everything before the newest snapshot is older than the limit a year from now.
    let later = now + Duration::from_secs(366 * 24 * 3_600);
    journal.retain(later).unwrap();
    assert_eq!(read(dir.path(), Start::Oldest)[0].seq, newest);
    assert_eq!(journal.retain(later).unwrap(), Removed::default());
    drop(journal);
    let (_, recovery) = Journal::open(dir.path(), limits).unwrap();
    assert_eq!(recovery.snapshot.unwrap().seq, newest);
}

#[test]
fn a_missing_segment_is_named_by_writer_and_reader() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 200, ..options() }).unwrap();
    write(&mut journal, 1, 20, 1);
    drop(journal);
    let middle = segments(dir.path()).remove(2);
    let bytes = std::fs::read(&middle).unwrap();
    std::fs::remove_file(&middle).unwrap();
    let error = Journal::open(dir.path(), options()).unwrap_err();
    assert!(matches!(error, OpenError::Read(ReadError::Missing { .. })), "{error}");
    let error = Reader::open(dir.path(), Start::Oldest).unwrap().collect::<Result<Vec<_>, _>>().unwrap_err();
    assert!(error.to_string().contains("are missing"), "{error}");
    std::fs::write(&middle, bytes).unwrap();
    std::fs::remove_file(&segments(dir.path())[0]).unwrap();
    let error = Journal::open(dir.path(), options()).unwrap_err();
    assert!(matches!(error, OpenError::Read(ReadError::Missing { expected: Seq(1), .. })), "{error}");
}

#[test]
fn a_damaged_journal_can_be_set_aside_and_read_up_to_the_damage() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 300, ..options() }).unwrap();
    write(&mut journal, 1, 20, 1);
    assert!(matches!(set_aside(dir.path()), Err(OpenError::Locked { .. })));
    drop(journal);
    let path = segments(dir.path()).remove(1);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    Journal::open(dir.path(), options()).unwrap_err();
    let aside = set_aside(dir.path()).unwrap();
    let (_, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert_eq!((recovery.records, recovery.next_seq), (vec![], Seq(1)));
    let readable: Vec<Record> = Reader::open(&aside, Start::Oldest).unwrap().map_while(Result::ok).collect();
    assert!(!readable.is_empty());
    assert_eq!(readable, expected(1, readable.len() as u64 + 1));
    assert_ne!(set_aside(dir.path()).map_err(|error| error.to_string()), Ok(aside));
}

#[test]
fn a_segment_of_a_newer_release_is_refused_and_left_alone() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), options()).unwrap();
    write(&mut journal, 1, 3, 1);
    drop(journal);
    let path = segments(dir.path()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8..10].copy_from_slice(&3_u16.to_le_bytes());
    bytes[10..12].copy_from_slice(&(!3_u16).to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = Journal::open(dir.path(), options()).unwrap_err();
    assert!(error.to_string().contains("written by a newer release"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn compressed_payloads_come_back_and_take_less_room() {
    let dir = scratch();
    let text = "{\"service\":\"shop\",\"rate\":12345}".repeat(3_000).into_bytes();
    let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (mut journal, _) = Journal::open(dir.path(), Options { compress_over_bytes: 64, ..options() }).unwrap();
    for payload in [&text, &noise, &vec![], &vec![7; 64]] {
        journal.append(Kind::INPUT, Timestamp(1), payload).unwrap();
    }
    let committed = journal.commit().unwrap();
    assert!(committed.bytes < (noise.len() + text.len() / 10) as u64, "{}", committed.bytes);
    let back: Vec<Vec<u8>> = read(dir.path(), Start::Oldest).into_iter().map(|record| record.payload).collect();
    assert_eq!(back, [text, noise, vec![], vec![7; 64]]);
}

#[test]
fn limits_refuse_a_record_and_change_nothing() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { compress_over_bytes: 64, ..options() }).unwrap();
    let large = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert!(matches!(journal.append(Kind::INPUT, Timestamp(0), &large), Err(AppendError::TooLarge { .. })));
    assert!(matches!(journal.append(Kind(0), Timestamp(0), b""), Err(AppendError::Kind)));
    assert_eq!(journal.append(Kind::INPUT, Timestamp(0), &large[1..]).unwrap(), Seq(1));
    journal.commit().unwrap();
    assert_eq!(read(dir.path(), Start::Oldest)[0].payload.len(), PAYLOAD_BYTES_MAX);
}

#[test]
fn a_buffer_that_nobody_commits_stops_growing() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), options()).unwrap();
    let payload = vec![1; 30 << 20];
    let refused = (0..10).find_map(|_| journal.append(Kind::INPUT, Timestamp(0), &payload).err()).unwrap();
    assert!(matches!(refused, AppendError::BufferFull { .. }), "{refused}");
    assert_eq!(journal.buffered(), 4);
}

#[test]
fn a_reader_beside_a_writer_sees_every_record_once_and_in_order() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 4_000, ..options() }).unwrap();
    let done = AtomicBool::new(false);
    let total = 20_000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 1..total {
                let record = record(seq);
                let kind = if seq % 997 == 0 { Kind::SNAPSHOT } else { record.kind };
                journal.append(kind, record.at, &record.payload).unwrap();
                if seq % 5 == 0 {
                    journal.commit().unwrap();
                }
            }
            journal.commit().unwrap();
            done.store(true, Ordering::Release);
        });
        let mut reader = Reader::open(dir.path(), Start::Oldest).unwrap();
        let mut due = 1;
        while due < total {
            let was_done = done.load(Ordering::Acquire);
            match reader.read().unwrap() {
                Some(found) => {
                    assert_eq!((found.seq.0, found.payload), (due, record(due).payload));
                    due += 1;
                }
                None if was_done => panic!("the reader stopped at {due} of {total}"),
                None => std::thread::yield_now(),
            }
        }
    });
}

#[test]
fn a_reader_at_the_end_goes_on_when_there_is_more_and_never_sees_half_a_record() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 300, ..options() }).unwrap();
    let mut reader = Reader::open(dir.path(), Start::Oldest).unwrap();
    for seq in 1..30 {
        assert_eq!(reader.read().unwrap(), None);
        journal.append(record(seq).kind, record(seq).at, &record(seq).payload).unwrap();
        assert_eq!(reader.read().unwrap(), None);
        journal.commit().unwrap();
        assert_eq!(reader.read().unwrap(), Some(record(seq)));
    }
    // Half of a record at the end, as while the writer's call is under way, is the end for now.
    let path = segments(dir.path()).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&[1; 50]);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(reader.read().unwrap(), None);
    assert_eq!(read(dir.path(), Start::Oldest), expected(1, 30));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_written_over_any_place_never_panic_nor_give_a_wrong_record(
        at in 0_usize..1_500, garbage in proptest::collection::vec(any::<u8>(), 1..200), group in 1_u64..9
    ) {
        let dir = scratch();
        let (mut journal, _) = Journal::open(dir.path(), options()).unwrap();
        write(&mut journal, 1, 20, group);
        drop(journal);
        let path = segments(dir.path()).remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.min(bytes.len());
        let end = bytes.len().min(at + garbage.len());
        bytes[at..end].copy_from_slice(&garbage[..end - at]);
        bytes.extend_from_slice(&garbage[end - at..]);
        std::fs::write(&path, &bytes).unwrap();
        let mut count = 0;
        for found in Reader::open(dir.path(), Start::Oldest).into_iter().flatten().map_while(Result::ok) {
            count += 1;
            prop_assert_eq!(found, record(count));
        }
        if let Ok((_, recovery)) = Journal::open(dir.path(), options()) {
            let recovered = recovery.records.len() as u64;
            prop_assert_eq!(recovery.records, expected(1, recovered + 1));
        }
    }

    #[test]
    fn payloads_of_any_kind_and_size_round_trip(
        payloads in proptest::collection::vec((1_u8..=255, any::<i64>(), proptest::collection::vec(any::<u8>(), 0..300)), 1..40),
        group in 1_usize..7, segment_bytes in 100_u64..5_000
    ) {
        let dir = scratch();
        let options = Options { segment_bytes, compress_over_bytes: 16, ..Options::default() };
        let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
        for (index, (kind, at, payload)) in payloads.iter().enumerate() {
            journal.append(Kind(*kind), Timestamp(*at), payload).unwrap();
            if index % group == 0 {
                journal.commit().unwrap();
            }
        }
        journal.commit().unwrap();
        let back: Vec<_> = read(dir.path(), Start::Oldest).into_iter().map(|r| (r.kind.0, r.at.0, r.payload)).collect();
        prop_assert_eq!(back, payloads);
    }
}
