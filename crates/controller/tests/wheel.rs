//! The wheel in an operator's hand: an order stands above the policies, is told with every decision, and ends.

#![allow(clippy::unwrap_used, reason = "a run that does not get there fails its test")]

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::{Input, explain_service};
use plimsoll_model::quantity::{MilliRps, Millis, Permille};
use plimsoll_model::{
    ActionKind, Finding, Hand, Order, OrderReason, Phase, ScalingPolicy, StandingOrder, Way, WheelTurn,
};

/// Five replicas under 100 requests per second.
fn running() -> Plant {
    let mut shop = service(2, 20, vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }]);
    shop.scaling.stabilization_down = Millis(0);
    let mut plant = Plant::new(spec([("shop", shop)]));
    plant.set_load("shop", 100, 1_000);
    ticks(&mut plant, 30);
    assert_eq!(ready(&plant), 5);
    plant
}

fn ticks(plant: &mut Plant, count: u32) {
    for _ in 0..count {
        let _ = plant.tick();
    }
}

fn ready(plant: &Plant) -> u32 {
    plant.count("shop", Phase::Ready)
}

fn hand(plant: &mut Plant, hand: Hand) {
    plant.pending.push(Input::Operator { service: name("shop"), hand });
}

/// Ordered for so many ticks; none until it is taken back.
fn order(plant: &mut Plant, order: Order, ticks: Option<u64>) {
    let until = ticks.map(|ticks| plant.at.plus(Millis(plant.tick.0 * ticks)));
    hand(plant, Hand::Order(StandingOrder { order, by: "ops".to_owned(), until }));
}

fn reason(plant: &Plant) -> Option<OrderReason> {
    plant.state.services[&name("shop")].rationale.as_ref().unwrap().order.as_deref().cloned()
}

#[test]
fn a_number_by_hand_stands_above_policies_and_bounds_and_ends_by_itself() {
    let mut plant = running();
    order(&mut plant, Order::Scale { replicas: 25 }, Some(40));
    ticks(&mut plant, 30);
    assert_eq!(ready(&plant), 25, "above the spec's 20");
    let told = reason(&plant).unwrap();
    assert_eq!((told.wanted, told.standing.by.as_str()), (5, "ops"));
    let lines = explain_service(&name("shop"), plant.state.services[&name("shop")].rationale.as_ref().unwrap());
    assert!(lines[1].starts_with("  ordered: 25 replicas by order of ops until "), "{lines:?}");
    assert!(lines[1].ends_with("; policies want 5"), "{lines:?}");
    let mut ended = Vec::new();
    for _ in 0..40 {
        ended.extend(plant.tick().rationale.findings);
    }
    let is_end = |finding: &&Finding| matches!(finding, Finding::Wheel { turned: WheelTurn::Expired(_), .. });
    assert_eq!(ended.iter().filter(is_end).count(), 1, "told once");
    assert_eq!((ready(&plant), reason(&plant)), (5, None));
}

#[test]
fn a_stopped_service_has_no_replicas_and_comes_back_under_every_kind_of_policy() {
    for policy in
        [ScalingPolicy::RequestRate { target: MilliRps(20_000) }, ScalingPolicy::Cpu { target: Permille(600) }]
    {
        let mut plant = Plant::new(spec([("shop", service(2, 20, vec![policy]))]));
        plant.set_load("shop", 100, 1_000);
        ticks(&mut plant, 30);
        order(&mut plant, Order::Stop, None);
        ticks(&mut plant, 10);
        assert_eq!(plant.of("shop").count(), 0);
        hand(&mut plant, Hand::Resume { by: "ops".to_owned() });
        ticks(&mut plant, 20);
        assert!(ready(&plant) >= 2, "{} after it was resumed", ready(&plant));
    }
}

#[test]
fn a_pause_holds_one_way_and_lets_the_other_pass() {
    let mut plant = running();
    order(&mut plant, Order::Pause { way: Way::Out }, None);
    plant.set_load("shop", 200, 1_000);
    ticks(&mut plant, 20);
    assert_eq!((ready(&plant), reason(&plant).unwrap().wanted > 5), (5, true));
    plant.set_load("shop", 60, 1_000);
    ticks(&mut plant, 20);
    assert_eq!(ready(&plant), 3);
    order(&mut plant, Order::Pause { way: Way::In }, None);
    plant.set_load("shop", 20, 1_000);
    ticks(&mut plant, 20);
    assert_eq!(ready(&plant), 3, "the second order took the place of the first");
    plant.set_load("shop", 100, 1_000);
    ticks(&mut plant, 20);
    assert_eq!(ready(&plant), 5);
}

#[test]
fn what_is_frozen_is_not_even_replaced_and_what_is_paused_is() {
    for (ordered, expected) in [(Order::Freeze, 4), (Order::Pause { way: Way::Both }, 5)] {
        let mut plant = running();
        order(&mut plant, ordered, None);
        ticks(&mut plant, 2);
        let victim = plant.of("shop").next().unwrap().id.to_string();
        plant.end(&victim, plimsoll_model::ExitCause::Status { code: 1 });
        plant.set_load("shop", 300, 1_000);
        let mut actions = Vec::new();
        for _ in 0..30 {
            actions.extend(plant.tick().actions);
        }
        assert_eq!(ready(&plant), expected, "{ordered:?}");
        let starts = actions.iter().filter(|it| matches!(it.kind, ActionKind::StartReplica { .. })).count();
        assert_eq!(starts, usize::try_from(expected - 4).unwrap(), "{ordered:?}");
    }
}

#[test]
fn a_restart_replaces_every_replica_and_never_has_fewer_that_serve() {
    let mut plant = running();
    let before: Vec<String> = plant.of("shop").map(|it| it.id.to_string()).collect();
    hand(&mut plant, Hand::Restart { by: "ops".to_owned() });
    for _ in 0..60 {
        let _ = plant.tick();
        assert!(ready(&plant) >= 5, "{}", ready(&plant));
    }
    assert_eq!(ready(&plant), 5);
    assert!(plant.of("shop").all(|it| !before.contains(&it.id.to_string())));
}

#[test]
fn an_absurd_order_is_a_finding_and_changes_nothing() {
    let mut plant = running();
    let long = StandingOrder { order: Order::Stop, by: "x".repeat(1_000), until: None };
    let many = StandingOrder { order: Order::Scale { replicas: u32::MAX }, by: String::new(), until: None };
    let over = StandingOrder { order: Order::Stop, by: String::new(), until: Some(plant.at) };
    for standing in [long, many, over] {
        hand(&mut plant, Hand::Order(standing));
        let decision = plant.tick();
        assert!(matches!(&decision.rationale.findings[..], [Finding::BadInput { what }] if what.contains("shop")));
    }
    plant.pending.push(Input::Operator { service: name("gone"), hand: Hand::Resume { by: String::new() } });
    let decision = plant.tick();
    assert!(matches!(&decision.rationale.findings[..], [Finding::BadInput { what }] if what.contains("gone")));
    assert_eq!((ready(&plant), reason(&plant)), (5, None));
}
