//! The world of a backtest, behind the driver's shapes: replicas that take a while to become ready, and figures that are
//! late.
//!
//! The observation is kept and changed in place from tick to tick, because a backtest makes a million of them. A replica
//! told to stop is gone at once (no drain: it would serve nobody's need and is the same for every policy). Every figure is
//! of the moment [`Protocol::metric_lag`] ago: a replica that was not ready then has no sample.
//!
//! CPU follows the load: all replicas share it evenly, one at 100 % uses its whole request, and more only up to its limit,
//! if it has one. Requests in flight are busy replicas (Little's law with one request at a time). Usage is told per replica
//! only to a policy that looks at single ones, else as a sum: a map of fifty entries per tick is most of a run's time.

use super::Protocol;
use plimsoll_controller::Input;
use plimsoll_model::id::{Generation, ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Exited, Phase, ReplicaStatus};
use plimsoll_model::observation::{
    HostObservation, Observation, Quality, ReplicaUsage, ServiceObservation, TrafficObservation,
};
use plimsoll_model::spec::Resources;
use plimsoll_model::{
    ActionKind, Bytes, Decision, MilliRps, Millicores, ScalingPolicy, ServiceSpec, Timestamp, UsageSum,
};
use std::collections::VecDeque;

/// What the node gives: more than any policy may ask.
const NODE: Resources = Resources { cpu: Millicores(1 << 50), memory: Bytes(1 << 60) };

/// The replicas of one service, and the observation that tells of them.
pub(super) struct Plant<'a> {
    protocol: &'a Protocol,
    service: &'a ServiceName,
    spec: &'a ServiceSpec,
    /// One input, the observation, changed in place.
    inputs: [Input; 1],
    /// Whether usage is told per replica.
    by_replica: bool,
    /// Ticks that figures are late.
    lag: usize,
    /// Ready replicas after the last `lag` decisions, the oldest first.
    ready_before: VecDeque<u32>,
    /// Starts, stops and forgets that were ordered.
    pub actions: u64,
}

/// The replicas after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// Ready to serve.
    pub ready: u32,
    /// Paid for: ready and starting.
    pub billed: u32,
}

impl<'a> Plant<'a> {
    pub fn new(protocol: &'a Protocol, service: &'a ServiceName, spec: &'a ServiceSpec) -> Self {
        let observation = Observation {
            speed: 1,
            interval: protocol.tick,
            host: HostObservation { allocatable: NODE, ..HostObservation::default() },
            ..Observation::default()
        };
        let lag = usize::try_from(protocol.metric_lag.0 / protocol.tick.0.max(1)).unwrap_or(usize::MAX);
        Self {
            protocol,
            service,
            spec,
            inputs: [Input::Observed(Box::new(observation))],
            by_replica: spec.scaling.policies.iter().any(ScalingPolicy::needs_pods),
            lag,
            ready_before: VecDeque::new(),
            actions: 0,
        }
    }

    fn observation(&mut self) -> &mut Observation {
        let [Input::Observed(observation)] = &mut self.inputs else {
            unreachable!("invariant: the plant's one input is its observation")
        };
        observation
    }

    /// What the controller sees at `at`, where the load was `lagged` when the figures were taken.
    pub fn observe(&mut self, at: Timestamp, lagged: Option<MilliRps>) -> &[Input] {
        let startup = self.protocol.startup;
        for status in &mut self.observation().workloads {
            if status.phase == Phase::Starting && at.since(status.started_at) >= startup {
                status.phase = Phase::Ready;
                status.ready_at = Some(at);
            }
        }
        let quality = Quality { age_ms: self.protocol.metric_lag.0, ..Quality::default() };
        let traffic = lagged.map(|rate| TrafficObservation {
            rate,
            in_flight_milli: busy(rate, self.protocol.capacity, Millicores(1_000)),
            finished: rate.0.saturating_mul(self.protocol.tick.0) / 1_000_000,
            quality,
            ..TrafficObservation::default()
        });
        let usage = lagged.and_then(|rate| self.usage(at, rate, quality));
        let service = self.service.clone();
        let told = ServiceObservation { traffic, usage, ..ServiceObservation::default() };
        self.observation().services.insert(service, told);
        &self.inputs
    }

