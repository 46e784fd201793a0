//! The readers against the real public sets, each checked against figures published for it. Without the sets each test
//! says that it did not run; under `PLIMSOLL_DATA_REQUIRED=1` that is a failure.

use plimsoll_model::Timestamp;
use plimsoll_traces::{RateSeries, dataset};

fn series(test: &str, name: &str) -> Option<RateSeries> {
    let path = dataset::find_for_test(test, name)?;
    Some(RateSeries::read(path.to_str().expect("the path is UTF-8")).expect("a published set reads without error"))
}

#[test]
fn world_cup_98_minutes() {
    let Some(series) = series("world_cup_98_minutes", "web-traffic/wc98_per_minute_dev_to_0624.csv.xz") else { return };
    assert_eq!(series.recorded(), 79_340);
    assert_eq!(series.start().to_string(), "1998-04-30 21:30:00Z");
    assert_eq!(series.end().to_string(), "1998-06-25 00:00:00Z");
    let missing: usize = series.gaps().iter().map(|gap| gap.slots).sum();
    assert_eq!(missing + series.recorded(), series.len());
    assert!(!series.gaps().is_empty(), "the published record has gaps");
    let day = series.day("1998-06-10").unwrap();
    assert_eq!((day.len(), day.recorded(), day.requests().round()), (1_440, 1_440, 52_046_980.0));
    assert_eq!((day.peak() * 60.0).round(), 128_274.0);
    assert_eq!(day.rate_at(Timestamp(day.start().0 - 1)), None);
}

#[test]
fn nasa_and_twitter_seconds() {
    for (name, rows) in [
        ("web-traffic/nasa_per_second_dev.csv.xz", 2_419_200),
        ("web-traffic/twitter_per_second_dev.csv.xz", 1_296_000),
    ] {
        let Some(series) = series("nasa_and_twitter_seconds", name) else { continue };
        assert_eq!((series.len(), series.recorded()), (rows, rows), "{name}");
        assert_eq!(series.resample(plimsoll_model::Millis::from_minutes(1)).unwrap().len(), rows / 60, "{name}");
    }
}

#[test]
fn crane_series_inside_their_tar() {
    for index in 0..=10 {
        let name = format!("crane-dsp/crane_dev_0_10.tar.xz#input{index}.csv");
        let Some(series) = series("crane_series_inside_their_tar", &name) else { continue };
        assert_eq!(series.slot().0, 60_000, "{name}");
        assert!(series.recorded() >= 11_520, "{name}: {}", series.recorded());
    }
}

#[test]
fn servegen_totals() {
    let Some(series) = series("servegen_totals", "servegen/total_rate_dev_mlarge_10min.csv.gz") else { return };
    assert_eq!(series.slot().0, 600_000);
    assert!(series.recorded() > 1_000);
}

#[test]
fn the_recorded_day_of_this_repository_follows_its_history_without_a_hole() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
    let day = RateSeries::read(&format!("{data}/alibaba-2018-day.csv")).unwrap();
    let history = RateSeries::read(&format!("{data}/alibaba-2018-history.csv")).unwrap();
    assert_eq!((day.len(), history.len()), (1_440, 3 * 1_440));
    assert_eq!((day.start(), history.end()), (Timestamp(0), Timestamp(0)));
    assert_eq!(day.gaps().len() + history.gaps().len(), 0);
    assert_eq!((day.peak(), day.mean().round()), (756.0, 349.0));
}
