//! Made-up series that look like the load of services, drawn from a seed: what the pretrained network is trained on, and
//! good material for tests.
//!
//! A series is composed the way KernelSynth composes Gaussian processes, of parts that are each met in real traces:
//! seasons of a day and a week with a profile of their own, trends, level shifts, ramps and saw teeth, noise that
//! remembers, bursts and flash crowds that decay, jobs that are on or off, clocked jobs, saturation, counts, idle stretches
//! and gaps. Nothing is copied from a recorded trace, and no parameter was fitted to one: the ranges are wide on purpose, so
//! that a real series lies inside of them. The parts are computed directly rather than by factorising a covariance,
//! because training needs thousands of series per second.
//!
//! # Source
//! The idea of composing: A. F. Ansari et al., "Chronos: Learning the Language of Time Series", TMLR 2024, section 4.2
//! (KernelSynth). Bursts and flash crowds: P. Bodik et al., "Characterizing, Modeling, and Generating Workload Spikes for
//! Stateful Services", SoCC 2010.

mod burst;
mod clock;
mod drift;
mod kinds;
mod noise;
mod spoil;

use clock::Clock;
use plimsoll_stats::Random;

/// A drawn series.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Oldest first; NaN marks what was not measured.
    pub values: Vec<f64>,
    /// Lengths in steps of the seasons that are in it, shortest first; one may be longer than the series.
    pub seasons: Vec<usize>,
}

/// Draws a series of `len` values. The same state of `random` gives the same bits.
#[must_use]
pub fn draw(random: &mut Random, len: usize) -> Drawn {
    let clock = Clock::draw(random);
    let (mut values, seasonal) = kinds::draw(random, &clock, len);
    burst::add(random, &clock, &mut values);
    spoil::apply(random, &mut values);
    Drawn { values, seasons: if seasonal { clock.seasons() } else { Vec::new() } }
}

/// True with probability `share`.
fn chance(random: &mut Random, share: f64) -> bool {
    random.unit() < share
}

/// Uniform in `low..high`.
fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * random.unit()
}

/// Between `low` and `high`, each order of magnitude alike.
fn magnitude(random: &mut Random, low: f64, high: f64) -> f64 {
    low * libm::exp(random.unit() * libm::log(high / low))
}

/// One of the choices with its weight.
fn pick<T: Copy>(random: &mut Random, choices: &[(T, f64)]) -> T {
    let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
    let mut left = random.unit() * total;
    for (choice, weight) in choices {
        left -= weight;
        if left < 0.0 {
            return *choice;
        }
    }
    choices[choices.len() - 1].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_bits_and_another_seed_another_series() {
        let bits = |seed| draw(&mut Random::new(seed), 300).values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(1), bits(1));
        assert_ne!(bits(1), bits(2));
    }

    #[test]
    fn every_value_is_finite_or_a_gap_and_most_are_measured() {
        let mut random = Random::new(3);
        for _ in 0..500 {
            let drawn = draw(&mut random, 400);
            assert_eq!(drawn.values.len(), 400);
            assert!(drawn.values.iter().all(|value| value.is_finite() || value.is_nan()));
            assert!(drawn.values.iter().filter(|value| value.is_finite()).count() > 200);
            assert!(drawn.seasons.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn the_zoo_of_shapes_is_all_there() {
        let mut random = Random::new(4);
        let all: Vec<Drawn> = (0..600).map(|_| draw(&mut random, 600)).collect();
        let share = |is: &dyn Fn(&Drawn) -> bool| all.iter().filter(|drawn| is(drawn)).count() as f64 / 600.0;
        let gaps = share(&|drawn| drawn.values.iter().any(|value| value.is_nan()));
        let seasons = share(&|drawn| !drawn.seasons.is_empty());
        let whole = share(&|drawn| drawn.values.iter().all(|value| value.is_nan() || value.fract() == 0.0));
        let idle = share(&|drawn| drawn.values.iter().filter(|value| **value == 0.0).count() > 150);
        assert!((0.05..0.3).contains(&gaps), "{gaps}");
        assert!((0.35..0.8).contains(&seasons), "{seasons}");
        assert!((0.1..0.5).contains(&whole), "{whole}");
        assert!((0.02..0.3).contains(&idle), "{idle}");
    }

    #[test]
    fn a_season_that_is_named_is_there() {
        let mut random = Random::new(5);
        let mut better = (0, 0);
        while better.1 < 200 {
            let drawn = draw(&mut random, 800);
            let Some(&season) = drawn.seasons.first().filter(|season| (20..200).contains(*season)) else { continue };
            let gap = |lag: usize| {
                let pairs = drawn.values.iter().zip(&drawn.values[lag..]);
                let gaps: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).filter(|gap| gap.is_finite()).collect();
                gaps.iter().map(|gap| gap.min(1e12)).sum::<f64>() / gaps.len() as f64
            };
            better.0 += usize::from(gap(season) <= gap(season / 2 + 1));
            better.1 += 1;
        }
        assert!(better.0 > 140, "{better:?}");
    }
}
