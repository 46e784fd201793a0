//! The table of fields is sound, and every field of it arrives in the spec, in the file written from the spec and in
//! the differences of two specs.
//!
//! A whole spec file is generated from the table, with every field given. Then each field in turn gets another value.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use plimsoll_config::field::{Fallback, Field, Kind, Literal, Section};
use plimsoll_config::form::Form;
use plimsoll_config::table::{ROOT, sections};
use plimsoll_config::{diff, parse, render};
use plimsoll_model::Spec;
use std::path::Path;

/// Two valid values of fields that others depend on, by the end of their path.
const SAMPLES: &[(&str, [&str; 2])] = &[
    ("gateway.listen", ["\"127.0.0.1:8001\"", "\"127.0.0.1:9001\""]),
    ("gateway.listeners.listen", ["\"127.0.0.1:8002\"", "\"127.0.0.1:9002\""]),
    ("analyst.evolve.on", ["[\"burn\"]", "[\"drift\"]"]),
    ("api.listen", ["\"127.0.0.1:8003\"", "\"127.0.0.1:9003\""]),
    // No longer than the journal, of which it is a part.
    ("retention.audit", ["\"2d\"", "\"3d\""]),
    ("routes.service", ["\"one\"", "\"two\""]),
    ("split.service", ["\"one\"", "\"two\""]),
    ("routes.split_by", ["\"header\"", "\"cookie\""]),
    ("routes.balance.algorithm", ["\"source_hash\"", "\"ring_hash\""]),
    ("routes.balance.hash_by", ["\"header\"", "\"cookie\""]),
    ("otlp.address", ["\"127.0.0.1:4318\"", "\"127.0.0.1:4319\""]),
    ("events.start", ["\"2018-01-07T00:00:00Z\"", "\"2018-01-07T00:00:00.5Z\""]),
    ("events.end", ["\"2020-01-07T00:00:00Z\"", "\"2020-01-07T00:00:00.5Z\""]),
    ("cron.start", ["\"0 8 * * *\"", "\"0 9 * * *\""]),
    ("cron.end", ["\"0 18 * * *\"", "\"0 19 * * *\""]),
    ("formula.text", ["\"needed\"", "\"expected\""]),
    ("forecast.season", ["\"1d\"", "\"2d\""]),
    ("forecast.season_long", ["\"4d\"", "\"6d\""]),
    ("forecast.models", ["[\"ridge\"]", "[\"boosting\"]"]),
    ("replicas.max", ["50", "51"]),
    ("memory_retry.max", ["\"100TiB\"", "\"200TiB\""]),
    ("full-users.workloads", ["[\"one\"]", "[\"two\"]"]),
    ("full-webhooks.url", ["\"http://127.0.0.1:9/a\"", "\"http://127.0.0.1:9/b\""]),
    ("full-webhooks.events", ["[\"frozen\"]", "[\"crash_loop\"]"]),
    ("metrics.url", ["\"http://127.0.0.1:9090\"", "\"https://metrics.example/m\""]),
    ("metrics.select", ["\"a_total\"", "\"a_total{b=\\\"c\\\"}\""]),
    ("model.endpoint", ["\"http://127.0.0.1:8080/v1\"", "\"http://localhost/v1\""]),
    ("model.money_day", ["1", "2"]),
    ("model.show", ["\"names\"", "\"words\""]),
    ("sandbox.require", ["[\"cpu\"]", "[\"memory\"]"]),
];

/// Fields that say in another way what a field beside them says; a test of their own asks about them.
const ALTERNATIVES: &[&str] = &[
    "forecast.missing_price",
    "formula.file",
    "events.rate",
    "curve.rate",
    "listeners.tcp",
    "hedge.quantile",
    "metrics.query",
    "auth.secret_env",
    "model.key_file",
];

/// Services that routes of the generated file lead to.
const ROUTED: &str = "command = [\"x\", \"{port}\"]\nreplicas = 1\nrequests = { cpu = 1, memory = \"1MiB\" }\n";

