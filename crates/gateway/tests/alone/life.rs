//! Checks, reloads under load, and a successor that takes the sockets over.

use crate::common::{Backend, Client, eventually};
use crate::{Lone, file, listener, pool, route};
use plimsoll_model::Millis;
use plimsoll_model::gateway::{CheckSpec, StaticEndpoint, StaticPool, SubsetSpec, UpstreamSpec};
use plimsoll_model::spec::Probe;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn check(probe: Probe) -> Option<CheckSpec> {
    let (interval, timeout) = (Millis(20), Millis(2_000));
    Some(CheckSpec { probe, host: None, interval, timeout, healthy_after: 2, unhealthy_after: 2 })
}

/// A backend that answers its name, and its checks as it is told.
fn checked(name: &'static str, is_well: &Arc<AtomicBool>) -> Backend {
    let is_well = Arc::clone(is_well);
    Backend::start(move |peer| {
        while let Some(head) = peer.head() {
            let status = if head.starts_with("GET /healthz") && !is_well.load(Ordering::SeqCst) { 503 } else { 200 };
            if !peer.send(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{name}", name.len())) {
                return;
            }
        }
    })
}

fn answers(lone: &Lone) -> BTreeSet<String> {
    let mut client = lone.connect_client();
    (0..8).map(|_| client.get("/").text().to_owned()).collect()
}

#[test]
fn an_endpoint_that_fails_its_checks_gets_nothing_until_it_passes_again() {
    let is_well = Arc::new(AtomicBool::new(true));
    let (good, ill) = (Backend::named("good"), checked("ill", &is_well));
    let pool =
        StaticPool { check: check(Probe::Http { path: "/healthz".to_owned() }), ..pool(&[good.address, ill.address]) };
    let lone = Lone::start(file(listener(vec![route("shop")]), [("shop", pool)]));
    eventually("both answer", || answers(&lone).len() == 2);
    is_well.store(false, Ordering::SeqCst);
    eventually("only the good one answers", || answers(&lone) == BTreeSet::from(["good".to_owned()]));
    assert!(ill.received_text().contains("Host: shop\r\nUser-Agent: plimsoll-check\r\n"));
    is_well.store(true, Ordering::SeqCst);
    eventually("both answer again", || answers(&lone).len() == 2);
}

#[test]
fn an_endpoint_that_never_was_there_is_out_from_its_first_check() {
    let mut dead = Backend::named("dead");
    dead.kill();
    let good = Backend::named("good");
    let pool = StaticPool { check: check(Probe::Tcp), ..pool(&[good.address, dead.address]) };
    let mut lone = Lone::start(file(listener(vec![route("shop")]), [("shop", pool)]));
    let report = lone.control.await_report("the dead one out", |report| {
        report.services[&crate::service("shop")].endpoints.iter().any(|endpoint| endpoint.draining)
    });
    let endpoints = &report.services[&crate::service("shop")].endpoints;
    let out = endpoints.iter().find(|endpoint| endpoint.draining).unwrap();
    assert_eq!(out.address, Some(dead.address));
}

/// Whether the gateway has ended a connection that is between two requests.
fn has_ended(client: &Client) -> bool {
    client.stream.set_nonblocking(true).unwrap();
    let peeked = client.stream.peek(&mut [0]);
    client.stream.set_nonblocking(false).unwrap();
    matches!(peeked, Ok(0))
}

/// Requests over kept and new connections while `disturb` runs; none may fail. A kept connection may be ended between two
/// requests (RFC 9112 section 9.5): a client that has seen the end takes a new one.
fn under_load(address: std::net::SocketAddr, disturb: impl FnOnce(&AtomicUsize)) -> usize {
    let is_over = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for keep in [true, false, true, false] {
            let (is_over, done) = (&is_over, &done);
            scope.spawn(move || {
                let mut client = Client::connect(address);
                while !is_over.load(Ordering::SeqCst) {
                    if keep && has_ended(&client) {
                        client = Client::connect(address);
                    }
                    let response = client.get("/");
                    assert_eq!(response.status, 200, "{}", response.head);
                    done.fetch_add(1, Ordering::SeqCst);
                    if !keep || response.field("connection") == Some("close") {
                        client = Client::connect(address);
                    }
                }
            });
        }
        disturb(&done);
        is_over.store(true, Ordering::SeqCst);
    });
    done.load(Ordering::SeqCst)
}

