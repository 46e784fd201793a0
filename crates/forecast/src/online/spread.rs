//! Candidate spreads: how large the errors at one horizon usually are, seen in several ways.
//!
//! Additive (errors have one size), square root and relative to the demand, of the hour of the day, and recent ones of both
//! kinds. Which of them holds is not decided here: each gets a reach (how many spreads the wanted quantile lies away) that follows
//! its own past, and the fusion weighs them by pinball loss.

use super::codec::{Fields, Half, Io};
use super::correction::SCALES;
use super::experts::{Recent, scale};

/// How many candidates there are without guests.
pub(super) const SPREADS: usize = 6;
/// Their names, in order.
pub(super) const SPREAD_NAMES: [&str; SPREADS] =
    ["additive", "root", "relative", "recent", "recent-relative", "hourly"];
/// Weight of a new error in the long-run sizes.
const SLOW: f64 = 1.0 / 400.0;
/// Weight of a new error in the recent sizes.
const FAST: f64 = 1.0 / 20.0;
/// Share of the long-run size in a recent one: a quiet quarter of an hour does not promise another.
const FLOOR: f64 = 0.3;
/// A relative error counts at most this much, so that demand from nothing does not ask for everything for ever after.
const RELATIVE_MAX: f64 = 5.0;
/// Weight of a new error in its hour.
const HOURLY: f64 = 1.0 / 64.0;
/// Hours of a day.
pub(super) const HOURS: usize = 24;

/// What a spread is relative to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The demand expected, at least a part of the long-run mean.
    pub level: f64,
    /// The long-run mean.
    pub usual: f64,
    /// Hour of the day that is forecast.
    pub hour: usize,
}

impl Scale {
    /// Around a demand expected, at an hour.
    pub fn of(point: f64, usual: f64, hour: usize) -> Self {
        Self { level: scale(point, usual), usual, hour }
    }

    /// What additive, square root and relative figures are multiplied by.
    pub fn each(&self) -> [f64; SCALES] {
        [1.0, libm::sqrt(self.level * self.usual), self.level]
    }
}

/// Sizes of the errors at one horizon.
#[derive(Debug, Clone)]
pub(super) struct Spreads {
    slow: f64,
    fast: f64,
    relative_slow: f64,
    relative_fast: f64,
    root: f64,
    count: u32,
    hours: [Half; HOURS],
}

impl Default for Spreads {
    fn default() -> Self {
        let hours = [Half::default(); HOURS];
        Self { slow: 0.0, fast: 0.0, relative_slow: 0.0, relative_fast: 0.0, root: 0.0, count: 0, hours }
    }
}

impl Spreads {
    /// The candidates at a scale; none before the first error.
    pub fn candidates(&self, scale: &Scale) -> [Option<f64>; SPREADS] {
        let level = scale.level;
        let hour = self.hours[scale.hour % HOURS].get();
        let hour = if hour > 0.0 { hour.max(FLOOR * self.relative_slow) } else { self.relative_slow };
        let candidates = [
            self.slow,
            self.root * libm::sqrt(level * scale.usual),
            self.relative_slow * level,
            self.fast.max(FLOOR * self.slow),
            self.relative_fast.max(FLOOR * self.relative_slow) * level,
            hour * level,
        ];
        candidates.map(|candidate| (self.count > 0 && candidate.is_finite() && candidate >= 0.0).then_some(candidate))
    }

    /// Learns one error.
    pub fn learn(&mut self, error: f64, scale: &Scale) {
        let size = error.abs();
        let part = |size: f64, whole: f64| if whole > 0.0 { (size / whole).min(RELATIVE_MAX) } else { 0.0 };
        let relative = part(size, scale.level);
        self.count = self.count.saturating_add(1);
        let slow = SLOW.max(1.0 / f64::from(self.count));
        let fast = FAST.max(1.0 / f64::from(self.count));
        self.slow += slow * (size - self.slow);
        self.fast += fast * (size - self.fast);
        self.relative_slow += slow * (relative - self.relative_slow);
        self.relative_fast += fast * (relative - self.relative_fast);
        self.root += slow * (part(size, libm::sqrt(scale.level * scale.usual)) - self.root);
        let hour = &mut self.hours[scale.hour % HOURS];
        let kept = if hour.0 == 0 { self.relative_slow } else { hour.get() };
        *hour = Half::of(kept + HOURLY * (relative - kept));
    }

    /// The usual size of an error.
    pub const fn unit(&self) -> f64 {
        self.slow
    }

    /// Errors learnt.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The usual size of an error, additive, to the square root of the demand, and relative to it.
    pub const fn usual(&self) -> [f64; SCALES] {
        [self.slow, self.root, self.relative_slow]
    }
}

impl Fields for Spreads {
    fn fields(&mut self, io: &mut Io<'_>) {
        for size in [&mut self.slow, &mut self.fast, &mut self.relative_slow, &mut self.relative_fast, &mut self.root] {
            io.f64(size);
            io.check(*size >= 0.0);
        }
        io.u32(&mut self.count);
        self.hours.iter_mut().for_each(|hour| hour.fields(io));
    }
}

/// What the demand of the newest steps never exceeded, over 0.7: what a reactive rule at 70 % utilisation provides.
pub(super) fn reactive(recent: &Recent) -> Option<f64> {
    recent.max(5).map(|most| most.max(0.0) / 0.7)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { level: 100.0, usual: 100.0, hour: 3 };

    #[test]
    fn each_candidate_finds_the_size_of_its_kind() {
        let mut spreads = Spreads::default();
        assert_eq!(spreads.candidates(&SCALE), [None; SPREADS]);
        for step in 0..5_000 {
            let level = if step % 2 == 0 { 50.0 } else { 200.0 };
            spreads.learn(0.1 * level, &Scale { level, ..SCALE });
        }
        let said = spreads.candidates(&SCALE).map(Option::unwrap);
        assert!((said[0] - 12.5).abs() < 0.2 && (said[2] - 10.0).abs() < 1e-6, "{said:?}");
        assert!((said[5] - 10.0).abs() < 0.2, "{said:?}");
    }

    #[test]
    fn a_wild_error_on_nothing_is_capped() {
        let mut spreads = Spreads::default();
        spreads.learn(1e15, &Scale { level: 1e-15, usual: 0.0, hour: 0 });
        spreads.learn(1.0, &Scale { level: 0.0, usual: 0.0, hour: 99 });
        assert!(spreads.candidates(&SCALE).into_iter().flatten().all(f64::is_finite));
    }
}
