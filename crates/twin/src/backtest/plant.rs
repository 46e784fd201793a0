//! The world of a backtest, behind the driver's shapes: replicas that take a while to become ready, and figures that are
//! late.
//!
//! The observation is kept and changed in place from tick to tick, because a backtest makes a million of them. A replica
//! told to stop is gone at once (no drain: it would serve nobody's need and is the same for every policy). Every figure is
//! of the moment [`Protocol::metric_lag`] ago.
//!
//! CPU follows the load: all replicas share it evenly, one at 100 % uses its whole request, and more only up to its limit,
//! if it has one. Requests in flight are those that work takes at that load ([`Protocol::in_flight_milli`]), with no line
//! in front of them. Usage is told per replica only to a policy that looks at single ones, else as a sum: a map of fifty
//! entries per tick is most of a run's time. Per replica it is told as a live source tells it: one that was starting when the
//! figures were taken has a sample too, of next to no CPU, and one that did not exist for a whole interval has none.
//!
//! A service that scales on a queue has its load as work that arrives there, and sees what of it waits ([`Line`]).

use super::Protocol;
use super::queue::Line;
use plimsoll_controller::Input;
use plimsoll_model::id::{Generation, ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Exited, Phase, ReplicaStatus};
use plimsoll_model::observation::{
    HostObservation, Observation, Quality, ReplicaUsage, ServiceObservation, TrafficObservation,
};
use plimsoll_model::spec::Resources;
use plimsoll_model::{
    ActionKind, Bytes, Decision, MilliRps, Millicores, Permille, ScalingPolicy, ServiceSpec, Timestamp, UsageSum,
};
use std::collections::{BTreeMap, VecDeque};

/// What the node gives where nothing bounds it: more than any policy may ask.
pub const NODE: Resources = Resources { cpu: Millicores(1 << 50), memory: Bytes(1 << 60) };

/// The replicas of the services, and the observation that tells of them.
pub(super) struct Plant<'a> {
    protocol: &'a Protocol,
    services: Vec<Served<'a>>,
    /// One input, the observation, changed in place.
    inputs: [Input; 1],
    /// Ticks that figures are late.
    lag: usize,
    /// When the tick that is being observed is.
    at: Timestamp,
}

/// What was measured of a service [`Protocol::metric_lag`] ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Measured {
    /// Its load; none in a gap.
    pub rate: Option<MilliRps>,
    /// Memory of one ready replica, where that was recorded.
    pub memory: Option<Bytes>,
}

struct Served<'a> {
    name: &'a ServiceName,
    spec: &'a ServiceSpec,
    /// What a replica at 100 % of the protocol's capacity uses.
    busy_at_capacity: Millicores,
    /// Whether usage is told per replica.
    by_replica: bool,
    /// Work that waits, where a policy scales on it.
    line: Option<Line>,
    /// Ready replicas after the last `lag` decisions, the oldest first.
    ready_before: VecDeque<u32>,
    /// After the last decision.
    count: Count,
}

/// The replicas after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// Ready to serve.
    pub ready: u32,
    /// Paid for: ready and starting.
    pub billed: u32,
    /// Starts and stops that were ordered so far.
    pub actions: u64,
}

impl<'a> Plant<'a> {
    /// Nothing runs. Decisions index services in the order of `services`, which is that of their names.
    pub fn new(protocol: &'a Protocol, services: &'a BTreeMap<ServiceName, ServiceSpec>, room: Resources) -> Self {
        let observation = Observation {
            speed: 1,
            interval: protocol.tick,
            host: HostObservation { allocatable: room, ..HostObservation::default() },
            ..Observation::default()
        };
        let lag = usize::try_from(protocol.metric_lag.0 / protocol.tick.0.max(1)).unwrap_or(usize::MAX);
        let served = |(name, spec): (&'a ServiceName, &'a ServiceSpec)| Served {
            name,
            spec,
            busy_at_capacity: spec.requests.cpu,
            by_replica: needs_pods(spec),
            line: line(protocol, lag, spec),
            ready_before: VecDeque::new(),
            count: Count::default(),
        };
        Self {
            protocol,
            services: services.iter().map(served).collect(),
            inputs: [Input::Observed(Box::new(observation))],
            lag,
            at: Timestamp::default(),
        }
    }

    /// The protocol's capacity is that of a replica of these services, where they are told: work takes the same CPU, whatever a
    /// replica is reserved. `busy` is its CPU then, where that is not its request.
    pub fn measure(&mut self, services: Option<&BTreeMap<ServiceName, ServiceSpec>>, busy: Option<Millicores>) {
        for served in &mut self.services {
            let request = services.and_then(|services| services.get(served.name)).map(|it| it.requests.cpu);
            served.busy_at_capacity = busy.or(request).unwrap_or(served.busy_at_capacity);
        }
    }

