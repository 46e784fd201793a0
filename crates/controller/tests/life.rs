//! The life of replicas: replacement, restart, backoff, removal, shutdown, and what is told of it.

mod plant;

use plant::{Plant, command, name, service, spec};
use plimsoll_controller::{Input, explain};
use plimsoll_model::id::Generation;
use plimsoll_model::inventory::{ExitCause, Phase};
use plimsoll_model::quantity::{MilliRps, Millicores, Millis, Permille};
use plimsoll_model::spec::{Resources, ServiceSpec};
use plimsoll_model::{ActionKind, Decision, Finding, ScalingPolicy, Spec, StopReason, Withheld};

fn fixed(replicas: u32) -> ServiceSpec {
    service(replicas, replicas, vec![])
}

fn running(spec: Spec, ticks: u32) -> Plant {
    let mut plant = Plant::new(spec);
    for _ in 0..ticks {
        let _ = plant.tick();
    }
    plant
}

fn starts(decision: &Decision) -> usize {
    decision.actions.iter().filter(|action| matches!(action.kind, ActionKind::StartReplica { .. })).count()
}

fn stops(decision: &Decision) -> Vec<(String, StopReason)> {
    let stop = |action: &plimsoll_model::Action| match &action.kind {
        ActionKind::Stop { workload, reason, .. } => Some((workload.to_string(), *reason)),
        _ => None,
    };
    decision.actions.iter().filter_map(stop).collect()
}

#[test]
fn the_same_observation_again_changes_nothing() {
    let policies = vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }];
    let mut plant = Plant::new(spec([("shop", service(1, 20, policies))]));
    plant.set_load("shop", 75, 1_000);
    let observed = Input::Observed(Box::new(plant.observation()));
    let mut inputs = std::mem::take(&mut plant.pending);
    inputs.push(observed.clone());
    let first = plimsoll_controller::step(&mut plant.state, plant.at, &inputs);
    assert_eq!(starts(&first), 4);
    for _ in 0..3 {
        let again = plimsoll_controller::step(&mut plant.state, plant.at, std::slice::from_ref(&observed));
        assert!(again.actions.is_empty(), "{again:?}");
        assert!(again.rationale.services.len() <= 1);
    }
    let quiet = plimsoll_controller::step(&mut plant.state, plant.at, &[observed]);
    assert!(quiet.rationale.services.is_empty() && quiet.rationale.findings.is_empty(), "nothing new to tell");
    assert_eq!(plant.state.services[&name("shop")].rationale.as_ref().unwrap().target, 4);
}

#[test]
fn a_killed_replica_is_replaced_at_once_and_a_row_of_quick_exits_backs_off_into_a_crash_loop() {
    let mut plant = running(spec([("shop", fixed(2))]), 4);
    let mut gaps = Vec::new();
    for ordinal in 2..8 {
        plant.end(&format!("service:shop/{ordinal}"), ExitCause::Status { code: 1 });
        let mut ticks = 0;
        loop {
            let decision = plant.tick();
            ticks += 1;
            if starts(&decision) == 1 {
                break;
            }
            let held = &plant.state.services[&name("shop")].rationale.as_ref().unwrap().withheld;
            assert!(matches!(held[0], Withheld::Backoff { .. } | Withheld::CrashLoop { .. }), "{held:?}");
            assert!(ticks < 60);
        }
        gaps.push(ticks);
    }
    assert_eq!(gaps, [1, 2, 3, 4, 21, 21], "ticks of 15 s for waits of 0, 10, 20, 40, 300 and 300 s");
    assert_eq!(plant.count("shop", Phase::Ready), 1, "the other one serves on");
}

#[test]
fn a_new_command_rolls_through_one_by_one_and_never_takes_the_service_below_its_number() {
    let mut plant = running(spec([("shop", fixed(3))]), 4);
    let mut changed = fixed(3);
    changed.run = command("shop-2");
    plant.pending.push(Input::Policy { generation: Generation(2), spec: Box::new(spec([("shop", changed)])) });
    let mut ticks = 0;
    while plant.of("shop").any(|status| status.id.to_string().as_str() < "service:shop/4") {
        let _ = plant.tick();
        ticks += 1;
        let serving = plant.count("shop", Phase::Ready);
        assert!(serving >= 3, "{serving} serve at tick {ticks}");
        assert!(plant.count("shop", Phase::Starting) <= 1);
        assert!(ticks < 40);
    }
    assert_eq!(plant.count("shop", Phase::Ready), 3);
}

#[test]
fn where_there_is_no_room_for_one_more_the_old_one_goes_first() {
    let mut plant = Plant::new(spec([("shop", fixed(2))]));
    plant.capacity.cpu = Millicores(1_100);
    for _ in 0..4 {
        let _ = plant.tick();
    }
    let mut changed = fixed(2);
    changed.run = command("shop-2");
    plant.pending.push(Input::Policy { generation: Generation(2), spec: Box::new(spec([("shop", changed)])) });
    for _ in 0..20 {
        let _ = plant.tick();
        assert!(plant.count("shop", Phase::Ready) >= 1);
    }
    let ids: Vec<String> = plant.of("shop").map(|status| status.id.to_string()).collect();
    assert_eq!(ids, ["service:shop/3", "service:shop/4"]);
}

