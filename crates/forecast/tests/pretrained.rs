//! Properties of the pretrained network's forecasts that hold for any series.

use plimsoll_forecast::pretrained::Pretrained;
use plimsoll_forecast::{Ahead, Data, Fit, Fitted, Forecaster, Levels, Prediction, Sample, Series, synthetic};
use plimsoll_stats::Random;
use proptest::prelude::*;

fn fit(values: &[f64], seasons: &[usize]) -> Fitted {
    let data = Data::alone(Series::untimed(values), seasons);
    Pretrained::default().fit(&data, 1).expect("a value was measured")
}

fn levels() -> Levels {
    Levels::try_new(vec![0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999]).expect("rising probabilities")
}

fn forecast(values: &[f64], seasons: &[usize], horizon: usize) -> Prediction {
    fit(values, seasons).predict(&Ahead::steps(horizon), &levels())
}

fn sane(said: &Prediction) -> bool {
    let rows = said.values().chunks(said.levels().len());
    let rising = rows.clone().all(|row| row.windows(2).all(|pair| pair[0] <= pair[1]));
    rising && said.points().iter().chain(said.values()).all(|value| value.is_finite())
}

/// A value, a gap now and then, at any magnitude.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -1e3..1e3, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => -1e15..1e15, 1 => -1e-15..1e-15]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_goes_in_comes_out_finite_and_rising(values in prop::collection::vec(value(), 1..120), season in 0_usize..40) {
        prop_assume!(values.iter().any(|value| value.is_finite()));
        let mut fitted = fit(&values, &[season, 3 * season]);
        prop_assert!(sane(&fitted.predict(&Ahead::steps(30), &levels())));
        [f64::NAN, 5.0, f64::INFINITY].iter().for_each(|value| fitted.update(&Sample::of(*value)));
        prop_assert!(sane(&fitted.predict(&Ahead::steps(3), &levels())));
    }

    #[test]
    fn a_series_in_another_unit_has_the_same_forecast_in_that_unit(seed: u64, len in 2_usize..300, power in -40_i32..40) {
        let drawn = synthetic::draw(&mut Random::new(seed), 400);
        prop_assume!(drawn.values[..len].iter().any(|value| value.is_finite()));
        // A power of two changes no bit of a mantissa, so the forecasts agree to the last bit.
        let unit = 2f64.powi(power);
        let scaled: Vec<f64> = drawn.values[..len].iter().map(|value| value * unit).collect();
        let (own, other) = (forecast(&drawn.values[..len], &drawn.seasons, 20), forecast(&scaled, &drawn.seasons, 20));
        for (own, other) in own.values().iter().zip(other.values()) {
            prop_assert!((own * unit - other).abs() <= 1e-9 * other.abs().max(unit), "{} {}", own * unit, other);
        }
    }

    #[test]
    fn updates_are_the_same_as_a_longer_history(seed: u64, len in 2_usize..1_500) {
        let drawn = synthetic::draw(&mut Random::new(seed), 1_600);
        prop_assume!(drawn.values[..len].iter().any(|value| value.is_finite()));
        let mut updated = fit(&drawn.values[..len], &drawn.seasons);
        drawn.values[len..].iter().for_each(|value| updated.update(&Sample::of(*value)));
        prop_assert_eq!(&updated, &fit(&drawn.values, &drawn.seasons));
        let restored: Fitted = serde_json::from_str(&serde_json::to_string(&updated).unwrap()).unwrap();
        // This reader of JSON rounds the last bit of some numbers.
        let (own, other) = (updated.predict(&Ahead::steps(12), &levels()), restored.predict(&Ahead::steps(12), &levels()));
        for (own, other) in own.values().iter().zip(other.values()) {
            prop_assert!((own - other).abs() <= 1e-6 * (own.abs() + other.abs()), "{own} {other}");
        }
    }
}

#[test]
fn a_constant_series_stays_what_it_is_at_any_magnitude() {
    for level in [0.0, 1.0, 0.1, -7.3, 1e15, 1e-15] {
        for len in [1, 2, 50] {
            let said = forecast(&vec![level; len], &[24], 48);
            assert!(said.points().iter().chain(said.values()).all(|value| *value == level), "{level} {len}");
        }
    }
}

