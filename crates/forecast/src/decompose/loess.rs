//! Loess on a regular grid: what STL smooths cycle-subseries, low-pass filter and trend with.
//!
//! Where every point is measured and counts the same, a smoothed value is a fixed weighted sum of its neighbours, so the
//! weights are computed once per length ([`Plan`]) and used by every cycle-subseries and every pass. With gaps or robustness weights they are
//! computed point by point ([`Loess::smooth_weighted`]): a gap is simply not among the neighbours, as the paper has it.
//!
//! # Source
//! W. S. Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", JASA 74, 1979; R. B. Cleveland
//! et al., "STL: A Seasonal-Trend Decomposition Procedure Based on Loess", Journal of Official Statistics 6, 1990, 2.

use serde::{Deserialize, Serialize};

/// What is fitted to the neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Degree {
    /// A constant.
    Constant,
    /// A straight line.
    Line,
}

/// How a series is smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loess {
    /// How many nearest points count (odd, at least 3): the larger, the smoother.
    pub window: usize,
    /// What is fitted to them.
    pub degree: Degree,
    /// Every `jump`th point is fitted, and those between lie on straight lines; 1 fits every one.
    pub jump: usize,
}

/// How much of independent noise ends up in a smoother instead of in what it leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Swallowed {
    /// Variance of a value around the smoother carried on, over the variance of what the smoother leaves within: at
    /// least 1.
    pub widening: f64,
    /// Weight of the newest point in the newest smoothed value.
    pub newest: f64,
}

/// Weights of neighbouring points that make one smoothed value.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// First point.
    from: usize,
    /// Where its weights lie in [`Plan::taps`].
    at: usize,
}

/// The weights of all fits on `len` points that are all measured and count the same.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    len: usize,
    jump: usize,
    width: usize,
    /// One per fitted point; the last one is the last point's.
    rows: Vec<Row>,
    /// One step before the first point and one step after the last.
    beyond: [Row; 2],
    taps: Vec<f64>,
}

/// Buffers that [`Loess::smooth_weighted`] needs, kept between calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    positions: Vec<usize>,
    taps: Vec<f64>,
}

impl Loess {
    /// A smoother whose jump is a tenth of its window, rounded up, as R's `stl` has it.
    #[must_use]
    pub const fn new(window: usize, degree: Degree) -> Self {
        Self { window, degree, jump: window.div_ceil(10) }
    }

    /// What it swallows of `len` points of noise: σ² (1 + Σ w²) is the variance of a value to come around the last
    /// smoothed one, σ² (1 - 2 w + Σ w²) that of a remainder in the middle, w a point's own weight.
    #[must_use]
    pub fn swallowed(&self, len: usize) -> Swallowed {
        let plan = Plan::try_new(&Self { jump: 1, ..*self }, len.clamp(1, 4 * self.window), usize::MAX);
        let Some(plan) = plan.filter(|_| len >= 2) else { return Swallowed { widening: 1.0, newest: 0.0 } };
        let own = |index: usize| {
            let row = plan.rows[index];
            let taps = &plan.taps[row.at..row.at + plan.width];
            (taps[index - row.from], taps.iter().map(|tap| tap * tap).sum::<f64>())
        };
        let ((middle, middle_squares), (newest, squares)) = (own(plan.len / 2), own(plan.len - 1));
        let left = (1.0 - 2.0 * middle + middle_squares).max(f64::EPSILON);
        Swallowed { widening: ((1.0 + squares) / left).max(1.0), newest }
    }

    /// Bandwidth at `x` when its window's ends are that far away and `points` are there in all.
    fn bandwidth(&self, reach: f64, points: usize) -> f64 {
        reach + (self.window.saturating_sub(points) / 2) as f64
    }

    /// Weights for the value at distance 0 of points at the given distances, normalised; false when none has any.
    ///
    /// `range` is the distance from the first to the last point of the series: a line is fitted only where the
    /// neighbours spread over more than a thousandth of it, because its slope is not determined otherwise.
    fn weigh(&self, distances: impl Iterator<Item = (f64, f64)> + Clone, h: f64, range: f64, taps: &mut [f64]) -> bool {
        let mut sum = 0.0;
        for (tap, (distance, weight)) in taps.iter_mut().zip(distances.clone()) {
            let r = distance.abs();
            *tap = if r > 0.999 * h {
                0.0
            } else if r <= 0.001 * h {
                weight
            } else {
                let u = r / h;
                let v = 1.0 - u * u * u;
                weight * v * v * v
            };
            sum += *tap;
        }
        if sum <= 0.0 {
            return false;
        }
        taps.iter_mut().for_each(|tap| *tap /= sum);
        if self.degree == Degree::Line && h > 0.0 {
            let pairs = || distances.clone().map(|(distance, _)| distance);
            let centre: f64 = taps.iter().zip(pairs()).map(|(tap, d)| tap * d).sum();
            let spread: f64 = taps.iter().zip(pairs()).map(|(tap, d)| tap * (d - centre) * (d - centre)).sum();
            if libm::sqrt(spread) > 0.001 * range {
                let slope = -centre / spread;
                taps.iter_mut().zip(pairs()).for_each(|(tap, d)| *tap *= slope * (d - centre) + 1.0);
            }
        }
        true
    }

