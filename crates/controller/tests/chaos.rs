//! Faults in the closed loop: kills, hangs, new specs, restarts of the controller. The plant checks every step; when the
//! faults stop, everything has to come to rest where it belongs.

mod plant;

use plant::{Plant, command, name, service, spec};
use plimsoll_controller::Input;
use plimsoll_model::id::{Generation, JobName};
use plimsoll_model::inventory::{ExitCause, Phase};
use plimsoll_model::quantity::{Bytes, MilliRps, Millicores, Millis};
use plimsoll_model::spec::{JobSpec, Limits, Resources, Schedule};
use plimsoll_model::{ScalingPolicy, Spec};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Fault {
    /// The n-th workload dies.
    Kill(usize, bool),
    /// The n-th replica hangs, or answers again.
    Hang(usize),
    Load(usize, u64),
    /// A new spec: which command the shop runs, whether there is a blog, what a replica asks.
    Spec(u8, bool, u64),
    /// The controller restarts from its serialised state.
    Restart,
    Nothing,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, memory)| Fault::Kill(which, memory)),
        1 => any::<usize>().prop_map(Fault::Hang),
        2 => (0_usize..2, 0_u64..120).prop_map(|(which, rps)| Fault::Load(which, rps)),
        1 => (0_u8..3, any::<bool>(), 300_u64..900).prop_map(|(run, blog, cpu)| Fault::Spec(run, blog, cpu)),
        1 => Just(Fault::Restart),
        4 => Just(Fault::Nothing),
    ]
}

fn all(run: u8, blog: bool, cpu: u64) -> Spec {
    let rate = vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }];
    let mut shop = service(2, 8, rate.clone());
    shop.run = command(["one", "two", "three"][usize::from(run)]);
    shop.requests.cpu = Millicores(cpu);
    shop.priority = 5;
    let mut services = vec![("shop", shop)];
    if blog {
        services.push(("blog", service(1, 6, rate)));
    }
    let mut spec = spec(services);
    let job = |priority, preemptible, schedule| JobSpec {
        run: command("job"),
        requests: Resources { cpu: Millicores(700), memory: Bytes(1_000) },
        limits: Limits::default(),
        priority,
        run_time: None,
        retries: 1,
        memory_retry: None,
        schedule,
        preemptible,
        grace: Millis(1_000),
        sandbox: plant::sandbox(),
        log_size_max: Bytes(1),
        log_files_max: 1,
    };
    let jobs = [
        ("batch", job(-5, true, Schedule::Every { period: Millis(120_000) })),
        ("must", job(9, false, Schedule::Once)),
    ];
    spec.jobs = jobs.into_iter().map(|(text, job)| (JobName::try_new(text).expect("a name"), job)).collect();
    spec
}

fn strike(plant: &mut Plant, fault: Fault, generation: &mut u64) {
    let nth = |plant: &Plant, which: usize, phases: &[Phase]| {
        let of =
            plant.workloads.values().filter(|status| phases.contains(&status.phase)).map(|status| status.id.clone());
        let of: Vec<_> = of.collect();
        (!of.is_empty()).then(|| of[which % of.len()].clone())
    };
    match fault {
        Fault::Kill(which, memory) => {
            let cause = if memory { ExitCause::OutOfMemory } else { ExitCause::Signal { signal: 9 } };
            let phases = [Phase::Starting, Phase::Ready, Phase::Unready, Phase::Running, Phase::Draining];
            if let Some(id) = nth(plant, which, &phases) {
                plant.end(&id.to_string(), cause);
            }
        }
        Fault::Hang(which) => {
            if let Some(id) = nth(plant, which, &[Phase::Ready, Phase::Unready]) {
                let status = plant.workloads.get_mut(&id).expect("just found");
                status.phase = if status.phase == Phase::Ready { Phase::Unready } else { Phase::Ready };
            }
        }
        Fault::Load(which, rps) => plant.set_load(["shop", "blog"][which], rps, 1_000),
        Fault::Spec(run, blog, cpu) => {
            *generation += 1;
            let spec = Box::new(all(run, blog, cpu));
            plant.pending.push(Input::Policy { generation: Generation(*generation), spec });
        }
        Fault::Restart => {
            let text = serde_json::to_string(&plant.state).expect("serialises");
            plant.state = serde_json::from_str(&text).expect("reads back");
        }
        Fault::Nothing => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn when_the_faults_stop_every_service_has_what_it_wants_and_everything_is_ready(
        faults in prop::collection::vec(fault(), 1..80)
    ) {
        let mut plant = Plant::new(all(0, true, 500));
        plant.capacity.cpu = Millicores(6_000);
        plant.set_load("shop", 30, 1_000);
        plant.set_load("blog", 20, 1_000);
        let mut generation = 1;
        for fault in faults {
            strike(&mut plant, fault, &mut generation);
            let _ = plant.tick();
        }
        for status in plant.workloads.values_mut().filter(|status| status.phase == Phase::Unready) {
            status.phase = Phase::Ready;
        }
        plant.set_load("shop", 30, 1_000);
        plant.set_load("blog", 20, 1_000);
        for _ in 0..150 {
            let running: Vec<String> = plant.workloads.values().filter(|status| status.phase == Phase::Running)
                .map(|status| status.id.to_string()).collect();
            running.iter().for_each(|id| plant.end(id, ExitCause::Status { code: 0 }));
            let _ = plant.tick();
        }
        for (service, spec) in &plant.state.spec.as_ref().expect("a policy").services {
            let state = &plant.state.services[service];
            let wanted = if *service == name("shop") { 3 } else { 2 };
            prop_assert_eq!(state.target, Some(wanted));
            prop_assert_eq!(plant.count(service.as_str(), Phase::Ready), wanted, "{:#?}", state.rationale);
            prop_assert_eq!(plant.of(service.as_str()).count(), wanted as usize);
            let sizes_match = plant.of(service.as_str()).all(|status| status.requests == spec.requests);
            prop_assert!(sizes_match);
        }
    }
}
