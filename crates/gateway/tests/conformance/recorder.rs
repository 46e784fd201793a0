//! A replica that records every byte and reads messages by the second reading.

use super::reader::{self, Message};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Marks the request that follows a case, to see which connection it takes.
pub const SENTINEL: &str = "/end-of-case";
pub const EMPTY_OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// One whole message as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub connection: usize,
    pub raw: Vec<u8>,
    pub message: Message,
}

/// What came since the last case.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub messages: Vec<Recorded>,
    /// The connection of the sentinel.
    pub sentinel: Option<usize>,
    /// Bytes of no whole message, when their connection ended.
    pub partial: Vec<u8>,
    /// What is behind a 101.
    pub tunnelled: Vec<u8>,
    /// Why bytes were no canonical message.
    pub broken: Vec<String>,
    /// Which case this is.
    number: usize,
    answer: Option<Vec<u8>>,
    ends: bool,
}

#[derive(Clone)]
pub struct Recorder {
    pub address: SocketAddr,
    record: Arc<Mutex<Record>>,
}

impl Recorder {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Self { address: listener.local_addr().unwrap(), record: Arc::default() };
        let record = Arc::clone(&recorder.record);
        std::thread::spawn(move || {
            let numbers = AtomicUsize::new(0);
            while let Ok((stream, _)) = listener.accept() {
                let record = Arc::clone(&record);
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || converse(stream, number, &record));
            }
        });
        recorder
    }

    /// Begins a case.
    pub fn reset(&self, answer: Option<Vec<u8>>, ends: bool) {
        let mut record = self.record.lock().unwrap();
        *record = Record { answer, ends, number: record.number + 1, ..Record::default() };
    }

    pub fn record(&self) -> Record {
        self.record.lock().unwrap().clone()
    }
}

fn converse(mut stream: TcpStream, connection: usize, record: &Mutex<Record>) {
    stream.set_nodelay(true).unwrap();
    let mut unread = Vec::new();
    let mut bytes = [0; 16 * 1024];
    // A connection that is cut off may end only when the next case has begun.
    let mut case = 0;
    loop {
        match reader::request(&unread) {
            Ok(Some(message)) => {
                let raw: Vec<u8> = unread.drain(..message.length).collect();
                let (answer, ends) = note(record, connection, raw, message);
                if stream.write_all(&answer).is_err() || ends {
                    return;
                }
                if answer.starts_with(b"HTTP/1.1 101 Switching") {
                    let _ = stream.read_to_end(&mut unread);
                    record.lock().unwrap().tunnelled = unread;
                    return;
                }
            }
            Ok(None) => match stream.read(&mut bytes) {
                Ok(count) if count > 0 => {
                    if unread.is_empty() {
                        case = record.lock().unwrap().number;
                    }
                    unread.extend_from_slice(&bytes[..count]);
                }
                _ => {
                    let mut record = record.lock().unwrap();
                    if record.number == case {
                        record.partial.extend(unread);
                    }
                    return;
                }
            },
            Err(why) => {
                record.lock().unwrap().broken.push(why);
                return;
            }
        }
    }
}

fn note(record: &Mutex<Record>, connection: usize, raw: Vec<u8>, message: Message) -> (Vec<u8>, bool) {
    let mut record = record.lock().unwrap();
    if message.word(1) == SENTINEL {
        record.sentinel = Some(connection);
        return (EMPTY_OK.to_vec(), false);
    }
    record.messages.push(Recorded { connection, raw, message });
    (record.answer.clone().unwrap_or_else(|| EMPTY_OK.to_vec()), record.ends)
}
