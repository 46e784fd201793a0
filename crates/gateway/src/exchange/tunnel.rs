//! After 101: bytes both ways, unread, until both sides have ended.
//!
//! Entered only when the replica itself answered 101 to a request that asked for the switch; before that no byte that
//! the client sent ahead reaches the replica. A tunnel holds its endpoint's place in flight until it ends, so that
//! balancing and draining see it.

use super::Ended;
use super::acquire::Upstream;
use crate::client::Client;
use crate::io::{IoEnd, Pace};
use crate::stream::Stream;
use crate::worker::buffer::Buffer;
use crate::worker::service::Lease;
use plimsoll_balance::Outcome;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// A tunnel in which nothing moves for this long is ended, ms. One hour, as is usual for tunnels: protocols that stay
/// quiet for longer send keep-alives of their own.
const SILENCE_MS: u64 = 3_600_000;

/// Moves bytes one way until the end, which is passed on.
async fn one_way(pace: Pace<'_>, from: &Stream, to: &Stream, buffer: &mut Buffer) -> Result<u64, IoEnd> {
    let mut total = 0;
    loop {
        if !buffer.is_empty() {
            let count = buffer.unread().len();
            pace.write(to, buffer.unread(), &[]).await.map_err(|(end, _)| end)?;
            total += count as u64;
            buffer.consume(count);
        }
        if pace.read(from, buffer, 0).await? == 0 {
            to.shutdown_write();
            return Ok(total);
        }
        if total.is_multiple_of(8) {
            tokio::task::yield_now().await;
        }
    }
}

/// Sends the 101 in `out` and moves bytes; `buffer` holds what the replica sent behind its head.
pub async fn run(
    client: &mut Client,
    lease: Lease,
    upstream: Upstream,
    try_us: u64,
    buffer: &mut Buffer,
    out: &[u8],
) -> Ended {
    let worker = Rc::clone(&client.worker);
    let head_us = worker.shared.now_us();
    let mut inbox = client.inbox.take().unwrap_or_else(|| worker.buffers.small());
    let pace = Pace { worker: &worker, slot: &client.slot, wait_ms: SILENCE_MS, is_shared: true };
    {
        let up = pin!(one_way(pace, &client.stream, &upstream.stream, &mut inbox));
        let down = pin!(async {
            pace.write(&client.stream, out, &[]).await.map_err(|(end, _)| end)?;
            one_way(pace, &upstream.stream, &client.stream, buffer).await
        });
        both(pace, up, down).await;
    }
    client.slot.arm(crate::worker::slot::NEVER);
    worker.buffers.give(inbox);
    lease.finish(worker.shared.now_us(), head_us.saturating_sub(try_us), Outcome::Success);
    Ended::Answered { status: 101, keep: false, at_us: head_us }
}

/// Polls both ways until both have ended, one breaks, or nothing moved for too long.
async fn both(
    pace: Pace<'_>,
    mut up: Pin<&mut impl Future<Output = Result<u64, IoEnd>>>,
    mut down: Pin<&mut impl Future<Output = Result<u64, IoEnd>>>,
) {
    let (mut up_done, mut down_done) = (false, false);
    poll_fn(|context| {
        if !up_done {
            match up.as_mut().poll(context) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                polled => up_done = polled.is_ready(),
            }
        }
        if !down_done {
            match down.as_mut().poll(context) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                polled => down_done = polled.is_ready(),
            }
        }
        if up_done && down_done || pace.slot.poll_expired(context) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
