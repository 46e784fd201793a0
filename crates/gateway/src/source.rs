//! Whom a request counts as for hashing and rates: an address by its prefix.
//!
//! One client of IPv6 has a whole network and moves freely within it, so single addresses would let it past any rate.
//!
//! # Source
//! RFC 6177 (what end sites are given); the key itself is `plimsoll-balance`'s.

use plimsoll_model::gateway::SourcePrefix;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The key of an address. The same for all addresses of its prefix, and for an IPv4 address that is mapped into IPv6.
pub fn key(address: IpAddr, prefix: SourcePrefix) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix.ipv4))).unwrap_or(0);
            plimsoll_balance::source_key(Ipv4Addr::from_bits(address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix.ipv6))).unwrap_or(0);
            let masked = address.to_bits() & mask;
            if prefix.ipv6 <= 64 {
                plimsoll_balance::source_key(Ipv6Addr::from_bits(masked).into())
            } else {
                plimsoll_balance::bytes_key(&masked.to_be_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str, ipv4: u8, ipv6: u8) -> bool {
        let key = |text: &str| key(text.parse().unwrap(), SourcePrefix { ipv4, ipv6 });
        key(one) == key(other)
    }

    #[test]
    fn addresses_of_one_prefix_are_one_source() {
        for (one, other, ipv4, ipv6, is_same) in [
            ("2001:db8::1", "2001:db8::ffff:1", 32, 64, true),
            ("2001:db8::1", "2001:db8:0:1::1", 32, 64, false),
            ("2001:db8::1", "2001:db8:0:ff::1", 32, 56, true),
            ("2001:db8::1", "2001:db8:0:100::1", 32, 56, false),
            ("2001:db8::1", "2001:db8::2", 32, 128, false),
            ("2001:db8::1", "2001:db8::2", 32, 126, true),
            ("2001:db8::1", "2001:db8::4", 32, 126, false),
            ("10.0.0.1", "10.0.0.2", 32, 64, false),
            ("10.0.0.1", "10.0.0.255", 24, 64, true),
            ("10.0.0.1", "10.0.1.1", 24, 64, false),
            ("10.0.0.1", "::ffff:10.0.0.1", 32, 64, true),
        ] {
            assert_eq!(same(one, other, ipv4, ipv6), is_same, "{one} {other} /{ipv4} /{ipv6}");
        }
    }

    #[test]
    fn the_default_is_the_key_that_balancing_has() {
        for text in ["10.1.2.3", "2001:db8::1"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(key(address, SourcePrefix::default()), plimsoll_balance::source_key(address));
        }
    }
}
