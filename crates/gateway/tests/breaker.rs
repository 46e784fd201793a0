//! A pool that fails as a whole is left alone, and bounds on all of its endpoints together hold.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Gateway, eventually, service, snapshot};
use plimsoll_gateway::Snapshot;
use plimsoll_gateway::control::{CircuitState, FailureReason, ServiceReport};
use plimsoll_model::breaker::BreakerSpec;
use plimsoll_model::{Millis, Permille};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn bounded(addresses: &[SocketAddr], breaker: BreakerSpec) -> Snapshot {
    let mut spec = snapshot(1, addresses);
    spec.pools.get_mut(&service("shop")).unwrap().balance.breaker = breaker;
    spec
}

fn shop(gateway: &mut Gateway, what: &str, wanted: impl Fn(&ServiceReport) -> bool) -> ServiceReport {
    let name = service("shop");
    gateway.control.await_report(what, |report| wanted(&report.services[&name])).services[&name].clone()
}

fn state(shop: &ServiceReport) -> CircuitState {
    shop.circuit.unwrap().state
}

/// Answers 500 while it is ill, 200 otherwise.
fn moody(is_ill: &Arc<AtomicBool>) -> Backend {
    let is_ill = Arc::clone(is_ill);
    Backend::start(move |peer| {
        while peer.head().is_some() {
            let status = if is_ill.load(Ordering::SeqCst) { "500 Ill" } else { "200 OK" };
            if !peer.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")) {
                return;
            }
        }
    })
}

fn circuit(open_ms: u64) -> BreakerSpec {
    BreakerSpec {
        failure_share: Some(Permille(500)),
        requests_min: 10,
        window: Millis(60_000),
        open: Millis(open_ms),
        open_max: Millis(open_ms),
        probes: 2,
        ..BreakerSpec::default()
    }
}

#[test]
fn a_pool_that_fails_is_left_alone() {
    let backend = moody(&Arc::new(AtomicBool::new(true)));
    let mut spec = bounded(&[backend.address], circuit(60_000));
    spec.gateway.listeners[0].routes[0].retry = false;
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    assert!((0..10).all(|_| client.get("/").status == 500));
    let refused = client.get("/");
    assert_eq!((refused.status, refused.field("x-plimsoll-reason")), (503, Some("circuit-open")));
    assert_eq!(refused.field("retry-after"), Some("1"));
    let asked = |backend: &Backend| backend.received_text().matches("GET /").count();
    assert_eq!(asked(&backend), 10, "nobody was asked");
    let open = shop(&mut gateway, "an open circuit", |shop| shop.failures.contains_key(&FailureReason::CircuitOpen));
    assert!(matches!(state(&open), CircuitState::Open { .. }), "{:?}", open.circuit);
}

#[test]
fn a_pool_that_is_well_again_is_asked_again() {
    let is_ill = Arc::new(AtomicBool::new(true));
    let backend = moody(&is_ill);
    let mut spec = bounded(&[backend.address], circuit(100));
    spec.gateway.listeners[0].routes[0].retry = false;
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    eventually("an open circuit", || client.get("/").status == 503);
    // Ill still, so each probe opens it again.
    eventually("a probe", || client.get("/").status == 500);
    is_ill.store(false, Ordering::SeqCst);
    eventually("a probe that succeeds", || client.get("/").status == 200);
    assert!((0..20).all(|_| client.get("/").status == 200), "two probes close it");
    let closed = shop(&mut gateway, "a circuit that closed", |shop| {
        state(shop) == CircuitState::Closed && shop.circuit.is_some_and(|circuit| circuit.opened >= 2)
    });
    assert!(closed.circuit.is_some_and(|circuit| circuit.refused >= 1), "{:?}", closed.circuit);
}

