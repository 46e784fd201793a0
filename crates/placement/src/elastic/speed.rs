//! How fast a task runs with so many workers, in thousandths of one worker's speed.

use plimsoll_model::cluster::{ElasticRange, SpeedUp};

/// An elastic range that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpeedError {
    /// No workers, or fewer at most than at least.
    #[error("elastic.workers_min is {min} and workers_max is {max}; allowed is 1 ≤ min ≤ max")]
    Range {
        /// Fewest.
        min: u32,
        /// Most.
        max: u32,
    },
    /// A serial share above everything.
    #[error("elastic.speed_up.serial is {serial} thousandths; allowed are 0 to 1000")]
    Serial {
        /// The share.
        serial: u64,
    },
    /// A table that falls, or says nothing.
    #[error("elastic.speed_up.speeds has {speed} for {workers} workers after {before}; speeds start above 0 and rise")]
    Table {
        /// For so many workers.
        workers: usize,
        /// The speed before.
        before: u64,
        /// The speed that stands there.
        speed: u64,
    },
}

/// Speeds of one task over its range of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speeds {
    min: u32,
    max: u32,
    law: SpeedUp,
}

impl Speeds {
    /// The speeds of a range.
    ///
    /// # Errors
    /// A range or law that says nothing sensible.
    pub fn new(range: &ElasticRange) -> Result<Self, SpeedError> {
        let (min, max) = (range.workers_min, range.workers_max);
        if min == 0 || max < min {
            return Err(SpeedError::Range { min, max });
        }
        match &range.speed_up {
            SpeedUp::Amdahl { serial } if serial.0 > 1_000 => return Err(SpeedError::Serial { serial: serial.0 }),
            SpeedUp::Amdahl { .. } => {}
            SpeedUp::Table { speeds } => {
                let mut before = 0;
                for (index, speed) in speeds.iter().enumerate() {
                    if *speed < before || *speed == 0 {
                        return Err(SpeedError::Table { workers: index + 1, before, speed: *speed });
                    }
                    before = *speed;
                }
                if speeds.is_empty() {
                    return Err(SpeedError::Table { workers: 0, before: 0, speed: 0 });
                }
            }
        }
        Ok(Self { min, max, law: range.speed_up.clone() })
    }

    /// Fewest workers.
    #[must_use]
    pub const fn min(&self) -> u32 {
        self.min
    }

    /// Most workers.
    #[must_use]
    pub const fn max(&self) -> u32 {
        self.max
    }

    /// Speed with so many workers, in thousandths of one worker's; at least 1.
    #[must_use]
    pub fn speed(&self, workers: u32) -> u64 {
        let speed = match &self.law {
            SpeedUp::Amdahl { serial } => {
                let workers = u64::from(workers);
                workers * 1_000_000 / (1_000 + workers.saturating_sub(1) * serial.0).max(1)
            }
            SpeedUp::Table { speeds } => {
                let index = (workers as usize).saturating_sub(1);
                speeds.get(index).or(speeds.last()).copied().unwrap_or(1)
            }
        };
        speed.max(1)
    }

    /// What one more worker adds; none at the most.
    #[must_use]
    pub fn gain(&self, workers: u32) -> Option<u64> {
        (workers < self.max).then(|| self.speed(workers + 1).saturating_sub(self.speed(workers)))
    }

    /// What one worker fewer costs; none at the fewest.
    #[must_use]
    pub fn loss(&self, workers: u32) -> Option<u64> {
        (workers > self.min).then(|| self.speed(workers).saturating_sub(self.speed(workers - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::Permille;

    #[test]
    fn amdahl_and_tables_say_what_they_should() {
        let range = |speed_up| ElasticRange { workers_min: 1, workers_max: 4, speed_up };
        let speeds = Speeds::new(&range(SpeedUp::Amdahl { serial: Permille(500) })).unwrap();
        assert_eq!([1, 2, 3, 4].map(|n| speeds.speed(n)), [1_000, 1_333, 1_500, 1_600]);
        let speeds = Speeds::new(&range(SpeedUp::Table { speeds: vec![1_000, 1_900] })).unwrap();
        assert_eq!([1, 2, 3].map(|n| speeds.speed(n)), [1_000, 1_900, 1_900]);
        assert_eq!((speeds.gain(1), speeds.gain(2), speeds.gain(4)), (Some(900), Some(0), None));
        assert_eq!((speeds.loss(2), speeds.loss(1)), (Some(900), None));
    }

    #[test]
    fn nonsense_is_an_error_with_its_numbers() {
        let error = |min, max, speed_up| {
            Speeds::new(&ElasticRange { workers_min: min, workers_max: max, speed_up }).unwrap_err().to_string()
        };
        let linear = SpeedUp::Amdahl { serial: Permille(0) };
        assert_eq!(error(3, 2, linear), "elastic.workers_min is 3 and workers_max is 2; allowed is 1 ≤ min ≤ max");
        assert!(error(1, 2, SpeedUp::Amdahl { serial: Permille(1_001) }).contains("allowed are 0 to 1000"));
        assert!(error(1, 2, SpeedUp::Table { speeds: vec![9, 8] }).contains("8 for 2 workers after 9"));
        assert!(error(1, 2, SpeedUp::Table { speeds: vec![] }).contains("speeds start above 0"));
    }
}
