//! Noise that remembers, has heavy tails, and is not equally loud all the time.

use super::{between, chance, magnitude, pick};
use plimsoll_stats::Random;

#[derive(Debug, Clone, Copy)]
enum Tail {
    Normal,
    Heavy,
    Skewed,
}

/// Noise around 0 whose deviation is about `size`; louder where `season` is high when a drawn factor says so.
pub(super) fn course(random: &mut Random, len: usize, size: f64, season: Option<&[f64]>) -> Vec<f64> {
    let memory = match random.below(10) {
        0..4 => 0.0,
        4..8 => between(random, 0.0, 0.95),
        _ => between(random, 0.95, 0.999),
    };
    let tail = pick(random, &[(Tail::Normal, 0.6), (Tail::Heavy, 0.28), (Tail::Skewed, 0.12)]);
    let white = if chance(random, 0.5) { between(random, 0.0, 1.0) } else { 0.0 };
    let loud = chance(random, 0.25).then(|| (1.0 - magnitude(random, 0.003, 0.3), between(random, 0.2, 1.2)));
    let lean = if chance(random, 0.25) { between(random, -0.3, 0.8) } else { 0.0 };
    let fresh = libm::sqrt(1.0 - memory * memory);
    let (mut state, mut volume) = (random.normal(), 0.0);
    let mut course = Vec::with_capacity(len);
    for step in 0..len {
        if let Some((keep, depth)) = loud {
            volume = keep * volume + depth * libm::sqrt(1.0 - keep * keep) * random.normal();
        }
        state = memory * state + fresh * shock(random, tail);
        let mut value = state;
        if white > 0.0 {
            value += white * random.normal();
        }
        let up = volume + season.map_or(0.0, |season| lean * season[step]);
        let factor = if up == 0.0 { size } else { size * libm::exp(up.clamp(-3.0, 3.0)) };
        course.push(value * factor);
    }
    course
}

fn shock(random: &mut Random, tail: Tail) -> f64 {
    match tail {
        Tail::Normal => random.normal(),
        // A normal whose deviation is log-normal: variance e^{2·0.49} brought back to about one.
        Tail::Heavy => random.normal() * libm::exp(0.7 * random.normal() - 0.49),
        Tail::Skewed => random.exponential(1.0) - 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_about_the_size_asked_for() {
        let mut random = Random::new(1);
        let sizes: Vec<f64> = (0..400)
            .map(|_| {
                let noise = course(&mut random, 300, 2.0, None);
                noise.iter().map(|value| value.abs()).sum::<f64>() / 300.0
            })
            .collect();
        let mean = sizes.iter().sum::<f64>() / 400.0;
        assert!((1.0..3.0).contains(&mean), "{mean}");
    }
}
