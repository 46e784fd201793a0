//! A cluster that starts and preempts, as little of a scheduler as there can be, and the tasks it is tried with.

use plimsoll_model::cluster::{Amounts, Demand, GpuDemand, Node, QuotaSpec, Task};
use plimsoll_model::quantity::{Bytes, Millicores, Timestamp};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Fleet, ShapeId};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::rules::Sites;
use plimsoll_placement::rules::budget::{Budgets, DisruptionBudget};
use plimsoll_placement::rules::guarantee::{Guarantees, Taken};
use plimsoll_placement::rules::preempt::{Claim, Plan, Runner, Runners, Scene, Standing, plan, potential};
use std::collections::BTreeMap;

/// A cluster that starts tasks in a queue's order and preempts: as little of a scheduler as there can be.
pub struct Cluster {
    pub fleet: Fleet,
    pub chooser: Chooser,
    pub runners: Runners,
    pub budgets: Budgets,
    pub tasks: Vec<(Task, ShapeId)>,
    pub gangs: BTreeMap<String, u32>,
    pub now: Timestamp,
}

impl Cluster {
    pub fn new(nodes: &[(u64, u64)], quotas: &[QuotaSpec], budgets: Vec<DisruptionBudget>) -> Self {
        let plain = |(index, (cpu, gpus)): (usize, &(u64, u64))| {
            let mut node = Node::named(format!("n{index}"));
            node.capacity.cpu = Millicores(*cpu);
            node.capacity.memory = Bytes(8 * super::GIB);
            node.capacity.disk = Bytes(96 * super::GIB);
            node.capacity.network_mbps = 1_000;
            node.capacity.gpus.count = u32::try_from(*gpus).expect("few");
            node.capacity.gpus.model = "t4".to_owned();
            node
        };
        let nodes: Vec<Node> = nodes.iter().enumerate().map(plain).collect();
        Self::of(&nodes, quotas, budgets)
    }

    /// Of any nodes, at the sites of [`super::sites`].
    pub fn of(nodes: &[Node], quotas: &[QuotaSpec], budgets: Vec<DisruptionBudget>) -> Self {
        let mut fleet = Fleet::new();
        fleet.set_sites(Sites::new(&super::sites()).expect("no site is listed twice"));
        for node in nodes {
            fleet.add(node).expect("names are unique");
        }
        let chooser = Chooser::new(NodePolicy::by_name("first-fit").expect("known"), &fleet, 0);
        let (runners, budgets) = (Runners::new(Guarantees::new(quotas)), Budgets::new(budgets));
        let (tasks, gangs) = (Vec::new(), BTreeMap::new());
        Self { fleet, chooser, runners, budgets, tasks, gangs, now: Timestamp(0) }
    }

    pub fn know(&mut self, task: Task) -> u32 {
        let shape = self.fleet.intern(&task).expect("a sensible task");
        self.tasks.push((task, shape));
        self.tasks.len() as u32 - 1
    }

    pub fn claim(&self, number: u32) -> Claim {
        let (task, shape) = &self.tasks[number as usize];
        let holder = self.runners.guarantees().holder(task).map(|holder| (holder, Taken::of(task)));
        Claim { shape: *shape, priority: task.priority, holder }
    }

    pub fn started(&mut self, number: u32, binding: plimsoll_placement::fleet::Binding) {
        let (task, _) = &self.tasks[number as usize];
        let next = self.gangs.len() as u32;
        let gang = task.gang.as_ref().map(|gang| *self.gangs.entry(gang.name.clone()).or_insert(next));
        let holder = self.claim(number).holder;
        let (priority, preemptible, budgets) = (task.priority, task.preemptible, self.budgets.of(&task.labels));
        let started = self.now;
        self.runners.start(number, Runner { binding, priority, preemptible, started, gang, budgets, holder });
    }

    /// Starts a task where there is room; false where there is none.
    pub fn start(&mut self, number: u32) -> bool {
        let shape = self.tasks[number as usize].1;
        let Some(choice) = self.chooser.choose(&self.fleet, shape) else { return false };
        let binding = self.fleet.place_on(shape, choice.node, choice.gpus).expect("what was chosen fits");
        self.started(number, binding);
        true
    }

    pub fn stop(&mut self, number: u32) {
        let runner = self.runners.stop(number).expect("it runs");
        assert!(self.fleet.release(runner.binding));
    }

    pub fn plan(&mut self, number: u32) -> Option<Plan> {
        let claim = self.claim(number);
        let scene = Scene { runners: &self.runners, budgets: &self.budgets, at: self.now };
        plan(&self.fleet, scene, &claim)
    }

    /// Starts a task, with victims if need be; gives them.
    pub fn start_or_preempt(&mut self, number: u32) -> Option<Vec<u32>> {
        if self.start(number) {
            return Some(Vec::new());
        }
        let plan = self.plan(number)?;
        for victim in &plan.victims {
            self.stop(*victim);
        }
        let binding = self.fleet.place(self.tasks[number as usize].1, plan.node).expect("victims made room");
        self.started(number, binding);
        Some(plan.victims)
    }

    pub fn potential(&self) -> Vec<Standing> {
        potential(self.runners.standings())
    }

    /// What of the fleet can be seen: room and refusals of every shape on every node.
    pub fn seen(&self) -> String {
        let nodes = (0..self.fleet.len() as u32).map(plimsoll_placement::fleet::NodeIx);
        let one = |node| {
            let refusals: Vec<_> = self.tasks.iter().map(|(_, shape)| self.fleet.refusal(*shape, node)).collect();
            format!("{:?} {refusals:?}", self.fleet.free(node))
        };
        nodes.map(one).collect::<Vec<_>>().join("\n")
    }
}

pub fn task(cpu: u64, priority: i32) -> Task {
    let requests = Demand { cpu: Millicores(cpu), ..Demand::default() };
    Task { requests, priority, preemptible: true, ..Task::default() }
}

pub fn wide(cpu: u64, memory_mib: u64, disk_gib: u64, network_mbps: u64, priority: i32) -> Task {
    let mut task = task(cpu, priority);
    task.requests.memory = Bytes(memory_mib << 20);
    task.requests.disk = Bytes(disk_gib * super::GIB);
    task.requests.network_mbps = network_mbps;
    task
}

pub fn gpus(cpu: u64, count: u32, priority: i32) -> Task {
    let mut task = task(cpu, priority);
    task.requests.gpu = GpuDemand { count, milli: 1_000, models: Vec::new() };
    task
}

pub fn queue(mut task: Task, queue: &str) -> Task {
    task.queue = queue.to_owned();
    task
}

pub fn promise(holder: &str, cpu: u64) -> QuotaSpec {
    let guaranteed = Amounts { cpu: Some(Millicores(cpu)), ..Amounts::default() };
    QuotaSpec { holder: holder.to_owned(), weight: 1, most: Amounts::default(), guaranteed }
}
