//! Properties of ARIMA and its search on any series: scale and shift pass through, quantiles rise, nothing is ever NaN.

#![expect(clippy::unwrap_used, reason = "a fit that fails is a test that fails")]

use plimsoll_forecast::arima::{Arima, AutoArima, Order};
use plimsoll_forecast::{Ahead, Data, Fit, Forecaster, Levels, Prediction, Sample, Series};
use proptest::prelude::*;

const HORIZON: usize = 15;

fn models() -> Vec<Box<dyn Fit>> {
    let stationary = Arima { plain: Order::new(2, 0, 1), seasonal: Order::new(1, 0, 0), constant: true, season: None };
    let conditional = AutoArima { approximation: Some(true), ..AutoArima::default() };
    vec![Box::new(Arima::default()), Box::new(stationary), Box::new(AutoArima::default()), Box::new(conditional)]
}

fn said(model: &dyn Fit, values: &[f64], seasons: &[usize]) -> Prediction {
    let fitted = model.fit(&Data::alone(Series::untimed(values), seasons), 0).unwrap();
    fitted.predict(&Ahead::steps(HORIZON), &Levels::deciles())
}

fn is_sane(said: &Prediction) -> bool {
    let rising = said.values().chunks(9).all(|row| row.windows(2).all(|pair| pair[0] <= pair[1]));
    rising && said.points().iter().chain(said.values()).all(|value| value.is_finite())
}

