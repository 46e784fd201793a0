//! Everybody's reservation, node by node: what conservative backfilling keeps.
//!
//! Each node has a list of steps, from which time on how much of it is free. A reservation is the earliest step at which
//! a shape fits for as long as it is expected to run; on ties the lowest node number. Several workers are reserved one by
//! one at a common time.
//!
//! A table costs O(nodes × steps) per reservation. It is meant for clusters of tens of nodes, or for one pool.

use super::reservation::Unit;
use super::sketch::{Sketch, admits, give_back};
use crate::fleet::{Binding, Fleet, GpuSet, NodeIx, ShapeId};
use plimsoll_model::quantity::{Millis, Timestamp};

/// Room on a node that is kept from one time to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The node.
    pub node: NodeIx,
    /// The shape that it is for.
    pub shape: ShapeId,
    /// GPUs that are kept.
    pub gpus: GpuSet,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What will be free of every node, and when.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// Per node steps in order of time; the first is now, and each holds until the next.
    steps: Vec<Vec<(Timestamp, Sketch)>>,
}

impl Timetable {
    /// The fleet at `now`, with what runs ending when it is expected to, in order of time.
    #[must_use]
    pub fn new(fleet: &Fleet, now: Timestamp, ends: impl Iterator<Item = (Timestamp, Binding)>) -> Self {
        let nodes = (0..fleet.len() as u32).map(NodeIx);
        let mut steps: Vec<Vec<(Timestamp, Sketch)>> = nodes.map(|node| vec![(now, Sketch::of(fleet, node))]).collect();
        for (at, binding) in ends {
            let node = &mut steps[binding.node.0 as usize];
            let (last, sketch) = node.last().expect("invariant: a node has a step").clone();
            let mut after = sketch;
            give_back(fleet, &mut after, &binding);
            if last == at {
                node.pop();
            }
            node.push((at, after));
        }
        Self { steps }
    }

    /// The earliest slots for all of `units` for `span`, not before `from`; they are booked at once. None where they
    /// never fit.
    pub fn book(&mut self, fleet: &Fleet, units: &[Unit], from: Timestamp, span: Millis) -> Option<Vec<Slot>> {
        let mut from = from;
        // Room is only ever gained at a step that is there now; steps that attempts make on the way gain none.
        let mut times: Vec<Timestamp> =
            self.steps.iter().flatten().map(|(at, _)| *at).filter(|at| *at > from).collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        loop {
            let mut slots: Vec<Slot> = Vec::new();
            let mut latest = from;
            let mut complete = true;
            'units: for unit in units {
                for _ in 0..unit.count {
                    let Some(slot) = self.earliest(fleet, unit.shape, from, span) else {
                        complete = false;
                        break 'units;
                    };
                    latest = latest.max(slot.from);
                    self.occupy(fleet, &slot, true);
                    slots.push(slot);
                }
            }
            if complete && slots.iter().all(|slot| slot.from == latest) {
                return Some(slots);
            }
            slots.iter().for_each(|slot| self.occupy(fleet, slot, false));
            if !complete {
                return None;
            }
            // They have to begin together: try again when there is more room; after the last step there never is.
            from = loop {
                match times.pop() {
                    None => return None,
                    Some(next) if next > from => break next,
                    Some(_) => {}
                }
            };
        }
    }

    /// Takes room for slots that were booked in an earlier table, if they begin at `now` or later and are still free.
    pub fn keep_if_free(&mut self, fleet: &Fleet, slots: &[Slot], now: Timestamp) -> bool {
        for (index, slot) in slots.iter().enumerate() {
            if slot.from < now || !self.is_free(fleet, slot) {
                self.drop_slots(fleet, &slots[..index]);
                return false;
            }
            self.occupy(fleet, slot, true);
        }
        true
    }

    fn is_free(&self, fleet: &Fleet, slot: &Slot) -> bool {
        let known = fleet.shape(slot.shape);
        let steps = &self.steps[slot.node.0 as usize];
        let first = steps.partition_point(|(at, _)| *at <= slot.from).saturating_sub(1);
        let during = steps[first..].iter().take_while(|(at, _)| *at < slot.until);
        admits(fleet, slot.shape, slot.node) && during.into_iter().all(|(_, sketch)| sketch.has(known, slot.gpus))
    }

    /// Gives a slot's room back.
    pub fn drop_slots(&mut self, fleet: &Fleet, slots: &[Slot]) {
        slots.iter().for_each(|slot| self.occupy(fleet, slot, false));
    }

    fn earliest(&self, fleet: &Fleet, shape: ShapeId, from: Timestamp, span: Millis) -> Option<Slot> {
        let nodes = (0..self.steps.len() as u32).map(NodeIx).filter(|node| admits(fleet, shape, *node));
        let slots = nodes.filter_map(|node| self.earliest_on(fleet, shape, node, from, span));
        slots.min_by_key(|slot| (slot.from, slot.node))
    }

    fn earliest_on(&self, fleet: &Fleet, shape: ShapeId, node: NodeIx, from: Timestamp, span: Millis) -> Option<Slot> {
        let known = fleet.shape(shape);
        let steps = &self.steps[node.0 as usize];
        let first = steps.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let mut start = first;
        while start < steps.len() {
            let begins = steps[start].0.max(from);
            let until = begins.plus(span);
            let mut least = steps[start].1.clone();
            let mut failed = (!least.covers(known)).then_some(start);
            let mut at = start + 1;
            while failed.is_none() && at < steps.len() && steps[at].0 < until {
                least.narrow(&steps[at].1);
                failed = (!least.covers(known)).then_some(at);
                at += 1;
            }
            match failed {
                None => return Some(Slot { node, shape, gpus: least.pick(known), from: begins, until }),
                // It may be the combination that fails and not the last step alone, so one step at a time.
                Some(_) => start += 1,
            }
        }
        None
    }

    fn occupy(&mut self, fleet: &Fleet, slot: &Slot, take: bool) {
        let known = fleet.shape(slot.shape);
        let steps = &mut self.steps[slot.node.0 as usize];
        let first = split(steps, slot.from);
        let end = split(steps, slot.until);
        for (_, sketch) in &mut steps[first..end] {
            if take {
                sketch.take_on(known, slot.gpus);
            } else {
                sketch.give_back(known, slot.gpus);
            }
        }
    }
}

/// The index of the step that begins at `at`, made if there was none.
fn split(steps: &mut Vec<(Timestamp, Sketch)>, at: Timestamp) -> usize {
    match steps.binary_search_by_key(&at, |(time, _)| *time) {
        Ok(index) => index,
        Err(0) => 0,
        Err(index) => {
            let before = steps[index - 1].1.clone();
            steps.insert(index, (at, before));
            index
        }
    }
}
