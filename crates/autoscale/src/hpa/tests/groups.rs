//! Pod groups, and the flow of metrics of pods.

use super::*;

fn count(metric: HpaMetric, cases: &[P]) -> HpaPodCount {
    match outcome(metric, 4, cases, None) {
        HpaOutcome::Proposed { pods, .. } => pods,
        HpaOutcome::Failed { why } => panic!("failed: {why}"),
    }
}

#[track_caller]
fn second_is(metric: HpaMetric, second: P, expected: HpaPodCount) {
    let ready = expected.ready + 1;
    assert_eq!(count(metric, &[P::using(500), second]), HpaPodCount { ready, ..expected });
}

fn ready() -> HpaPodCount {
    HpaPodCount { ready: 1, ..HpaPodCount::default() }
}

fn unready() -> HpaPodCount {
    HpaPodCount { unready: 1, ..HpaPodCount::default() }
}

fn missing() -> HpaPodCount {
    HpaPodCount { missing: 1, ..HpaPodCount::default() }
}

fn ignored() -> HpaPodCount {
    HpaPodCount { ignored: 1, ..HpaPodCount::default() }
}

fn memory() -> HpaMetric {
    resource(HpaResource::Memory, HpaTarget::Utilization { average_utilization: 50 })
}

#[test]
fn a_pod_that_is_being_deleted_is_ignored_even_when_it_has_a_sample() {
    second_is(cpu(50), P::using(900).deleting(), ignored());
}

#[test]
fn a_failed_pod_is_ignored() {
    second_is(cpu(50), P::using(900).phase(PodPhase::Failed), ignored());
}

#[test]
fn a_succeeded_pod_without_a_sample_is_missing() {
    second_is(cpu(50), P::missing().phase(PodPhase::Succeeded), missing());
}

#[test]
fn a_pending_pod_is_unready_for_every_metric_even_when_it_has_a_sample() {
    for metric in [cpu(50), memory()] {
        second_is(metric, P::using(900).phase(PodPhase::Pending), unready());
    }
}

#[test]
fn being_deleted_comes_before_pending_and_pending_before_missing() {
    second_is(cpu(50), P::missing().phase(PodPhase::Pending).deleting(), ignored());
    second_is(cpu(50), P::missing().phase(PodPhase::Pending), unready());
}

#[test]
fn a_pod_without_a_sample_is_missing_however_ready_it_is() {
    second_is(cpu(50), P::missing().unready(), missing());
}

#[test]
fn a_cpu_sample_of_a_pod_without_a_ready_condition_or_a_start_does_not_count() {
    second_is(cpu(50), P { ready: None, ..P::using(900) }, unready());
    second_is(cpu(50), P { started_s: None, ..P::using(900) }, unready());
}

#[test]
fn within_the_initialization_period_an_unready_pod_s_cpu_does_not_count() {
    second_is(cpu(50), P { ready: Some((false, -1)), started_s: Some(-119), ..P::using(900) }, unready());
}

#[test]
fn within_the_initialization_period_a_sample_must_lie_a_whole_window_behind_the_last_readiness() {
    let at = |ready_s, sample_age_s| P {
        ready: Some((true, ready_s)),
        sample_age_s,
        started_s: Some(-100),
        ..P::using(900)
    };
    second_is(cpu(50), at(-60, 0), ready());
    second_is(cpu(50), at(-60, 1), unready());
    second_is(cpu(50), at(-59, 0), unready());
}

#[test]
fn behind_the_initialization_period_an_unready_pod_that_was_ready_once_counts() {
    second_is(cpu(50), P { ready: Some((false, -100)), started_s: Some(-130), ..P::using(900) }, ready());
}

#[test]
fn behind_the_initialization_period_an_unready_pod_that_never_was_ready_does_not_count() {
    // It became unready within the readiness delay of 10 s behind its start: the state that it started in.
    second_is(cpu(50), P { ready: Some((false, -121)), started_s: Some(-130), ..P::using(900) }, unready());
    second_is(cpu(50), P { ready: Some((false, -120)), started_s: Some(-130), ..P::using(900) }, ready());
}

#[test]
fn the_initialization_period_ends_at_its_last_moment() {
    let at = |started_s| P {
        ready: Some((true, started_s)),
        sample_age_s: 100,
        started_s: Some(started_s),
        ..P::using(900)
    };
    second_is(cpu(50), at(-119), unready());
    second_is(cpu(50), at(-120), ready());
}

#[test]
fn metrics_other_than_cpu_use_the_samples_of_unready_pods() {
    for metric in [memory(), pods(each(500))] {
        second_is(metric, P::using(900).unready(), ready());
    }
    let cpu_average = resource(HpaResource::Cpu, each(500));
    second_is(cpu_average, P::using(900).unready(), unready());
}

#[test]
fn utilization_is_truncated_to_whole_per_cent_before_it_is_a_ratio() {
    // 60.999 % of the request at a target of 61 is 60/61, and at a target of 50 it is 60/50.
    let cases = [P::using(60_999).requesting(100_000), P::using(60_999).requesting(100_000)];
    assert_eq!(proposed(cpu(50), 2, &cases, None), (3, 60));
    // 55.9 % at a target of 50 is 55/50 = 1.1, within the tolerance; 1.118 would not be.
    let cases = [P::using(559); 10];
    assert_eq!(verdict(cpu(50), 10, &cases), (10, HpaVerdict::WithinTolerance));
}

