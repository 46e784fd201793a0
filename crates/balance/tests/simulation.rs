//! In virtual time: the order of the algorithms' tails that the theory promises.

use plimsoll_balance::simulation::{Scenario, run};
use plimsoll_model::spec::Algorithm;

const REQUESTS: u64 = 40_000;

fn p99(scenario: &Scenario, algorithm: Algorithm) -> u64 {
    let p99 = run(scenario, algorithm).quantile(0.99);
    println!("{algorithm:?} {:?}", run(scenario, algorithm).picked);
    println!("{algorithm:?} at {} load: p99 {p99} µs", scenario.load);
    p99
}

#[test]
fn power_of_two_beats_random_at_high_load() {
    let scenario = Scenario::alike(0.9, REQUESTS, 11);
    assert!(p99(&scenario, Algorithm::PowerOfTwo) * 2 < p99(&scenario, Algorithm::Random));
}

#[test]
fn latency_aware_algorithms_beat_round_robin_where_endpoints_differ() {
    let scenario = Scenario::mixed(0.9, REQUESTS, 11);
    let round_robin = p99(&scenario, Algorithm::RoundRobin);
    for algorithm in [Algorithm::PeakEwma, Algorithm::Prequal, Algorithm::PowerOfTwo, Algorithm::LeastConnections] {
        assert!(p99(&scenario, algorithm) * 5 < round_robin, "{algorithm:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_every_request_ends() {
    let scenario = Scenario::mixed(0.8, 5_000, 3);
    for algorithm in [Algorithm::Prequal, Algorithm::PeakEwma, Algorithm::RingHash] {
        let report = run(&scenario, algorithm);
        assert_eq!(report, run(&scenario, algorithm));
        assert_eq!((report.picked.iter().sum::<u64>(), report.latencies.len()), (5_000, 4_500));
    }
}
