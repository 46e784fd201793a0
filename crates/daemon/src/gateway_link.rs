//! The daemon's end of the gateway: starts it, finds it again after a crash of either side, sends snapshots, takes reports.
//!
//! The gateway is a process of its own, so that killing the daemon costs no request. It outlives the daemon on purpose: a
//! daemon that starts first looks for a gateway on the control socket and adopts it, and starts one only when none answers.
//! A gateway that died is started again with the last snapshot.
//!
//! This file decides nothing about endpoints; it carries what [`crate::snapshot`] made.

use crate::kept_sockets::{self, KeptSockets};
use plimsoll_gateway::control::{FromGateway, Report, Snapshot, ToGateway};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

/// Longest line accepted from the gateway.
const LINE_BYTES_MAX: usize = 8 << 20;
/// Wait between two tries to reach a gateway that is starting.
const RETRY: Duration = Duration::from_millis(20);
/// A gateway that does not open its socket by then is given up and started again.
const START_MAX: Duration = Duration::from_secs(5);

/// What the gateway told.
#[derive(Debug)]
pub enum GatewayEvent {
    /// A gateway is connected.
    Connected {
        /// Its process id.
        pid: u32,
        /// It was running before this daemon.
        adopted: bool,
    },
    /// It applied a snapshot, or says why not.
    Ack {
        /// The snapshot's version.
        version: u64,
        /// Why it was refused.
        error: Option<String>,
        /// Addresses that it listens on now.
        listening: Vec<SocketAddr>,
    },
    /// Counters.
    Report(Box<Report>),
    /// The connection broke; a new one is being made.
    Disconnected {
        /// What is known of the cause.
        why: String,
    },
    /// It has ended, as it was ordered to.
    Ended,
}

/// How the gateway is started.
#[derive(Debug, Clone)]
pub struct GatewayCommand {
    /// Program and arguments, without the control socket.
    pub command: Vec<OsString>,
    /// Path of the control socket.
    pub socket: PathBuf,
    /// Where its standard error goes.
    pub log: PathBuf,
    /// Time between two reports.
    pub report_interval: Duration,
}

/// A handle on the link; the link ends when it is dropped, the gateway does not.
#[derive(Debug)]
pub struct GatewayLink {
    snapshots: watch::Sender<Option<Rc<Snapshot>>>,
    orders: mpsc::Sender<ToGateway>,
}

impl GatewayLink {
    /// Starts the link on the current `LocalSet`. Events come in order; when the receiver is slow, reports are dropped.
    #[must_use]
    pub fn spawn(command: GatewayCommand) -> (Self, mpsc::Receiver<GatewayEvent>) {
        let (snapshots, watched) = watch::channel(None);
        let (orders, orders_in) = mpsc::channel(8);
        let (events, events_in) = mpsc::channel(256);
        let link = Link {
            command,
            snapshots: watched,
            orders: orders_in,
            events,
            child: None,
            kept: KeptSockets::default(),
            pid: 0,
        };
        tokio::task::spawn_local(link.run());
        (Self { snapshots, orders }, events_in)
    }

    /// Makes this the snapshot that the gateway has, now or as soon as one is connected.
    pub fn send(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Some(Rc::new(snapshot)));
    }

    /// Tells the gateway to accept nothing more, finish what is open, and end.
    pub fn drain(&self) {
        let _ = self.orders.try_send(ToGateway::Drain);
    }

    /// Tells the gateway to end at once.
    pub fn stop(&self) {
        let _ = self.orders.try_send(ToGateway::Stop);
    }
}

struct Link {
    command: GatewayCommand,
    snapshots: watch::Receiver<Option<Rc<Snapshot>>>,
    orders: mpsc::Receiver<ToGateway>,
    events: mpsc::Sender<GatewayEvent>,
    child: Option<Child>,
    kept: KeptSockets,
    /// The gateway now connected.
    pid: u32,
}

/// Why a conversation ended.
enum End {
    Broken(String),
    Ordered,
    Dropped,
}

