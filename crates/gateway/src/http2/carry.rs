//! One exchange's request from bytes to frames, and a replica's response from frames to bytes.
//!
//! The mirror image of [`super::frames`], with a pipe between because a task carries it. Both directions go at once: a response may begin, and end, while the request
//! is still being sent. A request that the replica has certainly not looked at (REFUSED_STREAM, beyond GOAWAY's last
//! stream, never sent) is told apart from one that was lost, because only the latter may have had an effect.
//!
//! # Source
//! RFC 9113 sections 8.1 (framing of messages), 8.7 (requests that were not processed), 5.2 (flow control).

use super::heads;
use super::pipe::Far;
use super::upstream::Open;
use crate::codec::encode::{CHUNK_END, chunk_start};
use crate::codec::field::decimal;
use crate::codec::{BodyReader, Framing, HeadScan};
use crate::refusal::Refusal;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use http::header::CONTENT_LENGTH;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// Longest head that the exchange writes: a client's head and what rules add to it.
const HEAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How long a response whose bytes are all there may take to say that it ends.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// How far a response is.
#[derive(Debug, Default)]
struct Progress {
    has_head: Cell<bool>,
    /// The exchange has all of its bytes, by the length that it stated.
    is_delivered: Cell<bool>,
}

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    /// The exchange wants no more of it.
    Exchange,
    /// The replica broke it off.
    Replica,
    /// The connection was lost.
    Lost,
    /// The replica never looked at it.
    Unprocessed,
}

/// Whether the replica says that it has not looked at a request.
///
/// `h2` gives the error of a GOAWAY that came to those streams alone that are beyond its last one.
fn is_unprocessed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (is_refused || error.is_go_away())
}

/// Carries one exchange over one stream.
pub async fn carry(far: Far, mut sender: SendRequest<Bytes>, open: Open, scheme: &'static str) {
    let Some((asking, rest)) = request(&far, scheme).await else { return };
    let (asking, is_head) = match asking {
        Some(asking) => (asking.0, asking.1),
        None => {
            let mut out = Vec::new();
            Refusal::new(400, "target").encode(&mut out, true, true);
            far.write(&out).await;
            return far.finish();
        }
    };
    let (request, framing) = asking;
    let Ok((response, stream)) = sender.send_request(request, framing.is_empty()) else {
        open.is_last();
        return far.refuse();
    };
    // The connection may end when its last stream does.
    drop(sender);
    let ended = both(&far, response, stream, framing, rest, is_head, &open).await;
    match ended {
        Ended::Whole => far.finish(),
        Ended::Unprocessed => far.refuse(),
        Ended::Replica => far.break_off(),
        Ended::Exchange | Ended::Lost => {}
    }
}

type Asking = ((http::Request<()>, Framing), bool);

