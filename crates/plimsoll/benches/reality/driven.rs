//! The same day in the twin: request by request, on a simulated machine, under the controller that ran for real.

use plimsoll_config::Loaded;
use plimsoll_model::{Bytes, Millicores, Timestamp, spec::Resources};
use plimsoll_traces::RateSeries;
use plimsoll_twin::kernel::stream;
use plimsoll_twin::machine::{self, Node, ServiceOutcome, Setting};
use plimsoll_twin::service::ServiceModel;
use plimsoll_twin::service::exact::{Balance, Options, Poisson, Service};
use std::collections::BTreeMap;

/// Room that is never full: the example's service fits any machine it is run on.
const ROOM: Resources = Resources { cpu: Millicores(64_000), memory: Bytes(64 << 30) };

/// The load of the recorded day at `scale` for `seconds` of physical time.
pub fn run(loaded: &Loaded, model: &ServiceModel, scale: f64, seconds: f64, seed: u64) -> ServiceOutcome {
    let spec = &loaded.spec;
    let (name, service) = spec.services.iter().next().unwrap();
    let start = spec.clock.start.unwrap_or(Timestamp(0));
    let options = Options { balance: Balance::of(&service.balance), ..Options::new(model.clone(), seed) };
    let twin = Service::new(options, arrivals(scale, spec.clock.speed, seed)).unwrap();
    let (before, notes) = plimsoll_daemon::history_warmup::read(spec, start, scale);
    assert!(notes.is_empty(), "{notes:?}");
    let services = BTreeMap::from([(name.clone(), twin)]);
    let node = Node::new(ROOM, services, BTreeMap::new(), (start, spec.clock.speed));
    let mut outcome = machine::run(node, Setting { spec, before, is_warm: true, seconds });
    outcome.services.remove(name).unwrap()
}

/// The arrivals of the recorded day.
fn arrivals(scale: f64, speed: u32, seed: u64) -> Poisson {
    let series = RateSeries::read(&super::real::trace().to_string_lossy()).unwrap();
    let slot_s = series.slot().get() as f64 / 1_000.0 / f64::from(speed);
    let rates: Vec<f64> = series.iter().map(|(_, rate)| rate.unwrap_or(0.0) * scale).collect();
    Poisson::new(&rates, slot_s, stream(seed, 1))
}
