//! One pass over the queue: heads in their order, then backfill.

use super::estimate::put_off;
use super::place::Attempt;
use super::waiting::{Cursor, Kind, Place};
use super::{BackfillFit, Decision, HoldReason, Misfit, Scheduler, StartReason, TaskIx};
use crate::backfill::{Backfill, Reservation, reserve};
use crate::choose::Chooser;
use crate::fleet::NodeIx;
use crate::order::Moves;
use plimsoll_model::quantity::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
            let Some((head, is_due)) = self.whose_turn(at) else {
                self.walked = None;
                self.fresh.clear();
                return;
            };
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
        // What shrinking and reclaiming found in vain they find in vain again until something changes. Preemption has
        // budgets that come back with time, so it is asked every time.
        let in_vain = self.no_room == Some((head, self.epoch));
        // With preemption on, promises are reclaimed by it: two rules that each end need not end together.
        let made = (!in_vain && self.shrink_for(head, at, out))
            || self.preempt_for(head, at, out)
            || (!in_vain && !self.policy.preemption && self.reclaim_for(head, at, out));
        self.no_room = (!made).then_some((head, self.epoch));
        made
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

    /// Looks at the candidates in their order, each once, but at none whose kind is known to have no place. When nothing
    /// happened since the last walk but that tasks came, only these are looked at: the others were refused, and starts
    /// take room and never make any.
    fn walk_candidates(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) {
        let basis = (head, self.epoch, self.plans);
        let fresh = std::mem::take(&mut self.fresh);
        let stands = self.waiting.candidates().order.moves() == Moves::Never && !self.has_rules;
        if stands && self.walked == Some(basis) {
            let mut places: Vec<Place> =
                fresh.iter().filter_map(|task| self.waiting.candidates().place(*task)).collect();
            places.sort_unstable();
            for (.., task) in places {
                if task != head && self.may_have_place(self.kind_of(task), head, at) {
                    self.try_backfill(task, head, at, out);
                }
            }
            return;
        }
        match self.waiting.candidates().kinds(|kind| self.may_have_place(kind, head, at)) {
            Some(firsts) => self.walk_kinds(firsts, head, at, out),
            None => self.walk_all(head, at, out),
        }
        self.walked = Some(basis);
    }

    /// Merges the kinds that may have a place; a kind that turns out to have none is left at once.
    fn walk_kinds(&mut self, firsts: Vec<(Place, Kind)>, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) {
        let mut next: BinaryHeap<Reverse<(Place, Kind)>> = firsts.into_iter().map(Reverse).collect();
        while let Some(Reverse((place, kind))) = next.pop() {
            if !self.may_have_place(kind, head, at) {
                continue;
            }
            let after = self.waiting.candidates().next_of_kind(kind, place);
            next.extend(after.map(|after| Reverse((after, kind))));
            if place.3 != head {
                self.try_backfill(place.3, head, at, out);
            }
        }
    }

    fn walk_all(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) {
        let mut cursor = Cursor::START;
        loop {
            let wanted = |task| task != head && self.may_have_place(self.kind_of(task), head, at);
            let Some((task, after)) = self.waiting.candidates().next(cursor, wanted) else { return };
            cursor = after;
            self.try_backfill(task, head, at, out);
        }
    }

    fn kind_of(&self, task: TaskIx) -> Kind {
        (self.entry_of(task).shape, self.span(task))
    }

    /// Whether a task of this kind is not known to have no place beside the head.
    fn may_have_place(&self, (shape, span): Kind, head: TaskIx, at: Timestamp) -> bool {
        if self.was_refused(shape) {
            return false;
        }
        let Some(shadow) = self.plan_of(head).and_then(Plan::shadow) else { return true };
        let ends = at.plus(span);
        if self.policy.backfill == Backfill::Rls {
            return ends < shadow;
        }
        ends <= shadow || self.refused_long[shape.0 as usize] != self.plans || self.fleet.relations().binds(shape)
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
        let on_reserved = reservation.left.contains_key(&choice.node.0);
        reservation.note(&self.fleet, &binding);
        let fit = if on_reserved { BackfillFit::ExtraRoom } else { BackfillFit::OtherNode };
        Some((vec![(task, binding, Some(choice))], fit))
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
