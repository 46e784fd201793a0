//! The waiting tasks in order, kept so that an event costs what it changes.
//!
//! A static order is an ordered set: O(log n) per task that comes or goes. An order that follows the clock is keyed again
//! when its keys are older than it allows. An order that follows use keeps one set per holder and ranks the holders when
//! use changed: O(h log h) with h holders that wait. A second set is kept where backfill looks at candidates in another
//! order, and a third, by due time, where patience may end.
//!
//! What is kept per waiting task is its key and its facts; this module starts nothing and knows no node.

use super::TaskIx;
use crate::fair::Holder;
use crate::order::{Facts, Key, Moves, QueueOrder};
use plimsoll_model::quantity::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// One waiting task's place: key, submission, id.
pub(super) type Place = (Key, Timestamp, TaskIx);
/// A set of tasks that are ranked together: class band and holder; orders that do not rank holders have only one holder.
type Group = (i32, Holder);

/// What ranks holders, where the order does; smaller goes first.
pub(super) type Standing = Vec<(u64, u64, u32)>;

/// What an order reads of the accounts.
pub(super) trait Use {
    /// Decayed use over entitlement, 32 fraction bits.
    fn over_use(&self, holder: Holder) -> u64;
    /// How a holder stands in `order`.
    fn standing(&self, order: &QueueOrder, holder: Holder) -> Standing;
}

/// Tasks in one order.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    pub(super) order: QueueOrder,
    groups: BTreeMap<Group, BTreeSet<Place>>,
    places: BTreeMap<TaskIx, (Group, Place)>,
    /// Groups, first to last; made again when it is stale.
    ranked: Vec<Group>,
    stale: bool,
    keyed: Timestamp,
}

/// Where a walk through an order stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    group: usize,
    after: Option<Place>,
}

impl Cursor {
    /// Before the first task.
    pub(super) const START: Self = Self { group: 0, after: None };
}

impl Ordered {
    pub(super) const fn new(order: QueueOrder) -> Self {
        Self {
            order,
            groups: BTreeMap::new(),
            places: BTreeMap::new(),
            ranked: Vec::new(),
            stale: true,
            keyed: Timestamp(i64::MIN),
        }
    }

    pub(super) fn insert(&mut self, task: TaskIx, band: i32, facts: &Facts, at: Timestamp, use_of: &dyn Use) {
        let by_holder = self.order.moves() == Moves::WithUse;
        let group = (band, if by_holder { facts.holder } else { Holder(0) });
        let over_use = if matches!(self.order, QueueOrder::Multifactor(_)) { use_of.over_use(facts.holder) } else { 0 };
        let place = (self.order.key(facts, at, over_use), facts.submitted, task);
        self.places.insert(task, (group, place));
        self.stale |= !self.groups.contains_key(&group);
        self.groups.entry(group).or_default().insert(place);
    }

    pub(super) fn remove(&mut self, task: TaskIx) {
        let Some((group, place)) = self.places.remove(&task) else { return };
        if let Some(set) = self.groups.get_mut(&group) {
            set.remove(&place);
            if set.is_empty() {
                self.groups.remove(&group);
                self.stale = true;
            }
        }
    }

    /// Use changed: holders have to be ranked again.
    pub(super) fn use_changed(&mut self) {
        self.stale |= self.order.moves() == Moves::WithUse;
    }

