//! The HTTP API on loopback: state, decisions, history, policy, metrics and the dashboard.
//!
//! Who may do what is [`access`]'s: on loopback reading is open to whoever connects (unless the spec says otherwise) and
//! every write needs a token; beyond loopback everything does, within TLS. On a plain connection a request whose `Host` is no
//! name of this machine is refused, so that a web page in the user's browser cannot reach the API by rebinding a name of its
//! own; a write that a page of another origin sent is refused everywhere. `GET` never changes anything.
//!
//! Handlers run on the daemon's one thread, read [`Shared`] and send [`Order`]s; they never wait for a step.

pub mod access;
mod analyst;
mod announce;
mod ask;
mod door;
mod openapi;
mod respond;
mod routes;
mod usage;
mod wheel;
mod write;

pub use analyst::Answered;
pub use announce::Announcement;
pub use door::serve;
pub use openapi::document as openapi;
pub use routes::Order;
pub use wheel::Handed;

use crate::analyst::AnalystFigures;
use crate::analyst::asker::Asker;
use crate::audit::Allowance;
use crate::clock::Clock;
use crate::notify::HookFigures;
use crate::traffic::Totals;
use crate::view::{DecisionView, StateView};
use access::Access;
use plimsoll_collect::history::History;
use plimsoll_gateway::ServerTls;
use plimsoll_gateway::control::CircuitReport;
use plimsoll_model::ServiceName;
use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Decisions kept for the feed.
pub const DECISIONS_MAX: usize = 1_000;
/// What the handlers read. The engine writes it after each step.
#[derive(Debug)]
pub struct Shared {
    /// The latest state.
    pub state: RefCell<StateView>,
    /// Decisions that did or said something new, newest last.
    pub decisions: RefCell<VecDeque<DecisionView>>,
    /// The policy in force, as it was journaled.
    pub policy: RefCell<serde_json::Value>,
    /// What the analyst proposed, oldest first, whole.
    pub proposals: RefCell<Vec<serde_json::Value>>,
    /// Its searches for formulas, the last of each service.
    pub searches: RefCell<Vec<serde_json::Value>>,
    /// What it last found, by service.
    pub diagnoses: RefCell<BTreeMap<String, serde_json::Value>>,
    /// What there is to count of it.
    pub analyst: RefCell<AnalystFigures>,
    /// Who answers questions; none where no thread could be started.
    pub asker: Option<Asker>,
    /// Samples.
    pub history: Option<Arc<History>>,
    /// Requests by service since the daemon started.
    pub totals: RefCell<BTreeMap<ServiceName, Totals>>,
    /// The daemon's clock, and when it started: shown as they are when somebody asks, not as they were at the last step.
    pub clock: Clock,
    /// See `clock`.
    pub started: Instant,
    /// Who may do what.
    pub access: Access,
    /// What connections are made secure with; none is plain HTTP.
    pub tls: RefCell<Option<ServerTls>>,
    /// How many refused requests the audit may still hold.
    pub allowance: RefCell<Allowance>,
    /// The journal's directory.
    pub journal: PathBuf,
    /// Requests that asked for a change.
    pub asked: Cell<u64>,
    /// Records that the audit could not take.
    pub audit_lost: Cell<u64>,
    /// Logs of ended workloads that retention took and that are not noted yet.
    pub ended_logs: Cell<usize>,
    /// What became of messages to receivers of webhooks.
    pub hooks: RefCell<BTreeMap<String, HookFigures>>,
    /// Exports of metrics that a collector took, and that none did.
    pub exported: Cell<(u64, u64)>,
    /// Circuit breakers, as the gateway last reported them.
    pub circuits: RefCell<BTreeMap<ServiceName, CircuitReport>>,
    /// Counts steps, for whoever waits for news.
    pub news: watch::Sender<u64>,
}

impl Shared {
    /// A number for a request that asks for a change.
    pub(crate) fn next_request(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.asked.get()
    }

    /// What the daemon counts of itself.
    #[must_use]
    pub fn own_figures(&self) -> OwnFigures {
        OwnFigures {
            refused: self.access.refused(),
            unrecorded: self.access.unrecorded.get(),
            audit_lost: self.audit_lost.get(),
            hooks: self.hooks.borrow().clone(),
            exported: self.exported.get(),
            circuits: self.circuits.borrow().clone(),
            analyst: self.analyst.borrow().clone(),
        }
    }

    /// The latest state, at the present time.
    #[must_use]
    pub fn state_now(&self) -> Ref<'_, StateView> {
        {
            let mut state = self.state.borrow_mut();
            let now = self.clock.now();
            state.trace_time_ms = now.get();
            state.trace_time = now.to_string();
            state.uptime_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        self.state.borrow()
    }
}

/// How a request came.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The address that it came to.
    pub local: Option<SocketAddr>,
    /// The address that it came from.
    pub from: SocketAddr,
    /// Within TLS.
    pub is_secure: bool,
}

impl Source {
    /// From this machine: from loopback, or from the very address that it came to.
    #[must_use]
    pub fn is_home(self) -> bool {
        let from = self.from.ip().to_canonical();
        from.is_loopback() || self.local.is_some_and(|local| local.ip().to_canonical() == from)
    }
}

/// What the daemon counts of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnFigures {
    /// Requests turned away, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Of those, without a record of their own.
    pub unrecorded: u64,
    /// Records that the journal had no room for.
    pub audit_lost: u64,
    /// Messages to receivers of webhooks.
    pub hooks: BTreeMap<String, HookFigures>,
    /// Exports of metrics that a collector took, and that none did.
    pub exported: (u64, u64),
    /// Circuit breakers of services that have one.
    pub circuits: BTreeMap<ServiceName, CircuitReport>,
    /// Looks of the analyst, and its model.
    pub analyst: AnalystFigures,
}

/// `by` with the name of the token that it came with, within `most` bytes.
fn via(by: &str, token: &str, most: usize) -> String {
    let whole = format!("{by} via {token}");
    if by.is_empty() || by == token || whole.len() > most { token.to_owned() } else { whole }
}

/// Is `host` (with or without port) a name that only this machine answers to?
fn is_own_name(host: &str, local: Option<SocketAddr>) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || local.is_some_and(|local| local.ip() == ip))
}
