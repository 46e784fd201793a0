//! Response times over a run: what a service model says of each tick, taken together over all requests.
//!
//! The fast tier answers for one tick: mean and three quantiles of what arrived then, and what was lost. A quantile of a run
//! is a quantile of all its requests and no mean of quantiles, so each tick's distribution is laid into one histogram with
//! the weight of its requests. Between the three quantiles a distribution is taken as straight over `−ln(1−q)`, in which an
//! exponential tail is a line, and beyond the last as going on so. A lost request has waited as long as anybody waits
//! ([`PATIENCE_S`]) and got nothing.
//!
//! # Source
//! The fast tier: [`crate::service::fast`]. Buckets are a 32nd of an octave wide, as in HDR histograms (G. Tene).

use super::Protocol;
use super::course::{Course, Supply};
use crate::service::ServiceModel;
use crate::service::fast::{Objective, Plant, PlantError};
use serde::{Deserialize, Serialize};

/// Longest that a request waits in an overloaded service, seconds.
pub const PATIENCE_S: f64 = 30.0;

/// Points per tick in the body, up to [`BODY`] of its requests, evenly by requests.
const BODY_POINTS: u32 = 36;
/// The share of a tick's requests that is the body.
const BODY: f64 = 0.9;
/// Points in the tail, evenly over `−ln(1−q)`, a tenth apart: up to one request in a thousand; the last has all the rest.
const TAIL_POINTS: u32 = 47;

/// Response times of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Response {
    /// Mean, ms.
    pub mean_ms: f64,
    /// Half of all requests took less, ms.
    pub p50_ms: f64,
    /// 95 % took less, ms.
    pub p95_ms: f64,
    /// 99 % took less, ms.
    pub p99_ms: f64,
    /// Share of the requests that were lost, in percent: nobody was there, or the line was too long.
    pub lost_pct: f64,
}

/// Durations by how much of them there was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Waits {
    /// Weight per bucket; grows as it is needed.
    weights: Vec<f64>,
    total: f64,
    /// Weight times seconds.
    sum: f64,
}

/// Buckets per octave: 2^5.
const BITS: u32 = 5;
/// What is shorter than this is as good as nothing: seconds, a power of two.
const LEAST_S: f64 = 1.0 / 1_048_576.0;

impl Waits {
    /// Adds `weight` of something that lasted `seconds`.
    pub fn note(&mut self, seconds: f64, weight: f64) {
        let bucket = bucket(seconds);
        if self.weights.len() <= bucket {
            self.weights.resize(bucket + 1, 0.0);
        }
        self.weights[bucket] += weight;
        self.total += weight;
        self.sum += weight * seconds;
    }

    /// Mean, seconds; none where there is nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.sum / self.total)
    }

    /// The duration that a share `p` stays within, seconds, to a 45th; none where there is nothing.
    #[must_use]
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let wanted = p * self.total;
        let mut below = 0.0;
        let mut last = None;
        for (bucket, weight) in self.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let share = ((wanted - below) / weight).clamp(0.0, 1.0);
            let (from, to) = (edge(bucket), edge(bucket + 1));
            last = Some(from + (to - from) * share);
            below += weight;
            if below >= wanted {
                break;
            }
        }
        last
    }
}

/// The exponent and the first bits of the fraction count buckets from [`LEAST_S`] on.
fn bucket(seconds: f64) -> usize {
    // NaN is as good as nothing too.
    let seconds = if seconds > LEAST_S { seconds.min(1e12) } else { LEAST_S };
    ((seconds.to_bits() - LEAST_S.to_bits()) >> (52 - BITS)) as usize
}

/// Where a bucket begins.
fn edge(bucket: usize) -> f64 {
    if bucket == 0 { 0.0 } else { f64::from_bits(LEAST_S.to_bits() + ((bucket as u64) << (52 - BITS))) }
}

impl Waits {
    /// As response times, `on_top_s` longer each.
    pub(super) fn response(&self, on_top_s: f64) -> Option<Response> {
        let quantile = |p| self.quantile(p).map(|seconds| (seconds + on_top_s) * 1_000.0);
        Some(Response {
            mean_ms: (self.mean()? + on_top_s) * 1_000.0,
            p50_ms: quantile(0.50)?,
            p95_ms: quantile(0.95)?,
            p99_ms: quantile(0.99)?,
            lost_pct: 0.0,
        })
    }
}

/// The service of `model` under the protocol, idle.
///
/// # Errors
/// [`PlantError`] for a model that makes no sense.
pub(super) fn plant_of(model: &ServiceModel, protocol: &Protocol) -> Result<Plant, PlantError> {
    // Only what the service does is asked of the plant, and not how many replicas it needs.
    let objective = Objective { quantile: 0.5, latency_s: 1e8, utilization_max: 1.0 };
    Plant::new(model, objective, protocol.tick.0 as f64 / 1_000.0, PATIENCE_S, 1.0)
}

