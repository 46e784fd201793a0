//! Gradient boosting on the pinball loss: one sum of small trees per quantile.

use super::bins::{Binned, Bins};
use super::grow::{Growth, grow};
use super::levels::{interpolate, interpolate_one};
use super::tree::Tree;
use plimsoll_stats::{Random, quantile_sorted};
use serde::{Deserialize, Serialize};

/// How to boost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoostingSettings {
    /// The quantiles that get trees of their own, rising; levels in between are interpolated.
    pub levels: Vec<f64>,
    /// Trees per quantile at most.
    pub rounds_max: usize,
    /// Each tree counts this much.
    pub shrinkage: f64,
    /// When a tree stops growing.
    pub growth: Growth,
    /// Share of the rows that each tree sees.
    pub rows: f64,
    /// Share of the rows, the newest, on which it is judged when to stop; 0 for never.
    pub judged: f64,
    /// Rounds without a better loss before it stops.
    pub patience: usize,
    /// Bins per column at most.
    pub bins_max: usize,
}

impl Default for BoostingSettings {
    /// For a series of some hundred to some thousand values: few trees that learn fast.
    fn default() -> Self {
        Self {
            levels: vec![0.1, 0.5, 0.9, 0.99],
            rounds_max: 60,
            shrinkage: 0.15,
            growth: Growth { leaves_max: 15, rows_min: 20, columns: 0.5 },
            rows: 0.5,
            judged: 0.15,
            patience: 15,
            bins_max: 63,
        }
    }
}

impl BoostingSettings {
    /// For tens of thousands of rows and one horizon: larger leaves, more trees.
    #[must_use]
    pub fn near() -> Self {
        let growth = Growth { leaves_max: 15, rows_min: 100, columns: 0.7 };
        Self { rounds_max: 150, shrinkage: 0.1, growth, rows: 0.7, ..Self::default() }
    }
}

/// A sum of trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sum {
    level: f64,
    start: f64,
    shrinkage: f64,
    trees: Vec<Tree>,
}

/// Boosted trees, one sum per quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boosting {
    sums: Vec<Sum>,
}

impl Boosting {
    /// Trains on `x`, `rows × width` by rows in the order of time (NaN are gaps), and `y` without gaps.
    ///
    /// # Source
    /// J. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001, 4.3
    /// (leaves reset to the quantile of their residuals), and "Stochastic Gradient Boosting", 2002 (a share of the rows).
    #[must_use]
    pub fn train(x: &[f64], width: usize, y: &[f64], settings: &BoostingSettings, seed: u64) -> Self {
        let binned = Binned::new(Bins::learn(x, width, settings.bins_max), x);
        let mut random = Random::new(seed);
        let train = |level: &f64| Sum::train(&binned, x, y, *level, settings, &mut random.fork());
        Self { sums: settings.levels.iter().map(train).collect() }
    }

    /// What it says of a row at each level, appended to `out` in rising order, and its median. Between its own quantiles
    /// and beyond them levels are interpolated over the scores of the normal distribution.
    pub fn quantiles(&self, row: &[f64], levels: &[f64], out: &mut Vec<f64>) -> f64 {
        let mut own: Vec<f64> = self.sums.iter().map(|sum| sum.predict(row)).collect();
        plimsoll_stats::quantile::sort(&mut own);
        let known: Vec<(f64, f64)> = self.sums.iter().map(|sum| sum.level).zip(own).collect();
        interpolate(&known, levels, out);
        interpolate_one(&known, 0.5)
    }

    /// Trees of all quantiles.
    pub(crate) fn grown(&self) -> impl Iterator<Item = &Tree> {
        self.sums.iter().flat_map(|sum| &sum.trees)
    }
}

impl Sum {
    fn train(
        binned: &Binned,
        x: &[f64],
        y: &[f64],
        level: f64,
        settings: &BoostingSettings,
        random: &mut Random,
    ) -> Self {
        let width = binned.bins().width();
        let judged = (y.len() as f64 * settings.judged) as usize;
        let seen = y.len() - judged;
        let mut sorted = y[..seen].to_vec();
        plimsoll_stats::quantile::sort(&mut sorted);
        let start = quantile_sorted(&sorted, level).unwrap_or(0.0);
        let mut sum = Self { level, start, shrinkage: settings.shrinkage, trees: Vec::new() };
        let mut said = vec![start; y.len()];
        let mut gradients = vec![0.0; seen];
        let mut best = (loss(&y[seen..], &said[seen..], level), 0);
        for round in 1..=settings.rounds_max {
            for (gradient, (y, said)) in gradients.iter_mut().zip(y.iter().zip(&said)) {
                *gradient = if y > said { level } else { level - 1.0 };
            }
            let rows = sample(seen, settings.rows, random);
            let mut grown = grow(binned, &gradients, rows, &settings.growth, random);
            reset(&mut grown, y, &said, level);
            if grown.tree.leaves() < 2 {
                break;
            }
            for (row, said) in said.iter_mut().enumerate() {
                *said += settings.shrinkage * grown.tree.predict(&x[row * width..(row + 1) * width]);
            }
            sum.trees.push(grown.tree);
            if judged > 0 {
                let loss = loss(&y[seen..], &said[seen..], level);
                if loss < best.0 {
                    best = (loss, round);
                } else if round - best.1 >= settings.patience {
                    break;
                }
            }
        }
        if judged > 0 {
            sum.trees.truncate(best.1);
        }
        sum
    }

