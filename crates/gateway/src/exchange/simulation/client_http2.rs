//! A client of HTTP/2 whose streams split, stall, stop reading and are given up at any byte, over a connection that may end
//! at any moment; it checks every byte that it receives.

use super::client::Seen;
use super::replica::{Ledger, letter};
use super::scene::{Rng, pass};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket that takes any part of what it is given, when it likes.
struct Pieces {
    socket: TcpStream,
    rng: Rng,
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.rng.chance(30) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let is_whole = self.rng.chance(50) || bytes.is_empty();
        let length = if is_whole { bytes.len() } else { 1 + self.rng.below(bytes.len()) };
        Pin::new(&mut self.socket).poll_write_vectored(context, &[IoSlice::new(&bytes[..length])])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// What one stream does before its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Never,
    /// It is reset after so many bytes sent.
    Resets(usize),
    /// It sends nothing more and waits.
    Stalls(usize),
    /// It reads no more after so many bytes received.
    Deaf(usize),
}

struct Asked {
    id: u64,
    method: Method,
    length: usize,
    takes_trailers: bool,
    has_length: bool,
    sends_trailers: bool,
    leaves: Leaves,
}

impl Asked {
    fn draw(id: u64, rng: &mut Rng) -> Self {
        let method = [Method::GET, Method::GET, Method::HEAD, Method::POST, Method::PUT][rng.below(5)].clone();
        let length = if matches!(method, Method::POST | Method::PUT) { rng.length() } else { 0 };
        let leaves = match rng.below(10) {
            0 | 1 => Leaves::Resets(rng.below(length + 1)),
            2 => Leaves::Stalls(rng.below(length + 1)),
            3 => Leaves::Deaf(rng.below(2_000)),
            _ => Leaves::Never,
        };
        let (takes_trailers, has_length) = (rng.chance(40), rng.chance(50));
        Self { id, method, length, takes_trailers, has_length, sends_trailers: rng.chance(30), leaves }
    }

    fn has_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT)
    }

    fn request(&self) -> Request<()> {
        let uri = format!("http://a/{}/{}", self.id, self.length);
        let mut request = Request::builder().method(self.method.clone()).uri(uri).body(()).unwrap();
        if self.takes_trailers {
            request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        }
        if self.has_body() && self.has_length {
            request.headers_mut().insert("content-length", HeaderValue::from(self.length));
        }
        request
    }

    fn sum(&self) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from(self.id))])
    }

    /// Ends only when the stream is given up.
    async fn send(&self, stream: &mut SendStream<Bytes>, mut rng: Rng) {
        let end = match self.leaves {
            Leaves::Resets(at) | Leaves::Stalls(at) => at,
            Leaves::Never | Leaves::Deaf(_) => self.length,
        };
        let mut left = if self.has_body() { end } else { 0 };
        while left > 0 {
            let piece = if rng.chance(50) { left } else { 1 + rng.below(left) };
            stream.reserve_capacity(piece);
            let Some(Ok(room)) = poll_fn(|context| stream.poll_capacity(context)).await else { break };
            let now = room.min(piece);
            if stream.send_data(vec![letter(self.id).to_ascii_lowercase(); now].into(), false).is_err() {
                break;
            }
            left -= now;
            pass(rng.below(6)).await;
        }
        if matches!(self.leaves, Leaves::Resets(_)) {
            pass(rng.below(60)).await;
            return stream.send_reset(Reason::CANCEL);
        }
        if left == 0 && self.has_body() && !matches!(self.leaves, Leaves::Stalls(_)) {
            let _ = if self.sends_trailers && !self.has_length {
                let mut trailers = self.sum();
                trailers.insert("host", HeaderValue::from_static("evil"));
                stream.send_trailers(trailers)
            } else {
                stream.send_data(Bytes::new(), true)
            };
        }
        std::future::pending().await
    }

    /// Reads the answer to its end.
    async fn receive(&self, response: ResponseFuture) -> Result<Seen, String> {
        let cut = Seen { cut: 1, ..Seen::default() };
        let Ok(response) = response.await else { return Ok(cut) };
        let (parts, mut body) = response.into_parts();
        let is_refusal = parts.headers.contains_key("x-plimsoll-reason");
        if !is_refusal && parts.headers.get("x-id") != Some(&HeaderValue::from(self.id)) {
            return Err(format!("stream {} is answered by {:?}", self.id, parts.headers));
        }
        let mut length = 0;
        while let Some(data) = body.data().await {
            let Ok(data) = data else { return Ok(cut) };
            if !is_refusal && data.iter().any(|byte| *byte != letter(self.id)) {
                return Err(format!("stream {} receives foreign bytes", self.id));
            }
            length += data.len();
            if matches!(self.leaves, Leaves::Deaf(at) if length >= at) {
                pass(3_500).await;
                return Ok(cut);
            }
            let _ = body.flow_control().release_capacity(data.len());
        }
        let Ok(trailers) = body.trailers().await else { return Ok(cut) };
        if is_refusal {
            return Ok(Seen { refused: 1, ..Seen::default() });
        }
        self.check(&Response::from_parts(parts, ()), length, trailers)
    }

    /// An answer that says that it is whole is whole.
    fn check(&self, response: &Response<()>, length: usize, trailers: Option<HeaderMap>) -> Result<Seen, String> {
        let stated = response.headers().get("x-length").and_then(|length| length.to_str().ok()?.parse().ok());
        let wanted = if self.method == Method::HEAD { 0 } else { stated.unwrap_or(0) };
        if length != wanted {
            return Err(format!("stream {} ends after {length} bytes of {wanted}", self.id));
        }
        let trailers = trailers.filter(|trailers| !trailers.is_empty());
        if trailers.as_ref().is_some_and(|trailers| *trailers != self.sum() || !self.takes_trailers) {
            return Err(format!("stream {} is answered with the trailers {trailers:?}", self.id));
        }
        Ok(Seen { answered: 1, over_http2: 1, trailers: u64::from(trailers.is_some()), ..Seen::default() })
    }
}

