//! For any bytes: the codec never panics, and how they are split over reads changes nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use plimsoll_gateway::codec::encode::{self, Origin, ToClient};
use plimsoll_gateway::codec::response::{self, Asked};
use plimsoll_gateway::codec::{BodyReader, Framing, HeadScan, request};
use proptest::prelude::*;
use std::mem::MaybeUninit;

/// Bytes that get far into the grammar: pieces of messages in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 20] = [
        b"GET / HTTP/1.1\r\n",
        b"POST http://a/x HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 101 \r\n",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: upgrade, x-a\r\n",
        b"Upgrade: websocket\r\n",
        b"X-A: b\r\n",
        b"X-Forwarded-For: 1.2.3.4\r\n",
        b"\r\n",
        b"\n",
        b"5\r\nhello\r\n",
        b"5;x\r\nhello\r\n",
        b"0\r\n",
        b"\r",
        b" ",
        b":",
        b"\0",
    ];
    let piece = prop::sample::select(&PIECES[..]);
    let noise = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec((piece, noise), 0..12).prop_map(|all| {
        // Noise is rare, or nothing would ever be a message.
        let keep = |at: usize, noise: Vec<u8>| if at % 5 == 4 { noise } else { Vec::new() };
        let each = all.into_iter().enumerate();
        each.flat_map(|(at, (piece, noise))| [piece.to_vec(), keep(at, noise)].concat()).collect()
    })
}

/// Everything that can be observed of a request or response head.
fn heads(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let Ok(Some(end)) = HeadScan::default().advance(bytes) else { return String::new() };
    let mut storage = [MaybeUninit::uninit(); 8];
    let request = request::parse(&bytes[..end], &mut storage).map(|head| {
        let origin = Origin {
            address: "1.1.1.1",
            node: "1.1.1.1",
            trusted: true,
            host_fallback: "s",
            scheme: "http",
            request_id: b"i",
        };
        encode::request(&mut out, &head, &origin);
        head.framing
    });
    let asked = Asked { head: false, upgrade: true };
    let mut storage = [MaybeUninit::uninit(); 8];
    let response = response::parse(&bytes[..end], asked, &mut storage).map(|head| {
        encode::response(&mut out, &head, ToClient { minor: 1, keep_alive: true, date: b"d" });
        head.framing
    });
    format!("{request:?} {response:?} {out:?}")
}

/// Data, whether it is complete, and how much was left over; or the error.
fn body(framing: Framing, bytes: &[u8], splits: &[usize]) -> Result<(Vec<u8>, bool, usize), ()> {
    let mut reader = BodyReader::new(framing);
    let mut data = Vec::new();
    let mut ends: Vec<usize> = splits.iter().map(|split| split % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut at = 0;
    for end in ends {
        while at < end && !reader.is_done() {
            let step = reader.step(&bytes[at..end]).map_err(|_| ())?;
            assert!(step.consumed > 0 && step.data.end <= step.consumed);
            data.extend_from_slice(&bytes[at..end][step.data]);
            at += step.consumed;
        }
    }
    Ok((data, reader.is_done(), bytes.len() - at))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_codec_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), splits in prop::collection::vec(any::<usize>(), 0..4)) {
        heads(&bytes);
        for framing in [Framing::None, Framing::Length(7), Framing::Chunked, Framing::UntilClose] {
            let _ = body(framing, &bytes, &splits);
        }
    }

    #[test]
    fn a_forwarded_head_reads_back_with_the_same_framing(bytes in pieces()) {
        let Ok(Some(end)) = HeadScan::default().advance(&bytes) else { return Ok(()) };
        let mut storage = [MaybeUninit::uninit(); 8];
        let Ok(head) = request::parse(&bytes[..end], &mut storage) else { return Ok(()) };
        let origin = Origin { address: "1.1.1.1", node: "1.1.1.1", trusted: false, host_fallback: "s", scheme: "http", request_id: b"i" };
        let mut out = Vec::new();
        encode::request(&mut out, &head, &origin);
        prop_assert_eq!(HeadScan::default().advance(&out), Ok(Some(out.len())));
        let mut storage = [MaybeUninit::uninit(); 24];
        let again = request::parse(&out, &mut storage).expect("what is forwarded is valid");
        prop_assert_eq!(again.framing, head.framing);
        prop_assert_eq!(again.upgrade, head.upgrade);
        prop_assert!(again.keep_alive);
    }

    #[test]
    fn split_reads_of_a_head_are_as_good_as_whole_ones(bytes in pieces(), splits in prop::collection::vec(any::<usize>(), 0..6)) {
        let whole = HeadScan::default().advance(&bytes);
        let mut scan = HeadScan::default();
        let mut ends: Vec<usize> = splits.iter().map(|split| split % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut split = Ok(None);
        for end in ends {
            split = scan.advance(&bytes[..end]);
            if split != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(split, whole);
    }

    #[test]
    fn split_reads_of_a_body_are_as_good_as_whole_ones(bytes in pieces(), splits in prop::collection::vec(any::<usize>(), 0..6)) {
        for framing in [Framing::Length(9), Framing::Chunked, Framing::UntilClose] {
            prop_assert_eq!(body(framing, &bytes, &splits), body(framing, &bytes, &[]));
        }
    }

    #[test]
    fn chunks_that_we_write_read_back(data in prop::collection::vec(any::<u8>(), 1..400), size in 1usize..50, splits in prop::collection::vec(any::<usize>(), 0..6)) {
        let mut out = Vec::new();
        for chunk in data.chunks(size) {
            encode::chunk_start(&mut out, chunk.len());
            out.extend_from_slice(chunk);
            out.extend_from_slice(encode::CHUNK_END);
        }
        out.extend_from_slice(encode::BODY_END);
        out.extend_from_slice(b"next");
        prop_assert_eq!(body(Framing::Chunked, &out, &splits), Ok((data, true, 4)));
    }
}
