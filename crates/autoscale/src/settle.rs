//! From the votes to the target: reserve, damping, guards, bounds, in this order. Each rises with what it is given, so
//! the whole does.

use crate::inputs::Inputs;
use crate::reserve::bound;
use crate::scaler::Scaler;
use crate::stabilizer::{limits, with_reserve};
use plimsoll_model::rationale::Bound;

/// The target for the highest vote that the service's damping applies to and the highest of those that bring their own;
/// with neither, the present one. Changes nothing; tells what bound it, in the order applied.
pub(crate) fn settle(
    scaler: &Scaler,
    inputs: &Inputs<'_>,
    (damped, ready_made): (Option<u32>, Option<u32>),
    mut tell: impl FnMut(Bound),
) -> u32 {
    if let Some(bound) = damped.max(ready_made).and_then(|proposed| bound(inputs, proposed)) {
        tell(bound);
    }
    let damped = damped.map(|proposed| scaler.stabilizer.damp(inputs, with_reserve(inputs, proposed), &mut tell));
    let ready_made = ready_made.map(|proposed| with_reserve(inputs, proposed));
    let wanted = damped.max(ready_made).unwrap_or(inputs.current);
    let held = scaler.guard.hold(inputs, wanted, &mut tell);
    limits(inputs, held, tell)
}
