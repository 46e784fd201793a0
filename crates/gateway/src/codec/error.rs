//! Why a message was refused, one case per rule, with the status that tells the client and a stable word for counters.

use super::chunked::ChunkError;

/// Why a request was refused before it was forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not `method SP target SP version CRLF`, or a byte that no token may have.
    #[error("the request line is malformed")]
    RequestLine,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("the HTTP version is not 1.0 or 1.1")]
    Version,
    /// A line ended in LF without CR, or CR stood alone.
    #[error("a line does not end in CRLF")]
    BareLineEnd,
    /// A field line starts with white space (obsolete folding).
    #[error("a header field is folded over lines")]
    Folded,
    /// A field name or value with a byte that it may not have, or a framing field written with underscores.
    #[error("a header field is malformed")]
    Field,
    /// The request line alone is larger than the limit.
    #[error("the request line is larger than the limit of a head")]
    TargetTooLong,
    /// Larger than the limit before its end was seen.
    #[error("the head is larger than the limit")]
    HeadTooLarge,
    /// More fields than the limit.
    #[error("there are more header fields than the limit")]
    TooManyFields,
    /// No Host in HTTP/1.1.
    #[error("there is no Host field")]
    HostMissing,
    /// More than one Host, or one that is no authority.
    #[error("the Host field is repeated or malformed")]
    HostInvalid,
    /// The target has no form that RFC 9112 section 3.2 allows for this method.
    #[error("the request target is malformed")]
    Target,
    /// CONNECT is not offered.
    #[error("CONNECT is not supported")]
    Connect,
    /// Content-Length together with Transfer-Encoding.
    #[error("both Content-Length and Transfer-Encoding are given")]
    LengthAndCoding,
    /// Content-Length is repeated, no decimal number, or too large.
    #[error("Content-Length is repeated or no number")]
    ContentLength,
    /// Transfer-Encoding in HTTP/1.0, repeated, with chunked twice or not last, or written so that another reader may not
    /// see the chunked in it.
    #[error("Transfer-Encoding is misplaced, repeated or obscured")]
    TransferEncoding,
    /// A transfer coding other than chunked, alone or below it.
    #[error("only the chunked transfer coding is supported")]
    CodingUnknown,
    /// The body's chunks are malformed.
    #[error("the chunked body is malformed")]
    Chunk,
    /// The body's trailers are larger than the limit, or more than the limit.
    #[error("the trailers are larger than the limit")]
    TrailersTooLarge,
    /// The body is larger than the limit.
    #[error("the body is larger than the limit")]
    BodyTooLarge,
    /// TRACE with a body, which RFC 9110 section 9.3.8 forbids.
    #[error("TRACE has a body")]
    TraceBody,
    /// Max-Forwards of TRACE or OPTIONS is repeated or no number (RFC 9110 section 7.6.2).
    #[error("Max-Forwards is repeated or no number")]
    MaxForwards,
    /// An expectation other than 100-continue.
    #[error("only the expectation 100-continue is supported")]
    Expectation,
}

impl RequestError {
    /// The status that answers it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Version => 505,
            Self::TargetTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => 431,
            Self::Connect | Self::CodingUnknown => 501,
            Self::BodyTooLarge => 413,
            Self::Expectation => 417,
            _ => 400,
        }
    }

    /// A stable word for the `X-Plimsoll-Reason` field and for counters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RequestLine => "request-line",
            Self::Version => "version",
            Self::BareLineEnd => "bare-line-end",
            Self::Folded => "folded-field",
            Self::Field => "field",
            Self::TargetTooLong => "target-too-long",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyFields => "too-many-fields",
            Self::HostMissing => "host-missing",
            Self::HostInvalid => "host-invalid",
            Self::Target => "target",
            Self::Connect => "connect",
            Self::LengthAndCoding => "length-and-coding",
            Self::ContentLength => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::CodingUnknown => "coding-unknown",
            Self::Chunk => "chunk",
            Self::TrailersTooLarge => "trailers-too-large",
            Self::BodyTooLarge => "body-too-large",
            Self::TraceBody => "trace-body",
            Self::MaxForwards => "max-forwards",
            Self::Expectation => "expectation",
        }
    }
}

/// Why a replica's response was refused; always a 502 to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Not `version SP status [SP reason] CRLF`, or a status outside 100 to 599.
    #[error("the status line is malformed")]
    StatusLine,
    /// A line ended in LF without CR, or CR stood alone.
    #[error("a line does not end in CRLF")]
    BareLineEnd,
    /// A field line starts with white space, or has a byte that it may not have.
    #[error("a header field is malformed")]
    Field,
    /// Larger than the limit, or more fields than the limit.
    #[error("the head is larger than the limit")]
    HeadTooLarge,
    /// Length and coding together, a repeated or invalid length, a coding other than chunked, or a body in 1xx.
    #[error("the framing is ambiguous")]
    Framing,
    /// 101 without a request for an upgrade, or without naming one protocol that may be switched to.
    #[error("the protocol was switched without being asked")]
    Switched,
    /// The body's chunks are malformed.
    #[error("the chunked body is malformed")]
    Chunk,
}

impl From<ChunkError> for RequestError {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Malformed => Self::Chunk,
            ChunkError::TrailersTooLarge => Self::TrailersTooLarge,
        }
    }
}
