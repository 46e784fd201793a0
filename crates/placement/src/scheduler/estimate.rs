//! How long a task is expected to run: what its submitter says, or less where history knows better.
//!
//! People ask for far more time than they use. The mean of the last two run times of the same user is a better guess
//! than any request (Tsafrir et al.), and the same user's tasks of the same size and request are better still. Only
//! finished tasks are looked at. A prediction never exceeds the request, and it may be mixed with it.
//!
//! A prediction that turns out too low is raised in steps while the task runs, up to the request, as in EASY++.
//!
//! # Source
//! Tsafrir, Etsion, Feitelson, "Backfilling using system-generated predictions rather than user runtime estimates", IEEE
//! TPDS 18(6), 2007.

use crate::fair::Holder;
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use std::collections::BTreeMap;

/// Where expected run times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Estimates {
    /// The request as it stands.
    #[default]
    Requested,
    /// From the history of the user.
    History {
        /// Look first at tasks of the same user with the same size and request; then at the user's.
        similar: bool,
        /// Part of the request in the mix, in thousandths.
        request: Permille,
        /// Believe it also for reservations; otherwise only the order of the queue does.
        reservations: bool,
    },
}

impl Estimates {
    /// Whether reservations rest on predictions.
    #[must_use]
    pub const fn rules_reservations(&self) -> bool {
        matches!(self, Self::History { reservations: true, .. })
    }
}

/// The last two run times, the newest first.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    last: u64,
    before: u64,
    count: u32,
}

impl Recent {
    fn learn(&mut self, run: u64) {
        *self = Self { last: run, before: self.last, count: self.count.saturating_add(1) };
    }

    /// The mean of two.
    const fn of_two(self) -> Option<u64> {
        if self.count >= 2 { Some((self.last.saturating_add(self.before)) / 2) } else { None }
    }

    /// The mean of two, or the only one.
    const fn of_one_or_two(self) -> Option<u64> {
        if self.count == 1 { Some(self.last) } else { self.of_two() }
    }
}

/// Run times of finished tasks, by user.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    users: BTreeMap<Holder, Recent>,
    similar: BTreeMap<(Holder, u64, Millis), Recent>,
}

impl History {
    /// Takes note of a finished task: its user, its size, what it asked for, and how long it ran.
    pub(super) fn learn(&mut self, user: Holder, size: u64, request: Millis, run: Millis) {
        self.users.entry(user).or_default().learn(run.0);
        self.similar.entry((user, size, request)).or_default().learn(run.0);
    }

    /// The expected run time of a task of `user`; none is a task whose user is not known.
    pub(super) fn predict(&self, estimates: &Estimates, user: Option<Holder>, size: u64, request: Millis) -> Millis {
        let Estimates::History { similar, request: part, .. } = estimates else { return request };
        let Some(user) = user else { return request };
        let of_user = || self.users.get(&user).and_then(|recent| recent.of_two());
        let of_similar = || self.similar.get(&(user, size, request)).and_then(|recent| recent.of_one_or_two());
        let known = if *similar { of_similar().or_else(of_user) } else { of_user() };
        let Some(known) = known else { return request };
        let part = u128::from(part.0.min(1_000));
        let mixed = (u128::from(known) * (1_000 - part) + u128::from(request.0) * part) / 1_000;
        Millis(u64::try_from(mixed).unwrap_or(u64::MAX).max(1)).min(request)
    }
}

/// Steps by which an end that has passed is put off, in seconds.
const STEPS: [u64; 11] = [60, 300, 900, 1_800, 3_600, 7_200, 18_000, 36_000, 72_000, 180_000, 360_000];

/// The next expected end of a task whose expected end has passed: one step later than the last until it lies ahead, not
/// past what it asked for unless that has passed too. `step` counts the steps taken.
pub(super) fn put_off(expected: Timestamp, requested: Timestamp, step: &mut u8, at: Timestamp) -> Timestamp {
    let mut end = expected;
    while end <= at {
        let seconds = STEPS.get(usize::from(*step)).or(STEPS.last()).copied().unwrap_or(1);
        *step = step.saturating_add(1);
        end = end.plus(Millis(seconds * 1_000));
    }
    if requested > at { end.min(requested) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Option<Holder> = Some(Holder(1));

    fn history(similar: bool, request: u64) -> Estimates {
        Estimates::History { similar, request: Permille(request), reservations: true }
    }

    #[test]
    fn the_last_two_runs_of_the_user_count_and_never_more_than_the_request() {
        let mut seen = History::default();
        let guess = |seen: &History, how: Estimates, request| seen.predict(&how, USER, 4, Millis(request)).0;
        assert_eq!(guess(&seen, history(false, 0), 900), 900);
        seen.learn(Holder(1), 8, Millis(500), Millis(100));
        assert_eq!(guess(&seen, history(false, 0), 900), 900, "one run is no history");
        seen.learn(Holder(1), 8, Millis(500), Millis(300));
        assert_eq!(guess(&seen, history(false, 0), 900), 200);
        assert_eq!(guess(&seen, history(false, 250), 900), 375);
        assert_eq!(guess(&seen, history(false, 0), 150), 150);
        seen.learn(Holder(1), 4, Millis(900), Millis(50));
        assert_eq!(guess(&seen, history(true, 0), 900), 50, "one of the same kind is enough");
        assert_eq!(seen.predict(&history(true, 0), None, 4, Millis(900)), Millis(900));
    }

    #[test]
    fn an_end_that_passed_is_put_off_by_growing_steps_up_to_the_request() {
        let mut step = 0;
        let end = put_off(Timestamp(0), Timestamp(1_000_000), &mut step, Timestamp(10_000));
        assert_eq!((end, step), (Timestamp(60_000), 1));
        let end = put_off(end, Timestamp(1_000_000), &mut step, Timestamp(370_000));
        assert_eq!((end, step), (Timestamp(1_000_000), 3), "60 + 300 + 900 s, and the request comes first");
        let end = put_off(end, Timestamp(1_000_000), &mut step, Timestamp(1_000_000));
        assert_eq!((end, step), (Timestamp(2_800_000), 4));
    }
}
