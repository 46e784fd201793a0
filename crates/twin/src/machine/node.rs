//! The simulated machine: what the driver, the gateway and the collector would do and say.

use super::outcome::Outcome;
use crate::service::exact::{Life, Nanos, Poisson, Service, Window};
use plimsoll_model::id::{Generation, JobName, ServiceName, TaskId, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Exited, Phase, ReplicaStatus};
use plimsoll_model::observation::{HostObservation, Observation, ReplicaUsage, ServiceObservation, TrafficObservation};
use plimsoll_model::spec::Resources;
use plimsoll_model::{ActionKind, Bytes, Decision, Micros, MilliRps, Millicores, Millis, Permille, Timestamp};
use std::collections::BTreeMap;

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;

/// What stands behind a workload's status.
#[derive(Debug, Clone, Copy)]
enum Process {
    /// A replica, by its number within the service's twin.
    Replica(u32),
    /// A run of a job, and when it comes to its end.
    Task(Nanos),
}

/// What is measured of a service beside CPU, memory and traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measures {
    /// The model's cores are a quota of CPU: work held back by them is throttled.
    pub is_quota: bool,
    /// The model's work is time of a disk, and a request moves so many bytes: the host's I/O pressure is the share of time in
    /// which replicas of such services have work.
    pub disk_bytes: Option<f64>,
}

/// One simulated machine.
pub struct Node {
    allocatable: Resources,
    services: BTreeMap<ServiceName, Service<Poisson>>,
    run_times: BTreeMap<JobName, Millis>,
    workloads: BTreeMap<WorkloadId, (Process, ReplicaStatus)>,
    start: Timestamp,
    speed: u32,
    now: Nanos,
    at_once: bool,
    outcome: Outcome,
    measures: BTreeMap<ServiceName, Measures>,
    /// CPU that others on the host use; none where the host is not measured.
    neighbours: Option<Millicores>,
}

impl Node {
    /// A machine with this room, these services and the time that each job's runs really take (physical; a job that is not
    /// named ends at once).
    #[must_use]
    pub fn new(
        allocatable: Resources,
        services: BTreeMap<ServiceName, Service<Poisson>>,
        run_times: BTreeMap<JobName, Millis>,
        (start, speed): (Timestamp, u32),
    ) -> Self {
        let outcome = Outcome {
            services: services.keys().map(|name| (name.clone(), <_>::default())).collect(),
            ..Outcome::default()
        };
        let (workloads, now) = (BTreeMap::new(), Nanos(0));
        let (measures, neighbours) = (BTreeMap::new(), None);
        let at_once = false;
        Self { allocatable, services, run_times, workloads, start, speed, now, at_once, outcome, measures, neighbours }
    }

