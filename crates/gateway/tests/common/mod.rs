//! A gateway in this process with its control socket, and scripted replicas that record what they receive.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "only tests use it, and a test may panic")]

use plimsoll_gateway::control::{EndpointSnapshot, FromGateway, PoolSnapshot, Report, Snapshot, ToGateway};
use plimsoll_gateway::{GatewayError, Options};
use plimsoll_model::spec::{Algorithm, BalanceSpec, EjectionSpec, GatewayLimits, GatewaySpec, ListenerSpec, RouteSpec};
use plimsoll_model::{Millis, Permille, ReplicaId, ServiceName};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn service(name: &str) -> ServiceName {
    ServiceName::try_new(name).unwrap()
}

pub fn limits() -> GatewayLimits {
    GatewayLimits {
        head_bytes_max: 8 * 1024,
        headers_max: 64,
        body_bytes_max: None,
        connections_max: 1_000,
        head_timeout: Millis(5_000),
        idle_timeout: Millis(30_000),
        connect_timeout: Millis(2_000),
        body_timeout: Millis(5_000),
        retry_budget: Permille(200),
        idle_upstream_max: 32,
        drain: Millis(5_000),
        source: Default::default(),
    }
}

pub fn balance() -> BalanceSpec {
    BalanceSpec {
        algorithm: Algorithm::RoundRobin,
        slow_start: Millis(0),
        ejection: EjectionSpec {
            consecutive_errors: 0,
            success_rate_min: Permille(0),
            latency_ratio_max: Permille(0),
            duration: Millis(10_000),
            duration_max: Millis(60_000),
            share_max: Permille(500),
        },
        in_flight_max: None,
        queue_max: 100,
        queue_timeout: Millis(2_000),
        breaker: Default::default(),
        load: Default::default(),
    }
}

/// One listener with one route to service `shop`, over these addresses.
pub fn snapshot(version: u64, addresses: &[SocketAddr]) -> Snapshot {
    let route = RouteSpec {
        host: None,
        path_prefix: "/".to_owned(),
        service: service("shop"),
        timeout: Millis(10_000),
        retry: true,
        rules: Default::default(),
    };
    Snapshot {
        version,
        gateway: GatewaySpec {
            listeners: vec![ListenerSpec {
                address: "127.0.0.1:0".to_owned(),
                routes: vec![route],
                rules: Default::default(),
            }],
            workers: Some(2),
            limits: limits(),
            trusted_proxies: Vec::new(),
            observe: Default::default(),
        },
        pools: BTreeMap::from([(
            service("shop"),
            PoolSnapshot { balance: balance(), endpoints: endpoints(addresses), upstream: Default::default() },
        )]),
    }
}

pub fn endpoints(addresses: &[SocketAddr]) -> Vec<EndpointSnapshot> {
    let each = addresses.iter().zip(1..);
    each.map(|(address, ordinal)| EndpointSnapshot {
        id: ReplicaId { service: service("shop"), ordinal },
        address: *address,
        weight: 1_000,
        draining: false,
        zone: None,
    })
    .collect()
}

/// The daemon's end of the control socket.
pub struct Control {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Control {
    pub fn connect(path: &PathBuf) -> (Self, FromGateway) {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => panic!("control socket: {error}"),
                Err(_) => std::thread::yield_now(),
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut control = Self { stream, lines };
        let hello = control.receive();
        (control, hello)
    }

    pub fn send(&mut self, message: &ToGateway) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.stream.write_all(&line).unwrap();
    }

    pub fn receive(&mut self) -> FromGateway {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the gateway closed the control socket");
        serde_json::from_str(&line).unwrap()
    }

    /// Applies a snapshot and gives the listening addresses, or why it was refused.
    pub fn apply(&mut self, snapshot: Snapshot) -> Result<Vec<SocketAddr>, String> {
        self.send(&ToGateway::Snapshot(Box::new(snapshot)));
        loop {
            if let FromGateway::Ack { error, listening, .. } = self.receive() {
                return error.map_or(Ok(listening), Err);
            }
        }
    }

    pub fn report(&mut self) -> Report {
        loop {
            if let FromGateway::Report(report) = self.receive() {
                return *report;
            }
        }
    }

    /// Reads reports until one satisfies `wanted`.
    pub fn await_report(&mut self, what: &str, wanted: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.report();
            if wanted(&report) {
                return report;
            }
            assert!(Instant::now() < deadline, "no report with {what}: {report:?}");
        }
    }
}

/// A running gateway.
pub struct Gateway {
    pub control: Control,
    pub address: SocketAddr,
    pub path: PathBuf,
    thread: Option<JoinHandle<Result<(), GatewayError>>>,
    _directory: tempfile::TempDir,
}

