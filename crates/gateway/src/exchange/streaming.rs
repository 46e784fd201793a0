//! A request whose body is still coming: both directions at once, so that a replica may answer early and an echo flows.
//!
//! Both directions share one deadline that any progress of either moves on.

use super::Ended;
use super::acquire::Upstream;
use super::admit::Facts;
use super::attempt::{Attempt, blame, is_stale, settle, towards};
use super::respond::{self, Answer, BodyEnd, NoHead};
use super::upload::{Upload, UploadEnd};
use crate::client::Client;
use crate::control::FailureReason;
use crate::io::Pace;
use crate::refusal::Refusal;
use crate::worker::buffer::Buffer;
use crate::worker::service::Lease;
use plimsoll_balance::Outcome;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// How far the request's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Running,
    Whole,
    /// The replica took no more, but may have answered.
    Cut,
    Broken,
}

/// What ended the wait for the first of several things.
enum First<T> {
    Done(T),
    Upload(UploadEnd),
    Expired,
}

type Uploading<'f> = Pin<&'f mut dyn Future<Output = Result<(), UploadEnd>>>;

/// Polls the upload and `other` until `other` is done, the upload breaks, or neither moved for too long.
async fn beside<T>(
    pace: Pace<'_>,
    upload: &mut Uploading<'_>,
    sent: &Cell<Sent>,
    on_whole: impl Fn(),
    other: impl Future<Output = T>,
) -> First<T> {
    let mut other = pin!(other);
    poll_fn(|context| {
        if sent.get() == Sent::Running
            && let Poll::Ready(done) = upload.as_mut().poll(context)
        {
            match done {
                Ok(()) => sent.set(Sent::Whole),
                Err(UploadEnd::UpstreamGone) => sent.set(Sent::Cut),
                Err(end) => {
                    sent.set(Sent::Broken);
                    return Poll::Ready(First::Upload(end));
                }
            }
            on_whole();
        }
        if let Poll::Ready(value) = other.as_mut().poll(context) {
            return Poll::Ready(First::Done(value));
        }
        if pace.slot.poll_expired(context) { Poll::Ready(First::Expired) } else { Poll::Pending }
    })
    .await
}

/// What both directions came to, once the response's head was there.
struct Streamed {
    answer: Answer,
    outcome: Result<u64, (BodyEnd, u64)>,
    in_one_read: usize,
    head_us: u64,
    whole: bool,
}

/// Why the response's head never came.
enum Halted {
    ClientGone,
    Upload(UploadEnd),
    Replica(FailureReason),
    /// A connection that the replica had closed before.
    Stale,
    /// The replica has not looked at the request.
    Refused,
}

/// Streams the rest of the request's body while the response is awaited and passed on.
pub async fn run(
    client: &mut Client,
    facts: &Facts,
    upload: &mut Upload,
    lease: Lease,
    upstream: Upstream,
    try_us: u64,
) -> Attempt {
    let worker = Rc::clone(&client.worker);
    let mut inbox = client.inbox.take().unwrap_or_else(|| worker.buffers.small());
    let mut buffers = (worker.buffers.large(), worker.buffers.outgoing(), worker.buffers.outgoing());
    let bytes_before = upload.bytes();
    let streamed = both(client, facts, upload, &upstream, try_us, &mut inbox, &mut buffers).await;
    client.slot.arm(crate::worker::slot::NEVER);
    let (buffer, out, scratch) = buffers;
    let ended = match streamed {
        Ok(streamed) => {
            // A connection with half a request on it must not carry another.
            let upstream_keep = streamed.answer.upstream_keep && streamed.whole;
            let answer = Answer { upstream_keep, ..streamed.answer };
            let times = (try_us, streamed.head_us, streamed.in_one_read);
            let pace = client.pace(worker.limits().body_ms);
            Ok(settle(pace, facts, lease, upstream, &answer, streamed.outcome, &buffer, times))
        }
        Err(Halted::Refused) if upload.bytes() == bytes_before && !upload.is_complete() => {
            // Nothing was taken from the client that is not in the caller's hands, so all of it can be sent again.
            blame(lease, worker.shared.now_us(), try_us, true);
            Err(Attempt::Refused)
        }
        Err(halted) => Ok(halt(halted, lease, worker.shared.now_us(), try_us)),
    };
    worker.buffers.give(buffer);
    worker.buffers.give_outgoing(out);
    worker.buffers.give_outgoing(scratch);
    client.inbox = Some(inbox);
    client.release_inbox();
    ended.map_or_else(|attempt| attempt, Attempt::Ended)
}