/// The first or the other valid value of a field, as TOML.
fn sample(field: &Field, path: &str, other: bool) -> String {
    if let Some((_, values)) = SAMPLES.iter().find(|(end, _)| path.ends_with(end)) {
        return values[usize::from(other)].to_owned();
    }
    let pick = |values: [&str; 2]| values[usize::from(other)].to_owned();
    match (field.kind, field.fallback) {
        (Kind::Flag, Fallback::Is(literal, _)) => {
            if other {
                (literal.toml() == "false").to_string()
            } else {
                literal.toml()
            }
        }
        (_, Fallback::Is(literal, _)) if !other => literal.toml(),
        (Kind::Quantity { unit, max, .. }, Fallback::Is(literal, _)) => {
            let default = match literal {
                Literal::Text(text) => unit.parse(text).unwrap(),
                Literal::Integer(number) => unit.integer(number).unwrap(),
                Literal::Decimal(digits) => unit.decimal(digits).unwrap(),
                Literal::Flag(_) => panic!("{path}: a flag as default"),
            };
            unit.literal(if default < max { default + 1 } else { default - 1 })
        }
        (Kind::Quantity { unit, min, max, .. }, fallback) => {
            // Optional bounds lie high, so that they bound nothing that the file asks for.
            let share = if matches!(fallback, Fallback::Absent(_)) { 2 } else { 64 };
            unit.literal(min + (max - min) / share + i64::from(other))
        }
        (Kind::Choice(choices), Fallback::Is(literal, _)) => {
            let mut words = choices.iter().map(|choice| format!("\"{}\"", choice.word));
            words.find(|word| *word != literal.toml()).unwrap()
        }
        (Kind::Choice(choices), _) => format!("\"{}\"", choices[usize::from(other)].word),
        (Kind::Texts { form: Form::Argument, .. }, _) => pick(["[\"a\", \"{port}\"]", "[\"b\", \"{port}\"]"]),
        (Kind::Text(form) | Kind::Texts { form, .. }, _) => {
            let text = pick(match form {
                Form::Text | Form::Argument | Form::Name => ["alpha", "beta"],
                Form::Host => ["a.example", "b.example"],
                Form::UrlPath => ["/a", "/b"],
                Form::File => ["a/file", "b/file"],
                Form::Moment => ["2018-01-07T00:00:00Z", "2018-01-07T00:00:00.5Z"],
                Form::Schedule => ["daily 03:30", "every 90s"],
                Form::Network => ["10.0.0.0/8", "::1"],
                Form::Zone => ["Europe/Zurich", "UTC"],
                Form::Token | Form::FieldValue => ["X-One", "X-Two"],
                Form::Cron => ["0 8 * * *", "0 9 * * *"],
                Form::Address => panic!("{path}: addresses have to differ, name them in SAMPLES"),
            });
            if matches!(field.kind, Kind::Texts { .. }) { format!("[\"{text}\"]") } else { format!("\"{text}\"") }
        }
        (Kind::Variables, _) => pick(["{ A = \"1\" }", "{ A = \"2\" }"]),
        (kind, _) => panic!("{path}: no sample of {kind:?}"),
    }
}

/// Writes a section with every field. The field whose path is `changed` gets its other value.
fn write(text: &mut String, section: &Section, path: &str, changed: &str, seen: &mut Vec<String>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for field in section.fields {
        if !matches!(field.kind, Kind::Table(_) | Kind::Tables(_) | Kind::Named(_)) {
            let path = join(field.name);
            if ALTERNATIVES.iter().any(|end| path.ends_with(end)) {
                continue;
            }
            seen.push(path.clone());
            text.push_str(&format!("{} = {}\n", field.name, sample(field, &path, path == changed)));
        }
    }
    for field in section.fields {
        let path = join(field.name);
        match field.kind {
            Kind::Table(inner) => {
                text.push_str(&format!("[{path}]\n"));
                write(text, inner, &path, changed, seen);
            }
            Kind::Tables(inner) => {
                text.push_str(&format!("[[{path}]]\n"));
                write(text, inner, &path, changed, seen);
            }
            Kind::Named(inner) => {
                text.push_str(&format!("[{path}.full-{}]\n", field.name));
                write(text, inner, &format!("{path}.full-{}", field.name), changed, seen);
            }
            _ => {}
        }
    }
}

