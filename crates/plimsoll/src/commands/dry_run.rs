//! `--dry-run`: what a command would send and what that would do, from what a GET of the daemon says. Nothing is sent.

use super::reach::Daemon;
use crate::Verdict;
use crate::args::Output;
use anyhow::bail;
use plimsoll_daemon::view::{ServiceView, StateView};
use serde_json::{Value, json};

/// What would be sent, and what it would do.
pub struct Planned<'a> {
    /// Path of the POST.
    pub path: String,
    /// Its body.
    pub body: Value,
    /// What it would do, a line each.
    pub effects: Vec<String>,
    /// How it is told.
    pub output: Output,
    /// The service it is about.
    pub service: Option<&'a ServiceView>,
}

impl Planned<'_> {
    /// Tells it.
    pub fn tell(&self) -> anyhow::Result<Verdict> {
        if self.output == Output::Json {
            let now = self.service.map(|service| {
                json!({
                    "service": service.name,
                    "target": service.target,
                    "current": service.current,
                    "ready": service.ready,
                    "order": service.order,
                })
            });
            let told = json!({
                "dry_run": true,
                "would_send": { "method": "POST", "path": self.path, "body": self.body },
                "now": now,
                "would": self.effects,
            });
            println!("{told}");
            return Ok(Verdict::Done);
        }
        println!("dry run: nothing was sent");
        println!("would send: POST {} {}", self.path, self.body);
        if let Some(ServiceView { name, target, current, ready, order, .. }) = self.service {
            let order = order.as_ref().map(|order| format!("; {order}")).unwrap_or_default();
            println!("now: {name} has {current} running or starting, {ready} ready, {target} wanted{order}");
        }
        for effect in &self.effects {
            println!("would: {effect}");
        }
        Ok(Verdict::Done)
    }
}

/// The state, and the service in it; an error where the daemon would refuse the name too.
pub fn service<'a>(state: &'a StateView, name: &str) -> anyhow::Result<&'a ServiceView> {
    if let Some(found) = state.services.iter().find(|service| service.name == name) {
        return Ok(found);
    }
    let known: Vec<&str> = state.services.iter().map(|service| service.name.as_str()).collect();
    bail!("there is no service {name}; there is {}", known.join(", "))
}

/// The state of a running daemon.
pub fn state(daemon: &Daemon) -> anyhow::Result<StateView> {
    daemon.get("/v1/state")
}
