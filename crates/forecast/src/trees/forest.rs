//! Random forest with quantile leaves, and the single tree as a forest of one.

use super::bins::{Binned, Bins};
use super::grow::{Growth, grow};
use super::tree::Tree;
use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};

/// How to grow a forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForestSettings {
    /// Trees.
    pub trees: usize,
    /// When a tree stops growing.
    pub growth: Growth,
    /// Whether each tree sees as many rows drawn with replacement, or all rows once.
    pub drawn: bool,
    /// Targets kept per leaf at most, evenly among the leaf's quantiles.
    pub kept_max: usize,
    /// Bins per column at most.
    pub bins_max: usize,
}

impl ForestSettings {
    /// A forest.
    #[must_use]
    pub const fn forest() -> Self {
        let growth = Growth { leaves_max: 96, rows_min: 5, columns: 0.4 };
        Self { trees: 30, growth, drawn: true, kept_max: 8, bins_max: 63 }
    }

    /// A single tree that sees everything.
    #[must_use]
    pub const fn tree() -> Self {
        let growth = Growth { leaves_max: 64, rows_min: 20, columns: 1.0 };
        Self { trees: 1, growth, drawn: false, kept_max: 33, bins_max: 255 }
    }
}

/// A tree with a sample of the targets of each leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Leafy {
    tree: Tree,
    /// Targets kept, leaf after leaf, rising within each.
    kept: Vec<f64>,
    /// Where each leaf's end.
    ends: Vec<u32>,
}

/// Trees whose leaves keep targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    trees: Vec<Leafy>,
}

impl Forest {
    /// Trains on `x`, `rows × width` by rows (NaN are gaps), and `y` without gaps.
    ///
    /// # Source
    /// L. Breiman, "Random Forests", Machine Learning 45, 2001; N. Meinshausen, "Quantile Regression Forests", JMLR 7, 2006.
    #[must_use]
    pub fn train(x: &[f64], width: usize, y: &[f64], settings: &ForestSettings, seed: u64) -> Self {
        let binned = Binned::new(Bins::learn(x, width, settings.bins_max), x);
        let mut random = Random::new(seed);
        let tree = |_| {
            let mut random = random.fork();
            let count = y.len() as u64;
            let mut rows: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
            if settings.drawn {
                rows.iter_mut().for_each(|row| *row = u32::try_from(random.below(count)).unwrap_or(0));
                rows.sort_unstable();
            }
            let grown = grow(&binned, y, rows, &settings.growth, &mut random);
            keep(grown, y, settings.kept_max)
        };
        Self { trees: (0..settings.trees.max(1)).map(tree).collect() }
    }

    /// Its trees.
    pub(crate) fn grown(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter().map(|leafy| &leafy.tree)
    }

    /// The mean of what its trees say.
    #[must_use]
    pub fn mean(&self, row: &[f64]) -> f64 {
        self.trees.iter().map(|leafy| leafy.tree.predict(row)).sum::<f64>() / self.trees.len() as f64
    }

    /// The median of what its leaves kept.
    #[must_use]
    pub fn median(&self, row: &[f64]) -> f64 {
        let mut out = Vec::with_capacity(1);
        self.quantiles(row, &[0.5], &mut out);
        out[0]
    }

    /// What it says of a row at each level (rising), appended to `out`: quantiles of the kept targets of all leaves that the
    /// row falls into, each tree with the same weight, interpolated between their middles.
    pub fn quantiles(&self, row: &[f64], levels: &[f64], out: &mut Vec<f64>) {
        let mut pool: Vec<(f64, f64)> = Vec::new();
        for leafy in &self.trees {
            let kept = leafy.kept(leafy.tree.leaf(row));
            pool.extend(kept.iter().map(|value| (*value, 1.0 / kept.len() as f64)));
        }
        pool.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = self.trees.len() as f64;
        let (mut next, mut before, mut weight) = (0, None, 0.0);
        for level in levels {
            let wanted = level * total;
            while next < pool.len() && weight + pool[next].1 / 2.0 < wanted {
                before = Some((pool[next].0, weight + pool[next].1 / 2.0));
                weight += pool[next].1;
                next += 1;
            }
            out.push(match (before, pool.get(next)) {
                (Some((low, from)), Some((high, own))) => {
                    low + (high - low) * (wanted - from) / (weight + own / 2.0 - from).max(f64::MIN_POSITIVE)
                }
                (Some((low, _)), None) => low,
                (None, Some((high, _))) => *high,
                (None, None) => f64::NAN,
            });
        }
    }
}

impl Leafy {
    fn kept(&self, leaf: usize) -> &[f64] {
        let start = leaf.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.kept[start..self.ends[leaf] as usize]
    }
}

/// At most `most` targets per leaf: the middles of as many equal parts of its sorted targets.
fn keep(grown: super::grow::Grown, y: &[f64], most: usize) -> Leafy {
    let mut leafy = Leafy { tree: grown.tree, kept: Vec::new(), ends: Vec::new() };
    let mut targets = Vec::new();
    for (start, end) in grown.leaves {
        targets.clear();
        targets.extend(grown.rows[start..end].iter().map(|row| y[*row as usize]));
        plimsoll_stats::quantile::sort(&mut targets);
        let count = targets.len().min(most.max(1));
        leafy.kept.extend((0..count).map(|part| targets[(2 * part + 1) * targets.len() / (2 * count)]));
        leafy.ends.push(u32::try_from(leafy.kept.len()).unwrap_or(u32::MAX));
    }
    leafy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_know_the_spread_of_their_targets() {
        let mut random = Random::new(5);
        let x: Vec<f64> = (0..4_000).map(|_| random.unit()).collect();
        let y: Vec<f64> = x.iter().map(|x| if *x < 0.5 { random.unit() } else { 10.0 + 4.0 * random.unit() }).collect();
        for settings in [ForestSettings::forest(), ForestSettings::tree()] {
            let forest = Forest::train(&x, 1, &y, &settings, 1);
            let mut out = Vec::new();
            forest.quantiles(&[0.25], &[0.1, 0.5, 0.9], &mut out);
            forest.quantiles(&[0.75], &[0.1, 0.5, 0.9], &mut out);
            let expected = [0.1, 0.5, 0.9, 10.4, 12.0, 13.6];
            let wide = [0.15, 0.15, 0.15, 0.6, 0.6, 0.6];
            assert!(out.iter().zip(expected).zip(wide).all(|((is, should), by)| (is - should).abs() < by), "{out:?}");
            assert!((forest.mean(&[0.75]) - 12.0).abs() < 0.5);
            assert!(out[..3].windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }

    #[test]
    fn a_forest_is_its_seed_and_serialises() {
        let x: Vec<f64> = (0..300).map(|i| f64::from(i * 37 % 101)).collect();
        let train = |seed| Forest::train(&x, 3, &x[..100], &ForestSettings::forest(), seed);
        assert!(train(3) == train(3));
        assert!(train(3) != train(4));
        let text = serde_json::to_string(&train(3)).unwrap();
        let back: Forest = serde_json::from_str(&text).unwrap();
        assert!((back.mean(&[5.0, f64::NAN, 50.0]) - train(3).mean(&[5.0, f64::NAN, 50.0])).abs() < 1e-9);
    }
}
