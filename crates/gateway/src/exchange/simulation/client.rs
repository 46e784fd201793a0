//! A client that pipelines, splits, stalls and leaves at any byte, and checks every byte that it receives.

use super::reader;
use super::replica::{Ledger, letter};
use super::scene::{Rng, pass};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// What one client received.
#[derive(Debug, Default)]
pub struct Seen {
    pub answered: u64,
    pub refused: u64,
    pub cut: u64,
    pub trailers: u64,
    /// Of those answered.
    pub over_http2: u64,
}

impl Seen {
    pub fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.cut += other.cut;
        self.trailers += other.trailers;
        self.over_http2 += other.over_http2;
    }
}

struct Request {
    id: u64,
    method: &'static str,
    bytes: Vec<u8>,
    is_old: bool,
    takes_trailers: bool,
}

fn request(id: u64, rng: &mut Rng, is_last: bool) -> Request {
    let method = ["GET", "GET", "HEAD", "POST", "PUT"][rng.below(5)];
    let has_body = matches!(method, "POST" | "PUT");
    let length = if has_body { rng.length() } else { 0 };
    let is_old = is_last && rng.chance(10);
    let version = if is_old { "HTTP/1.0" } else { "HTTP/1.1" };
    let body = vec![letter(id).to_ascii_lowercase(); length];
    let mut head = format!("{method} /{id}/{length} {version}\r\nHost: a\r\n");
    if is_last && rng.chance(30) {
        head.push_str("Connection: close\r\n");
    }
    let takes_trailers = rng.chance(40);
    if takes_trailers {
        head.push_str("TE: trailers\r\n");
    }
    if has_body && rng.chance(10) {
        head.push_str("Expect: 100-continue\r\n");
    }
    // HTTP/1.0 has no trailers, whatever it says.
    let takes_trailers = takes_trailers && !is_old;
    if !has_body {
        return Request { id, method, bytes: format!("{head}\r\n").into_bytes(), is_old, takes_trailers };
    }
    if is_old || rng.chance(50) {
        let bytes = [format!("{head}Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat();
        return Request { id, method, bytes, is_old, takes_trailers };
    }
    let mut bytes = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let mut rest = &body[..];
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(1 + rng.below(rest.len()));
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        rest = after;
    }
    let trailers = if rng.chance(30) { format!("x-sum: {id}\r\nHost: evil\r\n") } else { String::new() };
    bytes.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    Request { id, method, bytes, is_old, takes_trailers }
}

/// When and how a client leaves before its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Never,
    /// Its end is closed after so many bytes sent.
    Closes(usize),
    Resets(usize),
    /// It sends nothing more and waits.
    Stalls(usize),
    /// It stops reading after so many bytes received.
    Deaf(usize),
}

