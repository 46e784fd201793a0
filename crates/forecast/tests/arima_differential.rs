//! Against recorded results of statsforecast and statsmodels (`fixtures/arima.json`, made by `scripts/arima_fixtures.py`): the likelihood
//! of given forms, their forecasts and intervals, and what the search finds.

#![expect(clippy::unwrap_used, reason = "the fixture is as the script writes it, or the test fails")]

use plimsoll_forecast::arima::{Arima, AutoArima, FittedArima, Order};
use plimsoll_forecast::{Ahead, Data, Fit, Fitted, Forecaster, Levels, Prediction, Series};
use serde_json::Value;

const HORIZON: usize = 24;

/// statsforecast's check of roots overlooks a polynomial of degree one (R's does not), so that it chose these forms for
/// these series: one moving average, on the unit circle.
const ON_THE_CIRCLE: [(&str, Order); 2] = [("ma2", Order::new(2, 0, 1)), ("arma21", Order::new(4, 0, 1))];

struct Case {
    name: String,
    season: usize,
    values: Vec<f64>,
    recorded: Value,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

fn cases() -> Vec<Case> {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/arima.json")).unwrap();
    let case = |recorded: &Value| Case {
        name: recorded["name"].as_str().unwrap().to_owned(),
        season: recorded["season"].as_u64().unwrap() as usize,
        values: numbers(&recorded["values"]),
        recorded: recorded.clone(),
    };
    recorded["cases"].as_array().unwrap().iter().map(case).collect()
}

fn order(value: &Value) -> Order {
    let orders: Vec<usize> = numbers(value).iter().map(|order| *order as usize).collect();
    Order::new(orders[0], orders[1], orders[2])
}

fn fit(spec: &dyn Fit, case: &Case) -> (FittedArima, Prediction) {
    let seasons = if case.season > 1 { vec![case.season] } else { vec![] };
    let fitted = spec.fit(&Data::alone(Series::untimed(&case.values), &seasons), 0).unwrap();
    let levels = Levels::try_new(vec![0.1, 0.5, 0.975]).unwrap();
    let said = fitted.predict(&Ahead::steps(HORIZON), &levels);
    let Fitted::Arima(fitted) = fitted else { panic!("{}: an ARIMA model", case.name) };
    (*fitted, said)
}

/// The standard deviation of a case's last measured values: what differences between forecasts are measured by.
fn spread(values: &[f64]) -> f64 {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn given_forms_are_as_likely_and_forecast_the_same() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| !case.recorded["fixed"].is_null()) {
        let recorded = &case.recorded["fixed"];
        let constant = recorded["constant"].as_bool().unwrap();
        let (plain, seasonal) = (order(&recorded["plain"]), order(&recorded["seasonal"]));
        let (fitted, said) = fit(&Arima { plain, seasonal, constant, season: None }, case);
        let likelihood = recorded["log_likelihood"].as_f64().unwrap();
        let better = fitted.log_likelihood() - likelihood;
        assert!(better.abs() < 1e-4 * likelihood.abs(), "{}: {} and {likelihood}", case.name, fitted.log_likelihood());
        println!("{}: log likelihood {} ({better:+.5})", case.name, fitted.log_likelihood());
        let scale = spread(&case.values);
        let close = |step: usize, kind: &str, ours: f64, theirs: f64| {
            assert!((ours - theirs).abs() < 0.02 * scale, "{} step {step}, {kind}: {ours} and {theirs}", case.name);
        };
        let [mean, deviation] = ["mean", "deviation"].map(|key| numbers(&recorded[key]));
        for step in 0..HORIZON {
            let row = said.quantiles(step).unwrap();
            close(step, "mean", said.points()[step], mean[step]);
            close(step, "10 %", row[0], mean[step] - 1.281_551_6 * deviation[step]);
            close(step, "97.5 %", row[2], mean[step] + 1.959_964 * deviation[step]);
        }
        compared += 1;
    }
    assert_eq!(compared, 12);
}

#[test]
fn the_search_finds_forms_at_least_as_good() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| case.recorded["auto"]["aicc"].is_f64()) {
        let recorded = &case.recorded["auto"];
        let theirs = recorded["aicc"].as_f64().unwrap();
        let (fitted, _) = fit(&AutoArima::default(), case);
        println!("{}: {} {} and {} {theirs}", case.name, fitted.form(), fitted.aicc(), recorded["form"]);
        assert_eq!(fitted.form().plain.d, recorded["d"].as_u64().unwrap() as usize, "{}", case.name);
        assert_eq!(fitted.form().seasonal.d, recorded["seasonal_d"].as_u64().unwrap() as usize, "{}", case.name);
        let fitted = match ON_THE_CIRCLE.iter().find(|(name, _)| *name == case.name) {
            // Theirs has θ₁ = −1, which the search has to refuse; the form itself is as likely here as there.
            Some((_, plain)) => {
                let theirs = Arima { plain: *plain, seasonal: Order::default(), constant: true, season: None };
                let (refused, _) = fit(&theirs, case);
                assert!(*refused.arma().last().unwrap() < -0.99 && fitted.form() != refused.form());
                refused
            }
            None => fitted,
        };
        assert!(fitted.aicc() < theirs + 0.001 * theirs.abs(), "{}: {} and {theirs}", case.name, fitted.aicc());
        compared += 1;
    }
    assert_eq!(compared, 10);
}

#[test]
fn a_constant_is_forecast_as_itself() {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == "constant").unwrap();
    let (_, said) = fit(&AutoArima::default(), case);
    for (ours, theirs) in said.values().chunks(3).zip(numbers(&case.recorded["auto"]["mean"])) {
        assert!(ours.iter().all(|value| (value - theirs).abs() < 1e-9), "{ours:?} and {theirs}");
    }
}
