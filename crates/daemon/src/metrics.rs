//! `/metrics`: the state as OpenMetrics text.
//!
//! Names start with `plimsoll_` and end with their unit in base units (seconds, bytes, cores), as the format's guidelines ask.
//! The text is made when it is asked for, from what the API shows anyway, so an idle daemon spends nothing on it.

use crate::api::OwnFigures;
use crate::metrics_in;
use crate::traffic::Totals;
use crate::view::{ReplicaView, ResourcesView, ServiceView, StateView};
use plimsoll_collect::openmetrics::{FamilyKind, WriteError, Writer};
use plimsoll_forecast::ForecastAccount;
use plimsoll_gateway::control::{CircuitReport, CircuitState};
use plimsoll_model::{Permille, ServiceName};
use std::collections::BTreeMap;

/// The exposition.
#[must_use]
pub fn render(state: &StateView, totals: &BTreeMap<ServiceName, Totals>, own: &OwnFigures) -> String {
    let mut writer = Writer::new();
    // Every name below is a constant that the format allows; names of services are label values, which it escapes.
    write(&mut writer, state, totals).expect("invariant: constant names are valid and distinct");
    turned_away(&mut writer, own).expect("invariant: constant names are valid and distinct");
    outgoing(&mut writer, own).expect("invariant: constant names are valid and distinct");
    circuits(&mut writer, own).expect("invariant: constant names are valid and distinct");
    crate::analyst::metrics::write(&mut writer, &own.analyst)
        .expect("invariant: constant names are valid and distinct");
    writer.finish()
}

fn write(writer: &mut Writer, state: &StateView, totals: &BTreeMap<ServiceName, Totals>) -> Result<(), WriteError> {
    writer.family("plimsoll_build", FamilyKind::Info, None, "Release of the daemon.")?;
    writer.info(&[("version", &state.version)])?;
    gauge(writer, "plimsoll_healthy", None, "1 while nothing is wrong.", f64::from(u8::from(state.healthy)))?;
    gauge(writer, "plimsoll_trace_speed", None, "Trace time per physical time.", f64::from(state.speed))?;
    writer.family("plimsoll_steps", FamilyKind::Counter, None, "Steps decided since the journal began.")?;
    writer.counter(&[], state.steps as f64)?;
    gauge(
        writer,
        "plimsoll_gateway_connections",
        None,
        "Open client connections.",
        state.gateway.connections_open as f64,
    )?;
    node(writer, state)?;
    services(writer, state)?;
    traffic(writer, state)?;
    requests(writer, totals)?;
    jobs(writer, state)?;
    metrics_in::write(writer, state)?;
    metrics_in::write_gpus(writer, &state.node.gpus)?;
    replicas(writer, state)
}

/// Phases of jobs, as the state names them.
const JOB_PHASES: [&str; 6] = ["scheduled", "waiting", "running", "succeeded", "failed", "refused"];

fn jobs(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    let help = "What became of a job: 1 for its phase, else 0.";
    writer.family("plimsoll_job_phase", FamilyKind::Gauge, None, help)?;
    for job in &state.jobs {
        for phase in JOB_PHASES {
            writer.gauge(&[("job", &job.name), ("phase", phase)], f64::from(u8::from(job.phase == phase)))?;
        }
    }
    Ok(())
}

fn gauge(writer: &mut Writer, name: &str, unit: Option<&str>, help: &str, value: f64) -> Result<(), WriteError> {
    writer.family(name, FamilyKind::Gauge, unit, help)?;
    writer.gauge(&[], value)
}

fn node(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    let node = &state.node;
    let kinds: [(&str, ResourcesView); 3] =
        [("allocatable", node.allocatable), ("reserved", node.reserved), ("used", node.used)];
    writer.family("plimsoll_node_cpu_cores", FamilyKind::Gauge, Some("cores"), "CPU of the node.")?;
    for (kind, resources) in kinds {
        writer.gauge(&[("kind", kind)], resources.cpu_millicores as f64 / 1_000.0)?;
    }
    writer.family("plimsoll_node_memory_bytes", FamilyKind::Gauge, Some("bytes"), "Memory of the node.")?;
    for (kind, resources) in kinds {
        writer.gauge(&[("kind", kind)], resources.memory_bytes as f64)?;
    }
    writer.family(
        "plimsoll_node_pressure_ratio",
        FamilyKind::Gauge,
        Some("ratio"),
        "Share of time that something waited (PSI some avg10).",
    )?;
    let pressure = node.pressure;
    for (resource, share) in
        [("cpu", pressure.cpu_permille), ("memory", pressure.memory_permille), ("io", pressure.io_permille)]
    {
        if let Some(share) = share {
            writer.gauge(&[("resource", resource)], share as f64 / 1_000.0)?;
        }
    }
    Ok(())
}