    /// From now on the services are specified so; what runs goes on until it is told to stop.
    pub fn turn_to(&mut self, services: &'a BTreeMap<ServiceName, ServiceSpec>) {
        let (protocol, lag) = (self.protocol, self.lag);
        for served in &mut self.services {
            let Some(spec) = services.get(served.name) else { continue };
            served.spec = spec;
            served.by_replica = needs_pods(spec);
            // Work that waits in a queue goes on waiting there.
            served.line =
                served.line.take().or_else(|| line(protocol, lag, spec)).filter(|_| concurrency(spec).is_some());
        }
    }

    /// What the controller sees at `at`, with what was measured of each service when the figures were taken.
    pub fn observe(&mut self, at: Timestamp, measured: &[Measured]) -> &[Input] {
        self.at = at;
        let Self { protocol, services, inputs, lag, .. } = self;
        let observation = observation(inputs);
        for status in &mut observation.workloads {
            if status.phase == Phase::Starting && at.since(status.started_at) >= protocol.startup {
                status.phase = Phase::Ready;
                status.ready_at = Some(at);
            }
        }
        observation.usage.clear();
        let quality = Quality { age_ms: protocol.metric_lag.0, ..Quality::default() };
        let alone = services.len() == 1;
        for (served, told) in services.iter().zip(measured) {
            let traffic = told.rate.map(|rate| TrafficObservation {
                rate,
                in_flight_milli: busy(rate, protocol.capacity, Millicores(protocol.in_flight_milli)),
                finished: rate.0.saturating_mul(protocol.tick.0) / 1_000_000,
                quality,
                ..TrafficObservation::default()
            });
            let usage = served.usage(observation, (at, *lag, alone), protocol, *told);
            let queue = served.line.as_ref().and_then(|line| line.seen(at, quality));
            let seen = ServiceObservation { traffic, usage, queue, ..ServiceObservation::default() };
            observation.services.insert(served.name.clone(), seen);
        }
        &self.inputs
    }

    /// Takes a share of the ready replicas away, rounded up, the oldest first, as a node does that fails.
    pub fn lose(&mut self, at: Timestamp, share: Permille) {
        let observation = observation(&mut self.inputs);
        let ready = observation.workloads.iter().filter(|status| status.phase == Phase::Ready).count() as u64;
        let mut left = (ready * share.0).div_ceil(1_000);
        for status in observation.workloads.iter_mut().filter(|status| status.phase == Phase::Ready) {
            if left == 0 {
                break;
            }
            left -= 1;
            status.phase = Phase::Exited;
            status.exited = Some(Exited { cause: ExitCause::Lost, at });
        }
    }

    /// Does what was decided. `rates` are the loads of this tick, which arrive where there is a queue.
    pub fn obey(&mut self, decision: &Decision, generation: Generation, rates: impl Fn(usize) -> Option<MilliRps>) {
        let Self { protocol, services, inputs, lag, .. } = self;
        let at = decision.at;
        let observation = observation(inputs);
        for action in &decision.actions {
            match &action.kind {
                ActionKind::StartReplica { replica, requests, .. } => {
                    count(services, &replica.service, |count| count.actions += 1);
                    observation.workloads.push(starting(replica.clone(), generation, at, *requests));
                }
                ActionKind::Stop { workload, .. } => {
                    if let WorkloadId::Replica(replica) = workload {
                        count(services, &replica.service, |count| count.actions += 1);
                    }
                    for status in observation.workloads.iter_mut().filter(|status| status.id == *workload) {
                        status.phase = Phase::Exited;
                        status.exited = Some(Exited { cause: ExitCause::Stopped, at });
                    }
                }
                ActionKind::Forget { workload } => observation.workloads.retain(|status| status.id != *workload),
                _ => {}
            }
        }
        services.iter_mut().for_each(|served| (served.count.ready, served.count.billed) = (0, 0));
        for status in &observation.workloads {
            let WorkloadId::Replica(replica) = &status.id else { continue };
            count(services, &replica.service, |count| {
                count.ready += u32::from(status.phase == Phase::Ready);
                count.billed += u32::from(status.phase.holds_resources());
            });
        }
        for (index, served) in services.iter_mut().enumerate() {
            let ready = served.count.ready;
            if let Some(line) = &mut served.line {
                line.pass(at, rates(index), ready, protocol);
            }
            served.ready_before.push_back(ready);
            if served.ready_before.len() > (*lag).max(1) {
                served.ready_before.pop_front();
            }
        }
    }

