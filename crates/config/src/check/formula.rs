//! A formula for replicas: read from its file where one is named, and proved.

use super::{conflict, scaling};
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::value::{Entry, Table, Value};
use plimsoll_autoscale::Formula;
use plimsoll_expr::{PolicyFile, PolicyKind};
use std::io::Read as _;
use std::path::Path;

/// Most bytes of a policy file, as the language has it.
const FILE_MAX: u64 = 65_536;
const EXPECTED: &str = "a formula for a number of replicas (docs/scaling.md)";

/// Puts the text of each formula's file in the place of its name: a spec holds what it decides by. Without `files` none is looked at.
pub fn inline(reader: &mut Reader<'_>, root: &mut Table, directory: &Path, files: bool) {
    let Some(Value::Named(services)) = entry(root, "services") else { return };
    for service in services.values_mut() {
        let Some(Value::Table(scaling)) = entry(service, "scaling") else { continue };
        let Some(Value::Table(formula)) = entry(scaling, "formula") else { continue };
        let Some(path) = formula.text("file").map(str::to_owned) else { continue };
        let given = formula.span_of("file");
        if formula.is_given("text") {
            continue;
        }
        let read = if files {
            read(&directory.join(&path))
        } else {
            Err("files are looked at only where the spec is a file itself; give `text`".to_owned())
        };
        match read {
            Ok(file) => take(formula, &file),
            Err(reason) => {
                let problem = Problem::NoFile { name: "file", found: path, reason };
                reader.note(&join(&formula.path, "file"), Some(given), problem);
            }
        }
    }
}

fn entry<'a>(table: &'a mut Table, name: &str) -> Option<&'a mut Value> {
    table.entries.get_mut(name)?.value.as_mut()
}

fn read(path: &Path) -> Result<PolicyFile, String> {
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| told(&error))?;
    file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(|error| told(&error))?;
    let file = PolicyFile::parse(&text).map_err(|error| told(&error))?;
    match (file.kind, file.round) {
        (PolicyKind::Replicas, None) => Ok(file),
        (PolicyKind::Replicas, Some(_)) => Err(told(&"`round` has no place in a number of replicas")),
        (kind, _) => Err(told(&format!("`kind: {}`, and `scaling` is wanted here", kind.word()))),
    }
}

/// What the file says; what stands in the spec beside its name holds above it.
fn take(formula: &mut Table, file: &PolicyFile) {
    let span = formula.span_of("file");
    let mut put = |name: &'static str, value: Value| {
        if !formula.is_given(name) {
            formula.entries.insert(name, Entry { value: Some(value), broken: false, span: Some(span.clone()) });
        }
    };
    put("text", Value::Text(file.expr.to_string()));
    put("name", Value::Text(file.name.clone()));
    for (name, price) in ["price", "price_keep"].into_iter().zip(file.prices) {
        if let Some(price) = price {
            put(name, Value::Number(i64::from(price)));
        }
    }
}

/// There is one text, it can be proved, and what is kept is worth at least what is started.
pub fn check(reader: &mut Reader<'_>, formula: &Table) {
    scaling::dead_band(reader, formula);
    let has_file = formula.is_given("file");
    let Some(text) = formula.text("text") else {
        if !has_file && !formula.is_broken("text") {
            let what = "a formula is neither in `text` nor in `file`".to_owned();
            conflict(reader, formula, "text", (what, "one of the two".to_owned()), None);
        }
        return;
    };
    if has_file && formula.span_of("text") != formula.span_of("file") {
        scaling::exclusive(reader, formula, "text", "file");
    }
    if let Err(error) = Formula::try_new(text) {
        let field = if has_file { "file" } else { "text" };
        let span = formula.span_of(field);
        let (name, found, why) = (field.to_owned(), reader.found(&span), error.to_string());
        let problem = Problem::Invalid { name, found, why, expected: EXPECTED.to_owned(), near: None };
        reader.note(&join(&formula.path, field), Some(span), problem);
    }
}
