//! A load over time as a backtest takes it: integers, so that what the controller sees is the same on any CPU.

use plimsoll_model::{Bytes, MilliRps, Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// A recorded load, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Start of the first slot.
    pub start: Timestamp,
    /// Length of a slot, above 0.
    pub step: Millis,
    /// Mean load per slot; none where nothing was recorded.
    pub rate: Vec<Option<MilliRps>>,
    /// Memory of one replica per slot; empty where it was not recorded.
    pub memory: Vec<Option<Bytes>>,
}

/// What the load is between the middles of two recorded slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Between {
    /// The slot's mean throughout the slot: a jump at each border.
    #[default]
    Held,
    /// A straight line from the start of one slot to the start of the next: no jumps.
    Line,
}

/// Why there is no load.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// A slot of no length.
    #[error("a slot of the load must last at least 1 ms")]
    Step,
    /// A value that no load can have.
    #[error("value {value} of row {row} (from 1) is not a load: allowed are finite numbers from 0")]
    Value {
        /// Position from 1.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A value that no memory can have.
    #[error("memory {value} of row {row} (from 1) is no amount: allowed are finite numbers from 0")]
    Memory {
        /// Position from 1.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Nothing but gaps and zeros cannot be scaled.
    #[error("the 99th percentile of the load is 0, so it cannot be scaled to need replicas")]
    Nothing,
}

impl Load {
    /// The load `values` (NaN is a gap), multiplied by `factor` to thousandths of a request/s.
    ///
    /// # Errors
    /// [`LoadError`] for a slot of no length or a value that is infinite or negative.
    pub fn try_new(start: Timestamp, step: Millis, values: &[f64], factor: f64) -> Result<Self, LoadError> {
        if step == Millis::ZERO {
            return Err(LoadError::Step);
        }
        let rate = |(index, value): (usize, &f64)| match *value {
            value if value.is_nan() => Ok(None),
            value if value >= 0.0 && value.is_finite() => Ok(Some(MilliRps((value * factor + 0.5) as u64))),
            value => Err(LoadError::Value { row: index + 1, value }),
        };
        let rate = values.iter().enumerate().map(rate).collect::<Result<_, _>>()?;
        Ok(Self { start, step, rate, memory: Vec::new() })
    }

    /// The same load with the memory of one replica beside it, in bytes (NaN is a gap), slot by slot.
    ///
    /// # Errors
    /// [`LoadError::Memory`] for a value that is infinite or negative.
    pub fn with_memory(self, values: &[f64]) -> Result<Self, LoadError> {
        let bytes = |(index, value): (usize, &f64)| match *value {
            value if value.is_nan() => Ok(None),
            value if value >= 0.0 && value.is_finite() => Ok(Some(Bytes((value + 0.5) as u64))),
            value => Err(LoadError::Memory { row: index + 1, value }),
        };
        let memory = values.iter().enumerate().map(bytes).collect::<Result<_, _>>()?;
        Ok(Self { memory, ..self })
    }

    /// The factor that scales `values` so that their 99th percentile (nearest rank) becomes `wanted`.
    ///
    /// # Errors
    /// [`LoadError::Nothing`] where that percentile is not above 0.
    pub fn factor_to(values: &[f64], wanted: MilliRps) -> Result<f64, LoadError> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        match sorted.get(rank) {
            Some(p99) if *p99 > 0.0 => Ok(wanted.0 as f64 / p99),
            _ => Err(LoadError::Nothing),
        }
    }

    /// Time covered, gaps included.
    #[must_use]
    pub fn span(&self) -> Millis {
        self.step.saturating_mul(self.rate.len() as u64)
    }

    /// The load at every tick from the start on.
    #[must_use]
    pub fn by_tick(&self, tick: Millis, between: Between) -> Vec<Option<MilliRps>> {
        let (tick, step) = (tick.0.max(1), self.step.0.max(1));
        let ticks = self.span().0 / tick;
        (0..ticks).map(|index| self.at(index.saturating_mul(tick), step, between)).collect()
    }

    /// The memory of one replica at every tick from the start on; empty where it was not recorded.
    #[must_use]
    pub fn memory_by_tick(&self, tick: Millis) -> Vec<Option<Bytes>> {
        if self.memory.is_empty() {
            return Vec::new();
        }
        let (tick, step) = (tick.0.max(1), self.step.0.max(1));
        let slot = |index: u64| usize::try_from(index.saturating_mul(tick) / step).unwrap_or(usize::MAX);
        (0..self.span().0 / tick).map(|index| self.memory.get(slot(index)).copied().flatten()).collect()
    }

    fn at(&self, offset: u64, step: u64, between: Between) -> Option<MilliRps> {
        let index = usize::try_from(offset / step).ok()?;
        let here = self.rate.get(index).copied().flatten()?;
        let next = match between {
            Between::Held => None,
            Between::Line => self.rate.get(index + 1).copied().flatten(),
        };
        let Some(next) = next else { return Some(here) };
        let into = u128::from(offset % step);
        let step = u128::from(step);
        let value = (u128::from(here.0) * (step - into) + u128::from(next.0) * into) / step;
        Some(MilliRps(u64::try_from(value).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_or_joined_and_gaps_stay() {
        let load = Load::try_new(Timestamp(0), Millis(60_000), &[1.0, 3.0, f64::NAN], 1_000.0).unwrap();
        let shown = |between| -> Vec<u64> {
            load.by_tick(Millis(30_000), between).into_iter().map(|rate| rate.map_or(0, |rate| rate.0)).collect()
        };
        assert_eq!(shown(Between::Held), [1_000, 1_000, 3_000, 3_000, 0, 0]);
        assert_eq!(shown(Between::Line), [1_000, 2_000, 3_000, 3_000, 0, 0]);
    }

    #[test]
    fn the_percentile_is_scaled_and_bad_values_are_named_with_their_row() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(Load::factor_to(&values, MilliRps(990)).unwrap(), 10.0);
        assert_eq!(Load::factor_to(&[0.0, f64::NAN], MilliRps(1)), Err(LoadError::Nothing));
        let error = Load::try_new(Timestamp(0), Millis(1), &[1.0, -2.0], 1.0).unwrap_err().to_string();
        assert_eq!(error, "value -2 of row 2 (from 1) is not a load: allowed are finite numbers from 0");
        assert!(Load::try_new(Timestamp(0), Millis(1), &[f64::INFINITY], 1.0).is_err());
    }
}
