//! Right-sizing and sharing through the whole step: what replicas get, how they get it, and what is told of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::explain;
use plimsoll_model::id::WorkloadId;
use plimsoll_model::inventory::{ExitCause, Exited, Phase};
use plimsoll_model::quantity::{Bytes, Millicores, Permille};
use plimsoll_model::scaling::{VerticalMode, VerticalSpec};
use plimsoll_model::spec::{Resources, ServiceSpec};
use plimsoll_model::{ActionKind, Decision, ScalingPolicy};

const HOUR: u32 = 240;

fn sized(mode: VerticalMode, replicas: u32) -> ServiceSpec {
    let mut service = service(replicas, replicas + 10, vec![ScalingPolicy::Cpu { target: Permille(600) }]);
    let min = Resources { cpu: Millicores(25), memory: Bytes(16 << 20) };
    service.scaling.vertical = Some(VerticalSpec { mode, min, ..VerticalSpec::default() });
    service
}

/// A service of three replicas that use 40 millicores each of the 500 declared, after so many hours.
fn idle(mode: VerticalMode, resizes_in_place: bool, hours: u32) -> Plant {
    let mut plant = Plant::new(spec([("shop", sized(mode, 3))]));
    plant.resizes_in_place = resizes_in_place;
    plant.set_load("shop", 120, 1_000);
    for tick in 0..hours * HOUR {
        let _ = plant.tick();
        assert!(tick < 8 || plant.count("shop", Phase::Ready) >= 3, "tick {tick}: the minimum serves all the time");
    }
    plant
}

fn sizes(plant: &Plant) -> Vec<u64> {
    plant.of("shop").filter(|status| status.phase.is_live()).map(|status| status.requests.cpu.0).collect()
}

fn ordinals(plant: &Plant) -> Vec<u64> {
    plant.of("shop").filter(|status| status.phase.is_live()).map(|status| status.replica().unwrap().ordinal).collect()
}

#[test]
fn running_replicas_shrink_in_place_to_what_they_use() {
    let plant = idle(VerticalMode::InPlace, true, 4);
    assert!(sizes(&plant).iter().all(|cpu| (46..80).contains(cpu)), "{:?}", sizes(&plant));
    assert_eq!(ordinals(&plant), [1, 2, 3], "nobody was restarted");
    let service = &plant.state.services[&name("shop")];
    let told = service.rationale.as_ref().unwrap().vertical.as_ref().unwrap();
    assert_eq!((told.pending, told.size.requests.cpu.0), (0, sizes(&plant)[0]), "{told}");
}

#[test]
fn where_it_cannot_be_done_in_place_they_are_replaced_one_by_one() {
    let plant = idle(VerticalMode::Recreate, false, 4);
    assert!(sizes(&plant).iter().all(|cpu| (46..80).contains(cpu)), "{:?}", sizes(&plant));
    assert_eq!(ordinals(&plant).len(), 3);
    assert!(ordinals(&plant).iter().all(|ordinal| *ordinal > 3), "all were replaced");
}

#[test]
fn without_leave_to_restart_they_keep_their_size_until_they_start_next() {
    let mut plant = idle(VerticalMode::InPlace, false, 4);
    assert_eq!(sizes(&plant), [500, 500, 500]);
    let told = |plant: &Plant| plant.state.services[&name("shop")].rationale.clone().unwrap().vertical.unwrap();
    assert_eq!(told(&plant).pending, 3);
    let id = WorkloadId::Replica(plant.replica("shop", 2));
    let (at, status) = (plant.at, plant.workloads.get_mut(&id).unwrap());
    status.phase = Phase::Exited;
    status.exited = Some(Exited { cause: ExitCause::Signal { signal: 9 }, at });
    for _ in 0..8 {
        let _ = plant.tick();
    }
    let small = sizes(&plant).into_iter().filter(|cpu| *cpu < 80).count();
    assert_eq!((small, told(&plant).pending), (1, 2));
}

#[test]
fn the_mode_off_recommends_and_resizes_nothing() {
    let plant = idle(VerticalMode::Off, true, 4);
    assert_eq!((sizes(&plant), plant.resized), (vec![500, 500, 500], 0));
    let service = &plant.state.services[&name("shop")];
    let told = service.rationale.as_ref().unwrap().vertical.as_ref().unwrap().to_string();
    assert!(told.contains("this is advice; recommended"), "{told}");
}

#[test]
fn a_replica_that_ran_out_of_memory_starts_again_with_more() {
    let mut plant = idle(VerticalMode::InPlace, true, 4);
    let before = plant.of("shop").next().unwrap().requests.memory;
    let id = WorkloadId::Replica(plant.replica("shop", 2));
    let (at, status) = (plant.at, plant.workloads.get_mut(&id).unwrap());
    status.phase = Phase::Exited;
    status.exited = Some(Exited { cause: ExitCause::OutOfMemory, at });
    status.started_at = at;
    for _ in 0..8 {
        let _ = plant.tick();
    }
    let all: Vec<Bytes> = plant.of("shop").map(|status| status.requests.memory).collect();
    assert!(all.iter().all(|memory| memory.0 >= before.0 + (100 << 20)), "{before} {all:?}");
}

#[test]
fn scarce_room_is_shared_by_weight_and_the_reasons_say_who_gave_what_to_whom() {
    let policies = || vec![ScalingPolicy::RequestRate { target: plimsoll_model::MilliRps(10_000) }];
    let heavy = ServiceSpec { weight: 2, ..service(1, 20, policies()) };
    let mut plant = Plant::new(spec([("a", heavy), ("b", service(1, 20, policies()))]));
    plant.capacity.cpu = Millicores(6_000);
    plant.set_load("b", 100, 1);
    let mut last: Option<Decision> = None;
    for _ in 0..10 {
        let _ = plant.tick();
    }
    assert_eq!(plant.count("b", Phase::Ready), 10);
    plant.set_load("a", 200, 1);
    let mut shared = String::new();
    for _ in 0..20 {
        let decision = plant.tick();
        shared.push_str(&explain(&decision, &name("b")).join("\n"));
        last = Some(decision);
    }
    assert_eq!((plant.count("a", Phase::Ready), plant.count("b", Phase::Ready)), (8, 4), "{shared}");
    assert!(shared.contains("room is short") && shared.contains(" to a"), "{shared}");
    assert!(last.unwrap().actions.iter().all(|action| !matches!(action.kind, ActionKind::Stop { .. })), "it settled");
}
