//! Adds up what the observations of a journal say.
//!
//! A sample is one full observation: what was there over the interval before it. A workload counts for the part of that
//! interval in which it ran, as its start and its end say; one that came and went between two samples is known from the
//! looks at the inventory in between. A sample belongs to the moment it was taken, so what is asked of two ranges that touch
//! adds up to what is asked of both.
//!
//! Gaps: time that no daemon watched is in no sample's interval. It is counted for nobody and its length is told
//! ([`Metered::unobserved_ms`]); nothing is filled in. Time without a figure of usage counts as requested, and neither as
//! used nor as idle.

use super::sums::{Held, Sums};
use crate::record::StepInputs;
use plimsoll_controller::Input;
use plimsoll_model::operations::{PriceSpec, UserSpec};
use plimsoll_model::{Observation, ReplicaStatus, ReplicaUsage, Spec, Timestamp, WorkloadId};
use std::collections::BTreeMap;

/// Moment and length of a sample are read from two clocks, one after the other; less than this between two samples is no gap.
const CLOCKS_APART_MS: u64 = 100;

/// What belongs together for every grouping there is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// A job, else a service.
    pub is_job: bool,
    /// Its name.
    pub name: String,
    /// Whose it was at the time; none is nobody's.
    pub user: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metered {
    /// By owner.
    pub owners: BTreeMap<Owner, Sums>,
    /// Full observations counted.
    pub samples: u64,
    /// Time that they cover, physical.
    pub observed_ms: u64,
    /// Time between the first and the last of them that nobody watched, physical.
    pub unobserved_ms: u64,
    /// Trace time of the first and the last of them.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The price list in force at the end.
    pub prices: PriceSpec,
}

/// The sum so far.
#[derive(Debug)]
pub struct Meter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    users: BTreeMap<String, String>,
    /// Ended since the last sample.
    ended: BTreeMap<WorkloadId, ReplicaStatus>,
    last: Option<Timestamp>,
    found: Metered,
}

impl Meter {
    /// Counts samples from `from` on and before `to`, trace time.
    #[must_use]
    pub fn new(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        let (users, ended, found) = (BTreeMap::new(), BTreeMap::new(), Metered::default());
        Self { from, to, users, ended, last: None, found }
    }

    /// What a spec says of users and prices, from here on.
    pub fn adopt(&mut self, spec: &Spec) {
        let users = spec.operations.users.iter();
        self.users = users
            .flat_map(|(user, UserSpec { workloads })| workloads.iter().map(|name| (name.clone(), user.clone())))
            .collect();
        self.found.prices = spec.operations.prices.clone();
    }

    /// Takes the inputs of a step.
    pub fn take(&mut self, step: &StepInputs) {
        for input in &step.inputs {
            match input {
                Input::Policy { spec, .. } => self.adopt(spec),
                Input::Observed(observation) => self.observe(step.at, observation),
                _ => {}
            }
        }
    }

    /// The result.
    #[must_use]
    pub fn finish(self) -> Metered {
        self.found
    }

    fn observe(&mut self, at: Timestamp, observation: &Observation) {
        if observation.inventory_only {
            let ended = observation.workloads.iter().filter(|status| status.exited.is_some());
            self.ended.extend(ended.map(|status| (status.id.clone(), status.clone())));
            return;
        }
        let ended = std::mem::take(&mut self.ended);
        let last = self.last.replace(at);
        if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at >= to) {
            return;
        }
        let speed = u64::from(observation.speed.max(1));
        let interval = observation.interval.get();
        if let Some(last) = last.filter(|_| self.found.samples > 0) {
            let passed = at.since(last).get() / speed;
            let gap = Some(passed.saturating_sub(interval)).filter(|gap| *gap > CLOCKS_APART_MS).unwrap_or(0);
            self.found.unobserved_ms = self.found.unobserved_ms.saturating_add(gap);
        }
        self.found.samples += 1;
        self.found.observed_ms = self.found.observed_ms.saturating_add(interval);
        self.found.span = Some((self.found.span.map_or(at, |span| span.0), at));
        let present = observation.workloads.iter();
        let gone = ended.values().filter(|status| !observation.workloads.iter().any(|it| it.id == status.id));
        for status in present.chain(gone) {
            let held = held_ms(status, at, interval, speed);
            if held > 0 {
                let sums = sums(status, observation.usage.get(&status.id), u128::from(held));
                *self.found.owners.entry(self.owner(&status.id)).or_default() += sums;
            }
        }
    }

    fn owner(&self, id: &WorkloadId) -> Owner {
        let (is_job, name) = match id {
            WorkloadId::Replica(id) => (false, id.service.to_string()),
            WorkloadId::Task(id) => (true, id.job.to_string()),
        };
        let user = self.users.get(&name).cloned();
        Owner { is_job, name, user }
    }
}

/// How long a workload ran within the interval before `at`, physical milliseconds.
fn held_ms(status: &ReplicaStatus, at: Timestamp, interval: u64, speed: u64) -> u64 {
    let end = status.exited.as_ref().map_or(at, |exited| exited.at.min(at));
    if end < status.started_at {
        return 0;
    }
    let before_end = at.since(end).get() / speed;
    let age = end.since(status.started_at).get() / speed;
    interval.saturating_sub(before_end).min(age)
}

fn sums(status: &ReplicaStatus, usage: Option<&ReplicaUsage>, held: u128) -> Sums {
    let of = |requested: u64, used: Option<u64>| {
        let used = used.map(u128::from);
        let requested = u128::from(requested);
        Held {
            requested: requested * held,
            used: used.unwrap_or(0) * held,
            idle: used.map_or(0, |used| requested.saturating_sub(used)) * held,
        }
    };
    let cpu = usage.and_then(|usage| usage.cpu).map(|cpu| cpu.get());
    let memory = usage.and_then(|usage| usage.memory).map(|memory| memory.get());
    let moved = |rate: Option<u64>| u128::from(rate.unwrap_or(0)) * held / 1_000;
    Sums {
        cpu: of(status.requests.cpu.get(), cpu),
        memory: of(status.requests.memory.get(), memory),
        network_bytes: moved(usage.and_then(|usage| usage.network_bytes_per_s)),
        disk_bytes: moved(usage.and_then(|usage| usage.disk_bytes_per_s)),
        held_ms: held,
        unmeasured_ms: if cpu.is_some() { 0 } else { held },
    }
}
