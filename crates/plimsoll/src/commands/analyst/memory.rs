//! The memory of past incidents as a file.

use crate::Verdict;
use crate::args::{AnalystRemember, Came};
use anyhow::{Context, anyhow, bail};
use plimsoll_analyst::retrieval::{INCIDENTS_MAX, Incident, Memory, Outcome};
use plimsoll_analyst::{Cause, Features};
use std::path::Path;

/// Largest file that is read.
const BYTES_MAX: u64 = 256 * 1_024 * 1_024;

/// Reads a memory.
pub fn read(path: &Path) -> anyhow::Result<Memory> {
    let shown = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(shown)?.len();
    if size > BYTES_MAX {
        bail!("{}: {size} bytes, and at most {BYTES_MAX} are read", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let memory: Memory =
        serde_json::from_str(&text).with_context(|| format!("{}: not a memory of incidents", path.display()))?;
    if memory.incidents.len() > INCIDENTS_MAX {
        bail!("{}: {} incidents, and at most {INCIDENTS_MAX} are read", path.display(), memory.incidents.len());
    }
    Ok(memory)
}

/// `plimsoll analyst remember`.
pub fn remember(typed: &AnalystRemember) -> anyhow::Result<Verdict> {
    let causes = typed.cause.iter().map(|name| cause(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let history = super::input::history(&typed.of)?;
    let outcome = match typed.outcome {
        Came::Unknown => Outcome::Unknown,
        Came::Helped => Outcome::Helped,
        Came::DidNotHelp => Outcome::DidNotHelp,
        Came::RolledBack => Outcome::RolledBack,
    };
    let incident = Incident::new(&typed.id, &causes, outcome, &Features::of(&history));
    let mut memory = if typed.memory.exists() { read(&typed.memory)? } else { Memory::default() };
    memory.incidents.retain(|known| known.id != incident.id);
    if memory.incidents.len() >= INCIDENTS_MAX {
        bail!("{}: {INCIDENTS_MAX} incidents are the most", typed.memory.display());
    }
    let id = incident.id.clone();
    memory.incidents.push(incident);
    write(&typed.memory, &memory)?;
    println!("{} remembers {id}, {} incidents in all", typed.memory.display(), memory.incidents.len());
    Ok(Verdict::Done)
}

fn cause(name: &str) -> anyhow::Result<Cause> {
    let known = Cause::ALL.into_iter().find(|cause| cause.name() == name);
    known.ok_or_else(|| {
        let names = Cause::ALL.map(Cause::name).join(", ");
        anyhow!("--cause {name}: must be one of {names}")
    })
}

/// Beside it first, so that a memory is never half written.
fn write(path: &Path, memory: &Memory) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = std::path::PathBuf::from(beside);
    std::fs::write(&beside, plimsoll_report::pretty(memory)?).with_context(|| beside.display().to_string())?;
    std::fs::rename(&beside, path).with_context(|| path.display().to_string())
}
