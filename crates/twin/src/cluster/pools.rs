//! Node pools in the World: nodes that are bought, start, serve and go.
//!
//! Every node that could ever be there is in the fleet from the beginning, as one that is lost; buying one brings it back
//! after its start-up time, and what goes is lost again. So the scheduler sees nothing but what it sees live. What is bought
//! and given back is decided by [`plan`]; here are the books: when each node was paid for, and why it stayed.

use super::amounts::Amounts;
use super::foresight::Foresight;
use plimsoll_autoscale::pools::{Node as View, NodePhase, Plan, PoolPolicy, Waiting, plan_ahead};
use plimsoll_forecast::online::SettingsError;
use plimsoll_model::cluster::{Capacity, GPU_WHOLE, Gpus, Node, NodeState};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{Bytes, Millicores, Millis, Timestamp};
use plimsoll_placement::fleet::NodeIx;
use plimsoll_placement::scheduler::TaskIx;
use serde::Serialize;
use std::collections::BTreeMap;

/// What can be bought, and how often that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolOptions {
    /// The rule.
    pub policy: PoolPolicy,
    /// Time between two looks, trace time.
    pub every: Millis,
    /// Work that is foreseen is bought for too; none buys for what waits only.
    pub forecast: Option<ForecastSpec>,
}

impl PoolOptions {
    /// Whether the forecast can be made; without this, one that cannot foresees nothing.
    ///
    /// # Errors
    /// [`SettingsError`] when season, time between looks and start-up time do not go together.
    pub fn check(&self) -> Result<(), SettingsError> {
        Foresight::try_new(self).map(|_| ())
    }

    /// Every node that could be there, shape by shape; those of the minimum are, the others are lost.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for shape in &self.policy.shapes {
            for number in 1..=shape.max {
                let state = if number <= shape.min { NodeState::Ready } else { NodeState::Lost };
                let [cpu, memory, disk, network_mbps, gpu] = shape.has;
                let gpus = Gpus { count: (gpu / u64::from(GPU_WHOLE)) as u32, model: String::new() };
                let (cpu, memory, disk) = (Millicores(cpu), Bytes(memory), Bytes(disk));
                nodes.push(Node {
                    capacity: Capacity { cpu, memory, disk, network_mbps, gpus, ..Capacity::default() },
                    state,
                    price_micros_per_hour: shape.price_micros_per_hour,
                    zone: Some(shape.zone.clone()).filter(|zone| !zone.is_empty()),
                    provider: Some(shape.provider.clone()).filter(|provider| !provider.is_empty()),
                    ..Node::named(format!("{}-{number:05}", shape.name))
                });
            }
        }
        nodes
    }
}

/// One node that is there or could be.
#[derive(Debug, Clone, Default)]
struct Slot {
    shape: usize,
    /// None while it is not paid for.
    phase: Option<NodePhase>,
    paid_since: Timestamp,
    idle_since: Option<Timestamp>,
    used: Amounts,
    tasks: BTreeMap<TaskIx, (Amounts, u32)>,
}

/// What the pools came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PoolBooks {
    /// By shape, in the policy's order.
    pub shapes: Vec<ShapeBooks>,
    /// Nodes that were to go and took tasks again.
    pub taken_back: u64,
    /// Nodes that were emptied because their load fitted elsewhere.
    pub cordoned: u64,
    /// Looks at nodes that stayed, by the reason why.
    pub kept: BTreeMap<&'static str, u64>,
}

/// What one shape came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ShapeBooks {
    /// Its name.
    pub name: String,
    /// Times that one was bought.
    pub bought: u64,
    /// Times that one was given back.
    pub removed: u64,
    /// Most at a time.
    pub peak: u64,
    /// Node-milliseconds paid for, start-up included.
    pub node_ms: u128,
    /// Price of an hour of one, millionths of a currency unit.
    pub price_micros_per_hour: u64,
}

