//! Address ranges in CIDR notation: whose word about earlier hops is believed.

use std::net::IpAddr;

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    mask: u128,
    v4: bool,
}

/// Text that is no address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address range such as 10.0.0.0/8 or ::1")]
pub struct CidrError(pub String);

fn bits(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

impl Cidr {
    /// Reads `address` or `address/length`.
    ///
    /// # Errors
    /// [`CidrError`] when the address or the length is invalid.
    pub fn try_new(text: &str) -> Result<Self, CidrError> {
        let refused = || CidrError(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.trim().parse().map_err(|_| refused())?;
        let (network, v4) = bits(address);
        let full = if v4 { 32 } else { 128 };
        let length: u32 = length.map_or(Ok(full), |length| length.trim().parse().map_err(|_| refused()))?;
        if length > full {
            return Err(refused());
        }
        let mask = if length == 0 { 0 } else { u128::MAX << (128 - length) };
        Ok(Self { network: network & mask, mask, v4 })
    }

    /// Whether the address lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (number, v4) = bits(address);
        v4 == self.v4 && number & self.mask == self.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_what_their_prefix_says() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("::1", "::1", "127.0.0.1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
        ] {
            let range = Cidr::try_new(range).unwrap();
            assert!(range.contains(inside.parse().unwrap()), "{inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{outside}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x", "shop"] {
            assert!(Cidr::try_new(bad).is_err(), "{bad}");
        }
    }
}
