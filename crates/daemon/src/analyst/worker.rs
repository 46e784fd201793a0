//! Diagnoses and proves, on a thread of its own at idle priority: never in the control loop, one case at a time, each with a
//! bounded number of steps. What it returns is data; the loop decides what becomes of it.

use plimsoll_analyst::gate::{Court, Terms, Verdict, hash, prove};
use plimsoll_analyst::{Features, History, Proposal, diagnose, propose};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::mpsc;

/// Priority of the thread below everything else.
const NICE: i32 = 19;
/// Share of a history that rules may see, per cent; the rest is for the proof.
const SEEN_PCT: u64 = 60;

/// One service to look at.
#[derive(Debug, Clone)]
pub struct Job {
    /// The spec with the operator's own policy.
    pub spec: Spec,
    /// Which.
    pub service: ServiceName,
    /// What is known.
    pub history: History,
    /// Terms, less what was seen.
    pub terms: Terms,
    /// Proposals whose changes were tried before and are not made again.
    pub known: Vec<Proposal>,
    /// Proposals that are only followed, with the moment they were made.
    pub shadows: Vec<(String, Proposal, i64)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Proved {
    /// Which service.
    pub service: ServiceName,
    /// Proposals with their verdicts.
    pub found: Vec<(Proposal, Verdict)>,
    /// What followed ones would have done since they were made.
    pub followed: Vec<(String, Verdict)>,
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

impl Job {
    /// Diagnoses what may be seen and proves on the rest.
    #[must_use]
    pub fn run(&self) -> Proved {
        let seen = self.history.step_ms.saturating_mul(self.history.samples.len() as u64 * SEEN_PCT / 100);
        let until = self.history.start_ms.saturating_add_unsigned(seen);
        let seen = self.history.before(until);
        let features = Features::of(&seen);
        let proposals = propose(&seen, &features, &diagnose(&features));
        let is_new = |proposal: &Proposal| {
            !proposal.changes.is_empty() && self.known.iter().all(|known| known.changes != proposal.changes)
        };
        let mut found = Vec::new();
        for mut proposal in proposals.into_iter().filter(is_new) {
            // It was made from what is past; its time counts from now.
            if let (Some(now), Some(service)) = (self.terms.now_ms, self.spec.services.get(&self.service)) {
                let stands = service.analyst.stands.get();
                proposal.expires_ms = proposal.expires_ms.max(now.saturating_add_unsigned(stands));
            }
            let asked = self.terms.asked.saturating_add(u32::try_from(found.len()).unwrap_or(u32::MAX));
            let terms = Terms { seen_until_ms: Some(until), asked, ..self.terms.clone() };
            let verdict = prove(&proposal, &self.spec, &self.service, &self.history, &terms);
            found.push((proposal, verdict));
        }
        let follow = |(id, proposal, made): &(String, Proposal, i64)| {
            let terms = Terms { seen_until_ms: Some(*made), ..self.terms.clone() };
            let court = Court::try_new(&self.spec, &self.service, &self.history, &terms).ok()?;
            Some((id.clone(), court.prove(proposal)))
        };
        let followed = self.shadows.iter().filter_map(follow).collect();
        Proved { service: self.service.clone(), found, followed }
    }
}

/// The id of a proposal on its evidence.
#[must_use]
pub fn id_of(proposal: &Proposal, verdict: &Verdict) -> String {
    let both = hash::of(&(proposal, &verdict.hashes.history));
    hash::text(both)[..12].to_owned()
}
