//! Random clusters with every constraint there is, small enough that rules meet.
#![allow(dead_code, reason = "each test binary uses its part of it")]

pub mod cluster;

use plimsoll_model::cluster::{
    Demand, GpuDemand, Isolation, LatencyBound, Node, NodeState, Operator, Requirement, Site, SiteLink, SpreadRule,
    Taint, TaintEffect, Task, TaskAffinity, Toleration, VolumeKind, VolumeRequest,
};
use plimsoll_model::quantity::{Bytes, Micros, Millicores};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub const GIB: u64 = 1 << 30;

pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Edge, west and east; edge is near west, nobody stated a way from edge to east.
pub fn sites() -> Vec<Site> {
    let link =
        |to: &str, latency, price| SiteLink { to: to.to_owned(), latency: Micros(latency), price_micros_per_gb: price };
    vec![
        Site { name: "edge".to_owned(), links: vec![link("west", 8_000, 10_000)] },
        Site { name: "west".to_owned(), links: vec![link("east", 60_000, 90_000)] },
        Site { name: "east".to_owned(), links: vec![] },
    ]
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

pub fn node(index: usize) -> impl Strategy<Value = Node> {
    let domain =
        (prop::option::weighted(0.9, one_of(&["a", "b", "c"])), prop::option::weighted(0.8, one_of(&["r1", "r2"])));
    let place = (prop::option::of(one_of(&["edge", "west", "east"])), prop::option::of(one_of(&["own", "rented"])));
    let size = (1_u64..8, 0_u32..3);
    (domain, place, size, 0_u32..8, 0_u64..50).prop_map(
        move |((zone, rack), (site, provider), (cores, gpus), odd, price)| {
            let mut node = Node::named(format!("n{index:02}"));
            node.capacity.cpu = Millicores(cores * 1_000);
            node.capacity.memory = Bytes(cores * 2 * GIB);
            node.capacity.disk = Bytes(20 * GIB);
            node.capacity.network_mbps = 1_000;
            node.capacity.gpus.count = gpus;
            node.capacity.gpus.model = if gpus == 0 { "" } else { "t4" }.to_owned();
            node.price_micros_per_hour = price * 10_000;
            (node.zone, node.site, node.provider) = (zone, site, provider);
            node.labels.extend(rack.map(|rack| ("rack".to_owned(), rack)));
            match odd {
                0 => node.taints.push(taint(TaintEffect::NoSchedule)),
                1 => node.taints.push(taint(TaintEffect::PreferNoSchedule)),
                2 => node.state = NodeState::Cordoned,
                _ => {}
            }
            node
        },
    )
}

fn taint(effect: TaintEffect) -> Taint {
    Taint { key: "odd".to_owned(), value: String::new(), effect }
}

pub fn nodes(most: usize) -> impl Strategy<Value = Vec<Node>> {
    (1..=most).prop_flat_map(|count| (0..count).map(node).collect::<Vec<_>>())
}

fn selector() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop_oneof![
        4 => one_of(&["web", "db", "job"]).prop_map(|app| labels(&[("app", &app)])),
        1 => Just(labels(&[("tier", "1")])),
        1 => Just(BTreeMap::new()),
    ]
}

fn domain() -> impl Strategy<Value = String> {
    one_of(&["", "", "zone", "rack", "zone", "site"])
}

fn affinity() -> impl Strategy<Value = TaskAffinity> {
    (selector(), domain(), prop::bool::weighted(0.7), prop::option::of(1_u32..=100))
        .prop_map(|(tasks, domain, anti, weight)| TaskAffinity { tasks, domain, anti, weight })
}

fn spread() -> impl Strategy<Value = SpreadRule> {
    (selector(), domain(), 1_u32..3, prop::bool::weighted(0.7))
        .prop_map(|(tasks, domain, skew_max, required)| SpreadRule { domain, tasks, skew_max, required })
}

/// A volume's kind follows from its name: one name for two kinds is an error of its own.
fn volume() -> impl Strategy<Value = VolumeRequest> {
    (one_of(&["block-1", "block-2", "shared-1", "local-1"]), prop::option::weighted(0.3, one_of(&["a", "b"]))).prop_map(
        |(name, zone)| {
            let kind = match &name[..1] {
                "b" => VolumeKind::Block,
                "s" => VolumeKind::Shared,
                _ => VolumeKind::Local,
            };
            VolumeRequest { name, kind, size: Bytes(3 * GIB), zone }
        },
    )
}

fn rules() -> impl Strategy<Value = Task> {
    let between = (
        prop::collection::vec(affinity(), 0..3),
        prop::collection::vec(spread(), 0..2),
        prop::collection::vec(volume(), 0..2),
    );
    let isolation =
        prop_oneof![6 => Just(Isolation::None), 2 => Just(Isolation::Tenant), 1 => Just(Isolation::Exclusive)];
    let near = prop::option::weighted(0.2, (one_of(&["edge", "west", "east"]), 5_000_u64..70_000));
    (between, isolation, one_of(&["red", "blue"]), near).prop_map(
        |((affinity, spread, volumes), isolation, tenant, near)| {
            let near = near.map(|(site, latency)| LatencyBound {
                site,
                latency_max: Micros(latency),
                transfer_per_hour: Bytes(1_500_000_000),
            });
            Task { affinity, spread, volumes, isolation, tenant, near, ..Task::default() }
        },
    )
}

/// A task; about one in three has no rules at all.
pub fn task(index: usize) -> impl Strategy<Value = Task> {
    let app = (prop::option::weighted(0.8, one_of(&["web", "db", "job"])), prop::bool::weighted(0.3));
    let size = (1_u64..4, 0_u64..4, 0_u32..4);
    let rules = prop_oneof![1 => Just(Task { tenant: "red".to_owned(), ..Task::default() }), 2 => rules()];
    (app, size, rules, -1_i32..4, any::<bool>(), 0_u8..6).prop_map(
        move |((app, tier), (cpu, memory, gpu), rules, priority, preemptible, odd)| {
            let mut task = Task { id: format!("t{index:03}"), priority, preemptible, ..rules };
            task.labels.extend(app.map(|app| ("app".to_owned(), app)));
            task.labels.extend(tier.then(|| ("tier".to_owned(), "1".to_owned())));
            let gpu = match gpu {
                1 => GpuDemand { count: 1, milli: 400, models: vec![] },
                2 => GpuDemand { count: 1, milli: 1_000, models: vec!["t4".to_owned()] },
                _ => GpuDemand::default(),
            };
            task.requests =
                Demand { cpu: Millicores(cpu * 500), memory: Bytes(memory * GIB), gpu, ..Demand::default() };
            if odd == 0 {
                task.tolerations.push(Toleration { key: "odd".to_owned(), value: None, effect: None });
            }
            if odd == 1 {
                let values = vec!["a".to_owned(), "b".to_owned()];
                task.selector.push(Requirement { key: "zone".to_owned(), operator: Operator::In, values });
            }
            task
        },
    )
}

pub fn tasks(most: usize) -> impl Strategy<Value = Vec<Task>> {
    (1..=most).prop_flat_map(|count| (0..count).map(task).collect::<Vec<_>>())
}
