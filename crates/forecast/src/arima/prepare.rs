//! A series made ready for estimation: ends cut to what was measured, scaled, differenced, its gaps known by place.
//!
//! Scales are powers of two, so that a series and its double give the same bits. Gaps hold interpolated values only so
//! that the arithmetic stays small around them; the likelihood takes each for an unknown, and the conditional sum of
//! squares leaves every error out that a gap stands in.

use super::form::{Form, Order};
use super::likelihood::{Column, Sample};
use super::polynomial::differencing;

/// A series, differenced as all the forms that are compared on it.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Orders are of no interest here, only differences and season.
    pub differences: Form,
    /// From the first to the last measured value: shifted and scaled, interpolated in gaps.
    pub values: Vec<f64>,
    /// Indices of the gaps among them.
    pub missing: Vec<usize>,
    /// What was subtracted from every value, and then divided by.
    pub shift: f64,
    pub scale: f64,
    /// The differenced series, and whether no gap stands in a value.
    pub differenced: Vec<f64>,
    pub whole: Vec<bool>,
    /// Regressors, one value per value; differenced likewise.
    pub regressors: Vec<Vec<f64>>,
    pub differenced_regressors: Vec<Vec<f64>>,
}

/// The power of two next to `size`; 1 for zero.
fn power_of_two(size: f64) -> f64 {
    if size > 0.0 && size.is_finite() { libm::ldexp(1.0, libm::frexp(size).1.clamp(-1000, 1000)) } else { 1.0 }
}

/// The values from the first to the last measured one with straight lines over gaps, and the gaps' indices.
pub(crate) fn interpolate(values: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let finite = |value: &f64| value.is_finite();
    let (Some(first), Some(last)) = (values.iter().position(finite), values.iter().rposition(finite)) else {
        return (Vec::new(), Vec::new());
    };
    let mut out = values[first..=last].to_vec();
    let missing: Vec<usize> = (0..out.len()).filter(|index| !out[*index].is_finite()).collect();
    for &index in &missing {
        let before = out[index - 1];
        let ahead = out[index..].iter().position(finite).unwrap_or(1);
        out[index] = before + (out[index + ahead] - before) / (ahead + 1) as f64;
    }
    (out, missing)
}

