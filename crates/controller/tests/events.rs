//! Events that are announced as they happen, records of the first release, and who is told to stop.

#![allow(clippy::unwrap_used, reason = "what cannot be built here fails the test")]

mod plant;

use plant::{Load, Plant, name, service, spec};
use plimsoll_controller::{EVENTS_MAX, Input, ServiceState, State};
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::rationale::{Basis, VictimBy};
use plimsoll_model::scaling::{CurvePoint, Event, EventSpec, Expected};
use plimsoll_model::{Finding, ScalingPolicy};

fn event(called: &str, start: Timestamp, length: i64) -> Event {
    let expected = Expected::Factor(Permille(3_000));
    let curve = vec![CurvePoint { at: Millis(0), expected }];
    let spec = EventSpec { name: called.to_owned(), start, end: Timestamp(start.0 + length), curve };
    Event { spec, by: "ci".to_owned() }
}

fn shop() -> Plant {
    let mut plant =
        Plant::new(spec([("shop", service(1, 20, vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }]))]));
    plant.load.insert(name("shop"), Load { rate: MilliRps(100_000), cpu_micros: 1_000 });
    for _ in 0..8 {
        let _ = plant.tick();
    }
    plant
}

#[test]
fn an_announced_event_adds_at_the_next_tick_survives_a_restart_and_expires() {
    let mut plant = shop();
    assert_eq!(plant.state.services[&name("shop")].target, Some(5));
    let announced = Input::Event { service: name("shop"), event: event("release", plant.at, 150_000) };
    plant.pending.push(announced);
    for _ in 0..4 {
        let _ = plant.tick();
    }
    let rationale = plant.state.services[&name("shop")].rationale.clone().unwrap();
    assert_eq!(rationale.target, 15, "{rationale:?}");
    assert!(
        matches!(&rationale.terms[rationale.winner].basis, Basis::Event { name, by, .. } if name == "release" && by == "ci")
    );
    // A daemon that comes back reads its state from a snapshot.
    let bytes = serde_json::to_string(&plant.state).unwrap();
    plant.state = serde_json::from_str(&bytes).unwrap();
    assert_eq!(serde_json::to_string(&plant.state).unwrap(), bytes);
    let _ = plant.tick();
    assert_eq!(plant.state.services[&name("shop")].target, Some(15));
    for _ in 0..60 {
        let _ = plant.tick();
    }
    let after = &plant.state.services[&name("shop")];
    assert_eq!((after.target, after.scaler.events.len()), (Some(5), 0));
}

#[test]
fn an_event_that_makes_no_sense_is_a_finding_that_names_what_is_wrong() {
    let mut plant = shop();
    let at = plant.at;
    let mut refused = |service: &str, event: Event, words: &str| {
        plant.pending.push(Input::Event { service: name(service), event });
        let decision = plant.tick();
        let what = decision.rationale.findings.iter().find_map(|finding| match finding {
            Finding::BadInput { what } => Some(what.clone()),
            _ => None,
        });
        assert!(what.as_ref().is_some_and(|what| what.contains(words)), "{what:?}: {words}");
    };
    refused("shop", event("backwards", at, -60_000), "`end`");
    refused("shop", event("over", Timestamp(at.0 - 100_000), 60_000), "over already");
    refused("nobody", event("release", at, 60_000), "not in the policy");
    for index in 0..EVENTS_MAX {
        plant.pending.push(Input::Event { service: name("shop"), event: event(&format!("e{index}"), at, 9_000_000) });
    }
    plant.pending.push(Input::Event { service: name("shop"), event: event("one-more", at, 9_000_000) });
    let decision = plant.tick();
    assert!(format!("{:?}", decision.rationale.findings).contains("no more are kept"));
    assert_eq!(plant.state.services[&name("shop")].scaler.events.len(), EVENTS_MAX);
}

#[test]
fn a_state_of_the_first_release_is_read() {
    let text = r#"{"ordinal":7,"revision":1,"target":3,"stabilizer":{"highs":[[1000,3]],"lows":[[1000,3]],"changes":[[500,2]]},
        "forecaster":null,"forecast":null,"cpu_per_request_ns":null,"replicas":{"7":{"revision":1,
        "requests":{"cpu":500,"memory":1000},"asked_at":0,"phase":"ready","unready_since":null,"missed":0,"stopping":null,
        "memory":null,"throttled":false}},"exits":0,"exited_at":null,"exit_cause":null,"waiting":0,"restart_at":null,
        "rationale":null}"#;
    let service: ServiceState = serde_json::from_str(text).unwrap();
    let again: ServiceState = serde_json::from_str(&serde_json::to_string(&service).unwrap()).unwrap();
    assert_eq!(service, again);
    assert!(
        serde_json::to_string(&service).unwrap().contains(r#""highs":[[1000,3]]"#),
        "what damping remembered is kept"
    );
    let mut state = State::new();
    state.services.insert(name("shop"), service);
    let bytes = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&bytes).unwrap(), state);
}

#[test]
fn the_idlest_replicas_are_stopped_and_each_says_why() {
    let mut plant = shop();
    plant.load.insert(name("shop"), Load { rate: MilliRps(40_000), cpu_micros: 1_000 });
    for _ in 0..60 {
        let decision = plant.tick();
        let Some(rationale) = decision.rationale.services.get(&name("shop")) else { continue };
        if rationale.target < 5 {
            assert_eq!(rationale.victims.len(), 3, "{rationale:?}");
            assert!(rationale.victims.iter().all(|victim| victim.ready && victim.of == 5));
            assert!(rationale.victims.iter().all(|victim| matches!(victim.by, VictimBy::Cpu { .. })), "{rationale:?}");
            let lines = plimsoll_controller::explain(&decision, &name("shop"));
            assert!(
                lines.iter().any(|line| line.contains("stops: replica") && line.contains("least CPU")),
                "{lines:?}"
            );
            return;
        }
    }
    panic!("nothing was removed");
}
