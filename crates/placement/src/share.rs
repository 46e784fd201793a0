//! How many of the replicas that services want each of them gets when not all fit.
//!
//! By priority, in two rounds: first every service's minimum, then the rest of what it wants. Within one priority, what
//! runs already stays, and what is left goes one replica at a time to the service that has fewest (max-min fairness in
//! replicas). A service loses running replicas only to one of a higher priority that needs their room, never because the
//! node's capacity was reported smaller: shrinking is the operator's decision, not a reading's.

use crate::ledger::{fits, sum, times};
use plimsoll_model::spec::Resources;

/// What one service wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Higher goes first.
    pub priority: i32,
    /// Replicas it must have before anybody gets more than a minimum.
    pub minimum: u32,
    /// Replicas it has.
    pub live: u32,
    /// Replicas it wants, at least `minimum`.
    pub wanted: u32,
    /// What one replica reserves.
    pub each: Resources,
}

/// Room that is taken by something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its priority.
    pub priority: i32,
    /// Whether a higher priority may take the room.
    pub preemptible: bool,
    /// How much.
    pub requests: Resources,
}

impl Held {
    /// Whether something of `priority` may have this room.
    #[must_use]
    pub const fn yields_to(&self, priority: i32) -> bool {
        self.preemptible && self.priority < priority
    }
}

/// Replicas granted to each claim, in the order of `claims`; never more than wanted.
#[must_use]
pub fn share(allocatable: Resources, held: &[Held], claims: &[Claim]) -> Vec<u32> {
    let mut round = Round { allocatable, held, claims, used: Resources::default(), granted: vec![0; claims.len()] };
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(claims[*index].priority));
    for index in &order {
        round.grant(*index, claims[*index].minimum.min(claims[*index].wanted));
    }
    for level in order.chunk_by(|a, b| claims[*a].priority == claims[*b].priority) {
        for index in level {
            round.grant(*index, claims[*index].live.min(claims[*index].wanted));
        }
        round.level(level);
    }
    round.keep_unless_needed();
    round.granted
}

struct Round<'a> {
    allocatable: Resources,
    held: &'a [Held],
    claims: &'a [Claim],
    used: Resources,
    granted: Vec<u32>,
}

impl Round<'_> {
    /// Raises one grant to `to`, or as far as it fits.
    fn grant(&mut self, index: usize, to: u32) {
        let claim = self.claims[index];
        let more = to.saturating_sub(self.granted[index]).min(count_fitting(claim.each, self.free(claim.priority)));
        self.granted[index] += more;
        self.used = sum(self.used, times(claim.each, more));
    }

    /// Shares what is left among services of one priority.
    fn level(&mut self, level: &[usize]) {
        let Some(first) = level.first() else { return };
        let wanted = level.iter().fold(Resources::default(), |all, index| {
            let claim = self.claims[*index];
            sum(all, times(claim.each, claim.wanted.saturating_sub(self.granted[*index])))
        });
        if fits(wanted, self.free(self.claims[*first].priority)) {
            for index in level {
                self.grant(*index, self.claims[*index].wanted);
            }
            return;
        }
        let mut hungry: Vec<usize> = level.to_vec();
        loop {
            hungry.retain(|index| {
                let claim = self.claims[*index];
                self.granted[*index] < claim.wanted && fits(claim.each, self.free(claim.priority))
            });
            let Some(next) = hungry.iter().copied().min_by_key(|index| self.granted[*index]) else { return };
            self.grant(next, self.granted[next] + 1);
        }
    }

    /// Room that a claim of `priority` may still have.
    fn free(&self, priority: i32) -> Resources {
        let staying = self.held.iter().filter(|held| !held.yields_to(priority));
        let taken = staying.fold(self.used, |all, held| sum(all, held.requests));
        Resources {
            cpu: self.allocatable.cpu.saturating_sub(taken.cpu),
            memory: self.allocatable.memory.saturating_sub(taken.memory),
        }
    }

    fn keep_unless_needed(&mut self) {
        let grows = self.claims.iter().zip(&self.granted).filter(|(claim, granted)| **granted > claim.live);
        let needing = grows.map(|(claim, _)| claim.priority).max();
        for (claim, granted) in self.claims.iter().zip(&mut self.granted) {
            if needing.is_none_or(|priority| priority <= claim.priority) {
                *granted = (*granted).max(claim.live.min(claim.wanted));
            }
        }
    }
}

