//! Where a series changed: the moments after which its mean (or its spread) is another one.
//!
//! Optimal partitioning with pruning, on the whole series at once; for a stream there is [`super::Cusum`]. Load is never
//! white noise, and taking it for that finds changes everywhere, so the noise is measured with its memory first. Seasons
//! are changes as well: hand in what remains of them ([`crate::decompose::Decomposition::adjusted`]).
//!
//! # Source
//! R. Killick, P. Fearnhead, I. A. Eckley, "Optimal Detection of Changepoints With a Linear Computational Cost", JASA
//! 107, 2012 (PELT); penalty after N. R. Zhang, D. O. Siegmund, "A Modified Bayes Information Criterion", Biometrics 63,
//! 2007: three times the logarithm of the length per change of a mean.

use plimsoll_stats::quantile;
use serde::{Deserialize, Serialize};

/// Longer series are averaged to this many blocks before they are searched; a change is then placed within its blocks.
const BLOCKS_MAX: usize = 2_048;
/// Share of the differences that noise is measured by, and the mean square of that share of standard normal values:
/// 1 - 2 z φ(z)/0.95 with z = 1.96.
const KEPT: f64 = 0.95;
const NORMAL_KEPT: f64 = 0.758_9;
/// Noise with a longer memory than this can not be told from a level that wanders.
const MEMORY_MAX: f64 = 0.95;

/// What may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The mean; the noise stays as it is.
    Mean,
    /// Mean and variance.
    MeanAndVariance,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// The first value after it.
    pub at: usize,
    /// Mean from the change before (or the start) to this one.
    pub before: f64,
    /// Mean from here to the next change (or the end).
    pub after: f64,
}

/// The changes in `values` (oldest first, NaN for a gap), oldest first, at least `least` measured values apart.
///
/// O(n) to O(n²) of at most 2,048 blocks.
#[must_use]
pub fn change_points(values: &[f64], change: Change, least: usize) -> Vec<ChangePoint> {
    let places: Vec<usize> = (0..values.len()).filter(|index| values[*index].is_finite()).collect();
    let measured: Vec<f64> = places.iter().map(|index| values[*index]).collect();
    let largest = measured.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let least = least.max(2);
    if measured.len() < 2 * least || largest == 0.0 {
        return Vec::new();
    }
    let scaled: Vec<f64> = measured.iter().map(|value| value / largest).collect();
    let Some(noise) = Noise::of(&scaled) else { return Vec::new() };
    let width = scaled.len().div_ceil(BLOCKS_MAX);
    let blocks: Vec<f64> = scaled.chunks(width).map(|block| block.iter().sum::<f64>() / block.len() as f64).collect();
    let coarse = Costs::new(&blocks, change, noise.averaged(width));
    let mut ends: Vec<usize> = pelt(&coarse, least.div_ceil(width).max(2)).into_iter().map(|end| end * width).collect();
    if width > 1 {
        let fine = Costs::new(&scaled, change, noise);
        place(&mut ends, &fine, width);
        drop_unpaid(&mut ends, &fine);
        place(&mut ends, &fine, width);
    }
    described(&ends, &measured, &places)
}

/// Indexes into the measured values become indexes into the series, with the means on either side.
fn described(ends: &[usize], measured: &[f64], places: &[usize]) -> Vec<ChangePoint> {
    let mean = |from: usize, to: usize| {
        let count = (to - from).max(1) as f64;
        measured[from..to].iter().map(|value| value / count).sum::<f64>()
    };
    let bound = |index: Option<usize>, edge: usize| index.and_then(|index| ends.get(index).copied()).unwrap_or(edge);
    let point = |(index, end): (usize, &usize)| ChangePoint {
        at: places[*end],
        before: mean(bound(index.checked_sub(1), 0), *end),
        after: mean(*end, bound(Some(index + 1), measured.len())),
    };
    ends.iter().enumerate().map(point).collect()
}

/// The noise of a series whose level jumps now and then, taken from differences, which a jump touches only once.
#[derive(Debug, Clone, Copy)]
struct Noise {
    /// Variance of one value.
    variance: f64,
    /// Correlation of neighbours, as of a first-order autoregression.
    memory: f64,
}

