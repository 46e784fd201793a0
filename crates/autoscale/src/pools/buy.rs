//! Which shapes hold what is left at the least price.
//!
//! Packing vectors into bins of several sizes is hard, so two cheap answers are worked out and the cheaper one is taken:
//! shape by shape, always the one that brings most for its price; and each shape alone. What a task "brings" is what it
//! would cost on the shape that suits it best, so that a node full of what it suits is worth its price, and no resource
//! needs a weight of its own. Nodes that are filled alike are bought together, so the cost does not grow with their number.

use super::types::{Amounts, PoolPolicy, Shape, Waiting};

/// Whole tasks of `demand` that fit into `free`; a task that asks for nothing fits without end.
pub fn fitting(demand: &Amounts, free: &Amounts) -> u32 {
    let by = |(amount, free): (&u64, &u64)| free.checked_div(*amount).unwrap_or(u64::MAX);
    let least = demand.iter().zip(free).map(by).min().unwrap_or(u64::MAX);
    u32::try_from(least).unwrap_or(u32::MAX)
}

/// The largest share that `demand` is of any resource of `has`, in millionths.
pub fn dominant(demand: &Amounts, has: &Amounts) -> u64 {
    let share = |(amount, has): (&u64, &u64)| match (*amount, *has) {
        (0, _) => 0,
        (_, 0) => u128::from(u64::MAX),
        (amount, has) => u128::from(amount) * 1_000_000 / u128::from(has),
    };
    let most = demand.iter().zip(has).map(share).max().unwrap_or(0);
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// Buys for what is left, within the bounds; `left` keeps what nothing was bought for.
pub fn buy(policy: &PoolPolicy, counts: &[u32], left: &mut Vec<Waiting>, bought: &mut [u32]) {
    if left.iter().all(|group| group.count == 0) {
        return;
    }
    let all: Vec<usize> = (0..policy.shapes.len()).collect();
    let mut best: Option<(Answer, Vec<Waiting>)> = None;
    let alone = all.iter().map(|shape| vec![*shape]);
    for shapes in std::iter::once(all.clone()).chain(alone) {
        let mut rest = left.clone();
        let answer = greedy(policy, &shapes, counts, &mut rest);
        if best.as_ref().is_none_or(|(known, _)| answer.key() < known.key()) {
            best = Some((answer, rest));
        }
    }
    if let Some((answer, rest)) = best {
        bought.copy_from_slice(&answer.nodes);
        *left = rest;
    }
}

/// One way to buy.
struct Answer {
    nodes: Vec<u32>,
    unserved: u64,
    price: u128,
    startup: u64,
}

impl Answer {
    /// Serves most, costs least, is there first.
    const fn key(&self) -> (u64, u128, u64) {
        (self.unserved, self.price, self.startup)
    }
}

fn greedy(policy: &PoolPolicy, shapes: &[usize], counts: &[u32], left: &mut [Waiting]) -> Answer {
    let mut nodes = vec![0_u32; policy.shapes.len()];
    loop {
        let candidates = shapes.iter().filter(|shape| counts[**shape] + nodes[**shape] < policy.shapes[**shape].max);
        let filled = candidates.map(|shape| (*shape, fill(policy, &policy.shapes[*shape], left)));
        let worth = filled.filter(|(_, (_, worth))| *worth > 0);
        // worth / price, compared without dividing; a free node is worth more than any.
        let best = worth.max_by(|(a, (_, worth_a)), (b, (_, worth_b))| {
            let price = |shape: &usize| u128::from(policy.shapes[*shape].price_micros_per_hour.max(1));
            let startup = |shape: &usize| policy.shapes[*shape].startup;
            let ratio = (worth_a * price(b)).cmp(&(worth_b * price(a)));
            ratio.then(worth_a.cmp(worth_b)).then(startup(b).cmp(&startup(a))).then(b.cmp(a))
        });
        let Some((shape, (each, _))) = best else { break };
        let room = policy.shapes[shape].max - counts[shape] - nodes[shape];
        let alike = left.iter().zip(&each).filter(|(_, each)| **each > 0).map(|(group, each)| group.count / each).min();
        let many = alike.unwrap_or(0).clamp(1, room);
        for (group, each) in left.iter_mut().zip(&each) {
            group.count = group.count.saturating_sub(each.saturating_mul(many));
        }
        nodes[shape] += many;
    }
    let price =
        policy.shapes.iter().zip(&nodes).map(|(s, many)| u128::from(s.price_micros_per_hour) * u128::from(*many));
    let slowest =
        policy.shapes.iter().zip(&nodes).filter(|(_, many)| **many > 0).map(|(shape, _)| shape.startup.0).max();
    Answer {
        unserved: left.iter().map(|group| u64::from(group.count)).sum(),
        price: price.sum(),
        startup: slowest.unwrap_or(0),
        nodes,
    }
}

/// What of each group one node of a shape would hold, and what that is worth.
fn fill(policy: &PoolPolicy, shape: &Shape, left: &[Waiting]) -> (Vec<u32>, u128) {
    let mut free = shape.has;
    let mut worth = 0_u128;
    let each = left.iter().map(|group| {
        let many = if group.count == 0 { 0 } else { fitting(&group.demand, &free).min(group.count) };
        super::take(&mut free, &group.demand, many);
        worth += u128::from(many) * value(policy, &group.demand);
        many
    });
    let each = each.collect();
    (each, worth)
}

/// What a task costs on the shape that suits it best, at least 1.
fn value(policy: &PoolPolicy, demand: &Amounts) -> u128 {
    let on = |shape: &Shape| u128::from(shape.price_micros_per_hour.max(1)) * u128::from(dominant(demand, &shape.has));
    let holds = policy.shapes.iter().filter(|shape| dominant(demand, &shape.has) <= 1_000_000);
    holds.map(on).min().unwrap_or(0).max(1)
}
