//! Several services on one node: each decides for itself, then scarce room is shared, as in the controller.

use super::observed::{self, Moment, Observed};
use super::one::{Decided, Memory, step};
use super::{finish, names, place, remembered};
use crate::Verdict;
use crate::args::{Decide, Output};
use anyhow::{Context as _, anyhow, bail};
use plimsoll_model::quantity::{Bytes, Millicores};
use plimsoll_model::spec::Resources;
use plimsoll_model::{ServiceName, ServiceSpec, Spec};
use plimsoll_placement::{Claim, Held};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What was observed of several services at one moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedServices {
    /// When.
    at: Moment,
    /// What the node has for them.
    capacity: ObservedRoom,
    /// What jobs hold of it.
    #[serde(default)]
    held: Vec<ObservedHeld>,
    /// By name; a service of the policy that is left out was not observed and keeps what it has.
    services: BTreeMap<String, Observed>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedRoom {
    cpu_millicores: u64,
    memory_bytes: u64,
}

/// A run of a job.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedHeld {
    #[serde(default)]
    priority: i32,
    /// A higher priority may take its room.
    #[serde(default)]
    preemptible: bool,
    cpu_millicores: u64,
    memory_bytes: u64,
}

/// One service of the policy, decided.
struct Case<'a> {
    name: &'a ServiceName,
    decided: Decided,
    granted: u32,
}

/// Decides observations of several services, one after the other.
pub fn run(typed: &Decide, spec: &Spec, text: &str, name: &str) -> anyhow::Result<Verdict> {
    if let Some(service) = &typed.service {
        bail!("--service {service}: the observation is of all services of the policy; leave it out");
    }
    let observations: Vec<ObservedServices> = observed::read(text, name)?;
    let mut memory: BTreeMap<String, Memory> = remembered(typed.state.as_deref())?;
    let mut results = Vec::new();
    for (index, observed) in observations.iter().enumerate() {
        let decided = decide(spec, observed, &mut memory).with_context(|| place(name, index, observations.len()))?;
        let at = observed.at.time()?;
        match typed.output {
            Output::Text => {
                println!("{at}: {} services", decided.len());
                decided.iter().for_each(print);
            }
            Output::Json => results.push(json!({ "at_ms": at, "services": as_json(decided) })),
        }
    }
    finish(typed, results, &memory)
}

fn print(case: &Case<'_>) {
    let Case { name, decided: Decided { current, rationale, what_if }, granted } = case;
    println!("{name}: {current} → {granted}");
    plimsoll_controller::explain_service(name, rationale).iter().for_each(|line| println!("{line}"));
    println!("  another load: {what_if}");
}

fn as_json(decided: Vec<Case<'_>>) -> BTreeMap<&str, Value> {
    let one = |Case { name, decided: Decided { current, rationale, what_if }, granted }| {
        let target = rationale.target;
        let case = json!({
            "current": current, "target": target, "granted": granted, "rationale": rationale, "what_if": what_if,
        });
        (ServiceName::as_str(name), case)
    };
    decided.into_iter().map(one).collect()
}

fn decide<'a>(
    spec: &'a Spec,
    observed: &ObservedServices,
    memory: &mut BTreeMap<String, Memory>,
) -> anyhow::Result<Vec<Case<'a>>> {
    let at = observed.at.time()?;
    let unknown = observed.services.keys().find(|name| !spec.services.keys().any(|known| known.as_str() == *name));
    if let Some(unknown) = unknown {
        bail!("services.{unknown}: there is no such service in the policy, there are {}", names(spec));
    }
    let nothing = Observed::default();
    let (mut cases, mut claims) = (Vec::new(), Vec::new());
    for (name, service) in &spec.services {
        let observed = observed.services.get(name.as_str()).unwrap_or(&nothing);
        if observed.at.is_some() {
            return Err(anyhow!("services.{name}: `at` stands once, beside `services`"));
        }
        let memory = memory.entry(name.to_string()).or_default();
        let decided = step(service, observed, memory, at).with_context(|| format!("services.{name}"))?;
        claims.push(claim(service, &decided));
        cases.push(Case { name, decided, granted: 0 });
    }
    let ObservedRoom { cpu_millicores, memory_bytes } = observed.capacity;
    let room = Resources { cpu: Millicores(cpu_millicores), memory: Bytes(memory_bytes) };
    let held: Vec<Held> = observed.held.iter().map(held).collect();
    let names: Vec<&ServiceName> = spec.services.keys().collect();
    let shares = plimsoll_controller::share_room(room, &held, &names, &claims);
    for (case, (granted, why)) in cases.iter_mut().zip(shares) {
        case.granted = granted;
        case.decided.rationale.sharing = why.map(Box::new);
        if let Some(memory) = memory.get_mut(case.name.as_str()) {
            memory.granted = Some(granted);
        }
    }
    Ok(cases)
}

/// What a service asks of the node: as many replicas as it wants, of the size they have from now on.
fn claim(spec: &ServiceSpec, decided: &Decided) -> Claim {
    let Decided { current, rationale, .. } = decided;
    Claim {
        priority: spec.priority,
        weight: spec.weight,
        guaranteed: spec.guaranteed.unwrap_or(spec.replicas_min),
        live: *current,
        wanted: rationale.target,
        each: rationale.vertical.as_ref().map_or(spec.requests, |vertical| vertical.size.requests),
    }
}

fn held(run: &ObservedHeld) -> Held {
    let ObservedHeld { priority, preemptible, cpu_millicores, memory_bytes } = *run;
    let requests = Resources { cpu: Millicores(cpu_millicores), memory: Bytes(memory_bytes) };
    Held { priority, preemptible, requests }
}
