//! Shapes of load, as factors of a level, one per tick: those of the half that rules were written on, and novel ones that
//! occur nowhere else.

use crate::diagnosis::Cause;
use plimsoll_stats::Random;

/// τ
const TURN: f64 = std::f64::consts::TAU;

/// Uniform between two values.
pub(super) fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * random.unit()
}

fn standard_normal(random: &mut Random) -> f64 {
    let (u, v) = (random.unit().max(1e-300), random.unit());
    libm::sqrt(-2.0 * libm::log(u)) * libm::cos(TURN * v)
}

/// A shape of this cause (none is a plain load) over `ticks`, the first `lead` of which are not recorded.
pub(super) fn shape(cause: Option<Cause>, is_novel: bool, ticks: usize, lead: usize, random: &mut Random) -> Vec<f64> {
    let window = ticks - lead;
    let mut factors = match (cause, is_novel) {
        (Some(Cause::Seasonal), false) => harmonics(window, random),
        (Some(Cause::Seasonal), true) => daily_routine(window, random),
        (Some(Cause::Bursty), false) => bursts(window, random),
        (Some(Cause::Bursty), true) => regimes(window, random),
        (Some(Cause::Trend), false) => line(window, random),
        (Some(Cause::Trend), true) => bent(window, random),
        (Some(Cause::Step), false) => step(window, random),
        (Some(Cause::Step), true) => stairs(window, random),
        (Some(Cause::FlashCrowd), false) => crowd(window, random),
        (Some(Cause::FlashCrowd), true) => crowd_at_once(window, random),
        _ => vec![1.0; window],
    };
    let before = factors[0];
    factors.splice(0..0, std::iter::repeat_n(before, lead));
    let is_plain = !cause.is_some_and(Cause::is_load);
    if is_plain && is_novel {
        wander(&mut factors, random)
    } else {
        noise(&mut factors, random)
    }
    factors
}

/// Multiplies by noise with a short memory.
fn noise(factors: &mut [f64], random: &mut Random) {
    let (spread, memory) = (between(random, 0.02, 0.06), between(random, 0.3, 0.8));
    let fresh = spread * libm::sqrt(1.0 - memory * memory);
    let mut state = 0.0;
    for factor in factors {
        state = state * memory + fresh * standard_normal(random);
        *factor *= libm::exp(state);
    }
}

/// Novel plain load: two populations of users that come and go by small steps, with a tail to the noise.
fn wander(factors: &mut [f64], random: &mut Random) {
    let share = between(random, 0.03, 0.07);
    let (mut on, stay) = (false, between(random, 0.6, 0.9));
    for factor in factors {
        if random.unit() > stay {
            on = !on;
        }
        let tail = if random.unit() < 0.01 { 1.15 } else { 1.0 };
        *factor *= (1.0 + if on { share } else { -share }) * tail * libm::exp(0.02 * standard_normal(random));
    }
}

fn harmonics(window: usize, random: &mut Random) -> Vec<f64> {
    let cycles = between(random, 3.0, 8.0);
    let (depth, second) = (between(random, 0.3, 0.6), between(random, 0.0, 0.25));
    let (phase, other) = (TURN * random.unit(), TURN * random.unit());
    let at = |tick: usize| {
        let turn = TURN * cycles * tick as f64 / window as f64;
        (1.0 + depth * libm::sin(turn + phase) + second * libm::sin(2.0 * turn + other)).max(0.1)
    };
    (0..window).map(at).collect()
}

/// Novel: office hours with a dip at noon, or a batch that runs at the top of every period.
fn daily_routine(window: usize, random: &mut Random) -> Vec<f64> {
    let period = window as f64 / between(random, 3.0, 9.0);
    let is_batch = random.unit() < 0.5;
    let (low, high) = (between(random, 0.3, 0.6), between(random, 1.4, 2.0));
    let (phase, duty) = (random.unit(), between(random, 0.12, 0.3));
    let at = |tick: usize| {
        let part = tick as f64 / period + phase;
        let part = part - libm::floor(part);
        if is_batch {
            return if part < duty { high } else { (low + 1.0) / 2.0 };
        }
        match part {
            part if part < 0.35 => low,
            part if (0.55..0.6).contains(&part) => high * 0.75,
            part if part < 0.85 => high,
            _ => (low + high) / 2.5,
        }
    };
    (0..window).map(at).collect()
}

fn bursts(window: usize, random: &mut Random) -> Vec<f64> {
    let mut factors = vec![0.9; window];
    let gap = between(random, 22.0, 45.0);
    let mut at = gap * random.unit();
    while (at as usize) < window {
        let (height, length) = (between(random, 2.2, 4.0), 2 + random.below(5) as usize);
        for factor in factors.iter_mut().skip(at as usize).take(length) {
            *factor = height;
        }
        at += length as f64 + 3.0 - gap * libm::log(random.unit().max(1e-9));
    }
    factors
}

