//! How many replicas the present load needs, in thousandths of one and without damping: what the policies that look
//! back or ahead compute with.

use crate::inputs::{Inputs, Reading};
use crate::propose::tracked;
use plimsoll_model::quantity::MilliRps;

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
