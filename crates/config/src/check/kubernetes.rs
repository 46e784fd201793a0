//! What holds between the fields of the policies that come from Kubernetes, as its API checks them.

use super::{conflict, doubt};
use crate::build::kubernetes::cron;
use crate::read::Reader;
use crate::value::Table;
use plimsoll_autoscale::cron::{CronError, Window};

/// Type of a metric, its table, the kinds of target it has.
const SOURCES: [(&str, &str, &[&str]); 5] = [
    ("Resource", "resource", &["Utilization", "AverageValue"]),
    ("ContainerResource", "containerResource", &["Utilization", "AverageValue"]),
    ("Pods", "pods", &["AverageValue"]),
    ("Object", "object", &["Value", "AverageValue"]),
    ("External", "external", &["Value", "AverageValue"]),
];

/// Type of a target and its field.
const TARGETS: [(&str, &str); 3] =
    [("Utilization", "averageUtilization"), ("AverageValue", "averageValue"), ("Value", "value")];

/// Checks the tables of one service's scaling.
pub fn check(reader: &mut Reader<'_>, service: &Table, scaling: &Table) {
    if let Some(table) = scaling.table("hpa") {
        empty(reader, table, "metrics");
        hpa(reader, table);
        zero(reader, service, table);
    }
    scaling.tables("cron").iter().for_each(|table| window(reader, table));
}

/// Checks the fields of one autoscaler.
pub fn hpa(reader: &mut Reader<'_>, hpa: &Table) {
    hpa.tables("metrics").iter().for_each(|metric| source(reader, metric));
    if let Some(behavior) = hpa.table("behavior") {
        for direction in ["scaleUp", "scaleDown"] {
            behavior.table(direction).into_iter().for_each(|rules| empty(reader, rules, "policies"));
        }
    }
}

/// A list that is there and says nothing.
fn empty(reader: &mut Reader<'_>, table: &Table, name: &str) {
    if table.is_given(name) && !table.is_broken(name) && table.tables(name).is_empty() {
        conflict(reader, table, name, (format!("`{name}` is empty"), "at least one, or none at all".to_owned()), None);
    }
}

fn source(reader: &mut Reader<'_>, metric: &Table) {
    let Some((kind, wanted, targets)) =
        metric.text("type").and_then(|word| SOURCES.iter().find(|(kind, ..)| *kind == word))
    else {
        return;
    };
    if !metric.is_given(wanted) {
        let what = format!("a metric of type {kind:?} has no table `{wanted}`");
        conflict(reader, metric, "type", (what, format!("a table `{wanted}`, or another type")), None);
    }
    for (_, other, _) in SOURCES.iter().filter(|(_, other, _)| *other != *wanted && metric.is_given(other)) {
        let what = format!("a metric of type {kind:?} does not look at `{other}`");
        doubt(reader, metric, other, what, format!("leave `{other}` out"));
    }
    if let Some(table) = metric.table(wanted).and_then(|table| table.table("target")) {
        target(reader, kind, targets, table);
    }
}

fn target(reader: &mut Reader<'_>, metric: &str, allowed: &[&str], target: &Table) {
    let Some((kind, wanted)) = target.text("type").and_then(|word| TARGETS.iter().find(|(kind, _)| *kind == word))
    else {
        return;
    };
    if !allowed.contains(kind) {
        let what = format!("a metric of type {metric:?} has no target of type {kind:?}");
        conflict(reader, target, "type", (what, allowed.join(" or ")), None);
        return;
    }
    if !target.is_given(wanted) {
        let what = format!("a target of type {kind:?} has no `{wanted}`");
        conflict(reader, target, "type", (what, format!("a field `{wanted}`")), None);
    }
    for (_, other) in TARGETS.iter().filter(|(_, other)| *other != *wanted && target.is_given(other)) {
        doubt(
            reader,
            target,
            other,
            format!("a target of type {kind:?} does not look at `{other}`"),
            format!("leave `{other}` out"),
        );
    }
}

/// From zero replicas only a metric that is not of pods can lead back.
fn zero(reader: &mut Reader<'_>, service: &Table, hpa: &Table) {
    let Some(replicas) = service.table("replicas").filter(|replicas| replicas.number("min") == Some(0)) else { return };
    let leads_back = |metric: &Table| matches!(metric.text("type"), Some("Object" | "External") | None);
    if hpa.tables("metrics").is_empty() || hpa.tables("metrics").iter().any(leads_back) {
        return;
    }
    let what = "no metric of the HPA can lead back from zero replicas, because all of them are of pods".to_owned();
    let advice =
        "set `min` to 1, or add a metric of type Object or External; arrivals at the gateway start one replica"
            .to_owned();
    doubt(reader, replicas, "min", what, advice);
}

fn window(reader: &mut Reader<'_>, table: &Table) {
    if ["timezone", "start", "end", "desiredReplicas"].iter().any(|name| table.is_broken(name)) {
        return;
    }
    let Some(Err(error)) = cron(table).map(|spec| Window::read(&spec)) else { return };
    let at = match &error {
        CronError::Never { text } if table.text("start") == Some(text) => "start",
        CronError::Zone { .. } => "timezone",
        _ => "end",
    };
    let expected = "two expressions that come, at different times".to_owned();
    conflict(reader, table, at, (error.to_string(), expected), None);
}
