//! Whatever comes in: no panic, no overbooked node, ids unique and without gaps, and the same bytes again.

#![allow(clippy::unwrap_used, reason = "what cannot be built here fails the test")]

mod plant;

use plant::{command, name, sandbox, service, spec};
use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::{Generation, JobName, ReplicaId, TaskId, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Exited, Phase, ReplicaStatus};
use plimsoll_model::observation::*;
use plimsoll_model::quantity::{Bytes, Micros, MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::scaling::{
    BacklogSpec, CurvePoint, Event, EventSpec, Expected, Fallback, FallbackSpec, FlapBudget, GuardSpec, LazySpec,
};
use plimsoll_model::spec::*;
use plimsoll_model::{ActionKind, Decision, Hand, Order, StandingOrder, Way};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Mostly plausible, sometimes absurd.
fn number(plausible: u64) -> BoxedStrategy<u64> {
    prop_oneof![8 => 0..=plausible, 1 => Just(0), 1 => Just(u64::MAX), 1 => any::<u64>()].boxed()
}

fn small(plausible: u32) -> BoxedStrategy<u32> {
    prop_oneof![12 => 0..=plausible, 1 => Just(u32::MAX)].boxed()
}

fn resources() -> impl Strategy<Value = Resources> {
    (number(2_000), number(2_000)).prop_map(|(cpu, memory)| Resources { cpu: Millicores(cpu), memory: Bytes(memory) })
}

fn policy() -> impl Strategy<Value = ScalingPolicy> {
    prop_oneof![
        number(1_000).prop_map(|target| ScalingPolicy::Cpu { target: Permille(target) }),
        number(1_000).prop_map(|target| ScalingPolicy::Memory { target: Permille(target) }),
        number(50_000).prop_map(|target| ScalingPolicy::RequestRate { target: MilliRps(target) }),
        number(5_000).prop_map(|target_milli| ScalingPolicy::InFlight { target_milli }),
        event().prop_map(ScalingPolicy::Event),
        (number(600_000), number(1_500))
            .prop_map(|(season, share)| ScalingPolicy::Seasonal { season: Millis(season), share: Permille(share) }),
        (number(60_000), prop::option::of(number(20_000))).prop_map(|(switching, price)| {
            ScalingPolicy::Lazy(LazySpec { switching: Millis(switching), missing_price: price.map(Permille) })
        }),
        (prop::option::of(number(600_000)), prop::option::of(0_i64..2_000_000), number(60_000), small(4)).prop_map(
            |(within, deadline, item, concurrency)| ScalingPolicy::Backlog(BacklogSpec {
                within: within.map(Millis),
                deadline: deadline.map(Timestamp),
                item: Some(Millis(item)),
                concurrency,
            })
        ),
    ]
}

fn event() -> impl Strategy<Value = EventSpec> {
    let expected = prop_oneof![
        number(3_000).prop_map(|factor| Expected::Factor(Permille(factor))),
        number(90_000).prop_map(|rate| Expected::Rate(MilliRps(rate))),
    ];
    let point = (number(300_000), expected).prop_map(|(at, expected)| CurvePoint { at: Millis(at), expected });
    let name = prop::sample::select(vec!["sale", "release"]);
    (name, 0_i64..2_000_000, -10_000_i64..900_000, prop::collection::vec(point, 0..4)).prop_map(
        |(name, start, length, curve)| EventSpec {
            name: name.to_owned(),
            start: Timestamp(start),
            end: Timestamp(start + length),
            curve,
        },
    )
}

fn guard() -> impl Strategy<Value = GuardSpec> {
    let fallback = (number(60_000), small(9)).prop_map(|(after, replicas)| FallbackSpec {
        after: Millis(after),
        behaviour: Fallback::CurrentIfHigher { replicas },
    });
    let flaps = (small(3), number(600_000))
        .prop_map(|(changes_max, period)| FlapBudget { changes_max, period: Millis(period) });
    let (flaps, fallback) = (prop::option::of(flaps), prop::option::of(fallback));
    (any::<bool>(), prop::bool::weighted(0.1), flaps, prop::option::of(small(3)), fallback).prop_map(
        |(pause_in, pause_out, flaps, changes_per_hour, fallback)| GuardSpec {
            pause_out,
            pause_in,
            flaps,
            changes_per_hour,
            fallback,
        },
    )
}

fn forecast() -> impl Strategy<Value = Option<ForecastSpec>> {
    let shape = prop_oneof![4 => Just((600_000, 10_000)), 1 => (number(100), number(10))];
    prop::option::of((shape, number(1_000)).prop_map(|((season, slot), quantile)| ForecastSpec {
        season: Millis(season),
        season_long: (slot % 2 == 0).then_some(Millis(season.saturating_mul(slot))),
        quantile: Permille(quantile),
        missing_price: None,
        history: None,
        models: if slot == 10_000 { vec!["ridge".to_owned()] } else { vec![] },
        refit: Millis(season),
    }))
}

fn any_service() -> impl Strategy<Value = ServiceSpec> {
    let scaling = (prop::collection::vec(policy(), 0..3), forecast(), small(2), number(60_000), number(60_000));
    let steps = (small(4), small(4), number(30_000), number(1_500));
    let restart = (number(10_000), number(60_000), small(5), number(60_000), number(30_000));
    let extra = (number(500), prop::option::of(number(999)), prop::option::of(number(50_000)), guard());
    (small(3), small(12), resources(), -2_i32..3, scaling, steps, restart, (0..3_u8, extra)).prop_map(
        |(min, max, requests, priority, (policies, forecast, reserve, up, down), steps, restart, (run, extra))| {
            let mut spec = service(min, max, policies);
            spec.requests = requests;
            spec.priority = priority;
            spec.run = command(if run == 0 { "shop" } else { "other" });
            spec.startup = Millis(restart.4);
            spec.health.startup_max = Millis(restart.4);
            spec.scaling = ScalingSpec {
                forecast,
                reserve,
                stabilization_up: Millis(up),
                stabilization_down: Millis(down),
                step_up_max: steps.0,
                step_down_max: steps.1,
                period: Millis(steps.2),
                tolerance: Permille(steps.3),
                reserve_share: Permille(extra.0),
                reserve_burst: extra.1.map(Permille),
                capacity: extra.2.map(MilliRps),
                guard: extra.3,
                ..spec.scaling
            };
            spec.restart = RestartSpec {
                backoff: Millis(restart.0),
                backoff_max: Millis(restart.1),
                crash_loop_after: restart.2,
                stable_after: Millis(restart.3),
            };
            spec
        },
    )
}

fn any_job() -> impl Strategy<Value = JobSpec> {
    let schedule = prop_oneof![
        Just(Schedule::Once),
        number(60_000).prop_map(|period| Schedule::Every { period: Millis(period) }),
        number(90_000_000).prop_map(|at| Schedule::Daily { at: Millis(at) }),
        Just(Schedule::Manual),
    ];
    let retry = prop::option::of((number(3_000), number(4_000)));
    (resources(), -2_i32..3, small(3), schedule, any::<bool>(), retry).prop_map(
        |(requests, priority, retries, schedule, preemptible, retry)| JobSpec {
            run: command("job"),
            requests,
            limits: Limits { memory: Some(requests.memory), ..Limits::default() },
            priority,
            run_time: None,
            retries,
            memory_retry: retry.map(|(factor, max)| MemoryRetry { factor: Permille(factor), memory_max: Bytes(max) }),
            schedule,
            preemptible,
            grace: Millis(5_000),
            sandbox: sandbox(),
            log_size_max: Bytes(1),
            log_files_max: 1,
        },
    )
}

fn job(text: &str) -> JobName {
    JobName::try_new(text).unwrap()
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let services = prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), any_service()), 0..4);
    let jobs = prop::collection::vec((prop::sample::select(vec!["j", "k"]), any_job()), 0..3);
    (services, jobs, number(15_000)).prop_map(|(services, jobs, tick)| {
        let mut all = spec(services);
        all.jobs = jobs.into_iter().map(|(text, spec)| (job(text), spec)).collect();
        all.tick = Millis(tick);
        all
    })
}

