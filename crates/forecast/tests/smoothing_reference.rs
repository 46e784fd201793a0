//! Exponential smoothing and theta against what statsforecast made of twelve generated series (`fixtures/smoothing.json`,
//! written by `scripts/smoothing_fixture.py`).
//!
//! Both estimate by the same criteria, so the comparison is of criteria first: ours must be at least as good but for a
//! tolerance far below what tells two models apart. Points are compared where the optimum is the same.

use plimsoll_forecast::ets::{ErrorKind, Ets, FittedEts, Form, Pace, Seasonal, Trend};
use plimsoll_forecast::theta::FittedTheta;
use plimsoll_forecast::{Ahead, Data, Fit, Fitted, Forecaster, Levels, Series, zoo};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Fixture {
    horizon: usize,
    series: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    period: usize,
    values: Vec<f64>,
    found: BTreeMap<String, Found>,
}

/// What the reference found with one model.
#[derive(Deserialize)]
struct Found {
    form: String,
    /// −2 log L up to a constant; exponential smoothing only.
    likelihood: Option<f64>,
    aicc: Option<f64>,
    /// Sum of squares over mean size; theta only.
    objective: Option<f64>,
    points: Vec<f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/smoothing.json")).expect("the fixture is what its script writes")
}

impl Case {
    fn known(&self, horizon: usize) -> &[f64] {
        &self.values[..self.values.len() - horizon]
    }

    fn fit(&self, model: &dyn Fit, horizon: usize) -> Fitted {
        let seasons = [self.period];
        let seasons = if self.period > 1 { &seasons[..] } else { &[] };
        model.fit(&Data::alone(Series::untimed(self.known(horizon)), seasons), 0).expect("the series suits the form")
    }

    fn deviation(&self) -> f64 {
        let mean = self.values.iter().sum::<f64>() / self.values.len() as f64;
        let squares: f64 = self.values.iter().map(|value| (value - mean) * (value - mean)).sum();
        libm::sqrt(squares / self.values.len() as f64)
    }

    fn error(&self, points: &[f64]) -> f64 {
        let actual = &self.values[self.values.len() - points.len()..];
        points.iter().zip(actual).map(|(point, value)| (point - value).abs()).sum::<f64>() / points.len() as f64
    }
}

fn points(fitted: &Fitted, horizon: usize) -> Vec<f64> {
    fitted.predict(&Ahead::steps(horizon), &Levels::deciles()).points().to_vec()
}

fn apart(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).sum::<f64>() / left.len() as f64
}

fn form(written: &str) -> Form {
    let parts: Vec<&str> = written.trim_start_matches("ETS(").trim_end_matches(')').split(',').collect();
    let error = if parts[0] == "A" { ErrorKind::Additive } else { ErrorKind::Multiplicative };
    let trend = match parts[1] {
        "N" => Trend::None,
        "A" => Trend::Additive,
        _ => Trend::Damped,
    };
    let season = match parts[2] {
        "N" => Seasonal::None,
        "A" => Seasonal::Additive,
        _ => Seasonal::Multiplicative,
    };
    Form::new(error, trend, season)
}

fn ets(fitted: &Fitted) -> &FittedEts {
    let Fitted::Ets(fitted) = fitted else { panic!("not exponential smoothing") };
    fitted
}

fn theta(fitted: &Fitted) -> &FittedTheta {
    let Fitted::Theta(fitted) = fitted else { panic!("not theta") };
    fitted
}

/// In the unit of the series: dividing n values by a scale takes 2 n ln(scale) from −2 log L, for both kinds of error.
fn unscaled(fitted: &FittedEts, criterion: f64, len: usize) -> f64 {
    criterion + 2.0 * len as f64 * libm::log(fitted.scale())
}