impl Noise {
    fn of(values: &[f64]) -> Option<Self> {
        let (near, far) = (difference_variance(values, 1), difference_variance(values, 2));
        if near <= 0.0 {
            // Most values equal their neighbours: what little moves is all the noise there can be.
            let squares: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0])).sum();
            let variance = squares / (2 * values.len()) as f64;
            return (variance > 0.0).then_some(Self { variance, memory: 0.0 });
        }
        // Differences over 1 and 2 steps have variances 2 σ² (1 - ρ) and 2 σ² (1 - ρ²).
        let memory = (far / near - 1.0).clamp(0.0, MEMORY_MAX);
        Some(Self { variance: near / (2.0 * (1.0 - memory)), memory })
    }

    /// How much more a mean of many values varies than one of independent ones.
    fn long_run(self) -> f64 {
        (1.0 + self.memory) / (1.0 - self.memory)
    }

    /// The noise of means over `width` values, taken as independent: their variance is the long-run one.
    fn averaged(self, width: usize) -> Self {
        if width == 1 {
            return self;
        }
        Self { variance: self.variance * self.long_run() / width as f64, memory: 0.0 }
    }
}

/// Variance of the differences over `lag` steps, from all but the largest of them: those are the jumps.
fn difference_variance(values: &[f64], lag: usize) -> f64 {
    let mut squares: Vec<f64> = values.iter().zip(&values[lag..]).map(|(a, b)| (b - a) * (b - a)).collect();
    quantile::sort(&mut squares);
    let kept = (squares.len() as f64 * KEPT) as usize;
    squares[..kept].iter().sum::<f64>() / kept.max(1) as f64 / NORMAL_KEPT
}

/// What a stretch without change costs: minus twice its log-likelihood, up to a constant.
struct Costs {
    change: Change,
    noise: Noise,
    /// Σ x and Σ x² of the values before each index.
    sums: Vec<(f64, f64)>,
    penalty: f64,
}

impl Costs {
    fn new(values: &[f64], change: Change, noise: Noise) -> Self {
        let centre = values.iter().sum::<f64>() / values.len() as f64;
        let mut sums = vec![(0.0, 0.0)];
        for value in values {
            let (sum, squares) = sums[sums.len() - 1];
            let value = value - centre;
            sums.push((sum + value, squares + value * value));
        }
        let parameters = match change {
            Change::Mean => 3.0,
            Change::MeanAndVariance => 4.0,
        };
        Self { change, noise, sums, penalty: parameters * libm::log(values.len() as f64) }
    }

    fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// Of the values from `from` to before `to`.
    fn of(&self, from: usize, to: usize) -> f64 {
        let count = (to - from) as f64;
        let (sum, squares) = (self.sums[to].0 - self.sums[from].0, self.sums[to].1 - self.sums[from].1);
        let around = (squares - sum * sum / count).max(0.0);
        match self.change {
            Change::Mean => around / (self.noise.variance * self.noise.long_run()),
            Change::MeanAndVariance => {
                // A stretch that happens to be constant is not infinitely likely.
                let floor = 1e-4 * self.noise.variance;
                count * libm::log(around / count + floor) / self.noise.long_run()
            }
        }
    }
}

/// Ends of all stretches but the last, of the cheapest partition into stretches of at least `least` values.
fn pelt(costs: &Costs, least: usize) -> Vec<usize> {
    let len = costs.len();
    let mut cheapest = vec![f64::INFINITY; len + 1];
    let mut before = vec![0; len + 1];
    cheapest[0] = -costs.penalty;
    let mut starts: Vec<usize> = Vec::new();
    for end in least..=len {
        starts.push(end - least);
        for start in &starts {
            let cost = cheapest[*start] + costs.of(*start, end) + costs.penalty;
            if cost < cheapest[end] {
                (cheapest[end], before[end]) = (cost, *start);
            }
        }
        // A start that is dearer even without paying for a change can never become the best one again.
        starts.retain(|start| cheapest[*start] + costs.of(*start, end) <= cheapest[end]);
    }
    let mut ends = Vec::new();
    let mut end = before[len];
    while end > 0 {
        ends.push(end);
        end = before[end];
    }
    ends.reverse();
    ends
}

