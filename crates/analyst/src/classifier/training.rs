//! Teaches the trees. The same examples give the same bytes on any machine: sums go in the order of the examples, nothing is
//! drawn, ties go to the first column and the lowest threshold.
//!
//! Of every few examples one is held back: as many trees are kept per cause as say least wrong of those.

use super::columns::{Row, WIDTH};
use super::trees::{Node, ONE, Sum, Trees, leaf};
use crate::diagnosis::Cause;

/// One incident and what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its features.
    pub row: Row,
    /// What was the matter.
    pub causes: Vec<Cause>,
}

/// How to learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Trees per cause at most.
    pub rounds_max: usize,
    /// Leaves per tree at most, 2 to 64.
    pub leaves_max: usize,
    /// Examples in a leaf at least.
    pub rows_min: usize,
    /// Each tree counts this much.
    pub shrinkage: f64,
    /// Pulls leaves to 0.
    pub ridge: f64,
    /// Thresholds per column at most.
    pub bins_max: usize,
    /// Every so many-th example is held back.
    pub held_every: usize,
}

impl Default for Settings {
    /// For some thousand examples.
    fn default() -> Self {
        Self { rounds_max: 80, leaves_max: 5, rows_min: 12, shrinkage: 0.15, ridge: 2.0, bins_max: 48, held_every: 5 }
    }
}

/// Learns; `done` hears of each cause with the trees that are kept and the mean log loss on what was held back.
pub fn train(examples: &[Example], settings: &Settings, mut done: impl FnMut(Cause, usize, f64)) -> Trees {
    let is_held = |index: &usize| index.is_multiple_of(settings.held_every.max(2));
    let learn: Vec<usize> = (0..examples.len()).filter(|index| !is_held(index)).collect();
    let held: Vec<usize> = (0..examples.len()).filter(is_held).collect();
    let binned = Binned::new(examples, &learn, settings.bins_max);
    let sums = Cause::ALL.map(|cause| {
        let truth: Vec<f64> = examples.iter().map(|one| f64::from(u8::from(one.causes.contains(&cause)))).collect();
        let (sum, loss) = sum(examples, &truth, &binned, (&learn, &held), settings);
        done(cause, sum.trees.len(), loss);
        sum
    });
    Trees { sums: sums.into() }
}

fn odds(score: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-score))
}

fn fixed(value: f64) -> i32 {
    libm::round(value * ONE).clamp(-1e9, 1e9) as i32
}

fn sum(
    examples: &[Example],
    truth: &[f64],
    binned: &Binned,
    (learn, held): (&[usize], &[usize]),
    settings: &Settings,
) -> (Sum, f64) {
    let positive: f64 = learn.iter().map(|index| truth[*index]).sum();
    let share = (positive / learn.len().max(1) as f64).clamp(1e-4, 1.0 - 1e-4);
    let start = fixed(libm::log(share / (1.0 - share)));
    let mut scores = vec![f64::from(start) / ONE; examples.len()];
    let (mut trees, mut best) = (Vec::new(), (0, loss(&scores, truth, held)));
    for _ in 0..settings.rounds_max {
        let slopes: Vec<(f64, f64)> = scores
            .iter()
            .zip(truth)
            .map(|(score, truth)| (truth - odds(*score), odds(*score) * (1.0 - odds(*score))))
            .collect();
        let tree = grow(binned, learn, &slopes, settings);
        for (score, example) in scores.iter_mut().zip(examples) {
            *score += f64::from(leaf(&tree, &example.row)) / ONE;
        }
        trees.push(tree);
        let loss = loss(&scores, truth, held);
        if loss < best.1 {
            best = (trees.len(), loss);
        }
    }
    trees.truncate(best.0);
    (Sum { start, trees }, best.1)
}

/// Mean log loss of these examples.
fn loss(scores: &[f64], truth: &[f64], of: &[usize]) -> f64 {
    let one = |index: &usize| {
        let likely = odds(scores[*index]).clamp(1e-9, 1.0 - 1e-9);
        if truth[*index] > 0.5 { -libm::log(likely) } else { -libm::log(1.0 - likely) }
    };
    of.iter().map(one).sum::<f64>() / of.len().max(1) as f64
}

/// Examples as the places of their values among thresholds; 0 is missing.
struct Binned {
    thresholds: Vec<Vec<f32>>,
    /// By column, then by example.
    bins: Vec<Vec<u8>>,
}

impl Binned {
    fn new(examples: &[Example], learn: &[usize], bins_max: usize) -> Self {
        let (mut thresholds, mut bins) = (Vec::new(), Vec::new());
        for column in 0..WIDTH {
            let mut values: Vec<f32> = learn.iter().map(|index| examples[*index].row.0[column]).collect();
            values.retain(|value| value.is_finite());
            values.sort_by(f32::total_cmp);
            let count = bins_max.clamp(2, 250);
            let mut cuts: Vec<f32> =
                (1..count).filter_map(|cut| values.get(cut * values.len() / count).copied()).collect();
            cuts.dedup();
            let place =
                |value: f32| if value.is_nan() { 0 } else { 1 + cuts.partition_point(|cut| *cut < value) as u8 };
            bins.push(examples.iter().map(|example| place(example.row.0[column])).collect());
            thresholds.push(cuts);
        }
        Self { thresholds, bins }
    }
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    /// Bins up to this one go left.
    bin: u8,
    missing_left: bool,
}

