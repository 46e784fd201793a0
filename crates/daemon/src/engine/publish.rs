//! After each step: the state for the API, samples for the history, slots for the scorecard.

use super::Engine;
use crate::fits::demand_series;
use crate::ledger::Slot;
use crate::metrics_in;
use crate::view::{
    AnnouncedView, DecisionView, ForecastView, GatewayView, JobView, NodeView, PressureView, ReplicaView,
    ResourcesView, ServiceView, StateView, TrafficView,
};
use plimsoll_collect::history::SeriesId;
use plimsoll_model::rationale::JobRationale;
use plimsoll_model::spec::Resources;
use plimsoll_model::{
    ActionKind, Decision, JobName, MilliRps, Millicores, Permille, Phase, ReplicaStatus, ServiceName, StopReason,
    Timestamp, WorkloadId,
};
use std::collections::{BTreeMap, BTreeSet};

impl Engine {
    /// Shows the outcome of the step just taken. `measured` says that it rested on a full observation.
    pub(super) fn publish(&mut self, measured: bool) {
        let now = self.clock.now();
        let inventory = self.driver.inventory();
        let state = self.state_view(now, &inventory);
        if measured {
            self.keep_samples(now, &state);
            self.keep_slots(now, &state);
        }
        *self.shared.state.borrow_mut() = state;
        *self.shared.totals.borrow_mut() = self.traffic.totals().clone();
        self.shared.news.send_modify(|steps| *steps += 1);
    }

    /// Adds a decision that did or said something new to the feed.
    pub(super) fn feed(&mut self, decision: &Decision) {
        let view = decision_view(decision);
        if view.actions.is_empty() && view.reasons.is_empty() {
            return;
        }
        let mut ledger = self.ledger.borrow_mut();
        for action in &decision.actions {
            // A stop that is no scale-in carries its whole reason itself.
            let says_why = match &action.kind {
                ActionKind::StartReplica { .. }
                | ActionKind::Resize { .. }
                | ActionKind::Stop { reason: StopReason::ScaleIn, .. } => false,
                ActionKind::Stop { .. } => true,
                ActionKind::StartTask { .. } | ActionKind::Forget { .. } | ActionKind::Fit { .. } => continue,
            };
            let Some(service) = action.service() else { continue };
            ledger.actions += 1;
            ledger.actions_explained += u64::from(says_why || decision.rationale.services.contains_key(service));
        }
        let mut feed = self.shared.decisions.borrow_mut();
        if feed.len() >= crate::api::DECISIONS_MAX {
            feed.pop_front();
        }
        feed.push_back(view);
    }

    fn state_view(&self, now: Timestamp, inventory: &[ReplicaStatus]) -> StateView {
        let unserved: Vec<&ServiceName> = self
            .spec
            .services
            .iter()
            .filter(|(_, service)| service.replicas_min > 0)
            .map(|(name, _)| name)
            .filter(|name| !inventory.iter().any(|status| is_ready_for(status, name)))
            .collect();
        let mut findings: Vec<String> = unserved.iter().map(|name| format!("{name} has no ready replica")).collect();
        findings.extend(self.findings());
        let pids: BTreeMap<_, _> = self
            .driver
            .sampling_targets()
            .into_iter()
            .filter_map(|target| Some((target.id, u32::try_from(target.pid).ok()?)))
            .collect();
        StateView {
            name: self.spec.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            trace_time_ms: now.get(),
            trace_time: now.to_string(),
            speed: self.clock.speed(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            steps: self.recorder.steps(),
            healthy: self.recorder.fault().is_none() && self.gateway_state.fault.is_none() && unserved.is_empty(),
            findings,
            node: self.node_view(inventory),
            services: self.spec.services.keys().map(|name| self.service_view(name, now, inventory, &pids)).collect(),
            jobs: self.spec.jobs.keys().map(|name| self.job_view(name, inventory)).collect(),
            announced: self.announced(now),
            gateway: GatewayView {
                pid: self.gateway_state.pid,
                connected: self.gateway_state.pid.is_some(),
                adopted: self.gateway_state.adopted,
                connections_open: self.gateway_state.connections_open,
                listeners: self.gateway_state.listening.iter().map(ToString::to_string).collect(),
            },
        }
    }

    fn announced(&self, now: Timestamp) -> Vec<AnnouncedView> {
        let services = self.recorder.state().services.iter();
        let events = services.flat_map(|(name, service)| service.scaler.events.iter().map(move |it| (name, &it.event)));
        events.filter(|(_, event)| event.spec.end > now).map(|(name, event)| AnnouncedView::of(name, event)).collect()
    }

    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if let Some(fault) = self.recorder.fault() {
            findings.push(format!("frozen since {}: {}", fault.since, fault.why));
        }
        findings.extend(self.shared.access.fault().map(|why| format!("api: no named token counts: {why}")));
        let hooks = self.shared.hooks.borrow();
        findings
            .extend(hooks.iter().filter_map(|(name, hook)| Some(format!("webhook {name}: {}", hook.fault.as_ref()?))));
        findings.extend(self.gateway_state.fault.iter().map(|why| format!("gateway: {why}")));
        let history_fault = match &self.instruments.history {
            Ok(writer) => writer.fault(),
            Err(why) => Some(why.clone()),
        };
        findings.extend(history_fault.map(|why| format!("history: {why}")));
        for name in self.spec.services.keys() {
            findings.extend(metrics_in::findings(name.as_str(), &self.instruments.metrics.view(name)));
        }
        findings.extend(self.desk.fault().map(|why| format!("analyst: {why}")));
        findings.extend(self.spec_warnings.iter().map(|warning| format!("spec: {warning}")));
        findings.extend(
            self.last_decision.iter().flat_map(|decision| &decision.rationale.findings).map(ToString::to_string),
        );
        findings
    }

