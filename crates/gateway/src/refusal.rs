//! Responses of the gateway's own: small, with the reason as a word that a program can read.

use crate::access_log::Logged;
use crate::client::Client;
use crate::codec::encode::decimal;
use crate::codec::{RequestError, ResponseError};
use crate::control::FailureReason;
use crate::trace::Begun;

/// Seconds after which a shed client may try again.
const RETRY_AFTER_S: u16 = 1;

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The word in `X-Plimsoll-Reason`.
    pub word: &'static str,
    /// Seconds after which a shed client may try again.
    pub retry_after_s: u16,
}

impl Refusal {
    /// A refusal.
    pub const fn new(status: u16, word: &'static str) -> Self {
        Self { status, word, retry_after_s: RETRY_AFTER_S }
    }

    const fn phrase(self) -> &'static str {
        match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            417 => "Expectation Failed",
            421 => "Misdirected Request",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            _ => "Error",
        }
    }

    /// Appends the whole response. `with_body` is false for HEAD.
    pub fn encode(self, out: &mut Vec<u8>, close: bool, with_body: bool) {
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal(out, u64::from(self.status));
        out.push(b' ');
        out.extend_from_slice(self.phrase().as_bytes());
        out.extend_from_slice(b"\r\nDate: ");
        out.extend_from_slice(&crate::date::current());
        out.extend_from_slice(b"\r\nContent-Type: text/plain; charset=utf-8\r\nX-Plimsoll-Reason: ");
        out.extend_from_slice(self.word.as_bytes());
        if matches!(self.status, 429 | 503) {
            out.extend_from_slice(b"\r\nRetry-After: ");
            decimal(out, u64::from(self.retry_after_s));
        }
        if close {
            out.extend_from_slice(b"\r\nConnection: close");
        }
        let phrase = self.phrase();
        out.extend_from_slice(b"\r\nContent-Length: ");
        decimal(out, (phrase.len() + 2 + self.word.len() + 1) as u64);
        out.extend_from_slice(b"\r\n\r\n");
        if with_body {
            out.extend_from_slice(phrase.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(self.word.as_bytes());
            out.push(b'\n');
        }
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::new(error.status(), error.word())
    }
}

impl From<FailureReason> for Refusal {
    fn from(reason: FailureReason) -> Self {
        Self::new(reason.status(), reason.word())
    }
}

impl From<ResponseError> for FailureReason {
    fn from(_: ResponseError) -> Self {
        Self::BadResponse
    }
}

/// A request that goes to no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// What the client is told.
    pub refusal: Refusal,
    /// Where to, for a redirect.
    pub location: Option<String>,
    /// The whole request was its head, so that the connection may go on.
    pub may_go_on: bool,
    /// It must have no body (HEAD).
    pub bodiless: bool,
    /// For the access log, where there is one.
    pub asked: Option<Box<Logged>>,
    /// Its span, where it has one.
    pub span: Option<Box<Begun>>,
}

impl<R: Into<Refusal>> From<R> for Turned {
    fn from(refusal: R) -> Self {
        Self { refusal: refusal.into(), location: None, may_go_on: false, bodiless: false, asked: None, span: None }
    }
}

impl Turned {
    /// Appends the whole response.
    pub fn encode(&self, out: &mut Vec<u8>, close: bool) {
        let Some(location) = &self.location else { return self.refusal.encode(out, close, !self.bodiless) };
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal(out, u64::from(self.refusal.status));
        out.extend_from_slice(b" Redirect\r\nDate: ");
        out.extend_from_slice(&crate::date::current());
        out.extend_from_slice(b"\r\nLocation: ");
        out.extend_from_slice(location.as_bytes());
        out.extend_from_slice(if close { b"\r\nConnection: close" } else { b"" });
        out.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
    }
}

/// Sends a refusal with a body; whether the client took it matters to nobody.
pub async fn send(client: &mut Client, refusal: Refusal, close: bool) -> bool {
    let mut out = client.worker.buffers.outgoing();
    refusal.encode(&mut out, close, true);
    let sent = client.pace(client.worker.limits().body_ms).write(&client.stream, &out, &[]).await.is_ok();
    client.worker.buffers.give_outgoing(out);
    sent
}
