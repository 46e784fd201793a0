//! Levels between and beyond the quantiles that a model has.

use plimsoll_stats::normal;

/// The values at `levels`, appended to `out`, from (level, value) pairs in rising order: linear over the scores of the
/// normal distribution, the outer pairs extended.
pub(crate) fn interpolate(known: &[(f64, f64)], levels: &[f64], out: &mut Vec<f64>) {
    out.extend(levels.iter().map(|level| interpolate_one(known, *level)));
}

/// The value at one level.
pub(crate) fn interpolate_one(known: &[(f64, f64)], level: f64) -> f64 {
    match known {
        [] => f64::NAN,
        [(_, only)] => *only,
        _ => {
            if let Some((_, value)) = known.iter().find(|(own, _)| *own == level) {
                return *value;
            }
            let after = known.partition_point(|(own, _)| *own < level).clamp(1, known.len() - 1);
            let ((low, from), (high, to)) = (known[after - 1], known[after]);
            let low = normal::quantile(low);
            from + (to - from) * (normal::quantile(level) - low) / (normal::quantile(high) - low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_normal_distribution_are_met_by_two_of_them() {
        let known = [0.1, 0.9].map(|level| (level, 3.0 + 2.0 * normal::quantile(level)));
        let mut out = Vec::new();
        interpolate(&known, &[0.01, 0.1, 0.5, 0.99], &mut out);
        let expected = [0.01, 0.1, 0.5, 0.99].map(|level| 3.0 + 2.0 * normal::quantile(level));
        assert!(out.iter().zip(expected).all(|(is, should)| (is - should).abs() < 1e-9), "{out:?}");
        assert_eq!(interpolate_one(&[(0.5, 7.0)], 0.9), 7.0);
    }
}
