//! Tasks that are not there yet: how many of the usual size a forecast of the demand stands for.
//!
//! A forecast says how much of each resource will be wanted, and nodes are bought for tasks. So what is foreseen beyond what
//! is wanted now is cut into tasks of the size that came lately. It is rounded up, and the resource that needs most of them
//! decides: what was foreseen in any resource has room.

use super::types::{Amounts, Waiting};

/// Weight⁻¹ of a task that comes in the usual size: about the last sixteen.
const WEIGHT: u64 = 16;
/// Most tasks that one forecast stands for.
const TASKS_MAX: u64 = 1_000_000;

/// The usual size after one more task came.
#[must_use]
pub fn typical(before: Option<Amounts>, task: &Amounts) -> Amounts {
    let Some(before) = before else { return *task };
    let next = |before: u64, new: u64| {
        let (before, new, weight) = (u128::from(before), u128::from(new), u128::from(WEIGHT));
        u64::try_from((before * (weight - 1) + new).div_ceil(weight)).unwrap_or(u64::MAX)
    };
    std::array::from_fn(|resource| next(before[resource], task[resource]))
}

/// Tasks of the `typical` size that have to be expected when `then` will be wanted and `now` is; none where it is no more.
#[must_use]
pub fn foreseen(now: &Amounts, then: &Amounts, typical: &Amounts) -> Option<Waiting> {
    let tasks = |resource: usize| {
        let more = then[resource].saturating_sub(now[resource]);
        if typical[resource] == 0 { 0 } else { more.div_ceil(typical[resource]) }
    };
    let most = (0..typical.len()).map(tasks).max().unwrap_or(0).min(TASKS_MAX);
    let count = u32::try_from(most).unwrap_or(u32::MAX);
    (count > 0).then_some(Waiting { demand: *typical, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_foreseen_beyond_now_is_cut_into_usual_tasks_rounded_up() {
        let typical = [2_000, 4, 0, 0, 0];
        let count = |then: Amounts| foreseen(&[1_000, 10, 0, 0, 0], &then, &typical).map(|found| found.count);
        assert_eq!(count([1_000, 10, 0, 0, 0]), None);
        assert_eq!(count([900, 2, 0, 0, 0]), None, "less is no reason to buy");
        assert_eq!(count([5_001, 10, 0, 0, 0]), Some(3));
        assert_eq!(count([3_000, 30, 9, 9, 9]), Some(5), "memory decides; what no task asks for does not");
    }

    #[test]
    fn the_usual_size_follows_what_comes() {
        assert_eq!(typical(None, &[4, 0, 0, 0, 0]), [4, 0, 0, 0, 0]);
        let mut size = [1_000, 0, 0, 0, 0];
        for _ in 0..200 {
            size = typical(Some(size), &[4_000, 0, 0, 0, 0]);
        }
        assert!((3_900..=4_000).contains(&size[0]), "{size:?}");
        assert_eq!(typical(Some([u64::MAX; 5]), &[u64::MAX; 5]), [u64::MAX; 5]);
    }
}
