//! Drives the codec over bytes that arrive in pieces, as the gateway does.

use crate::codec::{BodyReader, Framing};

/// Places to cut `length` bytes at, drawn from the input itself, so that a failing input fails again; the last is the end.
#[must_use]
pub fn cuts(bytes: &[u8]) -> Vec<usize> {
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut all: Vec<usize> = (0..4)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % (bytes.len() as u64 + 1)) as usize
        })
        .collect();
    all.push(bytes.len());
    all.sort_unstable();
    all
}

/// The data of a body in `bytes` that arrive up to each of `ends`, whether it is whole, and the bytes used; none when it
/// is malformed.
#[must_use]
pub fn body(framing: Framing, bytes: &[u8], ends: &[usize]) -> Option<(Vec<u8>, bool, usize)> {
    let mut reader = BodyReader::new(framing);
    let mut data = Vec::new();
    let mut at = 0;
    for end in ends.iter().copied() {
        while at < end && !reader.is_done() {
            let step = reader.step(&bytes[at..end]).ok()?;
            assert!(step.consumed > 0 && step.data.end <= step.consumed, "every call gets on: {step:?}");
            data.extend_from_slice(&bytes[at..end][step.data]);
            at += step.consumed;
        }
    }
    Some((data, reader.is_done(), at))
}

/// `data` as one chunk and the end, as the gateway writes it.
#[must_use]
pub fn chunked(data: &[u8]) -> Vec<u8> {
    use crate::codec::encode::{BODY_END, CHUNK_END, chunk_start};
    let mut out = Vec::new();
    if !data.is_empty() {
        chunk_start(&mut out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(CHUNK_END);
    }
    out.extend_from_slice(BODY_END);
    out
}
