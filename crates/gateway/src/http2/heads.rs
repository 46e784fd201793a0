//! Heads and trailers from one protocol to the other, on values and bytes alone: no streams, no sockets.
//!
//! In both directions HTTP/1.1 is what the codec reads: a client's request and a replica's response become its bytes and are
//! checked by its rules; what an exchange has written becomes the fields of a stream. What HTTP/2 forbids or has another
//! place for is left out on the way: fields of the connection, framing, `Host` beside `:authority`, cookies in crumbs.
//!
//! Must never write a byte that the codec would not check.
//!
//! # Source
//! RFC 9113 sections 8.2 (fields), 8.2.3 (cookies), 8.3 (pseudo-header fields).

use crate::codec::field::{Known, known};
use crate::codec::response::{self, Asked};
use crate::codec::{FIELDS_MAX, Framing, request, trailer};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use std::mem::MaybeUninit;

/// The values of a head of so many bytes share one copy of it. `h2` may remember some of them for as long as a connection
/// lasts, so a longer head is not kept for the sake of one value.
const SHARED_MAX: usize = 1_024;

/// Fields that belong to a connection of HTTP/1.1 (RFC 9113 section 8.2.2).
fn is_of_connection(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade" | "te")
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the head of a client's request; none for what no exchange can carry.
#[must_use]
pub fn request_bytes(out: &mut Vec<u8>, parts: &Parts, is_whole: bool) -> Option<()> {
    if parts.method == Method::CONNECT {
        return None;
    }
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = authority.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes))?;
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    line(out, "Host", host);
    for (name, value) in &parts.headers {
        if is_of_connection(name.as_str()) || matches!(*name, HOST | COOKIE | EXPECT) {
            continue;
        }
        line(out, name.as_str(), value.as_bytes());
    }
    // An empty crumb holds no cookie; joined, it would leave white space at the end of the line.
    let crumbs = parts.headers.get_all(COOKIE).iter().map(|crumb| crumb.as_bytes().trim_ascii());
    let crumbs: Vec<&[u8]> = crumbs.filter(|crumb| !crumb.is_empty()).collect();
    if !crumbs.is_empty() {
        line(out, "Cookie", &crumbs.join(&b"; "[..]));
    }
    if parts.headers.get(TE).is_some_and(|value| value == "trailers") {
        line(out, "TE", b"trailers");
    }
    if !is_whole && !parts.headers.contains_key(CONTENT_LENGTH) {
        line(out, "Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Some(())
}

/// A value of a field: shares `head`, which it lies in, or is a copy.
fn value_of(head: Option<&Bytes>, value: &[u8]) -> Option<HeaderValue> {
    match head {
        Some(head) => HeaderValue::from_maybe_shared(head.slice_ref(value)).ok(),
        None => HeaderValue::from_bytes(value).ok(),
    }
}

/// A response of the exchange's for a client, and how its body is delimited; none for what is no response.
#[must_use]
pub fn response_of(head: &[u8], is_head: bool) -> Option<(Response<()>, Framing)> {
    let shared = (head.len() <= SHARED_MAX).then(|| Bytes::copy_from_slice(head));
    let head = shared.as_deref().unwrap_or(head);
    let mut storage = [MaybeUninit::uninit(); FIELDS_MAX];
    let head = response::parse(head, Asked { head: is_head, upgrade: false }, &mut storage).ok()?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).ok()?;
    let fields = response.headers_mut();
    fields.try_reserve(head.fields.len()).ok()?;
    for field in head.fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if !is_of_connection(name.as_str()) {
            fields.append(name, value_of(shared.as_ref(), field.value)?);
        }
    }
    Some((response, head.framing))
}

/// A request of the exchange's for a replica.
#[derive(Debug)]
pub struct Asking {
    /// Its head.
    pub request: Request<()>,
    /// How its body is delimited.
    pub framing: Framing,
    /// To HEAD the response has no body.
    pub is_head: bool,
}

/// A request that the exchange has written; none for one that HTTP/2 has no form for.
#[must_use]
pub fn request_of(head: &[u8], scheme: &str) -> Option<Asking> {
    let mut storage = [MaybeUninit::uninit(); FIELDS_MAX];
    let head = request::parse(head, &mut storage).ok()?;
    let uri = Uri::builder().scheme(scheme).authority(head.authority?).path_and_query(head.target).build().ok()?;
    let method = Method::from_bytes(head.method.as_bytes()).ok()?;
    let mut request = Request::builder().method(method).uri(uri).version(http::Version::HTTP_2).body(()).ok()?;
    let fields = request.headers_mut();
    for field in head.fields {
        match known(field.name) {
            Known::Connection | Known::TransferEncoding | Known::HopByHop | Known::Upgrade | Known::Host => {}
            Known::Te | Known::FramingAlias => {}
            _ => {
                let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
                fields.append(name, HeaderValue::from_bytes(field.value).ok()?);
            }
        }
    }
    if head.takes_trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    Some(Asking { request, framing: head.framing, is_head: head.method == "HEAD" })
}

/// How the body of a replica's response is written for the exchange.
#[must_use]
pub fn framing_of(status: StatusCode, fields: &HeaderMap, is_head: bool, is_whole: bool) -> Framing {
    if is_head || status.is_informational() || matches!(status.as_u16(), 204 | 304) {
        return Framing::None;
    }
    match (fields.contains_key(CONTENT_LENGTH), is_whole) {
        (false, false) => Framing::Chunked,
        // The length that is stated is the codec's to read; here it only matters that there is one.
        (true, _) | (false, true) => Framing::Length(0),
    }
}

/// The head of a replica's response. Its connection is never the exchange's to keep.
#[must_use]
pub fn response_bytes(status: StatusCode, fields: &HeaderMap, framing: Framing) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        if !is_of_connection(name.as_str()) {
            line(&mut out, name.as_str(), value.as_bytes());
        }
    }
    match framing {
        Framing::Chunked => line(&mut out, "Transfer-Encoding", b"chunked"),
        Framing::Length(_) if !fields.contains_key(CONTENT_LENGTH) => line(&mut out, "Content-Length", b"0"),
        _ => {}
    }
    if !status.is_informational() {
        line(&mut out, "Connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Trailer lines as the fields of a stream; none for what is no field.
#[must_use]
pub fn trailers_of(lines: &[u8]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for (name, value) in trailer::fields(lines) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        fields.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(fields)
}

/// Appends the end of a chunked body with these trailers.
pub fn trailer_bytes(out: &mut Vec<u8>, fields: Option<&HeaderMap>) {
    out.extend_from_slice(crate::codec::encode::LAST_CHUNK);
    for (name, value) in fields.into_iter().flatten() {
        line(out, name.as_str(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}
