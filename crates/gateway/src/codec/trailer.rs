//! Which trailer fields go on, and how they are written.
//!
//! A reader behind us may merge trailers into the head that it has already acted on, or hand both to a program that cannot
//! tell them apart. So only fields go on that nobody needs before the body: what frames, routes, authenticates, conditions
//! or describes a message ends here, also when it is written with underscores, which CGI and its heirs take for hyphens.
//! What remains is for checksums, signatures, timings and the status of a call (gRPC).
//!
//! Must never write a line that was not checked by the grammar of [`super::chunked`].
//!
//! # Source
//! RFC 9110 section 6.5.1 (which fields must not be trailers) and the sections that define the fields; RFC 9530 section 2
//! and 3 (digests may be trailers).

use super::field::{Known, known};

/// Names, in lower case with hyphens, that are for the head alone.
const HEAD_ONLY: [&str; 44] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "cache-control",
    "cdn-loop",
    "client-cert",
    "client-cert-chain",
    "clear-site-data",
    "cookie",
    "cookie2",
    "early-data",
    "expires",
    "from",
    "http2-settings",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "set-cookie2",
    "status",
    "strict-transport-security",
    "traceparent",
    "tracestate",
    "true-client-ip",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
];

/// Beginnings of such names: of the content, of conditions, of proxies, of who asked, of what browsers guard.
const HEAD_ONLY_STARTS: [&str; 8] =
    ["content-", "if-", "proxy-", "x-forwarded-", "x-real-", "x-http-method", "access-control-", "sec-"];

/// Whether a trailer field may go on.
#[must_use]
pub fn may_go_on(name: &str) -> bool {
    let plain: String =
        name.chars().map(|letter| if letter == '_' { '-' } else { letter.to_ascii_lowercase() }).collect();
    if plain == "content-digest" {
        // RFC 9530 section 2 lets this one be a trailer, where a digest of a stream has to be.
        return !name.contains('_');
    }
    known(&plain) == Known::Other
        && !HEAD_ONLY.contains(&&*plain)
        && !HEAD_ONLY_STARTS.iter().any(|start| plain.starts_with(start))
}

/// Names and values of trailer lines.
pub fn fields(lines: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name, line[colon + 1..].trim_ascii()))
    })
}

/// Appends the lines that may go on and that `allows` allows too.
pub fn forward(out: &mut Vec<u8>, lines: &[u8], allows: impl Fn(&str) -> bool) {
    for (name, value) in fields(lines).filter(|(name, _)| may_go_on(name) && allows(name)) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_head_end_here_however_they_are_written() {
        for name in [
            "Content-Length",
            "content_length",
            "Transfer-Encoding",
            "Host",
            "Connection",
            "TE",
            "Trailer",
            "Authorization",
            "Set-Cookie",
            "Content-Type",
            "Content_Digest",
            "If-Match",
            "X-Forwarded-For",
            "X_Forwarded_Port",
            "Proxy-Authorization",
            "X-HTTP-Method-Override",
            "Forwarded",
            "X-Request-Id",
            "Date",
            "Upgrade",
            "Expect",
            "CLIENT_CERT",
            "Location",
        ] {
            assert!(!may_go_on(name), "{name}");
        }
        for name in
            ["grpc-status", "Grpc-Message", "grpc-status-details-bin", "X-Sum", "Server-Timing", "ETag", "Repr-Digest"]
        {
            assert!(may_go_on(name), "{name}");
        }
        assert!(may_go_on("Content-Digest"));
    }

    #[test]
    fn lines_are_written_anew() {
        let mut out = Vec::new();
        forward(&mut out, b"X-Sum:\t 1 \r\nHost: evil\r\nY:\r\nZ: 2\r\n", |name| name != "Z");
        assert_eq!(out, b"X-Sum: 1\r\nY: \r\n");
    }
}