impl Link {
    async fn run(mut self) {
        let mut adopted = true;
        loop {
            let stream = match UnixStream::connect(&self.command.socket).await {
                Ok(stream) => stream,
                Err(_) => match self.start().await {
                    Ok(stream) => {
                        adopted = false;
                        stream
                    }
                    Err(error) => {
                        let why = format!("cannot start the gateway: {error}");
                        if self.events.send(GatewayEvent::Disconnected { why }).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        continue;
                    }
                },
            };
            match self.converse(stream, adopted).await {
                End::Ordered => {
                    self.reap().await;
                    let _ = self.events.send(GatewayEvent::Ended).await;
                    return;
                }
                End::Dropped => return,
                End::Broken(why) => {
                    if self.events.send(GatewayEvent::Disconnected { why }).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Starts a gateway in a session of its own and connects to it.
    async fn start(&mut self) -> io::Result<UnixStream> {
        if let Some(mut old) = self.child.take() {
            let _ = old.try_wait();
        }
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.command.log)?;
        let (program, arguments) =
            self.command.command.split_first().ok_or_else(|| io::Error::other("the gateway's command is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).arg("--control").arg(&self.command.socket);
        command.arg("--report-interval-ms").arg(self.command.report_interval.as_millis().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.args(self.kept.arguments());
        let descriptors = self.kept.descriptors();
        // SAFETY: between fork and exec only setsid and fcntl are called, which are async-signal-safe; the list was made
        // before the fork.
        unsafe {
            command.pre_exec(move || {
                rustix::process::setsid()?;
                kept_sockets::inherit(&descriptors)
            });
        }
        let mut child = command.spawn()?;
        let deadline = tokio::time::Instant::now() + START_MAX;
        loop {
            if let Ok(stream) = UnixStream::connect(&self.command.socket).await {
                self.child = Some(child);
                return Ok(stream);
            }
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}; see {}", self.command.log.display())));
            }
            if tokio::time::Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::Error::other(format!(
                    "it did not open {} in {START_MAX:?}",
                    self.command.socket.display()
                )));
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Talks with one gateway until the connection ends.
    async fn converse(&mut self, stream: UnixStream, adopted: bool) -> End {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read);
        let mut line = Vec::new();
        self.snapshots.mark_changed();
        loop {
            let order = tokio::select! {
                read = read_line(&mut lines, &mut line) => match read {
                    Err(error) => return End::Broken(error.to_string()),
                    Ok(()) => {
                        let event = self.event(&line, adopted);
                        line.clear();
                        match event {
                            Err(why) => return End::Broken(why),
                            Ok(event) => if !self.pass_on(event).await { return End::Dropped },
                        }
                        continue;
                    }
                },
                changed = self.snapshots.changed() => match changed {
                    Err(_) => return End::Dropped,
                    Ok(()) => match self.snapshots.borrow_and_update().clone() {
                        None => continue,
                        Some(snapshot) => ToGateway::Snapshot(Box::new((*snapshot).clone())),
                    },
                },
                order = self.orders.recv() => match order {
                    None => return End::Dropped,
                    Some(order) => order,
                },
            };
            let ends = matches!(order, ToGateway::Drain | ToGateway::Stop);
            if ends {
                self.kept.release();
            }
            let Ok(mut text) = serde_json::to_vec(&order) else { return End::Broken("cannot encode an order".into()) };
            text.push(b'\n');
            if let Err(error) = write.write_all(&text).await {
                return if ends { End::Ordered } else { End::Broken(error.to_string()) };
            }
            if ends {
                // It closes the connection when it is done.
                while read_line(&mut lines, &mut line).await.is_ok() {
                    line.clear();
                }
                return End::Ordered;
            }
        }
    }

    fn event(&mut self, line: &[u8], adopted: bool) -> Result<GatewayEvent, String> {
        match serde_json::from_slice(line).map_err(|error| format!("not understood: {error}"))? {
            FromGateway::Hello { pid, .. } => {
                self.pid = pid;
                Ok(GatewayEvent::Connected { pid, adopted })
            }
            FromGateway::Ack { version, error, listening, sockets } => {
                self.kept.keep(self.pid, sockets);
                Ok(GatewayEvent::Ack { version, error, listening })
            }
            FromGateway::Report(report) => Ok(GatewayEvent::Report(report)),
        }
    }

    /// Hands an event on; a report that finds no room is dropped, because the next one repeats its counters.
    async fn pass_on(&self, event: GatewayEvent) -> bool {
        if matches!(event, GatewayEvent::Report(_)) {
            return !matches!(self.events.try_send(event), Err(mpsc::error::TrySendError::Closed(_)));
        }
        self.events.send(event).await.is_ok()
    }

    async fn reap(&mut self) {
        let Some(child) = &mut self.child else { return };
        let deadline = tokio::time::Instant::now() + START_MAX;
        while matches!(child.try_wait(), Ok(None)) && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn read_line(lines: &mut BufReader<tokio::net::unix::OwnedReadHalf>, line: &mut Vec<u8>) -> io::Result<()> {
    // `line` keeps what was read when this future is dropped, so that no byte is lost between two calls.
    loop {
        let chunk = lines.fill_buf().await?;
        if chunk.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the gateway closed the connection"));
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(chunk.len(), |end| end + 1);
        line.extend_from_slice(&chunk[..used]);
        lines.consume(used);
        if end.is_some() {
            return Ok(());
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(io::Error::other(format!("a line over {LINE_BYTES_MAX} bytes")));
        }
    }
}

/// Stops the gateway that a daemon which is gone left behind. False when none answers on `socket`.
pub fn stop_left_over(socket: &std::path::Path) -> bool {
    use std::io::Write;
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else { return false };
    let Ok(mut order) = serde_json::to_vec(&ToGateway::Stop) else { return false };
    order.push(b'\n');
    stream.write_all(&order).is_ok()
}
