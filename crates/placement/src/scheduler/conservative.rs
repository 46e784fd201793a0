//! Conservative backfill: everybody who waits has a reservation, and nobody's is ever made later by another.
//!
//! The table is made from what runs; then each reservation is kept as it was, lifted, and made again at the earliest
//! time, in the order of the queue: where it was is still free, so it can only move forward. Newcomers are booked
//! behind. Only a running task that overruns its estimate can spoil a reservation; that one is booked anew.

use super::place::Attempt;
use super::{Decision, HoldReason, Scheduler, StartReason, TaskIx};
use crate::backfill::{Slot, Timetable};
use crate::fleet::Binding;
use plimsoll_model::quantity::Timestamp;

impl Scheduler {
    pub(super) fn schedule_conservatively(&mut self, at: Timestamp, out: &mut Vec<Decision>) {
        self.refresh(at);
        self.park_refused(out);
        let mut table = Timetable::new(&self.fleet, at, self.ends.iter(&self.tasks));
        let order = self.turn_order(at);
        let mut kept = std::mem::take(&mut self.slots);
        kept.retain(|_, slots| table.keep_if_free(&self.fleet, slots, at));
        let mut starting: Vec<(TaskIx, Option<Timestamp>)> = Vec::new();
        for task in order {
            let old = kept.remove(&task);
            let reserved = old.as_ref().and_then(|slots| slots.first()).map(|slot| slot.from);
            if let Some(slots) = &old {
                table.drop_slots(&self.fleet, slots);
            }
            let Some(slots) = table.book(&self.fleet, &self.units(task), at, self.span(task)) else { continue };
            if slots.iter().all(|slot| slot.from == at) && self.start_reserved(task, &slots, reserved, at, out) {
                starting.push((task, reserved));
                continue;
            }
            self.slots.insert(task, slots);
        }
        if let Some((head, from)) =
            self.slots.iter().map(|(task, slots)| (*task, slots[0])).min_by_key(|(task, slot)| (slot.from, *task))
        {
            let shadow = Some(from.from);
            if self.last_hold != Some((head, shadow)) {
                self.last_hold = Some((head, shadow));
                let why = HoldReason::NoRoom { shadow, node: Some(from.node), terms: self.terms(head, at) };
                out.push(Decision::Hold { task: head, why });
            }
        }
    }

    /// The waiting tasks in the order in which they are booked: those out of patience first.
    fn turn_order(&self, at: Timestamp) -> Vec<TaskIx> {
        let due = self.waiting.due_at(at);
        let others = self.waiting.queue.tasks().filter(|task| !due.contains(task));
        due.iter().copied().chain(others).collect()
    }

    fn park_refused(&mut self, out: &mut Vec<Decision>) {
        if self.quotas.is_empty() {
            return;
        }
        let waiting: Vec<TaskIx> = self.waiting.queue.tasks().collect();
        for task in waiting {
            if let Some(refusal) = self.quota_refusal(task) {
                self.park(task, refusal);
                out.push(Decision::Hold { task, why: HoldReason::Quota(refusal) });
            }
        }
    }

    /// Starts a task in the slots that are booked for now, or wherever its policy finds room if rules between tasks
    /// close them.
    fn start_reserved(
        &mut self,
        task: TaskIx,
        slots: &[Slot],
        reserved: Option<Timestamp>,
        at: Timestamp,
        out: &mut Vec<Decision>,
    ) -> bool {
        if let Some(refusal) = self.quota_refusal(task) {
            self.park(task, refusal);
            out.push(Decision::Hold { task, why: HoldReason::Quota(refusal) });
            return true;
        }
        let workers = self.members.get(&task).cloned().unwrap_or_else(|| vec![task; slots.len()]);
        let mut open = slots.to_vec();
        let mut placed = Vec::with_capacity(workers.len());
        for worker in workers {
            let shape = self.entry_of(worker).shape;
            let Some(index) = open.iter().position(|slot| slot.shape == shape) else { break };
            let slot = open.remove(index);
            let binding: Result<Binding, _> = self.fleet.place_on(shape, slot.node, slot.gpus);
            let Ok(binding) = binding else { break };
            placed.push((worker, binding, None));
        }
        if placed.len() != slots.len() {
            self.undo(&placed);
            // The fleet refuses what the table allows only for rules between tasks.
            let Attempt::Placed(elsewhere) = self.try_place(task) else { return false };
            placed = elsewhere;
        }
        let terms = self.terms(task, at);
        let why = StartReason::Reserved { at: reserved.unwrap_or(at), terms };
        self.commit(task, placed, why, at, out);
        true
    }
}
