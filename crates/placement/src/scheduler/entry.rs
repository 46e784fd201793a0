//! What the scheduler keeps of a task, a gang, an elastic task.

use super::TaskIx;
use crate::elastic::Speeds;
use crate::fair::{Claimant, Holder};
use crate::fleet::{Binding, NodeIx, ShapeId};
use crate::order::Facts;
use plimsoll_model::cluster::TaskKind;
use plimsoll_model::quantity::{Millis, Timestamp};

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its gang is not complete.
    Gathering,
    /// In the queue, by itself or through its gang's first member.
    Waiting,
    /// A quota holds it back.
    Parked,
    /// Runs.
    Running,
    /// Over.
    Done,
}

/// One task.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: Box<str>,
    pub(super) facts: Facts,
    /// What its submitter says it runs, or what is assumed.
    pub(super) requested: Millis,
    /// Whose history it belongs to.
    pub(super) user: Option<Holder>,
    /// Its queue and its user, whose quotas count it.
    pub(super) claimants: [Option<Claimant>; 2],
    pub(super) shape: ShapeId,
    pub(super) class: u16,
    pub(super) preemptible: bool,
    pub(super) kind: TaskKind,
    /// The gang that it started with, by its first member; [`NO_GANG`] for others.
    pub(super) gang: u32,
    /// Whether it is one of several that start together, or has several workers.
    pub(super) is_many: bool,
    pub(super) phase: Phase,
    pub(super) step: u8,
    pub(super) started: Timestamp,
    /// When it is expected to end.
    pub(super) ends: Timestamp,
    pub(super) binding: Binding,
}

/// No gang.
pub(super) const NO_GANG: u32 = u32::MAX;

/// A binding of nothing, for tasks that do not run.
pub(super) const NOWHERE: Binding = Binding { node: NodeIx(u32::MAX), shape: ShapeId(0), gpus: 0 };

/// A gang that gathers.
#[derive(Debug, Clone)]
pub(super) struct Gang {
    pub(super) size: u32,
    pub(super) members: Vec<TaskIx>,
}

/// What an elastic task has beyond its first worker, and how far it is.
#[derive(Debug, Clone)]
pub(super) struct Elastic {
    pub(super) speeds: Speeds,
    /// Workers beyond the first, in order of being added.
    pub(super) more: Vec<Binding>,
    /// Work that is left, in milliseconds × thousandths of one worker's speed.
    pub(super) work: u128,
    /// When `work` was computed.
    pub(super) as_of: Timestamp,
}

impl Elastic {
    pub(super) const fn workers(&self) -> u32 {
        self.more.len() as u32 + 1
    }

    /// Takes off what was done up to `at` at the present speed.
    pub(super) fn settle(&mut self, at: Timestamp) {
        let done = u128::from(at.since(self.as_of).0) * u128::from(self.speeds.speed(self.workers()));
        self.work = self.work.saturating_sub(done);
        self.as_of = at;
    }

    /// Time that is left at the present speed.
    pub(super) fn left(&self) -> Millis {
        let left = self.work.div_ceil(u128::from(self.speeds.speed(self.workers())));
        Millis(u64::try_from(left).unwrap_or(u64::MAX))
    }
}
