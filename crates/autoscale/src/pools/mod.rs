//! Node pools: which node to buy for what waits, and which to give back.
//!
//! Four steps, each with a reason per node. What waits is laid into the room there is, nodes that are coming included; then
//! into nodes that were to go; for the rest the shapes are bought that hold it at the least price (`buy`). Only when nothing
//! is bought may anything go: a node that was empty long enough, and one node per decision whose load would fit on the
//! others, which takes no more tasks from then on and goes when it is empty. Nothing is stopped for it.
//!
//! This module must not place a task: it counts on a scheduler that will, and looks again after it has.
//!
//! # Source
//! Ideas, not code: Karpenter (choosing among shapes by what they hold, consolidation of what fits elsewhere) and the
//! Kubernetes cluster autoscaler (unneeded time, bounds per group, no scale-in while scaling out).

mod buy;
mod cover;
mod foreseen;
mod types;

pub use cover::{Cover, alone, cheapest, cover};
pub use foreseen::{foreseen, typical};
pub use types::{Amounts, Keep, Node, NodePhase, Plan, PoolPolicy, RESOURCES, Shape, Waiting};

use buy::{buy, dominant, fitting};
use plimsoll_model::quantity::{Permille, Timestamp};

/// What should change now, for what waits.
#[must_use]
pub fn plan(policy: &PoolPolicy, at: Timestamp, nodes: &[Node], waiting: &[Waiting]) -> Plan {
    plan_ahead(policy, at, nodes, waiting, &[])
}

/// What should change now, for what waits and for what is foreseen besides by the time that a node bought now is there.
/// What waits goes first in everything; what is foreseen and cannot be had is nobody's loss yet and not among the unserved.
#[must_use]
pub fn plan_ahead(
    policy: &PoolPolicy,
    at: Timestamp,
    nodes: &[Node],
    waiting: &[Waiting],
    foreseen: &[Waiting],
) -> Plan {
    let mut plan = Plan { buy: vec![0; policy.shapes.len()], ..Plan::default() };
    let (mut left, mut later) = (by_size(policy, waiting), by_size(policy, foreseen));
    let mut free: Vec<Amounts> = nodes.iter().map(|node| node.free(policy)).collect();
    let (mut receives, mut taken) = (vec![None; nodes.len()], vec![false; nodes.len()]);
    let (leaving, staying): (Vec<usize>, Vec<usize>) =
        (0..nodes.len()).partition(|index| nodes[*index].phase == NodePhase::Leaving);
    for index in staying.into_iter().chain(leaving) {
        receives[index] = lay(&mut left, &mut free[index]).then_some(Keep::ForWaiting);
        receives[index] = receives[index].or(lay(&mut later, &mut free[index]).then_some(Keep::ForForeseen));
        if receives[index].is_some() && nodes[index].phase == NodePhase::Leaving {
            plan.take_back.push(nodes[index].id);
            taken[index] = true;
        }
    }
    let count = |shape: usize| nodes.iter().filter(|node| node.shape == shape).count();
    let counts: Vec<u32> =
        (0..policy.shapes.len()).map(|shape| u32::try_from(count(shape)).unwrap_or(u32::MAX)).collect();
    buy(policy, &counts, &mut left, &mut plan.buy);
    let counted: Vec<u32> = counts.iter().zip(&plan.buy).map(|(count, bought)| count.saturating_add(*bought)).collect();
    let mut ahead = vec![0; policy.shapes.len()];
    buy(policy, &counted, &mut later, &mut ahead);
    plan.buy.iter_mut().zip(ahead).for_each(|(bought, ahead)| *bought = bought.saturating_add(ahead));
    for ((shape, counted), bought) in policy.shapes.iter().zip(&counts).zip(&mut plan.buy) {
        *bought = (*bought).max(shape.min.saturating_sub(*counted));
    }
    plan.unserved = left.into_iter().filter(|group| group.count > 0).collect();
    let may_shrink = plan.buy.iter().all(|bought| *bought == 0) && plan.unserved.is_empty();
    let mut book = Book { policy, at, nodes, free, receives, counts };
    book.give_back(&mut plan, &taken, may_shrink);
    plan
}

/// What waits, the largest first, so that the small fills the gaps of the large.
fn by_size(policy: &PoolPolicy, waiting: &[Waiting]) -> Vec<Waiting> {
    let mut sorted: Vec<Waiting> = waiting.iter().filter(|group| group.count > 0).copied().collect();
    let size = |demand: &Amounts| policy.shapes.iter().map(|shape| dominant(demand, &shape.has)).min().unwrap_or(0);
    sorted.sort_by_key(|group| (std::cmp::Reverse(size(&group.demand)), group.demand));
    sorted
}

