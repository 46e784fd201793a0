//! A formula for replicas in a spec: inline, from a file, and refused with file, field, value and reason.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use plimsoll_config::{load_policy, parse_policy, render};
use plimsoll_model::Spec;
use plimsoll_model::scaling::{FormulaSpec, ScalingPolicy};
use std::path::Path;

const FILE: &str =
    "# name: careful\n# kind: scaling\n# price: 50\n\nlet start = expected + rise_99;\nmax(needed, start)\n";

fn formula(spec: &Spec) -> FormulaSpec {
    let policies = spec.services.values().flat_map(|service| &service.scaling.policies);
    let mut found = policies.filter_map(|policy| match policy {
        ScalingPolicy::Formula(formula) => Some(formula.clone()),
        _ => None,
    });
    found.next_back().unwrap()
}

fn told(text: &str) -> String {
    parse_policy(text, Path::new("p.toml")).unwrap_err().to_string()
}

#[test]
fn a_formula_stands_in_the_spec_or_in_a_file_and_the_spec_holds_it() {
    let inline =
        parse_policy("[scaling]\ncpu = \"80%\"\nformula = \"max(needed, expected)\"\n", Path::new("p.toml")).unwrap();
    let of = formula(&inline.spec);
    assert_eq!(
        (of.name.as_str(), of.text.as_str(), of.price, of.price_keep),
        ("own", "max(needed, expected)", 80, 160)
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("careful.policy"), FILE).unwrap();
    let path = folder.path().join("p.toml");
    std::fs::write(&path, "[scaling]\ncpu = \"80%\"\nformula = { file = \"careful.policy\", price_keep = 70 }\n")
        .unwrap();
    let read = load_policy(&path).unwrap();
    let of = formula(&read.spec);
    assert_eq!((of.name.as_str(), of.price, of.price_keep), ("careful", 50, 70));
    assert!(of.text.contains("rise_99") && !of.text.contains('#'), "{}", of.text);
    // What is written from it needs no file.
    let again = parse_policy(&render(&read.spec), Path::new("q.toml")).unwrap();
    assert_eq!(formula(&again.spec), of);
}

#[test]
fn what_is_no_formula_is_refused_where_it_stands() {
    for (value, why) in [
        ("\"10replica - needed\"", "it is falling with needed"),
        ("\"needed + startup\"", "replicas and time cannot be added"),
        ("\"exp(needed / 1replica) * 1replica\"", "must be proved to stay within"),
        ("{ price = 80 }", "a formula is neither in `text` nor in `file`"),
        ("{ text = \"needed\", price = 90, price_keep = 20 }", "`price_keep` (20) is below `price` (90)"),
        ("{ text = \"needed\", file = \"x.policy\" }", "`text` and `file` are two ways to say one thing"),
        ("{ file = \"x.policy\" }", "files are looked at only where the spec is a file itself"),
    ] {
        let said = told(&format!("[scaling]\ncpu = \"80%\"\nformula = {value}\n"));
        assert!(said.contains(why) && said.contains("p.toml:3") && said.contains("scaling.formula"), "{value}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    std::fs::write(&path, "[scaling]\ncpu = \"80%\"\nformula = { file = \"x.policy\" }\n").unwrap();
    let said = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(folder.path().join("x.policy"), text).unwrap();
        }
        load_policy(&path).unwrap_err().to_string()
    };
    assert!(said(None).contains("x.policy"), "a file that is not there");
    assert!(said(Some("# name: x\n# kind: node\n\nneeded\n")).contains("`kind: node`, and `scaling` is wanted here"));
    assert!(said(Some("# name: x\n# kind: scaling\n\n1replica - error\n")).contains("falling with error"));
}
