//! What comes before the first request of a connection: the PROXY protocol, then TLS, then where it goes.
//!
//! A connection that needs none of this never comes here. Everything is bounded by the time-out of a head, so that a
//! client that says nothing holds a place for no longer than one that sends half a request.

use crate::client::{self, Client, Place};
use crate::http2::{self, PREFACE};
use crate::io::IoEnd;
use crate::proxy_protocol::{self, Said, Step};
use crate::stream::Stream;
use crate::tcp;
use crate::tls::client_cert;
use crate::tls::session::Session;
use crate::worker::listener::{Listener, Routes};
use rustls::ServerConnection;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Serves a connection from its first byte to its end.
pub async fn serve(place: Place, listener: Rc<Listener>, routes: Rc<Routes>, socket: TcpStream, peer: SocketAddr) {
    let mut peer = peer;
    if routes.proxy_protocol {
        match announced(&place, &socket, peer).await {
            Ok(Said::Source(source)) => peer = source,
            Ok(Said::Nothing) => {}
            Err(word) => return place.worker.count_refused(word),
        }
    }
    let mut certificate = None;
    let stream = match &routes.tls {
        None => Stream::Plain(socket),
        Some(tls) => {
            let Ok(connection) = ServerConnection::new(std::sync::Arc::clone(&tls.config)) else {
                return place.worker.count_refused("tls-failed");
            };
            // Boxed: the handshake's state is not carried by connections that are past it.
            match Box::pin(Session::accept(place.pace(place.worker.limits().head_ms), socket, connection)).await {
                Ok(session) => {
                    let shown = session.peer_certificate().filter(|_| tls.forwards_certificate);
                    certificate = shown.map(|shown| Rc::from(client_cert::line(&shown)));
                    Stream::Tls(Box::new(session))
                }
                Err(IoEnd::TimedOut) => return place.worker.count_refused("tls-timeout"),
                Err(IoEnd::Gone) => return place.worker.count_refused("tls-failed"),
            }
        }
    };
    let peer = place.peer(peer, certificate);
    let passed_to = routes.tcp.clone();
    let may_be_http2 = routes.http2 && routes.tls.is_none();
    drop(routes);
    if let Some(service) = passed_to {
        return tcp::serve(Client::new(place, listener, stream, peer), service).await;
    }
    if stream.speaks_http2() {
        return http2::serve(place, listener, stream, Vec::new(), peer).await;
    }
    if !may_be_http2 {
        return client::serve(Client::new(place, listener, stream, peer)).await;
    }
    match first_bytes(&place, &stream).await {
        Some((bytes, true)) => http2::serve(place, listener, stream, bytes, peer).await,
        Some((bytes, false)) => {
            let mut inbox = place.worker.buffers.small();
            inbox.put(&bytes);
            let mut client = Client::new(place, listener, stream, peer);
            client.inbox = Some(inbox);
            client::serve(client).await;
        }
        None => place.worker.count_refused("head-timeout"),
    }
}

/// The first bytes of a plain connection, and whether they are the preface of HTTP/2. None when there were none in time.
async fn first_bytes(place: &Place, stream: &Stream) -> Option<(Vec<u8>, bool)> {
    let deadline_ms = place.worker.now_ms().saturating_add(place.worker.limits().idle_ms);
    let mut bytes = vec![0; PREFACE.len()];
    let mut count = 0;
    loop {
        match stream.try_read(&mut bytes[count..]) {
            Ok(0) => return None,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left_ms = deadline_ms.saturating_sub(place.worker.now_ms());
                place.pace(left_ms).wait(stream.readable()).await.ok()?.ok()?;
                continue;
            }
            Err(_) => return None,
        }
        let is_preface = bytes[..count] == PREFACE[..count];
        if !is_preface || count == PREFACE.len() {
            bytes.truncate(count);
            return Some((bytes, is_preface));
        }
    }
}

/// What the proxy before us says; the error is the word under which a refused connection is counted.
async fn announced(place: &Place, socket: &TcpStream, peer: SocketAddr) -> Result<Said, &'static str> {
    if !place.worker.trusts(peer.ip()) {
        return Err("proxy-untrusted");
    }
    let deadline_ms = place.worker.now_ms().saturating_add(place.worker.limits().head_ms);
    let mut header: Vec<u8> = Vec::new();
    loop {
        let need = match proxy_protocol::step(&header).map_err(|_| "proxy-invalid")? {
            Step::Done(said) => return Ok(said),
            Step::Need(need) => need,
        };
        let start = header.len();
        header.resize(start + need, 0);
        match socket.try_read(&mut header[start..]) {
            Ok(0) => return Err("proxy-invalid"),
            Ok(count) => header.truncate(start + count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                header.truncate(start);
                let left_ms = deadline_ms.saturating_sub(place.worker.now_ms());
                let ready = place.pace(left_ms).wait(socket.readable()).await;
                ready.map_err(|_| "proxy-timeout")?.map_err(|_| "proxy-invalid")?;
            }
            Err(_) => return Err("proxy-invalid"),
        }
    }
}
