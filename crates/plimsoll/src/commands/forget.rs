//! `plimsoll forget`: erases everything that is kept about a service, and nothing else.

use super::agree::agreed;
use super::down::left_over;
use super::reach::state_dir;
use crate::Verdict;
use crate::args::{Forget, Output};
use anyhow::{Context, bail};
use plimsoll_daemon::StateDir;
use plimsoll_daemon::forget::{Forgetting, Found, Steps};
use serde_json::json;
use std::fmt::Write as _;
use std::os::unix::net::UnixStream;

/// Shows what would be erased, asks and erases.
pub fn run(forget: &Forget) -> anyhow::Result<Verdict> {
    let dir = StateDir::open(&state_dir(&forget.installation)?)?;
    let Ok(_lock) = dir.lock() else {
        bail!("a daemon runs on {}; stop it with `plimsoll down`, then forget", dir.root().display());
    };
    let running = left_over(&dir).context("workloads of a daemon that is gone")?;
    if !running.is_empty() || UnixStream::connect(dir.gateway_socket()).is_ok() {
        bail!(
            "{} workloads and perhaps the gateway of a daemon that is gone still run; `plimsoll down` stops them, then forget",
            running.len()
        );
    }
    let forgetting = Forgetting::open(dir, forget.service.clone())?;
    let found = forgetting.find()?;
    if forget.output == Output::Text {
        print!("{}", text(forget, &found));
    }
    let is_done = !forget.dry_run && !found.is_nothing();
    if is_done {
        let asked = "Erase this for ever? Backups and what others scraped keep theirs. [y/N] ";
        let alone = "nobody can be asked here: `--yes` erases it, `--dry-run` only shows it";
        if !forget.yes && !agreed(asked, alone)? {
            bail!("nothing was erased");
        }
        forgetting.carry_out(&mut Steps::default())?;
    }
    match forget.output {
        Output::Json => {
            println!(
                "{}",
                plimsoll_report::pretty(&json!({ "service": forget.service, "is_erased": is_done, "found": found }))?
            );
        }
        Output::Text if is_done => println!("erased; `plimsoll replay` shows that the journal still holds"),
        Output::Text => {}
    }
    Ok(Verdict::Done)
}

fn text(forget: &Forget, found: &Found) -> String {
    let service = &forget.service;
    if found.is_nothing() {
        return format!("nothing is kept about {service}\n");
    }
    let mut out = format!("about {service}{}:\n", if forget.dry_run { ", which would be erased" } else { "" });
    let Found { records, records_named, series, replica_files, proposals, texts, unreadable, left } = found;
    let _ = writeln!(
        out,
        "  journal: {records_named} of {records} records name it (inputs, decisions, audit, usage); each keeps its number, time \
         and SHA-256"
    );
    let _ = writeln!(out, "  history: {series} series");
    let _ = writeln!(out, "  logs and records of replicas: {replica_files} folders");
    let _ = writeln!(out, "  proposals: {proposals}");
    for path in texts {
        let _ = writeln!(out, "  named in {}", path.display());
    }
    for path in unreadable {
        let _ = writeln!(out, "  whole, because nobody can read what is in it: {}", path.display());
    }
    for path in left {
        let _ = writeln!(out, "  stays, because it is another workload's: {} names it", path.display());
    }
    out
}
