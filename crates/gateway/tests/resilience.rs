//! What clients see when replicas die, lie, stall or are full.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Gateway, eventually, service, snapshot};
use plimsoll_gateway::control::{FailureReason, ServiceReport};
use plimsoll_model::Millis;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn shop(gateway: &mut Gateway, what: &str, wanted: impl Fn(&ServiceReport) -> bool) -> ServiceReport {
    let name = service("shop");
    gateway.control.await_report(what, |report| wanted(&report.services[&name])).services[&name].clone()
}

/// An address that nobody listens on.
fn nobody() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_dead_endpoint_costs_no_request_of_any_method() {
    let backend = Backend::named("a");
    let mut spec = snapshot(1, &[nobody(), backend.address]);
    spec.gateway.workers = Some(1);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "a");
        assert_eq!(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").response().status, 200);
    }
    let counted = shop(&mut gateway, "all finished", |shop| shop.finished == 20);
    assert_eq!(counted.failed, 0);
    assert!((10..=20).contains(&counted.retried), "{}", counted.retried);
    assert_eq!(counted.endpoints[0].failed, counted.retried);
}

#[test]
fn a_dead_endpoint_is_ejected_after_as_many_failures_as_the_spec_says() {
    let backend = Backend::named("a");
    let mut spec = snapshot(1, &[nobody(), backend.address]);
    spec.gateway.workers = Some(1);
    let balance = &mut spec.pools.get_mut(&service("shop")).unwrap().balance;
    balance.ejection.consecutive_errors = 3;
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    let is_out = |shop: &ServiceReport| shop.endpoints[0].ejected.is_some();
    let name = service("shop");
    let counted = loop {
        assert_eq!(client.get("/").text(), "a");
        let report = gateway.control.report();
        if is_out(&report.services[&name]) {
            break report.services[&name].clone();
        }
    };
    let ejected = counted.endpoints[0].ejected.clone().unwrap();
    assert!(ejected.reason.contains("3 failures in a row"), "{}", ejected.reason);
    assert_eq!(counted.endpoints[0].failed, 3);
    assert_eq!(counted.endpoints[1].ejected, None);
}

/// Reads a request and ends the connection without an answer.
fn deaf() -> Backend {
    Backend::start(|peer| {
        if peer.head().is_some_and(|head| head.starts_with("POST")) {
            peer.take(5);
        }
    })
}

#[test]
fn a_request_that_may_be_repeated_is_tried_once_more_elsewhere() {
    let (bad, good) = (deaf(), Backend::named("good"));
    let mut spec = snapshot(1, &[bad.address, good.address]);
    spec.gateway.workers = Some(1);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "good");
    }
    let counted = shop(&mut gateway, "all finished", |shop| shop.finished == 10);
    assert_eq!(counted.failed, 0);
    assert!((5..=10).contains(&counted.retried), "{}", counted.retried);
}

#[test]
fn a_post_that_was_sent_is_never_sent_again() {
    let (first, second) = (deaf(), deaf());
    let mut gateway = Gateway::start(snapshot(1, &[first.address, second.address]));
    let response = gateway.connect().send(POST).response();
    assert_eq!((response.status, response.field("x-plimsoll-reason")), (502, Some("connection-lost")));
    let received = [first.received_text(), second.received_text()].concat();
    assert_eq!(received.matches("POST / HTTP/1.1").count(), 1, "{received}");
    let counted = shop(&mut gateway, "it finished", |shop| shop.finished == 1);
    assert_eq!(counted.failures[&FailureReason::ConnectionLost], 1);
    assert_eq!(counted.retried, 0);
}

#[test]
fn a_route_without_retries_tries_once() {
    let bad = deaf();
    let mut spec = snapshot(1, &[bad.address, bad.address]);
    spec.gateway.listeners[0].routes[0].retry = false;
    let mut gateway = Gateway::start(spec);
    assert_eq!(gateway.connect().get("/").status, 502);
    let counted = shop(&mut gateway, "it finished", |shop| shop.finished == 1);
    assert_eq!((counted.failed, counted.retried), (1, 0));
    assert_eq!(bad.received_text().matches("GET / HTTP/1.1").count(), 1);
}

