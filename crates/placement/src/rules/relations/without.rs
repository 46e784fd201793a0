//! What the rules would say if some tasks had left, asked without taking them out.
//!
//! Preemption tries many sets of victims and takes none of them for good. Releasing and putting back costs every count
//! that a task enters, twice per set; here the tasks that would leave are subtracted while the question is answered. The
//! answer is the one that [`Relations::refusal`] gives after the releases: a property test holds both together.

use super::{Counts, Need, Relations, ShapeRules};
use crate::rules::spread::{SpreadTerm, skew};
use crate::rules::topology::{ITSELF, TopologyIx};
use plimsoll_model::cluster::Isolation;

/// Tasks that would leave: shape and node of each.
type Leaving<'a> = &'a [(u32, u32)];

impl Relations {
    /// Whether the rules would keep the shape from the node if the tasks that leave were gone. Each of them must run.
    #[must_use]
    pub fn refuses_without(&self, shape: u32, node: u32, leaving: Leaving<'_>) -> bool {
        let rules = &self.rules[shape as usize];
        self.seats_refuse(rules, node, leaving)
            || self.never(shape, node).is_some()
            || rules.blocks.iter().any(|volume| self.block_refuses(*volume, node, leaving))
            || self.anti_refuses(rules, node, leaving)
            || rules.needs.iter().any(|need| self.need_refuses(need, node, leaving))
            || rules.spread.iter().any(|term| term.required && self.spread_refuses(term, node, leaving))
    }

    /// Whether a set of tasks that leave can only be better for the shape than a part of it. Where the shape has to be
    /// near others, or evenly spread, somebody who leaves may be missed.
    #[must_use]
    pub fn gains_by_every_leave(&self, shape: u32) -> bool {
        let rules = &self.rules[shape as usize];
        rules.needs.is_empty() && rules.spread.iter().all(|term| !term.required)
    }

    /// A number that grows whenever something changed that decides about the shape on nodes where nothing changed: counts
    /// over domains of several nodes, the emptiest domain, who holds a volume. Zero where only the node itself counts.
    #[must_use]
    pub fn far_changes(&self, shape: u32) -> u64 {
        let rules = &self.rules[shape as usize];
        let far = |counts: &Counts, index: usize, topology: TopologyIx| {
            if topology == ITSELF { 0 } else { counts.all[index].changes() }
        };
        let needs: u64 = rules.needs.iter().map(|need| self.counters.all[need.counter].changes()).sum();
        let avoids: u64 = rules.avoids.iter().map(|need| far(&self.counters, need.counter, need.topology)).sum();
        let avoided: u64 =
            rules.avoided_by.iter().map(|(keeper, topology)| far(&self.keepers, *keeper, *topology)).sum();
        let required = rules.spread.iter().filter(|term| term.required);
        let spread: u64 = required
            .map(|term| self.counters.all[term.counter].changes() + self.trackers[term.tracker].changes())
            .sum();
        let blocks: u64 = rules.blocks.iter().map(|volume| self.volumes.changes(*volume)).sum();
        needs + avoids + avoided + spread + blocks
    }

    fn seats_refuse(&self, rules: &ShapeRules, node: u32, leaving: Leaving<'_>) -> bool {
        if self.guarded == 0 && rules.company.isolation == Isolation::None {
            return false;
        }
        let Some(seats) = &self.seats[node as usize] else { return false };
        let mut seats = seats.clone();
        for (shape, _) in leaving.iter().filter(|(_, at)| *at == node) {
            let company = self.rules[*shape as usize].company;
            seats.rise(*shape, company, |shape| self.rules[shape as usize].company.tenant);
        }
        seats.unwelcome(rules.company).is_some()
    }

    fn block_refuses(&self, volume: u32, node: u32, leaving: Leaving<'_>) -> bool {
        let uses = leaving.iter().filter(|(shape, _)| self.rules[*shape as usize].blocks.contains(&volume)).count();
        self.volumes.holder_without(volume, uses as u32).is_some_and(|holder| holder != node)
    }

