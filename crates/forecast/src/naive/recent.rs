//! The middle of the last few values.

use crate::explanation::Explanation;
use crate::{Ahead, Data, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::quantile_sorted;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Every step to come equals the median of the last few measured values: what holds on a load that jumps and comes back,
/// where the last value is as often the jump as the level. Quantiles are those of the errors it made one window ahead.
///
/// A gap is no value: the median is of the last *measured* ones.
///
/// # Source
/// The moving median as a robust level: J. W. Tukey, *Exploratory Data Analysis* (1977).
#[derive(Debug, Clone, Copy)]
pub struct Recent {
    /// How many values; at least 1.
    pub window: usize,
}

/// Errors kept: enough for a 1 % tail that is more than one value.
const ERRORS: usize = 256;

/// The last few values, and the errors of the last few medians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedRecent {
    window: usize,
    values: VecDeque<f64>,
    /// Medians that wait for the value `window` steps later, one per step; none where nothing was measured yet.
    waiting: VecDeque<Option<f64>>,
    errors: VecDeque<f64>,
}

impl Fit for Recent {
    fn name(&self) -> &'static str {
        match self.window {
            3 => "recent-3",
            6 => "recent-6",
            12 => "recent-12",
            48 => "recent-48",
            _ => "recent",
        }
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let window = self.window.max(1);
        let needed = 1;
        let empty = FittedRecent { window, values: VecDeque::new(), waiting: VecDeque::new(), errors: VecDeque::new() };
        let mut fitted = empty;
        // What lies further back than the errors kept can not be seen in the state.
        let seen = data.target.tail(ERRORS + 3 * window);
        seen.values.iter().for_each(|value| fitted.update(&Sample::of(*value)));
        if fitted.values.is_empty() {
            let last =
                data.target.last_observed().ok_or(FitError::TooShort { model: self.name(), needed, found: 0 })?;
            fitted.update(&Sample::of(last));
        }
        Ok(Fitted::Recent(fitted))
    }
}

impl FittedRecent {
    fn median(&self) -> Option<f64> {
        let mut sorted: Vec<f64> = self.values.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        quantile_sorted(&sorted, 0.5)
    }
}

impl Forecaster for FittedRecent {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let point = self.median().unwrap_or(0.0);
        let mut errors: Vec<f64> = self.errors.iter().copied().collect();
        errors.sort_unstable_by(f64::total_cmp);
        let row = levels.as_slice().iter().map(|level| point + quantile_sorted(&errors, *level).unwrap_or(0.0));
        let row: Vec<f64> = row.collect();
        Prediction::new(levels, vec![point; ahead.horizon], row.repeat(ahead.horizon))
    }

    fn update(&mut self, sample: &Sample<'_>) {
        let due = if self.waiting.len() >= self.window { self.waiting.pop_front().flatten() } else { None };
        if sample.value.is_finite() {
            if let Some(median) = due {
                self.errors.push_back(sample.value - median);
            }
            self.values.push_back(sample.value);
        }
        while self.values.len() > self.window {
            self.values.pop_front();
        }
        while self.errors.len() > ERRORS {
            self.errors.pop_front();
        }
        self.waiting.push_back(self.median());
    }

    fn explain(&self) -> Explanation {
        let form = format!("the median of the last {} values", self.window);
        Explanation { level: self.median(), ..Explanation::of(form) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;

    fn fitted(values: &[f64]) -> Fitted {
        Recent { window: 3 }.fit(&Data::alone(Series::untimed(values), &[]), 0).unwrap()
    }

    #[test]
    fn a_jump_that_comes_back_does_not_move_it_and_a_gap_is_no_value() {
        let said = fitted(&[5.0, 5.0, 6.0, f64::NAN, 90.0]).predict(&Ahead::steps(2), &Levels::deciles());
        assert_eq!(said.points(), [6.0, 6.0]);
        assert_eq!(fitted(&[f64::NAN, 7.0]).predict(&Ahead::steps(1), &Levels::deciles()).values(), [7.0; 9]);
        assert!(Recent { window: 3 }.fit(&Data::alone(Series::untimed(&[f64::NAN]), &[]), 0).is_err());
    }

    #[test]
    fn quantiles_are_those_of_its_errors_a_window_ahead() {
        // Ramps by 1: each median of three lags the newest by 1, and the value three steps later by 4.
        let ramp: Vec<f64> = (0..60).map(f64::from).collect();
        let said = fitted(&ramp).predict(&Ahead::steps(1), &Levels::deciles());
        assert_eq!((said.points()[0], said.values()[4]), (58.0, 62.0));
    }

    #[test]
    fn an_update_equals_a_fit_on_the_longer_series() {
        let values: Vec<f64> = (0..900).map(|i| f64::from(i * 37 % 11)).collect();
        let mut grown = fitted(&values[..880]);
        values[880..].iter().for_each(|value| grown.update(&Sample::of(*value)));
        let levels = Levels::deciles();
        assert_eq!(grown.predict(&Ahead::steps(3), &levels), fitted(&values).predict(&Ahead::steps(3), &levels));
    }
}
