//! Where smoothing parameters may lie, as a map from all of the real numbers, so that a search needs no walls.
//!
//! The usual bounds: 0.0001 ≤ α ≤ 0.9999, 0.0001 ≤ β ≤ α, 0.0001 ≤ γ ≤ 1 − α, 0.8 ≤ φ ≤ 0.98; α and β may be held
//! lower still ([`Bounds`]). That parameters are admissible too is checked apart.
//!
//! # Source
//! Hyndman et al. 2008, 2.5.2 and chapter 10.

use super::form::Form;
use super::recursion::Smoothing;

/// Least of α, β and γ.
const LOW: f64 = 1e-4;
/// Greatest of α and γ.
pub const HIGH: f64 = 1.0 - 1e-4;
/// φ: below it a slope is gone at once, above it it can not be told from none at all.
const PHI: (f64, f64) = (0.8, 0.98);
/// Arguments beyond this change nothing that could be seen.
const FLAT: f64 = 12.0;

/// Greatest α and β; β stays below α too.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub alpha_max: f64,
    pub beta_max: f64,
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x.clamp(-FLAT, FLAT)))
}

fn logit(share: f64) -> f64 {
    let share = share.clamp(1e-5, 1.0 - 1e-5);
    libm::log(share / (1.0 - share))
}

/// How many smoothing parameters a form has.
pub const fn count(form: Form) -> usize {
    1 + form.has_trend() as usize + form.is_seasonal() as usize + form.is_damped() as usize
}

/// Where within their intervals the parameters lie, 0 to 1.
struct Shares {
    alpha: f64,
    beta: f64,
    gamma: f64,
    phi: f64,
}

fn shares(form: Form, x: &[f64]) -> Shares {
    let mut x = x.iter().copied().map(logistic);
    let mut next = |wanted: bool| if wanted { x.next().unwrap_or(0.0) } else { 0.0 };
    let alpha = next(true);
    let beta = next(form.has_trend());
    let gamma = next(form.is_seasonal());
    Shares { alpha, beta, gamma, phi: next(form.is_damped()) }
}

impl Bounds {
    fn alpha_width(self) -> f64 {
        self.alpha_max - LOW
    }

    fn beta_width(self, alpha: f64) -> f64 {
        (self.beta_max.min(alpha) - LOW).max(0.0)
    }

    /// The parameters at `x`: α, then those of β, γ and φ that the form has.
    pub fn smoothing(self, form: Form, x: &[f64]) -> Smoothing {
        let shares = shares(form, x);
        let alpha = LOW + self.alpha_width() * shares.alpha;
        let beta = if form.has_trend() { LOW + self.beta_width(alpha) * shares.beta } else { 0.0 };
        let gamma = if form.is_seasonal() { LOW + (HIGH - alpha).max(0.0) * shares.gamma } else { 0.0 };
        let phi = if form.is_damped() { PHI.0 + (PHI.1 - PHI.0) * shares.phi } else { 1.0 };
        Smoothing { alpha, beta, gamma, phi }
    }

    /// Where parameters lie; the inverse of [`Bounds::smoothing`], kept off the very ends.
    pub fn position(self, form: Form, by: &Smoothing, x: &mut [f64]) {
        let share = |value: f64, low: f64, width: f64| if width > 0.0 { logit((value - low) / width) } else { 0.0 };
        let all = [
            (true, share(by.alpha, LOW, self.alpha_width())),
            (form.has_trend(), share(by.beta, LOW, self.beta_width(by.alpha))),
            (form.is_seasonal(), share(by.gamma, LOW, HIGH - by.alpha)),
            (form.is_damped(), share(by.phi, PHI.0, PHI.1 - PHI.0)),
        ];
        let wanted = all.into_iter().filter(|(wanted, _)| *wanted);
        x.iter_mut().zip(wanted).for_each(|(x, (_, at))| *x = at);
    }

    /// Turns derivatives with respect to the parameters into those with respect to `x`.
    pub fn chain(self, form: Form, x: &[f64], by: &Smoothing, derivative: &Smoothing, out: &mut [f64]) {
        let at = shares(form, x);
        let slope = |share: f64| share * (1.0 - share);
        let mut alpha = derivative.alpha;
        if form.has_trend() && by.alpha < self.beta_max {
            alpha += derivative.beta * at.beta;
        }
        if form.is_seasonal() {
            alpha -= derivative.gamma * at.gamma;
        }
        let all = [
            (true, alpha * self.alpha_width() * slope(at.alpha)),
            (form.has_trend(), derivative.beta * self.beta_width(by.alpha) * slope(at.beta)),
            (form.is_seasonal(), derivative.gamma * (HIGH - by.alpha).max(0.0) * slope(at.gamma)),
            (form.is_damped(), derivative.phi * (PHI.1 - PHI.0) * slope(at.phi)),
        ];
        let wanted = all.into_iter().filter(|(wanted, _)| *wanted);
        out.iter_mut().zip(wanted).for_each(|(out, (_, value))| *out = value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::{ErrorKind, Seasonal, Trend};
    use super::*;

    #[test]
    fn every_place_is_within_the_bounds_and_is_found_again() {
        let form = Form::new(ErrorKind::Additive, Trend::Damped, Seasonal::Additive);
        for bounds in [Bounds { alpha_max: HIGH, beta_max: HIGH }, Bounds { alpha_max: 0.1, beta_max: 0.01 }] {
            for x in [[-50.0, 3.0, 50.0, 0.0], [50.0, 50.0, 50.0, 50.0], [0.3, -1.0, 0.5, 2.0]] {
                let by = bounds.smoothing(form, &x);
                assert!(by.alpha <= bounds.alpha_max && by.beta <= bounds.beta_max, "{by:?}");
                assert!(LOW <= by.beta && by.beta <= by.alpha && by.alpha <= HIGH, "{by:?}");
                assert!(
                    LOW <= by.gamma && by.gamma <= 1.0 - by.alpha + LOW && (0.8..=0.98).contains(&by.phi),
                    "{by:?}"
                );
                let mut back = [0.0; 4];
                bounds.position(form, &by, &mut back);
                let again = bounds.smoothing(form, &back);
                for (one, other) in [(by.alpha, again.alpha), (by.beta, again.beta), (by.gamma, again.gamma)] {
                    assert!((one - other).abs() < 2e-5, "{by:?} {again:?}");
                }
            }
        }
    }

    #[test]
    fn derivatives_pass_through_the_map() {
        let form = Form::new(ErrorKind::Additive, Trend::Damped, Seasonal::Additive);
        let (bounds, x) = (Bounds { alpha_max: 0.9, beta_max: 0.5 }, [-0.5, 0.3, 0.2, -0.1]);
        let weights = Smoothing { alpha: 2.0, beta: -3.0, gamma: 0.7, phi: 5.0 };
        let value = |x: &[f64]| {
            let by = bounds.smoothing(form, x);
            2.0 * by.alpha - 3.0 * by.beta + 0.7 * by.gamma + 5.0 * by.phi
        };
        let mut found = [0.0; 4];
        bounds.chain(form, &x, &bounds.smoothing(form, &x), &weights, &mut found);
        for index in 0..4 {
            let at = |step: f64| {
                let mut x = x;
                x[index] += step;
                value(&x)
            };
            let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((found[index] - expected).abs() < 1e-7, "{index}: {} and {expected}", found[index]);
        }
    }
}