    fn predict(&self, row: &[f64]) -> f64 {
        let trees: f64 = self.trees.iter().map(|tree| tree.predict(row)).sum();
        self.start + self.shrinkage * trees
    }
}

/// Each leaf says the quantile of its rows' residuals instead of their mean gradient.
fn reset(grown: &mut super::grow::Grown, y: &[f64], said: &[f64], level: f64) {
    let mut residuals = Vec::new();
    let quantiles: Vec<f64> = grown
        .leaves
        .iter()
        .map(|(start, end)| {
            residuals.clear();
            residuals.extend(grown.rows[*start..*end].iter().map(|row| y[*row as usize] - said[*row as usize]));
            quantile_of(&mut residuals, level)
        })
        .collect();
    for node in grown.tree.nodes.iter_mut().filter(|node| node.column == super::tree::LEAF) {
        node.value = quantiles[node.next as usize];
    }
}

/// The interpolated quantile, found by selection: leaves are many and small.
fn quantile_of(values: &mut [f64], level: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let position = last as f64 * level;
    let below = libm::floor(position) as usize;
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    let share = position - below as f64;
    if share == 0.0 || above.is_empty() { *low } else { *low * (1.0 - share) + high * share }
}

/// Mean pinball loss; 0 of nothing.
fn loss(y: &[f64], said: &[f64], level: f64) -> f64 {
    let pinball = |(y, said): (&f64, &f64)| if y > said { level * (y - said) } else { (1.0 - level) * (said - y) };
    y.iter().zip(said).map(pinball).sum::<f64>() / y.len().max(1) as f64
}

/// A share of the first `rows`, without replacement, in their order.
pub(super) fn sample(rows: usize, share: f64, random: &mut Random) -> Vec<u32> {
    let all = 0..u32::try_from(rows).unwrap_or(u32::MAX);
    if share >= 1.0 { all.collect() } else { all.filter(|_| random.unit() < share).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A level that depends on one column and a spread that depends on another.
    fn task(rows: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut random = Random::new(seed);
        let mut x = Vec::new();
        let mut y = Vec::new();
        for _ in 0..rows {
            let (a, b) = (random.unit(), random.unit());
            x.extend([a, b]);
            y.push(if a < 0.5 { 1.0 } else { 3.0 } + (0.2 + b) * random.normal());
        }
        (x, y)
    }

    #[test]
    fn quantiles_cover_their_share_where_the_spread_changes() {
        let (x, y) = task(6_000, 1);
        let boosting = Boosting::train(&x, 2, &y, &BoostingSettings::default(), 7);
        let (x, y) = task(6_000, 2);
        for (low, high) in [(0.0, 0.3), (0.7, 1.0)] {
            for level in [0.1, 0.5, 0.9] {
                let rows = x.chunks(2).zip(&y).filter(|(row, _)| row[1] >= low && row[1] < high);
                let mut out = Vec::new();
                let (mut below, mut count) = (0.0, 0.0);
                for (row, y) in rows {
                    out.clear();
                    boosting.quantiles(row, &[level], &mut out);
                    below += f64::from(*y <= out[0]);
                    count += 1.0;
                }
                assert!((below / count - level).abs() < 0.035, "{level} {low}: {}", below / count);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_trees_and_levels_rise() {
        let (x, y) = task(500, 3);
        let train = |seed| Boosting::train(&x, 2, &y, &BoostingSettings::default(), seed);
        assert!(train(1) == train(1));
        assert!(train(1) != train(2));
        let mut out = Vec::new();
        train(1).quantiles(&[0.2, f64::NAN], &[0.05, 0.2, 0.6, 0.95, 0.999], &mut out);
        assert!(out.windows(2).all(|pair| pair[0] <= pair[1]), "{out:?}");
        let text = serde_json::to_string(&train(1)).unwrap();
        let mut back = Vec::new();
        serde_json::from_str::<Boosting>(&text).unwrap().quantiles(&[0.2, f64::NAN], &[0.05, 0.2], &mut back);
        assert!(back.iter().zip(&out).all(|(back, out)| (back - out).abs() < 1e-12));
    }

    #[test]
    fn selection_finds_the_interpolated_quantile() {
        for level in [0.0, 0.1, 0.5, 0.77, 1.0] {
            let mut values = vec![3.0, 1.0, 4.0, 1.5, 9.0, 2.6];
            let mut sorted = values.clone();
            plimsoll_stats::quantile::sort(&mut sorted);
            assert!((quantile_of(&mut values, level) - quantile_sorted(&sorted, level).unwrap()).abs() < 1e-12);
        }
    }
}
