//! What the gateway itself has to say to a call of gRPC: its refusals as the status of a call.
//!
//! A client of gRPC looks for `grpc-status` and makes little of a status of HTTP with a text behind it. So a refusal of the
//! gateway's own goes out as a response of trailers alone. Only clients of HTTP/2 can make such calls, so the path of
//! HTTP/1.1 knows nothing of this.
//!
//! # Source
//! gRPC over HTTP/2 (protocol), sections "Responses" (Trailers-Only) and "Requests" (Timeout); gRPC status codes.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

const REASON: HeaderName = HeaderName::from_static("x-plimsoll-reason");
const RETRY: HeaderName = HeaderName::from_static("retry-after");

/// Whether a request is a call.
#[must_use]
pub fn is_call(fields: &HeaderMap) -> bool {
    let kind =
        fields.get(CONTENT_TYPE).map(HeaderValue::as_bytes).and_then(|kind| kind.strip_prefix(b"application/grpc"));
    kind.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The status of a call for a refusal of the gateway's.
const fn status(http: u16) -> &'static str {
    match http {
        // INTERNAL: what it sent broke a rule.
        400 | 414 => "13",
        // UNIMPLEMENTED: nobody answers to this name.
        404 | 501 => "12",
        // RESOURCE_EXHAUSTED: a rate, or a size.
        413 | 429 | 431 => "8",
        // DEADLINE_EXCEEDED.
        408 | 504 => "4",
        // UNAVAILABLE: another try may do better.
        502 | 503 => "14",
        // UNKNOWN.
        _ => "2",
    }
}

/// The refusal as the status of a call; none for what is no refusal of a gateway's.
#[must_use]
pub fn refusal(response: &Response<()>) -> Option<Response<()>> {
    let reason = response.headers().get(REASON)?;
    let mut refusal = Response::new(());
    let fields = refusal.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    fields.insert("grpc-status", HeaderValue::from_static(status(response.status().as_u16())));
    // A word of letters and hyphens, so that nothing needs to be escaped.
    fields.insert("grpc-message", reason.clone());
    fields.insert(REASON, reason.clone());
    if let Some(after) = response.headers().get(RETRY) {
        fields.insert(RETRY, after.clone());
    }
    Some(refusal)
}

/// A response of trailers alone has no body that could have a length.
pub fn strip_length(response: &mut Response<()>) {
    if response.headers().contains_key("grpc-status") {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
}

/// A call's own deadline in ms, rounded up; none where it cannot be read.
#[must_use]
pub fn timeout_ms(value: &[u8]) -> Option<u64> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => count * 3_600_000,
        b'M' => count * 60_000,
        b'S' => count * 1_000,
        b'm' => count,
        b'u' => count.div_ceil(1_000),
        b'n' => count.div_ceil(1_000_000),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_by_the_letter() {
        for (text, ms) in [
            ("1H", Some(3_600_000)),
            ("2M", Some(120_000)),
            ("3S", Some(3_000)),
            ("100m", Some(100)),
            ("1u", Some(1)),
            ("99999999n", Some(100)),
            ("0m", Some(0)),
            ("", None),
            ("m", None),
            ("1", None),
            ("1s", None),
            ("-1m", None),
            ("123456789m", None),
        ] {
            assert_eq!(timeout_ms(text.as_bytes()), ms, "{text:?}");
        }
    }

    #[test]
    fn only_calls_are_calls() {
        let fields = |kind: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc;charset=x"] {
            assert!(is_call(&fields(kind)), "{kind}");
        }
        for kind in ["application/grpc-web", "application/json", ""] {
            assert!(!is_call(&fields(kind)), "{kind}");
        }
    }
}
