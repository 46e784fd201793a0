//! The history store against a map of all samples.

#![allow(clippy::unwrap_used, reason = "clippy sees only the bodies of `#[test]` as test code, not what they call")]

use plimsoll_collect::history::{AppendError, History, OpenError, Point, Retention, SeriesId, Summary};
use plimsoll_model::{Bytes, Millis, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

const FOREVER: Retention = Retention { raw: Millis(u64::MAX), summary: Millis(u64::MAX), size_max: Bytes(u64::MAX) };
const HOUR: i64 = 3_600_000;

fn series(name: &str) -> SeriesId {
    SeriesId::try_new(name).unwrap()
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(dir: &tempfile::TempDir, retention: Retention) -> History {
    History::open(dir.path().join("history.redb"), retention).unwrap()
}

fn all(history: &History, name: &str, max_points: usize) -> Vec<Point> {
    history.query(&series(name), Timestamp(-1 << 40), Timestamp(1 << 42), max_points).unwrap()
}

fn point(at: i64, values: &[i64]) -> Point {
    let summary = values.iter().map(|value| Summary::of(*value)).reduce(Summary::and).unwrap();
    let Summary { min, max, count, .. } = summary;
    Point { at: Timestamp(at), min, max, mean: summary.mean(), count }
}

/// What a query must give for equal intervals of `width` from `start`.
fn brute(samples: &BTreeMap<i64, i64>, from: i64, to: i64, width: i64) -> Vec<Point> {
    let mut buckets: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (at, value) in samples.range(from..to) {
        buckets.entry(from + (at - from).div_euclid(width) * width).or_default().push(*value);
    }
    buckets.into_iter().map(|(at, values)| point(at, &values)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_resolution_agrees_with_the_samples(
        written in proptest::collection::vec((-2 * HOUR..3 * HOUR, -1_000_i64..1_000), 1..300)
    ) {
        let dir = scratch();
        let history = open(&dir, FOREVER);
        let mut samples = BTreeMap::new();
        for (at, value) in &written {
            // A quarter of the times fall together, so that samples are replaced too.
            let at = if value % 4 == 0 { at / 100_000 * 100_000 } else { *at };
            history.append(Timestamp(at), &[(series("a"), *value), (series("b"), 7)]).unwrap();
            samples.insert(at, *value);
        }
        // As few samples as points are asked for come as themselves, not as summaries.
        prop_assume!(samples.len() > 5);
        let range = |from: i64, to: i64, points| {
            history.query(&series("a"), Timestamp(from), Timestamp(to), points).unwrap()
        };
        let raw: Vec<Point> = samples.iter().map(|(at, value)| point(*at, &[*value])).collect();
        prop_assert_eq!(range(-2 * HOUR, 3 * HOUR, 10_000), raw);
        prop_assert_eq!(range(-2 * HOUR, 3 * HOUR, 300), brute(&samples, -2 * HOUR, 3 * HOUR, 60_000));
        prop_assert_eq!(range(-2 * HOUR, 3 * HOUR, 5), brute(&samples, -2 * HOUR, 3 * HOUR, HOUR));
        prop_assert_eq!(range(-2 * HOUR, 3 * HOUR, 1), brute(&samples, -2 * HOUR, 3 * HOUR, 5 * HOUR));
        let few = range(0, HOUR, 7);
        prop_assert!(few.len() <= 7);
        let count: u64 = few.iter().map(|point| point.count).sum();
        prop_assert_eq!(count, samples.range(0..HOUR).count() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_leaves_what_was_written_before_and_nothing_else(
        written in proptest::collection::btree_map(-HOUR..3 * HOUR, -1_000_i64..1_000, 1..120), cut in -HOUR..3 * HOUR,
        whole in any::<bool>()
    ) {
        let cut = if whole { cut / 60_000 * 60_000 } else { cut };
        let (all_of_it, only_before) = (scratch(), scratch());
        let (history, wanted) = (open(&all_of_it, FOREVER), open(&only_before, FOREVER));
        for (at, value) in &written {
            history.append(Timestamp(*at), &[(series("a"), *value)]).unwrap();
            if *at < cut {
                wanted.append(Timestamp(*at), &[(series("a"), *value)]).unwrap();
            }
        }
        history.forget_from(Timestamp(cut)).unwrap();
        for points in [10_000, 240, 4, 1] {
            let read = |history: &History| history.query(&series("a"), Timestamp(-HOUR), Timestamp(3 * HOUR), points);
            prop_assert_eq!(read(&history).unwrap(), read(&wanted).unwrap());
        }
        prop_assert_eq!(history.stored_bytes(), wanted.stored_bytes());
    }
}

#[test]
fn a_replay_over_the_same_trace_time_writes_the_same_history() {
    let dir = scratch();
    let history = open(&dir, FOREVER);
    for round in 0..3 {
        for minute in 0..90 {
            let value = minute * 10 + i64::from(round == 0);
            history.append(Timestamp(minute * 60_000 + 5), &[(series("s"), value)]).unwrap();
        }
    }
    let hours = all(&history, "s", 1);
    let values: Vec<i64> = (0..90).map(|minute| minute * 10).collect();
    assert_eq!((hours.len(), hours[0].min, hours[0].max, hours[0].count), (1, 0, 890, 90));
    assert_eq!(hours[0].mean, point(0, &values).mean);
}

#[test]
fn samples_are_retired_before_summaries_and_a_return_to_that_time_starts_over() {
    let dir = scratch();
    let retention = Retention { raw: Millis(2 * HOUR as u64), summary: Millis(10 * HOUR as u64), ..FOREVER };
    let history = open(&dir, retention);
    for second in 0..(8 * 360) {
        history.append(Timestamp(second * 10_000), &[(series("s"), second)]).unwrap();
    }
    let now = 8 * HOUR - 10_000;
    let young = history.query(&series("s"), Timestamp(now - 2 * HOUR), Timestamp(now), 10_000).unwrap();
    assert_eq!((young.len(), young[0].count), (720, 1));
    let old = history.query(&series("s"), Timestamp(0), Timestamp(HOUR), 10_000).unwrap();
    assert_eq!((old.len(), old[0]), (60, point(0, &[0, 1, 2, 3, 4, 5])));
    history.append(Timestamp(30_000), &[(series("s"), 1_000)]).unwrap();
    let again = history.query(&series("s"), Timestamp(0), Timestamp(HOUR), 60).unwrap();
    assert_eq!(again[0], point(0, &[1_000]));
    let hour = history.query(&series("s"), Timestamp(0), Timestamp(HOUR), 1).unwrap();
    assert_eq!((hour[0].count, hour[0].max), (355, 1_000));
    // Beyond the age of summaries nothing is left, and a series without anything is forgotten.
    history.append(Timestamp(100 * HOUR), &[(series("t"), 1)]).unwrap();
    assert_eq!(history.series(), [series("t")]);
    assert_eq!(all(&history, "s", 100), []);
}

#[test]
fn the_file_stays_within_its_size_and_the_oldest_goes_first() {
    let dir = scratch();
    let size_max = 4 << 20;
    let history = open(&dir, Retention { size_max: Bytes(size_max), ..FOREVER });
    let names: Vec<SeriesId> = (0..50).map(|n| series(&format!("service/s{n}/rate_milli_rps"))).collect();
    let mut value = 1_i64;
    for step in 0..3_000 {
        let batch: Vec<(SeriesId, i64)> = names
            .iter()
            .map(|name| {
                value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (name.clone(), value >> 44)
            })
            .collect();
        history.append(Timestamp(step * 60_000), &batch).unwrap();
    }
    let file = std::fs::metadata(dir.path().join("history.redb")).unwrap();
    let taken = file.blocks() * 512;
    assert!(taken <= size_max, "{taken} bytes, {} of them stored", history.stored_bytes());
    assert!(taken > size_max / 3, "{taken} bytes leave most of the room unused");
    let newest = history.query(&names[0], Timestamp(2_990 * 60_000), Timestamp(3_000 * 60_000), 100).unwrap();
    assert_eq!(newest.len(), 10);
    let oldest = all(&history, "service/s0/rate_milli_rps", 10_000)[0].at;
    assert!(oldest > Timestamp(0));
}

#[test]
fn a_store_opened_again_has_everything_and_one_writer() {
    let dir = scratch();
    let history = open(&dir, FOREVER);
    for n in 0..25 {
        history.append(Timestamp(n * 1_000), &[(series("a/x"), n), (series("a/y"), -n), (series("b/x"), 0)]).unwrap();
    }
    let again = History::open(dir.path().join("history.redb"), FOREVER);
    assert!(matches!(again, Err(OpenError::Locked { .. })), "{again:?}");
    let (points, stored) = (all(&history, "a/y", 10_000), history.stored_bytes());
    drop(history);
    let history = open(&dir, FOREVER);
    assert_eq!((all(&history, "a/y", 10_000), history.stored_bytes()), (points, stored));
    assert_eq!(history.series(), [series("a/x"), series("a/y"), series("b/x")]);
    let matching = history.query_matching("a/*", Timestamp(0), Timestamp(HOUR), 1).unwrap();
    assert_eq!(matching.keys().map(SeriesId::as_str).collect::<Vec<_>>(), ["a/x", "a/y"]);
    history.append(Timestamp(0), &[(series("new"), 5)]).unwrap();
    assert_eq!(all(&history, "new", 10).len(), 1);
}

#[test]
fn what_cannot_be_held_is_refused_whole() {
    let dir = scratch();
    let history = open(&dir, FOREVER);
    let refused = history.append(Timestamp(i64::MAX), &[(series("a"), 1)]);
    assert!(matches!(refused, Err(AppendError::Time { .. })), "{refused:?}");
    assert_eq!(history.series(), []);
    let extremes = [i64::MIN, i64::MAX, i64::MAX];
    for (n, value) in extremes.iter().enumerate() {
        history.append(Timestamp(n as i64), &[(series("a"), *value)]).unwrap();
    }
    assert_eq!(all(&history, "a", 1)[0], Point { at: all(&history, "a", 1)[0].at, ..point(0, &extremes) });
    assert_eq!(history.query(&series("a"), Timestamp(5), Timestamp(5), 10).unwrap(), []);
    assert_eq!(history.query(&series("a"), Timestamp(9), Timestamp(5), 10).unwrap(), []);
    assert_eq!(history.query(&series("a"), Timestamp(i64::MIN), Timestamp(i64::MAX), 0).unwrap().len(), 1);
    assert_eq!(history.query(&series("?"), Timestamp(0), Timestamp(5), 10).unwrap(), []);
}

#[test]
fn a_file_that_is_no_store_is_left_as_it_is() {
    let dir = scratch();
    let path = dir.path().join("history.redb");
    std::fs::write(&path, [7; 10_000]).unwrap();
    let refused = History::open(&path, FOREVER).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), [7; 10_000]);
}

#[test]
fn a_copy_without_some_series_has_the_others_whole_and_nothing_of_those_left_out() {
    let dir = scratch();
    let history = open(&dir, FOREVER);
    for at in 0..200 {
        let samples =
            [(series("service/shop/rate"), at), (series("node/cpu"), 2 * at), (series("service/web/rate"), 5)];
        history.append(Timestamp(at * 1_000), &samples).unwrap();
    }
    let to = dir.path().join("copy.redb");
    let done = history.copy_without(&to, FOREVER, |series| series.as_str().contains("/shop/")).unwrap();
    assert_eq!((done.kept, done.left_out), (2, 1));
    let copy = History::open(&to, FOREVER).unwrap();
    for (name, points) in [("node/cpu", 200), ("node/cpu", 3), ("service/web/rate", 200)] {
        assert_eq!(all(&copy, name, points), all(&history, name, points), "{name}");
    }
    assert_eq!(all(&copy, "service/shop/rate", 10), []);
    assert!(copy.stored_bytes() < history.stored_bytes());
    drop(copy);
    let times = |bytes: &[u8]| bytes.windows(6).filter(|window| window == b"/shop/").count();
    assert_eq!(times(&std::fs::read(&to).unwrap()), 0, "no byte of it is in the file");
    let copy = History::open(&to, FOREVER).unwrap();
    // It goes on like the old one, and a series that comes back has no past.
    copy.append(Timestamp(200_000), &[(series("node/cpu"), 1), (series("service/shop/rate"), 9)]).unwrap();
    // So few points of so long a time are those of whole hours.
    assert_eq!(all(&copy, "service/shop/rate", 10), [point(0, &[9])]);
    drop(copy);
    assert!(times(&std::fs::read(to).unwrap()) > 0, "where it is, it is found");
}
