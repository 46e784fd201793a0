//! What the codec accepts and refuses, case by case from RFC 9112 and RFC 9110.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use plimsoll_gateway::codec::response::{self, Asked};
use plimsoll_gateway::codec::{Framing, HeadScan, RequestError, ResponseError, request};
use std::mem::MaybeUninit;

/// Framing and whether the connection stays, of a request as the proxy reads it; the error if it is refused.
fn read(bytes: &[u8]) -> Result<(Framing, bool), RequestError> {
    let mut scan = HeadScan::default();
    let bytes = &bytes[scan.leading(bytes)..];
    let end = scan.advance(bytes).map_err(|_| RequestError::BareLineEnd)?.expect("a whole head");
    let mut storage = [MaybeUninit::uninit(); 16];
    let head = request::parse(&bytes[..end], &mut storage)?;
    Ok((head.framing, head.keep_alive))
}

/// Fields behind a valid request line and Host.
fn with(fields: &str) -> Result<(Framing, bool), RequestError> {
    read(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes())
}

/// A request line before a valid Host.
fn line(line: &str) -> Result<(Framing, bool), RequestError> {
    read(format!("{line}\r\nHost: a\r\n\r\n").as_bytes())
}

const KEEP: bool = true;
const CLOSE: bool = false;

#[test]
fn request_bodies_end_where_every_reader_must_agree() {
    use Framing::{Chunked, Length, None};
    use RequestError::{CodingUnknown, ContentLength, LengthAndCoding, TransferEncoding};
    for (fields, expected) in [
        ("", Ok((None, KEEP))),
        ("Content-Length: 0\r\n", Ok((Length(0), KEEP))),
        ("Content-Length: 5\r\n", Ok((Length(5), KEEP))),
        ("content-length:5\r\n", Ok((Length(5), KEEP))),
        ("Content-Length: \t 5 \t\r\n", Ok((Length(5), KEEP))),
        ("Content-Length: 999999999999999999\r\n", Ok((Length(999_999_999_999_999_999), KEEP))),
        ("Content-Length: 9999999999999999999\r\n", Err(ContentLength)),
        ("Content-Length: 18446744073709551617\r\n", Err(ContentLength)),
        ("Content-Length:\r\n", Err(ContentLength)),
        ("Content-Length: -1\r\n", Err(ContentLength)),
        ("Content-Length: +5\r\n", Err(ContentLength)),
        ("Content-Length: 5.0\r\n", Err(ContentLength)),
        ("Content-Length: 0x5\r\n", Err(ContentLength)),
        ("Content-Length: 5 5\r\n", Err(ContentLength)),
        ("Content-Length: 5, 5\r\n", Err(ContentLength)),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(ContentLength)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(ContentLength)),
        ("Transfer-Encoding: chunked\r\n", Ok((Chunked, KEEP))),
        ("transfer-encoding: CHUNKED\r\n", Ok((Chunked, KEEP))),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(LengthAndCoding)),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(LengthAndCoding)),
        ("Transfer-Encoding: chunked, chunked\r\n", Err(TransferEncoding)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(TransferEncoding)),
        ("Transfer-Encoding: chunked, identity\r\n", Err(TransferEncoding)),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(CodingUnknown)),
        ("Transfer-Encoding: chunked,\r\n", Err(TransferEncoding)),
        ("Transfer-Encoding: ,chunked\r\n", Err(TransferEncoding)),
        ("Transfer_Encoding: chunked\r\n", Err(RequestError::Field)),
        ("content_length: 5\r\n", Err(RequestError::Field)),
        ("Transfer-Encoding: chunked;q=1\r\n", Err(CodingUnknown)),
        ("Transfer-Encoding: \"chunked\"\r\n", Err(CodingUnknown)),
        ("Transfer-Encoding: xchunked\r\n", Err(CodingUnknown)),
        ("Transfer-Encoding: identity\r\n", Err(CodingUnknown)),
        ("Transfer-Encoding: gzip\r\n", Err(CodingUnknown)),
        ("Transfer-Encoding:\r\n", Err(TransferEncoding)),
        ("Transfer-Encoding: \x0bchunked\r\n", Err(RequestError::Field)),
        ("Transfer-Encoding : chunked\r\n", Err(RequestError::Field)),
        ("Transfer-Encoding\r\n", Err(RequestError::Field)),
        ("X: y\r\n Transfer-Encoding: chunked\r\n", Err(RequestError::Folded)),
        ("Transfer-Encoding:\r\n chunked\r\n", Err(RequestError::Folded)),
        ("Transfer-Encoding:\r\n\tchunked\r\n", Err(RequestError::Folded)),
    ] {
        assert_eq!(with(fields), expected, "{fields:?}");
    }
    let one_zero = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read(one_zero), Err(TransferEncoding), "HTTP/1.0 has no transfer codings");
}