    fn node_view(&self, inventory: &[ReplicaStatus]) -> NodeView {
        let host = &self.instruments.latest.host;
        let reserved = inventory.iter().filter(|status| status.phase.holds_resources()).fold(
            Resources::default(),
            |sum, status| Resources {
                cpu: sum.cpu.saturating_add(status.requests.cpu),
                memory: sum.memory.saturating_add(status.requests.memory),
            },
        );
        NodeView {
            allocatable: host.allocatable.into(),
            reserved: reserved.into(),
            used: ResourcesView {
                cpu_millicores: host.cpu_used.map_or(0, Millicores::get),
                memory_bytes: host.memory_used.map_or(0, plimsoll_model::Bytes::get),
            },
            pressure: PressureView {
                cpu_permille: host.pressure_cpu.map(plimsoll_model::Permille::get),
                memory_permille: host.pressure_memory.map(plimsoll_model::Permille::get),
                io_permille: host.pressure_io.map(plimsoll_model::Permille::get),
            },
            disk_free_bytes: host.disk_free.map(plimsoll_model::Bytes::get),
            gpus: metrics_in::gpus(&host.gpus),
        }
    }

    fn service_view(
        &self,
        name: &ServiceName,
        now: Timestamp,
        inventory: &[ReplicaStatus],
        pids: &BTreeMap<WorkloadId, u32>,
    ) -> ServiceView {
        let remembered = self.recorder.state().services.get(name);
        let rationale = remembered.and_then(|service| service.rationale.as_ref());
        let of_service = || inventory.iter().filter(|status| status.replica().is_some_and(|id| id.service == *name));
        let traffic = self.instruments.latest.services.get(name).and_then(|service| service.traffic.as_ref());
        let wanted = self.spec.services.get(name).and_then(|service| service.scaling.forecast.as_ref());
        let forecast =
            remembered.and_then(|service| service.forecast.as_ref()).zip(wanted).map(|(forecast, wanted)| {
                let at = |quantile| forecast.at_quantile(quantile).map_or(0, |point| point.value.get());
                ForecastView {
                    at_ms: forecast.at.get(),
                    p50_milli_rps: at(Permille(500)),
                    high_milli_rps: at(wanted.quantile),
                }
            });
        ServiceView {
            name: name.to_string(),
            target: rationale.map_or(0, |rationale| rationale.target),
            current: count(of_service().filter(|status| status.phase.is_live())),
            ready: count(of_service().filter(|status| status.phase == Phase::Ready)),
            replicas: of_service().map(|status| self.replica_view(status, name, now, pids)).collect(),
            traffic: traffic.map(|traffic| TrafficView {
                rate_milli_rps: traffic.rate.get(),
                in_flight_milli: traffic.in_flight_milli,
                finished: traffic.finished,
                failed: traffic.failed,
                shed: traffic.shed,
                latency_p50_us: traffic.latency_p50.get(),
                latency_p99_us: traffic.latency_p99.get(),
            }),
            forecast,
            forecast_account: remembered
                .and_then(|service| service.forecaster.as_ref())
                .and_then(plimsoll_forecast::LoadForecaster::account),
            reason: rationale
                .and_then(|rationale| rationale.terms.get(rationale.winner))
                .map_or_else(String::new, ToString::to_string),
            order: rationale.and_then(|rationale| rationale.order.as_ref()).map(ToString::to_string),
            withheld: rationale.iter().flat_map(|rationale| &rationale.withheld).map(ToString::to_string).collect(),
            metrics: self.instruments.metrics.view(name),
        }
    }

