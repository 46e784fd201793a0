//! The closed loop against a toy plant.

mod plant;

use plant::{Plant, service, spec};
use plimsoll_model::quantity::{MilliRps, Permille};
use plimsoll_model::{Phase, ScalingPolicy};

#[test]
fn a_step_of_load_is_answered_at_the_allowed_pace_and_taken_back_after_the_window() {
    let policies = vec![ScalingPolicy::Cpu { target: Permille(600) }];
    let mut plant = Plant::new(spec([("shop", service(1, 20, policies))]));
    plant.set_load("shop", 10, 10_000);
    for _ in 0..10 {
        let _ = plant.tick();
    }
    assert_eq!(plant.count("shop", Phase::Ready), 1);
    plant.set_load("shop", 200, 10_000);
    let mut needed = 0;
    while plant.count("shop", Phase::Ready) < 7 {
        let _ = plant.tick();
        needed += 1;
        assert!(needed < 20, "2 cores at 60 % of half a core are 7 replicas");
    }
    assert!(needed <= 9, "{needed} ticks");
    for _ in 0..5 {
        let _ = plant.tick();
        assert_eq!(plant.count("shop", Phase::Ready), 7);
    }
    plant.set_load("shop", 10, 10_000);
    let mut held = 0;
    while plant.of("shop").count() > 1 {
        let _ = plant.tick();
        held += 1;
        assert!(held < 40);
    }
    assert!(held >= 20, "held for the window of 20 ticks, was {held}");
}

#[test]
fn a_rate_policy_follows_the_arrivals() {
    let policies = vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }];
    let mut plant = Plant::new(spec([("shop", service(1, 20, policies))]));
    plant.set_load("shop", 130, 1_000);
    for _ in 0..10 {
        let _ = plant.tick();
    }
    assert_eq!(plant.count("shop", Phase::Ready), 7);
}
