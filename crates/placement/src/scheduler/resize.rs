//! Elastic tasks grow into room that nobody waits for, and give it back when somebody does.

use super::entry::Elastic;
use super::{Decision, ResizeReason, Scheduler, TaskIx};
use crate::elastic::{ElasticPolicy, Speeds, next_to_grow, next_to_shrink};
use crate::fleet::Binding;
use plimsoll_model::quantity::Timestamp;
use std::collections::BTreeMap;

impl Scheduler {
    /// Running elastic tasks with how many workers they have.
    fn elastic_running(&self) -> Vec<(TaskIx, u32, Speeds)> {
        let runs = |task: &TaskIx| self.entry_of(*task).phase == super::entry::Phase::Running;
        let running = self.elastic.iter().filter(|(task, _)| runs(task));
        running.map(|(task, elastic)| (*task, elastic.workers(), elastic.speeds.clone())).collect()
    }

    /// Gives free room to elastic tasks, one worker at a time to whom it is worth most; only while nobody waits.
    pub(super) fn grow(&mut self, at: Timestamp, out: &mut Vec<Decision>) {
        if self.policy.elastic == ElasticPolicy::Fixed || self.waiting.len() > 0 || self.elastic.is_empty() {
            return;
        }
        let mut tasks = self.elastic_running();
        let mut closed = vec![false; tasks.len()];
        let mut added: BTreeMap<TaskIx, (Vec<Binding>, u64)> = BTreeMap::new();
        loop {
            let claims: Vec<(u32, &Speeds)> = tasks.iter().map(|(_, workers, speeds)| (*workers, speeds)).collect();
            let Some((index, gain)) = next_to_grow(&claims, |index| !closed[index]) else { break };
            let task = tasks[index].0;
            let allowed = self.check_quota(self.entry_of(task), 1, 0).is_ok();
            let Some(choice) = allowed.then(|| self.choose_node(task)).flatten() else {
                closed[index] = true;
                continue;
            };
            let binding = self.take(task, &choice);
            self.charge(task, 1, 0, at);
            tasks[index].1 += 1;
            let entry = added.entry(task).or_default();
            entry.0.push(binding);
            entry.1 = gain;
        }
        for (task, (added, gain)) in added {
            self.resize(task, at, |elastic| elastic.more.extend(&added));
            self.say_resize(task, added, Vec::new(), ResizeReason::Grow { gain }, out);
        }
    }

    /// Takes workers back from elastic tasks, those that are worth least first, until `head` fits; none if it would not
    /// fit even then.
    pub(super) fn shrink_for(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) -> bool {
        if self.policy.elastic == ElasticPolicy::Fixed {
            return false;
        }
        let mut tasks = self.elastic_running();
        let mut removed: Vec<(TaskIx, Binding, u64)> = Vec::new();
        let mut fits = false;
        loop {
            let claims: Vec<(u32, &Speeds)> = tasks.iter().map(|(_, workers, speeds)| (*workers, speeds)).collect();
            let Some((index, loss)) = next_to_shrink(&claims, |_| true) else { break };
            let task = tasks[index].0;
            let taken = removed.iter().filter(|(other, ..)| *other == task).count();
            let more = self.elastic.get(&task).map_or(&[][..], |elastic| &elastic.more[..]);
            let Some(binding) = more.len().checked_sub(taken + 1).map(|last| more[last]) else { break };
            tasks[index].1 -= 1;
            self.fleet.release(binding);
            self.epoch += 1;
            removed.push((task, binding, loss));
            if let super::place::Attempt::Placed(placed) = self.try_place(head) {
                self.undo(&placed);
                fits = true;
                break;
            }
        }
        if !fits {
            for (_, binding, _) in removed.iter().rev() {
                let back = self.fleet.place_on(binding.shape, binding.node, binding.gpus);
                back.expect("invariant: room that was just given back is there");
            }
            return false;
        }
        let mut lost: BTreeMap<TaskIx, (Vec<Binding>, u64)> = BTreeMap::new();
        for (task, binding, loss) in removed {
            self.refund(task, 1, 0, at);
            let entry = lost.entry(task).or_default();
            entry.0.push(binding);
            entry.1 += loss;
        }
        for (task, (removed, loss)) in lost {
            let count = removed.len();
            self.resize(task, at, |elastic| elastic.more.truncate(elastic.more.len() - count));
            self.say_resize(task, Vec::new(), removed, ResizeReason::Shrink { for_task: head, loss }, out);
        }
        true
    }

    /// Changes a task's workers and, with its speed, its expected end.
    fn resize(&mut self, task: TaskIx, at: Timestamp, change: impl FnOnce(&mut Elastic)) {
        let Some(elastic) = self.elastic.get_mut(&task) else { return };
        elastic.settle(at);
        change(elastic);
        let entry = &mut self.tasks[task.0 as usize];
        if entry.ends.0 < i64::MAX {
            let ends = at.plus(elastic.left());
            self.ends.shift(task, entry.ends, ends);
            entry.ends = ends;
        }
        self.epoch += 1;
    }

    fn say_resize(
        &self,
        task: TaskIx,
        added: Vec<Binding>,
        removed: Vec<Binding>,
        why: ResizeReason,
        out: &mut Vec<Decision>,
    ) {
        let Some(elastic) = self.elastic.get(&task) else { return };
        let workers = elastic.workers();
        out.push(Decision::Resize { task, workers, added, removed, speed: elastic.speeds.speed(workers), why });
    }
}
