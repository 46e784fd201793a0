//! Every sentence of research section 2.3.

use super::*;
use plimsoll_model::quantity::Permille;

fn spec() -> KpaSpec {
    // Ten in flight per replica, wanted in full, so that numbers can be read off.
    KpaSpec { target_milli: 10_000, target_utilization: Permille(1_000), ..KpaSpec::knative() }
}

fn second(second: i64) -> Timestamp {
    Timestamp(second * 1_000)
}

fn inputs(at: i64, ready: u32, stable: u64, panic: u64) -> KpaInputs {
    let milli = |requests: u64| Some(requests * 1_000);
    KpaInputs {
        at: second(at),
        ready: Some(ready),
        stable_milli: milli(stable),
        panic_milli: milli(panic),
        is_reachable: true,
    }
}

/// A state that is past its first decision and not in panic.
fn calm() -> KpaState {
    KpaState { panic: Some(Panic::default()), ..KpaState::default() }
}

fn vote(spec: &KpaSpec, inputs: KpaInputs) -> KpaVote {
    propose(&calm(), spec, &inputs).unwrap()
}

/// Steps of (second, ready, stable, panic); gives the replicas wanted and whether it was in panic.
fn run(spec: &KpaSpec, mut state: KpaState, steps: &[(i64, u32, u64, u64)]) -> Vec<(u32, bool)> {
    let step = |(at, ready, stable, panic): &(i64, u32, u64, u64)| {
        let inputs = inputs(*at, *ready, *stable, *panic);
        let vote = propose(&state, spec, &inputs).unwrap();
        state.record(spec, inputs.at, None, Some(&vote));
        (vote.replicas, vote.basis.panicking)
    };
    steps.iter().map(step).collect()
}

#[test]
fn knative_s_defaults_are_seventy_per_cent_of_a_hundred_over_sixty_and_six_seconds() {
    let spec = KpaSpec::knative();
    assert_eq!(spec.panic_length(), Millis(6_000));
    assert_eq!(vote(&spec, inputs(0, 2, 141, 141)).basis.target_milli, 70_000);
    assert_eq!(vote(&spec, inputs(0, 3, 141, 141)).replicas, 3, "141 / 70");
}

#[test]
fn each_window_s_mean_over_the_target_is_rounded_up() {
    let vote = vote(&spec(), inputs(0, 5, 41, 31));
    assert_eq!((vote.basis.stable, vote.basis.panic, vote.replicas), (5, 4, 5));
}

#[test]
fn no_ready_replica_counts_as_one() {
    let spec = KpaSpec { max_scale_up_rate: Permille(3_000), panic_threshold: Permille(100_000), ..spec() };
    assert_eq!(vote(&spec, inputs(0, 0, 90, 90)).replicas, 3);
}

#[test]
fn the_number_grows_at_most_by_the_rate_and_by_one_at_least() {
    let spec = |rate| KpaSpec { max_scale_up_rate: Permille(rate), panic_threshold: Permille(100_000), ..spec() };
    assert_eq!(vote(&spec(2_000), inputs(0, 4, 200, 200)).replicas, 8);
    assert_eq!(vote(&spec(1_100), inputs(0, 2, 30, 30)).replicas, 3, "2.2 is rounded up, or it would never grow");
}

#[test]
fn the_number_falls_at_most_by_the_rate_where_it_can_be_reached() {
    let spec = spec();
    assert_eq!(vote(&spec, inputs(0, 9, 10, 10)).replicas, 4, "9 / 2");
    assert_eq!(vote(&spec, inputs(0, 1, 0, 0)).basis.stable, 0, "1 / 2");
    assert_eq!(vote(&spec, KpaInputs { is_reachable: false, ..inputs(0, 9, 10, 10) }).replicas, 1);
}

#[test]
fn the_activation_scale_holds_only_above_one_and_only_with_demand() {
    let spec = |activation_scale| KpaSpec { activation_scale, scale_to_zero_grace_period: Millis(0), ..spec() };
    assert_eq!(vote(&spec(3), inputs(0, 1, 1, 1)).replicas, 3);
    assert_eq!(vote(&spec(3), inputs(0, 1, 0, 0)).replicas, 0);
    assert_eq!(vote(&spec(3), inputs(0, 1, 50, 50)).replicas, 5);
    assert_eq!(vote(&spec(1), inputs(0, 1, 1, 1)).replicas, 1);
}

#[test]
fn panic_begins_when_the_panic_window_asks_for_twice_what_is_ready() {
    assert!(!vote(&spec(), inputs(0, 5, 10, 90)).basis.panicking);
    let vote = vote(&spec(), inputs(0, 5, 10, 91));
    assert_eq!((vote.basis.panicking, vote.replicas), (true, 10));
}

#[test]
fn the_threshold_looks_at_what_is_asked_for_before_rates() {
    let spec = KpaSpec { max_scale_up_rate: Permille(1_500), ..spec() };
    let vote = vote(&spec, inputs(0, 4, 10, 80));
    assert_eq!((vote.basis.panicking, vote.basis.panic, vote.replicas), (true, 6, 6));
}

#[test]
fn in_panic_the_higher_window_counts() {
    assert_eq!(run(&spec(), calm(), &[(0, 2, 10, 60), (2, 6, 90, 60)]), [(6, true), (9, true)]);
}

