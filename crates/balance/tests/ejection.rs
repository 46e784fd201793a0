//! Outlier ejection: who goes out, for how long, and that the cap holds.

use plimsoll_balance::{Ejector, Endpoint, Outcome, Rule};
use plimsoll_model::quantity::{Micros, Millis, Permille};
use plimsoll_model::spec::EjectionSpec;
use proptest::prelude::*;
use std::sync::Arc;

const SECOND: u64 = 1_000_000;

fn spec() -> EjectionSpec {
    EjectionSpec {
        consecutive_errors: 5,
        success_rate_min: Permille(800),
        latency_ratio_max: Permille(5_000),
        duration: Millis::from_secs(10),
        duration_max: Millis::from_secs(60),
        share_max: Permille(500),
    }
}

fn pool(count: u64) -> Vec<Arc<Endpoint>> {
    (1..=count).map(|id| Arc::new(Endpoint::new(id, 1, 0))).collect()
}

fn requests(endpoint: &Arc<Endpoint>, now: u64, count: u32, latency_us: u64, outcome: Outcome) {
    for _ in 0..count {
        endpoint.started(now).finish(now, latency_us, outcome);
    }
}

#[test]
fn failures_in_a_row_eject_at_once_and_a_success_ends_the_row() {
    let (pool, mut ejector) = (pool(4), Ejector::new(spec()));
    requests(&pool[1], 0, 4, 100, Outcome::Failure);
    requests(&pool[1], 0, 1, 100, Outcome::Success);
    requests(&pool[1], 0, 4, 100, Outcome::Failure);
    assert!(ejector.evaluate(0, &pool).ejected.is_empty());
    requests(&pool[1], 0, 1, 100, Outcome::Failure);
    let verdicts = ejector.evaluate(1, &pool);
    assert_eq!(verdicts.ejected.len(), 1);
    assert_eq!(verdicts.ejected[0].rule, Rule::ConsecutiveErrors { failures: 5, limit: 5 });
    assert_eq!(verdicts.ejected[0].until_us, 10 * SECOND + 1);
    assert!(pool[1].is_ejected(10 * SECOND) && !pool[1].is_ejected(10 * SECOND + 1));
}

#[test]
fn each_repetition_lasts_twice_as_long_up_to_the_maximum_and_good_conduct_starts_anew() {
    let (pool, mut ejector) = (pool(2), Ejector::new(spec()));
    let mut now = 0;
    let mut durations = Vec::new();
    for _ in 0..5 {
        requests(&pool[0], now, 5, 100, Outcome::Failure);
        let ejection = ejector.evaluate(now, &pool).ejected[0];
        durations.push(ejection.duration.0 / 1_000);
        now = ejection.until_us;
        assert_eq!(ejector.evaluate(now, &pool).returned, [1]);
    }
    assert_eq!(durations, [10, 20, 40, 60, 60]);
    now += 60 * SECOND;
    requests(&pool[0], now, 5, 100, Outcome::Failure);
    assert_eq!(ejector.evaluate(now, &pool).ejected[0].duration, Millis::from_secs(10));
}

#[test]
fn a_low_success_rate_ejects_only_while_the_others_do_well() {
    for (others_fail, expected) in [(0, 1), (5, 0)] {
        let (pool, mut ejector) = (pool(4), Ejector::new(spec()));
        assert_eq!(ejector.evaluate(0, &pool), Default::default());
        for endpoint in &pool[1..] {
            requests(endpoint, 0, others_fail, 100, Outcome::Failure);
            requests(endpoint, 0, 25, 100, Outcome::Success);
        }
        for _ in 0..10 {
            requests(&pool[0], 0, 2, 100, Outcome::Failure);
            requests(&pool[0], 0, 2, 100, Outcome::Success);
        }
        let verdicts = ejector.evaluate(2 * SECOND, &pool);
        assert_eq!(verdicts.ejected.len(), expected, "{verdicts:?}");
        if let Some(ejection) = verdicts.ejected.first() {
            let (measured, minimum, others_mean) = (Permille(500), Permille(800), Permille(1_000));
            assert_eq!(ejection.rule, Rule::SuccessRate { measured, minimum, others_mean, requests: 40 });
        }
    }
}

#[test]
fn a_latency_far_above_the_median_ejects() {
    let (pool, mut ejector) = (pool(5), Ejector::new(spec()));
    let _ = ejector.evaluate(0, &pool);
    for (endpoint, latency) in pool.iter().zip([900, 1_000, 1_100, 4_900, 5_500]) {
        requests(endpoint, 0, 20, latency, Outcome::Success);
    }
    let verdicts = ejector.evaluate(2 * SECOND, &pool);
    let rule = Rule::Latency {
        measured: Micros(5_500),
        pool_median: Micros(1_100),
        ratio: Permille(5_000),
        ratio_max: Permille(5_000),
        requests: 20,
    };
    assert!(verdicts.ejected.is_empty(), "exactly the limit is allowed: {rule}");
    for (endpoint, latency) in pool.iter().zip([900, 1_000, 1_100, 4_900, 5_600]) {
        requests(endpoint, 0, 20, latency, Outcome::Success);
    }
    let verdicts = ejector.evaluate(4 * SECOND, &pool);
    assert_eq!(verdicts.ejected.iter().map(|ejection| ejection.endpoint).collect::<Vec<_>>(), [5]);
    let text =
        "endpoint 5 out for 10s: mean latency 5.6ms of 20 requests is 509% of the pool's median 1.1ms (limit 500%)";
    assert_eq!(verdicts.ejected[0].to_string(), text);
}

#[test]
fn the_verdict_is_plain_data() {
    let (pool, mut ejector) = (pool(2), Ejector::new(spec()));
    requests(&pool[0], 0, 5, 100, Outcome::Failure);
    let json = serde_json::to_string(&ejector.evaluate(0, &pool).ejected[0]).unwrap();
    let expected = r#"{"endpoint":1,"rule":"consecutive_errors","failures":5,"limit":5,"duration":10000,"repetition":1,"until_us":10000000}"#;
    assert_eq!(json, expected);
}

proptest! {
    #[test]
    fn never_more_than_the_share_is_out_and_the_rest_is_reported(
        count in 1_u64..40,
        share in 0_u64..1_200,
        bad in proptest::collection::vec((0_usize..40, 1_u32..12), 0..60),
    ) {
        let pool = pool(count);
        let mut ejector = Ejector::new(EjectionSpec { share_max: Permille(share), ..spec() });
        let allowed = (count * share.min(1_000) / 1_000) as usize;
        for (step, (index, failures)) in (0_u64..).zip(bad) {
            let now = step * SECOND;
            requests(&pool[index % pool.len()], now, failures, 100, Outcome::Failure);
            let over: Vec<u64> =
                pool.iter().filter(|e| !e.is_ejected(now) && e.consecutive_failures() >= 5).map(|e| e.id()).collect();
            let verdicts = ejector.evaluate(now, &pool);
            let out = pool.iter().filter(|endpoint| endpoint.is_ejected(now)).count();
            prop_assert!(out <= allowed, "{out} of {count} out, {allowed} allowed");
            for id in over {
                let told = verdicts.ejected.iter().any(|ejection| ejection.endpoint == id)
                    || verdicts.withheld.iter().any(|withheld| withheld.endpoint == id)
                    || verdicts.returned.contains(&id);
                prop_assert!(told, "endpoint {id} is over the limit and not in {verdicts:?}");
            }
        }
    }
}
