//! Diagnoses and proves, on a thread of its own at idle priority: never in the control loop, one case at a time, each with a
//! bounded number of steps. What it returns is data; the loop decides what becomes of it.

use super::model::Consulted;
use super::search::Told;
use plimsoll_analyst::evidence::{DataClass, Fact};
use plimsoll_analyst::gate::{Court, Terms, Verdict, hash, prove};
use plimsoll_analyst::{
    Diagnosis, Features, History, Ladder, Occasion, Pack, PackOptions, Proposal, diagnose, propose,
};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use serde::Serialize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::mpsc;

/// Priority of the thread below everything else.
pub(super) const NICE: i32 = 19;
/// Share of a history that rules may see, per cent; the rest is for the proof.
const SEEN_PCT: u64 = 60;

/// One service to look at.
#[derive(Debug, Clone)]
pub struct Job {
    /// The spec with the operator's own policy.
    pub spec: Spec,
    /// Which.
    pub service: ServiceName,
    /// Why.
    pub occasion: Occasion,
    /// What is known.
    pub history: History,
    /// Terms, less what was seen.
    pub terms: Terms,
    /// Proposals whose changes were tried before and are not made again.
    pub known: Vec<Proposal>,
    /// Proposals that are only followed, with the moment they were made.
    pub shadows: Vec<(String, Proposal, i64)>,
}

/// The part of a history that a proposer may see.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Up to this moment.
    pub until_ms: i64,
    /// That part.
    pub history: History,
    /// In few numbers.
    pub features: Features,
    /// What the rules say of it.
    pub diagnosis: Diagnosis,
}

/// What was found in a service, and why anybody looked.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    /// Trace time.
    pub at_ms: i64,
    /// Why.
    pub occasion: Occasion,
    /// The same in words.
    pub because: String,
    /// Samples that were looked at.
    pub samples: usize,
    /// What each rung said, and what it comes to.
    pub ladder: Ladder,
    /// The facts that findings cite.
    pub facts: Vec<Fact>,
    /// What it was made from.
    #[serde(skip)]
    pub seen: Seen,
}

/// What came of it.
#[derive(Debug)]
pub struct Proved {
    /// Which service.
    pub service: ServiceName,
    /// What was found.
    pub look: Look,
    /// Proposals with their verdicts.
    pub found: Vec<(Proposal, Verdict)>,
    /// What followed ones would have done since they were made.
    pub followed: Vec<(String, Verdict)>,
    /// What a model was asked, where this is its rung.
    pub consulted: Option<Box<Consulted>>,
    /// What a search came to, where this is its.
    pub told: Option<Box<Told>>,
}

/// Takes jobs.
#[derive(Debug)]
pub struct Worker {
    jobs: SyncSender<Job>,
}

impl Worker {
    /// Starts the thread; it ends with this value.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(done: mpsc::Sender<Proved>) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(1);
        std::thread::Builder::new().name("analyst".to_owned()).spawn(move || work(&waiting, &done))?;
        Ok(Self { jobs })
    }

    /// Hands a job over without waiting; false where one is being done already.
    pub fn carry_out(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

fn work(waiting: &Receiver<Job>, done: &mpsc::Sender<Proved>) {
    // Threads have priorities of their own here. Without the right to lower it, it runs like any other.
    let _ = rustix::process::nice(NICE);
    for job in waiting {
        if done.blocking_send(job.run()).is_err() {
            return;
        }
    }
}

impl Look {
    /// What the rules find in the part that may be seen.
    #[must_use]
    pub fn by_rules(job: &Job) -> Self {
        let span = job.history.step_ms.saturating_mul(job.history.samples.len() as u64 * SEEN_PCT / 100);
        let until_ms = job.history.start_ms.saturating_add_unsigned(span);
        let history = job.history.before(until_ms);
        let features = Features::of(&history);
        let diagnosis = diagnose(&features);
        let ladder = Ladder::new(&diagnosis, propose(&history, &features, &diagnosis));
        let mut look = Self {
            at_ms: job.terms.now_ms.unwrap_or(until_ms),
            occasion: job.occasion.clone(),
            because: job.occasion.to_string(),
            samples: history.samples.len(),
            ladder,
            facts: Vec::new(),
            seen: Seen { until_ms, history, features, diagnosis },
        };
        look.facts = look.cited();
        look
    }

    /// The facts that findings rest on, as people may see them.
    #[must_use]
    pub fn cited(&self) -> Vec<Fact> {
        let options = PackOptions { tokens_max: u32::MAX, class: DataClass::Names, ..PackOptions::local() };
        let pack = Pack::new(&self.seen.history, &self.seen.features, &self.seen.diagnosis, &options);
        let is_cited = |fact: &Fact| self.ladder.findings.iter().any(|finding| finding.evidence.contains(&fact.id));
        pack.facts.into_iter().filter(is_cited).collect()
    }
}

impl Job {
    /// Diagnoses what may be seen and proves on the rest.
    #[must_use]
    pub fn run(&self) -> Proved {
        let look = Look::by_rules(self);
        let proposals = look.ladder.opinions.first().map(|rules| rules.proposals.clone()).unwrap_or_default();
        let found = self.prove_all(proposals, look.seen.until_ms);
        let follow = |(id, proposal, made): &(String, Proposal, i64)| {
            let terms = Terms { seen_until_ms: Some(*made), ..self.terms.clone() };
            let court = Court::try_new(&self.spec, &self.service, &self.history, &terms).ok()?;
            Some((id.clone(), court.prove(proposal)))
        };
        let followed = self.shadows.iter().filter_map(follow).collect();
        Proved { service: self.service.clone(), look, found, followed, consulted: None, told: None }
    }

    /// Proves what was not tried before, on what came after `until_ms`.
    #[must_use]
    pub fn prove_all(&self, proposals: Vec<Proposal>, until_ms: i64) -> Vec<(Proposal, Verdict)> {
        let is_new = |proposal: &Proposal| {
            !proposal.changes.is_empty() && self.known.iter().all(|known| known.changes != proposal.changes)
        };
        let mut found: Vec<(Proposal, Verdict)> = Vec::new();
        for mut proposal in proposals.into_iter().filter(is_new) {
            // It was made from what is past; its time counts from now.
            if let (Some(now), Some(service)) = (self.terms.now_ms, self.spec.services.get(&self.service)) {
                let stands = service.analyst.stands.get();
                proposal.expires_ms = proposal.expires_ms.max(now.saturating_add_unsigned(stands));
            }
            let asked = self.terms.asked.saturating_add(u32::try_from(found.len()).unwrap_or(u32::MAX));
            let terms = Terms { seen_until_ms: Some(until_ms), asked, ..self.terms.clone() };
            let verdict = prove(&proposal, &self.spec, &self.service, &self.history, &terms);
            found.push((proposal, verdict));
        }
        found
    }
}

/// The id of a proposal on its evidence.
#[must_use]
pub fn id_of(proposal: &Proposal, verdict: &Verdict) -> String {
    let both = hash::of(&(proposal, &verdict.hashes.history));
    hash::text(both)[..12].to_owned()
}
