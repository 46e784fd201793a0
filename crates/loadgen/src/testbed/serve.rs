//! Listening, and leaving politely: on SIGTERM no new connection is taken, open requests end, and the process exits 0.

use super::options::{OptionError, Options};
use super::service::Service;
use crate::stop::Stop;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, LocalSet};

/// A peer that sends no whole head within this is dropped, an idle one included. Longer than clients keep idle
/// connections, so that it is they who close.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
/// After a failed accept (no descriptors left) a moment passes, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a testbed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Connections that were still open when the drain time was over, and were cut.
    pub cut: usize,
}

/// Why a testbed could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A dial is out of range.
    #[error("the options are not valid")]
    Options(#[from] OptionError),
    /// The address can not be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Signals can not be caught.
    #[error("cannot catch signals")]
    Signal(#[source] io::Error),
}

/// Serves until SIGTERM or SIGINT; `listening` is told the address once it listens.
///
/// # Errors
/// [`ServeError`] when an option is out of range or the address is taken.
pub async fn serve(options: Options, listening: impl FnOnce(SocketAddr)) -> Result<Served, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
    let (handle, stop) = Stop::pair();
    let signals = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        handle.stop();
        std::future::pending().await
    };
    tokio::select! {
        served = serve_until(options, stop, listening) => served,
        never = signals => never,
    }
}

/// As [`serve`], ended by `stop`: for a testbed inside another program.
///
/// # Errors
/// As [`serve`].
pub async fn serve_until(
    options: Options,
    mut stop: Stop,
    listening: impl FnOnce(SocketAddr),
) -> Result<Served, ServeError> {
    options.check()?;
    let address = SocketAddr::new(options.host, options.port);
    let drain = Duration::from_millis(options.drain_ms.0);
    let startup = Duration::from_millis(options.startup_ms.0);
    let ready_at = Instant::now() + startup;
    let service = Rc::new(Service::new(options, ready_at));
    if !service.options.startup_listening {
        tokio::select! {
            () = tokio::time::sleep_until(ready_at.into()) => {}
            () = stop.stopped() => return Ok(Served { cut: 0 }),
        }
    }
    let refuse = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refuse)?;
    listening(listener.local_addr().map_err(refuse)?);
    Ok(LocalSet::new().run_until(accept(service, listener, stop, drain)).await)
}

async fn accept(service: Rc<Service>, listener: TcpListener, mut stop: Stop, drain: Duration) -> Served {
    let mut connections = JoinSet::new();
    let most = service.options.connections_max as usize;
    loop {
        tokio::select! {
            biased;
            () = stop.stopped() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn_local(connection(Rc::clone(&service), stream, peer, stop.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(drain, all).await;
    Served { cut: connections.len() }
}

async fn connection(service: Rc<Service>, stream: TcpStream, peer: SocketAddr, mut stop: Stop) {
    // Without it small answers wait for the peer's delayed acknowledgement; a refusal costs only that.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = Rc::clone(&service);
        async move { service.answer(request, peer).await }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(64 * 1_024)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(served);
    tokio::select! {
        // The peer's mistakes end its own connection and concern nobody else.
        _ = &mut served => {}
        () = stop.stopped() => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}