/// Reads the request's head; none when the exchange has given it up. The bytes behind it come with it.
async fn request(far: &Far, scheme: &str) -> Option<(Option<Asking>, Vec<u8>)> {
    let mut unread: Vec<u8> = Vec::new();
    let mut scan = HeadScan::default();
    loop {
        if unread.len() > HEAD_BYTES_MAX || far.read(&mut unread).await == 0 {
            return None;
        }
        if let Some(length) = scan.advance(&unread).ok()? {
            let asking = heads::request_of(&unread[..length], scheme);
            unread.drain(..length);
            return Some((asking.map(|asking| ((asking.request, asking.framing), asking.is_head)), unread));
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the two directions of one stream, tied in one place")]
async fn both(
    far: &Far,
    response: ResponseFuture,
    mut stream: SendStream<Bytes>,
    framing: Framing,
    rest: Vec<u8>,
    is_head: bool,
    open: &Open,
) -> Ended {
    let progress = Progress::default();
    let ended = {
        let mut up = pin!(upload(far, &mut stream, framing, rest));
        let mut down = pin!(download(far, response, is_head, &progress));
        let mut sent = None;
        let ended = poll_fn(|context| {
            if sent.is_none()
                && let Poll::Ready(ended) = up.as_mut().poll(context)
            {
                sent = Some(ended);
            }
            if sent == Some(Ended::Exchange) {
                return Poll::Ready(Ended::Exchange);
            }
            if let Poll::Ready(ended) = down.as_mut().poll(context) {
                return Poll::Ready(ended);
            }
            // Nobody reads the pipe any more, so its end has to be looked for.
            if sent.is_some() && far.poll_left(context) { Poll::Ready(Ended::Exchange) } else { Poll::Pending }
        })
        .await;
        // An exchange that has its response leaves at once; a reset would look like haste to the replica.
        if ended == Ended::Exchange && progress.is_delivered.get() && sent == Some(Ended::Whole) {
            tokio::time::timeout(END_PATIENCE, down).await.unwrap_or(ended)
        } else {
            ended
        }
    };
    if ended == Ended::Exchange {
        stream.send_reset(Reason::CANCEL);
        if !progress.has_head.get() {
            open.given_up();
        }
    }
    ended
}

/// Sends the body, and its trailers.
async fn upload(far: &Far, stream: &mut SendStream<Bytes>, framing: Framing, mut unread: Vec<u8>) -> Ended {
    let mut reader = BodyReader::new(framing);
    if framing.is_empty() {
        return Ended::Whole;
    }
    loop {
        let mut at = 0;
        while at < unread.len() && !reader.is_done() {
            let Ok(step) = reader.step(&unread[at..]) else { return Ended::Exchange };
            let data = &unread[at + step.data.start..at + step.data.end];
            at += step.consumed;
            let is_last = reader.is_done() && reader.trailers().is_empty();
            if !send_all(stream, data, is_last).await {
                return Ended::Replica;
            }
            if is_last {
                return Ended::Whole;
            }
        }
        if reader.is_done() {
            let fields = heads::trailers_of(reader.trailers()).filter(|fields| !fields.is_empty());
            let sent = match fields {
                Some(fields) => stream.send_trailers(fields),
                None => stream.send_data(Bytes::new(), true),
            };
            return if sent.is_ok() { Ended::Whole } else { Ended::Replica };
        }
        unread.clear();
        if far.read(&mut unread).await == 0 {
            return Ended::Exchange;
        }
    }
}

/// The next response, interim ones included.
async fn next_head(response: &mut ResponseFuture) -> Result<Result<Response<RecvStream>, Response<()>>, h2::Error> {
    poll_fn(|context| match response.poll_informational(context) {
        Poll::Ready(Some(interim)) => Poll::Ready(interim.map(Err)),
        Poll::Ready(None) => Pin::new(&mut *response).poll(context).map(|head| head.map(Ok)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Writes the response for the exchange.
async fn download(far: &Far, mut response: ResponseFuture, is_head: bool, progress: &Progress) -> Ended {
    let (parts, mut body) = loop {
        match next_head(&mut response).await {
            Err(error) if is_unprocessed(&error) && !progress.has_head.get() => return Ended::Unprocessed,
            Err(error) if error.is_io() => return Ended::Lost,
            Err(_) => return Ended::Replica,
            Ok(Ok(head)) => break head.into_parts(),
            Ok(Err(interim)) => {
                progress.has_head.set(true);
                // A switch of protocols is none of HTTP/2 (RFC 9113 section 8.6).
                if interim.status() == http::StatusCode::SWITCHING_PROTOCOLS {
                    return Ended::Replica;
                }
                if !far.write(&heads::response_bytes(interim.status(), interim.headers(), Framing::None)).await {
                    return Ended::Exchange;
                }
            }
        }
    };
    progress.has_head.set(true);
    if parts.status == http::StatusCode::SWITCHING_PROTOCOLS {
        return Ended::Replica;
    }
    let framing = heads::framing_of(parts.status, &parts.headers, is_head, body.is_end_stream());
    let mut held = heads::response_bytes(parts.status, &parts.headers, framing);
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| decimal(length.as_bytes()));
    let mut left = if framing == Framing::None { Some(0) } else { length };
    let ended = pass(far, &mut body, framing, &mut held, &mut left, progress).await;
    if ended == Ended::Whole && !far.write(&held).await { Ended::Exchange } else { ended }
}

/// Writes what is held and then data as it comes; the end is left in `held`.
async fn pass(
    far: &Far,
    body: &mut RecvStream,
    framing: Framing,
    held: &mut Vec<u8>,
    left: &mut Option<u64>,
    progress: &Progress,
) -> Ended {
    let is_chunked = framing == Framing::Chunked;
    loop {
        let next = poll_fn(|context| match body.poll_data(context) {
            Poll::Pending if !held.is_empty() => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await;
        let data = match next {
            None => {
                if !far.write(held).await {
                    return Ended::Exchange;
                }
                held.clear();
                progress.is_delivered.set(*left == Some(0));
                continue;
            }
            Some(None) => break,
            Some(Some(Err(_))) => return Ended::Replica,
            Some(Some(Ok(data))) if data.is_empty() => continue,
            // A response without a body has sent one.
            Some(Some(Ok(_))) if framing == Framing::None => return Ended::Replica,
            Some(Some(Ok(data))) => data,
        };
        if is_chunked {
            chunk_start(held, data.len());
        }
        if !(far.write(held).await && far.write(&data).await) {
            return Ended::Exchange;
        }
        held.clear();
        *left = left.map(|left| left.saturating_sub(data.len() as u64));
        progress.is_delivered.set(*left == Some(0));
        if is_chunked {
            held.extend_from_slice(CHUNK_END);
        }
        // Given back only now: the replica may send more once the exchange has taken this.
        let _ = body.flow_control().release_capacity(data.len());
    }
    let Ok(trailers) = poll_fn(|context| body.poll_trailers(context)).await else { return Ended::Replica };
    if is_chunked {
        heads::trailer_bytes(held, trailers.as_ref());
    }
    Ended::Whole
}

/// Sends data within the other side's window, waiting for room: the exchange waits with us. The last of it ends the stream.
/// False when the other side takes no more.
async fn send_all(stream: &mut SendStream<Bytes>, mut data: &[u8], is_last: bool) -> bool {
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
