//! What the scheduler decided, each with its reasons as numbers.
//!
//! Reasons are small and copied, so that recording them costs nothing that shows; words are made where they are shown.

use super::TaskIx;
use crate::choose::Choice;
use crate::fleet::{Binding, NodeIx, Refusal};
use crate::order::{Key, Share};
use crate::quota::QuotaRefusal;
use plimsoll_model::quantity::{Millis, Timestamp};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A task starts.
    Start {
        /// The task.
        task: TaskIx,
        /// The room it has.
        binding: Binding,
        /// Why there; none where the place came from a reservation made earlier.
        choice: Option<Choice>,
        /// Why now.
        why: StartReason,
    },
    /// A running task has to stop, and waits again.
    Preempt {
        /// The task that stops.
        victim: TaskIx,
        /// The task that gets its room.
        for_task: TaskIx,
        /// Why.
        why: PreemptReason,
    },
    /// An elastic task gets more workers, or fewer.
    Resize {
        /// The task.
        task: TaskIx,
        /// How many it has now.
        workers: u32,
        /// Workers it gets.
        added: Vec<Binding>,
        /// Workers it loses.
        removed: Vec<Binding>,
        /// Speed it now has, in thousandths of one worker's.
        speed: u64,
        /// Why.
        why: ResizeReason,
    },
    /// A task waits, and not because it is not its turn: said once per reason.
    Hold {
        /// The task.
        task: TaskIx,
        /// Why.
        why: HoldReason,
    },
    /// A task that did not fit is given up, as the policy says.
    Drop {
        /// The task.
        task: TaskIx,
        /// The refusals, the most frequent first, each with how many nodes it stands for.
        why: Vec<(Refusal, usize)>,
    },
}

/// What a task's place in the queue rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderTerms {
    /// The order's name.
    pub order: &'static str,
    /// Its key; the smallest goes first.
    pub key: Key,
    /// How long it has waited.
    pub waited: Millis,
    /// How long it is expected to run.
    pub estimate: Millis,
    /// Its dominant share.
    pub size: Share,
    /// Its priority.
    pub priority: i32,
}

/// Why a task starts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartReason {
    /// It was its turn, by the queue's order.
    Turn(OrderTerms),
    /// It was out of patience.
    Patience {
        /// When it was due.
        due: Timestamp,
        /// Its place otherwise.
        terms: OrderTerms,
    },
    /// It does not delay the head.
    Backfill {
        /// The task that it passes.
        head: TaskIx,
        /// When the head is expected to start; none where that is not known.
        shadow: Option<Timestamp>,
        /// When this one is expected to end.
        ends: Timestamp,
        /// How it fits beside the head.
        fit: BackfillFit,
        /// Its place in the order of candidates.
        terms: OrderTerms,
    },
    /// Its reservation, made under conservative backfill, has come.
    Reserved {
        /// When it was reserved for.
        at: Timestamp,
        /// Its place otherwise.
        terms: OrderTerms,
    },
}

/// How a backfilled task fits beside the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackfillFit {
    /// It ends before the head needs the room.
    EndsBefore,
    /// It is on a node that is not reserved.
    OtherNode,
    /// The reserved node has room for both.
    ExtraRoom,
    /// Nothing is kept for anybody.
    NothingKept,
}

/// Why a task stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreemptReason {
    /// Its queue borrowed what is guaranteed to another.
    Reclaim {
        /// What its queue holds, dominant share.
        held: Share,
        /// What the other queue holds.
        holds: Share,
    },
    /// A more important task needs its room.
    Priority {
        /// Its priority.
        victim: i32,
        /// The other's.
        task: i32,
    },
}

/// Why an elastic task changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeReason {
    /// It starts, with its fewest workers or more.
    Begin,
    /// Room is free that nobody waits for; `gain` is the speed that the last worker added, in thousandths.
    Grow {
        /// Speed gained.
        gain: u64,
    },
    /// Somebody waits; `loss` is the speed given up.
    Shrink {
        /// Who gets the room.
        for_task: TaskIx,
        /// Speed lost.
        loss: u64,
    },
}

/// Why a task waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    /// It is its turn and nothing has room.
    NoRoom {
        /// When it is expected to start, if that is known.
        shadow: Option<Timestamp>,
        /// The first reserved node.
        node: Option<NodeIx>,
        /// Its place in the queue.
        terms: OrderTerms,
    },
    /// A quota is full.
    Quota(QuotaRefusal),
    /// Members of its gang are missing.
    Gang {
        /// Members there are.
        members: u32,
        /// Members it needs.
        size: u32,
    },
}

/// What can be said about one waiting task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitReport {
    /// The task.
    pub task: TaskIx,
    /// How many are before it in the queue.
    pub ahead: usize,
    /// Its place in the order.
    pub terms: OrderTerms,
    /// When it runs out of patience.
    pub due: Option<Timestamp>,
    /// Why it cannot start, where something of its own stands in the way.
    pub held: Option<HoldReason>,
    /// How many nodes each filter refuses, with the refusal that came closest to a yes.
    pub filtered: Vec<(Refusal, usize)>,
    /// Nodes that have room for it now, best first, with their scores.
    pub fitting: Vec<(NodeIx, i64)>,
    /// What would have to change.
    pub remedy: Remedy,
    /// The version of the fleet's state that this is about.
    pub version: u64,
}

/// What would have to change for a task to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: it fits and starts when its turn comes.
    Turn,
    /// It fits, and starting it now would delay the head.
    HeadFirst {
        /// The head.
        head: TaskIx,
        /// When the head is expected to start.
        shadow: Option<Timestamp>,
    },
    /// Room: this refusal is the one that comes closest to a yes, on so many nodes.
    Room {
        /// The refusal.
        refusal: Refusal,
        /// Nodes that it stands for.
        nodes: usize,
        /// When enough is expected to be free.
        expected: Option<Timestamp>,
    },
    /// Room under a quota.
    Quota(QuotaRefusal),
    /// The missing members of its gang.
    Members {
        /// How many are missing.
        missing: u32,
    },
    /// No node of this fleet can ever run it.
    Impossible,
}
