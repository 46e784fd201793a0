//! `plimsoll decide`: one policy, one observation, one decision with every reason. It is how people unit-test a policy.
//!
//! The decision is made by the code that runs, from what the observation says and nothing else: what is not said was not
//! observed. A list of observations is decided one after the other, so that windows, rates and panic can be tested; a state
//! file carries what the policy remembers from one call to the next.

mod observed;
mod schema;
mod size;

pub use schema::observation as observation_schema;

use crate::Verdict;
use crate::args::{Decide, Output};
use anyhow::{Context as _, anyhow, bail};
use observed::Observed;
use plimsoll_autoscale::{Demand, Inputs, Pod, PodPhase, Scaler, Usage, cpu_per_request_ns, decide, per_replica};
use plimsoll_model::quantity::{MilliRps, Timestamp};
use plimsoll_model::{ServiceName, ServiceRationale, ServiceSpec, Spec};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Figures older than this are stale, as in the controller.
const AGE_MAX_MS: u64 = 15_000;
/// Most bytes of an observation file.
const FILE_SIZE_MAX: u64 = 64 << 20;

/// What the policy remembers between two calls.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// When it last decided.
    at: Option<Timestamp>,
    /// What it decided.
    target: Option<u32>,
    /// When that last was another number than before, where right-sizing asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count_changed_at: Option<Timestamp>,
    /// What scaling remembers.
    scaler: Scaler,
}

/// Decides.
pub fn run(typed: &Decide) -> anyhow::Result<Verdict> {
    let loaded = match plimsoll_config::load_policy(&typed.policy) {
        Ok(loaded) => loaded,
        Err(report) => {
            match typed.output {
                Output::Text => eprint!("{report}"),
                Output::Json => println!("{}", serde_json::to_string_pretty(&report.to_json())?),
            }
            return Ok(Verdict::No);
        }
    };
    eprint!("{}", loaded.warnings);
    let (service, spec) = service(&loaded.spec, typed)?;
    let name = typed.observation.display().to_string();
    let observations = observed::read(&text(&typed.observation)?, &name)?;
    let mut memory = remembered(typed.state.as_deref())?;
    let many = observations.len() > 1;
    let mut results = Vec::new();
    for (index, observed) in observations.iter().enumerate() {
        let place = if many { format!("{name}: observation {}", index + 1) } else { name.clone() };
        let (at, current, rationale) = step(spec, observed, &mut memory).context(place)?;
        match typed.output {
            Output::Text => {
                println!("{at}: {current} → {}", rationale.target);
                plimsoll_controller::explain_service(service, &rationale).iter().for_each(|line| println!("{line}"));
            }
            Output::Json => results.push(json!({
                "at_ms": at, "service": service, "current": current, "target": rationale.target, "rationale": rationale,
            })),
        }
    }
    if typed.output == Output::Json {
        let whole = if many { json!(results) } else { results.remove(0) };
        println!("{}", serde_json::to_string_pretty(&whole)?);
    }
    if let Some(path) = &typed.state {
        let text = serde_json::to_string_pretty(&memory)?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(Verdict::Done)
}

/// The service that is meant.
fn service<'a>(spec: &'a Spec, typed: &Decide) -> anyhow::Result<(&'a ServiceName, &'a ServiceSpec)> {
    let names = || spec.services.keys().map(ServiceName::as_str).collect::<Vec<_>>().join(", ");
    match (&typed.service, spec.services.len()) {
        (Some(name), _) => {
            let found = spec.services.iter().find(|(known, _)| known.as_str() == name);
            found.ok_or_else(|| anyhow!("--service {name}: there is no such service, there are {}", names()))
        }
        (None, 1) => spec.services.first_key_value().ok_or_else(|| anyhow!("there is no service")),
        (None, 0) => bail!("{}: there is no service in it", typed.policy.display()),
        (None, _) => bail!("{}: say which service with --service: {}", typed.policy.display(), names()),
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_SIZE_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_SIZE_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text)
}

