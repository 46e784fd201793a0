//! Trying to start a task: quota, nodes for all its units, and the books.

use super::entry::{Entry, Phase};
use super::{Decision, OrderTerms, ResizeReason, Scheduler, StartReason, TaskIx};
use crate::backfill::{Reservation, Unit};
use crate::choose::Choice;
use crate::fleet::{Binding, NodeIx, ShapeId};
use crate::quota::QuotaRefusal;
use crate::rules::gang;
use plimsoll_model::cluster::NodeState;
use plimsoll_model::quantity::{Millis, Timestamp};

/// Room taken for one worker of one task.
pub(super) type Placed = (TaskIx, Binding, Option<Choice>);

/// What an attempt to find room came to.
pub(super) enum Attempt {
    /// Room was taken for everything that starts together.
    Placed(Vec<Placed>),
    /// There is not enough.
    NoRoom,
    /// A quota is full.
    Quota(QuotaRefusal),
}

impl Scheduler {
    pub(super) fn entry_of(&self, task: TaskIx) -> &Entry {
        &self.tasks[task.0 as usize]
    }

    /// What of a task its place rests on.
    pub(super) fn terms(&self, task: TaskIx, at: Timestamp) -> OrderTerms {
        let facts = &self.entry_of(task).facts;
        OrderTerms {
            order: self.policy.order.name(),
            key: self.waiting.queue.key(task).unwrap_or(crate::order::Key::LAST),
            waited: facts.waited(at),
            estimate: facts.estimate,
            size: facts.size,
            priority: facts.priority,
        }
    }

    /// How long reservations count on it to run, on the reference node.
    pub(super) fn span(&self, task: TaskIx) -> Millis {
        let entry = self.entry_of(task);
        if self.policy.estimates.rules_reservations() { entry.facts.estimate } else { entry.requested }
    }

    /// When it would end on a node if it started at `at`.
    pub(super) fn end_on(&self, task: TaskIx, node: NodeIx, at: Timestamp) -> Timestamp {
        let span = self.span(task);
        if span.0 == u64::MAX {
            return Timestamp(i64::MAX);
        }
        let speed = self.fleet.speed(self.entry_of(task).shape, node).0.max(1);
        if speed == 1_000 {
            return at.plus(span);
        }
        let scaled = u128::from(span.0) * 1_000 / u128::from(speed);
        at.plus(Millis(u64::try_from(scaled).unwrap_or(u64::MAX).max(1)))
    }

    /// The units that start together with `task`: its gang's, or its fewest workers.
    pub(super) fn units(&self, task: TaskIx) -> Vec<Unit> {
        let of = |task: TaskIx| self.entry_of(task).shape;
        if let Some(members) = self.members.get(&task) {
            let mut units: Vec<Unit> = Vec::new();
            for shape in members.iter().map(|member| of(*member)) {
                match units.iter_mut().find(|unit| unit.shape == shape) {
                    Some(unit) => unit.count += 1,
                    None => units.push(Unit { shape, count: 1 }),
                }
            }
            return units;
        }
        let count = self.elastic.get(&task).map_or(1, |elastic| elastic.speeds.min());
        vec![Unit { shape: of(task), count }]
    }

    /// The node that the task's policy chooses now. A shape that was refused is not asked about again until something
    /// may have made room; rules between tasks make room in other ways, so shapes bound by them are always asked about.
    pub(super) fn choose_node(&mut self, task: TaskIx) -> Option<Choice> {
        let (shape, class) = (self.entry_of(task).shape, self.entry_of(task).class);
        if self.was_refused(shape) {
            return None;
        }
        let alone = self.fleet.len() == 1 && !self.fleet.fits(shape, NodeIx(0));
        let chooser = self.classes[usize::from(class)].2;
        let choice = if alone { None } else { self.choosers[chooser].choose(&self.fleet, shape) };
        if choice.is_none() {
            self.refused[shape.0 as usize] = self.epoch;
        }
        choice
    }

    /// Whether no node had room for this shape, and nothing happened since that could have changed it.
    pub(super) fn was_refused(&self, shape: ShapeId) -> bool {
        self.refused[shape.0 as usize] == self.epoch && !self.fleet.relations().binds(shape)
    }

    /// The node chosen among those that a reservation leaves alone.
    pub(super) fn choose_elsewhere(&mut self, task: TaskIx, reservation: &Reservation) -> Option<Choice> {
        let (shape, class) = (self.entry_of(task).shape, self.entry_of(task).class);
        let chooser = self.classes[usize::from(class)].2;
        let closed: Vec<(NodeIx, Timestamp)> = reservation
            .left
            .keys()
            .map(|node| NodeIx(*node))
            .filter(|node| {
                self.fleet.state(*node).0 == NodeState::Ready && !reservation.allows(&self.fleet, shape, *node)
            })
            .map(|node| (node, self.fleet.state(node).1))
            .collect();
        if closed.len() == self.fleet.len() {
            return None;
        }
        // Closing and opening again leaves the state as it was, and the chooser's structures follow it like any change.
        for (node, since) in &closed {
            self.fleet.set_state(*node, NodeState::Cordoned, *since);
        }
        let choice = self.choosers[chooser].choose(&self.fleet, shape);
        for (node, since) in &closed {
            self.fleet.set_state(*node, NodeState::Ready, *since);
        }
        choice
    }