#[test]
fn a_larger_replica_that_fits_nowhere_leaves_the_old_ones_alone() {
    let mut plant = Plant::new(spec([("shop", fixed(2))]));
    plant.capacity.cpu = Millicores(1_100);
    for _ in 0..4 {
        let _ = plant.tick();
    }
    let mut changed = fixed(2);
    changed.requests.cpu = Millicores(900);
    plant.pending.push(Input::Policy { generation: Generation(2), spec: Box::new(spec([("shop", changed)])) });
    for _ in 0..20 {
        assert!(stops(&plant.tick()).is_empty());
    }
    assert_eq!(plant.count("shop", Phase::Ready), 2);
}

#[test]
fn scale_in_stops_what_is_not_ready_first_and_then_the_youngest() {
    let mut plant = running(spec([("shop", fixed(4))]), 4);
    plant.workloads.get_mut(&"service:shop/2".parse().unwrap()).unwrap().phase = Phase::Unready;
    plant.pending.push(Input::Policy { generation: Generation(2), spec: Box::new(spec([("shop", fixed(2))])) });
    let decision = plant.tick();
    assert_eq!(
        stops(&decision),
        [("service:shop/2".to_owned(), StopReason::ScaleIn), ("service:shop/4".to_owned(), StopReason::ScaleIn)]
    );
}

#[test]
fn a_replica_unready_or_starting_for_too_long_is_replaced_and_a_service_that_never_gets_ready_backs_off() {
    let mut plant = running(spec([("shop", fixed(2))]), 4);
    plant.workloads.get_mut(&"service:shop/1".parse().unwrap()).unwrap().phase = Phase::Unready;
    let mut ticks = 0;
    loop {
        let decision = plant.tick();
        ticks += 1;
        if !decision.actions.is_empty() {
            assert_eq!(stops(&decision), [("service:shop/1".to_owned(), StopReason::Unready)]);
            assert_eq!(starts(&decision), 1);
            break;
        }
        assert!(ticks < 10);
    }
    assert_eq!(ticks, 6, "unready at tick 1, over 60 s at tick 6");

    let mut plant = Plant::new(spec([("shop", fixed(1))]));
    plant.startup = Millis(u64::MAX);
    let tried: usize = (0..60).map(|_| starts(&plant.tick())).sum();
    assert!((4..=8).contains(&tried), "{tried} starts in a quarter of an hour");
}

#[test]
fn a_replica_that_vanished_counts_as_lost_and_one_still_starting_is_not_started_twice() {
    let mut plant = running(spec([("shop", fixed(2))]), 1);
    assert_eq!(starts(&plant.tick()), 0);
    let _ = plant.tick();
    plant.workloads.remove(&"service:shop/1".parse().unwrap());
    assert_eq!(starts(&plant.tick()), 0, "one report may be incomplete");
    let decision = plant.tick();
    assert_eq!(starts(&decision), 1);
    assert!(matches!(&decision.rationale.findings[..], [Finding::Exited { cause: ExitCause::Lost, .. }]));
}

#[test]
fn a_service_out_of_the_spec_is_stopped_and_its_numbers_are_not_used_again() {
    let mut plant = running(spec([("shop", fixed(2)), ("cart", fixed(1))]), 4);
    plant.pending.push(Input::Policy { generation: Generation(2), spec: Box::new(spec([("cart", fixed(1))])) });
    let decision = plant.tick();
    assert!(stops(&decision).iter().all(|(_, reason)| *reason == StopReason::Removed));
    for _ in 0..3 {
        let _ = plant.tick();
    }
    assert_eq!((plant.of("shop").count(), plant.of("cart").count()), (0, 1));
    assert!(!plant.state.services.contains_key(&name("shop")));
    let back = spec([("cart", fixed(1)), ("shop", fixed(1))]);
    plant.pending.push(Input::Policy { generation: Generation(3), spec: Box::new(back) });
    let _ = plant.tick();
    assert!(plant.workloads.contains_key(&"service:shop/3".parse().unwrap()));
}

#[test]
fn frozen_decides_nothing_and_shutdown_stops_everything_even_then() {
    let mut plant = running(spec([("shop", fixed(2))]), 4);
    plant.pending.push(Input::Frozen { why: "disk full".to_owned() });
    plant.end("service:shop/1", ExitCause::Signal { signal: 9 });
    let decision = plant.tick();
    assert!(decision.actions.is_empty());
    assert_eq!(decision.rationale.findings, [Finding::Frozen { why: "disk full".to_owned() }]);
    plant.pending.push(Input::Thawed);
    assert_eq!(starts(&plant.tick()), 1, "the exit was not lost");
    plant.pending.extend([Input::Frozen { why: "disk full".to_owned() }, Input::Shutdown]);
    for _ in 0..4 {
        let decision = plant.tick();
        assert_eq!(starts(&decision), 0);
    }
    assert!(plant.workloads.is_empty(), "{:?}", plant.workloads);
}

