//! Weighted by reported load: in turn, each endpoint as often as its weight says, which follows from what it reports.
//!
//! Weights are looked at once per update period. An endpoint whose weight does not count (yet, or any more) gets the mean
//! of the others; while fewer than two have one all are alike, which is round robin. Its configured weight and its slow
//! start multiply what is reported. No weight is further than ten times from the mean: an endpoint that reports next to
//! no use must not get everything until its next report.
//!
//! The schedule is static stride: the indices go round, and each round an endpoint is skipped unless its weight has added
//! up to the largest one again. No queue to build, nothing to allocate when weights change.
//!
//! # Source
//! gRFC A58 for weights and their mean; the static stride scheduler and its bounds on ratios as gRPC's C-core and Envoy have
//! them, here written from their description.

use super::View;
use crate::pool::Pool;
use plimsoll_stats::Random;

/// The largest weight of the schedule.
const LARGEST: u64 = 65_535;
/// A weight is at most so many times the mean, and at least that part of it.
const RATIO_MAX: f32 = 10.0;
/// A shorter update period counts as this, µs (gRFC A58).
const UPDATE_MIN_US: u64 = 100_000;

/// The schedule, and where it is.
#[derive(Debug)]
pub(crate) struct WeightedByLoad {
    /// Of [`LARGEST`], at least one has that.
    weights: Vec<u16>,
    /// Weights as reported; scratch.
    reported: Vec<f32>,
    sequence: u64,
    update_at: u64,
}

impl WeightedByLoad {
    /// Starts anywhere, so that workers do not move in step.
    pub(crate) fn new(pool: &Pool, random: &mut Random) -> Self {
        let count = pool.len();
        Self {
            weights: vec![1; count],
            reported: vec![0.0; count],
            sequence: random.below(count.max(1) as u64 * 1_000),
            update_at: 0,
        }
    }

    fn update(&mut self, view: &View<'_>) {
        let spec = view.pool.load_spec();
        self.update_at = view.now.saturating_add(spec.update.get().saturating_mul(1_000).max(UPDATE_MIN_US));
        let (mut sum, mut known) = (0.0_f32, 0_u16);
        for (reported, endpoint) in self.reported.iter_mut().zip(view.pool.endpoints()) {
            *reported = endpoint.load_weight(view.now, spec);
            if *reported > 0.0 {
                sum += *reported;
                known += 1;
            }
        }
        let mean = if known < 2 { 0.0 } else { sum / f32::from(known) };
        let mut largest = 0.0_f32;
        for (index, reported) in self.reported.iter_mut().enumerate() {
            let relative = if mean <= 0.0 || *reported <= 0.0 { 1.0 } else { *reported / mean };
            let own = view.pool.effective_weight(index, view.now) as f32;
            *reported = relative.clamp(1.0 / RATIO_MAX, RATIO_MAX) * own;
            largest = largest.max(*reported);
        }
        for (weight, share) in self.weights.iter_mut().zip(&self.reported) {
            *weight = (*share / largest * LARGEST as f32).max(1.0) as u16;
        }
    }

    #[inline]
    pub(crate) fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        let count = self.weights.len() as u64;
        if count == 0 {
            return None;
        }
        if view.now >= self.update_at {
            self.update(view);
        }
        // With everybody in, two rounds always find one: whoever has the largest weight is never skipped. With some out,
        // those that are left may all have small weights; then the next in order will do.
        for _ in 0..4 * count {
            let index = (self.sequence % count) as usize;
            let round = self.sequence / count;
            self.sequence = self.sequence.wrapping_add(1);
            let weight = u64::from(self.weights[index]);
            // Each starts elsewhere, so that equal weights are not skipped in the same round.
            let place = (weight.wrapping_mul(round) + index as u64 * (LARGEST / 2)) % LARGEST;
            if place + weight >= LARGEST && view.allows(index) {
                return Some(index);
            }
        }
        view.first_from((self.sequence % count) as usize)
    }
}
