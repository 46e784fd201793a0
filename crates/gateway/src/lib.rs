//! The data plane: a process of its own that proxies HTTP/1.1 to the replicas of services.
//!
//! The daemon feeds it snapshots of endpoints over a unix socket ([`control`]) and gets reports back; a request never
//! waits for the daemon, and when the daemon is gone the last snapshot stays in use until the next daemon connects.
//!
//! One supervisor thread talks to the daemon; each worker thread runs one single-threaded runtime with listeners,
//! connections and upstream pools of its own, so that a request takes no lock. The protocol is a codec without sockets
//! ([`codec`]); which endpoint gets a request is `plimsoll-balance`.
//!
//! Must never wait on the daemon for a request, and never forward a message that the replica could frame differently.

mod access_log;
mod cidr;
mod client;
pub mod codec;
pub mod control;
mod date;
mod dial;
mod exchange;
mod greet;
mod http2;
mod io;
mod listen;
mod load_report;
mod plan;
mod proxy_protocol;
mod refusal;
mod route;
mod rules;
mod shared;
mod source;
mod stats;
mod stream;
mod supervisor;
mod tcp;
mod tls;
mod trace;
mod worker;

pub use control::{FromGateway, ListeningSockets, Snapshot, ToGateway};
pub use tls::config::{ServerTls, TlsError, server as server_tls};

use plimsoll_model::gateway::GatewayFile;
use std::path::PathBuf;
use std::sync::Arc;

/// How a gateway is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its control socket is made.
    pub control: PathBuf,
    /// Time between reports, physical, at least 10.
    pub report_interval_ms: u64,
    /// Worker threads; none takes what the first snapshot says, or one per core.
    pub workers: Option<usize>,
    /// Leave Ctrl-C to the daemon that started it.
    pub ignore_interrupt: bool,
    /// The file that it runs by when it runs alone.
    pub alone: Option<Alone>,
    /// Take the listening sockets over from the gateway that answers at `control`, which then drains.
    pub takeover: bool,
    /// A snapshot to start with, for running without a daemon.
    pub initial: Option<Snapshot>,
    /// Listening sockets that a killed predecessor left with the daemon, as descriptors of this process. Used by the first
    /// snapshot that names their address and has as many workers; the others are closed then.
    pub inherited: Vec<ListeningSockets>,
}

impl Options {
    /// A gateway that a daemon starts: reports every 250 ms, everything else from snapshots.
    #[must_use]
    pub fn new(control: impl Into<PathBuf>) -> Self {
        Self {
            control: control.into(),
            report_interval_ms: 250,
            workers: None,
            ignore_interrupt: true,
            alone: None,
            takeover: false,
            initial: None,
            inherited: Vec::new(),
        }
    }
}

/// Reads the file of a gateway that runs alone: at its start, and whenever it is told to reload.
#[derive(Clone)]
pub struct Alone(Arc<ReadFile>);

type ReadFile = dyn Fn() -> Result<GatewayFile, String> + Send + Sync;

impl Alone {
    /// With this reader; its error is shown to whoever asked.
    pub fn new(read: impl Fn() -> Result<GatewayFile, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl std::fmt::Debug for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alone")
    }
}

/// Why a gateway could not run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The control socket cannot be had.
    #[error("cannot listen at control socket {path}: {source}", path = path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No runtime.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    /// No thread.
    #[error("cannot start a worker thread: {0}")]
    Thread(std::io::Error),
    /// A worker ended by itself: the process ends, so that it is started anew with all of them.
    #[error("a worker has ended")]
    WorkerEnded,
    /// No signals.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// The gateway that ran before keeps its sockets.
    #[error("cannot take over from the gateway at {path}: {source}", path = path.display())]
    Takeover {
        /// Its control socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was refused.
    #[error("{0}")]
    File(String),
    /// The snapshot in [`Options::initial`] was refused.
    #[error("the initial snapshot was refused: {0}")]
    Initial(String),
}

/// Whether a gateway could run by this file: certificates and keys are read, nothing is opened.
///
/// # Errors
/// What is wrong with it.
pub fn check(file: &GatewayFile) -> Result<(), String> {
    supervisor::check(file)
}

/// Runs a gateway until it is told to stop, by SIGTERM, [`ToGateway::Drain`] or [`ToGateway::Stop`]. Blocks.
///
/// # Errors
/// [`GatewayError`] when it could not start; what fails later is reported to the daemon and survived.
pub fn run(options: Options) -> Result<(), GatewayError> {
    supervisor::run(options)
}
