//! The JSON Schema of a history for `plimsoll analyst`. A test holds it to what is read.

use plimsoll_analyst::history::{SAMPLES_MAX, Sample};
use serde_json::{Map, Value, json};

/// The schema (draft 2020-12).
pub fn history() -> Value {
    let figures: Map<String, Value> = Sample::default().figures().into_iter().map(|(name, _)| figure(name)).collect();
    let moment = json!({ "type": "integer", "description": "Milliseconds since the epoch." });
    let list = |properties: Value, required: Value, doc: &str| {
        json!({ "type": "array", "description": doc, "items":
            { "type": "object", "additionalProperties": false, "required": required, "properties": properties } })
    };
    let event = json!({ "at_ms": moment, "text": { "type": "string", "maxLength": 100_000 },
        "kind": { "enum": ["release", "change", "announced", "replica", "other"] } });
    let whole = json!({ "type": "integer", "minimum": 0 });
    let decision = json!({ "at_ms": moment, "from": whole, "to": whole, "reason": { "type": "string" } });
    let number = json!({ "type": "number", "minimum": 0 });
    let forecast =
        json!({ "for_ms": moment, "quantile": { "type": "number", "minimum": 0, "maximum": 1 }, "rate_per_s": number });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Plimsoll history",
        "description": "What `plimsoll analyst` reads: a service over a window. Times are trace time; what was not measured is left out.",
        "type": "object",
        "additionalProperties": false,
        "required": ["service", "step_ms", "samples"],
        "properties": {
            "service": { "type": "string", "description": "Its name." },
            "start_ms": { "type": "integer", "default": 0, "description": "Time of the first sample, milliseconds since the epoch." },
            "step_ms": { "type": "integer", "minimum": 1, "description": "Time between two samples, milliseconds." },
            "configured": configured(),
            "samples": { "type": "array", "minItems": 24, "maxItems": SAMPLES_MAX, "description": "One per step, oldest first.",
                "items": { "type": "object", "additionalProperties": false, "properties": figures } },
            "events": list(event, json!(["at_ms", "kind"]), "What happened; the text is shown as data and decides nothing."),
            "decisions": list(decision, json!(["at_ms", "from", "to"]), "Changes of the number of replicas wanted."),
            "forecasts": list(forecast, json!(["for_ms", "quantile", "rate_per_s"]), "Forecasts that were made."),
        },
    })
}

fn figure(name: &str) -> (String, Value) {
    let doc = match name {
        "rate_per_s" => "Requests that arrived per second.",
        "ready" => "Ready replicas.",
        "wanted" => "Replicas wanted.",
        "cpu_cores" => "CPU used by all measured replicas, cores.",
        "measured" => "Replicas in `cpu_cores` and `memory_mib`.",
        "memory_mib" => "Mean memory of one replica, MiB.",
        "memory_max_mib" => "Memory of the replica that holds most, MiB.",
        "memory_oldest_mib" => "Memory of the replica that has run longest, MiB.",
        "age_oldest_s" => "How long that one has run, seconds.",
        "latency_p50_ms" => "Median latency, ms.",
        "latency_p99_ms" => "99 % were faster, ms.",
        "in_flight" => "Mean requests in flight.",
        "failed_per_s" => "Requests failed per second, those shed included.",
        "shed_per_s" => "Requests shed per second.",
        "queue" => "Work that waits in a queue, items.",
        "throttled" => "Mean share of scheduler periods in which a quota held a replica back.",
        "out_of_memory" => "Replicas killed for want of memory in the step.",
        "restarts" => "Replicas that ended by themselves in another way in the step.",
        "disk_mib_per_s" => "Read and written by all measured replicas, MiB per second.",
        "network_mib_per_s" => "Received and sent by all measured replicas, MiB per second.",
        "pressure_io" => "Share of time in which something on the host waited for I/O.",
        "pressure_cpu" => "Share of time in which something on the host waited for CPU.",
        "host_cpu_cores" => "CPU used by everything on the host, cores.",
        _ => "",
    };
    let is_share = matches!(name, "throttled" | "pressure_io" | "pressure_cpu");
    let most = if is_share { 1.0 } else { 1e15 };
    (name.to_owned(), json!({ "type": "number", "minimum": 0, "maximum": most, "description": doc }))
}

fn configured() -> Value {
    let count = |doc: &str| json!({ "type": ["integer", "null"], "minimum": 0, "description": doc });
    let number = |doc: &str| json!({ "type": ["number", "null"], "minimum": 0, "description": doc });
    let target = json!({ "type": "object", "additionalProperties": false, "required": ["metric"], "properties": {
        "metric": { "type": "string", "description": "cpu, memory, request_rate, in_flight or another policy's name." },
        "value": { "type": "number", "description": "A share for cpu and memory, per replica for the others." } } });
    json!({ "type": "object", "additionalProperties": false, "description": "What the operator set; null or left out where it is not known.",
        "properties": {
            "replicas_min": count("Fewest replicas."),
            "replicas_max": count("Most replicas."),
            "request_cpu_cores": number("CPU that a replica is reserved, cores."),
            "request_memory_mib": number("Memory that a replica is reserved, MiB."),
            "limit_cpu_cores": number("Most CPU of a replica, cores."),
            "limit_memory_mib": number("Most memory of a replica, MiB."),
            "targets": { "type": "array", "items": target, "description": "What it scales on." },
            "tolerance": number("No change within this share of a target."),
            "stabilization_up_s": number("Scale out only to the lowest proposal of this window, seconds."),
            "stabilization_down_s": number("Scale in only to the highest proposal of this window, seconds."),
            "step_up": count("Most replicas added per period."),
            "step_down": count("Most replicas removed per period."),
            "period_s": number("The period of the two, seconds."),
            "reserve": count("Spare replicas."),
            "forecast_season_s": number("Season of the forecast, seconds."),
            "startup_s": number("From a replica's start to its being ready, physical seconds."),
            "host_cpu_cores": number("CPU of the host, cores."),
        } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_analyst::history::Configured;

    #[test]
    fn the_schema_has_every_field_that_is_written_and_says_what_it_is() {
        let schema = history();
        let samples = schema["properties"]["samples"]["items"]["properties"].as_object().unwrap();
        assert_eq!(samples.len(), Sample::default().figures().len());
        assert!(samples.values().all(|figure| figure["description"] != ""), "{samples:?}");
        let written = serde_json::to_value(Configured::default()).unwrap();
        let described = schema["properties"]["configured"]["properties"].as_object().unwrap();
        assert_eq!(written.as_object().unwrap().keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>());
    }
}
