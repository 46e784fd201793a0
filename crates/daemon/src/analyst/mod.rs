//! The analyst of a running installation: takes every step down, looks at services when there is reason to, keeps what was
//! found, proposed and proved, and tells the loop what to put in force.
//!
//! Nothing here decides about replicas. What comes into force goes through the controller as a journaled input, is watched
//! there, and is taken back there. When a service is looked at is `plimsoll_analyst::occasion`'s rule; rules and proofs have a
//! thread, a language model another ([`model`]), questions of people a third ([`asker`]), and a search for formulas a fourth
//! ([`search`], [`seek`]); no step waits for any of them. What is kept lies in `proposals.json` and `searches.json`, written whole before
//! anybody is told, and in the journal; a daemon that is killed goes on where it was.

pub mod asker;
mod engine;
pub mod kept;
pub mod metrics;
pub mod model;
pub mod search;
#[cfg(test)]
mod search_tests;
pub mod seek;
#[cfg(test)]
mod tests;
pub mod voice;
pub mod worker;

use crate::state_dir::StateDir;
use kept::{Kept, Stage};
use model::{Consultant, ModelFigures};
use plimsoll_analyst::gate::{Envelope, PART_MIN, Terms};
use plimsoll_analyst::history::{Configured, History, Recorder};
use plimsoll_analyst::occasion::Kinds;
use plimsoll_analyst::{Looked, Occasion, Pace, Proposal, occasion};
use plimsoll_model::analyst::{AnalystMode, ModelSpec};
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::{ServiceSpec, Spec};
use plimsoll_model::{Decision, Finding, Millis, Observation, Timestamp};
use search::{SearchFigures, SearchJob};
use seek::Seeker;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use voice::VoiceError;
use worker::{Job, Look, Proved, Worker};

/// Most proposals that are kept; the oldest that are over go first.
const KEPT_MAX: usize = 64;
/// Most looks at a service between two turns, for drift and burns.
const EXTRA_MAX: u32 = 4;
/// Fewest samples that are looked at: at 60 % seen, enough are left.
const SAMPLES_MIN: usize = PART_MIN * 5 / 2;
/// The file that proposals are kept in.
pub(crate) const FILE: &str = "proposals.json";

/// What the API shows of the analyst beside its proposals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnalystFigures {
    /// Looks, by service and occasion.
    pub looks: BTreeMap<(String, &'static str), u64>,
    /// The model, where the spec names one that can be asked.
    pub model: Option<ModelFigures>,
    /// Searches for formulas, where the spec wants any.
    pub search: Option<SearchFigures>,
}

/// All of it.
#[derive(Debug)]
pub struct Desk {
    dir: StateDir,
    worker: Option<Worker>,
    done: Option<mpsc::Sender<Proved>>,
    is_busy: bool,
    model: Option<(ModelSpec, Consultant)>,
    /// Why the model that the spec names cannot be asked.
    model_fault: Option<VoiceError>,
    seeker: Seeker,
    recorders: BTreeMap<ServiceName, Recorder>,
    looked: BTreeMap<ServiceName, Looked>,
    looks: BTreeMap<(String, &'static str), u64>,
    found: BTreeMap<ServiceName, Look>,
    kept: Vec<Kept>,
}

impl Desk {
    /// What an earlier daemon kept. What is found goes to `done`; without it nothing is looked at.
    #[must_use]
    pub fn open(dir: StateDir, done: Option<mpsc::Sender<Proved>>) -> Self {
        let kept = dir.read_json(FILE).unwrap_or_default();
        let worker = done.clone().and_then(|done| Worker::start(done).ok());
        let seeker = Seeker::open(dir.clone(), done.clone());
        Self {
            dir,
            worker,
            done,
            is_busy: false,
            model: None,
            model_fault: None,
            seeker,
            recorders: BTreeMap::new(),
            looked: BTreeMap::new(),
            looks: BTreeMap::new(),
            found: BTreeMap::new(),
            kept,
        }
    }

    /// Takes the model that the spec names, or lets go of one that it names no more; the same with searches.
    pub fn engage(&mut self, spec: &Spec) {
        self.seeker.engage(spec);
        let wanted = spec.analyst.model.as_ref();
        if self.model.as_ref().map(|(spec, _)| spec) == wanted && self.model_fault.is_none() {
            return;
        }
        // The one before ends with the question that is under way; what it spent is on disk.
        (self.model, self.model_fault) = (None, None);
        let (Some(wanted), Some(done)) = (wanted, self.done.clone()) else { return };
        let spent = model::spent(&self.dir, crate::clock::wall_ms());
        let started =
            voice::open(wanted, spent).and_then(|voice| Ok(Consultant::start(voice, self.dir.clone(), done)?));
        match started {
            Ok(consultant) => self.model = Some((wanted.clone(), consultant)),
            Err(why) => self.model_fault = Some(why),
        }
    }

    /// Why the model that the spec names cannot be asked, if so.
    #[must_use]
    pub const fn fault(&self) -> Option<&VoiceError> {
        self.model_fault.as_ref()
    }

    /// What there is to count.
    #[must_use]
    pub fn figures(&self, spec: &Spec) -> AnalystFigures {
        let model = self.model.as_ref().map(|(_, consultant)| consultant.figures());
        AnalystFigures { looks: self.looks.clone(), model, search: self.seeker.figures(spec) }
    }

