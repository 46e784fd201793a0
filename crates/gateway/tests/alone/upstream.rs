//! HTTP/2 to endpoints: what is sent and received, how connections are shared, what is retried, what is refused.

use crate::common::{Client, PATIENCE, Response, eventually, service};
use crate::h2_backend::{Answering, H2Backend, Manners, Seen, echo, fields, head, whole};
use crate::{Lone, file, listener, pool, route};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::Request;
use plimsoll_model::Millis;
use plimsoll_model::gateway::{GatewayFile, StaticPool, UpstreamProtocol, UpstreamSpec};
use std::net::SocketAddr;

pub fn speaking(addresses: &[SocketAddr]) -> StaticPool {
    let upstream = UpstreamSpec { protocol: UpstreamProtocol::H2, ..UpstreamSpec::default() };
    StaticPool { upstream, ..pool(addresses) }
}

/// One worker, so that what is counted is counted once.
fn over(addresses: &[SocketAddr]) -> GatewayFile {
    let mut file = file(listener(vec![route("shop")]), [("shop", speaking(addresses))]);
    file.gateway.workers = Some(1);
    file
}

fn start(backend: &H2Backend) -> Lone {
    Lone::start(over(&[backend.address]))
}

fn post(client: &mut Client, path: &str, body: &str) -> Response {
    let length = body.len();
    client.send(format!("POST {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {length}\r\n\r\n{body}"));
    client.response()
}

#[test]
fn requests_of_http1_are_answered_over_http2_on_one_connection() {
    let backend = H2Backend::start(Manners::default(), echo);
    let lone = start(&backend);
    let mut client = lone.connect_client();
    let answer = client.get("/a?b=c");
    assert_eq!((answer.status, answer.text()), (200, "GET http://shop.example/a?b=c  none"));
    assert_eq!(answer.field("x-version"), Some("2"));
    assert_eq!(post(&mut client, "/p", "hello").text(), "POST http://shop.example/p hello none");
    client.send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n");
    assert_eq!(client.response().text(), "POST http://a/c abcde 7", "trailers go on");
    client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.bodiless().field("content-length"), Some("21"));
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "OPTIONS http://a*  none", "the path is a star");
    for at in 0..50 {
        assert_eq!(post(&mut client, &format!("/{at}"), "x").status, 200);
    }
    assert_eq!(Seen::get(&backend.seen.connections), 1);
}

#[test]
fn fields_of_one_hop_end_here_and_ours_are_added() {
    let backend = H2Backend::start(Manners::default(), |request, mut respond| {
        Box::pin(async move {
            let text: String = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
                .collect();
            let mut stream = respond.send_response(head(200, &[]), false).unwrap();
            stream.send_data(text.into(), true).unwrap();
        })
    });
    let lone = start(&backend);
    let text = lone.get("/", "Connection: X-Hop, TE\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nTE: trailers, gzip\r\nUpgrade: h2c\r\nX-Stays: 2\r\nCookie: a=b\r\n");
    let text = text.text();
    for wanted in ["te: trailers\n", "x-stays: 2\n", "cookie: a=b\n", "x-forwarded-for: 127.0.0.1\n", "x-request-id: "]
    {
        assert!(text.contains(wanted), "{wanted:?} in {text}");
    }
    for gone in ["x-hop", "keep-alive", "upgrade", "connection", "gzip", "transfer-encoding"] {
        assert!(!text.contains(gone), "{gone:?} in {text}");
    }
}

