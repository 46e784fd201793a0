//! HTTP/2 from clients, by prior knowledge and by ALPN, through the same routes, rules and limits.

use crate::common::{Backend, PATIENCE};
use crate::{Lone, file, listener, mirror, pool, route};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request, Response};
use plimsoll_gateway::control::ToGateway;
use plimsoll_model::Millis;
use plimsoll_model::gateway::{ListenerRules, RateSpec, RouteRules};
use plimsoll_model::spec::{ListenerSpec, RouteSpec};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

fn speaking(routes: Vec<RouteSpec>) -> ListenerSpec {
    ListenerSpec { rules: ListenerRules { http2: true, ..ListenerRules::default() }, ..listener(routes) }
}

fn start(backend: &Backend) -> Lone {
    Lone::start(file(speaking(vec![route("shop")]), [("shop", pool(&[backend.address]))]))
}

/// Runs a client; everything has to be over within the usual patience.
fn run<T>(client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, client).await.expect("in time") })
}

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::task::spawn_local(async move { drop(connection.await) });
    sender.ready().await.unwrap()
}

fn asking(method: Method, path: &str) -> Request<()> {
    let uri = format!("http://shop.example{path}");
    Request::builder().method(method).uri(uri).version(http::Version::HTTP_2).body(()).unwrap()
}

async fn whole(response: Response<h2::RecvStream>) -> Result<(u16, Vec<u8>), h2::Error> {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut got = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        got.extend_from_slice(&data);
    }
    Ok((status, got))
}

async fn get(sender: &mut SendRequest<Bytes>, path: &str) -> (u16, String) {
    let (response, _) = sender.send_request(asking(Method::GET, path), true).unwrap();
    let (status, body) = whole(response.await.unwrap()).await.unwrap();
    (status, String::from_utf8(body).unwrap())
}

#[test]
fn both_protocols_are_spoken_on_one_listener() {
    let backend = mirror();
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let mut request = asking(Method::GET, "/a?b=c");
        for (name, value) in [
            ("cookie", "a=1"),
            ("cookie", ""),
            ("cookie", "b=2"),
            ("cookie", ""),
            ("te", "trailers"),
            ("x-one", "1"),
            ("host", "evil.example"),
        ] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let (response, _) = sender.send_request(request, true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.headers()["server"], "mirror");
        let head = String::from_utf8(whole(response).await.unwrap().1).unwrap();
        assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\n"), "{head}");
        assert!(head.contains("Cookie: a=1; b=2\r\n") && head.contains("x-one: 1\r\n"), "{head}");
        assert!(!head.contains("evil") && head.contains("\r\nTE: trailers\r\nConnection: TE\r\n"), "{head}");
        assert!(head.contains("X-Forwarded-For: 127.0.0.1\r\n"), "{head}");
        for round in 0..20 {
            assert_eq!(get(&mut sender, &format!("/{round}")).await.0, 200);
        }
    });
    assert!(lone.get("/plain", "").text().starts_with("GET /plain HTTP/1.1"));
    let mut slow = lone.connect_client();
    for byte in b"PRI-NCE / HTTP/1.1\r\nHost: a\r\n\r\n" {
        slow.send([*byte]);
    }
    assert!(slow.response().text().starts_with("PRI-NCE / HTTP/1.1"), "what only begins like the preface is a request");
}

#[test]
fn bodies_pass_both_ways_under_flow_control() {
    let backend = Backend::start(|peer| {
        while let Some(head) = peer.head() {
            let body = if head.contains("chunked") {
                let raw = peer.until(b"\r\n0\r\n\r\n");
                format!("chunked {}", raw.len()).into_bytes()
            } else {
                let length = head
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .unwrap()
                    .lines()
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                peer.take(length)
            };
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            peer.send(body);
        }
    });
    let lone = start(&backend);
    let body: Vec<u8> = (0..2_000_000u32).map(|at| (at % 253) as u8).collect();
    run(async {
        let mut sender = connect(lone.address).await;
        // Chunks are searched for their end by the backend of the test, so there are fewer of them.
        for (with_length, body) in [(true, &body[..]), (false, &body[..100_000])] {
            let mut request = asking(Method::POST, "/");
            if with_length {
                request.headers_mut().insert("content-length", body.len().into());
            }
            let (response, mut stream) = sender.send_request(request, false).unwrap();
            let sending = async {
                let mut left = Bytes::copy_from_slice(body);
                while !left.is_empty() {
                    stream.reserve_capacity(left.len());
                    let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await.unwrap().unwrap();
                    let now = left.split_to(room.min(left.len()));
                    stream.send_data(now, left.is_empty()).unwrap();
                }
            };
            let (response, ()) = tokio::join!(response, sending);
            let (status, got) = whole(response.unwrap()).await.unwrap();
            assert_eq!(status, 200);
            if with_length {
                assert!(got == body, "{} of {} bytes", got.len(), body.len());
            } else {
                assert!(got.starts_with(b"chunked 10"), "{}", String::from_utf8_lossy(&got));
            }
        }
    });
}