impl ShapeBooks {
    /// Node-hours paid for.
    #[must_use]
    pub fn node_hours(&self) -> f64 {
        self.node_ms as f64 / 3_600_000.0
    }

    /// What they cost, in currency units.
    #[must_use]
    pub fn price(&self) -> f64 {
        self.node_hours() * self.price_micros_per_hour as f64 / 1e6
    }
}

/// The nodes and the books.
#[derive(Debug)]
pub(super) struct Pools {
    options: PoolOptions,
    slots: Vec<Slot>,
    places: BTreeMap<TaskIx, Vec<NodeIx>>,
    waiting: BTreeMap<[u64; 5], u32>,
    foresight: Option<Foresight>,
    counts: Vec<u64>,
    pub books: PoolBooks,
}

impl Pools {
    /// Over the nodes of [`PoolOptions::nodes`], at the beginning.
    pub fn new(options: PoolOptions, start: Timestamp) -> Self {
        let shapes = &options.policy.shapes;
        let row = |shape: &plimsoll_autoscale::pools::Shape| ShapeBooks {
            name: shape.name.clone(),
            price_micros_per_hour: shape.price_micros_per_hour,
            ..ShapeBooks::default()
        };
        let books = PoolBooks { shapes: shapes.iter().map(row).collect(), ..PoolBooks::default() };
        let slot = |shape: usize| Slot { shape, ..Slot::default() };
        let slots = shapes.iter().enumerate().flat_map(|(at, shape)| (0..shape.max).map(move |_| slot(at))).collect();
        let counts = vec![0; shapes.len()];
        let foresight = Foresight::try_new(&options).ok().flatten();
        let (places, waiting) = (BTreeMap::new(), BTreeMap::new());
        let mut pools = Self { options, slots, places, waiting, foresight, counts, books };
        for shape in 0..pools.counts.len() {
            for node in pools.off(shape, pools.options.policy.shapes[shape].min) {
                pools.pay(node, NodePhase::Ready, start);
            }
        }
        pools
    }

    /// Time between two looks.
    pub const fn every(&self) -> Millis {
        self.options.every
    }

