//! Lazy capacity provisioning: no forecast, and never far from what would have been cheapest.
//!
//! At each moment two numbers are known from the past alone. `lower` is with how many replicas the past would have ended
//! at the least price if starting one costs; `upper` if stopping one costs instead. The best supply in hindsight lies
//! between them, so the present number stays while it does too, and moves no further than to the nearer of the two.
//!
//! Both follow from one number per level k (the k-th replica): what having it now rather than not would have cost so far.
//! A level that is needed pulls it down, an idle one lifts it by the time that passed, and it never runs away by more
//! than the price of a start, because a start can be bought. With a missing replica beyond any price, this becomes: start
//! what is needed at once, and keep each replica through a gap until idling has cost as much as starting it again.
//!
//! What is proved: for a convex price of each moment and a price per start, the rule costs at most 3 times the clairvoyant
//! optimum, and no deterministic rule does better. Here the price of a moment is replicas · time + missing replicas ·
//! time · `missing_price`, which is convex; where a missing replica is beyond any price the rule is that of renting skis,
//! and costs at most twice. The proof has replicas serve at once: with a start-up time, the time under need is outside it,
//! and the start-up time counts as part of the price of a start, because a starting replica is paid for.
//!
//! # Source
//! Lin, Wierman, Andrew and Thereska, "Dynamic right-sizing for power-proportional data centers", INFOCOM 2011; for whole
//! replicas Albers and Quedenfeld, "Optimal algorithms for right-sizing data centers", SPAA 2018.

use crate::inputs::Inputs;
use crate::need::need_milli;
use plimsoll_model::Term;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{LazyReason, LazySpec};
use serde::{Deserialize, Serialize};

/// Beyond any price, and safe to add to.
const BEYOND: i64 = -(1 << 60);

/// What the past says about each level.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LazyState {
    at: Option<Timestamp>,
    /// Its own last vote.
    last: u32,
    /// Runs of levels with equal prices, from the first level on.
    runs: Vec<Run>,
}

/// Levels up to `to`, from the end of the run before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    to: u32,
    /// Price of having the level, in thousandths of a replica-millisecond, where starts cost.
    starts: i64,
    /// The same where stops cost.
    stops: i64,
}

/// What one step brings.
struct Step {
    needed: u32,
    idle: i64,
    missing: Option<i64>,
    start: i64,
}

impl LazyState {
    /// The nearest number to its last vote that the past allows.
    pub(crate) fn vote(&self, spec: &LazySpec, inputs: &Inputs<'_>) -> Term {
        let step = match self.step(spec, inputs) {
            Ok(step) => step,
            Err(age_ms) => {
                let basis = Basis::NoData { metric: "lazy".to_owned(), age_ms };
                return Term { replicas: inputs.base(), basis };
            }
        };
        let (mut lower, mut upper) = (0, 0);
        self.advance(&step, |run| {
            if run.starts < 0 {
                lower = run.to;
            }
            if run.stops <= 0 {
                upper = run.to;
            }
        });
        let upper = upper.max(lower);
        let start_price = inputs.startup.saturating_add(spec.switching);
        let reason = LazyReason { needed: step.needed, lower, upper, start_price };
        Term { replicas: self.last.clamp(lower, upper), basis: Basis::Lazy(Box::new(reason)) }
    }

    /// Remembers the present need and its own vote. A moment without figures changes nothing.
    pub(crate) fn record(&mut self, spec: &LazySpec, inputs: &Inputs<'_>, vote: &Term) {
        let Ok(step) = self.step(spec, inputs) else { return };
        let mut runs: Vec<Run> = Vec::with_capacity(self.runs.len() + 1);
        self.advance(&step, |run| match runs.last_mut() {
            Some(before) if (before.starts, before.stops) == (run.starts, run.stops) => before.to = run.to,
            _ => runs.push(run),
        });
        // Above, having a level is as dear as it can be: the same as never having had it.
        while runs.last().is_some_and(|run| run.starts >= step.start && run.stops > 0) {
            runs.pop();
        }
        (self.at, self.last, self.runs) = (Some(inputs.at), vote.replicas, runs);
    }

    fn step(&self, spec: &LazySpec, inputs: &Inputs<'_>) -> Result<Step, Option<u64>> {
        let needed = u32::try_from(need_milli(inputs)?.div_ceil(1_000)).unwrap_or(u32::MAX);
        let passed = self.at.map_or(inputs.tick, |at| inputs.at.since(at)).max(Millis(1));
        let passed = i64::try_from(passed.0).unwrap_or(i64::MAX).min(1 << 40);
        let start = inputs.startup.saturating_add(spec.switching).0.max(1);
        let start = i64::try_from(start).unwrap_or(i64::MAX).min(1 << 40) * 1_000;
        let missing = spec.missing_price.map(|price| {
            let price = i64::try_from(price.0).unwrap_or(i64::MAX);
            passed.saturating_mul(1_000_i64.saturating_sub(price)).max(BEYOND)
        });
        Ok(Step { needed, idle: passed * 1_000, missing, start })
    }

    /// The runs after this step, in their order.
    fn advance(&self, step: &Step, mut each: impl FnMut(Run)) {
        let mut from = 0;
        let top = self.runs.last().map_or(0, |run| run.to);
        let above = (step.needed > top).then_some(Run { to: step.needed, starts: step.start, stops: 0 });
        for run in self.runs.iter().copied().chain(above) {
            if from < step.needed && step.needed < run.to {
                each(step.after(Run { to: step.needed, ..run }));
            }
            each(step.after(run));
            from = run.to;
        }
    }
}

impl Step {
    fn after(&self, run: Run) -> Run {
        let needed = run.to <= self.needed;
        let add = |before: i64| match (needed, self.missing) {
            (true, None) => BEYOND,
            (true, Some(missing)) => before.saturating_add(missing),
            (false, _) => before.saturating_add(self.idle),
        };
        Run { to: run.to, starts: add(run.starts.clamp(0, self.start)), stops: add(run.stops.clamp(-self.start, 0)) }
    }
}
