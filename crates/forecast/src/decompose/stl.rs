//! STL: one season and a trend by loess, each with the other taken away, until they agree.
//!
//! Gaps are left out of every neighbourhood, as the paper has it: nothing is filled in first. A place of the season that
//! was never measured takes its value from the places beside it.
//!
//! # Source
//! R. B. Cleveland, W. S. Cleveland, J. E. McRae, I. Terpenning, "STL: A Seasonal-Trend Decomposition Procedure Based on
//! Loess", Journal of Official Statistics 6, 1990: n(i) = `inner`, n(o) = `outer`, n(s), n(l), n(t) the windows.

use super::loess::{Degree, Loess, Plan, Scratch};
use super::{DecomposeError, Decomposition, Seasonal};
use serde::{Deserialize, Serialize};

/// Most numbers that the weights of one smoother may take (8 MB); beyond that they are computed as they are used.
const TAPS_MAX: usize = 1 << 20;

/// How a series is decomposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stl {
    /// Length of the season in steps, at least 2.
    pub period: usize,
    /// Smooths the values of one place of the season over the cycles.
    pub seasonal: Loess,
    /// Smooths the deseasonalised series. Its window is longer than the period.
    pub trend: Loess,
    /// Smooths what is taken out of the season because it is slower. Its window is longer than the period.
    pub low_pass: Loess,
    /// Passes with the same weights, at least 1.
    pub inner: usize,
    /// Times that the weights are computed anew from the remainder; 0 is not robust.
    pub outer: usize,
}

impl Stl {
    /// The usual settings of R's `stl` for a season and the window (odd) of its smoother: not robust, two passes.
    #[must_use]
    pub fn new(period: usize, seasonal_window: usize) -> Self {
        let trend = 1.5 * period as f64 / (1.0 - 1.5 / seasonal_window.max(2) as f64);
        Self {
            period,
            seasonal: Loess::new(seasonal_window, Degree::Constant),
            trend: Loess::new(odd(libm::ceil(trend) as usize), Degree::Line),
            low_pass: Loess::new(odd(period.saturating_add(1)), Degree::Line),
            inner: 2,
            outer: 0,
        }
    }

    /// The same, robust against outliers: the weights are computed anew fifteen times.
    #[must_use]
    pub fn robust(self) -> Self {
        Self { inner: 1, outer: 15, ..self }
    }

    fn check(&self, values: &[f64]) -> Result<(), DecomposeError> {
        let (period, found) = (self.period, values.len());
        if period < 2 {
            return Err(DecomposeError::Period { period });
        }
        let needed = period.saturating_mul(2);
        if found < needed {
            return Err(DecomposeError::TooShort { period, needed, found });
        }
        let longer = odd(period + 1);
        for (smoother, loess, least) in
            [("seasonal", &self.seasonal, 3), ("trend", &self.trend, longer), ("low-pass", &self.low_pass, longer)]
        {
            if loess.window < least || loess.window.is_multiple_of(2) {
                return Err(DecomposeError::Window { smoother, window: loess.window, least });
            }
        }
        Ok(())
    }
}

/// The odd number at or above `window`.
const fn odd(window: usize) -> usize {
    window | 1
}

/// Decomposes `values` (oldest first, NaN for a gap).
///
/// # Errors
/// [`DecomposeError`] for a period, a window or a length that do not allow it, or when nothing was measured.
pub fn stl(values: &[f64], spec: &Stl) -> Result<Decomposition, DecomposeError> {
    spec.check(values)?;
    let shape = Shape::of(values).ok_or(DecomposeError::Nothing)?;
    let scaled: Vec<f64> = values.iter().map(|value| shape.scaled(*value)).collect();
    let mut run = Run::new(spec, &scaled);
    run.passes(false);
    for _ in 0..spec.outer {
        run.weigh();
        run.passes(true);
    }
    let trend: Vec<f64> = run.trend.iter().map(|value| value * shape.unit + shape.centre).collect();
    let season: Vec<f64> = run.season.iter().map(|value| value * shape.unit).collect();
    let parts = trend.iter().zip(&season);
    let remainder =
        values.iter().zip(parts).map(|(y, (t, s))| if y.is_finite() { y - t - s } else { f64::NAN }).collect();
    let weights = values.iter().zip(&run.weights).map(|(y, w)| if y.is_finite() { *w } else { 0.0 }).collect();
    Ok(Decomposition { trend, seasons: vec![Seasonal { period: spec.period, values: season }], remainder, weights })
}