#[test]
fn without_any_counted_sample_there_is_an_error() {
    assert_eq!(failure(cpu(50), 2, &[P::using(900).unready(), P::missing()], None), HpaFailure::NoSamples);
    assert_eq!(failure(cpu(50), 2, &[], None), HpaFailure::NoPods);
}

#[test]
fn every_pod_needs_a_request_also_one_that_is_ignored() {
    let without = P { request: None, ..P::using(100) };
    for case in [without, without.deleting(), without.phase(PodPhase::Pending), P { sample: None, ..without }] {
        let why = failure(cpu(50), 2, &[P::using(500), case], None);
        assert!(matches!(why, HpaFailure::MissingRequest { .. }), "{why:?}");
    }
    let average = resource(HpaResource::Cpu, each(250));
    assert_eq!(proposed(average, 2, &[P::using(500), without], None).0, 3, "an average value needs none: 300/250 · 2");
}

#[test]
fn the_number_comes_from_the_ready_pods_and_not_from_the_present_number() {
    // Five are wanted, three are counted: three times the ratio.
    assert_eq!(verdict(cpu(50), 5, &[P::using(1_000); 3]), (6, HpaVerdict::Ratio));
}

#[test]
fn pods_without_a_sample_are_taken_as_busy_when_others_would_allow_fewer() {
    // 20/50 alone would give 2; with two more at 100 % the mean is 60 %, which would be a scale-out: nothing changes.
    let cases = [P::using(200), P::using(200), P::missing(), P::missing()];
    assert_eq!(verdict(cpu(50), 4, &cases), (4, HpaVerdict::DirectionFlip));
    let cases = [P::using(0), P::using(0), P::using(0), P::missing()];
    assert_eq!(verdict(cpu(50), 4, &cases), (2, HpaVerdict::Assumed));
}

#[test]
fn above_a_target_of_a_hundred_per_cent_missing_pods_are_taken_at_the_target() {
    // (0 + 0 + 0 + 200) / 4 = 50 of 200: one of four.
    let cases = [P::using(0), P::using(0), P::using(0), P::missing()];
    assert_eq!(verdict(cpu(200), 4, &cases), (1, HpaVerdict::Assumed));
}

#[test]
fn pods_without_a_sample_are_taken_as_idle_when_others_would_need_more() {
    // 200/50 = 4 over one pod; with one idle 100/50 = 2 over two pods: 4.
    assert_eq!(verdict(cpu(50), 2, &[P::using(2_000), P::missing()]), (4, HpaVerdict::Assumed));
}

#[test]
fn unready_pods_are_taken_as_idle_only_on_the_way_up() {
    let cases = |used| [P::using(used), P::using(used), P::using(900).unready()];
    assert_eq!(verdict(cpu(50), 3, &cases(1_000)), (4, HpaVerdict::Assumed), "2000/3000 = 66, 66/50 · 3");
    assert_eq!(verdict(cpu(50), 3, &cases(100)), (1, HpaVerdict::Ratio), "unready pods do not hold a scale-in back");
}

#[test]
fn at_a_ratio_of_exactly_one_nothing_is_assumed_of_missing_pods() {
    assert_eq!(verdict(cpu(50), 2, &[P::using(500), P::missing()]), (2, HpaVerdict::WithinTolerance));
    assert_eq!(verdict(pods(each(500)), 2, &[P::using(500), P::missing()]), (2, HpaVerdict::WithinTolerance));
}

#[test]
fn assumptions_that_land_within_the_tolerance_change_nothing() {
    // 40/50 with one at 100 %: (40 + 40 + 40 + 100) / 4 = 55, 55/50 = 1.1.
    let cases = [P::using(400), P::using(400), P::using(400), P::missing()];
    assert_eq!(verdict(cpu(50), 4, &cases), (4, HpaVerdict::WithinTolerance));
}

#[test]
fn a_change_whose_count_would_turn_the_direction_around_is_none() {
    // Busy (r = 2), one missing: r' = 4/3 over three samples = 4, but 5 are wanted already.
    assert_eq!(verdict(cpu(50), 5, &[P::using(1_000), P::using(1_000), P::missing()]), (5, HpaVerdict::DirectionFlip));
    // Idle with a rolling update's surplus: the ratio says fewer of more samples than are wanted.
    let cases = [P::using(100), P::using(100), P::using(100), P::using(100), P::missing()];
    assert_eq!(verdict(cpu(50), 2, &cases), (2, HpaVerdict::DirectionFlip));
}

#[test]
fn an_average_value_is_the_truncated_mean_over_the_target() {
    // (3 + 4) / 2 = 3 thousandths.
    assert_eq!(proposed(pods(each(1)), 2, &[P::using(3), P::using(4)], None), (6, 3));
}

