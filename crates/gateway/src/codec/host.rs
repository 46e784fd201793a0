//! Authorities: the value of `Host` and the authority of an absolute target (RFC 3986 section 3.2, RFC 9110 section 7.2).
//!
//! Only what a registered name, an IPv4 or a bracketed IPv6 address needs is accepted; user information is refused, as
//! RFC 9110 section 4.2.4 asks.

/// Whether `authority` is `host [":" port]` with a host that is not empty.
#[must_use]
pub fn is_authority(authority: &[u8]) -> bool {
    let Some(host) = host_bytes(authority) else { return false };
    let port = match authority.get(host.len()..) {
        Some([]) => return !host.is_empty(),
        Some([b':', port @ ..]) => port,
        _ => return false,
    };
    !host.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit) && decimal_port(port)
}

fn decimal_port(port: &[u8]) -> bool {
    port.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0')) <= 65_535
}

fn host_bytes(authority: &[u8]) -> Option<&[u8]> {
    if authority.first() == Some(&b'[') {
        let close = authority.iter().position(|byte| *byte == b']')?;
        let inside = &authority[1..close];
        let address = std::str::from_utf8(inside).ok()?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return Some(&authority[..=close]);
    }
    let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
    let host = &authority[..end];
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%".contains(byte);
    (host.iter().all(allowed) && escapes_are_whole(host)).then_some(host)
}

/// Whether every percent sign starts two hexadecimal digits (RFC 3986 section 2.1).
fn escapes_are_whole(host: &[u8]) -> bool {
    host.split(|byte| *byte == b'%').skip(1).all(|after| {
        let digits = after.get(..2).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

/// The host of a valid authority, without its port.
#[must_use]
pub fn host_of(authority: &[u8]) -> &[u8] {
    host_bytes(authority).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_told_from_what_is_none() {
        for good in ["a", "shop.example", "shop.example:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a:", "a%20b"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "user@a", "a/b", "a:b", "a:99999", "[::1", "[x]", "[::1]x", "a%4", "a%zz", "%",
            "a:80:80", "a,b",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
        assert_eq!(host_of(b"[::1]:80"), b"[::1]");
        assert_eq!(host_of(b"shop:80"), b"shop");
    }
}
