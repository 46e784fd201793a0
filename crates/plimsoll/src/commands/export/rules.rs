//! Alert rules for Prometheus.
//!
//! # Source
//! Google, The Site Reliability Workbook, chapter 5 (burn rates over two windows).

/// Name, expression, how long it holds, severity, summary, what to do.
const ALERTS: &[(&str, &str, &str, &str, &str, &str)] = &[
    (
        "PlimsollUnhealthy",
        "plimsoll_healthy == 0",
        "5m",
        "critical",
        "Plimsoll on {{ $labels.instance }} is not healthy",
        "plimsoll status says what is wrong; while the journal cannot be written nothing is decided",
    ),
    (
        "PlimsollDecidesNothing",
        "rate(plimsoll_steps_total[10m]) == 0",
        "10m",
        "critical",
        "Plimsoll on {{ $labels.instance }} has decided nothing for ten minutes",
        "plimsoll status; the disk of the journal may be full",
    ),
    (
        "PlimsollSloBurn",
        "(rate(plimsoll_requests_failed_total[5m]) > 0.1 * rate(plimsoll_requests_finished_total[5m])) and (rate(plimsoll_requests_failed_total[1h]) > 0.1 * rate(plimsoll_requests_finished_total[1h]))",
        "1m",
        "critical",
        "{{ $labels.service }} uses its error budget of 1 % up ten times too fast",
        "plimsoll explain {{ $labels.service }}; plimsoll logs {{ $labels.service }}",
    ),
    (
        "PlimsollNoReadyReplica",
        "plimsoll_service_replicas{kind=\"ready\"} == 0 and on(instance, service) plimsoll_service_replicas{kind=\"target\"} > 0",
        "2m",
        "critical",
        "{{ $labels.service }} has no ready replica",
        "plimsoll logs {{ $labels.service }} says what its replicas printed last",
    ),
    (
        "PlimsollBelowTarget",
        "plimsoll_service_replicas{kind=\"ready\"} < on(instance, service) plimsoll_service_replicas{kind=\"target\"}",
        "15m",
        "warning",
        "{{ $labels.service }} has had fewer ready replicas than wanted for a quarter of an hour",
        "plimsoll explain {{ $labels.service }} says what holds them back",
    ),
    (
        "PlimsollCircuitOpen",
        "plimsoll_service_circuit{state=\"open\"} == 1",
        "1m",
        "warning",
        "The circuit breaker of {{ $labels.service }} is open",
        "its replicas fail or time out; plimsoll logs {{ $labels.service }}",
    ),
    (
        "PlimsollTurnedAway",
        "sum by (instance) (increase(plimsoll_api_refused_total[10m])) > 100",
        "1m",
        "warning",
        "More than a hundred requests to the API of {{ $labels.instance }} were turned away in ten minutes",
        "plimsoll audit says who asked for what",
    ),
    (
        "PlimsollAuditLost",
        "increase(plimsoll_audit_lost_total[1h]) > 0",
        "1m",
        "critical",
        "Requests to change {{ $labels.instance }} are not in its audit",
        "the journal has no room; see plimsoll status",
    ),
    (
        "PlimsollWebhookFails",
        "sum by (instance, hook) (increase(plimsoll_webhook_messages_total{outcome!=\"sent\"}[30m])) > 0",
        "1m",
        "warning",
        "Messages to {{ $labels.hook }} do not arrive",
        "plimsoll status names the reason",
    ),
    (
        "PlimsollForecastMistrusted",
        "plimsoll_service_forecast_trusted == 0",
        "6h",
        "info",
        "The forecast of {{ $labels.service }} has not been relied on for six hours",
        "plimsoll explain {{ $labels.service }}; the reactive policies decide alone",
    ),
];

/// The rules as YAML. Texts are written as JSON strings, which YAML takes as they are.
pub fn text() -> String {
    let mut out = String::from(
        "# Alert rules for Prometheus, written by `plimsoll export grafana`.\ngroups:\n  - name: plimsoll\n    rules:\n",
    );
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    for (name, expr, holds, severity, summary, remedy) in ALERTS {
        out += &format!(
            "      - alert: {name}\n        expr: {}\n        for: {holds}\n        labels:\n          severity: {severity}\n        annotations:\n          summary: {}\n          description: {}\n",
            quoted(expr),
            quoted(summary),
            quoted(remedy),
        );
    }
    out
}
