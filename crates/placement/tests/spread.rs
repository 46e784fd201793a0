//! Spread and affinity as tables: situations of Kubernetes' tests of the same rules, told in Plimsoll's terms.
//!
//! Sources of the situations: `podtopologyspread` (filtering and scoring) and `interpodaffinity` of kube-scheduler. Its
//! scores are numbers from 0 to 100 made by a formula with a logarithm; what is compared here is the order of nodes,
//! which is what a score is for.

mod common;

use plimsoll_model::cluster::{Demand, Node, NodeState, Operator, Requirement, SpreadRule, Task, TaskAffinity};
use plimsoll_model::quantity::{Millicores, Timestamp};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Fleet, NodeIx};
use plimsoll_placement::policy::NodePolicy;

/// `(zone, tasks with app=foo on it)`; an empty zone is no label.
type Nodes = &'static [(&'static str, usize)];

fn fleet(nodes: Nodes) -> Fleet {
    let mut fleet = Fleet::new();
    let other = Task { labels: common::labels(&[("app", "foo")]), ..one() };
    for (index, (zone, _)) in nodes.iter().enumerate() {
        let mut node = Node::named(format!("n{index}"));
        node.capacity.cpu = Millicores(100);
        node.zone = (!zone.is_empty()).then(|| (*zone).to_owned());
        node.labels.insert("even".to_owned(), (index % 2 == 0).to_string());
        fleet.add(&node).expect("names are unique");
    }
    let shape = fleet.intern(&other).expect("sensible");
    for (index, (_, tasks)) in nodes.iter().enumerate() {
        for _ in 0..*tasks {
            fleet.place(shape, NodeIx(index as u32)).expect("there is room");
        }
    }
    fleet
}

fn one() -> Task {
    Task { requests: Demand { cpu: Millicores(1), ..Demand::default() }, ..Task::default() }
}

fn foo(spread: Vec<SpreadRule>) -> Task {
    Task { labels: common::labels(&[("app", "foo")]), spread, ..one() }
}

fn rule(domain: &str, skew_max: u32, required: bool) -> SpreadRule {
    SpreadRule { domain: domain.to_owned(), tasks: common::labels(&[("app", "foo")]), skew_max, required }
}

fn allowed(fleet: &mut Fleet, task: &Task) -> Vec<u32> {
    let shape = fleet.intern(task).expect("sensible");
    (0..fleet.len() as u32).filter(|node| fleet.fits(shape, NodeIx(*node))).collect()
}

#[test]
fn required_spread_filters() {
    let four: Nodes = &[("a", 2), ("a", 1), ("b", 0), ("b", 3)];
    let rows: Vec<(&str, Nodes, Vec<SpreadRule>, Vec<u32>)> = vec![
        ("nobody runs: everywhere", &[("a", 0), ("a", 0), ("b", 0)], vec![rule("zone", 1, true)], vec![0, 1, 2]),
        ("zones even: everywhere", four, vec![rule("zone", 1, true)], vec![0, 1, 2, 3]),
        (
            "one zone ahead: the other",
            &[("a", 2), ("a", 1), ("b", 1), ("b", 0)],
            vec![rule("zone", 1, true)],
            vec![2, 3],
        ),
        (
            "more skew allowed: everywhere",
            &[("a", 2), ("a", 1), ("b", 1), ("b", 0)],
            vec![rule("zone", 3, true)],
            vec![0, 1, 2, 3],
        ),
        ("nodes 2/1/0/3: the empty one", four, vec![rule("", 1, true)], vec![2]),
        ("nodes 2/1/0/3, skew 2: two of them", four, vec![rule("", 2, true)], vec![1, 2]),
        (
            "zone and node together",
            &[("a", 2), ("a", 1), ("b", 1), ("b", 0)],
            vec![rule("zone", 1, true), rule("", 1, true)],
            vec![3],
        ),
        (
            "together nobody",
            &[("a", 1), ("a", 0), ("b", 2), ("b", 0)],
            vec![rule("zone", 1, true), rule("", 1, true)],
            vec![1],
        ),
        (
            "a node without the label is refused",
            &[("a", 0), ("", 0), ("b", 0)],
            vec![rule("zone", 1, true)],
            vec![0, 2],
        ),
        ("a wish refuses nobody", four, vec![rule("", 1, false)], vec![0, 1, 2, 3]),
        ("three zones, two behind", &[("a", 3), ("b", 2), ("c", 2)], vec![rule("zone", 1, true)], vec![1, 2]),
    ];
    for (name, nodes, spread, expected) in rows {
        assert_eq!(allowed(&mut fleet(nodes), &foo(spread)), expected, "{name}");
    }
}

#[test]
fn only_domains_that_could_take_the_task_hold_others_down() {
    let nodes: Nodes = &[("a", 1), ("b", 0), ("c", 1)];
    let spread = vec![rule("zone", 1, true)];
    let even = Requirement { key: "even".to_owned(), operator: Operator::In, values: vec!["true".to_owned()] };
    let picky = Task { selector: vec![even], ..foo(spread.clone()) };
    assert_eq!(allowed(&mut fleet(nodes), &foo(spread.clone())), [1]);
    assert_eq!(allowed(&mut fleet(nodes), &picky), [0, 2], "zone b has no node for it");
    let mut cordoned = fleet(nodes);
    cordoned.set_state(NodeIx(1), NodeState::Cordoned, Timestamp(0));
    assert_eq!(allowed(&mut cordoned, &foo(spread.clone())), [0, 2], "zone b takes nobody at the moment");
    cordoned.set_state(NodeIx(1), NodeState::Ready, Timestamp(0));
    assert_eq!(allowed(&mut cordoned, &foo(spread.clone())), [1]);
    let mut large = foo(spread);
    large.requests.cpu = Millicores(101);
    assert_eq!(allowed(&mut fleet(nodes), &large), [0_u32; 0], "no zone could take it at all");
}

