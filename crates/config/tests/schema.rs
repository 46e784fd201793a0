//! The JSON Schema agrees with the reader: what the one accepts, the other accepts.
//!
//! The validator below knows exactly the keywords that our schema uses and panics on any other, so the schema cannot
//! silently start to use one that is not checked here.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use plimsoll_config::field::{Fallback, Kind};
use plimsoll_config::form::Form;
use plimsoll_config::table::sections;
use plimsoll_config::unit::Unit;
use plimsoll_config::{parse, render, schema};
use proptest::prelude::*;
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Keywords that only people read.
const NOTES: [&str; 7] = ["$schema", "$defs", "title", "description", "default", "x-range", "x-choices"];

/// What in `value` the schema refuses, by path.
fn refused(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap();
                found.extend(refused(root, target, value, path));
                true
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|one| refused(root, one, value, path).is_empty()),
            "type" => is_type(value, wanted.as_str().unwrap()),
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "pattern" => value.as_str().is_none_or(|text| matches(wanted.as_str().unwrap(), text)),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= wanted.as_u64().unwrap()),
            "maxProperties" => value.as_object().is_none_or(|object| object.len() as u64 <= wanted.as_u64().unwrap()),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= wanted.as_u64().unwrap()),
            "items" => {
                let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
                found.extend(list.iter().flat_map(|item| refused(root, wanted, item, &format!("{path}[]"))));
                true
            }
            "required" => has_all(wanted, value),
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(key) {
                        found.extend(refused(root, schema, inner, &format!("{path}.{key}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                found.extend(others(root, schema, wanted, value, path));
                true
            }
            "propertyNames" => value
                .as_object()
                .is_none_or(|object| object.keys().all(|key| refused(root, wanted, &json!(key), path).is_empty())),
            note if NOTES.contains(&note) || note == "x-reload" => true,
            other => panic!("the validator does not know {other:?}"),
        };
        if !holds {
            found.push(format!("{path}: {keyword} {wanted} refuses {value}"));
        }
    }
    found
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("no type {other:?}"),
    }
}

fn has_all(wanted: &Value, value: &Value) -> bool {
    let names = wanted.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    value.as_object().is_none_or(|object| names.into_iter().all(|name| object.contains_key(name)))
}

fn others(root: &Value, schema: &Value, wanted: &Value, value: &Value, path: &str) -> Vec<String> {
    let known = schema.get("properties").and_then(Value::as_object);
    let unknown =
        value.as_object().into_iter().flatten().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
    unknown
        .flat_map(|(key, inner)| match wanted {
            Value::Bool(false) => vec![format!("{path}.{key}: no such property")],
            schema => refused(root, schema, inner, &format!("{path}.{key}")),
        })
        .collect()
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
}

/// TOML as JSON; a moment becomes its text, as it does for every JSON Schema tool.
fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(digits) => json!(i64::from_str_radix(digits.as_str(), digits.radix()).unwrap()),
        DeValue::Float(digits) => json!(digits.as_str().parse::<f64>().unwrap()),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Datetime(moment) => json!(moment.to_string()),
        DeValue::Array(list) => list.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Table(table) => object(table),
    }
}

fn object(table: &DeTable<'_>) -> Value {
    let fields = table.iter().map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref())));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn check(text: &str) -> Vec<String> {
    let schema = schema();
    refused(&schema, &schema, &object(DeTable::parse(text).unwrap().get_ref()), "")
}

#[test]
fn every_example_and_its_effective_spec_hold() {
    for name in ["minimal.toml", "shop.toml", "nginx.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(check(&text), Vec::<String>::new(), "{name}");
        let spec = parse(&text, &path).unwrap_or_else(|report| panic!("{report}")).spec;
        assert_eq!(check(&render(&spec)), Vec::<String>::new(), "{name}, effective");
    }
}

