//! Who makes way: the cheapest victims on a node, and why that can never go round in a circle.
//!
//! What stops together is a [`Unit`]: a task, or a whole gang wherever its members run, because a gang without a member
//! is worth nothing. A unit makes way only for a claim of strictly higher [`Standing`], only where it said that it may
//! be stopped, and only within the disruption budgets.
//!
//! # Why it ends
//! Let Φ be the standings of everything that runs, sorted from the highest down, compared like words in a dictionary
//! (a longer word after its own beginning). A start without victims adds a letter, so Φ grows. A preemption removes
//! letters that are all below the claim's and adds the claim's letter: the first place at which the word changes now
//! holds the claim's letter, where a lower one or none was, so Φ grows too. With finitely many tasks there are finitely
//! many words. So between two outside events (an arrival, an end, a node that comes or goes, a promise that changes)
//! there are only finitely many starts and preemptions, whatever order the queue has. A task that was stopped may be
//! started again: never in the place of what stopped it, nor of anything of its own standing.
//!
//! A standing has two letters: whether the task is within what its holder was promised, and its priority. The second is
//! fixed. The first is marked by [`super::guarantee`] and may change while the task runs; still Φ grows with every step:
//! a start or preemption changes marks only below its own letter. (A holder's tasks are marked in order of priority and of their starts,
//! so a start changes marks of less important tasks of the same holder only; victims are borrowers, whose stop changes no
//! mark, or less important tasks of the claim's own holder, whose stop changes marks below theirs.) And the claim's own
//! letter is at least the right by which it stopped others: a claim may act as guaranteed only when everything that its
//! holder has would be within the promise, and then it is marked so.
//!
//! What is guaranteed to one holder stops for no other, whatever the priorities. **Shares are not in a standing.**
//! Preemption by fair share compares figures that the preemption itself changes, and that is how the loops of kueue's
//! issues 3779 and 14543 come about; here shares order the queue and never stop a task.
//!
//! # Source
//! Multiset order: N. Dershowitz, Z. Manna, "Proving termination with multiset orderings", CACM 22(8), 1979.

mod in_vain;
mod on_fleet;
mod runners;
mod search;

pub use in_vain::InVain;
pub use on_fleet::{Claim, GangPlan, Plan, Scene, plan, plan_gang, plan_on};
pub use runners::{Claimant, Runner, Runners, Seat};
pub use search::{Cost, SUBSETS_MAX, cheapest};

use serde::{Deserialize, Serialize};

/// What decides who makes way for whom. The higher one stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// Within what its holder was guaranteed, as opposed to borrowed.
    pub guaranteed: bool,
    /// The task's priority.
    pub priority: i32,
}

/// What stops together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The caller's number for it; ties go to the lower.
    pub number: u32,
    /// The highest standing of its members.
    pub standing: Standing,
    /// Whether every member may be stopped for the claim.
    pub preemptible: bool,
    /// How many tasks stop with it.
    pub tasks: u32,
    /// Work that is lost: the sum over members of run time so far × share of the node, in any one unit.
    pub work_lost: u128,
    /// Budgets that its members count against, with how many of them do.
    pub budgets: Vec<(usize, u32)>,
}

/// The standings of all that runs, from the highest down: the Φ of the proof.
#[must_use]
pub fn potential(running: impl IntoIterator<Item = Standing>) -> Vec<Standing> {
    let mut word: Vec<Standing> = running.into_iter().collect();
    word.sort_unstable_by(|a, b| b.cmp(a));
    word
}
