//! Writes a history down from what the controller was told and what it decided: the same values, whoever runs it.

use super::{Configured, Decided, Foreseen, Happening, History, Kind, Sample};
use plimsoll_model::id::{ServiceName, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Phase, ReplicaStatus};
use plimsoll_model::rationale::Basis;
use plimsoll_model::{Decision, Observation, ServiceRationale, Timestamp, TrafficObservation};
use std::collections::BTreeSet;

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;

/// Collects the history of one service, step by step.
#[derive(Debug, Clone)]
pub struct Recorder {
    service: ServiceName,
    history: History,
    target: Option<u32>,
    /// Replicas whose end is counted and which are not forgotten yet.
    gone: BTreeSet<WorkloadId>,
    /// Ends since the last sample: for want of memory, and others.
    ends: (u32, u32),
}

impl Recorder {
    /// Nothing yet. `step_ms` is the trace time between two observations.
    #[must_use]
    pub fn new(service: &ServiceName, step_ms: u64, configured: Configured) -> Self {
        let history = History {
            service: service.to_string(),
            start_ms: 0,
            step_ms,
            configured,
            samples: Vec::new(),
            events: Vec::new(),
            decisions: Vec::new(),
            forecasts: Vec::new(),
        };
        Self { service: service.clone(), history, target: None, gone: BTreeSet::new(), ends: (0, 0) }
    }

    /// Takes a step down. An inventory without figures counts ends of replicas; the next figures carry them.
    pub fn add(&mut self, seen: &Observation, decision: &Decision) {
        self.count_ends(seen);
        if seen.inventory_only {
            return;
        }
        let at_ms = decision.at.0;
        if self.history.samples.is_empty() {
            self.history.start_ms = at_ms;
        }
        let mut sample = Sample::default();
        let rationale = decision.rationale.services.get(&self.service);
        sample.wanted = rationale.map(|rationale| f64::from(rationale.target));
        if let Some(traffic) = seen.services.get(&self.service).and_then(|service| service.traffic.as_ref()) {
            write_traffic(&mut sample, traffic, seen.interval.0 as f64 / 1_000.0);
        }
        sample.queue = seen.services.get(&self.service).and_then(|service| service.queue).map(|q| q.waiting as f64);
        self.write_replicas(&mut sample, seen, decision.at);
        write_host(&mut sample, seen);
        self.history.samples.push(sample);
        if let Some(rationale) = rationale {
            self.write_decision(at_ms, rationale);
        }
    }

    /// Something happened.
    pub fn happened(&mut self, at_ms: i64, kind: Kind, text: &str) {
        self.history.events.push(Happening { at_ms, kind, text: text.to_owned() });
    }

    /// Keeps the newest `samples` and what happened since; whoever records for ever needs no more.
    pub fn keep(&mut self, samples: usize) {
        let over = self.history.samples.len().saturating_sub(samples);
        if over == 0 {
            return;
        }
        self.history.samples.drain(..over);
        let start = self.history.start_ms.saturating_add_unsigned(self.history.step_ms.saturating_mul(over as u64));
        self.history.start_ms = start;
        self.history.events.retain(|event| event.at_ms >= start);
        self.history.decisions.retain(|decision| decision.at_ms >= start);
        self.history.forecasts.retain(|forecast| forecast.for_ms >= start);
    }

    /// Something else is configured from now on.
    pub fn configure(&mut self, configured: Configured) {
        self.history.configured = configured;
    }

    /// The history so far, to be looked at.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The history so far.
    #[must_use]
    pub fn finish(self) -> History {
        self.history
    }

