//! Booking what tasks hold to users, queues and quotas, and what orders read of it.

use super::entry::Entry;
use super::waiting::{Newcomer, Standing, Use};
use super::{ChargeTo, Scheduler, TaskIx};
use crate::fair::{Accounts, Claimant, Holder};
use crate::order::QueueOrder;
use crate::quota::{QuotaRefusal, Quotas, amounts};
use plimsoll_model::cluster::Task;
use plimsoll_model::quantity::Timestamp;

/// What orders read of the accounts at one time.
pub(super) struct UseAt<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) quotas: &'a Quotas,
    pub(super) claimants: &'a [Claimant],
    pub(super) over_uses: &'a [u64],
    pub(super) at: Timestamp,
}

impl Use for UseAt<'_> {
    fn over_use(&self, holder: Holder) -> u64 {
        self.over_uses.get(holder.0 as usize).copied().unwrap_or(0)
    }

    fn standing(&self, order: &QueueOrder, holder: Holder) -> Standing {
        match order {
            QueueOrder::FairShare => {
                let used = self.accounts.used_per_weight(holder, self.at);
                vec![((used >> 64) as u64, used as u64, holder.0)]
            }
            QueueOrder::Drf => {
                let share = self.accounts.dominant_share(holder).0;
                vec![(0, share / u64::from(self.accounts.weight(holder).max(1)), holder.0)]
            }
            QueueOrder::DrfTree => {
                let rank = self.quotas.tree().rank(self.claimants[holder.0 as usize]);
                rank.iter().map(|one| (u64::from(one.satisfied), one.share_per_weight, one.number)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Scheduler {
    /// Gives holders the weights that quotas state.
    pub(super) fn weigh_holders(&mut self) {
        for spec in self.policy.quotas.clone() {
            let name = match self.charge_to() {
                ChargeTo::User => spec.holder.strip_prefix("user:"),
                ChargeTo::Queue => Some(spec.holder.as_str()).filter(|holder| !holder.starts_with("user:")),
            };
            if let Some(name) = name {
                let holder = self.holder(name);
                self.accounts.set_weight(holder, spec.weight);
            }
        }
    }

    const fn charge_to(&self) -> ChargeTo {
        if matches!(self.policy.order, QueueOrder::DrfTree) { ChargeTo::Queue } else { self.policy.charge_to }
    }

    fn holder(&mut self, name: &str) -> Holder {
        let holder = self.accounts.holder(name);
        if self.policy.order == QueueOrder::DrfTree && holder.0 as usize == self.claimants.len() {
            let claimant = self.quotas.claimant(name);
            self.claimants.push(claimant);
        }
        holder
    }

    /// Whom a task's use is charged to.
    pub(super) fn holder_of(&mut self, task: &Task) -> Holder {
        match self.charge_to() {
            ChargeTo::User => self.holder(&task.user),
            ChargeTo::Queue => self.holder(&task.queue),
        }
    }

    /// Whose quotas count a task: its queue's and its user's, where anybody has one.
    pub(super) fn claimants_of(&mut self, task: &Task) -> [Option<Claimant>; 2] {
        if self.quotas.is_empty() && self.policy.order != QueueOrder::DrfTree {
            return [None; 2];
        }
        // The order `drf-tree` books tasks without a queue to the root queue of the empty name.
        let queue = Some(self.quotas.claimant(&task.queue));
        let user = (!task.user.is_empty()).then(|| self.quotas.claimant(&format!("user:{}", task.user)));
        [queue, user]
    }

    /// Whether quotas let `task` hold `workers` of its shape, and so many tasks, more.
    pub(super) fn check_quota(&self, entry: &Entry, workers: u32, tasks: u64) -> Result<(), QuotaRefusal> {
        if self.quotas.is_empty() {
            return Ok(());
        }
        let asked = amounts(self.fleet.shape(entry.shape), workers);
        entry.claimants.iter().flatten().try_for_each(|claimant| self.quotas.check(*claimant, &asked, tasks))
    }

    /// Books `workers` more of a task's shape.
    pub(super) fn charge(&mut self, task: TaskIx, workers: u32, tasks: u64, at: Timestamp) {
        self.book(task, workers, tasks, at, true);
    }

    /// Takes them off again.
    pub(super) fn refund(&mut self, task: TaskIx, workers: u32, tasks: u64, at: Timestamp) {
        self.book(task, workers, tasks, at, false);
    }

    fn book(&mut self, task: TaskIx, workers: u32, tasks: u64, at: Timestamp, charge: bool) {
        let entry = &self.tasks[task.0 as usize];
        let (holder, claimants) = (entry.facts.holder, entry.claimants);
        let accounts = self.keeps_accounts();
        if !accounts && claimants == [None; 2] {
            return;
        }
        let held = amounts(self.fleet.shape(entry.shape), workers);
        if accounts {
            if charge {
                self.accounts.charge(holder, &held, at);
            } else {
                self.accounts.refund(holder, &held, at);
            }
        }
        for claimant in claimants.into_iter().flatten() {
            if charge {
                self.quotas.charge(claimant, &held, tasks);
            } else {
                self.quotas.refund(claimant, &held, tasks);
            }
        }
        self.waiting.use_changed();
    }

    /// Brings the queue's keys and ranks up to date.
    pub(super) fn refresh(&mut self, at: Timestamp) {
        self.refresh_over_uses(at);
        let Self { waiting, accounts, quotas, claimants, tasks, over_uses, .. } = self;
        let use_of = UseAt { accounts, quotas, claimants, over_uses, at };
        waiting.refresh(at, &use_of, |task| &tasks[task.0 as usize].facts);
    }

    /// Computes everybody's use against entitlement again when it is as old as the order allows: one pass over holders.
    fn refresh_over_uses(&mut self, at: Timestamp) {
        let QueueOrder::Multifactor(weights) = self.policy.order else { return };
        if self.over_uses_at.is_none_or(|computed| at >= computed.plus(weights.refresh)) {
            self.over_uses_at = Some(at);
            self.over_uses = self.accounts.over_uses(at);
        }
    }

    /// Puts a task into the queue.
    pub(super) fn enqueue(&mut self, task: TaskIx, at: Timestamp) {
        let span = self.span(task);
        let Self { waiting, accounts, quotas, claimants, tasks, classes, fresh, walked, over_uses, .. } = self;
        let use_of = UseAt { accounts, quotas, claimants, over_uses, at };
        let entry = &tasks[task.0 as usize];
        let band = classes.get(usize::from(entry.class)).map_or(0, |class| class.1);
        let kind = (entry.shape, span);
        waiting.insert(&Newcomer { task, band, facts: &entry.facts, kind }, at, &use_of);
        // Before the first walk everybody is looked at anyway.
        if walked.is_some() {
            fresh.push(task);
        }
    }
}
