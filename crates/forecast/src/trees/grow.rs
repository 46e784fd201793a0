//! Growing a tree on binned columns: the leaf whose best split lowers the squared error most is split next.

use super::bins::{Binned, GAP};
use super::tree::{LEAF, Node, Tree};
use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};

/// When a tree stops growing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Leaves at most.
    pub leaves_max: usize,
    /// Rows per leaf at least.
    pub rows_min: usize,
    /// Share of the columns that each split may choose from.
    pub columns: f64,
}

/// A tree and, per leaf, the rows that fell into it.
pub(super) struct Grown {
    pub tree: Tree,
    /// Row numbers, leaf after leaf.
    pub rows: Vec<u32>,
    /// Where each leaf's rows lie in `rows`.
    pub leaves: Vec<(usize, usize)>,
}

/// Sum of targets and count of rows in a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    sum: f64,
    count: f64,
}

/// The best split of a leaf.
#[derive(Debug, Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    bin: usize,
    gap_left: bool,
}

/// A leaf that may still be split.
struct Open {
    node: usize,
    start: usize,
    end: usize,
    total: Bin,
    split: Option<Split>,
}

/// A split that gains less than this share of the squares is a rounding error.
const GAIN_MIN: f64 = 1e-12;

/// Grows a tree for `targets` (one per row of `binned`) over `rows`. Leaves say the mean of their targets.
///
/// # Source
/// L. Breiman et al., *Classification and Regression Trees*, 1984 (squared error); best leaf first: H. Shi, "Best-first
/// Decision Tree Learning", 2007; gaps to the better side: T. Chen, C. Guestrin, "XGBoost", KDD 2016, 3.4.
pub(super) fn grow(binned: &Binned, targets: &[f64], rows: Vec<u32>, growth: &Growth, random: &mut Random) -> Grown {
    let mut grower = Grower::new(binned, targets, rows, growth);
    let end = grower.rows.len();
    let root = Node { column: LEAF, gap_left: false, next: 0, value: 0.0 };
    let mut nodes = vec![root];
    let mut open = vec![grower.open(0, 0, end, random)];
    while open.len() < growth.leaves_max.max(1) {
        let best = (0..open.len()).filter(|index| open[*index].split.is_some()).max_by(|a, b| {
            let gain = |index: usize| open[index].split.map_or(0.0, |split| split.gain);
            // Of equal gains the leaf opened first.
            gain(*a).total_cmp(&gain(*b)).then(b.cmp(a))
        });
        let Some(best) = best else { break };
        let Some(split) = open[best].split else { break };
        let (node, start, end) = (open[best].node, open[best].start, open[best].end);
        let middle = grower.part(start, end, split);
        let left = nodes.len();
        nodes[node] = Node {
            column: u16::try_from(split.column).unwrap_or(LEAF - 1),
            gap_left: split.gap_left,
            next: u32::try_from(left).unwrap_or(u32::MAX),
            value: binned.bins().edge(split.column, split.bin),
        };
        nodes.extend([root, root]);
        open[best] = grower.open(left, start, middle, random);
        open.push(grower.open(left + 1, middle, end, random));
    }
    let leaves = open.iter().map(|leaf| (leaf.start, leaf.end)).collect();
    for (number, leaf) in open.iter().enumerate() {
        nodes[leaf.node].next = u32::try_from(number).unwrap_or(u32::MAX);
        nodes[leaf.node].value = leaf.total.sum / leaf.total.count.max(1.0);
    }
    Grown { tree: Tree { nodes }, rows: grower.rows, leaves }
}

struct Grower<'a> {
    binned: &'a Binned,
    targets: &'a [f64],
    growth: &'a Growth,
    rows: Vec<u32>,
    /// Rows that go right, while they are parted.
    right: Vec<u32>,
    /// Targets of the rows of one leaf, gathered once for all columns.
    gathered: Vec<f64>,
    histogram: Vec<Bin>,
    columns: Vec<usize>,
}

impl<'a> Grower<'a> {
    fn new(binned: &'a Binned, targets: &'a [f64], rows: Vec<u32>, growth: &'a Growth) -> Self {
        let columns = (0..binned.bins().width()).collect();
        let histogram = vec![Bin::default(); usize::from(GAP) + 1];
        Self { binned, targets, growth, rows, right: Vec::new(), gathered: Vec::new(), histogram, columns }
    }

    fn open(&mut self, node: usize, start: usize, end: usize, random: &mut Random) -> Open {
        let targets = self.targets;
        self.gathered.clear();
        self.gathered.extend(self.rows[start..end].iter().map(|row| targets[*row as usize]));
        let total = Bin { sum: self.gathered.iter().sum(), count: (end - start) as f64 };
        let squares: f64 = self.gathered.iter().map(|target| target * target).sum();
        let width = self.columns.len();
        let tried = (libm::ceil(width as f64 * self.growth.columns) as usize).clamp(1, width.max(1));
        let mut best: Option<Split> = None;
        if end - start >= 2 * self.growth.rows_min.max(1) {
            for index in 0..tried.min(width) {
                if tried < width {
                    let other = index + random.below((width - index) as u64) as usize;
                    self.columns.swap(index, other);
                }
                let column = self.columns[index];
                let found = self.split(column, start, end, total);
                let better = |split: &Split| match best {
                    None => split.gain > squares * GAIN_MIN,
                    // Of equal gains the first column, whatever order they were tried in.
                    Some(best) => split.gain > best.gain || (split.gain == best.gain && split.column < best.column),
                };
                best = found.filter(better).or(best);
            }
        }
        Open { node, start, end, total, split: best }
    }

