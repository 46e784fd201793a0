//! `plimsoll scale`, `pause`, `freeze`, `stop`, `resume`, `restart`: an operator's hand on one service of a running daemon.

use super::dry_run::{self, Planned};
use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Common, Output, Pause, PausedWay, Release, Scale, Stand, Stands};
use plimsoll_daemon::view::ServiceView;
use plimsoll_model::Millis;
use serde_json::{Value, json};

/// `plimsoll scale`.
pub fn scale(typed: &Scale) -> anyhow::Result<Verdict> {
    let order = standing(json!({ "order": "scale", "replicas": typed.replicas }), typed.stands);
    send(&typed.service, order, &typed.hand)
}

/// `plimsoll pause`.
pub fn pause(typed: &Pause) -> anyhow::Result<Verdict> {
    let way = match typed.way {
        PausedWay::Out => "out",
        PausedWay::In => "in",
        PausedWay::Both => "both",
    };
    send(&typed.service, standing(json!({ "order": "pause", "way": way }), typed.stands), &typed.hand)
}

/// `plimsoll freeze`.
pub fn freeze(typed: &Stand) -> anyhow::Result<Verdict> {
    send(&typed.service, standing(json!({ "order": "freeze" }), typed.stands), &typed.hand)
}

/// `plimsoll stop`.
pub fn stop(typed: &Stand) -> anyhow::Result<Verdict> {
    send(&typed.service, standing(json!({ "order": "stop" }), typed.stands), &typed.hand)
}

/// `plimsoll resume`.
pub fn resume(typed: &Release) -> anyhow::Result<Verdict> {
    send(&typed.service, json!({ "order": "resume" }), &typed.hand)
}

/// `plimsoll restart`.
pub fn restart(typed: &Release) -> anyhow::Result<Verdict> {
    send(&typed.service, json!({ "order": "restart" }), &typed.hand)
}

fn standing(mut order: Value, stands: Stands) -> Value {
    if !stands.until_resumed {
        order["for_ms"] = json!(stands.length);
    }
    order
}

fn send(service: &str, mut order: Value, hand: &Common) -> anyhow::Result<Verdict> {
    order["by"] = json!(hand.by);
    let (daemon, path) = (Daemon::find(&hand.installation)?, format!("/v1/services/{service}/wheel"));
    if hand.dry_run {
        let state = dry_run::state(&daemon)?;
        let seen = dry_run::service(&state, service)?;
        let effects = vec![effect(&order, seen)];
        return Planned { path, body: order, effects, output: hand.output, service: Some(seen) }.tell();
    }
    let said = daemon.post_json(&path, &order)?;
    match hand.output {
        Output::Text => println!("{said}"),
        Output::Json => println!("{}", json!({ "message": said })),
    }
    Ok(Verdict::Done)
}

/// What an order would do, in words.
fn effect(order: &Value, service: &ServiceView) -> String {
    let ServiceView { name, current, target, ready, .. } = service;
    let until = match order["for_ms"].as_u64() {
        Some(length) => format!("for {} of trace time, then the policies decide again", Millis(length)),
        None => "until `plimsoll resume`".to_owned(),
    };
    match order["order"].as_str() {
        Some("scale") => {
            let wanted = order["replicas"].as_u64().unwrap_or(0);
            let change = match wanted.cmp(&u64::from(*current)) {
                std::cmp::Ordering::Greater => format!("start {} more", wanted - u64::from(*current)),
                std::cmp::Ordering::Less => format!("drain and stop {}", u64::from(*current) - wanted),
                std::cmp::Ordering::Equal => "start and stop none".to_owned(),
            };
            format!("want {wanted} replicas of {name} instead of {target} and {change}, {until}")
        }
        Some("pause") => match order["way"].as_str() {
            Some("out") => format!("keep {name} at no more than {target} replicas, {until}"),
            Some("in") => format!("keep {name} at no fewer than {target} replicas, {until}"),
            _ => format!("keep {name} at {target} replicas, {until}"),
        },
        Some("freeze") => format!("leave the {current} replicas of {name} as they are, also those that end, {until}"),
        Some("stop") => format!("drain and stop all {current} replicas of {name}, {until}"),
        Some("restart") => {
            format!("replace the {current} replicas of {name} one after the other, {ready} ready throughout")
        }
        _ => match &service.order {
            Some(order) => format!("end the order that stands ({order}); the policies decide again"),
            None => format!("change nothing: no order stands for {name}"),
        },
    }
}
