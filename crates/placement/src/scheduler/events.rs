//! What happened: tasks that ended, were cancelled or have to run again, nodes that changed.

use super::entry::{NOWHERE, Phase};
use super::{Scheduler, TaskIx};
use crate::fair::Claimant;
use crate::fleet::{FleetError, NodeIx};
use crate::order::Moves;
use crate::quota::capacity_of;
use plimsoll_model::cluster::{Node, NodeState};
use plimsoll_model::quantity::{Millis, Timestamp};

impl Scheduler {
    /// A running task ended by itself; its run time becomes history. Nothing happens if it does not run.
    pub fn finished(&mut self, at: Timestamp, task: TaskIx) {
        let Some(entry) = self.tasks.get(task.0 as usize).filter(|entry| entry.phase == Phase::Running) else { return };
        if let Some(user) = entry.user {
            let size = u64::from(entry.facts.processors);
            self.history.learn(user, size, entry.requested, at.since(entry.started));
        }
        self.stop(task, at);
        self.forget(task);
    }

    /// A task is not wanted any more, whether it runs or waits. Nothing happens if it is over. A gang's other members go
    /// with a waiting one, because they cannot start without it; these are returned.
    pub fn cancelled(&mut self, at: Timestamp, task: TaskIx) -> Vec<TaskIx> {
        let Some(phase) = self.tasks.get(task.0 as usize).map(|entry| entry.phase) else { return Vec::new() };
        match phase {
            Phase::Done => Vec::new(),
            Phase::Running => {
                self.stop(task, at);
                self.forget(task);
                Vec::new()
            }
            Phase::Gathering => {
                for gang in self.gangs.values_mut() {
                    gang.members.retain(|member| *member != task);
                }
                self.gangs.retain(|_, gang| !gang.members.is_empty());
                self.forget(task);
                Vec::new()
            }
            Phase::Waiting | Phase::Parked => self.withdraw(task),
        }
    }

    /// Takes a waiting task, with all of its gang, out of the queue; the others of the gang are returned.
    fn withdraw(&mut self, task: TaskIx) -> Vec<TaskIx> {
        let of_gang = self.members.iter().find(|(_, members)| members.contains(&task)).map(|(leader, _)| *leader);
        let leader = of_gang.unwrap_or(task);
        self.leave_queue(leader, false);
        let mut others = self.members.remove(&leader).unwrap_or_default();
        others.retain(|member| *member != task);
        for member in others.iter().copied().chain([task]) {
            self.forget(member);
        }
        others
    }

    /// A task that ran is to run again: it gets its old place back, by its first submission. A member of a gang comes
    /// back alone. Nothing happens if it does not run.
    pub fn requeue(&mut self, at: Timestamp, task: TaskIx) {
        if self.tasks.get(task.0 as usize).is_some_and(|entry| entry.phase == Phase::Running) {
            self.stop(task, at);
            self.wait_for_turn(task, at);
        }
    }

    /// A node comes into a state. The tasks of a lost one are gone; they are returned, and are over unless the caller
    /// submits them again. Tasks of a draining one run on until the caller moves them.
    pub fn node_state(&mut self, at: Timestamp, node: NodeIx, state: NodeState) -> Vec<TaskIx> {
        if node.0 as usize >= self.fleet.len() {
            return Vec::new();
        }
        self.fleet.set_state(node, state, at);
        self.epoch += 1;
        if state != NodeState::Lost {
            return Vec::new();
        }
        let on_node = |task: &TaskIx| {
            let more = self.elastic.get(task).map_or(&[][..], |elastic| &elastic.more[..]);
            let mut bindings = more.iter().chain([&self.tasks[task.0 as usize].binding]);
            bindings.any(|binding| binding.node == node)
        };
        let lost: Vec<TaskIx> = self.ends.tasks().filter(on_node).collect();
        for task in &lost {
            self.stop(*task, at);
            self.forget(*task);
        }
        lost
    }

