//! A request head as values, checked by the letter of RFC 9112.

use super::body::Framing;
use super::error::RequestError;
use super::field::{Known, decimal, elements, known, lists, may_switch_to};
use super::host::is_authority;
use httparse::Header;
use std::mem::MaybeUninit;

/// A request head; everything borrows from the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'h, 'b> {
    /// The method, as sent: methods are case-sensitive.
    pub method: &'b str,
    /// Path and query to send on, in origin form (or `*`); empty stands for `/` and a query alone has its `/` missing.
    pub target: &'b str,
    /// The authority the request is for: from the absolute target, else from `Host`; none only in HTTP/1.0.
    pub authority: Option<&'b [u8]>,
    /// HTTP/1.`minor`: 0 or 1.
    pub minor: u8,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the client wants to use the connection again.
    pub keep_alive: bool,
    /// The client waits for 100 before it sends the body.
    pub expects_continue: bool,
    /// The protocol it asks to switch to, when the request may be switched at all.
    pub upgrade: Option<&'b [u8]>,
    /// `Max-Forwards` of TRACE and OPTIONS, the only methods for which it means something (RFC 9110 section 7.6.2).
    pub max_forwards: Option<u64>,
    /// The client takes trailers behind the response (`TE: trailers`).
    pub takes_trailers: bool,
    /// `Connection` names fields of this message, so each has to be compared.
    pub connection_names_fields: bool,
    /// All fields, in order.
    pub fields: &'h [Header<'b>],
}

#[derive(Default)]
struct Seen<'b> {
    host: Option<&'b [u8]>,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    upgrade_listed: bool,
    upgrade: Option<&'b [u8]>,
    expects_continue: bool,
    takes_trailers: bool,
    connection_names_fields: bool,
    max_forwards: Option<&'b [u8]>,
}

/// Reads a complete head, from the first byte of the request line to the end of the empty line.
///
/// # Errors
/// The rule that it breaks.
pub fn parse<'h, 'b>(
    head: &'b [u8],
    storage: &'h mut [MaybeUninit<Header<'b>>],
) -> Result<RequestHead<'h, 'b>, RequestError> {
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, storage) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(RequestError::RequestLine),
        Err(error) => return Err(refused(error, head)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(RequestError::RequestLine);
    };
    let fields: &'h [Header<'b>] = request.headers;
    let seen = look_at(fields, minor)?;
    let (target, target_authority) = split_target(method, target)?;
    if minor == 1 && seen.host.is_none() {
        return Err(RequestError::HostMissing);
    }
    let framing = if seen.chunked { Framing::Chunked } else { seen.length.map_or(Framing::None, Framing::Length) };
    if method == "TRACE" && !framing.is_empty() {
        return Err(RequestError::TraceBody);
    }
    let counts_hops = matches!(method, "TRACE" | "OPTIONS");
    let max_forwards = seen.max_forwards.filter(|_| counts_hops);
    let max_forwards = max_forwards.map(|value| decimal(value).ok_or(RequestError::MaxForwards)).transpose()?;
    // A switch of protocols with a body under way would leave two readers with two ideas of where it ends.
    let switchable = minor == 1 && seen.upgrade_listed && framing.is_empty();
    Ok(RequestHead {
        method,
        target,
        authority: target_authority.or(seen.host),
        minor,
        framing,
        keep_alive: !seen.close && (minor == 1 || seen.keep_alive),
        expects_continue: seen.expects_continue && minor == 1 && !framing.is_empty(),
        upgrade: seen.upgrade.filter(|_| switchable),
        max_forwards,
        takes_trailers: seen.takes_trailers && minor == 1,
        connection_names_fields: seen.connection_names_fields,
        fields,
    })
}

fn refused(error: httparse::Error, head: &[u8]) -> RequestError {
    let folded = || head.windows(3).any(|three| three[..2] == *b"\r\n" && matches!(three[2], b' ' | b'\t'));
    match error {
        httparse::Error::TooManyHeaders => RequestError::TooManyFields,
        httparse::Error::Version => version_or_line(head),
        httparse::Error::HeaderName | httparse::Error::HeaderValue if folded() => RequestError::Folded,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => RequestError::Field,
        _ => RequestError::RequestLine,
    }
}

