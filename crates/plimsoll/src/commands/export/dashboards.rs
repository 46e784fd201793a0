//! The dashboards: everything at a glance, one service, the queue of jobs, the gateway.

use super::dashboard::Shape::{Lines, Stat, Table};
use super::dashboard::{Panel, Shape, dashboard, variable};
use serde_json::Value;

fn panel(
    (title, description): (&'static str, &'static str),
    (shape, unit, width): (Shape, &'static str, u32),
    asks: &[(&'static str, &'static str)],
) -> Panel {
    Panel { title, description, shape, unit, width, asks: asks.to_vec() }
}

/// All dashboards by the name of their file.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![("overview", overview()), ("service", service()), ("queue", queue()), ("gateway", gateway())]
}

fn overview() -> Value {
    let panels = [
        panel(("Healthy", "1 while nothing is wrong."), (Stat, "short", 4), &[("plimsoll_healthy", "")]),
        panel(("Steps", "Decisions per second."), (Stat, "short", 4), &[("rate(plimsoll_steps_total[5m])", "")]),
        panel(
            ("Requests", "Requests that ended, per second."),
            (Stat, "reqps", 4),
            &[("sum(rate(plimsoll_requests_finished_total[5m]))", "")],
        ),
        panel(
            ("Failed", "Share of the requests that failed."),
            (Stat, "percentunit", 4),
            &[("sum(rate(plimsoll_requests_failed_total[5m])) / sum(rate(plimsoll_requests_finished_total[5m]))", "")],
        ),
        panel(
            ("Turned away", "Requests to the API that showed no token or too little."),
            (Stat, "short", 4),
            &[("sum(increase(plimsoll_api_refused_total[1h]))", "")],
        ),
        panel(("Client connections", "Open now."), (Stat, "short", 4), &[("plimsoll_gateway_connections", "")]),
        panel(
            ("Replicas", "Wanted and ready, by service."),
            (Lines, "short", 12),
            &[
                ("plimsoll_service_replicas{kind=\"target\"}", "{{service}} wanted"),
                ("plimsoll_service_replicas{kind=\"ready\"}", "{{service}} ready"),
            ],
        ),
        panel(
            ("Arrivals and forecast", "What comes, and what is expected one start-up ahead."),
            (Lines, "reqps", 12),
            &[
                ("plimsoll_service_arrivals_rps", "{{service}}"),
                ("plimsoll_service_forecast_rps{quantile=\"covered\"}", "{{service}} covered"),
            ],
        ),
        panel(
            ("CPU of the node", "Allocatable, reserved, used."),
            (Lines, "short", 12),
            &[("plimsoll_node_cpu_cores", "{{kind}}")],
        ),
        panel(
            ("Memory of the node", "Allocatable, reserved, used."),
            (Lines, "bytes", 12),
            &[("plimsoll_node_memory_bytes", "{{kind}}")],
        ),
        panel(
            ("Pressure", "Share of time that something waited (PSI)."),
            (Lines, "percentunit", 12),
            &[("plimsoll_node_pressure_ratio", "{{resource}}")],
        ),
        panel(
            ("Messages", "What became of messages to webhooks and of exports."),
            (Lines, "short", 12),
            &[
                ("increase(plimsoll_webhook_messages_total[5m])", "{{hook}} {{outcome}}"),
                ("increase(plimsoll_otlp_exports_total[5m])", "OTLP {{outcome}}"),
            ],
        ),
    ];
    dashboard("plimsoll-overview", "Plimsoll: overview", &[], &panels)
}

