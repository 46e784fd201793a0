//! The forecaster on a synthetic day: coverage and loss one start-up ahead, against the last value.

use plimsoll_forecast::{LoadForecaster as Forecaster, warm};
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use proptest::prelude::*;

const DAY: u64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// Uniform in ±1,000, from Lehmer's generator, so that every run sees the same noise.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> i64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        (self.0 % 2_001) as i64 - 1_000
    }
}

/// A day from 200 to 1,800 requests per second, ±`noise` per mille of the value.
fn load(minute: i64, noise: &mut Noise, permille: i64) -> MilliRps {
    let phase = (minute % 1_440) as f64 / 1_440.0 * std::f64::consts::TAU;
    let clean = (1_000.0 - 800.0 * phase.cos()) * 1_000.0;
    let clean = clean as i64;
    MilliRps((clean + clean * noise.next() / 1_000 * permille / 1_000).max(0) as u64)
}

fn pinball(actual: u64, forecast: u64, quantile: i64) -> i64 {
    let error = actual as i64 - forecast as i64;
    if error >= 0 { error * quantile } else { -error * (1_000 - quantile) }
}

#[test]
fn ninety_five_percent_cover_their_share_and_beat_the_last_value() {
    let (horizon, wanted) = (Millis(20 * 60_000), Permille(950));
    let mut noise = Noise(42);
    let mut forecaster = Forecaster::try_new(Millis(DAY), Millis(300_000)).unwrap();
    let days: Vec<MilliRps> = (0..1_440 * 8).map(|minute| load(minute, &mut noise, 100)).collect();
    let at = |minute: usize| Timestamp(1_500_000_000_000 / DAY as i64 * DAY as i64 + minute as i64 * MINUTE);
    let samples: Vec<(Timestamp, MilliRps)> = (0..1_440 * 3).map(|minute| (at(minute), days[minute])).collect();
    assert_eq!(warm(&mut forecaster, &samples, horizon), samples.len());
    let (mut covered, mut loss, mut loss_last, mut steps) = (0, 0, 0, 0);
    for minute in 1_440 * 3..1_440 * 8 - 20 {
        assert!(forecaster.observe(at(minute), days[minute], horizon));
        let forecast = forecaster.forecast(at(minute).plus(horizon), wanted).unwrap();
        let value = forecast.at_quantile(wanted).unwrap().value.0;
        let actual = days[minute + 20].0;
        covered += u64::from(actual <= value);
        loss += pinball(actual, value, 950);
        loss_last += pinball(actual, days[minute].0, 950);
        steps += 1;
        assert!(forecast.seasons >= 2, "{forecast:?}");
    }
    let share = covered * 1_000 / steps;
    println!("coverage {share} ‰, pinball {} of the last value's", loss as f64 / loss_last as f64);
    assert!((900..=990).contains(&share), "{share} ‰ covered");
    assert!(loss * 2 < loss_last, "{loss} against {loss_last}");
}

#[test]
fn a_day_at_twice_the_level_is_followed_within_the_hour() {
    let (horizon, wanted) = (Millis(20 * 60_000), Permille(500));
    let mut noise = Noise(7);
    let mut forecaster = Forecaster::try_new(Millis(DAY), Millis(300_000)).unwrap();
    for minute in 0..1_440 * 4 {
        let twice = if minute >= 1_440 * 3 { 2 } else { 1 };
        let rate = MilliRps(load(minute, &mut noise, 20).0 * twice);
        assert!(forecaster.observe(Timestamp(minute * MINUTE), rate, horizon));
        if (1_440 * 3 + 60..1_440 * 4 - 20).contains(&minute) {
            let expected = load(minute + 20, &mut Noise(1), 0).0 * 2;
            let said = forecaster.forecast(Timestamp((minute + 20) * MINUTE), wanted).unwrap();
            let value = said.at_quantile(wanted).unwrap().value.0;
            assert!(value.abs_diff(expected) * 5 < expected, "{value} for {expected}: {said:?}");
        }
    }
}

