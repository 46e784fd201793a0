//! The scheduler: which waiting task starts next, and where.
//!
//! [`Scheduler`] owns the fleet, the queue and what runs. It is told what happens ([`Scheduler::submit`],
//! [`Scheduler::finished`], …) and asked what to do ([`Scheduler::schedule`]); the twin and the live controller drive the
//! same code. It reads no clock: every call brings its time, and [`Scheduler::wake_at`] says when to call again though
//! nothing happens.
//!
//! One pass: the task whose turn it is starts if it fits, then the next, until one does not fit; then backfill looks at
//! the others; then elastic tasks grow into what is left. Every decision says what it rests on.
//!
//! Cost of an event with n waiting and r running: O(log n + log r) for whoever comes or goes; a pass that starts nothing
//! looks at each candidate once, and at none again whose shape was refused since room was last freed; a reservation
//! walks the expected ends up to the first fit.
//!
//! This module must not know true run times, and must not change a binding once it was given out.

mod account;
mod adopt;
mod conservative;
mod decision;
mod ends;
mod entry;
mod estimate;
mod events;
mod explain;
mod pass;
mod place;
mod policy;
mod preempt;
mod reclaim;
mod resize;
mod submit;
#[cfg(test)]
mod tests;
mod waiting;

pub use decision::{
    BackfillFit, Decision, HoldReason, OrderTerms, PreemptReason, Remedy, ResizeReason, StartReason, WaitReport,
};
pub use estimate::Estimates;
pub use policy::{ChargeTo, ClassPolicy, Misfit, SchedulerPolicy};
pub use submit::SubmitError;

use crate::choose::{Chooser, Regret};
use crate::fair::{Accounts, Claimant, Holder};
use crate::fleet::Fleet;
use crate::order::QueueOrder;
use crate::quota::{QuotaError, QuotaRefusal, Quotas, capacity_of};
use crate::rules::budget::Budgets;
use crate::rules::guarantee::Guarantees;
use crate::rules::preempt::{InVain, Runners};
use ends::Ends;
use entry::{Elastic, Entry, Gang};
use estimate::History;
use pass::Plan;
use plimsoll_model::quantity::Timestamp;
use preempt::Protected;
use std::collections::{BTreeMap, BTreeSet};
use waiting::WaitList;

/// A task by number, in order of submission; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskIx(pub u32);

/// Which task goes next, and where.
#[derive(Debug, Clone)]
pub struct Scheduler {
    policy: SchedulerPolicy,
    fleet: Fleet,
    /// The first is everybody's, the others belong to classes.
    choosers: Vec<Chooser>,
    classes: Vec<(Box<str>, i32, usize)>,
    accounts: Accounts,
    quotas: Quotas,
    /// Use against entitlement by holder, as `multifactor` last computed it.
    over_uses: Vec<u64>,
    over_uses_at: Option<Timestamp>,
    /// Place of each holder in the tree of queues, by holder number; filled where the order needs it.
    claimants: Vec<Claimant>,
    tasks: Vec<Entry>,
    names: BTreeMap<Box<str>, TaskIx>,
    gangs: BTreeMap<Box<str>, Gang>,
    /// Members of waiting gangs by the member that stands in the queue for all of them.
    members: BTreeMap<TaskIx, Vec<TaskIx>>,
    /// By member, the label on few domains of which its gang wishes to run.
    together: BTreeMap<TaskIx, Box<str>>,
    elastic: BTreeMap<TaskIx, Elastic>,
    waiting: WaitList,
    parked: BTreeMap<Claimant, BTreeSet<TaskIx>>,
    held: BTreeMap<TaskIx, QuotaRefusal>,
    ends: Ends,
    /// What may have to make way; kept where preemption or a budget asks for it.
    runners: Runners,
    /// Claims for which nobody could make way, where only nodes and what runs on them have a say.
    nobody_yields: InVain,
    budgets: Budgets,
    protected: BTreeMap<TaskIx, Protected>,
    /// Tasks that were stopped for others and are not back.
    away: BTreeSet<TaskIx>,
    history: History,
    users: BTreeMap<Box<str>, Holder>,
    /// Counts what may have made room or moved an expected end: while it stands, a refused shape stays refused.
    epoch: u64,
    /// By shape: the epoch in which no node had room for it.
    refused: Vec<u64>,
    /// By shape: the plan under which it was refused for running past the reservation.
    refused_long: Vec<u64>,
    plan: Option<Plan>,
    plans: u64,
    /// What the last walk over candidates rested on: head, epoch, plan. While it stands, only newcomers can have a place.
    walked: Option<(TaskIx, u64, u64)>,
    /// Who came into the queue since then.
    fresh: Vec<TaskIx>,
    /// For which head, and when, shrinking and reclaiming found no room.
    no_room: Option<(TaskIx, u64)>,
    /// Whether any shape has rules towards other tasks: a start may then make room for it.
    has_rules: bool,
    /// The head that keeps its turn, in the modes where it does.
    kept_head: Option<TaskIx>,
    slots: BTreeMap<TaskIx, Vec<crate::backfill::Slot>>,
    last_hold: Option<(TaskIx, Option<Timestamp>)>,
}