/// Novel: a quiet and a busy regime with memory of its own, the busy one of a height that is drawn anew each time.
fn regimes(window: usize, random: &mut Random) -> Vec<f64> {
    let (begin, end) = (between(random, 0.02, 0.045), between(random, 0.2, 0.4));
    let (mut busy, mut height) = (false, 1.0);
    let at = |_| {
        let changes = random.unit() < if busy { end } else { begin };
        if changes {
            busy = !busy;
            height = 1.9 + libm::pow(random.unit().max(0.04), -0.45);
        }
        if busy { height.min(5.0) } else { 0.9 }
    };
    (0..window).map(at).collect()
}

fn line(window: usize, random: &mut Random) -> Vec<f64> {
    let growth = between(random, 0.7, 2.0);
    let (from, to) = if random.unit() < 0.75 { (0.7, 0.7 * (1.0 + growth)) } else { (1.2, 1.2 / (1.0 + growth)) };
    (0..window).map(|tick| from + (to - from) * tick as f64 / window as f64).collect()
}

/// Novel: growth by a constant share, or towards a ceiling.
fn bent(window: usize, random: &mut Random) -> Vec<f64> {
    let times = between(random, 1.8, 3.0);
    let is_exponential = random.unit() < 0.5;
    let at = |tick: usize| {
        let part = tick as f64 / window as f64;
        if is_exponential {
            return 0.6 * libm::pow(times, part);
        }
        0.6 * (1.0 + (times - 1.0) * (1.0 - libm::exp(-1.8 * part)) / (1.0 - libm::exp(-1.8)))
    };
    (0..window).map(at).collect()
}

fn step(window: usize, random: &mut Random) -> Vec<f64> {
    let at = (window as f64 * between(random, 0.25, 0.75)) as usize;
    let times = between(random, 1.6, 2.8);
    let (before, after) = if random.unit() < 0.7 { (0.7, 0.7 * times) } else { (1.2, 1.2 / times) };
    (0..window).map(|tick| if tick < at { before } else { after }).collect()
}

/// Novel: two steps, up and up or up and half-way back.
fn stairs(window: usize, random: &mut Random) -> Vec<f64> {
    let first = (window as f64 * between(random, 0.2, 0.35)) as usize;
    let second = (window as f64 * between(random, 0.6, 0.8)) as usize;
    let height = between(random, 1.7, 2.2);
    let last = if random.unit() < 0.5 { height * between(random, 1.4, 1.7) } else { 1.0 + (height - 1.0) * 0.45 };
    let at = |tick| match tick {
        tick if tick < first => 0.6,
        tick if tick < second => 0.6 * height,
        _ => 0.6 * last,
    };
    (0..window).map(at).collect()
}

fn crowd(window: usize, random: &mut Random) -> Vec<f64> {
    let at = window as f64 * between(random, 0.2, 0.8);
    let (rise, decay) = (between(random, 3.0, 8.0), between(random, 8.0, 22.0));
    let height = between(random, 3.5, 6.0);
    let factor = |tick: usize| {
        let since = tick as f64 - at;
        let extra = if since < -rise { 0.0 } else { (1.0 + since / rise).clamp(0.0, 1.0) };
        0.9 + height * if since > 0.0 { libm::exp(-since / decay) } else { extra }
    };
    (0..window).map(factor).collect()
}

/// Novel: all at once, leaving by a power law, and a smaller echo.
fn crowd_at_once(window: usize, random: &mut Random) -> Vec<f64> {
    let at = window as f64 * between(random, 0.15, 0.7);
    let (height, fall) = (between(random, 4.0, 7.0), between(random, 1.1, 1.6));
    let echo = at + between(random, 25.0, 40.0);
    let decay = |since: f64| if since < 0.0 { 0.0 } else { libm::pow(1.0 + since / 5.0, -fall) };
    let factor = |tick: usize| 0.9 + height * (decay(tick as f64 - at) + 0.35 * decay(tick as f64 - echo));
    (0..window).map(factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_factor_for_every_tick_and_none_is_absurd() {
        let causes = [None, Some(Cause::Leak)].into_iter().chain(Cause::ALL.into_iter().map(Some));
        for (index, cause) in causes.enumerate() {
            for novel in [false, true] {
                let shape = shape(cause, novel, 500, 20, &mut Random::new(index as u64));
                assert_eq!(shape.len(), 500);
                assert!(shape.iter().all(|factor| (0.05..20.0).contains(factor)), "{cause:?}");
            }
        }
    }
}
