//! Snapshots, drains, restarts of the daemon, and signals.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Client, Control, Gateway, eventually, service, snapshot};
use plimsoll_gateway::control::{FromGateway, ToGateway};
use plimsoll_gateway::{Options, Snapshot};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A port that is free now.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn changing_endpoints_and_listeners_under_load_fails_no_request() {
    let backends: Vec<_> = (0..3).map(|_| Backend::named("ok")).collect();
    let addresses: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
    let mut spec = snapshot(1, &addresses);
    let mut gateway = Gateway::start(spec.clone());
    let address = gateway.address;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                let mut count = 0u64;
                while !stop.load(Ordering::SeqCst) {
                    // Half of them open a connection for each request.
                    if number % 2 == 0 {
                        client = Client::connect(address);
                    }
                    assert_eq!(client.get("/").text(), "ok");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let extra = free_port();
    for version in 2..60 {
        spec.version = version;
        let pool = spec.pools.get_mut(&service("shop")).unwrap();
        pool.endpoints = common::endpoints(&addresses);
        let changed = version as usize % 3;
        match version % 4 {
            0 => drop(pool.endpoints.remove(changed)),
            1 => pool.endpoints[changed].draining = true,
            2 => pool.endpoints[changed].weight = 1,
            _ => {}
        }
        spec.gateway.listeners.truncate(1);
        if version % 2 == 0 {
            let mut listener = spec.gateway.listeners[0].clone();
            listener.address.clone_from(&extra);
            spec.gateway.listeners.push(listener);
        }
        let listening = gateway.control.apply(spec.clone()).unwrap();
        assert_eq!(listening[0], address);
        if let Some(extra) = listening.get(1) {
            assert_eq!(Client::connect(*extra).get("/").text(), "ok");
        }
    }
    stop.store(true, Ordering::SeqCst);
    let sent: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(sent > 100, "{sent}");
    let shop = service("shop");
    let report = gateway.control.await_report("all", |report| report.services[&shop].finished == sent + 29);
    assert_eq!(report.services[&shop].failed, 0, "{:?}", report.services[&shop].failures);
}

#[test]
fn a_snapshot_that_is_wrong_changes_nothing() {
    let backend = Backend::named("a");
    let spec = snapshot(5, &[backend.address]);
    let mut gateway = Gateway::start(spec.clone());
    let mut refused = |change: &dyn Fn(&mut Snapshot), message: &str| {
        let mut wrong = spec.clone();
        wrong.version = 6;
        change(&mut wrong);
        let error = gateway.control.apply(wrong).unwrap_err();
        assert!(error.contains(message), "{error}");
    };
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    refused(&|wrong| wrong.version = 4, "snapshot 4 is older than 5");
    refused(&|wrong| wrong.pools.clear(), "names service shop, which has no pool");
    refused(&|wrong| wrong.gateway.trusted_proxies = vec!["x".to_owned()], "\"x\" is no address range");
    refused(&|wrong| wrong.gateway.listeners.push(wrong.gateway.listeners[0].clone()), "two listeners");
    refused(
        &|wrong| {
            let mut listener = wrong.gateway.listeners[0].clone();
            listener.address.clone_from(&taken);
            wrong.gateway.listeners.push(listener);
        },
        "cannot listen on",
    );
    drop(held);
    refused(&|wrong| wrong.gateway.listeners[0].address = "nowhere".to_owned(), "no host:port");
    assert_eq!(gateway.connect().get("/").text(), "a");
    assert_eq!(gateway.control.report().snapshot_version, 5);
}

#[test]
fn the_gateway_goes_on_without_a_daemon_and_the_next_one_finds_it() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut gateway = Gateway::start(snapshot(7, &[a.address]));
    let mut client = gateway.connect();
    assert_eq!(client.get("/").text(), "a");
    let path = gateway.path.clone();
    let (next, hello) = Control::connect(&path);
    // The old daemon dies in the middle of a line.
    gateway.control = next;
    assert_eq!(client.get("/").text(), "a");
    let FromGateway::Hello { pid, snapshot_version, .. } = hello else { panic!("{hello:?}") };
    assert_eq!((pid, snapshot_version), (std::process::id(), 7));
    gateway.control.apply(snapshot(8, &[b.address])).unwrap();
    eventually("the new snapshot is used", || client.get("/").text() == "b");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_daemon_that_reads_nothing_or_talks_nonsense_disturbs_nobody() {
    use std::io::Write;
    let backend = Backend::named("a");
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    // Never reads: its queue fills, and what does not fit is dropped.
    let deaf = std::os::unix::net::UnixStream::connect(&gateway.path).unwrap();
    let (mut other, _) = Control::connect(&gateway.path);
    let mut nonsense = std::os::unix::net::UnixStream::connect(&gateway.path).unwrap();
    nonsense.write_all(b"nonsense\n{\"snapshot\":1}\n\n").unwrap();
    let mut client = gateway.connect();
    for _ in 0..50 {
        assert_eq!(client.get("/").text(), "a");
        other.report();
    }
    assert!(gateway.control.apply(snapshot(2, &[backend.address])).is_ok());
    drop(deaf);
}

#[test]
fn a_drain_finishes_what_is_open_and_then_ends() {
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let backend = Backend::start(move |peer| {
        while let Some(head) = peer.head() {
            if head.starts_with("GET /slow") {
                eventually("the gate opens", || is_open.load(Ordering::SeqCst));
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut idle = gateway.connect();
    assert_eq!(idle.get("/").text(), "ok");
    let mut busy = gateway.connect();
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    let shop = service("shop");
    gateway.control.await_report("one in flight", |report| report.services[&shop].endpoints[0].in_flight == 1);
    gateway.control.send(&ToGateway::Drain);
    assert_eq!(idle.until_end(), b"", "an idle connection closes");
    eventually("nothing is accepted", || std::net::TcpStream::connect(gateway.address).is_err());
    open.store(true, Ordering::SeqCst);
    let response = busy.response();
    assert_eq!((response.text(), response.field("connection")), ("ok", Some("close")));
    gateway.join();
    assert!(!gateway.path.exists(), "the socket is removed");
}

/// Not a test of its own: what the tests below start as a process.
#[test]
fn child() {
    if let Some(path) = std::env::var_os("PLIMSOLL_TEST_GATEWAY") {
        plimsoll_gateway::run(Options::new(PathBuf::from(path))).unwrap();
    }
}

struct Process(Child);

impl Process {
    fn start(path: &PathBuf) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(["--exact", "child", "--nocapture"]).env("PLIMSOLL_TEST_GATEWAY", path);
        Self(command.stdout(std::process::Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sigterm_drains_a_second_one_stops_and_sigint_is_left_to_the_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.sock");
    let hanging = Backend::start(|peer| {
        peer.head();
        peer.until(b"never");
    });
    let mut process = Process::start(&path);
    let (mut control, _) = Control::connect(&path);
    let mut spec = snapshot(1, &[hanging.address]);
    spec.gateway.limits.drain = plimsoll_model::Millis(60_000);
    let address = control.apply(spec).unwrap()[0];
    process.signal(rustix::process::Signal::INT);
    let mut client = Client::connect(address);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let shop = service("shop");
    control.await_report("one in flight", |report| report.services[&shop].endpoints[0].in_flight == 1);
    process.signal(rustix::process::Signal::TERM);
    eventually("nothing is accepted", || std::net::TcpStream::connect(address).is_err());
    assert!(process.0.try_wait().unwrap().is_none(), "it waits for the open request");
    process.signal(rustix::process::Signal::TERM);
    eventually("it ended", || process.0.try_wait().unwrap().is_some());
    assert!(process.0.wait().unwrap().success());
}

#[test]
fn the_socket_of_a_killed_gateway_is_taken_over_and_that_of_a_living_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.sock");
    let mut killed = Process::start(&path);
    drop(Control::connect(&path));
    let second = plimsoll_gateway::run(Options::new(&path)).unwrap_err();
    assert!(second.to_string().contains("another gateway answers there"), "{second}");
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    assert!(path.exists());
    let _next = Process::start(&path);
    let (mut control, hello) = Control::connect(&path);
    assert!(matches!(hello, FromGateway::Hello { snapshot_version: 0, .. }), "{hello:?}");
    let backend = Backend::named("a");
    let address = control.apply(snapshot(1, &[backend.address])).unwrap()[0];
    assert_eq!(Client::connect(address).get("/").text(), "a");
    let file = directory.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(plimsoll_gateway::run(Options::new(&file)).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}
