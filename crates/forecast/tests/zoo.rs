//! What holds for every model that can be asked for by name, on series that real machines record on a bad day.

#![allow(clippy::unwrap_used, reason = "what can not be asked fails the test")]

use plimsoll_forecast::{Ahead, Data, FitError, Fitted, Forecaster, Levels, Prediction, Sample, Series, zoo};

const HORIZON: usize = 12;
const SEASONS: [usize; 1] = [24];

fn wave(hour: usize) -> f64 {
    100.0 + 40.0 * libm::sin(hour as f64 * std::f64::consts::TAU / 24.0) + (hour * 7 % 11) as f64
}

/// Named series, each with what no forecast of it may exceed in size.
fn odd_series() -> Vec<(&'static str, Vec<f64>)> {
    let waves = |factor: f64| (0..120).map(|hour| factor * wave(hour)).collect::<Vec<f64>>();
    let mut gaps = waves(1.0);
    (30..55).chain(80..83).for_each(|hour| gaps[hour] = f64::NAN);
    vec![
        ("constant", vec![7.0; 100]),
        ("zeros", vec![0.0; 100]),
        ("two points", vec![1.0, 2.0]),
        ("one point", vec![5.0]),
        ("gaps", gaps),
        ("huge", waves(1e13)),
        ("tiny", waves(1e-17)),
        ("negative", waves(-1.0)),
        ("bursts", (0..120).map(|hour| if hour % 37 == 5 { 1e6 } else { 0.0 }).collect()),
        ("a step", (0..120).map(|hour| if hour < 60 { 1.0 } else { 1_000.0 }).collect()),
        ("nothing", vec![f64::NAN; 50]),
        ("empty", vec![]),
    ]
}

fn fit(name: &str, values: &[f64]) -> Result<Fitted, FitError> {
    let model = zoo::by_name(name).expect("it is in the zoo");
    model.fit(&Data::alone(Series::untimed(values), &SEASONS), 1)
}

fn say(fitted: &Fitted) -> Prediction {
    fitted.predict(&Ahead::steps(HORIZON), &Levels::try_new(vec![0.01, 0.5, 0.95, 0.99]).unwrap())
}

/// Finite, rising, and no further from the series than a thousand times its size.
fn check(what: &str, values: &[f64], said: &Prediction) {
    let size = values.iter().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
    let bound = size.max(f64::MIN_POSITIVE) * 1e3;
    assert_eq!(said.horizon(), HORIZON, "{what}");
    for step in 0..HORIZON {
        let row = said.quantiles(step).unwrap();
        assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{what}: {row:?}");
        let inside = |value: &f64| value.is_finite() && value.abs() <= bound;
        assert!(row.iter().chain([&said.points()[step]]).all(inside), "{what}, step {step}: {row:?} beyond {bound}");
    }
}

#[test]
fn no_series_makes_any_model_panic_or_say_what_can_not_be() {
    for entry in zoo::ZOO {
        for (series, values) in odd_series() {
            let what = format!("{} on {series}", entry.name);
            let Ok(mut fitted) = fit(entry.name, &values) else { continue };
            check(&what, &values, &say(&fitted));
            fitted.update(&Sample::of(f64::NAN));
            fitted.update(&Sample::of(values.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0)));
            check(&format!("{what}, updated"), &values, &say(&fitted));
            assert!(!fitted.explain().form.is_empty(), "{what} says what it is");
        }
    }
}

#[test]
fn a_series_without_a_measured_value_is_refused_by_name() {
    for entry in zoo::ZOO {
        for values in [vec![], vec![f64::NAN; 50]] {
            let error = fit(entry.name, &values).expect_err(entry.name).to_string();
            assert!(error.contains("needs") || error.contains("can not"), "{}: {error}", entry.name);
        }
    }
}

#[test]
fn a_constant_is_forecast_as_itself_and_the_same_seed_gives_the_same_bits() {
    let values: Vec<f64> = (0..120).map(wave).collect();
    for entry in zoo::ZOO {
        if let Ok(fitted) = fit(entry.name, &[7.0; 100]) {
            let off = say(&fitted).points().iter().fold(0.0_f64, |most, point| most.max((point - 7.0).abs()));
            assert!(off < 0.07, "{} is off by {off}", entry.name);
        }
        let (Ok(one), Ok(other)) = (fit(entry.name, &values), fit(entry.name, &values)) else {
            panic!("{} does not take an ordinary series", entry.name);
        };
        assert_eq!(say(&one).values(), say(&other).values(), "{}", entry.name);
    }
}

#[test]
fn a_fitted_model_that_was_written_down_says_the_same_when_it_is_read() {
    let values: Vec<f64> = (0..120).map(wave).collect();
    for entry in zoo::ZOO {
        let fitted = fit(entry.name, &values).expect("an ordinary series");
        let text = serde_json::to_string(&fitted).expect("plain data");
        let read: Fitted = serde_json::from_str(&text).expect("what was written");
        assert_eq!(say(&read).values(), say(&fitted).values(), "{}", entry.name);
    }
}
