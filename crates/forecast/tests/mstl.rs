//! The `mstl` and `mstl-log` models: what they forecast, how they go on, and what holds for any series.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use plimsoll_forecast::mstl::{FittedMstl, Mstl};
use plimsoll_forecast::{Ahead, Data, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample, Series};
use plimsoll_stats::Random;
use proptest::prelude::*;

/// A day of 24 and a week of 168 steps on a slow line, with noise.
fn load(len: usize, noise: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let wave = |i: usize, period: usize| (std::f64::consts::TAU * (i % period) as f64 / period as f64).sin();
    let value = |i: usize| 100.0 + 0.01 * i as f64 + 20.0 * wave(i, 24) + 10.0 * wave(i, 168);
    (0..len).map(|i| value(i) + noise * random.normal()).collect()
}

fn fit(model: &Mstl, values: &[f64], seasons: &[usize]) -> FittedMstl {
    match model.fit(&Data::alone(Series::untimed(values), seasons), 0).unwrap() {
        Fitted::Mstl(fitted) => fitted,
        other => panic!("{other:?}"),
    }
}

fn say(fitted: &FittedMstl, steps: usize) -> Prediction {
    fitted.predict(&Ahead::steps(steps), &Levels::deciles())
}

/// Mean absolute error of the points.
fn error(said: &Prediction, truth: &[f64]) -> f64 {
    said.points().iter().zip(truth).map(|(point, truth)| (point - truth).abs()).sum::<f64>() / truth.len() as f64
}

#[test]
fn both_seasons_and_the_trend_are_carried_on() {
    let values = load(1_176 + 168, 0.0, 0);
    let (head, tail) = values.split_at(1_176);
    for model in [Mstl::default(), Mstl::log()] {
        let said = say(&fit(&model, head, &[24, 168]), 168);
        assert!(error(&said, tail) < 1.5, "{}: {}", model.name(), error(&said, tail));
    }
}

#[test]
fn updates_keep_the_place_in_every_season_and_follow_a_new_level() {
    let values = load(1_176 + 168, 1.0, 1);
    let mut fitted = fit(&Mstl::default(), &values[..1_000], &[24, 168]);
    values[1_000..1_176].iter().for_each(|value| fitted.update(&Sample::of(*value)));
    assert!(error(&say(&fitted, 168), &values[1_176..]) < 2.5);
    // A gap changes nothing but the place.
    let said = say(&fitted, 60);
    let mut gone = fitted.clone();
    (0..10).for_each(|_| gone.update(&Sample::of(f64::NAN)));
    for (a, b) in say(&gone, 50).points().iter().zip(&said.points()[10..]) {
        assert!((a - b).abs() < 1e-9);
    }
    values[1_176..].iter().for_each(|value| fitted.update(&Sample::of(value + 300.0)));
    let moved: Vec<f64> = load(1_176 + 168 + 24, 0.0, 1)[1_344..].iter().map(|value| value + 300.0).collect();
    assert!(error(&say(&fitted, 24), &moved) < 80.0, "{}", error(&say(&fitted, 24), &moved));
}

#[test]
fn seasons_that_grow_with_the_level_are_for_logarithms() {
    let mut random = Random::new(3);
    let wave = |i: usize| (std::f64::consts::TAU * (i % 24) as f64 / 24.0).sin();
    let value = |i: usize, noise: f64| (4.0 + i as f64 / 400.0 + 0.8 * wave(i) + noise).exp();
    let values: Vec<f64> = (0..720).map(|i| value(i, 0.05 * random.normal())).collect();
    let truth: Vec<f64> = (720..768).map(|i| value(i, 0.0)).collect();
    let (plain, log) = (fit(&Mstl::default(), &values, &[24]), fit(&Mstl::log(), &values, &[24]));
    assert!(error(&say(&log, 48), &truth) < 0.5 * error(&say(&plain, 48), &truth));
    assert!(log.is_log() && say(&log, 48).values().iter().all(|value| *value > 0.0));
    let mut silent = log.clone();
    silent.update(&Sample::of(0.0));
    assert!(say(&silent, 48).points().iter().all(|point| point.is_finite() && *point > 0.0));
    let refused = Mstl::log().fit(&Data::alone(Series::untimed(&[1.0, 0.0, 2.0]), &[]), 0);
    let why = FitError::Unsuitable { model: "mstl-log", why: "logarithms need values above 0" };
    assert_eq!(refused, Err(why));
}

