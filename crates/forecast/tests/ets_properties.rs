//! What holds for exponential smoothing and theta whatever the series: finite, rising quantiles, the same in any unit, and
//! series that are hardly series at all.

use plimsoll_forecast::{Ahead, Data, FitError, Fitted, Forecaster, Levels, Prediction, Sample, Series, zoo};
use plimsoll_stats::Random;
use proptest::prelude::*;

const ADDITIVE: [&str; 4] = ["simple", "holt", "damped-holt", "holt-winters"];
const THETA: [&str; 5] = ["theta", "optimized-theta", "dynamic-theta", "dynamic-optimized-theta", "auto-theta"];
const AUTOMATIC: [&str; 3] = ["auto-ets", "auto-ets-following", "holt-winters-multiplicative"];

fn names() -> impl Iterator<Item = &'static str> {
    ADDITIVE.into_iter().chain(THETA).chain(AUTOMATIC)
}

fn fit(name: &str, values: &[f64], seasons: &[usize]) -> Result<Fitted, FitError> {
    let model = zoo::by_name(name).expect("it is in the zoo");
    model.fit(&Data::alone(Series::untimed(values), seasons), 1)
}

fn levels() -> Levels {
    Levels::try_new(vec![0.01, 0.1, 0.5, 0.9, 0.99]).expect("they rise")
}

fn predict(name: &str, values: &[f64], seasons: &[usize], horizon: usize) -> Prediction {
    fit(name, values, seasons).expect("the series suits the model").predict(&Ahead::steps(horizon), &levels())
}

fn check_sane(name: &str, said: &Prediction) {
    assert!(said.points().iter().chain(said.values()).all(|value| value.is_finite()), "{name}: {said:?}");
    for step in 0..said.horizon() {
        let row = said.quantiles(step).expect("within the horizon");
        assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{name} step {step}: {row:?}");
    }
}

/// A positive seasonal series with a trend.
fn series(seed: u64, len: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    let season = [4.0, 1.0, -2.0, -3.0, -1.0, 1.0];
    (0..len).map(|at| 30.0 + 0.05 * at as f64 + season[at % 6] + random.normal()).collect()
}

fn worst(left: &Prediction, right: impl Fn(f64) -> f64, other: &Prediction) -> f64 {
    let pairs = left.values().iter().chain(left.points()).zip(other.values().iter().chain(other.points()));
    pairs.map(|(one, two)| (right(*one) - two).abs()).fold(0.0, f64::max)
}

/// Any value: ordinary, huge, tiny, negative, 0, or a gap.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -100.0..1_000.0,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => -1e15..1e15,
        1 => 0.0..1e-15,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_values_quantiles_are_finite_and_rise(
        values in prop::collection::vec(any_value(), 1..90),
        later in prop::collection::vec(any_value(), 0..12),
        period in prop::sample::select(vec![0_usize, 2, 5, 12]),
    ) {
        let seasons = [period];
        let seasons = if period == 0 { &[] } else { &seasons[..] };
        for name in names() {
            let Ok(mut fitted) = fit(name, &values, seasons) else { continue };
            check_sane(name, &fitted.predict(&Ahead::steps(30), &levels()));
            later.iter().for_each(|value| fitted.update(&Sample::of(*value)));
            check_sane(name, &fitted.predict(&Ahead::steps(30), &levels()));
        }
    }

    #[test]
    fn a_power_of_two_as_the_unit_changes_no_bit(seed in 0..1_000_u64, exponent in -40..40_i32) {
        let factor = libm::ldexp(1.0, exponent);
        let values = series(seed, 70);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        for name in names() {
            let (one, two) = (predict(name, &values, &[6], 9), predict(name, &scaled, &[6], 9));
            prop_assert_eq!(worst(&one, |value| value * factor, &two), 0.0, "{}", name);
        }
    }

    #[test]
    fn positive_series_keep_their_sense_with_gaps(seed in 0..1_000_u64, hole in 0..60_usize) {
        let mut values = series(seed, 72);
        values[hole..hole + 8].fill(f64::NAN);
        for name in names() {
            let said = predict(name, &values, &[6], 12);
            check_sane(name, &said);
            prop_assert!(said.points().iter().all(|point| (10.0..60.0).contains(point)), "{}: {:?}", name, said.points());
        }
    }
}

