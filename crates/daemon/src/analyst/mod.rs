//! The analyst of a running installation: takes every step down, looks at services on a schedule and when they burn, keeps
//! what was proposed and proved, and tells the loop what to put in force.
//!
//! Nothing here decides about replicas. What comes into force goes through the controller as a journaled input, is watched
//! there, and is taken back there. What is kept lies in `proposals.json`, written whole before anybody is told, and in the
//! journal; a daemon that is killed goes on where it was.

mod engine;
pub mod kept;
pub mod worker;

use crate::state_dir::StateDir;
use kept::{Kept, Stage};
use plimsoll_analyst::Proposal;
use plimsoll_analyst::gate::{Envelope, PART_MIN, Terms};
use plimsoll_analyst::history::{Configured, Recorder};
use plimsoll_model::analyst::AnalystMode;
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::{ServiceSpec, Spec};
use plimsoll_model::{Decision, Finding, Millis, Observation, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use worker::{Job, Worker};

/// Most proposals that are kept; the oldest that are over go first.
const KEPT_MAX: usize = 64;
/// Observations in a row with failures above what may be that ask for a look at once.
const BURN_STEPS: u32 = 5;
/// Fewest samples that are looked at: at 60 % seen, enough are left.
const SAMPLES_MIN: usize = PART_MIN * 5 / 2;
/// The file that proposals are kept in.
pub(crate) const FILE: &str = "proposals.json";

/// All of it.
#[derive(Debug)]
pub struct Desk {
    dir: StateDir,
    worker: Option<Worker>,
    is_busy: bool,
    recorders: BTreeMap<ServiceName, Recorder>,
    looked: BTreeMap<ServiceName, Timestamp>,
    burning: BTreeMap<ServiceName, u32>,
    kept: Vec<Kept>,
}

impl Desk {
    /// What an earlier daemon kept; without a worker nothing new is proposed.
    #[must_use]
    pub fn open(dir: StateDir, worker: Option<Worker>) -> Self {
        let kept = dir.read_json(FILE).unwrap_or_default();
        let (recorders, looked, burning) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { dir, worker, is_busy: false, recorders, looked, burning, kept }
    }

    /// Whether a step has to be taken down at all.
    #[must_use]
    pub fn wants(spec: &Spec) -> bool {
        spec.services.values().any(|service| service.analyst.mode != AnalystMode::Off)
    }

    /// Takes a step down.
    pub fn note(&mut self, spec: &Spec, seen: &Observation, decision: &Decision) {
        for (name, service) in &spec.services {
            if service.analyst.mode == AnalystMode::Off {
                self.recorders.remove(name);
                continue;
            }
            let configured = || Configured::of(service, spec.node.cpu);
            let recorder =
                self.recorders.entry(name.clone()).or_insert_with(|| Recorder::new(name, spec.tick.0, configured()));
            recorder.add(seen, decision);
            recorder.keep(spec.analyst.samples as usize);
            let traffic = seen.services.get(name).and_then(|it| it.traffic.as_ref());
            let is_burning = traffic.is_some_and(|traffic| {
                traffic.failed.saturating_mul(1_000) > traffic.finished.saturating_mul(service.analyst.failed_max.0)
            });
            let count = self.burning.entry(name.clone()).or_default();
            *count = if is_burning { count.saturating_add(1) } else { 0 };
        }
    }

    /// The policy changed: what was configured is something else from now on.
    pub fn configure(&mut self, spec: &Spec) {
        self.recorders.retain(|name, _| spec.services.contains_key(name));
        for (name, service) in &spec.services {
            if let Some(recorder) = self.recorders.get_mut(name) {
                recorder.configure(Configured::of(service, spec.node.cpu));
            }
        }
    }

    /// Hands the next service that is due to the worker, if it has nothing to do.
    pub fn look(&mut self, spec: &Spec, now: Timestamp) {
        let Some(worker) = self.worker.as_ref().filter(|_| !self.is_busy) else { return };
        let standing: BTreeSet<&str> =
            self.kept.iter().filter(|it| it.state.stands()).map(|it| it.service.as_str()).collect();
        let is_due = |(name, service): &(&ServiceName, &ServiceSpec)| {
            let enough = self.recorders.get(*name).is_some_and(|it| it.history().samples.len() >= SAMPLES_MIN);
            let since = self.looked.get(*name).map(|at| now.since(*at));
            let burns = self.burning.get(*name).is_some_and(|count| *count >= BURN_STEPS);
            // A burn does not ask more often than the history can have changed.
            let wait = if burns {
                spec.tick.saturating_mul(PART_MIN as u64).min(spec.analyst.every)
            } else {
                spec.analyst.every
            };
            service.analyst.mode != AnalystMode::Off
                && enough
                && !standing.contains(name.as_str())
                && since.is_none_or(|since| since >= wait)
        };
        // Whoever waits longest goes first.
        let due = spec.services.iter().filter(is_due).min_by_key(|(name, _)| self.looked.get(*name).copied());
        let Some((name, service)) = due else { return };
        let Some(history) = self.recorders.get(name).map(|recorder| recorder.history().clone()) else { return };
        let mine = || self.kept.iter().filter(|it| it.service == name.as_str());
        let job = Job {
            spec: spec.clone(),
            service: name.clone(),
            history,
            terms: Terms {
                asked: u32::try_from(mine().count()).unwrap_or(u32::MAX),
                steps_max: spec.analyst.steps_max,
                samples_max: spec.analyst.samples as usize,
                now_ms: Some(now.0),
                envelope: envelope(service),
                salt: now.0.unsigned_abs(),
                ..Terms::default()
            },
            known: mine().map(|it| it.proposal.clone()).collect(),
            shadows: mine()
                .filter(|it| it.state == Stage::Shadow)
                .map(|it| (it.id.clone(), it.proposal.clone(), it.made_at_ms))
                .collect(),
        };
        if worker.carry_out(job) {
            self.is_busy = true;
            self.looked.insert(name.clone(), now);
        }
    }

    /// Takes down what the controller said about proposals; true where it said anything.
    pub fn heard(&mut self, decision: &Decision) -> bool {
        let mut heard = false;
        for finding in &decision.rationale.findings {
            let Finding::Proposal { turned, .. } = finding else { continue };
            if let Some(kept) = self.kept.iter_mut().find(|kept| kept.id == turned.id()) {
                kept.turned(&decision.at.to_string(), turned);
                heard = true;
            }
        }
        if heard {
            self.save();
        }
        heard
    }

    fn add(&mut self, kept: Kept) {
        self.kept.retain(|it| it.id != kept.id);
        self.kept.push(kept);
        while self.kept.len() > KEPT_MAX {
            let over = self.kept.iter().position(|it| !it.state.stands() && !it.state.may_come()).unwrap_or(0);
            self.kept.remove(over);
        }
    }

    fn find(&mut self, id: &str) -> Result<&mut Kept, String> {
        self.kept.iter_mut().find(|it| it.id == id).ok_or_else(|| format!("there is no proposal {id}"))
    }

    /// On disk before anybody is told. What cannot be written is told all the same: the journal has it too.
    fn save(&self) {
        let _ = self.dir.write_json(FILE, &self.kept);
    }

    /// Drops proposals that are over and were made more than `age` before `now`, trace time; how many.
    pub fn drop_older(&mut self, now: Timestamp, age: Millis) -> usize {
        let before = self.kept.len();
        let is_old = |kept: &Kept| now.since(Timestamp(kept.made_at_ms)) > age;
        self.kept.retain(|kept| kept.state.stands() || kept.state.may_come() || !is_old(kept));
        let dropped = before - self.kept.len();
        if dropped > 0 {
            self.save();
        }
        dropped
    }

    /// All, as the API shows them, oldest first.
    #[must_use]
    pub fn shown(&self) -> Vec<serde_json::Value> {
        self.kept.iter().map(|kept| serde_json::to_value(kept).unwrap_or_default()).collect()
    }
}

/// What the operator allows without being asked; in the other modes a person is asked.
fn envelope(service: &ServiceSpec) -> Option<Envelope> {
    let analyst = &service.analyst;
    (analyst.mode == AnalystMode::Auto).then(|| Envelope {
        replicas_least: analyst.replicas_least,
        replicas_most: analyst.replicas_most,
        fields: Vec::new(),
    })
}

/// In a few words.
fn about(proposal: &Proposal) -> String {
    let fields: Vec<&str> = proposal.changes.iter().map(plimsoll_analyst::proposal::Change::field).collect();
    format!("against {}: changes {}", proposal.cause, fields.join(", "))
}
