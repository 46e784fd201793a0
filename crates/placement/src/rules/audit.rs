//! The rules read from the specification a second time, slowly: the judge of what the fast code did.
//!
//! Everything is computed from the nouns (nodes, tasks, who runs where) and nothing from the counts and indexes that
//! decide, so a mistake there shows here. Two questions: does what runs keep every rule that must hold at *any* moment
//! ([`audit`]), and could a task start on a node at *this* moment ([`may_start`])? The second is more than the first:
//! a spread is kept when a task starts and is upset, allowedly, when another ends.
//!
//! For tests, the twin's checks and `explain`; it costs the square of what runs and must not be called where time counts.

use super::labels::{SITE, ZONE, meets, node_label, selects, tenant};
use super::sites::Sites;
use plimsoll_model::cluster::{
    Capacity, Demand, GPU_WHOLE, Isolation, Node, NodeState, SpreadRule, Taint, TaintEffect, Task, TaskAffinity,
    VolumeKind,
};
use plimsoll_model::quantity::Bytes;
use std::collections::BTreeMap;
use std::fmt;

/// A task that runs.
#[derive(Debug, Clone)]
pub struct Running<'a> {
    /// The task.
    pub task: &'a Task,
    /// Index of its node.
    pub node: usize,
    /// The GPUs that it has, by index on the node; empty where that is not known.
    pub gpus: Vec<u32>,
}

/// A rule that is broken, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// The node.
    pub node: String,
    /// The task.
    pub task: String,
    /// The numbers, in words.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: task `{}` on node `{}`: {}", self.rule, self.task, self.node, self.why)
    }
}

/// The rules there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The node takes no tasks.
    State,
    /// A taint is not tolerated.
    Taint,
    /// A condition on labels is not met.
    Selector,
    /// There is not that much room.
    Capacity,
    /// Of GPUs.
    Gpu,
    /// Tenants that may not meet.
    Isolation,
    /// An anti-affinity of either side.
    AntiAffinity,
    /// An affinity.
    Affinity,
    /// A spread.
    Spread,
    /// A block volume on two nodes, or a volume of another zone.
    Volume,
    /// Too far from its site.
    Latency,
}

/// What a task is reserved, its local volumes included.
#[must_use]
pub fn reserved(task: &Task) -> Demand {
    let local: Bytes = task.volumes.iter().filter(|one| one.kind == VolumeKind::Local).map(|one| one.size).sum();
    Demand { disk: task.requests.disk.saturating_add(local), ..task.requests.clone() }
}

/// Whether a taint keeps the task from starting.
#[must_use]
pub fn keeps_away(taint: &Taint, task: &Task) -> bool {
    let tolerated = task.tolerations.iter().any(|one| {
        (one.key.is_empty() || one.key == taint.key)
            && one.value.as_ref().is_none_or(|value| *value == taint.value)
            && one.effect.is_none_or(|effect| effect == taint.effect)
    });
    taint.effect != TaintEffect::PreferNoSchedule && !tolerated
}

/// The names of resources that `asked` has too little room for beside `held`.
fn short_of(capacity: &Capacity, held: &[Demand]) -> Vec<String> {
    let sum = |amount: &dyn Fn(&Demand) -> u64| held.iter().map(|one| u128::from(amount(one))).sum::<u128>();
    let mut short = Vec::new();
    let mut check = |name: &str, used: u128, has: u64| {
        if used > u128::from(has) {
            short.push(format!("{name} {used} of {has}"));
        }
    };
    check("cpu", sum(&|one| one.cpu.0), capacity.cpu.0);
    check("memory", sum(&|one| one.memory.0), capacity.memory.0);
    check("disk", sum(&|one| one.disk.0), capacity.disk.0);
    check("network", sum(&|one| one.network_mbps), capacity.network_mbps);
    let gpus = u64::from(capacity.gpus.count) * u64::from(GPU_WHOLE);
    check("gpu", sum(&|one| one.gpu.total_milli()), gpus);
    let names: std::collections::BTreeSet<&String> = held.iter().flat_map(|one| one.extended.keys()).collect();
    for name in names {
        let used = sum(&|one| one.extended.get(name).copied().unwrap_or(0));
        check(name, used, capacity.extended.get(name).copied().unwrap_or(0));
    }
    short
}

