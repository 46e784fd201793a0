//! Bounds before metrics, several metrics, partial failure, zero.

use super::*;

fn one() -> HpaSpec {
    spec(vec![external(each(1_000))])
}

fn two() -> HpaSpec {
    spec(vec![external(each(1_000)), object(each(1_000))])
}

fn failed() -> HpaReading {
    HpaReading::Failed(HpaFailure::Unavailable { message: "timed out".to_owned() })
}

fn vote(spec: &HpaSpec, current: u32, bounds: (u32, u32), readings: &[HpaReading]) -> HpaVote {
    propose(&HpaState::default(), spec, &bare(current, bounds, readings))
}

fn zeroed() -> HpaState {
    let (spec, readings) = (one(), [wanting(0)]);
    let spec = HpaSpec { controller: HpaController { downscale_stabilization: Millis(0), ..spec.controller }, ..spec };
    let mut state = HpaState::default();
    let first = HpaInputs { at: Timestamp(0), ..bare(1, (0, 10), &readings) };
    let inputs = HpaInputs { at: Timestamp(600_000), ..first.clone() };
    state.record(&spec, &first, &propose(&state, &spec, &first), 1);
    let vote = propose(&state, &spec, &inputs);
    assert_eq!(vote.replicas, 0);
    state.record(&spec, &inputs, &vote, 0);
    state
}

#[test]
fn above_the_maximum_and_below_the_minimum_metrics_are_not_asked() {
    let high = vote(&one(), 12, (2, 10), &[failed()]);
    assert_eq!((high.replicas, high.basis.active.clone(), high.basis.proposed), (10, HpaActive::OutOfBounds, None));
    let low = vote(&one(), 1, (2, 10), &[failed()]);
    assert_eq!((low.replicas, low.basis.limited, low.basis.metrics.len()), (2, None, 0));
}

#[test]
fn zero_with_a_minimum_above_zero_is_a_pause() {
    let vote = vote(&one(), 0, (1, 10), &[wanting(5)]);
    assert_eq!((vote.replicas, vote.basis.active), (0, HpaActive::ScalingDisabled));
}

#[test]
fn zero_that_somebody_set_stays_zero_though_zero_is_allowed() {
    let vote = vote(&one(), 0, (0, 10), &[wanting(5)]);
    assert_eq!((vote.replicas, vote.basis.active), (0, HpaActive::ScalingDisabled));
}

#[test]
fn zero_that_the_autoscaler_set_may_rise_again() {
    let state = zeroed();
    let readings = [wanting(3)];
    let vote = propose(&state, &one(), &bare(0, (0, 10), &readings));
    assert_eq!(vote.replicas, 3);
    let minimum = propose(&state, &one(), &bare(0, (1, 10), &readings));
    assert_eq!(minimum.basis.active, HpaActive::ScalingDisabled, "not where zero is not allowed any more");
}

#[test]
fn zero_is_forgotten_as_its_own_once_there_were_replicas() {
    let mut state = zeroed();
    let readings = [wanting(3)];
    let inputs = bare(2, (0, 10), &readings);
    state.record(&one(), &inputs, &propose(&state, &one(), &inputs), 3);
    let vote = propose(&state, &one(), &bare(0, (0, 10), &readings));
    assert_eq!(vote.basis.active, HpaActive::ScalingDisabled, "so this zero is somebody else's");
}

#[test]
fn a_zero_of_its_own_is_remembered_while_it_lasts() {
    let mut state = zeroed();
    let readings = [wanting(0)];
    for minute in 1..5 {
        let inputs = HpaInputs { at: Timestamp(NOW.0 + minute * 60_000), ..bare(0, (0, 10), &readings) };
        state.record(&one(), &inputs, &propose(&state, &one(), &inputs), 0);
    }
    let readings = [wanting(2)];
    assert_eq!(propose(&state, &one(), &bare(0, (0, 10), &readings)).replicas, 2);
}

#[test]
fn the_highest_of_several_metrics_wins_and_the_first_of_equals() {
    let vote = vote(&two(), 4, (1, 10), &[wanting(6), wanting(8)]);
    assert_eq!((vote.replicas, vote.basis.winner, vote.basis.proposed), (8, Some(1), Some(8)));
    let equal = super::bounds::vote(&two(), 4, (1, 10), &[wanting(6), wanting(6)]);
    assert_eq!(equal.basis.winner, Some(0));
}

