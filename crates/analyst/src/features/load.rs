//! The load alone: level, spread, period, bursts, and the shape that is left without them.
//!
//! In this order, because each spoils the next: a period is looked for first (a burst that repeats is a season), excursions
//! are what stands out of the period or of the running median, and a trend or a step is looked for in what is left.

use super::math;
use plimsoll_forecast::detect::{Change, Verdict, change_points, periods, running_median};
use serde::Serialize;

/// Stretches that a shape is fitted to.
const BLOCKS: usize = 48;
/// A value this many times what was expected begins an excursion, and one below that many ends it.
const EXCURSION: f64 = 1.6;
const OVER: f64 = 1.25;

/// Two cycles that look alike may be two of anything.
const CYCLES: usize = 3;

/// What the load is like.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Load {
    /// Median, requests per second.
    pub level: f64,
    /// Standard deviation as a share of the mean.
    pub spread: f64,
    /// The strongest period.
    pub season: Option<Season>,
    /// Excursions.
    pub excursions: u32,
    /// How far the highest goes, as a multiple of what was expected.
    pub highest: f64,
    /// Samples of the longest.
    pub longest: u32,
    /// Share of what came on top in all of them that came in the largest.
    pub dominance: f64,
    /// Share of samples in them.
    pub excursion_share: f64,
    /// What is left without period and excursions.
    pub shape: Shape,
    /// Changes of the mean.
    pub changes: u32,
    /// The largest of them.
    pub change: Option<Changed>,
}

/// A period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Season {
    /// Samples.
    pub period: usize,
    /// Correlation of a cycle with the next.
    pub strength: f64,
    /// Share of the variance that it explains.
    pub share: f64,
    /// From trough to peak, as a share of the level.
    pub depth: f64,
}

/// How well simple shapes fit; shares of variance explained, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Shape {
    /// A parabola.
    pub curve: f64,
    /// The parabola's end over its start.
    pub growth: f64,
    /// One step.
    pub step: f64,
    /// Two steps.
    pub stairs: f64,
    /// The higher of the two largest levels beside a step over the lower.
    pub jump: f64,
    /// Where the largest step is, as a share of the window.
    pub jump_at: f64,
}

/// A change of the mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Changed {
    /// Sample.
    pub at: usize,
    /// Mean before.
    pub before: f64,
    /// Mean after.
    pub after: f64,
}

/// Looks at a load; none without one. `hints` are periods in samples that a calendar suggests.
pub(super) fn of(rates: &[f64], hints: &[usize]) -> Option<Load> {
    let level = math::at(rates, 0.5)?;
    let mean = math::mean(rates).filter(|mean| *mean > 0.0)?;
    let spread = math::deviation(rates)? / mean;
    let season = season(rates, hints, level);
    let expected = match season {
        Some(season) => profile(rates, season.period),
        None => running_median(rates, (rates.len() / 8).max(12)),
    };
    let found = excursions(rates, &expected);
    let rest: Vec<f64> = rates
        .iter()
        .zip(&expected)
        .zip(&found.is_near)
        .map(|((rate, expected), within)| match season {
            _ if *within => f64::NAN,
            Some(_) if *expected > 0.0 => rate / expected,
            Some(_) => f64::NAN,
            None => *rate,
        })
        .collect();
    let changes = change_points(&rest, Change::Mean, (rates.len() / 40).max(6));
    let size = |change: &plimsoll_forecast::detect::ChangePoint| (change.after - change.before).abs();
    let largest = changes.iter().max_by(|a, b| size(a).total_cmp(&size(b)));
    Some(Load {
        level,
        spread,
        season,
        excursions: found.count,
        highest: found.highest,
        longest: found.longest,
        dominance: found.dominance,
        excursion_share: found.share,
        shape: shape(&math::blocks(&rest, BLOCKS)),
        changes: u32::try_from(changes.len()).unwrap_or(u32::MAX),
        change: largest.map(|change| Changed { at: change.at, before: change.before, after: change.after }),
    })
}

