//! The access log: one JSON object a line, written by a thread of its own.
//!
//! Workers hand lines over and never wait: what the disk does not take in time is dropped and counted. A line holds what
//! is needed to find a request again and no more: no query, no cookie, no field of the request, no body.
//!
//! The file is opened anew at a reload when it was moved away, as log rotation does.

use plimsoll_model::gateway::AccessLogSpec;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// Lines that may wait for the disk: a second of 10,000 requests.
const QUEUE_MAX: usize = 10_000;

/// An open log.
#[derive(Debug)]
pub struct AccessLog {
    lines: SyncSender<Vec<u8>>,
    spec: AccessLogSpec,
    /// Which file it is, to notice that it was moved away.
    inode: Option<u64>,
}

/// What is known of a request when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    method: Box<str>,
    host: Box<str>,
    path: Box<str>,
}

impl Logged {
    /// Without the query: it may hold what is nobody's business.
    pub fn new(method: &str, host: &[u8], target: &str) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        Self { method: method.into(), host: String::from_utf8_lossy(host).into(), path: path.into() }
    }
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// When the request came, milliseconds since the Unix epoch.
    pub time_unix_ms: u64,
    /// The client's address.
    pub client: &'a str,
    /// As sent.
    pub method: &'a str,
    /// Without port.
    pub host: &'a str,
    /// Without query.
    pub path: &'a str,
    /// Of the response; none where the client never got one.
    pub status: Option<u16>,
    /// Why it failed, in the words of `X-Plimsoll-Reason`.
    pub reason: Option<&'a str>,
    /// Who answers.
    pub pool: Option<&'a str>,
    /// Which endpoint had it last.
    pub endpoint: Option<SocketAddr>,
    /// Body bytes that came.
    pub bytes_in: u64,
    /// Body bytes that went.
    pub bytes_out: u64,
    /// From the end of the request's head to the end of the response.
    pub duration_us: u64,
}

impl<'a> Line<'a> {
    /// A line of a request that just ended after `duration_us`.
    pub fn new(asked: &'a Logged, client: &'a str, duration_us: u64) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Self {
            time_unix_ms: now_ms.saturating_sub(duration_us / 1_000),
            client,
            method: &asked.method,
            host: &asked.host,
            path: &asked.path,
            status: None,
            reason: None,
            pool: None,
            endpoint: None,
            bytes_in: 0,
            bytes_out: 0,
            duration_us,
        }
    }
}

impl AccessLog {
    /// The log that a spec asks for: `before` itself while it still writes to the right place.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not be started.
    pub fn open(spec: &AccessLogSpec, before: Option<&Arc<Self>>) -> io::Result<Arc<Self>> {
        let there = std::fs::metadata(&spec.file).ok().map(|file| file.ino());
        if let Some(before) =
            before.filter(|before| before.spec == *spec && (before.inode == there || spec.file == "-"))
        {
            return Ok(Arc::clone(before));
        }
        let (output, inode): (Box<dyn Write + Send>, _) = if spec.file == "-" {
            (Box::new(io::stdout()), None)
        } else {
            let file: File = OpenOptions::new().create(true).append(true).mode(0o640).open(&spec.file)?;
            let inode = file.metadata()?.ino();
            (Box::new(file), Some(inode))
        };
        let (lines, waiting) = sync_channel(QUEUE_MAX);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || write(output, &waiting))?;
        Ok(Arc::new(Self { lines, spec: spec.clone(), inode }))
    }

    /// Whether a request that was answered well is written.
    pub fn samples(&self, chance: u64) -> bool {
        self.spec.sample >= 1_000 || (chance >> 32) % 1_000 < u64::from(self.spec.sample)
    }

    /// Hands a line over; false when it was dropped.
    pub fn write(&self, line: &Line<'_>) -> bool {
        let Ok(mut bytes) = serde_json::to_vec(line) else { return false };
        bytes.push(b'\n');
        self.lines.try_send(bytes).is_ok()
    }
}

/// Writes until nobody can send any more. A disk that fails loses lines, not requests.
fn write(output: Box<dyn Write + Send>, lines: &Receiver<Vec<u8>>) {
    let mut output = BufWriter::with_capacity(64 * 1024, output);
    while let Ok(line) = lines.recv() {
        let _ = output.write_all(&line);
        loop {
            match lines.try_recv() {
                Ok(line) => drop(output.write_all(&line)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let _ = output.flush();
    }
}