    fn anti_refuses(&self, rules: &ShapeRules, node: u32, leaving: Leaving<'_>) -> bool {
        let avoids = |need: &Need| {
            let Some(domain) = self.topologies.of(need.topology, node) else { return false };
            let count = self.counters.all[need.counter].of(domain);
            count > 0 && count > self.leave_counter(need.counter, domain, leaving)
        };
        let avoided = |(keeper, topology): &(usize, TopologyIx)| {
            let Some(domain) = self.topologies.of(*topology, node) else { return false };
            let count = self.keepers.all[*keeper].of(domain);
            count > 0 && count > self.leave_keeper(*keeper, domain, leaving)
        };
        rules.avoids.iter().any(avoids) || rules.avoided_by.iter().any(avoided)
    }

    fn need_refuses(&self, need: &Need, node: u32, leaving: Leaving<'_>) -> bool {
        let Some(domain) = self.topologies.of(need.topology, node) else { return true };
        let counter = &self.counters.all[need.counter];
        if counter.of(domain) > self.leave_counter(need.counter, domain, leaving) {
            return false;
        }
        let leave: u64 = self.moves(need.counter, leaving).iter().map(|(_, tasks)| u64::from(*tasks)).sum();
        !(need.means_itself && counter.total() == leave)
    }

    fn spread_refuses(&self, term: &SpreadTerm, node: u32, leaving: Leaving<'_>) -> bool {
        let Some(domain) = self.topologies.of(term.topology, node) else { return true };
        let counter = &self.counters.all[term.counter];
        let leave = self.moves(term.counter, leaving);
        let then = |domain: u32, tasks: u32| (domain, counter.of(domain), counter.of(domain) - tasks);
        let moves: Vec<(u32, u32, u32)> = leave.iter().map(|(domain, tasks)| then(*domain, *tasks)).collect();
        let count = counter.of(domain) - self.leave_counter(term.counter, domain, leaving);
        skew(count, term.means_itself, self.trackers[term.tracker].least_if(&moves)) > term.skew_max
    }

    /// How many of those who leave a counter counts in a domain.
    fn leave_counter(&self, counter: usize, domain: u32, leaving: Leaving<'_>) -> u32 {
        let enters = |rules: &ShapeRules| entered(&rules.enters, counter);
        self.leave(enters, domain, leaving)
    }

    fn leave_keeper(&self, keeper: usize, domain: u32, leaving: Leaving<'_>) -> u32 {
        let holds = |rules: &ShapeRules| entered(&rules.holds, keeper);
        self.leave(holds, domain, leaving)
    }

    fn leave(
        &self,
        entered: impl Fn(&ShapeRules) -> Option<(u32, TopologyIx)>,
        domain: u32,
        leaving: Leaving<'_>,
    ) -> u32 {
        let times = |(shape, node): &(u32, u32)| {
            let (times, topology) = entered(&self.rules[*shape as usize])?;
            (self.topologies.of(topology, *node) == Some(domain)).then_some(times)
        };
        leaving.iter().filter_map(times).sum()
    }

    /// How many of those who leave a counter counts, by domain.
    fn moves(&self, counter: usize, leaving: Leaving<'_>) -> Vec<(u32, u32)> {
        let mut moves: Vec<(u32, u32)> = Vec::new();
        for (shape, node) in leaving {
            let Some((times, topology)) = entered(&self.rules[*shape as usize].enters, counter) else { continue };
            let Some(domain) = self.topologies.of(topology, *node) else { continue };
            match moves.iter_mut().find(|(of, _)| *of == domain) {
                Some((_, tasks)) => *tasks += times,
                None => moves.push((domain, times)),
            }
        }
        moves
    }
}

/// How often a shape enters a count, and over which key; none where it does not. A rule that stands twice counts twice.
fn entered(of: &[(usize, TopologyIx)], count: usize) -> Option<(u32, TopologyIx)> {
    let mut found = of.iter().filter(|(index, _)| *index == count);
    let (_, topology) = found.next()?;
    Some((1 + found.count() as u32, *topology))
}