    /// Trace time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let physical = self.now.0.unsigned_abs() / 1_000_000;
        self.start.plus(Millis(physical.saturating_mul(u64::from(self.speed))))
    }

    /// Goes on to `until`. True when a workload became ready, went or ended meanwhile: a daemon is told at once.
    pub fn run_until(&mut self, until: Nanos) -> bool {
        self.now = until;
        for service in self.services.values_mut() {
            service.run_until(until);
        }
        self.refresh()
    }

    /// Measures more of a service than its CPU, memory and traffic.
    pub fn measure(&mut self, service: &ServiceName, measures: Measures) {
        self.measures.insert(service.clone(), measures);
    }

    /// From now on others on the host use so much CPU, and the host is measured. What that costs the services here is told to
    /// each by [`Service::set_conditions`].
    pub const fn set_neighbours(&mut self, cpu: Millicores) {
        self.neighbours = Some(cpu);
    }

    /// One of its services, to change the conditions it runs under.
    pub fn service_mut(&mut self, name: &ServiceName) -> Option<&mut Service<Poisson>> {
        self.services.get_mut(name)
    }

    /// From now on replicas are ready the moment they are started (`true`), as if they had been started a while ago, or after
    /// their start-up time.
    pub const fn starts_ready(&mut self, at_once: bool) {
        self.at_once = at_once;
    }

    /// What the daemon is told at once: the inventory, without figures.
    #[must_use]
    pub fn inventory(&self) -> Observation {
        Observation {
            speed: self.speed,
            inventory_only: true,
            workloads: self.workloads.values().map(|(_, status)| status.clone()).collect(),
            host: HostObservation { allocatable: self.allocatable, ..HostObservation::default() },
            ..Observation::default()
        }
    }

    /// What the daemon is told each tick: the inventory, what each process used and what the gateway saw since the last
    /// time.
    pub fn observe(&mut self) -> Observation {
        let (usage, host) = self.usage();
        let mut interval = 0.0_f64;
        let mut services = BTreeMap::new();
        for (name, service) in &mut self.services {
            let window = service.take_window();
            interval = interval.max(window.seconds());
            let traffic = Some(traffic(&window));
            services.insert(name.clone(), ServiceObservation { traffic, ..ServiceObservation::default() });
            let seen = self.outcome.services.entry(name.clone()).or_default();
            seen.supply.push(service.ready_count());
            seen.window.merge(&window);
        }
        let interval = Millis((interval * 1_000.0).round() as u64);
        Observation { inventory_only: false, interval, usage, services, host, ..self.inventory() }
    }

    /// Ends the run: what it came to, requests since the last tick included.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        for (name, service) in &mut self.services {
            self.outcome.services.entry(name.clone()).or_default().window.merge(&service.take_window());
        }
        self.outcome
    }

    /// Carries a decision out, in its order.
    pub fn obey(&mut self, decision: &Decision) {
        for action in &decision.actions {
            match &action.kind {
                ActionKind::StartReplica { replica, requests, .. } => {
                    if let Some(service) = self.services.get_mut(&replica.service) {
                        let number = if self.at_once { service.start_ready() } else { service.start() };
                        let process = Process::Replica(number);
                        self.add(WorkloadId::Replica(replica.clone()), process, action.generation, *requests);
                    }
                }
                ActionKind::StartTask { task, requests, .. } => {
                    self.start_task(task.clone(), action.generation, *requests);
                }
                ActionKind::Stop { workload, grace, .. } => self.stop(workload, *grace),
                ActionKind::Forget { workload } => {
                    self.workloads.remove(workload);
                }
                // A driver that cannot change a size goes on to report the old one, and fitting is nobody's work here.
                ActionKind::Resize { .. } | ActionKind::Fit { .. } => {}
            }
        }
        let held = self.workloads.values().filter(|(_, status)| status.phase.holds_resources());
        let reserved = held.fold(0, |sum: u64, (_, status)| sum.saturating_add(status.requests.cpu.0));
        self.outcome.reserved_most = self.outcome.reserved_most.max(reserved);
        self.refresh();
    }

    fn start_task(&mut self, task: TaskId, generation: Generation, requests: Resources) {
        let run_time = self.run_times.get(&task.job).copied().unwrap_or(Millis(0));
        let ends = self.now.after(run_time.get() as f64 * 1e6);
        self.outcome.jobs.entry(task.job.clone()).or_default().started += 1;
        self.add(WorkloadId::Task(task), Process::Task(ends), generation, requests);
    }

    fn stop(&mut self, workload: &WorkloadId, grace: Millis) {
        let now = self.now();
        let Some((process, status)) = self.workloads.get_mut(workload) else { return };
        match (*process, workload) {
            (Process::Replica(number), WorkloadId::Replica(id)) => {
                if let Some(service) = self.services.get_mut(&id.service) {
                    service.stop(number, grace);
                }
            }
            (Process::Task(_), WorkloadId::Task(id)) if status.phase != Phase::Exited => {
                status.phase = Phase::Exited;
                status.exited = Some(Exited { cause: ExitCause::Stopped, at: now });
                self.outcome.jobs.entry(id.job.clone()).or_default().stopped += 1;
            }
            _ => {}
        }
    }

    fn add(&mut self, id: WorkloadId, process: Process, generation: Generation, requests: Resources) {
        let (started_at, phase) = (self.now(), Phase::Starting);
        let (ready_at, exited) = (None, None);
        let status = ReplicaStatus { id: id.clone(), generation, phase, started_at, ready_at, exited, requests };
        self.workloads.insert(id, (process, status));
    }

    /// Brings every status up to what the process is at. True when one changed.
    fn refresh(&mut self) -> bool {
        let now = self.now();
        let of = |service: &Service<Poisson>| service.replicas().map(|status| (status.number, status.life)).collect();
        let lives: BTreeMap<&ServiceName, BTreeMap<u32, Life>> =
            self.services.iter().map(|(name, service)| (name, of(service))).collect();
        let mut is_changed = false;
        for (id, (process, status)) in &mut self.workloads {
            let (phase, cause) = match (*process, id) {
                (Process::Replica(number), WorkloadId::Replica(id)) => {
                    phase_of(lives.get(&id.service).and_then(|lives| lives.get(&number)))
                }
                (Process::Task(ends), _) if ends <= self.now => (Phase::Exited, ExitCause::Status { code: 0 }),
                _ => (Phase::Running, ExitCause::Lost),
            };
            if status.phase == phase || status.phase == Phase::Exited {
                continue;
            }
            is_changed = true;
            status.phase = phase;
            if phase == Phase::Ready && status.ready_at.is_none() {
                status.ready_at = Some(now);
            }
            if phase == Phase::Exited {
                status.exited = Some(Exited { cause, at: now });
                if let WorkloadId::Task(id) = id {
                    self.outcome.jobs.entry(id.job.clone()).or_default().finished += 1;
                }
            }
        }
        is_changed
    }

    fn usage(&self) -> (BTreeMap<WorkloadId, ReplicaUsage>, HostObservation) {
        let mut usage = BTreeMap::new();
        let (mut used, mut busy, mut disks) = (0, 0.0_f64, 0_u32);
        for (id, (process, status)) in &self.workloads {
            let mut told = ReplicaUsage::default();
            let (cpu, memory) = match (process, id) {
                (Process::Replica(number), WorkloadId::Replica(id)) => {
                    let replica = self
                        .services
                        .get(&id.service)
                        .and_then(|service| service.replicas().find(|status| status.number == *number));
                    let Some(replica) = replica else { continue };
                    let measures = self.measures.get(&id.service).copied().unwrap_or_default();
                    told.throttled = measures.is_quota.then(|| Permille((replica.capped * 1_000.0).round() as u64));
                    if let Some(bytes) = measures.disk_bytes {
                        told.disk_bytes_per_s = Some((replica.answered_per_s * bytes) as u64);
                        (busy, disks) = (busy + replica.busy, disks + 1);
                    }
                    (Millicores(replica.cpu_millicores.round() as u64), Bytes((replica.memory_mib * MIB) as u64))
                }
                _ => (status.requests.cpu, status.requests.memory),
            };
            used += cpu.0;
            usage.insert(id.clone(), ReplicaUsage { cpu: Some(cpu), memory: Some(memory), ..told });
        }
        let host = HostObservation {
            allocatable: self.allocatable,
            cpu_used: self.neighbours.map(|others| others.saturating_add(Millicores(used))),
            pressure_io: (disks > 0).then(|| Permille((busy / f64::from(disks) * 1_000.0).round() as u64)),
            ..HostObservation::default()
        };
        (usage, host)
    }
}

fn phase_of(life: Option<&Life>) -> (Phase, ExitCause) {
    match life {
        Some(Life::Starting) => (Phase::Starting, ExitCause::Lost),
        Some(Life::Ready) => (Phase::Ready, ExitCause::Lost),
        Some(Life::Draining) => (Phase::Draining, ExitCause::Lost),
        Some(Life::OutOfMemory) => (Phase::Exited, ExitCause::OutOfMemory),
        Some(Life::Stopped) | None => (Phase::Exited, ExitCause::Stopped),
    }
}

fn traffic(window: &Window) -> TrafficObservation {
    let micros = |p: f64| Micros((window.latencies.quantile_s(p).unwrap_or(0.0) * 1e6) as u64);
    TrafficObservation {
        rate: MilliRps((window.rate() * 1_000.0).round() as u64),
        in_flight_milli: (window.in_flight() * 1_000.0).round() as u64,
        finished: window.succeeded + window.failed,
        failed: window.failed,
        shed: window.shed,
        latency_p50: micros(0.5),
        latency_p99: micros(0.99),
        ..TrafficObservation::default()
    }
}