/// What is taken away first, so that a large level costs no precision and huge values do not overflow: smoothing is
/// linear, so that it changes nothing else.
struct Shape {
    centre: f64,
    unit: f64,
}

impl Shape {
    fn of(values: &[f64]) -> Option<Self> {
        let measured = || values.iter().copied().filter(|value| value.is_finite());
        let largest = measured().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let unit = if largest > 1e100 || (largest < 1e-100 && largest > 0.0) { largest } else { 1.0 };
        let (count, sum) = measured().fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value / unit));
        (count > 0).then(|| Self { centre: sum / f64::from(count) * unit, unit })
    }

    fn scaled(&self, value: f64) -> f64 {
        if value.is_finite() { value / self.unit - self.centre / self.unit } else { f64::NAN }
    }
}

/// One decomposition under way.
struct Run<'a> {
    spec: &'a Stl,
    values: &'a [f64],
    complete: bool,
    season: Vec<f64>,
    trend: Vec<f64>,
    weights: Vec<f64>,
    /// For cycle-subseries of the longer and of the shorter length.
    seasonal_plans: [Option<Plan>; 2],
    low_plan: Option<Plan>,
    trend_plan: Option<Plan>,
    scratch: Scratch,
    /// The series less trend or season.
    rest: Vec<f64>,
    /// The smoothed cycle-subseries, a cycle longer at either end, and the moving averages of it.
    cycles: Vec<f64>,
    averages: [Vec<f64>; 2],
    /// One cycle-subseries and what it becomes.
    sub: [Vec<f64>; 2],
}

impl<'a> Run<'a> {
    fn new(spec: &'a Stl, values: &'a [f64]) -> Self {
        let len = values.len();
        let most = len.div_ceil(spec.period);
        let complete = values.iter().all(|value| value.is_finite());
        let plan = |loess: &Loess, len: usize| Plan::try_new(loess, len, TAPS_MAX);
        let planned = |loess: &Loess, len: usize| if complete { plan(loess, len) } else { None };
        Self {
            spec,
            values,
            complete,
            season: vec![0.0; len],
            trend: vec![0.0; len],
            weights: vec![1.0; len],
            seasonal_plans: [planned(&spec.seasonal, most), planned(&spec.seasonal, len / spec.period)],
            low_plan: plan(&spec.low_pass, len),
            trend_plan: planned(&spec.trend, len),
            scratch: Scratch::default(),
            rest: vec![0.0; len],
            cycles: vec![0.0; len + 2 * spec.period],
            averages: [vec![0.0; len + 2 * spec.period], vec![0.0; len + 2 * spec.period]],
            sub: [vec![0.0; most], vec![0.0; most + 2]],
        }
    }

    /// The inner loop of the paper, 3.2.
    fn passes(&mut self, weighted: bool) {
        for _ in 0..self.spec.inner.max(1) {
            less(self.values, &self.trend, &mut self.rest);
            self.smooth_cycles(weighted);
            self.smooth_low();
            let period = self.spec.period;
            for (index, season) in self.season.iter_mut().enumerate() {
                *season = self.cycles[period + index] - self.rest[index];
            }
            less(self.values, &self.season, &mut self.rest);
            self.smooth_trend(weighted);
        }
    }

    /// Steps 1 and 2: every place of the season is smoothed over the cycles, one cycle beyond either end.
    fn smooth_cycles(&mut self, weighted: bool) {
        let (period, len) = (self.spec.period, self.values.len());
        let most = len.div_ceil(period);
        let [sub, smooth] = &mut self.sub;
        for place in 0..period {
            let count = (len - place - 1) / period + 1;
            let (sub, smooth) = (&mut sub[..count], &mut smooth[..count + 2]);
            sub.iter_mut().enumerate().for_each(|(cycle, value)| *value = self.rest[cycle * period + place]);
            match &self.seasonal_plans[usize::from(count < most)] {
                Some(plan) if !weighted => plan.smooth_beyond(sub, smooth),
                _ => {
                    let (values, weights) = (self.values, &self.weights);
                    let at = |cycle: usize| cycle * period + place;
                    let weight = |cycle: usize| values[at(cycle)].is_finite().then_some(weights[at(cycle)]);
                    let scratch = &mut self.scratch;
                    self.spec.seasonal.smooth_weighted(|cycle| sub[cycle], weight, count, scratch, smooth);
                }
            }
            smooth.iter().enumerate().for_each(|(cycle, value)| self.cycles[cycle * period + place] = *value);
        }
        if !self.complete {
            join_gaps(&mut self.cycles);
        }
    }

