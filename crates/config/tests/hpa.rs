//! Policies that come from Kubernetes, as they are written in a spec: what arrives, and what is said about mistakes.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use plimsoll_config::{parse, render};
use plimsoll_model::scaling::hpa::{HpaMetric, HpaPolicyKind, HpaSelect, HpaTarget};
use plimsoll_model::scaling::quantity::MilliQuantity;
use plimsoll_model::{Millis, ScalingPolicy, ServiceName, Spec};
use std::path::Path;

fn file(scaling: &str) -> String {
    format!(
        "name = \"x\"\n[services.web]\ncommand = [\"x\", \"{{port}}\"]\nreplicas = {{ min = 1, max = 9 }}\n\
         requests = {{ cpu = 1, memory = \"1MiB\" }}\n{scaling}"
    )
}

fn read(scaling: &str) -> Spec {
    parse(&file(scaling), Path::new("web.toml")).unwrap_or_else(|report| panic!("{report}")).spec
}

fn policies(spec: &Spec) -> &[ScalingPolicy] {
    &spec.services[&ServiceName::try_new("web").unwrap()].scaling.policies
}

#[track_caller]
fn refused(scaling: &str, expected: &[&str]) {
    let report = parse(&file(scaling), Path::new("web.toml")).expect_err("it is refused").to_string();
    for part in expected {
        assert!(report.contains(part), "{part:?} is missing in\n{report}");
    }
}

const EVERY_KIND: &str = r#"
[[services.web.scaling.hpa.metrics]]
type = "Resource"
resource = { name = "cpu", target = { type = "Utilization", averageUtilization = 60 } }
[[services.web.scaling.hpa.metrics]]
type = "ContainerResource"
containerResource = { name = "memory", container = "app", target = { type = "AverageValue", averageValue = "200Mi" } }
[[services.web.scaling.hpa.metrics]]
type = "Pods"
pods = { metric = { name = "qps" }, target = { type = "AverageValue", averageValue = "1k" } }
[[services.web.scaling.hpa.metrics]]
type = "Object"
[services.web.scaling.hpa.metrics.object]
describedObject = { kind = "Ingress", name = "main" }
metric = { name = "rps" }
target = { type = "Value", value = 100 }
[[services.web.scaling.hpa.metrics]]
type = "External"
[services.web.scaling.hpa.metrics.external]
metric = { name = "queue", selector = { matchLabels = { q = "mail" } } }
target = { type = "AverageValue", averageValue = 1.5 }
[services.web.scaling.hpa.behavior.scaleDown]
stabilizationWindowSeconds = 60
selectPolicy = "Min"
tolerance = "50m"
policies = [{ type = "Percent", value = 10, periodSeconds = 60 }]
[services.web.scaling.hpa.controller]
tolerance = "5%"
"#;

#[test]
fn every_kind_of_metric_arrives_and_reads_back() {
    let spec = read(EVERY_KIND);
    let [ScalingPolicy::Hpa(hpa)] = policies(&spec) else { panic!("one HPA") };
    let keys: Vec<String> = hpa.metrics.iter().map(HpaMetric::key).collect();
    assert_eq!(keys, ["cpu", "memory of app", "qps", "Ingress/main/rps", "queue{q=\"mail\"}"]);
    assert_eq!(hpa.metrics[0].target(), HpaTarget::Utilization { average_utilization: 60 });
    assert_eq!(hpa.metrics[1].target(), HpaTarget::AverageValue { average_value: MilliQuantity(209_715_200_000) });
    assert_eq!(hpa.metrics[2].target(), HpaTarget::AverageValue { average_value: MilliQuantity(1_000_000) });
    assert_eq!(hpa.metrics[3].target(), HpaTarget::Value { value: MilliQuantity(100_000) });
    assert_eq!(hpa.metrics[4].target(), HpaTarget::AverageValue { average_value: MilliQuantity(1_500) });
    let down = hpa.behavior.as_ref().unwrap().scale_down.as_ref().unwrap();
    assert_eq!((down.stabilization_window_seconds, down.select_policy), (Some(60), Some(HpaSelect::Min)));
    assert_eq!(down.policies.as_ref().unwrap()[0].kind, HpaPolicyKind::Percent);
    assert_eq!(down.tolerance, Some(MilliQuantity(50)));
    assert_eq!(hpa.behavior.as_ref().unwrap().scale_up, None, "what is left out stays left out");
    assert_eq!(hpa.controller.tolerance, MilliQuantity(50));
    assert_eq!(hpa.controller.cpu_initialization_period, Millis(300_000));
    assert_eq!(parse(&render(&spec), Path::new("web.toml")).unwrap().spec, spec);
}

