//! Rows of the controller's public table for the calculation of replicas, by the names they have there.

use super::*;

fn of(samples: &[i64]) -> Vec<P> {
    samples.iter().map(|sample| P::using(*sample)).collect()
}

/// A row of whole-per-cent CPU: name, target, current, pods, expected replicas and utilization.
type Row = (&'static str, u32, u32, Vec<P>, (u32, i64));

fn check(rows: Vec<Row>) {
    for (name, target, current, cases, expected) in rows {
        assert_eq!(proposed(cpu(target), current, &cases, None), expected, "{name}");
    }
}

#[test]
fn cpu_up_as_published() {
    let failed = P::missing().unready().phase(PodPhase::Failed);
    let gone = P::missing().unready().deleting();
    let up = of(&[300, 500, 700]);
    let with = |first: P, rest: &[P]| [&[first], rest].concat();
    check(vec![
        ("ScaleUp", 30, 3, up.clone(), (5, 50)),
        ("ScaleUpUnreadyLessScale", 30, 3, with(up[0].unready(), &up[1..]), (4, 60)),
        ("ScaleUpHotCpuLessScale", 30, 3, with(up[0].hot(), &up[1..]), (4, 60)),
        (
            "ScaleUpUnreadyNoScale",
            30,
            3,
            vec![P::using(400), P::using(500).unready(), P::using(700).unready()],
            (3, 40),
        ),
        ("ScaleHotCpuNoScale", 30, 3, vec![P::using(400), P::using(500).hot(), P::using(700).hot()], (3, 40)),
        ("ScaleUpIgnoresFailedPods", 30, 2, vec![P::using(500), P::using(700), failed, failed], (4, 60)),
        ("ScaleUpIgnoresDeletionPods", 30, 2, vec![P::using(500), P::using(700), gone, gone], (4, 60)),
    ]);
}

#[test]
fn cpu_down_as_published() {
    let down = of(&[100, 300, 500, 250, 250]);
    let last_two = |change: fn(P) -> P| {
        let mut cases = down.clone();
        cases[3..].iter_mut().for_each(|case| *case = change(*case));
        cases
    };
    let pending = P::missing().unready().phase(PodPhase::Pending);
    let failed = P::missing().unready().phase(PodPhase::Failed);
    check(vec![
        ("ScaleDown", 50, 5, down.clone(), (3, 28)),
        ("ScaleDownIncludeUnreadyPods", 50, 5, last_two(P::unready), (2, 30)),
        ("ScaleDownIgnoreHotCpuPods", 50, 5, last_two(P::hot), (2, 30)),
        ("ScaleDownExcludeUnscheduledPods", 50, 5, [vec![P::using(100)], vec![pending; 4]].concat(), (1, 10)),
        ("ScaleDownIgnoresFailedPods", 50, 5, [down.clone(), vec![failed; 2]].concat(), (3, 28)),
        ("ScaleDownIgnoresDeletionPods", 50, 5, [down, vec![P::missing().deleting(); 2]].concat(), (3, 28)),
    ]);
}

#[test]
fn missing_metrics_as_published() {
    let two = |a, b| vec![P::using(a), P::using(b), P::missing(), P::missing()];
    check(vec![
        ("MissingMetrics", 100, 4, two(400, 95), (3, 24)),
        ("MissingMetricsNoChangeEq", 100, 2, vec![P::using(1_000), P::missing()], (2, 100)),
        ("MissingMetricsNoChangeGt", 100, 2, vec![P::using(1_900), P::missing()], (2, 190)),
        ("MissingMetricsNoChangeLt", 100, 2, vec![P::using(600), P::missing()], (2, 60)),
        ("MissingMetricsUnreadyChange", 50, 3, vec![P::using(100).unready(), P::using(450), P::missing()], (3, 45)),
        ("MissingMetricsHotCpuNoChange", 50, 3, vec![P::using(100).hot(), P::using(450), P::missing()], (3, 45)),
        ("MissingMetricsUnreadyScaleUp", 50, 3, vec![P::using(100).unready(), P::using(2_000), P::missing()], (4, 200)),
        (
            "MissingMetricsUnreadyScaleDown",
            50,
            4,
            vec![P::using(100).unready(), P::using(100), P::using(100), P::missing()],
            (3, 10),
        ),
        ("DuringRollingUpdateWithMaxSurge", 50, 2, vec![P::using(100), P::using(100), P::missing()], (2, 10)),
    ]);
}

#[test]
fn tolerance_and_requests_as_published() {
    let uneven =
        vec![P::using(1_010).requesting(900), P::using(1_030).requesting(1_000), P::using(1_020).requesting(1_100)];
    check(vec![("Tolerance", 100, 3, uneven, (3, 102))]);
    // ComputedToleranceAlgImplementation: 150m used of 300m on average; at 65 % it just leaves the tolerance, at 55 % not.
    let requests = [400, 200, 310, 290, 302, 298, 301, 299, 300, 300];
    let ten: Vec<P> = requests.iter().map(|request| P::using(150).requesting(*request)).collect();
    check(vec![
        ("ComputedToleranceAlgImplementation", 56, 10, ten.clone(), (9, 50)),
        ("ComputedToleranceAlgImplementation, close", 55, 10, ten, (10, 50)),
    ]);
    assert_eq!(
        failure(cpu(100), 1, &[P { request: None, ..P::using(200) }], None),
        HpaFailure::MissingRequest { resource: "cpu".to_owned(), pod: "pod".to_owned() }
    );
    assert_eq!(failure(cpu(100), 4, &[P::missing(); 4], None), HpaFailure::NoSamples, "EmptyMetrics");
}

#[test]
fn samples_of_strangers_as_published() {
    let sample = |value_milli| Some(PodSample { value_milli, at: NOW, window: Millis(60_000) });
    let reading = |samples: Vec<Option<PodSample>>, unknown_milli| Some(HpaReading::Pods { samples, unknown_milli });
    let superfluous = reading([4_000, 9_500, 3_000, 7_000].map(sample).to_vec(), vec![3_200, 2_000]);
    assert_eq!(proposed(cpu(100), 4, &of(&[0; 4]), superfluous), (24, 587), "SuperfluousMetrics");
    let disjoint = reading(vec![None], vec![100]);
    assert_eq!(failure(cpu(100), 1, &[P::missing()], disjoint), HpaFailure::NoKnownPods, "DisjointResourcesMetrics");
}

#[test]
fn pods_metrics_as_published() {
    let hot = |value| P::using(value).hot().unready();
    for (name, target, current, cases, expected) in [
        ("ScaleUpCM", 15_000, 3, of(&[20_000, 10_000, 30_000]), (4, 20_000)),
        (
            "ScaleUpCMUnreadyHotCpuNoLessScale",
            15_000,
            3,
            vec![P::using(50_000), P::using(10_000), hot(30_000)],
            (6, 30_000),
        ),
        (
            "ScaleUpCMUnreadyHotCpuScaleWouldScaleDown",
            15_000,
            3,
            vec![hot(50_000), P::using(15_000), hot(30_000)],
            (7, 31_666),
        ),
        ("ScaleDownCM", 20_000, 5, of(&[12_000; 5]), (3, 12_000)),
        ("ToleranceCM", 20_000, 3, of(&[20_000, 21_000, 21_000]), (3, 20_666)),
    ] {
        assert_eq!(proposed(pods(each(target)), current, &cases, None), expected, "{name}");
    }
}

#[test]
fn object_and_external_metrics_as_published() {
    let ready = |states: &[bool]| -> Vec<P> {
        states.iter().map(|ready| if *ready { P::missing() } else { P::missing().unready() }).collect()
    };
    let three = || ready(&[true; 3]);
    let some_unready = || ready(&[false, true, false]);
    for (name, metric, current, cases, value, expected) in [
        ("ScaleUpCMObject", object(all(15_000)), 3, three(), 20_000, (4, 20_000)),
        ("ScaleUpCMPerPodObject", object(each(5_000)), 3, three(), 20_000, (4, 6_667)),
        ("ScaleUpCMObjectIgnoresUnreadyPods", object(all(10_000)), 3, some_unready(), 50_000, (5, 50_000)),
        ("ScaleUpCMExternalIgnoresUnreadyPods", external(all(4_400)), 3, some_unready(), 8_600, (2, 8_600)),
        ("ScaleUpPerPodCMExternal", external(each(2_150)), 3, three(), 8_600, (4, 2_867)),
        ("ScaleDownPerPodCMObject", object(each(2_000)), 5, ready(&[true; 5]), 6_000, (3, 1_200)),
        ("ScaleDownCMObject", object(all(20_000)), 5, ready(&[true; 5]), 12_000, (3, 12_000)),
        ("ScaleDownCMExternal", external(all(14_334)), 5, ready(&[true; 5]), 8_600, (3, 8_600)),
        ("ScaleDownPerPodCMExternal", external(each(2_867)), 5, ready(&[true; 5]), 8_600, (3, 1_720)),
        ("ToleranceCMObject", object(all(20_000)), 3, three(), 20_666, (3, 20_666)),
        ("TolerancePerPodCMObject", object(each(5_000)), 4, ready(&[true; 4]), 20_166, (4, 5_042)),
        ("ToleranceCMExternal", external(all(8_888)), 3, three(), 8_600, (3, 8_600)),
        ("TolerancePerPodCMExternal", external(each(2_900)), 3, three(), 8_600, (3, 2_867)),
    ] {
        let reading = Some(HpaReading::Values(vec![value]));
        assert_eq!(proposed(metric, current, &cases, reading), expected, "{name}");
    }
}