/// Lays as much of what is left as fits into `free`; whether anything did.
fn lay(left: &mut [Waiting], free: &mut Amounts) -> bool {
    let mut laid = false;
    for group in left.iter_mut().filter(|group| group.count > 0) {
        let many = fitting(&group.demand, free).min(group.count);
        group.count -= many;
        take(free, &group.demand, many);
        laid |= many > 0;
    }
    laid
}

fn take(free: &mut Amounts, demand: &Amounts, many: u32) {
    for (free, amount) in free.iter_mut().zip(demand) {
        *free = free.saturating_sub(amount.saturating_mul(u64::from(many)));
    }
}

/// The nodes, while it is found out which of them may go.
struct Book<'a> {
    policy: &'a PoolPolicy,
    at: Timestamp,
    nodes: &'a [Node],
    free: Vec<Amounts>,
    /// What is laid on each, if anything is.
    receives: Vec<Option<Keep>>,
    counts: Vec<u32>,
}

impl Book<'_> {
    /// Says of every node why it stays, or lets it go.
    fn give_back(&mut self, plan: &mut Plan, taken: &[bool], may_shrink: bool) {
        let movable = if may_shrink { self.leaves_first() } else { None };
        for (index, node) in self.nodes.iter().enumerate().filter(|(index, _)| !taken[*index]) {
            let shape = &self.policy.shapes[node.shape];
            let keep = match (node.phase, self.receives[index]) {
                (NodePhase::Starting { ready_at }, _) => Keep::Starting { ready_at },
                (_, Some(keep)) => keep,
                (NodePhase::Leaving, None) if !node.tasks.is_empty() => {
                    Keep::Leaving { tasks: u32::try_from(node.tasks.len()).unwrap_or(u32::MAX) }
                }
                _ if node.tasks.is_empty() => {
                    let until = node.idle_since.unwrap_or(self.at).plus(self.policy.idle);
                    if self.counts[node.shape] <= shape.min {
                        Keep::AtMinimum { min: shape.min }
                    } else if !may_shrink {
                        Keep::WhileBuying
                    } else if node.phase == NodePhase::Leaving || self.at >= until {
                        self.counts[node.shape] -= 1;
                        plan.remove.push(node.id);
                        continue;
                    } else {
                        Keep::Idle { until }
                    }
                }
                _ if movable == Some(index) => {
                    plan.cordon.push(node.id);
                    continue;
                }
                _ => Keep::Used { share: Permille(dominant(&node.used, &shape.has) / 1_000) },
            };
            plan.keep.push((node.id, keep));
        }
    }

    /// The node to empty next: of those whose tasks all fit on other nodes with tasks, the dearest per use; none where there
    /// is no such node, or its shape is at its minimum.
    fn leaves_first(&self) -> Option<usize> {
        let is_candidate = |(index, node): &(usize, &Node)| {
            node.phase == NodePhase::Ready
                && !node.tasks.is_empty()
                && self.receives[*index].is_none()
                && self.counts[node.shape] > self.policy.shapes[node.shape].min
        };
        let mut candidates: Vec<(usize, &Node)> = self.nodes.iter().enumerate().filter(is_candidate).collect();
        let used = |node: &Node| dominant(&node.used, &self.policy.shapes[node.shape].has);
        candidates.sort_by_key(|(index, node)| (used(node), std::cmp::Reverse(self.price(node)), *index));
        candidates.into_iter().map(|(index, _)| index).find(|index| self.fits_elsewhere(*index))
    }

    fn price(&self, node: &Node) -> u64 {
        self.policy.shapes[node.shape].price_micros_per_hour
    }

    /// Whether each task of a node has a place on another node that has tasks and stays.
    fn fits_elsewhere(&self, leaving: usize) -> bool {
        let stays = |(index, node): &(usize, &Node)| {
            *index != leaving && node.phase == NodePhase::Ready && !node.tasks.is_empty()
        };
        let mut rooms: Vec<Amounts> =
            self.nodes.iter().enumerate().filter(stays).map(|(index, _)| self.free[index]).collect();
        let mut tasks = self.nodes[leaving].tasks.clone();
        let has = &self.policy.shapes[self.nodes[leaving].shape].has;
        tasks.sort_by_key(|task| (std::cmp::Reverse(dominant(task, has)), *task));
        tasks.iter().all(|task| {
            let room = rooms.iter_mut().find(|room| fitting(task, room) > 0);
            room.is_some_and(|room| {
                take(room, task, 1);
                true
            })
        })
    }
}

#[cfg(test)]
mod tests;