fn count_fitting(each: Resources, free: Resources) -> u32 {
    let by = |free: u64, each: u64| free.checked_div(each).map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX));
    by(free.cpu.0, each.cpu.0).min(by(free.memory.0, each.memory.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Bytes, Millicores};
    use proptest::prelude::*;

    fn cpu(millicores: u64) -> Resources {
        Resources { cpu: Millicores(millicores), memory: Bytes(0) }
    }

    fn claim(priority: i32, minimum: u32, live: u32, wanted: u32) -> Claim {
        Claim { priority, minimum, live, wanted, each: cpu(100) }
    }

    #[test]
    fn scarcity_goes_by_priority_after_every_minimum() {
        for (capacity, claims, granted) in [
            (1_000, vec![claim(0, 1, 0, 4), claim(0, 1, 0, 4)], vec![4, 4]),
            (600, vec![claim(0, 1, 0, 4), claim(9, 1, 0, 8)], vec![1, 5]),
            (600, vec![claim(0, 1, 0, 9), claim(0, 1, 0, 2)], vec![4, 2]),
            (600, vec![claim(0, 1, 5, 6), claim(0, 1, 1, 9)], vec![5, 1]),
            (600, vec![claim(0, 1, 5, 5), claim(1, 1, 1, 4)], vec![2, 4]),
            (200, vec![claim(0, 1, 3, 3)], vec![3]),
            (0, vec![claim(0, 1, 0, 3)], vec![0]),
        ] {
            assert_eq!(share(cpu(capacity), &[], &claims), granted, "{capacity} {claims:?}");
        }
    }

    #[test]
    fn room_held_by_a_lower_preemptible_task_counts_as_free() {
        let task = |priority, preemptible| Held { priority, preemptible, requests: cpu(500) };
        for (held, granted) in [(task(0, true), 5), (task(0, false), 1), (task(5, true), 1)] {
            assert_eq!(share(cpu(600), &[held], &[claim(5, 1, 0, 5)]), [granted], "{held:?}");
        }
    }

    proptest! {
        #[test]
        fn an_empty_node_is_never_overbooked_and_nobody_shrinks_but_for_a_higher_priority_that_grows(
            capacity in 0_u64..3_000, more in 0_u64..1_000,
            claims in prop::collection::vec((-1_i32..2, 0_u32..3, 0_u32..5, 0_u32..8, 0_u64..400), 1..6),
            tasks in prop::collection::vec((-1_i32..2, any::<bool>(), 0_u64..400), 0..4),
        ) {
            let claims: Vec<Claim> = claims.into_iter().map(|(priority, minimum, live, wanted, each)| {
                Claim { priority, minimum: minimum.min(wanted), live, wanted, each: cpu(each) }
            }).collect();
            let held: Vec<Held> = tasks.into_iter()
                .map(|(priority, preemptible, size)| Held { priority, preemptible, requests: cpu(size) }).collect();
            let fresh: Vec<Claim> = claims.iter().map(|claim| Claim { live: 0, ..*claim }).collect();
            let total: u64 = fresh.iter().zip(share(cpu(capacity), &held, &fresh))
                .map(|(claim, granted)| u64::from(granted) * claim.each.cpu.0).sum();
            prop_assert!(total <= capacity);
            let granted = share(cpu(capacity), &held, &claims);
            let grows = |than: i32| {
                claims.iter().zip(&granted).any(|(claim, granted)| claim.priority > than && *granted > claim.live)
            };
            for (claim, granted) in claims.iter().zip(&granted) {
                prop_assert!(*granted <= claim.wanted);
                prop_assert!(*granted >= claim.live.min(claim.wanted) || grows(claim.priority));
            }
            let alone = [claims[0]];
            prop_assert!(share(cpu(capacity), &[], &alone) <= share(cpu(capacity + more), &[], &alone));
        }
    }
}
