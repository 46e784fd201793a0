//! Metrics that are not of pods.

use super::*;

fn at(metric: HpaMetric, current: u32, values: Vec<i64>) -> u32 {
    let ready = vec![P::missing(); current as usize];
    proposed(metric, current, &ready, Some(HpaReading::Values(values))).0
}

#[test]
fn series_of_an_external_metric_are_summed_up_to_the_largest_number() {
    assert_eq!(at(external(all(10_000)), 2, vec![10_000, 20_000, 10_000]), 8);
    assert_eq!(at(external(each(1_000)), 1, vec![i64::MAX, i64::MAX]), i32::MAX as u32);
}

#[test]
fn from_zero_replicas_a_value_is_divided_without_a_tolerance() {
    assert_eq!(at(external(all(10_000)), 0, vec![1]), 1);
    assert_eq!(at(external(all(10_000)), 0, vec![10_001]), 2);
    assert_eq!(at(external(all(10_000)), 0, vec![0]), 0);
    assert_eq!(at(object(all(10_000)), 0, vec![25_000]), 3);
}

#[test]
fn a_value_s_ratio_multiplies_the_pods_that_run_and_are_ready() {
    let cases = [P::missing(), P::missing().unready(), P::missing().phase(PodPhase::Pending), P::missing()];
    let reading = Some(HpaReading::Values(vec![30_000]));
    assert_eq!(proposed(object(all(10_000)), 4, &cases, reading).0, 6);
}

#[test]
fn a_value_s_replicas_are_capped_at_31_bits() {
    assert_eq!(at(external(all(1)), 2, vec![i64::MAX]), i32::MAX as u32);
}

#[test]
fn a_value_within_the_tolerance_keeps_the_present_number_and_not_the_ready_one() {
    let cases = [P::missing(), P::missing().unready()];
    assert_eq!(proposed(object(all(10_000)), 2, &cases, Some(HpaReading::Values(vec![10_500]))).0, 2);
}

#[test]
fn an_average_value_compares_with_the_replicas_that_exist() {
    let readings = [HpaReading::Values(vec![40_000])];
    let metric = external(each(10_000));
    let run = |current, status_replicas| {
        let inputs = HpaInputs { status_replicas, ..bare(current, (0, 100), &readings) };
        match ratio::propose(&inputs, &spec(vec![metric.clone()]), &metric, &readings[0]) {
            HpaOutcome::Proposed { replicas, value, .. } => (replicas, value.0),
            HpaOutcome::Failed { why } => panic!("{why}"),
        }
    };
    assert_eq!(run(9, 4), (4, 10_000), "within the tolerance it is the number that exists");
    assert_eq!(run(4, 3), (4, 13_334), "reported is the mean, rounded up");
    assert_eq!(run(0, 0), (4, 40_000), "without a replica the ratio is infinite");
}

#[test]
fn a_metric_from_outside_has_no_utilization_and_one_of_pods_no_value() {
    let reading = || Some(HpaReading::Values(vec![1]));
    let utilization = HpaTarget::Utilization { average_utilization: 50 };
    assert_eq!(failure(external(utilization), 1, &[P::using(1)], reading()), HpaFailure::BadTarget);
    assert_eq!(failure(pods(all(1)), 1, &[P::using(1)], None), HpaFailure::BadTarget);
    assert_eq!(failure(resource(HpaResource::Cpu, all(1)), 1, &[P::using(1)], None), HpaFailure::BadTarget);
}

#[test]
fn an_empty_answer_is_a_failure_and_no_zero() {
    let why = failure(external(all(1)), 1, &[P::using(1)], Some(HpaReading::Values(Vec::new())));
    assert!(matches!(why, HpaFailure::Unavailable { .. }));
}