fn services(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    writer.family("plimsoll_service_replicas", FamilyKind::Gauge, None, "Replicas wanted, live and ready.")?;
    for service in &state.services {
        for (kind, count) in [("target", service.target), ("live", service.current), ("ready", service.ready)] {
            writer.gauge(&[("service", &service.name), ("kind", kind)], f64::from(count))?;
        }
    }
    writer.family(
        "plimsoll_service_forecast_rps",
        FamilyKind::Gauge,
        Some("rps"),
        "Arrivals expected one start-up ahead.",
    )?;
    for service in &state.services {
        let Some(forecast) = service.forecast else { continue };
        for (quantile, value) in [("median", forecast.p50_milli_rps), ("covered", forecast.high_milli_rps)] {
            writer.gauge(&[("service", &service.name), ("quantile", quantile)], value as f64 / 1_000.0)?;
        }
    }
    forecast_accounts(writer, state)
}

/// How the forecasts do: what decides whether replicas are added because of them.
fn forecast_accounts(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    type Figure = fn(&ForecastAccount) -> f64;
    let share = |permille: Permille| permille.get() as f64 / 1_000.0;
    let families: [(&str, Option<&str>, &str, Figure); 4] = [
        (
            "plimsoll_service_forecast_coverage_ratio",
            Some("ratio"),
            "Share of recent forecasts whose covered quantile held the demand.",
            |account| account.covered.get() as f64 / 1_000.0,
        ),
        (
            "plimsoll_service_forecast_loss_ratio",
            Some("ratio"),
            "Pinball loss of recent forecasts over that of the last value with a margin.",
            |account| account.loss_ratio.get() as f64 / 1_000.0,
        ),
        (
            "plimsoll_service_forecast_scored",
            None,
            "Recent forecasts that have come due, older ones faded.",
            |account| account.scored as f64,
        ),
        ("plimsoll_service_forecast_trusted", None, "1 while the forecast may add replicas, else 0.", |account| {
            f64::from(u8::from(account.is_trusted))
        }),
    ];
    let accounts =
        || state.services.iter().filter_map(|service| Some((&service.name, service.forecast_account.as_ref()?)));
    for (name, unit, help, figure) in families {
        writer.family(name, FamilyKind::Gauge, unit, help)?;
        for (service, account) in accounts() {
            writer.gauge(&[("service", service)], figure(account))?;
        }
    }
    let (name, help) = ("plimsoll_service_forecast_weight_ratio", "Share of each expert in the forecast.");
    writer.family(name, FamilyKind::Gauge, Some("ratio"), help)?;
    for (service, account) in accounts() {
        for weight in &account.experts {
            writer.gauge(&[("service", service), ("expert", &weight.expert)], share(weight.weight))?;
        }
    }
    Ok(())
}

fn traffic(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    let seen = || state.services.iter().filter_map(|service| Some((&service.name, service.traffic?)));
    writer.family("plimsoll_service_arrivals_rps", FamilyKind::Gauge, Some("rps"), "Arrivals of the last interval.")?;
    for (name, traffic) in seen() {
        writer.gauge(&[("service", name)], traffic.rate_milli_rps as f64 / 1_000.0)?;
    }
    writer.family(
        "plimsoll_service_in_flight_requests",
        FamilyKind::Gauge,
        Some("requests"),
        "Mean requests in flight in the last interval.",
    )?;
    for (name, traffic) in seen() {
        writer.gauge(&[("service", name)], traffic.in_flight_milli as f64 / 1_000.0)?;
    }
    writer.family(
        "plimsoll_service_latency_seconds",
        FamilyKind::Gauge,
        Some("seconds"),
        "Latency quantiles of the last interval.",
    )?;
    for (name, traffic) in seen().filter(|(_, traffic)| traffic.finished > 0) {
        for (quantile, value) in [("0.5", traffic.latency_p50_us), ("0.99", traffic.latency_p99_us)] {
            writer.gauge(&[("service", name), ("q", quantile)], value as f64 / 1e6)?;
        }
    }
    Ok(())
}

fn requests(writer: &mut Writer, totals: &BTreeMap<ServiceName, Totals>) -> Result<(), WriteError> {
    type Figure = fn(&Totals) -> u64;
    let families: [(&str, &str, Figure); 5] = [
        ("plimsoll_requests_arrived", "Requests that arrived.", |totals| totals.arrived),
        ("plimsoll_requests_finished", "Requests that ended, however they did.", |totals| totals.finished),
        ("plimsoll_requests_failed", "Requests that failed.", |totals| totals.failed),
        ("plimsoll_requests_shed", "Requests shed because the queue was full.", |totals| totals.shed),
        ("plimsoll_requests_retried", "Attempts beyond a request's first.", |totals| totals.retried),
    ];
    for (name, help, figure) in families {
        writer.family(name, FamilyKind::Counter, None, help)?;
        for (service, totals) in totals {
            writer.counter(&[("service", service.as_str())], figure(totals) as f64)?;
        }
    }
    Ok(())
}

/// Requests to the API that were turned away.
fn turned_away(writer: &mut Writer, own: &OwnFigures) -> Result<(), WriteError> {
    let help = "Requests to the API that were turned away.";
    writer.family("plimsoll_api_refused", FamilyKind::Counter, None, help)?;
    for (status, count) in &own.refused {
        writer.counter(&[("status", &status.to_string())], *count as f64)?;
    }
    let help = "Refused writes without a record of their own in the audit.";
    writer.family("plimsoll_audit_unrecorded", FamilyKind::Counter, None, help)?;
    writer.counter(&[], own.unrecorded as f64)?;
    let help = "Records of the audit that the journal had no room for.";
    writer.family("plimsoll_audit_lost", FamilyKind::Counter, None, help)?;
    writer.counter(&[], own.audit_lost as f64)
}