struct Open {
    node: usize,
    rows: Vec<usize>,
    split: Option<Split>,
}

/// Grows a tree: always the leaf whose split gains most.
fn grow(binned: &Binned, learn: &[usize], slopes: &[(f64, f64)], settings: &Settings) -> Vec<Node> {
    let value = |rows: &[usize]| {
        let (slope, bend) = total(rows, slopes);
        fixed(settings.shrinkage * slope / (bend + settings.ridge))
    };
    let mut nodes = vec![Node::leaf(value(learn))];
    let mut open = vec![Open { node: 0, rows: learn.to_vec(), split: best(binned, learn, slopes, settings) }];
    for _ in 1..settings.leaves_max.clamp(2, 64) {
        let gain = |one: &Open| one.split.map_or(0.0, |split| split.gain);
        let found = (0..open.len()).max_by(|a, b| gain(&open[*a]).total_cmp(&gain(&open[*b])).then(b.cmp(a)));
        let Some((place, split)) = found.and_then(|place| Some((place, open[place].split?))) else { break };
        let leaf = open.swap_remove(place);
        let goes_left = |row: &usize| match binned.bins[split.column][*row] {
            0 => split.missing_left,
            bin => bin <= split.bin,
        };
        let (left, right): (Vec<usize>, Vec<usize>) = leaf.rows.into_iter().partition(goes_left);
        let at = nodes.len() as u8;
        nodes[leaf.node] = Node {
            column: split.column as u8,
            missing_left: split.missing_left,
            left: at,
            right: at + 1,
            threshold: binned.thresholds[split.column][usize::from(split.bin) - 1],
            value: nodes[leaf.node].value,
        };
        for rows in [left, right] {
            nodes.push(Node::leaf(value(&rows)));
            let split = best(binned, &rows, slopes, settings);
            open.push(Open { node: nodes.len() - 1, rows, split });
        }
    }
    nodes
}

fn total(rows: &[usize], slopes: &[(f64, f64)]) -> (f64, f64) {
    rows.iter().fold((0.0, 0.0), |sum, row| (sum.0 + slopes[*row].0, sum.1 + slopes[*row].1))
}

/// The split that gains most; none where none gains.
fn best(binned: &Binned, rows: &[usize], slopes: &[(f64, f64)], settings: &Settings) -> Option<Split> {
    let all = total(rows, slopes);
    let score = |(slope, bend): (f64, f64)| slope * slope / (bend + settings.ridge);
    let mut best: Option<Split> = None;
    for column in 0..WIDTH {
        let cuts = binned.thresholds[column].len();
        let mut bins = vec![(0.0, 0.0, 0_usize); cuts + 2];
        for row in rows {
            let bin = &mut bins[usize::from(binned.bins[column][*row])];
            *bin = (bin.0 + slopes[*row].0, bin.1 + slopes[*row].1, bin.2 + 1);
        }
        let missing = bins[0];
        let mut left = (0.0, 0.0, 0_usize);
        for (bin, of_bin) in bins.iter().enumerate().take(cuts + 1).skip(1) {
            left = (left.0 + of_bin.0, left.1 + of_bin.1, left.2 + of_bin.2);
            let sides = if missing.2 > 0 { &[false, true][..] } else { &[false][..] };
            for missing_left in sides {
                let with = if *missing_left { missing } else { (0.0, 0.0, 0) };
                let side = (left.0 + with.0, left.1 + with.1, left.2 + with.2);
                if side.2 < settings.rows_min || rows.len() - side.2 < settings.rows_min {
                    continue;
                }
                let other = (all.0 - side.0, all.1 - side.1);
                let gain = score((side.0, side.1)) + score(other) - score(all);
                if gain > best.map_or(1e-9, |best| best.gain) {
                    best = Some(Split { gain, column, bin: bin as u8, missing_left: *missing_left });
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn examples() -> Vec<Example> {
        let mut random = Random::new(3);
        (0..400)
            .map(|_| {
                let mut row = Row([f32::NAN; WIDTH]);
                row.0.iter_mut().take(8).for_each(|value| *value = random.unit() as f32);
                if random.below(4) == 0 {
                    row.0[1] = f32::NAN;
                }
                let mut causes = Vec::new();
                if row.0[0] > 0.6 && row.0[2] < 0.5 {
                    causes.push(Cause::Leak);
                }
                if row.0[1].is_nan() {
                    causes.push(Cause::Step);
                }
                Example { row, causes }
            })
            .collect()
    }

    #[test]
    fn a_rule_of_two_numbers_and_a_gap_are_learnt_and_again_to_the_same_bytes() {
        let examples = examples();
        let settings = Settings::default();
        let trees = train(&examples, &settings, |_, _, _| ());
        assert_eq!(trees.write(), train(&examples, &settings, |_, _, _| ()).write());
        let right = |cause: Cause| {
            let is_right = |one: &&Example| (trees.probability(cause, &one.row) > 0.5) == one.causes.contains(&cause);
            examples.iter().filter(is_right).count()
        };
        assert!(right(Cause::Leak) > 388 && right(Cause::Step) == 400, "{} {}", right(Cause::Leak), right(Cause::Step));
        assert!(trees.probability(Cause::Trend, &examples[0].row) < 0.01);
        let leak = examples.iter().find(|one| one.causes.contains(&Cause::Leak)).unwrap();
        assert!(trees.speaks_for(Cause::Leak, &leak.row)[..2].iter().all(|place| [0, 2].contains(place)));
    }
}