#[test]
fn missing_pods_of_an_average_value_are_taken_at_the_target_on_the_way_in() {
    let cases = [P::using(0), P::using(0), P::using(0), P::missing()];
    assert_eq!(verdict(pods(each(1_000)), 4, &cases), (1, HpaVerdict::Assumed), "1000 / 4 over 1000, times 4");
}

#[test]
fn a_container_metric_looks_at_that_container_s_request_alone() {
    let containers = [("web", 500), ("proxy", 1_500)].map(|(name, cpu)| ContainerRequests {
        name,
        cpu_milli: Some(cpu),
        memory_milli: None,
    });
    let pod = HpaPod {
        name: "pod",
        is_deleting: false,
        phase: PodPhase::Running,
        started_at: Some(Timestamp(0)),
        ready: Some(Readiness { is_ready: true, changed_at: Timestamp(0) }),
        containers: &containers,
        pod_level: None,
    };
    let samples = vec![Some(PodSample { value_milli: 500, at: NOW, window: Millis(60_000) })];
    let readings = [HpaReading::Pods { samples, unknown_milli: Vec::new() }];
    let run = |metric: &HpaMetric, pod: HpaPod<'_>| {
        let list = [pod];
        let inputs = HpaInputs { pods: HpaPods::Each(&list), ..bare(1, (1, 10), &readings) };
        match ratio::propose(&inputs, &spec(vec![metric.clone()]), metric, &readings[0]) {
            HpaOutcome::Proposed { utilization, .. } => Ok(utilization.unwrap()),
            HpaOutcome::Failed { why } => Err(why),
        }
    };
    let target = HpaTarget::Utilization { average_utilization: 50 };
    let of = |container: &str| HpaMetric::ContainerResource {
        container_resource: HpaContainerSource { name: HpaResource::Cpu, container: container.to_owned(), target },
    };
    assert_eq!(run(&of("web"), pod), Ok(100));
    assert_eq!(run(&cpu(50), pod), Ok(25), "all containers");
    let whole = ContainerRequests { name: "", cpu_milli: Some(1_000), memory_milli: None };
    assert_eq!(run(&cpu(50), HpaPod { pod_level: Some(whole), ..pod }), Ok(50), "the pod's own request");
    assert_eq!(run(&of("web"), HpaPod { pod_level: Some(whole), ..pod }), Ok(100), "but not for a named container");
    assert!(matches!(run(&of("cache"), pod), Err(HpaFailure::MissingRequest { .. })));
    let memory = resource(HpaResource::Memory, target);
    assert!(matches!(run(&memory, pod), Err(HpaFailure::MissingRequest { .. })), "every container needs one");
}

#[test]
fn the_tolerance_includes_both_its_ends_and_has_a_width_per_direction() {
    let at = |percent: i64, behavior: Option<HpaBehavior>| {
        let metric = cpu(100);
        let spec = HpaSpec { behavior, ..spec(vec![metric.clone()]) };
        let cases = [P::using(percent * 10); 10];
        with_pods(&cases, 10, None, |inputs| match ratio::propose(inputs, &spec, &metric, &inputs.readings[0]) {
            HpaOutcome::Proposed { replicas, .. } => replicas,
            HpaOutcome::Failed { why } => panic!("{why}"),
        })
    };
    assert_eq!([at(90, None), at(110, None)], [10, 10]);
    assert_eq!([at(89, None), at(111, None)], [9, 12]);
    let rules = |milli| Some(HpaRules { tolerance: Some(MilliQuantity(milli)), ..HpaRules::default() });
    let up_only = Some(HpaBehavior { scale_up: rules(10), scale_down: None });
    assert_eq!([at(102, up_only.clone()), at(101, up_only.clone()), at(90, up_only)], [11, 10, 10]);
    let down_wide = Some(HpaBehavior { scale_up: None, scale_down: rules(500) });
    assert_eq!([at(50, down_wide.clone()), at(49, down_wide.clone()), at(111, down_wide)], [10, 5, 12]);
    let none = Some(HpaBehavior { scale_up: rules(0), scale_down: rules(0) });
    assert_eq!([at(99, none.clone()), at(100, none.clone()), at(101, none)], [10, 10, 11]);
    let whole = Some(HpaBehavior { scale_up: None, scale_down: rules(1_000) });
    assert_eq!(at(0, whole), 10);
}

#[test]
fn sums_over_alike_pods_decide_as_the_pods_themselves_do() {
    for (used, ready, missing) in [(2_000, 4, 0), (400, 4, 0), (2_000, 3, 1), (100, 3, 1), (1_111, 2, 2)] {
        let one = used / i64::from(ready);
        let cases = [vec![P::using(one); ready as usize], vec![P::missing(); missing as usize]].concat();
        let sum = HpaReading::Sum {
            value_milli: one * i64::from(ready),
            pods: ready,
            unready: 0,
            missing,
            request_milli: Some(1_000),
        };
        for metric in [cpu(50), resource(HpaResource::Memory, each(300))] {
            let singly = outcome(metric.clone(), 4, &cases, None);
            assert_eq!(outcome(metric, 4, &cases, Some(sum.clone())), singly, "{used} {ready} {missing}");
        }
    }
}
