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

/// The candidates of one worker, column by column so that a scan over one column is a few vector instructions.
#[derive(Debug)]
pub(crate) struct Probes {
    index: [u32; CANDIDATES],
    drawn: [u64; CANDIDATES],
    answer: [Option<Answer>; CANDIDATES],
    count: usize,
    draws: u64,
    worst: usize,
    uses_max: u32,
}

/// What is known of the candidates that may be picked.
struct Signals {
    /// Slot of each; as many as count.
    slot: [usize; CANDIDATES],
    /// Requests in flight per weight; infinite beyond the count.
    load: [f32; CANDIDATES],
    /// Expected latency times the penalty for failures, µs; infinite beyond the count.
    latency: [f32; CANDIDATES],
    count: usize,
}

/// An entry with what decides about it first and second.
type Rated = Option<(usize, (f32, f32))>;

impl Probes {
    pub(crate) fn new(endpoints: usize) -> Self {
        Self {
            index: [u32::MAX; CANDIDATES],
            drawn: [0; CANDIDATES],
            answer: [None; CANDIDATES],
            count: 0,
            draws: 0,
            worst: 0,
            uses_max: uses_max(endpoints),
        }
    }

    /// Takes in what a probe of an endpoint answered at `now`.
    pub(crate) fn result(&mut self, index: usize, in_flight: u32, latency_us: u64, now: u64) {
        let answer = Answer { in_flight, latency_us: latency_us as f32, at: now, uses_left: self.uses_max };
        self.admit(index as u32, Some(answer));
    }

    /// Makes an endpoint a candidate; a full pool gives up its worst and its oldest in turn.
    fn admit(&mut self, index: u32, answer: Option<Answer>) {
        self.draws += 1;
        if let Some(slot) = self.index.iter().position(|known| *known == index) {
            self.drawn[slot] = self.draws;
            self.answer[slot] = answer.or(self.answer[slot]);
            return;
        }
        let slot = if self.count < CANDIDATES {
            self.count += 1;
            self.count - 1
        } else if self.draws.is_multiple_of(2) {
            self.worst
        } else {
            least(&self.drawn)
        };
        self.index[slot] = index;
        self.drawn[slot] = self.draws;
        self.answer[slot] = answer;
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
        if let Some(answer) = &mut self.answer[slot] {
            answer.in_flight = answer.in_flight.saturating_add(1);
            answer.uses_left -= 1;
            if answer.uses_left == 0 {
                self.answer[slot] = None;
            }
        }
        Some(self.index[slot] as usize)
    }

    /// The slot of the candidate to pick by the hot-cold rule; remembers the worst.
    fn choose(&mut self, view: &View<'_>) -> Option<usize> {
        let signals = self.signals(view);
        let hot_above = hot_above(&signals.load, signals.count);
        let (mut cold_best, mut hot_best): (Rated, Rated) = (None, None);
        let (mut cold_worst, mut hot_worst): (Rated, Rated) = (None, None);
        for entry in 0..signals.count {
            let (load, latency) = (signals.load[entry], signals.latency[entry]);
            let (rating, best, worst) = if load > hot_above {
                ((load, latency), &mut hot_best, &mut hot_worst)
            } else {
                ((latency, load), &mut cold_best, &mut cold_worst)
            };
            if best.is_none_or(|(_, least)| rating < least) {
                *best = Some((entry, rating));
            }
            if worst.is_none_or(|(_, most)| rating > most) {
                *worst = Some((entry, rating));
            }
        }
        self.worst = hot_worst.or(cold_worst).map_or(0, |(entry, _)| signals.slot[entry]);
        cold_best.or(hot_best).map(|(entry, _)| signals.slot[entry])
    }