async fn stream(sender: SendRequest<Bytes>, mut rng: Rng, ledger: Rc<Ledger>) -> Result<Seen, String> {
    pass(rng.below(20)).await;
    let Ok(mut sender) = sender.ready().await else { return Ok(Seen::default()) };
    let asked = Asked::draw(ledger.id(), &mut rng);
    let is_whole = !asked.has_body() || (asked.length == 0 && rng.chance(50));
    let Ok((response, mut stream)) = sender.send_request(asked.request(), is_whole) else { return Ok(Seen::default()) };
    // The connection may end when its last stream does.
    drop(sender);
    if is_whole && !matches!(asked.leaves, Leaves::Resets(_)) {
        return asked.receive(response).await;
    }
    tokio::select! {
        seen = asked.receive(response) => seen,
        () = asked.send(&mut stream, rng) => Ok(Seen { cut: 1, ..Seen::default() }),
    }
}

pub async fn converse(address: SocketAddr, number: usize, rng: &mut Rng, ledger: &Rc<Ledger>) -> Result<Seen, String> {
    pass(rng.below(40)).await;
    let Ok(socket) = TcpStream::connect(address).await else { return Ok(Seen::default()) };
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size([100, 65_535, 1 << 20][rng.below(3)]);
    let shaken = builder.handshake::<_, Bytes>(Pieces { socket, rng: rng.fork() }).await;
    let Ok((sender, connection)) = shaken else { return Ok(Seen::default()) };
    let ends_after = rng.chance(15).then(|| rng.below(200));
    let driver = tokio::task::spawn_local(async move {
        match ends_after {
            Some(turns) => tokio::select! {
                _ = connection => {}
                () = pass(turns) => {}
            },
            None => drop(connection.await),
        }
    });
    let streams: Vec<_> = (0..1 + rng.below(4))
        .map(|_| tokio::task::spawn_local(stream(sender.clone(), rng.fork(), Rc::clone(ledger))))
        .collect();
    drop(sender);
    let mut all = Seen::default();
    for stream in streams {
        let seen = stream.await.unwrap_or_else(|error| Err(error.to_string()));
        all.add(seen.map_err(|why| format!("client {number}: {why}"))?);
    }
    driver.abort();
    Ok(all)
}