#[test]
fn a_circuit_survives_a_reload_and_opens_for_tcp_too() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut spec = bounded(&[nobody], circuit(60_000));
    let mut tcp = spec.gateway.listeners[0].clone();
    tcp.routes.clear();
    tcp.rules.tcp = Some(service("shop"));
    tcp.address = "localhost:0".to_owned();
    spec.gateway.listeners.push(tcp);
    let mut gateway = Gateway::start(spec.clone());
    let addresses = gateway.control.apply(Snapshot { version: 2, ..spec.clone() }).unwrap();
    for _ in 0..10 {
        let mut client = common::Client::connect(addresses[1]);
        assert!(client.until_end().is_empty());
    }
    assert_eq!(gateway.connect().get("/").field("x-plimsoll-reason"), Some("circuit-open"));
    gateway.control.apply(Snapshot { version: 3, ..spec.clone() }).unwrap();
    assert_eq!(gateway.connect().get("/").field("x-plimsoll-reason"), Some("circuit-open"));
    spec.pools.get_mut(&service("shop")).unwrap().balance.breaker.probes = 3;
    gateway.control.apply(Snapshot { version: 4, ..spec }).unwrap();
    let reason = gateway.connect().get("/").field("x-plimsoll-reason").map(str::to_owned);
    assert_eq!(reason.as_deref(), Some("connect-failed"), "other numbers make another circuit");
}

/// Holds requests until it is told to answer, and counts how many it holds.
fn holding(go: &Arc<AtomicBool>, held: &Arc<AtomicUsize>) -> Backend {
    let (go, held) = (Arc::clone(go), Arc::clone(held));
    Backend::start(move |peer| {
        while peer.head().is_some() {
            held.fetch_add(1, Ordering::SeqCst);
            eventually("told to answer", || go.load(Ordering::SeqCst));
            if !peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
                return;
            }
        }
    })
}

#[test]
fn requests_beyond_the_bound_of_the_pool_wait() {
    let (go, held) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let backends = [holding(&go, &held), holding(&go, &held)];
    let spec = BreakerSpec { in_flight_max: Some(3), ..BreakerSpec::default() };
    let mut spec = bounded(&backends.each_ref().map(|backend| backend.address), spec);
    spec.gateway.workers = Some(1);
    let mut gateway = Gateway::start(spec);
    let mut clients: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let full = shop(&mut gateway, "two waiting", |shop| shop.waiting == 2);
    assert_eq!(full.endpoints.iter().map(|endpoint| endpoint.in_flight).sum::<u32>(), 3);
    eventually("three at the endpoints", || held.load(Ordering::SeqCst) == 3);
    go.store(true, Ordering::SeqCst);
    assert!(clients.iter_mut().all(|client| client.response().status == 200));
}

#[test]
fn an_endpoint_never_has_more_connections_than_it_may() {
    let backend = Backend::named("a");
    let spec = BreakerSpec { connections_max: Some(1), ..BreakerSpec::default() };
    let mut gateway = Gateway::start(bounded(&[backend.address], spec));
    // The kernel spreads these over two workers, so that one has to close its idle connection for the other.
    let mut clients: Vec<_> = (0..16).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "a");
        let (opened, closed) = (backend.connections.load(Ordering::SeqCst), backend.closed.load(Ordering::SeqCst));
        assert!(opened <= closed + 2, "{opened} opened and {closed} closed");
    }
    let now = shop(&mut gateway, "all finished", |shop| shop.finished == 16);
    assert_eq!((now.endpoints[0].connections, now.failed), (1, 0));
}

#[test]
fn retries_under_way_are_bounded() {
    let (go, held) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let ill = Backend::answering(b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n");
    let well = holding(&go, &held);
    let spec = BreakerSpec { retries_max: Some(1), ..BreakerSpec::default() };
    let mut spec = bounded(&[ill.address, well.address], spec);
    spec.gateway.workers = Some(1);
    let mut gateway = Gateway::start(spec);
    // In turn: of two requests one meets the ill endpoint and is tried again at the other one, which keeps it.
    let mut first: Vec<_> = (0..2).map(|_| gateway.connect()).collect();
    for client in &mut first {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    eventually("both at the well endpoint", || held.load(Ordering::SeqCst) == 2);
    let mut second: Vec<_> = (0..2).map(|_| gateway.connect()).collect();
    for client in &mut second {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let now = shop(&mut gateway, "a retry refused", |shop| shop.retries_refused == 1);
    assert_eq!((now.retries_running, now.retried), (1, 1));
    go.store(true, Ordering::SeqCst);
    let mut statuses: Vec<u16> = first.iter_mut().chain(&mut second).map(|client| client.response().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 503]);
    shop(&mut gateway, "no retry running", |shop| shop.retries_running == 0);
}
