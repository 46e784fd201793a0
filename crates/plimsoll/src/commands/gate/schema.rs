//! JSON Schemas of a proposal and of a verdict. Tests hold them to what is read and written.

use plimsoll_analyst::gate::Figures;
use serde_json::{Value, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Fields of changes: the word, what stands beside it, and what it means.
const CHANGES: [(&str, &[&str], &str); 25] = [
    ("replicas_min", &["from?", "to"], "Fewest replicas."),
    ("replicas_max", &["from?", "to"], "Most replicas."),
    ("request_cpu", &["from?", "to"], "CPU that a replica is reserved, millicores."),
    ("limit_cpu", &["from?", "to"], "Most CPU of a replica, millicores. Not provable."),
    ("limit_memory", &["from?", "to"], "Most memory of a replica, MiB. Not provable."),
    ("stabilization_down", &["from?", "to"], "Window that holds a scale-in back, ms."),
    ("stabilization_up", &["from?", "to"], "Window that holds a scale-out back, ms."),
    ("tolerance", &["from?", "to"], "Share of a target within which nothing changes, thousandths."),
    ("step_up", &["from?", "to"], "Most replicas added per period."),
    ("step_down", &["from?", "to"], "Most replicas removed per period."),
    ("step_period", &["from?", "to"], "The period of both steps, ms."),
    ("reserve", &["from?", "to"], "Spare replicas."),
    ("reserve_share", &["to"], "Spare replicas as a share of the need, thousandths."),
    ("reserve_burst", &["to"], "Spare replicas for this quantile of growth within a start-up time, thousandths."),
    ("forecast", &["season", "quantile"], "A seasonal forecast: ms and thousandths."),
    ("no_forecast", &[], "No forecast any more."),
    ("forecast_models", &["to:texts"], "Models that are fitted. Not provable."),
    ("scale_on_cpu", &["from?", "to"], "The wanted share of CPU, thousandths."),
    ("scale_on_memory", &["target"], "The wanted share of memory, thousandths. Not provable."),
    ("scale_on_in_flight", &["target"], "Requests in flight per replica, thousandths."),
    ("scale_on_request_rate", &["target"], "Requests per second per replica, thousandths."),
    ("policies", &["to:objects"], "Other policies in place of all, as the spec's model has them."),
    (
        "formula",
        &["from?:object", "to:object"],
        "A formula for replicas in the place of learnt headroom or of another one, as the spec's model has them.",
    ),
    ("balance", &["from?:text", "to:text"], "Another balance algorithm. Not provable."),
    ("announce", &["event:object"], "An event. Not provable: no history says whether it will come."),
];

/// Of a proposal.
pub fn proposal() -> Value {
    let number = json!({ "type": "number" });
    let text = |most: u32| json!({ "type": "string", "maxLength": most });
    let claim = json!({ "type": ["object", "null"], "additionalProperties": false,
        "required": ["figure", "now", "then", "risk"], "description": "What should improve, now and then.",
        "properties": { "figure": text(100), "now": number, "then": number, "risk": text(1_000) } });
    let rollback = json!({ "type": ["object", "null"], "additionalProperties": false,
        "required": ["figure", "above", "for_s"], "description": "What takes it back.",
        "properties": { "figure": text(100), "above": { "type": "number", "minimum": 0 }, "for_s": { "type": "number", "minimum": 0 } } });
    let causes: Vec<String> = plimsoll_analyst::Cause::ALL.iter().map(ToString::to_string).collect();
    json!({
        "$schema": DRAFT,
        "title": "Plimsoll proposal",
        "description": "A typed patch of one service's policy, with its claim, evidence, expiry and what takes it back.",
        "type": "object",
        "additionalProperties": false,
        "required": ["service", "cause", "changes", "claim", "evidence", "confidence", "expires_ms", "rollback", "advice"],
        "properties": {
            "service": text(63),
            "cause": { "enum": causes },
            "changes": { "type": "array", "maxItems": 16, "items": { "oneOf": CHANGES.map(change) } },
            "claim": claim,
            "evidence": { "type": "array", "maxItems": 64, "items": text(16), "description": "Ids of facts." },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
            "expires_ms": { "type": "integer", "description": "Trace time, ms since the epoch." },
            "rollback": rollback,
            "advice": text(1_000),
        },
    })
}

fn change((field, beside, doc): (&str, &[&str], &str)) -> Value {
    let mut properties = serde_json::Map::new();
    properties.insert("field".to_owned(), json!({ "const": field }));
    let mut required = vec!["field".to_owned()];
    for each in beside {
        let (name, kind) = each.split_once(':').unwrap_or((each, "whole"));
        let bare = name.trim_end_matches('?');
        let schema = match kind {
            "text" => json!({ "type": ["string", "null"] }),
            "texts" => json!({ "type": "array", "maxItems": 8, "items": { "type": "string" } }),
            "objects" => json!({ "type": "array", "maxItems": 8, "items": { "type": "object" } }),
            "object" => json!({ "type": "object" }),
            _ if bare != name => json!({ "type": ["integer", "null"], "minimum": 0 }),
            _ => json!({ "type": "integer", "minimum": 0 }),
        };
        properties.insert(bare.to_owned(), schema);
        if bare == name {
            required.push(bare.to_owned());
        }
    }
    json!({ "type": "object", "additionalProperties": false, "description": doc, "required": required, "properties": properties })
}

/// Of a verdict.
pub fn verdict() -> Value {
    let number = json!({ "type": "number" });
    let whole = json!({ "type": "integer" });
    let text = json!({ "type": "string" });
    let of = |properties: Value| {
        let required: Vec<String> = properties.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let names = ["price", "paid"].into_iter().chain(Figures::NAMES);
    let figures = of(names.map(|name| (name.to_owned(), number.clone())).collect::<serde_json::Map<_, _>>().into());
    let three = |each: &Value| of(json!({ "proposal": each, "incumbent": each, "standard": each }));
    let interval = of(json!({ "value": number, "low": number, "high": number }));
    let part = of(json!({ "from_ms": whole, "samples": whole }));
    let wholes = json!({ "type": "array", "items": whole });
    let proof = of(json!({
        "seed": text, "seen": part, "held_out": part, "windows": whole, "capacity_milli_rps": whole, "startup_ms": whole,
        "tick_ms": whole, "standard": text, "figures": three(&figures), "price_of_incumbent": interval,
        "price_of_standard": interval, "steps": whole,
        "compared": { "type": "array", "items": of(json!({ "figure": text, "than": text, "difference": interval, "margin": number })) },
        "stress": { "type": "array", "items": of(json!({ "stress": text, "passed": { "type": "boolean" }, "figures": three(&figures) })) },
        "plot": of(json!({ "from_ms": whole, "step_ms": whole, "need": wholes, "ready": three(&wholes) })),
    }));
    let nullable = |mut schema: Value| {
        schema["type"] = json!(["object", "null"]);
        schema
    };
    let mut all = of(json!({
        "version": whole, "accepted": { "type": "boolean" }, "service": text,
        "refusals": { "type": "array", "items": of(json!({ "stage": text, "words": text, "reason": text })) },
        "hashes": of(json!({ "proposal": text, "history": text, "spec": text, "code": text, "release": text })),
        "terms": { "type": "object", "description": "On what terms: margins, confidence, prices, salt." },
        "proof": nullable(proof),
    }));
    all["$schema"] = json!(DRAFT);
    all["title"] = json!("Plimsoll verdict");
    all["description"] =
        json!("What the gate says of a proposal, with every figure. The same input gives the same bytes.");
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_analyst::proposal::Change;

    /// A formula by itself, or as one of a spec's policies.
    fn formula(is_policy: bool) -> Value {
        let mut value = json!({ "name": "evolved", "text": "needed + 1replica", "price": 80, "price_keep": 160 });
        if is_policy {
            value["metric"] = json!("formula");
        }
        value
    }

    #[test]
    fn every_change_of_the_schema_is_one_that_is_read() {
        for (field, beside, _) in CHANGES {
            let mut value = json!({ "field": field });
            for each in beside {
                let (name, kind) = each.split_once(':').unwrap_or((each, "whole"));
                value[name.trim_end_matches('?')] = match kind {
                    "text" => json!("round_robin"),
                    "texts" => json!(["theta"]),
                    "objects" => json!([{ "metric": "cpu", "target": 600 }]),
                    "object" if field == "formula" => formula(name == "from?"),
                    "object" => json!({ "name": "sale", "start": 1, "end": 2, "curve": [] }),
                    _ => json!(7),
                };
            }
            let read: Result<Change, _> = serde_json::from_value(value.clone());
            assert!(read.is_ok(), "{value}: {read:?}");
        }
    }
}
