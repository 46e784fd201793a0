//! What says how far up the demand may go: levels over several windows, and how much it moves.
//!
//! A single step far below its neighbours (a counter that was reset, a log that was cut) does not move the levels; one above them
//! does, because the demand may stay there.

use super::Recent;
use crate::online::codec::{Fields, Io};

/// Weights of the levels, the shortest window first.
const WEIGHTS: [f64; 4] = [0.4, 0.1, 0.03, 0.01];
/// Weight of a new change in the usual one.
const MOVES: f64 = 0.01;
/// A relative change counts at most this much.
const MOVE_MAX: f64 = 0.5;
/// Below this share of the median of three, a single step is not believed.
const DROP: f64 = 0.6;
/// The present level counts at least as this share of the long-run mean where something is relative to it.
const FLOOR: f64 = 0.1;

/// Levels and movement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook {
    levels: [f64; WEIGHTS.len()],
    moves: f64,
    before: f64,
    is_known: bool,
}

/// What relative figures are relative to.
pub(crate) fn scale(level: f64, usual: f64) -> f64 {
    level.abs().max(FLOOR * usual)
}

impl Outlook {
    /// Takes the newest step of `recent`.
    pub fn update(&mut self, value: f64, recent: &Recent, usual: f64) {
        let value = believed(value, recent);
        if !std::mem::replace(&mut self.is_known, true) {
            self.levels = [value; WEIGHTS.len()];
            self.before = value;
            return;
        }
        for (level, weight) in self.levels.iter_mut().zip(WEIGHTS) {
            *level += weight * (value - *level);
        }
        let scale = scale(self.level(), usual);
        if scale > 0.0 {
            let moved = ((value - self.before).abs() / scale).min(MOVE_MAX);
            self.moves += MOVES * (moved - self.moves);
        }
        self.before = value;
    }

    /// The present level.
    pub const fn level(&self) -> f64 {
        self.levels[0]
    }

    /// The newest step as it is believed, and the slower levels, less the present one, over `scale`.
    pub fn differences(&self, scale: f64) -> [f64; WEIGHTS.len()] {
        let level = self.level();
        [self.before, self.levels[1], self.levels[2], self.levels[3]].map(|other| (other - level) / scale)
    }

    /// The usual change from step to step, relative.
    pub const fn moves(&self) -> f64 {
        self.moves
    }
}

/// The value, or the median of the newest three where the value has dropped out.
fn believed(value: f64, recent: &Recent) -> f64 {
    let (Some(one), Some(two)) = (recent.back(1), recent.back(2)) else { return value };
    let median = one.max(two).min(value.max(one.min(two)));
    if value >= 0.0 && value < DROP * median { median } else { value }
}

impl Fields for Outlook {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.levels.iter_mut().for_each(|level| io.f64(level));
        io.f64(&mut self.moves);
        io.f64(&mut self.before);
        io.flag(&mut self.is_known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_step_does_not_move_the_level_and_a_jump_does() {
        let (mut outlook, mut recent) = (Outlook::default(), Recent::default());
        let mut step = |value: f64| {
            recent.push(0, value);
            outlook.update(value, &recent, 100.0);
            outlook.level()
        };
        (0..50).for_each(|_| assert_eq!(step(100.0), 100.0));
        assert_eq!(step(1.0), 100.0);
        assert_eq!(step(100.0), 100.0);
        assert_eq!(step(200.0), 140.0);
    }
}
