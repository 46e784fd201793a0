//! What every algorithm promises, checked over generated pools and by counting picks.

use plimsoll_balance::{Endpoint, Outcome, PickContext, Picker, Pool, Started};
use plimsoll_model::spec::Algorithm;
use plimsoll_stats::Random;
use proptest::prelude::*;
use std::sync::Arc;

const ALL: [Algorithm; 10] = [
    Algorithm::RoundRobin,
    Algorithm::WeightedRoundRobin,
    Algorithm::Random,
    Algorithm::LeastConnections,
    Algorithm::SourceHash,
    Algorithm::RingHash,
    Algorithm::PowerOfTwo,
    Algorithm::PeakEwma,
    Algorithm::Prequal,
    Algorithm::WeightedByLoad,
];

fn endpoints(weights: &[u32]) -> Vec<Arc<Endpoint>> {
    weights.iter().zip(1..).map(|(weight, id)| Arc::new(Endpoint::new(id, *weight, 0))).collect()
}

fn picker(algorithm: Algorithm, endpoints: &[Arc<Endpoint>]) -> Picker {
    Picker::new(Arc::new(Pool::new(algorithm, endpoints.to_vec())), 7)
}

/// Picks per endpoint when every request ends before the next one comes.
fn idle_shares(picker: &mut Picker, now: u64, picks: u32) -> Vec<u32> {
    let mut counts = vec![0; picker.pool().len()];
    for _ in 0..picks {
        counts[picker.pick(PickContext { now, ..PickContext::default() }).expect("there are endpoints")] += 1;
    }
    counts
}

fn check_shares(counts: &[u32], weights: &[u32], tolerance: f64) {
    let (picks, total): (u32, u32) = (counts.iter().sum(), weights.iter().sum());
    for (count, weight) in counts.iter().zip(weights) {
        let expected = f64::from(picks) * f64::from(*weight) / f64::from(total);
        assert!((f64::from(*count) - expected).abs() <= tolerance * expected, "{counts:?} for weights {weights:?}");
    }
}

#[test]
fn round_robin_takes_each_in_turn() {
    let mut picker = picker(Algorithm::RoundRobin, &endpoints(&[1; 5]));
    let first = picker.pick(PickContext::default()).unwrap();
    for turn in 1..20 {
        assert_eq!(picker.pick(PickContext::default()), Some((first + turn) % 5));
    }
}

#[test]
fn smooth_weighting_never_runs_ahead_of_its_share() {
    let weights = [5, 1, 1];
    let mut picker = picker(Algorithm::WeightedRoundRobin, &endpoints(&weights));
    let picks: Vec<usize> = (0..70).map(|_| picker.pick(PickContext::default()).unwrap()).collect();
    for window in picks.windows(7) {
        let heavy = window.iter().filter(|index| **index == 0).count();
        assert!((4..=6).contains(&heavy), "{window:?}");
    }
    assert!(!picks.windows(5).any(|row| row.iter().all(|index| *index == 0)), "five in a row is not smooth: {picks:?}");
}

#[test]
fn shares_follow_weights() {
    let weights = [1, 2, 3, 10, 4];
    for algorithm in [Algorithm::WeightedRoundRobin, Algorithm::Random, Algorithm::SourceHash] {
        check_shares(&idle_shares(&mut picker(algorithm, &endpoints(&weights)), 0, 50_000), &weights, 0.05);
    }
    // 160 points per unit of weight leave a lumpier ring.
    check_shares(&idle_shares(&mut picker(Algorithm::RingHash, &endpoints(&weights)), 0, 50_000), &weights, 0.25);
}

#[test]
fn requests_in_flight_settle_in_proportion_to_weights() {
    let weights = [1, 2, 3, 4];
    for algorithm in [Algorithm::LeastConnections, Algorithm::PowerOfTwo, Algorithm::PeakEwma, Algorithm::Prequal] {
        let endpoints = endpoints(&weights);
        let mut picker = picker(algorithm, &endpoints);
        let mut random = Random::new(3);
        let mut open: Vec<Started> = Vec::new();
        let mut sums = [0; 4];
        for now in (0..30_000).map(|turn| turn * 100) {
            open.push(endpoints[picker.pick(PickContext { now, ..PickContext::default() }).unwrap()].started(now));
            if open.len() > 100 {
                let ended = open.swap_remove(random.below(101) as usize);
                ended.finish(now, 10_000, Outcome::Success);
                sums.iter_mut().zip(&endpoints).for_each(|(sum, endpoint)| *sum += endpoint.in_flight());
            }
        }
        check_shares(&sums, &weights, 0.15);
    }
}

