//! Tests of choosing.

use super::*;
use crate::fleet::test_cluster::{node, task};

#[test]
fn first_fit_takes_the_first_name_and_best_fit_the_fullest_node() {
    let mut fleet = Fleet::new();
    for (name, cpu) in [("c", 2_000), ("b", 4_000), ("a", 8_000)] {
        fleet.add(&node(name, cpu, 100, 0, "")).expect("a node that can be");
    }
    let shape = fleet.intern(&task(1_500, 10, 0, 0)).expect("a task that can be");
    let chosen = |name: &str| {
        let policy = NodePolicy::by_name(name).expect("a known policy");
        let mut chooser = Chooser::new(policy, &fleet, 1);
        chooser.choose(&fleet, shape).map(|choice| fleet.name(choice.node).to_owned())
    };
    assert_eq!(chosen("first-fit").as_deref(), Some("a"));
    assert_eq!(chosen("best-fit").as_deref(), Some("c"));
    assert_eq!(chosen("worst-fit").as_deref(), Some("a"));
    assert_eq!(chosen("most-allocated").as_deref(), Some("c"));
    assert_eq!(chosen("least-allocated").as_deref(), Some("a"));
}