/// Another unit rounds differently, which a search may answer by ending a hair elsewhere.
#[test]
fn any_unit_gives_the_same_forecast() {
    for seed in 0..6 {
        let values = series(seed, 90);
        for (name, factor) in names().flat_map(|name| [3.7e-9, 0.3, 1.1e6].map(|factor| (name, factor))) {
            let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
            let (one, two) = (predict(name, &values, &[6], 12), predict(name, &scaled, &[6], 12));
            let worst = worst(&one, |value| value * factor, &two) / factor;
            assert!(worst < 0.02, "{name} times {factor}: {worst} apart, errors have a deviation of 1");
        }
    }
}

/// Where nothing multiplies, the level of the series does not matter. The series has no season here: theta divides by one.
#[test]
fn additive_models_move_with_the_series() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let mut level = 5.0;
        let walk = |_| {
            level += 0.5 * random.normal();
            level + 0.5 * random.normal()
        };
        let values: Vec<f64> = (0..90).map(walk).collect();
        for (name, shift) in ADDITIVE.into_iter().chain(THETA).flat_map(|name| [-40.0, 25.0].map(|shift| (name, shift)))
        {
            let seasons: &[usize] = if name == "holt-winters" { &[6] } else { &[] };
            let shifted: Vec<f64> = values.iter().map(|value| value + shift).collect();
            let (one, two) = (predict(name, &values, seasons, 12), predict(name, &shifted, seasons, 12));
            let worst = worst(&one, |value| value + shift, &two);
            assert!(worst < 0.03, "{name} plus {shift}: {worst} apart");
        }
    }
}

#[test]
fn series_that_are_hardly_series() {
    let steady = |value: f64| vec![value; 40];
    let cases: [(&str, Vec<f64>); 8] = [
        ("one point", vec![3.0]),
        ("two points", vec![1.0, 3.0]),
        ("all zero", steady(0.0)),
        ("constant", steady(7.25)),
        ("constant 1e15", steady(1e15)),
        ("constant 1e-15", steady(1e-15)),
        ("constant with gaps", (0..40).map(|at| if at % 3 == 0 { f64::NAN } else { 7.25 }).collect()),
        ("negative constant", steady(-2.0)),
    ];
    for (case, values) in cases {
        let known = values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        for name in names() {
            let Ok(fitted) = fit(name, &values, &[6]) else {
                let is_seasonal = name.starts_with("holt-winters");
                assert!(is_seasonal && (values.len() < 12 || low <= 0.0), "{name} refuses {case}");
                continue;
            };
            let said = fitted.predict(&Ahead::steps(5), &levels());
            check_sane(name, &said);
            let slack = 1e-9 * high.abs() + 5.0 * (high - low);
            let within = |point: &f64| (low - slack..=high + slack).contains(point);
            assert!(said.points().iter().all(within), "{name}, {case}: {:?}", said.points());
        }
    }
}

#[test]
fn what_the_model_needs_and_does_not_get_is_said() {
    let gaps = [f64::NAN; 30];
    for name in names() {
        assert!(matches!(fit(name, &gaps, &[6]), Err(FitError::TooShort { found: 0, .. })), "{name}");
    }
    let values = series(1, 40);
    assert_eq!(fit("holt-winters", &values, &[]), Err(FitError::NoSeason { model: "holt-winters" }));
    let short = FitError::TooShort { model: "holt-winters", needed: 48, found: 40 };
    assert_eq!(fit("holt-winters", &values, &[24]), Err(short));
    let below: Vec<f64> = values.iter().map(|value| value - 100.0).collect();
    assert!(matches!(fit("holt-winters-multiplicative", &below, &[6]), Err(FitError::Unsuitable { .. })));
}

/// Magnitudes at which squares leave the range where numbers add up.
#[test]
fn magnitudes_do_not_matter() {
    for (name, factor) in names().flat_map(|name| [1e15, 1e-15].map(|factor| (name, factor))) {
        let values: Vec<f64> = series(3, 80).iter().map(|value| value * factor).collect();
        let said = predict(name, &values, &[6], 12);
        check_sane(name, &said);
        assert!(
            said.points().iter().all(|point| (20.0..50.0).contains(&(point / factor))),
            "{name}: {:?}",
            said.points()
        );
        let row = said.quantiles(0).expect("within the horizon");
        assert!(row[4] - row[0] > factor, "{name}: {row:?}");
    }
}