    /// Makes keys and ranks that are out of date again.
    pub(super) fn refresh<'a>(&mut self, at: Timestamp, use_of: &dyn Use, facts_of: impl Fn(TaskIx) -> &'a Facts) {
        if let Moves::WithTime(age) = self.order.moves()
            && at != self.keyed
            && (self.keyed.0 == i64::MIN || at >= self.keyed.plus(age))
        {
            self.keyed = at;
            let tasks: Vec<(TaskIx, i32)> = self.places.iter().map(|(task, (group, _))| (*task, group.0)).collect();
            self.groups.clear();
            self.places.clear();
            for (task, band) in tasks {
                self.insert(task, band, facts_of(task), at, use_of);
            }
        }
        // Fair share fades with time as well as with use, but by one factor for everybody: only running tasks change it.
        if self.stale || self.order == QueueOrder::FairShare {
            self.stale = false;
            let order = self.order;
            let mut ranked: Vec<(i32, Standing, Group)> = self
                .groups
                .keys()
                .map(|group| {
                    let standing =
                        if order.moves() == Moves::WithUse { use_of.standing(&order, group.1) } else { Vec::new() };
                    (group.0, standing, *group)
                })
                .collect();
            ranked.sort();
            self.ranked = ranked.into_iter().map(|(.., group)| group).collect();
        }
    }

    pub(super) fn first(&self) -> Option<TaskIx> {
        self.ranked.iter().find_map(|group| self.groups.get(group)?.first()).map(|place| place.2)
    }

    /// The next task after `cursor` that `wanted` says yes to, with where the walk then stands.
    pub(super) fn next(&self, cursor: Cursor, mut wanted: impl FnMut(TaskIx) -> bool) -> Option<(TaskIx, Cursor)> {
        let mut after = cursor.after;
        for (group, name) in self.ranked.iter().enumerate().skip(cursor.group) {
            let from = after.take().map_or(Bound::Unbounded, Bound::Excluded);
            let Some(set) = self.groups.get(name) else { continue };
            if let Some(place) = set.range((from, Bound::Unbounded)).find(|place| wanted(place.2)) {
                return Some((place.2, Cursor { group, after: Some(*place) }));
            }
        }
        None
    }

    /// All tasks in order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskIx> + '_ {
        self.ranked.iter().filter_map(|group| self.groups.get(group)).flatten().map(|place| place.2)
    }

    /// A task's key.
    pub(super) fn key(&self, task: TaskIx) -> Option<Key> {
        self.places.get(&task).map(|(_, place)| place.0)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

/// The waiting tasks.
#[derive(Debug, Clone)]
pub(super) struct WaitList {
    pub(super) queue: Ordered,
    candidates: Option<Ordered>,
    due: BTreeSet<(Timestamp, Timestamp, TaskIx)>,
    due_of: BTreeMap<TaskIx, Timestamp>,
    /// Share × milliseconds of all that waits.
    area: u128,
}

impl WaitList {
    pub(super) fn new(order: QueueOrder, candidates: Option<QueueOrder>) -> Self {
        let candidates = candidates.filter(|candidates| *candidates != order).map(Ordered::new);
        Self { queue: Ordered::new(order), candidates, due: BTreeSet::new(), due_of: BTreeMap::new(), area: 0 }
    }

    pub(super) fn insert(&mut self, task: TaskIx, band: i32, facts: &Facts, at: Timestamp, use_of: &dyn Use) {
        self.queue.insert(task, band, facts, at, use_of);
        if let Some(candidates) = &mut self.candidates {
            candidates.insert(task, band, facts, at, use_of);
        }
        self.area = self.area.saturating_add(area(facts));
        if let Some(due) = self.due_of.get(&task) {
            self.due.insert((*due, facts.submitted, task));
        }
    }

    /// Says when a task is out of patience; kept while it is parked, too.
    pub(super) fn set_due(&mut self, task: TaskIx, facts: &Facts, due: Timestamp) {
        self.due_of.insert(task, due);
        self.due.insert((due, facts.submitted, task));
    }

    /// Takes a task out. `keep_due` for one that comes back.
    pub(super) fn remove(&mut self, task: TaskIx, facts: &Facts, keep_due: bool) {
        self.queue.remove(task);
        if let Some(candidates) = &mut self.candidates {
            candidates.remove(task);
        }
        self.area = self.area.saturating_sub(area(facts));
        if let Some(due) = self.due_of.get(&task) {
            self.due.remove(&(*due, facts.submitted, task));
            if !keep_due {
                self.due_of.remove(&task);
            }
        }
    }

    pub(super) fn use_changed(&mut self) {
        self.queue.use_changed();
        if let Some(candidates) = &mut self.candidates {
            candidates.use_changed();
        }
    }

    pub(super) fn refresh<'a>(&mut self, at: Timestamp, use_of: &dyn Use, facts_of: impl Fn(TaskIx) -> &'a Facts) {
        self.queue.refresh(at, use_of, &facts_of);
        if let Some(candidates) = &mut self.candidates {
            candidates.refresh(at, use_of, &facts_of);
        }
    }

    /// Whose turn it is: the first that is out of patience, or else the first in order.
    pub(super) fn head(&self, at: Timestamp) -> Option<(TaskIx, bool)> {
        match self.due.first() {
            Some((due, _, task)) if *due <= at => Some((*task, true)),
            _ => self.queue.first().map(|task| (task, false)),
        }
    }

    /// When the next task runs out of patience.
    pub(super) fn next_due(&self, at: Timestamp) -> Option<Timestamp> {
        self.due
            .range((Bound::Excluded((at, Timestamp(i64::MAX), TaskIx(u32::MAX))), Bound::Unbounded))
            .next()
            .map(|d| d.0)
    }

    /// Those that are out of patience, by due time.
    pub(super) fn due_at(&self, at: Timestamp) -> Vec<TaskIx> {
        self.due.iter().take_while(|(due, ..)| *due <= at).map(|(.., task)| *task).collect()
    }

    /// A task that does not stand in the queue is over.
    pub(super) fn forget_due(&mut self, task: TaskIx) {
        self.due_of.remove(&task);
    }

    pub(super) fn due_of(&self, task: TaskIx) -> Option<Timestamp> {
        self.due_of.get(&task).copied()
    }

    /// The order in which candidates for backfill are looked at.
    pub(super) fn candidates(&self) -> &Ordered {
        self.candidates.as_ref().unwrap_or(&self.queue)
    }

    /// How long the cluster would work on all that waits.
    pub(super) const fn work(&self) -> Millis {
        Millis((self.area >> 62) as u64)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

/// Share × milliseconds, the work of one task.
pub(super) fn area(facts: &Facts) -> u128 {
    u128::from(facts.size.0) * u128::from(facts.estimate.0)
}