#[test]
fn fields_are_refused_when_readers_could_differ() {
    use RequestError::{BareLineEnd, Field, Folded, HostInvalid};
    for (fields, expected) in [
        ("X: 1\r\n", Ok((Framing::None, KEEP))),
        ("X:\r\n", Ok((Framing::None, KEEP))),
        ("X: \u{e9}\r\n", Ok((Framing::None, KEEP))),
        ("X : 1\r\n", Err(Field)),
        (": 1\r\n", Err(Field)),
        ("X y: 1\r\n", Err(Field)),
        ("X\ty: 1\r\n", Err(Field)),
        ("X(y): 1\r\n", Err(Field)),
        ("\u{e9}: 1\r\n", Err(Field)),
        ("X: a\0b\r\n", Err(Field)),
        ("X: a\x7fb\r\n", Err(Field)),
        ("X: a\rb\r\n", Err(Field)),
        ("X: a\r\r\n", Err(Field)),
        ("X: 1\r\n folded\r\n", Err(Folded)),
        ("X: 1\nY: 2\r\n", Err(BareLineEnd)),
        ("X: 1\n\r\n", Err(BareLineEnd)),
        ("Host: a\r\n", Err(HostInvalid)),
        ("host: b\r\n", Err(HostInvalid)),
        ("Expect: 100-continue\r\n", Ok((Framing::None, KEEP))),
        ("Expect: something\r\n", Err(RequestError::Expectation)),
        ("Connection: close\r\n", Ok((Framing::None, CLOSE))),
        ("Connection: keep-alive, Close\r\n", Ok((Framing::None, CLOSE))),
        ("Connection: x\r\nConnection: close\r\n", Ok((Framing::None, CLOSE))),
        ("Proxy-Connection: close\r\n", Ok((Framing::None, KEEP))),
    ] {
        assert_eq!(with(fields), expected, "{fields:?}");
    }
    let many: String = (0..16).map(|number| format!("X-{number}: 1\r\n")).collect();
    assert_eq!(with(&many), Err(RequestError::TooManyFields));
}

#[test]
fn request_lines_have_one_form() {
    use RequestError::{Connect, RequestLine, Target, Version};
    let plain = Ok((Framing::None, KEEP));
    for (text, expected) in [
        ("GET / HTTP/1.1", plain),
        ("\r\nGET / HTTP/1.1", plain),
        ("\r\n\r\nGET / HTTP/1.1", plain),
        ("PROPFIND /x?y=z HTTP/1.1", plain),
        ("M-SEARCH / HTTP/1.1", plain),
        ("GET http://a/x HTTP/1.1", plain),
        ("GET HTTPS://a:443 HTTP/1.1", plain),
        ("GET http://a?x HTTP/1.1", plain),
        ("OPTIONS * HTTP/1.1", plain),
        ("GET / HTTP/1.0", Ok((Framing::None, CLOSE))),
        ("\r\n\r\n\r\nGET / HTTP/1.1", Err(RequestLine)),
        (" GET / HTTP/1.1", Err(RequestLine)),
        ("GET  / HTTP/1.1", Err(RequestLine)),
        ("GET /  HTTP/1.1", Err(RequestLine)),
        ("GET / HTTP/1.1 ", Err(RequestLine)),
        ("GET\t/ HTTP/1.1", Err(RequestLine)),
        ("GET /\tHTTP/1.1", Err(RequestLine)),
        ("GET / HTTP/1.1\r", Err(RequestLine)),
        ("GET /", Err(RequestLine)),
        ("GET", Err(RequestLine)),
        ("G(T / HTTP/1.1", Err(RequestLine)),
        ("GET / http/1.1", Err(RequestLine)),
        ("GET / HTTP/1.", Err(RequestLine)),
        ("GET / HTTP/01.1", Err(RequestLine)),
        ("GET / HTTP/1.10", Err(RequestLine)),
        ("GET / HTTPS/1.1", Err(RequestLine)),
        ("GET /a b HTTP/1.1", Err(RequestLine)),
        ("GET / HTTP/2.0", Err(Version)),
        ("GET / HTTP/0.9", Err(Version)),
        ("GET / HTTP/1.2", Err(Version)),
        ("PRI * HTTP/2.0", Err(Version)),
        ("GET * HTTP/1.1", Err(Target)),
        ("GET x HTTP/1.1", Err(Target)),
        ("GET a:80 HTTP/1.1", Err(Target)),
        ("GET /#x HTTP/1.1", Err(Target)),
        ("GET /\u{e9} HTTP/1.1", Err(Target)),
        ("GET ftp://a/ HTTP/1.1", Err(Target)),
        ("GET http:///x HTTP/1.1", Err(Target)),
        ("GET http://user@a/ HTTP/1.1", Err(Target)),
        ("GET http://a:port/ HTTP/1.1", Err(Target)),
        ("CONNECT a:80 HTTP/1.1", Err(Connect)),
        ("CONNECT / HTTP/1.1", Err(Connect)),
    ] {
        assert_eq!(line(text), expected, "{text:?}");
    }
    assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n"), Err(RequestError::HostMissing));
    assert_eq!(read(b"GET http://a/ HTTP/1.1\r\n\r\n"), Err(RequestError::HostMissing));
    assert_eq!(read(b"GET / HTTP/1.0\r\n\r\n"), Ok((Framing::None, CLOSE)));
    assert_eq!(read(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), Ok((Framing::None, KEEP)));
    for host in ["", "a b", "a/b", "user@a", "a:b", "a,b", "[::1"] {
        let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(read(text.as_bytes()), Err(RequestError::HostInvalid), "{host:?}");
    }
}

