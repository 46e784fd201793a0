//! What the exact tier does with replicas that come and go, clients that give up, and memory that runs out.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_model::spec::Algorithm;
use plimsoll_model::{Millis, Permille};
use plimsoll_twin::kernel::stream;
use plimsoll_twin::service::exact::{
    Balance, Clients, Conditions, Life, Listed, Nanos, Options, Poisson, Service, Window,
};
use plimsoll_twin::service::model::{MemoryUse, ScalabilityLaw, WarmUp};
use plimsoll_twin::service::{Distribution, ServiceModel};
use proptest::prelude::*;

fn at(seconds: f64) -> Nanos {
    Nanos::from_seconds(seconds)
}

fn listed(options: Options, moments: &[f64]) -> Service<Listed> {
    Service::new(options, Listed::new(moments.iter().map(|s| at(*s)).collect())).unwrap()
}

fn hundred_ms() -> ServiceModel {
    ServiceModel::sharing(Distribution::constant(100.0), 1_000.0)
}

fn finished(window: &Window) -> (u64, u64) {
    (window.succeeded, window.failed)
}

#[test]
fn two_requests_at_once_take_twice_as_long_and_one_in_line_waits() {
    let mut shared = listed(Options::new(hundred_ms(), 1), &[1.0, 1.0]);
    shared.start_ready();
    shared.run();
    assert!((shared.take_window().latencies.mean_s().unwrap() - 0.2).abs() < 1e-6);
    let worker = ServiceModel::worker(Distribution::constant(100.0), 0.0);
    let mut in_order = listed(Options::new(worker, 1), &[1.0, 1.0]);
    in_order.start_ready();
    in_order.run();
    assert!((in_order.take_window().latencies.mean_s().unwrap() - 0.15).abs() < 1e-6);
}

#[test]
fn the_scalability_law_and_the_delay_lengthen_a_request_as_they_say() {
    let mut model = ServiceModel { delay_ms: 50.0, ..hundred_ms() };
    // Four at once on cores enough, with a tenth of contention: 4/(1 + 0.3) times the work of one.
    (model.law.cores, model.law.contention) = (100.0, 0.1);
    let mut service = listed(Options::new(model, 1), &[1.0; 4]);
    service.start_ready();
    service.run();
    assert!((service.take_window().latencies.mean_s().unwrap() - (0.13 + 0.05)).abs() < 1e-6);
}

#[test]
fn requests_wait_at_the_gateway_for_a_replica_that_starts_and_warms_up() {
    let model = ServiceModel { warm_up: WarmUp { duration_ms: 50.0, speed: 0.5 }, ..hundred_ms() };
    let mut service = listed(Options::new(model, 1), &[0.5]);
    service.start();
    service.run_until(at(0.9));
    assert_eq!((service.ready_count(), service.live_count(), service.in_flight()), (0, 1, 1));
    service.run();
    // Ready at 1.0; half speed for 50 ms, so 75 ms of work are left then.
    assert!((service.take_window().latencies.mean_s().unwrap() - 0.625).abs() < 1e-6);
}

#[test]
fn a_full_line_sheds_and_a_long_wait_there_ends() {
    let balance = Balance { queue_max: 2, queue_timeout: Millis(300), ..Balance::by(Algorithm::RoundRobin) };
    let mut service = listed(Options { balance, ..Options::new(hundred_ms(), 1) }, &[0.1, 0.1, 0.1]);
    service.run_until(at(0.2));
    assert_eq!((service.in_flight(), service.take_window().shed), (2, 1));
    service.run();
    let window = service.take_window();
    assert_eq!((finished(&window), window.shed), ((0, 2), 2));
}

#[test]
fn a_try_that_times_out_is_tried_elsewhere_within_the_budget() {
    let clients = Clients { timeout: Some(Millis(150)), retries: 1, retry_budget: Permille(0), ..Clients::default() };
    let options = Options { clients, ..Options::new(hundred_ms(), 1) };
    // Three at once on one replica would take 300 ms each.
    let mut service = listed(options.clone(), &[1.0, 1.0, 1.0]);
    service.start_ready();
    service.run();
    let window = service.take_window();
    assert_eq!((window.timed_out, window.retried, finished(&window)), (6, 3, (0, 3)));
    // The floor of the budget is a hundred retries at once.
    let mut flood = listed(options, &[1.0; 1_000]);
    flood.start_ready();
    flood.run();
    let window = flood.take_window();
    assert_eq!((window.timed_out, window.retried, finished(&window)), (1_100, 100, (0, 1_000)));
}

