//! The values a row is made of: all of them while training, the newest few while forecasting.

use super::Scale;
use crate::{Data, Sample};
use plimsoll_model::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Scaled values by their number since the start of the series, the oldest forgotten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    start: Timestamp,
    step: Millis,
    /// Number of the first value kept.
    first: usize,
    /// Values that `push` keeps; twice as many are held at most, so that moving them costs O(1) each.
    depth: usize,
    scale: Scale,
    #[serde(with = "crate::features::history::gaps")]
    values: Vec<f64>,
    covariates: Vec<Past>,
}

/// A covariate's past, on its own scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Past {
    scale: Scale,
    #[serde(with = "crate::features::history::gaps")]
    values: Vec<f64>,
}

impl History {
    /// All of `data` on `scale`; each covariate on one of the same transform that was learnt from its first `training`
    /// values. After [`Self::trim`] only `depth` values are kept.
    #[must_use]
    pub fn new(data: &Data<'_>, scale: Scale, scales: &[Scale], depth: usize) -> Self {
        let past = |(covariate, scale): (&crate::Covariate<'_>, &Scale)| Past {
            scale: *scale,
            values: padded(covariate.values, data.target.values.len()).map(|value| scale.apply(value)).collect(),
        };
        Self {
            start: data.target.start,
            step: data.target.step,
            first: 0,
            depth: depth.max(1),
            scale,
            values: data.target.values.iter().map(|value| scale.apply(*value)).collect(),
            covariates: data.covariates.iter().zip(scales).map(past).collect(),
        }
    }

    /// Number of the value that comes next: how many there have been.
    #[must_use]
    pub fn next(&self) -> usize {
        self.first + self.values.len()
    }

    /// The moment of a value, past or to come.
    #[must_use]
    pub fn at(&self, number: usize) -> Timestamp {
        self.start.plus(self.step.saturating_mul(number as u64))
    }

    /// Time from value to value.
    #[must_use]
    pub const fn step(&self) -> Millis {
        self.step
    }

    /// How the target is seen.
    #[must_use]
    pub const fn scale(&self) -> &Scale {
        &self.scale
    }

    /// The scaled value of that number; NaN for a gap and for what is not kept.
    #[must_use]
    pub fn value(&self, number: usize) -> f64 {
        number.checked_sub(self.first).and_then(|at| self.values.get(at)).copied().unwrap_or(f64::NAN)
    }

    /// The values up to `number`, at most `len` of them.
    #[must_use]
    pub fn window(&self, number: usize, len: usize) -> &[f64] {
        let end = (number + 1).saturating_sub(self.first).min(self.values.len());
        &self.values[end.saturating_sub(len)..end]
    }

    /// How many covariates there are.
    #[must_use]
    pub fn covariates(&self) -> usize {
        self.covariates.len()
    }

    /// A covariate's scaled value; NaN for a gap and for what is not kept.
    #[must_use]
    pub fn covariate(&self, index: usize, number: usize) -> f64 {
        let at = number.checked_sub(self.first);
        at.and_then(|at| self.covariates.get(index)?.values.get(at).copied()).unwrap_or(f64::NAN)
    }

    /// Takes one more sample.
    pub fn push(&mut self, sample: &Sample<'_>) {
        let value = self.scale.apply(sample.value);
        self.push_scaled(value, sample.covariates);
    }

    /// Takes one more value that is scaled already.
    pub fn push_scaled(&mut self, value: f64, covariates: &[f64]) {
        if self.values.len() >= 2 * self.depth {
            self.trim();
        }
        self.values.push(value);
        for (index, past) in self.covariates.iter_mut().enumerate() {
            past.values.push(covariates.get(index).map_or(f64::NAN, |value| past.scale.apply(*value)));
        }
    }

    /// Forgets all but the newest `depth` values.
    pub fn trim(&mut self) {
        let gone = self.values.len().saturating_sub(self.depth);
        self.values.drain(..gone);
        self.covariates.iter_mut().for_each(|past| drop(past.values.drain(..gone)));
        self.first += gone;
    }

    /// Keeps so many values from now on.
    pub(crate) fn set_depth(&mut self, depth: usize) {
        self.depth = depth.max(1);
    }

    /// The newest values, for a model that fills its own gaps before it forecasts.
    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }
}

/// Exactly `len` values, NaN behind those that are there.
fn padded(values: &[f64], len: usize) -> impl Iterator<Item = f64> + '_ {
    values.iter().copied().chain(std::iter::repeat(f64::NAN)).take(len)
}

/// Gaps as null: JSON has no NaN.
pub(crate) mod gaps {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        let values: Vec<Option<f64>> = values.iter().map(|value| value.is_finite().then_some(*value)).collect();
        values.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Transform;
    use crate::{Covariate, NO_EVENTS, Series};

    #[test]
    fn it_forgets_the_oldest_and_keeps_its_numbers_and_its_gaps() {
        let covariate = [1.0, f64::NAN, 3.0];
        let data = Data {
            target: Series::untimed(&[2.0, 2.0, f64::NAN]),
            seasons: &[],
            covariates: &[Covariate { name: "cpu", values: &covariate }],
            events: &NO_EVENTS,
        };
        let scale = Scale::learn(Transform::Identity, data.target.values);
        let mut history = History::new(&data, scale, &[Scale::learn(Transform::Identity, &[2.0])], 2);
        (0..9).for_each(|_| history.push(&Sample { value: 4.0, covariates: &[6.0] }));
        assert_eq!((history.next(), history.value(11), history.covariate(0, 11)), (12, 2.0, 3.0));
        assert!(history.value(0).is_nan() && history.value(12).is_nan() && history.covariate(0, 3).is_nan());
        assert!(history.window(11, 9).len() <= 4 && history.window(0, 3).is_empty());
        history.push(&Sample::of(f64::NAN));
        let text = serde_json::to_string(&history).unwrap();
        let back: History = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert!(back.value(12).is_nan() && back.covariate(0, 12).is_nan());
    }
}