#[test]
fn a_switch_of_protocols_is_only_passed_on_when_nothing_else_can_be_meant() {
    let upgrade = |fields: &str| -> Option<Vec<u8>> {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut storage = [MaybeUninit::uninit(); 16];
        request::parse(text.as_bytes(), &mut storage).unwrap().upgrade.map(<[u8]>::to_vec)
    };
    assert_eq!(upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n"), Some(b"websocket".to_vec()));
    assert_eq!(upgrade("Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n"), Some(b"websocket".to_vec()));
    for fields in [
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
        "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.2\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(upgrade(fields), None, "{fields:?}");
    }
}

/// Framing and whether the replica's connection stays.
fn answer(text: &str, asked: Asked) -> Result<(Framing, bool), ResponseError> {
    let bytes = text.as_bytes();
    let end = HeadScan::default().advance(bytes).map_err(|_| ResponseError::BareLineEnd)?.expect("a whole head");
    let mut storage = [MaybeUninit::uninit(); 16];
    let head = response::parse(&bytes[..end], asked, &mut storage)?;
    Ok((head.framing, head.keep_alive))
}

#[test]
fn responses_end_where_the_request_and_the_status_say() {
    use Framing::{Chunked, Length, None, UntilClose};
    let get = Asked { head: false, upgrade: false };
    let head = Asked { head: true, upgrade: false };
    let upgrade = Asked { head: false, upgrade: true };
    for (text, asked, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", get, Ok((Length(5), KEEP))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head, Ok((None, KEEP))),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", head, Ok((None, KEEP))),
        ("HTTP/1.1 200 OK\r\n\r\n", head, Ok((None, KEEP))),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", get, Ok((Length(0), KEEP))),
        ("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", get, Ok((Length(0), KEEP))),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", get, Ok((None, KEEP))),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", get, Ok((None, CLOSE))),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", get, Ok((None, CLOSE))),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", get, Ok((None, KEEP))),
        ("HTTP/1.1 100 Continue\r\n\r\n", get, Ok((None, KEEP))),
        ("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", get, Err(ResponseError::Framing)),
        ("HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\n", get, Ok((Length(5), KEEP))),
        ("HTTP/1.1 200 OK\r\n\r\n", get, Ok((UntilClose, CLOSE))),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", get, Ok((Length(5), CLOSE))),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", get, Ok((Length(5), CLOSE))),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", get, Ok((Length(5), KEEP))),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", get, Ok((Chunked, KEEP))),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", upgrade, Ok((None, KEEP))),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", upgrade, Err(ResponseError::Switched)),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", upgrade, Err(ResponseError::Switched)),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", get, Err(ResponseError::Switched)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            get,
            Err(ResponseError::Framing),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", get, Err(ResponseError::Framing)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", get, Err(ResponseError::Framing)),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", head, Err(ResponseError::Framing)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", get, Err(ResponseError::Framing)),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", get, Err(ResponseError::Framing)),
        ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", get, Err(ResponseError::Field)),
        ("HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", get, Err(ResponseError::Field)),
        ("HTTP/1.1 200 OK\r\nX: y\n\r\n", get, Err(ResponseError::BareLineEnd)),
        ("HTTP/2.0 200 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
        ("HTTP/1.1 20 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
        ("HTTP/1.1 2000 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
        ("HTTP/1.1 099 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
        ("HTTP/1.1 600 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
        ("HTTP/1.1 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
        ("ICY 200 OK\r\n\r\n", get, Err(ResponseError::StatusLine)),
    ] {
        assert_eq!(answer(text, asked), expected, "{text:?} to {asked:?}");
    }
}
