//! A replica of HTTP/2 that answers in every way, and knows which requests it has looked at.

use super::replica::{Asked, Ledger, letter};
use super::scene::{Rng, pass};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};

/// What all streams of one connection share.
struct Connection {
    ledger: Rc<Ledger>,
    bad_percent: usize,
    /// It breaks off, or says that it goes.
    breaks: Cell<bool>,
    goes: Cell<bool>,
}

pub fn start(ledger: &Rc<Ledger>, mut rng: Rng) -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let ledger = Rc::clone(ledger);
    let bad_percent = [0, 10, 40, 100][rng.below(4)];
    tokio::task::spawn_local(async move {
        let socket = TcpListener::from_std(socket).unwrap();
        while let Ok((stream, _)) = socket.accept().await {
            let ledger = Rc::clone(&ledger);
            let connection = Connection { ledger, bad_percent, breaks: Cell::new(false), goes: Cell::new(false) };
            tokio::task::spawn_local(serve(stream, Rc::new(connection), rng.fork()));
        }
    });
    address
}

async fn serve(stream: TcpStream, connection: Rc<Connection>, mut rng: Rng) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams([1, 2, 100][rng.below(3)]);
    let Ok(mut http2) = builder.handshake(stream).await else { return };
    let mut served = 0;
    loop {
        let next = std::future::poll_fn(|context| {
            if connection.breaks.get() {
                return std::task::Poll::Ready(None);
            }
            http2.poll_accept(context)
        });
        let Some(Ok((request, respond))) = next.await else { return };
        served += 1;
        if served > 1 {
            connection.ledger.reused.set(connection.ledger.reused.get() + 1);
        }
        let going = connection.goes.get() || (connection.bad_percent > 0 && rng.chance(5));
        if going {
            http2.graceful_shutdown();
        }
        tokio::task::spawn_local(answer(Rc::clone(&connection), request, respond, rng.fork()));
    }
}

/// Reads a body to its end and checks it; none when it was cut off.
async fn whole(connection: &Connection, asked: &Asked, mut body: RecvStream) -> Option<()> {
    let mut length = 0;
    let small = letter(asked.id).to_ascii_lowercase();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        let _ = body.flow_control().release_capacity(data.len());
        length += data.len();
        if data.iter().any(|byte| *byte != small) {
            connection.ledger.wrong(format!("request {} has foreign bytes over HTTP/2", asked.id));
        }
    }
    let trailers = body.trailers().await.ok()?;
    if length != asked.length {
        connection.ledger.wrong(format!("request {} ends after {length} of {}", asked.id, asked.length));
    }
    let own = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), HeaderValue::from(asked.id))]);
    if trailers.is_some_and(|trailers| trailers != own) {
        connection.ledger.wrong(format!("request {} has trailers of another", asked.id));
    }
    Some(())
}

async fn answer(
    connection: Rc<Connection>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    mut rng: Rng,
) {
    let text = format!("{} {} HTTP/2", request.method(), request.uri().path());
    let Some(asked) = Asked::read(&text) else {
        return connection.ledger.wrong(format!("the replica reads {text:?}"));
    };
    connection.ledger.streams.set(connection.ledger.streams.get() + 1);
    let is_bad = rng.chance(connection.bad_percent);
    let kind = rng.below(if is_bad { 12 } else { 4 });
    if kind == 4 {
        // Not looked at: it may come again, whatever it is.
        connection.ledger.unread.set(connection.ledger.unread.get() + 1);
        return respond.send_reset(Reason::REFUSED_STREAM);
    }
    if request.method() == "POST" {
        connection.ledger.act(asked.id);
    }
    let body = request.into_body();
    let is_early = rng.chance(10);
    if !is_early && whole(&connection, &asked, body).await.is_none() {
        return;
    }
    pass(rng.below(6)).await;
    match kind {
        5 => return respond.send_reset(Reason::INTERNAL_ERROR),
        6 => {
            connection.breaks.set(true);
            return;
        }
        7 => {
            // Says nothing more until it is given up.
            let _ = std::future::poll_fn(|context| respond.poll_reset(context)).await;
            return;
        }
        8 => connection.goes.set(true),
        _ => {}
    }
    respond_whole(&asked, kind, &mut respond, &mut rng).await;
}

async fn respond_whole(asked: &Asked, kind: usize, respond: &mut SendResponse<Bytes>, rng: &mut Rng) {
    let length = rng.length();
    let mut response = Response::new(());
    let fields = response.headers_mut();
    fields.insert("x-id", HeaderValue::from(asked.id));
    fields.insert("x-length", HeaderValue::from(length));
    if kind != 1 {
        fields.insert("content-length", HeaderValue::from(length));
    }
    if kind == 9 {
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    }
    let is_whole = asked.is_head || (length == 0 && kind != 1);
    let Ok(mut stream) = respond.send_response(response, is_whole) else { return };
    if is_whole {
        return;
    }
    let cut = if kind >= 10 { rng.below(length.max(1)) } else { length };
    let mut left = cut;
    while left > 0 {
        let piece = 1 + rng.below(left);
        stream.reserve_capacity(piece);
        let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else { return };
        let now = room.min(piece);
        if stream.send_data(vec![letter(asked.id); now].into(), false).is_err() {
            return;
        }
        left -= now;
        pass(rng.below(3)).await;
    }
    if kind >= 10 {
        return stream.send_reset(Reason::INTERNAL_ERROR);
    }
    if kind == 1 && rng.chance(40) {
        let sum = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), HeaderValue::from(asked.id))]);
        let _ = stream.send_trailers(sum);
    } else {
        let _ = stream.send_data(Bytes::new(), true);
    }
}
