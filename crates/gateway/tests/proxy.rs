//! The proxy from end to end over loopback sockets: connections, bodies, streaming, tunnels.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Gateway, Peer, eventually, service, snapshot};
use plimsoll_model::{Bytes, Millis};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
fn requests_go_round_the_endpoints_over_kept_connections() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut spec = snapshot(1, &[a.address, b.address]);
    spec.gateway.workers = Some(1);
    let mut gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    let bodies: Vec<String> = (0..10).map(|_| client.get("/").text().to_owned()).collect();
    assert_eq!(bodies.iter().filter(|body| *body == "a").count(), 5, "{bodies:?}");
    assert!(bodies.windows(2).all(|pair| pair[0] != pair[1]), "{bodies:?}");
    assert_eq!((a.connections.load(Ordering::SeqCst), b.connections.load(Ordering::SeqCst)), (1, 1));
    let shop = service("shop");
    let report = gateway.control.await_report("10 finished", |report| report.services[&shop].finished == 10);
    let counted = &report.services[&shop];
    assert_eq!((counted.arrived, counted.failed, counted.retried), (10, 0, 0));
    assert_eq!(counted.bytes_out, 10);
    assert_eq!(counted.endpoints.iter().map(|endpoint| endpoint.finished).collect::<Vec<_>>(), [5, 5]);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = Backend::start(|peer| {
        while let Some(head) = peer.head() {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    let requests: String = (0..20).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests);
    for number in 0..20 {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
}

#[test]
fn bytes_may_arrive_one_at_a_time() {
    let backend = Backend::start(|peer| {
        while peer.head().is_some() {
            let body = peer.take(5);
            for byte in [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".as_slice(), &body].concat() {
                peer.send([byte]);
            }
        }
    });
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    for _ in 0..2 {
        for byte in b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" {
            client.send([*byte]);
        }
        assert_eq!(client.response().text(), "hello");
    }
}

#[test]
fn head_http_1_0_and_connection_close_end_as_the_client_asked() {
    let backend = Backend::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    let head = client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").bodiless();
    assert_eq!((head.status, head.field("content-length")), (200, Some("5")));
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").bodiless();
    assert_eq!(client.until_end(), b"");
    let backend = Backend::named("old");
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    let kept = client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").response();
    assert_eq!((kept.text(), kept.field("connection")), ("old", Some("keep-alive")));
    assert_eq!(client.send("GET / HTTP/1.0\r\n\r\n").response().text(), "old");
    assert_eq!(client.until_end(), b"");
}

/// Answers with the body it receives, as it receives it.
fn echo() -> Backend {
    Backend::start(|peer| {
        while let Some(head) = peer.head() {
            let length: usize = match head.lines().find_map(|line| line.strip_prefix("Content-Length: ")) {
                Some(length) => length.parse().unwrap(),
                None => {
                    let body = peer.until(b"0\r\n\r\n");
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    peer.send(body);
                    continue;
                }
            };
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            let mut left = length;
            while left > 0 {
                let piece = peer.take(left.min(10_000));
                left -= piece.len();
                if piece.is_empty() || !peer.send(piece) {
                    return;
                }
            }
        }
    })
}

#[test]
fn large_bodies_stream_both_ways() {
    let backend = echo();
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    let body: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let mut client = gateway.connect();
    let sender = {
        let mut stream = client.stream.try_clone().unwrap();
        let body = body.clone();
        std::thread::spawn(move || {
            use std::io::Write;
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        })
    };
    assert_eq!(client.response().body, body);
    sender.join().unwrap();
    let shop = service("shop");
    let report = gateway.control.await_report("it finished", |report| report.services[&shop].finished == 1);
    let counted = &report.services[&shop];
    assert_eq!((counted.bytes_in, counted.bytes_out, counted.failed), (3_000_000, 3_000_000, 0));
}

#[test]
fn chunked_bodies_of_any_size_come_through() {
    let backend = echo();
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    for size in [1, 15, 16, 1_000, 16_384, 65_536, 200_000] {
        let body = vec![b'x'; size];
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in body.chunks(7_001) {
            client.send(format!("{:x}\r\n", chunk.len())).send(chunk).send("\r\n");
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.response().body.len(), size);
    }
}

#[test]
fn a_slow_reader_holds_back_the_replica_instead_of_filling_memory() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let total = 64 * 1024 * 1024;
    let counter = std::sync::Arc::clone(&sent);
    let backend = Backend::start(move |peer: &mut Peer| {
        if peer.head().is_none() {
            return;
        }
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n"));
        let piece = vec![b'x'; 64 * 1024];
        while counter.load(Ordering::SeqCst) < total && peer.send(&piece) {
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut before = usize::MAX;
    eventually("the replica stands still", || {
        std::thread::sleep(Duration::from_millis(100));
        let now = sent.load(Ordering::SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    });
    assert!(before < total / 2, "{before} bytes left the replica although nobody read");
    assert_eq!(client.response().body.len(), total);
}

#[test]
fn a_client_that_waits_for_100_gets_it_from_the_replica() {
    let backend = Backend::start(|peer| {
        while let Some(head) = peer.head() {
            assert!(head.contains("Expect: 100-continue\r\n"), "{head}");
            assert!(peer.unread.is_empty(), "the body came before it was asked for");
            peer.send("HTTP/1.1 100 Continue\r\n\r\n");
            let body = peer.take(5);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
            peer.send(body);
        }
    });
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(client.bodiless().status, 100);
        assert_eq!(client.send("hello").response().text(), "hello");
    }
}

#[test]
fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let backend = Backend::start(|peer| {
        if peer.head().is_some() {
            peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
            peer.until(b"never");
        }
    });
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome");
    let response = client.response();
    assert_eq!((response.status, response.field("connection")), (401, Some("close")));
}

#[test]
fn an_upgrade_becomes_a_tunnel_only_after_101() {
    let backend = Backend::start(|peer| {
        while let Some(head) = peer.head() {
            if !head.contains("Connection: upgrade\r\nUpgrade: websocket\r\n") {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
                continue;
            }
            if head.starts_with("GET /refuse") {
                peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst");
            loop {
                let frame = peer.take(4);
                if frame.is_empty() {
                    peer.send("bye");
                    return;
                }
                peer.send(frame);
            }
        }
    });
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    let ask =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.send(ask("/refuse")).response().status, 403);
    assert_eq!(client.get("/").text(), "plain", "a refused switch leaves the connection HTTP");
    let switched = client.send(ask("/")).bodiless();
    assert_eq!((switched.status, switched.field("upgrade")), (101, Some("websocket")));
    let shop = service("shop");
    let report = gateway.control.await_report("a tunnel", |report| report.services[&shop].endpoints[0].in_flight == 1);
    assert_eq!(report.services[&shop].failed, 0);
    client.send("ping");
    while client.unread.len() < 9 {
        assert!(client.more());
    }
    assert_eq!(client.unread, b"firstping");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.until_end(), b"firstpingbye", "the end of one side still lets the other finish");
    gateway.control.await_report("no tunnel", |report| report.services[&shop].endpoints[0].in_flight == 0);
}

#[test]
fn heads_and_bodies_over_their_limits_are_refused() {
    let backend = Backend::named("a");
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.limits.head_bytes_max = 1_000;
    spec.gateway.limits.headers_max = 5;
    spec.gateway.limits.body_bytes_max = Some(10);
    let gateway = Gateway::start(spec);
    let long = "x".repeat(1_000);
    for (request, status, reason) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431, "head-too-large"),
        (format!("GET /{long}"), 414, "target-too-long"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(5)), 431, "too-many-fields"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n".to_owned(), 413, "body-too-large"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n".to_owned(),
            413,
            "body-too-large",
        ),
    ] {
        let response = gateway.connect().send(&request).response();
        assert_eq!((response.status, response.field("x-plimsoll-reason")), (status, Some(reason)), "{request:?}");
    }
    let fits = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(gateway.connect().send(fits).response().status, 200);
}

