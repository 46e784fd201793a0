//! The HTTP API on loopback: state, decisions, history, policy, metrics and the dashboard.
//!
//! Reading is open to whoever reaches the address (loopback unless the spec says otherwise); every write needs the bearer
//! token from the state directory. A request whose `Host` is no name of this machine is refused, so that a web page in the
//! user's browser cannot reach the API by rebinding a name of its own. `GET` never changes anything.
//!
//! Handlers run on the daemon's one thread, read [`Shared`] and send [`Order`]s; they never wait for a step.

mod announce;
mod openapi;
mod respond;
mod routes;
mod wheel;

pub use announce::Announcement;
use openapi::document as openapi;
pub use routes::Order;
pub use wheel::Handed;

use crate::clock::Clock;
use crate::traffic::Totals;
use crate::view::{DecisionView, StateView};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll_collect::history::History;
use plimsoll_model::ServiceName;
use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

/// Decisions kept for the feed.
pub const DECISIONS_MAX: usize = 1_000;
/// Clients served at once; a dashboard needs two.
const CONNECTIONS_MAX: usize = 64;
/// From the first byte of a request head to its end.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait after a failed accept (out of descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the handlers read. The engine writes it after each step.
#[derive(Debug)]
pub struct Shared {
    /// The latest state.
    pub state: RefCell<StateView>,
    /// Decisions that did or said something new, newest last.
    pub decisions: RefCell<VecDeque<DecisionView>>,
    /// The policy in force, as it was journaled.
    pub policy: RefCell<serde_json::Value>,
    /// Samples.
    pub history: Option<Arc<History>>,
    /// Requests by service since the daemon started.
    pub totals: RefCell<BTreeMap<ServiceName, Totals>>,
    /// The daemon's clock, and when it started: shown as they are when somebody asks, not as they were at the last step.
    pub clock: Clock,
    /// See `clock`.
    pub started: Instant,
    /// Guards writes.
    pub token: String,
    /// Counts steps, for whoever waits for news.
    pub news: watch::Sender<u64>,
}

impl Shared {
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

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, shared: Rc<Shared>, orders: mpsc::Sender<Order>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let local = listener.local_addr().ok();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (shared, orders) = (shared.clone(), orders.clone());
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| routes::answer(request, local, shared.clone(), orders.clone()));
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(64 << 10);
            // A broken client connection concerns nobody but that client.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
            drop(slot);
        });
    }
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
