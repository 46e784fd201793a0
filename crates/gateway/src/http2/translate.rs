//! One request from frames to bytes, and one response from bytes to frames.
//!
//! What HTTP/2 forbids or has another place for is left out on the way: fields of the connection, framing, `Host` beside
//! `:authority`, cookies in crumbs (RFC 9113 section 8.2). The codec then reads the result as it reads any client's.

use super::pipe::Far;
use crate::codec::response::{self, Asked};
use crate::codec::{BodyReader, FIELDS_MAX, HeadScan};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response};
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::task::Poll;

/// Bytes read from the exchange at once.
const READ: usize = 32 * 1024;
/// Longest head that the exchange writes: a replica's head and what rules add to it.
const HEAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Fields that belong to a connection of HTTP/1.1 (RFC 9113 section 8.2.2).
fn is_of_connection(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade" | "te")
}

/// The head of a request; none for what no exchange can carry.
pub fn head(parts: &Parts, is_whole: bool) -> Option<Vec<u8>> {
    if parts.method == Method::CONNECT {
        return None;
    }
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = authority.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes))?;
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    line(&mut out, "Host", host);
    for (name, value) in &parts.headers {
        if is_of_connection(name.as_str()) || matches!(*name, HOST | COOKIE | EXPECT) {
            continue;
        }
        line(&mut out, name.as_str(), value.as_bytes());
    }
    let crumbs: Vec<&[u8]> = parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if !crumbs.is_empty() {
        line(&mut out, "Cookie", &crumbs.join(&b"; "[..]));
    }
    if !is_whole && !parts.headers.contains_key(CONTENT_LENGTH) {
        line(&mut out, "Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Some(out)
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes a request's head and body for the exchange. False when the client gave it up.
pub async fn upload(far: &Far, head: &[u8], is_chunked: bool, body: &mut RecvStream) -> bool {
    if !far.write(head).await {
        return true;
    }
    while let Some(data) = poll_fn(|context| body.poll_data(context)).await {
        let Ok(data) = data else { return false };
        let taken = if data.is_empty() {
            true
        } else if is_chunked {
            let start = format!("{:x}\r\n", data.len());
            far.write(start.as_bytes()).await && far.write(&data).await && far.write(b"\r\n").await
        } else {
            far.write(&data).await
        };
        // Given back only now: the client may send more once the exchange has taken this.
        if body.flow_control().release_capacity(data.len()).is_err() {
            return false;
        }
        if !taken {
            return true;
        }
    }
    // Trailers end here, as those of HTTP/1.1 do.
    if is_chunked {
        far.write(b"0\r\n\r\n").await;
    }
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
pub async fn download(far: &Far, respond: &mut SendResponse<Bytes>, is_head: bool) {
    match answer(far, respond, is_head).await {
        Ok(()) | Err(Broken::Client) => {}
        // The end of the stream would say that the body was whole.
        Err(Broken::Exchange) => respond.send_reset(Reason::INTERNAL_ERROR),
    }
}

/// Reads from the exchange, unless the client gives the stream up first.
async fn read(
    far: &Far,
    into: &mut [u8],
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

async fn answer(far: &Far, respond: &mut SendResponse<Bytes>, is_head: bool) -> Result<(), Broken> {
    let mut buffer = vec![0; READ];
    let mut unread: Vec<u8> = Vec::new();
    let mut scan = HeadScan::default();
    let (response, mut reader) = loop {
        match scan.advance(&unread).map_err(|_| Broken::Exchange)? {
            Some(length) => {
                let parsed = parse(&unread[..length], is_head).ok_or(Broken::Exchange)?;
                unread.drain(..length);
                scan = HeadScan::default();
                // Interim responses are the exchange's business: HTTP/2 clients wait for none to send a body.
                if !parsed.0.status().is_informational() {
                    break parsed;
                }
            }
            None if unread.len() > HEAD_BYTES_MAX => return Err(Broken::Exchange),
            None => {
                let count = read(far, &mut buffer, |context| respond.poll_reset(context).is_ready()).await?;
                if count == 0 {
                    return Err(Broken::Exchange);
                }
                unread.extend_from_slice(&buffer[..count]);
            }
        }
    };
    let is_whole = reader.is_done();
    let mut stream = respond.send_response(response, is_whole).map_err(|_| Broken::Client)?;
    if is_whole {
        return Ok(());
    }
    loop {
        let mut at = 0;
        while at < unread.len() && !reader.is_done() {
            let step = reader.step(&unread[at..]).map_err(|_| Broken::Exchange)?;
            send(&mut stream, &unread[at + step.data.start..at + step.data.end]).await?;
            at += step.consumed;
        }
        if reader.is_done() {
            return stream.send_data(Bytes::new(), true).map_err(|_| Broken::Client);
        }
        unread.clear();
        let count = read(far, &mut buffer, |context| stream.poll_reset(context).is_ready()).await?;
        if count == 0 {
            return Err(Broken::Exchange);
        }
        unread.extend_from_slice(&buffer[..count]);
    }
}

/// Sends data as far as the client's window has room, and waits for more room: the exchange waits with us.
async fn send(stream: &mut SendStream<Bytes>, mut data: &[u8]) -> Result<(), Broken> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => poll_fn(|context| stream.poll_capacity(context)).await.and_then(Result::ok).ok_or(Broken::Client)?,
            room => room,
        };
        let (now, later) = data.split_at(room.min(data.len()));
        stream.send_data(Bytes::copy_from_slice(now), false).map_err(|_| Broken::Client)?;
        data = later;
    }
    Ok(())
}

/// A head of the exchange's, and a reader of the body behind it.
fn parse(head: &[u8], is_head: bool) -> Option<(Response<()>, BodyReader)> {
    let mut storage = [MaybeUninit::uninit(); FIELDS_MAX];
    let head = response::parse(head, Asked { head: is_head, upgrade: false }, &mut storage).ok()?;
    let mut response = Response::builder().status(head.status).body(()).ok()?;
    for field in head.fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if !is_of_connection(name.as_str()) {
            response.headers_mut().append(name, HeaderValue::from_bytes(field.value).ok()?);
        }
    }
    Some((response, BodyReader::new(head.framing)))
}