#[test]
fn slow_heads_silent_bodies_and_idle_connections_time_out() {
    let backend = Backend::start(|peer| {
        while peer.head().is_some() {
            peer.take(5);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.limits.head_timeout = Millis(300);
    spec.gateway.limits.body_timeout = Millis(300);
    spec.gateway.limits.idle_timeout = Millis(300);
    let gateway = Gateway::start(spec);
    let mut slow = gateway.connect();
    let start = Instant::now();
    // One byte now and then does not buy more time.
    let dripping = {
        let mut stream = slow.stream.try_clone().unwrap();
        std::thread::spawn(move || {
            use std::io::Write;
            for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let response = slow.response();
    assert_eq!((response.status, response.field("x-plimsoll-reason")), (408, Some("head-timeout")));
    assert!(start.elapsed() < Duration::from_millis(1_000), "{:?}", start.elapsed());
    dripping.join().unwrap();
    let body = gateway.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhal").response();
    assert_eq!((body.status, body.field("x-plimsoll-reason")), (408, Some("body-timeout")));
    let mut idle = gateway.connect();
    assert_eq!(idle.until_end(), b"", "an idle connection just closes");
    let mut kept = gateway.connect();
    assert_eq!(
        kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello").response().status,
        200
    );
    assert_eq!(kept.until_end(), b"");
}

#[test]
fn too_many_connections_are_told_so() {
    let backend = Backend::named("a");
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.limits.connections_max = 2;
    let mut gateway = Gateway::start(spec);
    let mut held = [gateway.connect(), gateway.connect()];
    held.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200));
    let refused = gateway.connect().response();
    assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")));
    assert_eq!(refused.field("x-plimsoll-reason"), Some("connections-max"));
    drop(held);
    gateway.control.await_report("no connection", |report| report.connections_open == 0);
    assert_eq!(gateway.connect().get("/").status, 200);
}

#[test]
fn routes_choose_the_service_and_no_route_is_404() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let mut spec = snapshot(1, &[a.address]);
    let mut pool = spec.pools[&service("shop")].clone();
    pool.endpoints = common::endpoints(&[b.address]);
    spec.pools.insert(service("api"), pool);
    let routes = &mut spec.gateway.listeners[0].routes;
    routes[0].host = Some("shop.example".to_owned());
    let mut api = routes[0].clone();
    api.path_prefix = "/api".to_owned();
    api.service = service("api");
    routes.push(api);
    let gateway = Gateway::start(spec);
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "a");
    assert_eq!(client.get("/api/x").text(), "b");
    let response = client.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n").response();
    assert_eq!((response.status, response.field("x-plimsoll-reason")), (404, Some("no-route")));
}

#[test]
fn a_response_head_over_the_limit_is_a_502() {
    let backend = Backend::start(|peer| {
        if peer.head().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)));
            peer.until(b"never");
        }
    });
    let mut spec = snapshot(1, &[backend.address]);
    spec.gateway.limits.body_bytes_max = Some(Bytes(5).get());
    let gateway = Gateway::start(spec);
    let response = gateway.connect().get("/");
    assert_eq!((response.status, response.field("x-plimsoll-reason")), (502, Some("bad-response")));
}

