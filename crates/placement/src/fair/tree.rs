//! The tree of queues: dominant resource fairness at every level, with guarantees that come first.
//!
//! A queue's path names its ancestors (`research/vision`). What a queue holds counts for all of them. To compare two
//! queues one goes to where their paths part and compares the two siblings there: first whoever is below its guarantee,
//! then the smaller dominant share per weight. So a group's share does not grow with the number of queues in it, and
//! what one sibling leaves unused its siblings borrow first.
//!
//! # Source
//! Bhattacharya, Culler, Friedman, Ghodsi, Shenker, Stoica, "Hierarchical scheduling for diverse datacenter workloads",
//! SoCC 2013; guarantees and borrowing as in YARN's capacity scheduler.

use super::accounts::{Held, RESOURCES, add, subtract};
use crate::order::Share;
use std::collections::BTreeMap;

/// A queue or user by its number in a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claimant(pub u32);

/// What is told apart by when two siblings are compared; the smallest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// Whether it holds at least its guarantee.
    pub satisfied: bool,
    /// Dominant share over weight.
    pub share_per_weight: u64,
    /// Number in order of first appearance.
    pub number: u32,
}

#[derive(Debug, Clone)]
struct Branch {
    path: Box<str>,
    parent: Option<Claimant>,
    weight: u32,
    held: Held,
    tasks: u64,
    guaranteed: [Option<u64>; RESOURCES],
}

/// Queues with their weights, guarantees and what they hold.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    capacity: Held,
    numbers: BTreeMap<Box<str>, Claimant>,
    branches: Vec<Branch>,
}

impl Tree {
    /// Says what there is in all.
    pub const fn set_capacity(&mut self, capacity: Held) {
        self.capacity = capacity;
    }

    /// The queue of that path, new with all its ancestors if it was not met before; `user:NAME` has no ancestors.
    pub fn claimant(&mut self, path: &str) -> Claimant {
        if let Some(found) = self.numbers.get(path) {
            return *found;
        }
        let parent = if path.starts_with("user:") { None } else { path.rsplit_once('/') };
        let parent = parent.map(|(parent, _)| self.claimant(parent));
        let new = Claimant(u32::try_from(self.branches.len()).unwrap_or(u32::MAX));
        self.numbers.insert(path.into(), new);
        self.branches.push(Branch {
            path: path.into(),
            parent,
            weight: 1,
            held: [0; RESOURCES],
            tasks: 0,
            guaranteed: [None; RESOURCES],
        });
        new
    }

    /// Weight among its siblings (0 counts as 1) and what it gets whenever it asks.
    pub fn entitle(&mut self, claimant: Claimant, weight: u32, guaranteed: [Option<u64>; RESOURCES]) {
        let branch = &mut self.branches[claimant.0 as usize];
        branch.weight = weight.max(1);
        branch.guaranteed = guaranteed;
    }

