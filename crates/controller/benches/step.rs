//! What one step costs with 50 and with 1,000 services: time, size of the decision and of the state.
//!
//! `cargo bench -p plimsoll-controller`. Every service has a CPU and a rate policy, a daily forecast warmed with a day,
//! and four replicas; the load moves by a few per cent at each tick.

#[path = "../tests/plant/mod.rs"]
mod plant;

use plant::{Plant, service, spec};
use plimsoll_controller::Input;
use plimsoll_model::ServiceName;
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::spec::{ForecastSpec, Resources, ScalingPolicy, ServiceSpec};
use plimsoll_model::{Bytes, Millicores};
use std::time::Instant;

const DAY: i64 = 86_400_000;
const TICKS: u64 = 200;

fn one() -> ServiceSpec {
    let policies =
        vec![ScalingPolicy::Cpu { target: Permille(600) }, ScalingPolicy::RequestRate { target: MilliRps(20_000) }];
    let mut one = service(1, 20, policies);
    one.scaling.forecast = Some(ForecastSpec {
        season: Millis(DAY.unsigned_abs()),
        season_long: None,
        quantile: Permille(950),
        missing_price: None,
        history: None,
        models: vec![],
        refit: Millis(86_400_000),
    });
    one
}

fn main() {
    println!("services  µs/step  µs/service  decision bytes/step (quiet tick)  state KiB  history samples/s");
    for services in [50, 1_000] {
        measure(services);
    }
}

fn measure(services: usize) {
    let names: Vec<ServiceName> =
        (0..services).map(|index| ServiceName::try_new(format!("s-{index}")).expect("a name")).collect();
    let mut all = spec([]);
    all.services = names.iter().map(|name| (name.clone(), one())).collect();
    let mut plant = Plant::new(all);
    plant.capacity = Resources { cpu: Millicores(u64::MAX), memory: Bytes(u64::MAX) };
    let begin = plant.at.0;
    let rate = |at: i64, index: usize| MilliRps(60_000 + ((at / 15_000) as u64 * 7_919 + index as u64) % 6_000);
    let policy = std::mem::take(&mut plant.pending);
    let _ = plimsoll_controller::step(&mut plant.state, plant.at, &policy);
    let started = Instant::now();
    for (index, name) in names.iter().enumerate() {
        let samples = (begin - DAY..begin).step_by(60_000).map(|at| (Timestamp(at), rate(at, index))).collect();
        let history = Input::History { service: name.clone(), samples };
        let _ = plimsoll_controller::step(&mut plant.state, plant.at, &[history]);
    }
    let warmed = started.elapsed();
    let (mut spent, mut bytes, mut quiet) = (std::time::Duration::ZERO, 0, usize::MAX);
    for tick in 0..TICKS + 20 {
        for (index, name) in names.iter().enumerate() {
            let load = plant::Load { rate: rate(plant.at.0, index), cpu_micros: 15_000 };
            plant.load.insert(name.clone(), load);
        }
        let (decision, took) = plant.tick_timed();
        if tick >= 20 {
            spent += took;
            let size = serde_json::to_string(&decision).expect("serialises").len();
            bytes += size;
            quiet = quiet.min(size);
        }
    }
    let state = serde_json::to_string(&plant.state).expect("serialises").len();
    let per_step = spent.as_secs_f64() * 1e6 / TICKS as f64;
    println!(
        "{services:8}  {per_step:7.0}  {:10.1}  {:19} ({quiet:10})  {:9}  {:17.0}",
        per_step / services as f64,
        bytes as u64 / TICKS,
        state / 1_024,
        1_440.0 * services as f64 / warmed.as_secs_f64(),
    );
}
