//! Taking back what was borrowed: a queue below its guarantee gets room from queues that hold more than theirs.
//!
//! Victims are preemptible tasks of queues that borrow, those of the queue with the largest share first and in it the
//! youngest, because least work is lost. Only as many stop as are needed: who turns out not to be is put back. Nothing
//! stops unless the head then fits.
//!
//! It cannot go round in circles: the beneficiary stays within its guarantee, and what is within a guarantee is never
//! reclaimed.

use super::place::Attempt;
use super::{Decision, PreemptReason, Scheduler, StartReason, TaskIx};
use crate::fair::Claimant;
use crate::fleet::Binding;
use crate::quota::amounts;
use plimsoll_model::quantity::Timestamp;

impl Scheduler {
    /// Starts `head` in reclaimed room, if its queue is entitled to it and it can be found.
    pub(super) fn reclaim_for(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) -> bool {
        if !self.policy.reclaim {
            return false;
        }
        let Some(queue) = self.entry_of(head).claimants[0] else { return false };
        let workers: u32 = self.units(head).iter().map(|unit| unit.count).sum();
        let asked = amounts(self.fleet.shape(self.entry_of(head).shape), workers);
        if !self.quotas.tree().is_guaranteed(queue, &asked) {
            return false;
        }
        let mut released: Vec<(TaskIx, Binding)> = Vec::new();
        let mut placed = None;
        for victim in self.borrowers(queue) {
            let binding = self.entry_of(victim).binding;
            self.fleet.release(binding);
            self.epoch += 1;
            released.push((victim, binding));
            if let Attempt::Placed(found) = self.try_place(head) {
                placed = Some(found);
                break;
            }
        }
        let Some(placed) = placed else {
            // In vain: everything is put back, also where a rule or a node's state would refuse it by now.
            for (_, binding) in released.iter().rev() {
                self.fleet.restore(*binding);
            }
            self.epoch += 1;
            return false;
        };
        // Whoever still fits beside the head was stopped in vain.
        released.retain(|(_, binding)| self.fleet.place_on(binding.shape, binding.node, binding.gpus).is_err());
        self.epoch += 1;
        let terms = self.terms(head, at);
        for (victim, _) in &released {
            let theirs = self.entry_of(*victim).claimants[0];
            let share = |claimant: Claimant| self.quotas.tree().dominant_share(claimant);
            let why = PreemptReason::Reclaim { held: theirs.map(share).unwrap_or_default(), holds: share(queue) };
            out.push(Decision::Preempt { victim: *victim, for_task: head, why });
        }
        for (victim, _) in released {
            self.stop_released(victim, at);
        }
        self.commit(head, placed, StartReason::Turn(terms), at, out);
        true
    }

    /// Running tasks that may be asked to give room back to `queue`, in the order in which they are asked.
    fn borrowers(&self, queue: Claimant) -> Vec<TaskIx> {
        let tree = self.quotas.tree();
        let may_stop = |task: &TaskIx| {
            let entry = self.entry_of(*task);
            let theirs = entry.claimants[0];
            entry.preemptible && !entry.is_many && theirs.is_some_and(|theirs| theirs != queue && tree.borrows(theirs))
        };
        let mut borrowers: Vec<TaskIx> = self.ends.tasks().filter(may_stop).collect();
        borrowers.sort_by_key(|task| {
            let entry = self.entry_of(*task);
            let share = entry.claimants[0].map(|theirs| tree.standing(theirs).share_per_weight);
            (std::cmp::Reverse(share), std::cmp::Reverse(entry.started), std::cmp::Reverse(*task))
        });
        borrowers
    }

    /// Stops a task whose room is given out already; it waits again.
    fn stop_released(&mut self, task: TaskIx, at: Timestamp) {
        let ends = self.entry_of(task).ends;
        self.ends.remove(task, ends);
        self.no_longer_runs(task);
        self.tasks[task.0 as usize].binding = super::entry::NOWHERE;
        self.refund(task, 1, 1, at);
        self.wait_for_turn(task, at);
    }
}
