//! In virtual time: the order of the algorithms' tails that the theory promises.

use plimsoll_balance::simulation::{Scenario, run};
use plimsoll_model::quantity::{Millis, Permille};
use plimsoll_model::spec::{Algorithm, EjectionSpec};

const REQUESTS: u64 = 40_000;

fn p99(scenario: &Scenario, algorithm: Algorithm) -> u64 {
    let p99 = run(scenario, algorithm).quantile(0.99);
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
fn a_sink_hole_is_avoided_by_all_that_look_and_by_ejection() {
    let scenario = Scenario::sink_hole(0.8, REQUESTS, 11);
    let fair = REQUESTS / 2 / 10;
    for algorithm in [Algorithm::LeastConnections, Algorithm::PowerOfTwo, Algorithm::PeakEwma, Algorithm::Prequal] {
        let failed = run(&scenario, algorithm).failed;
        assert!(failed * 10 < fair, "{algorithm:?}: {failed} of a fair {fair}");
    }
    assert!(run(&scenario, Algorithm::RoundRobin).failed > fair * 9 / 10);
    let ejection = EjectionSpec {
        consecutive_errors: 5,
        success_rate_min: Permille(0),
        latency_ratio_max: Permille(0),
        duration: Millis::from_secs(10),
        duration_max: Millis::from_secs(300),
        share_max: Permille(200),
    };
    let ejecting = Scenario { ejection: Some(ejection), ..scenario };
    let report = run(&ejecting, Algorithm::RoundRobin);
    assert!(report.failed * 5 < fair && report.ejections >= 1, "{} failed of a fair {fair}", report.failed);
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
