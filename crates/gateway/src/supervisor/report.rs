//! Adds up what the workers counted.
//!
//! Workers give totals, so a worker that misses a round is only late; what it gives per interval (latencies, area) then
//! comes with the next.

use super::ejection::Judge;
use super::unix_ms;
use crate::control::{CircuitReport, CircuitState, EndpointReport, FailureReason, Report, RouteReport, ServiceReport};
use crate::plan::{Plan, ServicePlan};
use crate::shared::{Shared, Target};
use crate::stats::{RouteTotals, Totals};
use crate::worker::WorkerReport;
use hdrhistogram::Histogram;
use plimsoll_balance::{Breaker, BreakerState};
use plimsoll_model::ServiceName;
use plimsoll_model::load::LoadSpec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Makes reports.
#[derive(Debug, Default)]
pub struct Reporter {
    last_us: u64,
    /// Totals by worker and service, as last heard.
    heard: BTreeMap<(usize, ServiceName), Totals>,
    refused: BTreeMap<usize, BTreeMap<&'static str, u64>>,
    routes: BTreeMap<usize, BTreeMap<String, RouteTotals>>,
    /// Endpoints that snapshots no longer name and that still had requests.
    removed: Vec<(ServiceName, Arc<Target>)>,
}

#[derive(Debug, Default)]
struct Interval {
    latency: Option<Histogram<u32>>,
    area: u64,
    targets: Vec<(Arc<Target>, Histogram<u32>)>,
}

fn merge(sum: &mut Option<Histogram<u32>>, more: Histogram<u32>) {
    match sum {
        Some(sum) => {
            // Equal bounds and digits cannot fail to add.
            let _ = sum.add(more);
        }
        None => *sum = Some(more),
    }
}

impl Interval {
    fn add_target(&mut self, target: Arc<Target>, latencies: Histogram<u32>) {
        match self.targets.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &target)) {
            Some((_, sum)) => {
                let _ = sum.add(latencies);
            }
            None => self.targets.push((target, latencies)),
        }
    }
}

impl Reporter {
    /// A plan follows another: endpoints that it drops are watched until they are idle.
    pub fn apply(&mut self, plan: &Plan, before: Option<&Plan>) {
        for service in before.iter().flat_map(|before| &before.services) {
            for target in service.targets.iter().chain(&service.draining) {
                self.removed.push((service.shared.name.clone(), Arc::clone(target)));
            }
        }
        let offered = |target: &Arc<Target>| {
            let all = plan.services.iter().flat_map(|service| service.targets.iter().chain(&service.draining));
            all.into_iter().any(|offered| Arc::ptr_eq(offered, target))
        };
        self.removed.retain(|(_, target)| !offered(target));
        self.removed.dedup_by(|(_, a), (_, b)| Arc::ptr_eq(a, b));
        let known = |name: &ServiceName| plan.services.iter().any(|service| service.shared.name == *name);
        self.heard.retain(|(_, name), _| known(name));
    }

    /// One report. `counted` is in the order of workers; none for one that did not answer in time.
    pub fn make(&mut self, plan: &Plan, shared: &Shared, judge: &Judge, counted: Vec<Option<WorkerReport>>) -> Report {
        let now_us = shared.now_us();
        let unix_us = unix_ms().saturating_mul(1_000);
        let interval_us = now_us.saturating_sub(self.last_us).max(1);
        self.last_us = now_us;
        self.removed.retain(|(_, target)| target.endpoint.in_flight() > 0);
        let mut intervals: BTreeMap<ServiceName, Interval> = BTreeMap::new();
        for (worker, counted) in counted.into_iter().enumerate() {
            let Some(counted) = counted else { continue };
            self.refused.insert(worker, counted.refused);
            self.routes.insert(worker, counted.routes);
            for (name, counts) in counted.services {
                let interval = intervals.entry(name.clone()).or_default();
                interval.area += counts.area;
                if let Some(latency) = counts.latency {
                    merge(&mut interval.latency, latency);
                }
                for (target, latencies) in counts.targets {
                    interval.add_target(target, latencies);
                }
                self.heard.insert((worker, name), counts.totals);
            }
        }
        let mut refused: BTreeMap<String, u64> = BTreeMap::new();
        for (word, count) in self.refused.values().flatten() {
            *refused.entry((*word).to_owned()).or_default() += count;
        }
        let services = plan.services.iter().map(|service| {
            let interval = intervals.remove(&service.shared.name).unwrap_or_default();
            let clock = Clock { now_us, unix_us, interval_us };
            (service.shared.name.clone(), self.service(service, interval, judge, clock))
        });
        Report {
            at_unix_us: unix_us,
            interval_us,
            snapshot_version: plan.version,
            connections_open: u64::from(shared.connections_open.load(Ordering::Relaxed)),
            connections_accepted: shared.connections_accepted.load(Ordering::Relaxed),
            connections_refused: shared.connections_refused.load(Ordering::Relaxed),
            refused,
            routes: self.routes(),
            access_log_dropped: shared.log_dropped.load(Ordering::Relaxed),
            spans_sent: shared.spans_sent.load(Ordering::Relaxed),
            spans_dropped: shared.spans_dropped.load(Ordering::Relaxed),
            reports_dropped: 0,
            services: services.collect(),
        }
    }

