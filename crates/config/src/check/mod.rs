//! What has to hold between fields. One file per part of the spec; each check is silent where a field that it needs is
//! already reported as broken.

mod analyst;
pub mod balance;
mod capacity;
pub mod formula;
pub mod gateway;
pub mod kubernetes;
mod metrics;
mod operations;
pub mod rules;
mod scaling;
mod service;
mod workload;

use crate::problem::Problem;
use crate::read::Reader;
use crate::unit::Unit;
use crate::value::Table;
use std::ops::Range;
use std::path::Path;

/// Checks everything. With `files`, the files that the spec names are looked at too.
pub fn all(reader: &mut Reader<'_>, root: &Table, directory: &Path, files: bool) {
    gateway::check(reader, root);
    operations::check(reader, root);
    analyst::check(reader, root);
    pace(reader, root);
    let node = root.table("node");
    for (name, table) in root.named("services") {
        workload::check(reader, table);
        service::check(reader, root, name, table);
        service::history(reader, table, directory, files);
        if let Some(node) = node {
            capacity::check(reader, node, name, table);
        }
    }
    for (name, table) in root.named("jobs") {
        workload::check(reader, table);
        workload::job(reader, root, name, table);
        if let Some(node) = node {
            capacity::check(reader, node, name, table);
        }
    }
    if let Some(history) = root.table("history") {
        not_above(reader, history, ("raw", Unit::Duration), "summary");
    }
    let is_empty = root.named("services").next().is_none() && root.named("jobs").next().is_none();
    if is_empty && reader.diagnostics.is_empty() {
        let what = "there are no services and no jobs, so there is nothing to level".to_owned();
        let advice = "add a table [services.NAME] with `command`, `replicas` and `requests`".to_owned();
        reader.note("services", None, Problem::Doubtful { what, found: String::new(), advice });
    }
}

/// Shortest physical time between two decisions: the daemon takes no shorter one, because measuring fifty replicas takes
/// milliseconds, and over less than this a rate of requests is mostly chance.
const TICK_MIN_MS: i64 = 100;

/// A tick that is over too soon on a fast clock.
fn pace(reader: &mut Reader<'_>, root: &Table) {
    let speed = root.table("clock").and_then(|clock| clock.number("speed"));
    let (Some(tick), Some(speed)) = (root.number("tick"), speed) else { return };
    if tick >= TICK_MIN_MS * speed {
        return;
    }
    let what = format!(
        "a tick of {} is over after {} ms at speed {speed}; decisions are {TICK_MIN_MS} ms apart at least",
        Unit::Duration.print(tick),
        tick / speed.max(1),
    );
    let advice = format!("set `tick` to {} or more", Unit::Duration.print(TICK_MIN_MS * speed));
    match root.table("clock").filter(|_| !root.is_given("tick")) {
        Some(clock) => doubt(reader, clock, "speed", what, advice),
        None => doubt(reader, root, "tick", what, advice),
    }
}

/// The field `low` of the table must not be above its field `high`.
pub fn not_above(reader: &mut Reader<'_>, table: &Table, (low, unit): (&str, Unit), high: &str) {
    let (Some(lower), Some(upper)) = (table.number(low), table.number(high)) else { return };
    if lower <= upper {
        return;
    }
    // The caret stands under what the file says; where it says both, under the upper bound.
    let (at, other) = if table.is_given(high) { (high, low) } else { (low, high) };
    let what = format!("`{low}` ({}) is above `{high}` ({})", unit.print(lower), unit.print(upper));
    let expected =
        if at == high { format!("{} or more", unit.print(lower)) } else { format!("{} or less", unit.print(upper)) };
    let note = if table.is_given(other) { format!("`{other}` is given here") } else { String::new() };
    conflict(reader, table, at, (what, expected), table.is_given(other).then(|| (table.span_of(other), note)));
}

/// Notes a contradiction at a field.
pub fn conflict(
    reader: &mut Reader<'_>,
    table: &Table,
    field: &str,
    (what, expected): (String, String),
    related: Option<(Range<usize>, String)>,
) {
    let span = table.span_of(field);
    let found = reader.found(&span);
    let path = crate::read::join(&table.path, field);
    reader.note_related(&path, span, Problem::Conflict { what, found, expected }, related);
}

/// Notes something doubtful at a field.
pub fn doubt(reader: &mut Reader<'_>, table: &Table, field: &str, what: String, advice: String) {
    let span = table.span_of(field);
    let found = reader.found(&span);
    let path = crate::read::join(&table.path, field);
    reader.note(&path, Some(span), Problem::Doubtful { what, found, advice });
}
