//! Where the level of a drawn series goes: trends, random walks, shifts, and the saw teeth of memory.

use super::{between, chance, magnitude, pick};
use plimsoll_stats::Random;

#[derive(Debug, Clone, Copy)]
enum Trend {
    Flat,
    Line,
    Bent,
    Walk,
    Smooth,
}

/// The level's course around 0, in units of about one; level shifts included.
pub(super) fn course(random: &mut Random, len: usize) -> Vec<f64> {
    let kinds =
        [(Trend::Flat, 0.4), (Trend::Line, 0.2), (Trend::Bent, 0.1), (Trend::Walk, 0.15), (Trend::Smooth, 0.15)];
    let mut course = match pick(random, &kinds) {
        Trend::Flat => vec![0.0; len],
        Trend::Line => bent(random, len, 0),
        Trend::Bent => {
            let bends = 1 + random.below(3);
            bent(random, len, bends)
        }
        Trend::Walk => walk(random, len, 0.0),
        Trend::Smooth => {
            let memory = 1.0 - magnitude(random, 0.003, 0.2);
            walk(random, len, memory)
        }
    };
    if chance(random, 0.25) {
        shift(random, &mut course);
    }
    course
}

/// A line whose slope changes `bends` times.
fn bent(random: &mut Random, len: usize, bends: u64) -> Vec<f64> {
    let mut slope = random.normal() * 0.7 / len as f64;
    let mut value = 0.0;
    let bend = bends as f64 / len as f64;
    let step = |_| {
        if chance(random, bend) {
            slope = random.normal() * 1.5 / len as f64;
        }
        value += slope;
        value
    };
    (0..len).map(step).collect()
}

/// A random walk whose steps remember the step before (0: not at all).
fn walk(random: &mut Random, len: usize, memory: f64) -> Vec<f64> {
    let size = magnitude(random, 0.05, 1.5) * (1.0 - memory) / libm::sqrt(len as f64);
    // A walk without bounds leaves every plausible load; a weak pull keeps most of them.
    let pull = if chance(random, 0.5) { magnitude(random, 0.0005, 0.05) } else { 0.0 };
    let (mut value, mut step) = (0.0, 0.0);
    let mut next = |_| {
        step = memory * step + size * random.normal();
        value += step - pull * value;
        value
    };
    (0..len).map(&mut next).collect()
}

/// The level moves for good, at once or along a ramp.
fn shift(random: &mut Random, course: &mut [f64]) {
    let len = course.len();
    for _ in 0..=random.below(4) {
        let (at, size) = (random.below(len as u64) as usize, 0.6 * random.normal());
        let ramp = if chance(random, 0.5) { 1.0 } else { magnitude(random, 2.0, 120.0) };
        for (step, value) in course[at..].iter_mut().enumerate() {
            *value += size * ((step + 1) as f64 / ramp).min(1.0);
        }
    }
}

/// Levels that hold for a while and then jump: gauges of memory, connections, replicas.
pub(super) fn held(random: &mut Random, len: usize) -> Vec<f64> {
    let stay = magnitude(random, 4.0, 400.0);
    let jump = magnitude(random, 0.01, 0.6);
    let back = chance(random, 0.5);
    let mut value = 0.0;
    let mut next = |_| {
        if chance(random, 1.0 / stay) {
            value = if back { jump * random.normal() } else { value + jump * random.normal() };
        }
        value
    };
    (0..len).map(&mut next).collect()
}

/// Growth up to a limit and a fall back: collected garbage, restarts of what leaks, rotated logs.
pub(super) fn teeth(random: &mut Random, len: usize) -> Vec<f64> {
    let tooth = magnitude(random, 4.0, 500.0);
    let (height, uneven) = (magnitude(random, 0.05, 1.5), between(random, 0.0, 0.3));
    let mut value = height * random.unit();
    let mut limit = height;
    let mut next = |_| {
        value += (height / tooth) * (1.0 + uneven * random.normal());
        if value >= limit {
            value = height * uneven * random.unit();
            limit = height * (1.0 + uneven * random.normal()).max(0.3);
        }
        value
    };
    (0..len).map(&mut next).collect()
}

/// Independent jobs that are on or off for a while each; the sum of what they use.
pub(super) fn jobs(random: &mut Random, len: usize) -> Vec<f64> {
    let mut course = vec![0.0; len];
    for _ in 0..=random.below(5) {
        let height = magnitude(random, 0.05, 2.0);
        let (on, off) = (magnitude(random, 1.5, 100.0), magnitude(random, 2.0, 200.0));
        let mut busy = chance(random, 0.5);
        for value in &mut course {
            if chance(random, 1.0 / if busy { on } else { off }) {
                busy = !busy;
            }
            *value += if busy { height } else { 0.0 };
        }
    }
    course
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tooth_grows_and_falls_back() {
        let mut random = Random::new(1);
        let longest = (0..50).map(|_| {
            let teeth = teeth(&mut random, 3_000);
            assert!(teeth.iter().all(|value| value.is_finite() && value.abs() < 10.0));
            teeth.windows(2).filter(|pair| pair[1] < pair[0] - 0.02).count()
        });
        assert!(longest.min() >= Some(1));
    }

    #[test]
    fn a_held_level_rarely_moves_and_jobs_are_on_or_off() {
        let mut random = Random::new(2);
        let held = held(&mut random, 500);
        let moves = held.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(moves < 250, "{moves}");
        assert!(jobs(&mut random, 500).iter().all(|value| *value >= 0.0));
    }
}