    fn routes(&self) -> BTreeMap<String, RouteReport> {
        let mut sums: BTreeMap<&String, RouteTotals> = BTreeMap::new();
        for (name, totals) in self.routes.values().flatten() {
            sums.entry(name).or_default().add(totals);
        }
        let report = |totals: RouteTotals| RouteReport {
            requests: totals.requests,
            rate_limited: totals.rate_limited,
            failed: totals.failed,
            hedged: totals.hedged,
            hedges_won: totals.hedges_won,
            hedges_refused: totals.hedges_refused,
        };
        sums.into_iter().map(|(name, totals)| (name.clone(), report(totals))).collect()
    }

    fn service(&self, service: &ServicePlan, interval: Interval, judge: &Judge, clock: Clock) -> ServiceReport {
        let name = &service.shared.name;
        let mut totals = Totals::default();
        for ((_, heard_name), heard) in &self.heard {
            if heard_name == name {
                totals.add(heard);
            }
        }
        let failures: BTreeMap<FailureReason, u64> = FailureReason::ALL
            .into_iter()
            .filter_map(|reason| Some((reason, totals.failures[reason as usize])).filter(|(_, count)| *count > 0))
            .collect();
        let removed = self.removed.iter().filter(|(owner, _)| owner == name).map(|(_, target)| (target, true));
        let offered = service.targets.iter().map(|target| (target, false));
        let draining = service.draining.iter().map(|target| (target, true));
        let endpoints = offered.chain(draining).chain(removed);
        let endpoints = endpoints
            .map(|(target, drains)| endpoint((name, &service.load_spec), target, drains, &interval, judge, clock))
            .collect();
        ServiceReport {
            arrived: totals.arrived,
            finished: totals.finished,
            failed: failures.values().sum(),
            shed: totals.failures[FailureReason::QueueFull as usize],
            cancelled: totals.cancelled,
            retried: totals.retried,
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
            in_flight_milli: interval.area.saturating_mul(1_000) / clock.interval_us,
            waiting: u64::from(service.shared.waiting_total.load(Ordering::Relaxed)),
            latency: interval.latency.as_ref().map(buckets).unwrap_or_default(),
            failures,
            retries_running: service.shared.retries_running.load(Ordering::Relaxed),
            retries_refused: service.shared.retries_refused.load(Ordering::Relaxed),
            circuit: service.breaker.as_deref().map(|breaker| circuit(breaker, clock)),
            endpoints,
        }
    }
}

fn circuit(breaker: &Breaker, clock: Clock) -> CircuitReport {
    let state = match breaker.state() {
        BreakerState::Closed => CircuitState::Closed,
        BreakerState::Open { until } => {
            CircuitState::Open { until_unix_us: clock.unix_us.saturating_add(until.saturating_sub(clock.now_us)) }
        }
        BreakerState::HalfOpen => CircuitState::HalfOpen,
    };
    CircuitReport { state, opened: breaker.opened(), refused: breaker.refused() }
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    now_us: u64,
    unix_us: u64,
    interval_us: u64,
}

fn buckets(latency: &Histogram<u32>) -> Vec<(u64, u64)> {
    latency.iter_recorded().map(|step| (step.value_iterated_to(), step.count_since_last_iteration())).collect()
}

fn endpoint(
    (service, load): (&ServiceName, &LoadSpec),
    target: &Arc<Target>,
    draining: bool,
    interval: &Interval,
    judge: &Judge,
    clock: Clock,
) -> EndpointReport {
    let latencies =
        interval.targets.iter().find(|(known, _)| Arc::ptr_eq(known, target)).map(|(_, latencies)| latencies);
    let quantile = |share: f64| latencies.map_or(0, |latencies| latencies.value_at_quantile(share));
    let until_us = target.endpoint.ejected_until();
    let load_weight = target.endpoint.load_weight(clock.now_us, load);
    EndpointReport {
        id: target.id.clone(),
        address: Some(target.address),
        draining,
        in_flight: target.endpoint.in_flight(),
        connections: target.connections.load(Ordering::Relaxed),
        finished: target.finished.load(Ordering::Relaxed),
        failed: target.failed.load(Ordering::Relaxed),
        load_reports: target.load_reports.load(Ordering::Relaxed),
        load_reports_invalid: target.load_reports_invalid.load(Ordering::Relaxed),
        load_weight_milli: (load_weight > 0.0).then_some((load_weight * 1_000.0) as u64),
        ejected: judge.ejected(service, target.id.ordinal, until_us, clock.now_us, clock.unix_us),
        latency_p50_us: quantile(0.5),
        latency_p99_us: quantile(0.99),
    }
}
