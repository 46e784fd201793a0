//! Writes messages on: every byte of framing is ours, end-to-end fields are copied, hop-by-hop fields end here.
//!
//! One `MUST` of RFC 9110 is left undone on purpose: a gateway has to add `Via` (section 7.6.3). Common servers change
//! what they answer when they see it (nginx no longer compresses), and `Forwarded` says the same; HAProxy and nginx leave it
//! out as well. A `Via` that the client sent is passed on.

use super::body::Framing;
use super::field::{Known, known, removed_by_connection};
use super::request::RequestHead;
use super::response::ResponseHead;
use httparse::Header;

/// Who asked, as the replica is told.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The client's address as text, without a port.
    pub address: &'a str,
    /// The same as a node of `Forwarded` (RFC 7239 section 6): IPv6 in brackets and quotes.
    pub node: &'a str,
    /// What the client says of earlier hops is believed.
    pub trusted: bool,
    /// `Host` for a request that has none.
    pub host_fallback: &'a str,
    /// `http` or `https`: how the client reached us.
    pub scheme: &'a str,
    /// `X-Request-Id` for a request that has none.
    pub request_id: &'a [u8],
}

/// Longest request id taken over from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a decimal number.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn connection_values<'h>(fields: &'h [Header<'h>]) -> impl Iterator<Item = &'h [u8]> {
    fields.iter().filter(|field| known(field.name) == Known::Connection).map(|field| field.value)
}

/// A request id is taken over when it is short and cannot break a log line.
#[must_use]
pub fn is_request_id(value: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:=+/@".contains(byte);
    !value.is_empty() && value.len() <= REQUEST_ID_BYTES_MAX && value.iter().all(allowed)
}

