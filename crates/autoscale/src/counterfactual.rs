//! Exactly which value of the deciding figure would have given another target.
//!
//! Both stages are monotone, so two searches suffice: over proposals (which number would have settled elsewhere), then
//! over the figure (which value proposes that number). All other figures keep their values.

use crate::inputs::{Inputs, Reading};
use crate::need::ceil_div;
use crate::propose::{Proposal, replicas_at};
use crate::scaler::Scaler;
use crate::settle::settle;
use plimsoll_model::rationale::{Basis, Counterfactual};
use plimsoll_model::{ScalingPolicy, Term};

/// A figure as text, its unit, its value now, and the replicas that a value proposes.
struct Figure<'a> {
    name: &'static str,
    unit: &'static str,
    value: u64,
    replicas: Box<dyn Fn(u64) -> u32 + 'a>,
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
        least(figure.value, u64::MAX, |value| u64::from((figure.replicas)(value)) >= needed)
    });
    let more_from = more_from.filter(|value| settle((figure.replicas)(*value)) > target);
    let fewer_to = (settle(0) < target)
        .then(|| {
            let kept = least(0, u64::from(now), |proposed| settle(clip(proposed)) >= target);
            least(0, figure.value, |value| u64::from((figure.replicas)(value)) >= kept).checked_sub(1)
        })
        .flatten();
    Some(Counterfactual { figure: figure.name.to_owned(), more_from, fewer_to, unit: figure.unit.to_owned() })
}

fn figure<'a>(inputs: &'a Inputs<'_>, proposal: &'a Proposal) -> Option<Figure<'a>> {
    let term = proposal.terms.get(proposal.winner)?;
    if let Basis::Forecast { demand, per_replica, .. } = &term.basis {
        let per_replica = per_replica.0;
        let replicas = Box::new(move |value| ceil_div(value, per_replica));
        return Some(Figure { name: "forecast demand", unit: "thousandths of a request/s", value: demand.0, replicas });
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
    let replicas = Box::new(move |value| replicas_at(inputs, policy, value).unwrap_or(0));
    Some(Figure { name, unit, value, replicas })
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