#[test]
fn bodies_without_a_length_and_without_any_end_where_they_end() {
    let backend = H2Backend::start(Manners::default(), |request, mut respond| {
        Box::pin(async move {
            match request.uri().path() {
                "/stream" => {
                    let mut stream = respond.send_response(head(200, &[]), false).unwrap();
                    for _ in 0..3 {
                        stream.send_data("part".into(), false).unwrap();
                        tokio::task::yield_now().await;
                    }
                    stream.send_trailers(fields(&[("x-sum", "12"), ("set-cookie", "evil=1")])).unwrap();
                }
                "/204" => drop(respond.send_response(head(204, &[]), true).unwrap()),
                "/304" => drop(respond.send_response(head(304, &[("etag", "\"a\"")]), true).unwrap()),
                "/empty" => drop(respond.send_response(head(200, &[]), true).unwrap()),
                // The end comes by itself behind a body with a length.
                "/late-end" => {
                    let mut stream = respond.send_response(head(200, &[("content-length", "2")]), false).unwrap();
                    stream.send_data("ok".into(), false).unwrap();
                    tokio::task::yield_now().await;
                    stream.send_data(Bytes::new(), true).unwrap();
                }
                _ => {
                    respond
                        .send_informational(
                            http::Response::builder().status(103).header("link", "</a>").body(()).unwrap(),
                        )
                        .unwrap();
                    drop(respond.send_response(head(200, &[("content-length", "0")]), true).unwrap());
                }
            }
        })
    });
    let lone = start(&backend);
    let mut client = lone.connect_client();
    assert_eq!(client.get("/stream").text(), "partpartpart", "without trailers for a client that takes none");
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n");
    let received = String::from_utf8(client.until_end()).unwrap();
    assert!(received.ends_with("0\r\nx-sum: 12\r\n\r\n"), "{received}");
    let mut client = lone.connect_client();
    assert_eq!(client.get("/204").status, 204);
    assert_eq!(client.get("/304").field("etag"), Some("\"a\""));
    assert_eq!(client.get("/empty").field("content-length"), Some("0"));
    for _ in 0..20 {
        assert_eq!(client.get("/late-end").text(), "ok");
    }
    client.send("GET /early HTTP/1.1\r\nHost: a\r\n\r\n");
    let hint = client.bodiless();
    assert_eq!((hint.status, hint.field("link")), (103, Some("</a>")));
    assert_eq!(client.response().status, 200);
    assert_eq!(Seen::get(&backend.seen.connections), 1);
}

thread_local! {
    /// The response that has not ended yet.
    static UNENDED: std::cell::RefCell<Option<h2::SendStream<Bytes>>> = const { std::cell::RefCell::new(None) };
}

#[test]
fn a_response_that_is_all_there_is_not_reset_before_it_says_so() {
    let backend = H2Backend::start(Manners::default(), |request, mut respond| {
        Box::pin(async move {
            if request.uri().path() == "/late-end" {
                let mut stream = respond.send_response(head(200, &[("content-length", "2")]), false).unwrap();
                stream.send_data("ok".into(), false).unwrap();
                return UNENDED.set(Some(stream));
            }
            // A reset would have come before this request, on the same connection.
            let mut stream = UNENDED.take().unwrap();
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let status = if stream.poll_reset(&mut context).is_pending() { 200 } else { 500 };
            let _ = stream.send_data(Bytes::new(), true);
            drop(respond.send_response(head(status, &[]), true).unwrap());
        })
    });
    let lone = start(&backend);
    let mut client = lone.connect_client();
    for _ in 0..20 {
        assert_eq!(client.get("/late-end").text(), "ok");
        assert_eq!(post(&mut client, "/check", "").status, 200);
    }
}

#[test]
fn no_connection_has_more_streams_than_its_endpoint_takes() {
    let backend = H2Backend::start(Manners { streams_max: 3, ..Manners::default() }, |request, mut respond| {
        Box::pin(async move {
            let _ = whole(request.into_body()).await;
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            drop(respond.send_response(head(200, &[("content-length", "0")]), true));
        })
    });
    let lone = start(&backend);
    let address = lone.address;
    let threads: Vec<_> = (0..60)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                for _ in 0..5 {
                    assert_eq!(post(&mut client, "/", "x").status, 200);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let (connections, most) = (Seen::get(&backend.seen.connections), Seen::get(&backend.seen.open_most));
    assert!(connections <= 8 && most <= 24, "{connections} connections, {most} streams at once");
    assert_eq!(Seen::get(&backend.seen.requests), 300, "none was refused and sent again");
}

fn resets(reason: Reason) -> impl Fn(Request<h2::RecvStream>, SendResponse<Bytes>) -> Answering + Send + 'static {
    move |_, mut respond| Box::pin(async move { respond.send_reset(reason) })
}

