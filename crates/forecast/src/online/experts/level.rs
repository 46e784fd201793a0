//! An exponentially weighted level: simple exponential smoothing with a fixed weight.
//!
//! # Source
//! R. G. Brown, *Statistical Forecasting for Inventory Control*, 1959; Hyndman and Athanasopoulos, FPP3, 8.1.

use crate::online::codec::{Fields, Io};

/// A smoothed level.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    weight: f64,
    value: f64,
    is_known: bool,
}

impl Level {
    /// `weight` of a new value, in (0, 1].
    pub const fn new(weight: f64) -> Self {
        Self { weight, value: 0.0, is_known: false }
    }

    pub fn update(&mut self, value: f64) {
        self.value = if self.is_known { self.value + self.weight * (value - self.value) } else { value };
        self.is_known = true;
    }

    pub fn value(&self) -> Option<f64> {
        self.is_known.then_some(self.value)
    }
}

impl Fields for Level {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.f64(&mut self.value);
        io.flag(&mut self.is_known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_the_first_value_and_moves_by_its_weight() {
        let mut level = Level::new(0.25);
        assert_eq!(level.value(), None);
        level.update(8.0);
        level.update(4.0);
        assert_eq!(level.value(), Some(7.0));
    }
}
