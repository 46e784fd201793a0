//! A small HTTP server that a test controls: it answers with what the test sets, counts every method and path, and can die.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What it knows.
#[derive(Default)]
struct Kept {
    /// The body of every answer.
    body: Mutex<String>,
    /// `METHOD PATH` without the query, and how often.
    asked: Mutex<BTreeMap<String, u64>>,
    /// Whole heads.
    heads: Mutex<Vec<String>>,
    has_ended: AtomicBool,
}

/// A running server.
pub struct Target {
    address: String,
    kept: Arc<Kept>,
}

impl Target {
    /// Starts one that answers `body`.
    pub fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let kept = Arc::new(Kept::default());
        *kept.body.lock().unwrap() = body.to_owned();
        let serving = kept.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.has_ended.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    answer(stream, &serving);
                }
            }
        });
        Self { address, kept }
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers this from now on.
    pub fn set(&self, body: &str) {
        *self.kept.body.lock().unwrap() = body.to_owned();
    }

    /// Every method and path that was asked, and how often.
    pub fn asked(&self) -> BTreeMap<String, u64> {
        self.kept.asked.lock().unwrap().clone()
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.kept.heads.lock().unwrap().clone()
    }

    /// Ends: whoever connects from now on is refused.
    pub fn die(&self) {
        self.kept.has_ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which drops the listener.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.die();
    }
}

fn answer(mut stream: TcpStream, kept: &Kept) {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => head.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    *kept.asked.lock().unwrap().entry(format!("{method} {path}")).or_default() += 1;
    kept.heads.lock().unwrap().push(head.clone());
    let body = kept.body.lock().unwrap().clone();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
}
