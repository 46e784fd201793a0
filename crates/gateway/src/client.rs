//! One client connection: requests one after the other, each answered before the next is looked at.
//!
//! Pipelined requests wait in the inbox, in order. A connection between requests holds no buffer.

use crate::codec::{HeadScan, RequestError};
use crate::exchange::{self, Next};
use crate::io::{IoEnd, Pace};
use crate::refusal::{self, Refusal};
use crate::source;
use crate::stream::Stream;
use crate::worker::Worker;
use crate::worker::buffer::Buffer;
use crate::worker::listener::Listener;
use crate::worker::slot::Slot;
use plimsoll_model::gateway::SourcePrefix;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// Bytes read and thrown away from a client whose request was refused, so that it can read why.
const LINGER_BYTES: usize = 256 * 1024;
/// And for how long, ms.
const LINGER_MS: u64 = 1_000;
/// For how long after its last answer a connection that is ending still waits for a request, ms. A client that has not asked
/// for so long is unlikely to ask in the moment of the end, which is the one moment that costs it a request.
const LAST_REQUEST_MS: u64 = 3_000;

/// Who is at the other end.
#[derive(Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// As `X-Forwarded-For` writes it.
    pub text: String,
    /// As `Forwarded` writes it.
    pub node: String,
    /// Key for hashing algorithms.
    pub key: u64,
    /// The line that tells endpoints of the certificate that it showed.
    pub certificate: Option<Rc<[u8]>>,
}

impl Peer {
    fn new(peer: SocketAddr, prefix: SourcePrefix, certificate: Option<Rc<[u8]>>) -> Self {
        let address = peer.ip().to_canonical();
        let text = address.to_string();
        let node = if address.is_ipv6() { format!("\"[{text}]\"") } else { text.clone() };
        Self { address, port: peer.port(), text, node, key: source::key(address, prefix), certificate }
    }
}

/// A connection's place among those of its worker, from accepting to closing.
#[derive(Debug)]
pub struct Place {
    /// Whose it is.
    pub worker: Rc<Worker>,
    /// Its deadline.
    pub slot: Rc<Slot>,
    slot_index: usize,
    /// It is a connection of its own, and was counted as one.
    is_connection: bool,
}

impl Place {
    /// Takes a place; the connection was counted as open already.
    pub fn new(worker: Rc<Worker>) -> Self {
        let (slot_index, slot) = worker.slots.insert();
        Self { worker, slot, slot_index, is_connection: true }
    }

    /// Takes a place for a stream within a connection that has one.
    pub fn within(worker: Rc<Worker>) -> Self {
        let (slot_index, slot) = worker.slots.insert();
        Self { worker, slot, slot_index, is_connection: false }
    }

    /// Who is at the other end.
    pub fn peer(&self, peer: SocketAddr, certificate: Option<Rc<[u8]>>) -> Rc<Peer> {
        Rc::new(Peer::new(peer, self.worker.limits().source, certificate))
    }

    /// Waits of this connection, each at most `wait_ms` long.
    pub fn pace(&self, wait_ms: u64) -> Pace<'_> {
        Pace { worker: &self.worker, slot: &self.slot, wait_ms, is_shared: false }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.slots.remove(self.slot_index);
        if self.is_connection {
            self.worker.shared.connections_open.fetch_sub(1, Ordering::Relaxed);
        }
        self.worker.something_ended();
    }
}

/// One client connection.
#[derive(Debug)]
pub struct Client {
    /// The socket.
    pub stream: Stream,
    /// Whose it is.
    pub worker: Rc<Worker>,
    /// Where it was accepted.
    pub listener: Rc<Listener>,
    /// Its deadline.
    pub slot: Rc<Slot>,
    /// Who is at the other end; the same for all streams of a connection.
    pub peer: Rc<Peer>,
    /// Bytes read and not dealt with; none while there are none.
    pub inbox: Option<Buffer>,
    scan: HeadScan,
    /// Last, so that the place is free only when everything else has gone.
    _place: Place,
}

impl Client {
    /// A connection that was just accepted, or a stream of one.
    pub fn new(place: Place, listener: Rc<Listener>, stream: Stream, peer: Rc<Peer>) -> Self {
        Self {
            stream,
            listener,
            slot: Rc::clone(&place.slot),
            peer,
            inbox: None,
            scan: HeadScan::default(),
            worker: Rc::clone(&place.worker),
            _place: place,
        }
    }

