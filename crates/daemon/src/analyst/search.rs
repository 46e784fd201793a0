//! Searches formulas of replicas on a thread of its own at idle priority: one search at a time, within a budget of CPU time a day.
//!
//! What is searched and what becomes of it is `plimsoll_analyst::evolve`'s and the gate's; here are the thread, its CPU clock, the
//! budget on disk and the flag that ends a search early. The budget counts what the thread took, choosing and proving included, and is
//! written down while a search runs, so that a daemon that is killed buys nothing by it.

use super::worker::{Job, Look, NICE, Proved};
use crate::state_dir::StateDir;
use plimsoll_analyst::evolve::{self, Outcome, Searched, Task};
use plimsoll_model::Millis;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::mpsc;

/// The file that a day's spending is kept in.
pub const SPENT_FILE: &str = "search-spent.json";
/// A day, ms.
const DAY_MS: i64 = 86_400_000;
/// One search takes at most this share⁻¹ of a day's budget,
const SEARCHES_A_DAY: u64 = 4;
/// of which this share, per cent, is for searching; the rest is for choosing and proving.
const SEARCHING_PCT: u64 = 70;
/// CPU time after which what was spent is written down again, ms.
const WRITE_EVERY_MS: u64 = 250;

/// CPU time that was spent, as it outlives the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Wall clock at which the day began, ms.
    began_ms: i64,
    /// CPU time since, ms.
    pub cpu_ms: u64,
}

impl Spent {
    /// What is on disk.
    #[must_use]
    pub fn read(dir: &StateDir) -> Self {
        dir.read_json(SPENT_FILE).unwrap_or_default()
    }

    /// The same at this moment of the wall clock: a day that is over counts no more. A clock that was set back buys nothing.
    #[must_use]
    pub const fn at(self, wall_ms: i64) -> Self {
        if wall_ms.saturating_sub(self.began_ms) >= DAY_MS { Self { began_ms: wall_ms, cpu_ms: 0 } } else { self }
    }

    /// What one search may take now, ms; none where the day's budget is spent.
    #[must_use]
    pub fn grant(self, most: Millis) -> Option<u64> {
        let left = most.0.checked_sub(self.cpu_ms).filter(|left| *left > 0)?;
        Some(left.min((most.0 / SEARCHES_A_DAY).max(1)))
    }
}

/// What there is to count of searches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchFigures {
    /// Searches by service and outcome.
    pub runs: BTreeMap<(String, &'static str), u64>,
    /// CPU time that was spent this day, ms,
    pub spent_ms: u64,
    /// and that may be.
    pub most_ms: u64,
    /// Episodes since the daemon started.
    pub episodes: u64,
    /// What the last search of a service that measured anything would save of the price, as a share of it.
    pub gains: BTreeMap<String, f64>,
}

/// One search.
#[derive(Debug, Clone)]
pub struct SearchJob {
    /// The service with what is known of it.
    pub job: Job,
    /// CPU time that all searches may take in a day.
    pub most: Millis,
    /// Formulas to begin from.
    pub begin: Vec<String>,
}

/// What came of it, beside the proposals.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What the search says.
    pub searched: Searched,
    /// CPU time of this search, choosing and proving included, ms.
    pub cpu_ms: u64,
}

/// Takes searches.
#[derive(Debug)]
pub struct Searcher {
    jobs: SyncSender<SearchJob>,
    spent: Arc<Mutex<Spent>>,
    stop: Arc<AtomicBool>,
}

impl Searcher {
    /// Starts the thread. It ends soon after this value is gone: a search that is under way is given up.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(dir: StateDir, done: mpsc::Sender<Proved>) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(1);
        let spent = Arc::new(Mutex::new(Spent::read(&dir)));
        let stop = Arc::new(AtomicBool::new(false));
        let bench = Bench { dir, spent: Arc::clone(&spent), stop: Arc::clone(&stop) };
        std::thread::Builder::new().name("search".to_owned()).spawn(move || bench.work(&waiting, &done))?;
        Ok(Self { jobs, spent, stop })
    }

    /// Hands a search over without waiting; false where one is under way.
    pub fn carry_out(&self, job: SearchJob) -> bool {
        self.jobs.try_send(job).is_ok()
    }

    /// What was spent this day.
    #[must_use]
    pub fn spent(&self, wall_ms: i64) -> Spent {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).at(wall_ms)
    }
}

