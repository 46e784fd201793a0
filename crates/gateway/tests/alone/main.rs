//! A gateway that runs alone, over real sockets: its file, its reloads, and everything that only a file can ask for.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod frames;
mod grpc;
mod h2_backend;
mod http2;
mod installation;
mod life;
mod otlp;
mod proxy;
mod routing;
mod tls;
mod upstream;

use common::{Backend, Client, Control, balance, limits, service};
use plimsoll_gateway::control::{FromGateway, ToGateway};
use plimsoll_gateway::{Alone, GatewayError, Options};
use plimsoll_model::Millis;
use plimsoll_model::gateway::{
    GatewayFile, ListenerRules, ObserveSpec, RouteRules, StaticEndpoint, StaticPool, UpstreamSpec,
};
use plimsoll_model::spec::{GatewaySpec, ListenerSpec, RouteSpec};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A route for every path to this pool.
pub(crate) fn route(pool: &str) -> RouteSpec {
    RouteSpec {
        host: None,
        path_prefix: "/".to_owned(),
        service: service(pool),
        timeout: Millis(10_000),
        retry: true,
        rules: RouteRules::default(),
    }
}

/// A listener on a free port.
pub(crate) fn listener(routes: Vec<RouteSpec>) -> ListenerSpec {
    ListenerSpec { address: "127.0.0.1:0".to_owned(), routes, rules: ListenerRules::default() }
}

/// A pool of these endpoints.
pub(crate) fn pool(addresses: &[SocketAddr]) -> StaticPool {
    let endpoints = addresses.iter().map(|address| StaticEndpoint { address: *address, weight: 1, zone: None });
    StaticPool { balance: balance(), upstream: UpstreamSpec::default(), check: None, endpoints: endpoints.collect() }
}

/// A file with one listener.
pub(crate) fn file(listener: ListenerSpec, pools: impl IntoIterator<Item = (&'static str, StaticPool)>) -> GatewayFile {
    GatewayFile {
        control: String::new(),
        gateway: GatewaySpec {
            listeners: vec![listener],
            workers: Some(2),
            limits: limits(),
            trusted_proxies: Vec::new(),
            observe: ObserveSpec::default(),
        },
        pools: pools.into_iter().map(|(name, pool)| (service(name), pool)).collect::<BTreeMap<_, _>>(),
    }
}

/// A gateway that runs alone, in this process.
pub(crate) struct Lone {
    pub(crate) control: Control,
    pub(crate) address: SocketAddr,
    pub(crate) path: PathBuf,
    file: Arc<Mutex<Result<GatewayFile, String>>>,
    thread: Option<JoinHandle<Result<(), GatewayError>>>,
    /// Where tests may put files.
    pub(crate) directory: Arc<tempfile::TempDir>,
}

impl Lone {
    pub(crate) fn start(file: GatewayFile) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), file, false)
    }

    pub(crate) fn start_in(directory: Arc<tempfile::TempDir>, file: GatewayFile, takeover: bool) -> Self {
        let path = directory.path().join("gateway.sock");
        let file = Arc::new(Mutex::new(Ok(file)));
        let read = Arc::clone(&file);
        let alone = Alone::new(move || read.lock().unwrap().clone());
        let options = Options { report_interval_ms: 50, alone: Some(alone), takeover, ..Options::new(&path) };
        let thread = std::thread::spawn(move || plimsoll_gateway::run(options));
        let mut control = Self::connect(&path, &thread, takeover);
        control.send(&ToGateway::Sockets);
        let address = loop {
            if let FromGateway::Ack { listening, .. } = control.receive() {
                break listening[0];
            }
        };
        Self { control, address, path, file, thread: Some(thread), directory }
    }

    /// A successor answers at the path of its predecessor, so who answers is told by its thread's own first report.
    fn connect(path: &PathBuf, _thread: &JoinHandle<Result<(), GatewayError>>, takeover: bool) -> Control {
        let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
        if takeover {
            let before = inode();
            common::eventually("the successor answers", || inode() != before);
        }
        Control::connect(path).0
    }

    /// Uses another file; the error is why it was refused.
    pub(crate) fn reload(&mut self, file: Result<GatewayFile, String>) -> Result<SocketAddr, String> {
        *self.file.lock().unwrap() = file;
        self.control.send(&ToGateway::Reload);
        loop {
            if let FromGateway::Ack { error, listening, .. } = self.control.receive() {
                return error.map_or_else(|| Ok(listening[0]), Err);
            }
        }
    }

    pub(crate) fn connect_client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    /// One request on a connection of its own, with these field lines.
    pub(crate) fn get(&self, path: &str, fields: &str) -> common::Response {
        let mut client = self.connect_client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n")).response()
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.control.send(&ToGateway::Stop);
            let _ = thread.join();
        }
    }
}

/// A backend that answers with the head that it received.
pub(crate) fn mirror() -> Backend {
    Backend::start(|peer| {
        while let Some(head) = peer.head() {
            if !peer.send(format!("HTTP/1.1 200 OK\r\nServer: mirror\r\nContent-Length: {}\r\n\r\n{head}", head.len()))
            {
                return;
            }
        }
    })
}