fn season(rates: &[f64], hints: &[usize], level: f64) -> Option<Season> {
    let found = periods(rates, hints);
    let real =
        found.candidates.iter().filter(|candidate| candidate.verdict == Verdict::Found && candidate.cycles >= CYCLES);
    let best = real.max_by(|a, b| a.share.total_cmp(&b.share).then(b.period.cmp(&a.period)))?;
    let cycle = profile(&rates[..best.period.min(rates.len())], best.period);
    let whole = profile(rates, best.period);
    let cycle = if whole.len() >= best.period { &whole[..best.period] } else { &cycle[..] };
    let depth = (math::at(cycle, 0.97)? - math::at(cycle, 0.03)?) / level.max(1e-12);
    Some(Season { period: best.period, strength: best.strength, share: best.share, depth })
}

/// At each sample, the median of the samples of its phase.
fn profile(rates: &[f64], period: usize) -> Vec<f64> {
    let phase = |phase: usize| {
        let of_phase: Vec<f64> = rates.iter().skip(phase).step_by(period).copied().collect();
        math::at(&of_phase, 0.5).unwrap_or(f64::NAN)
    };
    let cycle: Vec<f64> = (0..period.min(rates.len())).map(phase).collect();
    (0..rates.len()).map(|index| cycle[index % period]).collect()
}

struct Excursions {
    count: u32,
    highest: f64,
    longest: u32,
    dominance: f64,
    share: f64,
    /// Within one, or within half of its length of it.
    is_near: Vec<bool>,
}

/// Stretches above what was expected. A gap neither begins nor ends one.
fn excursions(rates: &[f64], expected: &[f64]) -> Excursions {
    let mut found: Vec<(usize, usize, f64)> = Vec::new();
    let (mut begun, mut highest, mut within) = (None, 1.0_f64, 0_usize);
    let times: Vec<f64> = math::over(rates, expected);
    for (index, times) in times.iter().enumerate() {
        let is_over = *times > if begun.is_some() { OVER } else { EXCURSION };
        match begun {
            None if is_over => begun = Some((index, 0.0)),
            Some((from, area)) if *times <= OVER => {
                found.push((from, index, area));
                begun = None;
            }
            _ => {}
        }
        if let Some((_, area)) = begun.as_mut().filter(|_| times.is_finite()) {
            *area += (rates[index] - expected[index]).max(0.0);
            highest = highest.max(*times);
            within += 1;
        }
    }
    found.extend(begun.map(|(from, area)| (from, rates.len(), area)));
    let mut is_near = vec![false; rates.len()];
    for (from, to, _) in &found {
        let margin = (to - from) / 2 + 1;
        let end = (to + margin).min(rates.len());
        is_near[from.saturating_sub(margin)..end].fill(true);
    }
    let total: f64 = found.iter().map(|(.., area)| area).sum();
    let largest = found.iter().map(|(.., area)| *area).fold(0.0, f64::max);
    let length = |(from, to, _): &(usize, usize, f64)| u32::try_from(to - from).unwrap_or(u32::MAX);
    Excursions {
        count: u32::try_from(found.len()).unwrap_or(u32::MAX),
        highest,
        longest: found.iter().map(length).max().unwrap_or(0),
        dominance: if total > 0.0 { largest / total } else { 0.0 },
        share: within as f64 / rates.len().max(1) as f64,
        is_near,
    }
}

/// Fits a parabola, a step and two steps.
fn shape(blocks: &[f64]) -> Shape {
    let Some(mean) = math::mean(blocks).filter(|_| blocks.len() >= 8) else { return Shape::default() };
    let total: f64 = blocks.iter().map(|value| (value - mean) * (value - mean)).sum();
    if total <= 0.0 || mean <= 0.0 {
        return Shape::default();
    }
    let (left, start, end) = parabola(blocks);
    let sums = Sums::new(blocks);
    let last = blocks.len();
    let one = (2..last - 1).map(|at| (sums.left(0, at) + sums.left(at, last), at));
    let (step, at) = one.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((total, last / 2));
    let two = (2..last - 3).flat_map(|from| (from + 2..last - 1).map(move |to| (from, to)));
    let two = two.map(|(from, to)| (sums.left(0, from) + sums.left(from, to) + sums.left(to, last), from, to));
    let (stairs, from, to) = two.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((total, 2, last - 1));
    let jump = |at: usize, low: usize, high: usize| {
        let (before, after) = (sums.mean(low, at), sums.mean(at, high));
        (before.max(after) / before.min(after).max(1e-9 * mean), at)
    };
    let single = jump(at, 0, last);
    let (first, second) = (jump(from, 0, to), jump(to, from, last));
    let double = if first.0 >= second.0 { first } else { second };
    let (jump, at) = if double.0 > single.0 && stairs < 0.6 * step { double } else { single };
    Shape {
        curve: 1.0 - left / total,
        growth: end / start.max(1e-9 * mean),
        step: 1.0 - step / total,
        stairs: 1.0 - stairs / total,
        jump,
        jump_at: at as f64 / last as f64,
    }
}

