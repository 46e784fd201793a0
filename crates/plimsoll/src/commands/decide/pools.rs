//! Node pools: what to buy for what waits, and which nodes go.

use super::observed::{self, Moment};
use super::{finish, place};
use crate::Verdict;
use crate::args::{Decide, Output};
use crate::commands::pool_file::PoolFile;
use anyhow::{Context as _, anyhow, bail};
use plimsoll_autoscale::pools::{Amounts, Keep, Node, NodePhase, Plan, PoolPolicy, Waiting, plan_ahead};
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most tasks of one kind on one node.
const TASKS_MAX: u32 = 100_000;

/// What was observed of nodes and of what waits for them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedNodes {
    at: Moment,
    #[serde(default)]
    nodes: Vec<ObservedNode>,
    /// Tasks that wait for room.
    #[serde(default)]
    waiting: Vec<ObservedTasks>,
    /// Tasks that will come by the time that a node bought now takes tasks.
    #[serde(default)]
    foreseen: Vec<ObservedTasks>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedNode {
    id: u32,
    shape: String,
    /// Takes tasks if left out.
    #[serde(default)]
    phase: ObservedPhase,
    /// Of one that starts: seconds until it takes tasks; its shape's start-up time if left out.
    ready_in_s: Option<u64>,
    /// Of one without tasks: seconds since it has none; 0 if left out.
    idle_s: Option<u64>,
    #[serde(default)]
    tasks: Vec<ObservedTasks>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedPhase {
    Starting,
    #[default]
    Ready,
    Leaving,
}

/// Tasks alike.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedTasks {
    #[serde(default = "one")]
    count: u32,
    #[serde(default)]
    cpu_millicores: u64,
    #[serde(default)]
    memory_bytes: u64,
    /// Thousandths of a GPU.
    #[serde(default)]
    gpu_milli: u64,
}

const fn one() -> u32 {
    1
}

/// Decides observations of nodes. Every one stands for itself: pools remember nothing.
pub fn run(typed: &Decide, text: &str, name: &str) -> anyhow::Result<Verdict> {
    if let Some(service) = &typed.service {
        bail!("--service {service}: the observation is of nodes, which belong to no service; leave it out");
    }
    if let Some(path) = &typed.state {
        bail!("--state {}: pools remember nothing, every look stands for itself; leave it out", path.display());
    }
    let policy = PoolFile::read(&typed.policy)?.policy();
    let observations: Vec<ObservedNodes> = observed::read(text, name)?;
    let mut results = Vec::new();
    for (index, observed) in observations.iter().enumerate() {
        let looked = look(&policy, observed).with_context(|| place(name, index, observations.len()))?;
        match typed.output {
            Output::Text => looked.print(&policy),
            Output::Json => results.push(looked.as_json(&policy)),
        }
    }
    finish(typed, results, &())
}

/// One look at the pools.
struct Look<'a> {
    at: Timestamp,
    observed: &'a ObservedNodes,
    plan: Plan,
}

fn look<'a>(policy: &PoolPolicy, observed: &'a ObservedNodes) -> anyhow::Result<Look<'a>> {
    let at = observed.at.time()?;
    let mut nodes = Vec::with_capacity(observed.nodes.len());
    for (index, node) in observed.nodes.iter().enumerate() {
        if observed.nodes[..index].iter().any(|other| other.id == node.id) {
            bail!("nodes[{index}].id: {} is there twice", node.id);
        }
        nodes.push(as_node(policy, node, at).with_context(|| format!("nodes[{index}]"))?);
    }
    let (waiting, foreseen) = (groups("waiting", &observed.waiting)?, groups("foreseen", &observed.foreseen)?);
    Ok(Look { at, observed, plan: plan_ahead(policy, at, &nodes, &waiting, &foreseen) })
}

fn as_node(policy: &PoolPolicy, node: &ObservedNode, at: Timestamp) -> anyhow::Result<Node> {
    let shape = policy.shapes.iter().position(|shape| shape.name == node.shape).ok_or_else(|| {
        let names: Vec<&str> = policy.shapes.iter().map(|shape| shape.name.as_str()).collect();
        anyhow!("shape {:?}: there is no such shape in the policy, there are {}", node.shape, names.join(", "))
    })?;
    let phase = match node.phase {
        ObservedPhase::Ready => NodePhase::Ready,
        ObservedPhase::Leaving => NodePhase::Leaving,
        ObservedPhase::Starting => {
            let startup = policy.shapes[shape].startup;
            NodePhase::Starting { ready_at: at.plus(node.ready_in_s.map_or(startup, Millis::from_secs)) }
        }
    };
    let (mut tasks, mut used): (Vec<Amounts>, Amounts) = (Vec::new(), Amounts::default());
    for (index, group) in node.tasks.iter().enumerate() {
        if group.count > TASKS_MAX {
            bail!("tasks[{index}].count: {} is out of range, 0 to {TASKS_MAX}", group.count);
        }
        let asked = amounts(group);
        tasks.extend((0..group.count).map(|_| asked));
        let all = |amount: u64| amount.saturating_mul(u64::from(group.count));
        used.iter_mut().zip(asked).for_each(|(used, asked)| *used = used.saturating_add(all(asked)));
    }
    let idle_since = tasks.is_empty().then(|| at.minus(Millis::from_secs(node.idle_s.unwrap_or(0))));
    Ok(Node { id: node.id, shape, phase, used, tasks, idle_since })
}