/// Moves every end to the cheapest place within a block on either side.
fn place(ends: &mut [usize], costs: &Costs, width: usize) {
    for index in 0..ends.len() {
        let from = index.checked_sub(1).map_or(0, |before| ends[before]);
        let to = ends.get(index + 1).copied().unwrap_or(costs.len());
        let around = (ends[index].saturating_sub(width)).max(from + 1)..=(ends[index] + width).min(to - 1);
        let cost = |end: usize| costs.of(from, end) + costs.of(end, to);
        if let Some(best) = around.min_by(|a, b| cost(*a).total_cmp(&cost(*b))) {
            ends[index] = best;
        }
    }
}

/// Drops ends that save less than they cost: a block across a change had a mean of its own.
fn drop_unpaid(ends: &mut Vec<usize>, costs: &Costs) {
    let mut index = 0;
    while index < ends.len() {
        let from = index.checked_sub(1).map_or(0, |before| ends[before]);
        let to = ends.get(index + 1).copied().unwrap_or(costs.len());
        let saved = costs.of(from, to) - costs.of(from, ends[index]) - costs.of(ends[index], to);
        if saved < costs.penalty {
            ends.remove(index);
        } else {
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn noise(len: usize, memory: f64, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let mut last = 0.0;
        let mut next = || {
            last = memory * last + random.normal();
            last
        };
        (0..len).map(|_| next()).collect()
    }

    fn places(found: &[ChangePoint]) -> Vec<usize> {
        found.iter().map(|change| change.at).collect()
    }

    #[test]
    fn jumps_of_the_mean_are_found_where_they_are() {
        for seed in 0..5 {
            let mut values = noise(300, 0.0, seed);
            values[100..].iter_mut().for_each(|value| *value += 5.0);
            values[220..].iter_mut().for_each(|value| *value -= 8.0);
            for factor in [1.0, 1e15, 1e-15] {
                let scaled: Vec<f64> = values.iter().map(|value| (value + 50.0) * factor).collect();
                let found = change_points(&scaled, Change::Mean, 5);
                assert_eq!(found.len(), 2, "{seed}: {found:?}");
                assert!(found[0].at.abs_diff(100) <= 1 && found[1].at.abs_diff(220) <= 1, "{found:?}");
                assert!((found[0].before / factor - 50.0).abs() < 0.5 && (found[1].after / factor - 47.0).abs() < 0.5);
            }
        }
    }

    #[test]
    fn noise_has_none_even_with_a_memory() {
        let wrong: usize = (0..40)
            .map(|seed| {
                let values = noise(400, [0.0, 0.5, 0.8][seed as usize % 3], seed);
                let both = [(Change::Mean, 5), (Change::MeanAndVariance, 10)];
                both.map(|(change, least)| change_points(&values, change, least).len()).iter().sum::<usize>()
            })
            .sum();
        assert!(wrong <= 4, "{wrong}");
    }

    #[test]
    fn a_change_of_the_spread_alone_is_found_when_asked_for() {
        let mut values = noise(400, 0.0, 3);
        values[200..].iter_mut().for_each(|value| *value *= 5.0);
        let found = places(&change_points(&values, Change::MeanAndVariance, 10));
        assert!(found.len() == 1 && found[0].abs_diff(200) <= 8, "{found:?}");
    }

    #[test]
    fn gaps_are_passed_over_and_long_series_are_placed_to_the_value() {
        let mut values = noise(20_000, 0.0, 4);
        values[12_345..].iter_mut().for_each(|value| *value += 6.0);
        values[5_000..6_000].fill(f64::NAN);
        let found = places(&change_points(&values, Change::Mean, 5));
        assert!(found.len() == 1 && found[0].abs_diff(12_345) <= 1, "{found:?}");
    }

    #[test]
    fn odd_series_have_none_and_a_clean_step_has_one() {
        for values in [vec![], vec![1.0], vec![1.0, 2.0], vec![0.0; 50], vec![3.0; 50], vec![f64::NAN; 50]] {
            assert!(change_points(&values, Change::Mean, 2).is_empty());
            assert!(change_points(&values, Change::MeanAndVariance, 2).is_empty());
        }
        let step: Vec<f64> = (0..60).map(|index| if index < 30 { 0.0 } else { 1.0 }).collect();
        assert_eq!(places(&change_points(&step, Change::Mean, 2)), [30]);
    }
}
