//! What holds for every regression model, whatever the series: finite, rising quantiles; the same forecast in any unit;
//! the same seed, the same bits; updates that keep forecasts sane.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use plimsoll_forecast::features::Transform;
use plimsoll_forecast::linear::{Autoregression, Penalty};
use plimsoll_forecast::{Ahead, Data, Fit, Fitted, Forecaster, Levels, Prediction, Sample, Series, zoo};
use plimsoll_stats::Random;
use proptest::prelude::*;

const NAMES: [&str; 7] =
    ["ridge", "ridge-additive", "elastic-net", "decision-tree", "random-forest", "boosting", "hybrid-linear-trees"];

fn models() -> Vec<Box<dyn Fit>> {
    NAMES.iter().map(|name| zoo::by_name(name).unwrap()).collect()
}

/// A day of 12 steps with noise, and gaps where `gaps` says so.
fn series(len: usize, seed: u64, gaps: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..len)
        .map(|t| {
            let value = 20.0 + 8.0 * (t as f64 * std::f64::consts::PI / 6.0).sin() + random.normal();
            if random.below(100) < gaps { f64::NAN } else { value }
        })
        .collect()
}

fn fit(model: &dyn Fit, values: &[f64]) -> Result<Fitted, plimsoll_forecast::FitError> {
    model.fit(&Data::alone(Series::untimed(values), &[12]), 7)
}

fn levels() -> Levels {
    Levels::try_new(vec![0.01, 0.1, 0.5, 0.9, 0.99]).unwrap()
}

fn sane(said: &Prediction) {
    assert!(said.points().iter().chain(said.values()).all(|value| value.is_finite()), "{said:?}");
    for step in 0..said.horizon() {
        let row = said.quantiles(step).unwrap();
        assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{row:?}");
    }
}

fn close(a: &Prediction, b: &Prediction, factor: f64, within: f64) {
    let size = a.values().iter().map(|value| value.abs()).fold(0.0, f64::max);
    for (a, b) in a.points().iter().chain(a.values()).zip(b.points().iter().chain(b.values())) {
        assert!((a - b / factor).abs() <= within * size, "{a} {b} {factor}");
    }
}

#[test]
fn odd_series_are_refused_or_forecast_sanely() {
    let nan = f64::NAN;
    let odd: Vec<Vec<f64>> = vec![
        vec![],
        vec![nan; 30],
        vec![3.0],
        vec![3.0, 5.0],
        vec![nan, 5.0],
        vec![0.0; 100],
        vec![4.0; 100],
        vec![-4.0; 60],
        vec![1e15; 60],
        vec![1e308, -1e308, 1e308, 1e307],
        (0..90).map(|t| if t == 50 { 1e300 } else { f64::from(t % 12) }).collect(),
        (0..90).map(|t| if t % 2 == 0 { nan } else { f64::from(t) }).collect(),
        (0..90).map(|t| if t < 80 { nan } else { f64::from(t) }).collect(),
        (0..90).map(|t| if t < 80 { f64::from(t) } else { nan }).collect(),
        (0..90).map(|t| if t == 89 { 1.0 } else { 0.0 }).collect(),
        vec![f64::INFINITY, 1.0, 2.0, f64::NEG_INFINITY, 4.0],
    ];
    for model in models() {
        for values in &odd {
            let Ok(mut fitted) = fit(&*model, values) else { continue };
            sane(&fitted.predict(&Ahead::steps(30), &levels()));
            for value in [nan, 1.0, 0.0, 1e15, f64::INFINITY, nan] {
                fitted.update(&Sample::of(value));
                sane(&fitted.predict(&Ahead::steps(3), &levels()));
            }
        }
    }
}

#[test]
fn a_constant_stays_what_it_is_and_so_do_zeros() {
    for model in models() {
        for constant in [0.0, 7.0, 1e15, 1e-15, -3.0] {
            let fitted = fit(&*model, &[constant; 80]).unwrap();
            let said = fitted.predict(&Ahead::steps(15), &levels());
            let off =
                said.points().iter().chain(said.values()).map(|value| (value - constant).abs()).fold(0.0, f64::max);
            assert!(off <= constant.abs() * 1e-9, "{}: {constant} {said:?}", model.name());
        }
    }
}