fn remembered(path: Option<&Path>) -> anyhow::Result<Memory> {
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(Memory::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no state of `plimsoll decide`", path.display()))
}

/// Decides about one observation and remembers it.
fn step(
    spec: &ServiceSpec,
    observed: &Observed,
    memory: &mut Memory,
) -> anyhow::Result<(Timestamp, u32, ServiceRationale)> {
    let at = observed.at.time()?;
    if let Some(last) = memory.at.filter(|last| at < *last) {
        bail!("at {at} is before the last decision, {last}");
    }
    let current = observed.current.or(memory.target).unwrap_or(0);
    let pods = observed.pods(at, spec.requests)?;
    let ready = observed.ready.unwrap_or_else(|| if pods.is_empty() { current } else { ready(&pods) });
    for event in &observed.events {
        if !memory.scaler.announce(at, event) {
            bail!("event {:?} ends before it starts, or is over already", event.spec.name);
        }
    }
    let (rate, metrics) = (observed.rate()?, observed::metrics(&observed.metrics)?);
    let measured = observed.measured.unwrap_or(ready);
    let usage = |used: Option<u64>| used.filter(|_| measured > 0).map(|used| Usage { used, replicas: measured });
    let sum = |of: fn(&Pod) -> Option<u64>| {
        let used: Vec<u64> = pods.iter().filter(|pod| pod.ready == Some(true)).filter_map(of).collect();
        let replicas = u32::try_from(used.len()).unwrap_or(u32::MAX);
        (replicas > 0).then(|| Usage { used: used.iter().sum(), replicas })
    };
    let cpu = usage(observed.cpu_millicores).or_else(|| sum(|pod| Some(pod.sample?.cpu?.0)));
    let memory_used = usage(observed.memory_bytes).or_else(|| sum(|pod| Some(pod.sample?.memory?.0)));
    let cost = cpu.zip(rate).and_then(|(cpu, rate)| cpu_per_request_ns(cpu.used, rate));
    let per_replica = per_replica(&spec.scaling, spec.requests.cpu, cost);
    let rate_reading = observed.reading(rate, AGE_MAX_MS);
    let burst = memory.scaler.burst(&spec.scaling, (at, spec.startup), rate_reading, per_replica);
    let inputs = Inputs {
        at,
        replicas_min: spec.replicas_min,
        replicas_max: spec.replicas_max,
        requests: spec.requests,
        current,
        cpu: observed.reading(cpu, AGE_MAX_MS),
        memory: observed.reading(memory_used, AGE_MAX_MS),
        rate: rate_reading,
        in_flight_milli: observed.reading(observed.in_flight_milli()?, AGE_MAX_MS),
        demand: demand(spec, observed, at, per_replica)?,
        per_replica,
        burst,
        ready,
        startup: spec.startup,
        age_max_ms: AGE_MAX_MS,
        pods: &pods,
        metrics: &metrics,
        queue: observed.reading(observed.queue(), AGE_MAX_MS),
        ..Inputs::of(&spec.scaling)
    };
    let mut rationale = decide(&mut memory.scaler, &inputs);
    (rationale.current, rationale.ready) = (current, ready);
    rationale.vertical = size::decide(spec, observed, memory, at, &pods, (current, rationale.target));
    memory.at = Some(at);
    memory.target = Some(rationale.target);
    Ok((at, current, rationale))
}

fn ready(pods: &[Pod]) -> u32 {
    let ready = pods.iter().filter(|pod| pod.ready == Some(true) && pod.phase == PodPhase::Running);
    u32::try_from(ready.count()).unwrap_or(u32::MAX)
}

/// The forecast that the observation gives, where the policy has one and knows what a replica takes.
fn demand(
    spec: &ServiceSpec,
    observed: &Observed,
    at: Timestamp,
    per_replica: Option<MilliRps>,
) -> anyhow::Result<Option<Demand>> {
    let given = observed.forecast(at.plus(spec.startup))?;
    let (Some(wanted), Some(forecast), Some(per_replica)) = (&spec.scaling.forecast, given, per_replica) else {
        return Ok(None);
    };
    let Some(point) = forecast.at_quantile(wanted.quantile) else { return Ok(None) };
    Ok(Some(Demand {
        forecast: Arc::new(forecast),
        quantile: wanted.quantile,
        demand: point.value,
        per_replica,
        missing_price: wanted.missing_price,
    }))
}
