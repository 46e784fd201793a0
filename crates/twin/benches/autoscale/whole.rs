//! The whole loop as every backtest runs it: observe, stream the forecast, decide with reasons, start and stop.

use plimsoll_model::{Millis, Spec, Timestamp};
use plimsoll_stats::Random;
use plimsoll_twin::backtest::{Between, Course, Load, Protocol};
use std::path::Path;

/// Service-steps per CPU second that are wanted.
const GOAL: f64 = 80_000.0;
/// Days of load by the minute.
const DAYS: usize = 8;

/// CPU, request rate and a streaming forecast: everything that costs time in a step.
const POLICY: &str = "[scaling]\ncpu = \"75%\"\nrequest_rate = \"750/s\"\nstep = { up = 10000, down = 10000 }\n\
                      forecast = { season = \"1d\", quantile = \"95%\" }\n";

pub fn rows() {
    let values = load();
    let protocol = Protocol::research(Millis(60_000));
    let wanted = plimsoll_model::MilliRps(protocol.usable_capacity().0 * u64::from(Protocol::REPLICAS_P99));
    let course = Load::factor_to(&values, wanted)
        .and_then(|factor| Load::try_new(Timestamp(0), Millis(60_000), &values, factor))
        .map_err(|error| error.to_string())
        .and_then(|load| Course::try_new(&load, Between::Held, protocol).map_err(|error| error.to_string()));
    let Ok(course) = course else { unreachable!("the load of this file holds") };
    let reactive = "[scaling]\ncpu = \"60%\"\nstep = { up = 10000, down = 10000 }\n";
    for (name, text) in [("loop: CPU alone", reactive), ("loop: CPU, rate, streaming forecast", POLICY)] {
        let spec = policy(text);
        let seconds = super::cpu_seconds(|| {
            let run = course.run(&spec, None, &[], |_| {});
            assert!(run.is_ok_and(|run| run.card.over_optimum > 1.0), "the run of this file holds");
        });
        super::print(name, course.ticks() as u64, seconds, GOAL);
    }
}

fn policy(text: &str) -> Spec {
    match plimsoll_config::parse_policy(text, Path::new("bench.toml")) {
        Ok(loaded) => loaded.spec,
        Err(report) => unreachable!("the policy of this file holds: {:?}", report.lines()),
    }
}

/// A day and a night with noise and rare bursts.
fn load() -> Vec<f64> {
    let mut random = Random::new(5);
    let mut unit = move || random.below(1_000_000) as f64 / 1e6;
    let minute = |index: usize| {
        let day = 1.0 + 0.8 * libm::sin(index as f64 / 1_440.0 * std::f64::consts::TAU);
        let burst = if unit() < 0.001 { 2.0 } else { 1.0 };
        day * burst * (0.9 + 0.2 * unit())
    };
    (0..DAYS * 1_440).map(minute).collect()
}