fn whole(changed: &str) -> (String, Vec<String>) {
    let (mut text, mut seen) = (String::new(), Vec::new());
    write(&mut text, &ROOT, "", changed, &mut seen);
    text.push_str(&format!("[services.one]\n{ROUTED}[services.two]\n{ROUTED}"));
    (text, seen)
}

fn spec(text: &str) -> Spec {
    parse(text, Path::new("generated.toml")).unwrap_or_else(|report| panic!("{report}")).spec
}

#[test]
fn every_field_arrives_in_the_spec_and_in_the_differences() {
    let (text, fields) = whole("");
    let base = spec(&text);
    assert!(fields.len() > 120, "{} fields", fields.len());
    assert!(diff(&base, &base).is_empty());
    for field in fields {
        // What is allowed to be exposed is checked and then of no use to anybody: it is not part of the spec.
        // A metric of an HPA holds one of several tables, as its type says: see `hpa.rs`.
        if field.ends_with(".expose") || field.contains(".hpa.metrics.") {
            continue;
        }
        let changed = spec(&whole(&field).0);
        assert_ne!(changed, base, "{field} does not arrive in the spec");
        let changes = diff(&base, &changed);
        assert_eq!(changes.fields().count(), 1, "{field}: {changes}");
        let (said, name) = (changes.fields().next().unwrap(), field.rsplit('.').next().unwrap());
        let says_it = said.field.ends_with(name) || said.field.ends_with(".A");
        assert!(says_it, "{field} is called {}", said.field);
        assert_eq!(said.reload, reload_of(&field), "{field}");
    }
}

fn reload_of(path: &str) -> plimsoll_config::Reload {
    let mut section: &Section = &ROOT;
    for key in path.split('.').filter(|key| !key.starts_with("full-")) {
        let field = section.field(key).unwrap();
        match field.kind {
            Kind::Table(inner) | Kind::Tables(inner) | Kind::Named(inner) => section = inner,
            _ if path.starts_with("jobs.") => return field.reload.min(plimsoll_config::Reload::Next),
            _ => return field.reload,
        }
    }
    panic!("{path} is no field");
}

#[test]
fn what_is_written_from_a_spec_reads_back_as_the_same_spec() {
    for changed in whole("").1 {
        let spec_ = spec(&whole(&changed).0);
        assert_eq!(spec(&render(&spec_)), spec_, "{changed}");
    }
}

#[test]
fn the_other_way_to_say_something_arrives_and_reads_back() {
    let file = |scaling: &str| {
        let service =
            "[services.s]\ncommand = [\"x\", \"{port}\"]\nreplicas = 1\nrequests = { cpu = 1, memory = \"1MiB\" }\n";
        spec(&format!("name = \"x\"\n{service}[services.s.scaling]\nrequest_rate = \"5/s\"\n{scaling}"))
    };
    let event = |load: &str| {
        format!(
            "[[services.s.scaling.events]]\nname = \"e\"\nstart = \"2026-01-01T00:00:00Z\"\nend = \"2026-01-02T00:00:00Z\"\n{load}"
        )
    };
    let curve = "[[services.s.scaling.events.curve]]\nat = \"1h\"\n";
    let all = [
        "forecast.missing_price = 19".to_owned(),
        "forecast.quantile = \"90%\"".to_owned(),
        event("rate = \"300/s\""),
        event("factor = 2.5"),
        event(&format!("rate = \"300/s\"\n{curve}factor = 3")),
        event(&format!("{curve}rate = \"700/s\"")),
    ];
    for text in &all {
        let one = file(text);
        assert_eq!(spec(&render(&one)), one, "{text}");
        let same: Vec<&String> = all.iter().filter(|other| file(other) == one).collect();
        assert_eq!(same, [text]);
    }
    let gateway = |listener: &str| {
        let listener = format!("[[gateway.listeners]]\nlisten = \"127.0.0.1:80\"\n{listener}");
        spec(&format!("name = \"x\"\n[services.s]\n{ROUTED}{listener}"))
    };
    let route = |rest: &str| format!("[[gateway.listeners.routes]]\nservice = \"s\"\n{rest}");
    let listeners = [
        "tcp = \"s\"".to_owned(),
        route("hedge.quantile = \"95%\""),
        route("hedge = \"95ms\""),
        route("split_by = \"source\""),
        route("balance = { algorithm = \"source_hash\", hash_by = \"path\" }"),
        route("client_rate = \"5/s\""),
    ];
    for text in &listeners {
        let one = gateway(text);
        assert_eq!(spec(&render(&one)), one, "{text}");
        assert_eq!(listeners.iter().filter(|other| gateway(other) == one).count(), 1, "{text}");
    }
    let forecast = file(&all[0]).services.into_values().next().unwrap().scaling.forecast.unwrap();
    assert_eq!(forecast.quantile, plimsoll_model::Permille(950), "19 to 1 is the 95 % quantile");
}

