//! One run from the first arrival to the last event.

use super::books::Fate;
use super::diary::Diary;
use super::fragmentation::{FreeNode, Shape, fragments};
use super::meter::Point;
use super::metrics::Metrics;
use super::options::Options;
use super::pools::PoolBooks;
use super::workload::Arrivals;
use super::world::{Queue, World};
use crate::kernel::step;
use plimsoll_model::cluster::{Demand, Node, NodeState, Site, Task};
use plimsoll_placement::fleet::{Fleet, FleetError, NodeIx, ShapeId};
use plimsoll_placement::quota::QuotaError;
use plimsoll_placement::rules::{SiteError, Sites};
use plimsoll_placement::scheduler::{Scheduler, SchedulerPolicy};
use std::collections::BTreeMap;

/// Wake-ups in a row that may start nothing while nothing else is pending; then the run is over. A queue whose order
/// changes with time asks to be woken for ever, also for a task that nothing will ever make room for.
const IDLE_WAKES_MAX: u32 = 1_000;
/// The label that keeps a shape which is only expected apart from one that was submitted and checked.
const EXPECTED: &str = "plimsoll/expected";

/// Why a simulation cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A node, or an expected task, cannot be held.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The sites contradict each other.
    #[error(transparent)]
    Sites(#[from] SiteError),
    /// The quotas contradict each other.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// A failure of a node that is not there.
    #[error("a failure is listed for node {node:?}, and there is no such node")]
    NoSuchNode {
        /// The name.
        node: String,
    },
}

/// What is there before anything happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cluster<'a> {
    /// The nodes.
    pub nodes: &'a [Node],
    /// Places with nodes, and the ways between them.
    pub sites: &'a [Site],
    /// The typical tasks: what `fgd` expects, and what fragmentation is measured against.
    pub typical: &'a [Shape],
}

/// A run that can be gone through moment by moment.
#[derive(Debug)]
pub struct Simulation<'a, A> {
    world: World<A>,
    queue: Queue,
    shapes: &'a [Shape],
    events: u64,
    idle_wakes: u32,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The figures.
    pub metrics: Metrics,
    /// The cluster over time, a bounded number of moments.
    pub course: Vec<Point>,
    /// Events that happened.
    pub events: u64,
    /// What node pools came to, where there are any.
    pub pools: Option<PoolBooks>,
    /// What happened to the task that was asked about.
    pub explained: Option<String>,
}

impl<'a, A: Arrivals> Simulation<'a, A> {
    /// At its beginning.
    ///
    /// # Errors
    /// [`SetupError`] for nodes, quotas or failures that make no sense.
    pub fn new(
        cluster: Cluster<'a>,
        policy: SchedulerPolicy,
        arrivals: A,
        options: Options,
        explain: Option<&str>,
    ) -> Result<Self, SetupError> {
        if let super::Faults::List(list) = &options.faults
            && let Some(fault) = list.iter().find(|fault| cluster.nodes.iter().all(|node| node.name != fault.node))
        {
            return Err(SetupError::NoSuchNode { node: fault.node.clone() });
        }
        let scheduler = Scheduler::new(fleet(cluster)?, policy)?;
        let (world, queue) = World::new(scheduler, cluster.nodes, arrivals, options, Diary::of(explain));
        Ok(Self { world, queue, shapes: cluster.typical, events: 0, idle_wakes: 0 })
    }

    /// Lets everything of the next moment happen. False when the run is over.
    pub fn step(&mut self) -> bool {
        let only_wake = self.queue.len() == 1 && self.world.is_waking();
        let Some((_, events)) = step(&mut self.world, &mut self.queue) else { return false };
        self.events += events;
        self.idle_wakes = if only_wake && !self.world.has_started() { self.idle_wakes + 1 } else { 0 };
        self.idle_wakes < IDLE_WAKES_MAX
    }

    /// The world as it stands.
    pub const fn world(&self) -> &World<A> {
        &self.world
    }

    /// The figures as they stand.
    #[must_use]
    pub fn finish(self) -> Outcome {
        let Self { world, shapes, events, .. } = self;
        let fleet = world.scheduler().fleet();
        let free = (0..fleet.len() as u32).map(NodeIx).filter(|node| fleet.state(*node).0 == NodeState::Ready);
        let ratio = fragments(free.map(|node| free_node(fleet, node)), shapes).ratio();
        let metrics = Metrics { regret: world.scheduler().regret(), ..Metrics::of(&world.books, ratio) };
        let course = world.books.meter.course();
        let pools = world.pools();
        let explained = world.explained(|life| life.fate == Fate::Waiting);
        Outcome { metrics, course, events, pools, explained }
    }

    /// Runs to the end.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        while self.step() {}
        self.finish()
    }
}

/// The nodes, and what is expected of tasks.
fn fleet(cluster: Cluster<'_>) -> Result<Fleet, SetupError> {
    let mut fleet = Fleet::new();
    fleet.set_sites(Sites::new(cluster.sites)?);
    for node in cluster.nodes {
        fleet.add(node)?;
    }
    let mut expected: Vec<(ShapeId, u64)> = Vec::with_capacity(cluster.typical.len());
    for shape in cluster.typical {
        let requests = Demand { cpu: shape.cpu, memory: shape.memory, gpu: shape.gpu.clone(), ..Demand::default() };
        let labels = BTreeMap::from([(EXPECTED.to_owned(), String::new())]);
        expected.push((fleet.intern(&Task { requests, labels, ..Task::default() })?, shape.count));
    }
    fleet.expect_tasks(expected);
    Ok(fleet)
}

fn free_node(fleet: &Fleet, node: NodeIx) -> FreeNode {
    let room = fleet.free(node);
    let gpus = room.gpu_milli.iter().take(usize::from(room.gpus)).map(|milli| u32::from(*milli)).collect();
    let table = fleet.nodes();
    let kind = &table.kinds[table.kind[node.0 as usize] as usize];
    let model = fleet.model_name(kind.model).to_owned();
    FreeNode { cpu: room.cpu, memory: room.memory, gpus, model }
}
