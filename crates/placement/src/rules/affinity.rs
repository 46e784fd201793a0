//! Counts of neighbours: how many tasks that a selector means run in each domain of a key.
//!
//! Two kinds. A [`Counter`] counts the tasks that are *meant*, for rules of the task that comes: its affinity, its
//! anti-affinity, its spread. A [`Keeper`] counts the tasks that *carry* a required anti-affinity, for the task that
//! comes and is meant by it: an anti-affinity holds in both directions, or it would depend on who came first.
//!
//! # Source
//! The semantics of required inter-pod affinity in Kubernetes, the symmetry of anti-affinity and the exception for the
//! first of a series included: <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>.

use super::topology::TopologyIx;
use std::collections::BTreeMap;

/// Whom a rule means, and over which key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    /// Labels of the tasks that are meant.
    pub(super) tasks: BTreeMap<String, String>,
    /// The key whose domains count.
    pub(super) topology: TopologyIx,
}

/// Tasks per domain.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    per_domain: Vec<u32>,
    /// How many domains have so many tasks, by count; those with none are not counted.
    levels: Vec<u32>,
    total: u64,
    most: u32,
    changes: u64,
    /// Trackers of spread that follow this counter.
    pub(super) trackers: Vec<usize>,
}

impl Counter {
    /// Tasks in the domain.
    #[inline]
    pub(super) fn of(&self, domain: u32) -> u32 {
        self.per_domain.get(domain as usize).copied().unwrap_or(0)
    }

    /// Tasks in all domains.
    #[inline]
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Counts `change` more tasks (or fewer); gives the count before.
    pub(super) fn change(&mut self, domain: u32, change: i64) -> u32 {
        let domain = domain as usize;
        if self.per_domain.len() <= domain {
            self.per_domain.resize(domain + 1, 0);
        }
        let before = self.per_domain[domain];
        let after = i64::from(before) + change;
        let after = u32::try_from(after).expect("invariant: what is released was placed");
        self.per_domain[domain] = after;
        self.total = self.total.wrapping_add_signed(change);
        self.changes += 1;
        self.move_level(before, after);
        before
    }

    /// Keeps the most without a look at every domain: there may be as many domains as nodes.
    fn move_level(&mut self, before: u32, after: u32) {
        if self.levels.len() <= after as usize {
            self.levels.resize(after as usize + 1, 0);
        }
        if before > 0 {
            self.levels[before as usize] -= 1;
        }
        if after > 0 {
            self.levels[after as usize] += 1;
        }
        self.most = self.most.max(after);
        while self.most > 0 && self.levels[self.most as usize] == 0 {
            self.most -= 1;
        }
    }

    /// Counts the changes: while it stands still, so does every count.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Forgets every count.
    pub(super) fn clear(&mut self) {
        (self.total, self.most) = (0, 0);
        self.per_domain.clear();
        self.levels.clear();
        self.changes += 1;
    }

    /// Whether two counters count the same, whatever domains they have heard of.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let domains = self.per_domain.len().max(other.per_domain.len()) as u32;
        self.total == other.total
            && self.most == other.most
            && (0..domains).all(|domain| self.of(domain) == other.of(domain))
    }

    /// Most tasks in any domain.
    #[inline]
    pub(super) const fn most(&self) -> u32 {
        self.most
    }
}

/// Holders of a required anti-affinity per domain.
pub(super) type Keeper = Counter;

/// One wish for or against neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The counter of those meant.
    pub(super) counter: usize,
    /// The counter's key.
    pub(super) topology: TopologyIx,
    /// How much it counts beside other wishes, 1 to 100.
    pub(super) weight: u32,
    /// Away from them.
    pub(super) anti: bool,
}

/// One condition on neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// The counter of those meant.
    pub(super) counter: usize,
    /// The counter's key.
    pub(super) topology: TopologyIx,
    /// Whether the task itself is meant: then the first of its kind may go anywhere.
    pub(super) means_itself: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_falls_to_the_next_fullest_domain() {
        let mut counter = Counter::default();
        for (domain, change, most) in [(0, 3, 3), (7, 1, 3), (7, 1, 3), (0, -2, 2), (7, -1, 1), (0, -1, 1), (7, -1, 0)]
        {
            counter.change(domain, change);
            assert_eq!(counter.most(), most, "after {change} in {domain}");
        }
    }

    #[test]
    fn a_counter_grows_with_its_domains_and_forgets_nothing() {
        let mut counter = Counter::default();
        assert_eq!(counter.change(3, 2), 0);
        assert_eq!(counter.change(3, -1), 2);
        assert_eq!((counter.of(3), counter.of(0), counter.of(99), counter.total(), counter.most()), (1, 0, 0, 1, 1));
    }
}
