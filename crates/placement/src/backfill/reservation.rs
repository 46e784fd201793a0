//! The earliest time and place at which something fits, if what runs ends when it is expected to.
//!
//! Ends are walked in order of time, on sketches of the nodes on which something ends: one step per end until the first
//! fit, whatever the size of the cluster. What is left there at that time is what longer tasks may still take ("extra
//! nodes" in the papers, here extra room on the reserved node); all other nodes are free for anybody.
//!
//! Several units (a gang, an elastic task's workers) are placed one after the other, first fit by node number. More
//! ends only ever free room, so the first end at which all fit is found by bisection.

use super::sketch::{Sketch, admits, give_back};
use crate::fleet::{Binding, Fleet, NodeIx, ShapeId};
use plimsoll_model::quantity::Timestamp;
use std::collections::BTreeMap;

/// So many workers of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The shape of each.
    pub shape: ShapeId,
    /// How many.
    pub count: u32,
}

/// A time, places, and what is left of these nodes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// From when.
    pub at: Timestamp,
    /// What is left then of the nodes reserved, by node number.
    pub left: BTreeMap<u32, Sketch>,
    /// Whether it is for GPUs too.
    pub needs_gpus: bool,
}

impl Reservation {
    /// Whether a task that runs past the time of the reservation may go to this node.
    ///
    /// A share of a GPU may not where GPUs are reserved: it goes on the GPU that is fullest *now*, which need not be the
    /// one that the sketch left for it, and shares on different GPUs would break up those that the head needs whole.
    #[must_use]
    pub fn allows(&self, fleet: &Fleet, shape: ShapeId, node: NodeIx) -> bool {
        let known = fleet.shape(shape);
        let breaks_up = self.needs_gpus && known.gpu.is_share();
        self.left.get(&node.0).is_none_or(|left| !breaks_up && left.covers(known))
    }

    /// Takes note of a task that went to this node and runs past the time of the reservation.
    pub fn note(&mut self, fleet: &Fleet, binding: &Binding) {
        if let Some(left) = self.left.get_mut(&binding.node.0) {
            let known = fleet.shape(binding.shape);
            if self.needs_gpus {
                // The head's GPUs are a number here, not these or those: whole ones are as good as any other.
                left.take(known);
            } else {
                left.take_on(known, binding.gpus);
            }
        }
    }
}

/// The earliest reservation for all of `units`; `ends` are expected ends in order of time with what ends. None where even
/// the last end does not make enough room.
#[must_use]
pub fn reserve(fleet: &Fleet, units: &[Unit], ends: impl Iterator<Item = (Timestamp, Binding)>) -> Option<Reservation> {
    match units {
        [Unit { shape, count: 1 }] => reserve_one(fleet, *shape, ends),
        _ => reserve_all(fleet, units, &ends.collect::<Vec<_>>()),
    }
}

fn reserve_one(fleet: &Fleet, shape: ShapeId, ends: impl Iterator<Item = (Timestamp, Binding)>) -> Option<Reservation> {
    let known = fleet.shape(shape);
    let mut nodes: BTreeMap<u32, Option<Sketch>> = BTreeMap::new();
    let mut found: Option<(Timestamp, u32)> = None;
    for (at, binding) in ends {
        if found.is_some_and(|(time, _)| time != at) {
            break;
        }
        let node = binding.node;
        let fresh = || admits(fleet, shape, node).then(|| Sketch::of(fleet, node));
        let Some(sketch) = nodes.entry(node.0).or_insert_with(fresh) else { continue };
        // Ends at the time found still count on the node found: they are there when the reservation begins.
        if found.is_none_or(|(_, reserved)| reserved == node.0) {
            give_back(fleet, sketch, &binding);
            if found.is_none() && sketch.covers(known) {
                found = Some((at, node.0));
            }
        }
    }
    let (at, node) = found?;
    let mut left = nodes.remove(&node)??;
    left.take(known);
    Some(Reservation { at, left: BTreeMap::from([(node, left)]), needs_gpus: known.gpu.count > 0 })
}

fn reserve_all(fleet: &Fleet, units: &[Unit], ends: &[(Timestamp, Binding)]) -> Option<Reservation> {
    let mut times: Vec<Timestamp> = ends.iter().map(|(at, _)| *at).collect();
    times.dedup();
    let placed_at = |time: Timestamp| place_all(fleet, units, ends.iter().take_while(|(at, _)| *at <= time));
    let (mut low, mut high) = (0, times.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if placed_at(times[middle]).is_some() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let at = *times.get(low)?;
    let needs_gpus = units.iter().any(|unit| fleet.shape(unit.shape).gpu.count > 0);
    placed_at(at).map(|left| Reservation { at, left, needs_gpus })
}

/// All units on the fleet after these ends, first fit by node number; what is left of the nodes taken.
fn place_all<'a>(
    fleet: &Fleet,
    units: &[Unit],
    ended: impl Iterator<Item = &'a (Timestamp, Binding)>,
) -> Option<BTreeMap<u32, Sketch>> {
    let mut sketches: BTreeMap<u32, Sketch> = BTreeMap::new();
    for (_, binding) in ended {
        let sketch = sketches.entry(binding.node.0).or_insert_with(|| Sketch::of(fleet, binding.node));
        give_back(fleet, sketch, binding);
    }
    let mut taken = BTreeMap::new();
    for unit in units {
        let known = fleet.shape(unit.shape);
        let mut missing = unit.count;
        for node in (0..fleet.len() as u32).map(NodeIx) {
            if missing == 0 {
                break;
            }
            if !admits(fleet, unit.shape, node) {
                continue;
            }
            let as_is = || sketches.get(&node.0).cloned().unwrap_or_else(|| Sketch::of(fleet, node));
            let mut sketch = taken.get(&node.0).cloned().unwrap_or_else(as_is);
            let before = missing;
            while missing > 0 && sketch.covers(known) {
                sketch.take(known);
                missing -= 1;
            }
            if missing < before {
                taken.insert(node.0, sketch);
            }
        }
        if missing > 0 {
            return None;
        }
    }
    Some(taken)
}

/// Whether so many workers would fit at once if nothing ran.
#[must_use]
pub fn fits_empty(fleet: &Fleet, unit: Unit) -> bool {
    let known = fleet.shape(unit.shape);
    let mut missing = unit.count;
    for node in (0..fleet.len() as u32).map(NodeIx) {
        if missing == 0 {
            break;
        }
        if fleet.nodes().passes(known.filter, node.0 as usize) {
            let mut sketch = Sketch::empty(fleet, node);
            while missing > 0 && sketch.covers(known) {
                sketch.take(known);
                missing -= 1;
            }
        }
    }
    missing == 0
}
