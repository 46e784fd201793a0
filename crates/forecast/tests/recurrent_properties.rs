//! What holds for recurrent networks whatever the series: finite, rising, of the series' scale, resumable, and learning.

#![allow(clippy::unwrap_used, reason = "tests say what went wrong by panicking, in their helpers too")]

use plimsoll_forecast::naive::SeasonalNaive;
use plimsoll_forecast::neural::recurrent::{Cell, Loss, Recurrent, Training};
use plimsoll_forecast::{Ahead, Data, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample, Series};
use plimsoll_stats::{Random, normal};
use proptest::prelude::*;
use std::sync::Arc;

/// A network so small that a test may train it.
fn tiny(cell: Cell, loss: Loss) -> Recurrent {
    let usual = if cell == Cell::Rnn { Recurrent::rnn() } else { Recurrent::lstm() };
    let training = Training { lanes: 3, chunk: 8, every: 4, updates: 12, rate: 1e-2, checks: 3, patience: 3 };
    let levels = Levels::try_new(vec![0.1, 0.5, 0.9]).unwrap();
    Recurrent { widths: vec![4, 2], loss, levels, horizon: Some(4), training, ..usual }
}

fn kinds() -> Vec<Recurrent> {
    let cells = [Cell::Rnn, Cell::Lstm];
    cells.into_iter().flat_map(|cell| [tiny(cell, Loss::Pinball), tiny(cell, Loss::Squared)]).collect()
}

fn data<'a>(values: &'a [f64], seasons: &'a [usize]) -> Data<'a> {
    Data::alone(Series::untimed(values), seasons)
}

fn levels() -> Levels {
    Levels::try_new(vec![0.01, 0.2, 0.5, 0.9, 0.995]).unwrap()
}

fn say(fitted: &Fitted) -> Prediction {
    fitted.predict(&Ahead::steps(11), &levels())
}

fn is_sane(said: &Prediction) -> bool {
    let rows = (0..said.horizon()).map(|step| said.quantiles(step).unwrap());
    let finite = said.points().iter().chain(said.values()).all(|value| value.is_finite());
    finite && rows.into_iter().all(|row| row.windows(2).all(|pair| pair[0] <= pair[1]))
}

/// One value per step: an autoregression around a season, in units of its own.
fn season_and_memory(steps: usize, random: &mut Random) -> Vec<f64> {
    let phase = random.below(12) as usize;
    let size = 1.0 + 3.0 * random.unit();
    let mut memory = 0.0;
    let step = |step: usize| {
        memory = 0.8 * memory + 0.5 * normal::quantile(random.unit().clamp(1e-9, 1.0 - 1e-9));
        20.0 + size * libm::sin((step + phase) as f64 * std::f64::consts::TAU / 12.0) + memory
    };
    (0..steps).map(step).collect()
}

#[test]
fn constant_zero_two_point_and_extreme_series_give_sane_forecasts_or_an_error() {
    let wave = |size: f64| (0..60).map(|step| size * f64::from(step * 5 % 12 + 1)).collect::<Vec<f64>>();
    let mut series = vec![vec![0.0; 60], vec![7.5; 60], wave(1e15), wave(1e-15), wave(f64::MAX / 20.0), wave(1e-320)];
    series.push((0..60).map(|step| if step == 40 { 1e300 } else { 1.0 }).collect());
    series.push((0..60).map(|step| if step % 3 == 1 { f64::NAN } else { f64::from(step) }).collect());
    for model in kinds() {
        for values in &series {
            let mut fitted = model.fit(&data(values, &[12]), 1).unwrap();
            assert!(is_sane(&say(&fitted)), "{} on {values:?}", model.name());
            for value in [f64::NAN, f64::INFINITY, 0.0, 1e15, -1e15, 1e-15] {
                fitted.update(&Sample::of(value));
                assert!(is_sane(&say(&fitted)), "{} after {value} on {values:?}", model.name());
            }
        }
        let constant = say(&model.fit(&data(&[7.5; 60], &[12]), 1).unwrap());
        assert!(constant.values().iter().all(|value| (value - 7.5).abs() < 1e-12), "{constant:?}");
        let short = model.fit(&data(&[1.0, 2.0], &[]), 1);
        assert_eq!(short, Err(FitError::TooShort { model: model.name(), needed: 24, found: 2 }));
    }
}

#[test]
fn a_trained_network_forecasts_from_two_values_on_and_from_none_says_so() {
    let values = season_and_memory(80, &mut Random::new(1));
    let (trained, _) = tiny(Cell::Lstm, Loss::Pinball).train(&[data(&values, &[12])], 1).unwrap();
    let model = Recurrent::trained(Arc::new(trained));
    let said = say(&model.fit(&data(&[1.0, 2.0], &[12]), 0).unwrap());
    assert!(is_sane(&said) && said.points().iter().all(|point| (-20.0..20.0).contains(point)), "{said:?}");
    let none = model.fit(&data(&[f64::NAN], &[]), 0);
    assert_eq!(none, Err(FitError::TooShort { model: "lstm", needed: 1, found: 0 }));
}