fn workload() -> impl Strategy<Value = WorkloadId> {
    let ordinal = prop_oneof![10 => 1_u64..12, 1 => Just(0), 1 => Just(u64::MAX), 1 => any::<u64>()];
    (prop::sample::select(vec!["a", "b", "c", "z"]), ordinal, any::<bool>()).prop_map(|(text, ordinal, replica)| {
        if replica {
            WorkloadId::Replica(ReplicaId { service: name(text), ordinal })
        } else {
            let text = if text < "c" { "j" } else { "x" };
            WorkloadId::Task(TaskId { job: job(text), ordinal })
        }
    })
}

fn cause() -> impl Strategy<Value = ExitCause> {
    prop_oneof![
        any::<i32>().prop_map(|code| ExitCause::Status { code: code.rem_euclid(2) }),
        Just(ExitCause::Signal { signal: 9 }),
        Just(ExitCause::OutOfMemory),
        Just(ExitCause::Stopped),
        Just(ExitCause::NeverReady),
        Just(ExitCause::Lost),
    ]
}

fn status() -> impl Strategy<Value = ReplicaStatus> {
    let phase = prop::sample::select(vec![
        Phase::Starting,
        Phase::Ready,
        Phase::Unready,
        Phase::Running,
        Phase::Draining,
        Phase::Exited,
    ]);
    let ended = prop::option::of((cause(), any::<i64>()));
    (workload(), phase, any::<i64>(), ended, resources(), 0_u64..3).prop_map(
        |(id, phase, started, ended, requests, generation)| ReplicaStatus {
            id,
            generation: Generation(generation),
            phase,
            started_at: Timestamp(started),
            ready_at: None,
            exited: ended.map(|(cause, at)| Exited { cause, at: Timestamp(at) }),
            requests,
        },
    )
}