#[test]
fn in_panic_nothing_is_removed() {
    assert_eq!(run(&spec(), calm(), &[(0, 2, 10, 60), (2, 6, 30, 5), (60, 6, 30, 0)]), [(6, true); 3]);
}

#[test]
fn panic_ends_when_the_last_excess_is_longer_ago_than_the_stable_window() {
    let steps = [(0, 2, 10, 60), (60, 6, 40, 5), (61, 6, 40, 5)];
    assert_eq!(run(&spec(), calm(), &steps), [(6, true), (6, true), (4, false)]);
}

#[test]
fn every_further_excess_prolongs_panic() {
    let steps = [(0, 2, 10, 60), (30, 6, 40, 120), (90, 12, 40, 5), (91, 12, 70, 5)];
    assert_eq!(run(&spec(), calm(), &steps), [(6, true), (12, true), (12, true), (7, false)]);
}

#[test]
fn a_new_panic_knows_nothing_of_the_last_one_s_most() {
    let steps = [(0, 2, 10, 200), (100, 20, 100, 10), (110, 3, 10, 60)];
    assert_eq!(run(&spec(), calm(), &steps), [(20, true), (10, false), (6, true)]);
}

#[test]
fn a_first_decision_about_several_replicas_begins_in_panic() {
    assert_eq!(run(&spec(), KpaState::default(), &[(0, 5, 0, 0), (61, 5, 0, 0)]), [(5, true), (2, false)]);
    assert_eq!(run(&spec(), KpaState::default(), &[(0, 1, 10, 10)]), [(1, false)]);
}

#[test]
fn the_scale_down_delay_keeps_the_highest_number_of_its_window() {
    let spec = KpaSpec { scale_down_delay: Millis(30_000), ..spec() };
    let steps = [(0, 4, 40, 40), (10, 4, 30, 30), (29, 4, 20, 20), (30, 4, 20, 20), (40, 4, 20, 20)];
    let wanted: Vec<u32> = run(&spec, calm(), &steps).into_iter().map(|(wanted, _)| wanted).collect();
    assert_eq!(wanted, [4, 4, 4, 3, 2]);
}

#[test]
fn the_scale_down_delay_does_not_hold_what_cannot_be_reached() {
    let spec = KpaSpec { scale_down_delay: Millis(30_000), ..spec() };
    let mut state = calm();
    let first = inputs(0, 4, 40, 40);
    let vote = propose(&state, &spec, &first).unwrap();
    state.record(&spec, first.at, None, Some(&vote));
    let gone = KpaInputs { is_reachable: false, ..inputs(2, 4, 0, 0) };
    assert_eq!(propose(&state, &spec, &gone).unwrap().replicas, 0);
}

#[test]
fn the_last_replica_stays_for_its_grace() {
    let steps = [(0, 1, 0, 0), (29, 1, 0, 0), (30, 1, 0, 0)];
    let wanted: Vec<u32> = run(&spec(), calm(), &steps).into_iter().map(|(wanted, _)| wanted).collect();
    assert_eq!(wanted, [1, 1, 0]);
    assert_eq!(vote(&spec(), inputs(0, 0, 0, 0)).replicas, 0, "none is started for it");
}

#[test]
fn excess_burst_capacity_is_what_is_left_beyond_the_burst_and_what_runs() {
    let of = |burst, ready, panic| {
        vote(&KpaSpec { target_burst_capacity: burst, ..spec() }, inputs(0, ready, panic, panic))
            .basis
            .excess_burst_capacity
    };
    assert_eq!(of(Some(25_000), 5, 10), 15);
    assert_eq!(of(Some(25_500), 5, 10), 14, "rounded down");
    assert_eq!(of(Some(211_000), 5, 10), -171, "negative: the proxy stays in the path");
    assert_eq!(of(Some(25_000), 0, 10), -35, "with nothing ready, not with one");
    assert_eq!(of(None, 500, 0), -1);
    assert_eq!(of(Some(0), 0, 900), 0);
}

#[test]
fn without_data_or_a_count_there_is_no_proposal() {
    let known = inputs(0, 3, 10, 10);
    for unknown in [
        KpaInputs { ready: None, ..known },
        KpaInputs { stable_milli: None, ..known },
        KpaInputs { panic_milli: None, ..known },
    ] {
        assert_eq!(propose(&calm(), &spec(), &unknown), None);
    }
}

#[test]
fn windows_average_the_samples_that_are_strictly_younger_than_they_are_long() {
    let spec = spec();
    let mut state = KpaState::default();
    for (at, sample) in [(0, 60), (30, 30), (58, 12)] {
        state.record(&spec, second(at), Some(sample), None);
    }
    assert_eq!(state.averages(&spec, second(59), Some(18)), (Some(30), Some(15)));
    assert_eq!(state.averages(&spec, second(60), None), (Some(21), Some(12)), "the first has left");
    assert_eq!(state.averages(&spec, second(64), None), (Some(21), None), "the panic window is empty");
    assert_eq!(state.averages(&spec, second(200), None), (None, None));
}

#[test]
fn more_load_never_wants_fewer_from_the_same_state() {
    for panic in 0..60 {
        let at = |stable| vote(&spec(), inputs(0, 4, stable, panic)).replicas;
        assert!((0..100).all(|stable| at(stable) <= at(stable + 1)));
    }
}