    /// The queue and its ancestors, from the bottom up.
    pub fn lineage(&self, claimant: Claimant) -> impl Iterator<Item = Claimant> + use<'_> {
        std::iter::successors(Some(claimant), |one| self.branches[one.0 as usize].parent)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self, claimant: Claimant) -> &str {
        &self.branches[claimant.0 as usize].path
    }

    /// What it and its descendants hold.
    #[must_use]
    pub fn held(&self, claimant: Claimant) -> &Held {
        &self.branches[claimant.0 as usize].held
    }

    /// Tasks that it and its descendants run.
    #[must_use]
    pub fn tasks(&self, claimant: Claimant) -> u64 {
        self.branches[claimant.0 as usize].tasks
    }

    /// Books `amounts` and `tasks` to it and its ancestors.
    pub fn charge(&mut self, claimant: Claimant, amounts: &Held, tasks: u64) {
        let mut next = Some(claimant);
        while let Some(one) = next {
            let branch = &mut self.branches[one.0 as usize];
            add(&mut branch.held, amounts);
            branch.tasks += tasks;
            next = branch.parent;
        }
    }

    /// Takes `amounts` and `tasks` off it and its ancestors.
    pub fn refund(&mut self, claimant: Claimant, amounts: &Held, tasks: u64) {
        let mut next = Some(claimant);
        while let Some(one) = next {
            let branch = &mut self.branches[one.0 as usize];
            subtract(&mut branch.held, amounts);
            branch.tasks = branch.tasks.saturating_sub(tasks);
            next = branch.parent;
        }
    }

    /// Whether it would still be within its own guarantee with `more`; false where nothing is guaranteed.
    #[must_use]
    pub fn is_guaranteed(&self, claimant: Claimant, more: &Held) -> bool {
        let branch = &self.branches[claimant.0 as usize];
        let promised = |index: usize| match branch.guaranteed[index] {
            Some(most) => branch.held[index].saturating_add(more[index]) <= most,
            None => more[index] == 0,
        };
        branch.guaranteed.iter().any(Option::is_some) && (0..RESOURCES).all(promised)
    }

    /// Whether it, or a queue above it, holds more of something than is guaranteed: what it may be asked to give back.
    #[must_use]
    pub fn borrows(&self, claimant: Claimant) -> bool {
        let over = |branch: &Branch| {
            let excess = |index: usize| branch.held[index] > branch.guaranteed[index].unwrap_or(0);
            (0..RESOURCES).any(excess)
        };
        self.lineage(claimant).all(|one| over(&self.branches[one.0 as usize]))
    }

    /// How it stands against its siblings.
    #[must_use]
    pub fn standing(&self, claimant: Claimant) -> Standing {
        let branch = &self.branches[claimant.0 as usize];
        let short = |index: usize| branch.guaranteed[index].is_some_and(|least| branch.held[index] < least);
        Standing {
            satisfied: !(0..RESOURCES).any(short),
            share_per_weight: self.dominant_share(claimant).0 / u64::from(branch.weight),
            number: claimant.0,
        }
    }

    /// The largest share that it and its descendants hold of any resource.
    #[must_use]
    pub fn dominant_share(&self, claimant: Claimant) -> Share {
        let held = self.branches[claimant.0 as usize].held;
        let shares = held.iter().zip(&self.capacity).map(|(held, all)| Share::of(*held, *all));
        shares.max().unwrap_or_default()
    }

    /// Its standings from the top down; queues compare as these lists do.
    #[must_use]
    pub fn rank(&self, claimant: Claimant) -> Vec<Standing> {
        let mut rank: Vec<Standing> = self.lineage(claimant).map(|one| self.standing(one)).collect();
        rank.reverse();
        rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(amount: u64) -> Held {
        let mut held = [0; RESOURCES];
        held[0] = amount;
        held
    }

    fn promise(amount: u64) -> [Option<u64>; RESOURCES] {
        let mut promised = [None; RESOURCES];
        promised[0] = Some(amount);
        promised
    }

    fn tree(paths: &[&str]) -> (Tree, Vec<Claimant>) {
        let mut tree = Tree::default();
        tree.set_capacity(cpu(100));
        let claimants = paths.iter().map(|path| tree.claimant(path)).collect();
        (tree, claimants)
    }

    /// Serves one unit at a time to whoever ranks first, until nothing is left.
    fn serve(tree: &mut Tree, hungry: &[Claimant], units: u64) {
        for _ in 0..units {
            let next = hungry.iter().min_by_key(|claimant| tree.rank(**claimant)).unwrap();
            tree.charge(*next, &cpu(1), 1);
        }
    }

    #[test]
    fn a_group_does_not_get_more_by_having_more_queues() {
        let (mut tree, queues) = tree(&["a/x", "a/y", "a/z", "b"]);
        serve(&mut tree, &queues, 60);
        let held: Vec<u64> = queues.iter().map(|queue| tree.held(*queue)[0]).collect();
        assert_eq!(held, [10, 10, 10, 30]);
    }

    #[test]
    fn what_a_sibling_leaves_is_borrowed_by_its_siblings_first() {
        let (mut tree, queues) = tree(&["a/x", "a/y", "b"]);
        serve(&mut tree, &[queues[0], queues[2]], 60);
        assert_eq!([tree.held(queues[0])[0], tree.held(queues[2])[0]], [30, 30]);
    }

    #[test]
    fn a_guarantee_comes_before_every_share_and_what_lies_above_it_is_borrowed() {
        let (mut tree, queues) = tree(&["a", "b"]);
        tree.entitle(queues[0], 1, promise(40));
        tree.charge(queues[1], &cpu(10), 1);
        serve(&mut tree, &queues, 40);
        assert_eq!(tree.held(queues[0])[0], 40);
        assert!(!tree.borrows(queues[0]) && tree.borrows(queues[1]));
        assert!(!tree.is_guaranteed(queues[0], &cpu(1)));
        tree.refund(queues[0], &cpu(5), 1);
        assert!(tree.is_guaranteed(queues[0], &cpu(5)));
        serve(&mut tree, &queues, 5);
        assert_eq!([tree.held(queues[0])[0], tree.tasks(queues[0])], [40, 44 - 5 + 5]);
    }
}
