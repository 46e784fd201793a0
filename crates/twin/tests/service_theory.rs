//! The exact tier agrees with queueing theory: the short form of `cargo bench -p plimsoll-twin --bench theory`.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_model::spec::Algorithm;
use plimsoll_twin::kernel::stream;
use plimsoll_twin::service::exact::{Balance, Nanos, Options, Poisson, Service, Window};
use plimsoll_twin::service::fast::{Objective, Plant};
use plimsoll_twin::service::theory::{Sharing, mean_in_order, mean_sharing, quantile_in_order};
use plimsoll_twin::service::{Distribution, ServiceModel};

fn run(options: Options, replicas: u32, rate: f64, requests: f64) -> Window {
    let arrivals = Poisson::steady(rate, requests / rate, stream(options.seed, 1));
    let mut service = Service::new(options, arrivals).unwrap();
    (0..replicas).for_each(|_| {
        service.start_ready();
    });
    service.run_until(Nanos::from_seconds(requests / rate * 0.05));
    service.take_window();
    service.run();
    service.take_window()
}

fn close(name: &str, seen: Option<f64>, said_units: f64) {
    let seen = seen.unwrap() / 0.010;
    assert!((seen / said_units - 1.0).abs() < 0.02, "{name}: {seen} in the twin, {said_units} in theory");
}

#[test]
fn one_line_and_many_workers_are_m_m_c_in_mean_and_tail() {
    for (servers, load, requests) in [(1_u32, 0.5, 8e5), (4, 0.7, 8e5), (16, 0.8, 8e5)] {
        let model = ServiceModel::worker(Distribution::exponential(10.0), 0.0);
        let balance = Balance { in_flight_max: Some(1), ..Balance::by(Algorithm::RoundRobin) };
        let options = Options { balance, ..Options::new(model, 7) };
        let window = run(options, servers, load * f64::from(servers) * 100.0, requests);
        close("mean", window.latencies.mean_s(), mean_in_order(servers, load));
        for p in [0.5, 0.95, 0.99] {
            close(&format!("{servers} {p}"), window.latencies.quantile_s(p), quantile_in_order(servers, load, p));
        }
    }
}

#[test]
fn one_shared_replica_is_m_g_1_ps_in_mean_and_tail() {
    for work in
        [Distribution::exponential(10.0), Distribution::hyper_exponential(10.0, 2.0), Distribution::constant(10.0)]
    {
        let window = run(Options::new(ServiceModel::sharing(work, 0.0), 11), 1, 60.0, 9e5);
        close("mean", window.latencies.mean_s(), mean_sharing(0.6));
        if work != Distribution::constant(10.0) {
            let sharing = Sharing::new(&work, 0.6);
            for p in [0.5, 0.95, 0.99] {
                close(&format!("{work:?} {p}"), window.latencies.quantile_s(p), sharing.quantile(p));
            }
        }
    }
}

/// The fast tier counts the replicas as one pool; with one replica there is nothing to pool, and with many whose line is at
/// the gateway the pool is real. Then the two tiers are the same system, one by formula and one by events.
#[test]
fn the_fast_tier_says_what_the_exact_tier_measures_where_its_assumptions_hold() {
    let objective = Objective::latency(0.95, 1.0);
    let workers = ServiceModel::worker(Distribution::log_normal(10.0, 1.0), 0.0);
    let balance = Balance { in_flight_max: Some(1), ..Balance::by(Algorithm::RoundRobin) };
    let pool = Options { balance, ..Options::new(workers.clone(), 7) };
    let alone = ServiceModel::sharing(Distribution::log_normal(10.0, 1.0), 0.0);
    for (model, options, replicas, load, error) in
        [(workers, pool, 8, 0.8, 0.10), (alone.clone(), Options::new(alone, 7), 1, 0.7, 0.15)]
    {
        let rate = load * f64::from(replicas) * 100.0;
        let slot = Plant::new(&model, objective, 1e6, 1e6, 1.0).unwrap().step(rate, replicas);
        let window = run(options, replicas, rate, 6e5);
        for (said, seen) in [
            (slot.latency.mean_s, window.latencies.mean_s()),
            (slot.latency.p50_s, window.latencies.quantile_s(0.5)),
            (slot.latency.p95_s, window.latencies.quantile_s(0.95)),
            (slot.latency.p99_s, window.latencies.quantile_s(0.99)),
        ] {
            assert!((said / seen.unwrap() - 1.0).abs() < error, "{model:?}: formula {said}, events {seen:?}");
        }
    }
}
