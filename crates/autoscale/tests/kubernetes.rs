//! The policies that come from Kubernetes as votes of one service: damped by themselves, with their own reasons.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod common;

use common::undamped;
use plimsoll_autoscale::{Inputs, Pod, PodPhase, PodSample, Reading, Scaler, Usage, decide};
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::cron::CronSpec;
use plimsoll_model::scaling::hpa::{
    HpaBehavior, HpaController, HpaMetric, HpaMetricName, HpaNamedSource, HpaResource, HpaResourceSource, HpaRules,
    HpaSelector, HpaSpec, HpaTarget,
};
use plimsoll_model::scaling::hpa_reason::{HpaActive, HpaLimit};
use plimsoll_model::scaling::kpa::KpaSpec;
use plimsoll_model::scaling::quantity::MilliQuantity;
use plimsoll_model::spec::{Resources, ScalingSpec};
use plimsoll_model::{MetricReading, ScalingPolicy, ServiceRationale};
use std::collections::BTreeMap;

const REQUESTS: Resources = Resources { cpu: Millicores(1_000), memory: Bytes(1 << 20) };

fn scaling(policies: Vec<ScalingPolicy>) -> ScalingSpec {
    let (tolerance, stabilization_down) = (Permille(100), Millis(300_000));
    ScalingSpec { tolerance, stabilization_down, step_up_max: 1, step_down_max: 1, ..undamped(policies) }
}

fn hpa(metrics: Vec<HpaMetric>, behavior: Option<HpaBehavior>) -> ScalingPolicy {
    ScalingPolicy::Hpa(Box::new(HpaSpec { metrics, behavior, controller: HpaController::default() }))
}

fn cpu(average_utilization: u32) -> HpaMetric {
    let target = HpaTarget::Utilization { average_utilization };
    HpaMetric::Resource { resource: HpaResourceSource { name: HpaResource::Cpu, target } }
}

fn queue() -> HpaMetric {
    let metric = HpaMetricName { name: "queue".to_owned(), selector: HpaSelector::default() };
    let target = HpaTarget::AverageValue { average_value: MilliQuantity(10_000) };
    HpaMetric::External { external: HpaNamedSource { metric, target } }
}

fn at_once() -> Option<HpaBehavior> {
    let rules = HpaRules { stabilization_window_seconds: Some(0), ..HpaRules::default() };
    Some(HpaBehavior { scale_up: None, scale_down: Some(rules) })
}

fn inputs(scaling: &ScalingSpec, second: i64, current: u32, used: Reading<Usage>) -> Inputs<'_> {
    Inputs {
        at: Timestamp(second * 1_000),
        replicas_min: 1,
        replicas_max: 100,
        requests: REQUESTS,
        current,
        ready: current,
        cpu: used,
        ..Inputs::of(scaling)
    }
}

fn used(used: u64, replicas: u32) -> Reading<Usage> {
    Reading::Fresh(Usage { used, replicas })
}

