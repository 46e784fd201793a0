//! One client's request from frames to bytes, and its response from bytes to frames.
//!
//! Heads and trailers are turned by [`super::heads`]; the codec reads the result as it reads any client's.

use super::grpc;
use super::heads;
use super::pipe::Far;
use crate::codec::encode::{CHUNK_END, chunk_start};
use crate::codec::{BodyReader, HeadScan};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Longest head that the exchange writes: a replica's head and what rules add to it.
const HEAD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Data up to this is written together with what stands before and behind it.
const HELD_MAX: usize = 8 * 1024;

/// What is known of a request when its response is passed on.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The method was HEAD.
    pub is_head: bool,
    /// It is a call of gRPC, which is refused in gRPC's way.
    pub is_grpc: bool,
}

/// Writes a request's head and body for the exchange. False when the client gave it up.
///
/// What has come already is written together with the head: a small request is then whole when the exchange sees it, and
/// can be sent again.
pub async fn upload(far: &Far, mut held: Vec<u8>, is_chunked: bool, body: &mut RecvStream) -> bool {
    let mut owed = 0;
    if !body.is_end_stream() {
        // The connection goes on reading: frames that came with the head are there after it.
        tokio::task::yield_now().await;
    }
    loop {
        let next = poll_fn(|context| match body.poll_data(context) {
            Poll::Pending if !held.is_empty() || owed > 0 => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await;
        if next.is_none() || held.len() > HELD_MAX {
            if !far.write(&held).await {
                return true;
            }
            held.clear();
            // Given back only now: the client may send more once the exchange has taken this.
            if body.flow_control().release_capacity(std::mem::take(&mut owed)).is_err() {
                return false;
            }
        }
        let data = match next {
            None => continue,
            Some(None) => break,
            Some(Some(Err(_))) => return false,
            Some(Some(Ok(data))) if data.is_empty() => continue,
            Some(Some(Ok(data))) => data,
        };
        owed += data.len();
        if is_chunked {
            chunk_start(&mut held, data.len());
        }
        if data.len() <= HELD_MAX {
            held.extend_from_slice(&data);
        } else {
            if !(far.write(&held).await && far.write(&data).await) {
                return true;
            }
            held.clear();
        }
        if is_chunked {
            held.extend_from_slice(CHUNK_END);
        }
    }
    if is_chunked {
        // A request with a length has no place for trailers in HTTP/1.1.
        let Ok(trailers) = poll_fn(|context| body.poll_trailers(context)).await else { return false };
        heads::trailer_bytes(&mut held, trailers.as_ref());
    }
    far.write(&held).await;
    far.end();
    true
}

/// Why a response could not be passed on.
enum Broken {
    /// The client gave the stream up, or takes no more.
    Client,
    /// The exchange ended early.
    Exchange,
}

/// Passes the exchange's response on.
pub async fn download(far: &Far, respond: &mut SendResponse<Bytes>, asked: Asked) {
    match answer(far, respond, asked).await {
        Ok(()) | Err(Broken::Client) => {}
        // The end of the stream would say that the body was whole.
        Err(Broken::Exchange) => respond.send_reset(Reason::INTERNAL_ERROR),
    }
}

/// Reads from the exchange, unless the client gives the stream up first.
async fn read(
    far: &Far,
    into: &mut Vec<u8>,
    mut poll_reset: impl FnMut(&mut std::task::Context<'_>) -> bool,
) -> Result<usize, Broken> {
    let mut reading = pin!(far.read(into));
    poll_fn(|context| {
        if let Poll::Ready(count) = reading.as_mut().poll(context) {
            return Poll::Ready(Ok(count));
        }
        if poll_reset(context) { Poll::Ready(Err(Broken::Client)) } else { Poll::Pending }
    })
    .await
}

async fn answer(far: &Far, respond: &mut SendResponse<Bytes>, asked: Asked) -> Result<(), Broken> {
    let mut unread: Vec<u8> = Vec::new();
    let mut scan = HeadScan::default();
    let (mut response, framing) = loop {
        match scan.advance(&unread).map_err(|_| Broken::Exchange)? {
            Some(length) => {
                let parsed = heads::response_of(&unread[..length], asked.is_head).ok_or(Broken::Exchange)?;
                unread.drain(..length);
                scan = HeadScan::default();
                // Interim responses are the exchange's business: HTTP/2 clients wait for none to send a body.
                if !parsed.0.status().is_informational() {
                    break parsed;
                }
            }
            None if unread.len() > HEAD_BYTES_MAX => return Err(Broken::Exchange),
            None => {
                if read(far, &mut unread, |context| respond.poll_reset(context).is_ready()).await? == 0 {
                    return Err(Broken::Exchange);
                }
            }
        }
    };
    let mut reader = BodyReader::new(framing);
    if asked.is_grpc {
        if let Some(refusal) = grpc::refusal(&response) {
            return respond.send_response(refusal, true).map(drop).map_err(|_| Broken::Client);
        }
        if reader.is_done() {
            grpc::strip_length(&mut response);
        }
    }
    let is_whole = reader.is_done();
    let mut stream = respond.send_response(response, is_whole).map_err(|_| Broken::Client)?;
    if is_whole {
        return Ok(());
    }
    loop {
        let mut at = 0;
        while at < unread.len() && !reader.is_done() {
            let step = reader.step(&unread[at..]).map_err(|_| Broken::Exchange)?;
            let is_last = reader.is_done() && reader.trailers().is_empty();
            if !send_all(&mut stream, &unread[at + step.data.start..at + step.data.end], is_last).await {
                return Err(Broken::Client);
            }
            if is_last {
                return Ok(());
            }
            at += step.consumed;
        }
        if reader.is_done() {
            return end(&mut stream, reader.trailers());
        }
        unread.clear();
        if read(far, &mut unread, |context| stream.poll_reset(context).is_ready()).await? == 0 {
            return Err(Broken::Exchange);
        }
    }
}

fn end(stream: &mut SendStream<Bytes>, trailers: &[u8]) -> Result<(), Broken> {
    let sent = if trailers.is_empty() {
        stream.send_data(Bytes::new(), true)
    } else {
        stream.send_trailers(heads::trailers_of(trailers).ok_or(Broken::Exchange)?)
    };
    sent.map_err(|_| Broken::Client)
}

/// Sends data within the other side's window, waiting for room: the exchange waits with us. The last of it ends the stream.
/// False when the other side takes no more.
pub async fn send_all(stream: &mut SendStream<Bytes>, mut data: &[u8], is_last: bool) -> bool {
    if data.is_empty() && is_last {
        return stream.send_data(Bytes::new(), true).is_ok();
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(room)) => room,
                _ => return false,
            },
            room => room,
        };
        let (now, later) = data.split_at(room.min(data.len()));
        if stream.send_data(Bytes::copy_from_slice(now), is_last && later.is_empty()).is_err() {
            return false;
        }
        data = later;
    }
    true
}