/// Every form that the reference ended with, fitted here without the bound on a seasonal level's pace. A difference of 2
/// in −2 log L is one parameter's worth; the reference's simplex ends exactly on a bound now and then, which costs us up to 0.2.
#[test]
fn the_likelihood_is_at_least_the_reference_s_for_every_form() {
    let fixture = fixture();
    let (mut compared, mut better) = (0, 0);
    for case in &fixture.series {
        for (name, found) in &case.found {
            let Some(theirs) = found.likelihood else { continue };
            let fitted = case.fit(&Ets::of("form", form(&found.form), Pace::Free), fixture.horizon);
            let ours = ets(&fitted);
            assert_eq!(ours.form().to_string(), found.form, "{} {name}", case.name);
            let ours = unscaled(ours, ours.likelihood(), case.known(fixture.horizon).len());
            assert!(ours < theirs + 0.25, "{} {name} {}: {ours} and {theirs}", case.name, found.form);
            compared += 1;
            better += u32::from(ours < theirs - 1.0);
            // Where the optimum is the same, so are the forecasts.
            let distance = apart(&points(&fitted, fixture.horizon), &found.points) / case.deviation();
            if (ours - theirs).abs() < 0.1 {
                assert!(distance < 0.05, "{} {name}: {distance} deviations apart", case.name);
            }
        }
    }
    assert!(compared >= 55 && better >= 15, "{better} of {compared}");
}

#[test]
fn the_form_chosen_has_at_least_as_good_a_criterion() {
    let fixture = fixture();
    for case in &fixture.series {
        let theirs = case.found["auto-ets"].aicc.unwrap();
        let fitted = case.fit(&Ets::auto_following(), fixture.horizon);
        let ours = unscaled(ets(&fitted), ets(&fitted).aicc().expect("chosen"), case.known(fixture.horizon).len());
        assert!(ours < theirs + 0.25, "{}: {} at {ours} and {theirs}", case.name, ets(&fitted).form());
    }
}

/// θ = 2 leaves one optimum, which both find; the reference's simplex stops short of it on one series.
#[test]
fn theta_gives_the_reference_s_forecasts() {
    let fixture = fixture();
    for case in &fixture.series {
        for name in ["theta", "dynamic-theta"] {
            let fitted = case.fit(zoo::by_name(name).unwrap().as_ref(), fixture.horizon);
            let distance = apart(&points(&fitted, fixture.horizon), &case.found[name].points) / case.deviation();
            assert!(distance < 0.005, "{} {name}: {distance} deviations apart", case.name);
        }
    }
}

/// Sums of squares relative to the standard method's, which takes the unit away. Ours may be above theirs by what
/// Schwarz's criterion asks of the line's parameter, ln(n) / n, and by the tolerance of their search.
#[test]
fn theta_s_sum_of_squares_is_at_least_as_small() {
    let fixture = fixture();
    for case in &fixture.series {
        let square = |name: &str| theta(&case.fit(zoo::by_name(name).unwrap().as_ref(), fixture.horizon)).mean_square();
        let theirs = |name: &str| case.found[name].objective.unwrap();
        let len = case.known(fixture.horizon).len() as f64;
        for name in ["optimized-theta", "dynamic-optimized-theta", "auto-theta"] {
            let (ours, theirs) = (square(name) / square("theta"), theirs(name) / theirs("theta"));
            assert!(ours < theirs * (1.0 + libm::log(len) / len + 0.001), "{} {name}: {ours} and {theirs}", case.name);
        }
    }
}

/// The values that followed, which neither saw: mean absolute errors, as the geometric mean of ratios over the series.
#[test]
fn what_followed_is_forecast_no_worse() {
    let fixture = fixture();
    for name in ["auto-ets", "theta", "dynamic-theta", "dynamic-optimized-theta", "auto-theta"] {
        let ratio = |case: &Case| {
            let fitted = case.fit(zoo::by_name(name).unwrap().as_ref(), fixture.horizon);
            libm::log(case.error(&points(&fitted, fixture.horizon)) / case.error(&case.found[name].points))
        };
        let ratio = libm::exp(fixture.series.iter().map(ratio).sum::<f64>() / fixture.series.len() as f64);
        assert!(ratio < 1.01, "{name}: {ratio}");
    }
}