impl Gateway {
    pub fn start(snapshot: Snapshot) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.sock");
        let options = Options { report_interval_ms: 50, ..Options::new(&path) };
        let thread = std::thread::spawn(move || plimsoll_gateway::run(options));
        let (mut control, _) = Control::connect(&path);
        let address = control.apply(snapshot).unwrap()[0];
        Self { control, address, path, thread: Some(thread), _directory: directory }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Waits until it has ended by itself.
    pub fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let mut line = serde_json::to_vec(&ToGateway::Stop).unwrap();
            line.push(b'\n');
            if self.control.stream.write_all(&line).is_err() {
                // The test closed its end: another connection can stop it.
                if let Ok(mut stream) = UnixStream::connect(&self.path) {
                    let _ = stream.write_all(&line);
                }
            }
            let _ = thread.join();
        }
    }
}

/// A client connection that reads responses exactly.
pub struct Client {
    pub stream: TcpStream,
    pub unread: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Reads more; false at the end.
    pub fn more(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.unread.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("reading from the gateway: {error}"),
        }
    }

    pub fn until_end(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.unread)
    }

    fn head(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more(), "the connection ended within a head: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.more(), "the connection ended within a body");
        }
        self.unread.drain(..count).collect()
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return String::from_utf8(line).unwrap().trim_end().to_owned();
            }
            assert!(self.more(), "the connection ended within a line");
        }
    }

    /// The next response, which has no body whatever it says (to HEAD, or interim).
    pub fn bodiless(&mut self) -> Response {
        let head = self.head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body: Vec::new() }
    }

    pub fn response(&mut self) -> Response {
        let mut response = self.bodiless();
        if let Some(length) = response.field("content-length") {
            let length = length.parse().unwrap();
            response.body = self.take(length);
        } else if response.field("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                let data = self.take(size);
                response.body.extend_from_slice(&data);
                assert_eq!(self.take(2), b"\r\n");
                if size == 0 {
                    break;
                }
            }
        } else if response.status >= 200 && response.status != 204 && response.status != 304 {
            response.body = self.until_end();
        }
        response
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n")).response()
    }
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// What a scripted replica does with one connection.
pub type Script = dyn Fn(&mut Peer) + Send + Sync;

/// A replica's end of a connection.
pub struct Peer {
    pub stream: TcpStream,
    pub unread: Vec<u8>,
    /// Which connection of this replica, from 0.
    pub number: usize,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Peer {
    fn more(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        let Ok(count) = self.stream.read(&mut bytes) else { return false };
        self.unread.extend_from_slice(&bytes[..count]);
        self.received.lock().unwrap().extend_from_slice(&bytes[..count]);
        count > 0
    }

    /// The next head; none at the end of the connection.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Reads until `count` bytes are there, or the end.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count && self.more() {}
        let count = count.min(self.unread.len());
        self.unread.drain(..count).collect()
    }

    /// Reads up to and including `end`.
    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = find(&self.unread, end) {
                return self.unread.drain(..at + end.len()).collect();
            }
            if !self.more() {
                return std::mem::take(&mut self.unread);
            }
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }
}

/// A scripted replica.
pub struct Backend {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    /// Connections that it has ended.
    pub closed: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<u8>>>,
    stopped: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    pub fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let closed = Arc::new(AtomicUsize::new(0));
        let received = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let thread = std::thread::spawn({
            let (connections, received) = (Arc::clone(&connections), Arc::clone(&received));
            let closed = Arc::clone(&closed);
            let (stopped, open) = (Arc::clone(&stopped), Arc::clone(&open));
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    stream.set_nodelay(true).unwrap();
                    open.lock().unwrap().push(stream.try_clone().unwrap());
                    let number = connections.fetch_add(1, Ordering::SeqCst);
                    let received = Arc::clone(&received);
                    let script = Arc::clone(&script);
                    let closed = Arc::clone(&closed);
                    std::thread::spawn(move || {
                        let mut peer = Peer { stream, unread: Vec::new(), number, received };
                        script(&mut peer);
                        let _ = peer.stream.shutdown(std::net::Shutdown::Both);
                        closed.fetch_add(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self { address, connections, closed, received, stopped, open, thread: Some(thread) }
    }

    /// Answers every request (without a body) with its name.
    pub fn named(name: &'static str) -> Self {
        Self::start(move |peer| {
            while peer.head().is_some() {
                if !peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())) {
                    return;
                }
            }
        })
    }

    /// Answers each request with these bytes, after reading its head.
    pub fn answering(answer: &'static [u8]) -> Self {
        Self::start(move |peer| while peer.head().is_some() && peer.send(answer) {})
    }

    /// Everything received, on all connections.
    pub fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap().clone()
    }

    pub fn received_text(&self) -> String {
        String::from_utf8_lossy(&self.received()).into_owned()
    }

    /// Stops listening and resets every connection, as a killed process does.
    pub fn kill(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Polls until `done`, or fails.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
