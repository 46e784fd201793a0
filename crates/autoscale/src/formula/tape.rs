//! What a formula would have done on a load, at a fraction of the work of a backtest: what is learnt of a load does not depend on
//! what is decided, so it is worked out once and kept, and formulas are then tried on it by the thousand.
//!
//! A rehearsal has what a backtest's plant has (figures that are late, replicas that take a while, stopping those first that are
//! not ready) and the floor of what is needed now, and leaves out all that an installation may add: other policies, windows,
//! steps, guards. It is for a search; who judges runs the controller.

use super::{FORMULA_INPUTS, Formula, FormulaSource, FormulaState};
use crate::inputs::{Inputs, Reading};
use plimsoll_model::Term;
use plimsoll_model::quantity::{MilliRps, Millis, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{FormulaSpec, ScalingSpec};
use std::collections::VecDeque;

/// What is known at one decision, in the order of [`FORMULA_INPUTS`].
type Known = [i64; FORMULA_INPUTS.len()];

/// On what terms a load is rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Time from one decision to the next.
    pub tick: Millis,
    /// How old figures are.
    pub age: Millis,
    /// Time from start to ready.
    pub startup: Millis,
    /// What one replica takes when it is as busy as it should be; not zero.
    pub per_replica: MilliRps,
    /// Fewest and most replicas.
    pub bounds: (u32, u32),
}

/// What was learnt of a load, decision by decision.
#[derive(Debug, Clone)]
pub struct Tape {
    terms: Terms,
    /// None where there was no figure.
    known: Vec<Option<Box<Known>>>,
}

/// Replicas after one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Had {
    /// Ready to serve.
    pub ready: u32,
    /// Paid for: ready and starting.
    pub billed: u32,
}

impl Tape {
    /// Learns from a load: what is measured at each decision, one tick apart, from `start` on; the first figure is there after
    /// the age of figures. `scaling` is what the service scales by, for its prices and its forecast's absence.
    #[must_use]
    pub fn record(
        load: &[Option<MilliRps>],
        start: Timestamp,
        terms: Terms,
        (spec, scaling): (&FormulaSpec, &ScalingSpec),
    ) -> Self {
        let lag = usize::try_from(terms.age.0 / terms.tick.0.max(1)).unwrap_or(usize::MAX);
        let mut state = FormulaState::default();
        let idle = Term { replicas: 0, basis: Basis::Minimum };
        let moment = |index: usize| {
            let rate = index.checked_sub(lag).and_then(|then| load.get(then).copied().flatten());
            let passed = terms.tick.0.saturating_mul(index as u64);
            let inputs = Inputs {
                at: start.plus(Millis(passed)),
                rate: rate.map_or(Reading::Absent, Reading::Fresh),
                per_replica: Some(terms.per_replica),
                startup: terms.startup,
                age: terms.age,
                tick: terms.tick,
                ..Inputs::of(scaling)
            };
            let known =
                state.learnt.facts(&inputs).ok().map(|facts| {
                    Box::new(FORMULA_INPUTS.map(|entry| state.value(entry.source, spec, &inputs, &facts)))
                });
            state.record(spec, &inputs, &idle);
            known
        };
        Self { terms, known: (0..load.len()).map(moment).collect() }
    }

    /// What the formula would have had after each decision, from nothing.
    #[must_use]
    pub fn rehearse(&self, formula: &Formula) -> Vec<Had> {
        let (least, most) = self.terms.bounds;
        let ticks = self.terms.startup.0.div_ceil(self.terms.tick.0.max(1));
        let mut plant = Plant::default();
        let (mut last, mut since) = (0_u32, 0_u64);
        let mut had = Vec::with_capacity(self.known.len());
        for (index, known) in self.known.iter().enumerate() {
            let index = index as u64;
            plant.wait(index);
            if let Some(known) = known {
                let wanted = formula.wanted(|source| match source {
                    FormulaSource::Last => milli(last),
                    FormulaSource::Current => milli(plant.billed),
                    FormulaSource::Ready => milli(plant.billed - plant.starting),
                    FormulaSource::SinceChange => {
                        i64::try_from((index - since) * self.terms.tick.0).unwrap_or(i64::MAX)
                    }
                    other => known[place(other)],
                });
                let vote = whole(wanted);
                if vote != last {
                    (last, since) = (vote, index);
                }
                plant.go_to(vote.max(whole(known[0])).max(least).min(most), index + ticks);
            }
            had.push(Had { ready: plant.billed - plant.starting, billed: plant.billed });
        }
        had
    }
}

/// Replicas, and when those that start are ready.
#[derive(Default)]
struct Plant {
    billed: u32,
    starting: u32,
    /// When so many are ready, the earliest first.
    due: VecDeque<(u64, u32)>,
}

impl Plant {
    fn wait(&mut self, now: u64) {
        while let Some((_, count)) = self.due.front().copied().filter(|(at, _)| *at <= now) {
            self.starting -= count;
            self.due.pop_front();
        }
    }

    fn go_to(&mut self, target: u32, ready_at: u64) {
        if target > self.billed {
            let more = target - self.billed;
            self.starting += more;
            self.due.push_back((ready_at, more));
        }
        // The youngest go first, and those that are not ready before those that are.
        let mut fewer = self.billed.saturating_sub(target);
        while let Some((_, count)) = self.due.back_mut().filter(|_| fewer > 0) {
            let taken = fewer.min(*count);
            *count -= taken;
            self.starting -= taken;
            fewer -= taken;
            if *count == 0 {
                self.due.pop_back();
            }
        }
        self.billed = target;
    }
}

fn place(source: FormulaSource) -> usize {
    FORMULA_INPUTS.iter().position(|entry| entry.source == source).unwrap_or(0)
}

fn milli(replicas: u32) -> i64 {
    i64::from(replicas) * 1_000
}

fn whole(milli: i64) -> u32 {
    u32::try_from(milli.max(0).unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_goes_before_what_is_ready() {
        let mut plant = Plant::default();
        plant.go_to(3, 4);
        plant.wait(4);
        plant.go_to(5, 8);
        plant.go_to(4, 9);
        assert_eq!((plant.billed, plant.starting), (4, 1));
        plant.go_to(2, 9);
        assert_eq!((plant.billed, plant.starting, plant.due.len()), (2, 0, 0));
    }
}
