//! The JSON Schema of the spec file (draft 2020-12), from the table of fields.
//!
//! For editors and for tools that write specs. It says all that the table says; what holds between fields, and the
//! ranges of quantities written as strings, only reading the file can check (ranges are in `x-range` for people).

use crate::field::{Choice, ENTRIES_MAX, Fallback, Field, Kind, Literal, Section};
use crate::form::Form;
use crate::table::{ROOT, sections};
use crate::unit::Unit;
use serde_json::{Map, Value, json};

/// The schema as JSON.
#[must_use]
pub fn schema() -> Value {
    let definitions: Map<String, Value> = sections()
        .into_iter()
        .filter(|section| !std::ptr::eq(*section, &raw const ROOT))
        .map(|section| (section.name.to_owned(), object(section)))
        .collect();
    let mut root = object(&ROOT);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Plimsoll spec");
    root["$defs"] = Value::Object(definitions);
    root
}

fn object(section: &Section) -> Value {
    let properties: Map<String, Value> =
        section.fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = section
        .fields
        .iter()
        .filter(|field| matches!(field.fallback, Fallback::Required))
        .map(|field| field.name)
        .collect();
    json!({
        "type": "object",
        "description": section.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(field: &Field) -> Value {
    let mut value = kind(&field.kind);
    let mut description = field.doc.to_owned();
    for part in [field.long.to_owned(), fallback_words(&field.fallback)] {
        if !part.is_empty() {
            description.push_str(&format!(" {part}"));
        }
    }
    value["description"] = json!(description);
    if let Some(range) = field.kind.range() {
        value["x-range"] = json!(range);
    }
    if let Fallback::Is(literal, _) = field.fallback {
        value["default"] = default(literal);
    }
    value["x-reload"] = json!(field.reload);
    value
}

fn fallback_words(fallback: &Fallback) -> String {
    match fallback {
        Fallback::Is(_, why) => format!("The default: {why}."),
        Fallback::Absent(meaning) => format!("When left out: {meaning}."),
        Fallback::Required | Fallback::Inner => String::new(),
    }
}

fn default(literal: Literal) -> Value {
    match literal {
        Literal::Text(text) => json!(text),
        Literal::Integer(number) => json!(number),
        Literal::Decimal(digits) => digits.parse::<f64>().map_or(Value::Null, |number| json!(number)),
        Literal::Flag(flag) => json!(flag),
    }
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Quantity { unit, min, max, unlimited } => quantity(*unit, *min, *max, *unlimited),
        Kind::Text(form) => text(*form),
        Kind::Choice(choices) => choice(choices),
        Kind::Texts { form, min } => {
            json!({"type": "array", "items": text(*form), "minItems": min, "maxItems": ENTRIES_MAX})
        }
        Kind::Choices(choices) => json!({"type": "array", "items": choice(choices), "maxItems": ENTRIES_MAX}),
        Kind::Variables => json!({
            "type": "object",
            "propertyNames": {"pattern": "^[^=\\u0000]+$"},
            "additionalProperties": {"type": "string"},
            "maxProperties": ENTRIES_MAX,
        }),
        Kind::Table(section) => match section.short.last().and_then(|name| section.field(name)) {
            None => reference(section),
            Some(field) => json!({"anyOf": [reference(section), self::kind(&field.kind)]}),
        },
        Kind::Tables(section) => json!({"type": "array", "items": reference(section), "maxItems": ENTRIES_MAX}),
        Kind::Named(section) => json!({
            "type": "object",
            "propertyNames": {"pattern": Form::Name.pattern()},
            "additionalProperties": reference(section),
            "maxProperties": ENTRIES_MAX,
        }),
    }
}

fn reference(section: &Section) -> Value {
    json!({"$ref": format!("#/$defs/{}", section.name)})
}

fn text(form: Form) -> Value {
    match form.pattern() {
        Some(pattern) => json!({"type": "string", "pattern": pattern}),
        None => json!({"type": "string"}),
    }
}

fn choice(choices: &[Choice]) -> Value {
    let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
    let docs: Map<String, Value> = choices.iter().map(|choice| (choice.word.to_owned(), json!(choice.doc))).collect();
    json!({"enum": words, "x-choices": docs})
}

/// One alternative for each TOML type that the unit can be written in.
fn quantity(unit: Unit, min: i64, max: i64, unlimited: bool) -> Value {
    let mut ways = Vec::new();
    if unit.takes_text() {
        ways.push(json!({"type": "string", "pattern": unit.pattern()}));
    }
    if unit.takes_decimal() {
        ways.push(json!({"type": "number", "minimum": thousandths(min), "maximum": thousandths(max)}));
    } else if unit.takes_integer() {
        ways.push(json!({"type": "integer", "minimum": min, "maximum": max}));
    }
    if unlimited {
        ways.push(json!({"const": "unlimited"}));
    }
    match ways.len() {
        1 => ways.remove(0),
        _ => json!({"anyOf": ways}),
    }
}

/// Bounds are shown, never computed with, so the nearest float will do.
fn thousandths(value: i64) -> Value {
    Unit::Thousandths.print(value).parse::<f64>().map_or(Value::Null, |number| json!(number))
}