/// A spec with the required fields only, then with every default spelled out.
#[test]
fn every_default_written_out_changes_nothing() {
    fn defaults(text: &mut String, section: &Section, path: &str) {
        for field in section.fields {
            if let Fallback::Is(literal, _) = field.fallback {
                text.push_str(&format!("{path}{} = {}\n", field.name, literal.toml()));
            }
            if let (Kind::Table(inner), Fallback::Inner) = (field.kind, field.fallback) {
                defaults(text, inner, &format!("{path}{}.", field.name));
            }
        }
    }
    let find = |name: &str| sections().into_iter().find(|section| section.name == name).unwrap();
    let required = "command = [\"x\", \"{port}\"]\nrequests = { cpu = 1, memory = \"1MiB\" }\n";
    let route = "[[gateway.listeners]]\nlisten = \"127.0.0.1:80\"\n[[gateway.listeners.routes]]\nservice = \"s\"\n";
    let file = |spelled: bool| {
        let mut text = "name = \"x\"\n".to_owned();
        let mut add = |head: &str, section: &str| {
            text.push_str(head);
            if spelled {
                defaults(&mut text, find(section), "");
            }
        };
        add("", "spec");
        add(&format!("[services.s]\n{required}scaling.forecast.season = \"1d\"\nreplicas.max = 3\n"), "service");
        add(&format!("[jobs.j]\n{required}memory_retry.max = \"1GiB\"\n"), "job");
        add(route, "route");
        text
    };
    assert_eq!(spec(&file(true)), spec(&file(false)));
}

#[test]
fn every_entry_of_the_table_is_complete() {
    let mut names = std::collections::BTreeSet::new();
    for section in sections() {
        assert!(names.insert(section.name), "two sections are called {}", section.name);
        assert!(section.short.iter().all(|name| section.field(name).is_some()), "{}", section.name);
        for field in section.fields {
            let place = format!("{}.{}", section.name, field.name);
            let is_kubernetes = section.path.contains(".hpa") || section.path.ends_with(".cron");
            let is_name = |byte: u8| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || byte == b'_'
                    || (is_kubernetes && byte.is_ascii_uppercase())
            };
            assert!(field.name.bytes().all(is_name), "{place}");
            assert!(field.doc.ends_with('.') && (field.long.is_empty() || field.long.ends_with('.')), "{place}");
            match field.fallback {
                Fallback::Is(_, why) => assert!(why.len() > 15 && !why.ends_with('.'), "{place}: why this default?"),
                Fallback::Absent(meaning) => assert!(!meaning.is_empty() && !meaning.ends_with('.'), "{place}"),
                Fallback::Inner => assert!(matches!(field.kind, Kind::Table(_)), "{place}"),
                Fallback::Required => {}
            }
            if let Kind::Quantity { min, max, .. } = field.kind {
                assert!(min < max, "{place}");
            }
            assert_eq!(section.fields.iter().filter(|other| other.name == field.name).count(), 1, "{place}");
        }
    }
}

#[test]
fn every_model_that_a_spec_may_name_is_one_of_the_forecasting_crate() {
    let forecast = sections().into_iter().find(|section| section.path.ends_with("scaling.forecast")).unwrap();
    let models = forecast.fields.iter().find(|field| field.name == "models").unwrap();
    let Kind::Choices(choices) = models.kind else { panic!("models are chosen from a list") };
    for choice in choices {
        assert!(plimsoll_forecast::zoo::by_name(choice.word).is_some(), "{}", choice.word);
    }
}
