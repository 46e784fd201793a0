//! One question to a replica: does its port take a connection, and does it answer 200 to 399?
//!
//! Own code and not an HTTP client: one request without a body, of whose answer twelve bytes are read, for a thousand
//! replicas at a time.
//! Source: RFC 9112, section 4 (status line).

use plimsoll_model::spec::Probe;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `HTTP/1.1 200`
const STATUS_BYTES: usize = 12;

/// Asks once. The caller bounds the time.
pub async fn ask(address: SocketAddr, probe: &Probe) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    // While nobody listens on a port of the ephemeral range, a socket can be connected to itself by chance.
    if stream.local_addr().ok() == stream.peer_addr().ok() {
        return false;
    }
    let Probe::Http { path } = probe else { return true };
    let Some(request) = request(address, path) else { return false };
    let mut head = [0; STATUS_BYTES];
    let asked = stream.write_all(request.as_bytes()).await;
    asked.is_ok() && stream.read_exact(&mut head).await.is_ok() && is_success(&head)
}

/// None for a path that would not stay on its line.
fn request(address: SocketAddr, path: &str) -> Option<String> {
    let fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: plimsoll-health\r\nAccept: */*\r\nConnection: close\r\n\r\n")
    })
}

fn is_success(head: &[u8; STATUS_BYTES]) -> bool {
    let version = head.starts_with(b"HTTP/1.") && head[7].is_ascii_digit() && head[8] == b' ';
    version && matches!(head[9], b'2' | b'3') && head[10].is_ascii_digit() && head[11].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_two_or_three_hundred() {
        for (head, expected) in [
            (b"HTTP/1.1 200", true),
            (b"HTTP/1.0 204", true),
            (b"HTTP/1.1 302", true),
            (b"HTTP/1.1 404", false),
            (b"HTTP/1.1 503", false),
            (b"SSH-2.0-Open", false),
            (b"HTTP/1.1 2xx", false),
        ] {
            assert_eq!(is_success(head), expected, "{head:?}");
        }
    }

    #[test]
    fn a_path_cannot_carry_a_second_line() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        assert!(request(address, "/healthz?deep=1").is_some());
        for bad in ["", "healthz", "/a b", "/a\r\nX: y", "/ä"] {
            assert_eq!(request(address, bad), None, "{bad}");
        }
    }
}
