//! The smoothing recursion and its derivatives, one compiled copy per kind of form.
//!
//! States are kept as `level`, which already holds the next step's slope, and `slope` = φ b: then a value enters the next
//! level through one subtraction, one product and one sum, which is all that a step has to wait for. The derivatives with
//! respect to every parameter and initial state come from one pass backwards over what the pass forwards recorded
//! (reverse-mode differentiation), so a gradient costs about as much as two values whatever the season's length.
//!
//! A gap (NaN) moves the level by its slope and changes nothing else; it has no part in the likelihood.
//!
//! # Source
//! Hyndman et al. 2008, table 2.2 and 2.3 (recursions), 5.1 (likelihood). With b the slope of the book: `level` = l + φ b,
//! `slope` = φ b; the book's l and b follow.

use super::form::{ErrorKind, Form, Seasonal};
use serde::{Deserialize, Serialize};

/// Smoothing parameters; those that a form lacks are 0, and φ is 1 without damping.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Smoothing {
    /// Weight of an error in the level.
    pub alpha: f64,
    /// Weight of an error in the slope.
    pub beta: f64,
    /// Weight of an error in the season.
    pub gamma: f64,
    /// Share of the slope that is left after a step.
    pub phi: f64,
}

/// Level, slope and one value per place in the season (empty without a season).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The next value's level: the book's l + φ b.
    pub level: f64,
    /// What the next step adds to it before any error: the book's φ b.
    pub slope: f64,
    /// By place in the season, the first value's place first.
    pub season: Vec<f64>,
}

/// Derivatives with respect to smoothing parameters and initial states.
#[derive(Debug, Clone)]
pub struct Gradient {
    pub smoothing: Smoothing,
    pub state: State,
}

/// What the pass forwards leaves for the pass backwards: one entry per value each.
#[derive(Debug, Default)]
pub struct Tape {
    /// By how much the value missed the level (both without the season's part).
    miss: Vec<f64>,
    /// Forecast of an additive season, level of a multiplicative one.
    base: Vec<f64>,
    /// Seasonal state before the value; multiplicative seasons only.
    season: Vec<f64>,
    /// `slope` before the value; with a trend only.
    slope: Vec<f64>,
    /// Σ r² of the last pass.
    squares: f64,
}

/// Values to be described: NaN marks a gap.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    pub values: &'a [f64],
    pub period: usize,
    /// How many are not gaps.
    pub seen: usize,
}

/// Forecasts of relative errors below this share of the scale (which is 1) are no forecasts.
const LEAST: f64 = 1e-9;

/// Mean squares below this are rounding: values have a mean size of about 1.
const ROUNDING: f64 = 1e-26;

/// `SEASON`: 0 none, 1 additive, 2 multiplicative.
struct Pass<const TREND: bool, const SEASON: u8, const RELATIVE: bool, const GAPS: bool>;

impl<const TREND: bool, const SEASON: u8, const RELATIVE: bool, const GAPS: bool> Pass<TREND, SEASON, RELATIVE, GAPS> {
    /// Runs through the values, leaves `state` behind the last one, and returns Σ r² and the least forecast.
    fn forwards(values: &Values<'_>, by: &Smoothing, state: &mut State, tape: &mut Tape) -> (f64, f64) {
        let Smoothing { alpha, beta, gamma, phi } = *by;
        let (kept, slope_weight, gamma_kept) = (phi, phi * beta, 1.0 - gamma);
        let (mut level, mut slope) = (state.level, state.slope);
        let (mut squares, mut least) = (0.0, f64::INFINITY);
        let mut at = 0;
        let mut none = [0.0];
        let season: &mut [f64] = if SEASON == 0 { &mut none } else { &mut state.season };
        let chunk = if SEASON == 0 { values.values.len().max(1) } else { season.len() };
        for block in values.values.chunks(chunk) {
            let end = at + block.len();
            let misses = &mut tape.miss[at..end];
            let bases = &mut tape.base[at..end];
            let old = if SEASON == 2 { &mut tape.season[at..end] } else { &mut [] };
            let slopes = if TREND { &mut tape.slope[at..end] } else { &mut [] };
            at = end;
            for i in 0..block.len() {
                let value = block[i];
                let gap = GAPS && value.is_nan();
                let s = if SEASON == 0 { 0.0 } else { season[i] };
                let miss = match SEASON {
                    _ if gap => 0.0,
                    0 => value - level,
                    1 => value - s - level,
                    _ => value / s - level,
                };
                let base = if SEASON == 1 { level + s } else { level };
                misses[i] = miss;
                bases[i] = base;
                if SEASON == 2 {
                    old[i] = s;
                }
                let relative = if RELATIVE { miss / base } else { miss };
                squares += relative * relative;
                if RELATIVE {
                    let forecast = if SEASON == 2 { base * s } else { base };
                    least = if forecast < least { forecast } else { least };
                }
                if !gap && SEASON == 1 {
                    season[i] = s + gamma * miss;
                }
                if !gap && SEASON == 2 {
                    season[i] = gamma_kept * s + gamma * (value / level);
                }
                if TREND {
                    slopes[i] = slope;
                    level = (level + kept * slope) + (alpha + slope_weight) * miss;
                    slope = kept * slope + slope_weight * miss;
                } else {
                    level += alpha * miss;
                }
            }
        }
        (state.level, state.slope) = (level, slope);
        (squares, least)
    }

