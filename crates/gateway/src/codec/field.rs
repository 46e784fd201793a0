//! Header fields that a proxy must understand, told apart by length and letters without allocating.
//!
//! Hop-by-hop fields (RFC 9110 section 7.6.1) end here, also those that `Connection` names, except where that would let
//! a client delete an end-to-end field that we or the replica rely on.

/// The fields that are not simply copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Expect`
    Expect,
    /// `Forwarded`
    Forwarded,
    /// `Host`
    Host,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `X-Forwarded-Host`
    XForwardedHost,
    /// `X-Forwarded-Proto`
    XForwardedProto,
    /// `X-Request-Id`
    XRequestId,
    /// `Date`
    Date,
    /// `Max-Forwards`
    MaxForwards,
    /// `Content_Length` and `Transfer_Encoding`: what CGI and its heirs take for the fields with hyphens.
    FramingAlias,
    /// What only we may say of who asks: `Client-Cert` and `Client-Cert-Chain`, and with underscores, which the same readers
    /// would believe, the forwarding fields too. Removed from requests.
    Identity,
    /// `TE`: what of the transfer codings the sender takes; of it only whether it takes trailers goes on.
    Te,
    /// `Keep-Alive`, `Proxy-Connection`, `Trailer`, `HTTP2-Settings`, and `Proxy`, which CGI turns into the variable
    /// that names a proxy: always removed.
    HopByHop,
    /// Anything else: copied.
    Other,
}

/// Classifies a field name.
#[must_use]
pub fn known(name: &str) -> Known {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    match name.len() {
        0..=1 => Known::Other,
        len @ (11 | 12 | 14..=17) if name.as_bytes().contains(&b'_') => aliased(name, len),
        2 if is("te") => Known::Te,
        4 if is("host") => Known::Host,
        4 if is("date") => Known::Date,
        5 if is("proxy") => Known::HopByHop,
        6 if is("expect") => Known::Expect,
        7 if is("upgrade") => Known::Upgrade,
        7 if is("trailer") => Known::HopByHop,
        9 if is("forwarded") => Known::Forwarded,
        10 if is("connection") => Known::Connection,
        10 if is("keep-alive") => Known::HopByHop,
        11 if is("client-cert") => Known::Identity,
        12 if is("x-request-id") => Known::XRequestId,
        12 if is("max-forwards") => Known::MaxForwards,
        14 if is("http2-settings") => Known::HopByHop,
        14 if is("content-length") => Known::ContentLength,
        15 if is("x-forwarded-for") => Known::XForwardedFor,
        16 if is("x-forwarded-host") => Known::XForwardedHost,
        16 if is("proxy-connection") => Known::HopByHop,
        17 if is("transfer-encoding") => Known::TransferEncoding,
        17 if is("x-forwarded-proto") => Known::XForwardedProto,
        17 if is("client-cert-chain") => Known::Identity,
        _ => Known::Other,
    }
}

fn aliased(name: &str, len: usize) -> Known {
    let hyphened = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let is = |wanted: &str| name.bytes().map(hyphened).eq(wanted.bytes());
    match len {
        14 if is("content-length") => Known::FramingAlias,
        17 if is("transfer-encoding") => Known::FramingAlias,
        11 if is("client-cert") => Known::Identity,
        17 if is("client-cert-chain") => Known::Identity,
        12 if is("x-request-id") => Known::Identity,
        15 if is("x-forwarded-for") => Known::Identity,
        16 if is("x-forwarded-host") => Known::Identity,
        17 if is("x-forwarded-proto") => Known::Identity,
        _ => Known::Other,
    }
}

/// HTTP in any version is no protocol to switch to here: its requests would then pass without being routed, counted or
/// checked.
#[must_use]
pub fn may_switch_to(protocol: &[u8]) -> bool {
    !protocol.is_empty()
        && !elements(protocol).any(|element| {
            let lower = element.to_ascii_lowercase();
            lower.starts_with(b"h2") || lower.starts_with(b"http") || lower.starts_with(b"tls")
        })
}

/// The elements of a comma-separated list, trimmed, empty ones skipped (RFC 9110 section 5.6.1).
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Whether `Connection`'s list `value` has `token`, letters in any case.
#[must_use]
pub fn lists(value: &[u8], token: &str) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// Fields that stay although `Connection` names them: removing them would change whom the replica believes the request
/// to be from, or how it is answered for whom.
const KEPT: [&str; 12] = [
    "host",
    "authorization",
    "cookie",
    "content-type",
    "cache-control",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "x-request-id",
    "content-encoding",
    "set-cookie",
];

/// Whether a `Connection` field of the message names `field`, so that it ends here.
///
/// `connection_values` are the values of all `Connection` fields of the message.
#[must_use]
pub fn removed_by_connection<'a>(connection_values: impl Iterator<Item = &'a [u8]>, field: &str) -> bool {
    for value in connection_values {
        if lists(value, field) && !KEPT.iter().any(|kept| field.eq_ignore_ascii_case(kept)) {
            return true;
        }
    }
    false
}

/// A decimal length as RFC 9110 section 8.6 writes it: digits only, no sign, no list.
#[must_use]
pub fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0u64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_near_misses_are_not() {
        assert_eq!(known("HOST"), Known::Host);
        assert_eq!(known("transfer-encodinG"), Known::TransferEncoding);
        assert_eq!(known("Transfer_Encoding"), Known::FramingAlias);
        assert_eq!(known("content_Length"), Known::FramingAlias);
        assert_eq!(known("client-CERT"), Known::Identity);
        assert_eq!(known("Client_Cert-Chain"), Known::Identity);
        assert_eq!(known("X_Forwarded-For"), Known::Identity);
        assert_eq!(known("X_Forwarded_Foe"), Known::Other);
        assert_eq!(known("Proxy-Connection"), Known::HopByHop);
        assert_eq!(known(""), Known::Other);
    }

    #[test]
    fn only_plain_digits_are_a_length() {
        for (text, length) in [
            ("0", Some(0)),
            ("42", Some(42)),
            ("007", Some(7)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("1,1", None),
            ("0x10", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), length, "{text:?}");
        }
    }

    #[test]
    fn connection_cannot_remove_what_others_rely_on() {
        let values = || [&b"close, X-Custom"[..], b"X-Forwarded-For , Host"].into_iter();
        assert!(removed_by_connection(values(), "x-custom"));
        assert!(!removed_by_connection(values(), "X-Forwarded-For"));
        assert!(!removed_by_connection(values(), "host"));
        assert!(!removed_by_connection(values(), "accept"));
    }
}