#[test]
fn a_forecast_is_made_of_its_parts() {
    let values = load(1_000, 1.0, 4);
    for model in [Mstl::default(), Mstl::log()] {
        let mut fitted = fit(&model, &values, &[24, 168]);
        assert_eq!(fitted.explain().recent, None);
        (0..30).for_each(|_| fitted.update(&Sample::of(1_000.0)));
        let parts = fitted.explain();
        assert_eq!(parts.seasons.iter().map(|season| season.period).collect::<Vec<_>>(), [24, 168]);
        let base = parts.level.unwrap() + parts.trend.unwrap() + parts.terms[0].value;
        let seasons = || parts.seasons.iter().map(|season| season.next);
        let whole = if fitted.is_log() { base * seasons().product::<f64>() } else { base + seasons().sum::<f64>() };
        let point = say(&fitted, 1).points()[0];
        assert!((whole / point - 1.0).abs() < 1e-9, "{whole} {point}");
        let recent = parts.recent.unwrap();
        assert!(recent.count == 30 && recent.bias > 0.0 && recent.mean_absolute >= recent.bias);
    }
}

#[test]
fn quantiles_cover_about_their_share() {
    let (mut below, mut inside, mut all) = (0, 0, 0);
    for seed in 0..40 {
        let values = load(672 + 48, 3.0, seed);
        let said = say(&fit(&Mstl::default(), &values[..672], &[24, 168]), 48);
        for (step, value) in values[672..].iter().enumerate() {
            let row = said.quantiles(step).unwrap();
            below += usize::from(*value <= row[4]);
            inside += usize::from(*value > row[0] && *value <= row[8]);
            all += 1;
        }
    }
    let share = |count: usize| count as f64 / f64::from(all);
    assert!((share(below) - 0.5).abs() < 0.06, "{}", share(below));
    assert!((0.72..0.92).contains(&share(inside)), "{}", share(inside));
}

#[test]
fn gaps_cost_little_and_the_state_serialises() {
    let values = load(1_176, 1.0, 5);
    let mut holed = values[..1_128].to_vec();
    holed[500..560].fill(f64::NAN);
    holed.iter_mut().skip(3).step_by(17).for_each(|value| *value = f64::NAN);
    holed.truncate(1_120);
    holed.extend([f64::NAN; 8]);
    let fitted = fit(&Mstl::default(), &holed, &[24, 168]);
    assert!(error(&say(&fitted, 48), &values[1_128..]) < 3.0);
    let text = serde_json::to_string(&Fitted::Mstl(fitted.clone())).unwrap();
    let back: Fitted = serde_json::from_str(&text).unwrap();
    assert_eq!(back.predict(&Ahead::steps(48), &Levels::deciles()), say(&fitted, 48));
}

#[test]
fn odd_series_are_forecast_sanely() {
    for values in [vec![5.0], vec![1.0, 2.0], vec![0.0; 100], vec![7.0; 100], vec![1e300; 100], vec![f64::NAN, 4.0]] {
        for seasons in [&[][..], &[1, 2, 24, 168]] {
            let mut fitted = fit(&Mstl::default(), &values, seasons);
            fitted.update(&Sample::of(values[0]));
            let said = say(&fitted, 30);
            let (low, high) =
                (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(0.0, f64::max));
            let slack = 0.6 * (high - low) + 1e-9 * high;
            assert!(said.points().iter().all(|point| *point >= low - slack && *point <= high + slack), "{values:?}");
        }
    }
    for values in [&[][..], &[f64::NAN; 50]] {
        let none = Mstl::default().fit(&Data::alone(Series::untimed(values), &[24]), 0);
        assert_eq!(none, Err(FitError::TooShort { model: "mstl", needed: 1, found: 0 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn scaling_the_series_scales_the_forecast(
        values in proptest::collection::vec(prop_oneof![9 => 0.0..100.0_f64, 1 => Just(f64::NAN)], 60..120),
        exponent in prop_oneof![Just(50), Just(-50), Just(1)],
    ) {
        prop_assume!(values.iter().any(|value| value.is_finite()));
        // A power of two, so that no comparison of the search can tip over by a rounding error.
        let factor = 2.0_f64.powi(exponent);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        let (before, after) = (fit(&Mstl::default(), &values, &[4, 12]), fit(&Mstl::default(), &scaled, &[4, 12]));
        for (a, b) in say(&before, 20).values().iter().zip(say(&after, 20).values()) {
            prop_assert!((a * factor - b).abs() <= 1e-9 * factor * (1.0 + a.abs()));
        }
    }

    #[test]
    fn whatever_goes_in_quantiles_are_finite_and_rise(
        values in proptest::collection::vec(
            prop_oneof![4 => -1e3..1e3_f64, 1 => Just(f64::NAN), 1 => Just(1e15), 1 => Just(0.0), 1 => Just(f64::INFINITY)], 1..80),
        later in proptest::collection::vec(prop_oneof![3 => -1e3..1e3_f64, 1 => Just(f64::NAN), 1 => Just(1e15)], 0..30),
    ) {
        if let Ok(mut fitted) = Mstl::default().fit(&Data::alone(Series::untimed(&values), &[3, 7]), 0) {
            later.iter().for_each(|value| fitted.update(&Sample::of(*value)));
            let said = fitted.predict(&Ahead::steps(12), &Levels::deciles());
            prop_assert!(said.values().iter().all(|value| value.is_finite()));
            prop_assert!((0..12).all(|step| said.quantiles(step).unwrap().is_sorted()));
        }
    }
}
