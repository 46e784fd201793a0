//! What comes on top of a load for a while: bursts, flash crowds that decay, clocked jobs.

use super::clock::Clock;
use super::{chance, magnitude, pick};
use plimsoll_stats::Random;

/// Adds bursts to some series and clocked jobs to some.
pub(super) fn add(random: &mut Random, clock: &Clock, values: &mut [f64]) {
    let level = values.iter().map(|value| value.abs()).sum::<f64>() / values.len().max(1) as f64;
    if chance(random, 0.3) {
        bursts(random, values, level);
    }
    if chance(random, 0.12) {
        clocked(random, clock, values, level);
    }
}

/// Bursts at random moments: a rise of a step or a few, heights with a heavy tail, an exponential decay.
fn bursts(random: &mut Random, values: &mut [f64], level: f64) {
    let wait = magnitude(random, 12.0, 800.0);
    let size = level * magnitude(random, 0.05, 3.0);
    let keep = 1.0 - 1.0 / magnitude(random, 1.01, 40.0);
    let rise = if chance(random, 0.7) { 1.0 } else { magnitude(random, 2.0, 10.0) };
    let (mut on_top, mut coming) = (0.0, 0.0);
    for value in values {
        if chance(random, 1.0 / wait) {
            // Log-normal with a deviation of 0.8 in the logarithm: one burst in twenty is 4 times the usual.
            coming += size * libm::exp(0.8 * random.normal());
        }
        let arriving = coming / rise;
        coming -= arriving;
        on_top = on_top * keep + arriving;
        *value += on_top;
    }
}

/// A job at a fixed time of every hour, quarter of a day or day, or at any other fixed interval.
fn clocked(random: &mut Random, clock: &Clock, values: &mut [f64], level: f64) {
    let any = magnitude(random, 4.0, 150.0) as usize;
    let choices = [(clock.day / 24, 0.3), (clock.day / 4, 0.2), (clock.day, 0.2), (12, 0.1), (60, 0.1), (any, 0.3)];
    let every = pick(random, &choices).max(3);
    let first = random.below(every as u64) as usize;
    let height = level * magnitude(random, 0.1, 3.0);
    let lasts = 1 + random.below((every as u64 / 3).clamp(1, 6)) as usize;
    let late = chance(random, 0.3);
    let mut start = first;
    while start < values.len() {
        let from = start + usize::from(late && chance(random, 0.3));
        let size = height * (1.0 + 0.2 * random.normal());
        values.iter_mut().skip(from).take(lasts).for_each(|value| *value += size);
        start += every;
    }
}
