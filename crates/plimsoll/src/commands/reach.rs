//! Finds the installation that a command is about, and talks to its daemon.

use crate::args::Installation;
use anyhow::{Context, anyhow, bail};
use plimsoll_daemon::{DaemonFile, StateDir};
use plimsoll_http_client::{Answer, Ask, Budget, Trust, Url, exchange};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The state directory that `installation` means.
pub fn state_dir(installation: &Installation) -> anyhow::Result<PathBuf> {
    if installation.server.is_some() {
        bail!("--server: this command reads the state directory, so it runs on the daemon's machine");
    }
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
    token: Option<String>,
    trust: Trust,
    spec: PathBuf,
    /// Its pid; 0 for one on another machine.
    pub pid: u32,
}

impl Daemon {
    /// The daemon of an installation.
    pub fn find(installation: &Installation) -> anyhow::Result<Self> {
        if let Some(server) = &installation.server {
            return Self::remote(server, installation);
        }
        let dir = StateDir::open(&state_dir(installation)?)?;
        let file: DaemonFile = dir
            .read_json("daemon.json")
            .ok_or_else(|| anyhow!("no daemon runs on {}; start it with `plimsoll up`", dir.root().display()))?;
        let scheme = if file.certificate.is_some() { "https" } else { "http" };
        let api = format!("{scheme}://{}/", own_address(&file.api)).parse().context("daemon.json")?;
        // Whoever can read the state directory knows the certificate; names in it are for those who cannot.
        let trust = file.certificate.map_or(Trust::System, Trust::Exactly);
        let token = match &installation.token_file {
            Some(path) => secret_in(path)?,
            None => dir.token()?,
        };
        Ok(Self { api, token: Some(token), trust, spec: file.spec, pid: file.pid })
    }

    fn remote(server: &str, installation: &Installation) -> anyhow::Result<Self> {
        let api: Url = server.parse().with_context(|| format!("--server {server}"))?;
        let is_local = matches!(api.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if !api.tls && !is_local {
            bail!("--server {server}: a token would travel in the clear; other machines are reached by https");
        }
        let token = match &installation.token_file {
            Some(path) => Some(secret_in(path)?),
            None => std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
        };
        let trust = installation.ca.clone().map_or(Trust::System, Trust::File);
        Ok(Self { api, token, trust, spec: PathBuf::new(), pid: 0 })
    }

    /// `GET path`, as a value.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.ask(Ask::get(self.api.with_path(path)))?;
        serde_json::from_slice(&answer.body).with_context(|| format!("the answer to GET {path}"))
    }

    /// `POST path`; what the daemon said.
    pub fn post(&self, path: &str) -> anyhow::Result<String> {
        self.order(Ask::post_json(self.api.with_path(path), ""))
    }

    /// `POST path` with a body; what the daemon said.
    pub fn post_json(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<String> {
        self.order(Ask::post_json(self.api.with_path(path), body.to_string()))
    }

    /// `POST path` with a question that changes nothing and may take `wait`; the answer as a value.
    pub fn question<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
        wait: Duration,
    ) -> anyhow::Result<T> {
        let ask = Ask::post_json(self.api.with_path(path), body.to_string());
        let answer = self.ask_within(ask, Budget { deadline: wait, ..Budget::default() })?;
        serde_json::from_slice(&answer.body).with_context(|| format!("the answer to POST {path}"))
    }

    /// Whether this is the file that a reload reads.
    pub fn reads(&self, spec: &Path) -> bool {
        matches!((self.spec.canonicalize(), spec.canonicalize()), (Ok(own), Ok(asked)) if own == asked)
    }

    /// `PUT path` with a text; what the daemon said.
    pub fn put_text(&self, path: &str, text: String) -> anyhow::Result<String> {
        let mut ask = Ask::post_json(self.api.with_path(path), text);
        ask.method = "PUT".parse()?;
        self.order(ask)
    }

    fn order(&self, ask: Ask) -> anyhow::Result<String> {
        let answer = self.ask(ask)?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(said["message"].as_str().unwrap_or_default().to_owned())
    }

    fn ask(&self, ask: Ask) -> anyhow::Result<Answer> {
        self.ask_within(ask, Budget::default())
    }

    fn ask_within(&self, ask: Ask, budget: Budget) -> anyhow::Result<Answer> {
        let ask = match &self.token {
            Some(token) => ask.bearer(token),
            None => ask,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asked = exchange(ask.trusting(self.trust.clone()), budget);
        let answer = runtime.block_on(asked).with_context(|| match self.pid {
            0 => "the daemon on another machine was not reached".to_owned(),
            pid => {
                format!(
                    "the daemon (pid {pid}) does not answer; if it crashed, `plimsoll up` adopts what it left running"
                )
            }
        })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or(answer.status.as_str());
        if answer.status.as_u16() == 401 && self.token.is_none() {
            bail!("{detail}; name a file with one by --token-file, or put it into {TOKEN_VARIABLE}");
        }
        bail!("{detail}")
    }
}

/// Where the token of a daemon on another machine is looked for: never on the command line, which everybody can read.
pub const TOKEN_VARIABLE: &str = "PLIMSOLL_TOKEN";

/// Longest file of a token that is read.
const TOKEN_FILE_MAX: u64 = 4_096;

/// The token in a file: its first line.
fn secret_in(path: &Path) -> anyhow::Result<String> {
    let failed = || format!("--token-file {}", path.display());
    if std::fs::metadata(path).with_context(failed)?.len() > TOKEN_FILE_MAX {
        bail!("--token-file {}: longer than {TOKEN_FILE_MAX} bytes, no token is", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(failed)?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() {
        bail!("--token-file {}: its first line is empty", path.display());
    }
    Ok(token.to_owned())
}

/// Where a daemon on this machine answers that listens there: on every address is on loopback too.
fn own_address(api: &str) -> String {
    match api.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(at)) if at.ip().is_unspecified() => format!("127.0.0.1:{}", at.port()),
        Ok(SocketAddr::V6(at)) if at.ip().is_unspecified() => format!("[::1]:{}", at.port()),
        _ => api.to_owned(),
    }
}

/// The wall clock, milliseconds since the Unix epoch.
pub fn wall_ms() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)
}

/// A value as it may stand in a query.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}
