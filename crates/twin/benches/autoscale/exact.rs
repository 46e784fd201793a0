//! The exact tier: request events (arrivals, ends, time-outs; not pool changes) per CPU second.

use plimsoll_model::Millis;
use plimsoll_model::spec::Algorithm;
use plimsoll_twin::kernel::stream;
use plimsoll_twin::service::exact::{Balance, Clients, Options, Poisson, Service};
use plimsoll_twin::service::{Distribution, ServiceModel};

/// Events per CPU second that are wanted.
const GOAL: f64 = 5_000_000.0;
/// Requests of each row.
const REQUESTS: f64 = 3_000_000.0;

pub fn rows() {
    let exponential = Distribution::exponential(10.0);
    let long = Distribution::log_normal(10.0, 1.5);
    for (name, algorithm, work, replicas, timeout) in [
        ("1 replica, round robin, exponential work", Algorithm::RoundRobin, exponential, 1, None),
        ("20 replicas, round robin, exponential work", Algorithm::RoundRobin, exponential, 20, None),
        ("20 replicas, two choices, exponential work", Algorithm::PowerOfTwo, exponential, 20, None),
        ("20 replicas, two choices, log-normal, time-outs", Algorithm::PowerOfTwo, long, 20, Some(Millis(2_000))),
        ("200 replicas, two choices, exponential work", Algorithm::PowerOfTwo, exponential, 200, None),
        ("20 replicas, least connections, exponential work", Algorithm::LeastConnections, exponential, 20, None),
    ] {
        let rate = f64::from(replicas) * 70.0;
        let clients = Clients { timeout, ..Clients::default() };
        let model = ServiceModel::sharing(work, 1_000.0);
        let options = Options { balance: Balance::by(algorithm), clients, ..Options::new(model, 3) };
        let arrivals = Poisson::steady(rate, REQUESTS / rate, stream(3, 1));
        let Ok(mut service) = Service::new(options, arrivals) else { unreachable!("the options of this file hold") };
        (0..replicas).for_each(|_| {
            service.start_ready();
        });
        let seconds = super::cpu_seconds(|| service.run());
        super::print(&format!("exact: {name}"), service.take_window().events, seconds, GOAL);
    }
}
