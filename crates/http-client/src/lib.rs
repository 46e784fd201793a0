//! The one HTTP client of the workspace: `hyper` with one deadline over the whole exchange and a limit on the body.
//!
//! Every caller (the CLI talking to the daemon, scrapers, later LLM end points and clouds) comes through here, so that no
//! outgoing request exists without a deadline, no answer without a bound, and no redirect is followed without being asked
//! for (none is followed at all). A connection serves one exchange: the callers ask seldom, and a pool would keep sockets
//! and a background task alive in an idle daemon.
//!
//! `https` is TLS of rustls; who may have signed is [`Trust`]. A certificate is always checked, names included.
//!
//! It must never log a header or a body: tokens travel in them.

mod base64;
mod pinned;
mod tls;
mod url;

pub use tls::{Trust, TrustError};
pub use url::{Url, UrlError};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// From the first byte out to the last byte in, connecting included.
    pub deadline: Duration,
    /// Longest answer body accepted.
    pub body_bytes_max: usize,
}

impl Default for Budget {
    /// Ten seconds and 16 MiB: generous for an answer that a person waits for, finite for one that never comes.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(10), body_bytes_max: 16 << 20 }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Header fields, beside `Host`, which follows from the URL.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The request body, possibly empty.
    pub body: Bytes,
    /// Who may have signed the server's certificate, where the URL is `https`.
    pub trust: Trust,
}

impl Ask {
    /// A `GET` without further headers.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: Vec::new(), body: Bytes::new(), trust: Trust::default() }
    }

    /// A `POST` of a JSON text.
    #[must_use]
    pub fn post_json(url: Url, json: impl Into<Bytes>) -> Self {
        let content = (hyper::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { method: Method::POST, url, headers: vec![content], body: json.into(), trust: Trust::default() }
    }

    /// Adds `Authorization: Bearer TOKEN`, marked sensitive so that it is never printed.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// Adds `Authorization: Basic …` (RFC 7617), marked sensitive so that it is never printed.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        self.authorization(&format!("Basic {}", base64::encode(format!("{user}:{password}").as_bytes())))
    }

    /// Says who may have signed the server's certificate.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    fn authorization(mut self, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.push((hyper::header::AUTHORIZATION, value));
        }
        self
    }
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, at most `Budget::body_bytes_max` long.
    pub body: Bytes,
}

