//! Elastic tasks: how many workers each gets, by what the next worker is worth.
//!
//! A task states the fewest and most workers and how much faster more are. Free room goes, one worker at a time, to the
//! task whose speed gains most by it (water-filling on marginal gains): for speed-ups that flatten, as all real ones do,
//! that maximises the sum of speeds. Room is taken back from where it loses least. Ties go to the lower id.
//!
//! Nothing here knows nodes: the caller says whether a worker fits.
//!
//! # Source
//! Qiao et al., "Pollux", OSDI 2021 (goodput as the objective); Fox, "Discrete optimization via marginal analysis",
//! Management Science 13(3), 1966 (the greedy choice is optimal for concave gains).

mod speed;

pub use speed::{SpeedError, Speeds};

/// How elastic tasks grow and shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ElasticPolicy {
    /// Not at all: each runs with its fewest workers.
    #[default]
    Fixed,
    /// They grow into room that nobody waits for, and shrink to their fewest when somebody does.
    Marginal,
}

/// The next to grow: index of the claim with the largest gain among those that `may` grow; the first among equals.
pub fn next_to_grow(claims: &[(u32, &Speeds)], mut may: impl FnMut(usize) -> bool) -> Option<(usize, u64)> {
    let gains = claims.iter().enumerate().filter_map(|(index, (workers, speeds))| {
        let gain = speeds.gain(*workers)?;
        (gain > 0 && may(index)).then_some((index, gain))
    });
    gains.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// The next to shrink: index of the claim that loses least, above its fewest; the last among equals.
pub fn next_to_shrink(claims: &[(u32, &Speeds)], mut may: impl FnMut(usize) -> bool) -> Option<(usize, u64)> {
    let losses = claims.iter().enumerate().filter_map(|(index, (workers, speeds))| {
        let loss = speeds.loss(*workers)?;
        may(index).then_some((index, loss))
    });
    losses.min_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::{ElasticRange, SpeedUp};
    use plimsoll_model::quantity::Permille;
    use proptest::prelude::*;

    fn amdahl(min: u32, max: u32, serial: u64) -> Speeds {
        let speed_up = SpeedUp::Amdahl { serial: Permille(serial) };
        Speeds::new(&ElasticRange { workers_min: min, workers_max: max, speed_up }).unwrap()
    }

    /// Gives out `room` workers and says who has how many.
    fn fill(speeds: &[Speeds], room: u32) -> Vec<u32> {
        let mut workers: Vec<u32> = speeds.iter().map(Speeds::min).collect();
        for _ in workers.iter().sum::<u32>()..room {
            let claims: Vec<_> = workers.iter().copied().zip(speeds).collect();
            let Some((index, _)) = next_to_grow(&claims, |_| true) else { break };
            workers[index] += 1;
        }
        workers
    }

    #[test]
    fn the_more_parallel_task_gets_more_and_equals_share_alike() {
        assert_eq!(fill(&[amdahl(1, 99, 500), amdahl(1, 99, 10)], 12), [1, 11]);
        assert_eq!(fill(&[amdahl(1, 99, 100), amdahl(1, 99, 100)], 9), [5, 4]);
        assert_eq!(fill(&[amdahl(1, 3, 0), amdahl(1, 2, 0)], 99), [3, 2]);
    }

    #[test]
    fn what_is_taken_back_is_what_was_worth_least() {
        let speeds = [amdahl(1, 9, 500), amdahl(1, 9, 10)];
        let claims = [(4, &speeds[0]), (4, &speeds[1])];
        assert_eq!(next_to_shrink(&claims, |_| true).unwrap().0, 0);
        assert_eq!(next_to_shrink(&[(1, &speeds[0])], |_| true), None, "never below the fewest");
    }

    proptest! {
        #[test]
        fn greedy_filling_is_as_good_as_any_other_division_of_two(
            serial in (1_u64..900, 1_u64..900), room in 2_u32..20,
        ) {
            let speeds = [amdahl(1, 32, serial.0), amdahl(1, 32, serial.1)];
            let total = |workers: &[u32]| speeds.iter().zip(workers).map(|(s, w)| s.speed(*w)).sum::<u64>();
            let greedy = total(&fill(&speeds, room));
            for first in 1..room {
                // Speeds are whole thousandths, so a rounding of one each is no loss.
                prop_assert!(total(&[first, room - first]) <= greedy + 2);
            }
        }
    }
}