/// Bursts a thousand times the usual: intervals of relative errors grow without end elsewhere (10^25 has been seen). A form
/// that is asked for by name may still follow a slope of its own.
#[test]
fn bursts_do_not_blow_the_intervals_up() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let burst = |random: &mut Random| if random.unit() < 0.05 { 1_000.0 * (1.0 + random.unit()) } else { 1.0 };
        let values: Vec<f64> = (0..200).map(|_| burst(&mut random) * (0.5 + random.unit())).collect();
        for name in names() {
            let Ok(fitted) = fit(name, &values, &[12]) else { continue };
            let said = fitted.predict(&Ahead::steps(288), &levels());
            check_sane(name, &said);
            let rows = said.values().chunks(levels().len()).zip(said.points());
            let widest = rows.map(|(row, point)| (row[4] - point).max(point - row[0])).fold(0.0, f64::max);
            // A walk of 288 steps, each as large as the largest burst, 2.33 deviations away.
            assert!(widest < 2.33 * 17.0 * 3_000.0, "{name}: {widest}");
            let farthest = said.points().iter().map(|point| point.abs()).fold(0.0, f64::max);
            assert!(farthest < 10.0 * 3_000.0 || name == "holt-winters-multiplicative", "{name}: {farthest}");
        }
    }
}

/// The state serialises, and comes back as the same forecast (but for the last digit: the reader of JSON rounds).
#[test]
fn a_fitted_model_survives_a_restart() {
    for (name, values) in names().flat_map(|name| [series(5, 90), vec![7.0; 20]].map(|values| (name, values))) {
        let fitted = fit(name, &values, &[6]).expect("it suits");
        let written = serde_json::to_string(&fitted).expect("it serialises");
        assert!(written.len() < 4_096, "{name}: {} bytes", written.len());
        let read: Fitted = serde_json::from_str(&written).expect("it comes back");
        let ahead = Ahead::steps(6);
        let (one, two) = (read.predict(&ahead, &levels()), fitted.predict(&ahead, &levels()));
        assert!(worst(&one, |value| value, &two) < 1e-12, "{name}");
    }
}

/// Taking values one by one keeps a forecast as good as one that was fitted to all of them.
#[test]
fn updates_keep_up_with_the_series() {
    for (seed, name) in (0..4).flat_map(|seed| names().map(move |name| (seed, name))) {
        let values = series(seed, 150);
        let mut fitted = fit(name, &values[..90], &[6]).expect("it suits");
        values[90..].iter().for_each(|value| fitted.update(&Sample::of(*value)));
        let (kept, anew) = (fitted.predict(&Ahead::steps(6), &levels()), predict(name, &values, &[6], 6));
        for (kept, anew) in kept.points().iter().zip(anew.points()) {
            assert!((kept - anew).abs() < 5.0, "{name}: {kept} and {anew}");
        }
    }
}

/// The parts of an explanation make up the next step's point.
#[test]
fn an_explanation_adds_up() {
    let values = series(8, 120);
    for name in ["simple", "holt", "damped-holt", "holt-winters", "holt-winters-multiplicative", "auto-ets"] {
        let fitted = fit(name, &values, &[6]).expect("it suits");
        let said = fitted.explain();
        let level = said.level.expect("every form has a level");
        let point = said
            .seasons
            .first()
            .map_or(level, |season| if season.multiplies { level * season.next } else { level + season.next });
        let predicted = fitted.predict(&Ahead::steps(1), &levels()).points()[0];
        assert!((point - predicted).abs() < 1e-9, "{name}: {said}");
        assert!(said.form.starts_with("ETS("), "{name}: {said}");
    }
    for name in THETA {
        let said = fit(name, &values, &[6]).expect("it suits").explain();
        assert!(said.form.ends_with("theta") && said.seasons.len() == 1, "{name}: {said}");
    }
}
