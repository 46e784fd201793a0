//! The policies that come from Kubernetes, back in their own field names.

use super::{Branch, Node, quoted};
use crate::unit::Unit;
use plimsoll_model::ScalingPolicy;
use plimsoll_model::scaling::cron::CronSpec;
use plimsoll_model::scaling::hpa::{
    HpaBehavior, HpaContainerSource, HpaController, HpaMetric, HpaMetricName, HpaNamedSource, HpaObject,
    HpaObjectSource, HpaPolicy, HpaPolicyKind, HpaResource, HpaResourceSource, HpaRules, HpaSelect, HpaSpec, HpaTarget,
};
use plimsoll_model::scaling::kpa::{KpaMetric, KpaSpec};
use plimsoll_model::scaling::quantity::MilliQuantity;

/// Writes the policies that come from Kubernetes; others are somebody else's.
pub fn write_policies(at: &mut Branch, policies: &[ScalingPolicy]) {
    let mut windows = Vec::new();
    for policy in policies {
        match policy {
            ScalingPolicy::Hpa(spec) => at.branch("hpa", |at| write_hpa(at, spec)),
            ScalingPolicy::Concurrency(spec) => at.branch("concurrency", |at| write_concurrency(at, spec)),
            ScalingPolicy::Cron(spec) => windows.push(window(spec)),
            _ => {}
        }
    }
    if !windows.is_empty() {
        at.0.push(("cron".to_owned(), Node::List(windows)));
    }
}

fn filled(fill: impl FnOnce(&mut Branch)) -> Branch {
    let mut branch = Branch::default();
    fill(&mut branch);
    branch
}

fn window(CronSpec { timezone, start, end, desired_replicas, cooldown_period }: &CronSpec) -> Branch {
    filled(|at| {
        at.text("timezone", timezone);
        at.text("start", start);
        at.text("end", end);
        at.unit("desiredReplicas", Unit::Count, u64::from(*desired_replicas));
        at.unit("cooldownPeriod", Unit::Duration, cooldown_period.get());
    })
}

fn write_concurrency(at: &mut Branch, spec: &KpaSpec) {
    let KpaSpec {
        measure,
        target_milli,
        target_utilization,
        stable_window,
        panic_window,
        panic_threshold,
        max_scale_up_rate,
        max_scale_down_rate,
        target_burst_capacity,
        scale_down_delay,
        activation_scale,
        scale_to_zero_grace_period,
    } = spec;
    at.unit("target", Unit::Thousandths, *target_milli);
    at.text("metric", if *measure == KpaMetric::Rps { "rps" } else { "concurrency" });
    at.unit("target_utilization", Unit::Share, target_utilization.get());
    at.unit("stable_window", Unit::Duration, stable_window.get());
    at.unit("panic_window", Unit::Share, panic_window.get());
    at.unit("panic_threshold", Unit::Share, panic_threshold.get());
    at.unit("max_scale_up_rate", Unit::Thousandths, max_scale_up_rate.get());
    at.unit("max_scale_down_rate", Unit::Thousandths, max_scale_down_rate.get());
    match target_burst_capacity {
        Some(capacity) => at.unit("target_burst_capacity", Unit::Thousandths, *capacity),
        None => at.text("target_burst_capacity", "unlimited"),
    }
    at.unit("scale_down_delay", Unit::Duration, scale_down_delay.get());
    at.unit("activation_scale", Unit::Count, u64::from(*activation_scale));
    at.unit("scale_to_zero_grace_period", Unit::Duration, scale_to_zero_grace_period.get());
}

/// Writes the table `hpa`.
pub fn write_hpa(at: &mut Branch, HpaSpec { metrics, behavior, controller }: &HpaSpec) {
    at.0.push(("metrics".to_owned(), Node::List(metrics.iter().map(metric).collect())));
    if let Some(HpaBehavior { scale_up, scale_down }) = behavior {
        at.branch("behavior", |at| {
            for (name, rules) in [("scaleUp", scale_up), ("scaleDown", scale_down)] {
                rules.iter().for_each(|rules| at.branch(name, |at| write_rules(at, rules)));
            }
        });
    }
    let HpaController { tolerance, cpu_initialization_period, initial_readiness_delay, downscale_stabilization } =
        controller;
    at.branch("controller", |at| {
        at.unit("tolerance", Unit::Share, tolerance.0.unsigned_abs());
        at.unit("cpuInitializationPeriod", Unit::Duration, cpu_initialization_period.get());
        at.unit("initialReadinessDelay", Unit::Duration, initial_readiness_delay.get());
        at.unit("downscaleStabilization", Unit::Duration, downscale_stabilization.get());
    });
}

