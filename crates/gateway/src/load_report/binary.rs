//! A load report as a protocol buffer, of which four numbers matter; everything else is read over by its length.
//!
//! # Source
//! Protocol Buffers, "Encoding"; `OrcaLoadReport`'s field numbers; base64 of RFC 4648 section 4, padded or not.

use plimsoll_balance::LoadReport;

const CPU_UTILIZATION: u64 = 1;
const RPS: u64 = 3;
const RPS_FRACTIONAL: u64 = 6;
const EPS: u64 = 7;
const APPLICATION_UTILIZATION: u64 = 9;

/// The report that a base64 text holds.
pub fn read(text: &str) -> Option<LoadReport> {
    let bytes = decode(text)?;
    let mut rest = &bytes[..];
    let mut report = LoadReport::default();
    let mut whole_rps = 0.0;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match (tag >> 3, tag & 7) {
            (0, _) => return None,
            (RPS, 0) => whole_rps = varint(&mut rest)? as f64,
            (_, 0) => drop(varint(&mut rest)?),
            (field, 1) => {
                let number = f64::from_bits(u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?));
                match field {
                    CPU_UTILIZATION => report.cpu_utilization = number,
                    RPS_FRACTIONAL => report.rps = number,
                    EPS => report.eps = number,
                    APPLICATION_UTILIZATION => report.application_utilization = number,
                    _ => {}
                }
            }
            (_, 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                take(&mut rest, length)?;
            }
            (_, 5) => drop(take(&mut rest, 4)?),
            _ => return None,
        }
    }
    // The whole number is what older endpoints say.
    if report.rps == 0.0 {
        report.rps = whole_rps;
    }
    Some(report)
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // What is left over must be padding: fewer than six bits, all zero.
    (count < 6 && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_to_the_last_bit() {
        for (text, bytes) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("Zm9vYg==", b"foob")] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!([decode("Zh=="), decode("Z"), decode("Zm9v Yg")], [None, None, None]);
    }

    #[test]
    fn what_is_unknown_is_read_over_and_the_old_rate_counts_where_there_is_no_new_one() {
        // rps = 300 (field 3, varint), field 15 of 32 bits, cpu_utilization = 1.
        let bytes = "GKwCfQAAAAAJAAAAAAAA8D8=";
        let report = read(bytes).unwrap();
        assert_eq!((report.rps, report.cpu_utilization), (300.0, 1.0));
        assert_eq!(read("AA=="), None, "there is no field 0");
        assert_eq!(read("Cw=="), None, "there are no groups");
        assert_eq!(read("gICAgICAgICAgAE="), None, "a number of more than 64 bits");
    }
}