#[test]
fn a_request_that_was_refused_unread_is_sent_elsewhere_whatever_it_is() {
    let refusing = H2Backend::start(Manners::default(), resets(Reason::REFUSED_STREAM));
    let serving = H2Backend::start(Manners::default(), echo);
    let mut lone = Lone::start(over(&[refusing.address, serving.address]));
    let mut client = lone.connect_client();
    for _ in 0..20 {
        assert_eq!(post(&mut client, "/", "once").text(), "POST http://shop.example/ once none");
    }
    assert!(Seen::get(&refusing.seen.requests) > 0, "somebody was asked in vain");
    let report = lone.control.await_report("all answered", |report| report.services[&service("shop")].finished == 20);
    assert_eq!(report.services[&service("shop")].failed, 0);
}

#[test]
fn a_request_that_was_lost_is_sent_again_only_if_it_may_be() {
    let losing = H2Backend::start(Manners::default(), resets(Reason::INTERNAL_ERROR));
    let serving = H2Backend::start(Manners::default(), echo);
    let lone = Lone::start(over(&[losing.address, serving.address]));
    let mut client = lone.connect_client();
    let statuses: Vec<u16> = (0..10).map(|_| post(&mut client, "/", "once").status).collect();
    assert!(statuses.contains(&502) && statuses.contains(&200), "{statuses:?}");
    let statuses: Vec<u16> = (0..10).map(|_| client.get("/").status).collect();
    assert_eq!(statuses, [200; 10], "GET may be sent twice");
}

