//! `plimsoll scale`, `pause`, `freeze`, `stop`, `resume`, `restart`: an operator's hand on one service of a running daemon.

use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Common, Output, Pause, PausedWay, Release, Scale, Stand, Stands};
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
    let said = Daemon::find(&hand.installation)?.post_json(&format!("/v1/services/{service}/wheel"), &order)?;
    match hand.output {
        Output::Text => println!("{said}"),
        Output::Json => println!("{}", json!({ "message": said })),
    }
    Ok(Verdict::Done)
}