/// 505 is for a version that exists but is not ours; anything else in its place is a malformed line.
fn version_or_line(head: &[u8]) -> RequestError {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let version = match (words.next(), words.next(), words.next(), words.next()) {
        (Some([_, ..]), Some([_, ..]), Some(version), None) => version,
        _ => return RequestError::RequestLine,
    };
    match version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            RequestError::Version
        }
        _ => RequestError::RequestLine,
    }
}

fn look_at<'b>(fields: &[Header<'b>], minor: u8) -> Result<Seen<'b>, RequestError> {
    let mut seen = Seen::default();
    for field in fields {
        match known(field.name) {
            Known::Host => {
                if seen.host.is_some() || !is_authority(field.value) {
                    return Err(RequestError::HostInvalid);
                }
                seen.host = Some(field.value);
            }
            Known::ContentLength => {
                if seen.length.is_some() {
                    return Err(RequestError::ContentLength);
                }
                seen.length = Some(decimal(field.value).ok_or(RequestError::ContentLength)?);
            }
            Known::TransferEncoding => coding(&mut seen, field.value, minor)?,
            Known::Connection => connection(&mut seen, field.value),
            Known::FramingAlias => return Err(RequestError::Field),
            // Two are as good as none that can be read.
            Known::MaxForwards => {
                seen.max_forwards = Some(if seen.max_forwards.is_some() { b"" } else { field.value });
            }
            Known::Upgrade => seen.upgrade = if seen.upgrade.is_some() { Some(b"") } else { Some(field.value) },
            Known::Te => seen.takes_trailers |= lists(field.value, "trailers"),
            Known::Expect if minor == 1 => {
                if !field.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(RequestError::Expectation);
                }
                seen.expects_continue = true;
            }
            _ => {}
        }
    }
    if seen.chunked && seen.length.is_some() {
        return Err(RequestError::LengthAndCoding);
    }
    seen.upgrade = seen.upgrade.filter(|protocol| may_switch_to(protocol));
    Ok(seen)
}

fn coding(seen: &mut Seen<'_>, value: &[u8], minor: u8) -> Result<(), RequestError> {
    if minor == 0 || seen.chunked {
        return Err(RequestError::TransferEncoding);
    }
    if value.eq_ignore_ascii_case(b"chunked") {
        seen.chunked = true;
        return Ok(());
    }
    let (mut chunked, mut others, mut is_last) = (0, 0, false);
    for element in elements(value) {
        is_last = element.eq_ignore_ascii_case(b"chunked");
        if is_last { chunked += 1 } else { others += 1 }
    }
    // Well framed, but with codings below that nobody here decodes (RFC 9112 section 6.1).
    let is_unknown = others > 0 && (chunked == 0 || (chunked == 1 && is_last));
    Err(if is_unknown { RequestError::CodingUnknown } else { RequestError::TransferEncoding })
}

fn connection(seen: &mut Seen<'_>, value: &[u8]) {
    if value.eq_ignore_ascii_case(b"keep-alive") {
        seen.keep_alive = true;
        return;
    }
    seen.close |= lists(value, "close");
    seen.keep_alive |= lists(value, "keep-alive");
    seen.upgrade_listed |= lists(value, "upgrade");
    seen.connection_names_fields |=
        elements(value).any(|element| !matches!(element.len(), 2 | 5 | 7 | 10) || known_option(element).is_none());
}

fn known_option(element: &[u8]) -> Option<()> {
    ["close", "keep-alive", "upgrade", "te"]
        .iter()
        .any(|known| element.eq_ignore_ascii_case(known.as_bytes()))
        .then_some(())
}

/// Origin form for the replica, and the authority of an absolute target.
fn split_target<'b>(method: &str, target: &'b str) -> Result<(&'b str, Option<&'b [u8]>), RequestError> {
    if method == "CONNECT" {
        return Err(RequestError::Connect);
    }
    if !target.is_ascii() || target.contains('#') {
        return Err(RequestError::Target);
    }
    if target.starts_with('/') {
        return Ok((target, None));
    }
    if target == "*" {
        return if method == "OPTIONS" { Ok((target, None)) } else { Err(RequestError::Target) };
    }
    let scheme_end = target.find("://").ok_or(RequestError::Target)?;
    let scheme = &target[..scheme_end];
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(RequestError::Target);
    }
    let rest = &target[scheme_end + 3..];
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = &rest.as_bytes()[..end];
    if is_authority(authority) { Ok((&rest[end..], Some(authority))) } else { Err(RequestError::Target) }
}
