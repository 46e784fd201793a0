//! A scaling spec in which nothing damps, spares, guards or forecasts; each test sets what it is about.

use plimsoll_model::ScalingPolicy;
use plimsoll_model::quantity::{Millis, Permille};
use plimsoll_model::scaling::GuardSpec;
use plimsoll_model::spec::ScalingSpec;

pub fn undamped(policies: Vec<ScalingPolicy>) -> ScalingSpec {
    ScalingSpec {
        policies,
        capacity: None,
        tolerance: Permille(0),
        stabilization_up: Millis(0),
        stabilization_down: Millis(0),
        step_up_max: 10_000,
        step_down_max: 10_000,
        period: Millis(15_000),
        reserve: 0,
        reserve_share: Permille(0),
        reserve_burst: None,
        forecast: None,
        guard: GuardSpec::default(),
        vertical: None,
    }
}
