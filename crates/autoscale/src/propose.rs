//! Each policy's vote, and the highest of them.

use crate::inputs::{Inputs, Reading, Usage};
use crate::scaler::{PolicyState, Scaler};
use crate::track::{Tracking, Verdict};
use crate::{backlog, predictive};
use plimsoll_model::quantity::{Bytes, MilliRps, Millicores, Permille};
use plimsoll_model::rationale::Basis;
use plimsoll_model::{ScalingPolicy, Term, Withheld};

/// What the policies want before damping and bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Every vote: the policies in the order of the spec, then the forecast, then what always holds. Never empty.
    pub terms: Vec<Term>,
    /// Index of the highest vote, the first of equals.
    pub winner: usize,
    /// Removals that the figures alone would have allowed.
    pub withheld: Vec<Withheld>,
    /// The highest vote among those that the service's windows and steps apply to; none where there is none.
    pub damped: Option<u32>,
    /// The highest vote among those that damp themselves; none where there is none.
    pub ready_made: Option<u32>,
}

impl Proposal {
    /// Replicas the winner proposes; the reserve is not part of it.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        self.terms.get(self.winner).map_or(0, |term| term.replicas)
    }
}

/// Lets every policy vote on the number of replicas that serve demand (the reserve comes later). The highest vote wins.
#[must_use]
pub fn propose(scaler: &Scaler, inputs: &Inputs<'_>) -> Proposal {
    let mut withheld = Vec::new();
    let mut terms: Vec<Term> = Vec::with_capacity(inputs.scaling.policies.len() + 1);
    for (index, policy) in inputs.scaling.policies.iter().enumerate() {
        let state = scaler.policies.get(index).unwrap_or(&PolicyState::Stateless);
        let term = vote(state, scaler, inputs, policy, &mut withheld);
        terms.push(scaler.guard.stand_in(index, term, inputs));
    }
    terms.extend(inputs.demand.as_ref().map(predictive::vote));
    terms.extend(scaler.events.iter().map(|announced| announced.vote(scaler.season(), inputs)));
    if let (0, Reading::Fresh(measured)) = (inputs.current, inputs.rate)
        && measured > MilliRps::ZERO
        && !inputs.scaling.policies.iter().any(|policy| matches!(policy, ScalingPolicy::RequestRate { .. }))
    {
        terms.push(Term { replicas: 1, basis: Basis::Arrivals { measured } });
    }
    if terms.is_empty() {
        let replicas = crate::reserve::without(inputs, inputs.replicas_min);
        terms.push(Term { replicas, basis: Basis::Minimum });
    }
    let highest = terms.iter().map(|term| term.replicas).max().unwrap_or(0);
    let winner = terms.iter().position(|term| term.replicas == highest).unwrap_or(0);
    if terms.iter().any(|term| term.replicas < highest) && matches!(terms[winner].basis, Basis::NoData { .. }) {
        withheld.extend(stale(inputs));
    }
    let damps_itself = |index: usize| inputs.scaling.policies.get(index).is_some_and(ScalingPolicy::damps_itself);
    let highest_of = |own: bool| {
        let votes = terms.iter().enumerate().filter(|(index, _)| damps_itself(*index) == own);
        votes.map(|(_, term)| term.replicas).max()
    };
    let (damped, ready_made) = (highest_of(false), highest_of(true));
    Proposal { terms, winner, withheld, damped, ready_made }
}

/// Replicas that `policy` would propose if its total were `value`; none when the policy cannot be tracked.
pub(crate) fn replicas_at(inputs: &Inputs<'_>, policy: &ScalingPolicy, value: u64) -> Option<u32> {
    let missing = match policy {
        ScalingPolicy::Cpu { .. } => missing(inputs, inputs.cpu)?,
        ScalingPolicy::Memory { .. } => missing(inputs, inputs.memory)?,
        _ => 0,
    };
    tracking(inputs, policy, value, missing).map(|tracking| tracking.replicas())
}