async fn both(
    client: &Client,
    facts: &Facts,
    upload: &mut Upload,
    upstream: &Upstream,
    try_us: u64,
    inbox: &mut Buffer,
    (buffer, out, scratch): &mut (Buffer, Vec<u8>, Vec<u8>),
) -> Result<Streamed, Halted> {
    let limits = client.worker.limits();
    let pace = Pace { worker: &client.worker, slot: &client.slot, wait_ms: limits.body_ms, is_shared: true };
    let arm = |wait_ms: u64| client.slot.arm(client.worker.now_ms().saturating_add(wait_ms));
    let to = towards(client, facts);
    let sent = Cell::new(Sent::Running);
    let mut uploading: Uploading<'_> =
        pin!(upload.stream(pace, facts, (&client.stream, &upstream.stream), inbox, scratch));
    let keep = || facts.keep_alive && !client.is_ending() && sent.get() == Sent::Whole;
    let head = respond::final_head(pace, &upstream.stream, to, keep, false, buffer, out);
    arm(limits.body_ms);
    let first = beside(pace, &mut uploading, &sent, || arm(facts.timeout_ms), head).await;
    let head_us = client.worker.shared.now_us();
    let answer = match first {
        First::Done(Ok(answer)) => answer,
        First::Done(Err(NoHead::ClientGone)) => return Err(Halted::ClientGone),
        First::Done(Err(NoHead::Lost)) if upstream.stream.was_refused() => return Err(Halted::Refused),
        First::Done(Err(NoHead::Failed(reason))) => return Err(Halted::Replica(reason)),
        First::Done(Err(NoHead::Lost)) if is_stale(upstream, head_us, try_us) => return Err(Halted::Stale),
        First::Done(Err(NoHead::Lost)) => return Err(Halted::Replica(FailureReason::ConnectionLost)),
        First::Upload(end) => return Err(Halted::Upload(end)),
        First::Expired if sent.get() == Sent::Running => return Err(Halted::Upload(UploadEnd::ClientSilent)),
        First::Expired => return Err(Halted::Replica(FailureReason::ResponseTimeout)),
    };
    let in_one_read = buffer.unread().len();
    let body = respond::body(pace, &upstream.stream, to, &answer, buffer, out);
    arm(limits.body_ms);
    let outcome = match beside(pace, &mut uploading, &sent, || {}, body).await {
        First::Done(outcome) => outcome,
        First::Upload(_) => Err((BodyEnd::ClientGone, 0)),
        First::Expired => Err((BodyEnd::Failed(FailureReason::BodyTimeout), 0)),
    };
    Ok(Streamed { answer, outcome, in_one_read, head_us, whole: sent.get() == Sent::Whole })
}

fn halt(halted: Halted, lease: Lease, now_us: u64, try_us: u64) -> Ended {
    let latency_us = now_us.saturating_sub(try_us);
    match halted {
        Halted::Replica(reason) => {
            blame(lease, now_us, try_us, false);
            Ended::Failed(reason)
        }
        Halted::Stale | Halted::Refused => {
            blame(lease, now_us, try_us, true);
            Ended::Failed(FailureReason::ConnectionLost)
        }
        Halted::ClientGone | Halted::Upload(UploadEnd::ClientGone | UploadEnd::UpstreamGone) => {
            lease.finish(now_us, latency_us, Outcome::Cancelled);
            Ended::ClientGone
        }
        Halted::Upload(UploadEnd::Refused(error)) => {
            lease.finish(now_us, latency_us, Outcome::Cancelled);
            error.into()
        }
        Halted::Upload(UploadEnd::ClientSilent) => {
            lease.finish(now_us, latency_us, Outcome::Cancelled);
            Ended::Refused(Refusal::new(408, "body-timeout"))
        }
    }
}
