//! `plimsoll event`: announces an event to a running daemon, or lists what is announced.

use super::dry_run::{self, Planned};
use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Event, Output};
use plimsoll_daemon::view::{AnnouncedView, StateView};
use plimsoll_model::Millis;
use serde_json::json;

/// Announces or lists.
pub fn run(event: &Event) -> anyhow::Result<Verdict> {
    let daemon = Daemon::find(&event.installation)?;
    match &event.event {
        Some(name) => announce(event, name, &daemon),
        None => list(event, &daemon),
    }
}

fn announce(event: &Event, name: &str, daemon: &Daemon) -> anyhow::Result<Verdict> {
    let mut body = json!({ "name": name, "service": event.service, "by": event.by });
    if event.after > 0 {
        let now = daemon.get::<StateView>("/v1/state")?.trace_time_ms;
        body["start_ms"] = json!(now.saturating_add_unsigned(event.after));
    }
    body["for_ms"] = json!(event.length);
    if let Some(factor) = event.factor {
        body["factor_permille"] = json!(factor);
    }
    if let Some(rate) = event.rate {
        body["rate_milli_rps"] = json!(rate);
    }
    let curve = event.curve.iter().map(|point| {
        let mut one = json!({ "at_ms": point.at_ms });
        if let Some(factor) = point.factor_permille {
            one["factor_permille"] = json!(factor);
        }
        if let Some(rate) = point.rate_milli_rps {
            one["rate_milli_rps"] = json!(rate);
        }
        one
    });
    body["curve"] = json!(curve.collect::<Vec<_>>());
    if event.dry_run {
        return plan(event, name, daemon, body);
    }
    let said = daemon.post_json("/v1/events", &body)?;
    match event.output {
        Output::Text => println!("{said}"),
        Output::Json => println!("{}", json!({ "message": said })),
    }
    Ok(Verdict::Done)
}

/// What would be announced, and what is announced already under that name.
fn plan(event: &Event, name: &str, daemon: &Daemon, body: serde_json::Value) -> anyhow::Result<Verdict> {
    let state = dry_run::state(daemon)?;
    let service = dry_run::service(&state, event.service.as_deref().unwrap_or_default())?;
    let length = Millis(event.length.unwrap_or(0));
    let when = if event.after > 0 { format!("in {}", Millis(event.after)) } else { "at once".to_owned() };
    let mut effects = vec![format!(
        "expect the announced load of {} {when}, for {length}, and start replicas for it at the next tick",
        service.name
    )];
    let mut same = state.announced.iter().filter(|known| known.name == name && known.service == service.name);
    effects.extend(same.next().map(|known| format!("replace what is announced under that name: {}", known.load)));
    let output = event.output;
    Planned { path: "/v1/events".to_owned(), body, effects, output, service: Some(service) }.tell()
}

fn list(event: &Event, daemon: &Daemon) -> anyhow::Result<Verdict> {
    let found: serde_json::Value = daemon.get("/v1/events/announced")?;
    if event.output == Output::Json {
        println!("{found}");
        return Ok(Verdict::Done);
    }
    let events: Vec<AnnouncedView> = serde_json::from_value(found["events"].clone())?;
    if events.is_empty() {
        println!("no event is announced");
    }
    for AnnouncedView { service, name, start, end, load, by, .. } in events {
        let by = if by.is_empty() { String::new() } else { format!(", by {by}") };
        println!("{name} of {service}: {load}, {start} to {end}{by}");
    }
    Ok(Verdict::Done)
}