/// Appends the request head for the replica.
pub fn request(out: &mut Vec<u8>, head: &RequestHead<'_, '_>, origin: &Origin<'_>) {
    out.extend_from_slice(head.method.as_bytes());
    out.push(b' ');
    if head.target.is_empty() && head.method == "OPTIONS" {
        // An absolute target without a path asks about the whole server (RFC 9112 section 3.2.4).
        out.push(b'*');
    } else if !head.target.starts_with(['/', '*']) {
        out.push(b'/');
    }
    out.extend_from_slice(head.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let authority = head.authority.unwrap_or(origin.host_fallback.as_bytes());
    line(out, "Host", authority);
    let mut has_id = false;
    let mut hops = false;
    for field in head.fields {
        match known(field.name) {
            Known::Other | Known::Date => {
                if head.connection_names_fields && removed_by_connection(connection_values(head.fields), field.name) {
                    continue;
                }
                line(out, field.name, field.value);
            }
            Known::MaxForwards => match head.max_forwards {
                Some(hops_left) => {
                    out.extend_from_slice(b"Max-Forwards: ");
                    decimal(out, hops_left.saturating_sub(1));
                    out.extend_from_slice(b"\r\n");
                }
                None => line(out, field.name, field.value),
            },
            Known::XRequestId if !has_id && is_request_id(field.value) => {
                has_id = true;
                line(out, field.name, field.value);
            }
            Known::Forwarded | Known::XForwardedFor | Known::XForwardedHost | Known::XForwardedProto => hops = true,
            _ => {}
        }
    }
    if !has_id {
        line(out, "X-Request-Id", origin.request_id);
    }
    forwarded(out, head, origin, authority, hops && origin.trusted);
    match head.framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if head.expects_continue {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    // Who says that it takes trailers says it for all behind it, and only to its neighbour (RFC 9110 section 10.1.4).
    match (head.upgrade, head.takes_trailers) {
        (None, false) => {}
        (None, true) => out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n"),
        (Some(protocol), takes_trailers) => {
            let options: &[u8] = if takes_trailers {
                b"TE: trailers\r\nConnection: TE, upgrade\r\n"
            } else {
                b"Connection: upgrade\r\n"
            };
            out.extend_from_slice(options);
            line(out, "Upgrade", protocol);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// The values of one known field, joined by commas, when they are believed.
fn believed(out: &mut Vec<u8>, fields: &[Header<'_>], which: Known) -> bool {
    let mut any = false;
    for field in fields.iter().filter(|field| known(field.name) == which && !field.value.is_empty()) {
        if any {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(field.value);
        any = true;
    }
    any
}

/// `X-Forwarded-For`, `-Host`, `-Proto` and `Forwarded` (RFC 7239): appended to when believed, else set afresh.
fn forwarded(out: &mut Vec<u8>, head: &RequestHead<'_, '_>, origin: &Origin<'_>, authority: &[u8], keep: bool) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    if keep && believed(out, head.fields, Known::XForwardedFor) {
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(origin.address.as_bytes());
    out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
    if !(keep && believed(out, head.fields, Known::XForwardedHost)) {
        out.extend_from_slice(authority);
    }
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    if !(keep && believed(out, head.fields, Known::XForwardedProto)) {
        out.extend_from_slice(origin.scheme.as_bytes());
    }
    out.extend_from_slice(b"\r\nForwarded: ");
    if keep && believed(out, head.fields, Known::Forwarded) {
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(b"for=");
    out.extend_from_slice(origin.node.as_bytes());
    out.extend_from_slice(b";host=\"");
    out.extend_from_slice(authority);
    out.extend_from_slice(b"\";proto=");
    out.extend_from_slice(origin.scheme.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// How a response goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToClient<'a> {
    /// HTTP/1.`minor` of the request.
    pub minor: u8,
    /// The client's connection stays open after this response.
    pub keep_alive: bool,
    /// `Date` for a final response that has none (RFC 9110 section 6.6.1).
    pub date: &'a [u8],
}

/// How the body of `head` is delimited towards the client: by length where it is known, else by chunks where the client
/// reads them, else by closing.
#[must_use]
pub fn framing_to_client(head: &ResponseHead<'_, '_>, minor: u8) -> Framing {
    match head.framing {
        Framing::Chunked | Framing::UntilClose if minor == 1 => Framing::Chunked,
        Framing::Chunked => Framing::UntilClose,
        other => other,
    }
}

/// Appends the response head for the client. An interim (1xx) head carries its end-to-end fields and no framing.
pub fn response(out: &mut Vec<u8>, head: &ResponseHead<'_, '_>, to: ToClient<'_>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(head.status));
    out.push(b' ');
    out.extend_from_slice(head.reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    // 426 has to say what it asks for (RFC 9110 section 15.5.22).
    let upgrades = matches!(head.status, 101 | 426);
    let mut has_date = head.status < 200;
    for field in head.fields {
        match known(field.name) {
            Known::Date => has_date = true,
            Known::Connection | Known::ContentLength | Known::TransferEncoding | Known::HopByHop => continue,
            Known::FramingAlias | Known::Te => continue,
            Known::Upgrade if !upgrades => continue,
            Known::Other
                if head.connection_names_fields
                    && removed_by_connection(connection_values(head.fields), field.name) =>
            {
                continue;
            }
            _ => {}
        }
        line(out, field.name, field.value);
    }
    if head.status == 101 {
        out.extend_from_slice(b"Connection: upgrade\r\n\r\n");
        return;
    }
    if !has_date {
        line(out, "Date", to.date);
    }
    if head.status >= 200 {
        framing(out, head, to);
    }
    out.extend_from_slice(b"\r\n");
}

fn framing(out: &mut Vec<u8>, head: &ResponseHead<'_, '_>, to: ToClient<'_>) {
    match framing_to_client(head, to.minor) {
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::UntilClose => {}
        Framing::Length(_) | Framing::None => {
            // HEAD and 304 may state the length that the body would have; 204 must not (RFC 9110 section 8.6).
            if let Some(length) = head.length.filter(|_| head.status != 204) {
                out.extend_from_slice(b"Content-Length: ");
                decimal(out, length);
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    if head.status == 426 && to.keep_alive {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    } else if head.status == 426 {
        out.extend_from_slice(b"Connection: close, upgrade\r\n");
    } else if !to.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if to.minor == 0 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
}

/// Appends the size line of a chunk of `length` bytes, which must not be zero: zero is the end of the body.
pub fn chunk_start(out: &mut Vec<u8>, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for nibble in (0..nibbles).rev() {
        out.push(DIGITS[length >> (nibble * 4) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The end of a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";
/// The last chunk; trailers and an empty line end the body.
pub const LAST_CHUNK: &[u8] = b"0\r\n";
/// The last chunk and the end of the body.
pub const BODY_END: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_grammar_wants_them() {
        for number in [0, 9, 10, 1024, u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
        for length in [1usize, 15, 16, 255, 256, 65_536] {
            let mut out = Vec::new();
            chunk_start(&mut out, length);
            assert_eq!(out, format!("{length:x}\r\n").as_bytes());
        }
    }
}
