//! Opening a connection to a replica, ready for its first request: TCP, then who the client is, then TLS.

use crate::client::Client;
use crate::control::FailureReason;
use crate::io::IoEnd;
use crate::proxy_protocol;
use crate::shared::Target;
use crate::stream::Stream;
use crate::tls::config::ClientTls;
use crate::tls::session::Session;
use plimsoll_model::gateway::ProxyVersion;
use rustls::ClientConnection;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Connects to `target` before `deadline_ms` of the worker's clock.
///
/// # Errors
/// Why no connection could be made; nothing of a request was sent.
pub async fn dial(client: &Client, target: &Target, deadline_ms: u64) -> Result<Stream, FailureReason> {
    let socket = match client.slot.within(deadline_ms, TcpStream::connect(target.address)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(_)) => return Err(FailureReason::ConnectFailed),
        Err(_) => return Err(FailureReason::ConnectTimeout),
    };
    // Without it a request in two writes would wait for the replica's delayed acknowledgement.
    let _ = socket.set_nodelay(true);
    let upstream = &target.upstream;
    if upstream.tls.is_none() && upstream.proxy_protocol.is_none() {
        return Ok(Stream::Plain(socket));
    }
    // Boxed: what only some connections need is not carried by the state of all.
    Box::pin(introduce(client, socket, upstream.proxy_protocol, upstream.tls.as_ref(), deadline_ms)).await
}

async fn introduce(
    client: &Client,
    socket: TcpStream,
    proxy: Option<ProxyVersion>,
    tls: Option<&Arc<ClientTls>>,
    deadline_ms: u64,
) -> Result<Stream, FailureReason> {
    let pace = || client.pace(deadline_ms.saturating_sub(client.worker.now_ms()));
    let failed = |end| match end {
        IoEnd::TimedOut => FailureReason::ConnectTimeout,
        IoEnd::Gone => FailureReason::ConnectFailed,
    };
    let stream = Stream::Plain(socket);
    if let Some(version) = proxy {
        let source = SocketAddr::new(client.peer.address, client.peer.port);
        let to = client.stream.local_addr().ok_or(FailureReason::ConnectFailed)?;
        let mut header = Vec::new();
        proxy_protocol::encode(&mut header, version, source, to);
        pace().write(&stream, &header, &[]).await.map_err(|(end, _)| failed(end))?;
    }
    let Some(tls) = tls else { return Ok(stream) };
    let Stream::Plain(socket) = stream else { return Ok(stream) };
    let connection =
        ClientConnection::new(Arc::clone(&tls.config), tls.name.clone()).map_err(|_| FailureReason::ConnectFailed)?;
    let session = Session::connect(pace(), socket, connection).await.map_err(failed)?;
    Ok(Stream::Tls(Box::new(session)))
}