    /// Derivatives of −2 log L after [`Pass::forwards`] with the same arguments.
    fn backwards(values: &Values<'_>, by: &Smoothing, tape: &Tape, gradient: &mut Gradient) {
        let Smoothing { alpha, beta, gamma, phi } = *by;
        let weight = 2.0 * values.seen as f64 / tape.squares;
        let slope_weight = phi * beta;
        let (mut level, mut slope) = (0.0, 0.0);
        let (mut d_alpha, mut d_beta, mut d_gamma, mut d_phi) = (0.0, 0.0, 0.0, 0.0);
        let mut none = [0.0];
        let season: &mut [f64] = if SEASON == 0 { &mut none } else { &mut gradient.state.season };
        season.fill(0.0);
        let chunk = if SEASON == 0 { values.values.len().max(1) } else { season.len() };
        let mut end = values.values.len();
        for block in values.values.chunks(chunk).rev() {
            let start = end - block.len();
            let misses = &tape.miss[start..end];
            let bases = &tape.base[start..end];
            let old = if SEASON == 2 { &tape.season[start..end] } else { &[] };
            let slopes = if TREND { &tape.slope[start..end] } else { &[] };
            end = start;
            for i in (0..block.len()).rev() {
                let gap = GAPS && block[i].is_nan();
                let (miss, base) = (misses[i], bases[i]);
                let s_after = if SEASON == 0 { 0.0 } else { season[i] };
                let slope_after = if TREND { slope + level } else { 0.0 };
                let mut d_miss = alpha * level;
                if TREND {
                    d_miss += slope_weight * slope_after;
                }
                if SEASON == 1 {
                    d_miss += gamma * s_after;
                }
                if !gap {
                    d_alpha += level * miss;
                    if TREND {
                        d_beta += slope_after * miss;
                    }
                }
                let mut d_level = 0.0;
                if SEASON == 2 && !gap {
                    let s = old[i];
                    let over = 1.0 / base;
                    let relative = miss * over;
                    let inner = weight * relative * over;
                    d_miss += inner;
                    let d_season = gamma * s_after;
                    let by_level = (miss + base) * s * over; // The value over the level.
                    d_gamma += s_after * (by_level - s);
                    d_level = (2.0 - d_season * by_level) * over - inner * relative;
                    let over_s = 1.0 / s;
                    season[i] = s_after - d_season - (d_miss * (miss + base) - 2.0) * over_s;
                } else if RELATIVE && !gap {
                    let over = 1.0 / base;
                    let relative = miss * over;
                    let inner = weight * relative * over;
                    d_miss += inner;
                    d_level = 2.0 * over - inner * relative;
                } else if !gap {
                    d_miss += weight * miss;
                }
                if SEASON == 1 && !gap {
                    d_gamma += s_after * miss;
                    season[i] = s_after + d_level - d_miss;
                }
                if TREND {
                    d_phi += slope_after * (slopes[i] + beta * miss);
                    slope = phi * slope_after;
                }
                if !gap {
                    level += d_level - d_miss;
                }
            }
        }
        gradient.smoothing = Smoothing { alpha: d_alpha, beta: phi * d_beta, gamma: d_gamma, phi: d_phi };
        (gradient.state.level, gradient.state.slope) = (level, slope);
    }
}

