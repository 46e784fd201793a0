//! Small statistics over series with gaps (NaN): every function leaves out what was not measured.

use plimsoll_stats::quantile;

/// The measured values, in order.
pub(super) fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| value.is_finite()).collect()
}

/// The quantile `q` of the measured values; none without any.
pub(super) fn at(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = finite(values);
    quantile::sort(&mut sorted);
    quantile::quantile_sorted(&sorted, q)
}

/// Their mean; none without any.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    let values = finite(values);
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Their standard deviation; none without two.
pub(super) fn deviation(values: &[f64]) -> Option<f64> {
    let values = finite(values);
    let middle = mean(&values)?;
    let squares: f64 = values.iter().map(|value| (value - middle) * (value - middle)).sum();
    (values.len() > 1).then(|| libm::sqrt(squares / (values.len() - 1) as f64))
}

/// Pairs in which both are measured.
fn pairs(a: &[f64], b: &[f64]) -> Vec<(f64, f64)> {
    a.iter().copied().zip(b.iter().copied()).filter(|(a, b)| a.is_finite() && b.is_finite()).collect()
}

/// `b ≈ intercept + slope · a` by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub slope: f64,
    pub intercept: f64,
    /// Pearson's, -1 to 1; 0 where one of them never moves.
    pub correlation: f64,
}

/// The line through pairs of measured values; none with fewer than eight, or where `a` never moves.
pub(super) fn line(a: &[f64], b: &[f64]) -> Option<Line> {
    let pairs = pairs(a, b);
    if pairs.len() < 8 {
        return None;
    }
    let count = pairs.len() as f64;
    let (of_a, of_b) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let (of_a, of_b) = (of_a / count, of_b / count);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        aa += (a - of_a) * (a - of_a);
        bb += (b - of_b) * (b - of_b);
        ab += (a - of_a) * (b - of_b);
    }
    if aa <= 0.0 {
        return None;
    }
    let slope = ab / aa;
    let correlation = if bb > 0.0 { ab / libm::sqrt(aa * bb) } else { 0.0 };
    Some(Line { slope, intercept: of_b - slope * of_a, correlation })
}

/// Share of the samples (gaps left out of the count, too) for which it holds; 0 without any.
pub(super) fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    let values = finite(values);
    let held = values.iter().filter(|value| holds(**value)).count();
    if values.is_empty() { 0.0 } else { held as f64 / values.len() as f64 }
}

/// Means of about `blocks` stretches of equal length; stretches without a measured value are left out.
pub(super) fn blocks(values: &[f64], blocks: usize) -> Vec<f64> {
    let width = values.len().div_ceil(blocks.max(1)).max(1);
    values.chunks(width).filter_map(mean).collect()
}

/// Quotients where the divisor is above 0.
pub(super) fn over(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| if *b > 0.0 { a / b } else { f64::NAN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_left_out_of_everything() {
        let values = [1.0, f64::NAN, 3.0];
        assert_eq!(
            (mean(&values), at(&values, 0.5), deviation(&values)),
            (Some(2.0), Some(2.0), Some(libm::sqrt(2.0)))
        );
        assert_eq!((share(&values, |value| value > 2.0), share(&[], |_| true)), (0.5, 0.0));
        assert_eq!((mean(&[f64::NAN]), deviation(&[1.0])), (None, None));
        assert_eq!(blocks(&[1.0, 3.0, f64::NAN, f64::NAN, 5.0, 7.0], 3), [2.0, 6.0]);
    }

    #[test]
    fn a_line_is_found_and_what_never_moves_has_none() {
        let a: Vec<f64> = (0..10).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|a| 3.0 - 2.0 * a).collect();
        let found = line(&a, &b).unwrap();
        assert!((found.slope + 2.0).abs() < 1e-12 && (found.intercept - 3.0).abs() < 1e-12);
        assert!((found.correlation + 1.0).abs() < 1e-12);
        assert!(line(&b[..5], &a[..5]).is_none() && line(&[1.0; 10], &a).is_none());
    }
}
