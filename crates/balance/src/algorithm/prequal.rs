//! Prequal: among a few candidates leave out the hot ones, those with most requests in flight, and take the fastest of
//! the rest.
//!
//! Load says what will happen, latency what has happened. Load alone ignores that endpoints differ in speed; latency
//! alone comes late and herds. The rule takes load as a limit and latency as the goal: a candidate is hot when its
//! requests in flight exceed the 0.84 quantile of all candidates'; the cold one with the lowest latency wins, and when
//! all are hot the one with least in flight.
//!
//! Up to 16 candidates; each pick draws three more at random, which displace the worst or the oldest in turn. Signals
//! are passive first: requests in flight and latency at that load as this gateway sees them, read fresh at each pick at
//! no cost. A probe's answer ([`Probes::result`]), which also knows what other gateways send there, goes before them for
//! a second or until it has served its share of picks; each pick in between adds one to its load.
//!
//! # Source
//! B. Wydrowski, R. Kleinberg, S. Rumble, A. Archer, "Load is not what you should balance: Introducing Prequal", NSDI
//! 2024: pool of 16, age limit 1 s, 3 probes and 1 removal per query, Q_RIF = 2^-0.25, reuse
//! max(1, (1 + δ) / ((1 - m/n) r_probe - r_remove)) with δ = 1. The failure factor and the floor are this project's.

use super::{View, floor, random};
use plimsoll_stats::Random;

/// Candidates kept.
const CANDIDATES: usize = 16;

/// Candidates drawn per pick.
const DRAWN: usize = 3;

/// An answer to a probe is believed for this long, µs.
const AGE_MAX_US: u64 = 1_000_000;

/// Hot above this quantile of requests in flight: 2^-0.25.
const HOT_QUANTILE: f32 = 0.840_896_4;

/// What a probe's answer said.
#[derive(Debug, Clone, Copy)]
struct Answer {
    in_flight: u32,
    latency_us: f32,
    at: u64,
    uses_left: u32,
}

/// One candidate, and its probe's answer if there is one.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    index: u32,
    drawn: u64,
    answer: Option<Answer>,
}

/// The candidates of one worker.
#[derive(Debug)]
pub(crate) struct Probes {
    candidates: [Candidate; CANDIDATES],
    count: usize,
    draws: u64,
    worst: usize,
    uses_max: u32,
}

/// A candidate's load per weight and expected latency.
#[derive(Debug, Clone, Copy)]
struct Signal {
    load: f32,
    latency: Option<f32>,
    penalty: f32,
}

impl Probes {
    pub(crate) fn new(endpoints: usize) -> Self {
        let nobody = Candidate { index: 0, drawn: 0, answer: None };
        Self { candidates: [nobody; CANDIDATES], count: 0, draws: 0, worst: 0, uses_max: uses_max(endpoints) }
    }

    /// Takes in what a probe of an endpoint answered at `now`.
    pub(crate) fn result(&mut self, index: usize, in_flight: u32, latency_us: u64, now: u64) {
        let answer = Answer { in_flight, latency_us: latency_us as f32, at: now, uses_left: self.uses_max };
        self.admit(index as u32, Some(answer));
    }

    /// Makes an endpoint a candidate; a full pool gives up its worst and its oldest in turn.
    fn admit(&mut self, index: u32, answer: Option<Answer>) {
        self.draws += 1;
        let drawn = self.draws;
        let known = &mut self.candidates[..self.count];
        if let Some(candidate) = known.iter_mut().find(|candidate| candidate.index == index) {
            candidate.drawn = drawn;
            candidate.answer = answer.or(candidate.answer);
            return;
        }
        let slot = if self.count < CANDIDATES {
            self.count += 1;
            self.count - 1
        } else if drawn.is_multiple_of(2) {
            self.worst
        } else {
            let oldest = known.iter().enumerate().min_by_key(|(_, candidate)| candidate.drawn);
            oldest.map_or(0, |(slot, _)| slot)
        };
        self.candidates[slot] = Candidate { index, drawn, answer };
    }