/// (1 − B)ᵈ (1 − Bᵐ)ᴰ of `values`: shorter by what the differences consume.
pub(crate) fn difference(values: &[f64], form: &Form) -> Vec<f64> {
    let mut out = values.to_vec();
    let lags = std::iter::repeat_n(form.season, form.seasonal.d).chain(std::iter::repeat_n(1, form.plain.d));
    for lag in lags {
        if out.len() <= lag {
            return Vec::new();
        }
        out = out[lag..].iter().zip(&out).map(|(now, before)| now - before).collect();
    }
    out
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Sets every column to 0 that says nothing beside a constant and the columns before it, so that its effect stays 0.
fn drop_dependent(columns: &mut [Vec<f64>], rows: usize) {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut basis = vec![vec![1.0; rows]];
    for column in columns {
        let before = product(column, column);
        let mut rest = column.clone();
        for direction in &basis {
            let weight = product(&rest, direction) / product(direction, direction);
            rest.iter_mut().zip(direction).for_each(|(rest, direction)| *rest -= weight * direction);
        }
        if product(&rest, &rest) > 1e-9 * before && before.is_finite() {
            basis.push(rest);
        } else {
            column.fill(0.0);
        }
    }
}

impl Prepared {
    /// `values` as measured (NaN for a gap) under d and D differences; `regressors` hold one value per value.
    pub fn new(values: &[f64], regressors: &[Vec<f64>], d: usize, seasonal_d: usize, season: usize) -> Self {
        let (plain, seasonal) = (Order::new(0, d, 0), Order::new(0, seasonal_d, 0));
        let differences = Form { plain, seasonal, season, constant: false };
        let first = values.iter().position(|value| value.is_finite()).unwrap_or(0);
        let (mut out, missing) = interpolate(values);
        let rough = power_of_two(out.iter().fold(0.0, |most: f64, value| most.max(value.abs())));
        out.iter_mut().for_each(|value| *value /= rough);
        let shift = if differences.differences() > 0 { out.first().copied().unwrap_or(0.0) } else { 0.0 };
        out.iter_mut().for_each(|value| *value -= shift);
        let mut differenced = difference(&out, &differences);
        let centre = mean(&differenced);
        let spread = differenced.iter().map(|value| (value - centre) * (value - centre)).sum::<f64>();
        let fine = power_of_two(libm::sqrt(spread / differenced.len().max(1) as f64));
        out.iter_mut().chain(&mut differenced).for_each(|value| *value /= fine);
        let regressors: Vec<Vec<f64>> =
            regressors.iter().map(|column| column[first..first + out.len()].to_vec()).collect();
        let mut differenced_regressors: Vec<Vec<f64>> =
            regressors.iter().map(|column| difference(column, &differences)).collect();
        drop_dependent(&mut differenced_regressors, differenced.len());
        let mut whole = vec![true; differenced.len()];
        let delta = differencing(&differences);
        for &gap in &missing {
            let rows = std::iter::once(0).chain((1..=delta.len()).filter(|lag| delta[lag - 1] != 0.0));
            let rows = rows.filter_map(|lag| (gap + lag).checked_sub(delta.len()));
            rows.for_each(|row| whole.get_mut(row).into_iter().for_each(|whole| *whole = false));
        }
        let (shift, scale) = (shift * rough, rough * fine);
        Self { differences, values: out, missing, shift, scale, differenced, whole, regressors, differenced_regressors }
    }

    /// Measured values that the likelihood of every form is of.
    pub fn measured(&self) -> usize {
        self.differenced.len().saturating_sub(self.missing.len())
    }

    /// Whether nothing varies after the differences.
    pub fn is_flat(&self) -> bool {
        let centre = mean(&self.differenced);
        let largest = self.values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        self.differenced.iter().all(|value| (value - centre).abs() <= 1e-13 * largest)
    }

    /// The constant's column before the differences: 1 for a mean, the step's number for a drift.
    pub fn constant_at(&self, index: usize) -> f64 {
        if self.differences.differences() == 0 { 1.0 } else { index as f64 }
    }

    /// The constant that alone fits best.
    pub fn constant(&self) -> f64 {
        mean(&self.differenced) / self.constant_per_row()
    }

    fn constant_per_row(&self) -> f64 {
        if self.differences.seasonal.d > 0 { self.differences.season as f64 } else { 1.0 }
    }

    /// The differenced regression columns, the constant first where the form has one.
    pub fn regression(&self, constant: bool) -> Vec<Vec<f64>> {
        let constant = constant.then(|| vec![self.constant_per_row(); self.differenced.len()]);
        constant.into_iter().chain(self.differenced_regressors.iter().cloned()).collect()
    }

    /// The columns of the likelihood: gaps, regression, target.
    pub fn sample(&self, constant: bool) -> Sample {
        let delta = differencing(&self.differences);
        let indicator = |gap: &usize| {
            let mut values = vec![0.0; self.differenced.len()];
            let coefficients = std::iter::once(1.0).chain(delta.iter().map(|delta| -delta));
            for (lag, coefficient) in coefficients.enumerate() {
                if let Some(value) = (gap + lag).checked_sub(delta.len()).and_then(|row| values.get_mut(row)) {
                    *value = coefficient;
                }
            }
            Column::new(values)
        };
        let mut columns: Vec<Column> = self.missing.iter().map(indicator).collect();
        columns.extend(self.regression(constant).into_iter().map(Column::new));
        // The target always runs from the first row on: its innovations are what is left over.
        columns.push(Column::whole(self.differenced.clone()));
        Sample { columns, gaps: self.missing.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_interpolated_and_marks_every_difference_it_stands_in() {
        let nan = f64::NAN;
        let prepared = Prepared::new(&[nan, 1.0, 2.0, nan, 4.0, 5.0, 7.0, nan], &[], 1, 1, 2);
        assert_eq!(prepared.missing, [2]);
        assert_eq!(prepared.values.len(), 6);
        assert_eq!(prepared.differenced.len(), 3);
        assert_eq!(prepared.whole, [false, false, false], "lags 0, 1, 2 and 3 of the gap");
        let sample = prepared.sample(false);
        assert_eq!((sample.gaps, sample.measured()), (1, 2));
        assert_eq!(sample.columns[0].values, [-1.0, -1.0, 1.0], "(1 − B)(1 − B²) = 1 − B − B² + B³");
    }

    #[test]
    fn a_regressor_that_adds_nothing_is_dropped() {
        let mut columns = vec![
            vec![1.0, 0.0, 2.0, 0.0],
            vec![3.0; 4],
            vec![2.0, 1.0, 3.0, 1.0],
            vec![0.0, 0.0, 1.0, 0.0],
            vec![f64::NAN; 4],
        ];
        drop_dependent(&mut columns, 4);
        let kept: Vec<bool> = columns.iter().map(|column| column.iter().any(|value| *value != 0.0)).collect();
        assert_eq!(kept, [true, false, false, true, false]);
    }

    #[test]
    fn a_double_has_the_same_scaled_values() {
        let values = [3.0, 5.5, 2.25, 9.0];
        let double = values.map(|value| 4.0 * value);
        let (one, four) = (Prepared::new(&values, &[], 1, 0, 1), Prepared::new(&double, &[], 1, 0, 1));
        assert_eq!(one.values, four.values);
        assert_eq!(one.scale * 4.0, four.scale);
        assert!(Prepared::new(&[2.0, 4.0, 6.0], &[], 1, 0, 1).is_flat());
    }
}
