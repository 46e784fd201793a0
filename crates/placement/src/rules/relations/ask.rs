//! Whether a shape may go to a node, as far as other tasks are concerned.
//!
//! What the node can answer from its own seats comes first, then what binds to a place, then counts over domains: a
//! refusal names the first that says no, and the cheap ones are asked first.

use super::{Counts, RelationRefusal, Relations, ShapeRules, ZONES};
use crate::rules::isolation::Unwelcome;
use crate::rules::spread::skew;
use crate::rules::topology::TopologyIx;

impl Relations {
    /// Whether anything here may refuse the shape somewhere, or add to its score, as things stand.
    #[inline]
    #[must_use]
    pub fn binds(&self, shape: u32) -> bool {
        if self.guarded > 0 {
            return true;
        }
        if !self.briefs[shape as usize].may_bind {
            return false;
        }
        let rules = &self.rules[shape as usize];
        rules.speaks || rules.avoided_by.iter().any(|(keeper, _)| self.keepers.all[*keeper].total() > 0)
    }

    /// Why the shape could never run on the node, whatever else runs; none if the rules leave it open.
    #[must_use]
    pub fn never(&self, shape: u32, node: u32) -> Option<RelationRefusal> {
        let rules = &self.rules[shape as usize];
        if let Some(bound) = &rules.near {
            match self.way_to(shape, node) {
                None => return Some(RelationRefusal::NoWay),
                Some(way) if way.latency > bound.latency_max => {
                    let latency_max = bound.latency_max;
                    return Some(RelationRefusal::TooFar { latency: way.latency, latency_max });
                }
                Some(_) => {}
            }
        }
        if !rules.zones.is_empty() {
            let own = self.topologies.of(ZONES, node);
            if let Some((zone, volume)) = rules.zones.iter().find(|(zone, _)| Some(*zone) != own) {
                return Some(RelationRefusal::OtherZone { volume: *volume, zone: *zone });
            }
        }
        None
    }

    /// Why the rules keep the shape from the node now; none if they do not.
    #[must_use]
    pub fn refusal(&self, shape: u32, node: u32) -> Option<RelationRefusal> {
        let rules = &self.rules[shape as usize];
        if let Some(seats) = &self.seats[node as usize]
            && let Some(unwelcome) = seats.unwelcome(rules.company)
        {
            return Some(match unwelcome {
                Unwelcome::WantsItAlone => RelationRefusal::WantsItAlone { tasks: seats.tasks() },
                Unwelcome::HeldAlone => RelationRefusal::HeldAlone,
                Unwelcome::BearsOnlyItsOwn => RelationRefusal::BearsOnlyItsOwn,
                Unwelcome::BorneByNone => RelationRefusal::BorneByNone,
            });
        }
        self.never(shape, node)
            .or_else(|| self.block_refusal(rules, node))
            .or_else(|| self.anti_refusal(rules, node))
            .or_else(|| self.need_refusal(rules, node))
            .or_else(|| self.spread_refusal(rules, node))
    }

    fn block_refusal(&self, rules: &ShapeRules, node: u32) -> Option<RelationRefusal> {
        rules.blocks.iter().find_map(|volume| match self.volumes.holder(*volume) {
            Some(holder) if holder != node => Some(RelationRefusal::HeldElsewhere { volume: *volume, holder }),
            _ => None,
        })
    }

    fn anti_refusal(&self, rules: &ShapeRules, node: u32) -> Option<RelationRefusal> {
        let count = |counts: &Counts, index: usize, topology: TopologyIx| {
            self.topologies.of(topology, node).map_or(0, |domain| counts.all[index].of(domain))
        };
        let own = rules.avoids.iter().find_map(|need| {
            let count = count(&self.counters, need.counter, need.topology);
            (count > 0).then(|| RelationRefusal::Avoids { counter: number(need.counter), count })
        });
        own.or_else(|| {
            rules.avoided_by.iter().find_map(|(keeper, topology)| {
                let count = count(&self.keepers, *keeper, *topology);
                (count > 0).then(|| RelationRefusal::AvoidedBy { keeper: number(*keeper), count })
            })
        })
    }

    fn need_refusal(&self, rules: &ShapeRules, node: u32) -> Option<RelationRefusal> {
        rules.needs.iter().find_map(|need| {
            let counter = number(need.counter);
            let Some(domain) = self.topologies.of(need.topology, node) else {
                return Some(RelationRefusal::NoDomain { counter });
            };
            let count = &self.counters.all[need.counter];
            let is_first = need.means_itself && count.total() == 0;
            (count.of(domain) == 0 && !is_first).then_some(RelationRefusal::Misses { counter })
        })
    }

    fn spread_refusal(&self, rules: &ShapeRules, node: u32) -> Option<RelationRefusal> {
        rules.spread.iter().filter(|term| term.required).find_map(|term| {
            let counter = number(term.counter);
            let Some(domain) = self.topologies.of(term.topology, node) else {
                return Some(RelationRefusal::NoDomain { counter });
            };
            let count = self.counters.all[term.counter].of(domain);
            let least = self.trackers[term.tracker].least();
            let skew_max = term.skew_max;
            (skew(count, term.means_itself, least) > skew_max).then_some(RelationRefusal::Skew {
                counter,
                count,
                least,
                skew_max,
            })
        })
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("invariant: rules are numbered by u32")
}
