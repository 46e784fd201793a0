//! Tests of the fleet as a whole.

use super::*;
use plimsoll_model::cluster::{
    Capacity, Demand, GpuDemand, Gpus, Node, Operator, Requirement, Taint, TaintEffect, Task, Toleration,
};
use plimsoll_model::quantity::{Bytes, Millicores};
use proptest::prelude::*;

pub fn node(name: &str, cpu: u64, memory_mib: u64, gpus: u32, model: &str) -> Node {
    let gpus = Gpus { count: gpus, model: model.to_owned() };
    let capacity = Capacity { cpu: Millicores(cpu), memory: Bytes(memory_mib * MIB), gpus, ..Capacity::default() };
    Node { name: name.to_owned(), capacity, ..Node::default() }
}

pub fn task(cpu: u64, memory_mib: u64, gpus: u32, milli: u32) -> Task {
    let gpu = GpuDemand { count: gpus, milli, models: Vec::new() };
    let requests = Demand { cpu: Millicores(cpu), memory: Bytes(memory_mib * MIB), gpu, ..Demand::default() };
    Task { id: "t".into(), requests, ..Task::default() }
}

fn fleet(nodes: &[Node]) -> Fleet {
    let mut fleet = Fleet::new();
    for node in nodes {
        fleet.add(node).expect("a node that can be");
    }
    fleet
}

#[test]
fn names_are_unique_and_found() {
    let mut fleet = fleet(&[node("b", 1, 1, 0, ""), node("a", 1, 1, 0, "")]);
    assert_eq!(fleet.find("a"), Some(NodeIx(1)));
    assert_eq!(fleet.find("c"), None);
    assert_eq!(fleet.name(NodeIx(0)), "b");
    assert_eq!(fleet.add(&node("a", 1, 1, 0, "")), Err(FleetError::DuplicateNode { name: "a".into() }));
    assert_eq!(fleet.add(&node("", 1, 1, 0, "")), Err(FleetError::NoName));
    assert!(matches!(fleet.add(&node("x", 1 << 40, 1, 0, "")), Err(FleetError::TooLarge { .. })));
    assert!(matches!(fleet.add(&node("x", 1, 1, 17, "")), Err(FleetError::TooLarge { .. })));
    assert_eq!(fleet.len(), 2);
}

#[test]
fn tasks_of_one_shape_share_an_id_whatever_they_are_called() {
    let mut fleet = fleet(&[node("a", 8_000, 1_024, 1, "T4")]);
    let first = fleet.intern(&task(1_000, 10, 0, 0));
    let renamed = Task { id: "other".into(), priority: 7, user: "x".into(), ..task(1_000, 10, 0, 0) };
    assert_eq!(fleet.intern(&renamed), first);
    assert_ne!(fleet.intern(&task(1_001, 10, 0, 0)), first);
    assert!(matches!(fleet.intern(&task(1, 1, 2, 500)), Err(FleetError::ShareOfMany { .. })));
    assert!(matches!(fleet.intern(&task(1, 1, 1, 0)), Err(FleetError::GpuMilli { .. })));
    assert!(matches!(fleet.intern(&task(1, 1, 1, 1_001)), Err(FleetError::GpuMilli { .. })));
}

#[test]
fn each_filter_refuses_with_its_numbers() {
    let mut plain = node("a", 4_000, 100, 2, "T4");
    plain.labels.insert("disk".into(), "ssd".into());
    plain.zone = Some("z1".into());
    plain.taints.push(Taint { key: "gpu".into(), value: "yes".into(), effect: TaintEffect::NoSchedule });
    plain.capacity.extended.insert("fpga".into(), 1);
    plain.capacity.extended.insert("licence".into(), 2);
    let mut fleet = fleet(&[plain]);
    let tolerant =
        |task: Task| Task { tolerations: vec![Toleration { key: "gpu".into(), value: None, effect: None }], ..task };
    let mut refusal = |task: Task| {
        let shape = fleet.intern(&task).expect("a task that can be");
        assert_eq!(fleet.fits(shape, NodeIx(0)), fleet.refusal(shape, NodeIx(0)).is_none());
        fleet.refusal(shape, NodeIx(0))
    };
    assert_eq!(refusal(tolerant(task(4_000, 100, 2, 1_000))), None);
    assert_eq!(refusal(task(1, 1, 0, 0)), Some(Refusal::Taint { taint: 0 }));
    assert_eq!(refusal(tolerant(task(4_001, 1, 0, 0))), Some(Refusal::Cpu { asked: 4_001, free: 4_000 }));
    assert_eq!(refusal(tolerant(task(1, 101, 0, 0))), Some(Refusal::Memory { asked: 101, free: 100 }));
    assert_eq!(refusal(tolerant(task(1, 1, 3, 1_000))), Some(Refusal::GpuCount { asked: 3, free: 2 }));
    let mut other = tolerant(task(1, 1, 1, 500));
    other.requests.gpu.models = vec!["A100".into(), "H100".into()];
    assert_eq!(refusal(other).map(|refusal| refusal.filter()), Some("gpu-model"));
    let mut disk = tolerant(task(1, 1, 0, 0));
    disk.requests.disk = Bytes(1);
    assert_eq!(refusal(disk), Some(Refusal::Disk { asked: 1, free: 0 }));
    for (name, amount, expected) in
        [("fpga", 1, None), ("licence", 3, Some((1, 3, 2))), ("quantum", 1, Some((2, 1, 0)))]
    {
        let mut extended = tolerant(task(1, 1, 0, 0));
        extended.requests.extended.insert(name.into(), amount);
        let expected = expected.map(|(resource, asked, free)| Refusal::Extended { resource, asked, free });
        assert_eq!(refusal(extended), expected, "{name}");
    }
    for (key, value, fits) in [("zone", "z1", true), ("zone", "z2", false), ("disk", "ssd", true), ("x", "y", false)] {
        let mut selects = tolerant(task(1, 1, 0, 0));
        let values = vec![value.to_owned()];
        selects.selector = vec![Requirement { key: key.into(), operator: Operator::In, values }];
        assert_eq!(refusal(selects).is_none(), fits, "{key}={value}");
    }
}

