//! Stopping what is less important, or borrowed, for the task whose turn it is; and emptying nodes that drain.
//!
//! The rules, and why they cannot go round in circles, are those of [`crate::rules::preempt`]; this file carries a plan
//! out and keeps the books. What was stopped waits again for its turn, a gang as a whole, and is *away* for disruption
//! budgets until it runs or is no longer wanted.
//!
//! With preemption on, promises are reclaimed here and nowhere else: two rules that each end by themselves need not end
//! together. Elastic tasks with several workers are asked to shrink, and never stopped.

use super::entry::{Entry, NO_GANG, Phase};
use super::place::Placed;
use super::{Decision, PreemptReason, Scheduler, StartReason, TaskIx};
use crate::fleet::{GpuSet, NodeIx};
use crate::rules::drain::{self, Departures, Prospect};
use crate::rules::guarantee::Taken;
use crate::rules::preempt::{Claim, Plan, Runner, Runners, Scene, plan, plan_gang, plan_on};
use plimsoll_model::cluster::{NodeState, Task};
use plimsoll_model::quantity::Timestamp;
use std::collections::BTreeMap;

/// Where everything that starts goes, on which GPUs if that is settled, and who stops for it.
type Found = (Vec<(NodeIx, Option<GpuSet>)>, Vec<u32>);

/// What preemption has to know of a task beyond its entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Protected {
    budgets: Vec<usize>,
    holder: Option<(usize, Taken)>,
}

impl Scheduler {
    /// Takes note of what protects a task; for installations that preempt or have budgets.
    pub(super) fn protect(&mut self, index: TaskIx, task: &Task) {
        if !self.keeps_runners() {
            return;
        }
        let holder = self.runners.guarantees().holder(task).map(|holder| (holder, Taken::of(task)));
        let budgets = self.budgets.of(&task.labels);
        if holder.is_some() || !budgets.is_empty() {
            self.protected.insert(index, Protected { budgets, holder });
        }
    }

    const fn keeps_runners(&self) -> bool {
        self.policy.preemption || !self.policy.budgets.is_empty()
    }

    fn runner(&self, index: TaskIx, entry: &Entry) -> Runner {
        let protected = self.protected.get(&index).cloned().unwrap_or_default();
        Runner {
            binding: entry.binding,
            priority: entry.facts.priority,
            preemptible: entry.preemptible && !self.elastic.contains_key(&index),
            started: entry.started,
            gang: (entry.gang != NO_GANG).then_some(entry.gang),
            budgets: protected.budgets,
            holder: protected.holder,
        }
    }

    /// A task runs: it is back, and may have to make way.
    pub(super) fn now_runs(&mut self, task: TaskIx) {
        self.is_back(task);
        if self.keeps_runners() {
            let runner = self.runner(task, self.entry_of(task));
            self.runners.start(task.0, runner);
        }
    }

    /// A task stopped or ended.
    pub(super) fn no_longer_runs(&mut self, task: TaskIx) {
        self.runners.stop(task.0);
    }

    /// A task is over.
    pub(super) fn unprotect(&mut self, task: TaskIx) {
        self.is_back(task);
        self.protected.remove(&task);
    }

    fn is_back(&mut self, task: TaskIx) {
        if self.away.remove(&task)
            && let Some(protected) = self.protected.get(&task)
        {
            self.budgets.returned(&protected.budgets);
        }
    }

    fn claim(&self, task: TaskIx) -> Claim {
        let entry = self.entry_of(task);
        let holder = self.protected.get(&task).and_then(|protected| protected.holder);
        Claim { shape: entry.shape, priority: entry.facts.priority, holder }
    }

    /// Starts `head` in the room of tasks that have to make way for it, if that can be.
    pub(super) fn preempt_for(&mut self, head: TaskIx, at: Timestamp, out: &mut Vec<Decision>) -> bool {
        if !self.policy.preemption || self.runners.is_empty() {
            return false;
        }
        let workers: Vec<TaskIx> = match self.members.get(&head) {
            Some(members) => members.clone(),
            None => vec![head; self.elastic.get(&head).map_or(1, |elastic| elastic.speeds.min() as usize)],
        };
        let claims: Vec<Claim> = workers.iter().map(|worker| self.claim(*worker)).collect();
        let scene = Scene { runners: &self.runners, budgets: &self.budgets, at };
        let chooser = self.classes[usize::from(self.entry_of(head).class)].2;
        let found: Option<Found> = if let [claim] = claims[..] {
            self.plan_one(&claim, at).map(|plan| (vec![(plan.node, None)], plan.victims))
        } else {
            plan_gang(&mut self.fleet, &mut self.choosers[chooser], scene, &claims)
                .map(|plan| (plan.places.into_iter().map(|(node, gpus)| (node, Some(gpus))).collect(), plan.victims))
        };
        let Some((places, victims)) = found else { return false };
        let victims: Vec<TaskIx> = victims.into_iter().map(TaskIx).collect();
        let task = self.entry_of(head).facts.priority;
        for victim in &victims {
            let why = PreemptReason::Priority { victim: self.entry_of(*victim).facts.priority, task };
            out.push(Decision::Preempt { victim: *victim, for_task: head, why });
        }
        self.evict(at, &victims);
        let mut placed: Vec<Placed> = Vec::with_capacity(places.len());
        for (worker, (node, gpus)) in workers.into_iter().zip(places) {
            let shape = self.entry_of(worker).shape;
            let choice = self.choosers[chooser].scan_within(&self.fleet, shape, &[node]);
            let gpus = gpus.or(choice.map(|choice| choice.gpus)).unwrap_or(0);
            let binding = self.fleet.place_on(shape, node, gpus).expect("invariant: the plan made room");
            placed.push((worker, binding, choice));
        }
        let why = StartReason::Turn(self.terms(head, at));
        self.commit(head, placed, why, at, out);
        true
    }

