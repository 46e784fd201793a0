//! Whatever the file says, reading it ends in a spec or a report, and the report can be shown.

use plimsoll_config::{diff, parse, render};
use proptest::prelude::*;
use std::path::Path;

const SHOP: &str = include_str!("../../../examples/shop.toml");

/// Reads a text and shows all that comes of it.
fn read(text: &str) {
    match parse(text, Path::new("any.toml")) {
        Ok(loaded) => {
            let _ = (loaded.warnings.to_string(), loaded.warnings.to_json());
            let again = parse(&render(&loaded.spec), Path::new("any.toml"))
                .unwrap_or_else(|report| panic!("what was written from the spec of\n{text}\ndoes not hold:\n{report}"));
            assert_eq!(again.spec, loaded.spec);
            assert!(diff(&again.spec, &loaded.spec).is_empty());
        }
        Err(report) => {
            assert!(report.has_errors());
            let _ = (report.to_string(), report.to_json(), report.lines());
        }
    }
}

/// Values that are right in one place and wrong in most.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\"[ -~]{0,12}\"",
        "-?[0-9]{1,20}",
        "-?[0-9]{1,10}\\.[0-9]{1,10}",
        Just("true".to_owned()),
        Just("\"1h\"".to_owned()),
        Just("\"60%\"".to_owned()),
        Just("\"64MiB\"".to_owned()),
        Just("2018-01-07T00:00:00Z".to_owned()),
        Just("nan".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[[{ a = 1 }]]".to_owned()),
        Just("[{ service = \"shop\", path = \"/é\" }]".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_text(text in "\\PC{0,200}", lines in "([a-z\\[\\]\".={}\\n ]{0,12}){0,12}") {
        read(&text);
        read(&lines);
    }

    #[test]
    fn an_example_with_bytes_cut_out_or_put_in(at in 0..SHOP.len(), length in 0..60_usize, with in "\\PC{0,6}") {
        let floor = |mut at: usize| {
            while !SHOP.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (from, to) = (floor(at), floor((at + length).min(SHOP.len())));
        read(&format!("{}{with}{}", &SHOP[..from], &SHOP[to..]));
    }

    #[test]
    fn an_example_with_any_value_anywhere(line in 0..SHOP.lines().count(), value in value()) {
        let changed = SHOP.lines().enumerate().map(|(index, text)| match text.split_once(" = ") {
            Some((key, _)) if index == line => format!("{key} = {value}\n"),
            _ => format!("{text}\n"),
        });
        read(&changed.collect::<String>());
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_stack_overflow() {
    for (open, close) in [("[", "]"), ("{ a = ", " }")] {
        let text = format!("name = {}1{}\n", open.repeat(50_000), close.repeat(50_000));
        assert!(parse(&text, Path::new("deep.toml")).is_err());
    }
    assert!(parse(&format!("[{}a]\n", "a.".repeat(50_000)), Path::new("deep.toml")).is_err());
}
