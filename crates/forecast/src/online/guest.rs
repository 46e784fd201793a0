//! Fitting a model that will stand beside a stream's experts, to the same samples cut into the same steps.
//!
//! This is the pure part of what a worker does: the daemon and the twin bring the samples and the thread.

use super::clock::index_from;
use crate::direct::Direct;
use crate::{Data, Fit, FitError, Fitted, Series, zoo};
use plimsoll_model::quantity::{Millis, Timestamp};

/// Longest series that is fitted: four weeks of half minutes.
const STEPS_MAX: usize = 100_000;

/// A model to be fitted for a stream.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// Its name: of the zoo, where `ridge` and `boosting` stand for their forms for one horizon.
    pub model: &'a str,
    /// The stream's step.
    pub step: Millis,
    /// The stream's origin ([`super::Stream::origin`]): the middle of its first step.
    pub origin: Timestamp,
    /// How far ahead it will be asked.
    pub horizon: Millis,
    /// Lengths of the seasons, shortest first.
    pub seasons: &'a [Millis],
    /// Seed of whatever is random in fitting.
    pub seed: u64,
}

impl Guest<'_> {
    /// Fits it to samples in order of time, all of them taken by the stream. Steps without a sample are gaps.
    ///
    /// # Errors
    /// [`FitError`] for an unknown model, or when the samples do not allow it.
    pub fn fit(&self, samples: &[(Timestamp, f64)]) -> Result<Fitted, FitError> {
        let model = self.model()?;
        let (first, values) = self.steps(samples);
        if values.is_empty() {
            return Err(FitError::TooShort { model: model.name(), needed: 1, found: 0 });
        }
        let start = self.origin.plus(self.step.saturating_mul(u64::from(first)));
        let seasons: Vec<usize> = self.seasons.iter().filter_map(|season| self.in_steps(*season)).collect();
        let target = Series { start, step: self.step, values: &values };
        model.fit(&Data::alone(target, &seasons), self.seed)
    }

    fn model(&self) -> Result<Box<dyn Fit>, FitError> {
        let ahead = usize::try_from(self.horizon.0.div_ceil(self.step.0.max(1))).unwrap_or(1).max(1);
        match self.model {
            "ridge" => Ok(Box::new(Direct::ridge(vec![ahead]))),
            "boosting" => Ok(Box::new(Direct::boosting_at(vec![ahead]))),
            name => zoo::by_name(name).ok_or_else(|| FitError::Setting {
                model: "a guest",
                setting: "its name",
                value: name.to_owned(),
                allowed: "the name of a model in the zoo",
            }),
        }
    }

    /// A season that is a whole number of at least two steps.
    fn in_steps(&self, season: Millis) -> Option<usize> {
        let steps = usize::try_from(season.0 / self.step.0.max(1)).ok()?;
        (season.0.is_multiple_of(self.step.0.max(1)) && steps >= 2).then_some(steps)
    }

    /// The mean of the samples of each step, from the first that has one; the newest `STEPS_MAX` of them.
    fn steps(&self, samples: &[(Timestamp, f64)]) -> (u32, Vec<f64>) {
        let index = |at: Timestamp| index_from(self.origin, at, self.step);
        let last = samples.last().map_or(0, |(at, _)| index(*at));
        let oldest = last.saturating_sub(STEPS_MAX as u32 - 1);
        let kept = samples.iter().skip_while(|(at, _)| index(*at) < oldest);
        let mut first = None;
        let mut sums: Vec<(f64, u32)> = Vec::new();
        for (at, value) in kept.filter(|(_, value)| value.is_finite()) {
            let place = (index(*at) - *first.get_or_insert(index(*at))) as usize;
            if sums.len() <= place {
                sums.resize(place + 1, (0.0, 0));
            }
            sums[place].0 += value;
            sums[place].1 += 1;
        }
        // No sample at all is 0 / 0: a gap.
        (first.unwrap_or(0), sums.into_iter().map(|(sum, count)| sum / f64::from(count)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(model: &str) -> Guest<'_> {
        let (step, horizon) = (Millis(60), Millis(300));
        Guest { model, step, origin: Timestamp(1_000), horizon, seasons: &[Millis(1_440), Millis(100)], seed: 1 }
    }

    #[test]
    fn samples_fall_into_the_steps_of_the_stream_and_missing_ones_are_gaps() {
        let at = |ms: i64| Timestamp(ms);
        let samples = [(at(1_055), 1.0), (at(1_075), 3.0), (at(1_190), 5.0), (at(1_250), f64::NAN)];
        let (first, values) = guest("ridge").steps(&samples);
        assert_eq!((first, values.len()), (1, 3));
        assert!(values[0] == 2.0 && values[1].is_nan() && values[2] == 5.0);
        assert_eq!(guest("ridge").in_steps(Millis(100)), None);
    }

    #[test]
    fn a_name_that_is_none_is_refused_and_every_other_one_is_fitted() {
        let samples: Vec<(Timestamp, f64)> =
            (0..600).map(|step| (Timestamp(1_000 + step * 60), 50.0 + (step % 24) as f64)).collect();
        assert!(matches!(guest("oracle").fit(&samples), Err(FitError::Setting { .. })));
        assert!(guest("ridge").fit(&samples).is_ok() && guest("seasonal-naive").fit(&samples).is_ok());
        assert!(guest("ridge").fit(&[]).is_err());
    }
}
