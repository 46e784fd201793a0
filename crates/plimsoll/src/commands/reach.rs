//! Finds the installation that a command is about, and talks to its daemon.

use crate::args::Installation;
use anyhow::{Context, anyhow, bail};
use plimsoll_daemon::{DaemonFile, StateDir};
use plimsoll_http_client::{Answer, Ask, Budget, Url, exchange};
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// The state directory that `installation` means.
pub fn state_dir(installation: &Installation) -> anyhow::Result<PathBuf> {
    if let Some(path) = &installation.state_dir {
        if !path.is_dir() {
            bail!("--state-dir {}: no such directory", path.display());
        }
        return Ok(path.clone());
    }
    if let Some(name) = &installation.name {
        let path = StateDir::default_path(name);
        if !path.is_dir() {
            bail!("--name {name}: nothing was ever started under that name ({} is not there)", path.display());
        }
        return Ok(path);
    }
    only_one()
}

/// The one installation under the default directory: the only one running, else the only one there.
fn only_one() -> anyhow::Result<PathBuf> {
    let base = StateDir::default_path("");
    let mut all: Vec<PathBuf> = std::fs::read_dir(&base)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join("daemon.lock").is_file())
        .collect();
    all.sort();
    let running: Vec<_> = all.iter().filter(|path| path.join("daemon.json").is_file()).cloned().collect();
    let names = |paths: &[PathBuf]| {
        paths
            .iter()
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (running.as_slice(), all.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one.clone()),
        ([], []) => bail!("nothing was ever started here; start with `plimsoll up SPEC.toml`, or name a --state-dir"),
        ([], several) => bail!("say which with --name: {}", names(several)),
        (several, _) => bail!("several are running, say which with --name: {}", names(several)),
    }
}

/// A reachable daemon.
pub struct Daemon {
    api: Url,
    token: String,
    /// Its pid.
    pub pid: u32,
}

impl Daemon {
    /// The daemon of an installation.
    pub fn find(installation: &Installation) -> anyhow::Result<Self> {
        let dir = StateDir::open(&state_dir(installation)?)?;
        let file: DaemonFile = dir
            .read_json("daemon.json")
            .ok_or_else(|| anyhow!("no daemon runs on {}; start it with `plimsoll up`", dir.root().display()))?;
        let api = format!("http://{}/", file.api).parse().context("daemon.json")?;
        Ok(Self { api, token: dir.token()?, pid: file.pid })
    }

    /// `GET path`, as a value.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.ask(Ask::get(self.api.with_path(path)))?;
        serde_json::from_slice(&answer.body).with_context(|| format!("the answer to GET {path}"))
    }

    /// `POST path` with the token; what the daemon said.
    pub fn post(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.ask(Ask::post_json(self.api.with_path(path), "").bearer(&self.token))?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(said["message"].as_str().unwrap_or_default().to_owned())
    }

    /// `POST path` with a body and the token; what the daemon said.
    pub fn post_json(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<String> {
        let answer = self.ask(Ask::post_json(self.api.with_path(path), body.to_string()).bearer(&self.token))?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(said["message"].as_str().unwrap_or_default().to_owned())
    }

    fn ask(&self, ask: Ask) -> anyhow::Result<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(exchange(ask, Budget::default())).with_context(|| {
            format!(
                "the daemon (pid {}) does not answer; if it crashed, `plimsoll up` adopts what it left running",
                self.pid
            )
        })?;
        if !answer.status.is_success() {
            let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            bail!("{}", problem["detail"].as_str().unwrap_or(answer.status.as_str()));
        }
        Ok(answer)
    }
}
