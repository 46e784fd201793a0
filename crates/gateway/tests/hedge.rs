//! A read that is slow to be answered is asked of a second endpoint.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Gateway, eventually, service, snapshot};
use plimsoll_gateway::Snapshot;
use plimsoll_gateway::control::{Report, RouteReport};
use plimsoll_model::route::{HedgeAfter, HedgeSpec};
use plimsoll_model::{Millis, Permille};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn hedged(addresses: &[SocketAddr], after: HedgeAfter, budget: u64) -> Snapshot {
    let mut spec = snapshot(1, addresses);
    spec.gateway.workers = Some(1);
    spec.gateway.listeners[0].routes[0].rules.hedge = Some(HedgeSpec { after, budget: Permille(budget) });
    spec
}

fn route(report: &Report) -> RouteReport {
    *report.routes.values().next().unwrap()
}

/// Answers with its name, from the moment that `go` says so on; counts the requests that it has.
fn held(name: &'static str, go: &Arc<AtomicBool>, has: &Arc<AtomicUsize>) -> Backend {
    let (go, has) = (Arc::clone(go), Arc::clone(has));
    Backend::start(move |peer| {
        while peer.head().is_some() {
            has.fetch_add(1, Ordering::SeqCst);
            eventually("told to answer", || go.load(Ordering::SeqCst));
            if !peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())) {
                return;
            }
        }
    })
}

#[test]
fn the_first_answer_counts_and_the_slow_endpoint_is_not_blamed() {
    let (go, has) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (slow, fast) = (held("slow", &go, &has), Backend::named("fast"));
    let spec = hedged(&[slow.address, fast.address], HedgeAfter::Time(Millis(5)), 1_000);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    // In turn, so every other one meets the slow endpoint first.
    for _ in 0..8 {
        assert_eq!(client.get("/").text(), "fast");
    }
    let asked = has.load(Ordering::SeqCst);
    assert!(asked >= 4, "{asked}");
    go.store(true, Ordering::SeqCst);
    eventually("what the slow one still sends meets a closed connection", || {
        slow.closed.load(Ordering::SeqCst) == slow.connections.load(Ordering::SeqCst)
    });
    for _ in 0..8 {
        assert!(["slow", "fast"].contains(&client.get("/").text()));
    }
    let report =
        gateway.control.await_report("all finished", |report| report.services[&service("shop")].finished == 16);
    let shop = &report.services[&service("shop")];
    assert_eq!((shop.failed, shop.retried), (0, 0));
    assert!(shop.endpoints.iter().all(|endpoint| (endpoint.failed, endpoint.in_flight) == (0, 0)), "{shop:?}");
    assert!(route(&report).hedged >= 4 && route(&report).hedges_won >= 4, "{:?}", route(&report));
}

#[test]
fn what_is_no_read_and_what_has_a_body_is_asked_once() {
    let (go, has) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let backends = [held("a", &go, &has), held("b", &go, &has)];
    let addresses = backends.each_ref().map(|backend| backend.address);
    let mut gateway = Gateway::start(hedged(&addresses, HedgeAfter::Time(Millis(1)), 1_000));
    let mut clients: Vec<_> = (0..3).map(|_| gateway.connect()).collect();
    clients[0].send("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    clients[1].send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    eventually("both have one", || has.load(Ordering::SeqCst) == 2);
    clients[2].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.control.await_report("a hedge", |report| route(report).hedged == 1);
    eventually("the read is at both", || has.load(Ordering::SeqCst) == 4);
    go.store(true, Ordering::SeqCst);
    assert_eq!(clients[2].response().status, 200);
    assert_eq!(clients[0].response().status, 200);
    assert_eq!(has.load(Ordering::SeqCst), 4);
}

#[test]
fn a_refusal_does_not_win_while_the_other_one_may_still_answer() {
    let (go, has) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&has);
    let ill = Backend::start(move |peer| {
        while peer.head().is_some() {
            // It answers once the other one has both requests.
            eventually("both hedged", || seen.load(Ordering::SeqCst) >= 2);
            if !peer.send("HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n") {
                return;
            }
        }
    });
    let well = held("well", &go, &has);
    let mut spec = hedged(&[ill.address, well.address], HedgeAfter::Time(Millis(5)), 1_000);
    spec.gateway.listeners[0].routes[0].retry = false;
    let mut gateway = Gateway::start(spec);
    let mut clients: Vec<_> = (0..2).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    gateway.control.await_report("the ill one has answered both", |report| {
        report.services[&service("shop")].endpoints[0].failed == 2
    });
    go.store(true, Ordering::SeqCst);
    assert!(clients.iter_mut().all(|client| client.response().text() == "well"));
}

#[test]
fn hedges_stay_within_their_share() {
    let (go, has) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (slow, fast) = (held("slow", &go, &has), Backend::named("fast"));
    let mut gateway = Gateway::start(hedged(&[slow.address, fast.address], HedgeAfter::Time(Millis(1)), 100));
    let mut clients: Vec<_> = (0..40).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let all = |report: &Report| route(report).hedged + route(report).hedges_refused >= 20;
    let report = gateway.control.await_report("twenty slow ones", all);
    assert!((1..=4).contains(&route(&report).hedged), "{:?}", route(&report));
    go.store(true, Ordering::SeqCst);
    assert!(clients.iter_mut().all(|client| client.response().status == 200));
}

#[test]
fn a_quantile_is_learnt_before_anything_is_asked_twice() {
    let (go, has) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (slow, fast) = (held("slow", &go, &has), Backend::named("fast"));
    let addresses = [slow.address, fast.address];
    let mut gateway = Gateway::start(hedged(&addresses, HedgeAfter::Quantile(Permille(999)), 1_000));
    let mut client = gateway.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/").status, 200);
    }
    let report = gateway.control.await_report("a hundred", |report| route(report).requests == 100);
    assert_eq!(route(&report).hedged, 0);
    go.store(false, Ordering::SeqCst);
    for _ in 0..4 {
        assert_eq!(client.get("/").text(), "fast");
    }
    gateway.control.await_report("hedges", |report| route(report).hedged >= 2);
    go.store(true, Ordering::SeqCst);
}