fn amounts(tasks: &ObservedTasks) -> Amounts {
    [tasks.cpu_millicores, tasks.memory_bytes, 0, 0, tasks.gpu_milli]
}

fn groups(field: &str, tasks: &[ObservedTasks]) -> anyhow::Result<Vec<Waiting>> {
    let one = |(index, group): (usize, &ObservedTasks)| {
        let demand = amounts(group);
        if demand == Amounts::default() {
            bail!(
                "{field}[{index}]: asks for nothing; at least one of cpu_millicores, memory_bytes, gpu_milli is above 0"
            );
        }
        Ok(Waiting { demand, count: group.count })
    };
    tasks.iter().enumerate().map(one).collect()
}

impl Look<'_> {
    /// Shapes that are bought, and how many of each.
    fn bought<'a>(&'a self, policy: &'a PoolPolicy) -> impl Iterator<Item = (&'a str, u32, u64)> {
        let each = policy.shapes.iter().zip(&self.plan.buy).filter(|(_, count)| **count > 0);
        each.map(|(shape, count)| (shape.name.as_str(), *count, shape.price_micros_per_hour * u64::from(*count)))
    }

    fn shape(&self, id: u32) -> &str {
        self.observed.nodes.iter().find(|node| node.id == id).map_or("", |node| node.shape.as_str())
    }

    fn print(&self, policy: &PoolPolicy) {
        let Plan { take_back, cordon, remove, keep, unserved, .. } = &self.plan;
        let bought: u32 = self.bought(policy).map(|(_, count, _)| count).sum();
        let nodes = self.observed.nodes.len();
        println!("{}: {nodes} nodes, {bought} bought, {} removed", self.at, remove.len());
        for (shape, count, price) in self.bought(policy) {
            println!(
                "  buy {count} of {shape} for {:.3} per hour: what waits or is foreseen fits nowhere else",
                micros(price)
            );
        }
        let line = |ids: &[u32], what: &str| {
            ids.iter().for_each(|id| println!("  node {id} ({}) {what}", self.shape(*id)));
        };
        line(take_back, "was to go and takes tasks again");
        line(cordon, "takes no more tasks and goes when it is empty: its tasks fit on others");
        line(remove, "goes: it is empty and nothing waits");
        keep.iter().for_each(|(id, why)| println!("  node {id} ({}) stays: {why}", self.shape(*id)));
        for group in unserved {
            println!("  {} without room: no shape holds one, or the bounds leave no node", tasks(group));
        }
    }

    fn as_json(&self, policy: &PoolPolicy) -> Value {
        let Plan { take_back, cordon, remove, keep, unserved, .. } = &self.plan;
        let buy = |(shape, count, price)| json!({ "shape": shape, "count": count, "price_per_hour": micros(price) });
        let kept = |(id, why): &(u32, Keep)| json!({ "node": id, "reason": why.name(), "text": why.to_string() });
        let group = |group: &Waiting| {
            let [cpu, memory, .., gpu] = group.demand;
            json!({ "count": group.count, "cpu_millicores": cpu, "memory_bytes": memory, "gpu_milli": gpu })
        };
        json!({
            "at_ms": self.at,
            "buy": self.bought(policy).map(buy).collect::<Vec<_>>(),
            "take_back": take_back,
            "cordon": cordon,
            "remove": remove,
            "keep": keep.iter().map(kept).collect::<Vec<_>>(),
            "unserved": unserved.iter().map(group).collect::<Vec<_>>(),
        })
    }
}

/// A price as a number of whole units.
fn micros(price: u64) -> f64 {
    price as f64 / 1e6
}

fn tasks(group: &Waiting) -> String {
    let [cpu, memory, .., gpu] = group.demand;
    let gpus = if gpu > 0 { format!(" and {:.3} GPUs", gpu as f64 / 1e3) } else { String::new() };
    let tasks = if group.count == 1 { "task" } else { "tasks" };
    format!("{} {tasks} of {} CPU and {}{gpus}", group.count, Millicores(cpu), Bytes(memory))
}
