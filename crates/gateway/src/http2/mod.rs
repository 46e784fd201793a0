//! HTTP/2 from clients: one connection, many streams, each an exchange like any other.
//!
//! `h2` keeps frames, header compression and flow control. Each stream becomes a client of its own ([`frames`]), with its
//! request written as HTTP/1.1 and read by the same codec, so that routing, rules, balancing, limits and every rule of the
//! codec hold for both protocols and there is one exchange to prove right. That costs one more parse of each head; the plain
//! HTTP/1.1 path pays nothing.
//!
//! Limits: streams at once, size of a head, streams reset before they were looked at (rapid reset), frames of one head (in
//! `h2`). A slow reader fills its window, then the exchange's write waits under the usual time-out.
//!
//! Must never give the exchange a byte that the codec would not check.
//!
//! # Source
//! RFC 9113; CVE-2023-44487 (rapid reset), CVE-2024-27316 and its kin (continuation flood).

mod answer;
mod body;
mod carry;
pub mod frames;
pub mod grpc;
mod hands;
mod heads;
pub mod io;
pub mod pipe;
pub mod upstream;

use crate::client::{self, Client, Peer, Place};
use crate::exchange;
use crate::stream::Stream;
use crate::worker::Worker;
use crate::worker::listener::Listener;
use answer::{Answer, Asked};
use body::Body;
use frames::Frames;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use io::{Io, Wire};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// What a client that speaks HTTP/2 without being asked sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Streams of one connection at once.
const STREAMS_MAX: u32 = 128;
/// Streams that a client may reset before they were looked at.
const RESETS_MAX: usize = 32;
/// Bytes of one stream that may come before they are asked for.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes of all streams.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of one stream that wait to be sent.
const SEND_BUFFER: usize = 128 * 1024;
/// How long a connection that is told to go may take, ms.
const GOODBYE_MS: u64 = 1_000;

/// What the streams of one connection have in common.
#[derive(Debug)]
struct Streams {
    worker: Rc<Worker>,
    listener: Rc<Listener>,
    peer: Rc<Peer>,
    local: Option<SocketAddr>,
    open: Cell<u32>,
}

/// A stream, counted among those of its connection for as long as it is there.
#[derive(Debug)]
struct Open(Rc<Streams>);

impl Open {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// A stream to be answered.
#[derive(Debug)]
pub struct Job {
    open: Open,
    request: Request<RecvStream>,
    respond: SendResponse<bytes::Bytes>,
}

/// Who answers the streams of a worker.
pub type Answering = hands::Hands<Job>;

/// Serves a connection to its end. `read_before` was read of it already.
pub async fn serve(place: Place, listener: Rc<Listener>, stream: Stream, read_before: Vec<u8>, peer: Rc<Peer>) {
    let (worker, local) = (Rc::clone(&place.worker), stream.local_addr());
    let streams = Rc::new(Streams { worker, listener, peer, local, open: Cell::new(0) });
    let limits = place.worker.limits();
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_concurrent_reset_streams(RESETS_MAX)
        .reset_stream_duration(Duration::from_secs(1))
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER);
    let (io, wire) = Io::late(stream, read_before);
    let handshake = wire.sending(builder.handshake::<_, bytes::Bytes>(io));
    let deadline_ms = place.worker.now_ms().saturating_add(limits.head_ms);
    let Ok(Ok(mut connection)) = place.slot.within(deadline_ms, handshake).await else {
        return place.worker.count_refused("http2-failed");
    };
    let mut is_leaving = false;
    loop {
        // Asked before each stream: a connection that is never idle has to be told too, or it is cut when the drain's time
        // is up.
        if !is_leaving && (place.worker.is_draining() || streams.listener.is_closing()) {
            is_leaving = true;
            connection.graceful_shutdown();
        }
        let accepted = next(&place, &wire, &mut connection, is_leaving).await;
        match accepted {
            Some(Ok((request, respond))) => {
                let job = Job { open: Open::new(&streams), request, respond };
                place.worker.answering.give(job, answer_one);
            }
            Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => return,
            Some(Err(_)) => return place.worker.count_refused("http2-failed"),
            None if is_leaving || streams.open.get() == 0 => {
                if std::mem::replace(&mut is_leaving, true) && streams.open.get() == 0 {
                    return;
                }
                connection.graceful_shutdown();
            }
            None => {}
        }
    }
}

type Accepted = Result<(Request<RecvStream>, SendResponse<bytes::Bytes>), h2::Error>;

/// The next stream; none when nothing came in time. The end of the connection is an error.
async fn next(
    place: &Place,
    wire: &Wire,
    connection: &mut Connection<Io, bytes::Bytes>,
    is_leaving: bool,
) -> Option<Accepted> {
    let idle_ms = if is_leaving { GOODBYE_MS } else { place.worker.limits().idle_ms };
    let deadline_ms = place.worker.now_ms().saturating_add(idle_ms);
    place.slot.set_idle(!is_leaving);
    let accepted = place.slot.within(deadline_ms, wire.sending(connection.accept())).await;
    place.slot.set_idle(false);
    match accepted {
        Ok(Some(accepted)) => Some(accepted),
        Ok(None) => Some(Err(Reason::NO_ERROR.into())),
        Err(_) => None,
    }
}

/// One stream: its head becomes bytes, and an exchange answers it as it answers any client.
async fn answer_one(Job { open, request, mut respond }: Job) {
    let worker = &open.0.worker;
    let (parts, body) = request.into_parts();
    let is_whole = body.is_end_stream();
    let mut head = worker.buffers.outgoing();
    let carried = heads::request_bytes(&mut head, &parts, is_whole);
    let mut inbox = worker.buffers.small();
    inbox.put(&head);
    worker.buffers.give_outgoing(head);
    if carried.is_none() {
        worker.buffers.give(inbox);
        worker.count_refused("http2-request");
        return respond.send_reset(Reason::PROTOCOL_ERROR);
    }
    let asked = Asked { is_head: parts.method == http::Method::HEAD, is_grpc: grpc::is_call(&parts.headers) };
    let is_chunked = !is_whole && !parts.headers.contains_key(http::header::CONTENT_LENGTH);
    drop(parts);
    let answer = Answer::new(respond, asked, worker.arena.clone());
    let frames = Frames::new(Body::new(body, is_whole, is_chunked), answer, open.0.local);
    if !is_whole {
        // The connection goes on reading: frames that came with the head are there after it, and a small request is whole
        // when the exchange sees it and can be sent again.
        tokio::task::yield_now().await;
        while let Ok(count @ 1..) = frames.try_read(inbox.room(0)) {
            inbox.filled(count);
        }
    }
    let (place, stream) = (Place::within(Rc::clone(worker)), Stream::Frames(Box::new(frames)));
    let mut client = Client::new(place, Rc::clone(&open.0.listener), stream, Rc::clone(&open.0.peer));
    client.inbox = Some(inbox);
    // One request is all there will be. What is not whole when the client is dropped is reset, and an exchange that is given
    // up keeps no connection to a replica half used.
    if let Ok(length) = client::next(&mut client).await {
        exchange::run(&mut client, length).await;
    }
}
