//! When a size in force is worth changing, and how many replicas may be replaced for it at once.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7, `updater/priority/update_priority_calculator`, `updater/restriction`.

use plimsoll_model::quantity::{Millis, Permille};
use plimsoll_model::scaling::vertical::{Recommendation, ResizeReason, SizedResource, VerticalSpec};
use plimsoll_model::spec::Resources;

/// A replica that ran out of memory sooner than this after its start (trace time) gives cause by itself: 10 min.
pub const QUICK: Millis = Millis(600_000);
/// Services with fewer replicas than this have none replaced.
const REPLICAS_MIN: u32 = 2;
/// At most one in so many is away at once.
const REPLACED_PER: u32 = 2;

/// Why `size` should become the recommended one; none where it may stay. `age` is how long it has been in force, `ran` how
/// long a replica ran that ran out of memory since the last look.
#[must_use]
pub fn cause(
    spec: &VerticalSpec,
    size: Resources,
    recommended: &Recommendation,
    age: Millis,
    ran: Option<Millis>,
) -> Option<ResizeReason> {
    let change = change(size, recommended.target);
    if change == Permille::ZERO {
        return None;
    }
    let outside = |size: u64, lower: u64, upper: u64| size < lower || size > upper;
    let (lower, upper) = (recommended.lower, recommended.upper);
    if outside(size.cpu.0, lower.cpu.0, upper.cpu.0) {
        return Some(ResizeReason::OutsideRange { resource: SizedResource::Cpu });
    }
    if outside(size.memory.0, lower.memory.0, upper.memory.0) {
        return Some(ResizeReason::OutsideRange { resource: SizedResource::Memory });
    }
    if let Some(ran) = ran.filter(|ran| *ran < QUICK) {
        return Some(ResizeReason::QuickOutOfMemory { ran });
    }
    (age > spec.age_min && change > spec.change_min).then_some(ResizeReason::Drift { change, age })
}

/// Sum over both resources of |target − size| / size.
#[must_use]
pub fn change(size: Resources, target: Resources) -> Permille {
    let part = |size: u64, target: u64| u128::from(size.abs_diff(target)) * 1_000 / u128::from(size.max(1));
    let sum = part(size.cpu.0, target.cpu.0) + part(size.memory.0, target.memory.0);
    // A change too small for a thousandth is still one.
    let rounded = if sum == 0 && size != target { 1 } else { sum };
    Permille(u64::try_from(rounded).unwrap_or(u64::MAX))
}

/// Replicas that may be replaced now, of `wanted` replicas with `ready` ready ones.
#[must_use]
pub const fn replaceable(wanted: u32, ready: u32) -> u32 {
    if wanted < REPLICAS_MIN {
        return 0;
    }
    (ready + wanted / REPLACED_PER).saturating_sub(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::{Bytes, Millicores};

    fn size(cpu: u64, memory: u64) -> Resources {
        Resources { cpu: Millicores(cpu), memory: Bytes(memory) }
    }

    const HOUR: Millis = Millis(3_600_000);

    fn recommended() -> Recommendation {
        Recommendation {
            target: size(200, 2_000),
            lower: size(100, 1_000),
            upper: size(400, 4_000),
            confidence_millionths: 1,
        }
    }

    fn cause_of(size: Resources, age: Millis, ran: Option<Millis>) -> Option<ResizeReason> {
        cause(&VerticalSpec::default(), size, &recommended(), age, ran)
    }

    #[test]
    fn a_size_outside_the_range_is_changed_at_once() {
        for (outside, resource) in [
            (size(99, 2_000), SizedResource::Cpu),
            (size(401, 2_000), SizedResource::Cpu),
            (size(200, 999), SizedResource::Memory),
            (size(200, 4_001), SizedResource::Memory),
        ] {
            assert_eq!(cause_of(outside, Millis(0), None), Some(ResizeReason::OutsideRange { resource }));
        }
        for inside in [size(100, 1_000), size(400, 4_000)] {
            assert_eq!(cause_of(inside, Millis(0), None), None, "the bounds are inside");
        }
    }

    #[test]
    fn running_out_of_memory_within_ten_minutes_changes_it_at_once() {
        let just_under = Millis(QUICK.0 - 1);
        let quick = ResizeReason::QuickOutOfMemory { ran: just_under };
        assert_eq!(cause_of(size(200, 1_500), Millis(0), Some(just_under)), Some(quick));
        assert_eq!(cause_of(size(200, 1_500), Millis(0), Some(QUICK)), None);
        assert_eq!(cause_of(size(200, 2_000), Millis(0), Some(just_under)), None, "nothing would change");
    }

    #[test]
    fn otherwise_it_is_changed_after_twelve_hours_by_more_than_a_tenth() {
        let late = Millis(12 * HOUR.0 + 1);
        assert_eq!(cause_of(size(250, 2_000), Millis(12 * HOUR.0), None), None, "not over twelve hours old");
        let drift = ResizeReason::Drift { change: Permille(200), age: late };
        assert_eq!(cause_of(size(250, 2_000), late, None), Some(drift));
        assert_eq!(cause_of(size(220, 2_000), late, None), None, "9 %");
        let both = ResizeReason::Drift { change: Permille(180), age: late };
        assert_eq!(cause_of(size(220, 2_200), late, None), Some(both), "9 % of each add up");
    }

    #[test]
    fn fewer_than_two_replicas_are_never_replaced_and_at_most_half_are_away() {
        for (wanted, ready, replaced) in
            [(0, 0, 0), (1, 1, 0), (2, 2, 1), (2, 1, 0), (3, 3, 1), (10, 10, 5), (10, 6, 1), (10, 5, 0), (10, 12, 7)]
        {
            assert_eq!(replaceable(wanted, ready), replaced, "{wanted} {ready}");
        }
    }
}