#[test]
fn trailers_pass_both_ways_between_the_protocols() {
    let backend = Backend::start(|peer| {
        while peer.head().is_some() {
            let body = String::from_utf8(peer.until(b"\r\n\r\n")).unwrap();
            let seen = body.ends_with("0\r\nx-sum: 5\r\n\r\n");
            peer.send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Seen: {seen}\r\nHost: evil\r\n\r\n"));
        }
    });
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        for takes in [true, false] {
            let mut request = asking(Method::POST, "/");
            if takes {
                request.headers_mut().insert("te", "trailers".parse().unwrap());
            }
            let (response, mut stream) = sender.send_request(request, false).unwrap();
            stream.send_data("hello".into(), false).unwrap();
            let sums = [("x-sum", "5"), ("content-length", "7"), ("authorization", "a")];
            let sums = sums
                .into_iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)));
            stream.send_trailers(sums.collect()).unwrap();
            let mut body = response.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "ok");
            while let Some(more) = body.data().await {
                assert!(more.unwrap().is_empty());
            }
            let trailers = body.trailers().await.unwrap();
            match trailers {
                Some(trailers) if takes => {
                    assert_eq!((trailers.len(), &trailers["x-seen"]), (1, &http::HeaderValue::from_static("true")));
                }
                None if !takes => {}
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn many_streams_share_a_connection_and_rules_hold_for_each() {
    let backend = Backend::named("shop");
    let rules = RouteRules { rate: Some(RateSpec { rate_milli: 1, burst: 60 }), ..RouteRules::default() };
    let limited = RouteSpec { path_prefix: "/limited".to_owned(), rules, ..route("shop") };
    let lone = Lone::start(file(speaking(vec![route("shop"), limited]), [("shop", pool(&[backend.address]))]));
    run(async {
        let sender = connect(lone.address).await;
        let tasks: Vec<_> = (0..100)
            .map(|at| {
                let mut sender = sender.clone();
                tokio::task::spawn_local(async move {
                    sender = sender.ready().await.unwrap();
                    get(&mut sender, if at % 2 == 0 { "/" } else { "/limited" }).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), (200, "shop".to_owned()));
        }
        let mut sender = sender.ready().await.unwrap();
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(get(&mut sender, "/limited").await.0);
        }
        assert_eq!(statuses, [vec![200; 10], vec![429; 10]].concat());
    });
}

#[test]
fn a_stream_that_is_given_up_costs_its_connection_to_the_endpoint_and_nobody_else() {
    // Sends a part of a body and then nothing for as long as somebody listens.
    let backend = Backend::start(|peer| {
        while let Some(head) = peer.head() {
            if head.starts_with("GET /slow") {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart");
                peer.head();
                return;
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let (response, mut stream) = sender.send_request(asking(Method::GET, "/slow"), true).unwrap();
        let mut body = response.await.unwrap().into_body();
        assert_eq!(&body.data().await.unwrap().unwrap()[..], b"part");
        stream.send_reset(h2::Reason::CANCEL);
        assert_eq!(get(&mut sender, "/").await, (200, "ok".to_owned()));
    });
    lone.control.await_report("one cancelled", |report| report.services[&crate::service("shop")].cancelled == 1);
    crate::common::eventually("its connection closed", || backend.closed.load(Ordering::SeqCst) >= 1);
}

#[test]
fn a_body_that_is_cut_is_a_reset_and_no_end() {
    let backend = Backend::start(|peer| {
        if peer.head().is_some() {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart");
        }
    });
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let (response, _) = sender.send_request(asking(Method::GET, "/"), true).unwrap();
        // A client that has not looked at the head yet when the reset comes is told of the reset alone.
        let cut = match response.await {
            Ok(response) => whole(response).await.map(drop),
            Err(reset) => Err(reset),
        };
        assert_eq!(cut.unwrap_err().reason(), Some(h2::Reason::INTERNAL_ERROR));
        let (response, _) = sender.send_request(asking(Method::HEAD, "/"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200, "the connection goes on");
    });
}

#[test]
fn streams_reset_in_haste_end_the_connection_before_they_reach_an_endpoint() {
    let backend = Backend::named("shop");
    let lone = start(&backend);
    let sent = run(async {
        let mut sender = connect(lone.address).await;
        let mut sent = 0;
        // Sent faster than they are looked at, as CVE-2023-44487 does: the gateway must end this, not endure it.
        while sent < 20_000 {
            let Ok((_, mut stream)) = sender.send_request(asking(Method::GET, "/"), true) else { break };
            stream.send_reset(h2::Reason::CANCEL);
            sent += 1;
            if sent % 100 == 0 {
                tokio::task::yield_now().await;
            }
            match sender.ready().await {
                Ok(ready) => sender = ready,
                Err(_) => break,
            }
        }
        sent
    });
    assert!(sent < 20_000, "the connection was ended after {sent} streams");
    let reached = backend.received_text().matches("GET / HTTP/1.1").count();
    assert!(reached < sent, "{reached} of {sent} reached the endpoint");
    assert_eq!(lone.get("/", "").text(), "shop", "others are served");
}

#[test]
fn a_client_that_reads_nothing_holds_up_the_endpoint_and_not_memory() {
    const OFFERED: usize = 64 * 1024 * 1024;
    let backend = Backend::start(|peer| {
        if peer.head().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {OFFERED}\r\n\r\n"));
            let chunk = vec![b'x'; 64 * 1024];
            let mut sent = 0;
            while sent < OFFERED && peer.send(&chunk) {
                sent += chunk.len();
            }
            assert!(sent < OFFERED / 2, "{sent} bytes were taken for a client that reads nothing");
        }
    });
    let mut file = file(speaking(vec![route("shop")]), [("shop", pool(&[backend.address]))]);
    file.gateway.limits.body_timeout = Millis(300);
    let mut lone = Lone::start(file);
    run(async {
        let mut sender = connect(lone.address).await;
        let (response, _) = sender.send_request(asking(Method::GET, "/"), true).unwrap();
        let response = response.await.unwrap();
        // Nothing is read and no capacity released, until the gateway gives up.
        let mut body = response.into_body();
        loop {
            match body.data().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return assert!(error.is_reset(), "{error}"),
                None => panic!("a cut body must not look whole"),
            }
        }
    });
    lone.control.await_report("it ended", |report| report.services[&crate::service("shop")].finished == 1);
}