#[test]
fn from_nothing_it_repeats_the_last_value_and_says_so() {
    let mut forecaster = Forecaster::try_new(Millis(DAY), Millis(300_000)).unwrap();
    assert!(forecaster.forecast(Timestamp(0), Permille(950)).is_none());
    assert!(forecaster.observe(Timestamp(1_000), MilliRps(7_000), Millis(60_000)));
    assert!(!forecaster.observe(Timestamp(1_000), MilliRps(9_000), Millis(60_000)), "no later than the last");
    let forecast = forecaster.forecast(Timestamp(61_000), Permille(950)).unwrap();
    assert_eq!((forecast.seasons, forecast.model.as_str()), (0, "last-value"));
    assert!(forecast.quantiles.iter().all(|point| point.value == MilliRps(7_000)));
}

proptest! {
    #[test]
    fn whatever_is_observed_the_quantiles_rise_and_memory_stays_bounded(
        samples in prop::collection::vec((any::<i64>(), any::<u64>(), any::<u64>()), 1..200),
        wanted in 0_u64..2_000,
    ) {
        let mut forecaster = Forecaster::try_new(Millis(DAY), Millis(DAY / 10_000 * 10)).unwrap();
        for (at, rate, horizon) in samples {
            forecaster.observe(Timestamp(at), MilliRps(rate), Millis(horizon));
            let forecast = forecaster.forecast(Timestamp(at).plus(Millis(horizon)), Permille(wanted)).unwrap();
            let rising = forecast.quantiles.windows(2).all(|two| {
                two[0].quantile < two[1].quantile && two[0].value <= two[1].value
            });
            prop_assert!(rising, "{:?}", forecast);
        }
        let text = serde_json::to_string(&forecaster).unwrap();
        prop_assert!(text.len() < 200_000, "{} bytes", text.len());
        prop_assert_eq!(serde_json::from_str::<Forecaster>(&text).unwrap(), forecaster);
    }

    #[test]
    fn the_same_samples_give_the_same_bytes_with_a_restart_in_the_middle(
        samples in prop::collection::vec((1_u64..100_000, 0_u64..10_000_000), 1..300),
        cut in 0_usize..300,
    ) {
        let mut once = Forecaster::try_new(Millis(600_000), Millis(10_000)).unwrap();
        let mut restarted = once.clone();
        let mut at = Timestamp(0);
        for (index, (step, rate)) in samples.into_iter().enumerate() {
            at = at.plus(Millis(step));
            once.observe(at, MilliRps(rate), Millis(30_000));
            restarted.observe(at, MilliRps(rate), Millis(30_000));
            if index == cut {
                restarted = serde_json::from_str(&serde_json::to_string(&restarted).unwrap()).unwrap();
            }
        }
        prop_assert_eq!(serde_json::to_string(&once).unwrap(), serde_json::to_string(&restarted).unwrap());
    }
}

#[test]
fn a_demand_that_begins_out_of_nothing_is_not_forecast_to_explode() {
    let mut forecaster = Forecaster::try_new(Millis::from_minutes(1_440), Millis::from_minutes(10)).unwrap();
    let horizon = Millis::from_minutes(4);
    let mut high = Vec::new();
    for tick in 0..120_i64 {
        let rate = if tick < 3 { 0 } else { 42_000 };
        let at = Timestamp(tick * 120_000);
        forecaster.observe(at, MilliRps(rate), horizon);
        let forecast = forecaster.forecast(at.plus(horizon), Permille(950)).unwrap();
        high.push(forecast.at_quantile(Permille(950)).unwrap().value.0);
    }
    assert!(high.iter().all(|value| *value <= 4 * 42_000), "{high:?}");
    assert_eq!(high.last(), Some(&42_000), "four hours of steady demand are forecast as they are");
}
