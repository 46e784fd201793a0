//! The response on its way to the client: head read and written anew, body decoded and framed anew, with at most one
//! buffer of it held here.

use super::admit::Facts;
use super::splice::{self, Halt};
use crate::codec::encode::{self, CHUNK_END, LAST_CHUNK, ToClient, chunk_start};
use crate::codec::response::{self, Asked};
use crate::codec::{BodyReader, FIELDS_MAX, Framing, HeadScan, ResponseError, trailer};
use crate::control::FailureReason;
use crate::io::{IoEnd, Pace};
use crate::stream::Stream;
use crate::worker::buffer::Buffer;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::task::Poll;

/// Body bytes up to this are copied behind the head and written with it; more go from the read buffer directly.
const COPY_MAX: usize = 4 * 1024;

/// Where bodies can be moved within the kernel, no more than this is read with the head: a body of 16 KiB still comes in
/// one read, and of a long one most is left to be moved.
const FIRST_READ_MAX: usize = 20 * 1024;

/// Interim responses (1xx) to one request; a replica that sends more of them is broken or means harm.
const INTERIM_MAX: u32 = 64;

/// What a final response head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// 101 or 200 to 599.
    pub status: u16,
    /// How its body ends.
    pub framing: Framing,
    /// How its body is framed towards the client.
    pub framing_out: Framing,
    /// The replica's connection may be used again.
    pub upstream_keep: bool,
    /// The client's connection stays open.
    pub client_keep: bool,
    /// Trailers behind its body go on.
    pub trailers: bool,
}

/// Why there was no final response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHead {
    /// The connection ended before any byte.
    Lost,
    /// The replica is to blame otherwise.
    Failed(FailureReason),
    /// The client went away.
    ClientGone,
}

/// What of the client matters for writing its response.
#[derive(Debug, Clone, Copy)]
pub struct Towards<'a> {
    /// Its socket.
    pub stream: &'a Stream,
    /// Its request.
    pub facts: &'a Facts,
    /// HTTP/1.`minor`.
    pub minor: u8,
    /// What it asked.
    pub asked: Asked,
    /// Longest wait of one write, ms.
    pub write_ms: u64,
}

/// A head's meaning, and its bytes for the client appended to `out`.
fn interpret(
    head: &[u8],
    to: Towards<'_>,
    keep: bool,
    fields_max: usize,
    out: &mut Vec<u8>,
) -> Result<Answer, ResponseError> {
    let mut storage = [MaybeUninit::uninit(); FIELDS_MAX];
    let head = response::parse(head, to.asked, &mut storage[..fields_max])?;
    let framing_out = encode::framing_to_client(&head, to.minor);
    let client_keep = keep && framing_out != Framing::UntilClose;
    if head.status >= 200 || head.status == 101 || to.minor == 1 {
        let date = crate::date::current();
        let start = out.len();
        encode::response(out, &head, ToClient { minor: to.minor, keep_alive: client_keep, date: &date });
        if head.status >= 200 {
            to.facts.learn_load(head.fields, out, start);
            to.facts.change_response(out, start);
        }
    }
    Ok(Answer {
        status: head.status,
        framing: head.framing,
        framing_out,
        upstream_keep: head.keep_alive && head.status != 101,
        client_keep,
        trailers: to.facts.takes_trailers && !head.connection_names_fields,
    })
}

