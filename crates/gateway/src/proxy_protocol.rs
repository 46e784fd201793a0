//! The PROXY protocol: who the client is, said ahead of the first byte by the proxy before us, or by us.
//!
//! Reading takes no byte beyond the header: what follows belongs to TLS or HTTP. A header that breaks a rule ends the
//! connection, because everything behind it could be anybody's.
//!
//! Must never be read from a peer that is not trusted: the caller checks.
//!
//! # Source
//! "The PROXY protocol, versions 1 & 2" (HAProxy, `doc/proxy-protocol.txt`), sections 2.1 and 2.2.

use plimsoll_model::gateway::ProxyVersion;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header of version 2 starts with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header of version 1 with its line end.
const V1_BYTES_MAX: usize = 107;
/// Longest part of a version 2 header behind its first 16 bytes that is read: addresses and a few extensions.
const V2_REST_MAX: usize = 2_048;

/// What a header said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The client's address.
    Source(SocketAddr),
    /// The proxy speaks for itself (a health check), or does not know.
    Nothing,
}

/// How a header that is being read stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// At least so many more bytes belong to it.
    Need(usize),
    /// It is whole.
    Done(Said),
}

/// No header, or one that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no valid PROXY protocol header")]
pub struct BadHeader;

/// How the bytes read so far stand. [`Step::Need`] never asks for a byte beyond the header.
///
/// # Errors
/// [`BadHeader`].
pub fn step(read: &[u8]) -> Result<Step, BadHeader> {
    if read.len() < SIGNATURE.len() {
        return Ok(Step::Need(SIGNATURE.len() - read.len()));
    }
    if read.starts_with(&SIGNATURE) { v2(read) } else { v1(read) }
}

fn v1(read: &[u8]) -> Result<Step, BadHeader> {
    if !read.starts_with(b"PROXY ") {
        return Err(BadHeader);
    }
    let Some(line) = read.strip_suffix(b"\r\n") else {
        // A line feed without its carriage return, or a carriage return within, would let two readers disagree.
        let bare = read.iter().rev().skip(1).any(|byte| matches!(byte, b'\r' | b'\n')) || read.ends_with(b"\n");
        return if bare || read.len() >= V1_BYTES_MAX { Err(BadHeader) } else { Ok(Step::Need(1)) };
    };
    let line = std::str::from_utf8(line).map_err(|_| BadHeader)?;
    let mut words = line.split(' ').skip(1);
    let family = words.next().ok_or(BadHeader)?;
    if family == "UNKNOWN" {
        return Ok(Step::Done(Said::Nothing));
    }
    let (source, to) = (words.next().ok_or(BadHeader)?, words.next().ok_or(BadHeader)?);
    let (port, to_port) = (words.next().ok_or(BadHeader)?, words.next().ok_or(BadHeader)?);
    let addresses: [IpAddr; 2] = match family {
        "TCP4" => [v4(source)?, v4(to)?],
        "TCP6" => [v6(source)?, v6(to)?],
        _ => return Err(BadHeader),
    };
    let ports = [number(port)?, number(to_port)?];
    if words.next().is_some() {
        return Err(BadHeader);
    }
    Ok(Step::Done(Said::Source(SocketAddr::new(addresses[0], ports[0]))))
}

fn v4(text: &str) -> Result<IpAddr, BadHeader> {
    text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| BadHeader)
}

fn v6(text: &str) -> Result<IpAddr, BadHeader> {
    text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| BadHeader)
}

fn number(text: &str) -> Result<u16, BadHeader> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().map_err(|_| BadHeader) } else { Err(BadHeader) }
}

fn v2(read: &[u8]) -> Result<Step, BadHeader> {
    if read.len() < 16 {
        return Ok(Step::Need(16 - read.len()));
    }
    let (command, family) = (read[12], read[13]);
    let rest = usize::from(u16::from_be_bytes([read[14], read[15]]));
    if command >> 4 != 2 || rest > V2_REST_MAX {
        return Err(BadHeader);
    }
    if read.len() < 16 + rest {
        return Ok(Step::Need(16 + rest - read.len()));
    }
    let body = &read[16..];
    match (command & 0xf, family) {
        (0, _) => Ok(Step::Done(Said::Nothing)),
        (1, 0x11) if body.len() >= 12 => {
            let address = Ipv4Addr::new(body[0], body[1], body[2], body[3]);
            let port = u16::from_be_bytes([body[8], body[9]]);
            Ok(Step::Done(Said::Source(SocketAddr::new(address.into(), port))))
        }
        (1, 0x21) if body.len() >= 36 => {
            let mut octets = [0; 16];
            octets.copy_from_slice(&body[..16]);
            let port = u16::from_be_bytes([body[32], body[33]]);
            Ok(Step::Done(Said::Source(SocketAddr::new(Ipv6Addr::from(octets).into(), port))))
        }
        // Datagrams cannot come over a stream; a family that is not named here is for others to know.
        (1, 0x11 | 0x21) => Err(BadHeader),
        (1, _) => Ok(Step::Done(Said::Nothing)),
        _ => Err(BadHeader),
    }
}

