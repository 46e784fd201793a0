//! Exactly which value of the deciding figure would have given another target.
//!
//! Both stages are monotone, so two searches suffice: over proposals (which number would have settled elsewhere), then
//! over the figure (which value proposes that number). All other figures keep their values.

use crate::inputs::{Inputs, Reading};
use crate::need::ceil_div;
use crate::propose::{Proposal, firsts, replicas_at};
use crate::scaler::Scaler;
use crate::settle::settle;
use plimsoll_model::rationale::{Basis, Counterfactual};
use plimsoll_model::{ScalingPolicy, Term};

/// A figure as text, its unit, its value now, and what makes replicas of it.
struct Figure<'a> {
    name: &'static str,
    unit: &'static str,
    value: u64,
    source: Source<'a>,
}

/// What makes replicas of a figure.
enum Source<'a> {
    /// A forecast, by what one replica can take of it.
    Forecast(u64),
    /// A policy with a target.
    Policy(&'a Inputs<'a>, &'a ScalingPolicy),
}

impl Figure<'_> {
    /// Replicas that a value proposes.
    fn replicas(&self, value: u64) -> u32 {
        match self.source {
            Source::Forecast(per_replica) => ceil_div(value, per_replica),
            Source::Policy(inputs, policy) => replicas_at(inputs, policy, value).unwrap_or(0),
        }
    }

    /// Values at which `wanted` replicas are probably proposed first. Only guesses: what is answered was tried.
    fn guesses(&self, wanted: u64) -> [u64; 3] {
        match self.source {
            Source::Forecast(per_replica) => {
                [wanted.saturating_sub(1).saturating_mul(per_replica).saturating_add(1); 3]
            }
            Source::Policy(inputs, policy) => firsts(inputs, policy, wanted),
        }
    }

    /// The least value in `low..=high` that proposes `wanted` replicas; `high` if none does.
    fn least(&self, low: u64, high: u64, wanted: u64) -> u64 {
        let holds = |value: u64| u64::from(self.replicas(value)) >= wanted;
        let is_first =
            |guess: &u64| (low..=high).contains(guess) && holds(*guess) && (*guess == low || !holds(*guess - 1));
        self.guesses(wanted).into_iter().find(is_first).unwrap_or_else(|| least(low, high, holds))
    }
}

/// What the deciding figure would have had to be for another target; none where no figure decides.
///
/// `scaler` as it was before the decision was recorded.
#[must_use]
pub fn counterfactual(
    scaler: &Scaler,
    inputs: &Inputs<'_>,
    proposal: &Proposal,
    target: u32,
) -> Option<Counterfactual> {
    let figure = figure(inputs, proposal)?;
    let damps_itself = |index: usize| inputs.scaling.policies.get(index).is_some_and(ScalingPolicy::damps_itself);
    let others = proposal.terms.iter().enumerate();
    let others = others.filter(|(index, _)| *index != proposal.winner && !damps_itself(*index));
    let floor = others.map(|(_, term)| term.replicas).max().unwrap_or(0);
    let settle = |proposed: u32| settle(scaler, inputs, (Some(proposed.max(floor)), proposal.ready_made), |_| {});
    let now = proposal.replicas();
    let ceiling = inputs.replicas_max.max(now);
    let more_from = (settle(ceiling) > target).then(|| {
        let needed = least(u64::from(now), u64::from(ceiling), |proposed| settle(clip(proposed)) > target);
        figure.least(figure.value, u64::MAX, needed)
    });
    let more_from = more_from.filter(|value| settle(figure.replicas(*value)) > target);
    let fewer_to = (settle(0) < target)
        .then(|| {
            let kept = least(0, u64::from(now), |proposed| settle(clip(proposed)) >= target);
            figure.least(0, figure.value, kept).checked_sub(1)
        })
        .flatten();
    Some(Counterfactual { figure: figure.name.to_owned(), more_from, fewer_to, unit: figure.unit.to_owned() })
}

fn figure<'a>(inputs: &'a Inputs<'_>, proposal: &'a Proposal) -> Option<Figure<'a>> {
    let term = proposal.terms.get(proposal.winner)?;
    if let Basis::Forecast { demand, per_replica, .. } = &term.basis {
        let per_replica = per_replica.0;
        let (name, unit) = ("forecast demand", "thousandths of a request/s");
        return Some(Figure { name, unit, value: demand.0, source: Source::Forecast(per_replica) });
    }
    let policy = inputs.scaling.policies.get(proposal.winner).filter(|policy| decides(term, policy))?;
    let (name, unit, value) = match policy {
        ScalingPolicy::Cpu { .. } => ("CPU used", "millicores", used(inputs.cpu.map(|usage| usage.used))?),
        ScalingPolicy::Memory { .. } => ("memory used", "bytes", used(inputs.memory.map(|usage| usage.used))?),
        ScalingPolicy::RequestRate { .. } => {
            ("arrivals", "thousandths of a request/s", used(inputs.rate.map(|rate| rate.0))?)
        }
        ScalingPolicy::InFlight { .. } => {
            ("requests in flight", "thousandths of a request", used(inputs.in_flight_milli)?)
        }
        _ => return None,
    };
    Some(Figure { name, unit, value, source: Source::Policy(inputs, policy) })
}

fn decides(term: &Term, policy: &ScalingPolicy) -> bool {
    match &term.basis {
        Basis::NoData { .. } | Basis::Fallback { .. } | Basis::Minimum | Basis::Arrivals { .. } => false,
        Basis::WithinTolerance { metric: held, .. } => held == policy.name(),
        _ => true,
    }
}

fn used(reading: Reading<u64>) -> Option<u64> {
    match reading {
        Reading::Fresh(value) => Some(value),
        Reading::Stale { .. } | Reading::Absent => None,
    }
}

fn clip(proposed: u64) -> u32 {
    u32::try_from(proposed).unwrap_or(u32::MAX)
}

/// The least value in `low..=high` for which a monotone predicate holds; `high` if it holds for none.
fn least(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
