//! Endpoints that report their load get requests as it allows.

use plimsoll_balance::{Endpoint, LoadReport, PickContext, Picker, Pool};
use plimsoll_model::Millis;
use plimsoll_model::load::LoadSpec;
use plimsoll_model::spec::Algorithm;
use proptest::prelude::*;
use std::sync::Arc;

const SECOND: u64 = 1_000_000;

fn endpoints(count: u64) -> Vec<Arc<Endpoint>> {
    (1..=count).map(|id| Arc::new(Endpoint::new(id, 1_000, 0))).collect()
}

fn picker(endpoints: &[Arc<Endpoint>], spec: LoadSpec) -> Picker {
    Picker::new(Arc::new(Pool::new(Algorithm::WeightedByLoad, endpoints.to_vec()).with_load(spec)), 7)
}

fn eager() -> LoadSpec {
    LoadSpec { blackout: Millis(0), ..LoadSpec::default() }
}

/// At 100 requests per second this much of it is in use.
fn report(endpoint: &Endpoint, now: u64, used: f64) {
    let load = LoadReport { rps: 100.0, cpu_utilization: used, ..LoadReport::default() };
    endpoint.report_load(now, &load, 1.0);
}

fn shares(picker: &mut Picker, now: u64, picks: usize) -> Vec<usize> {
    let mut counts = vec![0; picker.pool().len()];
    for _ in 0..picks {
        counts[picker.pick(PickContext { now, ..PickContext::default() }).expect("there are endpoints")] += 1;
    }
    counts
}

#[test]
fn shares_follow_what_endpoints_report() {
    let endpoints = endpoints(3);
    for (endpoint, used) in endpoints.iter().zip([0.2, 0.4, 0.8]) {
        report(endpoint, 0, used);
    }
    let counts = shares(&mut picker(&endpoints, eager()), 0, 7_000);
    for (count, wanted) in counts.iter().zip([4_000, 2_000, 1_000]) {
        assert!(count.abs_diff(wanted) < 30, "{counts:?}");
    }
}

#[test]
fn with_fewer_than_two_reports_it_is_round_robin_and_who_reports_nothing_gets_the_mean() {
    let endpoints = endpoints(3);
    report(&endpoints[0], 0, 0.1);
    let mut picker = picker(&endpoints, eager());
    assert_eq!(shares(&mut picker, 0, 300), [100, 100, 100]);
    // 1000, 500 and none: the mean of the known is 750.
    report(&endpoints[1], 0, 0.2);
    let counts = shares(&mut picker, SECOND, 9_000);
    for (count, wanted) in counts.iter().zip([4_000, 2_000, 3_000]) {
        assert!(count.abs_diff(wanted) < 30, "{counts:?}");
    }
}

#[test]
fn weights_are_looked_at_once_per_update_and_end_with_their_expiry() {
    let endpoints = endpoints(2);
    let spec = LoadSpec { update: Millis(5_000), expiry: Millis(20_000), ..eager() };
    let mut picker = picker(&endpoints, spec);
    assert_eq!(shares(&mut picker, 0, 100), [50, 50]);
    report(&endpoints[0], SECOND, 0.5);
    report(&endpoints[1], SECOND, 0.25);
    assert_eq!(shares(&mut picker, 4 * SECOND, 100), [50, 50], "not before the next update");
    let counts = shares(&mut picker, 5 * SECOND, 3_000);
    assert!(counts[0].abs_diff(1_000) < 20, "{counts:?}");
    let counts = shares(&mut picker, 30 * SECOND, 3_000);
    assert!(counts[0].abs_diff(1_500) < 20, "nobody has reported for twenty seconds: {counts:?}");
}

#[test]
fn who_reports_next_to_no_use_does_not_get_everything() {
    let endpoints = endpoints(11);
    report(&endpoints[0], 0, 1e-9);
    endpoints[1..].iter().for_each(|endpoint| report(endpoint, 0, 0.5));
    let counts = shares(&mut picker(&endpoints, eager()), 0, 11_000);
    // The mean is all of the first one's: it is held to ten times, the others to a tenth.
    assert!(counts[1..].iter().all(|count| *count > 30), "{counts:?}");
}

proptest! {
    /// Over a whole number of rounds everybody gets what the weights say, within one pick per round of the schedule.
    #[test]
    fn everybody_gets_its_share(used in proptest::collection::vec(0.2_f64..1.0, 2..12)) {
        let endpoints = endpoints(used.len() as u64);
        endpoints.iter().zip(&used).for_each(|(endpoint, used)| report(endpoint, 0, *used));
        let picks = 20_000;
        let counts = shares(&mut picker(&endpoints, eager()), 0, picks);
        let whole: f64 = used.iter().map(|used| 1.0 / used).sum();
        for (count, used) in counts.iter().zip(&used) {
            let wanted = picks as f64 / used / whole;
            prop_assert!((*count as f64 - wanted).abs() < wanted * 0.01 + 12.0, "{counts:?} for {used:?}");
        }
    }
}