    /// Waits of this connection, each at most `wait_ms` long.
    pub fn pace(&self, wait_ms: u64) -> Pace<'_> {
        Pace { worker: &self.worker, slot: &self.slot, wait_ms, is_shared: false }
    }

    /// Gives the inbox back when nothing is in it.
    pub fn release_inbox(&mut self) {
        if self.inbox.as_ref().is_some_and(Buffer::is_empty)
            && let Some(inbox) = self.inbox.take()
        {
            self.worker.buffers.give(inbox);
        }
    }

    /// Whether the connection should end with the current request.
    pub fn is_ending(&self) -> bool {
        self.worker.is_draining() || self.listener.is_closing()
    }

    /// Waits for a whole request head and gives its length in the inbox; none when the connection is over.
    async fn read_head(&mut self) -> Result<Option<usize>, RequestError> {
        let limits = self.worker.limits();
        self.scan = HeadScan::default();
        self.release_inbox();
        if self.inbox.is_none() && !self.await_bytes(limits.idle_ms).await {
            return Ok(None);
        }
        let deadline_ms = self.worker.now_ms().saturating_add(limits.head_ms);
        loop {
            if let Some(inbox) = &mut self.inbox {
                let skipped = self.scan.leading(inbox.unread());
                inbox.consume(skipped);
                let unread = inbox.unread();
                let found = self.scan.advance(unread).map_err(|_| RequestError::BareLineEnd)?;
                if found.unwrap_or(unread.len()) > limits.head_bytes_max {
                    let is_line = self.scan.start_line_exceeds(limits.head_bytes_max);
                    return Err(if is_line { RequestError::TargetTooLong } else { RequestError::HeadTooLarge });
                }
                if let Some(length) = found {
                    return Ok(Some(length));
                }
            }
            let wait_ms = deadline_ms.saturating_sub(self.worker.now_ms());
            let mut inbox = self.inbox.take().unwrap_or_else(|| self.worker.buffers.small());
            let read = self.pace(wait_ms).read(&self.stream, &mut inbox, limits.head_bytes_max + 1).await;
            self.inbox = Some(inbox);
            match read {
                Ok(0) | Err(IoEnd::Gone) => return Ok(None),
                Ok(_) => {}
                Err(IoEnd::TimedOut) => {
                    self.worker.count_refused("head-timeout");
                    Box::pin(refusal::send(self, Refusal::new(408, "head-timeout"), true)).await;
                    return Ok(None);
                }
            }
        }
    }

    /// Waits for the first byte of a request without holding a buffer.
    ///
    /// HTTP/1.1 has no way to announce the end of an idle connection, and a request that crosses the end on its way is lost
    /// for its client. So a connection that is ending waits until it has been idle for a while, answers a request that
    /// comes meanwhile with `Connection: close`, and before any end asks the kernel itself: what has arrived while this
    /// thread was busy elsewhere is still answered. Left is what arrives between that question and the end.
    ///
    /// # Source
    /// RFC 9112 sections 9.3.1 and 9.6; nginx does the same by `keepalive_min_timeout`, HAProxy by
    /// `idle-close-on-response`, which waits for one more request however long it takes.
    async fn await_bytes(&mut self, idle_ms: u64) -> bool {
        let since_ms = self.worker.now_ms();
        loop {
            let mut inbox = self.worker.buffers.small();
            match self.stream.try_read(inbox.room(0)) {
                Ok(count) if count > 0 => {
                    inbox.filled(count);
                    self.inbox = Some(inbox);
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.worker.buffers.give(inbox),
                _ => {
                    self.worker.buffers.give(inbox);
                    return false;
                }
            }
            let is_ending = self.is_ending();
            let wait_ms = if is_ending { idle_ms.min(LAST_REQUEST_MS) } else { idle_ms };
            self.slot.set_idle(!is_ending);
            let ready = self.slot.within(since_ms.saturating_add(wait_ms), self.stream.readable()).await;
            self.slot.set_idle(false);
            match ready {
                Ok(Ok(())) => {}
                Err(_) if self.is_ending() && !is_ending => {}
                Err(_) if self.stream.has_arrived_now() => {}
                _ => return false,
            }
        }
    }

    /// Closes so that the client can still read what was sent last: its unread bytes would make the kernel reset the
    /// connection, and a reset may overtake the response.
    pub async fn linger(&mut self) {
        self.stream.shutdown_write();
        let deadline_ms = self.worker.now_ms().saturating_add(LINGER_MS);
        let mut buffer = self.worker.buffers.small();
        let mut thrown = 0;
        while thrown < LINGER_BYTES {
            let left_ms = deadline_ms.saturating_sub(self.worker.now_ms());
            match self.pace(left_ms).read(&self.stream, &mut buffer, 0).await {
                Ok(count) if count > 0 && left_ms > 0 => {
                    thrown += count;
                    buffer.consume(count);
                }
                _ => break,
            }
        }
        self.worker.buffers.give(buffer);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            self.worker.buffers.give(inbox);
        }
    }
}

/// Waits for a request; the length of its head in the inbox.
///
/// # Errors
/// What becomes of a connection without one.
pub async fn next(client: &mut Client) -> Result<usize, Next> {
    match client.read_head().await {
        Ok(Some(length)) => Ok(length),
        Ok(None) => Err(Next::Close),
        Err(error) => {
            client.worker.count_refused(error.word());
            Box::pin(refusal::send(client, Refusal::from(error), true)).await;
            Err(Next::Linger)
        }
    }
}

/// Serves a connection to its end.
pub async fn serve(mut client: Client) {
    loop {
        let next = match next(&mut client).await {
            // What is rare or large is boxed, so that a connection without a request does not carry the state of one.
            Ok(length) => Box::pin(exchange::run(&mut client, length)).await,
            Err(next) => next,
        };
        match next {
            Next::Request => {}
            Next::Linger => {
                Box::pin(client.linger()).await;
                return;
            }
            Next::Close => return,
        }
    }
}

/// Tells a client that there are too many connections.
pub async fn refuse_connection(mut client: Client) {
    refusal::send(&mut client, Refusal::new(503, "connections-max"), true).await;
    client.linger().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_an_idle_connection_is_small() {
        fn size<F: Future>(_: impl Fn(Client) -> F) -> usize {
            size_of::<F>()
        }
        fn of_exchange<'c, F: Future + 'c>(_: impl Fn(&'c mut Client, usize) -> F) -> usize {
            size_of::<F>()
        }
        println!("client {}, exchange {}", size_of::<Client>(), of_exchange(exchange::run));
        println!("refuse {} {}", size(refuse_connection), size_of::<Slot>());
        let bytes = size(serve);
        assert!(bytes <= 1_024, "{bytes} bytes, of which the connection itself takes {}", size_of::<Client>());
    }
}