#[test]
fn a_series_in_other_units_is_the_same_series() {
    let values = series(200, 3, 2);
    for model in models() {
        let said = fit(&*model, &values).unwrap().predict(&Ahead::steps(20), &levels());
        for factor in [1e-15, 1e-3, 1024.0, 1e15] {
            let other: Vec<f64> = values.iter().map(|value| value * factor).collect();
            let scaled = fit(&*model, &other).unwrap().predict(&Ahead::steps(20), &levels());
            // Trees may split a tie the other way after rounding; a power of two rounds nothing.
            let within = if factor == 1024.0 || model.name().starts_with("ridge") || model.name() == "elastic-net" {
                1e-6
            } else {
                0.1
            };
            close(&said, &scaled, factor, within);
        }
    }
}

#[test]
fn ridge_on_plain_values_moves_with_the_series() {
    let values = series(300, 4, 0);
    for penalty in [Penalty::Ridge(1e-5), Penalty::ElasticNet { penalty: 1e-3, share: 0.5 }] {
        let spec = Autoregression { transform: Transform::Identity, penalty, ..Autoregression::ridge() };
        let said = fit(&spec, &values).unwrap().predict(&Ahead::steps(20), &levels());
        let moved: Vec<f64> = values.iter().map(|value| value + 500.0).collect();
        let moved = fit(&spec, &moved).unwrap().predict(&Ahead::steps(20), &levels());
        for (a, b) in said.points().iter().chain(said.values()).zip(moved.points().iter().chain(moved.values())) {
            assert!((a + 500.0 - b).abs() < 1e-3, "{a} {b}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let values = series(150, 5, 5);
    for model in models() {
        let (a, b) = (fit(&*model, &values).unwrap(), fit(&*model, &values).unwrap());
        let (a, b) = (a.predict(&Ahead::steps(9), &levels()), b.predict(&Ahead::steps(9), &levels()));
        assert_eq!(a, b, "{}", model.name());
    }
}

#[test]
fn a_fitted_model_comes_back_from_its_text_and_is_of_bounded_size() {
    let values = series(400, 6, 5);
    for model in models() {
        let fitted = fit(&*model, &values).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        let back: Fitted = serde_json::from_str(&text).unwrap();
        let (a, b) = (fitted.predict(&Ahead::steps(9), &levels()), back.predict(&Ahead::steps(9), &levels()));
        close(&a, &b, 1.0, 1e-9);
        assert!(text.len() < 1_500_000, "{}: {} bytes", model.name(), text.len());
    }
}

#[test]
fn updates_keep_forecasts_close_to_the_season() {
    let values = series(600, 8, 3);
    for model in models() {
        let mut fitted = fit(&*model, &values[..300]).unwrap();
        for (at, value) in values.iter().enumerate().skip(300) {
            if at % 50 == 0 {
                let said = fitted.predict(&Ahead::steps(12), &levels());
                for (step, point) in said.points().iter().enumerate() {
                    let truth = 20.0 + 8.0 * ((at + step) as f64 * std::f64::consts::PI / 6.0).sin();
                    assert!((point - truth).abs() < 4.5, "{} at {at} + {step}: {point} {truth}", model.name());
                }
            }
            fitted.update(&Sample::of(*value));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_the_series_quantiles_are_finite_and_rise(
        values in proptest::collection::vec(prop_oneof![4 => -1e3..1e3_f64, 1 => Just(f64::NAN), 1 => Just(0.0)], 0..90),
        exponent in -15_i32..16,
        which in 0..NAMES.len(),
    ) {
        let scaled: Vec<f64> = values.iter().map(|value| value * 10f64.powi(exponent)).collect();
        if let Ok(mut fitted) = fit(&*zoo::by_name(NAMES[which]).unwrap(), &scaled) {
            sane(&fitted.predict(&Ahead::steps(14), &levels()));
            scaled.iter().take(20).for_each(|value| fitted.update(&Sample::of(*value)));
            sane(&fitted.predict(&Ahead::steps(14), &levels()));
        }
    }
}
