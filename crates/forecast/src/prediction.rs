//! What a model says: a point and quantiles for every step ahead.

use crate::LevelsError;
use plimsoll_stats::normal;
use serde::{Deserialize, Serialize};

/// The probabilities at which quantiles are given: within (0, 1), rising.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Levels(Vec<f64>);

impl Levels {
    /// Levels in rising order, each once.
    ///
    /// # Errors
    /// [`LevelsError`] for none at all, one outside of (0, 1), or an order that does not rise.
    pub fn try_new(levels: Vec<f64>) -> Result<Self, LevelsError> {
        if levels.is_empty() {
            return Err(LevelsError::Empty);
        }
        if let Some(&level) = levels.iter().find(|level| !(**level > 0.0 && **level < 1.0)) {
            return Err(LevelsError::Outside { level });
        }
        match levels.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(LevelsError::Order { before: pair[0], after: pair[1] }),
            None => Ok(Self(levels)),
        }
    }

    /// 0.1 to 0.9: what weighted quantile losses of competitions are averaged over.
    #[must_use]
    pub fn deciles() -> Self {
        Self((1..10).map(|tenth| f64::from(tenth) / 10.0).collect())
    }

    /// Their values.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// How many.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl TryFrom<Vec<f64>> for Levels {
    type Error = LevelsError;

    fn try_from(levels: Vec<f64>) -> Result<Self, LevelsError> {
        Self::try_new(levels)
    }
}

impl From<Levels> for Vec<f64> {
    fn from(levels: Levels) -> Self {
        levels.0
    }
}

/// A forecast of `horizon` steps: per step a point and one value per level. Everything is finite and the values of one
/// step rise with their level, whatever went in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    levels: Levels,
    points: Vec<f64>,
    /// `horizon × levels`, step by step.
    values: Vec<f64>,
}

impl Prediction {
    /// From points and `values` (step by step, `levels` each). What is not finite is replaced by the point, a point that
    /// is not finite by the one before it (0 for the first), and the values of each step are sorted.
    ///
    /// # Panics
    /// When `values` does not hold `points × levels` numbers: a model's mistake, never its data's.
    #[must_use]
    pub fn new(levels: &Levels, mut points: Vec<f64>, mut values: Vec<f64>) -> Self {
        assert_eq!(values.len(), points.len() * levels.len(), "invariant: one value per step and level");
        let mut before = 0.0;
        for (point, row) in points.iter_mut().zip(values.chunks_mut(levels.len())) {
            if !point.is_finite() {
                *point = before;
            }
            before = *point;
            row.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = *point);
            row.sort_by(f64::total_cmp);
        }
        Self { levels: levels.clone(), points, values }
    }

    /// Quantiles of normal distributions around the points: one standard deviation per step.
    #[must_use]
    pub fn normal(levels: &Levels, points: Vec<f64>, deviations: &[f64]) -> Self {
        let scores: Vec<f64> = levels.as_slice().iter().map(|level| normal::quantile(*level)).collect();
        let rows = points.iter().zip(deviations);
        let values = rows.flat_map(|(point, sd)| scores.iter().map(move |score| point + sd * score)).collect();
        Self::new(levels, points, values)
    }

    /// Steps ahead.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.points.len()
    }

    /// The levels of its quantiles.
    #[must_use]
    pub const fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The point of each step, the next one first.
    #[must_use]
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// The values of one step (0 is the next), one per level. None beyond the horizon.
    #[must_use]
    pub fn quantiles(&self, step: usize) -> Option<&[f64]> {
        self.values.chunks(self.levels.len()).nth(step)
    }

    /// All values, step by step.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same with nothing below `floor`: a load can not be negative.
    #[must_use]
    pub fn at_least(mut self, floor: f64) -> Self {
        self.points.iter_mut().chain(&mut self.values).for_each(|value| *value = value.max(floor));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_within_zero_and_one() {
        assert!(Levels::try_new(vec![0.1, 0.99]).is_ok());
        assert_eq!(Levels::try_new(vec![]), Err(LevelsError::Empty));
        assert_eq!(Levels::try_new(vec![1.0]), Err(LevelsError::Outside { level: 1.0 }));
        assert_eq!(Levels::try_new(vec![0.5, 0.5]), Err(LevelsError::Order { before: 0.5, after: 0.5 }));
        assert!(matches!(Levels::try_new(vec![f64::NAN]), Err(LevelsError::Outside { .. })));
    }

    #[test]
    fn whatever_goes_in_comes_out_finite_and_rising() {
        let levels = Levels::try_new(vec![0.1, 0.5, 0.9]).unwrap();
        let nan = f64::NAN;
        let said = Prediction::new(&levels, vec![nan, 5.0, nan], vec![nan, 1.0, -1.0, 9.0, nan, 3.0, nan, nan, nan]);
        assert_eq!(said.points(), [0.0, 5.0, 5.0]);
        assert_eq!(said.values(), [-1.0, 0.0, 1.0, 3.0, 5.0, 9.0, 5.0, 5.0, 5.0]);
        assert_eq!(said.at_least(2.0).quantiles(0), Some([2.0, 2.0, 2.0].as_slice()));
    }

    #[test]
    fn normal_quantiles_lie_around_the_point() {
        let levels = Levels::try_new(vec![0.025, 0.5, 0.975]).unwrap();
        let said = Prediction::normal(&levels, vec![10.0], &[2.0]);
        let row = said.quantiles(0).unwrap();
        assert!((row[0] - 6.080_07).abs() < 1e-4 && row[1] == 10.0 && (row[2] - 13.919_93).abs() < 1e-4);
    }
}