    /// CPU of the replicas that were ready when the figures were taken and are still there: each had its share of the load
    /// among those that were ready then. Told as a sum, or put into the observation one by one.
    fn usage(&mut self, at: Timestamp, rate: MilliRps, quality: Quality) -> Option<UsageSum> {
        let ready_then = if self.ready_before.len() < self.lag { 0 } else { *self.ready_before.front().unwrap_or(&0) };
        let (lag, by_replica) = (self.protocol.metric_lag, self.by_replica);
        let busy = busy(rate, self.protocol.capacity, self.spec.requests.cpu) / u64::from(ready_then.max(1));
        let each = self.spec.limits.cpu.map_or(Millicores(busy), |limit| limit.min(Millicores(busy)));
        let observation = self.observation();
        let was_ready = |status: &&ReplicaStatus| {
            status.phase == Phase::Ready && status.ready_at.is_some_and(|ready| ready.plus(lag) <= at)
        };
        let sampled = observation.workloads.iter().filter(was_ready);
        if by_replica {
            let usage = ReplicaUsage { cpu: Some(each), quality, ..ReplicaUsage::default() };
            observation.usage = sampled.map(|status| (status.id.clone(), usage.clone())).collect();
            return None;
        }
        let replicas = u32::try_from(sampled.count()).unwrap_or(u32::MAX);
        let cpu = Some(Millicores(each.0.saturating_mul(u64::from(replicas))));
        (replicas > 0).then_some(UsageSum { cpu, memory: None, replicas, quality })
    }

    /// Does what was decided.
    pub fn obey(&mut self, decision: &Decision, generation: Generation) -> Count {
        self.actions += decision.actions.iter().filter(|it| is_scaling(&it.kind)).count() as u64;
        let at = decision.at;
        let observation = self.observation();
        for action in &decision.actions {
            match &action.kind {
                ActionKind::StartReplica { replica, requests, .. } => {
                    observation.workloads.push(starting(replica.clone(), generation, at, *requests));
                }
                ActionKind::Stop { workload, .. } => {
                    for status in observation.workloads.iter_mut().filter(|status| status.id == *workload) {
                        status.phase = Phase::Exited;
                        status.exited = Some(Exited { cause: ExitCause::Stopped, at });
                    }
                }
                ActionKind::Forget { workload } => observation.workloads.retain(|status| status.id != *workload),
                _ => {}
            }
        }
        let mut count = Count::default();
        for status in &observation.workloads {
            count.ready += u32::from(status.phase == Phase::Ready);
            count.billed += u32::from(status.phase.holds_resources());
        }
        self.ready_before.push_back(count.ready);
        if self.ready_before.len() > self.lag.max(1) {
            self.ready_before.pop_front();
        }
        count
    }
}

/// CPU that a load takes when nothing bounds it: its share of one replica's capacity, times one replica's request.
fn busy(load: MilliRps, capacity: MilliRps, request: Millicores) -> u64 {
    let used = u128::from(load.0) * u128::from(request.0) / u128::from(capacity.0.max(1));
    u64::try_from(used).unwrap_or(u64::MAX)
}

const fn is_scaling(kind: &ActionKind) -> bool {
    matches!(kind, ActionKind::StartReplica { .. } | ActionKind::Stop { .. })
}

fn starting(replica: ReplicaId, generation: Generation, at: Timestamp, requests: Resources) -> ReplicaStatus {
    ReplicaStatus {
        id: WorkloadId::Replica(replica),
        generation,
        phase: Phase::Starting,
        started_at: at,
        ready_at: None,
        exited: None,
        requests,
    }
}
