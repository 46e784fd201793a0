//! One form estimated on one series: a conditional first guess, then the exact likelihood's maximum.
//!
//! All four kinds of coefficients are written as partial autocorrelations tanh(x), so that whatever the minimiser tries
//! is stationary and invertible. R transforms the autoregressive ones so and turns roots of the others inside out
//! afterwards; the likelihood is the same at both places.
//!
//! # Source
//! R. H. Jones (1980), as in `polynomial`; information criteria as in R. J. Hyndman, Y. Khandakar, "Automatic Time Series
//! Forecasting: The forecast Package for R", Journal of Statistical Software 27(3), 2008.

use super::bfgs::{Effort, minimise};
use super::cholesky::Cholesky;
use super::css::{Css, CssFit};
use super::form::Form;
use super::likelihood::{Likelihood, Sample, Workspace, likelihood};
use super::polynomial::{Blocks, from_partial, partial, roots_beyond};
use super::prepare::Prepared;
use super::start::Arma;
use serde::{Deserialize, Serialize};

/// How roots close to the unit circle are looked for when forms are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootRule {
    /// A form is refused when a root of φ, θ or Φ, each in its own step, lies within 1.01, or one of Θ within 1. With a
    /// season of 24, R's rule refuses every seasonal coefficient beyond 0.79, which hourly loads nearly always have; a
    /// Θ of nearly 1 is a season that never changes, and does no harm.
    #[default]
    Factors,
    /// R's rule: a root of the multiplied polynomials lies within 1.01.
    Products,
}

const RADIUS: f64 = 1.01;

impl RootRule {
    /// Whether an estimate keeps its distance from the unit circle.
    pub(crate) fn accepts(self, form: &Form, arma: &[f64]) -> bool {
        let blocks = Blocks::of(form, arma);
        let product = libm::pow(RADIUS, form.season as f64);
        let (seasonal_ar, seasonal_ma) = match self {
            Self::Factors => (RADIUS, 1.0),
            Self::Products => (product, product),
        };
        let negated = |ma: &[f64]| ma.iter().map(|theta| -theta).collect::<Vec<f64>>();
        roots_beyond(blocks.ar, RADIUS)
            && roots_beyond(&negated(blocks.ma), RADIUS)
            && roots_beyond(blocks.seasonal_ar, seasonal_ar)
            && roots_beyond(&negated(blocks.seasonal_ma), seasonal_ma)
    }
}

/// The four blocks' lengths and signs: moving averages are stationary autoregressions with the opposite sign.
fn blocks(form: &Form) -> [(usize, f64); 4] {
    [(form.plain.p, 1.0), (form.plain.q, -1.0), (form.seasonal.p, 1.0), (form.seasonal.q, -1.0)]
}

/// Coefficients φ, θ, Φ, Θ from free numbers.
fn constrain(form: &Form, free: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; free.len()];
    let mut from = 0;
    for (count, sign) in blocks(form) {
        let partials: Vec<f64> = free[from..from + count].iter().map(|free| libm::tanh(*free)).collect();
        let out = &mut out[from..from + count];
        from_partial(&partials, out);
        out.iter_mut().for_each(|value| *value *= sign);
        from += count;
    }
    out
}

/// Free numbers for coefficients; those outside of the region are drawn into it first, by shrinking their roots' inverses.
fn release(form: &Form, coefficients: &[f64]) -> Vec<f64> {
    let mut out = Vec::with_capacity(coefficients.len());
    let mut from = 0;
    for (count, sign) in blocks(form) {
        let mut block: Vec<f64> = coefficients[from..from + count].iter().map(|value| sign * value).collect();
        let inside = |block: &[f64]| partial(block).filter(|partials| partials.iter().all(|part| part.abs() <= 0.995));
        let partials = loop {
            if let Some(partials) = inside(&block) {
                break partials;
            }
            let mut power = 1.0;
            for value in &mut block {
                power *= 0.97;
                *value = if value.is_finite() { *value * power } else { 0.0 };
            }
        };
        out.extend(partials.iter().map(|part| libm::atanh(*part)));
        from += count;
    }
    out
}

/// A form with its estimates, on the scale of the prepared series.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub form: Form,
    /// φ, θ, Φ, Θ.
    pub arma: Vec<f64>,
    pub process: Arma,
    pub likelihood: Likelihood,
    /// Of the series as it was given.
    pub log_likelihood: f64,
    pub aicc: f64,
}

/// Akaike's criterion with Hurvich and Tsai's correction; without it when that has no value.
pub(crate) fn criterion(minus_twice_log_likelihood: f64, parameters: usize, measured: usize) -> f64 {
    let (count, measured) = (parameters as f64, measured as f64);
    let aic = minus_twice_log_likelihood + 2.0 * count;
    // R falls back to the AIC for three values or fewer, and to infinity where the correction has no value.
    match measured - count - 1.0 {
        _ if measured <= 3.0 => aic,
        left if left > 0.0 => aic + 2.0 * count * (count + 1.0) / left,
        _ => f64::INFINITY,
    }
}

/// A conditional estimate and its criterion, on the scale of the prepared series.
#[derive(Debug, Clone)]
pub(crate) struct Guess {
    pub form: Form,
    pub fit: CssFit,
    pub aicc: f64,
}

