//! From the metrics' proposal to the wanted number: windows, rates and bounds, with and without a behavior.
//!
//! # Source
//! The two normalisations of the Kubernetes autoscaler (research section 2.1, steps 2a and 2b).

use super::inputs::HpaInputs;
use super::rules::{Behavior, newer, older};
use super::state::HpaState;
use plimsoll_model::scaling::hpa::HpaSpec;
use plimsoll_model::scaling::hpa_reason::{HpaAble, HpaLimit};

/// Without a behavior a target at most doubles, and may always go to this.
const UP_LIMIT_MIN: u32 = 4;

/// A wanted number with its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damped {
    pub replicas: u32,
    pub able: HpaAble,
    pub limited: HpaLimit,
}

/// Applies the rules that the policy has.
pub(super) fn damp(state: &HpaState, spec: &HpaSpec, inputs: &HpaInputs<'_>, proposed: u32) -> Damped {
    match &spec.behavior {
        None => plain(state, spec, inputs, proposed),
        Some(behavior) => behaved(state, Behavior::of(behavior, &spec.controller), inputs, proposed),
    }
}

/// The highest proposal of the last five minutes, then the bounds, of which one is twice the present number.
fn plain(state: &HpaState, spec: &HpaSpec, inputs: &HpaInputs<'_>, proposed: u32) -> Damped {
    let window = spec.controller.downscale_stabilization;
    let recent = state.seen(inputs.at, inputs.current).filter(|past| !older(past.at, inputs.at, window));
    let stable = recent.map(|past| past.replicas).max().unwrap_or(0).max(proposed);
    let able = if stable == proposed { HpaAble::ReadyForNewScale } else { HpaAble::ScaleDownStabilized };
    let rate = inputs.current.saturating_mul(2).max(UP_LIMIT_MIN);
    let (high, limit) = match inputs.replicas_max > rate {
        true => (rate, HpaLimit::ScaleUpLimit),
        false => (inputs.replicas_max, HpaLimit::TooManyReplicas),
    };
    let (replicas, limited) = if stable < inputs.replicas_min {
        (inputs.replicas_min, HpaLimit::TooFewReplicas)
    } else if stable > high {
        (high, limit)
    } else {
        (stable, HpaLimit::DesiredWithinRange)
    };
    Damped { replicas, able, limited }
}

/// Between the lowest proposal of the window upwards and the highest of the window downwards, then the rates and bounds.
fn behaved(state: &HpaState, behavior: Behavior<'_>, inputs: &HpaInputs<'_>, proposed: u32) -> Damped {
    let within = |window| {
        let recent = state.seen(inputs.at, inputs.current).filter(move |past| newer(past.at, inputs.at, window));
        recent.map(|past| past.replicas)
    };
    let low = within(behavior.up.window).min().map_or(proposed, |low| low.min(proposed));
    let high = within(behavior.down.window).max().map_or(proposed, |high| high.max(proposed));
    let stable = inputs.current.max(low).min(high);
    let able = if stable == proposed {
        HpaAble::ReadyForNewScale
    } else if stable > proposed {
        HpaAble::ScaleDownStabilized
    } else {
        HpaAble::ScaleUpStabilized
    };
    let (replicas, limited) = rated(state, behavior, inputs, stable);
    Damped { replicas, able, limited }
}

fn rated(state: &HpaState, behavior: Behavior<'_>, inputs: &HpaInputs<'_>, stable: u32) -> (u32, HpaLimit) {
    let (at, current) = (inputs.at, inputs.current);
    if stable > current {
        let rate = behavior.up_limit(state, at, current);
        let (high, limit) = match inputs.replicas_max > rate {
            true => (rate, HpaLimit::ScaleUpLimit),
            false => (inputs.replicas_max, HpaLimit::TooManyReplicas),
        };
        if stable > high {
            return (high, limit);
        }
    }
    if stable < current {
        let rate = behavior.down_limit(state, at, current);
        let (low, limit) = match inputs.replicas_min < rate {
            true => (rate, HpaLimit::ScaleDownLimit),
            false => (inputs.replicas_min, HpaLimit::TooFewReplicas),
        };
        if stable < low {
            return (low, limit);
        }
    }
    (stable, HpaLimit::DesiredWithinRange)
}
