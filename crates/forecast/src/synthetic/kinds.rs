//! The kinds of series: requests of a service, use of a machine, gauges, and anything else.

use super::clock::{Clock, Profile};
use super::{between, chance, drift, magnitude, noise, pick};
use plimsoll_stats::Random;

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Seasons, trend and noise, multiplied.
    Service,
    /// The same, added.
    Added,
    /// Levels that hold, saw teeth, and little noise.
    Gauge,
    /// Jobs on and off over a base, and noise.
    Machine,
    /// Noise and drift alone.
    Wander,
}

/// A series of that kind and whether its seasons are in it. Not negative, but for one in fifty.
pub(super) fn draw(random: &mut Random, clock: &Clock, len: usize) -> (Vec<f64>, bool) {
    let kinds =
        [(Kind::Service, 0.34), (Kind::Added, 0.22), (Kind::Gauge, 0.14), (Kind::Machine, 0.16), (Kind::Wander, 0.14)];
    let kind = pick(random, &kinds);
    let often = if matches!(kind, Kind::Service | Kind::Added) { 0.92 } else { 0.15 };
    let seasonal = chance(random, often);
    let course = seasonal.then(|| Profile::draw(random, clock).course(random, clock, len));
    let depth = magnitude(random, 0.05, 1.2);
    let size = if seasonal { depth * magnitude(random, 0.003, 2.0) } else { magnitude(random, 0.005, 0.8) };
    let hum = noise::course(random, len, size.min(1.0), course.as_deref());
    let level = magnitude(random, 0.1, 1_000.0);
    let mut values = match kind {
        Kind::Service | Kind::Added | Kind::Wander => drift::course(random, len),
        Kind::Machine => drift::jobs(random, len),
        Kind::Gauge if chance(random, 0.5) => drift::held(random, len),
        Kind::Gauge => drift::teeth(random, len),
    };
    let quiet = if matches!(kind, Kind::Gauge) { magnitude(random, 0.001, 0.3) } else { 1.0 };
    for (step, value) in values.iter_mut().enumerate() {
        *value += quiet * hum[step] + course.as_ref().map_or(0.0, |course| depth * course[step]);
    }
    let exponential = match kind {
        Kind::Service => true,
        Kind::Wander => chance(random, 0.5),
        Kind::Added | Kind::Gauge | Kind::Machine => false,
    };
    scale(random, &mut values, level, exponential);
    (values, seasonal)
}

/// From courses around 0 to a load around `level`.
fn scale(random: &mut Random, values: &mut [f64], level: f64, exponential: bool) {
    if exponential {
        values.iter_mut().for_each(|value| *value = level * libm::exp(value.clamp(-8.0, 8.0)));
        return;
    }
    let base = if chance(random, 0.3) { between(random, 0.0, 0.5) } else { between(random, 0.5, 3.0) };
    let floor = if chance(random, 0.95) { 0.0 } else { f64::NEG_INFINITY };
    values.iter_mut().for_each(|value| *value = level * (base + *value).max(floor));
}
