//! What a proposal has to beat beside the policy in force: the policies that anybody would have without an analyst, at their
//! best numbers on the part of the history that the proposer saw.
//!
//! # Source
//! Plimsoll's default (`policies/scaling/plimsoll.toml`) and Kubernetes' autoscaler with its default behaviour at the usual
//! targets.

use plimsoll_model::scaling::hpa::{HpaController, HpaMetric, HpaResource, HpaResourceSource, HpaTarget};
use plimsoll_model::scaling::{HeadroomSpec, HpaSpec};
use plimsoll_model::spec::{ScalingPolicy, ScalingSpec, ServiceSpec};
use plimsoll_model::{Millis, Permille};

/// Targets of the autoscaler that are tried, per cent of CPU.
const TARGETS: [u32; 4] = [50, 60, 70, 80];

/// Each with its name, within the bounds and of the size that the operator has now.
pub(super) fn standards(present: &ServiceSpec) -> Vec<(String, ServiceSpec)> {
    let with = |scaling: ScalingSpec| ServiceSpec { scaling, ..present.clone() };
    let hpa = |target: u32| {
        let target_of = HpaTarget::Utilization { average_utilization: target };
        let resource = HpaResourceSource { name: HpaResource::Cpu, target: target_of };
        let metrics = vec![HpaMetric::Resource { resource }];
        let policy =
            ScalingPolicy::Hpa(Box::new(HpaSpec { metrics, behavior: None, controller: HpaController::default() }));
        (format!("HPA at {target} %"), with(plain(vec![policy])))
    };
    let headroom = ScalingPolicy::Headroom(HeadroomSpec { price: 80, price_keep: 160 });
    let default = plain(vec![ScalingPolicy::Cpu { target: Permille(800) }, headroom]);
    std::iter::once(("the default policy".to_owned(), with(default))).chain(TARGETS.map(hpa)).collect()
}

/// No damping of the service's own: both policies have theirs.
fn plain(policies: Vec<ScalingPolicy>) -> ScalingSpec {
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
        guard: plimsoll_model::scaling::GuardSpec::default(),
        vertical: None,
    }
}
