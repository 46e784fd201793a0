//! The value one season ago.

use crate::explanation::SeasonPart;
use crate::{Ahead, Data, Explanation, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// Every step to come equals the last measured value of the same place in the (longest) season.
///
/// # Source
/// R. J. Hyndman, G. Athanasopoulos, *Forecasting: Principles and Practice*, 3rd ed., 5.2 and 5.5: σ_h = σ √(k + 1), k
/// whole seasons between.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeasonalNaive {
    /// Which of the data's seasons, counted from the shortest; the longest that fits twice when none is named.
    pub season: Option<usize>,
}

/// One season of values, and the mean square of the errors against the season before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedSeasonalNaive {
    /// By place in the season; none where nothing was ever measured.
    season: Vec<Option<f64>>,
    /// Place of the next value.
    next: usize,
    squares: f64,
    errors: u64,
}

impl SeasonalNaive {
    fn period(self, data: &Data<'_>) -> Option<usize> {
        let fits = |period: &&usize| **period >= 2 && data.target.values.len() >= 2 * **period;
        match self.season {
            Some(index) => data.seasons.get(index).copied().filter(|period| *period >= 2),
            None => data.seasons.iter().rev().find(fits).or(data.seasons.first()).copied(),
        }
    }
}

impl Fit for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal-naive"
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let period = self.period(data).ok_or(FitError::NoSeason { model: self.name() })?;
        let found = data.target.observed().count();
        if found < period {
            return Err(FitError::TooShort { model: self.name(), needed: period, found });
        }
        let mut fitted = FittedSeasonalNaive { season: vec![None; period], next: 0, squares: 0.0, errors: 0 };
        data.target.values.iter().for_each(|value| fitted.update(&Sample::of(*value)));
        Ok(Fitted::SeasonalNaive(fitted))
    }
}

impl FittedSeasonalNaive {
    /// The value at a place; of the nearest place before it that has one where nothing was measured.
    fn value(&self, place: usize) -> f64 {
        let period = self.season.len();
        let back = (0..period).map(|back| (place + period - back) % period);
        back.into_iter().find_map(|place| self.season[place]).unwrap_or(0.0)
    }
}

impl Forecaster for FittedSeasonalNaive {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let period = self.season.len();
        let variance = self.squares / self.errors.max(1) as f64;
        let points = (0..ahead.horizon).map(|step| self.value((self.next + step) % period)).collect();
        let deviation = |step: usize| libm::sqrt(variance * (step / period + 1) as f64);
        let deviations: Vec<f64> = (0..ahead.horizon).map(deviation).collect();
        Prediction::normal(levels, points, &deviations)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        let place = self.next;
        self.next = (place + 1) % self.season.len();
        if !sample.value.is_finite() {
            return;
        }
        if let Some(before) = self.season[place].replace(sample.value) {
            self.squares += (sample.value - before) * (sample.value - before);
            self.errors += 1;
        }
    }

    fn explain(&self) -> Explanation {
        let known = || self.season.iter().flatten().copied();
        let swing = known().fold(f64::MIN, f64::max) - known().fold(f64::MAX, f64::min);
        let part = SeasonPart { period: self.season.len(), swing, next: self.value(self.next), multiplies: false };
        Explanation { seasons: vec![part], ..Explanation::of("the value one season ago") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;

    #[test]
    fn it_repeats_the_season_and_a_gap_keeps_the_one_before() {
        let values = [1.0, 2.0, 3.0, 4.0, f64::NAN, 6.0, 7.0];
        let fitted = SeasonalNaive::default().fit(&Data::alone(Series::untimed(&values), &[3]), 0).unwrap();
        let said = fitted.predict(&Ahead::steps(4), &Levels::deciles());
        assert_eq!(said.points(), [2.0, 6.0, 7.0, 2.0]);
    }

    #[test]
    fn a_season_that_does_not_fit_twice_gives_way_to_a_shorter_one() {
        let values: Vec<f64> = (0..30).map(|hour| f64::from(hour % 4)).collect();
        let fitted = SeasonalNaive::default().fit(&Data::alone(Series::untimed(&values), &[4, 20]), 0).unwrap();
        assert_eq!(fitted.predict(&Ahead::steps(2), &Levels::deciles()).points(), [2.0, 3.0]);
        let none = SeasonalNaive::default().fit(&Data::alone(Series::untimed(&values), &[]), 0);
        assert_eq!(none, Err(FitError::NoSeason { model: "seasonal-naive" }));
    }
}
