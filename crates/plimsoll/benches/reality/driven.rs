//! The twin's exact tier with the real controller in the loop: observations in, actions out, on the daemon's own rhythm.

use plimsoll_config::Loaded;
use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::{Generation, ServiceName, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Exited, Phase, ReplicaStatus};
use plimsoll_model::observation::{HostObservation, Observation, ReplicaUsage, ServiceObservation, TrafficObservation};
use plimsoll_model::spec::{Resources, ServiceSpec, Spec};
use plimsoll_model::{ActionKind, Bytes, Decision, Micros, MilliRps, Millicores, Millis, Timestamp};
use plimsoll_traces::RateSeries;
use plimsoll_twin::kernel::stream;
use plimsoll_twin::service::ServiceModel;
use plimsoll_twin::service::exact::{Balance, Life, Nanos, Options, Poisson, Service, Window};
use std::collections::BTreeMap;

/// Physical time between two looks at what became ready or went: the daemon is told at once.
const LOOK_S: f64 = 0.02;

/// What the twin's run came to.
pub struct Driven {
    /// All requests.
    pub window: Window,
    /// Ready replicas per tick.
    pub supply: Vec<u32>,
}

struct Loop<'a> {
    spec: &'a Spec,
    name: ServiceName,
    service: Service<Poisson>,
    state: State,
    start: Timestamp,
    /// Numbers in the twin by workload, with what the controller is told.
    workloads: BTreeMap<WorkloadId, (u32, ReplicaStatus)>,
    pending: Vec<Input>,
}

/// The load of the recorded day at `scale` for `seconds` of physical time.
pub fn run(loaded: &Loaded, model: &ServiceModel, scale: f64, seconds: f64, seed: u64) -> Driven {
    let spec = &loaded.spec;
    let (name, service) = spec.services.iter().next().unwrap();
    let start = spec.clock.start.unwrap_or(Timestamp(0));
    let options = Options { balance: Balance::of(&service.balance), ..Options::new(model.clone(), seed) };
    let (mut pending, notes) = plimsoll_daemon::history_warmup::read(spec, start, scale);
    assert!(notes.is_empty(), "{notes:?}");
    pending.insert(0, Input::Policy { generation: Generation(1), spec: Box::new(spec.clone()) });
    let arrivals = arrivals(scale, spec.clock.speed, seed);
    let mut driven = Loop {
        spec,
        name: name.clone(),
        service: Service::new(options, arrivals).unwrap(),
        state: State::new(),
        start,
        workloads: BTreeMap::new(),
        pending,
    };
    driven.begin(service);
    driven.run(seconds)
}

/// The arrivals of the recorded day.
fn arrivals(scale: f64, speed: u32, seed: u64) -> Poisson {
    let series = RateSeries::read(&super::real::trace().to_string_lossy()).unwrap();
    let slot_s = series.slot().get() as f64 / 1_000.0 / f64::from(speed);
    let rates: Vec<f64> = series.iter().map(|(_, rate)| rate.unwrap_or(0.0) * scale).collect();
    Poisson::new(&rates, slot_s, stream(seed, 1))
}

