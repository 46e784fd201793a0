//! Listening sockets: one per worker and address, sharing the port.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::FromRawFd;
use std::time::Duration;

/// Connections that wait for a busy worker before the kernel refuses more.
const BACKLOG: i32 = 1_024;

/// How often and how long to wait for an address to become free.
const ALONE_TRIES: u32 = 10;
const ALONE_PAUSE: Duration = Duration::from_millis(10);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It is no `host:port`, or its host has no address.
    #[error("listener address {address:?} is no host:port that can be resolved")]
    Address {
        /// As written.
        address: String,
    },
    /// The system refused.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// As written.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// Listens on `address` once per worker. With port 0 all share the port that the first one got.
///
/// # Errors
/// [`ListenError`].
pub fn listen(address: &str, workers: usize) -> Result<(SocketAddr, Vec<TcpListener>), ListenError> {
    let unknown = || ListenError::Address { address: address.to_owned() };
    let mut resolved = address.to_socket_addrs().map_err(|_| unknown())?.next().ok_or_else(unknown)?;
    let refused = |source| ListenError::Bind { address: address.to_owned(), source };
    // SO_REUSEPORT lets any process of this user share the port, so somebody else's listener would silently take a part
    // of the connections. Without the option the first bind finds out.
    if resolved.port() != 0 {
        alone(resolved).map_err(refused)?;
    }
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers.max(1) {
        let socket = open(resolved, true).map_err(refused)?;
        socket.listen(BACKLOG).map_err(refused)?;
        let socket = TcpListener::from(socket);
        resolved = socket.local_addr().map_err(refused)?;
        sockets.push(socket);
    }
    Ok((resolved, sockets))
}

/// Takes over the sockets of a predecessor. None, and they are closed, when they are no listeners or not one per worker:
/// a socket that nobody accepts from would swallow its share of the connections.
pub fn take_over(descriptors: &[i32], workers: usize) -> Option<(SocketAddr, Vec<TcpListener>)> {
    // SAFETY: the daemon passed these descriptors at the start for this process to own; each is taken once, because the
    // caller removes them from its list.
    let sockets: Vec<TcpListener> =
        descriptors.iter().map(|descriptor| unsafe { TcpListener::from_raw_fd(*descriptor) }).collect();
    let address = sockets.first()?.local_addr().ok()?;
    let is_usable = |socket: &TcpListener| socket.local_addr().is_ok() && socket.set_nonblocking(true).is_ok();
    (sockets.len() == workers && sockets.iter().all(is_usable)).then_some((address, sockets))
}

/// Makes sure that nobody listens there. A listener of our own that was just removed may need a moment to go.
fn alone(address: SocketAddr) -> io::Result<()> {
    for _ in 0..ALONE_TRIES {
        match open(address, false) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::sleep(ALONE_PAUSE),
            opened => return opened.map(drop),
        }
    }
    open(address, false).map(drop)
}

fn open(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Lets a restarted gateway have its port back at once. With port 0 it would let the kernel give the same port to
    // somebody who has bound it and does not listen yet.
    socket.set_reuse_address(address.port() != 0)?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
