//! What holds for a service.

use super::gateway::route_to;
use super::{conflict, doubt, not_above};
use crate::build::resolve;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::Table;
use std::path::Path;

pub fn check(reader: &mut Reader<'_>, root: &Table, name: &str, table: &Table) {
    if let Some(replicas) = table.table("replicas") {
        not_above(reader, replicas, ("min", Unit::Count), "max");
    }
    if let Some(restart) = table.table("restart") {
        not_above(reader, restart, ("backoff", Unit::Duration), "backoff_max");
    }
    super::balance::check(reader, table);
    startup(reader, table);
    port(reader, root, name, table);
    network(reader, root, name, table);
    envelope(reader, table);
    super::metrics::check(reader, table);
    if let Some(scaling) = table.table("scaling") {
        super::scaling::check(reader, table, scaling);
    }
}

/// Who lets the analyst act says within which bounds.
fn envelope(reader: &mut Reader<'_>, table: &Table) {
    let Some(analyst) = table.table("analyst").filter(|analyst| analyst.text("mode") == Some("auto")) else { return };
    if ["replicas_least", "replicas_most"].iter().all(|name| analyst.number(name).is_some()) {
        return;
    }
    let what = "`mode = \"auto\"` without an envelope: nothing says how far proposals may go".to_owned();
    let expected = "`replicas_least` and `replicas_most` beside it".to_owned();
    conflict(reader, analyst, "mode", (what, expected), None);
}

fn startup(reader: &mut Reader<'_>, table: &Table) {
    let Some(health) = table.table("health") else { return };
    let (Some(startup), Some(most)) = (table.number("startup"), health.number("startup_max")) else { return };
    if startup <= most {
        return;
    }
    let print = |ms| Unit::Duration.print(ms);
    let what = format!(
        "`startup` ({}) is above `health.startup_max` ({}), so a replica would be stopped before it is ready",
        print(startup),
        print(most)
    );
    if health.is_given("startup_max") {
        conflict(reader, health, "startup_max", (what, format!("{} or more", print(startup))), None);
    } else {
        let expected = format!("{} or less, or a larger `health.startup_max`", print(most));
        conflict(reader, table, "startup", (what, expected), None);
    }
}

/// Replicas get free ports, in `{port}` and in the variable PORT. A program that looks at neither cannot be reached.
fn port(reader: &mut Reader<'_>, root: &Table, name: &str, table: &Table) {
    if table.is_broken("command") || table.is_broken("env") {
        return;
    }
    let texts = || table.texts("command").iter().chain(table.variables("env").map(|(_, item)| item));
    if texts().any(|item| item.text.contains("{port}")) {
        return;
    }
    if let Some(near) = texts().find_map(|item| mistyped_port(&item.text)) {
        let problem = Problem::NoPort { service: name.to_owned(), near };
        reader.note(&join(&table.path, "command"), Some(table.span_of("command")), problem);
        return;
    }
    let who = if route_to(root, name).is_some() { "requests and health checks" } else { "health checks" };
    let what = format!("nothing hands service `{name}` its port, where {who} go");
    let advice =
        "put `{port}` into an argument, or, if the program reads the variable PORT: `env = { PORT = \"{port}\" }`";
    doubt(reader, table, "command", what, advice.to_owned());
}

/// A `{word}` that is nearly `{port}`.
fn mistyped_port(text: &str) -> Option<String> {
    let words = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let word = words.map(|(word, _)| word).find(|word| nearest(word, ["port"]).is_some())?;
    Some(format!("{{{word}}}"))
}

fn network(reader: &mut Reader<'_>, root: &Table, name: &str, table: &Table) {
    let Some(sandbox) = table.table("sandbox").filter(|sandbox| sandbox.flag("network_namespace")) else { return };
    if let Some(route) = route_to(root, name) {
        let what = "no route can lead into a network namespace without connectivity".to_owned();
        let expected = "`network_namespace = false`, or no route to this service".to_owned();
        let related = Some((route.span_of("service"), "routed here".to_owned()));
        conflict(reader, sandbox, "network_namespace", (what, expected), related);
    }
}

/// Recorded demand must be there when the spec is loaded, not first when the forecast needs it.
pub fn history(reader: &mut Reader<'_>, table: &Table, directory: &Path, files: bool) {
    let Some(forecast) = table.table("scaling").and_then(|scaling| scaling.table("forecast")) else { return };
    let Some(path) = forecast.text("history").filter(|_| files) else { return };
    let resolved = resolve(directory, path);
    let reason = match std::fs::metadata(&resolved) {
        Ok(file) if file.is_file() => return,
        Ok(_) => format!("{resolved} is not a file"),
        Err(error) => format!("{resolved}: {error}"),
    };
    let problem = Problem::NoFile { name: "history", found: path.to_owned(), reason };
    reader.note(&join(&forecast.path, "history"), Some(forecast.span_of("history")), problem);
}
