//! Heads and trailers between the two versions: whatever fields a stream has, what becomes of them is one canonical message
//! with no field more, and what an exchange has written is the same request on a stream.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::codec::chunked::ChunkReader;
use plimsoll_fuzz::codec::encode::{self, Origin};
use plimsoll_fuzz::codec::response::{self, Asked};
use plimsoll_fuzz::codec::{Framing, HeadScan, request};
use plimsoll_fuzz::{heads, reader};
use std::mem::MaybeUninit;

/// Lines `name: value`, as far as a stream can have them.
fn fields(text: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n').take(40) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

/// A replica's response on its way to the exchange.
fn response(mode: u8, text: &[u8]) {
    let status = 100 + u16::from(mode >> 3) * 17 + u16::from(text.first().copied().unwrap_or(0)) % 17;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let (is_head, is_whole) = (mode & 2 != 0, mode & 4 != 0);
    let map = fields(text);
    let framing = heads::framing_of(status, &map, is_head, is_whole);
    let out = heads::response_bytes(status, &map, framing);
    assert_eq!(HeadScan::default().advance(&out), Ok(Some(out.len())), "one head and nothing behind it");
    let mut storage = [MaybeUninit::uninit(); 64];
    let Ok(head) = response::parse(&out, Asked { head: is_head, upgrade: false }, &mut storage) else { return };
    for field in head.fields {
        let is_ours = ["connection", "content-length", "transfer-encoding"].contains(&&*field.name.to_ascii_lowercase());
        assert!(is_ours || map.contains_key(field.name), "{} comes from nowhere", field.name);
    }
    let is_same = match framing {
        Framing::Length(_) => matches!(head.framing, Framing::Length(_)),
        other => head.framing == other,
    };
    assert!(is_same && !(head.keep_alive && status.as_u16() >= 200), "{framing:?} became {:?}", head.framing);
}

/// Trailers there and back.
fn trailers(text: &[u8]) {
    let map = fields(text);
    let mut out = Vec::new();
    heads::trailer_bytes(&mut out, Some(&map));
    let mut chunks = ChunkReader::default();
    let Ok(step) = chunks.step(&out) else { return };
    assert!(step.done && step.consumed == out.len(), "trailers end where they end");
    let back = heads::trailers_of(chunks.trailers()).expect("what came from a stream goes back to one");
    assert_eq!(back.len(), map.len());
    for name in map.keys() {
        let trimmed = |map: &HeaderMap| -> Vec<Vec<u8>> {
            map.get_all(name).iter().map(|value| value.as_bytes().trim_ascii().to_vec()).collect()
        };
        assert_eq!(trimmed(&back), trimmed(&map));
    }
}

/// A client's request through the codec, to a stream, and back.
fn asked(bytes: &[u8]) {
    let Ok(Some(length)) = HeadScan::default().advance(bytes) else { return };
    let mut storage = [MaybeUninit::uninit(); 32];
    let Ok(head) = request::parse(&bytes[..length], &mut storage) else { return };
    let origin = Origin {
        address: "1.1.1.1",
        node: "1.1.1.1",
        trusted: false,
        host_fallback: "s",
        scheme: "http",
        request_id: b"i",
    };
    let mut out = Vec::new();
    encode::request(&mut out, &head, &origin);
    // A target that is no URI has no form in HTTP/2.
    let Some(asking) = heads::request_of(&out, "http") else { return };
    assert_eq!(asking.framing, head.framing);
    assert_eq!(asking.is_head, head.method == "HEAD");
    let forbidden = ["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection", "host"];
    assert!(forbidden.iter().all(|name| !asking.request.headers().contains_key(*name)));
    let (parts, ()) = asking.request.into_parts();
    let mut back = Vec::new();
    if heads::request_bytes(&mut back, &parts, asking.framing == Framing::None).is_none() {
        return;
    }
    let mut storage = [MaybeUninit::uninit(); 64];
    let again = request::parse(&back, &mut storage).expect("what goes to a stream comes back");
    assert_eq!((again.method, again.framing, again.takes_trailers), (head.method, head.framing, head.takes_trailers));
    assert_eq!(again.authority, Some(head.authority.unwrap_or(b"s")));
    if head.framing == Framing::None {
        let read = reader::request(&back).unwrap_or_else(|why| panic!("{why}: {:?}", String::from_utf8_lossy(&back)));
        assert_eq!(read.map(|message| message.length), Some(back.len()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, bytes)) = bytes.split_first() else { return };
    match mode & 3 {
        0 | 2 => response(*mode, bytes),
        1 => trailers(bytes),
        _ => asked(bytes),
    }
});
