//! Properties of the streaming forecaster: total on any samples, exact in and out of bytes, small, and not fooled by units.

use plimsoll_forecast::naive::SeasonalNaive;
use plimsoll_forecast::online::{HORIZON_BYTES_MAX, STATE_BYTES_MAX, Stream, StreamSettings, Verdict};
use plimsoll_forecast::{Data, Fit as _, Series};
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use plimsoll_stats::Random;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn settings() -> StreamSettings {
    let horizons = [1, 5, 15].map(Millis::from_minutes).into();
    StreamSettings::daily_and_weekly(Millis(60_000), horizons, Permille(990))
}

fn stream() -> Stream {
    Stream::try_new(settings()).expect("the settings are possible")
}

/// A day's shape with noise, one value per minute.
fn daily(minutes: i64, seed: u64) -> Vec<(Timestamp, f64)> {
    let mut random = Random::new(seed);
    let value = |minute: i64, random: &mut Random| {
        let phase = (minute % 1_440) as f64 / 1_440.0;
        100.0 * (1.0 + 0.6 * (phase * std::f64::consts::TAU).sin()) * (1.0 + 0.05 * random.normal())
    };
    (0..minutes).map(|minute| (Timestamp(minute * MINUTE), value(minute, &mut random))).collect()
}

fn assert_sane(stream: &Stream, at: Timestamp) {
    let Some((forecast, explained)) = stream.forecast(at, Permille(970)).zip(stream.explain()) else { return };
    assert!(forecast.point.is_finite() && forecast.margin.is_finite());
    assert!(forecast.quantiles.iter().all(|(_, value)| value.is_finite()), "{forecast:?}");
    assert!(forecast.quantiles.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{forecast:?}");
    for lane in &explained.horizons {
        assert!(lane.parts.iter().all(|part| part.value.is_finite()));
        assert!(lane.errors_recent.iter().all(|error| error.is_finite()));
    }
    assert!(explained.health.horizons.iter().all(|lane| lane.coverage.is_finite() && lane.loss_ratio.is_finite()));
}

#[test]
fn the_state_is_small_and_comes_back_as_it_was() {
    let one = StreamSettings { horizons: vec![Millis::from_minutes(15)], ..settings() };
    let mut one = Stream::try_new(one).unwrap();
    one.warm(daily(8 * 1_440, 1));
    let mut stream = stream();
    stream.warm(daily(8 * 1_440, 1));
    let (small, large) = (one.to_bytes().len(), stream.to_bytes().len());
    println!("{small} bytes with one horizon, {large} with three");
    assert!(small <= STATE_BYTES_MAX && large <= STATE_BYTES_MAX + 2 * HORIZON_BYTES_MAX);
    let text = serde_json::to_string(&stream).unwrap();
    let mut restored: Stream = serde_json::from_str(&text).unwrap();
    assert_eq!(restored, stream);
    for (at, value) in daily(8 * 1_440 + 500, 1).split_off(8 * 1_440) {
        assert_eq!(restored.observe(at, value), stream.observe(at, value));
        let due = at.plus(Millis::from_minutes(5));
        assert_eq!(restored.forecast(due, Permille(990)), stream.forecast(due, Permille(990)));
    }
    assert_eq!(restored, stream);
}

#[test]
fn the_wanted_share_is_covered_on_a_daily_load() {
    let mut stream = stream();
    stream.warm(daily(14 * 1_440, 2));
    let health = stream.health();
    for lane in &health.horizons {
        assert!((lane.coverage - 0.99).abs() < 0.005, "{lane:?}");
        assert!(lane.loss_ratio < 1.0 && lane.verdict == Verdict::InBounds, "{lane:?}");
    }
    assert!(health.hours.iter().all(|hour| hour.coverage > 0.97), "{:?}", health.hours);
}

#[test]
fn before_an_hour_has_passed_the_reactive_margin_holds() {
    let mut stream = stream();
    assert!(stream.forecast(Timestamp(0), Permille(990)).is_none());
    stream.warm((0..30).map(|minute| (Timestamp(minute * MINUTE), 70.0)));
    let forecast = stream.forecast(Timestamp(34 * MINUTE), Permille(990)).unwrap();
    assert!(forecast.is_floor && (forecast.at_quantile(Permille(990)) - 100.0).abs() < 1e-9, "{forecast:?}");
    assert_eq!(forecast.point, 70.0);
    stream.warm((30..300).map(|minute| (Timestamp(minute * MINUTE), 70.0)));
    let forecast = stream.forecast(Timestamp(304 * MINUTE), Permille(990)).unwrap();
    assert!(!forecast.is_floor && forecast.at_quantile(Permille(990)) < 71.0, "{forecast:?}");
}

#[test]
fn a_shift_is_noticed_and_the_parts_of_an_explanation_add_up() {
    let mut stream = stream();
    stream.warm(daily(3 * 1_440, 3));
    let shifted = daily(3 * 1_440 + 120, 3).split_off(3 * 1_440);
    stream.warm(shifted.into_iter().map(|(at, value)| (at, value * 1.0 + (at.0 % 7) as f64 * 400.0)));
    let explained = stream.explain().unwrap();
    let lane = &explained.horizons[1];
    let sum: f64 = lane.parts.iter().map(|part| part.value).sum();
    let due = Timestamp((3 * 1_440 + 119 + 5) * MINUTE);
    let forecast = stream.forecast(due, Permille(990)).unwrap();
    assert!((sum - forecast.at_quantile(Permille(990))).abs() < 1e-6 * sum.abs());
    assert!(lane.experts.iter().map(|(_, share)| share).sum::<u64>() > 950);
}

#[test]
fn a_guest_speaks_keeps_its_place_when_fitted_anew_and_sleeps_after_a_restart() {
    let samples = daily(3 * 1_440, 8);
    let (known, rest) = samples.split_at(2 * 1_440);
    let mut stream = stream();
    stream.warm(known.iter().copied());
    let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let series = Series { start: known[0].0, step: Millis(60_000), values: &values };
    let fit = || SeasonalNaive::default().fit(&Data::alone(series, &[1_440]), 0).unwrap();
    stream.adopt("yesterday-exactly", fit()).unwrap();
    stream.warm(rest.iter().copied());
    stream.adopt("yesterday-exactly", fit()).unwrap();
    stream.adopt("second", fit()).unwrap();
    let error = stream.adopt("third", fit()).unwrap_err();
    assert_eq!(error.to_string(), "guest \"third\" finds no place: a stream has 2, and others have them");
    let guests = stream.explain().unwrap().guests;
    assert_eq!(guests, [("yesterday-exactly".to_owned(), true), ("second".to_owned(), true)]);
    let restored = Stream::from_bytes(&stream.to_bytes()).unwrap();
    assert_eq!(restored, stream);
    assert!(restored.explain().unwrap().guests.iter().all(|(_, is_there)| !is_there));
    assert_sane(&restored, rest.last().unwrap().0.plus(Millis(300_000)));
}

#[test]
fn horizons_beyond_the_longest_and_between_two_are_answered_by_the_nearest_beyond() {
    let mut stream = stream();
    stream.warm(daily(600, 9));
    for (minutes, horizon) in [(1, 1), (2, 5), (5, 5), (9, 15), (60, 15)] {
        let forecast = stream.forecast(Timestamp((599 + minutes) * MINUTE), Permille(990)).unwrap();
        assert_eq!(forecast.horizon, Millis::from_minutes(horizon), "{minutes} minutes ahead");
    }
}

#[test]
fn a_power_of_two_in_the_unit_changes_nothing_else() {
    let samples = daily(2 * 1_440, 4);
    for factor in [2f64.powi(-40), 2f64.powi(40)] {
        let (mut plain, mut scaled) = (stream(), stream());
        for (at, value) in &samples {
            plain.observe(*at, *value);
            scaled.observe(*at, *value * factor);
        }
        let due = samples.last().unwrap().0.plus(Millis::from_minutes(5));
        let (plain, scaled) = (plain.forecast(due, Permille(990)), scaled.forecast(due, Permille(990)));
        for (one, other) in plain.unwrap().quantiles.iter().zip(&scaled.unwrap().quantiles) {
            assert_eq!((one.0, one.1 * factor), *other);
        }
    }
}

#[test]
fn zeros_and_constants_ask_for_what_they_are() {
    for value in [0.0, 1.0, 1e15, 1e-15, -3.0] {
        let mut stream = stream();
        stream.warm((0..2_000).map(|minute| (Timestamp(minute * MINUTE), value)));
        let forecast = stream.forecast(Timestamp(2_004 * MINUTE), Permille(990)).unwrap();
        for (_, said) in &forecast.quantiles {
            assert!((said - value).abs() <= value.abs() * 1e-6, "{value}: {forecast:?}");
        }
    }
}

fn any_sample() -> impl Strategy<Value = (i64, f64)> {
    let value = prop_oneof![
        4 => 0.0..100.0f64,
        1 => Just(f64::NAN),
        1 => Just(0.0),
        1 => prop_oneof![Just(1e15), Just(1e-15), Just(-1e15), Just(f64::INFINITY), Just(1e300), Just(-1e300)],
    ];
    let gap = prop_oneof![6 => Just(MINUTE), 2 => 1..400_000i64, 1 => -90_000..0i64, 1 => 0..(40 * 86_400_000i64)];
    (gap, value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_samples_give_sane_forecasts_and_a_state_that_comes_back(
        samples in prop::collection::vec(any_sample(), 1..250),
        start in prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX - 3_600_000), Just(1_700_000_000_000)],
    ) {
        let mut stream = stream();
        let mut at = start;
        for (gap, value) in samples {
            let before = at;
            at = at.saturating_add(gap);
            let taken = stream.observe(Timestamp(at), value);
            if gap <= 0 && before != start {
                prop_assert!(!taken);
                at = before;
            }
            assert_sane(&stream, Timestamp(at.saturating_add(5 * MINUTE)));
        }
        let restored = Stream::from_bytes(&stream.to_bytes()).unwrap();
        prop_assert_eq!(&restored, &stream);
    }

    #[test]
    fn hostile_bytes_are_refused_or_harmless(place in 0..9_000usize, byte in any::<u8>(), cut in 0..9_000usize) {
        let mut stream = stream();
        stream.warm(daily(300, 5));
        let mut bytes = stream.to_bytes();
        let length = bytes.len();
        prop_assert!(Stream::from_bytes(&bytes[..cut.min(length - 1)]).is_err());
        let place = place % (length - 8);
        bytes[place] = byte;
        // The checksum made right again: what an attacker would do.
        let body = length - 8;
        let sum = bytes[..body].iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        bytes[body..].copy_from_slice(&sum.to_le_bytes());
        if let Ok(mut stream) = Stream::from_bytes(&bytes) {
            for (at, value) in daily(340, 5).split_off(300) {
                stream.observe(at, value);
                assert_sane(&stream, at.plus(Millis::from_minutes(5)));
            }
        }
    }
}