    /// So many tasks of that demand wait more, or fewer.
    pub fn waits(&mut self, demand: Amounts, more: bool) {
        if let Some(foresight) = self.foresight.as_mut().filter(|_| more) {
            foresight.came(demand);
        }
        let count = self.waiting.entry(demand.0).or_insert(0);
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.waiting.remove(&demand.0);
        }
    }

    /// A worker of a task was put on a node.
    pub fn put(&mut self, node: NodeIx, task: TaskIx, demand: Amounts) {
        let slot = &mut self.slots[node.0 as usize];
        slot.used.add(demand);
        slot.tasks.entry(task).or_insert((demand, 0)).1 += 1;
        slot.idle_since = None;
        self.places.entry(task).or_default().push(node);
    }

    /// A worker of a task left a node.
    pub fn took(&mut self, at: Timestamp, node: NodeIx, task: TaskIx) {
        let slot = &mut self.slots[node.0 as usize];
        if let Some((demand, workers)) = slot.tasks.get_mut(&task) {
            slot.used.take(*demand);
            *workers -= 1;
            if *workers == 0 {
                slot.tasks.remove(&task);
            }
        }
        if slot.tasks.is_empty() {
            slot.idle_since = Some(at);
        }
        if let Some(places) = self.places.get_mut(&task)
            && let Some(place) = places.iter().position(|place| *place == node)
        {
            places.swap_remove(place);
        }
    }

    /// A task stopped or ended.
    pub fn gone(&mut self, at: Timestamp, task: TaskIx) {
        for node in self.places.remove(&task).unwrap_or_default() {
            self.took(at, node, task);
        }
    }

    /// A node that was bought is there.
    pub fn is_there(&mut self, at: Timestamp, node: u32) {
        let slot = &mut self.slots[node as usize];
        slot.phase = Some(NodePhase::Ready);
        slot.idle_since = Some(at);
    }

    /// Whether anything waits, runs or is coming.
    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.places.is_empty()
    }

    /// Whether a node is on its way.
    pub fn is_starting(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.phase, Some(NodePhase::Starting { .. })))
    }

    /// What should change now, with nodes to buy by number and the moment they will be there.
    pub fn look(&mut self, at: Timestamp) -> (Plan, Vec<(u32, Timestamp)>) {
        let views = self.slots.iter().enumerate().filter_map(|(id, slot)| {
            let tasks = slot.tasks.values().flat_map(|(demand, workers)| (0..*workers).map(|_| demand.0));
            Some(View {
                id: id as u32,
                shape: slot.shape,
                phase: slot.phase?,
                used: slot.used.0,
                tasks: tasks.collect(),
                idle_since: slot.idle_since,
            })
        });
        let views: Vec<View> = views.collect();
        let waiting: Vec<Waiting> =
            self.waiting.iter().map(|(demand, count)| Waiting { demand: *demand, count: *count }).collect();
        let mut wanted = Amounts::default();
        self.slots.iter().for_each(|slot| wanted.add(slot.used));
        waiting.iter().for_each(|group| wanted.add(Amounts(group.demand).times(group.count)));
        let foreseen = self.foresight.as_mut().and_then(|foresight| foresight.look(at, wanted));
        let plan = plan_ahead(&self.options.policy, at, &views, &waiting, foreseen.as_slice());
        let mut coming = Vec::new();
        for (shape, many) in plan.buy.iter().enumerate() {
            let ready_at = at.plus(self.options.policy.shapes[shape].startup);
            for node in self.off(shape, *many) {
                self.pay(node, NodePhase::Starting { ready_at }, at);
                self.books.shapes[shape].bought += 1;
                coming.push((node, ready_at));
            }
        }
        for node in &plan.take_back {
            self.slots[*node as usize].phase = Some(NodePhase::Ready);
        }
        for node in &plan.cordon {
            self.slots[*node as usize].phase = Some(NodePhase::Leaving);
        }
        self.books.taken_back += plan.take_back.len() as u64;
        self.books.cordoned += plan.cordon.len() as u64;
        for (_, keep) in &plan.keep {
            *self.books.kept.entry(keep.name()).or_insert(0) += 1;
        }
        plan.remove.iter().for_each(|node| self.stop_paying(at, *node));
        (plan, coming)
    }

    /// The first nodes of a shape that are not paid for.
    fn off(&self, shape: usize, many: u32) -> Vec<u32> {
        let off = self.slots.iter().enumerate().filter(|(_, slot)| slot.shape == shape && slot.phase.is_none());
        off.map(|(node, _)| node as u32).take(many as usize).collect()
    }

    fn pay(&mut self, node: u32, phase: NodePhase, at: Timestamp) {
        let slot = &mut self.slots[node as usize];
        (slot.phase, slot.paid_since, slot.idle_since) = (Some(phase), at, Some(at));
        let shape = slot.shape;
        self.counts[shape] += 1;
        self.books.shapes[shape].peak = self.books.shapes[shape].peak.max(self.counts[shape]);
    }

    fn stop_paying(&mut self, at: Timestamp, node: u32) {
        let slot = &mut self.slots[node as usize];
        if slot.phase.take().is_some() {
            let books = &mut self.books.shapes[slot.shape];
            books.node_ms += u128::from(at.since(slot.paid_since).get());
            books.removed += 1;
            self.counts[slot.shape] -= 1;
        }
    }

    /// The books with what is still paid for until `at`.
    pub fn closed(&self, at: Timestamp) -> PoolBooks {
        let mut books = self.books.clone();
        for slot in self.slots.iter().filter(|slot| slot.phase.is_some()) {
            books.shapes[slot.shape].node_ms += u128::from(at.since(slot.paid_since).get());
        }
        books
    }
}