#[test]
fn power_of_two_takes_the_less_loaded() {
    let endpoints = endpoints(&[1; 2]);
    let mut picker = picker(Algorithm::PowerOfTwo, &endpoints);
    let _busy = endpoints[0].started(0);
    assert!((0..100).all(|_| picker.pick(PickContext::default()) == Some(1)));
}

#[test]
fn slow_start_ramps_the_share_of_a_new_endpoint_linearly() {
    const SLOW_START: u64 = 10_000_000;
    const NOW: u64 = 100_000_000;
    for algorithm in [Algorithm::WeightedRoundRobin, Algorithm::Random, Algorithm::SourceHash] {
        let mut last = 0.0;
        for (age, share) in [(0, 0.1), (SLOW_START / 4, 0.25), (SLOW_START / 2, 0.5), (SLOW_START, 1.0)] {
            let endpoints = endpoints(&[1; 4]);
            endpoints[3].set_ready_since(NOW - age);
            let pool = Arc::new(Pool::with_slow_start(algorithm, SLOW_START, endpoints));
            let counts = idle_shares(&mut Picker::new(pool, 5), NOW, 40_000);
            let measured = f64::from(counts[3]) / (f64::from(counts[0] + counts[1] + counts[2]) / 3.0);
            assert!(
                (measured - share).abs() < 0.05 && measured > last,
                "{algorithm:?} at {age}: {measured} for {share}"
            );
            last = measured;
        }
    }
}

#[test]
fn slow_start_holds_requests_in_flight_back_too() {
    for algorithm in [Algorithm::LeastConnections, Algorithm::PowerOfTwo, Algorithm::PeakEwma, Algorithm::Prequal] {
        let endpoints = endpoints(&[1; 4]);
        endpoints[3].set_ready_since(98_000_000);
        let pool = Arc::new(Pool::with_slow_start(algorithm, 10_000_000, endpoints.clone()));
        let mut picker = Picker::new(pool, 5);
        let context = PickContext { now: 100_000_000, ..PickContext::default() };
        let _open: Vec<Started> =
            (0..320).map(|_| endpoints[picker.pick(context).unwrap()].started(context.now)).collect();
        let (fresh, settled) = (endpoints[3].in_flight(), endpoints[0].in_flight());
        assert!((10..=30).contains(&fresh), "{algorithm:?}: {fresh} against {settled} at a fifth of the weight");
    }
}

#[test]
fn few_keys_move_when_one_endpoint_leaves() {
    for algorithm in [Algorithm::SourceHash, Algorithm::RingHash] {
        for count in [2, 10, 40] {
            let endpoints = endpoints(&vec![1; count]);
            let (mut before, gone) = (picker(algorithm, &endpoints), count / 2);
            let rest: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.id() != gone as u64 + 1).cloned().collect();
            let mut after = picker(algorithm, &rest);
            let keys = 20_000;
            let mut moved = 0;
            for key in 0..keys {
                let context = PickContext { key: Some(key), ..PickContext::default() };
                let (old, new) = (before.pick(context).unwrap(), after.pick(context).unwrap());
                moved += u64::from(endpoints[old].id() != rest[new].id());
            }
            let ideal = keys / count as u64;
            assert!(moved < 2 * ideal, "{algorithm:?}: {moved} of {keys} moved, ideal {ideal}");
            assert!(moved > ideal / 2, "{algorithm:?}: {moved} of {keys} moved, ideal {ideal}");
        }
    }
}

#[test]
fn a_key_keeps_its_endpoint_and_its_clients_spread_while_that_is_out() {
    let endpoints = endpoints(&[1; 10]);
    let mut picker = picker(Algorithm::SourceHash, &endpoints);
    let context = |key, now| PickContext { key: Some(key), now, ..PickContext::default() };
    let owner: Vec<usize> = (0..10_000).map(|key| picker.pick(context(key, 0)).unwrap()).collect();
    endpoints[4].eject(100);
    let mut heirs = [0; 10];
    for (key, owner) in (0..).zip(&owner) {
        let now = picker.pick(context(key, 50)).unwrap();
        if *owner == 4 {
            heirs[now] += 1;
        } else {
            assert_eq!(now, *owner);
        }
        assert_eq!(picker.pick(context(key, 100)), Some(*owner), "back when the ejection is over");
    }
    assert!(
        heirs.iter().enumerate().all(|(index, count)| if index == 4 { *count == 0 } else { *count > 60 }),
        "{heirs:?}"
    );
}