/// Response times of `supply` over `course` by its model, and the memory that its ready replicas used on average, MiB, where
/// the model knows of memory; none without a model or without requests.
pub(super) fn response(course: &Course, supply: &Supply) -> Option<(Response, Option<f64>)> {
    let (idle, model) = course.service()?;
    let mut plant = idle.clone();
    // One replica at 100 % is one replica at 100 %, in whatever units the load is.
    let scale = model.capacity() / course.protocol().capacity.0.max(1) as f64;
    let places = places();
    let (mut waits, mut lost, mut memory, mut slots) = (Waits::default(), 0.0, 0.0, 0.0_f64);
    for (index, load) in course.load().iter().enumerate() {
        let rate = load.map_or(0.0, |rate| rate.0 as f64 * scale);
        let ready = supply.ready.get(index).copied().unwrap_or(0);
        let slot = plant.step(rate, ready);
        if load.is_none() {
            continue;
        }
        // What was in a line that is lost with its last replica was counted when it arrived.
        let gone = slot.lost.min(rate);
        if let Some(of) = model.memory {
            let held = (rate - gone) * slot.latency.mean_s;
            memory += f64::from(ready) * of.fixed_mib + held * of.per_request_mib;
        }
        slots += 1.0;
        lost += gone;
        if gone > 0.0 {
            waits.note(PATIENCE_S, gone);
        }
        if gone < rate {
            lay(&mut waits, &places, [slot.latency.p50_s, slot.latency.p95_s, slot.latency.p99_s], rate - gone);
        }
    }
    let lost_pct = if waits.total > 0.0 { 100.0 * lost / waits.total } else { 0.0 };
    let memory = model.memory.map(|_| memory / slots.max(1.0));
    waits.response(0.0).map(|response| (Response { lost_pct, ..response }, memory))
}

/// One point of a tick's distribution: the share of requests that it stands for, and what it takes of each quantile.
struct Place {
    share: f64,
    of: [f64; 3],
}

/// All points, whose shares are 1 together.
fn places() -> Vec<Place> {
    let body = (0..BODY_POINTS).map(|point| {
        let share = BODY / f64::from(BODY_POINTS);
        (share, -libm::log1p(-share * (f64::from(point) + 0.5)))
    });
    let end = -libm::log1p(-BODY);
    let tail = (0..TAIL_POINTS).map(|point| {
        let from = end + 0.1 * f64::from(point);
        let beyond = if point + 1 == TAIL_POINTS { 0.0 } else { libm::exp(-from - 0.1) };
        (libm::exp(-from) - beyond, from + 0.05)
    });
    body.chain(tail).map(|(share, place)| Place { share, of: parts(place) }).collect()
}

/// What is taken of each of the three quantiles `place` from the start of `−ln(1−q)`.
fn parts(place: f64) -> [f64; 3] {
    let half = std::f64::consts::LN_2;
    if place <= half {
        [place / half, 0.0, 0.0]
    } else if place <= LN_20 {
        let along = (place - half) / (LN_20 - half);
        [1.0 - along, along, 0.0]
    } else {
        let along = (place - LN_20) / (LN_100 - LN_20);
        [0.0, 1.0 - along, along]
    }
}

/// Lays a distribution with these three quantiles down, with so much weight.
fn lay(waits: &mut Waits, places: &[Place], [p50, p95, p99]: [f64; 3], weight: f64) {
    for Place { share, of } in places {
        waits.note(p50 * of[0] + p95 * of[1] + p99 * of[2], weight * share);
    }
}

/// −ln(1 − 0.95) and −ln(1 − 0.99).
const LN_20: f64 = 2.995_732_273_553_991;
const LN_100: f64 = 2.0 * std::f64::consts::LN_10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shares_of_a_tick_are_one() {
        let all: f64 = places().iter().map(|place| place.share).sum();
        assert!((all - 1.0).abs() < 1e-12, "{all}");
    }

    #[test]
    fn one_distribution_comes_back_and_two_are_mixed_and_not_averaged() {
        let places = places();
        // Exponential of mean 20 ms.
        let of = |mean: f64| [mean * std::f64::consts::LN_2, mean * LN_20, mean * LN_100];
        let mut waits = Waits::default();
        lay(&mut waits, &places, of(0.02), 7.0);
        for (p, place) in [(0.5, std::f64::consts::LN_2), (0.95, LN_20), (0.99, LN_100)] {
            let (seen, said) = (waits.quantile(p).unwrap(), 0.02 * place);
            assert!((seen / said - 1.0).abs() < 0.06, "{p}: {seen} {said}");
        }
        // One request in fifty comes while it takes a hundred times as long: that is what p99 sees.
        lay(&mut waits, &places, of(2.0), 7.0 / 49.0);
        let p99 = waits.quantile(0.99).unwrap();
        assert!((1.0..2.0).contains(&p99), "{p99}");
        assert!(waits.quantile(0.5).unwrap() < 0.02);
    }

    #[test]
    fn nothing_has_no_quantile_and_no_length_is_nothing() {
        assert_eq!(Waits::default().quantile(0.5), None);
        let mut waits = Waits::default();
        waits.note(f64::NAN, 1.0);
        assert!(waits.quantile(1.0).unwrap() < 1e-6);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_put_into_it(seconds in 1e-5_f64..1e6) {
            let bucket = bucket(seconds);
            prop_assert!(edge(bucket) <= seconds && seconds < edge(bucket + 1));
            prop_assert!(edge(bucket + 1) / edge(bucket) < 1.04);
        }
    }
}
