//! Scores by where a node stands: nearest, cheapest within the latency bound, and spilling over to others.
//!
//! The bound itself is a filter; these rank what passed it. A task without a site finds every node equally near and at
//! home nowhere, so prices decide.
//!
//! The price of a task on a node is the node's price × the largest share of any resource that it takes, as a cloud would
//! have billed a machine of that size, and the price of moving its data, both per hour of run time. A fast node is not
//! cheaper here: how long a task runs is for a queue to weigh.

use super::ONE;
use crate::fleet::{Fleet, LANES, NodeIx, ShapeId};
use crate::rules::Home;

/// [`ONE`] at no delay, zero at the bound.
pub fn nearest(fleet: &Fleet, id: ShapeId, node: usize) -> i64 {
    let rules = fleet.relations().rules();
    let (Some(most), Some(way)) = (rules.latency_max(id.0), rules.way_to(id.0, node as u32)) else { return ONE };
    ONE - part(u128::from(way.latency.0), u128::from(most))
}

/// [`ONE`] for nothing, zero for the dearest that it could be: the whole of the dearest node and the dearest way.
pub fn cheapest_in_bound(fleet: &Fleet, id: ShapeId, node: usize, most_price: u64) -> i64 {
    let most = u128::from(most_price) + u128::from(fleet.relations().rules().transfer_price_most(id.0));
    ONE - part(price(fleet, id, NodeIx(node as u32)), most)
}

/// A third for each step closer to home, and within a third by price.
pub fn spill(fleet: &Fleet, id: ShapeId, node: usize, most_price: u64) -> i64 {
    let steps = match fleet.relations().rules().home(id.0, node as u32) {
        Home::Site => 2,
        Home::Provider => 1,
        Home::Elsewhere => 0,
    };
    // A little less than a third, so that the dearest node of one step stays ahead of the cheapest of the next.
    steps * (ONE / 3) + cheapest_in_bound(fleet, id, node, most_price) * 33 / 100
}

/// What the task costs on the node per hour, in millionths of a currency unit, rounded up.
pub fn price(fleet: &Fleet, id: ShapeId, node: NodeIx) -> u128 {
    let (need, capacity) = (&fleet.shape(id).need, fleet.nodes().capacity(node.0 as usize));
    let rent = u128::from(fleet.price(node));
    let lanes = (0..LANES).filter(|lane| capacity.0[*lane] > 0);
    let share = lanes.map(|lane| (rent * u128::from(need.0[lane].unsigned_abs())).div_ceil(capacity.0[lane] as u128));
    share.max().unwrap_or(0) + u128::from(fleet.relations().rules().transfer_price(id.0, node.0))
}

fn part(amount: u128, most: u128) -> i64 {
    (amount.min(most) * ONE as u128).checked_div(most).map_or(0, |part| part as i64)
}