/// The conditional estimate from `start` (as many numbers as the form has, or none).
pub(crate) fn guess(form: &Form, prepared: &Prepared, start: Option<Vec<f64>>) -> Option<Guess> {
    let css = Css::new(*form, prepared);
    let start = start.filter(|start| start.len() == css.count()).unwrap_or_else(|| css.start());
    let fit = css.fit(&start)?;
    let measured = prepared.measured();
    let aicc = criterion(measured as f64 * libm::log(fit.variance.max(1e-300)), css.count() + 1, measured);
    Some(Guess { form: *form, fit, aicc })
}

/// The exact maximum from a conditional estimate, or from `other` coefficients where those are likelier; none where the
/// form has no likelihood on this series.
pub(crate) fn exact(
    guess: &Guess,
    other: Option<&[f64]>,
    prepared: &Prepared,
    workspace: &mut Workspace,
    effort: Effort,
) -> Option<Estimate> {
    let form = guess.form;
    let sample = prepared.sample(form.constant);
    let count = form.arma_count();
    let mut start = release(&form, &guess.fit.parameters[..count]);
    let process = |free: &[f64]| process_of(&form, &constrain(&form, free));
    let mut objective =
        |free: &[f64]| likelihood(&process(free), &sample, workspace).map_or(f64::INFINITY, |found| found.objective);
    let inverse = inverse_hessian(&form, &start, &guess.fit.hessian);
    if let Some(other) = other.map(|other| release(&form, other)).filter(|other| objective(other) < objective(&start)) {
        start = other;
    }
    let (free, _) = minimise(objective, &start, inverse, effort);
    at(&form, constrain(&form, &free), &sample, prepared, workspace)
}

fn process_of(form: &Form, arma: &[f64]) -> Arma {
    let blocks = Blocks::of(form, arma);
    Arma::new(blocks.autoregression(form.season), &blocks.moving_average(form.season))
}

/// The estimate with these coefficients: its likelihood, not maximised over them.
pub(crate) fn at(
    form: &Form,
    arma: Vec<f64>,
    sample: &Sample,
    prepared: &Prepared,
    workspace: &mut Workspace,
) -> Option<Estimate> {
    let process = process_of(form, &arma);
    let likelihood = likelihood(&process, sample, workspace)?;
    let measured = sample.measured();
    let twice = measured as f64 * (2.0 * likelihood.objective + 1.0 + libm::log(2.0 * std::f64::consts::PI));
    let log_likelihood = -0.5 * twice - measured as f64 * libm::log(prepared.scale);
    let parameters = arma.len() + likelihood.unknowns.len() - sample.gaps + 1;
    let aicc = criterion(-2.0 * log_likelihood, parameters, measured);
    Some(Estimate { form: *form, arma, process, likelihood, log_likelihood, aicc })
}

/// The inverse of the conditional problem's Hessian in the free numbers; the identity where it has none.
fn inverse_hessian(form: &Form, free: &[f64], hessian: &[f64]) -> Vec<f64> {
    let count = free.len();
    let identity = |index: usize| f64::from(u8::from(index / count.max(1) == index % count.max(1)));
    let base = constrain(form, free);
    let derivative = |index: usize| {
        let mut moved = free.to_vec();
        moved[index] += 1e-6;
        let moved = constrain(form, &moved);
        moved.iter().zip(&base).map(|(moved, base)| (moved - base) / 1e-6).collect::<Vec<f64>>()
    };
    let derivatives: Vec<Vec<f64>> = (0..count).map(derivative).collect();
    let mut out = vec![0.0; count * count];
    for row in 0..count {
        for col in 0..count {
            let image = hessian.chunks(count).map(|line| line.iter().zip(&derivatives[col]).map(|(h, d)| h * d).sum());
            let image: Vec<f64> = image.collect();
            out[row * count + col] = derivatives[row].iter().zip(&image).map(|(d, image)| d * image).sum();
        }
    }
    for index in 0..count {
        out[index * count + index] += 1e-4;
    }
    match Cholesky::try_new(&out, count) {
        Some(factor) => {
            let columns = (0..count).map(|index| {
                let mut column = vec![0.0; count];
                column[index] = 1.0;
                factor.solve(&mut column);
                column
            });
            columns.flatten().collect()
        }
        None => (0..count * count).map(identity).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Order;
    use super::*;

    #[test]
    fn free_numbers_go_there_and_back_and_what_is_outside_is_drawn_in() {
        let form = Form { plain: Order::new(2, 0, 1), seasonal: Order::new(0, 0, 1), season: 4, constant: false };
        let coefficients = [0.5, 0.2, 0.4, -0.6];
        let back = constrain(&form, &release(&form, &coefficients));
        for (found, expected) in back.iter().zip(coefficients) {
            assert!((found - expected).abs() < 1e-12);
        }
        let inside = constrain(&form, &release(&form, &[3.0, 2.0, f64::NAN, -1.0]));
        assert!(RootRule::Factors.accepts(&form, &inside) || roots_beyond(&inside[..2], 1.0));
    }

    #[test]
    fn a_seasonal_root_is_judged_by_its_own_step_or_by_the_product() {
        let form = Form { plain: Order::new(0, 1, 0), seasonal: Order::new(0, 1, 1), season: 24, constant: false };
        assert!(RootRule::Factors.accepts(&form, &[-0.9]) && !RootRule::Products.accepts(&form, &[-0.9]));
        assert!(!RootRule::Factors.accepts(&form, &[-1.005]) && RootRule::Products.accepts(&form, &[-0.78]));
    }
}
