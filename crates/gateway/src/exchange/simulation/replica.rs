//! A replica that answers in every way, good and bad, and knows of each connection whether it is at a message boundary.

use super::reader;
use super::scene::{Rng, pass};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A connection by its two ports: the gateway's, the replica's. The kernel may use one port of ours for both replicas.
pub type Ports = (u16, u16);

/// What the replicas know of their connections.
#[derive(Debug, Default)]
pub struct Ledger {
    at_boundary: RefCell<BTreeMap<Ports, bool>>,
    pub violations: RefCell<Vec<String>>,
    /// Requests on connections that had carried one before.
    pub reused: Cell<u64>,
    ids: Cell<u64>,
    /// Requests over HTTP/2, and those of them that were refused unread.
    pub streams: Cell<u64>,
    pub unread: Cell<u64>,
    /// Requests that must be acted on once, and were.
    acted: RefCell<BTreeSet<u64>>,
}

impl Ledger {
    pub fn wrong(&self, why: String) {
        self.violations.borrow_mut().push(why);
    }

    /// A number that no other request has.
    pub fn id(&self) -> u64 {
        self.ids.set(self.ids.get() + 1);
        self.ids.get()
    }

    /// A replica acts on a request that must not be sent twice.
    pub fn act(&self, id: u64) {
        if !self.acted.borrow_mut().insert(id) {
            self.wrong(format!("request {id} was acted on twice"));
        }
    }

    fn set(&self, port: Ports, at_boundary: bool) {
        self.at_boundary.borrow_mut().insert(port, at_boundary);
    }

    /// Whether a pool may hold the connection with this port.
    pub fn may_be_idle(&self, port: Ports) -> Result<(), String> {
        match self.at_boundary.borrow().get(&port) {
            Some(true) => Ok(()),
            other => Err(format!("a pool holds connection {port:?}, of which its replica says {other:?}")),
        }
    }
}

pub fn start(ledger: &Rc<Ledger>, mut rng: Rng) -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let ledger = Rc::clone(ledger);
    // Most replicas of a scene are good, so that connections are used again.
    let bad_percent = [0, 10, 40, 100][rng.below(4)];
    tokio::task::spawn_local(async move {
        let socket = TcpListener::from_std(socket).unwrap();
        while let Ok((stream, peer)) = socket.accept().await {
            let connection = Connection {
                stream,
                port: (peer.port(), address.port()),
                ledger: Rc::clone(&ledger),
                rng: rng.fork(),
                bad_percent,
            };
            tokio::task::spawn_local(connection.serve());
        }
    });
    address
}

/// The body of a response: the capital letter of the request, so that no byte of it can be taken for another's.
pub fn letter(id: u64) -> u8 {
    b'A' + (id % 26) as u8
}

struct Connection {
    stream: TcpStream,
    port: Ports,
    ledger: Rc<Ledger>,
    rng: Rng,
    bad_percent: usize,
}

/// What a connection does after an answer.
enum After {
    Next,
    /// Closes behind a whole answer.
    End,
    /// Closes within one.
    Close,
    Reset,
    /// Stays open and says nothing more.
    Silent,
}

impl Connection {
    async fn serve(mut self) {
        let mut unread = Vec::new();
        let mut served = 0_u64;
        loop {
            let Some(head) = self.head(&mut unread, served).await else { return };
            if served > 0 {
                self.ledger.reused.set(self.ledger.reused.get() + 1);
            }
            let is_early = self.rng.chance(if self.bad_percent > 0 { 10 } else { 2 });
            let after = if is_early {
                let answered = self.answer(&head).await;
                // The rest of the body may come or not; then the request is whole.
                if matches!(answered, After::Next) && self.rest(&mut unread, true).await.is_none() {
                    return;
                }
                answered
            } else {
                if self.rest(&mut unread, false).await.is_none() {
                    return;
                }
                self.answer(&head).await
            };
            match after {
                After::Next => self.ledger.set(self.port, true),
                After::End => {
                    self.ledger.set(self.port, true);
                    return;
                }
                After::Close => return,
                After::Reset => {
                    let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
                    return;
                }
                After::Silent => {
                    let mut bytes = [0; 4096];
                    while self.stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
                    return;
                }
            }
            served += 1;
            if self.rng.chance(5) {
                // The end of an idle connection is a replica's right; the pool finds out when it takes it.
                pass(self.rng.below(30)).await;
                return;
            }
        }
    }