/// Calls the copy that was compiled for a form.
macro_rules! for_form {
    ($form:expr, $gaps:expr, $method:ident($($argument:expr),*)) => {
        for_form!(@gaps $form, $gaps, $method, ($($argument),*))
    };
    (@gaps $form:expr, $gaps:expr, $method:ident, $arguments:tt) => {
        if $gaps { for_form!(@trend $form, true, $method, $arguments) } else { for_form!(@trend $form, false, $method, $arguments) }
    };
    (@trend $form:expr, $gaps:literal, $method:ident, $arguments:tt) => {
        if $form.has_trend() {
            for_form!(@season $form, true, $gaps, $method, $arguments)
        } else {
            for_form!(@season $form, false, $gaps, $method, $arguments)
        }
    };
    (@season $form:expr, $trend:literal, $gaps:literal, $method:ident, $arguments:tt) => {
        match ($form.season, $form.error) {
            (Seasonal::None, ErrorKind::Additive) => Pass::<$trend, 0, false, $gaps>::$method $arguments,
            (Seasonal::None, ErrorKind::Multiplicative) => Pass::<$trend, 0, true, $gaps>::$method $arguments,
            (Seasonal::Additive, ErrorKind::Additive) => Pass::<$trend, 1, false, $gaps>::$method $arguments,
            (Seasonal::Additive, ErrorKind::Multiplicative) => Pass::<$trend, 1, true, $gaps>::$method $arguments,
            (Seasonal::Multiplicative, _) => Pass::<$trend, 2, true, $gaps>::$method $arguments,
        }
    };
}

impl Tape {
    /// Room for `len` values.
    pub fn new(len: usize) -> Self {
        let row = || vec![0.0; len];
        Self { miss: row(), base: row(), season: row(), slope: row(), squares: 0.0 }
    }

    /// −2 log L up to a constant (n ln Σ r² + 2 Σ ln forecast) from `state` on, which is left behind the last value.
    /// Infinite where a form of relative errors would forecast nothing or less.
    pub fn likelihood(&mut self, form: Form, values: &Values<'_>, by: &Smoothing, state: &mut State) -> f64 {
        let gaps = values.seen < values.values.len();
        let (squares, least) = for_form!(form, gaps, forwards(values, by, state, self));
        self.squares = squares.max(values.seen as f64 * ROUNDING);
        if !squares.is_finite() || (form.is_relative() && least <= LEAST) {
            return f64::INFINITY;
        }
        let logs = if form.is_relative() { 2.0 * self.logs(form, values, gaps) } else { 0.0 };
        values.seen as f64 * libm::log(self.squares) + logs
    }

    /// Derivatives of the [`Tape::likelihood`] that was asked for last.
    pub fn gradient(&self, form: Form, values: &Values<'_>, by: &Smoothing, gradient: &mut Gradient) {
        let gaps = values.seen < values.values.len();
        for_form!(form, gaps, backwards(values, by, self, gradient));
    }

    /// Σ r² of the last pass.
    pub const fn squares(&self) -> f64 {
        self.squares
    }

    /// Σ ln forecast. A logarithm costs more than a step, so it is taken of products of eight.
    fn logs(&self, form: Form, values: &Values<'_>, gaps: bool) -> f64 {
        let seasonal = form.season == Seasonal::Multiplicative;
        let mut sum = 0.0;
        for start in (0..values.values.len()).step_by(8) {
            let end = (start + 8).min(values.values.len());
            let mut product = 1.0;
            for at in start..end {
                if gaps && values.values[at].is_nan() {
                    continue;
                }
                product *= if seasonal { self.base[at] * self.season[at] } else { self.base[at] };
            }
            sum += libm::log(product);
        }
        sum
    }
}

#[cfg(test)]
mod tests;
