//! Fingerprints of what a verdict rests on: the same bytes give the same 32 digits on any CPU.
//!
//! They tell versions apart and let a proof be found again; they are no defence against somebody who makes collisions, who
//! would have to write our files to use one.
//!
//! # Source
//! FNV-1a with 128 bits (G. Fowler, L. Noll, K.-P. Vo; draft-eastlake-fnv).

use serde::Serialize;

/// Where it starts.
const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
/// What each byte multiplies it by.
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// The fingerprint of bytes.
#[must_use]
pub const fn of_bytes(bytes: &[u8]) -> u128 {
    let (mut hash, mut at) = (BASIS, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u128).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}

/// The fingerprint of a value as JSON. The types here have ordered maps alone, so equal values have equal ones.
#[must_use]
pub fn of<T: Serialize>(value: &T) -> u128 {
    // Plain data always encodes; what could not would have the fingerprint of nothing.
    of_bytes(&serde_json::to_vec(value).unwrap_or_default())
}

/// As 32 hexadecimal digits.
#[must_use]
pub fn text(hash: u128) -> String {
    format!("{hash:032x}")
}

/// What decides, as it was compiled: the gate's own source and the release.
#[must_use]
pub fn code() -> String {
    let sources = [
        include_str!("court.rs"),
        include_str!("figures.rs"),
        include_str!("invariant.rs"),
        include_str!("judge.rs"),
        include_str!("record.rs"),
        include_str!("standard.rs"),
        include_str!("stress.rs"),
        include_str!("terms.rs"),
    ];
    text(sources.iter().fold(of_bytes(env!("CARGO_PKG_VERSION").as_bytes()), |hash, source| {
        hash.rotate_left(1) ^ of_bytes(source.as_bytes())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_come_out() {
        assert_eq!(text(of_bytes(b"")), "6c62272e07bb014262b821756295c58d");
        assert_eq!(text(of_bytes(b"a")), "d228cb696f1a8caf78912b704e4a8964");
        assert_ne!(of(&[1, 2]), of(&[12]));
    }
}
