//! One step of the controller for 10,000 services, each with four replicas and a streaming forecast that is due.

use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::{Generation, ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::inventory::{Phase, ReplicaStatus};
use plimsoll_model::observation::{HostObservation, Observation, Quality, ServiceObservation, TrafficObservation};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, MilliRps, Millicores, Millis, Timestamp, UsageSum};
use std::path::Path;

const SERVICES: usize = 10_000;
const REPLICAS: u64 = 4;
const TICK: Millis = Millis(15_000);
/// Steps that are measured, after as many that are not.
const STEPS: usize = 10;
/// Milliseconds per step that are wanted.
const GOAL_MS: f64 = 100.0;

const POLICY: &str = "replicas = { min = 1, max = 100 }\n[scaling]\ncpu = \"75%\"\nrequest_rate = \"20/s\"\n\
                      forecast = { season = \"1d\", quantile = \"95%\" }\n";

pub fn rows() {
    let Ok(loaded) = plimsoll_config::parse_policy(POLICY, Path::new("bench.toml")) else {
        unreachable!("the policy of this file holds")
    };
    let mut spec = loaded.spec;
    let service = spec.services.pop_first().map(|(_, service)| service);
    let Some(service) = service else { unreachable!("a policy has one service") };
    let names: Vec<ServiceName> =
        (0..SERVICES).filter_map(|index| ServiceName::try_new(format!("s-{index:05}")).ok()).collect();
    spec.services = names.iter().map(|name| (name.clone(), service.clone())).collect();
    let (mut state, mut at) = (State::new(), Timestamp(0));
    let _ = step(&mut state, at, &[Input::Policy { generation: Generation(1), spec: Box::new(spec) }]);
    let mut seconds = 0.0;
    for tick in 0..2 * STEPS {
        at = at.plus(TICK);
        let inputs = [Input::Observed(Box::new(observation(&names, tick as u64, service.requests)))];
        let mut targets = 0;
        let spent = super::cpu_seconds(|| targets = step(&mut state, at, &inputs).actions.len());
        std::hint::black_box(targets);
        if tick >= STEPS {
            seconds += spent;
        }
    }
    let each_ms = seconds * 1e3 / STEPS as f64;
    super::print(
        "step: service-steps, 10,000 services at once",
        (SERVICES * STEPS) as u64,
        seconds,
        SERVICES as f64 * 1e3 / GOAL_MS,
    );
    println!("    one step of {SERVICES} services takes {each_ms:.1} ms of CPU (goal {GOAL_MS} ms)");
}

fn observation(names: &[ServiceName], tick: u64, requests: Resources) -> Observation {
    let quality = Quality::default();
    let workload = |name: &ServiceName, ordinal: u64| ReplicaStatus {
        id: WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal }),
        generation: Generation(1),
        phase: Phase::Ready,
        started_at: Timestamp(0),
        ready_at: Some(Timestamp(0)),
        exited: None,
        requests,
    };
    let told = |index: u64| {
        let rate = MilliRps(60_000 + (tick * 7_919 + index * 31) % 6_000);
        let usage = UsageSum { cpu: Some(Millicores(rate.0 / 25)), memory: None, replicas: 4, quality };
        let traffic = TrafficObservation { rate, quality, ..TrafficObservation::default() };
        ServiceObservation { traffic: Some(traffic), usage: Some(usage), ..ServiceObservation::default() }
    };
    Observation {
        speed: 1,
        interval: TICK,
        workloads: names.iter().flat_map(|name| (1..=REPLICAS).map(move |ordinal| workload(name, ordinal))).collect(),
        services: names.iter().zip(0..).map(|(name, index)| (name.clone(), told(index))).collect(),
        host: HostObservation {
            allocatable: Resources { cpu: Millicores(1 << 50), memory: Bytes(1 << 60) },
            ..HostObservation::default()
        },
        ..Observation::default()
    }
}
