//! How fast a task runs: the speed of its node for its class, and the speed-up of its workers, as exact integers.
//!
//! Work is counted in milliseconds of one worker on the reference node, times a million, so that a run which was resized
//! ten times still ends in the millisecond in which one long run would have ended.
//!
//! # Source
//! G. Amdahl, "Validity of the single processor approach to achieving large scale computing capabilities", AFIPS 1967.

use plimsoll_model::cluster::{ElasticRange, SpeedUp};
use plimsoll_model::{Millis, Permille};

/// Speed of one worker on the reference node, in the unit of [`rate`].
pub const UNIT: u64 = 1_000_000;

/// Speed of `workers` workers in thousandths of one worker's; without a law every worker adds the same.
///
/// # Source
/// Amdahl's law with serial share s: n / (1 + (n - 1) s).
#[must_use]
pub fn speed_up(elastic: Option<&ElasticRange>, workers: u32) -> u64 {
    let workers = u64::from(workers.max(1));
    match elastic.map(|elastic| &elastic.speed_up) {
        None => 1_000 * workers,
        Some(SpeedUp::Amdahl { serial }) => {
            let serial = serial.get().min(1_000);
            1_000_000 * workers / (1_000 + (workers - 1) * serial)
        }
        Some(SpeedUp::Table { speeds }) => {
            let last = speeds.len().saturating_sub(1);
            speeds.get(((workers - 1) as usize).min(last)).copied().unwrap_or(1_000).max(1)
        }
    }
}

/// Work done per millisecond by a task at `speed_up` thousandths on a node of this speed.
#[must_use]
pub fn rate(node: Permille, speed_up: u64) -> u64 {
    node.get().max(1).saturating_mul(speed_up.max(1))
}

/// Work that takes `run` at `rate`.
#[must_use]
pub const fn work(run: Millis, rate: u64) -> u128 {
    run.get() as u128 * rate as u128
}

/// Time that `work` takes at `rate`, rounded up: a task that has any work left is not at its end.
#[must_use]
pub fn time(work: u128, rate: u64) -> Millis {
    Millis(u64::try_from(work.div_ceil(u128::from(rate.max(1)))).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amdahl(serial: u64) -> ElasticRange {
        ElasticRange { workers_min: 1, workers_max: 64, speed_up: SpeedUp::Amdahl { serial: Permille(serial) } }
    }

    #[test]
    fn amdahl_is_as_published_and_a_table_holds_its_last_value() {
        // One tenth serial: two workers 1 / (0.1 + 0.9 / 2) = 1.818, ten workers 5.263.
        assert_eq!([1, 2, 10].map(|n| speed_up(Some(&amdahl(100)), n)), [1_000, 1_818, 5_263]);
        let table = ElasticRange { speed_up: SpeedUp::Table { speeds: vec![1_000, 1_900, 2_500] }, ..amdahl(0) };
        assert_eq!([1, 3, 9].map(|n| speed_up(Some(&table), n)), [1_000, 2_500, 2_500]);
        assert_eq!(speed_up(None, 3), 3_000);
    }

    proptest! {
        #[test]
        fn time_undoes_work(run in 0_u64..1_000_000_000, rate in 1_u64..1_000_000_000) {
            prop_assert_eq!(time(work(Millis(run), rate), rate), Millis(run));
        }

        #[test]
        fn a_run_in_pieces_ends_when_one_piece_would(run in 1_u64..1_000_000, cut in 0_u64..1_000_000, rate in 1_u64..5_000_000) {
            let cut = cut.min(run);
            let left = work(Millis(run), rate) - work(Millis(cut), rate);
            prop_assert_eq!(time(left, rate), Millis(run - cut));
        }

        #[test]
        fn more_workers_are_never_slower(serial in 0_u64..=1_000, workers in 1_u32..1_000) {
            let elastic = amdahl(serial);
            prop_assert!(speed_up(Some(&elastic), workers) <= speed_up(Some(&elastic), workers + 1));
        }
    }
}
