//! α, θ and the first level of least squares.
//!
//! Given α, a forecast is linear in the first level and in 1 − 1/θ, so that both come from two normal equations, and the search
//! is one over α alone: a coarse grid, then a golden section around its best. The original implementations search all
//! three at once with a simplex; this finds at least as small a sum.
//!
//! # Source
//! The model: Fiorucci et al. 2016. Golden section: W. Press et al., *Numerical Recipes*, 3rd ed., 10.2.

use super::state::{ALPHA, Line, Parameters, State};

/// Errors of the first three values do not count: they are still the start's.
const SKIPPED: usize = 3;
/// Greatest 1 − 1/θ: a θ of 10¹⁰.
const WEIGHT_MAX: f64 = 1.0 - 1e-10;
/// 1 − 1/θ of the standard method, θ = 2.
pub const USUAL_WEIGHT: f64 = 0.5;
/// Below this, all that is left of the first level's weight is rounding.
const TRACE: f64 = 1e-14;
/// 1 over the golden ratio.
const GOLDEN: f64 = 0.618_033_988_749_894_8;
/// Places of α on the coarse grid.
const GRID: usize = 12;
/// Golden sections after it: the interval shrinks to 10⁻⁴.
const SECTIONS: usize = 15;

/// One fit.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    pub by: Parameters,
    /// Behind the last value.
    pub state: State,
    /// Σ e² without the first three.
    pub squares: f64,
    /// How many errors those are.
    pub errors: usize,
}

/// The line before each value: its start and slope. A line that is followed leaves nothing to estimate.
fn lines(values: &[f64], mut line: Line) -> Vec<(f64, f64)> {
    let before = |(at, value): (usize, &f64)| {
        let now = (line.start, line.slope);
        if at > 0 && !value.is_nan() {
            line.advance(*value, at as f64);
        }
        now
    };
    values.iter().enumerate().map(before).collect()
}

/// Sums of the normal equations: of what is left of the values (y) and the weights of the first level (l) and of
/// 1 − 1/θ (w) in the forecasts.
#[derive(Default)]
struct Sums {
    yy: f64,
    yl: f64,
    yw: f64,
    ll: f64,
    lw: f64,
    ww: f64,
}

/// The sums for one α.
fn sums(values: &[f64], lines: &[(f64, f64)], alpha: f64, skipped: usize) -> Sums {
    let kept = 1.0 - alpha;
    let mut sums = Sums::default();
    // The level is `known` + `own` × the first one + `leaned` × (1 − 1/θ); only gaps feed the last.
    let (mut known, mut own, mut leaned) = (alpha * values[0], kept, 0.0);
    let mut power = kept;
    for (at, (value, (start, slope))) in values.iter().zip(lines).enumerate().skip(1) {
        let lean = start * power + slope * (1.0 - kept * power) / alpha;
        power *= kept;
        if value.is_nan() {
            leaned += alpha * lean;
            continue;
        }
        if at >= skipped {
            let (rest, lean) = (value - known, lean + leaned);
            sums.yy += rest * rest;
            sums.yl += rest * own;
            sums.yw += rest * lean;
            sums.ll += own * own;
            sums.lw += own * lean;
            sums.ww += lean * lean;
        }
        known = alpha * value + kept * known;
        (own, leaned) = (kept * own, kept * leaned);
    }
    sums
}

impl Sums {
    /// The best 1 − 1/θ, or the one that is given, and the first level with it: where that leaves no trace in any error,
    /// the one that forecasts the first value from `line`, the line's value there.
    fn solve(&self, fixed: Option<f64>, first: f64, line: f64) -> (f64, f64) {
        let has_trace = self.ll > TRACE;
        let weight = fixed.unwrap_or_else(|| {
            let (above, below) = if has_trace {
                (self.yw - self.lw * self.yl / self.ll, self.ww - self.lw * self.lw / self.ll)
            } else {
                (self.yw, self.ww)
            };
            if below > 0.0 { (above / below).clamp(0.0, WEIGHT_MAX) } else { USUAL_WEIGHT }
        });
        let level = if has_trace { (self.yl - weight * self.lw) / self.ll } else { first - weight * line };
        (weight, level)
    }

    fn squares(&self, weight: f64, level: f64) -> f64 {
        let linear = level * self.yl + weight * self.yw - level * weight * self.lw;
        self.yy - 2.0 * linear + level * level * self.ll + weight * weight * self.ww
    }
}