impl Scheduler {
    /// A scheduler over a fleet of which nothing is taken.
    ///
    /// # Errors
    /// Quotas that contradict themselves or each other.
    pub fn new(fleet: Fleet, policy: SchedulerPolicy) -> Result<Self, QuotaError> {
        let mut quotas = Quotas::new(&policy.quotas)?;
        let mut accounts = Accounts::new(policy.half_life);
        let capacity = capacity_of(&fleet);
        quotas.set_capacity(capacity);
        accounts.set_capacity(capacity);
        let mut choosers = vec![Chooser::new(policy.node.clone(), &fleet, policy.seed)];
        let mut classes = vec![(Box::from(""), 0, 0)];
        for (name, class) in &policy.classes {
            let mut chooser = 0;
            if let Some(node) = &class.node {
                chooser = choosers.len();
                choosers.push(Chooser::new(node.clone(), &fleet, policy.seed));
            }
            classes.push((name.as_str().into(), class.band, chooser));
        }
        let promises = if policy.reclaim { Guarantees::new(&policy.quotas) } else { Guarantees::default() };
        let budgets = Budgets::new(policy.budgets.clone());
        let mut scheduler = Self {
            waiting: WaitList::new(policy.order.clone(), policy.backfill.candidates()),
            policy,
            fleet,
            choosers,
            classes,
            accounts,
            quotas,
            over_uses: Vec::new(),
            over_uses_at: None,
            claimants: Vec::new(),
            tasks: Vec::new(),
            names: BTreeMap::new(),
            gangs: BTreeMap::new(),
            members: BTreeMap::new(),
            together: BTreeMap::new(),
            elastic: BTreeMap::new(),
            parked: BTreeMap::new(),
            held: BTreeMap::new(),
            ends: Ends::default(),
            runners: Runners::new(promises),
            nobody_yields: InVain::default(),
            budgets,
            protected: BTreeMap::new(),
            away: BTreeSet::new(),
            history: History::default(),
            users: BTreeMap::new(),
            epoch: 1,
            refused: Vec::new(),
            refused_long: Vec::new(),
            plan: None,
            plans: 0,
            walked: None,
            fresh: Vec::new(),
            no_room: None,
            has_rules: false,
            kept_head: None,
            slots: BTreeMap::new(),
            last_hold: None,
        };
        scheduler.weigh_holders();
        Ok(scheduler)
    }

    /// The fleet.
    #[must_use]
    pub const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &SchedulerPolicy {
        &self.policy
    }

    /// Accounts of users or queues, whichever fair orders charge.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Quotas and what is in use under them.
    #[must_use]
    pub const fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// A task's name.
    #[must_use]
    pub fn name(&self, task: TaskIx) -> &str {
        self.tasks.get(task.0 as usize).map_or("", |entry| &entry.id)
    }

    /// The task of that name, among those that wait or run.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TaskIx> {
        self.names.get(name).copied()
    }

    /// How many wait for their turn; a gang counts once, those that a quota holds back do not count.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many a quota holds back.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.held.len()
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.ends.len()
    }

    /// What approximate policies of node choice lost against the exact ones; none where all are exact.
    #[must_use]
    pub fn regret(&self) -> Option<Regret> {
        self.choosers.iter().filter_map(Chooser::regret).reduce(Regret::plus)
    }

    /// Whether the order ranks holders, or something else reads their accounts.
    const fn keeps_accounts(&self) -> bool {
        matches!(self.policy.order, QueueOrder::FairShare | QueueOrder::Drf | QueueOrder::DrfTree)
            || self.policy.order.reads_use()
    }
}