    fn replica_view(
        &self,
        status: &ReplicaStatus,
        service: &ServiceName,
        now: Timestamp,
        pids: &BTreeMap<WorkloadId, u32>,
    ) -> ReplicaView {
        let usage = self.instruments.latest.usage.get(&status.id);
        let gateway = self.traffic.endpoint(&status.id);
        ReplicaView {
            id: status.replica().map_or_else(|| status.id.to_string(), ToString::to_string),
            pid: pids.get(&status.id).copied(),
            phase: status.phase,
            since_ms: now.since(status.started_at).get() / u64::from(self.clock.speed()),
            cpu_millicores: usage.and_then(|usage| usage.cpu).map(Millicores::get),
            memory_bytes: usage.and_then(|usage| usage.memory).map(plimsoll_model::Bytes::get),
            throttled_permille: usage.and_then(|usage| usage.throttled).map(plimsoll_model::Permille::get),
            requests: status.requests.into(),
            limits: self.spec.services.get(service).map(|service| service.limits).unwrap_or_default(),
            endpoint: self.driver.endpoint(&status.id).map(|address| address.to_string()),
            in_flight: gateway.map(|endpoint| u32::try_from(endpoint.in_flight).unwrap_or(u32::MAX)),
            ejected: gateway.and_then(|endpoint| endpoint.ejected.clone()),
            isolation: self.driver.isolation(&status.id),
        }
    }

    fn job_view(&self, name: &JobName, inventory: &[ReplicaStatus]) -> JobView {
        let latest = self.job_verdicts.get(name);
        let running = inventory
            .iter()
            .find(|status| status.task().is_some_and(|task| task.job == *name) && status.phase.holds_resources());
        let phase = match (running, latest.map(|(_, verdict)| verdict)) {
            (Some(_), _) => "running",
            (None, None) => "scheduled",
            (None, Some(JobRationale::Refused { .. })) => "refused",
            (None, Some(JobRationale::Succeeded { .. })) => "succeeded",
            (None, Some(JobRationale::Failed { .. })) => "failed",
            (None, Some(_)) => "waiting",
        };
        JobView {
            name: name.to_string(),
            phase: phase.to_owned(),
            run: running.and_then(|status| status.task().map(ToString::to_string)),
            since_ms: running.map(|status| status.started_at.get()).or(latest.map(|(at, _)| at.get())),
            verdict: latest.map_or_else(|| "not run yet".to_owned(), |(_, verdict)| verdict.to_string()),
            isolation: running.and_then(|status| self.driver.isolation(&status.id)),
        }
    }

    /// Remembers the last verdict on each job.
    pub(super) fn keep_verdicts(&mut self, decision: &Decision) {
        for (job, verdicts) in &decision.rationale.jobs {
            if let Some(verdict) = verdicts.last() {
                self.job_verdicts.insert(job.clone(), (decision.at, verdict.clone()));
            }
        }
    }

    fn keep_samples(&self, now: Timestamp, state: &StateView) {
        let Ok(history) = &self.instruments.history else { return };
        let mut samples: Vec<(SeriesId, i64)> = Vec::with_capacity(state.services.len() * 12 + 4);
        for service in &state.services {
            let mut add =
                |what: &str, value: u64| samples.extend(sample(format!("service/{}/{what}", service.name), value));
            add("replicas_ready", u64::from(service.ready));
            add("replicas_target", u64::from(service.target));
            add("cpu_millicores", service.replicas.iter().filter_map(|replica| replica.cpu_millicores).sum());
            add("memory_bytes", service.replicas.iter().filter_map(|replica| replica.memory_bytes).sum());
            if let Some(traffic) = service.traffic {
                add("rate_milli_rps", traffic.rate_milli_rps);
                add("in_flight_milli", traffic.in_flight_milli);
                add("failed", traffic.failed);
                add("finished", traffic.finished);
                // An interval in which nothing finished has no latency, and none is made up.
                if traffic.finished > 0 {
                    add("latency_p50_us", traffic.latency_p50_us);
                    add("latency_p99_us", traffic.latency_p99_us);
                }
            }
            if let Some(forecast) = service.forecast {
                add("forecast_p50_milli_rps", forecast.p50_milli_rps);
                add("forecast_high_milli_rps", forecast.high_milli_rps);
            }
        }
        samples.extend(metrics_in::samples(state));
        samples.extend(sample("node/cpu_used_millicores".to_owned(), state.node.used.cpu_millicores));
        samples.extend(sample("node/memory_used_bytes".to_owned(), state.node.used.memory_bytes));
        samples.extend(sample("node/cpu_reserved_millicores".to_owned(), state.node.reserved.cpu_millicores));
        samples.extend(sample("node/memory_reserved_bytes".to_owned(), state.node.reserved.memory_bytes));
        history.append(now, samples);
    }