/// Squares left by the best parabola, and its value at both ends.
fn parabola(blocks: &[f64]) -> (f64, f64, f64) {
    let count = blocks.len() as f64;
    // Orthogonal on an even grid: 1, x and x² less its mean.
    let place = |index: usize| (2.0 * index as f64 + 1.0) / count - 1.0;
    let square = (0..blocks.len()).map(|index| place(index) * place(index)).sum::<f64>() / count;
    let (mut sum, mut first, mut second, mut of_first, mut of_second) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, value) in blocks.iter().enumerate() {
        let (x, xx) = (place(index), place(index) * place(index) - square);
        sum += value;
        first += value * x;
        second += value * xx;
        of_first += x * x;
        of_second += xx * xx;
    }
    let (mean, slope, bend) = (sum / count, first / of_first, second / of_second);
    let fitted = |x: f64| mean + slope * x + bend * (x * x - square);
    let left = blocks.iter().enumerate().map(|(index, value)| value - fitted(place(index))).map(|gap| gap * gap).sum();
    (left, fitted(-1.0), fitted(1.0))
}

/// Σ and Σ² before each index.
struct Sums(Vec<(f64, f64)>);

impl Sums {
    fn new(values: &[f64]) -> Self {
        let mut sums = vec![(0.0, 0.0)];
        for value in values {
            let (sum, squares) = sums[sums.len() - 1];
            sums.push((sum + value, squares + value * value));
        }
        Self(sums)
    }

    fn mean(&self, from: usize, to: usize) -> f64 {
        (self.0[to].0 - self.0[from].0) / (to - from).max(1) as f64
    }

    /// Squares around the mean.
    fn left(&self, from: usize, to: usize) -> f64 {
        let sum = self.0[to].0 - self.0[from].0;
        (self.0[to].1 - self.0[from].1 - sum * sum / (to - from).max(1) as f64).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn noisy(of: impl Fn(usize) -> f64) -> Load {
        let mut random = Random::new(7);
        let rates: Vec<f64> = (0..480).map(|at| of(at) * (0.95 + 0.1 * random.unit())).collect();
        super::of(&rates, &[]).unwrap()
    }

    #[test]
    fn a_plain_load_has_no_shape() {
        let load = noisy(|_| 20.0);
        assert!(load.season.is_none() && load.excursions == 0 && load.spread < 0.05, "{load:?}");
        assert!((load.shape.growth - 1.0).abs() < 0.05 && load.shape.jump < 1.05, "{load:?}");
        assert!(super::of(&[f64::NAN; 100], &[]).is_none() && super::of(&[0.0; 100], &[]).is_none());
    }

    #[test]
    fn a_period_is_measured() {
        let season = noisy(|at| 20.0 + 8.0 * libm::sin(at as f64 / 80.0 * std::f64::consts::TAU)).season.unwrap();
        assert!(season.period.abs_diff(80) <= 2 && (season.depth - 0.8).abs() < 0.1, "{season:?}");
    }

    #[test]
    fn bursts_are_counted_and_their_height_is_measured() {
        let starts = [13, 50, 121, 160, 233, 301, 340, 407, 455];
        let load = noisy(|at| if starts.iter().any(|start| (*start..start + 3).contains(&at)) { 60.0 } else { 20.0 });
        assert_eq!((load.excursions, load.longest), (9, 3));
        assert!((load.highest - 3.0).abs() < 0.3);
    }

    #[test]
    fn a_trend_is_a_curve_and_a_step_is_a_step() {
        let trend = noisy(|at| 10.0 + at as f64 / 40.0).shape;
        assert!(trend.curve > 0.95 && trend.curve > trend.stairs && trend.growth > 2.0, "{trend:?}");
        let step = noisy(|at| if at < 200 { 10.0 } else { 22.0 }).shape;
        assert!(step.step > 0.95 && step.step > step.curve && (step.jump - 2.2).abs() < 0.1, "{step:?}");
        assert!((step.jump_at - 200.0 / 480.0).abs() < 0.03);
    }
}