#[test]
fn a_fast_failing_endpoint_gets_less_than_its_fair_share() {
    for algorithm in [Algorithm::LeastConnections, Algorithm::PowerOfTwo, Algorithm::PeakEwma, Algorithm::Prequal] {
        let endpoints = endpoints(&[1; 5]);
        let mut picker = picker(algorithm, &endpoints);
        let mut counts = [0; 5];
        let mut open: Vec<(u64, usize, Started)> = Vec::new();
        for now in (0..20_000).map(|turn| turn * 500) {
            open.sort_by_key(|(end, _, _)| std::cmp::Reverse(*end));
            while open.last().is_some_and(|(end, _, _)| *end <= now) {
                let (end, index, started) = open.pop().unwrap();
                let outcome = if index == 2 { Outcome::Failure } else { Outcome::Success };
                started.finish(end, if index == 2 { 100 } else { 5_000 }, outcome);
            }
            let index = picker.pick(PickContext { now, ..PickContext::default() }).unwrap();
            counts[index] += 1;
            open.push((now + if index == 2 { 100 } else { 5_000 }, index, endpoints[index].started(now)));
        }
        assert!(counts[2] < 400, "{algorithm:?}: a tenth of the fair 4,000 is too much already: {counts:?}");
        assert!(counts.iter().enumerate().all(|(index, count)| index == 2 || *count > 2_000), "{counts:?}");
    }
}

#[test]
fn a_slow_but_healthy_endpoint_does_not_starve() {
    for algorithm in [Algorithm::PeakEwma, Algorithm::Prequal] {
        let endpoints = endpoints(&[1; 5]);
        let mut picker = picker(algorithm, &endpoints);
        let mut slow = 0;
        for now in (0..50_000).map(|turn| turn * 10_000) {
            let index = picker.pick(PickContext { now, ..PickContext::default() }).unwrap();
            slow += u32::from(index == 0);
            endpoints[index].started(now).finish(
                now + 1_000,
                if index == 0 { 400_000 } else { 1_000 },
                Outcome::Success,
            );
        }
        assert!(slow >= 10_000 / 128, "{algorithm:?}: {slow} of a fair 10,000");
    }
}

#[test]
fn a_hanging_endpoint_is_left_alone_before_any_of_its_requests_times_out() {
    for algorithm in [Algorithm::PeakEwma, Algorithm::Prequal] {
        let endpoints = endpoints(&[1; 5]);
        let mut picker = picker(algorithm, &endpoints);
        let mut hanging: Vec<Started> = Vec::new();
        for now in (0..60_000).map(|turn| turn * 1_000) {
            let index = picker.pick(PickContext { now, ..PickContext::default() }).unwrap();
            let mut started = endpoints[index].started(now);
            started.await_answer(now);
            if index == 2 && now > 1_000_000 {
                hanging.push(started);
            } else {
                started.finish(now + 500, 500, Outcome::Success);
            }
        }
        assert!(hanging.len() <= 5, "{algorithm:?}: {} of 12,000 went to an endpoint that hangs", hanging.len());
    }
}

#[test]
fn a_probe_goes_before_what_the_gateway_sees_itself() {
    let endpoints = endpoints(&[1; 4]);
    for endpoint in &endpoints {
        endpoint.started(0).finish(0, 1_000, Outcome::Success);
    }
    let mut picker = picker(Algorithm::Prequal, &endpoints);
    for now in [0, 2_000_000] {
        (0..4).for_each(|index| picker.probe_result(index, if index == 3 { 0 } else { 50 }, 1_000 + index as u64, 0));
        let context = PickContext { now, ..PickContext::default() };
        let picked: Vec<usize> = (0..20).map(|_| picker.pick(context).unwrap()).collect();
        let to_idle = picked.iter().filter(|index| **index == 3).count();
        if now == 0 {
            assert!(to_idle < 20, "each pick adds to the load that the probe reported: {picked:?}");
        } else {
            assert!(to_idle < 15, "after a second the answers are too old: {picked:?}");
        }
    }
    picker.probe_result(99, 0, 0, 0);
}

#[test]
fn nobody_is_only_an_empty_or_a_full_pool() {
    for algorithm in ALL {
        assert_eq!(picker(algorithm, &[]).pick(PickContext::default()), None, "{algorithm:?}");
        let endpoints = endpoints(&[1; 3]);
        let mut picker = picker(algorithm, &endpoints);
        endpoints.iter().for_each(|endpoint| endpoint.eject(100));
        assert!(picker.pick(PickContext { now: 99, ..PickContext::default() }).is_some(), "{algorithm:?}: all ejected");
        let context = PickContext { in_flight_max: Some(1), now: 200, ..PickContext::default() };
        let _open: Vec<Started> = (0..3).map(|_| endpoints[picker.pick(context).unwrap()].started(0)).collect();
        assert_eq!(picker.pick(context), None, "{algorithm:?}: all full");
    }
}