/// Values of the policy's figure of which one is nearly always the first that proposes `wanted` replicas.
pub(crate) fn firsts(inputs: &Inputs<'_>, policy: &ScalingPolicy, wanted: u64) -> [u64; 3] {
    let missing = match policy {
        ScalingPolicy::Cpu { .. } => missing(inputs, inputs.cpu),
        ScalingPolicy::Memory { .. } => missing(inputs, inputs.memory),
        _ => Some(0),
    };
    // CPU and memory come as shares of a request, in thousandths: their totals are counted in thousandths too.
    let scale = if matches!(policy, ScalingPolicy::Cpu { .. } | ScalingPolicy::Memory { .. }) { 1_000 } else { 1 };
    let tracking = missing.and_then(|missing| tracking(inputs, policy, 0, missing));
    let firsts = tracking.map_or([0; 3], |tracking| tracking.firsts(u128::from(wanted)));
    firsts.map(|value| u64::try_from(value.div_ceil(scale)).unwrap_or(u64::MAX))
}

fn vote(
    state: &PolicyState,
    scaler: &Scaler,
    inputs: &Inputs<'_>,
    policy: &ScalingPolicy,
    withheld: &mut Vec<Withheld>,
) -> Term {
    match (policy, state) {
        (ScalingPolicy::Hpa(spec), PolicyState::Hpa(state)) => state.vote(spec, inputs, withheld),
        (ScalingPolicy::Concurrency(spec), PolicyState::Concurrency(state)) => state.vote(spec, inputs, withheld),
        (ScalingPolicy::Cron(spec), PolicyState::Cron(state)) => state.vote(spec, inputs, withheld),
        (ScalingPolicy::Event(spec), PolicyState::Event(state)) => state.vote((spec, ""), scaler.season(), inputs),
        (ScalingPolicy::Seasonal { season, share }, PolicyState::Seasonal(state)) => {
            state.vote(*season, *share, inputs)
        }
        (ScalingPolicy::Lazy(spec), PolicyState::Lazy(state)) => state.vote(spec, inputs),
        (ScalingPolicy::Headroom(_), PolicyState::Headroom(state)) => state.vote(inputs),
        (ScalingPolicy::Formula(spec), PolicyState::Formula(state)) => state.vote(spec, inputs),
        (ScalingPolicy::Backlog(spec), _) => backlog::vote(spec, inputs),
        _ => track(inputs, policy, withheld),
    }
}

/// The vote of a policy that brings one figure to its target.
fn track(inputs: &Inputs<'_>, policy: &ScalingPolicy, withheld: &mut Vec<Withheld>) -> Term {
    let (value, missing, basis) = match read(inputs, policy) {
        Ok(reading) => reading,
        Err(age_ms) => return no_data(inputs, policy, age_ms),
    };
    let Some(tracking) = tracking(inputs, policy, value, missing) else {
        return no_data(inputs, policy, None);
    };
    match tracking.verdict() {
        Verdict::Move(replicas) => Term { replicas, basis },
        Verdict::Tolerated => Term {
            replicas: inputs.base(),
            basis: Basis::WithinTolerance {
                metric: policy.name().to_owned(),
                ratio: Permille(tracking.ratio()),
                tolerance: inputs.scaling.tolerance,
            },
        },
        Verdict::Waiting => {
            withheld.push(Withheld::WaitingForReady { starting: missing });
            Term { replicas: inputs.base(), basis }
        }
    }
}

/// The policy's total, the replicas not in it and what to tell of it; or the age of a figure that is too old.
fn read(inputs: &Inputs<'_>, policy: &ScalingPolicy) -> Result<(u64, u32, Basis), Option<u64>> {
    let usage = |reading: Reading<Usage>| fresh(reading).map(|usage| (usage, unmeasured(inputs, usage)));
    Ok(match *policy {
        ScalingPolicy::Cpu { target } => {
            let (Usage { used, replicas }, missing) = usage(inputs.cpu)?;
            let measured = share(used, inputs.requests.cpu.0, replicas);
            let used_cpu = Millicores(used);
            (used, missing, Basis::Cpu { measured, target, used: used_cpu, replicas_measured: replicas })
        }
        ScalingPolicy::Memory { target } => {
            let (Usage { used, replicas }, missing) = usage(inputs.memory)?;
            let measured = share(used, inputs.requests.memory.0, replicas);
            let used_memory = Bytes(used);
            (used, missing, Basis::Memory { measured, target, used: used_memory, replicas_measured: replicas })
        }
        ScalingPolicy::RequestRate { target } => {
            let measured = fresh(inputs.rate)?;
            (measured.0, 0, Basis::RequestRate { measured, target })
        }
        ScalingPolicy::InFlight { target_milli } => {
            let measured_milli = fresh(inputs.in_flight_milli)?;
            (measured_milli, 0, Basis::InFlight { measured_milli, target_milli })
        }
        _ => return Err(None),
    })
}

