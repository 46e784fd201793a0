//! When formulas are searched for which service, and what searches came to: kept over restarts, one entry per service.

use super::search::{Ending, SearchFigures, SearchJob, Searcher, Spent, Told};
use super::worker::Proved;
use crate::clock::wall_ms;
use crate::state_dir::StateDir;
use plimsoll_analyst::evolve::Searched;
use plimsoll_analyst::occasion::Kinds;
use plimsoll_analyst::{Looked, Occasion, Pace};
use plimsoll_model::Spec;
use plimsoll_model::analyst::{EvolveSpec, SearchOn};
use plimsoll_model::id::ServiceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// The file that searches are kept in.
pub(crate) const FILE: &str = "searches.json";
/// Most searches that are kept; the oldest go first.
const KEPT_MAX: usize = 256;

/// The last search of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Which service.
    pub service: String,
    /// When it was asked for, trace time.
    pub at_ms: i64,
    /// Why.
    pub occasion: Occasion,
    /// The same in words.
    pub because: String,
    /// What it came to, in words.
    pub said: String,
    /// CPU time that it took, choosing and proving included, ms.
    pub cpu_ms: u64,
    /// What it came to.
    pub searched: Searched,
}

/// Hands searches out and takes down what comes of them.
#[derive(Debug)]
pub struct Seeker {
    dir: StateDir,
    done: Option<mpsc::Sender<Proved>>,
    searcher: Option<Searcher>,
    /// The one before, while its thread is not over.
    before: Ending,
    is_busy: bool,
    looked: BTreeMap<String, Looked>,
    kept: Vec<Search>,
    figures: SearchFigures,
}

impl Seeker {
    /// What an earlier daemon kept.
    pub fn open(dir: StateDir, done: Option<mpsc::Sender<Proved>>) -> Self {
        let kept: Vec<Search> = dir.read_json(FILE).unwrap_or_default();
        let looked = |search: &Search| {
            let at = Some(search.at_ms);
            (search.service.clone(), Looked { last_ms: at, turn_ms: at, extra: 0 })
        };
        let looked = kept.iter().map(looked).collect();
        let (before, figures) = (Ending::default(), SearchFigures::default());
        Self { dir, done, searcher: None, before, is_busy: false, looked, kept, figures }
    }

    /// Has a thread while the spec wants searches, and none else. To be called often: where one is still giving up what it was at,
    /// the next starts after it, so that there are never two and the day's budget is counted once. A thread that could not be started
    /// is tried again.
    pub fn engage(&mut self, spec: &Spec) {
        self.looked.retain(|name, _| spec.services.keys().any(|known| known.as_str() == name));
        match (&spec.analyst.evolve, &self.searcher) {
            (None, None) => {}
            (None, Some(searcher)) => (self.before, self.searcher, self.is_busy) = (searcher.ending(), None, false),
            (Some(_), None) if self.before.is_under_way() => {}
            (Some(_), None) => {
                let done = self.done.clone();
                self.searcher = done.and_then(|done| Searcher::start(self.dir.clone(), done).ok());
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// Whether another search could begin now.
    pub const fn is_free(&self) -> bool {
        self.searcher.is_some() && !self.is_busy
    }

    /// What is known of the searches for a service.
    pub fn looked(&self, service: &ServiceName) -> Looked {
        self.looked.get(service.as_str()).copied().unwrap_or_default()
    }

    /// Formulas that earlier searches for a service found good.
    pub fn begin(&self, service: &ServiceName) -> Vec<String> {
        let known = self.kept.iter().find(|search| search.service == service.as_str());
        known.map(|search| search.searched.formulas.clone()).unwrap_or_default()
    }

    /// Hands a search over; whether it was taken.
    pub fn carry_out(&mut self, job: SearchJob, now_ms: i64) -> bool {
        let (service, occasion) = (job.job.service.to_string(), job.job.occasion.clone());
        if !self.searcher.as_ref().is_some_and(|searcher| searcher.carry_out(job)) {
            return false;
        }
        self.is_busy = true;
        let looked = self.looked.entry(service).or_default();
        *looked = looked.at(now_ms, &occasion);
        true
    }

    /// Takes down what a search came to; on disk before anybody is told.
    pub fn take(&mut self, proved: &Proved, told: &Told) -> Search {
        self.is_busy = false;
        let service = proved.service.to_string();
        let Told { searched, cpu_ms } = told.clone();
        *self.figures.runs.entry((service.clone(), searched.outcome.word())).or_default() += 1;
        self.figures.episodes = self.figures.episodes.saturating_add(searched.episodes);
        if let Some(gain) = searched.outcome.gain() {
            self.figures.gains.insert(service.clone(), gain);
        }
        let mut search = Search {
            at_ms: proved.look.at_ms,
            occasion: proved.look.occasion.clone(),
            because: proved.look.because.clone(),
            said: searched.outcome.to_string(),
            cpu_ms,
            searched,
            service,
        };
        let place = self.kept.iter().position(|known| known.service == search.service);
        if let Some(known) = place.map(|place| self.kept.remove(place))
            && search.searched.formulas.is_empty()
        {
            // A search in which nothing was looked at forgets nothing.
            search.searched.formulas = known.searched.formulas;
        }
        self.kept.push(search.clone());
        let over = self.kept.len().saturating_sub(KEPT_MAX);
        self.kept.drain(..over);
        let _ = self.dir.write_json(FILE, &self.kept);
        search
    }

    /// The last search of a service.
    pub fn last(&self, service: &ServiceName) -> Option<&Search> {
        self.kept.iter().find(|search| search.service == service.as_str())
    }

    /// All, as the API shows them, the oldest first.
    pub fn shown(&self) -> Vec<serde_json::Value> {
        self.kept.iter().map(|search| serde_json::to_value(search).unwrap_or_default()).collect()
    }

    /// What there is to count; none where nothing is searched.
    pub fn figures(&self, spec: &Spec) -> Option<SearchFigures> {
        let most = spec.analyst.evolve.as_ref()?.cpu;
        let spent = match &self.searcher {
            Some(searcher) => searcher.spent(wall_ms()),
            None => Spent::read(&self.dir).at(wall_ms()),
        };
        Some(SearchFigures { spent_ms: spent.cpu_ms, most_ms: most.0, ..self.figures.clone() })
    }
}

/// How often a service is searched for.
pub fn pace(spec: &EvolveSpec, rest_ms: u64, extra_max: u32) -> Pace {
    let wants = |on: SearchOn| spec.on.contains(&on);
    let kinds =
        Kinds { schedule: wants(SearchOn::Schedule), drift: wants(SearchOn::Drift), burn: wants(SearchOn::Burn) };
    Pace { every_ms: spec.every.0, rest_ms, extra_max, kinds }
}