    /// The history of a service as far as it was taken down.
    #[must_use]
    pub fn history(&self, service: &ServiceName) -> Option<&History> {
        self.recorders.get(service).map(Recorder::history)
    }

    /// What was last found, by service.
    #[must_use]
    pub fn found(&self) -> BTreeMap<String, serde_json::Value> {
        let value = |name: &ServiceName, look: &Look| {
            let mut value = serde_json::to_value(look).unwrap_or_default();
            if let (Some(search), Some(all)) = (self.seeker.last(name), value.as_object_mut()) {
                all.insert("search".to_owned(), serde_json::to_value(search).unwrap_or_default());
            }
            value
        };
        self.found.iter().map(|(name, look)| (name.to_string(), value(name, look))).collect()
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
        }
    }

    /// The policy changed: what was configured is something else from now on.
    pub fn configure(&mut self, spec: &Spec) {
        self.recorders.retain(|name, _| spec.services.contains_key(name));
        self.found.retain(|name, _| spec.services.contains_key(name));
        self.engage(spec);
        for (name, service) in &spec.services {
            if let Some(recorder) = self.recorders.get_mut(name) {
                recorder.configure(Configured::of(service, spec.node.cpu));
            }
        }
    }

    /// Why a service is to be looked at now, if it is, by this pace after these looks.
    fn occasion(
        &self,
        (name, service): (&ServiceName, &ServiceSpec),
        looked: Looked,
        now: Timestamp,
        pace: Pace,
    ) -> Option<Occasion> {
        let is_standing = self.kept.iter().any(|it| it.state.stands() && it.service == name.as_str());
        let history = self.history(name).filter(|history| history.samples.len() >= SAMPLES_MIN)?;
        if service.analyst.mode == AnalystMode::Off || is_standing {
            return None;
        }
        occasion(history, looked, now.0, pace, service.analyst.failed_max.0 as f64 / 1_000.0)
    }

    /// The next service that there is reason to look at, with the reason: what burns goes first, then what drifts, then whoever waits
    /// longest.
    fn next<'a>(
        &self,
        spec: &'a Spec,
        now: Timestamp,
        pace: Pace,
        looked: impl Fn(&ServiceName) -> Looked,
    ) -> Option<(&'a ServiceName, &'a ServiceSpec, Occasion)> {
        let due = spec.services.iter().filter_map(|(name, service)| {
            let occasion = self.occasion((name, service), looked(name), now, pace)?;
            Some((name, service, occasion))
        });
        let rank = |occasion: &Occasion| match occasion {
            Occasion::Burn { .. } => 0,
            Occasion::Drift { .. } => 1,
            Occasion::Schedule { .. } => 2,
        };
        due.min_by_key(|(name, _, occasion)| (rank(occasion), looked(name).last_ms))
    }

    /// Hands the next service for which there is reason to the search, if it has nothing to do. Which, and why.
    pub fn seek(&mut self, spec: &Spec, now: Timestamp) -> Option<(ServiceName, Occasion)> {
        let wanted = spec.analyst.evolve.as_ref().filter(|_| self.seeker.is_free())?;
        let pace = seek::pace(wanted, rest(spec), EXTRA_MAX);
        let (name, service, occasion) = self.next(spec, now, pace, |name| self.seeker.looked(name))?;
        let job = self.job(spec, name, service, occasion.clone(), now)?;
        let job = SearchJob { job, most: wanted.cpu, begin: self.seeker.begin(name) };
        self.seeker.carry_out(job, now.0).then(|| (name.clone(), occasion))
    }

    /// Hands the next service that there is reason to look at to the worker, if it has nothing to do, and to the model. Which,
    /// and why.
    pub fn look(&mut self, spec: &Spec, now: Timestamp) -> Option<(ServiceName, Occasion)> {
        if self.is_busy || self.worker.is_none() {
            return None;
        }
        let pace =
            Pace { every_ms: spec.analyst.every.0, rest_ms: rest(spec), extra_max: EXTRA_MAX, kinds: Kinds::ALL };
        let looked = |name: &ServiceName| self.looked.get(name).copied().unwrap_or_default();
        let (name, service, occasion) = self.next(spec, now, pace, looked)?;
        let job = self.job(spec, name, service, occasion.clone(), now)?;
        let worker = self.worker.as_ref()?;
        let for_model = self.model.as_ref().map(|(_, consultant)| (consultant, job.clone()));
        if !worker.carry_out(job) {
            return None;
        }
        if let Some((consultant, job)) = for_model {
            consultant.carry_out(job);
        }
        self.is_busy = true;
        let looked = self.looked.entry(name.clone()).or_default();
        *looked = looked.at(now.0, &occasion);
        *self.looks.entry((name.to_string(), occasion.word())).or_default() += 1;
        Some((name.clone(), occasion))
    }

    fn job(
        &self,
        spec: &Spec,
        name: &ServiceName,
        service: &ServiceSpec,
        occasion: Occasion,
        now: Timestamp,
    ) -> Option<Job> {
        let mine = || self.kept.iter().filter(|it| it.service == name.as_str());
        Some(Job {
            spec: spec.clone(),
            service: name.clone(),
            occasion,
            history: self.history(name)?.clone(),
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
        })
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

/// Nothing asks more often than the history can have changed, ms.
fn rest(spec: &Spec) -> u64 {
    spec.tick.saturating_mul(PART_MIN as u64).0
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
