//! The JSON Schema of an observation for `plimsoll decide`. Tests hold it to what is read.

use super::schema_fleet::{nodes, services};
use serde_json::{Value, json};

/// The schema (draft 2020-12).
pub fn observation() -> Value {
    let number = |doc: &str| json!({ "type": "number", "minimum": 0, "description": doc });
    let moment = json!({ "type": ["string", "integer"] });
    let metric = json!({
        "anyOf": [
            { "type": "number" },
            { "type": "object", "properties": { "value": { "type": "number" }, "age_ms": count("Its age, milliseconds.") },
              "required": ["value", "age_ms"], "additionalProperties": false },
        ],
    });
    let metrics = |doc: &str| json!({ "type": "object", "additionalProperties": metric, "description": doc });
    let pod = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "phase": { "enum": ["pending", "running", "failed", "deleting"], "default": "running", "description": "Where it is in its life." },
            "started_s_ago": count("Seconds since its start; a day if left out."),
            "ready": { "type": "boolean", "default": true, "description": "Its health check passes." },
            "ready_s_ago": count("Seconds since `ready` changed; since its start if left out."),
            "cpu_millicores": count("CPU used, thousandths of a core; no sample if left out."),
            "memory_bytes": count("Memory used."),
            "window_s": { "type": "integer", "minimum": 0, "default": 15, "description": "Seconds that the sample averages over." },
            "metrics": metrics("Figures of its own, by name."),
        },
    });
    let event = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "start": { "type": "integer", "description": "Milliseconds since the epoch." },
            "end": { "type": "integer", "description": "Milliseconds since the epoch." },
            "curve": { "type": "array", "items": { "type": "object", "properties": {
                "at": { "type": "integer", "description": "Milliseconds after the start." },
                "expected": { "type": "object", "description": "`factor` in thousandths of the usual load, or `rate` in thousandths of a request/s." },
            } } },
            "by": { "type": "string" },
        },
        "required": ["name", "start", "end", "curve"],
    });
    let one = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["at"],
        "properties": {
            "at": { "type": moment["type"], "description": "When: a time with zone such as 2026-03-01T09:00:00Z, or milliseconds since the epoch." },
            "current": count("Replicas wanted before; the last decision's if left out, at first 0."),
            "ready": count("Replicas whose health check passes; the ready ones of `pods`, or `current`, if left out."),
            "age_ms": { "type": "integer", "minimum": 0, "default": 0, "description": "Age of the figures, milliseconds; above 15,000 they are stale." },
            "rate_per_s": number("Arrivals per second over all replicas."),
            "in_flight": number("Requests in flight over all replicas."),
            "cpu_millicores": count("CPU used by the measured replicas together, thousandths of a core."),
            "memory_bytes": count("Memory used by the measured replicas together."),
            "measured": count("Replicas in `cpu_millicores` and `memory_bytes`; `ready` if left out."),
            "pods": { "type": "array", "items": pod, "description": "Replicas one by one, for policies that look at single ones (hpa) and for right-sizing." },
            "out_of_memory": { "type": "array", "items": out_of_memory(), "description": "Replicas that ran out of memory since the last observation, for right-sizing." },
            "metrics": metrics("Figures of somebody else, by name: what an HPA's Object and External metrics are called."),
            "queue": {
                "type": "object", "additionalProperties": false, "required": ["waiting"], "description": "Work that waits.",
                "properties": {
                    "waiting": count("Items that wait or are worked on."),
                    "oldest_ms": count("How long the oldest has waited, milliseconds."),
                    "remaining_work_ms": count("Time that one replica would need for all of it, milliseconds."),
                },
            },
            "forecast": {
                "type": "object", "additionalProperties": number("Requests per second."),
                "description": "Forecast for the moment at which a replica started now would be ready: quantile (0.95) and requests per second.",
            },
            "events": { "type": "array", "items": event, "description": "Events that are announced just now." },
        },
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plimsoll observation",
        "description": "What `plimsoll decide` is told: one observation, or a list that is decided one after the other.",
        "anyOf": [any_number("observation"), any_number("services"), any_number("nodes")],
        "$defs": { "observation": one, "services": services(&one), "nodes": nodes() },
    })
}

/// One, or a list of them.
fn any_number(kind: &str) -> Value {
    let one = json!({ "$ref": format!("#/$defs/{kind}") });
    json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
}

pub(super) fn count(doc: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": doc })
}

fn out_of_memory() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["requested_bytes", "ran_s"],
        "properties": {
            "requested_bytes": count("Memory it was reserved."),
            "ran_s": count("Seconds that it ran."),
        },
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::observed::{Observed, ObservedPod};
    use super::*;

    /// The fields that an unknown one is told of.
    pub fn fields<T: for<'de> serde::Deserialize<'de> + std::fmt::Debug>() -> Vec<String> {
        let error = serde_json::from_str::<T>("{\"no such field\": 1}").unwrap_err().to_string();
        let mut names: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        names.sort();
        names
    }

    pub fn properties(object: &Value) -> Vec<String> {
        let mut names: Vec<String> = object["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    }

    #[test]
    fn the_schema_has_the_fields_that_are_read() {
        let schema = observation();
        let one = &schema["$defs"]["observation"];
        assert_eq!(properties(one), fields::<Observed>());
        assert_eq!(properties(&one["properties"]["pods"]["items"]), fields::<ObservedPod>());
    }
}