#[test]
fn an_endpoint_that_says_goaway_loses_no_request() {
    let backend = H2Backend::start(Manners { goes_after: 7, ..Manners::default() }, echo);
    let lone = start(&backend);
    let address = lone.address;
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                for _ in 0..40 {
                    assert_eq!(post(&mut client, "/", "x").status, 200);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(Seen::get(&backend.seen.connections) > 10, "connections went and came");
    assert_eq!(Seen::get(&backend.seen.requests), 320);
}

#[test]
fn an_endpoint_that_cannot_be_reached_or_speaks_something_else_is_passed_over() {
    let other = crate::common::Backend::named("http1");
    let serving = H2Backend::start(Manners::default(), echo);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lone = Lone::start(over(&[other.address, gone, serving.address]));
    let mut client = lone.connect_client();
    for _ in 0..12 {
        assert_eq!(post(&mut client, "/", "once").status, 200);
    }
    let lone = Lone::start(over(&[other.address]));
    let answer = lone.get("/", "");
    assert_eq!((answer.status, answer.field("x-plimsoll-reason")), (502, Some("connect-failed")));
}

#[test]
fn a_client_that_reads_nothing_holds_up_its_own_stream_and_nobody_elses() {
    const OFFERED: usize = 64 * 1024 * 1024;
    let backend = H2Backend::start(Manners::default(), |request, mut respond| {
        Box::pin(async move {
            if request.uri().path() != "/large" {
                return echo(request, respond).await;
            }
            let mut stream =
                respond.send_response(head(200, &[("content-length", &OFFERED.to_string())]), false).unwrap();
            let mut sent = 0;
            while sent < OFFERED {
                stream.reserve_capacity(16 * 1024);
                let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else {
                    return;
                };
                stream.send_data(vec![b'x'; room].into(), false).unwrap();
                sent += room;
                assert!(sent < OFFERED / 2, "{sent} bytes were taken for clients that read nothing");
            }
        })
    });
    let lone = start(&backend);
    let deaf: Vec<_> = (0..12)
        .map(|_| {
            let mut client = lone.connect_client();
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
            // Its first bytes are there, and it reads nothing more.
            assert!(client.more());
            client
        })
        .collect();
    let mut client = lone.connect_client();
    for _ in 0..50 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!(Seen::get(&backend.seen.connections), 1);
    drop(deaf);
    eventually("their streams are given up", || Seen::get(&backend.seen.open) == 0);
}

#[test]
fn large_bodies_pass_both_ways() {
    let backend = H2Backend::start(Manners::default(), |request, mut respond| {
        Box::pin(async move {
            let (body, _) = whole(request.into_body()).await.unwrap();
            let mut stream = respond.send_response(head(200, &[]), false).unwrap();
            let mut left = Bytes::from(body);
            while !left.is_empty() {
                stream.reserve_capacity(left.len());
                let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await.unwrap().unwrap();
                stream.send_data(left.split_to(room.min(left.len())), false).unwrap();
            }
            stream.send_data(Bytes::new(), true).unwrap();
        })
    });
    let lone = start(&backend);
    let body: String = (0..3_000_000).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    let mut client = lone.connect_client();
    for _ in 0..3 {
        assert!(post(&mut client, "/", &body).text() == body);
    }
}

/// Greets as HTTP/2 does and then says nothing more.
fn silent(peer: &mut crate::common::Peer) {
    peer.take(24);
    peer.send(b"\0\0\0\x04\0\0\0\0\0");
    while !peer.take(1).is_empty() {}
}

#[test]
fn a_connection_whose_endpoint_has_gone_without_a_word_is_dropped() {
    let backend = crate::common::Backend::start(silent);
    let mut file = over(&[backend.address]);
    file.gateway.limits.connect_timeout = Millis(200);
    file.gateway.listeners[0].routes[0].timeout = Millis(200);
    let lone = Lone::start(file);
    let answer = lone.get("/", "");
    assert_eq!((answer.status, answer.field("x-plimsoll-reason")), (504, Some("response-timeout")));
    // The PING that follows is not answered either.
    eventually("the connection is dropped", || Seen::get(&backend.closed) == 1);
    assert_eq!(lone.get("/", "").status, 504);
    assert_eq!(Seen::get(&backend.connections), 2, "the next request takes a new one");
}

#[test]
fn what_waits_for_a_connection_fails_in_time() {
    let backend = crate::common::Backend::start(|peer| while !peer.take(1).is_empty() {});
    let mut file = over(&[backend.address]);
    file.gateway.limits.connect_timeout = Millis(200);
    let lone = Lone::start(file);
    let begun = std::time::Instant::now();
    let answer = lone.get("/", "");
    assert_eq!((answer.status, answer.field("x-plimsoll-reason")), (504, Some("connect-timeout")));
    assert!(begun.elapsed() < PATIENCE / 2);
}

#[test]
fn connections_to_an_endpoint_that_is_gone_end() {
    let backend = H2Backend::start(Manners::default(), echo);
    let other = H2Backend::start(Manners::default(), echo);
    let mut lone = start(&backend);
    assert_eq!(lone.get("/", "").status, 200);
    assert_eq!(Seen::get(&backend.seen.ended), 0, "it is kept");
    lone.reload(Ok(over(&[other.address]))).unwrap();
    eventually("an endpoint that left its pool", || Seen::get(&backend.seen.ended) == 1);
    assert_eq!(lone.get("/", "").status, 200);
    let mut without = over(&[backend.address]);
    let pool = without.pools.remove(&service("shop")).unwrap();
    without.pools.insert(service("other"), pool);
    without.gateway.listeners[0].routes[0].service = service("other");
    lone.reload(Ok(without)).unwrap();
    eventually("an endpoint whose pool is gone", || Seen::get(&other.seen.ended) == 1);
}
