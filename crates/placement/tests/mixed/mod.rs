//! A cluster of mixed nodes with tasks of mixed shapes on it, made from a few numbers.

use plimsoll_model::cluster::{
    Capacity, Demand, GpuDemand, Gpus, Node, Operator, Requirement, Taint, TaintEffect, Task,
};
use plimsoll_model::quantity::{Bytes, Millicores, Permille};
use plimsoll_placement::fleet::{Binding, Fleet, NodeIx, ShapeId};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

/// A fleet, shapes that ask for room in it, and what runs.
pub struct State {
    pub fleet: Fleet,
    pub shapes: Vec<ShapeId>,
    held: Vec<Binding>,
}

/// One step of a trace.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// A task of this shape comes to the first node from this one on that fits it.
    Place(usize),
    /// A task leaves.
    Leave(usize),
    /// These shapes are expected, from this one on.
    Expect(usize),
}

pub fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => any::<usize>().prop_map(Act::Place),
        3 => any::<usize>().prop_map(Act::Leave),
        1 => (0_usize..50).prop_map(Act::Expect),
    ]
}

pub fn cluster(nodes: usize) -> State {
    let mut fleet = Fleet::new();
    for number in 0..nodes {
        fleet.add(&node(number)).unwrap();
    }
    let shapes: Vec<ShapeId> = tasks().iter().map(|task| fleet.intern(task).unwrap()).collect();
    fleet.expect_tasks(shapes.iter().zip(1..).map(|(shape, count)| (*shape, count)).collect());
    State { fleet, shapes, held: Vec::new() }
}

fn node(number: usize) -> Node {
    let (cpu, memory, gpus, model) = [
        (8_000, 64, 0, ""),
        (16_000, 128, 2, "T4"),
        (32_000, 256, 8, "A100"),
        (96_000, 720, 4, "T4"),
        (7_300, 31, 1, "P100"),
    ][number % 5];
    let capacity = Capacity {
        cpu: Millicores(cpu),
        memory: Bytes(memory * 1_024 * MIB),
        disk: Bytes(500 * 1_024 * MIB * (number as u64 % 3)),
        network_mbps: 1_000 * (1 + number as u64 % 4),
        gpus: Gpus { count: gpus, model: model.to_owned() },
        ..Capacity::default()
    };
    let mut made = Node {
        // Names in another order than numbers.
        name: format!("n{:04}", (number * 7_919) % 10_007),
        capacity,
        price_micros_per_hour: (number as u64 * 37_000) % 110_001,
        zone: Some(format!("z{}", number % 3)),
        ..Node::default()
    };
    made.speed.insert("fast".into(), Permille(500 + 100 * (number as u64 % 23)));
    if number % 5 == 2 {
        made.capacity.extended.insert("fpga".into(), 3);
    }
    if number.is_multiple_of(4) {
        made.taints.push(Taint { key: "old".into(), value: String::new(), effect: TaintEffect::PreferNoSchedule });
    }
    made
}

fn tasks() -> Vec<Task> {
    let task = |cpu: u64, memory_mib: u64, count: u32, milli: u32| {
        let gpu = GpuDemand { count, milli, models: Vec::new() };
        let requests = Demand { cpu: Millicores(cpu), memory: Bytes(memory_mib * MIB), gpu, ..Demand::default() };
        Task { id: "t".into(), requests, ..Task::default() }
    };
    let mut tasks = vec![
        task(500, 1_024, 0, 0),
        task(2_000, 512, 1, 300),
        task(1_000, 8_192, 1, 1_000),
        task(4_000, 4_096, 4, 1_000),
        task(250, 100, 1, 770),
        task(7_000, 30_000, 0, 0),
        task(1, 1, 2, 1_000),
        task(1_501, 12_345, 1, 125),
    ];
    let zone = Requirement { key: "zone".into(), operator: Operator::In, values: vec!["z2".into()] };
    tasks.push(Task { prefers: vec![(zone, 5)], ..task(800, 700, 1, 500) });
    tasks.push(Task { class: Some("fast".into()), ..task(600, 600, 0, 0) });
    let mut more = task(300, 300, 0, 0);
    more.requests.extended.insert("fpga".into(), 1);
    more.requests.disk = Bytes(40_000 * MIB);
    more.requests.network_mbps = 130;
    tasks.push(more);
    let mut model = task(1_500, 900, 1, 400);
    model.requests.gpu.models = vec!["A100".into()];
    tasks.push(model);
    tasks
}

pub fn play(state: &mut State, trace: &[Act]) {
    for act in trace {
        match *act {
            Act::Place(which) => {
                let shape = state.shapes[which % state.shapes.len()];
                let nodes = state.fleet.len();
                let from = which / state.shapes.len() % nodes;
                let mut places = (0..nodes).map(|step| NodeIx(((from + step) % nodes) as u32));
                if let Some(node) = places.find(|node| state.fleet.fits(shape, *node)) {
                    state.held.push(state.fleet.place(shape, node).unwrap());
                }
            }
            Act::Leave(which) if !state.held.is_empty() => {
                let gone = state.held.swap_remove(which % state.held.len());
                state.fleet.release(gone);
            }
            Act::Leave(_) => {}
            Act::Expect(from) => {
                let mix = state.shapes.iter().zip(1_u64..).skip(from % 5);
                let mix = mix.map(|(shape, at)| (*shape, (at * 31) % 17)).collect();
                state.fleet.expect_tasks(mix);
            }
        }
    }
}
