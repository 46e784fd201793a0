//! Adam: gradient descent with a step of its own per parameter.

use super::matrix::Real;

/// Settings of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamSettings {
    /// Size of a step, while the gradient keeps its sign.
    pub rate: f64,
    /// Memory of the mean gradient, within [0, 1).
    pub beta1: f64,
    /// Memory of the mean squared gradient, within [0, 1).
    pub beta2: f64,
    /// Added to the root, so that a parameter without gradient stands still.
    pub epsilon: f64,
    /// Most that the Euclidean norm of a whole gradient may be; a longer one is shortened to it.
    pub norm_max: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, norm_max: 1.0 }
    }
}

/// The moments of one vector of parameters.
///
/// # Source
/// D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1: m ← β₁ m + (1 − β₁) g,
/// v ← β₂ v + (1 − β₂) g², θ ← θ − η m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). Clipping by the norm:
/// R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
#[derive(Debug, Clone)]
pub struct Adam<R> {
    settings: AdamSettings,
    mean: Vec<R>,
    square: Vec<R>,
    /// β₁ᵗ and β₂ᵗ.
    powers: (f64, f64),
}

impl<R: Real> Adam<R> {
    /// For so many parameters.
    #[must_use]
    pub fn new(parameters: usize, settings: AdamSettings) -> Self {
        Self { settings, mean: vec![R::ZERO; parameters], square: vec![R::ZERO; parameters], powers: (1.0, 1.0) }
    }

    /// Changes the rate from the next step on.
    pub const fn set_rate(&mut self, rate: f64) {
        self.settings.rate = rate;
    }

    /// One step against `gradient`; its norm before clipping. A gradient that is not finite changes nothing.
    ///
    /// # Panics
    /// When the lengths differ from those at the start.
    pub fn step(&mut self, parameters: &mut [R], gradient: &[R]) -> f64 {
        assert_eq!((parameters.len(), gradient.len()), (self.mean.len(), self.mean.len()), "invariant: lengths stay");
        let norm = libm::sqrt(gradient.iter().map(|g| g.to_f64() * g.to_f64()).sum());
        if !norm.is_finite() {
            return norm;
        }
        let AdamSettings { rate, beta1, beta2, epsilon, norm_max } = self.settings;
        self.powers = (self.powers.0 * beta1, self.powers.1 * beta2);
        let shrink = R::from_f64(if norm > norm_max { norm_max / norm } else { 1.0 });
        let (mean_part, square_part) = (R::from_f64(beta1), R::from_f64(beta2));
        let rate = rate / (1.0 - self.powers.0);
        let unbias = 1.0 / (1.0 - self.powers.1);
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((parameter, gradient), (mean, square)) in parameters.iter_mut().zip(gradient).zip(moments) {
            let gradient = shrink * *gradient;
            *mean = mean_part * *mean + (R::ONE - mean_part) * gradient;
            *square = square_part * *square + (R::ONE - square_part) * gradient * gradient;
            let root = libm::sqrt(square.to_f64() * unbias);
            *parameter = *parameter - R::from_f64(rate * mean.to_f64() / (root + epsilon));
        }
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first steps by the paper's formulas, written out.
    #[test]
    fn its_steps_are_the_papers() {
        let settings = AdamSettings { rate: 0.1, norm_max: 1e9, ..AdamSettings::default() };
        let mut adam = Adam::new(1, settings);
        let mut parameter = [1.0_f64];
        let (mut m, mut v, mut theta) = (0.0, 0.0, 1.0_f64);
        for t in 1..=20 {
            let gradient = 2.0 * theta - 1.0;
            m = 0.9 * m + 0.1 * gradient;
            v = 0.999 * v + 0.001 * gradient * gradient;
            theta -= 0.1 * (m / (1.0 - 0.9_f64.powi(t))) / ((v / (1.0 - 0.999_f64.powi(t))).sqrt() + 1e-8);
            adam.step(&mut parameter, &[gradient]);
            assert!((parameter[0] - theta).abs() < 1e-12, "step {t}");
        }
    }

    #[test]
    fn it_finds_the_lowest_point_of_a_narrow_valley() {
        let mut adam = Adam::new(2, AdamSettings { rate: 0.05, ..AdamSettings::default() });
        let mut at = [4.0_f32, -3.0];
        for _ in 0..2_000 {
            let gradient = [2.0 * (at[0] - 1.0), 200.0 * (at[1] - 2.0)];
            adam.step(&mut at, &gradient);
        }
        assert!((at[0] - 1.0).abs() < 1e-3 && (at[1] - 2.0).abs() < 1e-3, "{at:?}");
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing_and_a_long_one_keeps_its_direction() {
        let mut adam = Adam::new(2, AdamSettings::default());
        let mut at = [1.0_f64, 1.0];
        assert!(!adam.step(&mut at, &[f64::NAN, 0.0]).is_finite());
        assert_eq!(at, [1.0, 1.0]);
        assert_eq!(adam.step(&mut at, &[300.0, -400.0]), 500.0);
        assert!((adam.mean[0] - 0.06).abs() < 1e-12 && (adam.mean[1] + 0.08).abs() < 1e-12, "norm 1, times 1 - beta1");
    }
}