    /// Keeps the samples that forecasts took in this step, at its very time: models are fitted to them later.
    pub(super) fn keep_demand(&self, at: Timestamp) {
        let Ok(history) = &self.instruments.history else { return };
        let wanted = |name: &ServiceName| {
            let forecast = self.spec.services.get(name).and_then(|service| service.scaling.forecast.as_ref());
            forecast.is_some_and(|forecast| !forecast.models.is_empty())
        };
        let services = self.recorder.state().services.iter().filter(|(name, _)| wanted(name));
        let samples: Vec<(SeriesId, i64)> = services
            .filter_map(|(name, service)| {
                let (_, rate) = service.fits.last().filter(|(taken, _)| *taken == at)?;
                Some((demand_series(name)?, i64::try_from(rate.get()).unwrap_or(i64::MAX)))
            })
            .collect();
        if !samples.is_empty() {
            history.append(at, samples);
        }
    }

    fn keep_slots(&self, now: Timestamp, state: &StateView) {
        let mut ledger = self.ledger.borrow_mut();
        for service in &state.services {
            let Ok(name) = ServiceName::try_new(service.name.clone()) else { continue };
            let Some(traffic) = service.traffic else { continue };
            let sum = |value: fn(&ReplicaView) -> u64| Millicores(service.replicas.iter().map(value).sum());
            ledger.add(
                &name,
                Slot {
                    at: now,
                    rate: MilliRps(traffic.rate_milli_rps),
                    ready: service.ready,
                    target: service.target,
                    cpu_used: sum(|replica| replica.cpu_millicores.unwrap_or(0)),
                    cpu_reserved: sum(|replica| replica.requests.cpu_millicores),
                },
            );
        }
    }
}

fn is_ready_for(status: &ReplicaStatus, service: &ServiceName) -> bool {
    status.phase == Phase::Ready && status.replica().is_some_and(|id| id.service == *service)
}

/// A value under its series' name; names of services always make valid ones.
fn sample(series: String, value: u64) -> Option<(SeriesId, i64)> {
    Some((SeriesId::try_new(series).ok()?, i64::try_from(value).unwrap_or(i64::MAX)))
}

fn count<'a>(statuses: impl Iterator<Item = &'a ReplicaStatus>) -> u32 {
    u32::try_from(statuses.count()).unwrap_or(u32::MAX)
}

/// A decision as the feed shows it: actions and reasons of the services and jobs that something happened to.
fn decision_view(decision: &Decision) -> DecisionView {
    // What only tidies up is no news.
    let told =
        || decision.actions.iter().filter_map(|action| Some((action, plimsoll_controller::explain_action(action)?)));
    let actions: Vec<String> = told().map(|(_, line)| line).collect();
    let services: BTreeSet<String> =
        told().filter_map(|(action, _)| action.service()).map(ToString::to_string).collect();
    let mut reasons = Vec::new();
    for service in &services {
        let Some(rationale) =
            ServiceName::try_new(service.clone()).ok().and_then(|name| decision.rationale.services.get(&name))
        else {
            continue;
        };
        reasons.extend(rationale.terms.get(rationale.winner).map(|term| format!("{service}: {term}")));
        reasons.extend(rationale.bounds.iter().map(|bound| format!("{service}: {bound}")));
        reasons.extend(rationale.withheld.iter().map(|withheld| format!("{service}: {withheld}")));
    }
    reasons.extend(
        decision
            .rationale
            .jobs
            .values()
            .flatten()
            .filter(|verdict| !matches!(verdict, JobRationale::Waiting { .. }))
            .map(ToString::to_string),
    );
    reasons.extend(decision.rationale.findings.iter().map(ToString::to_string));
    DecisionView {
        step: decision.step,
        at_ms: decision.at.get(),
        at: decision.at.to_string(),
        services: services.into_iter().collect(),
        actions,
        reasons,
    }
}

/// The id of a workload as people type it.
#[must_use]
pub fn short_id(id: &WorkloadId) -> String {
    match id {
        WorkloadId::Replica(id) => id.to_string(),
        WorkloadId::Task(id) => id.to_string(),
    }
}