fn usage() -> impl Strategy<Value = ReplicaUsage> {
    let quality = number(20_000).prop_map(|age_ms| Quality { age_ms, ..Quality::default() });
    (prop::option::of(number(1_000)), prop::option::of(number(1_000)), prop::option::of(number(4_000)), quality)
        .prop_map(|(cpu, throttled, memory, quality)| ReplicaUsage {
            cpu: cpu.map(Millicores),
            throttled: throttled.map(Permille),
            memory: memory.map(Bytes),
            quality,
            ..ReplicaUsage::default()
        })
}

fn traffic() -> impl Strategy<Value = ServiceObservation> {
    let queue = (number(500), number(60_000), prop::option::of(number(900_000)), number(20_000)).prop_map(
        |(waiting, oldest_ms, remaining_work_ms, age_ms)| QueueObservation {
            waiting,
            oldest_ms,
            remaining_work_ms,
            quality: Quality { age_ms, ..Quality::default() },
            age_max_ms: None,
        },
    );
    let figures = (number(100_000), number(20_000), number(100), number(10), number(20_000));
    (prop::option::of(figures), prop::option::of(queue)).prop_map(|(figures, queue)| ServiceObservation {
        queue,
        traffic: figures.map(|(rate, in_flight_milli, finished, failed, age_ms)| TrafficObservation {
            rate: MilliRps(rate),
            in_flight_milli,
            finished,
            failed,
            shed: 0,
            latency_p50: Micros(1),
            latency_p99: Micros(2),
            quality: Quality { age_ms, ..Quality::default() },
        }),
        ..ServiceObservation::default()
    })
}

fn observation() -> impl Strategy<Value = Observation> {
    let services =
        prop::collection::btree_map(prop::sample::select(vec![name("a"), name("b"), name("q")]), traffic(), 0..3);
    (
        small(60),
        number(15_000),
        prop::collection::vec(status(), 0..8),
        prop::collection::btree_map(workload(), usage(), 0..8),
        services,
        resources(),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(speed, interval, workloads, usage, services, allocatable, inventory_only)| Observation {
            inventory_only,
            speed,
            interval: Millis(interval),
            workloads,
            usage,
            services,
            host: HostObservation { allocatable, ..HostObservation::default() },
        })
}

fn hand() -> impl Strategy<Value = Hand> {
    let way = prop::sample::select(vec![Way::Out, Way::In, Way::Both]);
    let order = prop_oneof![
        small(8).prop_map(|replicas| Order::Scale { replicas }),
        Just(Order::Stop),
        way.prop_map(|way| Order::Pause { way }),
        Just(Order::Freeze),
    ];
    let until = prop::option::of(prop_oneof![8 => 0_i64..2_000_000, 1 => any::<i64>()]);
    let by = prop_oneof![9 => Just("ops".to_owned()), 1 => Just("x".repeat(300))];
    prop_oneof![
        4 => (order, until, by.clone()).prop_map(|(order, until, by)| {
            Hand::Order(StandingOrder { order, by, until: until.map(Timestamp) })
        }),
        1 => by.clone().prop_map(|by| Hand::Resume { by }),
        1 => by.prop_map(|by| Hand::Restart { by }),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        2 => (0_u64..9, any_spec()).prop_map(|(generation, spec)| Input::Policy {
            generation: Generation(generation),
            spec: Box::new(spec),
        }),
        12 => observation().prop_map(|observation| Input::Observed(Box::new(observation))),
        1 => prop::collection::vec((any::<i64>(), number(1_000_000)), 0..20).prop_map(|samples| Input::History {
            service: name("a"),
            samples: samples.into_iter().map(|(at, rate)| (Timestamp(at), MilliRps(rate))).collect(),
        }),
        2 => (prop_oneof![Just("a"), Just("b"), Just("gone")], hand())
            .prop_map(|(service, hand)| Input::Operator { service: name(service), hand }),
        1 => event().prop_map(|spec| Input::Event { service: name("a"), event: Event { spec, by: String::new() } }),
        2 => prop::sample::select(vec!["j", "k", "nobody"]).prop_map(|text| Input::RunJob { job: job(text) }),
        1 => Just(Input::Shutdown),
        1 => Just(Input::Frozen { why: "disk full".to_owned() }),
        2 => Just(Input::Thawed),
    ]
}

