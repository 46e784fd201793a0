//! Groups of similar rows of counts: k-means++ in log space, with the number of groups chosen by silhouette.
//!
//! Rows are counts over several orders of magnitude, where twice as much matters and one more does not, so distances
//! are taken between logarithms (`log2(1 + x)`). Equal rows are one point with a weight. Everything is seeded and sums
//! run in order, so the same rows in the same order give the same groups on any CPU. Results are integers: which group
//! each row is in, and the row nearest to each centre.
//!
//! # Source
//! Seeding: D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. Iteration: S. Lloyd,
//! IEEE Transactions on Information Theory 28(2), 1982. Choice of k: P. Rousseeuw, "Silhouettes", Journal of
//! Computational and Applied Mathematics 20, 1987.

use crate::Random;

/// Rounds of one run at most; the sum of distances falls in each, so a run ends long before.
const ROUNDS_MAX: usize = 200;
/// Runs with different first centres; the best is kept.
const RUNS: usize = 4;
/// Most points that the silhouette is computed on; it costs their square. The heaviest are taken.
const SILHOUETTE_POINTS: usize = 600;

/// Rows in groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The group of each row, in order of rows; groups are numbered by their heaviest first.
    pub of_row: Vec<usize>,
    /// The row nearest to each group's centre.
    pub typical: Vec<usize>,
    /// The mean silhouette in thousandths: 1,000 is far apart, 0 is no groups at all.
    pub silhouette_permille: i64,
}

/// Groups of `rows`, each counted `weights` times: of 2 to `groups_max` groups the number with the highest silhouette,
/// the smaller one among equals. One group where rows are fewer than three, all equal, or nothing speaks for more.
///
/// Rows have equal lengths; `weights` has one entry per row.
#[must_use]
pub fn group(rows: &[Vec<u64>], weights: &[u64], groups_max: usize, seed: u64) -> Groups {
    let points: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().map(|x| libm::log2(1.0 + *x as f64)).collect()).collect();
    let mut distinct = rows.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let mut best = (0.0, vec![0; rows.len()], 1);
    let sample = heaviest(weights);
    for count in 2..=groups_max.min(distinct.len().saturating_sub(1)) {
        let mut random = Random::new(seed ^ count as u64);
        let labels = (0..RUNS)
            .map(|_| run(&points, weights, count, &mut random))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map_or_else(|| vec![0; rows.len()], |(_, labels)| labels);
        let silhouette = silhouette(&points, weights, &labels, count, &sample);
        if silhouette > best.0 {
            best = (silhouette, labels, count);
        }
    }
    finish(&points, weights, best)
}

/// Numbers the groups by weight and finds their typical rows.
fn finish(points: &[Vec<f64>], weights: &[u64], (silhouette, labels, count): (f64, Vec<usize>, usize)) -> Groups {
    let mut order: Vec<(std::cmp::Reverse<u64>, usize)> = (0..count)
        .map(|group| {
            let members = labels.iter().zip(weights).filter(|(label, _)| **label == group);
            (std::cmp::Reverse(members.map(|(_, weight)| *weight).sum()), group)
        })
        .collect();
    order.sort_unstable();
    let mut number = vec![0; count];
    for (new, (_, old)) in order.iter().enumerate() {
        number[*old] = new;
    }
    let of_row: Vec<usize> = labels.iter().map(|label| number[*label]).collect();
    let centres = centres(points, weights, &of_row, count);
    let typical = (0..count)
        .filter_map(|group| {
            let members = (0..points.len()).filter(|index| of_row[*index] == group);
            members.min_by(|a, b| {
                distance(&points[*a], &centres[group]).total_cmp(&distance(&points[*b], &centres[group]))
            })
        })
        .collect();
    Groups { of_row, typical, silhouette_permille: libm::round(silhouette * 1_000.0) as i64 }
}

/// One run from random first centres: the weighted sum of squared distances, and each point's centre.
fn run(points: &[Vec<f64>], weights: &[u64], count: usize, random: &mut Random) -> (f64, Vec<usize>) {
    let mut chosen = first_centres(points, weights, count, random);
    let mut labels = vec![usize::MAX; points.len()];
    let mut cost = f64::INFINITY;
    for _ in 0..ROUNDS_MAX {
        let mut changed = false;
        cost = 0.0;
        for (index, point) in points.iter().enumerate() {
            let (nearest, squared) = nearest(point, &chosen);
            changed |= labels[index] != nearest;
            labels[index] = nearest;
            cost += squared * weights[index] as f64;
        }
        if !changed {
            break;
        }
        let means = centres(points, weights, &labels, count);
        // A centre that lost all its points stays where it was.
        for (group, mean) in means.into_iter().enumerate() {
            if !mean.is_empty() {
                chosen[group] = mean;
            }
        }
    }
    (cost, labels)
}

