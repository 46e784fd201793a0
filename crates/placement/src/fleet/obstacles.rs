//! Everything that stands between a task and a node, and not only the first of it.
//!
//! [`Fleet::refusal`] stops at the first filter that says no, which is enough to say why not. To say what would have to
//! *change*, all of them have to be known: a node that is short of CPU and has a taint, too, is not one step away. Rules
//! between tasks are the exception: their first refusal stands for them, because what one of them wants changes what
//! the others say.

use super::labels::tolerates;
use super::row::Lane;
use super::{Fleet, NodeIx, Refusal, ShapeId};
use plimsoll_model::cluster::{NodeState, TaintEffect};

impl Fleet {
    /// Every filter that refuses the node, in the order in which [`Fleet::refusal`] asks them; its answer is among them.
    #[must_use]
    pub fn obstacles(&self, id: ShapeId, node: NodeIx) -> Vec<Refusal> {
        let (shape, index) = (self.shape(id), node.0 as usize);
        let mut found = Vec::new();
        let state = self.nodes.state[index];
        if state != NodeState::Ready {
            found.push(Refusal::State { state });
        }
        let room = &self.nodes.free[index];
        let mut short = |lane: Lane, refusal: &dyn Fn(u32, u32) -> Refusal| {
            let (asked, free) = (shape.need.get(lane), room.get(lane));
            if asked > free {
                found.push(refusal(asked.unsigned_abs(), free.unsigned_abs()));
            }
        };
        short(Lane::Cpu, &|asked, free| Refusal::Cpu { asked, free });
        short(Lane::Memory, &|asked, free| Refusal::Memory { asked, free });
        short(Lane::Disk, &|asked, free| Refusal::Disk { asked, free });
        short(Lane::Network, &|asked, free| Refusal::Network { asked, free });
        short(Lane::GpuWhole, &|asked, free| Refusal::GpuCount { asked, free });
        short(Lane::GpuShare, &|asked, free| Refusal::GpuShare { asked, free });
        short(Lane::Extended, &|asked, free| Refusal::Extended { resource: 0, asked, free });
        for (column, amount) in &shape.more {
            let free = self.nodes.more[usize::from(*column)][index];
            if *amount > free {
                let (asked, free) = (amount.unsigned_abs(), free.unsigned_abs());
                found.push(Refusal::Extended { resource: column + 1, asked, free });
            }
        }
        let model = self.nodes.kinds[self.nodes.kind[index] as usize].model;
        if !shape.models.is_empty() && !shape.models.contains(&model) {
            found.push(Refusal::GpuModel { model });
        }
        self.described_obstacles(shape.filter, index, &mut found);
        if self.relations.binds(id) {
            let refusal = self.relations.refusal(self.surroundings(), id, node);
            found.extend(refusal.map(Refusal::Relation));
        }
        found
    }

    fn described_obstacles(&self, filter: u32, node: usize, found: &mut Vec<Refusal>) {
        let filter = self.filter(filter);
        let labels = self.labels.labels(self.nodes.label_set[node]);
        let failing = filter.selector.iter().enumerate().filter(|(_, condition)| !condition.holds(labels));
        found.extend(failing.map(|(condition, _)| Refusal::Selector { condition: condition as u16 }));
        let taints = self.labels.taints(self.nodes.taint_set[node]).iter().enumerate();
        let hard = taints.filter(|(_, taint)| {
            taint.effect != TaintEffect::PreferNoSchedule
                && !filter.tolerations.iter().any(|toleration| tolerates(toleration, taint))
        });
        found.extend(hard.map(|(taint, _)| Refusal::Taint { taint: taint as u16 }));
    }
}
