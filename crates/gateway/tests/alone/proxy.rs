//! The PROXY protocol in and out, and connections that are passed through unread.

use crate::common::{Backend, Client};
use crate::{Lone, file, listener, mirror, pool, route};
use plimsoll_model::gateway::{ListenerRules, ProxyVersion, StaticPool, UpstreamSpec};
use plimsoll_model::spec::ListenerSpec;

fn announced(trusted: &str) -> (Backend, Lone) {
    let backend = mirror();
    let rules = ListenerRules { proxy_protocol: true, ..ListenerRules::default() };
    let listener = ListenerSpec { rules, ..listener(vec![route("shop")]) };
    let mut file = file(listener, [("shop", pool(&[backend.address]))]);
    file.gateway.trusted_proxies = vec![trusted.to_owned()];
    (backend, Lone::start(file))
}

#[test]
fn the_clients_address_is_the_one_that_a_trusted_proxy_announces() {
    let (_backend, lone) = announced("127.0.0.1");
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = lone.connect_client();
    let response = client.send(format!("PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\r\n{request}")).response();
    assert!(response.text().contains("X-Forwarded-For: 192.0.2.7\r\n"), "{}", response.text());
    assert!(client.send(request).response().text().contains("192.0.2.7"), "for the whole connection");
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\xc6\x33\x64\x01\x13\x88\0\x50".to_vec();
    v2.extend_from_slice(request.as_bytes());
    assert!(lone.connect_client().send(&v2).response().text().contains("X-Forwarded-For: 192.0.2.8\r\n"));
    // A header in pieces.
    let mut slow = lone.connect_client();
    for byte in b"PROXY UNKNOWN\r\n" {
        slow.send([*byte]);
    }
    assert!(slow.send(request).response().text().contains("X-Forwarded-For: 127.0.0.1\r\n"));
}

#[test]
fn without_a_header_or_trust_the_connection_ends_unanswered() {
    let (backend, mut lone) = announced("127.0.0.1");
    let mut client = lone.connect_client();
    assert_eq!(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until_end(), b"");
    lone.control.await_report("the refusal", |report| report.refused.contains_key("proxy-invalid"));
    assert_eq!(backend.received(), b"");
    let (backend, mut lone) = announced("10.0.0.0/8");
    let mut client = lone.connect_client();
    client.send("PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.until_end(), b"");
    lone.control.await_report("the refusal", |report| report.refused.contains_key("proxy-untrusted"));
    assert_eq!(backend.received(), b"");
}

#[test]
fn endpoints_are_told_by_the_proxy_protocol_and_no_connection_serves_two_clients() {
    for (version, start) in [
        (ProxyVersion::V1, &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]),
        (ProxyVersion::V2, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"),
    ] {
        let header = match version {
            ProxyVersion::V1 => None,
            ProxyVersion::V2 => Some(28),
        };
        let backend = Backend::start(move |peer| {
            match header {
                None => drop(peer.until(b"\r\n")),
                Some(count) => drop(peer.take(count)),
            }
            while peer.head().is_some() && peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {}
        });
        let upstream = UpstreamSpec { proxy_protocol: Some(version), ..UpstreamSpec::default() };
        let pool = StaticPool { upstream, ..pool(&[backend.address]) };
        let lone = Lone::start(file(listener(vec![route("shop")]), [("shop", pool)]));
        for _ in 0..3 {
            assert_eq!(lone.get("/", "").text(), "ok");
        }
        assert!(backend.received().starts_with(start), "{:?}", backend.received_text());
        assert_eq!(backend.connections.load(std::sync::atomic::Ordering::SeqCst), 3);
    }
}

fn passing(pool: StaticPool) -> Lone {
    let rules = ListenerRules { tcp: Some(crate::service("shop")), ..ListenerRules::default() };
    Lone::start(file(ListenerSpec { rules, ..listener(Vec::new()) }, [("shop", pool)]))
}

#[test]
fn a_tcp_listener_passes_bytes_both_ways_and_the_ends_too() {
    // Says hello first, then echoes until the client has ended, then says goodbye: half-closed connections work.
    let backend = Backend::start(|peer| {
        peer.send("hello ");
        let said = peer.until(b"end of time");
        peer.send(said);
        peer.send(" goodbye");
    });
    let mut lone = passing(pool(&[backend.address]));
    let mut client = lone.connect_client();
    let body = "x".repeat(1_000_000);
    client.send(&body);
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let got = client.until_end();
    assert_eq!(got.len(), "hello ".len() + body.len() + " goodbye".len());
    assert!(got.starts_with(b"hello x") && got.ends_with(b"x goodbye"));
    lone.control
        .await_report("one connection as one request", |report| report.services[&crate::service("shop")].finished == 1);
}

#[test]
fn a_dead_endpoint_of_a_tcp_listener_is_passed_over() {
    let mut dead = Backend::named("dead");
    dead.kill();
    let alive = Backend::start(|peer| {
        peer.send("alive");
    });
    let lone = passing(pool(&[dead.address, alive.address]));
    for _ in 0..6 {
        assert_eq!(lone.connect_client().until_end(), b"alive");
    }
    let lone = passing(pool(&[dead.address]));
    assert_eq!(Client::connect(lone.address).until_end(), b"");
}