    #[inline]
    pub(crate) fn pick(&mut self, view: &View<'_>, random: &mut Random) -> Option<usize> {
        if let Some(index) = floor::pick(view, random) {
            return Some(index);
        }
        let mut first = None;
        for _ in 0..DRAWN.min(view.pool.len()) {
            let index = random::pick(view, random)?;
            first = first.or(Some(index));
            self.admit(index as u32, None);
        }
        let Some(slot) = self.choose(view) else { return first };
        let candidate = &mut self.candidates[slot];
        if let Some(answer) = &mut candidate.answer {
            answer.in_flight = answer.in_flight.saturating_add(1);
            answer.uses_left -= 1;
            if answer.uses_left == 0 {
                candidate.answer = None;
            }
        }
        Some(candidate.index as usize)
    }

    /// The slot of the candidate to pick by the hot-cold rule; remembers the worst.
    fn choose(&mut self, view: &View<'_>) -> Option<usize> {
        let mut signals = [None; CANDIDATES];
        let mut loads = [f32::INFINITY; CANDIDATES];
        let mut allowed = 0;
        for (slot, candidate) in self.candidates[..self.count].iter_mut().enumerate() {
            if candidate.answer.is_some_and(|answer| view.now.saturating_sub(answer.at) > AGE_MAX_US) {
                candidate.answer = None;
            }
            if view.allows(candidate.index as usize) {
                let signal = signal(view, candidate);
                signals[slot] = Some(signal);
                loads[allowed] = signal.load;
                allowed += 1;
            }
        }
        // The rank below the quantile, so that of few candidates the most loaded can be hot at all: of two, one.
        let rank = (HOT_QUANTILE * (allowed as f32 - 1.0)) as usize;
        loads[..allowed].sort_unstable_by(f32::total_cmp);
        let hot_above = *loads[..allowed].get(rank)?;
        // A candidate that has not answered yet may be as fast as the fastest: it is tried, within the limit of load.
        let fastest = signals.iter().flatten().filter_map(|signal| signal.latency).fold(f32::INFINITY, f32::min);
        let unknown = if fastest.is_finite() { fastest } else { 1.0 };
        let rating = |signal: &Signal| {
            let latency = signal.latency.unwrap_or(unknown) * signal.penalty;
            if signal.load > hot_above { (1, signal.load, latency) } else { (0, latency, signal.load) }
        };
        let mut best: Option<(usize, (u8, f32, f32))> = None;
        let mut worst: Option<(usize, (u8, f32, f32))> = None;
        for (slot, signal) in signals.iter().enumerate() {
            let Some(signal) = signal else { continue };
            let rated = rating(signal);
            if best.is_none_or(|(_, rating)| rated < rating) {
                best = Some((slot, rated));
            }
            if worst.is_none_or(|(_, rating)| rated > rating) {
                worst = Some((slot, rated));
            }
        }
        self.worst = worst.map_or(0, |(slot, _)| slot);
        best.map(|(slot, _)| slot)
    }
}

/// Picks that one answer serves, so that the pool's signals stay fresh on average; without bound where the formula
/// gives none because every endpoint is a candidate.
fn uses_max(endpoints: usize) -> u32 {
    let outside = 1.0 - CANDIDATES as f32 / endpoints.max(1) as f32;
    let fresh = outside * DRAWN as f32 - 1.0;
    if fresh <= 0.0 { u32::MAX } else { libm::ceilf(2.0 / fresh).max(1.0) as u32 }
}

#[inline]
fn signal(view: &View<'_>, candidate: &Candidate) -> Signal {
    let index = candidate.index as usize;
    let endpoint = &view.pool.endpoints()[index];
    let own = endpoint.in_flight();
    let (in_flight, latency) = match candidate.answer {
        Some(answer) => (answer.in_flight.max(own), Some(answer.latency_us)),
        None => (own, endpoint.latency_at_load(own, view.now)),
    };
    let load = in_flight as f32 / view.pool.effective_weight(index, view.now) as f32;
    Signal { load, latency, penalty: floor::failure_factor(endpoint, view.now) }
}