#[test]
fn a_node_that_is_not_ready_takes_nothing_and_keeps_what_it_has() {
    let mut fleet = fleet(&[node("a", 2_000, 100, 0, "")]);
    let shape = fleet.intern(&task(1_000, 10, 0, 0)).expect("a task that can be");
    let held = fleet.place(shape, NodeIx(0)).expect("room");
    fleet.set_state(NodeIx(0), NodeState::Draining, Timestamp(5));
    assert_eq!(fleet.place(shape, NodeIx(0)), Err(Refusal::State { state: NodeState::Draining }));
    assert_eq!(fleet.state(NodeIx(0)), (NodeState::Draining, Timestamp(5)));
    assert_eq!(fleet.fits_empty(shape), Ok(()));
    assert!(fleet.release(held));
    assert!(!fleet.release(held), "what is not held cannot be given back");
    assert_eq!(fleet.totals().cpu_used, Millicores(0));
}

#[test]
fn a_task_that_can_never_run_is_told_how_close_each_filter_came() {
    let mut fleet = fleet(&[node("a", 2_000, 100, 0, ""), node("b", 4_000, 50, 0, ""), node("c", 9_000, 10, 0, "")]);
    let shape = fleet.intern(&task(8_000, 64, 0, 0)).expect("a task that can be");
    let never = vec![(Refusal::Cpu { asked: 8_000, free: 4_000 }, 2), (Refusal::Memory { asked: 64, free: 10 }, 1)];
    assert_eq!(fleet.fits_empty(shape), Err(never));
}

#[test]
fn gpus_are_those_that_were_asked_for() {
    let mut fleet = fleet(&[node("a", 9_000, 900, 4, "T4")]);
    let share = fleet.intern(&task(1_000, 1, 1, 400)).expect("a task that can be");
    let pair = fleet.intern(&task(1_000, 1, 2, 1_000)).expect("a task that can be");
    let first = fleet.place_on(share, NodeIx(0), 0b1000).expect("room");
    assert_eq!(first.gpus, 0b1000);
    assert_eq!(fleet.place(share, NodeIx(0)).map(|held| held.gpus), Ok(0b1000), "the fullest that fits");
    assert_eq!(fleet.place_on(pair, NodeIx(0), 0b1001), Err(Refusal::GpuCount { asked: 2, free: 2 }));
    assert_eq!(fleet.place(pair, NodeIx(0)).map(|held| held.gpus), Ok(0b0011));
    assert_eq!(fleet.free(NodeIx(0)).gpu_milli[..4], [0, 0, 1_000, 200]);
    assert!(fleet.release(first));
    assert_eq!(fleet.free(NodeIx(0)).gpu_milli[..4], [0, 0, 1_000, 600]);
}

proptest! {
    #[test]
    fn capacity_is_never_exceeded_and_everything_given_back_is_everything(
        steps in prop::collection::vec((0_u32..4, 0_usize..6, any::<bool>(), 0_usize..40), 1..200),
    ) {
        let kinds = [(8_000, 100, 0), (8_000, 100, 2), (16_000, 300, 8), (1_000, 10, 1)];
        let nodes: Vec<Node> =
            kinds.iter().enumerate().map(|(n, (c, m, g))| node(&format!("n{n}"), *c, *m, *g, "T4")).collect();
        let mut fleet = fleet(&nodes);
        let shapes = [(500, 5, 0, 0), (2_000, 1, 1, 300), (1_000, 20, 1, 1_000), (4_000, 9, 4, 1_000), (900, 1, 1, 999), (0, 1, 2, 1_000)];
        let shapes = shapes.map(|(c, m, g, s)| fleet.intern(&task(c, m, g, s)).expect("a task that can be"));
        let mut held = Vec::new();
        for (node, shape, leaves, which) in steps {
            if leaves && !held.is_empty() {
                prop_assert!(fleet.release(held.swap_remove(which % held.len())));
                continue;
            }
            let (shape, node) = (shapes[shape], NodeIx(node));
            let refusal = fleet.refusal(shape, node);
            prop_assert_eq!(fleet.fits(shape, node), refusal.is_none());
            match fleet.place(shape, node) {
                Ok(binding) => held.push(binding),
                Err(refused) => prop_assert_eq!(Some(refused), refusal),
            }
            let (free, all) = (fleet.free(node), fleet.capacity(node));
            prop_assert!(free.cpu <= all.cpu && free.memory <= all.memory);
            let taken: u64 = held.iter().filter(|b| b.node == node).map(|b| fleet.shape(b.shape).gpu.total() as u64).sum();
            prop_assert_eq!(fleet.used(node).gpu_total(), taken);
        }
        for binding in held {
            prop_assert!(fleet.release(binding));
        }
        for (number, _) in nodes.iter().enumerate() {
            let node = NodeIx(number as u32);
            prop_assert_eq!(fleet.free(node), fleet.capacity(node));
        }
        prop_assert_eq!(fleet.totals().tasks, 0);
    }
}
