//! `plimsoll audit`: who asked for which change, from where, and what became of it.

use super::reach::{self, Daemon, state_dir};
use crate::Verdict;
use crate::args::{Audit, Output};
use plimsoll_daemon::audited::{self, AuditView, Audited, Wanted};
use plimsoll_model::Timestamp;
use std::fmt::Write as _;

/// Most requests that a daemon on another machine tells at once.
const REMOTE_MAX: u32 = 1_000;

/// Prints what the journal holds.
pub fn run(audit: &Audit) -> anyhow::Result<Verdict> {
    let since_ms = audit.since.map(|length| reach::wall_ms().saturating_sub_unsigned(length));
    let found = if audit.installation.server.is_some() {
        remote(audit, since_ms)?
    } else {
        let journal = state_dir(&audit.installation)?.join("journal");
        let limit = usize::try_from(audit.limit).unwrap_or(usize::MAX);
        audited::read(&journal, &Wanted { subject: audit.service.clone(), since_ms, limit: Some(limit) })?
    };
    match audit.output {
        Output::Json => println!("{}", plimsoll_report::pretty(&found)?),
        Output::Text => {
            if found.requests.is_empty() {
                println!("no request asked for a change");
            }
            found.requests.iter().for_each(|view| print!("{}", text(view)));
            found.notes.iter().for_each(|note| println!("{}  the daemon: {note}", Timestamp(note.wall_ms())));
        }
    }
    Ok(Verdict::Done)
}

fn remote(audit: &Audit, since_ms: Option<i64>) -> anyhow::Result<Audited> {
    let mut path = format!("/v1/audit?limit={}", audit.limit.min(REMOTE_MAX));
    if let Some(service) = &audit.service {
        let _ = write!(path, "&service={}", reach::escaped(service));
    }
    if let Some(since) = since_ms {
        let _ = write!(path, "&since_ms={since}");
    }
    Daemon::find(&audit.installation)?.get(&path)
}

/// One request, in two lines.
fn text(view: &AuditView) -> String {
    let what = plimsoll_report::clean(&format!("{} {}", view.method, view.path)).to_string();
    let status = view.status.map_or("not answered".to_owned(), |status| status.to_string());
    let mut out =
        format!("{}  {status}  {}  {} from {}\n", Timestamp(view.wall_ms), what.trim_end(), view.who, view.from);
    if let Some(request) = &view.request {
        let _ = writeln!(out, "    asked {request}");
    }
    if !view.said.is_empty() {
        let said = view.said.trim_end().replace('\n', "; ");
        let _ = writeln!(out, "    said {}", plimsoll_report::clean(&said));
    }
    if view.suppressed > 0 {
        let _ = writeln!(out, "    {} refused requests before it left no record", view.suppressed);
    }
    out
}
