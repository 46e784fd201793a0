//! A fleet of edge and cloud: nearest, cheapest within the bound, and spilling over.

mod common;

use plimsoll_model::cluster::{Demand, LatencyBound, Node, Task};
use plimsoll_model::quantity::{Bytes, Micros, Millicores};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Fleet, NodeIx, Refusal};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::rules::{RelationRefusal, Sites};
use plimsoll_placement::score::price_per_hour;

/// `(name, site, provider, cores, price per hour in millionths)`.
const NODES: [(&str, &str, &str, u64, u64); 5] = [
    ("edge-1", "edge", "own", 2, 900_000),
    ("west-dear", "west", "own", 8, 4_000_000),
    ("west-cheap", "west", "rented", 8, 1_600_000),
    ("east-spot", "east", "rented", 8, 400_000),
    ("nowhere", "", "own", 8, 1),
];

fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.set_sites(Sites::new(&common::sites()).expect("no site is listed twice"));
    for (name, site, provider, cores, price) in NODES {
        let mut node = Node::named(name);
        node.capacity.cpu = Millicores(cores * 1_000);
        node.site = (!site.is_empty()).then(|| site.to_owned());
        node.provider = Some(provider.to_owned());
        node.price_micros_per_hour = price;
        fleet.add(&node).expect("names are unique");
    }
    fleet
}

fn task(home: &str, latency_ms: u64, gigabytes: u64) -> Task {
    let near = LatencyBound {
        site: home.to_owned(),
        latency_max: Micros(latency_ms * 1_000),
        transfer_per_hour: Bytes(gigabytes * 1_000_000_000),
    };
    Task { requests: Demand { cpu: Millicores(1_000), ..Demand::default() }, near: Some(near), ..Task::default() }
}

/// The nodes in the policy's order, best first.
fn ranked(policy: &str, task: &Task) -> Vec<&'static str> {
    let mut fleet = fleet();
    let shape = fleet.intern(task).expect("sensible");
    let chooser = Chooser::new(NodePolicy::by_name(policy).expect("known"), &fleet, 0);
    chooser.rank(&fleet, shape, 9).iter().map(|(node, _)| NODES[node.0 as usize].0).collect()
}

#[test]
fn policies_of_place_rank_as_they_say() {
    for (policy, home, latency, gigabytes, expected) in [
        ("nearest", "west", 70, 0, vec!["west-cheap", "west-dear", "edge-1", "east-spot"]),
        ("nearest", "edge", 70, 0, vec!["edge-1", "west-cheap", "west-dear"]),
        ("nearest", "edge", 5, 0, vec!["edge-1"]),
        // Shares of one core: edge 450,000, dear 500,000, cheap 200,000, spot 50,000 millionths per hour.
        ("cheapest-in-bound", "west", 70, 0, vec!["east-spot", "west-cheap", "edge-1", "west-dear"]),
        ("cheapest-in-bound", "west", 59, 0, vec!["west-cheap", "edge-1", "west-dear"]),
        // Three gigabytes an hour to the east cost 270,000, to the edge 30,000.
        ("cheapest-in-bound", "west", 70, 3, vec!["west-cheap", "east-spot", "edge-1", "west-dear"]),
        // Own site, then the edge's own provider in the west, then the rented one.
        ("spill", "edge", 70, 0, vec!["edge-1", "west-dear", "west-cheap"]),
        // Both providers are at home in the west, so everything away is of an own provider.
        ("spill", "west", 70, 0, vec!["west-cheap", "west-dear", "east-spot", "edge-1"]),
        ("spill", "east", 70, 0, vec!["east-spot", "west-cheap", "west-dear"]),
    ] {
        assert_eq!(ranked(policy, &task(home, latency, gigabytes)), expected, "{policy} {home} {latency} {gigabytes}");
    }
}

#[test]
fn without_a_site_prices_decide_and_every_node_will_do() {
    let task = Task { near: None, ..task("west", 1, 0) };
    for policy in ["cheapest-in-bound", "spill"] {
        assert_eq!(ranked(policy, &task), ["nowhere", "east-spot", "west-cheap", "edge-1", "west-dear"], "{policy}");
    }
}

#[test]
fn a_bound_is_a_filter_with_its_numbers() {
    let mut fleet = fleet();
    let shape = fleet.intern(&task("edge", 8, 0)).expect("sensible");
    let refusal = |node: u32| fleet.refusal(shape, NodeIx(node));
    assert_eq!(refusal(0), None);
    assert_eq!(refusal(1), None, "8 ms are not more than 8 ms");
    assert_eq!(refusal(3), Some(Refusal::Relation(RelationRefusal::NoWay)), "nobody stated the way from edge to east");
    assert_eq!(refusal(4), Some(Refusal::Relation(RelationRefusal::NoWay)));
    assert_eq!(price_per_hour(&fleet, shape, NodeIx(0)), 450_000);
    let close = fleet.intern(&task("edge", 7, 0)).expect("sensible");
    let too_far = RelationRefusal::TooFar { latency: Micros(8_000), latency_max: Micros(7_000) };
    assert_eq!(fleet.refusal(close, NodeIx(1)), Some(Refusal::Relation(too_far)));
}
