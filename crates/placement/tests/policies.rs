//! The folder `policies/`: every file is a policy, and the built-in ones decide as their expressions do.
//!
//! What "as" means is stated for each policy and kept. Scores that are whole numbers by nature are equal. Scores that the
//! built-in computes with fixed-point reciprocals (rounded, by up to a capacity over 2^40 for each resource) and the
//! expression with floats are equal within [`RESOLUTION`]; where a policy cuts them to hundredths, the hundredths are equal
//! unless the score lies that close to the next one.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod mixed;

use mixed::{Act, cluster, play};
use plimsoll_placement::choose::{Choice, Chooser};
use plimsoll_placement::fleet::{Fleet, NodeIx, ShapeId};
use plimsoll_placement::policy::{NodePolicy, TextPolicy, catalogue, from_file_text, shipped};
use plimsoll_placement::score::{ONE, Scoring, cut};
use proptest::prelude::*;
use std::path::PathBuf;

/// Three millionths: half a one from the expression's rounding, and up to 2^20 over 2^40 for each of two resources.
const RESOLUTION: i64 = 3;
const MILLIONTHS: i64 = 1_000_000;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn read(name: &str) -> TextPolicy {
    let file = format!("policies/{name}.policy");
    let text = std::fs::read_to_string(folder().join(format!("{name}.policy"))).unwrap();
    from_file_text(&file, &text).unwrap_or_else(|error| panic!("{error}"))
}

fn node_policy(name: &str) -> NodePolicy {
    match read(name) {
        TextPolicy::Node(policy) => policy,
        TextPolicy::Queue(_) => panic!("{name} orders queues"),
    }
}

#[test]
fn every_file_is_a_policy_of_its_own_name_and_says_what_it_is() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // `scaling` holds policies of another kind, which the backtest reads.
        if name == "README.md" || name == "scaling" {
            continue;
        }
        let stem = name.strip_suffix(".policy").unwrap_or_else(|| panic!("{name} is no policy file")).to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = plimsoll_expr::PolicyFile::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.name, stem);
        assert!(file.source.is_some() && file.about.is_some(), "{name} says neither source nor what it is about");
        from_file_text(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        names.push(stem);
    }
    for policy in shipped() {
        assert!(names.iter().any(|name| name == policy.name), "{}", policy.name);
        let text = std::fs::read_to_string(folder().join(format!("{}.policy", policy.name))).unwrap();
        assert_eq!(from_file_text(policy.name, policy.text).unwrap(), from_file_text(policy.name, &text).unwrap());
        assert!(!catalogue().iter().any(|entry| entry.name == policy.name), "{} hides behind a built-in", policy.name);
    }
}

#[test]
fn every_named_node_policy_is_written_as_an_expression_too() {
    // These look at ways between sites, which are no property of a node.
    let about_sites = ["nearest", "cheapest-in-bound", "spill"];
    assert!(about_sites.iter().all(|name| catalogue().iter().any(|entry| entry.name == *name)));
    for entry in catalogue().iter().filter(|entry| !about_sites.contains(&entry.name)) {
        assert_eq!(node_policy(entry.name).name, entry.name);
    }
}

/// How close a built-in and its expression are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Equality {
    /// Equal scores.
    Exact,
    /// Equal within [`RESOLUTION`].
    Close,
    /// Equal hundredths where the score is not within [`RESOLUTION`] of the next.
    CloseHundredths,
}

const NODE_POLICIES: [(&str, Equality); 14] = [
    ("first-fit", Equality::Exact),
    ("best-fit", Equality::CloseHundredths),
    ("worst-fit", Equality::Close),
    ("least-allocated", Equality::Close),
    ("most-allocated", Equality::Close),
    ("balanced-allocation", Equality::Close),
    ("dominant-resource", Equality::Close),
    ("dot-product", Equality::CloseHundredths),
    ("gpu-packing", Equality::Exact),
    ("gpu-clustering", Equality::Exact),
    ("fgd", Equality::Exact),
    ("random", Equality::Exact),
    ("cheapest", Equality::Close),
    ("fastest", Equality::Close),
];

/// Compares the term of every node that fits.
fn compare(name: &str, equality: Equality, fleet: &Fleet, id: ShapeId) -> Result<(), TestCaseError> {
    let built_in = Scoring::new(&NodePolicy::by_name(name).unwrap(), fleet);
    let written = Scoring::new(&node_policy(name), fleet);
    let shape = fleet.shape(id);
    for node in (0..fleet.len()).filter(|node| fleet.fits(id, NodeIx(*node as u32))) {
        let (term, ours) = (built_in.term(0, fleet, id, shape, node), written.term(0, fleet, id, shape, node));
        let millionths = (i128::from(term) * i128::from(MILLIONTHS) / i128::from(ONE)) as i64;
        let hundredths = built_in.levels().map_or(0, |levels| cut(term, levels));
        let to_next = (millionths + RESOLUTION).rem_euclid(MILLIONTHS / 100);
        let is_equal = match (equality, built_in.levels()) {
            (Equality::Exact, Some(_)) => hundredths == ours,
            (Equality::Exact, None) => term == ours,
            (Equality::Close, _) => (millionths - ours).abs() <= RESOLUTION,
            (Equality::CloseHundredths, _) => {
                hundredths == ours || to_next <= 2 * RESOLUTION && (hundredths - ours).abs() == 1
            }
        };
        prop_assert!(is_equal, "{} on node {}: {} ({}) and {}", name, node, millionths, hundredths, ours);
    }
    Ok(())
}

