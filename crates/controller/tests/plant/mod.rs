//! A toy plant: replicas become ready after their start-up time, CPU follows the load, stops take a moment.
//!
//! It does what a driver does, exactly and at once, and checks on the way what no controller may break: ids unique and
//! without gaps, no ordinal twice, no more reserved than the node has.

#![allow(dead_code, reason = "each test file uses its part of the plant")]
#![allow(clippy::unwrap_used, reason = "a plant that cannot be built fails its test")]

use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::{Generation, NodeName, ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Exited, Phase, ReplicaStatus};
use plimsoll_model::observation::{
    HostObservation, Observation, Quality, ReplicaUsage, ServiceObservation, TrafficObservation,
};
use plimsoll_model::quantity::{Bytes, Micros, MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::spec::*;
use plimsoll_model::{ActionKind, Decision};
use std::collections::{BTreeMap, BTreeSet};

pub fn name(text: &str) -> ServiceName {
    ServiceName::try_new(text).unwrap()
}

pub fn sandbox() -> SandboxSpec {
    SandboxSpec {
        filesystem: false,
        read: vec![],
        write: vec![],
        syscalls: false,
        user_namespace: false,
        network_namespace: false,
        require: vec![],
    }
}

pub fn command(program: &str) -> CommandSpec {
    CommandSpec { command: vec![program.to_owned()], env: BTreeMap::new(), directory: None }
}

pub fn service(min: u32, max: u32, policies: Vec<ScalingPolicy>) -> ServiceSpec {
    ServiceSpec {
        run: command("shop"),
        replicas_min: min,
        replicas_max: max,
        requests: Resources { cpu: Millicores(500), memory: Bytes(64 << 20) },
        limits: Limits::default(),
        health: HealthSpec {
            probe: Probe::Tcp,
            interval: Millis(1_000),
            timeout: Millis(1_000),
            healthy_after: 1,
            unhealthy_after: 3,
            startup_max: Millis(60_000),
        },
        startup: Millis(20_000),
        grace: Millis(5_000),
        balance: BalanceSpec {
            algorithm: Algorithm::RoundRobin,
            slow_start: Millis(0),
            ejection: EjectionSpec {
                consecutive_errors: 5,
                success_rate_min: Permille(0),
                latency_ratio_max: Permille(0),
                duration: Millis(1_000),
                duration_max: Millis(1_000),
                share_max: Permille(100),
            },
            in_flight_max: None,
            queue_max: 100,
            queue_timeout: Millis(1_000),
            breaker: Default::default(),
            load: Default::default(),
        },
        metrics: Vec::new(),
        scaling: ScalingSpec {
            policies,
            capacity: None,
            tolerance: Permille(100),
            stabilization_up: Millis(0),
            stabilization_down: Millis(300_000),
            step_up_max: 4,
            step_down_max: 100,
            period: Millis(15_000),
            reserve: 0,
            reserve_share: Permille(0),
            reserve_burst: None,
            forecast: None,
            guard: plimsoll_model::scaling::GuardSpec::default(),
            vertical: None,
        },
        priority: 0,
        weight: 1,
        guaranteed: None,
        restart: RestartSpec {
            backoff: Millis(10_000),
            backoff_max: Millis(300_000),
            crash_loop_after: 5,
            stable_after: Millis(600_000),
        },
        sandbox: sandbox(),
        log_size_max: Bytes(1 << 20),
        log_files_max: 2,
        analyst: plimsoll_model::analyst::ServiceAnalyst::default(),
    }
}

pub fn spec(services: impl IntoIterator<Item = (&'static str, ServiceSpec)>) -> Spec {
    Spec {
        name: "test".to_owned(),
        clock: ClockSpec { speed: 1, start: None },
        tick: Millis(15_000),
        node: NodeSpec {
            name: NodeName::try_new("node").unwrap(),
            cpu: None,
            memory: None,
            reserved_cpu: Millicores(0),
            reserved_memory: Bytes(0),
        },
        gateway: GatewaySpec {
            listeners: vec![],
            workers: None,
            limits: GatewayLimits {
                head_bytes_max: 1,
                headers_max: 1,
                body_bytes_max: None,
                connections_max: 1,
                head_timeout: Millis(1),
                idle_timeout: Millis(1),
                connect_timeout: Millis(1),
                body_timeout: Millis(1),
                retry_budget: Permille(1),
                idle_upstream_max: 1,
                drain: Millis(1),
                source: Default::default(),
            },
            trusted_proxies: vec![],
            observe: plimsoll_model::gateway::ObserveSpec::default(),
        },
        api_listen: String::new(),
        queue: plimsoll_model::spec::QueueSpec::default(),
        services: services.into_iter().map(|(text, service)| (name(text), service)).collect(),
        jobs: BTreeMap::new(),
        history: HistorySpec {
            raw: Millis(1),
            summary: Millis(1),
            size_max: Bytes(1),
            journal: Millis(1),
            journal_size_max: Bytes(1),
        },
        analyst: plimsoll_model::analyst::AnalystSpec::default(),
        operations: Default::default(),
    }
}

/// What the world does with one service's requests.
#[derive(Clone, Copy)]
pub struct Load {
    pub rate: MilliRps,
    /// CPU seconds per request, in millionths.
    pub cpu_micros: u64,
}

pub struct Plant {
    pub state: State,
    pub at: Timestamp,
    pub tick: Millis,
    pub startup: Millis,
    pub capacity: Resources,
    pub workloads: BTreeMap<WorkloadId, ReplicaStatus>,
    pub load: BTreeMap<ServiceName, Load>,
    pub pending: Vec<Input>,
    pub actions: u64,
    /// What the last step was given.
    pub inputs: Vec<Input>,
    /// Whether the driver can change a replica that runs.
    pub resizes_in_place: bool,
    /// Changes of size that were asked for.
    pub resized: u32,
    ids: BTreeSet<WorkloadId>,
}

impl Plant {
    pub fn new(spec: Spec) -> Self {
        let tick = spec.tick;
        Self {
            state: State::new(),
            at: Timestamp(1_500_000_000_000),
            tick,
            startup: Millis(20_000),
            capacity: Resources { cpu: Millicores(64_000), memory: Bytes(64 << 30) },
            workloads: BTreeMap::new(),
            load: BTreeMap::new(),
            pending: vec![Input::Policy { generation: Generation(1), spec: Box::new(spec) }],
            actions: 0,
            inputs: vec![],
            resizes_in_place: true,
            resized: 0,
            ids: BTreeSet::new(),
        }
    }

    pub fn set_load(&mut self, service: &str, rps: u64, cpu_micros: u64) {
        self.load.insert(name(service), Load { rate: MilliRps(rps * 1_000), cpu_micros });
    }

    pub fn of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a ReplicaStatus> {
        self.workloads.values().filter(move |status| status.replica().is_some_and(|id| id.service.as_str() == service))
    }

    pub fn count(&self, service: &str, phase: Phase) -> u32 {
        u32::try_from(self.of(service).filter(|status| status.phase == phase).count()).unwrap()
    }

    pub fn end(&mut self, id: &str, cause: ExitCause) {
        let status = self.workloads.get_mut(&id.parse().unwrap()).unwrap();
        status.phase = Phase::Exited;
        status.exited = Some(Exited { cause, at: self.at });
    }

    pub fn observation(&self) -> Observation {
        let mut usage = BTreeMap::new();
        for (service, load) in &self.load {
            let ready: Vec<&ReplicaStatus> =
                self.of(service.as_str()).filter(|status| status.phase == Phase::Ready).collect();
            let used = load.rate.0 * load.cpu_micros / 1_000_000 / (ready.len().max(1) as u64);
            for status in ready {
                let cpu = Some(Millicores(used.min(status.requests.cpu.0 * 2)));
                usage.insert(
                    status.id.clone(),
                    ReplicaUsage { cpu, memory: Some(Bytes(1 << 20)), ..Default::default() },
                );
            }
        }
        let traffic = |load: &Load| TrafficObservation {
            rate: load.rate,
            in_flight_milli: load.rate.0 / 10,
            finished: load.rate.0 * self.tick.0 / 1_000_000,
            latency_p50: Micros(10_000),
            latency_p99: Micros(20_000),
            quality: Quality::default(),
            ..Default::default()
        };
        Observation {
            speed: 1,
            interval: self.tick,
            inventory_only: false,
            workloads: self.workloads.values().cloned().collect(),
            usage,
            services: self
                .load
                .iter()
                .map(|(service, load)| {
                    (
                        service.clone(),
                        ServiceObservation { traffic: Some(traffic(load)), ..ServiceObservation::default() },
                    )
                })
                .collect(),
            host: HostObservation { allocatable: self.capacity, ..Default::default() },
        }
    }

    /// One tick: time passes, the controller sees the world and decides, the world obeys.
    pub fn tick(&mut self) -> Decision {
        self.tick_timed().0
    }

    /// The same, with what the step itself took.
    pub fn tick_timed(&mut self) -> (Decision, std::time::Duration) {
        self.at = self.at.plus(self.tick);
        let (at, startup) = (self.at, self.startup);
        for status in self.workloads.values_mut() {
            match status.phase {
                Phase::Starting if at.since(status.started_at) >= startup => {
                    status.phase = if status.task().is_some() { Phase::Running } else { Phase::Ready };
                    status.ready_at = Some(at);
                }
                Phase::Draining => {
                    status.phase = Phase::Exited;
                    status.exited = Some(Exited { cause: ExitCause::Stopped, at });
                }
                _ => {}
            }
        }
        let mut inputs = std::mem::take(&mut self.pending);
        inputs.push(Input::Observed(Box::new(self.observation())));
        let started = std::time::Instant::now();
        let decision = step(&mut self.state, self.at, &inputs);
        let took = started.elapsed();
        self.obey(&decision);
        self.inputs = inputs;
        (decision, took)
    }

    pub fn obey(&mut self, decision: &Decision) {
        for action in &decision.actions {
            self.actions += 1;
            assert_eq!(action.id.0, self.actions, "action ids have no gaps");
            match &action.kind {
                ActionKind::StartReplica { replica, requests, .. } => {
                    self.start(WorkloadId::Replica(replica.clone()), *requests, decision.at);
                }
                ActionKind::Resize { replica, requests, .. } => {
                    self.resized += 1;
                    let status = self.workloads.get_mut(&WorkloadId::Replica(replica.clone())).expect("it runs");
                    if self.resizes_in_place {
                        status.requests = *requests;
                    }
                }
                ActionKind::StartTask { task, requests, .. } => {
                    self.start(WorkloadId::Task(task.clone()), *requests, decision.at);
                }
                ActionKind::Stop { workload, .. } => {
                    let status = self.workloads.get_mut(workload).expect("only what runs is stopped");
                    assert_ne!(status.phase, Phase::Exited);
                    status.phase = Phase::Draining;
                }
                // A worker's business; a test that wants one answers itself.
                ActionKind::Fit { .. } => {}
                ActionKind::Forget { workload } => {
                    let status = self.workloads.remove(workload).expect("only what is there is forgotten");
                    assert_eq!(status.phase, Phase::Exited);
                }
            }
        }
        let used = self.workloads.values().filter(|status| status.phase.holds_resources());
        let used: Millicores = used.map(|status| status.requests.cpu).sum();
        assert!(used <= self.capacity.cpu, "{used} reserved of {}", self.capacity.cpu);
    }

    fn start(&mut self, id: WorkloadId, requests: Resources, at: Timestamp) {
        assert!(self.ids.insert(id.clone()), "{id} was used before");
        let status = ReplicaStatus {
            id: id.clone(),
            generation: self.state.generation,
            phase: Phase::Starting,
            started_at: at,
            ready_at: None,
            exited: None,
            requests,
        };
        self.workloads.insert(id, status);
    }

    pub fn replica(&self, service: &str, ordinal: u64) -> ReplicaId {
        ReplicaId { service: name(service), ordinal }
    }
}