/// Steps of time, sometimes absurd, and what comes in.
fn sequence() -> impl Strategy<Value = Vec<(Timestamp, Vec<Input>)>> {
    let at = prop_oneof![20 => 0_i64..2_000_000, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => any::<i64>()];
    let first = any_spec().prop_map(|spec| Input::Policy { generation: Generation(1), spec: Box::new(spec) });
    let steps = prop::collection::vec((at, prop::collection::vec(input(), 0..4)), 1..12);
    (first, steps).prop_map(|(first, mut steps)| {
        steps.insert(0, (0, vec![first]));
        steps.into_iter().map(|(at, inputs)| (Timestamp(at), inputs)).collect()
    })
}

/// Checks one decision against everything decided before it.
#[derive(Default)]
struct Checker {
    actions: u64,
    started: BTreeSet<WorkloadId>,
}

impl Checker {
    fn check(&mut self, state: &State, decision: &Decision) {
        let (mut starts, mut started_cpu, mut started_memory) = (0, 0_u64, 0_u64);
        for action in &decision.actions {
            self.actions += 1;
            assert_eq!(action.id.0, self.actions);
            assert_eq!(action.generation, state.generation);
            let (id, requests) = match &action.kind {
                ActionKind::StartReplica { replica, requests, .. } => (WorkloadId::Replica(replica.clone()), requests),
                ActionKind::StartTask { task, requests, .. } => (WorkloadId::Task(task.clone()), requests),
                _ => continue,
            };
            started_cpu = started_cpu.saturating_add(requests.cpu.0);
            started_memory = started_memory.saturating_add(requests.memory.0);
            starts += 1;
            assert!(self.started.insert(id.clone()), "{id} was started before");
        }
        if starts > 0 {
            let allocatable = state.allocatable.unwrap();
            let replicas = state.services.values().flat_map(|service| service.replicas.values());
            let tasks = state.jobs.values().flat_map(|job| job.tasks.values()).map(|task| &task.process);
            let (mut cpu, mut memory) = (0_u128, 0_u128);
            for process in replicas.chain(tasks) {
                cpu += u128::from(process.requests.cpu.0);
                memory += u128::from(process.requests.memory.0);
            }
            assert!(started_cpu == 0 || cpu <= u128::from(allocatable.cpu.0), "{cpu} of {allocatable}");
            assert!(started_memory == 0 || memory <= u128::from(allocatable.memory.0), "{memory} of {allocatable}");
        }
        for (name, rationale) in &decision.rationale.services {
            let spec = &state.spec.as_ref().unwrap().services[name];
            assert!(rationale.order.is_some() || rationale.target <= spec.replicas_max);
            assert!(rationale.order.is_some() || rationale.target >= spec.replicas_min.min(spec.replicas_max));
            assert!(rationale.winner < rationale.terms.len());
            assert!(!plimsoll_controller::explain(decision, name).is_empty());
        }
        for bad in [state.frozen.is_some() && !state.shutdown, state.spec.is_none()] {
            assert!(!bad || starts == 0, "nothing starts while frozen or without a policy");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_inputs_panics_overbooks_or_diverges(sequence in sequence(), cut in 0_usize..12) {
        let (mut state, mut restarted) = (State::new(), State::new());
        let mut checker = Checker::default();
        let mut last = None;
        for (index, (at, inputs)) in sequence.iter().enumerate() {
            let decision = step(&mut state, *at, inputs);
            let again = step(&mut restarted, *at, inputs);
            prop_assert_eq!(serde_json::to_string(&decision).unwrap(), serde_json::to_string(&again).unwrap());
            checker.check(&state, &decision);
            prop_assert!(last.is_none_or(|last| last <= decision.at));
            last = Some(decision.at);
            let text = serde_json::to_string(&state).unwrap();
            if index == cut {
                restarted = serde_json::from_str(&text).unwrap();
            }
            prop_assert_eq!(text, serde_json::to_string(&restarted).unwrap());
            let inputs_back: Vec<Input> = serde_json::from_str(&serde_json::to_string(inputs).unwrap()).unwrap();
            prop_assert_eq!(&inputs_back, inputs);
        }
    }
}
