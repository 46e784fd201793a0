//! A response head as values. A replica is not trusted more than a client: ambiguous framing is refused here as well.

use super::body::Framing;
use super::error::ResponseError;
use super::field::{Known, decimal, elements, known, lists, may_switch_to};
use httparse::Header;
use std::mem::MaybeUninit;

/// What of the request decides how its response is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The method was HEAD.
    pub head: bool,
    /// A switch of protocols was asked for.
    pub upgrade: bool,
}

/// A response head; everything borrows from the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'h, 'b> {
    /// 100 to 599.
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: &'b str,
    /// How its body ends.
    pub framing: Framing,
    /// `Content-Length` as stated, also where there is no body (HEAD, 304).
    pub length: Option<u64>,
    /// The connection to the replica may be used again after the body.
    pub keep_alive: bool,
    /// `Connection` names fields of this message, so each has to be compared.
    pub connection_names_fields: bool,
    /// All fields, in order.
    pub fields: &'h [Header<'b>],
}

/// Reads a complete head, from the first byte of the status line to the end of the empty line.
///
/// # Errors
/// The rule that it breaks.
pub fn parse<'h, 'b>(
    head: &'b [u8],
    asked: Asked,
    storage: &'h mut [MaybeUninit<Header<'b>>],
) -> Result<ResponseHead<'h, 'b>, ResponseError> {
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, head, storage) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(ResponseError::StatusLine),
        Err(httparse::Error::TooManyHeaders) => return Err(ResponseError::HeadTooLarge),
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => return Err(ResponseError::Field),
        Err(_) => return Err(ResponseError::StatusLine),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else { return Err(ResponseError::StatusLine) };
    if !(100..600).contains(&status) {
        return Err(ResponseError::StatusLine);
    }
    if status == 101 && !asked.upgrade {
        return Err(ResponseError::Switched);
    }
    let fields: &'h [Header<'b>] = response.headers;
    let mut length = None;
    let mut switched_to: Option<&[u8]> = None;
    let (mut chunked, mut close, mut keep, mut names) = (false, false, false, false);
    for field in fields {
        match known(field.name) {
            Known::ContentLength if length.is_some() => return Err(ResponseError::Framing),
            Known::ContentLength => length = Some(decimal(field.value).ok_or(ResponseError::Framing)?),
            Known::TransferEncoding => {
                if chunked || minor == 0 || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(ResponseError::Framing);
                }
                chunked = true;
            }
            Known::Upgrade => switched_to = Some(if switched_to.is_some() { b"" } else { field.value }),
            Known::Connection => {
                close |= lists(field.value, "close");
                keep |= lists(field.value, "keep-alive");
                let plain = |element: &[u8]| {
                    [&b"close"[..], b"keep-alive", b"upgrade"].iter().any(|o| element.eq_ignore_ascii_case(o))
                };
                names |= elements(field.value).any(|element| !plain(element));
            }
            _ => {}
        }
    }
    if chunked && length.is_some() {
        return Err(ResponseError::Framing);
    }
    // A status without a body that announces one: its sender may well send it, and then it would be read as what comes next.
    let has_body = chunked || length.is_some_and(|length| length > 0);
    if status < 200 && has_body {
        return Err(ResponseError::Framing);
    }
    if status == 101 && !switched_to.is_some_and(|protocol| elements(protocol).count() == 1 && may_switch_to(protocol))
    {
        return Err(ResponseError::Switched);
    }
    let framing = match (chunked, length) {
        _ if asked.head || status < 200 || status == 204 || status == 304 => Framing::None,
        (true, _) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    };
    let is_suspect = status == 204 && has_body;
    let keep_alive = !close && (minor == 1 || keep) && framing != Framing::UntilClose && !is_suspect;
    let reason = response.reason.unwrap_or_default();
    Ok(ResponseHead { status, reason, framing, length, keep_alive, connection_names_fields: names, fields })
}
