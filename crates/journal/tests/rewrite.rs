//! A copy of a journal of which something is forgotten: nothing else about it changes, and it goes on as a journal.

#![allow(clippy::unwrap_used, reason = "clippy sees only the bodies of `#[test]` as test code, not what they call")]

mod common;

use common::{expected, options, scratch, segments, write};
use plimsoll_journal::{Change, Journal, Kind, Options, ReadError, Reader, Record, RewriteError, Seq, Start, rewrite};
use plimsoll_model::Timestamp;
use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, SystemTime};

const COMPRESS_OVER: usize = 60;

fn read(dir: &Path) -> Vec<Record> {
    Reader::open(dir, Start::Oldest).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Forgets all of every seventh record but one byte.
fn seventh(record: &Record) -> Result<Change, Infallible> {
    if !record.seq.0.is_multiple_of(7) {
        return Ok(Change::Keep);
    }
    Ok(Change::Forget { left: b"-".to_vec(), was: record.forgotten.unwrap_or([record.seq.0 as u8; 32]) })
}

#[test]
fn a_rewritten_journal_has_the_same_records_but_those_forgotten_and_goes_on_where_the_old_one_was() {
    let (from, to) = (scratch(), scratch());
    let (mut journal, _) = Journal::open(from.path(), Options { segment_bytes: 400, ..options() }).unwrap();
    write(&mut journal, 1, 30, 3);
    let snapshot = journal.append(Kind::SNAPSHOT, Timestamp(30_000), b"state").unwrap();
    journal.commit().unwrap();
    let done = rewrite(from.path(), to.path(), COMPRESS_OVER, seventh).unwrap();
    assert_eq!((done.records, done.changed, done.next), (30, 4, Some(Seq(31))));
    assert_eq!(done.segments, segments(from.path()).len());
    let names = |dir: &Path| segments(dir).iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(from.path()), names(to.path()));

    let mut wanted = expected(1, 30);
    for record in wanted.iter_mut().filter(|record| record.seq.0.is_multiple_of(7)) {
        record.payload = b"-".to_vec();
        record.forgotten = Some([record.seq.0 as u8; 32]);
    }
    assert_eq!(read(to.path())[..29], wanted);

    let (mut again, recovery) = Journal::open(to.path(), options()).unwrap();
    assert_eq!(recovery.snapshot.unwrap().seq, snapshot);
    write(&mut again, 31, 40, 2);
    drop(again);
    assert_eq!(read(to.path())[30..], expected(31, 40));

    // Forgetting more keeps what was said of the first time.
    let third = scratch();
    assert_eq!(rewrite(to.path(), third.path(), COMPRESS_OVER, seventh).unwrap().changed, 5);
    assert_eq!(read(third.path())[6].forgotten, Some([7; 32]));
    assert_eq!(read(third.path()).len(), 39);
}

#[test]
fn every_flipped_bit_of_a_record_of_which_something_was_forgotten_is_noticed() {
    let (from, to) = (scratch(), scratch());
    let (mut journal, _) = Journal::open(from.path(), options()).unwrap();
    write(&mut journal, 1, 9, 8);
    rewrite(from.path(), to.path(), COMPRESS_OVER, seventh).unwrap();
    let path = segments(to.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let records = read(to.path());
    for bit in 0..whole.len() * 8 {
        let mut bad = whole.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bad).unwrap();
        let found: Result<Vec<Record>, ReadError> =
            Reader::open(to.path(), Start::Oldest).and_then(|reader| reader.collect());
        // The end of the last segment may look like a commit that never finished; what is read is then less, never other.
        assert!(
            found.as_ref().is_ok_and(|found| records.starts_with(found) && found.len() < records.len())
                || found.is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn damage_ends_the_copy_and_what_does_not_fit_a_record_is_refused() {
    let (from, to) = (scratch(), scratch());
    let (mut journal, _) = Journal::open(from.path(), Options { segment_bytes: 400, ..options() }).unwrap();
    write(&mut journal, 1, 30, 3);
    let large = |_: &Record| Ok::<_, Infallible>(Change::Forget { left: vec![0; 64 << 20], was: [0; 32] });
    let error = rewrite(from.path(), &to.path().join("a"), COMPRESS_OVER, large).unwrap_err();
    assert!(matches!(error, RewriteError::TooLarge { seq: Seq(1), .. }), "{error}");
    let path = segments(from.path()).remove(1);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = rewrite(from.path(), &to.path().join("b"), COMPRESS_OVER, seventh).unwrap_err();
    assert!(matches!(error, RewriteError::Read(ReadError::Corrupt { .. })), "{error}");
}

#[test]
fn old_segments_lose_what_is_forgotten_one_at_a_call_and_those_that_recovery_needs_stay() {
    let dir = scratch();
    let (mut journal, _) = Journal::open(dir.path(), Options { segment_bytes: 400, ..options() }).unwrap();
    write(&mut journal, 1, 30, 3);
    let snapshot = journal.append(Kind::SNAPSHOT, Timestamp(30_000), b"state").unwrap();
    journal.commit().unwrap();
    write(&mut journal, 31, 60, 3);
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    assert_eq!(journal.forget_in_old(Seq(1), now, hour, seventh).unwrap(), None, "nothing is an hour old");
    let later = now + 2 * hour;
    let (mut from, mut changed, mut calls) = (Seq(1), 0, 0);
    while let Some((done, next)) = journal.forget_in_old(from, later, hour, seventh).unwrap() {
        assert_eq!(done.segments, 1);
        (from, changed, calls) = (next, changed + done.changed, calls + 1);
    }
    assert!(calls > 3 && changed == 4 && from == snapshot, "{calls} calls, {changed} records, up to {from}");
    let records = read(dir.path());
    assert_eq!(records.len(), 59);
    assert!(records.iter().all(|record| record.forgotten.is_some() == (record.seq.0 < 30 && record.seq.0 % 7 == 0)));
    // The writer goes on, and a reader that had opened an old segment reads on.
    write(&mut journal, 60, 64, 1);
    assert_eq!(read(dir.path())[59..], expected(60, 64));
}

#[test]
fn what_went_for_its_age_alone_is_told_apart() {
    let dir = scratch();
    let options = Options { segment_bytes: 400, retention_age: Duration::from_secs(60), ..options() };
    let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
    write(&mut journal, 1, 30, 3);
    journal.append(Kind::SNAPSHOT, Timestamp(30_000), b"state").unwrap();
    journal.commit().unwrap();
    let removed = journal.retain(SystemTime::now() + Duration::from_secs(3_600)).unwrap();
    assert!(removed.segments > 3 && removed.too_old == removed.segments, "{removed:?}");
}