impl Loop<'_> {
    fn begin(&mut self, service: &ServiceSpec) {
        // The first replicas are ready when the load begins: one step starts them, and they are made ready at once.
        let seen = Observation { inventory_only: true, ..self.observation(&Window::default()) };
        let decision = self.decide(seen);
        for action in &decision.actions {
            if let ActionKind::StartReplica { replica, requests, .. } = &action.kind {
                let number = self.service.start_ready();
                self.add(WorkloadId::Replica(replica.clone()), number, *requests);
            }
        }
        assert!(self.service.ready_count() >= service.replicas_min);
    }

    fn run(mut self, seconds: f64) -> Driven {
        let tick_s = self.spec.tick.get() as f64 / 1_000.0 / f64::from(self.spec.clock.speed);
        let (mut all, mut supply, mut ticks, mut looks) = (Window::default(), Vec::new(), 0_u32, 0_u32);
        let mut known = self.lives();
        while f64::from(looks) * LOOK_S < seconds {
            looks += 1;
            let now = f64::from(looks) * LOOK_S;
            self.service.run_until(Nanos::from_seconds(now));
            if now >= f64::from(ticks + 1) * tick_s {
                ticks += 1;
                let seen = self.observe();
                supply.push(self.service.ready_count());
                let decision = self.decide(seen.1);
                self.obey(&decision);
                add(&mut all, &seen.0);
                known = self.lives();
            } else if self.lives() != known {
                let observation = Observation { inventory_only: true, ..self.observation(&Window::default()) };
                let decision = self.decide(observation);
                self.obey(&decision);
                known = self.lives();
            }
        }
        add(&mut all, &self.service.take_window());
        Driven { window: all, supply }
    }

    fn lives(&self) -> Vec<(u32, Life)> {
        self.service
            .replicas()
            .filter(|status| status.life.is_there())
            .map(|status| (status.number, status.life))
            .collect()
    }

    fn now(&self) -> Timestamp {
        let physical = self.service.now().seconds() * 1_000.0 * f64::from(self.spec.clock.speed);
        self.start.plus(Millis(physical as u64))
    }

    fn observe(&mut self) -> (Window, Observation) {
        let usage = self.usage();
        let window = self.service.take_window();
        let observation = Observation { usage, ..self.observation(&window) };
        (window, observation)
    }

    fn usage(&self) -> BTreeMap<WorkloadId, ReplicaUsage> {
        let used: BTreeMap<u32, u64> =
            self.service.replicas().map(|status| (status.number, status.cpu_millicores.round() as u64)).collect();
        let of = |(id, (number, _)): (&WorkloadId, &(u32, ReplicaStatus))| {
            let usage = ReplicaUsage {
                cpu: used.get(number).map(|cpu| Millicores(*cpu)),
                memory: Some(Bytes(8 << 20)),
                ..ReplicaUsage::default()
            };
            (id.clone(), usage)
        };
        self.workloads.iter().map(of).collect()
    }

    fn observation(&mut self, window: &Window) -> Observation {
        self.refresh();
        let micros = |p: f64| Micros((window.latencies.quantile_s(p).unwrap_or(0.0) * 1e6) as u64);
        let traffic = TrafficObservation {
            rate: MilliRps((window.rate() * 1_000.0).round() as u64),
            in_flight_milli: (window.in_flight() * 1_000.0).round() as u64,
            finished: window.succeeded + window.failed,
            failed: window.failed,
            shed: window.shed,
            latency_p50: micros(0.5),
            latency_p99: micros(0.99),
            ..TrafficObservation::default()
        };
        Observation {
            speed: self.spec.clock.speed,
            interval: Millis((window.seconds() * 1_000.0).round() as u64),
            workloads: self.workloads.values().map(|(_, status)| status.clone()).collect(),
            services: BTreeMap::from([(
                self.name.clone(),
                ServiceObservation { traffic: Some(traffic), ..Default::default() },
            )]),
            host: HostObservation {
                allocatable: Resources { cpu: Millicores(64_000), memory: Bytes(64 << 30) },
                ..HostObservation::default()
            },
            ..Observation::default()
        }
    }

    /// Brings what the controller is told up to what the twin has.
    fn refresh(&mut self) {
        let now = self.now();
        let lives: BTreeMap<u32, Life> = self.service.replicas().map(|status| (status.number, status.life)).collect();
        for (number, status) in self.workloads.values_mut() {
            let phase = match lives.get(number) {
                Some(Life::Starting) => Phase::Starting,
                Some(Life::Ready) => Phase::Ready,
                Some(Life::Draining) => Phase::Draining,
                Some(Life::Stopped | Life::OutOfMemory) | None => Phase::Exited,
            };
            if phase == Phase::Ready && status.ready_at.is_none() {
                status.ready_at = Some(now);
            }
            if phase == Phase::Exited && status.exited.is_none() {
                status.exited = Some(Exited { cause: ExitCause::Stopped, at: now });
            }
            status.phase = phase;
        }
    }

    fn decide(&mut self, observation: Observation) -> Decision {
        let mut inputs = std::mem::take(&mut self.pending);
        inputs.push(Input::Observed(Box::new(observation)));
        let now = self.now();
        step(&mut self.state, now, &inputs)
    }

    fn add(&mut self, id: WorkloadId, number: u32, requests: Resources) {
        let status = ReplicaStatus {
            id: id.clone(),
            generation: self.state.generation,
            phase: Phase::Starting,
            started_at: self.now(),
            ready_at: None,
            exited: None,
            requests,
        };
        self.workloads.insert(id, (number, status));
    }

    fn obey(&mut self, decision: &Decision) {
        for action in &decision.actions {
            match &action.kind {
                ActionKind::StartReplica { replica, requests, .. } => {
                    let number = self.service.start();
                    self.add(WorkloadId::Replica(replica.clone()), number, *requests);
                }
                ActionKind::Stop { workload, grace, .. } => {
                    if let Some((number, _)) = self.workloads.get(workload) {
                        self.service.stop(*number, *grace);
                    }
                }
                ActionKind::Forget { workload } => {
                    self.workloads.remove(workload);
                }
                // No jobs here, and nothing to fit.
                _ => {}
            }
        }
    }
}

fn add(all: &mut Window, window: &Window) {
    all.succeeded += window.succeeded;
    all.failed += window.failed;
    all.arrived += window.arrived;
    all.latencies.merge(&window.latencies);
}
