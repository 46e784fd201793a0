//! Sends the daemon's metrics to a collector.
//!
//! What is sent is what `/metrics` shows at the time, read back by the same parser that checks it: one place says what the
//! metrics are. A message that the collector does not take is dropped and counted, because the next one holds newer figures.
//!
//! # Source
//! OpenTelemetry Protocol, OTLP/HTTP with JSON (`metrics.proto`: Gauge, Sum; 64-bit integers as text).

use crate::api::Shared;
use crate::clock::wall_ms;
use plimsoll_collect::openmetrics::{Family, FamilyKind, parse};
use plimsoll_http_client::{Ask, Budget, Url, exchange};
use plimsoll_model::operations::MetricsExport;
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1024;
/// Temporality of counters that are told since their start.
const CUMULATIVE: u8 = 2;

/// Sends until the task is dropped.
pub async fn run(spec: MetricsExport, shared: Rc<Shared>) {
    let start_ms = wall_ms();
    let mut ticks = tokio::time::interval(Duration::from_millis(spec.interval.get()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let url =
        Url { tls: false, host: spec.address.ip().to_string(), port: spec.address.port(), path: spec.path.clone() };
    let budget = Budget { deadline: Duration::from_millis(spec.timeout.get()), body_bytes_max: ANSWER_MAX };
    loop {
        ticks.tick().await;
        let text = crate::metrics::render(&shared.state.borrow(), &shared.totals.borrow(), &shared.own_figures());
        let Ok(families) = parse(&text) else { continue };
        let body = message(&spec.service, &families, start_ms, wall_ms()).to_string();
        let is_taken =
            exchange(Ask::post_json(url.clone(), body), budget).await.is_ok_and(|answer| answer.status.is_success());
        let (sent, failed) = shared.exported.get();
        shared.exported.set(if is_taken { (sent + 1, failed) } else { (sent, failed + 1) });
    }
}

/// The families as one message.
fn message(service: &str, families: &[Family], start_ms: i64, now_ms: i64) -> Value {
    let metrics: Vec<Value> = families.iter().filter_map(|family| metric(family, start_ms, now_ms)).collect();
    json!({ "resourceMetrics": [{
        "resource": { "attributes": [attribute("service.name", service)] },
        "scopeMetrics": [{ "scope": { "name": "plimsoll", "version": env!("CARGO_PKG_VERSION") }, "metrics": metrics }],
    }] })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn metric(family: &Family, start_ms: i64, now_ms: i64) -> Option<Value> {
    let nanos = |ms: i64| format!("{ms}000000");
    let points: Vec<Value> = family
        .samples
        .iter()
        .filter(|sample| sample.value.is_finite())
        .map(|sample| {
            let attributes: Vec<Value> = sample.labels.iter().map(|(name, value)| attribute(name, value)).collect();
            json!({
                "attributes": attributes, "startTimeUnixNano": nanos(start_ms), "timeUnixNano": nanos(now_ms),
                "asDouble": sample.value,
            })
        })
        .collect();
    if points.is_empty() {
        return None;
    }
    let mut metric = json!({ "name": family.name, "description": family.help, "unit": unit(family.unit.as_deref()) });
    match family.kind {
        FamilyKind::Counter => {
            metric["sum"] = json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true });
        }
        _ => metric["gauge"] = json!({ "dataPoints": points }),
    }
    Some(metric)
}

/// A unit in the words of UCUM, which OpenTelemetry asks for.
fn unit(unit: Option<&str>) -> &'static str {
    match unit {
        Some("seconds") => "s",
        Some("bytes") => "By",
        Some("ratio") => "1",
        Some("rps") => "{request}/s",
        Some("requests") => "{request}",
        Some("cores") => "{core}",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_and_counters_become_points_with_their_labels() {
        let text = "# TYPE plimsoll_x_bytes gauge\n# UNIT plimsoll_x_bytes bytes\n# HELP plimsoll_x_bytes An x.\nplimsoll_x_bytes{service=\"shop\"} 7\n# TYPE plimsoll_n counter\nplimsoll_n_total 3\n# EOF\n";
        let message = message("one", &parse(text).unwrap(), 1_000, 2_000);
        let scope = &message["resourceMetrics"][0]["scopeMetrics"][0];
        let (gauge, counter) = (&scope["metrics"][0], &scope["metrics"][1]);
        assert_eq!((gauge["name"].as_str(), gauge["unit"].as_str()), (Some("plimsoll_x_bytes"), Some("By")));
        let point = &gauge["gauge"]["dataPoints"][0];
        assert_eq!((point["asDouble"].as_f64(), point["timeUnixNano"].as_str()), (Some(7.0), Some("2000000000")));
        assert_eq!(point["attributes"][0]["value"]["stringValue"], "shop");
        assert_eq!(counter["sum"]["isMonotonic"], true);
        assert_eq!(counter["sum"]["dataPoints"][0]["asDouble"], 3.0);
    }
}
