//! A behavior with its defaults filled in, and the limits that its policies set.
//!
//! # Source
//! Kubernetes API reference, `HorizontalPodAutoscalerBehavior`: upwards no window and the larger of 4 pods and 100 % per
//! 15 s; downwards the controller's window and 100 % per 15 s.

use super::double::Double;
use super::state::{HpaState, Scaled};
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::scaling::hpa::{HpaBehavior, HpaController, HpaPolicy, HpaPolicyKind, HpaRules, HpaSelect};

const PERIOD: u32 = 15;
const UP: &[HpaPolicy] = &[
    HpaPolicy { kind: HpaPolicyKind::Pods, value: 4, period_seconds: PERIOD },
    HpaPolicy { kind: HpaPolicyKind::Percent, value: 100, period_seconds: PERIOD },
];
const DOWN: &[HpaPolicy] = &[HpaPolicy { kind: HpaPolicyKind::Percent, value: 100, period_seconds: PERIOD }];

/// One direction with nothing left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// The stabilization window.
    pub window: Millis,
    select: HpaSelect,
    policies: &'a [HpaPolicy],
}

/// Both directions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Behavior<'a> {
    /// Upwards.
    pub up: Rules<'a>,
    /// Downwards.
    pub down: Rules<'a>,
}

impl<'a> Behavior<'a> {
    /// Fills in what is left out.
    pub fn of(behavior: &'a HpaBehavior, controller: &HpaController) -> Self {
        let up = Rules::of(behavior.scale_up.as_ref(), Millis(0), UP);
        let down = Rules::of(behavior.scale_down.as_ref(), controller.downscale_stabilization, DOWN);
        Self { up, down }
    }

    /// The most replicas now.
    pub fn up_limit(&self, state: &HpaState, at: Timestamp, current: u32) -> u32 {
        let rules = self.up;
        let proposed = rules.policies.iter().map(|policy| {
            let start = state.at_start(at, period(policy), current);
            match policy.kind {
                HpaPolicyKind::Pods => start.saturating_add(u64::from(policy.value)),
                // Rounded up, or a small number would never grow.
                HpaPolicyKind::Percent => Double::of(start).times(percent(policy).plus_one()).ceil(),
            }
        });
        let limit = match rules.select {
            HpaSelect::Disabled => Some(u64::from(current)),
            HpaSelect::Max => proposed.max(),
            HpaSelect::Min => proposed.min(),
        };
        clip(limit.unwrap_or(0)).max(current)
    }

    /// The fewest replicas now.
    pub fn down_limit(&self, state: &HpaState, at: Timestamp, current: u32) -> u32 {
        let rules = self.down;
        let proposed = rules.policies.iter().map(|policy| {
            let start = state.at_start(at, period(policy), current);
            match policy.kind {
                HpaPolicyKind::Pods => start.saturating_sub(u64::from(policy.value)),
                HpaPolicyKind::Percent => {
                    percent(policy).minus_from_one().map_or(0, |kept| Double::of(start).times(kept).floor())
                }
            }
        });
        let limit = match rules.select {
            HpaSelect::Disabled => Some(u64::from(current)),
            HpaSelect::Max => proposed.min(),
            HpaSelect::Min => proposed.max(),
        };
        clip(limit.unwrap_or(u64::from(current))).min(current)
    }
}

impl<'a> Rules<'a> {
    fn of(given: Option<&'a HpaRules>, window: Millis, policies: &'static [HpaPolicy]) -> Self {
        let seconds = given.and_then(|rules| rules.stabilization_window_seconds);
        Self {
            window: seconds.map_or(window, |seconds| Millis(u64::from(seconds) * 1_000)),
            select: given.and_then(|rules| rules.select_policy).unwrap_or(HpaSelect::Max),
            policies: given.and_then(|rules| rules.policies.as_deref()).unwrap_or(policies),
        }
    }

    /// The longest period of any policy: how long a change is looked at.
    pub fn longest_period(&self) -> Millis {
        self.policies.iter().map(period).max().unwrap_or_default()
    }
}

impl HpaState {
    /// Replicas at the start of a period that ends now, by the changes logged strictly within it. A start below zero (the
    /// target was also changed by hand) limits as zero does.
    fn at_start(&self, at: Timestamp, period: Millis, current: u32) -> u64 {
        let within = |log: &[Scaled]| -> i64 {
            log.iter().filter(|change| newer(change.at, at, period)).map(|change| i64::from(change.replicas)).sum()
        };
        let start = i64::from(current) - within(&self.ups) + within(&self.downs);
        u64::try_from(start).unwrap_or(0)
    }
}

fn period(policy: &HpaPolicy) -> Millis {
    Millis(u64::from(policy.period_seconds) * 1_000)
}

/// A policy's value as a share of one.
fn percent(policy: &HpaPolicy) -> Double {
    Double::of(u64::from(policy.value)).over(Double::of(100))
}

fn clip(limit: u64) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// Strictly newer than the start of a span that ends now.
pub(super) fn newer(then: Timestamp, at: Timestamp, span: Millis) -> bool {
    then.plus(span) > at
}

/// Strictly older than the start of a span that ends now.
pub(super) fn older(then: Timestamp, at: Timestamp, span: Millis) -> bool {
    then.plus(span) < at
}
