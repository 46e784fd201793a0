//! Responses: the first byte says what was asked, the rest is what a replica answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::codec::encode::{self, ToClient};
use plimsoll_fuzz::codec::response::{self, Asked};
use plimsoll_fuzz::codec::{Framing, HeadScan};
use plimsoll_fuzz::{drive, reader};
use std::mem::MaybeUninit;

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, bytes)) = bytes.split_first() else { return };
    let asked = Asked { head: mode & 1 != 0, upgrade: mode & 2 != 0 };
    let minor = u8::from(mode & 4 == 0);
    let whole = HeadScan::default().advance(bytes);
    let mut scan = HeadScan::default();
    let split = drive::cuts(bytes).into_iter().map(|end| scan.advance(&bytes[..end])).find(|found| *found != Ok(None));
    assert_eq!(split.unwrap_or(Ok(None)), whole, "splits change the head");
    let Ok(Some(length)) = whole else { return };
    let mut storage = [MaybeUninit::uninit(); 32];
    let Ok(head) = response::parse(&bytes[..length], asked, &mut storage) else { return };
    let rest = &bytes[length..];
    let body = drive::body(head.framing, rest, &[rest.len()]);
    assert_eq!(drive::body(head.framing, rest, &drive::cuts(rest)), body, "splits change the body");
    let framing = encode::framing_to_client(&head, minor);
    let mut out = Vec::new();
    let keep_alive = mode & 8 != 0 && framing != Framing::UntilClose;
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    encode::response(&mut out, &head, ToClient { minor, keep_alive, date });
    let mut storage = [MaybeUninit::uninit(); 64];
    let again = response::parse(&out, asked, &mut storage).expect("what is sent on can be read");
    assert_eq!((again.status, again.framing), (head.status, framing));
    assert!(again.keep_alive == keep_alive || head.status < 200, "keep-alive changes");

    let Some((data, is_done, _)) = body else { return };
    if !is_done && head.framing != Framing::UntilClose {
        return;
    }
    if framing == Framing::Chunked { out.extend(drive::chunked(&data)) } else { out.extend(&data) }
    let method = if asked.head { "HEAD" } else { "GET" };
    let read = reader::response(&out, method, framing == Framing::UntilClose);
    let read = read.unwrap_or_else(|why| panic!("{why}: {:?}", String::from_utf8_lossy(&out)));
    let read = read.expect("a whole message");
    assert_eq!((read.length, &read.body), (out.len(), &data));
});