/// Every rule that what runs breaks and that must hold at any moment: room, GPUs, selectors, isolation, anti-affinity,
/// volumes, latency. Sorted by node, then task.
#[must_use]
pub fn audit(nodes: &[Node], sites: &Sites, running: &[Running<'_>]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let here: Vec<&Running<'_>> = running.iter().filter(|one| one.node == index).collect();
        let held: Vec<Demand> = here.iter().map(|one| reserved(one.task)).collect();
        let mut report = |rule, task: &Task, why: String| {
            broken.push(Broken { rule, node: node.name.clone(), task: task.id.clone(), why });
        };
        if let (Some(first), short) = (here.first(), short_of(&node.capacity, &held))
            && !short.is_empty()
        {
            report(Rule::Capacity, first.task, short.join(", "));
        }
        for (gpu, used) in gpu_use(&here) {
            if used > GPU_WHOLE || gpu >= node.capacity.gpus.count {
                let first = here.iter().find(|one| one.gpus.contains(&gpu)).map_or(here[0].task, |one| one.task);
                report(Rule::Gpu, first, format!("gpu {gpu} holds {used} thousandths"));
            }
        }
        for one in &here {
            for (rule, why) in never(node, sites, one.task) {
                report(rule, one.task, why);
            }
        }
        for (first, one) in here.iter().enumerate() {
            for other in &here[first + 1..] {
                if let Some(why) = strangers(one.task, other.task) {
                    report(Rule::Isolation, one.task, why);
                }
            }
        }
    }
    between(nodes, running, &mut broken);
    broken.sort_by(|a, b| (&a.node, &a.task, a.rule, &a.why).cmp(&(&b.node, &b.task, b.rule, &b.why)));
    broken
}

