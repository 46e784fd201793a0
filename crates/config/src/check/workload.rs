//! What holds for services and jobs alike, and for jobs alone.

use super::{conflict, doubt};
use crate::read::{Reader, join};
use crate::secret;
use crate::unit::Unit;
use crate::value::Table;

pub fn check(reader: &mut Reader<'_>, table: &Table) {
    if table.texts("command").first().is_some_and(|program| program.text.is_empty()) {
        let what = "the program is empty".to_owned();
        conflict(reader, table, "command", (what, "a program as the first of the list".to_owned()), None);
    }
    limits(reader, table);
    sandbox(reader, table);
    for (name, item) in table.variables("env") {
        if secret::is_likely(name) && !item.text.is_empty() && !item.text.starts_with('/') {
            // The value is not repeated: reports end up in logs.
            reader.secrets.push(item.span.clone());
            let problem = crate::problem::Problem::Doubtful {
                what: format!("`{name}` looks like a secret, and it is written into the spec"),
                found: "(not repeated)".to_owned(),
                advice: "keep it in a file that only the service's user can read, and pass the file's path".to_owned(),
            };
            reader.note(&join(&join(&table.path, "env"), name), Some(item.span.clone()), problem);
        }
    }
}

fn limits(reader: &mut Reader<'_>, table: &Table) {
    let (Some(requests), Some(limits)) = (table.table("requests"), table.table("limits")) else { return };
    for (name, unit) in [("cpu", Unit::Cpu), ("memory", Unit::Bytes)] {
        let (Some(request), Some(limit)) = (requests.number(name), limits.number(name)) else { continue };
        if limit < request {
            let what = format!(
                "the {name} limit ({}) is below the request ({}), so what is reserved could never be used",
                unit.print(limit),
                unit.print(request)
            );
            let related = Some((requests.span_of(name), "requested here".to_owned()));
            conflict(reader, limits, name, (what, format!("{} or more", unit.print(request))), related);
        }
    }
}

/// Isolation that is required has to be asked for.
fn sandbox(reader: &mut Reader<'_>, table: &Table) {
    let (Some(sandbox), Some(limits)) = (table.table("sandbox"), table.table("limits")) else { return };
    for item in sandbox.texts("require") {
        let (is_on, expected) = match item.text.as_str() {
            "filesystem" => (sandbox.flag("filesystem"), "`filesystem = true`"),
            "syscalls" => (sandbox.flag("syscalls"), "`syscalls = true`"),
            "network" => (sandbox.flag("network_namespace"), "`network_namespace = true`"),
            "cpu" => (limits.is_given("cpu"), "`limits.cpu`"),
            "memory" => (limits.is_given("memory"), "`limits.memory`"),
            _ => (limits.is_given("pids"), "`limits.pids`"),
        };
        if !is_on {
            let what = format!("{:?} is required, but nothing asks for it", item.text);
            conflict(reader, sandbox, "require", (what, format!("{expected} as well")), None);
        }
    }
}

pub fn job(reader: &mut Reader<'_>, root: &Table, name: &str, table: &Table) {
    if let Some((_, service)) = root.named("services").find(|(service, _)| *service == name) {
        let what = format!("a service is called {name:?} too, so `plimsoll logs {name}` could mean either");
        let related = Some((service.span.clone(), "the service".to_owned()));
        let span = table.span.clone();
        let found = name.to_owned();
        let expected = "a name of its own".to_owned();
        let problem = crate::problem::Problem::Conflict { what, found, expected };
        reader.note_related(&table.path, span, problem, related);
    }
    if table.texts("command").iter().any(|item| item.text.contains("{port}")) {
        let advice = "a job has no port: nothing can be routed to it; make it a service if it serves".to_owned();
        doubt(reader, table, "command", "`{port}` is not replaced in the command of a job".to_owned(), advice);
    }
    let (Some(requests), Some(retry)) = (table.table("requests"), table.table("memory_retry")) else { return };
    if let (Some(request), Some(most)) = (requests.number("memory"), retry.number("max"))
        && most < request
    {
        let print = |bytes| Unit::Bytes.print(bytes);
        let what = format!("the most memory of a retry ({}) is below the request ({})", print(most), print(request));
        let related = Some((requests.span_of("memory"), "requested here".to_owned()));
        conflict(reader, retry, "max", (what, format!("{} or more", print(request))), related);
    }
}