/// Messages that the daemon sends by itself.
fn outgoing(writer: &mut Writer, own: &OwnFigures) -> Result<(), WriteError> {
    writer.family("plimsoll_webhook_messages", FamilyKind::Counter, None, "Messages to receivers of webhooks.")?;
    for (hook, figures) in &own.hooks {
        for (outcome, count) in [("sent", figures.sent), ("failed", figures.failed), ("dropped", figures.dropped)] {
            writer.counter(&[("hook", hook), ("outcome", outcome)], count as f64)?;
        }
    }
    writer.family("plimsoll_otlp_exports", FamilyKind::Counter, None, "Exports of these metrics to a collector.")?;
    for (outcome, count) in [("sent", own.exported.0), ("failed", own.exported.1)] {
        writer.counter(&[("outcome", outcome)], count as f64)?;
    }
    Ok(())
}

/// Circuit breakers of services that have one.
fn circuits(writer: &mut Writer, own: &OwnFigures) -> Result<(), WriteError> {
    let help = "What the circuit breaker of a service does: 1 for its state, else 0.";
    writer.family("plimsoll_service_circuit", FamilyKind::Gauge, None, help)?;
    for (service, circuit) in &own.circuits {
        let is = match circuit.state {
            CircuitState::Closed => "closed",
            CircuitState::Open { .. } => "open",
            CircuitState::HalfOpen => "half_open",
        };
        for state in ["closed", "open", "half_open"] {
            writer.gauge(&[("service", service.as_str()), ("state", state)], f64::from(u8::from(is == state)))?;
        }
    }
    type Figure = fn(&CircuitReport) -> u64;
    let families: [(&str, &str, Figure); 2] = [
        ("plimsoll_service_circuit_opened", "How often a circuit breaker opened.", |circuit| circuit.opened),
        ("plimsoll_service_circuit_refused", "Requests that a circuit breaker refused.", |circuit| circuit.refused),
    ];
    for (name, help, figure) in families {
        writer.family(name, FamilyKind::Counter, None, help)?;
        for (service, circuit) in &own.circuits {
            writer.counter(&[("service", service.as_str())], figure(circuit) as f64)?;
        }
    }
    Ok(())
}

fn replicas(writer: &mut Writer, state: &StateView) -> Result<(), WriteError> {
    let all = || {
        state
            .services
            .iter()
            .flat_map(|service: &ServiceView| service.replicas.iter().map(move |replica| (service, replica)))
    };
    type Figure = fn(&ReplicaView) -> Option<f64>;
    let families: [(&str, &str, &str, Figure); 3] = [
        ("plimsoll_replica_cpu_cores", "cores", "CPU used in the last interval.", |replica| {
            replica.cpu_millicores.map(|cpu| cpu as f64 / 1_000.0)
        }),
        ("plimsoll_replica_memory_bytes", "bytes", "Memory used.", |replica| {
            replica.memory_bytes.map(|memory| memory as f64)
        }),
        ("plimsoll_replica_throttled_ratio", "ratio", "Share of scheduler periods throttled.", |replica| {
            replica.throttled_permille.map(|share| share as f64 / 1_000.0)
        }),
    ];
    for (name, unit, help, figure) in families {
        writer.family(name, FamilyKind::Gauge, Some(unit), help)?;
        for (service, replica) in all() {
            if let Some(value) = figure(replica) {
                writer.gauge(&[("service", &service.name), ("replica", &replica.id)], value)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposition_is_valid_openmetrics_and_carries_the_figures() {
        let service = ServiceView { name: "shop".into(), target: 3, current: 2, ready: 1, ..ServiceView::default() };
        let state = StateView { services: vec![service], speed: 1, ..StateView::default() };
        let totals = [(ServiceName::try_new("shop").unwrap(), Totals { arrived: 7, ..Totals::default() })].into();
        let own = OwnFigures {
            refused: [(403, 2)].into(),
            circuits: [(
                ServiceName::try_new("shop").unwrap(),
                CircuitReport { state: CircuitState::HalfOpen, opened: 4, refused: 9 },
            )]
            .into(),
            ..OwnFigures::default()
        };
        let text = render(&state, &totals, &own);
        plimsoll_collect::openmetrics::parse(&text).unwrap();
        assert!(text.contains("plimsoll_service_replicas{service=\"shop\",kind=\"target\"} 3"), "{text}");
        assert!(text.contains("plimsoll_requests_arrived_total{service=\"shop\"} 7"), "{text}");
        assert!(text.contains("plimsoll_api_refused_total{status=\"403\"} 2"), "{text}");
        assert!(text.contains("plimsoll_service_circuit{service=\"shop\",state=\"half_open\"} 1"), "{text}");
        assert!(text.contains("plimsoll_service_circuit_opened_total{service=\"shop\"} 4"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