#[test]
fn scarce_room_goes_to_the_higher_priority_and_the_lower_one_gives_way() {
    let rate = vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }];
    let mut high = service(1, 10, rate.clone());
    high.priority = 10;
    let mut plant = Plant::new(spec([("shop", high), ("blog", service(1, 10, rate))]));
    plant.capacity.cpu = Millicores(4_000);
    plant.set_load("blog", 60, 1_000);
    plant.set_load("shop", 10, 1_000);
    for _ in 0..8 {
        let _ = plant.tick();
    }
    assert_eq!((plant.of("shop").count(), plant.of("blog").count()), (1, 6));
    plant.set_load("shop", 60, 1_000);
    for _ in 0..12 {
        let _ = plant.tick();
    }
    assert_eq!((plant.of("shop").count(), plant.of("blog").count()), (6, 2));
    let held = &plant.state.services[&name("blog")].rationale.as_ref().unwrap().withheld;
    assert!(matches!(held[..], [Withheld::NoCapacity { replicas: 4, .. }]), "{held:?}");
}

#[test]
fn figures_too_old_or_absent_never_remove_a_replica() {
    for policies in [
        vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }],
        vec![ScalingPolicy::Cpu { target: Permille(600) }],
        vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }, ScalingPolicy::Cpu { target: Permille(600) }],
    ] {
        let mut plant = Plant::new(spec([("shop", service(1, 10, policies))]));
        plant.set_load("shop", 50, 30_000);
        for _ in 0..10 {
            let _ = plant.tick();
        }
        assert_eq!(plant.count("shop", Phase::Ready), 5);
        plant.load.clear();
        for _ in 0..60 {
            assert!(plant.tick().actions.is_empty());
        }
    }
}

#[test]
fn throttling_is_told_once_with_its_numbers() {
    let mut plant = running(spec([("shop", fixed(1))]), 4);
    plant.set_load("shop", 10, 1_000);
    let mut told = 0;
    for _ in 0..3 {
        plant.at = plant.at.plus(plant.tick);
        let mut observation = plant.observation();
        observation.usage.values_mut().for_each(|usage| usage.throttled = Some(Permille(250)));
        let inputs = [Input::Observed(Box::new(observation))];
        let decision = plimsoll_controller::step(&mut plant.state, plant.at, &inputs);
        told += decision.rationale.findings.len();
        if told == 1 && !decision.rationale.findings.is_empty() {
            let lines = explain(&decision, &name("shop"));
            assert!(
                lines.iter().any(|line| line.contains("service:shop/1 throttled in 25% of periods, using 10m")),
                "{lines:?}"
            );
        }
    }
    assert_eq!(told, 1);
}

#[test]
fn a_spec_that_asks_more_than_the_node_has_is_granted_what_fits() {
    let mut big = fixed(3);
    big.requests = Resources { cpu: Millicores(30_000), ..big.requests };
    let plant = running(spec([("shop", big)]), 4);
    assert_eq!(plant.of("shop").count(), 2);
}

#[test]
fn a_report_of_the_inventory_alone_replaces_what_died_and_leaves_targets_alone() {
    let policies = vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }];
    let mut plant = Plant::new(spec([("shop", service(1, 10, policies))]));
    plant.set_load("shop", 50, 1_000);
    for _ in 0..6 {
        let _ = plant.tick();
    }
    let before = plant.state.services[&name("shop")].clone();
    plant.end("service:shop/2", ExitCause::Signal { signal: 9 });
    let mut observation = plant.observation();
    observation.inventory_only = true;
    observation.services.clear();
    observation.usage.clear();
    let decision = plimsoll_controller::step(
        &mut plant.state,
        plant.at.plus(Millis(1)),
        &[Input::Observed(Box::new(observation))],
    );
    assert_eq!(starts(&decision), 1);
    let after = &plant.state.services[&name("shop")];
    assert_eq!((after.target, &after.scaler), (before.target, &before.scaler));
    assert!(matches!(decision.rationale.findings[..], [Finding::Exited { .. }]));
}

#[test]
fn a_replica_that_somebody_else_stopped_is_replaced_and_is_no_crash() {
    let mut plant = running(spec([("shop", fixed(2))]), 4);
    for ordinal in 1..=2 {
        plant.end(&format!("service:shop/{ordinal}"), ExitCause::Stopped);
    }
    let decision = plant.tick();
    assert_eq!((starts(&decision), decision.rationale.findings.len()), (2, 2));
    assert_eq!(plant.state.services[&name("shop")].exits, 0);
}
