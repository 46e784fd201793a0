//! What another load would have brought is what the same step brings at that load.

#![allow(clippy::unwrap_used, reason = "a run that does not get there fails its test")]

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::{Input, State, TurningPoint, step, what_if_load};
use plimsoll_model::ScalingPolicy;
use plimsoll_model::quantity::{MilliRps, Permille};

/// What the step would decide with so many requests per second, CPU in proportion.
fn target(before: &State, plant: &mut Plant, rps: u64) -> u32 {
    plant.set_load("shop", rps, 10_000);
    let mut state = before.clone();
    let _ = step(&mut state, plant.at, &[Input::Observed(Box::new(plant.observation()))]);
    state.services[&name("shop")].target.unwrap()
}

#[test]
fn the_turning_points_of_a_step_are_where_the_step_at_that_load_turns() {
    let policies =
        vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }, ScalingPolicy::Cpu { target: Permille(600) }];
    let mut shop = service(1, 60, policies);
    shop.scaling.stabilization_down = plimsoll_model::Millis(0);
    let mut plant = Plant::new(spec([("shop", shop)]));
    plant.set_load("shop", 1_000, 10_000);
    for _ in 0..30 {
        let _ = plant.tick();
    }
    let before = plant.state.clone();
    plant.at = plant.at.plus(plant.tick);
    let base = target(&before, &mut plant, 1_000);
    let inputs = [Input::Observed(Box::new(plant.observation()))];
    let found = what_if_load(&before, plant.at, &inputs, &name("shop")).unwrap();
    // A thousand requests per second: a thousandth of the load is one.
    for (TurningPoint { load: Permille(load), target: there }, nearer) in
        [(found.more.unwrap(), -1_i64), (found.fewer.unwrap(), 1)]
    {
        assert_ne!(there, base);
        assert_eq!(target(&before, &mut plant, load), there, "at {load}");
        assert_eq!(target(&before, &mut plant, load.checked_add_signed(nearer).unwrap()), base, "next to {load}");
    }
    assert_eq!(plant.state, before, "nothing was changed by asking");
}

#[test]
fn there_is_no_answer_about_a_service_that_nobody_decides_on() {
    let plant = Plant::new(spec([("shop", service(1, 2, Vec::new()))]));
    let inputs = [Input::Observed(Box::new(plant.observation()))];
    assert_eq!(what_if_load(&plant.state, plant.at, &inputs, &name("other")), None);
}