#[test]
fn a_task_that_its_own_rule_does_not_mean_adds_nothing() {
    let stranger = Task { labels: common::labels(&[("app", "bar")]), ..foo(vec![rule("", 1, true)]) };
    assert_eq!(allowed(&mut fleet(&[("a", 1), ("a", 0)]), &stranger), [0, 1], "1 - 0 is not above 1");
    assert_eq!(allowed(&mut fleet(&[("a", 2), ("a", 0)]), &stranger), [1]);
}

#[test]
fn wished_spread_ranks() {
    let rows: Vec<(&str, Nodes, Vec<SpreadRule>, Vec<u32>)> = vec![
        ("no tasks: by name", &[("a", 0), ("a", 0)], vec![rule("", 1, false)], vec![0, 1]),
        ("as many everywhere: by name", &[("a", 1), ("a", 1)], vec![rule("", 1, false)], vec![0, 1]),
        ("2/1/0/3", &[("a", 2), ("a", 1), ("a", 0), ("a", 3)], vec![rule("", 1, false)], vec![2, 1, 0, 3]),
        ("2/1/0/3 with skew 2", &[("a", 2), ("a", 1), ("a", 0), ("a", 3)], vec![rule("", 2, false)], vec![2, 1, 0, 3]),
        ("4/3/2/1 with skew 3", &[("a", 4), ("a", 3), ("a", 2), ("a", 1)], vec![rule("", 3, false)], vec![3, 2, 1, 0]),
        ("zones 3/1", &[("a", 2), ("a", 1), ("b", 1), ("b", 0)], vec![rule("zone", 1, false)], vec![2, 3, 0, 1]),
        (
            "zone before node, both weigh the same",
            &[("a", 2), ("a", 0), ("b", 1), ("b", 0)],
            vec![rule("zone", 1, false), rule("", 1, false)],
            vec![3, 2, 1, 0],
        ),
        (
            "a node without the label comes last",
            &[("a", 1), ("", 0), ("b", 0)],
            vec![rule("zone", 1, false)],
            vec![2, 0, 1],
        ),
    ];
    for (name, nodes, spread, expected) in rows {
        let mut fleet = fleet(nodes);
        let shape = fleet.intern(&foo(spread)).expect("sensible");
        let chooser = Chooser::new(NodePolicy::by_name("first-fit").expect("known"), &fleet, 0);
        let ranked: Vec<u32> = chooser.rank(&fleet, shape, 9).iter().map(|(node, _)| node.0).collect();
        assert_eq!(ranked, expected, "{name}");
    }
}

#[test]
fn affinity_and_its_opposite() {
    let rule = |domain: &str, app: &str, anti, weight| TaskAffinity {
        tasks: common::labels(&[("app", app)]),
        domain: domain.to_owned(),
        anti,
        weight,
    };
    let nodes: Nodes = &[("a", 1), ("a", 0), ("b", 0), ("", 0)];
    let task = |app: &str, affinity| Task { labels: common::labels(&[("app", app)]), affinity, ..one() };
    for (name, comes, expected) in [
        ("near on the node", task("x", vec![rule("", "foo", false, None)]), vec![0]),
        ("near in the zone", task("x", vec![rule("zone", "foo", false, None)]), vec![0, 1]),
        ("near to nobody there is", task("x", vec![rule("zone", "bar", false, None)]), vec![]),
        (
            "the first of its own kind may go anywhere with the label",
            task("bar", vec![rule("zone", "bar", false, None)]),
            vec![0, 1, 2],
        ),
        ("away from the node", task("x", vec![rule("", "foo", true, None)]), vec![1, 2, 3]),
        ("away from the zone; no label, no neighbour", task("x", vec![rule("zone", "foo", true, None)]), vec![2, 3]),
        (
            "near one and away from it",
            task("x", vec![rule("zone", "foo", false, None), rule("", "foo", true, None)]),
            vec![1],
        ),
        ("a wish refuses nobody", task("x", vec![rule("zone", "foo", true, Some(100))]), vec![0, 1, 2, 3]),
    ] {
        assert_eq!(allowed(&mut fleet(nodes), &comes), expected, "{name}");
    }
    // The other way round: who runs keeps newcomers away, whoever came first.
    let mut fleet = fleet(&[("a", 0), ("a", 0), ("b", 0)]);
    let guard = fleet.intern(&task("guard", vec![rule("zone", "foo", true, None)])).expect("sensible");
    let bound = fleet.place(guard, NodeIx(0)).expect("it fits");
    assert_eq!(allowed(&mut fleet, &foo(vec![])), [2]);
    assert_eq!(allowed(&mut fleet, &task("x", vec![])), [0, 1, 2]);
    fleet.release(bound);
    assert_eq!(allowed(&mut fleet, &foo(vec![])), [0, 1, 2]);
}
