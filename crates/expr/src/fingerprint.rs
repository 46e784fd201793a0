//! A 128-bit hash that stays the same from version to version: of the canonical form of an expression, and of a schema.
//!
//! # Source
//! FNV-1a, 128 bits: Fowler, Noll, Vo, Eastlake, RFC 9923. It tells expressions apart that somebody searches among; it is no
//! protection against somebody who wants two to be equal.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A hash; equal fingerprints stand for equal canonical forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |_| serde::de::Error::custom(format!("`{text}` is not 32 hexadecimal digits"));
        u128::from_str_radix(&text, 16).map(Self).map_err(wrong)
    }
}

/// FNV-1a over bytes.
#[derive(Debug, Clone)]
pub(crate) struct Hasher(u128);

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(BASIS)
    }

    pub(crate) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(PRIME);
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| {
            self.byte(*byte);
        });
        self
    }

    pub(crate) fn finish(&self) -> Fingerprint {
        Fingerprint(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_come_out() {
        assert_eq!(Hasher::new().finish().to_string(), "6c62272e07bb014262b821756295c58d");
        assert_eq!(Hasher::new().bytes(b"a").finish().to_string(), "d228cb696f1a8caf78912b704e4a8964");
    }

    #[test]
    fn a_fingerprint_is_written_in_hexadecimal_digits() {
        let print = Fingerprint(255);
        let json = serde_json::to_string(&print).unwrap();
        assert_eq!(json, format!("\"{:0>32}\"", "ff"));
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), print);
        assert!(serde_json::from_str::<Fingerprint>("\"x\"").is_err());
    }
}
