//! Chunked bodies against a decoder written apart, which looks at the whole input at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::codec::Framing;
use plimsoll_fuzz::codec::chunked::{EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX, TRAILER_FIELDS_MAX};
use plimsoll_fuzz::drive;

/// The line at `at` without its CRLF, and where the next begins. None when it does not end yet, an error when it cannot.
fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, ()> {
    let rest = &bytes[at..];
    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
    if rest[..end].iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 127) {
        return Err(());
    }
    match rest.get(end..end + 2) {
        Some(b"\r\n") => Ok(Some((&rest[..end], at + end + 2))),
        Some(_) => Err(()),
        None if rest.get(end) == Some(&b'\n') => Err(()),
        None => Ok(None),
    }
}

/// Data, and where the body ends if it does. Bounds are not this decoder's matter.
fn decode(bytes: &[u8]) -> Result<(Vec<u8>, Option<usize>), ()> {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let Some((size_line, next)) = line(bytes, at)? else { return Ok((data, None)) };
        let (size, after) = match size_line.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            Some(end) => size_line.split_at(end),
            None => (size_line, &[][..]),
        };
        let is_extension = after.is_empty() || after.trim_ascii_start().first() == Some(&b';');
        if size.is_empty() || size.len() > 16 || !is_extension {
            return Err(());
        }
        let size = u64::from_str_radix(std::str::from_utf8(size).map_err(|_| ())?, 16).map_err(|_| ())?;
        at = next;
        if size == 0 {
            break;
        }
        let have = bytes.len() - at;
        if size > have as u64 {
            data.extend_from_slice(&bytes[at..]);
            return Ok((data, None));
        }
        let size = size as usize;
        data.extend_from_slice(&bytes[at..at + size]);
        at += size;
        match bytes.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            None if bytes[at..].is_empty() || bytes[at..] == *b"\r" => return Ok((data, None)),
            _ => return Err(()),
        }
    }
    loop {
        let Some((trailer, next)) = line(bytes, at)? else { return Ok((data, None)) };
        at = next;
        if trailer.is_empty() {
            return Ok((data, Some(at)));
        }
        let colon = trailer.iter().position(|byte| *byte == b':').ok_or(())?;
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if colon == 0 || !trailer[..colon].iter().all(is_token) {
            return Err(());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let ours = drive::body(Framing::Chunked, bytes, &[bytes.len()]);
    assert_eq!(drive::body(Framing::Chunked, bytes, &drive::cuts(bytes)), ours, "splits change the body");
    match (&ours, decode(bytes)) {
        (Some((data, true, used)), theirs) => assert_eq!(theirs, Ok((data.clone(), Some(*used)))),
        // Incomplete: a line that has not ended may still be refused by one and not yet by the other, but never be whole.
        (Some((data, false, _)), Ok((other, end))) => assert_eq!((data, None), (&other, end)),
        (Some((_, false, _)), Err(())) => {}
        (None, Ok((_, Some(_)))) => {
            // Only bounds may refuse what is well formed.
            let bound = TRAILER_BYTES_MAX.min(EXTENSION_BYTES_MAX as usize);
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            assert!(bytes.len() > bound || lines > TRAILER_FIELDS_MAX, "a whole body was refused");
        }
        (None, _) => {}
    }
    if let Some((data, true, _)) = ours {
        let again = drive::chunked(&data);
        assert_eq!(drive::body(Framing::Chunked, &again, &[again.len()]), Some((data, true, again.len())));
    }
});
