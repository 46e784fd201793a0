//! One pass over the queue: heads in their order, then backfill.

use super::estimate::put_off;
use super::place::Attempt;
use super::waiting::Cursor;
use super::{BackfillFit, Decision, HoldReason, Misfit, Scheduler, StartReason, TaskIx};
use crate::backfill::{Backfill, Reservation, reserve};
use crate::choose::Chooser;
use crate::fleet::NodeIx;
use plimsoll_model::quantity::Timestamp;

/// The head's reservation, good until something ends or moves an end.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) head: TaskIx,
    epoch: u64,
    /// None where no known end makes room for the head.
    pub(super) reservation: Option<Reservation>,
}

impl Plan {
    pub(super) fn shadow(&self) -> Option<Timestamp> {
        self.reservation.as_ref().map(|reservation| reservation.at)
    }
}

impl Scheduler {
    /// Decides what starts, grows, shrinks or stops at `at`; decisions are in force when they are returned, and are
    /// appended to `out` in the order in which they were made.
    pub fn schedule(&mut self, at: Timestamp, out: &mut Vec<Decision>) {
        self.put_off_ends(at);
        if self.policy.backfill == Backfill::Conservative {
            self.schedule_conservatively(at, out);
        } else {
            self.schedule_heads(at, out);
        }
        self.grow(at, out);
    }

    fn schedule_heads(&mut self, at: Timestamp, out: &mut Vec<Decision>) {
        loop {
            self.refresh(at);
            let Some((head, is_due)) = self.whose_turn(at) else { return };
            match self.try_place(head) {
                Attempt::Placed(placed) => {
                    let terms = self.terms(head, at);
                    let due = self.waiting.due_of(head).filter(|_| is_due);
                    let why = due.map_or(StartReason::Turn(terms), |due| StartReason::Patience { due, terms });
                    self.commit(head, placed, why, at, out);
                }
                Attempt::Quota(refusal) => {
                    self.park(head, refusal);
                    out.push(Decision::Hold { task: head, why: HoldReason::Quota(refusal) });
                }
                Attempt::NoRoom if self.policy.misfit == Misfit::Drop => self.give_up(head, out),
                Attempt::NoRoom => {
                    if self.make_room(head, at, out) {
                        continue;
                    }
                    self.kept_head = self.policy.backfill.keeps_head().then_some(head);
                    self.backfill(head, at, out);
                    return;
                }
            }
        }
    }

    /// The head: whoever kept its turn, is out of patience, or is first in order.
    fn whose_turn(&self, at: Timestamp) -> Option<(TaskIx, bool)> {
        self.kept_head.map(|head| (head, false)).or_else(|| self.waiting.head(at))
    }

    /// Whether room for a head that does not fit was made by stopping or shrinking others. The seam for preemption:
    /// whatever is added here has to be unable to go round in circles.
    fn make_room(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) -> bool {
        // With preemption on, promises are reclaimed by it: two rules that each end need not end together.
        self.shrink_for(head, at, out)
            || self.preempt_for(head, at, out)
            || (!self.policy.preemption && self.reclaim_for(head, at, out))
    }

    fn give_up(&mut self, head: TaskIx, out: &mut Vec<Decision>) {
        let members = self.members.get(&head).cloned().unwrap_or_else(|| vec![head]);
        self.leave_queue(head, false);
        self.members.remove(&head);
        for member in members {
            let mut why = Chooser::filtered(&self.fleet, self.entry_of(member).shape);
            why.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            self.forget(member);
            out.push(Decision::Drop { task: member, why });
        }
    }

    fn backfill(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) {
        match self.policy.backfill {
            Backfill::None | Backfill::RlsNone | Backfill::Conservative => self.say_hold(head, None, at, out),
            Backfill::Greedy => {
                self.say_hold(head, None, at, out);
                self.walk_candidates(head, at, out);
            }
            Backfill::Easy(_) | Backfill::Rls => {
                self.make_plan(head);
                let place = self.plan.as_ref().and_then(|plan| plan.reservation.as_ref());
                let place =
                    place.and_then(|reservation| Some((reservation.at, NodeIx(*reservation.left.keys().next()?))));
                self.say_hold(head, place, at, out);
                self.walk_candidates(head, at, out);
            }
        }
    }

    /// Makes the head's reservation, unless the one there is still holds.
    fn make_plan(&mut self, head: TaskIx) {
        let once = self.policy.backfill == Backfill::Rls;
        let holds = |plan: &Plan| plan.head == head && (once || plan.epoch == self.epoch);
        if self.plan.as_ref().is_some_and(holds) {
            return;
        }
        let reservation = reserve(&self.fleet, &self.units(head), self.ends.iter(&self.tasks));
        self.plans += 1;
        self.plan = Some(Plan { head, epoch: self.epoch, reservation });
    }

    fn walk_candidates(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) {
        let mut cursor = Cursor::START;
        while let Some((task, after)) = self.next_candidate(cursor, head, at) {
            cursor = after;
            self.try_backfill(task, head, at, out);
        }
    }