    /// The first quota that is full for all that starts together with `task`.
    pub(super) fn quota_refusal(&self, task: TaskIx) -> Option<QuotaRefusal> {
        if self.quotas.is_empty() {
            return None;
        }
        let Some(members) = self.members.get(&task) else {
            let workers = self.elastic.get(&task).map_or(1, |elastic| elastic.speeds.min());
            return self.check_quota(self.entry_of(task), workers, 1).err();
        };
        // Members of one gang are charged to one queue and user almost always; a copy answers for the rest, too.
        let mut quotas = self.quotas.clone();
        for member in members {
            let entry = self.entry_of(*member);
            let asked = crate::quota::amounts(self.fleet.shape(entry.shape), 1);
            for claimant in entry.claimants.iter().flatten() {
                if let Err(refusal) = quotas.check(*claimant, &asked, 1) {
                    return Some(refusal);
                }
                quotas.charge(*claimant, &asked, 1);
            }
        }
        None
    }

    /// Takes room for everything that starts together with `task`, all of it or none.
    pub(super) fn try_place(&mut self, task: TaskIx) -> Attempt {
        if let Some(refusal) = self.quota_refusal(task) {
            return Attempt::Quota(refusal);
        }
        if !self.entry_of(task).is_many {
            let Some(choice) = self.choose_node(task) else { return Attempt::NoRoom };
            let binding = self.take(task, &choice);
            return Attempt::Placed(vec![(task, binding, Some(choice))]);
        }
        let workers: Vec<TaskIx> = match self.members.get(&task) {
            Some(members) => members.clone(),
            None => vec![task; self.elastic.get(&task).map_or(1, |elastic| elastic.speeds.min() as usize)],
        };
        if let Some(placed) = self.place_together(task, &workers) {
            return Attempt::Placed(placed);
        }
        let mut placed: Vec<Placed> = Vec::with_capacity(workers.len());
        for worker in workers {
            let before = self.refused[self.entry_of(worker).shape.0 as usize];
            let Some(choice) = self.choose_node(worker) else {
                // What was refused was refused beside the rest of the gang, which says nothing about others.
                if !placed.is_empty() {
                    let shape = self.entry_of(worker).shape;
                    self.refused[shape.0 as usize] = before;
                }
                self.undo(&placed);
                return Attempt::NoRoom;
            };
            let binding = self.take(worker, &choice);
            placed.push((worker, binding, Some(choice)));
        }
        Attempt::Placed(placed)
    }

    /// Room for a gang on few domains of the label that it wishes to be together on; none where it has no such wish, or
    /// not all of it found room that way: a wish never keeps a gang from starting.
    fn place_together(&mut self, leader: TaskIx, members: &[TaskIx]) -> Option<Vec<Placed>> {
        let label = self.together.get(&leader)?;
        let shapes: Vec<ShapeId> = members.iter().map(|member| self.entry_of(*member).shape).collect();
        if shapes.iter().any(|shape| self.was_refused(*shape)) {
            return None;
        }
        let chooser = self.classes[usize::from(self.entry_of(leader).class)].2;
        let found = gang::place(&mut self.fleet, &mut self.choosers[chooser], &shapes, Some(label)).ok()?;
        Some(members.iter().zip(found).map(|(member, (binding, choice))| (*member, binding, Some(choice))).collect())
    }

    pub(super) fn take(&mut self, task: TaskIx, choice: &Choice) -> Binding {
        let shape = self.entry_of(task).shape;
        self.fleet.place_on(shape, choice.node, choice.gpus).expect("invariant: a chosen node has room")
    }

    /// Gives room back that was taken in vain.
    pub(super) fn undo(&mut self, placed: &[Placed]) {
        for (_, binding, _) in placed.iter().rev() {
            self.fleet.release(*binding);
        }
    }

    /// Writes a start into the books and says it.
    pub(super) fn commit(
        &mut self,
        task: TaskIx,
        placed: Vec<Placed>,
        why: StartReason,
        at: Timestamp,
        out: &mut Vec<Decision>,
    ) {
        self.leave_queue(task, false);
        let is_gang = self.members.remove(&task).is_some();
        let mut workers = placed.into_iter();
        if is_gang {
            for (member, binding, choice) in workers {
                self.tasks[member.0 as usize].gang = task.0;
                self.run(member, binding, at, 1);
                out.push(Decision::Start { task: member, binding, choice, why });
            }
            return;
        }
        let Some((_, binding, choice)) = workers.next() else { return };
        out.push(Decision::Start { task, binding, choice, why });
        let more: Vec<Binding> = workers.map(|(_, binding, _)| binding).collect();
        let count = more.len() as u32 + 1;
        if let Some(elastic) = self.elastic.get_mut(&task) {
            elastic.as_of = at;
            elastic.more.clone_from(&more);
            let speed = elastic.speeds.speed(count);
            let why = ResizeReason::Begin;
            out.push(Decision::Resize { task, workers: count, added: more, removed: Vec::new(), speed, why });
        }
        self.run(task, binding, at, count);
    }

    /// A task runs from now on.
    pub(super) fn run(&mut self, task: TaskIx, binding: Binding, at: Timestamp, workers: u32) {
        let mut ends = self.end_on(task, binding.node, at);
        if let Some(elastic) = self.elastic.get(&task)
            && ends.0 < i64::MAX
        {
            ends = at.plus(elastic.left());
        }
        let entry = &mut self.tasks[task.0 as usize];
        (entry.phase, entry.started, entry.ends, entry.step, entry.binding) = (Phase::Running, at, ends, 0, binding);
        self.ends.insert(task, ends);
        self.charge(task, workers, 1, at);
        self.now_runs(task);
    }

    /// A quota holds a task back until something under it ends.
    pub(super) fn park(&mut self, task: TaskIx, refusal: QuotaRefusal) {
        self.leave_queue(task, true);
        self.tasks[task.0 as usize].phase = Phase::Parked;
        self.parked.entry(refusal.quota).or_default().insert(task);
        self.held.insert(task, refusal);
    }
}
