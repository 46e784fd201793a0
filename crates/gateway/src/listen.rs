//! Listening sockets: one per worker and address, sharing the port.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

/// Connections that wait for a busy worker before the kernel refuses more.
const BACKLOG: i32 = 1_024;

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
        open(resolved, false).map_err(refused)?;
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

fn open(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