#[test]
fn no_request_fails_while_the_file_changes_and_a_bad_file_changes_nothing() {
    let backends: Vec<Backend> = ["a", "b", "c"].into_iter().map(Backend::named).collect();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let with = |pool| file(listener(vec![route("shop")]), [("shop", pool)]);
    let mut lone = Lone::start(with(pool(&addresses)));
    let address = lone.address;
    let done = under_load(address, |done| {
        // On a busy machine sixty rounds may be over before the clients have come to anything.
        let mut rounds = 0..;
        while let Some(round) = rounds.next().filter(|round| *round < 60 || done.load(Ordering::SeqCst) <= 60) {
            let kept: Vec<_> = addresses.iter().copied().skip(round % 3).take(1 + round % 2).collect();
            assert_eq!(lone.reload(Ok(with(pool(&kept)))), Ok(address));
            let mut bad = with(pool(&addresses));
            bad.gateway.listeners[0].routes[0].service = crate::service("nobody");
            assert!(lone.reload(Ok(bad)).unwrap_err().contains("nobody"));
            assert_eq!(lone.reload(Err("line 3: nonsense".to_owned())), Err("line 3: nonsense".to_owned()));
        }
    });
    assert!(done > 60, "{done}");
    lone.reload(Ok(with(pool(&addresses[..1])))).unwrap();
    // A worker takes the new plan between two requests: the order is answered before the last of them has.
    eventually("only what the last file names answers", || answers(&lone) == BTreeSet::from(["a".to_owned()]));
}

#[test]
fn a_successor_takes_the_sockets_over_and_no_request_fails() {
    let backend = Backend::named("shop");
    // A port of its own: with port 0 the two files would not mean the same address.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut with = file(listener(vec![route("shop")]), [("shop", pool(&[backend.address]))]);
    with.gateway.listeners[0].address = free.to_string();
    let mut old = Lone::start(with.clone());
    assert_eq!(old.address, free);
    let mut new = None;
    under_load(free, |_| {
        new = Some(Lone::start_in(Arc::clone(&old.directory), with.clone(), true));
        old.join();
        let mut client = Client::connect(free);
        assert_eq!((0..50).filter(|_| client.get("/").status == 200).count(), 50);
    });
    let new = new.unwrap();
    assert!(new.path.exists(), "the old one left the control socket of its successor alone");
    assert_eq!(new.get("/", "").text(), "shop");
}

#[test]
fn zones_and_subsets_decide_who_is_used() {
    let backends: Vec<Backend> = ["a", "b", "c", "d"].into_iter().map(Backend::named).collect();
    let zones = ["east", "east", "west", "west"];
    let endpoints = |upto: usize| -> Vec<StaticEndpoint> {
        let each = backends.iter().zip(zones).take(upto);
        each.map(|(backend, zone)| StaticEndpoint { address: backend.address, weight: 1, zone: Some(zone.to_owned()) })
            .collect()
    };
    let in_zone = |zone: &str, upto| StaticPool {
        upstream: UpstreamSpec { zone: Some(zone.to_owned()), ..UpstreamSpec::default() },
        endpoints: endpoints(upto),
        ..pool(&[])
    };
    let with = |pool| file(listener(vec![route("shop")]), [("shop", pool)]);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let mut lone = Lone::start(with(in_zone("east", 4)));
    assert_eq!(answers(&lone), set(&["a", "b"]));
    lone.reload(Ok(with(in_zone("west", 2)))).unwrap();
    eventually("nobody of the own zone: the others, in full", || answers(&lone) == set(&["a", "b"]));
    let mut seen = BTreeSet::new();
    for gateway in 0..2 {
        let subset = Some(SubsetSpec { size: 2, gateway });
        let upstream = UpstreamSpec { subset, ..UpstreamSpec::default() };
        lone.reload(Ok(with(StaticPool { upstream, endpoints: endpoints(4), ..pool(&[]) }))).unwrap();
        // The first requests may meet the worker before it took the new plan.
        answers(&lone);
        let used = answers(&lone);
        assert_eq!(used.len(), 2, "{used:?}");
        seen.extend(used);
    }
    assert_eq!(seen.len(), 4, "two gateways of a round share no endpoint");
}