#[test]
fn a_replica_that_does_not_notice_works_on_for_nobody() {
    for (frees, latency) in [(true, 0.1), (false, 0.2)] {
        let clients = Clients { timeout: Some(Millis(210)), frees, ..Clients::default() };
        // Four at once time out at 1.21 with about half of their work left; a fifth comes right after.
        let mut service = listed(Options { clients, ..Options::new(hundred_ms(), 1) }, &[1.0, 1.0, 1.0, 1.0, 1.35]);
        service.start_ready();
        service.run();
        let window = service.take_window();
        assert_eq!(finished(&window), (1, 4));
        let seen = window.latencies.mean_s().unwrap();
        assert!((seen - if frees { latency } else { 0.14 }).abs() < 0.01, "{frees}: {seen}");
    }
}

#[test]
fn draining_finishes_what_is_held_and_the_grace_ends_it() {
    for (grace, expected) in [(1_000, (1, 0)), (20, (0, 1))] {
        let mut service = listed(Options::new(hundred_ms(), 1), &[1.0]);
        let number = service.start_ready();
        service.run_until(at(1.05));
        assert!(service.stop(number, Millis(grace)) && service.stop(number, Millis(grace)));
        assert_eq!((service.ready_count(), service.live_count()), (0, 0));
        service.run();
        let status = service.replicas().next().unwrap();
        assert_eq!((status.life, finished(&service.take_window())), (Life::Stopped, expected));
        assert!(!service.stop(number, Millis(grace)));
    }
}

#[test]
fn memory_that_runs_out_takes_the_replica_and_what_it_holds_and_it_comes_back() {
    let memory = MemoryUse { fixed_mib: 50.0, per_request_mib: 10.0, limit_mib: 75.0, ..MemoryUse::default() };
    let model = ServiceModel { memory: Some(memory), ..hundred_ms() };
    let mut service = listed(Options::new(model, 1), &[1.0, 1.0, 1.0, 5.0]);
    service.start_ready();
    service.run();
    let lives: Vec<Life> = service.replicas().map(|status| status.life).collect();
    let window = service.take_window();
    assert_eq!((window.out_of_memory, finished(&window)), (1, (1, 3)));
    assert_eq!(lives, [Life::OutOfMemory, Life::Ready]);
}

#[test]
fn cpu_is_what_the_requests_cost_and_what_idling_costs() {
    let mut model = hundred_ms();
    model.cpu.fixed_millicores = 7.0;
    model.cpu.per_request_ms = 40.0;
    let mut service = listed(Options::new(model, 1), &[1.0, 2.0, 3.0, 4.0, 5.0]);
    service.start_ready();
    service.run_until(at(10.0));
    // Five requests of 40 ms in ten seconds are 20 millicores.
    let cpu = service.replicas().next().unwrap().cpu_millicores;
    assert!((cpu - 27.0).abs() < 1e-6, "{cpu}");
    assert!((service.take_window().in_flight() - 0.05).abs() < 1e-6);
}

/// One run with everything that can go wrong, steered by `moves`: replicas to start (even) or stop (odd) each second.
fn turmoil(seed: u64, moves: &[u32], timeout: u64, frees: bool, slots: u32, algorithm: Algorithm) -> Vec<Window> {
    let mut model = ServiceModel::sharing(Distribution::log_normal(30.0, 1.5), 700.0);
    model.delay_ms = 5.0;
    model.law.slots = slots;
    model.startup.variation = 0.5;
    model.warm_up = WarmUp { duration_ms: 500.0, speed: 0.5 };
    model.memory = Some(MemoryUse { fixed_mib: 10.0, per_request_mib: 1.0, limit_mib: 40.0, ..MemoryUse::default() });
    let clients = Clients { timeout: Some(Millis(timeout)), frees, retries: 2, retry_budget: Permille(100) };
    let balance = Balance {
        in_flight_max: Some(40),
        queue_max: 20,
        queue_timeout: Millis(400),
        slow_start: Millis(300),
        algorithm,
    };
    let options = Options { clients, balance, pickers: 3, ..Options::new(model, seed) };
    let arrivals = Poisson::new(&[60.0, 200.0, 0.0, 90.0], moves.len() as f64 / 4.0, stream(seed, 1));
    let mut service = Service::new(options, arrivals).unwrap();
    service.start_ready();
    let mut windows = Vec::new();
    for (second, moves) in moves.iter().enumerate() {
        service.run_until(at(second as f64 + 1.0));
        windows.push(service.take_window());
        if moves % 2 == 0 {
            service.start();
        } else {
            let victim = service.replicas().filter(|status| status.life.is_there()).nth(*moves as usize / 2);
            victim.map(|status| service.stop(status.number, Millis(200)));
        }
    }
    // Where nobody is left to serve, the line's patience ends it.
    service.run();
    windows.push(service.take_window());
    assert_eq!(service.in_flight(), 0, "everything that came has gone");
    windows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_request_ends_exactly_once_whatever_happens_and_a_seed_repeats(
        seed in any::<u64>(), moves in prop::collection::vec(0_u32..12, 4..20), timeout in 20_u64..600, frees in any::<bool>(),
        slots in prop::sample::select(vec![1_u32, 4, 1_000]),
        algorithm in prop::sample::select(vec![Algorithm::RoundRobin, Algorithm::PowerOfTwo, Algorithm::LeastConnections, Algorithm::SourceHash, Algorithm::PeakEwma, Algorithm::Prequal]),
    ) {
        let windows = turmoil(seed, &moves, timeout, frees, slots, algorithm);
        let sum = |of: fn(&Window) -> u64| windows.iter().map(of).sum::<u64>();
        prop_assert_eq!(sum(|window| window.arrived), sum(|window| window.succeeded) + sum(|window| window.failed));
        prop_assert_eq!(sum(|window| window.succeeded), sum(|window| window.latencies.count()));
        prop_assert!(sum(|window| window.retried) <= 2 * sum(|window| window.arrived));
        prop_assert_eq!(windows, turmoil(seed, &moves, timeout, frees, slots, algorithm));
    }
}

