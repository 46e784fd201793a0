//! One request over a stream of HTTP/2.

use crate::soak::bytes;
use crate::soak::certificates::NAME;
use crate::soak::ledger::How;
use crate::soak::request::{Asked, Kind};
use bytes_crate::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use std::time::Duration;

use ::bytes as bytes_crate;

/// Bytes that are sent at once.
const PIECE: usize = 16 * 1024;

/// Why there was no answer.
pub enum Unanswered {
    /// The connection takes no more requests; this one was not looked at.
    AskElsewhere,
    /// It failed.
    Failed(How),
}

/// Whether the protocol says that the gateway did nothing with a stream (RFC 9113, 8.7).
fn was_not_processed(error: &h2::Error) -> bool {
    error.reason() == Some(Reason::REFUSED_STREAM) || (error.is_go_away() && error.reason() == Some(Reason::NO_ERROR))
}

/// Asks over a connection that is ready, and reads the whole answer.
pub async fn ask(sender: &mut SendRequest<Bytes>, asked: &Asked) -> Result<(), Unanswered> {
    let request = http::Request::builder()
        .method(asked.kind.method())
        .uri(format!("https://{NAME}{}", asked.path))
        .header("user-agent", "soak");
    let request =
        if asked.body > 0 && !asked.kind.is_chunked() { request.header("content-length", asked.body) } else { request };
    let request = request.body(()).map_err(|error| Unanswered::Failed(How::Wrong(error.to_string())))?;
    let (response, stream) = sender.send_request(request, asked.body == 0).map_err(|_| Unanswered::AskElsewhere)?;
    let mut answering = std::pin::pin!(answer(response, asked));
    if asked.body == 0 {
        return answering.await;
    }
    tokio::select! {
        biased;
        answered = &mut answering => answered,
        _ = send(stream, asked) => answering.await,
    }
}

async fn send(mut stream: SendStream<Bytes>, asked: &Asked) -> Result<(), h2::Error> {
    let mut at = 0;
    while at < asked.body {
        stream.reserve_capacity(PIECE.min(asked.body - at));
        let room = match stream.capacity() {
            0 => match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
                Some(room) => room?,
                None => return Ok(()),
            },
            room => room,
        };
        let now = room.min(PIECE).min(asked.body - at);
        stream.send_data(Bytes::from(bytes::slice(at, now)), false)?;
        at += now;
        if !asked.kind.pause().is_zero() {
            tokio::time::sleep(asked.kind.pause()).await;
        }
    }
    stream.send_data(Bytes::new(), true)
}

async fn answer(response: h2::client::ResponseFuture, asked: &Asked) -> Result<(), Unanswered> {
    let response = match response.await {
        Ok(response) => response,
        Err(error) if was_not_processed(&error) => return Err(Unanswered::AskElsewhere),
        Err(_) => return Err(Unanswered::Failed(How::Ended(true))),
    };
    let field = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if response.status() != 200 {
        return Err(Unanswered::Failed(How::Refused(response.status().as_u16(), field("x-plimsoll-reason"))));
    }
    let replica = field("x-replica");
    let wanted = match asked.kind {
        Kind::Head => 0,
        Kind::Leave => asked.answer / 3,
        _ => asked.answer,
    };
    match body(response.into_body(), asked, wanted).await {
        Some(true) => Ok(()),
        Some(false) => Err(Unanswered::Failed(How::Wrong("body".to_owned()))),
        None => Err(Unanswered::Failed(How::Cut(replica))),
    }
}

/// Reads the body; whether it is right, or none when it broke off. The client that leaves reads `wanted` bytes.
async fn body(mut body: RecvStream, asked: &Asked, wanted: usize) -> Option<bool> {
    let mut at = 0;
    let mut are_right = true;
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        are_right &= bytes::are_right(at, &data);
        at += data.len();
        if asked.kind == Kind::SlowReader {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        body.flow_control().release_capacity(data.len()).ok()?;
        if asked.kind == Kind::Leave && at >= wanted {
            return Some(are_right);
        }
    }
    Some(are_right && at == wanted)
}
