//! The admissible region: parameters with which what is long past loses its weight.
//!
//! The usual bounds do not lie within it for a season with a trend: with m = 24 most parameters with a β above 0.1 are
//! outside. Without a trend or without a season they do, so only those forms are checked.
//!
//! # Source
//! Hyndman et al. 2008, 10.2: the roots of the characteristic polynomial lie within the unit circle. Whether they do
//! is told without finding them by the Schur-Cohn step-down (J. Marden, *Geometry of Polynomials*, 1966, §42).

use super::form::Form;
use super::recursion::Smoothing;

/// Seasons longer than this are not checked: the test takes m² steps, and would cost more than the passes over the series.
const PERIOD_MAX: usize = 300;

/// Whether the parameters are admissible. `scratch` is room that is reused.
pub fn is_admissible(form: Form, by: &Smoothing, period: usize, scratch: &mut Vec<f64>) -> bool {
    if !(form.is_seasonal() && form.has_trend()) || period > PERIOD_MAX {
        return true;
    }
    let Smoothing { alpha, beta, gamma, phi } = *by;
    let middle = alpha + beta - alpha * phi;
    // Highest power first, which has a coefficient of 1.
    scratch.clear();
    scratch.push(1.0);
    scratch.push(alpha + beta - phi);
    scratch.resize(period, middle);
    scratch.push(middle + gamma - 1.0);
    scratch.push(phi * (1.0 - alpha - gamma));
    is_stable(scratch)
}

/// Whether all roots of a polynomial (highest power first, leading coefficient 1) lie within the unit circle.
fn is_stable(polynomial: &mut Vec<f64>) -> bool {
    while polynomial.len() > 1 {
        let last = polynomial[polynomial.len() - 1];
        if last.abs() >= 1.0 {
            return false;
        }
        let over = 1.0 / (1.0 - last * last);
        let end = polynomial.len() - 1;
        // Both ends at once: each needs the other's old value.
        for low in 1..=end / 2 {
            let (one, other) = (polynomial[low], polynomial[end - low]);
            polynomial[low] = (one - last * other) * over;
            polynomial[end - low] = (other - last * one) * over;
        }
        polynomial.pop();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::form::{ErrorKind, Seasonal, Trend};
    use super::*;

    fn check(trend: Trend, by: [f64; 4], period: usize) -> bool {
        let form = Form::new(ErrorKind::Additive, trend, Seasonal::Additive);
        let [alpha, beta, gamma, phi] = by;
        is_admissible(form, &Smoothing { alpha, beta, gamma, phi }, period, &mut Vec::new())
    }

    #[test]
    fn roots_within_and_without_are_told_apart() {
        for (roots, stable) in [([0.5, -0.9, 0.1], true), ([0.5, -1.1, 0.1], false), ([0.999, 0.999, -0.999], true)] {
            let [a, b, c] = roots;
            let mut polynomial = vec![1.0, -(a + b + c), a * b + a * c + b * c, -a * b * c];
            assert_eq!(is_stable(&mut polynomial), stable, "{roots:?}");
        }
    }

    /// Examples on which statsforecast's `admissible`, which finds the roots, says the same.
    #[test]
    fn examples_agree_with_the_roots() {
        for (trend, by, period, expected) in [
            (Trend::Additive, [0.614, 0.5366, 0.2228, 1.0], 12, false),
            (Trend::Additive, [0.5485, 0.4713, 0.0904, 1.0], 12, false),
            (Trend::Additive, [0.0287, 0.0208, 0.8125, 1.0], 24, false),
            (Trend::Damped, [0.9906, 0.9895, 0.0074, 0.868], 4, false),
            (Trend::Damped, [0.245, 0.1805, 0.3562, 0.8592], 12, false),
            (Trend::Additive, [0.04, 0.008, 0.9, 1.0], 24, true),
            (Trend::Additive, [0.5, 0.1, 0.2, 1.0], 4, true),
            (Trend::Damped, [0.3, 0.05, 0.3, 0.9], 12, true),
        ] {
            assert_eq!(check(trend, by, period), expected, "{by:?} {period}");
        }
    }
}