pub async fn converse(address: SocketAddr, number: usize, rng: &mut Rng, ledger: &Ledger) -> Result<Seen, String> {
    pass(rng.below(40)).await;
    let Ok(mut stream) = TcpStream::connect(address).await else { return Ok(Seen::default()) };
    let count = 1 + rng.below(4);
    let requests: Vec<Request> = (1..=count).map(|at| request(ledger.id(), rng, at == count)).collect();
    let bytes: Vec<u8> = requests.iter().flat_map(|request| request.bytes.clone()).collect();
    let leaves = match rng.below(10) {
        0 => Leaves::Closes(rng.below(bytes.len())),
        1 => Leaves::Resets(rng.below(bytes.len())),
        2 => Leaves::Stalls(rng.below(bytes.len())),
        3 => Leaves::Deaf(rng.below(2_000)),
        _ => Leaves::Never,
    };
    let mut received = Vec::new();
    let answers_wanted = requests.len();
    {
        let (read, write) = stream.split();
        let sending = send(write, &bytes, leaves, rng.fork());
        let receiving = receive(read, &requests, answers_wanted, leaves, &mut received);
        tokio::pin!(sending);
        tokio::select! {
            () = receiving => {}
            () = &mut sending => {}
        }
    }
    if matches!(leaves, Leaves::Resets(_)) {
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    drop(stream);
    check(&received, &requests).map_err(|why| format!("client {number}: {why}"))
}

/// Ends only when the client leaves by what it sends.
async fn send(mut write: WriteHalf<'_>, bytes: &[u8], leaves: Leaves, mut rng: Rng) {
    let (end, is_leaving) = match leaves {
        Leaves::Closes(at) | Leaves::Resets(at) => (at, true),
        Leaves::Stalls(at) => (at, false),
        Leaves::Never | Leaves::Deaf(_) => (bytes.len(), false),
    };
    let mut rest = &bytes[..end];
    while !rest.is_empty() {
        let piece = if rng.chance(50) { rest.len() } else { 1 + rng.below(rest.len()) };
        if write.write_all(&rest[..piece]).await.is_err() {
            break;
        }
        rest = &rest[piece..];
        pass(rng.below(6)).await;
    }
    if is_leaving {
        pass(rng.below(60)).await;
        return;
    }
    std::future::pending().await
}

/// Reads to the end, or until every request has its whole answer, or the client goes deaf and then waits for a while.
async fn receive(mut read: ReadHalf<'_>, requests: &[Request], wanted: usize, leaves: Leaves, received: &mut Vec<u8>) {
    let mut bytes = [0; 16 * 1024];
    loop {
        if matches!(leaves, Leaves::Deaf(at) if received.len() >= at) {
            pass(3_500).await;
            return;
        }
        match read.read(&mut bytes).await {
            Ok(count) if count > 0 => received.extend_from_slice(&bytes[..count]),
            _ => return,
        }
        if answers(received, requests).is_ok_and(|(seen, _)| seen.answered + seen.refused == wanted as u64) {
            return;
        }
    }
}

/// Whole answers at the start of `bytes`, and the rest.
fn answers<'b>(mut bytes: &'b [u8], requests: &[Request]) -> Result<(Seen, &'b [u8]), String> {
    let mut seen = Seen::default();
    let mut requests = requests.iter();
    let mut current = requests.next();
    while let Some(request) = current {
        // Of a head that never ends nobody knows the method.
        let is_early = bytes.starts_with(b"HTTP/1.1 408 ");
        let method = if is_early { "GET" } else { request.method };
        let Some(message) = reader::response(bytes, method, false)? else { break };
        let is_refusal = !message.values("x-plimsoll-reason").is_empty();
        let id = message.values("x-id").first().map(|id| String::from_utf8_lossy(id).into_owned());
        if !is_refusal && id != Some(request.id.to_string()) {
            return Err(format!("request {} is answered by {:?} {:?}", request.id, message.start, message.fields));
        }
        bytes = &bytes[message.length..];
        if message.word(1).starts_with('1') {
            continue;
        }
        if is_refusal {
            seen.refused += 1;
        } else {
            seen.answered += 1;
            whole(request, &message)?;
            seen.trailers += u64::from(!message.trailers.is_empty());
        }
        current = requests.next();
    }
    Ok((seen, bytes))
}

fn whole(request: &Request, message: &reader::Message) -> Result<(), String> {
    let length = message.values("x-length").first().map(|length| String::from_utf8_lossy(length).into_owned());
    let wanted = if request.method == "HEAD" { 0 } else { length.and_then(|length| length.parse().ok()).unwrap_or(0) };
    if message.body.len() != wanted || message.body.iter().any(|byte| *byte != letter(request.id)) {
        return Err(format!("request {} has an answer of {} bytes for {wanted}", request.id, message.body.len()));
    }
    let own = [(String::from("x-sum"), request.id.to_string().into_bytes())];
    if !message.trailers.is_empty() && (message.trailers != own || !request.takes_trailers) {
        return Err(format!("request {} is answered with the trailers {:?}", request.id, message.trailers));
    }
    Ok(())
}

/// Everything received: whole answers in order, and at most the start of one more.
fn check(received: &[u8], requests: &[Request]) -> Result<Seen, String> {
    let (mut seen, rest) = answers(received, requests)?;
    if rest.is_empty() {
        return Ok(seen);
    }
    let Some(request) = requests.get((seen.answered + seen.refused) as usize) else {
        return Err(format!(
            "behind the last answer: {:?} after {:?}",
            String::from_utf8_lossy(rest),
            String::from_utf8_lossy(&received[..received.len().min(400)])
        ));
    };
    seen.cut += 1;
    let Some(head) = rest.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(seen) };
    let text = String::from_utf8_lossy(&rest[..head]).to_ascii_lowercase();
    if text.contains("x-plimsoll-reason: ") {
        return Ok(seen);
    }
    if !text.contains(&format!("x-id: {}\r\n", request.id)) {
        return Err(format!("request {} begins to be answered by {text:?}", request.id));
    }
    // Framing is written in digits and small letters, bodies in one capital letter.
    let foreign = rest[head + 4..].iter().find(|byte| byte.is_ascii_uppercase() && **byte != letter(request.id));
    let is_told_apart = request.is_old || foreign.is_none();
    if !is_told_apart || foreign.is_some() {
        return Err(format!("request {} receives the letter {foreign:?}", request.id));
    }
    Ok(seen)
}