#[test]
fn two_points_give_a_forecast_near_them_and_nothing_measured_an_error() {
    let said = forecast(&[10.0, 12.0], &[], 48);
    assert!(sane(&said) && said.points().iter().all(|point| (0.0..25.0).contains(point)), "{:?}", said.points());
    let none = Pretrained::default().fit(&Data::alone(Series::untimed(&[f64::NAN]), &[]), 1);
    assert_eq!(none.unwrap_err().to_string(), "pretrained needs at least 1 measured values, and there are 0");
}

#[test]
fn an_explanation_names_what_the_next_step_is_mixed_from() {
    let values: Vec<f64> = (0..96).map(|step| f64::from(step % 12)).collect();
    let parts = fit(&values, &[12]).explain();
    let total: f64 = parts.weights.iter().map(|part| part.value).sum();
    let seasonal: f64 = parts.weights.iter().filter(|part| part.name.contains("season")).map(|part| part.value).sum();
    assert!((total - 1.0).abs() < 1e-5 && seasonal > 0.5, "{parts}");
    assert_eq!(fit(&[3.0; 5], &[]).explain().level, Some(3.0));
}

#[test]
fn a_clear_season_is_continued() {
    let wave = |hour: usize| 100.0 + 40.0 * libm::sin(std::f64::consts::TAU * hour as f64 / 24.0);
    let mut random = Random::new(5);
    let values: Vec<f64> = (0..240).map(|hour| wave(hour) + random.normal()).collect();
    for seasons in [&[24][..], &[]] {
        let said = forecast(&values, seasons, 48);
        let errors = said.points().iter().enumerate().map(|(step, point)| (point - wave(240 + step)).abs());
        let mean = errors.sum::<f64>() / 48.0;
        assert!(mean < 4.0, "{mean} with seasons {seasons:?}");
    }
}

/// On series that training never drew, the quantiles hold what they say.
#[test]
fn quantiles_cover_their_share_of_made_up_series() {
    let mut random = Random::new(77);
    let levels = Levels::try_new(vec![0.1, 0.5, 0.9, 0.99]).unwrap();
    let (mut below, mut count) = ([0_u32; 4], 0_u32);
    for _ in 0..300 {
        let drawn = synthetic::draw(&mut random, 312);
        let fitted = Pretrained::default().fit(&Data::alone(Series::untimed(&drawn.values[..300]), &drawn.seasons), 1);
        let Ok(fitted) = fitted else { continue };
        let said = fitted.predict(&Ahead::steps(12), &levels);
        for (value, row) in drawn.values[300..].iter().zip(said.values().chunks(4)) {
            if value.is_finite() && row[0] < row[3] {
                below.iter_mut().zip(row).for_each(|(below, bound)| *below += u32::from(value <= bound));
                count += 1;
            }
        }
    }
    let shares = below.map(|below| f64::from(below) / f64::from(count));
    // Values of whole numbers tie with their quantiles, so the shares may lie above; steps of one series move together.
    let wrong = shares.iter().zip([0.1, 0.5, 0.9, 0.99]).filter(|(share, level)| (**share - level).abs() > 0.08);
    assert_eq!(wrong.count(), 0, "{shares:?}");
}

#[test]
fn weights_written_by_a_training_are_loaded() {
    let bytes = include_bytes!("../weights/pretrained.safetensors");
    let loaded = Pretrained::from_weights(bytes).unwrap();
    let values: Vec<f64> = (0..40).map(|step| f64::from(step % 7)).collect();
    let data = Data::alone(Series::untimed(&values), &[7]);
    let (own, built_in) = (loaded.fit(&data, 1).unwrap(), Pretrained::default().fit(&data, 1).unwrap());
    let ahead = Ahead::steps(9);
    assert_eq!(own.predict(&ahead, &levels()), built_in.predict(&ahead, &levels()));
    let restored: Fitted = serde_json::from_str(&serde_json::to_string(&own).unwrap()).unwrap();
    assert_eq!(restored, own);
    assert!(Pretrained::from_weights(&bytes[..1_000]).is_err());
}
