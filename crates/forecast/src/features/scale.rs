//! How a model sees values: as a multiple of their own size, or on a scale on which factors are distances.

use serde::{Deserialize, Serialize};

/// The shape of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// Value / unit; the unit is the mean size of what was measured.
    #[default]
    Identity,
    /// Square root of value / unit, with the value's sign: counts that arrive by chance have the same spread everywhere on it.
    Root,
    /// arsinh(value / unit): a logarithm for values well above the unit, straight around zero, so that zeros and negative
    /// values need no special case. The unit is a tenth of the median size.
    Log,
}

/// A transform with the unit it learnt from training values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    transform: Transform,
    /// Above 0 and finite.
    unit: f64,
}

/// The logarithmic scale turns straight below this share of the median size.
const STRAIGHT_BELOW: f64 = 0.1;

impl Scale {
    /// The scale of `values` (NaN are passed over). Nothing but zeros has unit 1.
    ///
    /// # Source
    /// arsinh as a logarithm that knows zero: N. L. Johnson, "Systems of Frequency Curves", Biometrika 36, 1949 (S_U).
    #[must_use]
    pub fn learn(transform: Transform, values: &[f64]) -> Self {
        let mut sizes: Vec<f64> = values.iter().filter(|value| value.is_finite()).map(|value| value.abs()).collect();
        plimsoll_stats::quantile::sort(&mut sizes);
        let largest = sizes.last().copied().unwrap_or(0.0);
        // Divided by the largest first, so that the sum of values near the end of the range stays finite.
        let mean = || sizes.iter().map(|size| size / largest).sum::<f64>() / sizes.len() as f64 * largest;
        let median = || plimsoll_stats::quantile_sorted(&sizes, 0.5).unwrap_or(0.0) * STRAIGHT_BELOW;
        let unit = match transform {
            _ if largest == 0.0 => 1.0,
            Transform::Log if median() > 0.0 => median(),
            Transform::Identity | Transform::Root | Transform::Log => mean(),
        };
        Self { transform, unit: if unit.is_finite() && unit > 0.0 { unit } else { 1.0 } }
    }

    /// What errors on it are: `additive`, `square-root` or `relative`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.transform {
            Transform::Identity => "additive",
            Transform::Root => "square-root",
            Transform::Log => "relative",
        }
    }

    /// A value as the model sees it; NaN stays NaN, and an infinite value is one.
    #[must_use]
    pub fn apply(&self, value: f64) -> f64 {
        let scaled = value / self.unit;
        match self.transform {
            _ if !scaled.is_finite() => f64::NAN,
            Transform::Identity => scaled,
            Transform::Root => libm::copysign(libm::sqrt(scaled.abs()), scaled),
            Transform::Log => libm::asinh(scaled),
        }
    }

    /// The value that the model sees as `seen`.
    #[must_use]
    pub fn invert(&self, seen: f64) -> f64 {
        match self.transform {
            Transform::Identity => seen * self.unit,
            Transform::Root => seen * seen.abs() * self.unit,
            Transform::Log => libm::sinh(seen) * self.unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_and_its_size_does_not_matter() {
        for transform in [Transform::Identity, Transform::Root, Transform::Log] {
            for unit in [1e-15, 1.0, 1e15] {
                let values = [3.0 * unit, 0.0, -5.0 * unit, f64::NAN, 4.0 * unit];
                let scale = Scale::learn(transform, &values);
                let back = scale.invert(scale.apply(values[2]));
                assert!((back / values[2] - 1.0).abs() < 1e-12, "{transform:?} {unit}: {back}");
                let like = Scale::learn(transform, &[3.0, 0.0, -5.0, 4.0]).apply(4.0);
                assert!((scale.apply(values[4]) - like).abs() < 1e-9);
                assert!(scale.apply(f64::NAN).is_nan());
            }
        }
    }

    #[test]
    fn zeros_and_nothing_at_all_have_a_scale() {
        for values in [[0.0, 0.0].as_slice(), &[f64::NAN], &[]] {
            assert_eq!(Scale::learn(Transform::Log, values).apply(0.0), 0.0);
        }
        assert!(Scale::learn(Transform::Log, &[0.0, 0.0, 0.0, 7.0]).apply(7.0).is_finite());
        assert!(Scale::learn(Transform::Identity, &[f64::MAX, f64::MAX]).apply(f64::MAX) > 0.9);
    }
}