    /// A new node.
    ///
    /// # Errors
    /// What the fleet says against it.
    pub fn add_node(&mut self, node: &Node) -> Result<NodeIx, FleetError> {
        let index = self.fleet.add(node)?;
        let capacity = capacity_of(&self.fleet);
        self.accounts.set_capacity(capacity);
        self.quotas.set_capacity(capacity);
        self.epoch += 1;
        Ok(index)
    }

    /// When to call [`Scheduler::schedule`] again though nothing happened: patience that ends, keys that get old, a
    /// reservation that comes.
    #[must_use]
    pub fn wake_at(&self, at: Timestamp) -> Option<Timestamp> {
        if self.waiting.len() == 0 {
            return None;
        }
        let aged = match self.policy.order.moves() {
            Moves::WithTime(age) if age > Millis(0) => Some(at.plus(age)),
            _ => None,
        };
        let reserved = self.slots.values().filter_map(|slots| slots.first()).map(|slot| slot.from).min();
        let times = [self.waiting.next_due(at), aged, reserved];
        times.into_iter().flatten().filter(|time| *time > at).min()
    }

    /// Takes a running task's room back and books it off; it is then neither running nor waiting.
    pub(super) fn stop(&mut self, task: TaskIx, at: Timestamp) {
        let entry = &mut self.tasks[task.0 as usize];
        let (binding, ends) = (std::mem::replace(&mut entry.binding, NOWHERE), entry.ends);
        self.ends.remove(task, ends);
        self.no_longer_runs(task);
        let mut workers = 1;
        self.fleet.release(binding);
        if let Some(elastic) = self.elastic.get_mut(&task) {
            elastic.settle(at);
            for binding in elastic.more.drain(..) {
                self.fleet.release(binding);
                workers += 1;
            }
        }
        self.refund(task, workers, 1, at);
        self.epoch += 1;
        let claimants = self.tasks[task.0 as usize].claimants;
        self.unpark(&claimants, at);
    }

    /// A task is over.
    pub(super) fn forget(&mut self, task: TaskIx) {
        let entry = &mut self.tasks[task.0 as usize];
        entry.phase = Phase::Done;
        self.names.remove(&std::mem::take(&mut entry.id));
        self.unprotect(task);
        self.elastic.remove(&task);
        self.together.remove(&task);
        self.slots.remove(&task);
        if self.kept_head == Some(task) {
            self.kept_head = None;
        }
    }

    /// Takes a task out of the queue, or out of the hands of the quota that holds it.
    pub(super) fn leave_queue(&mut self, task: TaskIx, keep_due: bool) {
        let facts = self.tasks[task.0 as usize].facts;
        match self.held.remove(&task) {
            Some(refusal) => {
                if let Some(set) = self.parked.get_mut(&refusal.quota) {
                    set.remove(&task);
                }
                if !keep_due {
                    self.waiting.forget_due(task);
                }
            }
            None => self.waiting.remove(task, &facts, keep_due),
        }
        self.slots.remove(&task);
        if self.kept_head == Some(task) {
            self.kept_head = None;
        }
        if self.plan.as_ref().is_some_and(|plan| plan.head == task) {
            self.plan = None;
        }
    }

    /// Lets those wait for their turn again whom a quota held back that has room now.
    fn unpark(&mut self, claimants: &[Option<Claimant>; 2], at: Timestamp) {
        if self.held.is_empty() {
            return;
        }
        let tree = self.quotas.tree();
        let lineages: Vec<Claimant> = claimants.iter().flatten().flat_map(|one| tree.lineage(*one)).collect();
        for claimant in lineages {
            for task in self.parked.remove(&claimant).unwrap_or_default() {
                self.held.remove(&task);
                self.tasks[task.0 as usize].phase = Phase::Waiting;
                self.enqueue(task, at);
            }
        }
    }
}
