//! A pool of workers over a queue: the fewest replicas that finish what waits in time.
//!
//! The work is the same whoever does it, so its price is too; what each further replica adds is its start-up time, which
//! is paid and does no work. Fewest is therefore cheapest. Replicas that are ready work from now on, a new one only after
//! its start-up time.

use crate::inputs::{Inputs, Reading};
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{BacklogReason, BacklogSpec};
use plimsoll_model::{QueueObservation, Term};

/// The vote of the queue.
pub(crate) fn vote(spec: &BacklogSpec, inputs: &Inputs<'_>) -> Term {
    let no_data =
        |age_ms| Term { replicas: inputs.base(), basis: Basis::NoData { metric: "backlog".to_owned(), age_ms } };
    let queue = match inputs.queue {
        Reading::Fresh(queue) => queue,
        Reading::Stale { age_ms, .. } => return no_data(Some(age_ms)),
        Reading::Absent => return no_data(None),
    };
    let Some(work) = work(spec, &queue) else { return no_data(None) };
    let due = due(spec, &queue, inputs);
    let (replicas, late) = fewest(spec, &queue, (work, due), inputs);
    let reason = BacklogReason {
        waiting: queue.waiting,
        work,
        concurrency: spec.concurrency,
        due,
        ready: inputs.ready,
        startup: inputs.startup,
        late,
    };
    Term { replicas, basis: Basis::Backlog(Box::new(reason)) }
}

/// What remains, as the queue says or by the items that wait; none where neither is known.
fn work(spec: &BacklogSpec, queue: &QueueObservation) -> Option<Millis> {
    let by_items = || spec.item.map(|item| Millis(item.0.saturating_mul(queue.waiting)));
    if queue.waiting == 0 && queue.remaining_work_ms.is_none() {
        return Some(Millis(0));
    }
    queue.remaining_work_ms.map(Millis).or_else(by_items)
}

/// When the oldest item, or the whole, has to be done; with neither named, one start-up time and one tick from now.
fn due(spec: &BacklogSpec, queue: &QueueObservation, inputs: &Inputs<'_>) -> Timestamp {
    let oldest = spec.within.map(|within| inputs.at.plus(within.saturating_sub(Millis(queue.oldest_ms))));
    let named = oldest.into_iter().chain(spec.deadline).min();
    named.unwrap_or_else(|| inputs.at.plus(inputs.startup).plus(inputs.tick))
}

/// Fewest replicas that do `work` until `due`, and whether even they are too late: then as many as would do it within
/// one tick of being ready. Never more than there are items to work on.
fn fewest(
    spec: &BacklogSpec,
    queue: &QueueObservation,
    (work, due): (Millis, Timestamp),
    inputs: &Inputs<'_>,
) -> (u32, bool) {
    let each = u128::from(spec.concurrency.max(1));
    let tick = inputs.tick.0.max(1);
    let left = due.since(inputs.at).0;
    let (left_ready, left_new) = (u128::from(left.max(tick)), u128::from(left.saturating_sub(inputs.startup.0)));
    let (work, ready) = (u128::from(work.0), u128::from(inputs.ready));
    let by_ready = ready.saturating_mul(left_ready).saturating_mul(each);
    let (replicas, late) = if work <= by_ready {
        (work.div_ceil(left_ready.saturating_mul(each)), u128::from(left) < left_ready && work > 0)
    } else {
        let new = (work - by_ready).div_ceil(left_new.max(u128::from(tick)).saturating_mul(each));
        (ready + new, left_new < u128::from(tick))
    };
    let useful = u128::from(queue.waiting).div_ceil(each).max(u128::from(work > 0));
    (u32::try_from(replicas.min(useful)).unwrap_or(u32::MAX), late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::Permille;
    use plimsoll_model::scaling::{GuardSpec, ScalingSpec};
    use proptest::prelude::*;

    fn scaling() -> ScalingSpec {
        ScalingSpec {
            policies: vec![],
            capacity: None,
            tolerance: Permille(0),
            stabilization_up: Millis(0),
            stabilization_down: Millis(0),
            step_up_max: 1,
            step_down_max: 1,
            period: Millis(1),
            reserve: 0,
            reserve_share: Permille(0),
            reserve_burst: None,
            forecast: None,
            guard: GuardSpec::default(),
            vertical: None,
        }
    }

    fn asked(waiting: u64, left: u64, ready: u32, startup: u64) -> (u32, bool) {
        let (scaling, spec) = (
            scaling(),
            BacklogSpec {
                within: None,
                deadline: Some(Timestamp(i64::try_from(left).unwrap())),
                item: Some(Millis(60_000)),
                concurrency: 2,
            },
        );
        let queue = QueueObservation { waiting, ..QueueObservation::default() };
        let inputs = Inputs { ready, startup: Millis(startup), queue: Reading::Fresh(queue), ..Inputs::of(&scaling) };
        let term = vote(&spec, &inputs);
        let Basis::Backlog(reason) = term.basis else { panic!("{term}") };
        (term.replicas, reason.late)
    }

    #[test]
    fn the_fewest_that_are_done_in_time() {
        assert_eq!(asked(0, 600_000, 4, 60_000), (0, false), "nothing waits");
        assert_eq!(asked(100, 3_000_000, 1, 0), (1, false), "100 minutes of work, two at a time, 50 minutes left");
        assert_eq!(asked(100, 600_000, 5, 60_000), (5, false));
        assert_eq!(asked(100, 600_000, 0, 60_000), (6, false), "a new one has nine minutes");
        assert_eq!(asked(100, 600_000, 4, 60_000), (6, false), "20 minutes remain: two new ones do 36");
        assert_eq!(asked(100, 30_000, 0, 60_000), (50, true), "too late: as many as there is work for");
    }

    proptest! {
        #[test]
        fn enough_and_not_one_more(waiting in 1_u64..500, left in 20_000_u64..9_000_000, ready in 0_u32..30) {
            let startup = 10_000_u64;
            prop_assume!(left > startup + 15_000);
            let (replicas, late) = asked(waiting, left, ready, startup);
            prop_assert!(!late);
            let done = |replicas: u64| {
                let old = replicas.min(u64::from(ready));
                2 * (old * left + (replicas - old) * (left - startup))
            };
            let useful = waiting.div_ceil(2);
            prop_assert!(done(u64::from(replicas)) >= waiting * 60_000 || u64::from(replicas) == useful);
            prop_assert!(replicas == 0 || done(u64::from(replicas) - 1) < waiting * 60_000);
            prop_assert!(replicas <= asked(waiting + 1, left, ready, startup).0, "more work never asks for fewer");
        }
    }
}
