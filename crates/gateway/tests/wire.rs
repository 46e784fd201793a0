//! What the replica receives and what the client receives, byte for byte.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Backend, Gateway, Peer, snapshot};

/// Sends bytes through a gateway to a recording replica; gives what the replica received with the request id blanked,
/// and the response's status.
fn forward(bytes: impl AsRef<[u8]>, trusted: bool) -> (String, u16) {
    let backend = Backend::start(|peer| {
        while let Some(head) = peer.head() {
            read_body(peer, &head);
            if !peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
                return;
            }
        }
    });
    let mut spec = snapshot(1, &[backend.address]);
    if trusted {
        spec.gateway.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
    }
    let gateway = Gateway::start(spec);
    let status = gateway.connect().send(bytes).response().status;
    let received = backend.received_text();
    let lines = received.split("\r\n").map(|line| match line.strip_prefix("X-Request-Id: ") {
        Some(id) if id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => "X-Request-Id: ID",
        _ => line,
    });
    (lines.collect::<Vec<_>>().join("\n"), status)
}

fn read_body(peer: &mut Peer, head: &str) -> Vec<u8> {
    if head.contains("Transfer-Encoding: chunked") {
        return peer.until(b"\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    peer.take(length.map_or(0, |length| length.parse().unwrap()))
}

const FORWARDED: &str = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: shop.example\nX-Forwarded-Proto: http\n\
                         Forwarded: for=127.0.0.1;host=\"shop.example\";proto=http\n";

#[test]
fn a_request_goes_on_with_our_framing_and_without_hop_by_hop_fields() {
    let (received, status) = forward(
        "POST /a?b=c HTTP/1.1\r\nhost: shop.example\r\nAccept: x\r\nConnection: keep-alive, X-Hop, Cookie\r\nX-Hop: 1\r\n\
         Cookie: kept\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\n\
         Upgrade: h2c\r\ncontent-length:   5\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\nhello",
        false,
    );
    assert_eq!(status, 200);
    assert_eq!(
        received,
        format!(
            "POST /a?b=c HTTP/1.1\nHost: shop.example\nAccept: x\nCookie: kept\nX-Twice: 1\nX-Twice: 2\n\
             X-Request-Id: ID\n{FORWARDED}Content-Length: 5\nTE: trailers\nConnection: TE\n\nhello"
        )
    );
}

#[test]
fn chunks_are_written_anew_without_extensions_and_with_trailers_for_a_body() {
    let (received, status) = forward(
        "PUT / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: CHUNKED\r\n\r\n\
         005;ext=\"1\"\r\nhello\r\n3\r\nyou\r\n000\r\nX-Trailer:kept\r\nHost: dropped\r\n\r\n",
        false,
    );
    assert_eq!(status, 200);
    assert_eq!(
        received,
        format!(
            "PUT / HTTP/1.1\nHost: shop.example\nX-Request-Id: ID\n{FORWARDED}Transfer-Encoding: chunked\n\n\
             5\nhello\n3\nyou\n0\nX-Trailer: kept\n\n"
        )
    );
}

#[test]
fn what_a_client_says_of_earlier_hops_is_only_believed_from_trusted_addresses() {
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8\r\n\
                   X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=9.9.9.9\r\n\
                   X-Request-Id: abc-1\r\n\r\n";
    let (received, _) = forward(request, false);
    assert_eq!(received, format!("GET / HTTP/1.1\nHost: shop.example\nX-Request-Id: abc-1\n{FORWARDED}\n"));
    let (received, _) = forward(request, true);
    assert_eq!(
        received,
        "GET / HTTP/1.1\nHost: shop.example\nX-Request-Id: abc-1\nX-Forwarded-For: 9.9.9.9, 8.8.8.8, 127.0.0.1\n\
         X-Forwarded-Host: evil\nX-Forwarded-Proto: https\n\
         Forwarded: for=9.9.9.9, for=127.0.0.1;host=\"shop.example\";proto=http\n\n"
    );
}

#[test]
fn a_request_id_that_could_break_a_log_line_is_replaced() {
    for id in ["", "a b", "a\"b", &"x".repeat(129)] {
        let (received, _) = forward(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: {id}\r\n\r\n"), false);
        assert!(received.contains("\nX-Request-Id: ID\n"), "{received}");
        assert_eq!(received.matches("X-Request-Id").count(), 1);
    }
}

#[test]
fn an_absolute_target_replaces_the_host_and_http_1_0_gets_one() {
    let (received, _) = forward("GET http://shop.example HTTP/1.1\r\nHost: other\r\n\r\n", false);
    assert!(received.starts_with("GET / HTTP/1.1\nHost: shop.example\nX-Request"), "{received}");
    let (received, _) = forward("GET http://shop.example?q HTTP/1.1\r\nHost: other\r\n\r\n", false);
    assert!(received.starts_with("GET /?q HTTP/1.1\nHost: shop.example\n"), "{received}");
    let (received, _) = forward("GET /x HTTP/1.0\r\n\r\n", false);
    assert!(received.starts_with("GET /x HTTP/1.1\nHost: shop\n"), "{received}");
    let (received, _) = forward("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", false);
    assert!(received.starts_with("OPTIONS * HTTP/1.1\n"), "{received}");
}

#[test]
fn nothing_of_a_refused_request_reaches_the_replica() {
    for (bytes, status, reason) in [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "bare-line-end"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "length-and-coding",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, "content-length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "coding-unknown"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400, "chunk"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "host-missing"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501, "connect"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400, "folded-field"),
    ] {
        let backend = Backend::named("a");
        let mut gateway = Gateway::start(snapshot(1, &[backend.address]));
        let mut client = gateway.connect();
        // A second request behind the refused one must not be read as one either.
        let response = client.send(bytes).send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").response();
        assert_eq!((response.status, response.field("x-plimsoll-reason")), (status, Some(reason)), "{bytes:?}");
        assert_eq!(response.field("connection"), Some("close"));
        assert_eq!(client.until_end(), b"", "{bytes:?}");
        assert_eq!(backend.received_text(), "", "{bytes:?}");
        let report = gateway.control.await_report("a refusal", |report| !report.refused.is_empty());
        assert_eq!(report.refused[reason], 1);
    }
}

/// What the client receives for a replica's answer, to the end of the connection.
fn receive(request: &str, answer: &'static [u8]) -> String {
    let backend = Backend::start(move |peer| {
        if peer.head().is_some() {
            peer.send(answer);
        }
    });
    let gateway = Gateway::start(snapshot(1, &[backend.address]));
    let mut client = gateway.connect();
    client.send(request);
    client.stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let text = String::from_utf8(client.until_end()).unwrap();
    // The gateway adds a date to answers that have none; the conformance corpus is about that.
    text.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\r\n")
}

const GET_CLOSE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const GET_1_0: &str = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";

#[test]
fn a_response_goes_on_with_our_framing_for_the_clients_version() {
    for (request, answer, expected) in [
        (
            GET_CLOSE,
            &b"HTTP/1.1 201 Made\r\nServer: x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nok"[..],
            "HTTP/1.1 201 Made\r\nServer: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ),
        (
            GET_CLOSE,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        ),
        (
            GET_CLOSE,
            b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n",
        ),
        (GET_1_0, b"HTTP/1.1 200 OK\r\n\r\nend", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nend"),
        (
            GET_1_0,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab",
        ),
        (
            "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n",
        ),
        (
            GET_CLOSE,
            b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 500\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 500\r\nConnection: close\r\n\r\n",
        ),
        (
            GET_CLOSE,
            b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        ),
        (
            GET_CLOSE,
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
        (
            GET_1_0,
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ] {
        assert_eq!(receive(request, answer), expected, "{:?}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn a_broken_answer_is_a_502_and_a_cut_one_is_cut() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
    ] {
        let text = receive(GET_CLOSE, answer);
        assert!(text.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{text}");
        assert!(text.contains("X-Plimsoll-Reason: bad-response\r\n"), "{text}");
    }
    let text = receive(GET_CLOSE, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    assert!(text.ends_with("\r\n\r\nhalf"), "{text}");
    let text = receive(GET_CLOSE, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    assert!(text.ends_with("5\r\nhello\r\n"), "no end is made up: {text}");
}
