//! How many replicas the present load needs, in thousandths of one and without damping: what the policies that look
//! back or ahead compute with.

use crate::inputs::{Inputs, Reading};
use crate::propose::tracked;
use plimsoll_model::ScalingPolicy;
use plimsoll_model::quantity::{MilliRps, Millicores};
use plimsoll_model::scaling::ScalingSpec;

/// Thousandths of a replica that the present load keeps as busy as it should be, rounded up: by the arrivals where one
/// replica's capacity is known, else the most that a target of CPU, memory or requests in flight asks for.
///
/// # Errors
/// The age of the figure that is too old, if there is one.
pub(crate) fn need_milli(inputs: &Inputs<'_>) -> Result<u64, Option<u64>> {
    if let Some(per_replica) = inputs.per_replica.filter(|per_replica| per_replica.0 > 0) {
        match inputs.rate {
            Reading::Fresh(rate) => return Ok(thousandths(u128::from(rate.0), u128::from(per_replica.0))),
            Reading::Stale { age_ms, .. } => return Err(Some(age_ms)),
            Reading::Absent => {}
        }
    }
    let mut highest = Err(None);
    for policy in &inputs.scaling.policies {
        match tracked(inputs, policy) {
            Some(Ok((value, per_replica))) => {
                let need = thousandths(value, per_replica);
                highest = Ok(highest.map_or(need, |known: u64| known.max(need)));
            }
            Some(Err(age_ms)) if highest.is_err() => highest = Err(age_ms),
            _ => {}
        }
    }
    highest
}

/// CPU nanoseconds per request: `used` millicores over `rate`; none without requests.
#[must_use]
pub fn cpu_per_request_ns(used: u64, rate: MilliRps) -> Option<u64> {
    // Millicores / (thousandths of a request/s) = CPU seconds per request.
    let ns = (u128::from(used) * 1_000_000_000).checked_div(u128::from(rate.0))?;
    Some(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// What one replica takes when it is as busy as it should be: as the spec says, else the target of the request rate, else
/// the CPU target's share of `request` over what a request costs. Never zero.
#[must_use]
pub fn per_replica(scaling: &ScalingSpec, request: Millicores, cpu_per_request_ns: Option<u64>) -> Option<MilliRps> {
    let by_rate = || {
        scaling.policies.iter().find_map(|policy| match policy {
            ScalingPolicy::RequestRate { target } => Some(*target),
            _ => None,
        })
    };
    let by_cpu = || {
        let share = scaling.policies.iter().find_map(|policy| match policy {
            ScalingPolicy::Cpu { target } => Some(target.0),
            _ => None,
        })?;
        // Thousandths of millicores × 10⁹ / 10³ / (ns per request) = thousandths of a request/s.
        let millionths = u128::from(request.0) * u128::from(share);
        let capacity = millionths.saturating_mul(1_000_000).checked_div(u128::from(cpu_per_request_ns?))?;
        Some(MilliRps(u64::try_from(capacity).unwrap_or(u64::MAX)))
    };
    scaling.capacity.or_else(by_rate).or_else(by_cpu).filter(|capacity| capacity.0 > 0)
}

/// A need as a load, where one replica's capacity is known.
pub(crate) fn as_load(need_milli: u64, per_replica: MilliRps) -> MilliRps {
    let load = u128::from(need_milli) * u128::from(per_replica.0) / 1_000;
    MilliRps(u64::try_from(load).unwrap_or(u64::MAX))
}

pub(crate) fn ceil_div(value: u64, per: u64) -> u32 {
    if per == 0 { 0 } else { u32::try_from(value.div_ceil(per)).unwrap_or(u32::MAX) }
}

fn thousandths(value: u128, per_replica: u128) -> u64 {
    if per_replica == 0 {
        return 0;
    }
    u64::try_from(value.saturating_mul(1_000).div_ceil(per_replica)).unwrap_or(u64::MAX)
}
