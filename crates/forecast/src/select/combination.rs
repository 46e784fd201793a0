//! A combination of models with equal say: the mean or the median of what they say.
//!
//! # Source
//! R. T. Clemen, "Combining forecasts: a review and annotated bibliography", *International Journal of Forecasting* 5 (1989).

use crate::explanation::{Explanation, NamedPart};
use crate::{Ahead, Data, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// How members are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// The mean of points and of each quantile.
    Mean,
    /// The median of points and of each quantile.
    Median,
}

/// Models that each have the same say.
pub struct Combination {
    name: &'static str,
    members: Vec<Box<dyn Fit>>,
    fusion: Fusion,
}

impl Combination {
    /// The `members` under one name.
    #[must_use]
    pub fn new(name: &'static str, members: Vec<Box<dyn Fit>>, fusion: Fusion) -> Self {
        Self { name, members, fusion }
    }
}

/// Fitted models that each have the same say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCombination {
    members: Vec<(String, Fitted)>,
    fusion: Fusion,
}

impl Fit for Combination {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Fits every member; one that can not be fitted is left out.
    ///
    /// # Errors
    /// The first member's error when none can.
    fn fit(&self, data: &Data<'_>, seed: u64) -> Result<Fitted, FitError> {
        let mut first = None;
        let mut members = Vec::with_capacity(self.members.len());
        for member in &self.members {
            match member.fit(data, seed) {
                Ok(fitted) => members.push((member.name().to_owned(), fitted)),
                Err(error) => first = first.or(Some(error)),
            }
        }
        if members.is_empty() {
            let none = FitError::Unsuitable { model: self.name, why: "it has no members" };
            return Err(first.unwrap_or(none));
        }
        Ok(Fitted::Combination(Box::new(FittedCombination { members, fusion: self.fusion })))
    }
}

impl Fusion {
    fn of(self, rows: &[&[f64]]) -> Vec<f64> {
        if self == Self::Mean {
            let width = rows.first().map_or(0, |row| row.len());
            let mean = |place: usize| rows.iter().map(|row| row[place]).sum::<f64>() / rows.len() as f64;
            return (0..width).map(mean).collect();
        }
        let mut column = vec![0.0; rows.len()];
        let median = |place: usize| {
            column.iter_mut().zip(rows).for_each(|(cell, row)| *cell = row[place]);
            column.sort_unstable_by(f64::total_cmp);
            f64::midpoint(column[(column.len() - 1) / 2], column[column.len() / 2])
        };
        (0..rows.first().map_or(0, |row| row.len())).map(median).collect()
    }
}

impl Forecaster for FittedCombination {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let said: Vec<Prediction> = self.members.iter().map(|(_, member)| member.predict(ahead, levels)).collect();
        let points: Vec<&[f64]> = said.iter().map(Prediction::points).collect();
        let values: Vec<&[f64]> = said.iter().map(Prediction::values).collect();
        Prediction::new(levels, self.fusion.of(&points), self.fusion.of(&values))
    }

    fn update(&mut self, sample: &Sample<'_>) {
        self.members.iter_mut().for_each(|(_, member)| member.update(sample));
    }

    fn explain(&self) -> Explanation {
        let share = 1.0 / self.members.len() as f64;
        let part = |(name, _): &(String, Fitted)| NamedPart { name: name.clone(), value: share };
        let how = if self.fusion == Fusion::Mean { "mean" } else { "median" };
        Explanation { weights: self.members.iter().map(part).collect(), ..Explanation::of(format!("{how} of models")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;
    use crate::naive::{LastValue, SeasonalNaive};

    fn three(fusion: Fusion) -> Combination {
        let members: Vec<Box<dyn Fit>> = vec![
            Box::new(LastValue),
            Box::new(SeasonalNaive { season: Some(0) }),
            Box::new(SeasonalNaive { season: Some(1) }),
        ];
        Combination::new("three", members, fusion)
    }

    #[test]
    fn points_and_quantiles_are_means_or_medians_of_the_members() {
        let values: Vec<f64> = (0..24).map(|i| f64::from(i % 4 * 10 + i / 4)).collect();
        let data = Data::alone(Series::untimed(&values), &[4, 8]);
        // Last 35; a season ago 5; two seasons ago 4.
        for (fusion, point) in [(Fusion::Mean, 44.0 / 3.0), (Fusion::Median, 5.0)] {
            let mut fitted = three(fusion).fit(&data, 0).unwrap();
            let said = fitted.predict(&Ahead::steps(1), &Levels::deciles());
            assert!((said.points()[0] - point).abs() < 1e-9, "{fusion:?}: {said:?}");
            fitted.update(&Sample::of(6.0));
            assert!((fitted.explain().weights.iter().map(|part| part.value).sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_member_that_can_not_be_fitted_is_left_out() {
        let data = Data::alone(Series::untimed(&[1.0, 2.0]), &[]);
        let fitted = three(Fusion::Mean).fit(&data, 0).unwrap();
        assert_eq!(fitted.explain().weights.len(), 1);
        assert!(three(Fusion::Mean).fit(&Data::alone(Series::untimed(&[]), &[]), 0).is_err());
    }
}