    fn write_replicas(&mut self, sample: &mut Sample, seen: &Observation, at: Timestamp) {
        let is_mine = |status: &&ReplicaStatus| status.replica().is_some_and(|id| id.service == self.service);
        let mut ready = 0_u32;
        let (kills, restarts) = std::mem::take(&mut self.ends);
        let (mut cpu, mut memory, mut throttled) = (Sum::default(), Sum::default(), Sum::default());
        let (mut disk, mut network) = (Sum::default(), Sum::default());
        let (mut oldest, mut most): (Option<(Timestamp, f64)>, Option<f64>) = (None, None);
        for status in seen.workloads.iter().filter(is_mine) {
            ready += u32::from(status.phase == Phase::Ready);
            let Some(usage) = seen.usage.get(&status.id).filter(|_| status.phase == Phase::Ready) else { continue };
            cpu.add(usage.cpu.map(|cpu| cpu.0 as f64 / 1_000.0));
            memory.add(usage.memory.map(|memory| memory.0 as f64 / MIB));
            throttled.add(usage.throttled.map(|share| share.0 as f64 / 1_000.0));
            disk.add(usage.disk_bytes_per_s.map(|bytes| bytes as f64 / MIB));
            network.add(usage.network_bytes_per_s.map(|bytes| bytes as f64 / MIB));
            most = usage.memory.map(|memory| memory.0 as f64 / MIB).into_iter().chain(most).reduce(f64::max);
            if let Some(memory) = usage.memory
                && oldest.is_none_or(|(since, _)| status.started_at < since)
            {
                oldest = Some((status.started_at, memory.0 as f64 / MIB));
            }
        }
        sample.ready = Some(f64::from(ready));
        (sample.out_of_memory, sample.restarts) = (Some(f64::from(kills)), Some(f64::from(restarts)));
        (sample.cpu_cores, sample.measured) = (cpu.sum(), cpu.count());
        (sample.memory_mib, sample.throttled) = (memory.mean(), throttled.mean().map(|share| share.min(1.0)));
        (sample.disk_mib_per_s, sample.network_mib_per_s) = (disk.sum(), network.sum());
        sample.memory_max_mib = most;
        sample.memory_oldest_mib = oldest.map(|(_, memory)| memory);
        sample.age_oldest_s = oldest.map(|(since, _)| at.since(since).0 as f64 / 1_000.0);
        if kills > 0 {
            self.happened(at.0, Kind::Replica, "out of memory");
        }
    }

    fn count_ends(&mut self, seen: &Observation) {
        let is_mine = |status: &&ReplicaStatus| status.replica().is_some_and(|id| id.service == self.service);
        let ended: Vec<&ReplicaStatus> =
            seen.workloads.iter().filter(is_mine).filter(|status| status.exited.is_some()).collect();
        for status in &ended {
            if self.gone.contains(&status.id) {
                continue;
            }
            match status.exited.as_ref().map(|exited| &exited.cause) {
                Some(ExitCause::OutOfMemory) => self.ends.0 += 1,
                Some(ExitCause::Status { .. } | ExitCause::Signal { .. } | ExitCause::Lost) => self.ends.1 += 1,
                _ => {}
            }
        }
        self.gone = ended.into_iter().map(|status| status.id.clone()).collect();
    }

    fn write_decision(&mut self, at_ms: i64, rationale: &ServiceRationale) {
        let before = self.target.replace(rationale.target);
        if let Some(from) = before.filter(|from| *from != rationale.target) {
            let term = rationale.terms.get(rationale.winner).map(ToString::to_string).unwrap_or_default();
            let bounds: Vec<String> = rationale.bounds.iter().map(ToString::to_string).collect();
            let reason = if bounds.is_empty() { term } else { format!("{term}; {}", bounds.join("; ")) };
            self.history.decisions.push(Decided { at_ms, from, to: rationale.target, reason });
        }
        for term in &rationale.terms {
            if let Basis::Forecast { forecast, quantile, demand, .. } = &term.basis {
                self.history.forecasts.push(Foreseen {
                    for_ms: forecast.at.0,
                    quantile: quantile.0 as f64 / 1_000.0,
                    rate_per_s: demand.0 as f64 / 1_000.0,
                });
            }
        }
    }
}

fn write_traffic(sample: &mut Sample, traffic: &TrafficObservation, interval_s: f64) {
    sample.rate_per_s = Some(traffic.rate.0 as f64 / 1_000.0);
    sample.in_flight = Some(traffic.in_flight_milli as f64 / 1_000.0);
    if interval_s > 0.0 {
        sample.failed_per_s = Some(traffic.failed as f64 / interval_s);
        sample.shed_per_s = Some(traffic.shed as f64 / interval_s);
    }
    // Zero is "no request", not "no time".
    let ms = |micros: u64| (micros > 0).then_some(micros as f64 / 1_000.0);
    (sample.latency_p50_ms, sample.latency_p99_ms) = (ms(traffic.latency_p50.0), ms(traffic.latency_p99.0));
}

fn write_host(sample: &mut Sample, seen: &Observation) {
    let share = |permille: plimsoll_model::Permille| (permille.0 as f64 / 1_000.0).min(1.0);
    sample.pressure_io = seen.host.pressure_io.map(share);
    sample.pressure_cpu = seen.host.pressure_cpu.map(share);
    sample.host_cpu_cores = seen.host.cpu_used.map(|cpu| cpu.0 as f64 / 1_000.0);
}

/// A sum that knows whether anything went into it.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    total: f64,
    of: u32,
}

impl Sum {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.total += value;
            self.of += 1;
        }
    }

    fn sum(self) -> Option<f64> {
        (self.of > 0).then_some(self.total)
    }

    fn mean(self) -> Option<f64> {
        (self.of > 0).then(|| self.total / f64::from(self.of))
    }

    fn count(self) -> Option<f64> {
        (self.of > 0).then_some(f64::from(self.of))
    }
}
