//! How many of the replicas that services want each of them gets when not all fit.
//!
//! By priority, in two rounds: first every service's guarantee, then the rest of what it wants. Within one priority what is
//! left goes by weighted dominant-resource fairness: the next replica to whoever has the smallest share, per weight, of the
//! resource that it has the largest share of. A service above its share gives replicas that run to one below; at equal
//! shares what runs stays. Nobody loses a running replica because the node's capacity was reported smaller: shrinking is
//! the operator's decision, not a reading's.
//!
//! # Source
//! Ghodsi et al., "Dominant resource fairness", NSDI 2011; the water-filling is [`crate::fair`]'s.

use crate::fair::{Held as Amounts, Pourer, RESOURCES, fill};
use crate::ledger::{fits, sum, times};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, Millicores};

/// What one service wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Higher goes first.
    pub priority: i32,
    /// Its part among those of its priority; 0 counts as 1.
    pub weight: u32,
    /// Replicas it must have before anybody of its priority or below gets more than a guarantee.
    pub guaranteed: u32,
    /// Replicas it has.
    pub live: u32,
    /// Replicas it wants.
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
    if is_plenty(allocatable, held, claims) {
        return claims.iter().map(|claim| claim.wanted).collect();
    }
    pour(allocatable, held, claims)
}

/// [`share`] where it may have to be decided who goes short.
fn pour(allocatable: Resources, held: &[Held], claims: &[Claim]) -> Vec<u32> {
    let mut round = Round { allocatable, held, claims, used: Resources::default(), granted: vec![0; claims.len()] };
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(claims[*index].priority));
    let levels = || order.chunk_by(|a, b| claims[*a].priority == claims[*b].priority);
    for level in levels() {
        round.level(level, |claim| claim.guaranteed.min(claim.wanted));
    }
    for level in levels() {
        round.level(level, |claim| claim.wanted);
    }
    round.keep_unless_needed();
    round.granted
}

/// Whether everybody may have all it wants beside everything held: then there is nothing to share, and most of the time
/// there is not.
fn is_plenty(allocatable: Resources, held: &[Held], claims: &[Claim]) -> bool {
    let held = held.iter().fold(Resources::default(), |all, held| sum(all, held.requests));
    let all = claims.iter().fold(held, |all, claim| sum(all, times(claim.each, claim.wanted)));
    all.cpu < Millicores(u64::MAX) && all.memory < Bytes(u64::MAX) && fits(all, allocatable)
}

/// The largest share that `held` is of any resource of `allocatable`, thousandths.
#[must_use]
pub fn dominant_share(allocatable: Resources, held: Resources) -> u64 {
    let of = |part: u64, whole: u64| u128::from(part) * 1_000 / u128::from(whole.max(1));
    let share = of(held.cpu.0, allocatable.cpu.0).max(of(held.memory.0, allocatable.memory.0));
    u64::try_from(share).unwrap_or(u64::MAX)
}

struct Round<'a> {
    allocatable: Resources,
    held: &'a [Held],
    claims: &'a [Claim],
    used: Resources,
    granted: Vec<u32>,
}

