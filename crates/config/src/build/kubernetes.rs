//! The policies that come from Kubernetes: `scaling.hpa`, `scaling.concurrency`, `[[scaling.cron]]`.

use super::{millis, permille};
use crate::value::Table;
use plimsoll_model::ScalingPolicy;
use plimsoll_model::scaling::cron::CronSpec;
use plimsoll_model::scaling::hpa::{
    HpaBehavior, HpaContainerSource, HpaController, HpaMetric, HpaMetricName, HpaNamedSource, HpaObject,
    HpaObjectSource, HpaPolicy, HpaPolicyKind, HpaResource, HpaResourceSource, HpaRules, HpaSelect, HpaSelector,
    HpaSpec, HpaTarget,
};
use plimsoll_model::scaling::kpa::{KpaMetric, KpaSpec};
use plimsoll_model::scaling::quantity::MilliQuantity;

/// The policies of these tables, in the order of the reference page.
pub fn policies(scaling: &Table) -> Option<Vec<ScalingPolicy>> {
    let hpa = scaling.table("hpa").map(hpa).map(|spec| Some(ScalingPolicy::Hpa(Box::new(spec?))));
    let concurrency = scaling.table("concurrency").map(|table| Some(ScalingPolicy::Concurrency(concurrency(table)?)));
    let windows = scaling.tables("cron").iter().map(|table| Some(ScalingPolicy::Cron(cron(table)?)));
    hpa.into_iter().chain(concurrency).chain(windows).collect()
}

/// The autoscaler that a table says.
pub fn hpa(table: &Table) -> Option<HpaSpec> {
    let controller = table.table("controller")?;
    Some(HpaSpec {
        metrics: table.tables("metrics").iter().map(metric).collect::<Option<_>>()?,
        behavior: table.table("behavior").map(|table| HpaBehavior {
            scale_up: table.table("scaleUp").map(rules),
            scale_down: table.table("scaleDown").map(rules),
        }),
        controller: HpaController {
            tolerance: quantity(controller, "tolerance"),
            cpu_initialization_period: millis(controller, "cpuInitializationPeriod"),
            initial_readiness_delay: millis(controller, "initialReadinessDelay"),
            downscale_stabilization: millis(controller, "downscaleStabilization"),
        },
    })
}

fn quantity(table: &Table, name: &str) -> MilliQuantity {
    MilliQuantity(table.number(name).unwrap_or_default())
}

fn metric(table: &Table) -> Option<HpaMetric> {
    Some(match table.text("type")? {
        "Resource" => {
            let table = table.table("resource")?;
            HpaMetric::Resource { resource: HpaResourceSource { name: resource(table)?, target: target(table)? } }
        }
        "ContainerResource" => {
            let table = table.table("containerResource")?;
            let container = table.text("container")?.to_owned();
            let (name, target) = (resource(table)?, target(table)?);
            HpaMetric::ContainerResource { container_resource: HpaContainerSource { name, container, target } }
        }
        "Pods" => HpaMetric::Pods { pods: named(table.table("pods")?)? },
        "Object" => {
            let table = table.table("object")?;
            let object = table.table("describedObject")?;
            let described_object = HpaObject {
                api_version: object.text("apiVersion").unwrap_or_default().to_owned(),
                kind: object.text("kind")?.to_owned(),
                name: object.text("name")?.to_owned(),
            };
            let HpaNamedSource { metric, target } = named(table)?;
            HpaMetric::Object { object: HpaObjectSource { described_object, metric, target } }
        }
        _ => HpaMetric::External { external: named(table.table("external")?)? },
    })
}

fn resource(table: &Table) -> Option<HpaResource> {
    Some(if table.text("name")? == "cpu" { HpaResource::Cpu } else { HpaResource::Memory })
}

fn named(table: &Table) -> Option<HpaNamedSource> {
    let metric = table.table("metric")?;
    let labels = metric.table("selector")?.variables("matchLabels");
    let selector = HpaSelector { match_labels: labels.map(|(name, item)| (name.clone(), item.text.clone())).collect() };
    Some(HpaNamedSource {
        metric: HpaMetricName { name: metric.text("name")?.to_owned(), selector },
        target: target(table)?,
    })
}

fn target(table: &Table) -> Option<HpaTarget> {
    let target = table.table("target")?;
    Some(match target.text("type")? {
        "Utilization" => HpaTarget::Utilization { average_utilization: target.count("averageUtilization") },
        "AverageValue" => HpaTarget::AverageValue { average_value: quantity(target, "averageValue") },
        _ => HpaTarget::Value { value: quantity(target, "value") },
    })
}

fn rules(table: &Table) -> HpaRules {
    let policy = |table: &Table| HpaPolicy {
        kind: if table.text("type") == Some("Pods") { HpaPolicyKind::Pods } else { HpaPolicyKind::Percent },
        value: table.count("value"),
        period_seconds: table.count("periodSeconds"),
    };
    HpaRules {
        stabilization_window_seconds: table
            .number("stabilizationWindowSeconds")
            .map(|_| table.count("stabilizationWindowSeconds")),
        select_policy: table.text("selectPolicy").map(|word| match word {
            "Min" => HpaSelect::Min,
            "Disabled" => HpaSelect::Disabled,
            _ => HpaSelect::Max,
        }),
        policies: table.is_given("policies").then(|| table.tables("policies").iter().map(policy).collect()),
        tolerance: table.number("tolerance").map(MilliQuantity),
    }
}

fn concurrency(table: &Table) -> Option<KpaSpec> {
    Some(KpaSpec {
        measure: if table.text("metric")? == "rps" { KpaMetric::Rps } else { KpaMetric::Concurrency },
        target_milli: table.unsigned("target"),
        target_utilization: permille(table, "target_utilization"),
        stable_window: millis(table, "stable_window"),
        panic_window: permille(table, "panic_window"),
        panic_threshold: permille(table, "panic_threshold"),
        max_scale_up_rate: permille(table, "max_scale_up_rate"),
        max_scale_down_rate: permille(table, "max_scale_down_rate"),
        target_burst_capacity: super::optional(table, "target_burst_capacity"),
        scale_down_delay: millis(table, "scale_down_delay"),
        activation_scale: table.count("activation_scale"),
        scale_to_zero_grace_period: millis(table, "scale_to_zero_grace_period"),
    })
}

/// The window that a table says.
pub fn cron(table: &Table) -> Option<CronSpec> {
    Some(CronSpec {
        timezone: table.text("timezone")?.to_owned(),
        start: table.text("start")?.to_owned(),
        end: table.text("end")?.to_owned(),
        desired_replicas: table.count("desiredReplicas"),
        cooldown_period: millis(table, "cooldownPeriod"),
    })
}