fn fresh<T>(reading: Reading<T>) -> Result<T, Option<u64>> {
    match reading {
        Reading::Fresh(value) => Ok(value),
        Reading::Stale { age_ms, .. } => Err(Some(age_ms)),
        Reading::Absent => Err(None),
    }
}

fn tracking(inputs: &Inputs<'_>, policy: &ScalingPolicy, value: u64, missing: u32) -> Option<Tracking> {
    let (value, per_replica) = match *policy {
        ScalingPolicy::Cpu { target } => {
            (u128::from(value) * 1_000, u128::from(inputs.requests.cpu.0) * u128::from(target.0))
        }
        ScalingPolicy::Memory { target } => {
            (u128::from(value) * 1_000, u128::from(inputs.requests.memory.0) * u128::from(target.0))
        }
        ScalingPolicy::RequestRate { target } => (u128::from(value), u128::from(target.0)),
        ScalingPolicy::InFlight { target_milli } => (u128::from(value), u128::from(target_milli)),
        _ => return None,
    };
    let tolerance = inputs.scaling.tolerance.0;
    (per_replica > 0).then_some(Tracking { value, per_replica, base: inputs.base(), missing, tolerance })
}

/// Whether a policy brings one figure to a target.
pub(crate) const fn has_target(policy: &ScalingPolicy) -> bool {
    matches!(
        policy,
        ScalingPolicy::Cpu { .. }
            | ScalingPolicy::Memory { .. }
            | ScalingPolicy::RequestRate { .. }
            | ScalingPolicy::InFlight { .. }
    )
}

/// The policy's total and what one replica should have of it, both in the same unit, or the age of a figure that is too
/// old; none where the policy brings no single figure to its target.
pub(crate) fn tracked(inputs: &Inputs<'_>, policy: &ScalingPolicy) -> Option<Result<(u128, u128), Option<u64>>> {
    match read(inputs, policy) {
        Ok((value, missing, _)) => {
            let Tracking { value, per_replica, .. } = tracking(inputs, policy, value, missing)?;
            Some(Ok((value, per_replica)))
        }
        Err(age_ms) => has_target(policy).then_some(Err(age_ms)),
    }
}

fn unmeasured(inputs: &Inputs<'_>, usage: Usage) -> u32 {
    inputs.current.saturating_sub(usage.replicas)
}

fn missing(inputs: &Inputs<'_>, reading: Reading<Usage>) -> Option<u32> {
    fresh(reading).ok().map(|usage| unmeasured(inputs, usage))
}

fn no_data(inputs: &Inputs<'_>, policy: &ScalingPolicy, age_ms: Option<u64>) -> Term {
    Term { replicas: inputs.base(), basis: Basis::NoData { metric: policy.name().to_owned(), age_ms } }
}

/// The oldest stale figure, when it is what keeps the number up.
fn stale(inputs: &Inputs<'_>) -> Option<Withheld> {
    let ages = [age(inputs.cpu), age(inputs.memory), age(inputs.rate), age(inputs.in_flight_milli), age(inputs.queue)];
    let (age_ms, age_max_ms) = ages.into_iter().flatten().max()?;
    Some(Withheld::StaleData { age_ms, age_max_ms })
}

fn age<T>(reading: Reading<T>) -> Option<(u64, u64)> {
    match reading {
        Reading::Stale { age_ms, age_max_ms } => Some((age_ms, age_max_ms)),
        Reading::Fresh(_) | Reading::Absent => None,
    }
}

fn share(used: u64, request: u64, replicas: u32) -> Permille {
    let whole = u128::from(request) * u128::from(replicas);
    let share = (u128::from(used) * 1_000).checked_div(whole).unwrap_or(0);
    Permille(u64::try_from(share).unwrap_or(u64::MAX))
}
