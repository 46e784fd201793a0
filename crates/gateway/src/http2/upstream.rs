//! HTTP/2 to replicas: the connections of one worker to one endpoint, shared by its exchanges.
//!
//! Each exchange gets a pipe of its own ([`super::pipe`]) whose far side is a stream ([`super::carry`]), so that retries,
//! budgets, ejection and time-outs are those of HTTP/1.1 and there is one exchange to prove right. A connection is offered
//! only after the replica's first SETTINGS: then it is known to speak HTTP/2 and how many streams it takes, and whoever
//! finds no connection has sent nothing. One connection is dialled at a time, and the next only when all others are full.
//!
//! Limits: connections and streams, size of a head, what a stream may send before it is read (no bound on all of them
//! together: one client that reads slowly must not hold up the others on its connection), frames of one head and resets in
//! `h2`. A replica that has said nothing since a request was sent that timed out is asked by a PING, and its connection is
//! dropped if no answer comes.
//!
//! # Source
//! RFC 9113 sections 3.3 (prior knowledge), 5.1.2 (concurrency), 6.7 (PING), 6.8 (GOAWAY).

use super::carry;
use super::io::Io;
use super::pipe;
use crate::client::Client;
use crate::control::FailureReason;
use crate::plan::Limits;
use crate::shared::Target;
use crate::stream::Stream;
use crate::tls::session::Session;
use crate::worker::bounds::OpenConnection;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use rustls::ClientConnection;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Connections of one worker to one endpoint.
const CONNECTIONS_MAX: usize = 8;
/// Streams of one connection at once, if the replica takes so many.
const STREAMS_MAX: usize = 256;
/// Bytes of one stream that may come before they are asked for.
const STREAM_WINDOW: u32 = 128 * 1024;
/// Bytes of all streams: as many as HTTP/2 can say.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Bytes of one stream that wait to be sent.
const SEND_BUFFER: usize = 128 * 1024;
/// Streams that the replica broke and that are remembered; one more ends the connection.
const BROKEN_MAX: usize = 128;
/// A connection without streams is closed after this, ms.
const IDLE_MS: u64 = 30_000;

/// What the streams of one connection and its driver share.
#[derive(Debug, Default)]
struct State {
    open: Cell<usize>,
    /// It takes no more streams.
    is_over: Cell<bool>,
    has_served: Cell<bool>,
    idle_since_ms: Cell<u64>,
    /// Reads that brought something.
    reads: Rc<Cell<u64>>,
    suspicion: Notify,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Bytes>,
    state: Rc<State>,
}

impl Connection {
    /// Whether a stream more can be opened now.
    fn has_room(&self) -> bool {
        if self.state.is_over.get() {
            return false;
        }
        // Nothing is waited for: the answer is there, or it is an error, which GOAWAY is as well.
        let ready = self.sender.clone().poll_ready(&mut Context::from_waker(Waker::noop()));
        if matches!(ready, Poll::Ready(Err(_))) {
            self.state.is_over.set(true);
            return false;
        }
        self.state.open.get() < self.sender.current_max_send_streams().min(STREAMS_MAX)
    }
}

/// The connections to one endpoint.
#[derive(Debug, Default)]
pub struct Connections {
    all: RefCell<Vec<Connection>>,
    is_dialling: Cell<bool>,
    /// Why the last dial failed, and how many have.
    failed: Cell<Option<FailureReason>>,
    failures: Cell<u64>,
    /// Where it is negotiated: the endpoint chose HTTP/1.1 the last time.
    chose_http1: Cell<bool>,
    /// A connection came, went, or has room again.
    changed: Notify,
}

/// One stream's place on its connection.
#[derive(Debug)]
pub struct Open {
    state: Rc<State>,
    all: Rc<Connections>,
    reads_before: u64,
}

impl Open {
    fn new(all: &Rc<Connections>, state: &Rc<State>) -> Self {
        state.open.set(state.open.get() + 1);
        state.has_served.set(true);
        Self { state: Rc::clone(state), all: Rc::clone(all), reads_before: state.reads.get() }
    }

    /// The request was given up before a response: if nothing at all has come since it was sent, the other side may be
    /// gone without a word.
    pub fn given_up(&self) {
        if self.state.reads.get() == self.reads_before {
            self.state.suspicion.notify_one();
        }
    }