/// Appends a header that says who the client is.
pub fn encode(out: &mut Vec<u8>, version: ProxyVersion, source: SocketAddr, to: SocketAddr) {
    let (source_ip, to_ip) = (source.ip().to_canonical(), to.ip().to_canonical());
    match (version, source_ip, to_ip) {
        (ProxyVersion::V1, IpAddr::V4(_), IpAddr::V4(_)) => v1_line(out, "TCP4", source_ip, to_ip, source, to),
        (ProxyVersion::V1, IpAddr::V6(_), IpAddr::V6(_)) => v1_line(out, "TCP6", source_ip, to_ip, source, to),
        (ProxyVersion::V1, _, _) => v1_line(out, "TCP6", mapped(source_ip).into(), mapped(to_ip).into(), source, to),
        (ProxyVersion::V2, IpAddr::V4(from), IpAddr::V4(to_ip)) => {
            v2_head(out, 0x11, 12);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to_ip.octets());
            ports(out, source, to);
        }
        (ProxyVersion::V2, _, _) => {
            v2_head(out, 0x21, 36);
            out.extend_from_slice(&mapped(source_ip).octets());
            out.extend_from_slice(&mapped(to_ip).octets());
            ports(out, source, to);
        }
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn v1_line(out: &mut Vec<u8>, family: &str, from: IpAddr, to_ip: IpAddr, source: SocketAddr, to: SocketAddr) {
    out.extend_from_slice(format!("PROXY {family} {from} {to_ip} {} {}\r\n", source.port(), to.port()).as_bytes());
}

/// A version 2 header of a proxy that speaks for itself, as in a health check.
pub fn local() -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&[0x20, 0, 0, 0]);
    out
}

fn v2_head(out: &mut Vec<u8>, family: u8, rest: u8) {
    out.extend_from_slice(&SIGNATURE);
    out.extend_from_slice(&[0x21, family, 0, rest]);
}

fn ports(out: &mut Vec<u8>, source: SocketAddr, to: SocketAddr) {
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&to.port().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a header as [`step`] asks for it; gives what it said and how many bytes were taken.
    fn feed(bytes: &[u8]) -> Result<(Said, usize), BadHeader> {
        let mut taken = 0;
        loop {
            match step(&bytes[..taken])? {
                Step::Done(said) => return Ok((said, taken)),
                Step::Need(more) if taken + more > bytes.len() => return Err(BadHeader),
                Step::Need(more) => taken += more,
            }
        }
    }

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_versions_read_back_and_nothing_behind_them_is_taken() {
        for (source, to) in [("192.0.2.7:5000", "198.51.100.1:80"), ("[2001:db8::1]:5000", "[2001:db8::2]:443")] {
            for version in [ProxyVersion::V1, ProxyVersion::V2] {
                let mut bytes = Vec::new();
                encode(&mut bytes, version, socket(source), socket(to));
                let header = bytes.len();
                bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
                assert_eq!(feed(&bytes), Ok((Said::Source(socket(source)), header)), "{version:?} {source}");
            }
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for bad in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 192.0.2.7 198.51.100.1 5000\r\n rest",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 80 x\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 +500 80\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\n",
            b"PROXY TCP4 192.0.2.7\r198.51.100.1 5000 80\r\n",
            b"PROXY TCP4 2001:db8::1 198.51.100.1 5000 80\r\n",
            b"PROXY TCP5 192.0.2.7 198.51.100.1 5000 80\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c............",
            b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c............",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04....",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff....",
        ] {
            assert_eq!(feed(bad), Err(BadHeader), "{:?}", String::from_utf8_lossy(bad));
        }
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        assert_eq!(feed(&long), Err(BadHeader));
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        assert_eq!(feed(b"PROXY UNKNOWN\r\n"), Ok((Said::Nothing, 15)));
        assert_eq!(feed(&local()), Ok((Said::Nothing, 16)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), signed in any::<bool>()) {
            let start: &[u8] = if signed { &SIGNATURE } else { b"PROXY " };
            let _ = feed(&[start, &bytes].concat());
            let _ = feed(&bytes);
        }
    }
}
