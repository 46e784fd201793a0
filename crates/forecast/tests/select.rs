//! The seasonal regression and `auto`: properties that hold on any series, and what they are worth on one that is known.

use plimsoll_forecast::seasonal_regression::SeasonalRegression;
use plimsoll_forecast::select::{Auto, Budget};
use plimsoll_forecast::{Ahead, Data, Fit, Fitted, Forecaster, Levels, Sample, Series};
use plimsoll_stats::Random;
use proptest::prelude::*;

fn quick() -> Auto {
    Auto { budget: Budget::Quick, ..Auto::default() }
}

/// A day of 24 and a week of 168 with noise, from a seed. On the weekend a day is up to 69 lower than on a working day, so an
/// error of a few says that the week was learnt.
fn weeks(len: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let shape = |hour: usize| (hour % 24) as f64 * if hour % 168 < 120 { 4.0 } else { 1.0 };
    (0..len).map(|hour| 100.0 + shape(hour) + 3.0 * random.unit()).collect()
}

fn said(model: &dyn Fit, values: &[f64]) -> Option<plimsoll_forecast::Prediction> {
    let fitted = model.fit(&Data::alone(Series::untimed(values), &[24, 168]), 1).ok()?;
    Some(fitted.predict(&Ahead::steps(30), &Levels::deciles()))
}

fn error(said: &[f64], actual: &[f64]) -> f64 {
    said.iter().zip(actual).map(|(said, actual)| (said - actual).abs()).sum::<f64>() / said.len() as f64
}

#[test]
fn a_week_is_learnt_and_followed() {
    let values = weeks(900, 7);
    let (known, came) = values.split_at(800);
    for model in [&SeasonalRegression::default() as &dyn Fit, &SeasonalRegression::of_logarithms(), &quick()] {
        let mut fitted = model.fit(&Data::alone(Series::untimed(known), &[24, 168]), 1).unwrap();
        let first = fitted.predict(&Ahead::steps(48), &Levels::deciles());
        assert!(error(first.points(), came) < 5.0, "{}: {}", model.name(), error(first.points(), came));
        came[..50].iter().for_each(|value| fitted.update(&Sample::of(*value)));
        let later = fitted.predict(&Ahead::steps(48), &Levels::deciles());
        assert!(error(later.points(), &came[50..]) < 5.0, "{} after updates", model.name());
    }
}

#[test]
fn the_fitted_auto_serialises_and_says_the_same_afterwards() {
    let values = weeks(700, 3);
    let fitted = quick().fit(&Data::alone(Series::untimed(&values), &[24, 168]), 1).unwrap();
    let text = serde_json::to_string(&fitted).unwrap();
    let back: Fitted = serde_json::from_str(&text).unwrap();
    let levels = Levels::deciles();
    let (one, other) = (fitted.predict(&Ahead::steps(9), &levels), back.predict(&Ahead::steps(9), &levels));
    assert!(error(one.points(), other.points()) < 1e-9 * 100.0);
    let explained = fitted.explain();
    assert!((explained.weights.iter().map(|part| part.value).sum::<f64>() - 1.0).abs() < 1e-9, "{explained}");
    assert!(explained.form.contains("[24, 168]"), "{explained}");
}

#[test]
fn weights_go_on_learning_between_two_fits_and_what_was_written_before_they_did_still_reads() {
    let values = weeks(800, 11);
    let mut fitted = quick().fit(&Data::alone(Series::untimed(&values), &[24, 168]), 1).unwrap();
    // The seasons end, and the load steps up and down at random times instead.
    let mut random = Random::new(2);
    let mut level = 300.0;
    let mut step = || {
        if random.unit() < 0.02 {
            level = 200.0 + 200.0 * random.unit();
        }
        level + random.unit()
    };
    let (mut live, mut fixed, mut first) = (0.0, 0.0, None);
    for round in 0..12 {
        // Without what came since the fit this is what earlier versions wrote.
        let mut written = serde_json::to_value(&fitted).unwrap();
        assert!(written["state"].as_object_mut().unwrap().remove("live").is_some());
        let as_fitted: Fitted = serde_json::from_value(written).unwrap();
        let said = |fitted: &Fitted| fitted.predict(&Ahead::steps(48), &Levels::deciles());
        let (one, other) = (said(&fitted), said(&as_fitted));
        let came: Vec<f64> = (0..48).map(|_| step()).collect();
        if round == 0 {
            assert_eq!(one, other, "nothing came yet");
            first = Some(fitted.explain());
        } else {
            live += error(one.points(), &came);
            fixed += error(other.points(), &came);
        }
        came.iter().for_each(|value| fitted.update(&Sample::of(*value)));
    }
    assert!(live < 0.9 * fixed, "{live} {fixed}");
    assert_ne!(first.unwrap().weights, fitted.explain().weights);
    assert!(fitted.explain().form.contains("since"), "{}", fitted.explain());
}

#[test]
fn gaps_are_left_out_and_not_filled() {
    let mut values = weeks(800, 5);
    for index in (0..800).filter(|index| index % 13 == 0 || (300..320).contains(index)) {
        values[index] = f64::NAN;
    }
    let came = weeks(830, 5);
    for model in [&SeasonalRegression::default() as &dyn Fit, &quick()] {
        let said = said(model, &values).unwrap();
        assert!(error(said.points(), &came[800..]) < 8.0, "{}", model.name());
    }
}

#[test]
fn odd_series_are_an_error_or_a_sane_forecast() {
    for values in [vec![], vec![5.0], vec![1.0, 2.0], vec![0.0; 500], vec![7.0; 500], vec![f64::NAN; 300]] {
        for model in [&SeasonalRegression::default() as &dyn Fit, &quick(), &Auto::default()] {
            let Some(said) = said(model, &values) else { continue };
            assert!(said.values().iter().chain(said.points()).all(|value| value.is_finite()));
            if values.len() == 500 {
                let off = said.values().iter().map(|value| (value - values[0]).abs()).fold(0.0, f64::max);
                assert!(off < 1e-6, "{}: {off}", model.name());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_unit_does_not_matter(seed in 0_u64..1_000, power in -15_i32..15) {
        let values = weeks(400, seed);
        let factor = 10_f64.powi(power);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        for model in [&SeasonalRegression::default() as &dyn Fit, &SeasonalRegression::short(), &quick()] {
            let (one, other) = (said(model, &values).unwrap(), said(model, &scaled).unwrap());
            for (one, other) in one.values().iter().zip(other.values()) {
                prop_assert!((one * factor - other).abs() <= 1e-4 * factor * 100.0, "{}: {one} {}", model.name(), other / factor);
            }
        }
    }

    #[test]
    fn whatever_comes_in_quantiles_rise_and_are_finite(
        values in prop::collection::vec(prop_oneof![4 => -1e6_f64..1e6, 1 => Just(f64::NAN), 1 => Just(0.0)], 0..300),
    ) {
        for model in [&SeasonalRegression::of_logarithms() as &dyn Fit, &SeasonalRegression::default(), &quick()] {
            if let Some(said) = said(model, &values) {
                prop_assert!(said.values().iter().all(|value| value.is_finite()));
                for step in 0..30 {
                    prop_assert!(said.quantiles(step).unwrap().windows(2).all(|pair| pair[0] <= pair[1]));
                }
            }
        }
    }
}
