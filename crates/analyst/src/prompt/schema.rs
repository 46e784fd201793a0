//! The JSON Schema of an answer, made for one pack.
//!
//! It keeps to what servers that hold a model to a schema understand: objects without further fields, `enum`, bounded arrays
//! and whole numbers, `anyOf`, one anchored `pattern`. Every list is bounded, so that the longest answer is. Fields stand in
//! the order of the alphabet, in which also the cause comes before what it rests on and the rationale comes last.

use super::change::Field;
use crate::diagnosis::Cause;
use serde_json::{Value, json};

/// Most hypotheses of an answer.
pub const HYPOTHESES_MAX: usize = 3;
/// Most ids that one rests on.
pub const EVIDENCE_MAX: usize = 4;
/// Most changes of one proposal.
pub const CHANGES_MAX: usize = 2;
/// Most characters of the rationale.
pub const RATIONALE_MAX: usize = 160;
/// A figure becomes at most so many percent of what it is.
pub(super) const PERCENT_MAX: u64 = 1_000;

/// The schema for these ids and figures.
pub(super) fn schema(ids: &[String], figures: &[(String, f64)]) -> Value {
    let causes = Cause::ALL.map(Cause::name);
    let hypothesis = object(json!({
        "cause": { "enum": causes },
        "confidence": { "enum": ["unsure", "likely", "sure"] },
        "evidence": { "type": "array", "minItems": 1, "maxItems": EVIDENCE_MAX, "items": { "enum": ids } },
        "proposal": proposal(figures),
    }));
    object(json!({
        "abstain": { "type": "boolean" },
        "hypotheses": { "type": "array", "minItems": 0, "maxItems": HYPOTHESES_MAX, "items": hypothesis },
        "rationale": { "type": "string", "pattern": format!("^[A-Za-z ,.;:()'-]{{0,{RATIONALE_MAX}}}$") },
    }))
}

fn proposal(figures: &[(String, f64)]) -> Value {
    if figures.is_empty() {
        return json!({ "type": "null" });
    }
    let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
    let change = |field: Field| {
        let (least, most) = field.bounds();
        object(json!({
            "field": { "enum": [field.name()] },
            "to": { "type": "integer", "minimum": least, "maximum": most },
        }))
    };
    let full = object(json!({
        "changes": { "type": "array", "minItems": 1, "maxItems": CHANGES_MAX, "items": { "anyOf": Field::ALL.map(change) } },
        "claim": object(json!({
            "figure": { "enum": names },
            "then_percent": { "type": "integer", "minimum": 0, "maximum": PERCENT_MAX },
        })),
    }));
    json!({ "anyOf": [{ "type": "null" }, full] })
}

/// An object that has these fields and no other.
fn object(properties: Value) -> Value {
    let required: Vec<String> = properties.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}