#[test]
fn when_all_metrics_fail_nothing_changes_and_the_first_failure_is_reported() {
    let vote = vote(&two(), 4, (1, 10), &[failed(), HpaReading::Failed(HpaFailure::NoPods)]);
    let HpaActive::Failed { condition, failed } = vote.basis.active else { panic!("it is active") };
    assert_eq!((vote.replicas, vote.basis.proposed), (4, None));
    assert_eq!(condition, "FailedGetExternalMetric");
    assert!(matches!(failed, HpaFailure::Unavailable { .. }));
}

#[test]
fn partial_data_never_scale_in() {
    let vote = vote(&two(), 4, (1, 10), &[wanting(2), failed()]);
    assert_eq!(vote.replicas, 4);
    assert!(
        matches!(vote.basis.active, HpaActive::Failed { ref condition, .. } if condition == "FailedGetObjectMetric")
    );
}

#[test]
fn partial_data_that_want_as_many_or_more_are_followed_and_the_failure_is_still_reported() {
    for (wanted, replicas) in [(4, 4), (7, 7)] {
        let vote = vote(&two(), 4, (1, 10), &[failed(), wanting(wanted)]);
        assert_eq!(vote.replicas, replicas);
        assert!(matches!(vote.basis.active, HpaActive::ValidMetricFound { failed: Some(_) }));
    }
}

#[test]
fn a_metric_without_a_reading_is_a_failed_one() {
    assert_eq!(vote(&two(), 4, (1, 10), &[wanting(2)]).replicas, 4);
}

#[test]
fn a_missing_or_ambiguous_selector_stops_everything_but_the_bounds() {
    let readings = [wanting(9)];
    for (selector, reason) in [(PodSelector::Empty, "InvalidSelector"), (PodSelector::Ambiguous, "AmbiguousSelector")] {
        let inputs = HpaInputs { selector, ..bare(3, (2, 6), &readings) };
        let vote = propose(&HpaState::default(), &one(), &inputs);
        assert_eq!(vote.replicas, 3, "published: TestConditionAmbiguousSelector, TestConditionInvalidSelectorMissing");
        assert!(matches!(vote.basis.active, HpaActive::Failed { ref condition, .. } if condition == reason));
        let above = HpaInputs { current: 7, ..inputs };
        assert_eq!(propose(&HpaState::default(), &one(), &above).replicas, 6);
    }
}

#[test]
fn each_kind_of_metric_has_its_own_condition_when_it_fails() {
    let target = HpaTarget::Utilization { average_utilization: 10 };
    let container = HpaContainerSource { name: HpaResource::Cpu, container: "web".to_owned(), target };
    for (metric, reason) in [
        (cpu(10), "FailedGetResourceMetric"),
        (HpaMetric::ContainerResource { container_resource: container }, "FailedGetContainerResourceMetric"),
        (pods(each(15_000)), "FailedGetPodsMetric"),
        (object(all(15_000)), "FailedGetObjectMetric"),
        (external(all(300)), "FailedGetExternalMetric"),
    ] {
        let vote = vote(&spec(vec![metric]), 3, (1, 100), &[failed()]);
        assert_eq!(vote.replicas, 3, "published: TestConditionFailedGetMetrics");
        assert!(matches!(vote.basis.active, HpaActive::Failed { ref condition, .. } if condition == reason));
    }
}

#[test]
fn a_partly_reported_service_scales_in_to_what_is_assured() {
    // Published: TestCPUScalingEdgeCases, "missing reports from some pods": one of four pods at 100 % of a target of 50.
    let outcome = |inputs: &HpaInputs<'_>| propose(&HpaState::default(), &spec(vec![cpu(50)]), inputs);
    let pods = [P::using(200).requesting(200)];
    let behaved = with_pods(&pods, 4, None, outcome);
    assert_eq!(behaved.basis.proposed, Some(2));
    // "more replicas than spec no scale"
    let five = with_pods(&[P::using(500); 5], 4, None, outcome);
    assert_eq!((five.replicas, five.basis.able), (4, HpaAble::ReadyForNewScale));
}