impl Answer {
    /// The first header field of this name; none where there is none, or it is no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No connection.
    #[error("cannot connect to {address}")]
    Connect {
        /// `host:port`.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No encrypted connection: the certificate is not trusted, or the peer does not speak TLS.
    #[error("no TLS with {address}")]
    Tls {
        /// `host:port`.
        address: String,
        /// What rustls said.
        #[source]
        source: std::io::Error,
    },
    /// What is to be trusted cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The connection broke or the peer does not speak HTTP.
    #[error("the exchange with {address} broke")]
    Protocol {
        /// `host:port`.
        address: String,
        /// What the codec said.
        #[source]
        source: hyper::Error,
    },
    /// The request could not be built.
    #[error("the request is not valid HTTP: {0}")]
    Request(String),
    /// The deadline passed.
    #[error("no complete answer from {address} within {deadline:?}")]
    Deadline {
        /// `host:port`.
        address: String,
        /// The deadline.
        deadline: Duration,
    },
    /// The answer is longer than allowed.
    #[error("the answer of {address} is longer than {limit} bytes")]
    TooLong {
        /// `host:port`.
        address: String,
        /// The limit.
        limit: usize,
    },
}

/// Sends one request and reads the whole answer.
///
/// # Errors
/// [`ExchangeError`]; an answer with an error status is an [`Answer`], not an error.
pub async fn exchange(ask: Ask, budget: Budget) -> Result<Answer, ExchangeError> {
    let address = ask.url.authority();
    let deadline = budget.deadline;
    match tokio::time::timeout(deadline, exchange_unbounded(ask, budget.body_bytes_max)).await {
        Ok(result) => result,
        Err(_) => Err(ExchangeError::Deadline { address, deadline }),
    }
}

async fn exchange_unbounded(ask: Ask, limit: usize) -> Result<Answer, ExchangeError> {
    let address = ask.url.authority();
    // Before connecting: a file that is missing is no fault of the peer.
    let connector = if ask.url.tls { Some(tls::connector(&ask.trust, &ask.url)?) } else { None };
    let stream = TcpStream::connect((ask.url.host.as_str(), ask.url.port))
        .await
        .map_err(|source| ExchangeError::Connect { address: address.clone(), source })?;
    match connector {
        None => converse(ask, stream, limit).await,
        Some((connector, name)) => {
            let stream =
                connector.connect(name, stream).await.map_err(|source| ExchangeError::Tls { address, source })?;
            converse(ask, stream, limit).await
        }
    }
}

/// One exchange over an open connection.
async fn converse<S>(ask: Ask, stream: S, limit: usize) -> Result<Answer, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let address = ask.url.authority();
    let broke = |source| ExchangeError::Protocol { address: address.clone(), source };
    // Without vectored writes what is sent goes through `send(MSG_NOSIGNAL)`: a peer that is gone is an error here and
    // never a SIGPIPE, also in a program that leaves that signal at its default.
    let (mut sender, connection) =
        http1::Builder::new().writev(false).handshake(TokioIo::new(stream)).await.map_err(broke)?;
    let request = build(ask)?;
    let converse = async {
        let response = sender.send_request(request).await.map_err(broke)?;
        let (head, mut body) = response.into_parts();
        let mut collected = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(broke)?.into_data() else { continue };
            if collected.len() + data.len() > limit {
                return Err(ExchangeError::TooLong { address: address.clone(), limit });
            }
            collected.extend_from_slice(&data);
        }
        Ok(Answer { status: head.status, headers: head.headers, body: collected.freeze() })
    };
    // The connection is driven beside the exchange and dropped with it, so nothing outlives this call.
    tokio::pin!(converse);
    tokio::pin!(connection);
    tokio::select! {
        biased;
        result = &mut converse => result,
        _ = &mut connection => converse.await,
    }
}

fn build(ask: Ask) -> Result<Request<Full<Bytes>>, ExchangeError> {
    let mut request = Request::builder().method(ask.method).uri(ask.url.target()).header(HOST, ask.url.authority());
    for (name, value) in ask.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(ask.body)).map_err(|error| ExchangeError::Request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn serve_once(answer: &'static [u8]) -> (Url, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/v1/state?x=1", listener.local_addr().unwrap()).parse().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = vec![0; 4096];
            let read = stream.read(&mut seen).await.unwrap();
            seen.truncate(read);
            stream.write_all(answer).await.unwrap();
            // Hold the connection open: the client must be satisfied by the framing alone.
            let mut rest = [0; 1];
            let _ = stream.read(&mut rest).await;
            seen
        });
        (url, asked)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_answer_comes_whole_and_the_token_travels() {
        let (url, asked) = serve_once(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let answer = exchange(Ask::get(url).bearer("s3cret"), Budget::default()).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"hello"[..]));
        let seen = String::from_utf8(asked.await.unwrap()).unwrap().to_lowercase();
        assert!(seen.starts_with("get /v1/state?x=1 http/1.1\r\n"), "{seen}");
        assert!(seen.contains("authorization: bearer s3cret\r\n"), "{seen}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_longer_answer_than_allowed_is_an_error_with_the_limit() {
        let (url, _asked) = serve_once(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let budget = Budget { body_bytes_max: 4, ..Budget::default() };
        assert!(matches!(exchange(Ask::get(url), budget).await, Err(ExchangeError::TooLong { limit: 4, .. })));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_silent_peer_meets_the_deadline() {
        let (url, _asked) = serve_once(b"").await;
        let budget = Budget { deadline: Duration::from_millis(50), ..Budget::default() };
        assert!(matches!(exchange(Ask::get(url), budget).await, Err(ExchangeError::Deadline { .. })));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_refused_connection_names_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let url: Url = format!("http://{address}/").parse().unwrap();
        let error = exchange(Ask::get(url), Budget::default()).await.unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
