//! One request over a pooled HTTP/1.1 connection, and what became of it.
//!
//! The pool hands out the connection used last, so that at low load few are kept busy and the rest age out. A connection
//! that lay idle longer than `idle_max` is closed by us: servers close theirs after a while too, and a request that
//! crosses such a close would fail through nobody's fault. A connection found closed before a byte of the request was
//! written is replaced in silence, as any client does; after the first byte a lost connection is a failure.

use crate::report::FailureKind;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// Largest answer read, in bytes; more is a failure.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// How a request failed, and what was seen.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) what: String,
}

#[derive(Debug)]
pub(crate) struct Pool {
    addresses: Vec<SocketAddr>,
    idle: RefCell<Vec<Connection>>,
    idle_max: Duration,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    used: Instant,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Closes the socket at once, in the middle of an exchange too: an abandoned answer must not keep it open.
        self.driver.abort();
    }
}

impl Pool {
    pub(crate) fn new(addresses: Vec<SocketAddr>, idle_max: Duration) -> Self {
        Self { addresses, idle: RefCell::new(Vec::new()), idle_max }
    }

    /// Sends `request` and reads the whole answer: the bytes of its body. `opened` counts the connections it took.
    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>, opened: &mut u64) -> Result<u64, Failure> {
        let mut request = request;
        loop {
            let (mut connection, fresh) = match self.take_idle() {
                Some(connection) => (connection, false),
                None => {
                    *opened += 1;
                    (self.connect().await?, true)
                }
            };
            if let Err(error) = connection.sender.ready().await {
                if fresh {
                    return Err(classify(&error));
                }
                continue;
            }
            match connection.sender.try_send_request(request).await {
                Ok(response) => {
                    let answer = read_answer(response).await;
                    if !matches!(&answer, Err(failure) if !failure.kind.is_status()) {
                        connection.used = Instant::now();
                        self.idle.borrow_mut().push(connection);
                    }
                    return answer;
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(classify(error.error())),
                },
            }
        }
    }

    /// Drops the connections that lay idle too long; called now and then, so that a quiet pool does not keep sockets.
    pub(crate) fn close_aged(&self) {
        let now = Instant::now();
        self.idle
            .borrow_mut()
            .retain(|connection| !connection.sender.is_closed() && now.duration_since(connection.used) < self.idle_max);
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if !connection.sender.is_closed() && connection.used.elapsed() < self.idle_max {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let refuse = |error: io::Error| Failure { kind: FailureKind::Connect, what: error.to_string() };
        let stream = TcpStream::connect(self.addresses.as_slice()).await.map_err(refuse)?;
        stream.set_nodelay(true).map_err(refuse)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| classify(&error))?;
        // The driver's own error reaches the request that it broke, so it is not looked at twice.
        let driver = tokio::task::spawn_local(async move { drop(connection.await) }).abort_handle();
        Ok(Connection { sender, driver, used: Instant::now() })
    }
}

impl FailureKind {
    /// Whether a whole answer came and the connection can be used again.
    fn is_status(self) -> bool {
        matches!(self, Self::Status4xx | Self::Status5xx)
    }
}

async fn read_answer(response: Response<Incoming>) -> Result<u64, Failure> {
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| classify(&error))?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        if bytes > ANSWER_BYTES_MAX {
            let what = format!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
            return Err(Failure { kind: FailureKind::Protocol, what });
        }
    }
    let status_failure = |kind| Err(Failure { kind, what: format!("status {}", status.as_u16()) });
    match status.as_u16() {
        500.. => status_failure(FailureKind::Status5xx),
        400..500 => status_failure(FailureKind::Status4xx),
        _ => Ok(bytes),
    }
}

/// Sorts an error of the HTTP client: what broke the connection is a reset, what broke the rules is protocol.
fn classify(error: &hyper::Error) -> Failure {
    let mut what = error.to_string();
    let mut cause = std::error::Error::source(error);
    let mut lost = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    while let Some(inner) = cause {
        lost |= inner.downcast_ref::<io::Error>().is_some();
        what = format!("{what}: {inner}");
        cause = inner.source();
    }
    let kind = if lost { FailureKind::Reset } else { FailureKind::Protocol };
    Failure { kind, what }
}
