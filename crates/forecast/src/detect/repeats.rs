//! Whether a series repeats after so many steps: the test that [`super::periods`] puts every candidate to.

use super::spectrum::autocorrelation;

/// A cycle is smoothed to this many points before it is compared with the next one: what is faster than that is noise
/// to a season, and would hide it. 168 keeps the hours of a week.
const POINTS_PER_CYCLE: usize = 168;

/// A correlation of this share of another one is hardly lower.
const HARDLY: f64 = 0.95;

/// How a series repeats at one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Repeat {
    /// Correlation of the smoothed cycles with the next ones: over all of them, or of the median pair if that is less,
    /// so that one event that came twice is no season.
    pub strength: f64,
    /// What chance alone reaches once in about forty times, of a series as smooth as this one.
    pub chance: f64,
    /// Mean square of the smoothed series around its level.
    pub square: f64,
    /// The lag near the period at which the correlation is highest.
    pub peak: usize,
    /// Whether it is hardly higher there than at the period: noise moves a blunt peak.
    pub is_peak: bool,
}

/// `values` (NaN for a gap) around the level of their cycles of `period` steps: the mean of each cycle, joined by
/// straight lines. What is slower than the season is gone.
pub(super) fn levelled(values: &[f64], period: usize) -> Vec<f64> {
    let cycles: Vec<(f64, f64)> = values
        .chunks(period)
        .enumerate()
        .filter_map(|(index, cycle)| {
            let measured = || cycle.iter().filter(|value| value.is_finite());
            let count = measured().count();
            let centre = (index * period) as f64 + (period - 1) as f64 / 2.0;
            (count * 2 >= period).then(|| (centre, measured().sum::<f64>() / count as f64))
        })
        .collect();
    let level = |at: f64| {
        let after = cycles.partition_point(|(centre, _)| *centre < at).clamp(1, cycles.len().max(2) - 1);
        match (cycles.get(after - 1), cycles.get(after)) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (at - x0) / (x1 - x0),
            (Some((_, only)), None) => *only,
            _ => 0.0,
        }
    };
    values.iter().enumerate().map(|(index, value)| value - level(index as f64)).collect()
}

/// Means over `width` steps (odd) around each, of what was measured; a gap stays a gap.
fn smoothed(values: &[f64], width: usize) -> Vec<f64> {
    let half = width / 2;
    if half == 0 {
        return values.to_vec();
    }
    let mut sums = vec![(0.0, 0_u32)];
    for value in values {
        let (sum, count) = sums[sums.len() - 1];
        sums.push(if value.is_finite() { (sum + value, count + 1) } else { (sum, count) });
    }
    let mean = |index: usize| {
        let (from, to) = (sums[index.saturating_sub(half)], sums[(index + half + 1).min(values.len())]);
        if values[index].is_finite() { (to.0 - from.0) / f64::from(to.1 - from.1) } else { f64::NAN }
    };
    (0..values.len()).map(mean).collect()
}

/// Correlation of `values` around 0 with themselves `lag` steps later, over the pairs that were both measured.
pub(super) fn correlation(values: &[f64], lag: usize) -> f64 {
    let pairs = values.iter().zip(values.get(lag..).unwrap_or_default());
    let (mut product, mut before, mut after) = (0.0, 0.0, 0.0);
    for (a, b) in pairs.filter(|(a, b)| a.is_finite() && b.is_finite()) {
        product += a * b;
        before += a * a;
        after += b * b;
    }
    let scale = libm::sqrt(before) * libm::sqrt(after);
    if scale > 0.0 { product / scale } else { 0.0 }
}

/// The last whole cycles of `values`, levelled and smoothed.
pub(super) fn prepared(values: &[f64], period: usize) -> Vec<f64> {
    let whole = values.len() / period * period;
    let tail = &values[values.len() - whole..];
    smoothed(&levelled(tail, period), (period / POINTS_PER_CYCLE) | 1)
}

/// Tests `values` for repeating every `period` steps, over whole cycles, of which there are at least two.
pub(super) fn repeat(values: &[f64], period: usize) -> Repeat {
    let clean = prepared(values, period);
    let measured = || clean.iter().filter(|value| value.is_finite());
    let count = measured().count().max(1) as f64;
    let square = measured().map(|value| value * value).sum::<f64>() / count;
    let correlations = autocorrelation(&clean);
    // Bartlett: the variance of a correlation at a lag where the truth is 0 is that of white noise times the sum of the
    // squares of all others.
    let near = correlations.iter().skip(1).take(period / 2).map(|rho| rho * rho).sum::<f64>();
    let pairs = (clean.len() - period).max(1) as f64 * count / clean.len() as f64;
    let chance = 2.0 * libm::sqrt((1.0 + 2.0 * near) / pairs);
    let (from, to) = ((period * 3 / 5).max(1), (period * 7 / 5).min(correlations.len() - 1));
    let higher = |a: &usize, b: &usize| correlations[*a].total_cmp(&correlations[*b]).then(b.cmp(a));
    let peak = (from..=to).max_by(higher).unwrap_or(period);
    let strength = correlation(&clean, period).min(median_pair(&clean, period));
    let is_peak = correlations.get(period).is_some_and(|at| *at >= HARDLY * correlations[peak]);
    Repeat { strength, chance, square, peak, is_peak }
}

/// The median of the correlations of one cycle with the next.
fn median_pair(clean: &[f64], period: usize) -> f64 {
    let mut pairs: Vec<f64> = clean.windows(2 * period).step_by(period).map(|two| correlation(two, period)).collect();
    plimsoll_stats::quantile::sort(&mut pairs);
    plimsoll_stats::quantile::quantile_sorted(&pairs, 0.5).unwrap_or(0.0)
}

/// Mean of every place of the season, levelled; NaN where nothing was measured.
pub(super) fn profile(values: &[f64], period: usize) -> Vec<f64> {
    let whole = values.len() / period * period;
    let clean = levelled(&values[values.len() - whole..], period);
    let mean = |place: usize| {
        let measured = || clean.iter().skip(place).step_by(period).filter(|value| value.is_finite());
        let count = measured().count();
        if count == 0 { f64::NAN } else { measured().sum::<f64>() / count as f64 }
    };
    (0..period).map(mean).collect()
}

/// `values` less their profile of that period; a place without profile becomes a gap.
pub(super) fn without(values: &[f64], period: usize) -> Vec<f64> {
    let profile = profile(values, period);
    let offset = values.len() % period;
    let place = |index: usize| (index + period - offset) % period;
    values.iter().enumerate().map(|(index, value)| value - profile[place(index)]).collect()
}
