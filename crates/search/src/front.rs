//! The points that nothing beats: what one figure costs in the others.

/// Whether `a` is at least as low as `b` in every figure and lower in one. Figures that are no numbers beat nothing.
#[must_use]
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let pairs = || a.iter().zip(b);
    a.len() == b.len() && pairs().all(|(a, b)| a <= b) && pairs().any(|(a, b)| a < b)
}

/// Indices of the points that no other dominates, lowest first figure first; of equal points the first alone.
#[must_use]
pub fn front(points: &[Vec<f64>]) -> Vec<usize> {
    let beaten = |index: usize| {
        let point = &points[index];
        let other = |(other, it): (usize, &Vec<f64>)| dominates(it, point) || (it == point && other < index);
        point.iter().any(|figure| figure.is_nan()) || points.iter().enumerate().any(other)
    };
    let mut kept: Vec<usize> = (0..points.len()).filter(|index| !beaten(*index)).collect();
    kept.sort_by(|a, b| {
        let figures = points[*a].iter().zip(&points[*b]);
        figures.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(a.cmp(b))
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_point_that_is_worse_in_all_is_left_out_and_one_that_is_better_in_one_stays() {
        let points = [[3.0, 1.0], [1.0, 3.0], [2.0, 2.0], [2.5, 2.5], [2.0, 2.0]].map(Vec::from);
        assert_eq!(front(&points), [1, 2, 0]);
        assert!(front(&[vec![f64::NAN, 0.0]]).is_empty());
        assert!(front(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_on_a_front_is_beaten_and_whatever_is_not_on_it_is(
            points in prop::collection::vec(prop::collection::vec(0_u8..6, 3), 1..40),
        ) {
            let points: Vec<Vec<f64>> = points.into_iter().map(|it| it.into_iter().map(f64::from).collect()).collect();
            let kept = front(&points);
            for (index, point) in points.iter().enumerate() {
                let beaten = points.iter().any(|other| dominates(other, point));
                if kept.contains(&index) {
                    prop_assert!(!beaten);
                } else {
                    prop_assert!(beaten || kept.iter().any(|it| points[*it] == *point));
                }
            }
        }
    }
}
