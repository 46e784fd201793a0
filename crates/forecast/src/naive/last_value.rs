//! The last value: it stays as it is.

use crate::{Ahead, Data, Explanation, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// Every step to come equals the last measured value; a random walk's quantiles around it.
///
/// # Source
/// R. J. Hyndman, G. Athanasopoulos, *Forecasting: Principles and Practice*, 3rd ed., 5.2 and 5.5: σ_h = σ √h.
#[derive(Debug, Clone, Copy, Default)]
pub struct LastValue;

/// The last value and the mean square of its one-step errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedLastValue {
    last: f64,
    squares: f64,
    errors: u64,
    /// Steps since `last` was measured.
    age: u64,
}

impl Fit for LastValue {
    fn name(&self) -> &'static str {
        "last-value"
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let mut values = data.target.values.iter().copied();
        let first = values.by_ref().find(|value| value.is_finite());
        let first = first.ok_or(FitError::TooShort { model: self.name(), needed: 1, found: 0 })?;
        let mut fitted = FittedLastValue { last: first, squares: 0.0, errors: 0, age: 0 };
        values.for_each(|value| fitted.update(&Sample::of(value)));
        Ok(Fitted::LastValue(fitted))
    }
}

impl Forecaster for FittedLastValue {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let variance = self.squares / self.errors.max(1) as f64;
        let deviation = |step: usize| libm::sqrt(variance * (self.age + step as u64) as f64);
        let deviations: Vec<f64> = (1..=ahead.horizon).map(deviation).collect();
        Prediction::normal(levels, vec![self.last; ahead.horizon], &deviations)
    }

    /// After a gap of k steps the error is that of k + 1 steps, so its square counts 1/(k + 1).
    fn update(&mut self, sample: &Sample<'_>) {
        self.age += 1;
        if !sample.value.is_finite() {
            return;
        }
        let error = sample.value - self.last;
        self.squares += error * error / self.age as f64;
        self.errors += 1;
        self.last = sample.value;
        self.age = 0;
    }

    fn explain(&self) -> Explanation {
        Explanation { level: Some(self.last), ..Explanation::of("last value") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;

    #[test]
    fn it_repeats_the_last_value_and_widens_with_the_root_of_the_steps() {
        let values = [1.0, 3.0, 1.0, f64::NAN, f64::NAN];
        let fitted = LastValue.fit(&Data::alone(Series::untimed(&values), &[]), 0).unwrap();
        let levels = Levels::try_new(vec![0.5, 0.841_344_746_068_542_9]).unwrap();
        let said = fitted.predict(&Ahead::steps(2), &levels);
        assert_eq!(said.points(), [1.0, 1.0]);
        // Two steps old already: 3 and 4 steps of a walk whose steps have variance 4.
        assert!((said.quantiles(0).unwrap()[1] - (1.0 + 12f64.sqrt())).abs() < 1e-9);
        assert!((said.quantiles(1).unwrap()[1] - 5.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_an_error() {
        let error = LastValue.fit(&Data::alone(Series::untimed(&[f64::NAN]), &[]), 0).unwrap_err();
        assert_eq!(error.to_string(), "last-value needs at least 1 measured values, and there are 0");
    }
}