fn service() -> Value {
    let services = variable("service", "Service", "label_values(plimsoll_service_replicas, service)");
    let panels = [
        panel(
            ("Replicas", "Wanted, live and ready."),
            (Lines, "short", 12),
            &[("plimsoll_service_replicas{service=~\"$service\"}", "{{service}} {{kind}}")],
        ),
        panel(
            ("Arrivals and forecast", "What comes, the median expected and the quantile that is covered."),
            (Lines, "reqps", 12),
            &[
                ("plimsoll_service_arrivals_rps{service=~\"$service\"}", "{{service}}"),
                ("plimsoll_service_forecast_rps{service=~\"$service\"}", "{{service}} {{quantile}}"),
            ],
        ),
        panel(
            ("Latency", "Quantiles of the last interval."),
            (Lines, "s", 12),
            &[("plimsoll_service_latency_seconds{service=~\"$service\"}", "{{service}} p{{q}}")],
        ),
        panel(
            ("Requests", "By how they ended, per second."),
            (Lines, "reqps", 12),
            &[
                ("rate(plimsoll_requests_finished_total{service=~\"$service\"}[5m])", "{{service}} ended"),
                ("rate(plimsoll_requests_failed_total{service=~\"$service\"}[5m])", "{{service}} failed"),
                ("rate(plimsoll_requests_shed_total{service=~\"$service\"}[5m])", "{{service}} shed"),
            ],
        ),
        panel(
            ("CPU of replicas", "Used in the last interval."),
            (Lines, "short", 12),
            &[("plimsoll_replica_cpu_cores{service=~\"$service\"}", "{{replica}}")],
        ),
        panel(
            ("Memory of replicas", "Used."),
            (Lines, "bytes", 12),
            &[("plimsoll_replica_memory_bytes{service=~\"$service\"}", "{{replica}}")],
        ),
        panel(
            ("How the forecast does", "Share of forecasts that held, and their loss over that of the last value."),
            (Lines, "percentunit", 12),
            &[
                ("plimsoll_service_forecast_coverage_ratio{service=~\"$service\"}", "{{service}} held"),
                ("plimsoll_service_forecast_loss_ratio{service=~\"$service\"}", "{{service}} loss"),
            ],
        ),
        panel(
            ("Throttled", "Share of scheduler periods in which a quota held a replica back."),
            (Lines, "percentunit", 12),
            &[("plimsoll_replica_throttled_ratio{service=~\"$service\"}", "{{replica}}")],
        ),
    ];
    dashboard("plimsoll-service", "Plimsoll: one service", &[services], &panels)
}

fn queue() -> Value {
    let panels = [
        panel(
            ("Room for jobs", "What is allocatable and not reserved."),
            (Lines, "short", 12),
            &[(
                "plimsoll_node_cpu_cores{kind=\"allocatable\"} - on() plimsoll_node_cpu_cores{kind=\"reserved\"}",
                "free cores",
            )],
        ),
        panel(
            ("Memory for jobs", "What is allocatable and not reserved."),
            (Lines, "bytes", 12),
            &[(
                "plimsoll_node_memory_bytes{kind=\"allocatable\"} - on() plimsoll_node_memory_bytes{kind=\"reserved\"}",
                "free memory",
            )],
        ),
        panel(
            ("Jobs by phase", "How many wait, run, have succeeded, have failed."),
            (Lines, "short", 12),
            &[("sum by (phase) (plimsoll_job_phase)", "{{phase}}")],
        ),
        panel(("Jobs", "The phase of each."), (Table, "short", 12), &[("plimsoll_job_phase == 1", "")]),
    ];
    dashboard("plimsoll-queue", "Plimsoll: jobs", &[], &panels)
}

fn gateway() -> Value {
    let services = variable("service", "Service", "label_values(plimsoll_requests_finished_total, service)");
    let panels = [
        panel(("Client connections", "Open now."), (Stat, "short", 6), &[("plimsoll_gateway_connections", "")]),
        panel(
            ("In flight", "Mean requests in flight in the last interval."),
            (Lines, "short", 18),
            &[("plimsoll_service_in_flight_requests{service=~\"$service\"}", "{{service}}")],
        ),
        panel(
            ("Failed and shed", "Share of the requests that ended."),
            (Lines, "percentunit", 12),
            &[
                (
                    "rate(plimsoll_requests_failed_total{service=~\"$service\"}[5m]) / rate(plimsoll_requests_finished_total{service=~\"$service\"}[5m])",
                    "{{service}} failed",
                ),
                (
                    "rate(plimsoll_requests_shed_total{service=~\"$service\"}[5m]) / rate(plimsoll_requests_finished_total{service=~\"$service\"}[5m])",
                    "{{service}} shed",
                ),
            ],
        ),
        panel(
            ("Tried again", "Attempts beyond a request's first, per second."),
            (Lines, "reqps", 12),
            &[("rate(plimsoll_requests_retried_total{service=~\"$service\"}[5m])", "{{service}}")],
        ),
        panel(
            ("Circuit breakers", "1 for the state that each is in."),
            (Lines, "short", 12),
            &[("plimsoll_service_circuit{service=~\"$service\"}", "{{service}} {{state}}")],
        ),
        panel(
            ("Refused by a circuit breaker", "Requests per second."),
            (Lines, "reqps", 12),
            &[
                ("rate(plimsoll_service_circuit_refused_total{service=~\"$service\"}[5m])", "{{service}}"),
                ("increase(plimsoll_service_circuit_opened_total{service=~\"$service\"}[5m])", "{{service}} opened"),
            ],
        ),
    ];
    dashboard("plimsoll-gateway", "Plimsoll: gateway", &[services], &panels)
}