#[test]
fn source_hash_follows_the_client_behind_a_trusted_proxy() {
    let names = ["a", "b", "c", "d", "e"];
    let backends: Vec<_> = names.into_iter().map(Backend::named).collect();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let mut spec = snapshot(1, &addresses);
    spec.pools.get_mut(&service("shop")).unwrap().balance.algorithm = plimsoll_model::spec::Algorithm::SourceHash;
    let answers = |gateway: &Gateway, client: u8| -> Vec<String> {
        let request =
            format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.9.9.9, 192.0.2.{client}, 127.0.0.2\r\n\r\n");
        (0..3).map(|_| gateway.connect().send(&request).response().text().to_owned()).collect()
    };
    let distinct = |gateway: &Gateway| {
        let each = (0..40).map(|client| {
            let answers = answers(gateway, client);
            assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "client {client} moved: {answers:?}");
            answers[0].clone()
        });
        each.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(distinct(&Gateway::start(spec.clone())), 1, "an untrusted client cannot choose its endpoint");
    spec.gateway.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
    assert_eq!(distinct(&Gateway::start(spec)), 5);
}

#[test]
fn a_report_has_the_latencies_and_the_mean_in_flight_of_its_interval() {
    let backend = Backend::start(|peer| {
        while peer.head().is_some() {
            std::thread::sleep(Duration::from_millis(20));
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let shop = service("shop");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut client = gateway.connect();
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    assert_eq!(client.get("/").text(), "ok");
                }
            });
        }
        // Three closed loops whose time is nearly all spent at the replica: by Little's law three are in flight.
        gateway.control.await_report("three in flight", |report| {
            (2_500..=3_000).contains(&report.services[&shop].in_flight_milli)
        });
        let (mut counted, mut finished) = (0, None);
        for _ in 0..10 {
            let report = gateway.control.report();
            let now = &report.services[&shop];
            assert!(now.latency.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", now.latency);
            assert!(now.latency.iter().all(|(upper_us, count)| *upper_us >= 20_000 && *count > 0), "{:?}", now.latency);
            match finished {
                None => finished = Some(now.finished),
                Some(_) => counted += now.latency.iter().map(|(_, count)| count).sum::<u64>(),
            }
            if let (Some(first), true) = (finished, counted > 0) {
                assert_eq!(now.finished - first, counted, "every request is in exactly one interval");
                assert!(now.endpoints[0].latency_p50_us >= 20_000 || now.latency.is_empty());
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
}
