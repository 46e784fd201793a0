//! The books against the bindings: whether what the fleet keeps is what follows from who runs.
//!
//! Everything that is kept with every placement (room per node, shares of each GPU, sums, seats and counts of the rules
//! between tasks) is computed again from the list of bindings. For tests and for a simulation that wants to be sure at
//! every step; it costs as much as placing everything again. Whether the *rules* are kept is another question, which
//! [`crate::rules::audit`] answers from the specification.

use super::{Binding, Fleet, LANES, Lane, NodeIx};
use std::collections::BTreeMap;

impl Fleet {
    /// What is wrong with the books if exactly these bindings hold room; nothing if they are right.
    #[must_use]
    pub fn audit(&self, bindings: &[Binding]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut held: BTreeMap<NodeIx, Vec<Binding>> = BTreeMap::new();
        for binding in bindings {
            held.entry(binding.node).or_default().push(*binding);
        }
        let mut used = [0_i64; LANES];
        for node in (0..self.len() as u32).map(NodeIx) {
            let here = held.remove(&node).unwrap_or_default();
            self.audit_node(node, &here, &mut wrong);
            for binding in &here {
                let need = &self.shape(binding.shape).need;
                used.iter_mut().zip(need.0).for_each(|(used, need)| *used += i64::from(need));
            }
        }
        wrong.extend(held.keys().map(|node| format!("there is no node {}", node.0)));
        if used != self.used || self.tasks != bindings.len() as u64 {
            wrong.push(format!(
                "sums say {:?} for {} tasks, bindings {used:?} for {}",
                self.used,
                self.tasks,
                bindings.len()
            ));
        }
        wrong.extend(self.relations.rules().recount());
        wrong
    }

    fn audit_node(&self, node: NodeIx, here: &[Binding], wrong: &mut Vec<String>) {
        let index = node.0 as usize;
        let (capacity, free) = (self.nodes.capacity(index), &self.nodes.free[index]);
        for lane in [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::GpuTotal, Lane::Extended] {
            let taken: i64 = here.iter().map(|binding| i64::from(self.shape(binding.shape).need.get(lane))).sum();
            let left = i64::from(capacity.get(lane)) - taken;
            if left != i64::from(free.get(lane)) || left < 0 {
                wrong.push(format!(
                    "node `{}`: {} free {}, must be {left}",
                    self.name(node),
                    lane.name(),
                    free.get(lane)
                ));
            }
        }
        let room = self.free(node);
        for gpu in 0..usize::from(room.gpus) {
            let on = here.iter().filter(|binding| binding.gpus >> gpu & 1 == 1);
            let taken: i64 = on.map(|binding| i64::from(self.shape(binding.shape).gpu.milli)).sum();
            if 1_000 - taken != i64::from(room.gpu_milli[gpu]) {
                wrong.push(format!(
                    "node `{}`: gpu {gpu} free {}, taken {taken}",
                    self.name(node),
                    room.gpu_milli[gpu]
                ));
            }
        }
        let mut shapes: BTreeMap<u32, u32> = BTreeMap::new();
        for binding in here {
            *shapes.entry(binding.shape.0).or_insert(0) += 1;
        }
        let seats: BTreeMap<u32, u32> = self.relations.rules().on(node.0).iter().copied().collect();
        if shapes != seats {
            wrong.push(format!("node `{}`: seats {seats:?}, must be {shapes:?}", self.name(node)));
        }
    }
}
