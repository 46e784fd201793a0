//! What measuring does to a load: limits, counting, rounding, idle stretches, gaps.

use super::{between, chance, magnitude};
use plimsoll_stats::Random;

/// Most of the steps that may be lost to gaps.
const LOST_MAX: f64 = 0.3;

/// Applies some of the ways in which a measured load differs from the true one.
pub(super) fn apply(random: &mut Random, values: &mut [f64]) {
    let mean = values.iter().map(|value| value.abs()).sum::<f64>() / values.len().max(1) as f64;
    if chance(random, 0.06) {
        let limit = mean * between(random, 0.9, 1.8);
        values.iter_mut().for_each(|value| *value = value.min(limit));
    }
    if chance(random, 0.05) {
        duty(random, values);
    }
    match random.below(100) {
        0..16 => count(random, values, mean),
        16..27 => round(random, values, mean),
        _ => {}
    }
    if chance(random, 0.15) {
        lose(random, values);
    }
}

/// Idle stretches: on and off in turn, for random times.
fn duty(random: &mut Random, values: &mut [f64]) {
    let (on, off) = (magnitude(random, 2.0, 150.0), magnitude(random, 2.0, 150.0));
    let rest = if chance(random, 0.7) { 0.0 } else { between(random, 0.0, 0.3) };
    let mut busy = chance(random, 0.5);
    for value in values {
        if chance(random, 1.0 / if busy { on } else { off }) {
            busy = !busy;
        }
        if !busy {
            *value *= rest;
        }
    }
}

/// Counts of events that arrive on their own, at a mean rate of a third to some hundreds per step.
fn count(random: &mut Random, values: &mut [f64], mean: f64) {
    let factor = magnitude(random, 0.3, 500.0) / mean.max(1e-12);
    for value in values {
        *value = random.poisson((*value * factor).clamp(0.0, 1e6)) as f64;
    }
}

/// Whole percent or other coarse units.
fn round(random: &mut Random, values: &mut [f64], mean: f64) {
    let factor = magnitude(random, 1.0, 60.0) / mean.max(1e-12);
    values.iter_mut().for_each(|value| *value = (*value * factor).round());
}

/// Single samples or runs of them are lost, at most [`LOST_MAX`] of all.
fn lose(random: &mut Random, values: &mut [f64]) {
    let mut left = (values.len() as f64 * LOST_MAX) as usize;
    let run = if chance(random, 0.5) { 1.0 } else { magnitude(random, 2.0, 40.0) };
    let start = between(random, 0.002, 0.08) / run;
    let mut within = false;
    for value in values {
        within = if within { !chance(random, 1.0 / run) } else { chance(random, start) };
        if within && left > 0 {
            *value = f64::NAN;
            left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_stay_within_their_share_and_counts_are_whole() {
        let mut random = Random::new(1);
        for _ in 0..50 {
            let mut values = vec![3.0; 400];
            lose(&mut random, &mut values);
            assert!(values.iter().filter(|value| value.is_nan()).count() <= 120);
            count(&mut random, &mut values, 3.0);
            assert!(values.iter().all(|value| value.is_nan() || (*value >= 0.0 && value.fract() == 0.0)));
        }
    }
}