    /// The replicas of one service after the last decision.
    pub fn count(&self, service: usize) -> Count {
        self.services[service].count
    }

    /// The queue of one service, where it scales on one.
    pub fn line(&mut self, service: usize) -> Option<&mut Line> {
        self.services[service].line.as_mut()
    }
}

impl Served<'_> {
    /// CPU and memory of the replicas that were ready when the figures were taken and are still there: each had its share
    /// of the load among those that were ready then. Told as a sum, or put into the observation one by one.
    fn usage(
        &self,
        observation: &mut Observation,
        (at, lag, alone): (Timestamp, usize, bool),
        protocol: &Protocol,
        told: Measured,
    ) -> Option<UsageSum> {
        // A queue keeps replicas as busy as there is work, and not as work arrives.
        let rate = told.rate.map(|rate| self.line.as_ref().map_or(rate, Line::served))?;
        let ready_then = if self.ready_before.len() < lag { 0 } else { *self.ready_before.front().unwrap_or(&0) };
        let busy = busy(rate, protocol.capacity, self.busy_at_capacity) / u64::from(ready_then.max(1));
        let cpu = self.spec.limits.cpu.map_or(Millicores(busy), |limit| limit.min(Millicores(busy)));
        let quality = Quality { age_ms: protocol.metric_lag.0, ..Quality::default() };
        let taken = protocol.metric_lag;
        let was_ready = |status: &ReplicaStatus| {
            status.phase == Phase::Ready && status.ready_at.is_some_and(|ready| ready.plus(taken) <= at)
        };
        let mine = |status: &&ReplicaStatus| {
            alone || matches!(&status.id, WorkloadId::Replica(replica) if replica.service == *self.name)
        };
        if self.by_replica {
            let usage = |cpu| ReplicaUsage { cpu: Some(cpu), memory: told.memory, quality, ..ReplicaUsage::default() };
            let (serving, starting) = (usage(cpu), usage(Millicores(0)));
            // A sample is the difference of two counters, one interval apart.
            let oldest = taken.saturating_add(protocol.tick);
            for status in observation.workloads.iter().filter(mine) {
                if was_ready(status) {
                    observation.usage.insert(status.id.clone(), serving.clone());
                } else if status.phase != Phase::Exited && status.started_at.plus(oldest) <= at {
                    observation.usage.insert(status.id.clone(), starting.clone());
                }
            }
            return None;
        }
        let replicas = observation.workloads.iter().filter(mine).filter(|status| was_ready(status)).count();
        let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
        let all = |one: u64| one.saturating_mul(u64::from(replicas));
        let (cpu, memory) = (Some(Millicores(all(cpu.0))), told.memory.map(|memory| Bytes(all(memory.0))));
        (replicas > 0).then_some(UsageSum { cpu, memory, replicas, quality })
    }
}

fn needs_pods(spec: &ServiceSpec) -> bool {
    spec.scaling.policies.iter().any(ScalingPolicy::needs_pods)
}

/// What a replica has at once, where a policy scales on work that waits.
fn concurrency(spec: &ServiceSpec) -> Option<u32> {
    spec.scaling.policies.iter().find_map(|policy| match policy {
        ScalingPolicy::Backlog(backlog) => Some(backlog.concurrency),
        _ => None,
    })
}

fn line(protocol: &Protocol, lag: usize, spec: &ServiceSpec) -> Option<Line> {
    concurrency(spec).map(|concurrency| Line::new(protocol, lag, concurrency))
}

fn observation(inputs: &mut [Input; 1]) -> &mut Observation {
    let [Input::Observed(observation)] = inputs else {
        unreachable!("invariant: the plant's one input is its observation")
    };
    observation
}

/// Changes the count of one service; no name is looked at where there is only one.
fn count(services: &mut [Served<'_>], name: &ServiceName, change: impl FnOnce(&mut Count)) {
    let found = match services {
        [one] => Some(one),
        several => several.iter_mut().find(|served| served.name == name),
    };
    if let Some(served) = found {
        change(&mut served.count);
    }
}

/// CPU that a load takes when nothing bounds it: its share of one replica's capacity, times one replica's request.
fn busy(load: MilliRps, capacity: MilliRps, request: Millicores) -> u64 {
    let used = u128::from(load.0) * u128::from(request.0) / u128::from(capacity.0.max(1));
    u64::try_from(used).unwrap_or(u64::MAX)
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