#[test]
fn sizes_that_can_not_be_are_refused_by_name() {
    let values = season_and_memory(80, &mut Random::new(1));
    let model = Recurrent { widths: vec![4, 0], ..tiny(Cell::Rnn, Loss::Pinball) };
    let error = model.fit(&data(&values, &[]), 0).unwrap_err();
    assert_eq!(error.to_string(), "rnn: widths is [4, 0]; it must be one to three layers of 1 to 4096 units");
    let deep = Recurrent { widths: vec![12, 6, 1], ..tiny(Cell::Lstm, Loss::Pinball) };
    assert!(is_sane(&say(&deep.fit(&data(&values, &[12]), 0).unwrap())), "three layers down to one unit");
}

#[test]
fn stepping_on_equals_a_run_over_the_whole_series_and_a_saved_state_goes_on() {
    let values = season_and_memory(140, &mut Random::new(4));
    let gap = |step: usize| step % 17 == 5 || (100..104).contains(&step);
    let values: Vec<f64> = values.iter().enumerate().map(|(i, v)| if gap(i) { f64::NAN } else { *v }).collect();
    for model in kinds() {
        let (trained, _) = model.train(&[data(&values, &[12])], 7).unwrap();
        let warm = Recurrent::trained(Arc::new(trained));
        let whole = warm.fit(&data(&values, &[12]), 0).unwrap();
        let mut stepped = warm.fit(&data(&values[..60], &[12]), 0).unwrap();
        values[60..].iter().for_each(|value| stepped.update(&Sample::of(*value)));
        assert_eq!(stepped, whole, "the very bits");
        let mut resumed = warm.fit(&data(&values[..60], &[12]), 0).unwrap();
        values[60..101].iter().for_each(|value| resumed.update(&Sample::of(*value)));
        let text = serde_json::to_string(&resumed).unwrap();
        let mut resumed: Fitted = serde_json::from_str(&text).unwrap();
        values[101..].iter().for_each(|value| resumed.update(&Sample::of(*value)));
        // A number that went through JSON may have lost its last bit.
        let pairs =
            say(&resumed).values().iter().zip(say(&whole).values()).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>();
        assert!(pairs.iter().all(|difference| *difference < 1e-6), "{pairs:?}");
    }
}

