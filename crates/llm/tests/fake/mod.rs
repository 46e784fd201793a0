//! A server on loopback that answers as badly as it is told to, and writes down what it was asked.

#![allow(dead_code, reason = "each test file needs a part of it")]

pub mod hostile;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Request line and header fields.
    pub head: String,
    /// The body.
    pub body: String,
    /// How many came before.
    pub number: usize,
}

/// A server in a thread of its own; it ends when this is dropped.
pub struct Fake {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Fake {
    /// Answers every request by `answer`, which writes to the connection as it likes.
    pub fn new(answer: impl Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (all, over, answer) = (Arc::clone(&seen), Arc::clone(&is_over), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || {
                    if let Some(request) = read(&mut stream, &all) {
                        // A client that has had enough is what most of these are for.
                        let _ = answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { address, seen, is_over }
    }

    /// Answers with these statuses, header lines and bodies, one after the other; the last one again and again.
    pub fn script(answers: Vec<(u16, &'static str, String)>) -> Self {
        Self::new(move |request, stream| {
            let (status, head, body) = &answers[request.number.min(answers.len() - 1)];
            write!(stream, "HTTP/1.1 {status} X\r\n{head}content-length: {}\r\n\r\n{body}", body.len())
        })
    }

    /// The base of its API.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: &mut TcpStream, all: &Mutex<Vec<Request>>) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut part = [0; 4_096];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length:").map(str::trim).map(str::to_owned));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            let mut all = all.lock().unwrap();
            let request = Request { head: head.to_owned(), body: body.to_owned(), number: all.len() };
            all.push(request.clone());
            return Some(request);
        }
    }
}

/// Waits until the client goes.
pub fn hang(stream: &mut TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// A chat completion that says this.
pub fn says(content: &str) -> String {
    finished(content, "stop")
}

/// A chat completion that ended for this reason.
pub fn finished(content: &str, reason: &str) -> String {
    let message = serde_json::json!({ "role": "assistant", "content": content });
    let usage = serde_json::json!({ "prompt_tokens": 1_700, "completion_tokens": 40, "total_tokens": 1_740 });
    serde_json::json!({ "id": "x", "model": "other", "choices": [{ "index": 0, "message": message, "finish_reason": reason }], "usage": usage })
        .to_string()
}