    /// Steps 3 and 4: what is slower than the season, into `rest`.
    fn smooth_low(&mut self) {
        let (period, len) = (self.spec.period, self.values.len());
        let [first, second] = &mut self.averages;
        moving_average(&self.cycles, period, &mut first[..=len + period]);
        moving_average(&first[..=len + period], period, &mut second[..len + 2]);
        moving_average(&second[..len + 2], 3, &mut first[..len]);
        match &self.low_plan {
            Some(plan) => plan.smooth(&first[..len], &mut self.rest),
            None => {
                let out = &mut second[..len + 2];
                self.spec.low_pass.smooth_weighted(|i| first[i], |_| Some(1.0), len, &mut self.scratch, out);
                self.rest.copy_from_slice(&out[1..=len]);
            }
        }
    }

    /// Step 6: the trend of what `rest` holds.
    fn smooth_trend(&mut self, weighted: bool) {
        match &self.trend_plan {
            Some(plan) if !weighted => plan.smooth(&self.rest, &mut self.trend),
            _ => {
                let (values, weights, rest) = (self.values, &self.weights, &self.rest);
                let weight = |index: usize| values[index].is_finite().then_some(weights[index]);
                let out = &mut self.averages[0][..values.len() + 2];
                self.spec.trend.smooth_weighted(|i| rest[i], weight, values.len(), &mut self.scratch, out);
                self.trend.copy_from_slice(&out[1..=values.len()]);
            }
        }
    }

    /// Robustness weights of the paper, 3.3: bisquare of the remainder against six times its median size.
    fn weigh(&mut self) {
        let parts = self.values.iter().zip(self.trend.iter().zip(&self.season));
        for (weight, (y, (trend, season))) in self.weights.iter_mut().zip(parts) {
            *weight = (y - trend - season).abs();
        }
        let mut sizes: Vec<f64> = self.weights.iter().copied().filter(|size| size.is_finite()).collect();
        plimsoll_stats::quantile::sort(&mut sizes);
        let (low, high) = (sizes.len().saturating_sub(1) / 2, sizes.len() / 2);
        let six_medians = 3.0 * (sizes.get(low).unwrap_or(&0.0) + sizes.get(high).unwrap_or(&0.0));
        for weight in &mut self.weights {
            let u = *weight / six_medians;
            *weight = if six_medians == 0.0 || u <= 0.001 {
                1.0
            } else if u <= 0.999 {
                (1.0 - u * u) * (1.0 - u * u)
            } else {
                0.0
            };
        }
    }
}

fn less(values: &[f64], part: &[f64], out: &mut [f64]) {
    out.iter_mut().zip(values.iter().zip(part)).for_each(|(out, (value, part))| *out = value - part);
}

/// Means of `width` values in a row; `out` is shorter than `values` by `width - 1`.
///
/// The running sum starts anew every `width` values, so that one huge value leaves no rounding error behind it for good.
fn moving_average(values: &[f64], width: usize, out: &mut [f64]) {
    let mut sum = 0.0;
    for (index, out) in out.iter_mut().enumerate() {
        if index.is_multiple_of(width) {
            sum = values[index..index + width].iter().sum();
        } else {
            sum += values[index + width - 1] - values[index - 1];
        }
        *out = sum / width as f64;
    }
}

/// Straight lines over the NaNs of the smoothed cycles, which places of the season leave that were never measured.
fn join_gaps(cycles: &mut [f64]) {
    let mut before: Option<usize> = None;
    for index in 0..cycles.len() {
        if cycles[index].is_nan() {
            continue;
        }
        let from = before.map_or(0, |before| before + 1);
        for gap in from..index {
            cycles[gap] = before.map_or(cycles[index], |before| {
                let share = (gap - before) as f64 / (index - before) as f64;
                cycles[before] * (1.0 - share) + cycles[index] * share
            });
        }
        before = Some(index);
    }
    if let Some(last) = before {
        let value = cycles[last];
        cycles[last + 1..].fill(value);
    }
}
