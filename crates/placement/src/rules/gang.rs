//! Gangs: all members get room, or none does.
//!
//! The fleet itself is the overlay. Members are placed one after the other, each by the policy and beside those before
//! it; when one finds no room, those before it are given back in reverse and the fleet is as it was, GPUs included. For
//! equal members that is exact: how many of them fit does not depend on which nodes come first, unless rules between the
//! members themselves say so. Members of several shapes are taken largest first, which finds most placements that exist
//! and not all: packing them is NP-hard.
//!
//! A gang may wish to be together: on the fewest domains of a label, such as one rack. Then room is counted per domain
//! on the overlay, and domains are taken like coins: the smallest that holds all that is left if there is one, else the
//! largest. For equal members without rules between them no choice of fewer domains exists. It is a wish: members that
//! find no room in any domain go to nodes without the label.

use crate::choose::{Choice, Chooser};
use crate::fleet::{Binding, Fleet, Lane, NodeIx, Refusal, ShapeId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Why a gang found no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GangRefusal {
    /// The first member without room, by its place in the list given.
    pub member: usize,
    /// How many members had room before it.
    pub placed: usize,
    /// What refused it, beside those before it: filters with their closest refusal and how many nodes.
    pub refused: Vec<(Refusal, usize)>,
}

/// Room for every member, in the order given; `together` is the label whose domains should be few.
///
/// # Errors
/// The member that found no room; then the fleet is as it was.
pub fn place(
    fleet: &mut Fleet,
    chooser: &mut Chooser,
    members: &[ShapeId],
    together: Option<&str>,
) -> Result<Vec<(Binding, Choice)>, GangRefusal> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|member| (Reverse(size(fleet, members[*member])), members[*member], *member));
    let mut placed: Vec<Option<(Binding, Choice)>> = vec![None; members.len()];
    if let Some(key) = together {
        in_few_domains(fleet, chooser, members, &order, key, &mut placed);
    }
    for member in &order {
        if placed[*member].is_some() {
            continue;
        }
        placed[*member] = one(fleet, chooser, members[*member]);
        if placed[*member].is_none() {
            let refused = Chooser::filtered(fleet, members[*member]);
            let count = placed.iter().flatten().count();
            undo(fleet, placed.into_iter().flatten());
            return Err(GangRefusal { member: *member, placed: count, refused });
        }
    }
    Ok(placed.into_iter().flatten().collect())
}

fn one(fleet: &mut Fleet, chooser: &mut Chooser, shape: ShapeId) -> Option<(Binding, Choice)> {
    let choice = chooser.choose(fleet, shape)?;
    let bound = fleet.place_on(shape, choice.node, choice.gpus);
    Some((bound.expect("invariant: what was chosen fits"), choice))
}

/// Gives room back in any order; counts and rooms are sums, and GPUs are named.
fn undo(fleet: &mut Fleet, placed: impl Iterator<Item = (Binding, Choice)>) {
    for (binding, _) in placed {
        fleet.release(binding);
    }
}

/// A measure of size to sort by: the largest part of the largest node that it asks of any resource.
fn size(fleet: &Fleet, shape: ShapeId) -> i64 {
    let (need, all) = (&fleet.shape(shape).need, fleet.largest());
    let part = |lane: Lane| match all.get(lane) {
        0 => 0,
        all => i64::from(need.get(lane)) * 1_000_000 / i64::from(all),
    };
    Lane::ALL.into_iter().map(part).max().unwrap_or(0)
}

fn in_few_domains(
    fleet: &mut Fleet,
    chooser: &Chooser,
    members: &[ShapeId],
    order: &[usize],
    key: &str,
    placed: &mut [Option<(Binding, Choice)>],
) {
    let mut domains: BTreeMap<String, Vec<NodeIx>> = BTreeMap::new();
    for node in (0..fleet.len() as u32).map(NodeIx) {
        if let Some(name) = fleet.surroundings().label_text(node, key) {
            domains.entry(name.to_owned()).or_default().push(node);
        }
    }
    loop {
        let left: Vec<usize> = order.iter().copied().filter(|member| placed[*member].is_none()).collect();
        if left.is_empty() {
            return;
        }
        let mut counted: Vec<(usize, &String)> = Vec::new();
        for (name, nodes) in &domains {
            let held = fill(fleet, chooser, members, &left, nodes);
            counted.push((held.len(), name));
            undo(fleet, held.into_iter().map(|(_, placed)| placed));
        }
        // Among domains that hold all that is left, the one with the least free room; else the fullest count.
        let whole = counted.iter().filter(|(count, _)| *count == left.len()).map(|(_, name)| *name);
        let tightest = whole.min_by_key(|name| (free(fleet, &domains[*name]), *name));
        let chosen = tightest.or_else(|| {
            let most = counted.iter().max_by_key(|(count, name)| (*count, Reverse(*name)));
            most.filter(|(count, _)| *count > 0).map(|(_, name)| *name)
        });
        let Some(nodes) = chosen.map(|name| domains[name].clone()) else { return };
        for (member, binding) in fill(fleet, chooser, members, &left, &nodes) {
            placed[member] = Some(binding);
        }
    }
}

/// Places as many of these members as the nodes hold.
fn fill(
    fleet: &mut Fleet,
    chooser: &Chooser,
    members: &[ShapeId],
    left: &[usize],
    nodes: &[NodeIx],
) -> Vec<(usize, (Binding, Choice))> {
    let mut held = Vec::new();
    let mut full: Option<ShapeId> = None;
    for member in left {
        let shape = members[*member];
        // What did not fit a moment ago does not fit now, unless a neighbour was what it wanted.
        if full == Some(shape) && !fleet.relations().binds(shape) {
            continue;
        }
        match chooser.scan_within(fleet, shape, nodes) {
            None => full = Some(shape),
            Some(choice) => {
                let bound = fleet.place_on(shape, choice.node, choice.gpus);
                held.push((*member, (bound.expect("invariant: what was chosen fits"), choice)));
            }
        }
    }
    held
}

fn free(fleet: &Fleet, nodes: &[NodeIx]) -> i64 {
    let part = |node: &NodeIx| {
        let room = &fleet.nodes().free[node.0 as usize];
        let part = |lane: Lane| match fleet.largest().get(lane) {
            0 => 0,
            all => i64::from(room.get(lane)) * 1_000 / i64::from(all),
        };
        [Lane::Cpu, Lane::Memory, Lane::GpuTotal].into_iter().map(part).sum::<i64>()
    };
    nodes.iter().map(part).sum()
}