    /// Smooths `values` at every point and one step beyond either end: `out` holds `values.len() + 2`.
    ///
    /// Only points where `weight` is given (and positive for at least one of a window) count; a gap has none. Where all
    /// neighbours have weight 0, the straight line between the measured neighbours stands in. Without any measured
    /// point `out` is NaN.
    pub(super) fn smooth_weighted(
        &self,
        values: impl Fn(usize) -> f64,
        weight: impl Fn(usize) -> Option<f64>,
        len: usize,
        scratch: &mut Scratch,
        out: &mut [f64],
    ) {
        let Scratch { positions, taps } = scratch;
        positions.clear();
        positions.extend((0..len).filter(|index| weight(*index).is_some()));
        let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
            out.fill(f64::NAN);
            return;
        };
        let range = (last - first) as f64;
        let width = self.window.min(positions.len());
        taps.resize(width, 0.0);
        let mut left = 0;
        let mut fit = |x: f64| {
            while left + width < positions.len() && positions[left + width] as f64 - x < x - positions[left] as f64 {
                left += 1;
            }
            let near = &positions[left..left + width];
            let reach = (x - near[0] as f64).max(near[width - 1] as f64 - x);
            let distances = near.iter().map(|at| (*at as f64 - x, weight(*at).unwrap_or(0.0)));
            if self.weigh(distances, self.bandwidth(reach, positions.len()), range, taps) {
                near.iter().zip(&*taps).map(|(at, tap)| tap * values(*at)).sum()
            } else {
                between(positions, &values, x)
            }
        };
        out[0] = fit(-1.0);
        let inner = &mut out[1..=len];
        for_each_fitted(len, self.jump, |index| inner[index] = fit(index as f64));
        interpolate(inner, self.jump);
        out[len + 1] = fit(len as f64);
    }
}

/// Calls for every point at which a fit is made: each `jump`th, and the last.
fn for_each_fitted(len: usize, jump: usize, mut call: impl FnMut(usize)) {
    let jump = jump.clamp(1, (len.max(2)) - 1);
    (0..len).step_by(jump).for_each(&mut call);
    if len > 0 && !(len - 1).is_multiple_of(jump) {
        call(len - 1);
    }
}

/// Straight lines between the points that were fitted.
fn interpolate(out: &mut [f64], jump: usize) {
    let len = out.len();
    let jump = jump.clamp(1, (len.max(2)) - 1);
    if jump == 1 {
        return;
    }
    let mut from = 0;
    while from + 1 < len {
        let to = (from + jump).min(len - 1);
        let step = (out[to] - out[from]) / (to - from) as f64;
        for index in from + 1..to {
            out[index] = out[from] + step * (index - from) as f64;
        }
        from = to;
    }
}

/// The straight line between the measured points beside `x`, the nearest one's value outside of them.
fn between(positions: &[usize], values: &impl Fn(usize) -> f64, x: f64) -> f64 {
    let after = positions.partition_point(|at| (*at as f64) < x);
    match (after.checked_sub(1).map(|before| positions[before]), positions.get(after).copied()) {
        (Some(before), Some(after)) => {
            let share = (x - before as f64) / (after - before) as f64;
            values(before) * (1.0 - share) + values(after) * share
        }
        (Some(only), None) | (None, Some(only)) => values(only),
        (None, None) => f64::NAN,
    }
}

impl Plan {
    /// The weights for `len` points, at least one; none when they would take more than `most` numbers.
    pub fn try_new(loess: &Loess, len: usize, most: usize) -> Option<Self> {
        let width = loess.window.min(len);
        let inner = len.saturating_sub(width).min(1);
        let fits = len / loess.jump.max(1) + 2;
        if width.saturating_mul(fits.min(width + 2 + inner)) > most {
            return None;
        }
        let mut plan = Self {
            len,
            jump: loess.jump,
            width,
            rows: Vec::new(),
            beyond: [Row { from: 0, at: 0 }; 2],
            taps: Vec::new(),
        };
        let mut centred = None;
        let half = loess.window / 2;
        for_each_fitted(len, loess.jump, |index| {
            let from = index.saturating_sub(half).min(len - width);
            // Inside, every window is the same, shifted.
            let inside = width == loess.window && index >= half && index + half < len;
            let row = match centred {
                Some(at) if inside => Row { from, at },
                _ => plan.weigh(loess, index as f64, from),
            };
            if inside {
                centred = Some(row.at);
            }
            plan.rows.push(row);
        });
        plan.beyond = [plan.weigh(loess, -1.0, 0), plan.weigh(loess, len as f64, len - width)];
        Some(plan)
    }

