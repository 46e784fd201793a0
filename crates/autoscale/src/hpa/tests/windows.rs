//! Step 2a: an object without a behavior.

use super::*;

fn one() -> HpaSpec {
    spec(vec![external(each(1_000))])
}

/// Runs steps of (second, wanted) and gives what came out of each.
fn run(spec: &HpaSpec, bounds: (u32, u32), mut current: u32, steps: &[(i64, u32)]) -> Vec<(u32, HpaVote)> {
    let mut state = HpaState::default();
    let step = |(second, wanted): &(i64, u32)| {
        let readings = [wanting(*wanted)];
        let inputs = HpaInputs { at: seconds(*second), ..bare(current, bounds, &readings) };
        let vote = propose(&state, spec, &inputs);
        state.record(spec, &inputs, &vote, vote.replicas);
        current = vote.replicas;
        (current, vote)
    };
    steps.iter().map(step).collect()
}

fn targets(runs: &[(u32, HpaVote)]) -> Vec<u32> {
    runs.iter().map(|(target, _)| *target).collect()
}

#[test]
fn the_first_sight_counts_as_a_proposal_of_the_present_number() {
    let runs = run(&one(), (1, 100), 10, &[(0, 2), (300, 2), (301, 2)]);
    assert_eq!(targets(&runs), [10, 10, 2], "for the whole window, its last moment included");
    assert_eq!(runs[0].1.basis.able, HpaAble::ScaleDownStabilized);
    assert_eq!(runs[2].1.basis.able, HpaAble::ReadyForNewScale);
}

#[test]
fn the_highest_proposal_of_five_minutes_counts() {
    let runs = run(&one(), (1, 100), 4, &[(0, 8), (15, 5), (300, 5), (301, 5), (316, 3), (601, 3), (602, 3)]);
    assert_eq!(targets(&runs), [8, 8, 8, 5, 5, 5, 3]);
}

#[test]
fn upwards_nothing_is_awaited() {
    assert_eq!(targets(&run(&one(), (1, 100), 4, &[(0, 6), (15, 8)])), [6, 8]);
}

#[test]
fn the_number_at_most_doubles_but_may_always_go_to_four() {
    let runs = run(&one(), (1, 100), 1, &[(0, 50), (15, 50), (30, 50)]);
    assert_eq!(targets(&runs), [4, 8, 16]);
    assert!(runs.iter().all(|(_, vote)| vote.basis.limited == Some(HpaLimit::ScaleUpLimit)));
}

#[test]
fn the_bound_that_binds_names_the_condition() {
    // Published: TestConvertDesiredReplicasWithRules.
    for (current, wanted, bounds, expected, limit) in [
        (5, 7, (3, 8), 7, HpaLimit::DesiredWithinRange),
        (3, 1, (2, 8), 2, HpaLimit::TooFewReplicas),
        (3, 10, (3, 8), 6, HpaLimit::ScaleUpLimit),
        (7, 10, (3, 8), 8, HpaLimit::TooManyReplicas),
    ] {
        let steps = [(0, current), (301, wanted)];
        let (target, vote) = run(&one(), bounds, current, &steps).remove(1);
        assert_eq!((target, vote.basis.limited), (expected, Some(limit)), "{current} {wanted}");
    }
}

#[test]
fn an_expired_slot_is_written_over_before_a_new_one_is_taken() {
    let spec = one();
    let mut state = HpaState::default();
    let mut slots = Vec::new();
    for second in [0, 15, 310, 320] {
        let readings = [wanting(5)];
        let inputs = HpaInputs { at: seconds(second), ..bare(5, (1, 10), &readings) };
        state.record(&spec, &inputs, &propose(&state, &spec, &inputs), 5);
        slots.push(state.proposals.len());
    }
    // The first record seeds a slot too; at 310 s the two of 0 s are expired (the last of them goes), at 320 s one more.
    assert_eq!(slots, [2, 3, 3, 3]);
}

#[test]
fn what_failed_is_not_remembered_as_a_proposal() {
    let spec = one();
    let mut state = HpaState::default();
    let readings = [HpaReading::Failed(HpaFailure::NoPods)];
    let inputs = bare(9, (1, 10), &readings);
    state.record(&spec, &inputs, &propose(&state, &spec, &inputs), 9);
    assert_eq!(state.proposals.len(), 1, "only the seed");
}

#[test]
fn without_a_behavior_no_change_is_logged() {
    let spec = one();
    let mut state = HpaState::default();
    let readings = [wanting(8)];
    let inputs = bare(4, (1, 10), &readings);
    state.record(&spec, &inputs, &propose(&state, &spec, &inputs), 8);
    assert!(state.ups.is_empty());
}