/// Values with some season and persistence, or wild ones, with or without gaps.
fn series() -> impl Strategy<Value = Vec<f64>> {
    let noise = prop::collection::vec(-1.0..1.0f64, 3..70);
    let shape = (0.0..1.0f64, 0.0..5.0f64, prop::bool::ANY);
    (noise, shape, prop::collection::vec(0..70usize, 0..6)).prop_map(|(noise, (memory, season, wild), gaps)| {
        let mut level = 0.0;
        let value = |(index, noise): (usize, &f64)| {
            level = memory * level + noise;
            let season = season * f64::from(u8::from(index % 6 < 2));
            let value = if wild { noise * noise * noise * 1e3 } else { level + season };
            if gaps.contains(&index) { f64::NAN } else { value }
        };
        let mut values: Vec<f64> = noise.iter().enumerate().map(value).collect();
        values[0] = 0.25;
        values
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_goes_in_the_forecast_is_finite_and_its_quantiles_rise(values in series()) {
        for model in models() {
            let data = Data::alone(Series::untimed(&values), &[6]);
            let mut fitted = model.fit(&data, 0).unwrap();
            prop_assert!(is_sane(&fitted.predict(&Ahead::steps(HORIZON), &Levels::deciles())));
            for value in [1.0, f64::NAN, 1e9, f64::INFINITY, -3.0] {
                fitted.update(&Sample::of(value));
                prop_assert!(is_sane(&fitted.predict(&Ahead::steps(HORIZON), &Levels::deciles())));
            }
        }
    }

    #[test]
    fn a_scale_of_a_power_of_two_passes_through_to_the_bit(values in series(), power in -40i32..40) {
        let scale = 2f64.powi(power);
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        for model in models() {
            let (one, other) = (said(&*model, &values, &[6]), said(&*model, &scaled, &[6]));
            for (one, other) in one.values().iter().zip(other.values()) {
                prop_assert_eq!(one * scale, *other);
            }
        }
    }

    #[test]
    fn a_shift_passes_through_a_difference_or_a_mean(values in series(), shift in -100i32..100) {
        // Forms whose likelihood has one maximum: with several, rounding may lead to another one.
        prop_assume!(values.len() >= 20);
        let shifted: Vec<f64> = values.iter().map(|value| value + f64::from(shift)).collect();
        let mean = Arima { plain: Order::new(1, 0, 0), seasonal: Order::default(), constant: true, season: None };
        let walk = Arima { plain: Order::new(0, 1, 1), constant: false, ..mean };
        for model in [mean, walk] {
            let (one, other) = (said(&model, &values, &[]), said(&model, &shifted, &[]));
            let most = values.iter().filter(|value| value.is_finite()).fold(1.0f64, |most, value| most.max(value.abs()));
            for (one, other) in one.points().iter().zip(other.points()) {
                prop_assert!((one + f64::from(shift) - other).abs() < 0.01 * most, "{} {}", one + f64::from(shift), other);
            }
        }
    }
}

#[test]
fn series_without_variance_stay_as_they_are() {
    for value in [0.0, 7.0, 1e15, -1e-15] {
        for count in [1, 2, 3, 10, 60] {
            for model in models() {
                let said = said(&*model, &vec![value; count], &[6]);
                let close = |said: &f64| (said - value).abs() <= 1e-9 * value.abs();
                assert!(said.values().iter().all(close), "{} {value} × {count}: {said:?}", model.name());
            }
        }
    }
}

#[test]
fn two_points_and_extreme_magnitudes_have_a_forecast() {
    let noise: Vec<f64> = (0..80).map(|index| f64::from(index * index % 17) + f64::from(index % 6)).collect();
    for scale in [1e-300, 1e-15, 1.0, 1e15, 1e300] {
        let long: Vec<f64> = noise.iter().map(|value| value * scale).collect();
        for values in [&long[..], &long[..2], &long[..1], &[scale, -scale]] {
            for model in models() {
                let said = said(&*model, values, &[6]);
                assert!(is_sane(&said), "{} {values:?}", model.name());
                let most = values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
                assert!(said.points().iter().all(|point| point.abs() <= 10.0 * most), "{} {said:?}", model.name());
            }
        }
    }
}

#[test]
fn an_exact_line_and_an_exact_season_go_on() {
    let line: Vec<f64> = (0..40).map(|index| 3.0 + 0.5 * f64::from(index)).collect();
    let season: Vec<f64> = (0..48).map(|index| f64::from(index % 6)).collect();
    let auto = AutoArima::default();
    for (step, point) in said(&auto, &line, &[]).points().iter().enumerate() {
        assert!((point - (23.0 + 0.5 * step as f64)).abs() < 1e-6, "{step}: {point}");
    }
    for (step, point) in said(&auto, &season, &[6]).points().iter().enumerate() {
        assert!((point - (step % 6) as f64).abs() < 1e-6, "{step}: {point}");
    }
}

#[test]
fn nothing_measured_is_refused_and_so_is_an_absurd_order() {
    for model in models() {
        assert!(model.fit(&Data::alone(Series::untimed(&[f64::NAN; 5]), &[]), 0).is_err());
        assert!(model.fit(&Data::alone(Series::untimed(&[]), &[]), 0).is_err());
    }
    let absurd = Arima { plain: Order::new(500, 0, 0), ..Arima::default() };
    let error = absurd.fit(&Data::alone(Series::untimed(&[1.0, 2.0]), &[]), 0).unwrap_err();
    assert_eq!(error.to_string(), "arima: order is 500; it must be at most 20");
}

#[test]
fn a_state_that_was_written_and_read_says_the_same() {
    let values: Vec<f64> = (0..60).map(|index| f64::from(index * index % 17)).collect();
    let fitted = Arima::default().fit(&Data::alone(Series::untimed(&values), &[6]), 0).unwrap();
    let text = serde_json::to_string(&fitted).unwrap();
    let mut read: plimsoll_forecast::Fitted = serde_json::from_str(&text).unwrap();
    let mut fitted = fitted;
    for value in [3.0, f64::NAN, 5.0] {
        fitted.update(&Sample::of(value));
        read.update(&Sample::of(value));
    }
    let levels = Levels::deciles();
    let (one, other) = (fitted.predict(&Ahead::steps(9), &levels), read.predict(&Ahead::steps(9), &levels));
    assert!(one.values().iter().zip(other.values()).all(|(a, b)| (a - b).abs() < 1e-9 * a.abs().max(1.0)));
}

#[test]
fn events_that_never_took_place_change_nothing() {
    use plimsoll_forecast::events::{Column, Events, Window};
    use plimsoll_model::quantity::Timestamp;
    let values: Vec<f64> = (0..60).map(|index| f64::from(index * index % 17) + f64::from(index % 6)).collect();
    let future = Window { from: Timestamp(61 * 3_600_000), to: Timestamp(63 * 3_600_000), value: 1.0 };
    let always = Window { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX), value: 2.0 };
    let column = |name: &str, window| Column { name: name.into(), windows: vec![window] };
    let events = Events { columns: vec![column("sale", future), column("always", always), column("again", always)] };
    for model in models() {
        let data = Data { events: &events, ..Data::alone(Series::untimed(&values), &[6]) };
        let fitted = model.fit(&data, 0).unwrap();
        let with = fitted.predict(&Ahead { horizon: HORIZON, events: &events }, &Levels::deciles());
        assert!(is_sane(&with), "{}", model.name());
        if model.name() == "arima" {
            let without = said(&*model, &values, &[6]);
            assert!(
                with.points().iter().zip(without.points()).all(|(a, b)| (a - b).abs() < 0.05),
                "{with:?} {without:?}"
            );
        }
    }
}