    fn weigh(&mut self, loess: &Loess, x: f64, from: usize) -> Row {
        let at = self.taps.len();
        self.taps.resize(at + self.width, 0.0);
        let reach = (x - from as f64).max((from + self.width - 1) as f64 - x);
        let distances = (from..from + self.width).map(|index| (index as f64 - x, 1.0));
        let range = (self.len - 1) as f64;
        let any = loess.weigh(distances, loess.bandwidth(reach, self.len), range, &mut self.taps[at..]);
        if !any {
            // Two points at the same distance beyond the bandwidth: they count the same.
            self.taps[at..].fill(1.0 / self.width as f64);
        }
        Row { from, at }
    }

    fn apply(&self, row: Row, values: &[f64]) -> f64 {
        dot(&self.taps[row.at..row.at + self.width], &values[row.from..row.from + self.width])
    }

    /// Smooths `values` into `out`, of the same length.
    pub fn smooth(&self, values: &[f64], out: &mut [f64]) {
        let mut rows = self.rows.iter();
        for_each_fitted(self.len, self.jump, |index| {
            if let Some(row) = rows.next() {
                out[index] = self.apply(*row, values);
            }
        });
        interpolate(out, self.jump);
    }

    /// Smooths `values` into `out`, which holds one more at either end.
    pub fn smooth_beyond(&self, values: &[f64], out: &mut [f64]) {
        out[0] = self.apply(self.beyond[0], values);
        self.smooth(values, &mut out[1..=self.len]);
        out[self.len + 1] = self.apply(self.beyond[1], values);
    }
}

/// Sum of products, in four running sums so that it is not bound by the latency of one addition; the order is fixed.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0_f64; 4];
    for (x, y) in a4.iter().zip(b4) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smooth(loess: &Loess, values: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; values.len() + 2];
        Plan::try_new(loess, values.len(), usize::MAX).unwrap().smooth_beyond(values, &mut out);
        out
    }

    fn smooth_measured(loess: &Loess, values: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; values.len() + 2];
        let weight = |index: usize| values[index].is_finite().then_some(1.0);
        loess.smooth_weighted(|index| values[index], weight, values.len(), &mut Scratch::default(), &mut out);
        out
    }

    fn wiggle(len: usize) -> Vec<f64> {
        (0..len).map(|index| libm::sin(index as f64 * 0.7) + 0.01 * (index * index % 17) as f64).collect()
    }

    #[test]
    fn planned_and_pointwise_weights_agree() {
        for len in [1, 2, 3, 5, 6, 11, 12, 40, 101] {
            for loess in [(3, 1), (7, 1), (7, 3), (25, 1), (25, 3), (41, 5)].map(|(window, jump)| (window, jump)) {
                for degree in [Degree::Constant, Degree::Line] {
                    let loess = Loess { window: loess.0, degree, jump: loess.1 };
                    let values = wiggle(len);
                    for (a, b) in smooth(&loess, &values).iter().zip(smooth_measured(&loess, &values)) {
                        assert!((a - b).abs() < 1e-12, "{loess:?} on {len}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_is_kept_through_a_gap_and_beyond_the_ends() {
        let mut values: Vec<f64> = (0..30).map(|index| 5.0 - 0.5 * f64::from(index)).collect();
        values[10..20].fill(f64::NAN);
        for jump in [1, 4] {
            let loess = Loess { window: 7, degree: Degree::Line, jump };
            for (index, value) in smooth_measured(&loess, &values).iter().enumerate() {
                assert!((value - (5.5 - 0.5 * index as f64)).abs() < 1e-9, "{index}: {value}");
            }
        }
    }

    #[test]
    fn what_nothing_near_says_is_a_line_between_neighbours() {
        let loess = Loess { window: 3, degree: Degree::Line, jump: 1 };
        let mut out = [0.0; 7];
        // Robustness took every weight away.
        loess.smooth_weighted(|index| index as f64, |_| Some(0.0), 5, &mut Scratch::default(), &mut out);
        assert_eq!(out, [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        loess.smooth_weighted(|_| 0.0, |_| None, 5, &mut Scratch::default(), &mut out);
        assert!(out.iter().all(|value| value.is_nan()));
    }
}