fn reason(rationale: &ServiceRationale) -> &plimsoll_model::scaling::HpaReason {
    match &rationale.terms[0].basis {
        Basis::Hpa(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_service_s_steps_and_windows_do_not_bind_an_hpa() {
    let spec = scaling(vec![hpa(vec![cpu(50)], at_once())]);
    let mut scaler = Scaler::default();
    let up = decide(&mut scaler, &inputs(&spec, 0, 4, used(4_000, 4)));
    assert_eq!((up.target, reason(&up).limited), (8, Some(HpaLimit::DesiredWithinRange)), "not 5");
    let down = decide(&mut scaler, &inputs(&spec, 15, 8, used(400, 8)));
    assert_eq!(down.target, 1, "not 7");
}

#[test]
fn what_one_replica_used_counts_pod_by_pod() {
    let spec = scaling(vec![hpa(vec![cpu(50)], at_once())]);
    let sample = |cpu| {
        let at = Timestamp(600_000);
        Some(PodSample { at, window: Millis(15_000), cpu: Some(Millicores(cpu)), memory: None })
    };
    let pod = |ordinal, started_s: i64, ready, sample| Pod {
        ordinal,
        phase: PodPhase::Running,
        started_at: Some(Timestamp(started_s * 1_000)),
        ready: Some(ready),
        ready_changed_at: None,
        sample,
        requests: REQUESTS,
        metrics: BTreeMap::new(),
    };
    // Two busy ones, and one that is starting: its start-up spike says nothing, and it is taken as idle on the way up.
    let pods = [pod(0, 0, true, sample(1_000)), pod(1, 0, true, sample(1_000)), pod(2, 590, false, sample(9_000))];
    let inputs = Inputs { pods: &pods, ready: 2, ..inputs(&spec, 600, 3, used(2_000, 2)) };
    let rationale = decide(&mut Scaler::default(), &inputs);
    assert_eq!(rationale.target, 4, "2000 / 3000 = 66, 66/50 · 3");
    assert!(rationale.terms[0].to_string().contains("1 unready"), "{}", rationale.terms[0]);
}

#[test]
fn a_sum_takes_what_does_not_serve_yet_as_unready() {
    let spec = scaling(vec![hpa(vec![cpu(50)], at_once())]);
    let inputs = Inputs { ready: 2, ..inputs(&spec, 0, 3, used(2_000, 2)) };
    assert_eq!(decide(&mut Scaler::default(), &inputs).target, 4);
}

#[test]
fn stale_and_absent_figures_are_failures_with_their_reason_and_hold() {
    let spec = scaling(vec![hpa(vec![cpu(50)], at_once())]);
    for (reading, says) in
        [(Reading::Stale { age_ms: 90_000, age_max_ms: 15_000 }, "90000 ms old"), (Reading::Absent, "was not observed")]
    {
        let rationale = decide(&mut Scaler::default(), &inputs(&spec, 0, 7, reading));
        assert_eq!(rationale.target, 7);
        assert!(matches!(reason(&rationale).active, HpaActive::Failed { .. }));
        assert!(rationale.terms[0].to_string().contains(says), "{}", rationale.terms[0]);
    }
}

#[test]
fn figures_of_somebody_else_are_found_by_their_name() {
    let spec = scaling(vec![hpa(vec![queue()], at_once())]);
    let mut metrics =
        BTreeMap::from([("queue".to_owned(), MetricReading { value_milli: 65_000, ..MetricReading::default() })]);
    let target = |metrics: &BTreeMap<String, MetricReading>, current, replicas_min| {
        let inputs = Inputs { metrics, replicas_min, ..inputs(&spec, 0, current, Reading::Absent) };
        decide(&mut Scaler::default(), &inputs).target
    };
    assert_eq!(target(&metrics, 3, 1), 7);
    assert_eq!(target(&metrics, 0, 0), 4, "zero is the policy's own; at most four at once by the default rate");
    metrics.get_mut("queue").unwrap().age_ms = 60_000;
    assert_eq!(target(&metrics, 3, 1), 3, "too old");
}

#[test]
fn the_reserve_stays_on_top_and_does_not_grow() {
    let mut spec = scaling(vec![hpa(vec![cpu(50)], at_once())]);
    spec.reserve = 2;
    let mut scaler = Scaler::default();
    let mut current = 6;
    for second in 0..5 {
        // Four are needed: at six replicas 2000m are 33 % each.
        current = decide(&mut scaler, &inputs(&spec, second * 15, current, used(2_000, current))).target;
    }
    assert!((5..=7).contains(&current), "{current}");
}

#[test]
fn concurrency_and_windows_vote_beside_the_others_and_the_highest_wins() {
    let kpa = KpaSpec { target_milli: 10_000, target_utilization: Permille(1_000), ..KpaSpec::knative() };
    let window = CronSpec {
        timezone: "Europe/Zurich".to_owned(),
        start: "0 8 * * *".to_owned(),
        end: "0 18 * * *".to_owned(),
        desired_replicas: 5,
        cooldown_period: Millis(0),
    };
    let spec = scaling(vec![ScalingPolicy::Concurrency(kpa), ScalingPolicy::Cron(window)]);
    let mut scaler = Scaler::default();
    // 2026-01-15 12:00 UTC.
    let noon = 1_768_478_400;
    let mut step = |second: i64, current, in_flight: u64| {
        let inputs = Inputs {
            in_flight_milli: Reading::Fresh(in_flight * 1_000),
            ..inputs(&spec, noon + second, current, Reading::Absent)
        };
        let rationale = decide(&mut scaler, &inputs);
        (rationale.target, rationale.winner)
    };
    assert_eq!(step(0, 1, 5), (2, 1), "the window wants 5, and one step is one replica");
    assert_eq!(step(15, 2, 90), (9, 0), "panic: what damps itself is not held by the steps");
}

#[test]
fn a_memory_reads_back_as_it_was() {
    let kpa = KpaSpec { target_milli: 10_000, ..KpaSpec::knative() };
    let spec = scaling(vec![hpa(vec![cpu(50)], at_once()), ScalingPolicy::Concurrency(kpa)]);
    let mut scaler = Scaler::default();
    let inputs = Inputs { in_flight_milli: Reading::Fresh(50_000), ..inputs(&spec, 0, 4, used(4_000, 4)) };
    let rationale = decide(&mut scaler, &inputs);
    let text = serde_json::to_string(&scaler).unwrap();
    assert_eq!(serde_json::from_str::<Scaler>(&text).unwrap(), scaler);
    let text = serde_json::to_string(&rationale).unwrap();
    assert_eq!(serde_json::from_str::<ServiceRationale>(&text).unwrap(), rationale);
}