    /// The best split of a leaf's rows in one column.
    fn split(&mut self, column: usize, start: usize, end: usize, total: Bin) -> Option<Split> {
        let bins = self.binned.bins().count(column);
        if bins < 2 {
            return None;
        }
        self.histogram.fill(Bin::default());
        let bytes = self.binned.column(column);
        for (row, target) in self.rows[start..end].iter().zip(&self.gathered) {
            let bin = &mut self.histogram[usize::from(bytes[*row as usize])];
            bin.sum += target;
            bin.count += 1.0;
        }
        let gap = self.histogram[usize::from(GAP)];
        let mut best: Option<Split> = None;
        let least = self.growth.rows_min.max(1) as f64;
        let base = total.sum * total.sum / total.count;
        let mut try_one = |left: Bin, bin: usize, gap_left: bool| {
            let right = Bin { sum: total.sum - left.sum, count: total.count - left.count };
            if left.count >= least && right.count >= least {
                let gain = left.sum * left.sum / left.count + right.sum * right.sum / right.count - base;
                if best.is_none_or(|best| gain > best.gain) {
                    best = Some(Split { gain, column, bin, gap_left });
                }
            }
        };
        let mut left = Bin::default();
        for (index, bin) in self.histogram[..bins - 1].iter().enumerate() {
            if bin.count == 0.0 && index > 0 {
                continue;
            }
            left = Bin { sum: left.sum + bin.sum, count: left.count + bin.count };
            try_one(left, index, false);
            if gap.count > 0.0 {
                try_one(Bin { sum: left.sum + gap.sum, count: left.count + gap.count }, index, true);
            }
        }
        best
    }

    /// Moves the rows that go left before those that go right, each in their order. Where the right ones start.
    fn part(&mut self, start: usize, end: usize, split: Split) -> usize {
        let bytes = self.binned.column(split.column);
        self.right.clear();
        let mut middle = start;
        for index in start..end {
            let row = self.rows[index];
            let bin = bytes[row as usize];
            let left = if bin == GAP { split.gap_left } else { usize::from(bin) <= split.bin };
            if left {
                self.rows[middle] = row;
                middle += 1;
            } else {
                self.right.push(row);
            }
        }
        self.rows[middle..end].copy_from_slice(&self.right);
        middle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trees::Bins;

    fn tree(x: &[f64], width: usize, y: &[f64], leaves_max: usize, rows_min: usize) -> Tree {
        let binned = Binned::new(Bins::learn(x, width, 255), x);
        let growth = Growth { leaves_max, rows_min, columns: 1.0 };
        let rows = (0..y.len() as u32).collect();
        grow(&binned, y, rows, &growth, &mut Random::new(0)).tree
    }

    #[test]
    fn steps_are_found_where_they_are() {
        let x: Vec<f64> = (0..20).flat_map(|i| [f64::from(i), f64::from(i % 3)]).collect();
        let y: Vec<f64> = (0..20).map(|i| if i < 7 { 1.0 } else { 4.0 + f64::from(i % 3 == 2) }).collect();
        let tree = tree(&x, 2, &y, 10, 1);
        assert_eq!(tree.leaves(), 3);
        assert!(x.chunks(2).zip(&y).all(|(row, y)| tree.predict(row) == *y));
        assert_eq!((tree.nodes[0].column, tree.nodes[0].value), (0, 6.5));
    }

    #[test]
    fn gaps_go_where_they_belong() {
        let x = [1.0, 2.0, 3.0, 4.0, f64::NAN, f64::NAN];
        for (gap, high) in [(0.0, 9.0), (9.0, 0.0)] {
            let y = [9.0, 9.0, high, high, gap, gap];
            let y = if gap == 9.0 { y } else { [0.0, 0.0, 9.0, 9.0, gap, gap] };
            let tree = tree(&x, 1, &y, 2, 1);
            assert_eq!(tree.predict(&[f64::NAN]), gap);
            assert!(x.iter().zip(&y).all(|(x, y)| tree.predict(&[*x]) == *y));
        }
    }

    #[test]
    fn a_constant_and_too_few_rows_stay_one_leaf() {
        assert_eq!(tree(&[1.0, 2.0, 3.0, 4.0], 1, &[5.0; 4], 9, 1).leaves(), 1);
        assert_eq!(tree(&[1.0, 2.0, 3.0, 4.0], 1, &[5.0, 1.0, 1.0, 1.0], 9, 3).leaves(), 1);
        assert_eq!(tree(&[1.0, 2.0, 3.0, 4.0], 1, &[5.0, 1.0, 1.0, 1.0], 9, 2).leaves(), 2);
    }
}
