//! Requests: whatever the bytes and however they arrive, what is accepted reads back as the same one message, by the codec
//! and by the second reading.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::codec::encode::{self, Origin};
use plimsoll_fuzz::codec::{Framing, HeadScan, request};
use plimsoll_fuzz::{drive, reader};
use std::mem::MaybeUninit;

/// The head at the start of `bytes` as they arrive up to each of `ends`: bytes skipped and its length; none when it is
/// malformed, `Some(None)` while it is not complete.
fn scan(bytes: &[u8], ends: &[usize]) -> Option<Option<(usize, usize)>> {
    let mut scan = HeadScan::default();
    let mut skipped = 0;
    for end in ends.iter().copied() {
        let end = end.max(skipped);
        skipped += scan.leading(&bytes[skipped..end]);
        if let Some(length) = scan.advance(&bytes[skipped..end]).ok()? {
            return Some(Some((skipped, length)));
        }
    }
    Some(None)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = scan(bytes, &[bytes.len()]);
    assert_eq!(scan(bytes, &drive::cuts(bytes)), whole, "splits change the head");
    let Some(Some((skipped, length))) = whole else { return };
    let mut storage = [MaybeUninit::uninit(); 32];
    let Ok(head) = request::parse(&bytes[skipped..skipped + length], &mut storage) else { return };
    let rest = &bytes[skipped + length..];
    let body = drive::body(head.framing, rest, &[rest.len()]);
    assert_eq!(drive::body(head.framing, rest, &drive::cuts(rest)), body, "splits change the body");

    let origin = Origin { address: "::1", node: "\"[::1]\"", trusted: false, scheme: "http", host_fallback: "s", request_id: b"i" };
    let mut out = Vec::new();
    encode::request(&mut out, &head, &origin);
    let mut storage = [MaybeUninit::uninit(); 64];
    let again = request::parse(&out, &mut storage).expect("what is forwarded can be read");
    assert_eq!((again.method, again.framing, again.minor, again.upgrade), (head.method, head.framing, 1, head.upgrade));
    assert_eq!((again.expects_continue, again.keep_alive), (head.expects_continue, true));
    assert!(head.authority.is_none_or(|authority| again.authority == Some(authority)), "the authority changes");
    let mut twice = Vec::new();
    encode::request(&mut twice, &again, &origin);
    let mut storage = [MaybeUninit::uninit(); 64];
    let third = request::parse(&twice, &mut storage).expect("and again");
    assert_eq!((third.target, third.framing, third.fields.len()), (again.target, again.framing, again.fields.len()));

    // The second reading finds exactly one message in head and body.
    let Some((data, true, _)) = body else { return };
    if head.framing == Framing::Chunked { out.extend(drive::chunked(&data)) } else { out.extend(&data) }
    let read = reader::request(&out).unwrap_or_else(|why| panic!("{why}: {:?}", String::from_utf8_lossy(&out)));
    let read = read.expect("a whole message");
    assert_eq!((read.length, read.word(0), &read.body), (out.len(), head.method, &data));
});