#[test]
fn the_only_endpoint_is_picked_even_if_excluded() {
    for algorithm in ALL {
        let mut picker = picker(algorithm, &endpoints(&[1]));
        assert_eq!(picker.pick(PickContext { exclude: Some(0), ..PickContext::default() }), Some(0), "{algorithm:?}");
    }
}

#[test]
fn counters_survive_a_new_pool() {
    let endpoints = endpoints(&[1; 3]);
    let mut picker = picker(Algorithm::LeastConnections, &endpoints);
    let _busy: Vec<Started> = [0, 0, 1].map(|index| endpoints[index].started(0)).into();
    picker.replace(Arc::new(Pool::new(Algorithm::LeastConnections, endpoints[..2].to_vec())));
    assert_eq!(picker.pick(PickContext::default()), Some(1));
}

#[test]
fn a_dropped_request_leaves_no_trace() {
    let endpoint = Arc::new(Endpoint::new(1, 1, 0));
    let started = endpoint.started(0);
    assert_eq!((endpoint.in_flight(), started.in_flight()), (1, 1));
    drop(started);
    assert_eq!((endpoint.in_flight(), endpoint.totals(), endpoint.latency_peak(0)), (0, Default::default(), None));
}

#[derive(Debug, Clone)]
struct Situation {
    algorithm: usize,
    weights: Vec<u32>,
    in_flight: Vec<u32>,
    ejected: Vec<bool>,
    exclude: Option<usize>,
    in_flight_max: Option<u32>,
    key: Option<u64>,
    seed: u64,
}

fn situations() -> impl Strategy<Value = Situation> {
    (1_usize..24).prop_flat_map(|count| {
        let key = proptest::option::of(any::<u64>());
        let each = (
            proptest::collection::vec(1_u32..50, count),
            proptest::collection::vec(0_u32..6, count),
            proptest::collection::vec(any::<bool>(), count),
        );
        let bounds = (proptest::option::of(0..count), proptest::option::of(1_u32..6));
        (0..ALL.len(), each, bounds, key, any::<u64>()).prop_map(|(algorithm, each, bounds, key, seed)| Situation {
            algorithm,
            weights: each.0,
            in_flight: each.1,
            ejected: each.2,
            exclude: bounds.0,
            in_flight_max: bounds.1,
            key,
            seed,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_pick_is_never_full_and_only_ejected_or_excluded_when_nothing_else_is_left(situation in situations()) {
        let endpoints = endpoints(&situation.weights);
        let mut open = Vec::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            open.extend((0..situation.in_flight[index]).map(|_| endpoint.started(0)));
            if situation.ejected[index] {
                endpoint.eject(100);
            }
        }
        let pool = Arc::new(Pool::new(ALL[situation.algorithm], endpoints.clone()));
        let mut picker = Picker::new(pool, situation.seed);
        let context = PickContext {
            now: 50,
            key: situation.key,
            exclude: situation.exclude,
            in_flight_max: situation.in_flight_max,
        };
        let has_room = |index: &usize| situation.in_flight_max.is_none_or(|max| endpoints[*index].in_flight() < max);
        let other = |index: &usize| has_room(index) && situation.exclude != Some(*index);
        let best = |index: &usize| other(index) && !endpoints[*index].is_ejected(50);
        for _ in 0..20 {
            let picked = picker.pick(context);
            let all = 0..endpoints.len();
            match picked {
                None => prop_assert!(!all.clone().any(|index| has_room(&index))),
                Some(index) if best(&index) => {}
                Some(index) if other(&index) => prop_assert!(!all.clone().any(|index| best(&index))),
                Some(index) => prop_assert!(has_room(&index) && !all.clone().any(|index| other(&index))),
            }
        }
        drop(open);
    }

    #[test]
    fn the_bounded_ring_never_exceeds_its_bound(
        weights in proptest::collection::vec(1_u32..8, 1..20),
        requests in proptest::collection::vec((0_u64..6, any::<bool>()), 1..300),
    ) {
        let endpoints = endpoints(&weights);
        let mut picker = picker(Algorithm::RingHash, &endpoints);
        let total = weights.iter().sum::<u32>();
        let mut open = Vec::new();
        for (key, ends) in requests {
            if ends && !open.is_empty() {
                drop(open.swap_remove(key as usize % open.len()));
            }
            let index = picker.pick(PickContext { key: Some(key), ..PickContext::default() }).unwrap();
            open.push(endpoints[index].started(0));
            // ceil(5/4 × requests × weight / total)
            let bound = (5 * open.len() as u32 * weights[index]).div_ceil(4 * total);
            prop_assert!(endpoints[index].in_flight() <= bound, "{} over {bound}", endpoints[index].in_flight());
        }
    }
}
