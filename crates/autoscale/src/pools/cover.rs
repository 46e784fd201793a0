//! The cheapest nodes that cover a need which may be cut as one likes: what planning weeks ahead compares.
//!
//! Every single shape and every pair of shapes is tried, all numbers of the first with as many of the second as are then
//! needed; the least price wins, fewer nodes at equal prices. With more than two kinds of nodes more can be saved, by less
//! than one node of each further kind.

use super::types::{Amounts, Shape};

/// Most nodes of one shape that are tried in a pair.
const TRIED_MAX: u32 = 10_000;

/// Some nodes of each shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// Nodes by shape.
    pub nodes: Vec<u32>,
    /// Price of an hour of all of them, millionths of a currency unit.
    pub price_micros_per_hour: u128,
}

/// Nodes of `shape` that hold `need` alone; none where it lacks a resource or its bound is too low.
#[must_use]
pub fn alone(shape: &Shape, need: &Amounts) -> Option<u32> {
    let by = |(need, has): (&u64, &u64)| match (*need, *has) {
        (0, _) => Some(0),
        (_, 0) => None,
        (need, has) => Some(need.div_ceil(has)),
    };
    let most = need.iter().zip(&shape.has).map(by).collect::<Option<Vec<u64>>>()?.into_iter().max().unwrap_or(0);
    u32::try_from(most).ok().filter(|nodes| *nodes <= shape.max).map(|nodes| nodes.max(shape.min))
}

/// The cheapest of all single shapes and pairs; none where the bounds leave no cover.
#[must_use]
pub fn cheapest(shapes: &[Shape], need: &Amounts) -> Option<Cover> {
    let mut best: Option<Cover> = None;
    let mut consider = |nodes: Vec<u32>| {
        let cover = cover(shapes, nodes);
        let key = |cover: &Cover| (cover.price_micros_per_hour, cover.nodes.iter().map(|n| u64::from(*n)).sum::<u64>());
        if best.as_ref().is_none_or(|known| key(&cover) < key(known)) {
            best = Some(cover);
        }
    };
    let minimum = || shapes.iter().map(|shape| shape.min).collect::<Vec<u32>>();
    for (index, shape) in shapes.iter().enumerate() {
        if let Some(nodes) = alone(shape, need) {
            let mut all = minimum();
            all[index] = nodes;
            consider(all);
        }
        for (other, second) in shapes.iter().enumerate().filter(|(other, _)| *other != index) {
            let most = alone(shape, need).unwrap_or(shape.max).min(TRIED_MAX);
            for first in shape.min..=most {
                let left =
                    std::array::from_fn(|it| need[it].saturating_sub(shape.has[it].saturating_mul(u64::from(first))));
                if let Some(nodes) = alone(second, &left) {
                    let mut all = minimum();
                    (all[index], all[other]) = (first, nodes);
                    consider(all);
                }
            }
        }
    }
    best
}

/// So many nodes of each shape, with their price.
#[must_use]
pub fn cover(shapes: &[Shape], nodes: Vec<u32>) -> Cover {
    let price = shapes.iter().zip(&nodes).map(|(it, many)| u128::from(it.price_micros_per_hour) * u128::from(*many));
    Cover { price_micros_per_hour: price.sum(), nodes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::Millis;
    use proptest::prelude::*;

    fn shape(cpu: u64, memory: u64, price: u64, max: u32) -> Shape {
        Shape {
            name: String::new(),
            provider: String::new(),
            zone: String::new(),
            has: [cpu, memory, 0, 0, 0],
            price_micros_per_hour: price,
            startup: Millis(0),
            min: 0,
            max,
        }
    }

    #[test]
    fn one_shape_needs_as_many_as_its_scarcest_resource_asks_for() {
        let four = shape(4, 16, 10, 100);
        assert_eq!(alone(&four, &[9, 16, 0, 0, 0]), Some(3));
        assert_eq!(alone(&four, &[1, 33, 0, 0, 0]), Some(3));
        assert_eq!(alone(&four, &[1, 1, 0, 0, 1]), None, "it has no GPU");
        assert_eq!(alone(&shape(4, 16, 10, 2), &[9, 0, 0, 0, 0]), None, "its bound");
    }

    #[test]
    fn a_pair_is_taken_where_it_is_cheaper_than_any_shape_alone() {
        let shapes = [shape(4, 16, 10, 100), shape(16, 64, 36, 100)];
        let found = cheapest(&shapes, &[20, 1, 0, 0, 0]).unwrap();
        assert_eq!((found.nodes, found.price_micros_per_hour), (vec![1, 1], 46));
        assert_eq!(cheapest(&shapes, &[0, 0, 0, 1, 0]), None);
    }

    proptest! {
        #[test]
        fn a_cover_covers_within_the_bounds_and_no_pair_is_cheaper(
            a in (1_u64..9, 1_u64..9, 1_u64..50, 0_u32..12), b in (1_u64..9, 1_u64..9, 1_u64..50, 0_u32..12),
            need in (0_u64..60, 0_u64..60),
        ) {
            let shapes = [shape(a.0, a.1, a.2, a.3), shape(b.0, b.1, b.2, b.3)];
            let need = [need.0, need.1, 0, 0, 0];
            let holds = |x: u32, y: u32| (0..2).all(|it| {
                shapes[0].has[it] * u64::from(x) + shapes[1].has[it] * u64::from(y) >= need[it]
            });
            let all = (0..=a.3).flat_map(|x| (0..=b.3).map(move |y| (x, y)));
            let least = all.filter(|(x, y)| holds(*x, *y)).map(|(x, y)| u64::from(x) * a.2 + u64::from(y) * b.2).min();
            let found = cheapest(&shapes, &need);
            prop_assert_eq!(found.as_ref().map(|it| it.price_micros_per_hour), least.map(u128::from));
            if let Some(found) = found {
                prop_assert!(holds(found.nodes[0], found.nodes[1]) && found.nodes[0] <= a.3 && found.nodes[1] <= b.3);
            }
        }
    }
}
