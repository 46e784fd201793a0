//! Samples with times of their own, laid on equal slots.
//!
//! Two ways, because they answer different questions. [`Samples::on_grid`] is for a table that claims to be regular: a
//! repeated time, one that goes back or one beside the grid is an error of the file, named with its line. [`Samples::in_slots`]
//! is for records whose clock is known to be loose (two rows in the hour that a clock change repeats, samples some seconds
//! late): each slot is the mean of the samples in it. Neither invents a value: a slot without a sample is a gap.

use crate::series::SLOTS_MAX;
use crate::{ReadError, Recorded};
use plimsoll_model::{Millis, Timestamp};
use std::collections::BTreeMap;

/// One sample and where it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Milliseconds of trace time.
    pub(crate) at: i64,
    /// NaN where nothing was measured.
    pub(crate) value: f64,
    /// Line of the file, from 1.
    pub(crate) line: u64,
}

/// The samples of one series in the order they were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    pub(crate) fn push(&mut self, at: Timestamp, value: f64, line: u64) {
        self.0.push(Sample { at: at.0, value, line });
    }

    /// The series on the grid of its most frequent step.
    ///
    /// # Errors
    /// [`ReadError::Order`] for times that do not rise or lie beside the grid, [`ReadError::TooShort`] for fewer than 2.
    pub(crate) fn on_grid(self, file: &str, column: &str, name: String) -> Result<Recorded, ReadError> {
        let refuse = |sample: &Sample, problem: String| ReadError::Order {
            file: file.to_owned(),
            line: sample.line,
            column: column.to_owned().into(),
            value: Timestamp(sample.at).to_string(),
            problem,
        };
        let mut steps: BTreeMap<i64, usize> = BTreeMap::new();
        for pair in self.0.windows(2) {
            let step = pair[1].at.saturating_sub(pair[0].at);
            match step {
                0 => return Err(refuse(&pair[1], format!("stands twice for {name:?}"))),
                ..0 => return Err(refuse(&pair[1], format!("is not after the sample of {name:?} before it"))),
                _ => *steps.entry(step).or_default() += 1,
            }
        }
        let usual = steps.into_iter().max_by_key(|(step, count)| (*count, -step)).map(|(step, _)| step);
        let (Some(step), Some(first)) = (usual, self.0.first().map(|sample| sample.at)) else {
            return Err(ReadError::TooShort { file: file.to_owned(), rows: self.0.len(), needed: 2 });
        };
        let mut values: Vec<f64> = Vec::with_capacity(self.0.len());
        for sample in &self.0 {
            let ahead = sample.at.saturating_sub(first);
            if ahead % step != 0 {
                let step = Millis(step.unsigned_abs());
                return Err(refuse(sample, format!("is not a whole number of steps of {step} after the first one")));
            }
            let index = usize::try_from(ahead / step).unwrap_or(SLOTS_MAX);
            if index >= SLOTS_MAX {
                return Err(refuse(sample, format!("is slot {index}, and a series has at most {SLOTS_MAX}")));
            }
            values.resize(index, f64::NAN);
            values.push(sample.value);
        }
        Ok(Recorded { name, start: Timestamp(first), step: Millis(step.unsigned_abs()), values })
    }

    /// The series in slots of `step` from its first sample on (`centred`: each slot reaches half a step to either side of its
    /// time, else it reaches one step from it), each the mean of its samples.
    ///
    /// # Errors
    /// [`ReadError::TooShort`] without any sample, [`ReadError::Order`] past [`SLOTS_MAX`] slots.
    pub(crate) fn in_slots(
        mut self,
        file: &str,
        name: String,
        step: Millis,
        centred: bool,
    ) -> Result<Recorded, ReadError> {
        self.0.sort_by_key(|sample| sample.at);
        let Some(first) = self.0.first().map(|sample| sample.at) else {
            return Err(ReadError::TooShort { file: file.to_owned(), rows: 0, needed: 1 });
        };
        let width = i64::try_from(step.0).unwrap_or(i64::MAX).max(1);
        let start = if centred { first } else { first.div_euclid(width) * width };
        let lead = if centred { width / 2 } else { 0 };
        let mut sums: Vec<(f64, u32)> = Vec::new();
        for sample in &self.0 {
            let index = sample.at.saturating_sub(start).saturating_add(lead) / width;
            let index = usize::try_from(index).unwrap_or(SLOTS_MAX);
            if index >= SLOTS_MAX {
                let problem = format!("is slot {index}, and a series has at most {SLOTS_MAX}");
                let value = Timestamp(sample.at).to_string();
                let (file, column) = (file.to_owned(), "timestamp".into());
                return Err(ReadError::Order { file, line: sample.line, column, value, problem });
            }
            sums.resize(sums.len().max(index + 1), (0.0, 0));
            if sample.value.is_finite() {
                sums[index].0 += sample.value;
                sums[index].1 += 1;
            }
        }
        let mean = |(sum, count): (f64, u32)| if count == 0 { f64::NAN } else { sum / f64::from(count) };
        Ok(Recorded { name, start: Timestamp(start), step, values: sums.into_iter().map(mean).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rows: &[(i64, f64)]) -> Samples {
        let rows = rows.iter().zip(2..);
        Samples(rows.map(|(&(at, value), line)| Sample { at, value, line }).collect())
    }

    #[test]
    fn a_grid_keeps_its_gaps_and_refuses_what_lies_beside_it() {
        let series = samples(&[(10, 1.0), (20, 2.0), (50, 5.0), (60, 6.0)]).on_grid("x", "t", "a".into()).unwrap();
        assert_eq!(
            (series.start, series.step, series.values.len(), series.measured()),
            (Timestamp(10), Millis(10), 6, 4)
        );
        for (rows, problem) in [
            (&[(10, 1.0), (10, 2.0)][..], "line 3, column t: \"1970-01-01 00:00:00.010Z\" stands twice for \"a\""),
            (&[(10, 1.0), (5, 2.0)], "line 3, column t: \"1970-01-01 00:00:00.005Z\" is not after"),
            (&[(10, 1.0), (20, 1.0), (30, 1.0), (35, 2.0)], "is not a whole number of steps of 10ms"),
            (&[(10, 1.0)], "1 rows of values, and a series needs at least 2"),
        ] {
            let error = samples(rows).on_grid("x", "t", "a".into()).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn loose_samples_are_averaged_by_slot() {
        let rows = [(104, 1.0), (96, 3.0), (121, 4.0), (149, f64::NAN), (151, 6.0)];
        let series = samples(&rows).in_slots("x", "a".into(), Millis(10), true).unwrap();
        assert_eq!(series.start, Timestamp(96));
        let shown: Vec<String> = series.values.iter().map(|value| format!("{value}")).collect();
        assert_eq!(shown, ["3", "1", "NaN", "4", "NaN", "NaN", "6"][..shown.len()].to_vec());
        let aligned = samples(&rows).in_slots("x", "a".into(), Millis(60), false).unwrap();
        assert_eq!((aligned.start, aligned.values), (Timestamp(60), vec![2.0, 5.0]));
    }
}