impl Searcher {
    /// Tells when its thread is over, once this value is gone.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending(Arc::downgrade(&self.stop))
    }
}

/// Tells when the thread of a [`Searcher`] that is gone is over.
#[derive(Debug, Clone, Default)]
pub struct Ending(Weak<AtomicBool>);

impl Ending {
    /// Whether the thread still gives up what it was at.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Drop for Searcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Bench {
    dir: StateDir,
    spent: Arc<Mutex<Spent>>,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn work(self, waiting: &Receiver<SearchJob>, done: &mpsc::Sender<Proved>) {
        let _ = rustix::process::nice(NICE);
        for job in waiting {
            let proved = self.search(&job);
            if self.stop.load(Ordering::Relaxed) || done.blocking_send(proved).is_err() {
                return;
            }
        }
    }

    /// Searches what may be seen and proves on the rest.
    fn search(&self, SearchJob { job, most, begin }: &SearchJob) -> Proved {
        let mut meter = Meter::start(self, *most);
        let look = Look::by_rules(job);
        let seen = &look.seen;
        let task = Task {
            spec: &job.spec,
            service: &job.service,
            seen: &seen.history,
            features: &seen.features,
            diagnosis: &seen.diagnosis,
            terms: &job.terms,
            begin,
        };
        let (searched, proposal) = match meter.grant {
            Some(_) => evolve::search(&task, &mut || meter.has_time()),
            None => {
                let spent_ms = meter.before.cpu_ms;
                (Searched::of(Outcome::Budget { spent_ms, most_ms: most.0 }), None)
            }
        };
        let found = job.prove_all(proposal.into_iter().collect(), seen.until_ms);
        let cpu_ms = meter.stop();
        Proved {
            service: job.service.clone(),
            look,
            found,
            followed: Vec::new(),
            consulted: None,
            told: Some(Box::new(Told { searched, cpu_ms })),
        }
    }
}

/// What one search takes of the budget.
struct Meter<'a> {
    bench: &'a Bench,
    /// Of the thread, when it began, ms.
    began_ms: u64,
    before: Spent,
    grant: Option<u64>,
    written_ms: u64,
}

impl<'a> Meter<'a> {
    fn start(bench: &'a Bench, most: Millis) -> Self {
        let before = bench.spent.lock().unwrap_or_else(PoisonError::into_inner).at(crate::clock::wall_ms());
        Self { bench, began_ms: thread_cpu_ms(), before, grant: before.grant(most), written_ms: 0 }
    }

    fn used(&self) -> u64 {
        thread_cpu_ms().saturating_sub(self.began_ms)
    }

    /// Whether there is time for one more look.
    fn has_time(&mut self) -> bool {
        let used = self.used();
        if used >= self.written_ms + WRITE_EVERY_MS {
            self.write(used);
        }
        let searching = self.grant.unwrap_or(0) * SEARCHING_PCT / 100;
        used < searching && !self.bench.stop.load(Ordering::Relaxed)
    }

    /// Takes down all that it took, ms.
    fn stop(mut self) -> u64 {
        let used = self.used();
        self.write(used);
        used
    }

    fn write(&mut self, used: u64) {
        let now = Spent { cpu_ms: self.before.cpu_ms.saturating_add(used), ..self.before };
        *self.bench.spent.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let _ = self.bench.dir.write_json(SPENT_FILE, &now);
        self.written_ms = used;
    }
}

/// CPU time of this thread, ms.
fn thread_cpu_ms() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let ms = now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or(0)
}