fn gpu_use(here: &[&Running<'_>]) -> BTreeMap<u32, u32> {
    let mut used = BTreeMap::new();
    for one in here {
        for gpu in &one.gpus {
            *used.entry(*gpu).or_insert(0) += one.task.requests.gpu.milli;
        }
    }
    used
}

/// Rules between tasks on any two nodes.
fn between(nodes: &[Node], running: &[Running<'_>], broken: &mut Vec<Broken>) {
    for (index, one) in running.iter().enumerate() {
        for (other_index, other) in running.iter().enumerate() {
            if index == other_index {
                continue;
            }
            let (here, there) = (&nodes[one.node], &nodes[other.node]);
            if let Some(rule) = one.task.affinity.iter().find(|rule| avoids(rule, here, other.task, there)) {
                let why = format!("`{}` in the same `{}`", other.task.id, rule.domain);
                let (node, task) = (here.name.clone(), one.task.id.clone());
                broken.push(Broken { rule: Rule::AntiAffinity, node, task, why });
            }
            let block = one.task.volumes.iter().find(|volume| {
                volume.kind == VolumeKind::Block && one.node != other.node && names(other.task, &volume.name)
            });
            if let (Some(volume), true) = (block, index < other_index) {
                let why = format!("block volume `{}` is on `{}` too", volume.name, there.name);
                let (node, task) = (here.name.clone(), one.task.id.clone());
                broken.push(Broken { rule: Rule::Volume, node, task, why });
            }
        }
    }
}

fn names(task: &Task, volume: &str) -> bool {
    task.volumes.iter().any(|one| one.kind == VolumeKind::Block && one.name == volume)
}

/// Whether a required anti-affinity of a task here means a task there.
fn avoids(rule: &TaskAffinity, here: &Node, other: &Task, there: &Node) -> bool {
    let same = node_label(here, &rule.domain).is_some_and(|name| node_label(there, &rule.domain) == Some(name));
    rule.anti && rule.weight.is_none() && same && selects(&rule.tasks, &other.labels)
}

fn strangers(one: &Task, other: &Task) -> Option<String> {
    let alone = one.isolation == Isolation::Exclusive || other.isolation == Isolation::Exclusive;
    let guarded = one.isolation == Isolation::Tenant || other.isolation == Isolation::Tenant;
    (alone || (guarded && tenant(one) != tenant(other)))
        .then(|| format!("shares with `{}` of `{}`", other.id, tenant(other)))
}

/// What would keep the task off the node even if nothing else ran; the node's state and taints aside, which may have
/// come later.
fn never(node: &Node, sites: &Sites, task: &Task) -> Vec<(Rule, String)> {
    let mut found = Vec::new();
    for requirement in task.selector.iter().filter(|requirement| !meets(requirement, node)) {
        found.push((
            Rule::Selector,
            format!("`{}` {:?} {:?}", requirement.key, requirement.operator, requirement.values),
        ));
    }
    let models = &task.requests.gpu.models;
    if task.requests.gpu.count > 0 && !models.is_empty() && !models.contains(&node.capacity.gpus.model) {
        found.push((Rule::Gpu, format!("model `{}`", node.capacity.gpus.model)));
    }
    for volume in &task.volumes {
        if volume.zone.is_some() && volume.zone.as_deref() != node_label(node, ZONE) {
            found.push((Rule::Volume, format!("volume `{}` lies in zone {:?}", volume.name, volume.zone)));
        }
    }
    if let Some(bound) = &task.near {
        let way = node_label(node, SITE).and_then(|site| sites.way(&bound.site, site));
        if way.is_none_or(|way| way.latency > bound.latency_max) {
            found.push((Rule::Latency, format!("round trip {:?}", way.map(|way| way.latency.0))));
        }
    }
    found
}

/// Whether the task could run on the node were it empty: state, taints, selector, size, zone, latency.
#[must_use]
pub fn could_ever(node: &Node, sites: &Sites, task: &Task) -> Option<Rule> {
    if node.state != NodeState::Ready {
        return Some(Rule::State);
    }
    if node.taints.iter().any(|taint| keeps_away(taint, task)) {
        return Some(Rule::Taint);
    }
    if let Some((rule, _)) = never(node, sites, task).first() {
        return Some(*rule);
    }
    if task.requests.gpu.count > node.capacity.gpus.count {
        return Some(Rule::Gpu);
    }
    (!short_of(&node.capacity, &[reserved(task)]).is_empty()).then_some(Rule::Capacity)
}

/// Why the task may not start on the node beside what runs, by the rules *between* tasks only; none if it may.
#[must_use]
pub fn may_start(nodes: &[Node], sites: &Sites, running: &[Running<'_>], task: &Task, node: usize) -> Option<Rule> {
    let here = &nodes[node];
    if let Some((rule, _)) =
        never(here, sites, task).iter().find(|(rule, _)| matches!(rule, Rule::Volume | Rule::Latency))
    {
        return Some(*rule);
    }
    for other in running {
        let there = &nodes[other.node];
        if other.node == node && strangers(task, other.task).is_some() {
            return Some(Rule::Isolation);
        }
        let block = |volume: &plimsoll_model::cluster::VolumeRequest| volume.kind == VolumeKind::Block;
        if other.node != node && task.volumes.iter().any(|one| block(one) && names(other.task, &one.name)) {
            return Some(Rule::Volume);
        }
        let own = task.affinity.iter().any(|rule| avoids(rule, here, other.task, there));
        if own || other.task.affinity.iter().any(|rule| avoids(rule, there, task, here)) {
            return Some(Rule::AntiAffinity);
        }
    }
    let needs = task.affinity.iter().filter(|rule| !rule.anti && rule.weight.is_none());
    for rule in needs {
        let meant = || running.iter().filter(|one| selects(&rule.tasks, &one.task.labels));
        let mut labelled = meant().filter(|one| node_label(&nodes[one.node], &rule.domain).is_some());
        let Some(name) = node_label(here, &rule.domain) else { return Some(Rule::Affinity) };
        let near = meant().any(|one| node_label(&nodes[one.node], &rule.domain) == Some(name));
        let is_first = selects(&rule.tasks, &task.labels) && labelled.next().is_none();
        if !near && !is_first {
            return Some(Rule::Affinity);
        }
    }
    let mut spread = task.spread.iter().filter(|rule| rule.required);
    spread.any(|rule| !keeps_spread(nodes, sites, running, task, rule, node)).then_some(Rule::Spread)
}

fn keeps_spread(
    nodes: &[Node],
    sites: &Sites,
    running: &[Running<'_>],
    task: &Task,
    rule: &SpreadRule,
    node: usize,
) -> bool {
    let domain = |index: usize| node_label(&nodes[index], &rule.domain);
    let Some(own) = domain(node) else { return false };
    let count = |name: &str| {
        let meant = running.iter().filter(|one| selects(&rule.tasks, &one.task.labels));
        meant.filter(|one| domain(one.node) == Some(name)).count()
    };
    let eligible =
        (0..nodes.len()).filter(|index| could_ever(&nodes[*index], sites, task).is_none()).filter_map(domain);
    let least = eligible.map(count).min().unwrap_or(0);
    let itself = usize::from(selects(&rule.tasks, &task.labels));
    (count(own) + itself).saturating_sub(least) <= rule.skew_max as usize
}
