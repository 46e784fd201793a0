//! Answers: JSON, text, and an endless stream of events, all with the headers that keep a browser honest.

use super::access::Refused;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The body of every answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// The dashboard runs only what came with it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// An answer with a body of type `content`.
pub fn text(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Response<AnswerBody> {
    with_headers(status, content, Full::new(body.into()).boxed_unsync())
}

/// A JSON answer.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<AnswerBody> {
    match serde_json::to_vec(value) {
        Ok(body) => text(status, "application/json", body),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// An error, as `application/problem+json`.
///
/// # Source
/// RFC 9457.
pub fn problem(status: StatusCode, detail: &str) -> Response<AnswerBody> {
    let title = status.canonical_reason().unwrap_or("error");
    let body = serde_json::json!({ "title": title, "status": status.as_u16(), "detail": detail });
    text(status, "application/problem+json", body.to_string())
}

/// What a request hears that was not let in. A program learns which scheme is wanted, a browser asks a person.
///
/// # Source
/// RFC 9110 section 11.6.1, RFC 6750 section 3.
pub fn turned_away(refused: &Refused, looks: bool) -> Response<AnswerBody> {
    let mut response = problem(refused.status, &refused.detail);
    let headers = response.headers_mut();
    if refused.status == StatusCode::UNAUTHORIZED {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"plimsoll\""));
        if looks {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"plimsoll\", charset=\"UTF-8\""));
        }
    }
    if let Some(seconds) = refused.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An event stream; ends when the sender is dropped.
pub fn events(source: mpsc::Receiver<Bytes>) -> Response<AnswerBody> {
    with_headers(StatusCode::OK, "text/event-stream", Stream(source).boxed_unsync())
}

fn with_headers(status: StatusCode, content: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("content-security-policy", HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

struct Stream(mpsc::Receiver<Bytes>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
