//! The damping of a proposal: stabilization windows, then step limits; and the bounds of the spec.
//!
//! The windows need the highest and lowest proposal of the recent past. Both are kept as monotone queues (a proposal
//! that a later one outdoes can never matter again), so the memory is bounded by the number of different proposals and
//! not by window / tick.

use crate::inputs::Inputs;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::rationale::Bound;
use serde::{Deserialize, Serialize};

/// Most changes remembered for the step limits; the two oldest are merged beyond it, at the later time.
const CHANGES_MAX: usize = 1_024;

/// What damping has to remember of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stabilizer {
    /// Proposals of the scale-in window, falling; the first is the highest.
    highs: Vec<(Timestamp, u32)>,
    /// Proposals of the scale-out window, rising; the first is the lowest.
    lows: Vec<(Timestamp, u32)>,
    /// Changes of the target within the period of the step limits.
    changes: Vec<(Timestamp, i64)>,
}

impl Stabilizer {
    /// Remembers `current` as if it had been proposed at `at`, so that a first look at the figures does not remove what
    /// is there already.
    #[must_use]
    pub fn seeded(at: Timestamp, current: u32) -> Self {
        Self { highs: vec![(at, current)], lows: vec![(at, current)], changes: Vec::new() }
    }

    /// What the windows and steps leave of a proposal with its reserve. Rises with it; changes nothing.
    pub(crate) fn damp(&self, inputs: &Inputs<'_>, wanted: u32, mut tell: impl FnMut(Bound)) -> u32 {
        let stable = self.windows(inputs, wanted, &mut tell);
        self.steps(inputs, stable, &mut tell)
    }

    /// Remembers what was proposed and what became of it.
    pub fn record(&mut self, inputs: &Inputs<'_>, damped: Option<u32>, target: u32) {
        let (at, scaling) = (inputs.at, inputs.scaling);
        self.highs.retain(|(then, _)| within(*then, at, scaling.stabilization_down));
        self.lows.retain(|(then, _)| within(*then, at, scaling.stabilization_up));
        self.changes.retain(|(then, _)| within(*then, at, scaling.period));
        if let Some(proposed) = damped {
            let wanted = with_reserve(inputs, proposed).min(inputs.replicas_max);
            while self.highs.last().is_some_and(|(_, high)| *high <= wanted) {
                self.highs.pop();
            }
            while self.lows.last().is_some_and(|(_, low)| *low >= wanted) {
                self.lows.pop();
            }
            self.highs.push((at, wanted));
            self.lows.push((at, wanted));
        }
        let change = i64::from(target) - i64::from(inputs.current);
        if change != 0 {
            self.changes.push((at, change));
        }
        if self.changes.len() > CHANGES_MAX {
            let (_, oldest) = self.changes.remove(0);
            if let Some((_, next)) = self.changes.first_mut() {
                *next = next.saturating_add(oldest);
            }
        }
    }

    fn windows(&self, inputs: &Inputs<'_>, wanted: u32, tell: &mut impl FnMut(Bound)) -> u32 {
        let (up, down) = (inputs.scaling.stabilization_up, inputs.scaling.stabilization_down);
        let past = |queue: &[(Timestamp, u32)], window| {
            queue.iter().find(|(then, _)| within(*then, inputs.at, window)).copied()
        };
        let lowest = past(&self.lows, up).map_or(wanted, |(_, low)| low.min(wanted));
        let high = past(&self.highs, down);
        let highest = high.map_or(wanted, |(_, high)| high.max(wanted));
        let stable = inputs.current.max(lowest).min(highest.max(lowest));
        if stable < wanted {
            tell(Bound::StabilizationUp { window: up, lowest });
        } else if let (true, Some((then, _))) = (stable > wanted, high) {
            tell(Bound::StabilizationDown { window: down, highest, until: then.plus(down) });
        }
        stable
    }

    /// At most so many more, or fewer, than at the start of the period.
    fn steps(&self, inputs: &Inputs<'_>, wanted: u32, tell: &mut impl FnMut(Bound)) -> u32 {
        let scaling = inputs.scaling;
        let recent = self.changes.iter().filter(|(then, _)| within(*then, inputs.at, scaling.period));
        let net = recent.fold(0_i64, |sum, (_, change)| sum.saturating_add(*change));
        let start = i64::from(inputs.current).saturating_sub(net);
        let current = i64::from(inputs.current);
        let high = start.saturating_add(i64::from(scaling.step_up_max)).max(current);
        let low = start.saturating_sub(i64::from(scaling.step_down_max)).min(current);
        let stepped = u32::try_from(i64::from(wanted).clamp(low, high).max(0)).unwrap_or(u32::MAX);
        if stepped != wanted {
            let step_max = if stepped < wanted { scaling.step_up_max } else { scaling.step_down_max };
            tell(Bound::StepLimit { step_max, period: scaling.period, wanted });
        }
        stepped
    }
}

/// A proposal and its reserve.
pub(crate) fn with_reserve(inputs: &Inputs<'_>, proposed: u32) -> u32 {
    proposed.saturating_add(crate::reserve::reserve(inputs, proposed))
}

/// The bounds of the spec.
pub(crate) fn limits(inputs: &Inputs<'_>, wanted: u32, mut tell: impl FnMut(Bound)) -> u32 {
    let replicas_max = inputs.replicas_max;
    let replicas_min = inputs.replicas_min.min(replicas_max);
    if wanted > replicas_max {
        tell(Bound::Maximum { replicas_max, wanted });
    } else if wanted < replicas_min {
        tell(Bound::Minimum { replicas_min, wanted });
    }
    wanted.clamp(replicas_min, replicas_max)
}

/// Strictly newer than the window's start; a moment in the future (a clock that went back) counts as now.
fn within(then: Timestamp, at: Timestamp, window: Millis) -> bool {
    at.since(then) < window
}
