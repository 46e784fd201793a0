//! The control socket: who may connect, lines in, lines out, and none of it ever waited for.
//!
//! Only a process of the same user may connect: the socket's mode says so, and its peer credentials are checked. Each
//! connection has a bounded queue of lines to send; what a slow daemon does not take in time is dropped, not waited for.

use crate::GatewayError;
use crate::control::{FromGateway, LINE_BYTES_MAX, ToGateway};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// Lines that may wait to be sent to one daemon.
const QUEUE_MAX: usize = 16;
/// Daemons connected at once: the one in charge, its successor, and somebody who looks.
const DAEMONS_MAX: usize = 8;
/// Longest wait for what is queued to leave when the gateway ends.
const FLUSH_WAIT: Duration = Duration::from_millis(500);

/// Numbers a connection.
pub type DaemonId = u64;

/// Something a daemon did.
#[derive(Debug)]
pub enum Event {
    /// It connected.
    Connected(DaemonId),
    /// It said something.
    Said(DaemonId, ToGateway),
    /// It said something that is no message, and why.
    Garbled(DaemonId, String),
}

enum Internal {
    Accepted(UnixStream),
    Said(DaemonId, Result<ToGateway, String>),
    Gone(DaemonId),
}

struct Daemon {
    outgoing: mpsc::Sender<Arc<[u8]>>,
    reader: tokio::task::AbortHandle,
    dropped: u64,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Everybody who is connected.
pub struct Daemons {
    path: PathBuf,
    inode: u64,
    events: mpsc::Receiver<Internal>,
    sender: mpsc::Sender<Internal>,
    connected: BTreeMap<DaemonId, Daemon>,
    next_id: DaemonId,
    /// Keeps `outgoing` senders' tasks countable when flushing.
    writers: tokio::task::JoinSet<()>,
}

impl Daemons {
    /// Listens at `path`, in the place of somebody who listens there now if `replace`. A socket that nobody answers at is replaced; anything else there is left alone.
    pub fn listen(path: &Path, replace: bool) -> Result<Self, GatewayError> {
        let refused = |source| GatewayError::Control { path: path.to_owned(), source };
        let listener = if replace { open_in_place(path) } else { open(path) }.map_err(refused)?;
        let inode = inode(path).map_err(refused)?;
        let (sender, events) = mpsc::channel(64);
        tokio::spawn(accept(listener, sender.clone()));
        let writers = tokio::task::JoinSet::new();
        Ok(Self { path: path.to_owned(), inode, events, sender, connected: BTreeMap::new(), next_id: 1, writers })
    }

    /// The next thing that a daemon does.
    pub async fn next(&mut self) -> Event {
        loop {
            // `sender` is kept here, so the channel never closes.
            let Some(event) = self.events.recv().await else { std::future::pending().await };
            match event {
                Internal::Accepted(stream) => {
                    self.make_room();
                    let id = self.next_id;
                    self.next_id += 1;
                    let (reader, writer) = stream.into_split();
                    let (outgoing, lines) = mpsc::channel(QUEUE_MAX);
                    self.writers.spawn(write(writer, lines));
                    let reader = tokio::spawn(read(reader, id, self.sender.clone())).abort_handle();
                    self.connected.insert(id, Daemon { outgoing, reader, dropped: 0 });
                    return Event::Connected(id);
                }
                Internal::Said(id, Ok(message)) => return Event::Said(id, message),
                Internal::Said(id, Err(error)) => return Event::Garbled(id, error),
                Internal::Gone(id) => {
                    self.connected.remove(&id);
                }
            }
        }
    }

    /// Lets the one go that takes least of what it is sent, so that daemons that hang cannot keep the next one out.
    fn make_room(&mut self) {
        if self.connected.len() >= DAEMONS_MAX {
            let worst = self.connected.iter().max_by_key(|(id, daemon)| (daemon.dropped, std::cmp::Reverse(**id)));
            if let Some(worst) = worst.map(|(id, _)| *id) {
                self.connected.remove(&worst);
            }
        }
    }

    /// Sends the first line.
    pub fn greet(&mut self, daemon: DaemonId, hello: &FromGateway) {
        self.send(daemon, hello);
    }

    /// Sends to one; dropped when its queue is full.
    pub fn send(&mut self, daemon: DaemonId, message: &FromGateway) {
        if let (Some(daemon), Some(line)) = (self.connected.get_mut(&daemon), line(message)) {
            offer(daemon, line);
        }
    }

    /// Sends to all; encoded once unless somebody missed reports and has to be told.
    pub fn send_all(&mut self, message: &FromGateway) {
        if self.connected.is_empty() {
            return;
        }
        let Some(common) = line(message) else { return };
        for daemon in self.connected.values_mut() {
            let told = match message {
                FromGateway::Report(report) if daemon.dropped > 0 => {
                    let mut report = report.clone();
                    report.reports_dropped = daemon.dropped;
                    line(&FromGateway::Report(report))
                }
                _ => None,
            };
            offer(daemon, told.unwrap_or_else(|| Arc::clone(&common)));
        }
    }

    /// Lets what is queued leave, for a moment.
    pub async fn flush(&mut self) {
        self.connected.clear();
        let all = async { while self.writers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FLUSH_WAIT, all).await;
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        // Another gateway may have taken the path over; its socket is not ours to remove.
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn offer(daemon: &mut Daemon, line: Arc<[u8]>) {
    if daemon.outgoing.try_send(line).is_err() {
        daemon.dropped += 1;
    }
}

fn line(message: &FromGateway) -> Option<Arc<[u8]>> {
    let mut line = serde_json::to_vec(message).ok()?;
    line.push(b'\n');
    (line.len() <= LINE_BYTES_MAX).then(|| Arc::from(line))
}

fn inode(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::symlink_metadata(path)?.ino())
}

fn open(path: &Path) -> io::Result<UnixListener> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something that is no socket"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another gateway answers there"));
        }
        std::fs::remove_file(path)?;
    }
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    // Before the name exists, so that there is no moment at which others could connect.
    rustix::fs::fchmod(socket.as_fd(), rustix::fs::Mode::from_raw_mode(0o600))?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(16)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket)))
}

/// Listens beside the path and then moves there, so that there is no moment at which nobody answers.
fn open_in_place(path: &Path) -> io::Result<UnixListener> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let listener = open(Path::new(&beside))?;
    std::fs::rename(&beside, path)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, events: mpsc::Sender<Internal>) {
    let own = rustix::process::geteuid().as_raw();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let is_ours = stream.peer_cred().is_ok_and(|peer| peer.uid() == own);
                if is_ours && events.send(Internal::Accepted(stream)).await.is_err() {
                    return;
                }
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn read(reader: OwnedReadHalf, id: DaemonId, events: mpsc::Sender<Internal>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(count) if count > 0) || line.last() != Some(&b'\n') {
            break;
        }
        let message = serde_json::from_slice(&line).map_err(|error| format!("not a message: {error}"));
        if events.send(Internal::Said(id, message)).await.is_err() {
            return;
        }
    }
    let _ = events.send(Internal::Gone(id)).await;
}

async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::Receiver<Arc<[u8]>>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}
