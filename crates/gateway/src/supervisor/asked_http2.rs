//! An active check over HTTP/2: a path, or the gRPC health protocol.
//!
//! One connection and one stream per question, as with HTTP/1.1: what is to be found out is whether a new connection gets
//! an answer. The message of the health protocol has one field each way, so it is written and read here by hand.
//!
//! # Source
//! gRPC health checking protocol (`grpc.health.v1`): `HealthCheckRequest.service` is field 1, `HealthCheckResponse.status`
//! is field 1, SERVING is 1. Protocol buffers, wire format. gRPC over HTTP/2: a message is a flag, a length of 4 bytes, and
//! the message.

use crate::http2::io::Io;
use crate::stream::Stream;
use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Request, Response};

/// Longest answer of the health protocol that is read.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Largest head of an answer.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// 200 to 399 for this path.
    Path(&'a str),
    /// This service serves; empty for all of them.
    Service(&'a str),
}

/// Asks once; none when it did not pass.
pub async fn passes(stream: Stream, scheme: &str, host: &str, wanted: Wanted<'_>) -> Option<()> {
    let mut builder = h2::client::Builder::new();
    builder.enable_push(false).max_header_list_size(HEAD_BYTES_MAX);
    let (sender, connection) = builder.handshake::<_, Bytes>(Io::new(stream, Vec::new())).await.ok()?;
    tokio::select! {
        passed = ask(sender, scheme, host, wanted) => passed,
        _ = connection => None,
    }
}

async fn ask(sender: h2::client::SendRequest<Bytes>, scheme: &str, host: &str, wanted: Wanted<'_>) -> Option<()> {
    let mut sender = sender.ready().await.ok()?;
    let path = match wanted {
        Wanted::Path(path) => path,
        Wanted::Service(_) => "/grpc.health.v1.Health/Check",
    };
    let uri = http::Uri::builder().scheme(scheme).authority(host).path_and_query(path).build().ok()?;
    let request = Request::builder().uri(uri).header("user-agent", "plimsoll-check");
    match wanted {
        Wanted::Path(_) => {
            let (response, _) = sender.send_request(request.body(()).ok()?, true).ok()?;
            (200..400).contains(&response.await.ok()?.status().as_u16()).then_some(())
        }
        Wanted::Service(service) => {
            let request = request
                .method("POST")
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())
                .ok()?;
            let (response, mut body) = sender.send_request(request, false).ok()?;
            body.send_data(question(service)?.into(), true).ok()?;
            serves(response.await.ok()?).await
        }
    }
}

/// The message that asks for a service; none for a name that is longer than any service's.
fn question(service: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(service.len()).ok().filter(|length| *length < 128)?;
    let message = if length == 0 { Vec::new() } else { [&[0x0a, length], service.as_bytes()].concat() };
    let size = u32::try_from(message.len()).ok()?;
    Some([&[0], &size.to_be_bytes()[..], &message].concat())
}

async fn serves(response: Response<RecvStream>) -> Option<()> {
    let is_ok = |fields: &HeaderMap| fields.get("grpc-status").map(|status| status == "0");
    if response.status() != 200 || is_ok(response.headers()) == Some(false) {
        return None;
    }
    let mut body = response.into_body();
    let mut answer = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        answer.extend_from_slice(&data);
        if answer.len() > ANSWER_BYTES_MAX {
            return None;
        }
        body.flow_control().release_capacity(data.len()).ok()?;
    }
    let trailers = body.trailers().await.ok()??;
    (is_ok(&trailers) == Some(true) && says_serving(&answer)).then_some(())
}

/// Whether a message, uncompressed, has field 1 with the value SERVING and nothing else.
fn says_serving(answer: &[u8]) -> bool {
    answer == [0, 0, 0, 0, 2, 0x08, 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_are_those_of_the_protocol() {
        assert_eq!(question("").unwrap(), [0, 0, 0, 0, 0]);
        assert_eq!(question("a.B").unwrap(), [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
        assert_eq!(question(&"x".repeat(128)), None);
        assert!(says_serving(&[0, 0, 0, 0, 2, 8, 1]) && !says_serving(&[0, 0, 0, 0, 2, 8, 2]) && !says_serving(&[]));
    }
}
