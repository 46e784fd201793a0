//! One service, one observation: every figure to its place, and the decision of the code that runs.

use super::AGE_MAX_MS;
use super::observed::{self, Observed};
use super::size;
use anyhow::bail;
use plimsoll_autoscale::{
    Demand, Inputs, Pod, PodPhase, Scaler, Usage, WhatIf, cpu_per_request_ns, decide, per_replica, what_if,
};
use plimsoll_model::quantity::{MilliRps, Timestamp};
use plimsoll_model::{ServiceRationale, ServiceSpec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the policy remembers between two calls.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    /// When it last decided.
    pub at: Option<Timestamp>,
    /// What it decided.
    pub target: Option<u32>,
    /// What it got, where the room is shared with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<u32>,
    /// When that last was another number than before, where right-sizing asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count_changed_at: Option<Timestamp>,
    /// What scaling remembers.
    pub scaler: Scaler,
}

/// A decision about one service.
pub struct Decided {
    /// Replicas before it.
    pub current: u32,
    /// What was decided, and why.
    pub rationale: ServiceRationale,
    /// What other loads would have brought.
    pub what_if: WhatIf,
}

/// Decides about one observation, remembers it, and finds out at which loads the answer would have been another.
pub fn step(spec: &ServiceSpec, observed: &Observed, memory: &mut Memory, at: Timestamp) -> anyhow::Result<Decided> {
    let before = memory.clone();
    let (current, rationale) = decide_once(spec, observed, memory, at)?;
    let target_at = |load: u64| {
        let decided = decide_once(spec, &observed.at_load(load), &mut before.clone(), at);
        decided.map_or(rationale.target, |(_, rationale)| rationale.target)
    };
    let what_if = what_if(rationale.target, target_at);
    Ok(Decided { current, rationale, what_if })
}

/// Decides about one observation and remembers it.
fn decide_once(
    spec: &ServiceSpec,
    observed: &Observed,
    memory: &mut Memory,
    at: Timestamp,
) -> anyhow::Result<(u32, ServiceRationale)> {
    if let Some(last) = memory.at.filter(|last| at < *last) {
        bail!("at {at} is before the last decision, {last}");
    }
    let current = observed.current.or(memory.granted).or(memory.target).unwrap_or(0);
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
    Ok((current, rationale))
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