#[test]
fn a_gateway_that_drains_lets_streams_end() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::start(move |peer| {
        while peer.head().is_some() {
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let (response, _) = sender.send_request(asking(Method::GET, "/"), true).unwrap();
        while !backend.received_text().contains("GET / ") {
            tokio::task::yield_now().await;
        }
        lone.control.send(&ToGateway::Drain);
        release.send(()).unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap().1, b"ok");
    });
    lone.join();
}

#[test]
fn a_connection_that_is_never_idle_is_told_of_a_drain_too() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::start(move |peer| {
        while let Some(head) = peer.head() {
            if head.starts_with("GET /slow ") {
                let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let (slow, _) = sender.send_request(asking(Method::GET, "/slow"), true).unwrap();
        while !backend.received_text().contains("GET /slow ") {
            tokio::task::yield_now().await;
        }
        lone.control.send(&ToGateway::Drain);
        // What is asked before the client has heard of it is answered; what crosses the news was not looked at, says it.
        while let Ok(ready) = sender.ready().await {
            sender = ready;
            let Ok((response, _)) = sender.send_request(asking(Method::GET, "/"), true) else { break };
            match response.await {
                Ok(response) => assert_eq!(whole(response).await.unwrap().1, b"ok"),
                Err(error) => {
                    assert!(error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR), "{error}");
                    break;
                }
            }
        }
        release.send(()).unwrap();
        assert_eq!(whole(slow.await.unwrap()).await.unwrap().1, b"ok");
    });
    lone.join();
}

#[test]
fn heads_that_are_too_large_and_methods_that_make_no_sense_are_refused() {
    let backend = Backend::named("shop");
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let mut request = asking(Method::GET, "/");
        for at in 0..40 {
            request.headers_mut().insert(
                http::HeaderName::from_bytes(format!("x-{at}").as_bytes()).unwrap(),
                "y".repeat(1_000).parse().unwrap(),
            );
        }
        let (response, _) = sender.send_request(request, true).unwrap();
        match response.await {
            Ok(response) => assert_eq!(response.status(), 431),
            Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error}"),
        }
        let mut sender = connect(lone.address).await;
        let mut connect_to = Request::builder().method(Method::CONNECT).uri("shop.example:443").body(()).unwrap();
        *connect_to.version_mut() = http::Version::HTTP_2;
        let (response, _) = sender.send_request(connect_to, true).unwrap();
        assert!(response.await.unwrap_err().is_reset());
        assert_eq!(get(&mut sender, "/").await.1, "shop");
    });
    assert!(!backend.received_text().contains("CONNECT"));
}