/// The first at random by weight, each further one by weight × squared distance to the nearest before it.
fn first_centres(points: &[Vec<f64>], weights: &[u64], count: usize, random: &mut Random) -> Vec<Vec<f64>> {
    let mut chosen: Vec<Vec<f64>> = Vec::with_capacity(count);
    while chosen.len() < count {
        let chances: Vec<f64> = points
            .iter()
            .zip(weights)
            .map(|(point, weight)| *weight as f64 * if chosen.is_empty() { 1.0 } else { nearest(point, &chosen).1 })
            .collect();
        let total: f64 = chances.iter().sum();
        let mut left = random.unit() * total;
        let drawn = chances.iter().position(|chance| {
            left -= chance;
            left < 0.0
        });
        let last = chances.iter().rposition(|chance| *chance > 0.0).unwrap_or(0);
        chosen.push(points[drawn.unwrap_or(last)].clone());
    }
    chosen
}

/// Weighted means by group; empty for a group without points.
fn centres(points: &[Vec<f64>], weights: &[u64], labels: &[usize], count: usize) -> Vec<Vec<f64>> {
    let mut sums: Vec<(f64, Vec<f64>)> = vec![(0.0, Vec::new()); count];
    for ((point, weight), label) in points.iter().zip(weights).zip(labels) {
        let (total, sum) = &mut sums[*label];
        sum.resize(point.len(), 0.0);
        *total += *weight as f64;
        sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x * *weight as f64);
    }
    let mean = |(total, sum): (f64, Vec<f64>)| {
        sum.into_iter().map(|sum| if total > 0.0 { sum / total } else { sum }).collect()
    };
    sums.into_iter().map(mean).collect()
}

fn nearest(point: &[f64], centres: &[Vec<f64>]) -> (usize, f64) {
    let squares = centres.iter().map(|centre| distance(point, centre)).enumerate();
    squares.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// Squared.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn heaviest(weights: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(weights[*index]), *index));
    order.truncate(SILHOUETTE_POINTS);
    order
}

/// The mean over the sample of `(b - a) / max(a, b)`: a is the mean distance to its own group, b to the nearest other.
fn silhouette(points: &[Vec<f64>], weights: &[u64], labels: &[usize], count: usize, sample: &[usize]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for index in sample {
        let mut to: Vec<(f64, f64)> = vec![(0.0, 0.0); count];
        for other in sample {
            // Equal tasks are companions of each other at no distance, all but the one that is asked about.
            let weight = weights[*other] as f64 - f64::from(u8::from(index == other));
            let (distances, weights) = &mut to[labels[*other]];
            *distances += weight * libm::sqrt(distance(&points[*index], &points[*other]));
            *weights += weight;
        }
        let mean = |(distances, weights): (f64, f64)| if weights > 0.0 { Some(distances / weights) } else { None };
        let others = (0..count).filter(|group| *group != labels[*index]).filter_map(|group| mean(to[group]));
        let weight = weights[*index] as f64;
        total += weight;
        if let (Some(own), Some(other)) = (mean(to[labels[*index]]), others.min_by(f64::total_cmp))
            && own.max(other) > 0.0
        {
            sum += weight * (other - own) / own.max(other);
        }
    }
    if total > 0.0 { sum / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_that_lie_apart_are_found_and_counted() {
        let mut rows = Vec::new();
        for step in 0..20_u64 {
            rows.push(vec![1_000 + step * 10, 4]);
            rows.push(vec![1_000_000 + step * 9_000, 4]);
            rows.push(vec![30 + step % 3, 900]);
        }
        let weights: Vec<u64> = (0..rows.len()).map(|index| if index % 3 == 1 { 5 } else { 1 }).collect();
        let groups = group(&rows, &weights, 8, 1);
        assert_eq!(groups.typical.len(), 3);
        assert!(groups.silhouette_permille > 900, "{}", groups.silhouette_permille);
        assert_eq!(groups.of_row[1], 0, "the heaviest is first");
        for index in 3..rows.len() {
            assert_eq!(groups.of_row[index], groups.of_row[index % 3]);
        }
    }

    #[test]
    fn what_has_no_groups_is_one() {
        assert_eq!(group(&[], &[], 5, 0).typical, Vec::<usize>::new());
        assert_eq!(group(&vec![vec![7, 7]; 9], &[1; 9], 5, 0).typical.len(), 1);
        assert_eq!(group(&[vec![1], vec![1_000]], &[1, 1], 5, 0).typical.len(), 1, "two points are no two groups");
    }

    proptest! {
        #[test]
        fn any_rows_give_groups_and_the_same_again(
            rows in prop::collection::vec(prop::collection::vec(any::<u64>(), 3), 0..30), seed in any::<u64>(),
        ) {
            let weights: Vec<u64> = (1..=rows.len() as u64).collect();
            let groups = group(&rows, &weights, 6, seed);
            prop_assert_eq!(groups.of_row.len(), rows.len());
            prop_assert!(groups.of_row.iter().all(|group| *group < groups.typical.len()));
            for (group, row) in groups.typical.iter().enumerate() {
                prop_assert_eq!(groups.of_row[*row], group);
            }
            prop_assert_eq!(&groups, &super::group(&rows, &weights, 6, seed));
        }
    }
}