    /// The connection takes no more streams.
    pub fn is_last(&self) {
        self.state.is_over.set(true);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.open.set(self.state.open.get() - 1);
        self.all.changed.notify_waiters();
    }
}

/// A stream to an endpoint.
#[derive(Debug)]
pub struct Opened {
    /// What the exchange writes to and reads from.
    pub stream: Stream,
    /// The connection has carried requests before.
    pub reused: bool,
}

impl Connections {
    /// No new streams on these connections; those that are open end as they end.
    pub fn clear(&self) {
        self.all.borrow_mut().clear();
    }

    /// Closes what nobody has used for long.
    pub fn sweep(&self, now_ms: u64) {
        let mut all = self.all.borrow_mut();
        for connection in all.iter().filter(|connection| connection.state.open.get() > 0) {
            connection.state.idle_since_ms.set(now_ms);
        }
        all.retain(|connection| {
            let state = &connection.state;
            !state.is_over.get() && (now_ms.saturating_sub(state.idle_since_ms.get()) < IDLE_MS)
        });
    }

    fn stream(self: &Rc<Self>, target: &Target) -> Option<Opened> {
        let mut all = self.all.borrow_mut();
        let found = all.iter().position(Connection::has_room);
        let opened = found.map(|at| {
            let connection = &all[at];
            let reused = connection.state.has_served.get();
            let open = Open::new(self, &connection.state);
            let (near, far) = pipe::pipe();
            let scheme = if target.upstream.tls.is_some() { "https" } else { "http" };
            tokio::task::spawn_local(carry::carry(far, connection.sender.clone(), open, scheme));
            Opened { stream: Stream::Pipe(near), reused }
        });
        all.retain(|connection| !connection.state.is_over.get());
        opened
    }

    fn adopt(self: &Rc<Self>, connection: Connected, now_ms: u64, patience: Duration) {
        let Connected { sender, driver, pings, state } = connection;
        state.idle_since_ms.set(now_ms);
        self.chose_http1.set(false);
        self.all.borrow_mut().push(Connection { sender, state: Rc::clone(&state) });
        // Not held: when the endpoint is gone, its connections end with their last streams.
        let all = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            tokio::select! {
                _ = driver => {}
                () = falls_silent(pings, &state, patience) => {}
            }
            // What is dropped here ends the streams that are left.
            state.is_over.set(true);
            if let Some(all) = all.upgrade() {
                all.all.borrow_mut().retain(|connection| !connection.state.is_over.get());
                all.changed.notify_waiters();
            }
        });
    }

    fn dial(self: &Rc<Self>, target: &Arc<Target>, limits: Limits, now_ms: u64, keep: impl FnOnce(Stream) + 'static) {
        self.is_dialling.set(true);
        let (all, target) = (Rc::clone(self), Arc::clone(target));
        let patience = Duration::from_millis(limits.connect_ms);
        // A task of its own: whoever asked first may leave, and the others still wait for it.
        tokio::task::spawn_local(async move {
            let dialled = tokio::time::timeout(patience, dial(&target, limits)).await;
            all.is_dialling.set(false);
            match dialled.unwrap_or(Err(FailureReason::ConnectTimeout)) {
                Ok(Dialled::Http2(connection)) => all.adopt(*connection, now_ms, patience),
                Ok(Dialled::Http1(stream)) => {
                    all.chose_http1.set(true);
                    keep(stream);
                }
                Err(reason) => {
                    all.failed.set(Some(reason));
                    all.failures.set(all.failures.get() + 1);
                }
            }
            all.changed.notify_waiters();
        });
    }
}

/// Ends when the other side was asked for a sign of life and gave none.
async fn falls_silent(pings: Option<PingPong>, state: &State, patience: Duration) {
    let Some(mut pings) = pings else { std::future::pending().await };
    loop {
        state.suspicion.notified().await;
        if pings.send_ping(Ping::opaque()).is_err() {
            continue;
        }
        let pong = poll_fn(|context| pings.poll_pong(context));
        if tokio::time::timeout(patience, pong).await.is_err() {
            return;
        }
    }
}

type Driver = h2::client::Connection<Io, Bytes>;

struct Connected {
    sender: SendRequest<Bytes>,
    driver: Driver,
    pings: Option<PingPong>,
    state: Rc<State>,
}

enum Dialled {
    Http2(Box<Connected>),
    Http1(Stream),
}

