//! A replica: a process that answers what the path says, and ends well when it is told to.
//!
//! `/WORD/ANSWER/WAIT/BODY/ID`: ANSWER bytes, as `whole` after WAIT ms, in `chunked` coding, or in `drip` with WAIT ms
//! between pieces; a request body has to have BODY right bytes. Written by hand over sockets, so that it does to the byte
//! what it should and nothing of the gateway judges itself.
//!
//! SIGTERM: accepts nothing more, ends idle connections, finishes what it has.

use crate::Failure;
use crate::soak::bytes;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Pieces of a body in drops.
const DROPS: usize = 8;
/// Bytes written at once.
const PIECE: usize = 64 * 1024;

struct Replica {
    name: String,
    open: Cell<usize>,
    is_ending: Cell<bool>,
    ended: Notify,
}

/// Serves until SIGTERM.
pub fn serve(address: SocketAddr, name: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(address).await?;
        println!("ready");
        let replica = Rc::new(Replica {
            name: name.to_owned(),
            open: Cell::new(0),
            is_ending: Cell::new(false),
            ended: Notify::new(),
        });
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    tokio::task::spawn_local(converse(Rc::clone(&replica), stream));
                }
            }
        }
        drop(listener);
        replica.is_ending.set(true);
        replica.ended.notify_waiters();
        while replica.open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    })
}

async fn converse(replica: Rc<Replica>, stream: TcpStream) {
    replica.open.set(replica.open.get() + 1);
    let _ = stream.set_nodelay(true);
    let mut peer = Peer { stream, unread: Vec::new() };
    while !replica.is_ending.get() {
        let head = tokio::select! {
            head = peer.until(b"\r\n\r\n") => head,
            () = replica.ended.notified() => break,
        };
        let Ok(head) = head else { break };
        if answer(&replica, &mut peer, &head).await.is_err() {
            break;
        }
    }
    replica.open.set(replica.open.get() - 1);
}

struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn until(&mut self, end: &[u8]) -> io::Result<String> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                let head: Vec<u8> = self.unread.drain(..at + end.len()).collect();
                return String::from_utf8(head).map_err(io::Error::other);
            }
            self.more().await?;
        }
    }

    /// Takes `count` bytes of a body that begin at `start`; whether they are right.
    async fn body(&mut self, start: usize, count: usize) -> io::Result<bool> {
        let (mut at, mut are_right) = (start, true);
        while at < start + count {
            if self.unread.is_empty() {
                self.more().await?;
            }
            let now = self.unread.len().min(start + count - at);
            are_right &= bytes::are_right(at, &self.unread[..now]);
            self.unread.drain(..now);
            at += now;
        }
        Ok(are_right)
    }

    /// Takes the whole body of a request; its bytes, and whether they are right.
    async fn request_body(&mut self, head: &str) -> io::Result<(usize, bool)> {
        let field =
            |name: &str| head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(name)?.parse().ok());
        if !head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked\r\n") {
            let count: usize = field("content-length: ").unwrap_or(0);
            return Ok((count, self.body(0, count).await?));
        }
        let (mut at, mut are_right) = (0, true);
        loop {
            let line = self.until(b"\r\n").await?;
            let count = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            are_right &= self.body(at, count).await?;
            at += count;
            self.until(b"\r\n").await?;
            if count == 0 {
                return Ok((at, are_right));
            }
        }
    }
}

/// The numbers of a path.
struct Order<'a> {
    word: &'a str,
    answer: usize,
    wait: Duration,
    body: usize,
}

fn order(path: &str) -> Option<Order<'_>> {
    let mut parts = path.split('/').skip(1);
    let word = parts.next()?;
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (answer, wait_ms, body) = (number()?, number()?, number()?);
    let size = |bytes| usize::try_from(bytes).ok();
    Some(Order { word, answer: size(answer)?, wait: Duration::from_millis(wait_ms), body: size(body)? })
}

async fn answer(replica: &Replica, peer: &mut Peer, head: &str) -> io::Result<()> {
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (count, are_right) = peer.request_body(head).await?;
    let known = order(path).filter(|order| order.body == count && are_right);
    let Some(order) = known
        .or_else(|| (path == "/healthz").then_some(Order { word: "whole", answer: 0, wait: Duration::ZERO, body: 0 }))
    else {
        let text = format!("HTTP/1.1 400 Bad Request\r\nX-Replica: {}\r\nContent-Length: 0\r\n\r\n", replica.name);
        return peer.stream.write_all(text.as_bytes()).await;
    };
    let is_chunked = order.word == "chunked";
    if order.word == "whole" {
        tokio::time::sleep(order.wait).await;
    }
    let framing =
        if is_chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {}", order.answer) };
    // The last answer says so, as an orderly server's does.
    let last = if replica.is_ending.get() { "Connection: close\r\n" } else { "" };
    let head = format!("HTTP/1.1 200 OK\r\nX-Replica: {}\r\n{last}{framing}\r\n\r\n", replica.name);
    peer.stream.write_all(head.as_bytes()).await?;
    if method == "HEAD" {
        return Ok(());
    }
    let piece = if order.word == "drip" { order.answer.div_ceil(DROPS) } else { PIECE };
    let mut at = 0;
    while at < order.answer {
        let now = piece.min(order.answer - at);
        let data = bytes::slice(at, now);
        if is_chunked {
            let framed = [format!("{now:x}\r\n").as_bytes(), &data, b"\r\n"].concat();
            peer.stream.write_all(&framed).await?;
        } else {
            peer.stream.write_all(&data).await?;
        }
        at += now;
        if order.word == "drip" {
            tokio::time::sleep(order.wait).await;
        }
    }
    if is_chunked {
        peer.stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}
