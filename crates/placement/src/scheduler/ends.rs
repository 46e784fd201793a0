//! When what runs is expected to end, in order of time.

use super::TaskIx;
use super::entry::Entry;
use crate::fleet::Binding;
use plimsoll_model::quantity::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Expected ends of running tasks.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// By expected end, then by how long ago it was started: equal ends come in order of starting.
    order: BTreeSet<(Timestamp, u64, TaskIx)>,
    started: BTreeMap<TaskIx, u64>,
    count: u64,
}

impl Ends {
    pub(super) fn insert(&mut self, task: TaskIx, ends: Timestamp) {
        self.count += 1;
        self.started.insert(task, self.count);
        self.order.insert((ends, self.count, task));
    }

    pub(super) fn remove(&mut self, task: TaskIx, ends: Timestamp) {
        if let Some(number) = self.started.remove(&task) {
            self.order.remove(&(ends, number, task));
        }
    }

    /// Moves an expected end; the place among equal ends stays.
    pub(super) fn shift(&mut self, task: TaskIx, from: Timestamp, to: Timestamp) {
        if let Some(number) = self.started.get(&task) {
            self.order.remove(&(from, *number, task));
            self.order.insert((to, *number, task));
        }
    }

    /// The first to end.
    pub(super) fn first(&self) -> Option<(Timestamp, TaskIx)> {
        self.order.first().map(|(at, _, task)| (*at, *task))
    }

    /// Expected ends in order of time, with what ends; services, which have no end, are left out.
    pub(super) fn iter<'a>(&'a self, tasks: &'a [Entry]) -> impl Iterator<Item = (Timestamp, Binding)> + 'a {
        let known = self.order.iter().take_while(|(at, ..)| at.0 < i64::MAX);
        known.map(|(at, _, task)| (*at, tasks[task.0 as usize].binding))
    }

    /// Everything that runs.
    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskIx> + '_ {
        self.started.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.started.len()
    }
}
