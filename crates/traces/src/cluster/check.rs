//! Tasks that no node could ever take, found before a simulation leaves them waiting for ever.
//!
//! It compares amounts and GPU models with whole nodes, as if each were empty and ready. Labels, taints, volumes and
//! neighbours are not looked at: those are the scheduler's own filters. It is a report and no error, because a trace with
//! such a task is a valid trace.

use super::RecordedTask;
use plimsoll_model::cluster::{Capacity, Demand, GPU_WHOLE, Node};
use std::collections::BTreeMap;
use std::fmt;

/// Tasks of one demand that fit on no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverRunnable {
    /// The first such task.
    pub task: String,
    /// How many tasks ask the same.
    pub count: u64,
    /// The node that lacks least, the first of equals; none where there are no nodes.
    pub nearest: Option<String>,
    /// What that node lacks.
    pub lacks: Vec<Lack>,
}

/// One resource that does not suffice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The resource with its unit.
    pub resource: String,
    /// What is asked.
    pub asked: String,
    /// What the node has.
    pub has: String,
    /// How much is missing in thousandths of what is asked.
    short_permille: u64,
}

impl fmt::Display for NeverRunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {:?} can never run: ", self.task)?;
        match &self.nearest {
            None => f.write_str("there are no nodes")?,
            Some(node) => {
                let lack = |lack: &Lack| format!("{} {}, has {}", lack.asked, lack.resource, lack.has);
                let lacks: Vec<String> = self.lacks.iter().map(lack).collect();
                write!(f, "the nearest node {node:?} lacks: asked {}", lacks.join("; asked "))?;
            }
        }
        if self.count > 1 {
            write!(f, " ({} tasks ask the same)", self.count)?;
        }
        Ok(())
    }
}

/// Every demand that no node could take if it were empty, in the order of the tasks.
#[must_use]
pub fn check(nodes: &[Node], tasks: &[RecordedTask]) -> Vec<NeverRunnable> {
    let mut kinds: Vec<(&Capacity, &str)> = Vec::new();
    let mut seen = BTreeMap::new();
    for node in nodes {
        let c = &node.capacity;
        let key = (c.cpu, c.memory, c.disk, c.network_mbps, c.gpus.count, &c.gpus.model, &c.extended);
        seen.entry(key).or_insert_with(|| kinds.push((c, &node.name)));
    }
    let mut outcome: BTreeMap<&Demand, Option<usize>> = BTreeMap::new();
    let mut found: Vec<NeverRunnable> = Vec::new();
    for RecordedTask { task, .. } in tasks {
        let known = outcome.entry(&task.requests).or_insert_with(|| {
            let (nearest, lacks) = nearest(&kinds, &task.requests)?;
            found.push(NeverRunnable { task: task.id.clone(), count: 0, nearest, lacks });
            Some(found.len() - 1)
        });
        if let Some(index) = *known {
            found[index].count += 1;
        }
    }
    found
}

/// The kind of node that lacks least and what it lacks; none where some kind lacks nothing.
fn nearest(kinds: &[(&Capacity, &str)], demand: &Demand) -> Option<(Option<String>, Vec<Lack>)> {
    let mut best: Option<(usize, u64, &str, Vec<Lack>)> = None;
    for (capacity, name) in kinds {
        let lacks = lacks(capacity, demand);
        if lacks.is_empty() {
            return None;
        }
        let worst = lacks.iter().map(|lack| lack.short_permille).max().unwrap_or(0);
        let rank = (lacks.len(), worst);
        if best.as_ref().is_none_or(|best| rank < (best.0, best.1)) {
            best = Some((rank.0, rank.1, name, lacks));
        }
    }
    Some(best.map_or((None, Vec::new()), |(_, _, name, lacks)| (Some(name.to_owned()), lacks)))
}

fn lacks(capacity: &Capacity, demand: &Demand) -> Vec<Lack> {
    let mut found = Vec::new();
    let mut compare = |resource: &str, asked: u64, has: u64| {
        if asked > has {
            let short_permille = u64::try_from(u128::from(asked - has) * 1_000 / u128::from(asked)).unwrap_or(1_000);
            let (asked, has) = (asked.to_string(), has.to_string());
            found.push(Lack { resource: resource.to_owned(), asked, has, short_permille });
        }
    };
    compare("millicores of CPU", demand.cpu.0, capacity.cpu.0);
    compare("bytes of memory", demand.memory.0, capacity.memory.0);
    compare("bytes of disk", demand.disk.0, capacity.disk.0);
    compare("Mbit/s of network", demand.network_mbps, capacity.network_mbps);
    compare("GPUs", u64::from(demand.gpu.count), u64::from(capacity.gpus.count));
    if demand.gpu.count > 0 {
        compare("thousandths of a GPU", u64::from(demand.gpu.milli), u64::from(GPU_WHOLE));
    }
    for (name, asked) in &demand.extended {
        compare(name, *asked, capacity.extended.get(name).copied().unwrap_or(0));
    }
    let models = &demand.gpu.models;
    if demand.gpu.count > 0 && !models.is_empty() && !models.contains(&capacity.gpus.model) {
        let has = if capacity.gpus.model.is_empty() { "none".to_owned() } else { capacity.gpus.model.clone() };
        found.push(Lack {
            resource: "as GPU model".to_owned(),
            asked: models.join(" or "),
            has,
            short_permille: 1_000,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::{GpuDemand, Gpus, Task};
    use plimsoll_model::{Bytes, Millicores};

    fn node(name: &str, cpu: u64, gpus: u32, model: &str) -> Node {
        let gpus = Gpus { count: gpus, model: model.into() };
        let capacity = Capacity { cpu: Millicores(cpu), memory: Bytes(1 << 30), gpus, ..Capacity::default() };
        Node { name: name.into(), capacity, state: Default::default(), since: Default::default(), ..Node::default() }
    }

    fn task(id: &str, cpu: u64, gpu: GpuDemand) -> RecordedTask {
        let requests = Demand { cpu: Millicores(cpu), gpu, ..Demand::default() };
        RecordedTask { task: Task { id: id.into(), requests, ..Task::default() }, ..RecordedTask::default() }
    }

    #[test]
    fn a_task_bigger_than_every_node_names_the_nearest_and_what_it_lacks() {
        let nodes = [node("a", 4_000, 0, ""), node("b", 8_000, 2, "T4"), node("c", 8_000, 2, "T4")];
        let whole = |count, models: &[&str]| GpuDemand {
            count,
            milli: 1_000,
            models: models.iter().map(|&model| model.into()).collect(),
        };
        let tasks = [
            task("fits", 8_000, whole(2, &[])),
            task("wide", 16_000, GpuDemand::default()),
            task("v100", 1, whole(1, &["P100", "V100"])),
            task("wide-too", 16_000, GpuDemand::default()),
        ];
        let texts: Vec<String> = check(&nodes, &tasks).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "task \"wide\" can never run: the nearest node \"b\" lacks: asked 16000 millicores of CPU, has 8000 \
                 (2 tasks ask the same)",
                "task \"v100\" can never run: the nearest node \"b\" lacks: asked P100 or V100 as GPU model, has T4",
            ]
        );
        assert_eq!(check(&[], &tasks[..1])[0].to_string(), "task \"fits\" can never run: there are no nodes");
    }
}
