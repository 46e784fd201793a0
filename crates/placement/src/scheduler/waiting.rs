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
use crate::fleet::ShapeId;
use crate::order::{Facts, Key, Moves, QueueOrder};
use plimsoll_model::quantity::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// One waiting task's place: class band, key, submission, id.
pub(super) type Place = (i32, Key, Timestamp, TaskIx);
/// A set of tasks that are ranked together: holders, where the order ranks them; otherwise there is one group.
type Group = (i32, Holder);
/// What backfill tells candidates apart by: tasks of one kind share their fate in one pass.
pub(super) type Kind = (ShapeId, Millis);

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
    places: BTreeMap<TaskIx, (Group, Place, Kind)>,
    /// The same tasks by kind, where candidates are walked in this order and no holders are ranked.
    kinds: Option<BTreeMap<Kind, BTreeSet<Place>>>,
    /// Groups, first to last; made again when it is stale.
    ranked: Vec<Group>,
    stale: bool,
    keyed: Timestamp,
}

/// A task that comes into the queue.
pub(super) struct Newcomer<'a> {
    pub(super) task: TaskIx,
    pub(super) band: i32,
    pub(super) facts: &'a Facts,
    pub(super) kind: Kind,
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
    pub(super) fn new(order: QueueOrder, walked: bool) -> Self {
        Self {
            order,
            groups: BTreeMap::new(),
            places: BTreeMap::new(),
            kinds: (walked && order.moves() != Moves::WithUse).then(BTreeMap::new),
            ranked: Vec::new(),
            stale: true,
            keyed: Timestamp(i64::MIN),
        }
    }

    pub(super) fn insert(&mut self, new: &Newcomer<'_>, at: Timestamp, use_of: &dyn Use) {
        let Newcomer { task, band, facts, kind } = *new;
        let group = if self.order.moves() == Moves::WithUse { (band, facts.holder) } else { (0, Holder(0)) };
        let over_use = if matches!(self.order, QueueOrder::Multifactor(_)) { use_of.over_use(facts.holder) } else { 0 };
        let place = (band, self.order.key(facts, at, over_use), facts.submitted, task);
        self.places.insert(task, (group, place, kind));
        if let Some(kinds) = &mut self.kinds {
            kinds.entry(kind).or_default().insert(place);
        }
        self.stale |= !self.groups.contains_key(&group);
        self.groups.entry(group).or_default().insert(place);
    }

    pub(super) fn remove(&mut self, task: TaskIx) {
        let Some((group, place, kind)) = self.places.remove(&task) else { return };
        if let Some(kinds) = &mut self.kinds
            && let Some(set) = kinds.get_mut(&kind)
        {
            set.remove(&place);
            if set.is_empty() {
                kinds.remove(&kind);
            }
        }
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
            let tasks: Vec<(TaskIx, i32, Kind)> =
                self.places.iter().map(|(task, (_, place, kind))| (*task, place.0, *kind)).collect();
            self.groups.clear();
            self.places.clear();
            if let Some(kinds) = &mut self.kinds {
                kinds.clear();
            }
            for (task, band, kind) in tasks {
                self.insert(&Newcomer { task, band, facts: facts_of(task), kind }, at, use_of);
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
        self.ranked.iter().find_map(|group| self.groups.get(group)?.first()).map(|place| place.3)
    }

    /// The next task after `cursor` that `wanted` says yes to, with where the walk then stands.
    pub(super) fn next(&self, cursor: Cursor, mut wanted: impl FnMut(TaskIx) -> bool) -> Option<(TaskIx, Cursor)> {
        let mut after = cursor.after;
        for (group, name) in self.ranked.iter().enumerate().skip(cursor.group) {
            let from = after.take().map_or(Bound::Unbounded, Bound::Excluded);
            let Some(set) = self.groups.get(name) else { continue };
            if let Some(place) = set.range((from, Bound::Unbounded)).find(|place| wanted(place.3)) {
                return Some((place.3, Cursor { group, after: Some(*place) }));
            }
        }
        None
    }

    /// A task's place.
    pub(super) fn place(&self, task: TaskIx) -> Option<Place> {
        self.places.get(&task).map(|(_, place, _)| *place)
    }

    /// The first task of every kind that `wanted` says yes to; none where the order ranks holders.
    pub(super) fn kinds(&self, wanted: impl Fn(Kind) -> bool) -> Option<Vec<(Place, Kind)>> {
        let kinds = self.kinds.as_ref()?.iter().filter(|(kind, _)| wanted(**kind));
        Some(kinds.filter_map(|(kind, set)| Some((*set.first()?, *kind))).collect())
    }

    /// The next task of a kind after a place.
    pub(super) fn next_of_kind(&self, kind: Kind, after: Place) -> Option<Place> {
        let set = self.kinds.as_ref()?.get(&kind)?;
        set.range((Bound::Excluded(after), Bound::Unbounded)).next().copied()
    }

    /// All tasks in order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskIx> + '_ {
        self.ranked.iter().filter_map(|group| self.groups.get(group)).flatten().map(|place| place.3)
    }

    /// A task's key.
    pub(super) fn key(&self, task: TaskIx) -> Option<Key> {
        self.places.get(&task).map(|(_, place, _)| place.1)
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
        let other = candidates.filter(|candidates| *candidates != order).map(|order| Ordered::new(order, true));
        let queue = Ordered::new(order, candidates.is_some() && other.is_none());
        Self { queue, candidates: other, due: BTreeSet::new(), due_of: BTreeMap::new(), area: 0 }
    }

    pub(super) fn insert(&mut self, new: &Newcomer<'_>, at: Timestamp, use_of: &dyn Use) {
        self.queue.insert(new, at, use_of);
        if let Some(candidates) = &mut self.candidates {
            candidates.insert(new, at, use_of);
        }
        self.area = self.area.saturating_add(area(new.facts));
        if let Some(due) = self.due_of.get(&new.task) {
            self.due.insert((*due, new.facts.submitted, new.task));
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