    /// The next candidate that is not known to have no place.
    fn next_candidate(&self, cursor: Cursor, head: TaskIx, at: Timestamp) -> Option<(TaskIx, Cursor)> {
        let shadow = self.plan_of(head).and_then(Plan::shadow);
        let strict = self.policy.backfill == Backfill::Rls;
        self.waiting.candidates().next(cursor, |task| {
            let entry = self.entry_of(task);
            let is_bound = self.fleet.relations().binds(entry.shape);
            let shape = entry.shape.0 as usize;
            if task == head || (self.refused[shape] == self.epoch && !is_bound) {
                return false;
            }
            match shadow {
                None => true,
                Some(shadow) if strict => at.plus(self.span(task)) < shadow,
                Some(shadow) => {
                    is_bound || self.refused_long[shape] != self.plans || at.plus(self.span(task)) <= shadow
                }
            }
        })
    }

    fn plan_of(&self, head: TaskIx) -> Option<&Plan> {
        self.plan
            .as_ref()
            .filter(|plan| plan.head == head && matches!(self.policy.backfill, Backfill::Easy(_) | Backfill::Rls))
    }

    fn try_backfill(&mut self, task: TaskIx, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) {
        let placed = match self.try_place(task) {
            Attempt::Placed(placed) => placed,
            Attempt::NoRoom => return,
            Attempt::Quota(refusal) => {
                self.park(task, refusal);
                out.push(Decision::Hold { task, why: HoldReason::Quota(refusal) });
                return;
            }
        };
        // The plan leaves for the time of the check, so that the fleet can be asked beside it.
        let mut plan = self.plan_of(head).is_some().then(|| self.plan.take()).flatten();
        let reservation = plan.as_mut().and_then(|plan| plan.reservation.as_mut());
        let shadow = reservation.as_ref().map(|reservation| reservation.at);
        let fit = match reservation {
            None => Some((placed, BackfillFit::NothingKept)),
            Some(reservation) => self.beside(placed, reservation, at),
        };
        if plan.is_some() {
            self.plan = plan;
        }
        let Some((placed, fit)) = fit else {
            let shape = self.entry_of(task).shape.0 as usize;
            if !self.entry_of(task).is_many {
                self.refused_long[shape] = self.plans;
            }
            return;
        };
        let last = placed.iter().map(|(worker, binding, _)| self.end_on(*worker, binding.node, at)).max();
        let ends = last.unwrap_or(at);
        let terms = self.terms(task, at);
        self.commit(task, placed, StartReason::Backfill { head, shadow, ends, fit, terms }, at, out);
    }

    /// Whether room that was taken leaves a reservation alone. A single task that stands in its way is tried on the other
    /// nodes; what cannot stay is given back.
    fn beside(
        &mut self,
        placed: Vec<super::place::Placed>,
        reservation: &mut Reservation,
        at: Timestamp,
    ) -> Option<(Vec<super::place::Placed>, BackfillFit)> {
        let long = |scheduler: &Self, (task, binding, _): &super::place::Placed| {
            scheduler.end_on(*task, binding.node, at) > reservation.at
        };
        if !placed.iter().any(|one| long(self, one)) {
            return Some((placed, BackfillFit::EndsBefore));
        }
        let before = reservation.clone();
        let mut fit = BackfillFit::OtherNode;
        let mut stays = self.policy.backfill != Backfill::Rls;
        for one in &placed {
            if stays && reservation.left.contains_key(&one.1.node.0) && self.end_on(one.0, one.1.node, at) > before.at {
                stays = reservation.allows(&self.fleet, one.1.shape, one.1.node);
                if stays {
                    reservation.note(&self.fleet, &one.1);
                    fit = BackfillFit::ExtraRoom;
                }
            }
        }
        if stays {
            return Some((placed, fit));
        }
        *reservation = before;
        self.undo(&placed);
        let [(task, ..)] = placed[..] else { return None };
        if self.policy.backfill == Backfill::Rls || self.entry_of(task).is_many {
            return None;
        }
        let choice = self.choose_elsewhere(task, reservation)?;
        let binding = self.take(task, &choice);
        Some((vec![(task, binding, Some(choice))], BackfillFit::OtherNode))
    }

    /// Says once why the head waits, and again when its expected start moves.
    fn say_hold(&mut self, head: TaskIx, place: Option<(Timestamp, NodeIx)>, at: Timestamp, out: &mut Vec<Decision>) {
        let shadow = place.map(|(at, _)| at);
        if self.last_hold != Some((head, shadow)) {
            self.last_hold = Some((head, shadow));
            let why = HoldReason::NoRoom { shadow, node: place.map(|(_, node)| node), terms: self.terms(head, at) };
            out.push(Decision::Hold { task: head, why });
        }
    }

    /// Puts off expected ends that have passed; reservations are then out of date. RLScheduler's variant takes estimates
    /// as they are.
    fn put_off_ends(&mut self, at: Timestamp) {
        if matches!(self.policy.backfill, Backfill::Rls | Backfill::RlsNone) {
            return;
        }
        while let Some((ends, task)) = self.ends.first().filter(|(ends, _)| *ends < at) {
            let entry = &mut self.tasks[task.0 as usize];
            let requested = entry.started.plus(entry.requested);
            // An end equal to now has not passed.
            let later = put_off(ends, requested, &mut entry.step, at.minus(plimsoll_model::quantity::Millis(1)));
            entry.ends = later;
            self.ends.shift(task, ends, later);
            self.epoch += 1;
        }
    }
}