#[test]
fn what_the_reader_refuses_in_one_place_the_schema_refuses_too() {
    let service = "[services.s]\ncommand = [\"x\"]\nreplicas = 1\nrequests = { cpu = 1, memory = \"1MiB\" }\n";
    let valid = format!("name = \"x\"\n{service}");
    assert_eq!(check(&valid), Vec::<String>::new());
    for line in [
        "nam = 1",
        "startup = 30",
        "startup = \"30\"",
        "startup = \"30 sec\"",
        "grace = true",
        "priority = \"high\"",
        "priority = 1.5",
        "priority = 9999999",
        "replicas = 20000",
        "env = { A = 1 }",
        "balance = \"fastest\"",
        "scaling = { cpu = 60 }",
        "scaling = { request_rate = 50 }",
        "health = \"healthz\"",
        "sandbox = { require = [\"gpu\"] }",
        "command = []",
        "command = \"x\"",
        "limits = { cpu = 5000 }",
    ] {
        let text = format!(
            "{}{line}\n",
            valid.replace(
                &format!(
                    "{}\n",
                    valid.lines().find(|of| of.split(' ').next() == line.split(' ').next()).unwrap_or("\0")
                ),
                ""
            )
        );
        assert!(parse(&text, Path::new("s.toml")).is_err(), "the reader accepts {line}");
        assert!(!check(&text).is_empty(), "the schema accepts {line}");
    }
    for text in [
        "",
        "name = \"No\"",
        "name = \"x\"\napi = \"localhost:80\"",
        "name = \"x\"\n[services.\"A b\"]\n",
        "name = \"x\"\n[jobs.j]\n",
    ] {
        assert!(parse(text, Path::new("s.toml")).is_err(), "the reader accepts {text}");
        assert!(!check(text).is_empty(), "the schema accepts {text}");
    }
}

#[test]
fn the_schema_says_defaults_ranges_and_choices_of_every_field() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for section in sections() {
        let object = if section.name == "spec" { &schema } else { &schema["$defs"][section.name] };
        assert_eq!(object["properties"].as_object().unwrap().len(), section.fields.len(), "{}", section.name);
        for field in section.fields {
            let property = &object["properties"][field.name];
            let place = format!("{}.{}", section.name, field.name);
            assert!(property["description"].as_str().unwrap().starts_with(field.doc), "{place}");
            assert_eq!(property.get("default").is_some(), matches!(field.fallback, Fallback::Is(..)), "{place}");
            assert_eq!(property.get("x-range").is_some(), matches!(field.kind, Kind::Quantity { .. }), "{place}");
            if let Some(default) = property.get("default") {
                assert_eq!(refused(&schema, property, default, &place), Vec::<String>::new());
            }
        }
    }
}

#[test]
fn forms_accept_no_more_than_their_patterns() {
    let texts = [
        "a",
        "a-b",
        "a-",
        "-a",
        "A",
        "127.0.0.1:80",
        "[::1]:80",
        "[::ffff:1.2.3.4]:0",
        "localhost:80",
        "/",
        "/a?b=c%20d",
        "/ä",
        "shop.example",
        "shop.example:80",
        "../data/day.csv",
        "2018-01-07T00:00:00Z",
        "2018-01-07 00:00:00.5+01:00",
        "2018-01-07",
        "once",
        "manual",
        "every 1h30m",
        "daily 03:30",
        "daily 03:30:15",
        "hourly",
        "10.0.0.0/8",
        "::1",
        "::/0",
        "x\ny",
        "",
        "ä",
        &"a".repeat(64),
    ];
    let forms = [
        Form::Text,
        Form::Argument,
        Form::Name,
        Form::Address,
        Form::UrlPath,
        Form::Host,
        Form::File,
        Form::Moment,
        Form::Schedule,
        Form::Network,
    ];
    for form in forms {
        let mut accepted = 0;
        for text in texts.iter().filter(|text| form.check(text).is_ok()) {
            accepted += 1;
            assert!(form.pattern().is_none_or(|pattern| matches(pattern, text)), "{form:?} accepts {text:?}");
        }
        assert!(accepted > 0, "{form:?} accepts none of the texts");
    }
}

proptest! {
    #[test]
    fn a_quantity_that_is_read_matches_its_pattern(value in 0_i64..1 << 50, text in "[0-9.]{1,6} ?[a-zA-Z%/]{0,3}") {
        for unit in [Unit::Duration, Unit::Bytes, Unit::Cpu, Unit::Share, Unit::Rate] {
            prop_assert!(matches(unit.pattern(), &unit.print(value)), "{:?} {}", unit, unit.print(value));
            if unit.parse(&text).is_ok() {
                prop_assert!(matches(unit.pattern(), &text), "{:?} reads {:?}", unit, text);
            }
        }
    }
}
