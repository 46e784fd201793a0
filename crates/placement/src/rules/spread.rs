//! Even spread: the emptiest domain that could take the task, known at any moment.
//!
//! A domain counts while it has a node that could take the task were the node empty: labels, taints, size and state.
//! A domain that could never take it must not hold the others down. What runs in a domain counts wherever in it it runs.
//!
//! # Source
//! Kubernetes pod topology spread, <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>:
//! skew = tasks in the domain, the one that comes included, less the least over eligible domains. Two differences on
//! purpose: a cordoned, draining or lost node makes no domain eligible (there, taints are ignored unless asked for, and
//! an emptied zone blocks every placement), and tasks count on every node of a domain and not only on eligible ones.

use super::topology::TopologyIx;
use std::collections::BTreeMap;

/// One spread rule of one shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpreadTerm {
    /// The counter of those meant.
    pub(super) counter: usize,
    /// The counter's key.
    pub(super) topology: TopologyIx,
    /// Who knows the emptiest domain.
    pub(super) tracker: usize,
    /// Largest skew.
    pub(super) skew_max: u32,
    /// Whether the task itself is meant, and so raises the count where it goes.
    pub(super) means_itself: bool,
    /// Condition or wish.
    pub(super) required: bool,
}

/// The counts of the eligible domains of one spread rule, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracker {
    /// Eligible nodes per domain.
    nodes: Vec<u32>,
    /// Which nodes are eligible.
    eligible: Vec<bool>,
    /// How many eligible domains have how many tasks.
    levels: BTreeMap<u32, u32>,
    changes: u64,
}

impl Tracker {
    /// Says whether a node could take the task; `count` is what runs in its domain.
    pub(super) fn set(&mut self, node: u32, domain: u32, could: bool, count: u32) {
        let (node, domain) = (node as usize, domain as usize);
        if self.eligible.len() <= node {
            self.eligible.resize(node + 1, false);
        }
        if self.nodes.len() <= domain {
            self.nodes.resize(domain + 1, 0);
        }
        if self.eligible[node] == could {
            return;
        }
        self.eligible[node] = could;
        self.changes += 1;
        if could {
            self.nodes[domain] += 1;
            if self.nodes[domain] == 1 {
                *self.levels.entry(count).or_insert(0) += 1;
            }
        } else {
            self.nodes[domain] -= 1;
            if self.nodes[domain] == 0 {
                self.leave(count);
            }
        }
    }

    /// Every eligible domain is empty again.
    pub(super) fn clear(&mut self) {
        let domains = self.nodes.iter().filter(|nodes| **nodes > 0).count() as u32;
        self.levels.clear();
        if domains > 0 {
            self.levels.insert(0, domains);
        }
    }

    /// The count of a domain changed.
    pub(super) fn moved(&mut self, domain: u32, before: u32, after: u32) {
        if self.nodes.get(domain as usize).copied().unwrap_or(0) > 0 {
            self.changes += 1;
            self.leave(before);
            *self.levels.entry(after).or_insert(0) += 1;
        }
    }

    fn leave(&mut self, count: u32) {
        let left = self.levels.get_mut(&count).expect("invariant: every eligible domain has its level");
        *left -= 1;
        if *left == 0 {
            self.levels.remove(&count);
        }
    }

    /// Tasks in the emptiest eligible domain; zero where none is eligible.
    #[inline]
    pub(super) fn least(&self) -> u32 {
        self.levels.first_key_value().map_or(0, |(count, _)| *count)
    }

    /// The same, were these domains at other counts: `(domain, count now, count then)`, each domain once.
    pub(super) fn least_if(&self, moves: &[(u32, u32, u32)]) -> u32 {
        let counts = |domain: &u32| self.nodes.get(*domain as usize).is_some_and(|nodes| *nodes > 0);
        let moved = || moves.iter().filter(|(domain, ..)| counts(domain));
        let stays = self.levels.iter().find(|(level, domains)| {
            let gone = moved().filter(|(_, now, _)| now == *level).count();
            gone < **domains as usize
        });
        let arrives = moved().map(|(.., then)| *then).min();
        stays.map(|(level, _)| *level).into_iter().chain(arrives).min().unwrap_or(0)
    }

    /// Counts the changes: while it stands still, the emptiest domain is as empty as it was.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Tasks in the fullest eligible domain.
    pub(super) fn most(&self) -> u32 {
        self.levels.last_key_value().map_or(0, |(count, _)| *count)
    }
}

/// By how much the domain would exceed the emptiest with the task in it.
#[inline]
pub(super) fn skew(count: u32, means_itself: bool, least: u32) -> u32 {
    (count + u32::from(means_itself)).saturating_sub(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emptiest_is_the_emptiest_that_could_take_it() {
        let mut tracker = Tracker::default();
        tracker.set(0, 0, true, 4);
        tracker.set(1, 1, true, 2);
        tracker.set(2, 1, true, 2);
        assert_eq!((tracker.least(), tracker.most()), (2, 4));
        tracker.set(1, 1, false, 2);
        assert_eq!(tracker.least(), 2, "another node of the domain still could");
        tracker.set(2, 1, false, 2);
        assert_eq!(tracker.least(), 4, "a domain that cannot take it holds nobody down");
        tracker.moved(1, 2, 3);
        tracker.moved(0, 4, 5);
        assert_eq!((tracker.least(), tracker.most()), (5, 5));
        tracker.set(0, 0, false, 5);
        assert_eq!(tracker.least(), 0);
    }
}