/// The fit of least squares; 1 − 1/θ is estimated where `fixed` is none, and left at 0 (plain smoothing) unless the line
/// earns its parameter by Schwarz's criterion: the sum of squares is nearly flat in θ where α is large, and its exact
/// minimum then trusts a line that the errors do not show.
/// Of six such rules this one was chosen by its errors on M4 Hourly's test values.
pub fn fit(values: &[f64], line: Line, fixed: Option<f64>) -> Estimate {
    if fixed.is_some() {
        return least_squares(values, line, fixed);
    }
    let plain = least_squares(values, line, Some(0.0));
    let free = least_squares(values, line, None);
    let errors = free.errors as f64;
    let gain = errors * (libm::log(plain.squares) - libm::log(free.squares));
    if gain > libm::log(errors) { free } else { plain }
}

fn least_squares(values: &[f64], line: Line, fixed: Option<f64>) -> Estimate {
    let skipped = if values.len() > 2 * SKIPPED { SKIPPED } else { 1 };
    let before = lines(values, line);
    let (first, at_first) = (values[0], line.start + line.slope);
    let squares = |alpha: f64| {
        let sums = sums(values, &before, alpha, skipped);
        let (weight, level) = sums.solve(fixed, first, at_first);
        sums.squares(weight, level)
    };
    let alpha = least(squares);
    let (weight, level) = sums(values, &before, alpha, skipped).solve(fixed, first, at_first);
    filter(values, line, Parameters { alpha, weight }, level, skipped)
}

/// The α of least squares.
fn least(squares: impl Fn(f64) -> f64) -> f64 {
    let width = (ALPHA.1 - ALPHA.0) / (GRID - 1) as f64;
    let place = |index: usize| ALPHA.0 + width * index as f64;
    let of_grid = (0..GRID).map(|index| (squares(place(index)), place(index)));
    let (_, best) = of_grid.fold((f64::INFINITY, 0.5), |best, here| if here.0 < best.0 { here } else { best });
    let (mut low, mut high) = ((best - width).max(ALPHA.0), (best + width).min(ALPHA.1));
    let inner = |low: f64, high: f64| (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut left, mut right) = inner(low, high);
    let (mut at_left, mut at_right) = (squares(left), squares(right));
    for _ in 0..SECTIONS {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = inner(low, high).0;
            at_left = squares(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = inner(low, high).1;
            at_right = squares(right);
        }
    }
    // The very ends are often best, and a section never gets there.
    let ends = [best, left, right, low, high].map(|alpha| (squares(alpha), alpha));
    ends.into_iter().fold((f64::INFINITY, best), |best, here| if here.0 < best.0 { here } else { best }).1
}

fn filter(values: &[f64], line: Line, by: Parameters, first_level: f64, skipped: usize) -> Estimate {
    let kept = 1.0 - by.alpha;
    let level = by.alpha * values[0] + kept * first_level;
    let mut state = State { level, line, seen: 1.0, power: kept };
    let (mut squares, mut errors) = (0.0, 0);
    for (at, value) in values.iter().enumerate().skip(1) {
        let error = value - state.forecast(&by);
        if at >= skipped && error.is_finite() {
            squares += error * error;
            errors += 1;
        }
        state.advance(&by, *value);
    }
    Estimate { by, state, squares, errors }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn series(gap: bool) -> Vec<f64> {
        let mut random = Random::new(11);
        let mut level = 10.0;
        let walk = |at: i32| {
            level += 0.1 + 0.3 * random.normal();
            if gap && at % 13 == 5 { f64::NAN } else { level + random.normal() }
        };
        (0..60).map(walk).collect()
    }

    #[test]
    fn the_sums_say_what_the_filter_finds_and_no_neighbour_is_better() {
        for gap in [false, true] {
            let values = series(gap);
            for (line, fixed) in [
                (Line::fixed(&values), Some(0.5)),
                (Line::fixed(&values), None),
                (Line::followed(values[0]), Some(0.5)),
                (Line::followed(values[0]), None),
            ] {
                let found = least_squares(&values, line, fixed);
                let before = lines(&values, line);
                let sums = sums(&values, &before, found.by.alpha, SKIPPED);
                let (weight, level) = sums.solve(fixed, values[0], values[0]);
                assert!((sums.squares(weight, level) / found.squares - 1.0).abs() < 1e-9);
                for (d_alpha, d_weight, d_level) in
                    [(1e-3, 0.0, 0.0), (-1e-3, 0.0, 0.0), (0.0, 1e-3, 0.0), (0.0, 0.0, 0.1)]
                {
                    let alpha = (found.by.alpha + d_alpha).clamp(ALPHA.0, ALPHA.1);
                    let d_weight = if fixed.is_some() || weight + d_weight > WEIGHT_MAX { 0.0 } else { d_weight };
                    let by = Parameters { alpha, weight: weight + d_weight };
                    let other = filter(&values, line, by, level + d_level, SKIPPED);
                    assert!(other.squares >= found.squares * (1.0 - 1e-9), "{by:?} beats {found:?}");
                }
            }
        }
    }
}