    /// The cheapest victims for one task, without looking again where the same was looked for in vain.
    fn plan_one(&mut self, claim: &Claim, at: Timestamp) -> Option<Plan> {
        let scene = Scene { runners: &self.runners, budgets: &self.budgets, at };
        if !self.policy.budgets.is_empty() || !self.runners.guarantees().is_empty() {
            return plan(&self.fleet, scene, claim);
        }
        let found = match self.nobody_yields.changed(&self.fleet, &self.runners, claim) {
            Some(nodes) => plan_on(&self.fleet, scene, claim, &nodes),
            None => plan(&self.fleet, scene, claim),
        };
        self.nobody_yields.note(&self.fleet, &self.runners, claim, found.is_some());
        found
    }

    /// Stops running tasks that will be wanted again: each waits for its turn by its first submission, members of a gang
    /// together if all of them are named. Tasks that do not run are passed over.
    pub fn evict(&mut self, at: Timestamp, tasks: &[TaskIx]) {
        let mut gangs: BTreeMap<u32, Vec<TaskIx>> = BTreeMap::new();
        for task in tasks {
            let Some(entry) = self.tasks.get(task.0 as usize).filter(|entry| entry.phase == Phase::Running) else {
                continue;
            };
            let gang = entry.gang;
            self.stop(*task, at);
            if let Some(protected) = self.protected.get(task)
                && self.away.insert(*task)
            {
                self.budgets.left(&protected.budgets);
            }
            if gang == NO_GANG {
                self.wait_for_turn(*task, at);
            } else {
                gangs.entry(gang).or_default().push(*task);
            }
        }
        for members in gangs.into_values() {
            for member in &members {
                let entry = &mut self.tasks[member.0 as usize];
                (entry.phase, entry.gang) = (Phase::Waiting, NO_GANG);
            }
            let leader = members[0];
            self.members.insert(leader, members);
            self.wait_for_turn(leader, at);
        }
    }

    /// Who has to leave draining nodes now, and who waits for a disruption budget. Give `leave` to [`Scheduler::evict`].
    /// Tasks of lost nodes were taken off when the node was lost.
    #[must_use]
    pub fn departures(&self) -> Departures {
        let drains = |node: u32| self.fleet.state(NodeIx(node)).0 == NodeState::Draining;
        if !(0..self.fleet.len() as u32).any(drains) {
            return Departures::default();
        }
        let made;
        let runners = if self.keeps_runners() {
            &self.runners
        } else {
            let mut all = Runners::default();
            for task in self.ends.tasks() {
                all.start(task.0, self.runner(task, self.entry_of(task)));
            }
            made = all;
            &made
        };
        let prospect = |number: u32| {
            let entry = self.entry_of(TaskIx(number));
            Prospect { kind: entry.kind, ends: (entry.ends.0 < i64::MAX).then_some(entry.ends) }
        };
        drain::departures(&self.fleet, runners, &self.budgets, &prospect)
    }

    /// What runs with its standings, where preemption is on: the Φ of [`crate::rules::preempt`] is computed from it.
    #[must_use]
    pub const fn runners(&self) -> &Runners {
        &self.runners
    }

    /// Why a task that waits finds no room, or where it would, spelt out.
    #[must_use]
    pub fn explain_room(&self, task: TaskIx) -> Option<crate::rules::explain::Waiting> {
        let entry = self.tasks.get(task.0 as usize)?;
        let waits = matches!(entry.phase, Phase::Waiting | Phase::Parked | Phase::Gathering);
        let chooser = &self.choosers[self.classes[usize::from(entry.class)].2];
        waits.then(|| crate::rules::explain::waiting(&self.fleet, chooser, entry.shape))
    }

    /// The class of a task; empty for one that is of none, or is over.
    #[must_use]
    pub fn class(&self, task: TaskIx) -> &str {
        let entry = self.tasks.get(task.0 as usize);
        entry.and_then(|entry| self.classes.get(usize::from(entry.class))).map_or("", |class| &class.0)
    }
}