    fn signals(&mut self, view: &View<'_>) -> Signals {
        let mut signals = Signals {
            slot: [0; CANDIDATES],
            load: [f32::INFINITY; CANDIDATES],
            latency: [f32::INFINITY; CANDIDATES],
            count: 0,
        };
        let mut fastest = f32::INFINITY;
        for slot in 0..self.count {
            let index = self.index[slot] as usize;
            if !view.allows(index) {
                continue;
            }
            if self.answer[slot].is_some_and(|answer| view.now.saturating_sub(answer.at) > AGE_MAX_US) {
                self.answer[slot] = None;
            }
            let endpoint = &view.pool.endpoints()[index];
            let own = endpoint.in_flight();
            let (in_flight, latency) = match self.answer[slot] {
                Some(answer) => (answer.in_flight.max(own), Some(answer.latency_us)),
                None => (own, endpoint.latency_at_load(own, view.now)),
            };
            let entry = signals.count;
            signals.slot[entry] = slot;
            signals.load[entry] = in_flight as f32 / view.pool.effective_weight(index, view.now) as f32;
            signals.latency[entry] = latency.unwrap_or(f32::NAN);
            fastest = latency.map_or(fastest, |latency| latency.min(fastest));
            signals.count += 1;
        }
        // A candidate that has not answered yet may be as fast as the fastest: it is tried, within the limit of load.
        let unknown = if fastest.is_finite() { fastest } else { 1.0 };
        for entry in 0..signals.count {
            let latency = signals.latency[entry];
            let endpoint = &view.pool.endpoints()[self.index[signals.slot[entry]] as usize];
            let penalty = floor::failure_factor(endpoint, view.now);
            signals.latency[entry] = if latency.is_nan() { unknown } else { latency } * penalty;
        }
        signals
    }
}

/// The load at the quantile, of which `count` are known; above it is hot.
///
/// The rank is rounded down, so that of few candidates the most loaded can be hot at all: of two, one. At most the fourth
/// largest is asked for, which a sorted row of four finds without sorting all.
fn hot_above(loads: &[f32; CANDIDATES], count: usize) -> f32 {
    let below = (HOT_QUANTILE * count.saturating_sub(1) as f32) as usize;
    let mut largest = [f32::NEG_INFINITY; CANDIDATES / 4];
    for load in &loads[..count] {
        let mut load = *load;
        for place in &mut largest {
            (*place, load) = if load > *place { (load, *place) } else { (*place, load) };
        }
    }
    largest[(count - below).clamp(1, largest.len()) - 1]
}

/// Where the smallest value is.
fn least(values: &[u64; CANDIDATES]) -> usize {
    (1..CANDIDATES).fold(0, |best, slot| if values[slot] < values[best] { slot } else { best })
}

/// Picks that one answer serves, so that the pool's signals stay fresh on average; without bound where the formula
/// gives none because every endpoint is a candidate.
fn uses_max(endpoints: usize) -> u32 {
    let outside = 1.0 - CANDIDATES as f32 / endpoints.max(1) as f32;
    let fresh = outside * DRAWN as f32 - 1.0;
    if fresh <= 0.0 { u32::MAX } else { libm::ceilf(2.0 / fresh).max(1.0) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_hot_limit_is_the_quantile_of_the_sorted_loads(loads in proptest::collection::vec(0_u8..12, 1..=CANDIDATES)) {
            let mut row = [f32::INFINITY; CANDIDATES];
            row.iter_mut().zip(&loads).for_each(|(place, load)| *place = f32::from(*load));
            let mut sorted = loads.clone();
            sorted.sort_unstable();
            let rank = (0.840_896_4 * (loads.len() - 1) as f64) as usize;
            prop_assert_eq!(hot_above(&row, loads.len()), f32::from(sorted[rank]));
        }
    }

    #[test]
    fn answers_serve_fewer_picks_the_more_endpoints_wait_to_be_probed() {
        let uses: Vec<u32> = [1, 16, 20, 24, 25, 50, 1_000].map(uses_max).into();
        assert_eq!(uses, [u32::MAX, u32::MAX, u32::MAX, u32::MAX, 25, 2, 2]);
    }

    #[test]
    fn a_full_pool_gives_up_its_worst_and_its_oldest_in_turn() {
        let mut probes = Probes::new(100);
        (0..16).for_each(|index| probes.admit(index, None));
        probes.worst = 7;
        probes.admit(50, None);
        assert!(!probes.index.contains(&0) && probes.index.contains(&50), "seventeenth: the oldest goes");
        probes.admit(51, None);
        assert!(!probes.index.contains(&7) && probes.index.contains(&51), "eighteenth: the worst goes");
        probes.admit(1, None);
        probes.admit(60, None);
        probes.admit(61, None);
        assert!(probes.index.contains(&1), "drawn again, it is no longer the oldest");
    }
}