async fn dial(target: &Target, limits: Limits) -> Result<Dialled, FailureReason> {
    let failed = FailureReason::ConnectFailed;
    let socket = TcpStream::connect(target.address).await.map_err(|_| failed)?;
    // Without it a request in two writes would wait for the replica's delayed acknowledgement.
    let _ = socket.set_nodelay(true);
    let Some(tls) = &target.upstream.tls else {
        return greet(Stream::Plain(socket), limits).await.map(|greeted| Dialled::Http2(Box::new(greeted)));
    };
    let connection = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone()).map_err(|_| failed)?;
    let session = Session::connect_unbounded(socket, connection).await.map_err(|_| failed)?;
    let stream = Stream::Tls(Box::new(session));
    match (stream.speaks_http2(), target.upstream.protocol.may_be_http1()) {
        (true, _) => greet(stream, limits).await.map(|greeted| Dialled::Http2(Box::new(greeted))),
        (false, true) => Ok(Dialled::Http1(stream)),
        (false, false) => Err(failed),
    }
}

/// Begins HTTP/2 and waits for the first SETTINGS of the other side.
async fn greet(stream: Stream, limits: Limits) -> Result<Connected, FailureReason> {
    let state = Rc::new(State::default());
    let io = Io::counted(stream, Rc::clone(&state.reads));
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(0)
        .max_local_error_reset_streams(Some(BROKEN_MAX))
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER);
    let handshake = builder.handshake::<_, Bytes>(io).await;
    let (sender, mut driver) = handshake.map_err(|_| FailureReason::ConnectFailed)?;
    let pings = driver.ping_pong();
    poll_fn(|context| {
        if std::pin::Pin::new(&mut driver).poll(context).is_ready() {
            return Poll::Ready(Err(FailureReason::ConnectFailed));
        }
        if sender.current_max_send_streams() > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await?;
    Ok(Connected { sender, driver, pings, state })
}

/// A stream to an endpoint that is reached by HTTP/2; none where it has chosen HTTP/1.1.
///
/// # Errors
/// Why there is none; nothing was sent.
pub async fn connect(
    client: &Client,
    target: &Rc<crate::worker::service::LocalTarget>,
) -> Result<Option<Opened>, FailureReason> {
    let connections = &target.connections;
    let limits = client.worker.limits();
    let deadline_ms = client.worker.now_ms().saturating_add(limits.connect_ms);
    loop {
        if let Some(opened) = connections.stream(&target.target) {
            return Ok(Some(opened));
        }
        if connections.chose_http1.get() {
            return Ok(None);
        }
        let failures = connections.failures.get();
        let changed = connections.changed.notified();
        let is_full = connections.all.borrow().len() >= CONNECTIONS_MAX;
        if !connections.is_dialling.get() && !is_full {
            let (worker, kept) = (Rc::clone(&client.worker), Rc::clone(target));
            let keep = move |stream| {
                // Opened already, so it counts, and beyond a bound too.
                if let Some(place) = OpenConnection::open(&kept.target, None) {
                    kept.keep(stream, place, worker.now_ms(), worker.limits().idle_upstream_max.max(1));
                }
            };
            connections.dial(&target.target, limits, client.worker.now_ms(), keep);
        }
        if client.slot.within(deadline_ms, changed).await.is_err() {
            return Err(FailureReason::ConnectTimeout);
        }
        if connections.failures.get() != failures {
            return Err(connections.failed.get().unwrap_or(FailureReason::ConnectFailed));
        }
    }
}

/// The same over a connection that an exchange has just opened and on which HTTP/2 was agreed.
///
/// # Errors
/// Why there is none; nothing was sent.
pub async fn begin(
    client: &Client,
    target: &Rc<crate::worker::service::LocalTarget>,
    stream: Stream,
) -> Result<Opened, FailureReason> {
    let limits = client.worker.limits();
    let deadline_ms = client.worker.now_ms().saturating_add(limits.connect_ms);
    let greeted = client.slot.within(deadline_ms, greet(stream, limits)).await;
    let greeted = greeted.map_err(|_| FailureReason::ConnectTimeout)??;
    target.connections.adopt(greeted, client.worker.now_ms(), Duration::from_millis(limits.connect_ms));
    target.connections.stream(&target.target).ok_or(FailureReason::ConnectFailed)
}
