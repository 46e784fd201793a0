//! Figures that come late: the forecast is of the moment that is decided about all the same.

#![allow(clippy::unwrap_used, reason = "a run that does not get there fails its test")]

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::{Input, step};
use plimsoll_model::ScalingPolicy;
use plimsoll_model::quantity::{MilliRps, Millis, Permille};
use plimsoll_model::spec::ForecastSpec;

const HOUR: i64 = 3_600_000;
const LATE_MS: i64 = 240_000;

/// 20 to 180 requests per second over an hour.
fn load(at: i64) -> u64 {
    let phase = at.rem_euclid(HOUR) as f64 / HOUR as f64 * std::f64::consts::TAU;
    (100.0 - 80.0 * phase.cos()).round() as u64
}

/// Mean distance of the forecast's middle from what came, in requests per second, over the fifth hour.
fn error(late_ms: i64) -> f64 {
    let mut shop = service(1, 60, vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }]);
    shop.scaling.forecast = Some(ForecastSpec {
        season: Millis(HOUR.unsigned_abs()),
        season_long: None,
        quantile: Permille(500),
        missing_price: None,
        history: None,
        models: Vec::new(),
        refit: Millis(HOUR.unsigned_abs()),
    });
    let mut plant = Plant::new(spec([("shop", shop)]));
    let _ = plant.tick();
    let (mut sum, mut count) = (0.0, 0);
    let begin = plant.at;
    while plant.at.since(begin) < Millis(5 * HOUR.unsigned_abs()) {
        plant.at = plant.at.plus(plant.tick);
        plant.set_load("shop", load(plant.at.0 - late_ms), 15_000);
        let mut observation = plant.observation();
        let seen = observation.services.get_mut(&name("shop")).unwrap();
        seen.traffic.as_mut().unwrap().quality.age_ms = late_ms.unsigned_abs();
        observation.interval = Millis(120_000);
        let _ = step(&mut plant.state, plant.at, &[Input::Observed(Box::new(observation))]);
        let Some(forecast) = &plant.state.services[&name("shop")].forecast else { continue };
        if plant.at.since(begin) > Millis(4 * HOUR.unsigned_abs()) {
            let horizon =
                plant.state.horizon(plant.state.spec.as_ref().unwrap().services[&name("shop")].startup, plant.tick);
            assert_eq!(forecast.at, plant.at.plus(horizon), "whatever the delay");
            let said = forecast.at_quantile(Permille(500)).unwrap().value.0 as f64 / 1_000.0;
            sum += (said - load(forecast.at.0) as f64).abs();
            count += 1;
        }
    }
    assert!(count > 200, "{count} forecasts");
    sum / f64::from(count)
}

#[test]
fn a_forecast_from_late_figures_is_of_the_same_moment_and_nearly_as_good() {
    let (prompt, late) = (error(0), error(LATE_MS));
    // What the load changes by in four minutes is 20 requests per second on average.
    assert!(prompt < 4.0 && late < 6.0, "{prompt:.2} and {late:.2} off on average");
}