impl Round<'_> {
    /// Raises the grants of one priority to at most `most`, as far as there is room.
    fn level(&mut self, level: &[usize], most: fn(&Claim) -> u32) {
        let Some(first) = level.first() else { return };
        let pourer = |index: &usize| {
            let claim = &self.claims[*index];
            Pourer {
                each: amounts(claim.each),
                weight: claim.weight,
                tasks: u64::from(self.granted[*index]),
                most: u64::from(most(claim)),
                stays: u64::from(claim.live),
            }
        };
        let mut pourers: Vec<Pourer> = level.iter().map(pourer).collect();
        let mut free = amounts(self.free(self.claims[*first].priority));
        fill(&amounts(self.allocatable), &mut free, &mut pourers);
        for (index, pourer) in level.iter().zip(pourers) {
            let granted = u32::try_from(pourer.tasks).unwrap_or(u32::MAX);
            self.used = sum(self.used, times(self.claims[*index].each, granted - self.granted[*index]));
            self.granted[*index] = granted;
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

    /// Gives back running replicas that nobody of the same or a higher priority grows into.
    fn keep_unless_needed(&mut self) {
        let grows = self.claims.iter().zip(&self.granted).filter(|(claim, granted)| **granted > claim.live);
        let needing = grows.map(|(claim, _)| claim.priority).max();
        for (claim, granted) in self.claims.iter().zip(&mut self.granted) {
            if needing.is_none_or(|priority| priority < claim.priority) {
                *granted = (*granted).max(claim.live.min(claim.wanted));
            }
        }
    }
}

fn amounts(resources: Resources) -> Amounts {
    let mut amounts = [0; RESOURCES];
    (amounts[0], amounts[1]) = (resources.cpu.0, resources.memory.0);
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cpu(millicores: u64) -> Resources {
        Resources { cpu: Millicores(millicores), memory: Bytes(0) }
    }

    fn claim(priority: i32, guaranteed: u32, live: u32, wanted: u32) -> Claim {
        Claim { priority, weight: 1, guaranteed, live, wanted, each: cpu(100) }
    }

    #[test]
    fn scarcity_goes_by_priority_after_every_guarantee() {
        for (capacity, claims, granted) in [
            (1_000, vec![claim(0, 1, 0, 4), claim(0, 1, 0, 4)], vec![4, 4]),
            (600, vec![claim(0, 1, 0, 4), claim(9, 1, 0, 8)], vec![1, 5]),
            (600, vec![claim(0, 1, 0, 9), claim(0, 1, 0, 2)], vec![4, 2]),
            (600, vec![claim(0, 4, 0, 9), claim(0, 1, 0, 9)], vec![4, 2]),
            (600, vec![claim(0, 1, 5, 6), claim(0, 1, 1, 9)], vec![3, 3]),
            (600, vec![claim(0, 1, 5, 5), claim(1, 1, 1, 4)], vec![2, 4]),
            (200, vec![claim(0, 1, 3, 3)], vec![3]),
            (200, vec![claim(0, 1, 3, 3), claim(0, 1, 2, 3)], vec![3, 2]),
            (0, vec![claim(0, 1, 0, 3)], vec![0]),
        ] {
            assert_eq!(share(cpu(capacity), &[], &claims), granted, "{capacity} {claims:?}");
        }
    }

    #[test]
    fn a_weight_of_two_is_twice_the_share_of_what_is_scarce_for_it() {
        let heavy = Claim { weight: 2, ..claim(0, 0, 0, 9) };
        assert_eq!(share(cpu(900), &[], &[heavy, claim(0, 0, 0, 9)]), [6, 3]);
    }

    #[test]
    fn the_share_that_counts_is_that_of_the_resource_one_has_most_of() {
        // The paper's example: nine cores and eighteen gigabytes give three and two at two thirds each.
        let each = |cpu, memory| Resources { cpu: Millicores(cpu), memory: Bytes(memory) };
        let claims =
            [Claim { each: each(1, 4), ..claim(0, 0, 0, 99) }, Claim { each: each(3, 1), ..claim(0, 0, 0, 99) }];
        assert_eq!(share(each(9, 18), &[], &claims), [3, 2]);
        assert_eq!(dominant_share(each(9, 18), each(3, 12)), 666);
    }

    #[test]
    fn at_equal_shares_what_runs_stays() {
        assert_eq!(share(cpu(500), &[], &[claim(0, 0, 2, 5), claim(0, 0, 3, 5)]), [2, 3]);
        assert_eq!(share(cpu(500), &[], &[claim(0, 0, 3, 5), claim(0, 0, 2, 5)]), [3, 2]);
    }

    #[test]
    fn a_replica_that_reserves_nothing_is_never_short() {
        assert_eq!(share(cpu(0), &[], &[Claim { each: cpu(0), ..claim(0, 1, 0, 7) }]), [7]);
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
        fn an_empty_node_is_never_overbooked_and_nobody_shrinks_but_for_one_of_its_priority_or_above_that_grows(
            capacity in 0_u64..3_000, more in 0_u64..1_000,
            claims in prop::collection::vec((-1_i32..2, 0_u32..3, 0_u32..5, 0_u32..8, 0_u64..400, 0_u32..4), 1..6),
            tasks in prop::collection::vec((-1_i32..2, any::<bool>(), 0_u64..400), 0..4),
        ) {
            let claims: Vec<Claim> = claims.into_iter().map(|(priority, guaranteed, live, wanted, each, weight)| {
                Claim { priority, weight, guaranteed, live, wanted, each: cpu(each) }
            }).collect();
            let held: Vec<Held> = tasks.into_iter()
                .map(|(priority, preemptible, size)| Held { priority, preemptible, requests: cpu(size) }).collect();
            let fresh: Vec<Claim> = claims.iter().map(|claim| Claim { live: 0, ..*claim }).collect();
            let total: u64 = fresh.iter().zip(share(cpu(capacity), &held, &fresh))
                .map(|(claim, granted)| u64::from(granted) * claim.each.cpu.0).sum();
            prop_assert!(total <= capacity);
            let granted = share(cpu(capacity), &held, &claims);
            prop_assert_eq!(&granted, &pour(cpu(capacity), &held, &claims), "plenty is seen, not decided");
            let grows = |than: i32| {
                claims.iter().zip(&granted).any(|(claim, granted)| claim.priority >= than && *granted > claim.live)
            };
            for (claim, granted) in claims.iter().zip(&granted) {
                prop_assert!(*granted <= claim.wanted);
                prop_assert!(*granted >= claim.live.min(claim.wanted) || grows(claim.priority));
            }
            let alone = [claims[0]];
            prop_assert!(share(cpu(capacity), &[], &alone) <= share(cpu(capacity + more), &[], &alone));
        }

        #[test]
        fn nobody_gets_beyond_its_guarantee_what_one_with_a_smaller_share_per_weight_could_have_used(
            capacity in 0_u64..40, claims in prop::collection::vec((0_u32..4, 0_u32..12, 1_u32..5), 1..6),
        ) {
            let claims: Vec<Claim> = claims.into_iter()
                .map(|(guaranteed, wanted, weight)| Claim { weight, ..claim(0, guaranteed, 0, wanted) }).collect();
            let granted = share(cpu(capacity * 100), &[], &claims);
            for (rich, has) in claims.iter().zip(&granted).filter(|(claim, granted)| **granted > claim.guaranteed) {
                for (poor, got) in claims.iter().zip(&granted).filter(|(claim, granted)| **granted < claim.wanted) {
                    prop_assert!((has - 1) * poor.weight <= got * rich.weight, "{granted:?}");
                }
            }
        }
    }
}