fn quantity(at: &mut Branch, key: &str, value: MilliQuantity) {
    at.leaf(key, quoted(&value.to_string()));
}

fn metric(metric: &HpaMetric) -> Branch {
    filled(|at| match metric {
        HpaMetric::Resource { resource: HpaResourceSource { name, target } } => {
            at.text("type", "Resource");
            at.branch("resource", |at| {
                write_resource(at, *name);
                write_target(at, *target);
            });
        }
        HpaMetric::ContainerResource { container_resource: HpaContainerSource { name, container, target } } => {
            at.text("type", "ContainerResource");
            at.branch("containerResource", |at| {
                write_resource(at, *name);
                at.text("container", container);
                write_target(at, *target);
            });
        }
        HpaMetric::Pods { pods } => {
            at.text("type", "Pods");
            at.branch("pods", |at| write_named(at, pods));
        }
        HpaMetric::Object { object: HpaObjectSource { described_object, metric, target } } => {
            let HpaObject { api_version, kind, name } = described_object;
            at.text("type", "Object");
            at.branch("object", |at| {
                at.branch("describedObject", |at| {
                    at.text_if("apiVersion", (!api_version.is_empty()).then_some(api_version.as_str()));
                    at.text("kind", kind);
                    at.text("name", name);
                });
                write_metric(at, metric);
                write_target(at, *target);
            });
        }
        HpaMetric::External { external } => {
            at.text("type", "External");
            at.branch("external", |at| write_named(at, external));
        }
    })
}

fn write_resource(at: &mut Branch, name: HpaResource) {
    at.text("name", name.word());
}

fn write_named(at: &mut Branch, HpaNamedSource { metric, target }: &HpaNamedSource) {
    write_metric(at, metric);
    write_target(at, *target);
}

fn write_metric(at: &mut Branch, HpaMetricName { name, selector }: &HpaMetricName) {
    at.branch("metric", |at| {
        at.text("name", name);
        if !selector.is_empty() {
            at.branch("selector", |at| {
                at.branch("matchLabels", |at| {
                    selector.match_labels.iter().for_each(|(label, value)| at.text(label, value))
                });
            });
        }
    });
}

fn write_target(at: &mut Branch, target: HpaTarget) {
    at.branch("target", |at| match target {
        HpaTarget::Utilization { average_utilization } => {
            at.text("type", "Utilization");
            at.unit("averageUtilization", Unit::Count, u64::from(average_utilization));
        }
        HpaTarget::AverageValue { average_value } => {
            at.text("type", "AverageValue");
            quantity(at, "averageValue", average_value);
        }
        HpaTarget::Value { value } => {
            at.text("type", "Value");
            quantity(at, "value", value);
        }
    });
}

fn write_rules(at: &mut Branch, rules: &HpaRules) {
    let HpaRules { stabilization_window_seconds, select_policy, policies, tolerance } = rules;
    at.unit_if("stabilizationWindowSeconds", Unit::Count, stabilization_window_seconds.map(u64::from));
    at.text_if(
        "selectPolicy",
        select_policy.map(|select| match select {
            HpaSelect::Max => "Max",
            HpaSelect::Min => "Min",
            HpaSelect::Disabled => "Disabled",
        }),
    );
    tolerance.iter().for_each(|tolerance| quantity(at, "tolerance", *tolerance));
    let policy = |HpaPolicy { kind, value, period_seconds }: &HpaPolicy| {
        filled(|at| {
            at.text("type", if *kind == HpaPolicyKind::Pods { "Pods" } else { "Percent" });
            at.unit("value", Unit::Count, u64::from(*value));
            at.unit("periodSeconds", Unit::Count, u64::from(*period_seconds));
        })
    };
    if let Some(policies) = policies {
        at.0.push(("policies".to_owned(), Node::List(policies.iter().map(policy).collect())));
    }
}
