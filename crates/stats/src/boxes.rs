//! Groups told apart by intervals: a small decision tree whose leaves are boxes that cover everything without overlap.
//!
//! A group found by distances has a boundary of any direction. Whoever has to say *why* something is in it needs
//! intervals, and whoever decides must not compute distances. So a tree of cuts of one column each is grown until a box
//! holds one group (or may not be cut further), and each box takes its heaviest group. How often that agrees with the
//! group itself is part of the result.
//!
//! # Source
//! L. Breiman et al., "Classification and Regression Trees", 1984: the cut with the largest fall of the Gini impurity.

/// One box: `least ≤ x < below` in every column; none is no bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBox {
    /// The group.
    pub group: usize,
    /// Lower bounds by column.
    pub least: Vec<Option<u64>>,
    /// Upper bounds by column, exclusive.
    pub below: Vec<Option<u64>>,
    /// Weight of the rows in it.
    pub weight: u64,
}

/// Boxes, and the share of weight in whose box its own group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boxes {
    /// Every row there could be is in exactly one.
    pub boxes: Vec<GroupBox>,
    /// In thousandths.
    pub agreement_permille: u64,
}

/// Boxes for rows whose groups are known; at most `2^depth_max` boxes. Boxes are in the order of their cuts, lower first.
///
/// `rows` have equal lengths; `groups` and `weights` have one entry per row.
#[must_use]
pub fn boxes(rows: &[Vec<u64>], groups: &[usize], weights: &[u64], depth_max: u32) -> Boxes {
    let columns = rows.first().map_or(0, Vec::len);
    let mut grown = Boxes { boxes: Vec::new(), agreement_permille: 0 };
    let mut agreed = 0_u128;
    let all: Vec<usize> = (0..rows.len()).collect();
    let whole = GroupBox { group: 0, least: vec![None; columns], below: vec![None; columns], weight: 0 };
    let mut open = vec![(whole, all, 0)];
    while let Some((mut here, members, depth)) = open.pop() {
        let share = by_group(&members, groups, weights);
        let heaviest = share.iter().enumerate().max_by_key(|(group, weight)| (**weight, std::cmp::Reverse(*group)));
        let (group, own) = heaviest.map_or((0, 0), |(group, weight)| (group, *weight));
        let weight: u64 = share.iter().sum();
        let cut = if own == weight || depth == depth_max { None } else { best_cut(rows, groups, weights, &members) };
        if let Some((column, at)) = cut {
            let (low, high): (Vec<usize>, Vec<usize>) = members.iter().partition(|row| rows[**row][column] < at);
            let mut upper = here.clone();
            upper.least[column] = Some(at);
            here.below[column] = Some(at);
            open.push((upper, high, depth + 1));
            open.push((here, low, depth + 1));
        } else {
            agreed += u128::from(own);
            grown.boxes.push(GroupBox { group, weight, ..here });
        }
    }
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    grown.agreement_permille = u64::try_from((agreed * 1_000).checked_div(total).unwrap_or(1_000)).unwrap_or(1_000);
    grown
}

fn by_group(members: &[usize], groups: &[usize], weights: &[u64]) -> Vec<u64> {
    let mut share = vec![0; groups.iter().max().map_or(0, |most| most + 1)];
    for row in members {
        share[groups[*row]] += weights[*row];
    }
    share
}

/// The cut whose two sides are purest: the column, and the first value of the upper side.
fn best_cut(rows: &[Vec<u64>], groups: &[usize], weights: &[u64], members: &[usize]) -> Option<(usize, u64)> {
    let whole = by_group(members, groups, weights);
    let mut best: Option<(f64, usize, u64)> = None;
    let columns = 0..rows.first().map_or(0, Vec::len);
    for column in columns {
        let mut order = members.to_vec();
        order.sort_by_key(|row| rows[*row][column]);
        let mut low = vec![0_u64; whole.len()];
        for pair in order.windows(2) {
            low[groups[pair[0]]] += weights[pair[0]];
            let (before, after) = (rows[pair[0]][column], rows[pair[1]][column]);
            if before == after {
                continue;
            }
            let high: Vec<u64> = whole.iter().zip(&low).map(|(all, low)| all - low).collect();
            let purity = purity(&low) + purity(&high);
            if best.is_none_or(|(most, ..)| purity > most) {
                best = Some((purity, column, between(before, after)));
            }
        }
    }
    best.map(|(_, column, at)| (column, at))
}

/// Σ w² / Σ w: its sum over both sides is largest where the weighted Gini impurity is smallest.
fn purity(share: &[u64]) -> f64 {
    let total: f64 = share.iter().map(|weight| *weight as f64).sum();
    let squares: f64 = share.iter().map(|weight| (*weight as f64) * (*weight as f64)).sum();
    if total > 0.0 { squares / total } else { 0.0 }
}

/// A round value above `low` and at most `high`: the one with the most trailing zeros in decimal, the nearest to their
/// geometric mean among those, so that rules read well.
fn between(low: u64, high: u64) -> u64 {
    let middle = libm::sqrt((low as f64 + 1.0) * (high as f64)) as u64;
    let mut step = 1_u64;
    let mut found = middle.clamp(low + 1, high);
    while let Some(next) = step.checked_mul(10) {
        let down = middle / next * next;
        let up = down.saturating_add(next);
        match [down, up]
            .into_iter()
            .filter(|value| *value > low && *value <= high)
            .min_by_key(|value| value.abs_diff(middle))
        {
            Some(value) => found = value,
            None => break,
        }
        step = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_are_round_numbers_between_the_groups() {
        assert_eq!(between(980, 4_100), 2_000);
        assert_eq!(between(7, 8), 8);
        assert_eq!(between(0, 1), 1);
        assert_eq!(between(u64::MAX - 1, u64::MAX), u64::MAX);
    }

    #[test]
    fn two_columns_of_groups_are_two_cuts() {
        let rows: Vec<Vec<u64>> =
            (0..40).map(|i| vec![if i % 2 == 0 { 10 + i } else { 5_000 }, if i < 20 { 3 } else { 900 }]).collect();
        let groups: Vec<usize> =
            rows.iter().map(|row| usize::from(row[0] == 5_000) + 2 * usize::from(row[1] == 900)).collect();
        let grown = boxes(&rows, &groups, &[1; 40], 6);
        assert_eq!((grown.boxes.len(), grown.agreement_permille), (4, 1_000));
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_box_and_agreement_is_what_it_says(
            rows in prop::collection::vec((prop::collection::vec(0_u64..50, 2), 0_usize..4, 1_u64..5), 1..60), depth in 0_u32..9,
        ) {
            let groups: Vec<usize> = rows.iter().map(|row| row.1).collect();
            let weights: Vec<u64> = rows.iter().map(|row| row.2).collect();
            let rows: Vec<Vec<u64>> = rows.into_iter().map(|row| row.0).collect();
            let grown = boxes(&rows, &groups, &weights, depth);
            prop_assert!(grown.boxes.len() <= 1 << depth);
            let mut agreed = 0;
            for (row, values) in rows.iter().enumerate() {
                let inside = |one: &&GroupBox| values.iter().enumerate().all(|(column, x)| {
                    one.least[column].is_none_or(|least| *x >= least) && one.below[column].is_none_or(|below| *x < below)
                });
                let found: Vec<&GroupBox> = grown.boxes.iter().filter(inside).collect();
                prop_assert_eq!(found.len(), 1);
                agreed += if found[0].group == groups[row] { weights[row] } else { 0 };
            }
            prop_assert_eq!(grown.agreement_permille, agreed * 1_000 / weights.iter().sum::<u64>());
        }
    }
}