#[test]
fn windows_of_the_calendar_are_policies_each() {
    let spec = read(
        "[[services.web.scaling.cron]]\ntimezone = \"Europe/Zurich\"\nstart = \"0 8 * * 1-5\"\nend = \"0 18 * * 1-5\"\n\
         desiredReplicas = 6\n[[services.web.scaling.cron]]\ntimezone = \"UTC\"\nstart = \"0 0 1 * *\"\n\
         end = \"0 6 1 * *\"\ndesiredReplicas = 9\ncooldownPeriod = \"1m\"\n",
    );
    let [ScalingPolicy::Cron(first), ScalingPolicy::Cron(second)] = policies(&spec) else { panic!("two windows") };
    assert_eq!((first.desired_replicas, first.cooldown_period), (6, Millis(300_000)));
    assert_eq!((second.desired_replicas, second.cooldown_period), (9, Millis(60_000)));
}

#[test]
fn a_metric_and_its_target_must_be_what_their_types_say() {
    let metric = |text: &str| format!("[[services.web.scaling.hpa.metrics]]\n{text}\n");
    refused(&metric("type = \"Pods\""), &["web.toml:7", "has no table `pods`"]);
    refused(
        &metric("type = \"Resource\"\nresource = { name = \"cpu\", target = { type = \"Value\", value = 1 } }"),
        &["web.toml:8", "has no target of type \"Value\"", "Utilization or AverageValue"],
    );
    refused(
        &metric("type = \"Resource\"\nresource = { name = \"cpu\", target = { type = \"Utilization\" } }"),
        &["has no `averageUtilization`"],
    );
    refused(
        &metric(
            "type = \"Resource\"\nresource = { name = \"gpu\", target = { type = \"Utilization\", averageUtilization = 0 } }",
        ),
        &["\"gpu\" is not a valid `name`", "\"cpu\", \"memory\"", "0 is out of range", "1 to 1000000"],
    );
    refused(
        &metric(
            "type = \"External\"\nexternal = { metric = { name = \"q\" }, target = { type = \"Value\", value = \"5x\" } }",
        ),
        &["\"5x\" is not a valid `value`", "`x` is not a unit"],
    );
    refused("scaling.hpa.metrics = []\n", &["`metrics` is empty"]);
    refused("scaling.hpa = {}\n", &["missing field `metrics`"]);
}

#[test]
fn a_window_that_cannot_be_is_refused_where_it_is_wrong() {
    let window = |zone: &str, start: &str, end: &str| {
        format!(
            "[[services.web.scaling.cron]]\ntimezone = \"{zone}\"\nstart = \"{start}\"\nend = \"{end}\"\ndesiredReplicas = 2\n"
        )
    };
    refused(
        &window("Europe/Zuerich", "0 8 * * *", "0 9 * * *"),
        &["web.toml:7", "there is no such zone; did you mean \"Europe/Zurich\"?"],
    );
    refused(&window("UTC", "0 25 * * *", "0 9 * * *"), &["web.toml:8", "hour \"25\"", "0 to 23"]);
    refused(&window("UTC", "0 8 * * *", "0 8 * * *"), &["start and end are both \"0 8 * * *\""]);
    refused(&window("UTC", "0 8 30 2 *", "0 9 * * *"), &["web.toml:8", "names no day that comes within five years"]);
}

#[test]
fn what_is_not_looked_at_is_doubtful() {
    let text = file(
        "[[services.web.scaling.hpa.metrics]]\ntype = \"Resource\"\n\
         resource = { name = \"cpu\", target = { type = \"Utilization\", averageUtilization = 60, value = 3 } }\n\
         pods = { metric = { name = \"q\" }, target = { type = \"AverageValue\", averageValue = 3 } }\n",
    );
    let text = text.replace("min = 1", "min = 0");
    let warnings = parse(&text, Path::new("web.toml")).unwrap().warnings.to_string();
    for part in ["does not look at `pods`", "does not look at `value`", "lead back from zero"] {
        assert!(warnings.contains(part), "{part:?} is missing in\n{warnings}");
    }
}
