//! Orders to a running daemon: `reload`, `job run`.

use super::dry_run::{self, Planned};
use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Installation, Output, Reload};
use anyhow::bail;

/// `plimsoll reload`.
pub fn reload(reload: &Reload) -> anyhow::Result<Verdict> {
    println!("{}", Daemon::find(&reload.installation)?.post("/v1/reload")?);
    Ok(Verdict::Done)
}

/// `plimsoll job run JOB`.
pub fn run_job(job: &str, is_dry: bool, installation: &Installation) -> anyhow::Result<Verdict> {
    let (daemon, path) = (Daemon::find(installation)?, format!("/v1/jobs/{job}/run"));
    if is_dry {
        let state = dry_run::state(&daemon)?;
        let Some(seen) = state.jobs.iter().find(|known| known.name == job) else { bail!("the spec has no job {job}") };
        let effects = vec![format!("put a run of {job} into the queue; now: {} ({})", seen.phase, seen.verdict)];
        return Planned { path, body: serde_json::Value::Null, effects, output: Output::Text, service: None }.tell();
    }
    println!("{}", daemon.post(&path)?);
    Ok(Verdict::Done)
}