#[test]
fn retries_stay_within_their_budget() {
    let (first, second) = (deaf(), deaf());
    let mut spec = snapshot(1, &[first.address, second.address]);
    spec.gateway.workers = Some(1);
    spec.gateway.limits.retry_budget = plimsoll_model::Permille(0);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    let start = Instant::now();
    for _ in 0..200 {
        assert_eq!(client.get("/").status, 502);
    }
    let counted = shop(&mut gateway, "all finished", |shop| shop.finished == 200);
    // The floor: a hundred saved and ten for each second.
    let most = 100 + 10 * (start.elapsed().as_secs() + 2);
    assert!((100..=most).contains(&counted.retried), "{} retries, at most {most}", counted.retried);
}

#[test]
fn an_idle_connection_that_the_replica_closed_is_no_failure() {
    let backend = Backend::start(|peer| {
        // One request a connection, closed a moment later without saying so.
        if peer.head().is_some() {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    for _ in 0..50 {
        assert_eq!(client.get("/").text(), "ok");
    }
    let counted = shop(&mut gateway, "all finished", |shop| shop.finished == 50);
    assert_eq!((counted.failed, counted.retried, counted.endpoints[0].failed), (0, 0, 0));
}

#[test]
fn a_post_on_an_idle_connection_closed_long_ago_does_not_fail() {
    let backend = Backend::start(|peer| {
        if peer.head().is_some() {
            peer.take(5);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.workers = Some(1);
    let gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    for number in 1..=20 {
        // Each connection serves one request; the next is only sent when the replica has taken notice of the end.
        assert_eq!(client.send(POST).response().status, 200, "request {number}");
        eventually("the replica closed", || backend.closed.load(Ordering::SeqCst) == number);
    }
}

#[test]
fn a_replica_that_does_not_answer_in_time_is_a_504() {
    let backend = Backend::start(|peer| {
        peer.head();
        peer.until(b"never");
    });
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.listeners[0].routes[0].timeout = Millis(200);
    let mut gateway = Gateway::start(spec);
    let start = Instant::now();
    let response = gateway.connect().get("/");
    assert_eq!((response.status, response.field("x-plimsoll-reason")), (504, Some("response-timeout")));
    assert!(start.elapsed() >= Duration::from_millis(150) && start.elapsed() < Duration::from_secs(2));
    let counted = shop(&mut gateway, "it finished", |shop| shop.finished == 1);
    assert_eq!(counted.failures[&FailureReason::ResponseTimeout], 1);
    assert_eq!(counted.endpoints[0].in_flight, 0);
}

#[test]
fn a_body_that_falls_silent_or_breaks_off_is_cut_and_counted() {
    let backend = Backend::start(|peer| {
        if peer.head().is_some_and(|head| head.starts_with("GET /silent")) {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            peer.until(b"never");
        } else {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        }
    });
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.limits.body_timeout = Millis(200);
    let mut gateway = Gateway::start(spec);
    for path in ["/silent", "/cut"] {
        let mut client = gateway.connect();
        let received = client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).until_end();
        assert!(received.ends_with(b"\r\n\r\nhalf"), "{}", String::from_utf8_lossy(&received));
    }
    let counted = shop(&mut gateway, "both finished", |shop| shop.finished == 2);
    assert_eq!(counted.failures[&FailureReason::BodyTimeout], 1);
    assert_eq!(counted.failures[&FailureReason::BodyCut], 1);
}

#[test]
fn a_replicas_own_errors_pass_through_and_are_counted() {
    let backend = Backend::answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno");
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    let response = gateway.connect().get("/");
    assert_eq!((response.status, response.text(), response.field("x-plimsoll-reason")), (500, "no", None));
    let counted = shop(&mut gateway, "it finished", |shop| shop.finished == 1);
    assert_eq!((counted.failures[&FailureReason::Status5xx], counted.endpoints[0].failed), (1, 1));
}

/// Answers when told to, and counts who waits.
fn gated() -> (Backend, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (open, waiting) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_open, inside) = (Arc::clone(&open), Arc::clone(&waiting));
    let backend = Backend::start(move |peer| {
        while peer.head().is_some() {
            inside.fetch_add(1, Ordering::SeqCst);
            eventually("the gate opens", || is_open.load(Ordering::SeqCst));
            inside.fetch_sub(1, Ordering::SeqCst);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (backend, open, waiting)
}

#[test]
fn requests_beyond_what_endpoints_may_have_wait_in_line_and_are_shed_beyond_that() {
    let (backend, open, inside) = gated();
    let mut spec = snapshot(1, &[backend.address]);
    let balance = &mut spec.pools.get_mut(&service("shop")).unwrap().balance;
    balance.in_flight_max = Some(2);
    balance.queue_max = 3;
    balance.queue_timeout = Millis(20_000);
    let mut gateway = Gateway::start(spec);
    let mut clients: Vec<_> = (0..5).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    shop(&mut gateway, "three waiting", |shop| shop.waiting == 3);
    eventually("two inside", || inside.load(Ordering::SeqCst) == 2);
    let shed = gateway.connect().get("/");
    assert_eq!((shed.status, shed.field("x-plimsoll-reason")), (503, Some("queue-full")));
    assert_eq!(shed.field("retry-after"), Some("1"));
    open.store(true, Ordering::SeqCst);
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
    }
    let counted = shop(&mut gateway, "all finished", |shop| shop.finished == 6);
    assert_eq!((counted.shed, counted.failed, counted.waiting), (1, 1, 0));
}

#[test]
fn a_request_waits_for_a_first_endpoint_and_gives_up_in_time() {
    let mut spec = snapshot(1, &[]);
    spec.pools.get_mut(&service("shop")).unwrap().balance.queue_timeout = Millis(300);
    let mut gateway = Gateway::start(spec.clone());
    let response = gateway.connect().get("/");
    assert_eq!((response.status, response.field("x-plimsoll-reason")), (503, Some("no-endpoint")));
    assert_eq!(response.field("retry-after"), Some("1"));
    spec.pools.get_mut(&service("shop")).unwrap().balance.queue_timeout = Millis(20_000);
    spec.version = 2;
    gateway.control.apply(spec.clone()).unwrap();
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    shop(&mut gateway, "one waiting", |shop| shop.waiting == 1);
    let backend = Backend::named("late");
    spec.version = 3;
    spec.pools.get_mut(&service("shop")).unwrap().endpoints = common::endpoints(&[backend.address]);
    gateway.control.apply(spec).unwrap();
    assert_eq!(client.response().text(), "late");
}

#[test]
fn a_client_that_leaves_is_cancelled_and_frees_its_place() {
    let (backend, open, inside) = gated();
    let mut spec = snapshot(1, &[backend.address]);
    let balance = &mut spec.pools.get_mut(&service("shop")).unwrap().balance;
    balance.in_flight_max = Some(1);
    balance.queue_timeout = Millis(20_000);
    let mut gateway = Gateway::start(spec);
    let mut served = gateway.connect();
    served.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("one inside", || inside.load(Ordering::SeqCst) == 1);
    let mut queued = gateway.connect();
    queued.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    shop(&mut gateway, "one waiting", |shop| shop.waiting == 1);
    drop(queued);
    let counted = shop(&mut gateway, "one cancelled", |shop| shop.cancelled == 1);
    assert_eq!((counted.waiting, counted.failed), (0, 0));
    drop(served);
    let counted = shop(&mut gateway, "both cancelled", |shop| shop.cancelled == 2);
    assert_eq!((counted.failed, counted.endpoints[0].in_flight, counted.endpoints[0].failed), (0, 0, 0));
    open.store(true, Ordering::SeqCst);
}

#[test]
fn a_client_that_leaves_a_silent_stream_frees_the_replica_at_once() {
    let backend = Backend::start(|peer| {
        if peer.head().is_some() {
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n");
            peer.until(b"never");
        }
    });
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.limits.body_timeout = Millis(3_600_000);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while common::find(&client.unread, b"event").is_none() {
        assert!(client.more());
    }
    drop(client);
    let counted = shop(&mut gateway, "it is cancelled", |shop| shop.cancelled == 1);
    assert_eq!((counted.failed, counted.endpoints[0].in_flight), (0, 0));
    eventually("the replica is free", || backend.closed.load(Ordering::SeqCst) == 1);
}

#[test]
fn killing_replicas_under_load_fails_no_get() {
    let mut backends: Vec<_> = (0..4).map(|_| Backend::named("ok")).collect();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let mut gateway = Gateway::start(snapshot(1, &addresses));
    let address = gateway.address;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut client = common::Client::connect(address);
                let mut count = 0u64;
                while !stop.load(Ordering::SeqCst) {
                    let response = client.get("/");
                    assert_eq!((response.status, response.text()), (200, "ok"), "{}", response.head);
                    count += 1;
                }
                count
            })
        })
        .collect();
    for victim in backends.iter_mut().take(3) {
        let before = shop(&mut gateway, "traffic", |shop| shop.finished > 0).finished;
        shop(&mut gateway, "more traffic", |shop| shop.finished > before + 200);
        victim.kill();
    }
    let before = shop(&mut gateway, "traffic", |shop| shop.finished > 0).finished;
    shop(&mut gateway, "more traffic", |shop| shop.finished > before + 200);
    stop.store(true, Ordering::SeqCst);
    let sent: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    let counted = shop(&mut gateway, "all finished", |shop| shop.finished == sent);
    assert_eq!(counted.failed, 0, "{:?}", counted.failures);
}

/// Reads a request and never answers.
fn hung() -> Backend {
    Backend::start(|peer| {
        peer.head();
        peer.until(b"never");
    })
}

/// Answers each request with 500.
fn broken() -> Backend {
    Backend::start(|peer| {
        while let Some(head) = peer.head() {
            if head.starts_with("POST") {
                peer.take(5);
            }
            peer.send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nbroken");
        }
    })
}

#[test]
fn a_replica_that_hangs_or_answers_500_costs_no_request_that_may_be_repeated() {
    for bad in [hung(), broken()] {
        let good = Backend::named("good");
        let mut spec = snapshot(1, &[bad.address, good.address]);
        spec.gateway.workers = Some(1);
        spec.gateway.listeners[0].routes[0].timeout = Millis(200);
        let mut gateway = Gateway::start(spec);
        let mut client = gateway.connect();
        for _ in 0..6 {
            assert_eq!(client.get("/").text(), "good");
        }
        let counted = shop(&mut gateway, "all finished", |shop| shop.finished == 6);
        assert_eq!(counted.failed, 0);
        assert!((1..=6).contains(&counted.retried), "{}", counted.retried);
        assert_eq!(counted.endpoints[0].failed, counted.retried);
    }
}

#[test]
fn the_last_replicas_own_error_reaches_the_client() {
    let (first, second) = (broken(), broken());
    let mut gateway = Gateway::start(snapshot(1, &[first.address, second.address]));
    let response = gateway.connect().get("/");
    assert_eq!((response.status, response.text()), (500, "broken"));
    let response = gateway.connect().send(POST).response();
    assert_eq!((response.status, response.text()), (500, "broken"));
    let counted = shop(&mut gateway, "both finished", |shop| shop.finished == 2);
    assert_eq!((counted.failed, counted.retried), (2, 1), "a POST is not repeated");
}