#[test]
fn conditions_slow_a_replica_down_make_requests_dearer_and_lengthen_the_delay() {
    let mut model = hundred_ms();
    (model.cpu.per_request_ms, model.cpu.fixed_millicores) = (100.0, 0.0);
    let mut service = listed(Options::new(model, 1), &[1.0, 11.0]);
    service.start_ready();
    service.run_until(at(10.0));
    assert!((service.take_window().latencies.mean_s().unwrap() - 0.1).abs() < 1e-6);
    service.set_conditions(Conditions { speed: 0.5, cpu_cost: 3.0, delay_ms: 50.0 }).unwrap();
    service.run_until(at(20.0));
    // One request of 300 ms of CPU in ten seconds; 200 ms at half speed and the delay.
    let cpu = service.replicas().next().unwrap().cpu_millicores;
    assert!((cpu - 30.0).abs() < 1e-6, "{cpu}");
    assert!((service.take_window().latencies.mean_s().unwrap() - 0.25).abs() < 1e-6);
    let refused = service.set_conditions(Conditions { speed: 0.0, cpu_cost: 1.0, delay_ms: 0.0 }).unwrap_err();
    assert_eq!(refused.to_string(), "the service model's conditions.speed is 0, and must be above 0 to 1");
}

#[test]
fn a_delay_that_shrinks_lets_nobody_overtake() {
    let mut service = listed(Options::new(hundred_ms(), 1), &[1.0, 2.0]);
    service.start_ready();
    service.set_conditions(Conditions { speed: 1.0, cpu_cost: 1.0, delay_ms: 5_000.0 }).unwrap();
    service.run_until(at(1.5));
    service.set_conditions(Conditions { speed: 1.0, cpu_cost: 1.0, delay_ms: 10.0 }).unwrap();
    service.run_until(at(6.0));
    assert_eq!(service.in_flight(), 2);
    service.run();
    assert_eq!(finished(&service.take_window()), (2, 0));
    assert_eq!(service.now(), at(6.1));
}

#[test]
fn memory_that_is_not_given_back_grows_with_requests_and_with_age_until_it_kills() {
    let memory = MemoryUse { fixed_mib: 50.0, limit_mib: 58.0, leak_per_request_mib: 1.0, ..MemoryUse::default() };
    let model = ServiceModel { memory: Some(memory), ..hundred_ms() };
    let moments: Vec<f64> = (1..=12).map(f64::from).collect();
    let mut service = listed(Options { restarts: false, ..Options::new(model, 1) }, &moments);
    service.start_ready();
    service.run_until(at(5.5));
    assert!((service.replicas().next().unwrap().memory_mib - 55.0).abs() < 1e-9);
    service.run_until(at(12.5));
    // The tenth request finds nine answered: 59 MiB.
    assert_eq!(service.take_window().out_of_memory, 1);
    assert!((MemoryUse { leak_per_s_mib: 0.5, ..memory }.used_mib(0, 2, 10.0) - 57.0).abs() < 1e-9);
}

#[test]
fn time_with_work_and_time_held_back_by_the_cores_are_shares_of_the_window() {
    let mut service = listed(Options::new(hundred_ms(), 1), &[1.0, 1.0, 5.0]);
    service.start_ready();
    service.run_until(at(10.0));
    let status = service.replicas().next().unwrap();
    // Two at once share one core for 200 ms; one alone is not held back.
    assert!((status.busy - 0.03).abs() < 1e-6 && (status.capped - 0.02).abs() < 1e-6, "{status:?}");
    assert!((status.answered_per_s - 0.3).abs() < 1e-9);
    let law = ScalabilityLaw { slots: 100, cores: 2.0, contention: 0.1, coherency: 0.0 };
    assert_eq!((law.uncapped(), ScalabilityLaw { cores: 50.0, ..law }.uncapped()), (2, 100));
}