/// Whether both take the same node and GPUs; those of exact equality always do.
fn is_same(
    name: &str,
    equality: Equality,
    built_in: Option<Choice>,
    written: Option<Choice>,
) -> Result<bool, TestCaseError> {
    let place = |choice: Choice| (choice.node, choice.gpus);
    let (built_in, written) = (built_in.map(place), written.map(place));
    prop_assert_eq!(built_in.is_some(), written.is_some(), "{}", name);
    if equality == Equality::Exact {
        prop_assert_eq!(built_in, written, "{}", name);
    }
    Ok(built_in == written)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn built_in_scores_equal_their_expressions(
        nodes in 3_usize..40, trace in prop::collection::vec(mixed::acts(), 5..60), seed in any::<u64>(),
    ) {
        let mut state = cluster(nodes);
        play(&mut state, &trace);
        let (fleet, shapes) = (&state.fleet, &state.shapes);
        let mut differing = 0_usize;
        let mut all = 0_usize;
        for (name, equality) in NODE_POLICIES {
            let built_in = Chooser::new(NodePolicy::by_name(name).unwrap(), fleet, seed);
            let written = Chooser::new(node_policy(name), fleet, seed);
            for shape in shapes {
                compare(name, equality, fleet, *shape)?;
                let same = is_same(name, equality, built_in.scan(fleet, *shape), written.scan(fleet, *shape))?;
                differing += usize::from(!same);
                all += 1;
            }
        }
        prop_assert!(differing * 50 <= all, "{differing} of {all} choices differ");
    }

    #[test]
    fn an_expression_chooses_by_its_index_what_its_scan_chooses(
        which in 0..NODE_POLICIES.len(), nodes in 3_usize..200, trace in prop::collection::vec(mixed::acts(), 5..80), seed in any::<u64>(),
    ) {
        let mut state = cluster(nodes);
        let mut chooser = Chooser::new(node_policy(NODE_POLICIES[which].0), &state.fleet, seed);
        for act in trace {
            if let Act::Place(shape) = act {
                let shape = state.shapes[shape % state.shapes.len()];
                let (scanned, ranked) = (chooser.scan(&state.fleet, shape), chooser.rank(&state.fleet, shape, 1));
                let chosen = chooser.choose(&state.fleet, shape);
                let said = |choice: &Choice| (choice.node, choice.gpus, choice.score, choice.terms);
                prop_assert_eq!(chosen.as_ref().map(said), scanned.as_ref().map(said));
                // Columns, as the scan has them, and one node at a time.
                prop_assert_eq!(ranked.first().copied(), scanned.map(|choice| (choice.node, choice.score)));
            }
            play(&mut state, &[act]);
        }
    }
}

/// A sum by sort of task over everything that a search for packing policies looks at.
const SEARCHED: &str = "# name: searched
# kind: node
# gpus: least-fragmentation

let fall = frag_fall / 1e9;
let fall_best = frag_fall_best / 1e9;
let cpu = cpu_left / cpu_cap;
let gpu = gpu_left / gpu_cap;
let memory = memory_left / memory_cap;
let partial = (gpu_left - gpu_whole_left * 1gpu) / 8gpu;
let without = 0.3 * (1 - cpu) + 0.1 * memory - 0.2 * cpu_cap / 96cpu + 0.05 * cpu_left / 96cpu;
let shared = fall + 0.5 * (1 - gpu_share_left / 1gpu) - 0.2 * gpu_opens - 0.1 * abs(cpu - gpu) + 0.05 * partial;
let whole = fall_best - 0.3 * gpu_whole_left / 8 + 0.1 * (cpu - gpu) + 0.2 * gpu_full
  - 0.01 * (cpu_cap / 1cpu) / (gpu_cap / 1gpu) + 0.01 * (cpu_left / 1cpu) / (gpu_left / 1gpu);
if(gpu_req == 0, without, if(gpu_milli_req < 1gpu, shared, whole))
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_sum_over_every_feature_chooses_by_its_index_what_its_scan_chooses(
        nodes in 3_usize..150, trace in prop::collection::vec(mixed::acts(), 5..60), seed in any::<u64>(),
    ) {
        let Ok(TextPolicy::Node(policy)) = from_file_text("searched", SEARCHED) else { panic!("a node score") };
        let mut state = cluster(nodes);
        let mut chooser = Chooser::new(policy, &state.fleet, seed);
        for act in trace {
            if let Act::Place(shape) = act {
                let shape = state.shapes[shape % state.shapes.len()];
                let (scanned, ranked) = (chooser.scan(&state.fleet, shape), chooser.rank(&state.fleet, shape, 1));
                let chosen = chooser.choose(&state.fleet, shape);
                let said = |choice: &Choice| (choice.node, choice.gpus, choice.score, choice.terms);
                prop_assert_eq!(chosen.as_ref().map(said), scanned.as_ref().map(said));
                prop_assert_eq!(ranked.first().copied(), scanned.map(|choice| (choice.node, choice.score)));
            }
            play(&mut state, &[act]);
        }
    }
}

#[test]
fn a_shipped_policy_is_found_by_name_and_is_the_file_of_that_name() {
    let names: Vec<&str> = plimsoll_placement::policy::shipped().iter().map(|policy| policy.name).collect();
    assert_eq!(names, ["plimsoll-gpu"]);
    for name in names {
        assert_eq!(NodePolicy::by_name(name), Some(node_policy(name)), "{name}");
    }
    assert_eq!(NodePolicy::by_name("plimsoll-cpu"), None);
}