/// Waits until the sender has something to read; false when the receiver leaves before.
pub async fn await_source(upstream: &Stream, client: &Stream, watch: &mut bool) -> bool {
    poll_fn(|context| {
        if upstream.poll_read_ready(context).is_ready() {
            return Poll::Ready(true);
        }
        if client.poll_gone(watch, context) { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}

/// Waits for the first byte of the response, or the end of the connection, without holding a buffer.
///
/// # Errors
/// Why it did not come.
pub async fn first_byte(pace: Pace<'_>, upstream: &Stream, client: &Stream) -> Result<(), NoHead> {
    let mut watch = true;
    match pace.wait(await_source(upstream, client, &mut watch)).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(NoHead::ClientGone),
        Err(_) => Err(NoHead::Failed(FailureReason::ResponseTimeout)),
    }
}

/// Reads up to the final head, passing interim ones on; its bytes for the client are in `out`, and what followed it is
/// in `buffer`. `keep` is asked when the head is there: whether the client's connection may stay open.
///
/// # Errors
/// Why there is none.
pub async fn final_head(
    pace: Pace<'_>,
    upstream: &Stream,
    to: Towards<'_>,
    keep: impl Fn() -> bool,
    watch_client: bool,
    buffer: &mut Buffer,
    out: &mut Vec<u8>,
) -> Result<Answer, NoHead> {
    let limits = pace.worker.limits();
    let mut watch = watch_client;
    let mut scan = HeadScan::default();
    let mut interim = 0;
    let deadline_ms = pace.worker.now_ms().saturating_add(pace.wait_ms);
    loop {
        let found = scan.advance(buffer.unread()).map_err(|_| NoHead::Failed(FailureReason::BadResponse))?;
        if found.unwrap_or(buffer.unread().len()) > limits.head_bytes_max {
            return Err(NoHead::Failed(FailureReason::BadResponse));
        }
        if let Some(length) = found {
            let answer = interpret(&buffer.unread()[..length], to, keep(), limits.fields_max, out)
                .map_err(|_| NoHead::Failed(FailureReason::BadResponse))?;
            buffer.consume(length);
            if answer.status >= 200 || answer.status == 101 {
                return Ok(answer);
            }
            interim += 1;
            if interim > INTERIM_MAX {
                return Err(NoHead::Failed(FailureReason::BadResponse));
            }
            pace.write(to.stream, out, &[]).await.map_err(|_| NoHead::ClientGone)?;
            out.clear();
            scan = HeadScan::default();
            continue;
        }
        let waited = Pace { wait_ms: deadline_ms.saturating_sub(pace.worker.now_ms()), ..pace };
        let ready = if waited.is_shared {
            await_source(upstream, to.stream, &mut watch).await
        } else {
            let wait = waited.wait(await_source(upstream, to.stream, &mut watch)).await;
            wait.map_err(|_| NoHead::Failed(FailureReason::ResponseTimeout))?
        };
        if !ready {
            return Err(NoHead::ClientGone);
        }
        let most = if splice::sockets(upstream, to.stream).is_some() { FIRST_READ_MAX } else { usize::MAX };
        match upstream.try_read(buffer.room_of(limits.head_bytes_max + 1, most)) {
            Ok(0) => return Err(lost(buffer)),
            Ok(count) => buffer.filled(count),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(lost(buffer)),
        }
    }
}

fn lost(buffer: &Buffer) -> NoHead {
    if buffer.is_empty() { NoHead::Lost } else { NoHead::Failed(FailureReason::ConnectionLost) }
}

/// Why a response's body ended early; the client's connection cannot be used further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// The replica is to blame.
    Failed(FailureReason),
    /// The replica is to blame, and the client has received nothing yet.
    Unsent(FailureReason),
    /// The client went away or reads nothing.
    ClientGone,
}

/// Moves the body's data in `buffer` behind `out`. Returns the run that should be written directly instead of copied,
/// as a range of the unread bytes, and how much of them is used up by then.
fn frame(
    reader: &mut BodyReader,
    chunked: bool,
    buffer: &Buffer,
    out: &mut Vec<u8>,
) -> Result<(std::ops::Range<usize>, usize, u64), FailureReason> {
    let unread = buffer.unread();
    let mut at = 0;
    let mut bytes = 0;
    while at < unread.len() && !reader.is_done() {
        let step = reader.step(&unread[at..]).map_err(|_| FailureReason::BadResponse)?;
        let data = at + step.data.start..at + step.data.end;
        at += step.consumed;
        if data.is_empty() {
            continue;
        }
        bytes += data.len() as u64;
        if chunked {
            chunk_start(out, data.len());
        } else if data.len() > COPY_MAX {
            return Ok((data, at, bytes));
        }
        out.extend_from_slice(&unread[data]);
        if chunked {
            out.extend_from_slice(CHUNK_END);
        }
    }
    Ok((at..at, at, bytes))
}

/// Reads more of a body; the error is none when the client left while the replica was silent.
async fn read_more(
    pace: Pace<'_>,
    upstream: &Stream,
    client: &Stream,
    buffer: &mut Buffer,
    watch: &mut bool,
) -> Result<usize, Option<IoEnd>> {
    loop {
        match upstream.try_read(buffer.room(0)) {
            Ok(count) => {
                buffer.filled(count);
                return Ok(count);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if !pace.wait(await_source(upstream, client, watch)).await.map_err(Some)? {
                    return Err(None);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Some(IoEnd::Gone)),
        }
    }
}

/// Writes `out` (the head) and the body to the client. Returns the body's bytes.
///
/// # Errors
/// Why it ended early, after how many bytes of the body.
pub async fn body(
    pace: Pace<'_>,
    upstream: &Stream,
    to: Towards<'_>,
    answer: &Answer,
    buffer: &mut Buffer,
    out: &mut Vec<u8>,
) -> Result<u64, (BodyEnd, u64)> {
    let chunked = answer.framing_out == Framing::Chunked;
    let mut reader = BodyReader::new(answer.framing);
    let mut total = 0;
    let mut turns: u32 = 0;
    let mut ended = false;
    let mut is_unsent = true;
    let mut may_splice = !chunked && splice::sockets(upstream, to.stream).is_some();
    // With a request's body still coming, the upload is who notices that the client has left.
    let mut watch = !pace.is_shared;
    loop {
        let broken = |reason| if is_unsent { BodyEnd::Unsent(reason) } else { BodyEnd::Failed(reason) };
        let framed = frame(&mut reader, chunked, buffer, out);
        let (direct, used, bytes) = framed.map_err(|reason| (broken(reason), total))?;
        total += bytes;
        let done = reader.is_done() || (ended && used == buffer.unread().len());
        if done && chunked {
            out.extend_from_slice(LAST_CHUNK);
            if answer.trailers {
                trailer::forward(out, reader.trailers(), |name| !to.facts.is_removed_from_response(name));
            }
            out.extend_from_slice(CHUNK_END);
        }
        if !out.is_empty() || !direct.is_empty() {
            let written = pace.write(to.stream, out, &buffer.unread()[direct]).await;
            written.map_err(|_| (BodyEnd::ClientGone, total))?;
            is_unsent = false;
        }
        out.clear();
        buffer.consume(used);
        if done {
            return Ok(total);
        }
        if !buffer.is_empty() {
            continue;
        }
        if may_splice && reader.run() >= splice::RUN_MIN {
            let run = reader.run();
            let mut left = run;
            let moved = splice::relay(pace, upstream, to.stream, &mut left, &mut watch).await;
            reader.passed(run - left);
            total += run - left;
            match moved {
                Ok(()) => return Ok(total),
                Err(Halt::Unable) => may_splice = false,
                Err(Halt::Sink(_) | Halt::SinkGone) => return Err((BodyEnd::ClientGone, total)),
                Err(Halt::Source(IoEnd::Gone)) => return Err((BodyEnd::Failed(FailureReason::BodyCut), total)),
                Err(Halt::Source(IoEnd::TimedOut)) => return Err((BodyEnd::Failed(FailureReason::BodyTimeout), total)),
            }
        }
        match read_more(pace, upstream, to.stream, buffer, &mut watch).await {
            Err(None) => return Err((BodyEnd::ClientGone, total)),
            Err(Some(IoEnd::Gone)) => return Err((BodyEnd::Failed(FailureReason::BodyCut), total)),
            Err(Some(IoEnd::TimedOut)) => return Err((BodyEnd::Failed(FailureReason::BodyTimeout), total)),
            Ok(0) if reader.may_end() => ended = true,
            Ok(0) => return Err((BodyEnd::Failed(FailureReason::BodyCut), total)),
            Ok(_) => {}
        }
        turns += 1;
        if turns.is_multiple_of(32) {
            tokio::task::yield_now().await;
        }
    }
}
