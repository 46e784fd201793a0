//! Orders to a running daemon: `reload`, `job run`.

use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Installation, Reload};

/// `plimsoll reload`.
pub fn reload(reload: &Reload) -> anyhow::Result<Verdict> {
    println!("{}", Daemon::find(&reload.installation)?.post("/v1/reload")?);
    Ok(Verdict::Done)
}

/// `plimsoll job run JOB`.
pub fn run_job(job: &str, installation: &Installation) -> anyhow::Result<Verdict> {
    println!("{}", Daemon::find(installation)?.post(&format!("/v1/jobs/{job}/run"))?);
    Ok(Verdict::Done)
}
