//! Keys for the two hashing algorithms, the same on every CPU and in every release.
//!
//! Not cryptographic: a client that may choose its key freely can aim at one endpoint. Take it from what a client
//! cannot choose freely, such as its address; bounded loads stop what is left.
//!
//! # Source
//! The mixing step is SplitMix64's finaliser ([`plimsoll_stats::random::mix`]); bytes are taken eight at a time,
//! little-endian, each word mixed into the state, then the length.

use core::net::IpAddr;
use plimsoll_stats::random::mix;

/// Where the state starts: the fractional digits of π, so that no common input meets a zero state.
const START: u64 = 0x243f_6a88_85a3_08d3;

/// The key of a client's address. IPv6 counts by its /64 prefix, because one client moves freely within it; an IPv4
/// address mapped into IPv6 counts as IPv4.
#[must_use]
pub fn source_key(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => mix(START ^ mix(u64::from(address.to_bits()))),
        IpAddr::V6(address) => mix(START ^ mix((address.to_bits() >> 64) as u64).rotate_left(1)),
    }
}

/// The key of any bytes, such as a cookie or a header value.
#[must_use]
pub fn bytes_key(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    let state = bytes.chunks(8).fold(START, |state, chunk| mix(state ^ word(chunk)));
    mix(state ^ bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> u64 {
        source_key(address.parse().unwrap())
    }

    #[test]
    fn one_client_is_one_key() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"), "privacy addresses of one /64");
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"), "seen through a dual-stack socket");
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    }

    #[test]
    fn keys_never_change_between_releases() {
        // A new release beside an old one must send a client to the same endpoint.
        let keys = [key("192.0.2.7"), key("2001:db8:1:2::1"), bytes_key(b""), bytes_key(b"session=0123456789")];
        let released = [0xeb0c_bef2_0416_504e, 0x9dda_0356_2c4f_2502, 0xe9e0_033e_3bad_af36, 0x09d1_20ef_ad88_f40d];
        assert_eq!(keys, released);
    }

    #[test]
    fn bytes_differ_by_content_and_length() {
        assert_ne!(bytes_key(b"a"), bytes_key(b"a\0"));
        assert_ne!(bytes_key(&[0; 8]), bytes_key(&[0; 16]));
        assert_ne!(bytes_key(b"12345678abc"), bytes_key(b"12345678abd"));
    }
}