#[test]
fn a_saved_state_that_was_tampered_with_is_refused() {
    let values = season_and_memory(80, &mut Random::new(1));
    let fitted = tiny(Cell::Lstm, Loss::Pinball).fit(&data(&values, &[12]), 1).unwrap();
    let whole = serde_json::to_value(&fitted).unwrap();
    assert!(serde_json::from_value::<Fitted>(whole.clone()).is_ok());
    for path in ["/state/state/0/hidden", "/state/features", "/state/encoder/slots/0/naive", "/state/encoder/slots"] {
        let mut changed = whole.clone();
        *changed.pointer_mut(path).unwrap() = serde_json::json!([]);
        assert!(serde_json::from_value::<Fitted>(changed).is_err(), "{path}");
    }
    let mut changed = whole;
    *changed.pointer_mut("/state/weights/tensors/head.bias/values").unwrap() = serde_json::json!([1.0]);
    let error = serde_json::from_value::<Fitted>(changed).unwrap_err().to_string();
    assert!(error.contains("tensor head.bias has shape [1]"), "{error}");
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_another_network() {
    let values = season_and_memory(90, &mut Random::new(2));
    for model in kinds() {
        let fit = |seed| model.fit(&data(&values, &[12]), seed).unwrap();
        assert_eq!(fit(5), fit(5));
        assert_ne!(fit(5), fit(6));
    }
}

/// Its one-step-ahead errors: mean pinball loss over deciles, and mean absolute error, of forecasts 1 to 6 steps ahead.
fn errors(fitted: &mut Fitted, rest: &[f64]) -> (f64, f64) {
    let levels = Levels::deciles();
    let (mut pinball, mut absolute, mut count) = (0.0, 0.0, 0.0);
    for at in 0..rest.len() - 6 {
        let said = fitted.predict(&Ahead::steps(6), &levels);
        for (step, actual) in rest[at..at + 6].iter().enumerate() {
            absolute += (actual - said.points()[step]).abs();
            count += 1.0;
            for (value, level) in said.quantiles(step).unwrap().iter().zip(levels.as_slice()) {
                let error = actual - value;
                pinball += if error >= 0.0 { level * error } else { (level - 1.0) * error } / 9.0;
            }
        }
        fitted.update(&Sample::of(rest[at]));
    }
    (pinball / count, absolute / count)
}

/// The noise is an autoregression with 0.8 of memory: the season is to be averaged and the noise to be remembered, and
/// seasonal naive does neither. Trained on 24 series, tried on 6 others.
#[test]
fn trained_on_many_series_it_beats_seasonal_naive_on_others_by_a_quarter() {
    let mut random = Random::new(11);
    let series: Vec<Vec<f64>> = (0..30).map(|_| season_and_memory(240, &mut random)).collect();
    let training = Training { lanes: 8, chunk: 16, every: 4, updates: 250, rate: 5e-3, checks: 10, patience: 5 };
    for cell in [Cell::Rnn, Cell::Lstm] {
        let model = Recurrent { widths: vec![8], horizon: Some(6), training, ..tiny(cell, Loss::Pinball) };
        let given: Vec<Data<'_>> = series[..24].iter().map(|values| data(values, &[12])).collect();
        let (trained, report) = model.train(&given, 3).unwrap();
        let model = Recurrent::trained(Arc::new(trained));
        let (mut ours, mut naive) = ((0.0, 0.0), (0.0, 0.0));
        for values in &series[24..] {
            let (head, rest) = values.split_at(150);
            let add = |sum: &mut (f64, f64), (a, b): (f64, f64)| *sum = (sum.0 + a, sum.1 + b);
            add(&mut ours, errors(&mut model.fit(&data(head, &[12]), 0).unwrap(), rest));
            add(&mut naive, errors(&mut SeasonalNaive::default().fit(&data(head, &[12]), 0).unwrap(), rest));
        }
        let ratios = (ours.0 / naive.0, ours.1 / naive.1);
        println!(
            "{cell:?}: pinball {:.3} and absolute error {:.3} of seasonal naive's; {report:?}",
            ratios.0, ratios.1
        );
        assert!(ratios.0 < 0.75 && ratios.1 < 0.75, "{cell:?}: {ratios:?}");
        assert!(report.loss_best < 0.9 * report.loss_start, "{report:?}");
    }
}

#[test]
fn its_quantiles_cover_what_they_say_on_series_it_never_saw() {
    let mut random = Random::new(23);
    let series: Vec<Vec<f64>> = (0..30).map(|_| season_and_memory(240, &mut random)).collect();
    let training = Training { lanes: 8, chunk: 16, every: 4, updates: 250, rate: 5e-3, checks: 10, patience: 5 };
    for loss in [Loss::Pinball, Loss::Squared] {
        let model = Recurrent { widths: vec![8], horizon: Some(6), training, ..tiny(Cell::Lstm, loss) };
        let given: Vec<Data<'_>> = series[..20].iter().map(|values| data(values, &[12])).collect();
        let model = Recurrent::trained(Arc::new(model.train(&given, 3).unwrap().0));
        let (mut low, mut high, mut count) = (0.0, 0.0, 0.0);
        let levels = Levels::try_new(vec![0.1, 0.9]).unwrap();
        for values in &series[20..] {
            let mut fitted = model.fit(&data(&values[..100], &[12]), 0).unwrap();
            for at in 100..234 {
                let said = fitted.predict(&Ahead::steps(6), &levels);
                for step in 0..6 {
                    let row = said.quantiles(step).unwrap();
                    low += f64::from(u8::from(values[at + step] <= row[0]));
                    high += f64::from(u8::from(values[at + step] <= row[1]));
                    count += 1.0;
                }
                fitted.update(&Sample::of(values[at]));
            }
        }
        let (low, high) = (low / count, high / count);
        println!("{loss:?}: {low:.3} below the tenth, {high:.3} below the ninetieth percentile");
        assert!((0.06..0.15).contains(&low) && (0.85..0.94).contains(&high), "{loss:?}: {low} {high}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_goes_in_the_forecast_is_finite_and_rises(
        values in prop::collection::vec(prop_oneof![5 => -1e3..1e3, 1 => Just(f64::NAN), 1 => any::<f64>()], 0..70),
        more in prop::collection::vec(any::<f64>(), 0..5),
        season in 0_usize..40,
        kind in 0_usize..4,
    ) {
        if let Ok(mut fitted) = kinds()[kind].fit(&data(&values, &[season]), 1) {
            prop_assert!(is_sane(&say(&fitted)));
            more.iter().for_each(|value| fitted.update(&Sample::of(*value)));
            prop_assert!(is_sane(&say(&fitted)));
        }
    }

    /// By powers of two, so that not even rounding differs.
    #[test]
    fn a_scaled_series_has_the_scaled_forecast(
        values in prop::collection::vec(-100.0..100.0, 40..80), power in -40_i32..40, kind in 0_usize..4,
    ) {
        let factor = 2_f64.powi(power);
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        let model = &kinds()[kind];
        let one = say(&model.fit(&data(&values, &[12]), 1).unwrap());
        let other = say(&model.fit(&data(&scaled, &[12]), 1).unwrap());
        let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a * factor == *b);
        prop_assert!(same(one.points(), other.points()) && same(one.values(), other.values()));
    }
}
