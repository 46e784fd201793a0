//! The algorithms, one file each; here only which file serves which [`Algorithm`], and what all of them see.

mod floor;
mod least_connections;
mod maglev;
mod peak_ewma;
mod power_of_two;
mod prequal;
mod random;
mod ring;
mod round_robin;
mod smooth_weighted;
mod weighted_by_load;

use crate::endpoint::Endpoint;
use crate::picker::PickContext;
use crate::pool::Pool;
use plimsoll_model::spec::Algorithm;
use plimsoll_stats::Random;
use std::sync::Arc;

/// What an algorithm computes from the endpoints once per pool.
#[derive(Debug)]
pub(crate) enum Tables {
    /// Nothing.
    None,
    /// Draws by weight in constant time.
    Draw(random::AliasTable),
    /// Owners by slot.
    Maglev(maglev::MaglevTable),
    /// Owners by point on a ring.
    Ring(ring::Ring),
}

impl Tables {
    pub(crate) fn build(algorithm: Algorithm, endpoints: &[Arc<Endpoint>], weights: &[u32]) -> Self {
        match algorithm {
            Algorithm::RoundRobin
            | Algorithm::WeightedRoundRobin
            | Algorithm::LeastConnections
            | Algorithm::WeightedByLoad => Self::None,
            Algorithm::SourceHash => Self::Maglev(maglev::MaglevTable::new(endpoints, weights)),
            Algorithm::RingHash => Self::Ring(ring::Ring::new(endpoints, weights)),
            Algorithm::Random | Algorithm::PowerOfTwo | Algorithm::PeakEwma | Algorithm::Prequal => {
                Self::Draw(random::AliasTable::new(weights))
            }
        }
    }
}

/// What an algorithm remembers from pick to pick, per worker.
#[derive(Debug)]
pub(crate) enum State {
    /// Each in turn.
    RoundRobin(round_robin::RoundRobin),
    /// In turn by weight.
    SmoothWeighted(smooth_weighted::SmoothWeighted),
    /// Nothing is remembered.
    Random,
    /// Nothing is remembered.
    LeastConnections,
    /// Nothing is remembered.
    SourceHash,
    /// Nothing is remembered.
    RingHash,
    /// Nothing is remembered.
    PowerOfTwo,
    /// Nothing is remembered.
    PeakEwma,
    /// Candidates.
    Prequal(Box<prequal::Probes>),
    /// The schedule.
    WeightedByLoad(weighted_by_load::WeightedByLoad),
}

impl State {
    pub(crate) fn new(pool: &Pool, random: &mut Random) -> Self {
        match pool.algorithm() {
            Algorithm::RoundRobin => Self::RoundRobin(round_robin::RoundRobin::new(pool, random)),
            Algorithm::WeightedRoundRobin => Self::SmoothWeighted(smooth_weighted::SmoothWeighted::new(pool, random)),
            Algorithm::Random => Self::Random,
            Algorithm::LeastConnections => Self::LeastConnections,
            Algorithm::PeakEwma => Self::PeakEwma,
            Algorithm::SourceHash => Self::SourceHash,
            Algorithm::RingHash => Self::RingHash,
            Algorithm::PowerOfTwo => Self::PowerOfTwo,
            Algorithm::Prequal => Self::Prequal(Box::new(prequal::Probes::new(pool.len()))),
            Algorithm::WeightedByLoad => Self::WeightedByLoad(weighted_by_load::WeightedByLoad::new(pool, random)),
        }
    }

    #[inline]
    pub(crate) fn pick(&mut self, view: &View<'_>, random: &mut Random) -> Option<usize> {
        match self {
            Self::RoundRobin(state) => state.pick(view),
            Self::SmoothWeighted(state) => state.pick(view),
            Self::Random => random::pick(view, random),
            Self::LeastConnections => least_connections::pick(view, random),
            Self::SourceHash => maglev::pick(view, random),
            Self::RingHash => ring::pick(view, random),
            Self::PowerOfTwo => power_of_two::pick(view, random),
            Self::PeakEwma => peak_ewma::pick(view, random),
            Self::Prequal(probes) => probes.pick(view, random),
            Self::WeightedByLoad(schedule) => schedule.pick(view),
        }
    }
}

/// The pool as one request sees it: who may be picked now.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) now: u64,
    pub(crate) key: Option<u64>,
    exclude: usize,
    in_flight_max: u32,
    ejection: bool,
}

impl<'a> View<'a> {
    pub(crate) fn new(pool: &'a Pool, context: PickContext) -> Self {
        Self {
            pool,
            now: context.now,
            key: context.key,
            exclude: context.exclude.unwrap_or(usize::MAX),
            in_flight_max: context.in_flight_max.unwrap_or(u32::MAX),
            ejection: true,
        }
    }

    pub(crate) fn ignore_ejection(&mut self) {
        self.ejection = false;
    }

    pub(crate) fn ignore_exclusion(&mut self) {
        self.exclude = usize::MAX;
    }

    /// Whether this endpoint may be picked.
    #[inline]
    pub(crate) fn allows(&self, index: usize) -> bool {
        let endpoint = &self.pool.endpoints()[index];
        index != self.exclude
            && endpoint.in_flight() < self.in_flight_max
            && !(self.ejection && endpoint.is_ejected(self.now))
    }

    /// The first that may be picked, from `start` on and around.
    pub(crate) fn first_from(&self, start: usize) -> Option<usize> {
        let count = self.pool.len();
        (start..count).chain(0..start.min(count)).find(|index| self.allows(*index))
    }
}