    async fn more(&mut self, unread: &mut Vec<u8>) -> Option<()> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes).await {
            Ok(count) if count > 0 => {
                unread.extend_from_slice(&bytes[..count]);
                Some(())
            }
            _ => None,
        }
    }

    /// Waits for a whole head; the id, method and body length of its request.
    async fn head(&mut self, unread: &mut Vec<u8>, served: u64) -> Option<Asked> {
        if served == 0 {
            self.ledger.set(self.port, true);
        }
        let mut has_begun = false;
        loop {
            if !unread.is_empty() && !std::mem::replace(&mut has_begun, true) {
                if self.ledger.at_boundary.borrow().get(&self.port) == Some(&false) {
                    self.ledger.wrong(format!("bytes on connection {:?}, which was not at a boundary", self.port));
                }
                self.ledger.set(self.port, false);
            }
            if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&unread[..end]).into_owned();
                return Asked::read(&text).or_else(|| {
                    self.ledger.wrong(format!("the replica reads {text:?}"));
                    None
                });
            }
            self.more(unread).await?;
        }
    }

    /// Reads the rest of the request at the start of `unread` and checks its body.
    async fn rest(&mut self, unread: &mut Vec<u8>, is_answered: bool) -> Option<()> {
        loop {
            match reader::request(unread) {
                Err(why) => {
                    self.ledger.wrong(format!("a request that is not canonical: {why}"));
                    return None;
                }
                Ok(Some(message)) => {
                    unread.drain(..message.length);
                    let asked = Asked::read(&message.start).unwrap();
                    if message.start.starts_with("POST ") {
                        self.ledger.act(asked.id);
                    }
                    let small = letter(asked.id).to_ascii_lowercase();
                    if message.body.len() != asked.length || message.body.iter().any(|byte| *byte != small) {
                        self.ledger.wrong(format!("request {} has a body of {}", asked.id, message.body.len()));
                    }
                    let own = [(String::from("x-sum"), asked.id.to_string().into_bytes())];
                    if !message.trailers.is_empty() && message.trailers != own {
                        self.ledger.wrong(format!("request {} has the trailers {:?}", asked.id, message.trailers));
                    }
                    if !unread.is_empty() && !is_answered {
                        self.ledger.wrong(format!("{} bytes behind request {}", unread.len(), asked.id));
                    }
                    return Some(());
                }
                Ok(None) => self.more(unread).await?,
            }
        }
    }

    /// Writes in pieces; false when the other side is gone.
    async fn write(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let piece = if self.rng.chance(50) { bytes.len() } else { 1 + self.rng.below(bytes.len()) };
            if self.stream.write_all(&bytes[..piece]).await.is_err() {
                return false;
            }
            bytes = &bytes[piece..];
            pass(self.rng.below(4)).await;
        }
        true
    }

    async fn answer(&mut self, asked: &Asked) -> After {
        pass(self.rng.below(6)).await;
        let length = self.rng.length();
        let body = vec![letter(asked.id); length];
        let mark = format!("X-Id: {}\r\nX-Length: {length}\r\n", asked.id);
        let is_bad = self.rng.chance(self.bad_percent);
        let kind = self.rng.below(if is_bad { 16 } else { 5 });
        let (head, body, after) = match kind {
            1 => (
                format!("HTTP/1.1 200 OK\r\n{mark}Transfer-Encoding: chunked\r\n\r\n"),
                self.chunks(asked.id, &body),
                After::Next,
            ),
            2 => (
                format!("HTTP/1.1 204 No Content\r\nX-Id: {}\r\nX-Length: 0\r\n\r\n", asked.id),
                Vec::new(),
                After::Next,
            ),
            3 => {
                let interim =
                    format!("HTTP/1.1 103 Early Hints\r\nX-Id: {}\r\n\r\n", asked.id).repeat(1 + self.rng.below(3));
                (format!("{interim}HTTP/1.1 200 OK\r\n{mark}Content-Length: {length}\r\n\r\n"), body, After::Next)
            }
            5 => (format!("HTTP/1.1 200 OK\r\n{mark}\r\n"), body, After::End),
            6 => (
                format!("HTTP/1.1 200 OK\r\n{mark}Connection: close\r\nContent-Length: {length}\r\n\r\n"),
                body,
                After::End,
            ),
            7 | 8 => (format!("HTTP/1.1 503 X\r\n{mark}Content-Length: {length}\r\n\r\n"), body, After::Next),
            9 => ("HTTP/1.1 200 OK\nX: y\r\n\r\n".to_owned(), Vec::new(), After::Silent),
            10 => return After::Silent,
            11 => return if self.rng.chance(50) { After::Close } else { After::Reset },
            12 => return self.surplus(asked, &mark).await,
            13..=15 => {
                let head =
                    format!("HTTP/1.1 200 OK\r\n{mark}Content-Length: {}\r\n\r\n", length + 1 + self.rng.below(5));
                // To HEAD the head alone is whole.
                let cut = self.rng.below(head.len() + if asked.is_head { 0 } else { length });
                let bytes = [head.as_bytes(), &body].concat();
                self.write(&bytes[..cut]).await;
                return [After::Close, After::Reset, After::Silent].into_iter().nth(kind - 13).unwrap();
            }
            _ => (format!("HTTP/1.1 200 OK\r\n{mark}Content-Length: {length}\r\n\r\n"), body, After::Next),
        };
        let body = if asked.is_head { Vec::new() } else { body };
        if self.write(&[head.as_bytes(), &body].concat()).await { after } else { After::Close }
    }

    /// A whole response and bytes behind it, at once: whoever uses this connection again would read them as an answer.
    async fn surplus(&mut self, asked: &Asked, mark: &str) -> After {
        let mark = mark.lines().next().unwrap_or_default();
        let evil = "HTTP/1.1 200 OK\r\nX-Id: 0\r\nContent-Length: 4\r\n\r\nevil";
        let body = if asked.is_head { String::new() } else { "AB"[..0].to_owned() };
        let text = format!("HTTP/1.1 200 OK\r\n{mark}\r\nX-Length: 0\r\nContent-Length: 0\r\n\r\n{body}{evil}");
        let _ = self.stream.write_all(text.as_bytes()).await;
        After::Silent
    }

    fn chunks(&mut self, id: u64, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(1 + self.rng.below(rest.len()));
            let extension = if self.rng.chance(20) { ";a=b" } else { "" };
            out.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
            rest = after;
        }
        let trailers = if self.rng.chance(40) { format!("Set-Cookie: a\r\nx-sum:{id}\r\n") } else { String::new() };
        out.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        out
    }
}

/// What a request line says: `METHOD /ID/LENGTH HTTP/1.1`.
pub struct Asked {
    pub id: u64,
    pub length: usize,
    pub is_head: bool,
}

impl Asked {
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.split(' ');
        let is_head = words.next()? == "HEAD";
        let mut parts = words.next()?.split('/').skip(1);
        Some(Self { id: parts.next()?.parse().ok()?, length: parts.next()?.parse().ok()?, is_head })
    }
}
