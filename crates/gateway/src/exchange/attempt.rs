//! One try at one endpoint.

use super::acquire::Upstream;
use super::admit::Facts;
use super::hedge::{self, Hedged, Rival};
use super::respond::{self, Answer, BodyEnd, NoHead, Towards};
use super::upload::Upload;
use super::{Ended, streaming, tunnel};
use crate::client::Client;
use crate::control::FailureReason;
use crate::io::{IoEnd, Pace};
use crate::worker::bounds::Retrying;
use crate::worker::buffer::Buffer;
use crate::worker::service::Lease;
use plimsoll_balance::Outcome;

/// How a try ended.
#[derive(Debug)]
pub enum Attempt {
    /// The exchange is over.
    Ended(Ended),
    /// No byte of a response came. `sent` bytes of the request had left.
    Lost {
        /// Why.
        reason: FailureReason,
        /// Bytes that the kernel took.
        sent: usize,
        /// The replica had closed the idle connection that was used: its right, and nobody's failure.
        stale: bool,
    },
    /// The replica says that it has not looked at the request, which can be sent again whatever it is.
    Refused,
    /// The replica answered that it cannot, and the answer was thrown away: a retry was paid for, or another one has the
    /// request already.
    Declined(Option<Retrying>),
}

/// One try of a request.
#[derive(Debug, Clone, Copy)]
pub struct Try {
    /// When it began, µs.
    pub start_us: u64,
    /// Another endpoint may be asked if this one cannot answer, as far as the retry budget goes.
    pub may_ask_another: bool,
    /// Another endpoint may be asked while this one is slow, where the route says so.
    pub may_hedge: bool,
}

/// Statuses by which a replica says that it, rather than the request, is in trouble (RFC 9110, 15.6). 501 and 505 are
/// about the request, and another replica would say the same.
const fn is_declined(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

/// What the client's side of a response is.
pub fn towards<'a>(client: &'a Client, facts: &'a Facts) -> Towards<'a> {
    Towards {
        stream: &client.stream,
        facts,
        minor: facts.minor,
        asked: facts.asked,
        write_ms: client.worker.limits().body_ms,
    }
}

/// An endpoint that has the whole request, and the connection that it has it on.
#[derive(Debug)]
pub struct Leg {
    /// The hold on the endpoint.
    pub lease: Lease,
    /// The connection.
    pub upstream: Upstream,
    /// When it was asked, µs.
    pub start_us: u64,
    /// Bytes of the request.
    pub sent: usize,
}

impl Leg {
    /// Ends it without an answer: the connection is closed, because one may still come.
    pub fn give_up(self, now_us: u64, outcome: Outcome) {
        drop(self.upstream);
        self.lease.finish(now_us, now_us.saturating_sub(self.start_us), outcome);
    }
}

/// Sends the request in `out`, streams what is left of its body, and passes the response on.
pub async fn run(
    client: &mut Client,
    facts: &Facts,
    upload: &mut Upload,
    out: &[u8],
    lease: Lease,
    upstream: Upstream,
    this: Try,
) -> Hedged {
    let try_us = this.start_us;
    let limits = client.worker.limits();
    if let Err((end, sent)) = client.pace(limits.body_ms).write(&upstream.stream, out, &[]).await {
        let now_us = client.worker.shared.now_us();
        if upstream.stream.was_refused() {
            blame(lease, now_us, try_us, true);
            return Attempt::Refused.into();
        }
        let reason =
            if end == IoEnd::TimedOut { FailureReason::ResponseTimeout } else { FailureReason::ConnectionLost };
        let stale = reason == FailureReason::ConnectionLost && is_stale(&upstream, now_us, try_us);
        blame(lease, now_us, try_us, stale);
        return Attempt::Lost { reason, sent, stale }.into();
    }
    if !upload.is_complete() {
        return Box::pin(streaming::run(client, facts, upload, lease, upstream, try_us)).await.into();
    }
    let leg = Leg { lease, upstream, start_us: try_us, sent: out.len() };
    if let (Some(hedge), Some(stats)) = (&facts.hedge, &facts.route)
        && this.may_hedge
    {
        return Box::pin(hedge::run(client, facts, (hedge, stats), out, leg, this)).await;
    }
    let started_ms = client.worker.now_ms();
    // The buffers are taken when there is something to read: a thousand requests that wait then share a few warm ones.
    let ready = respond::first_byte(client.pace(facts.timeout_ms), &leg.upstream.stream, &client.stream).await;
    let timeout_ms = facts.timeout_ms.saturating_sub(client.worker.now_ms() - started_ms);
    receive(client, facts, leg, ready, (timeout_ms, this.may_ask_another), None).await.into()
}

/// Passes the response on, of which there is something to read, as far as `ready` says. A `rival` is given up as soon as
/// this answer is the one.
pub async fn receive(
    client: &mut Client,
    facts: &Facts,
    leg: Leg,
    ready: Result<(), NoHead>,
    (timeout_ms, may_ask_another): (u64, bool),
    rival: Option<&Rival>,
) -> Attempt {
    let worker = std::rc::Rc::clone(&client.worker);
    let mut response = worker.buffers.outgoing();
    let mut buffer = worker.buffers.large();
    let exchange = Exchange { client, facts, try_us: leg.start_us, may_ask_another, timeout_ms, rival };
    let attempt = exchange.whole(ready, leg, &mut buffer, &mut response).await;
    worker.buffers.give(buffer);
    worker.buffers.give_outgoing(response);
    attempt
}

/// A connection that was closed while it was idle shows that within a round trip; one that is lost later carried the
/// request to a replica that died of it or with it. µs.
const STALE_MAX_US: u64 = 50_000;

/// Whether a connection that ended without a byte was closed before the request reached the replica.
pub fn is_stale(upstream: &Upstream, now_us: u64, try_us: u64) -> bool {
    upstream.reused && !upstream.stream.was_broken_off() && now_us.saturating_sub(try_us) < STALE_MAX_US
}

/// An endpoint failed a try; a stale connection is nobody's fault.
pub fn blame(lease: Lease, now_us: u64, try_us: u64, stale: bool) {
    let outcome = if stale { Outcome::Cancelled } else { Outcome::Failure };
    lease.finish(now_us, now_us.saturating_sub(try_us), outcome);
}

struct Exchange<'a> {
    client: &'a mut Client,
    facts: &'a Facts,
    try_us: u64,
    may_ask_another: bool,
    timeout_ms: u64,
    rival: Option<&'a Rival>,
}

impl Exchange<'_> {
    /// The request left whole; what comes back decides everything.
    async fn whole(
        self,
        ready: Result<(), NoHead>,
        Leg { lease, upstream, sent, .. }: Leg,
        buffer: &mut Buffer,
        out: &mut Vec<u8>,
    ) -> Attempt {
        let (client, facts) = (self.client, self.facts);
        let to = towards(client, facts);
        let keep = || facts.keep_alive && !client.is_ending();
        let pace = client.pace(self.timeout_ms);
        let head = match ready {
            Ok(()) => respond::final_head(pace, &upstream.stream, to, keep, true, buffer, out).await,
            Err(no_head) => Err(no_head),
        };
        let head_us = client.worker.shared.now_us();
        let answer = match head {
            Ok(answer) => answer,
            Err(NoHead::Lost | NoHead::Failed(FailureReason::ConnectionLost)) => {
                if upstream.stream.was_refused() {
                    blame(lease, head_us, self.try_us, true);
                    return Attempt::Refused;
                }
                let stale = head == Err(NoHead::Lost) && is_stale(&upstream, head_us, self.try_us);
                blame(lease, head_us, self.try_us, stale);
                return Attempt::Lost { reason: FailureReason::ConnectionLost, sent, stale };
            }
            Err(NoHead::Failed(FailureReason::ResponseTimeout)) if self.may_ask_another => {
                blame(lease, head_us, self.try_us, false);
                return Attempt::Lost { reason: FailureReason::ResponseTimeout, sent, stale: false };
            }
            Err(NoHead::Failed(reason)) => {
                blame(lease, head_us, self.try_us, false);
                return Attempt::Ended(Ended::Failed(reason));
            }
            Err(NoHead::ClientGone) => {
                lease.finish(head_us, head_us.saturating_sub(self.try_us), Outcome::Cancelled);
                return Attempt::Ended(Ended::ClientGone);
            }
        };
        if answer.status == 101 {
            return Attempt::Ended(Box::pin(tunnel::run(client, lease, upstream, self.try_us, buffer, out)).await);
        }
        // The head waits in `out`, so the client has seen nothing of this answer yet.
        if self.may_ask_another && is_declined(answer.status) {
            // Where another one has the request already, waiting for it costs nobody anything.
            let has_rival = self.rival.is_some_and(|rival| rival.borrow().is_some());
            let paid = if has_rival { None } else { facts.service.pay_retry() };
            if has_rival || paid.is_some() {
                blame(lease, head_us, self.try_us, false);
                return Attempt::Declined(paid);
            }
        }
        if let Some(rival) = self.rival
            && let Some(rival) = rival.take()
        {
            rival.give_up(head_us, Outcome::Cancelled);
        }
        let in_one_read = buffer.unread().len();
        let pace = client.pace(to.write_ms);
        let outcome = respond::body(pace, &upstream.stream, to, &answer, buffer, out).await;
        let ended = settle(pace, facts, lease, upstream, &answer, outcome, buffer, (self.try_us, head_us, in_one_read));
        Attempt::Ended(ended)
    }
}

/// Counts a response whose head was passed on, and keeps the replica's connection if both messages ended well.
#[allow(clippy::too_many_arguments, reason = "the loose ends of one exchange, tied in one place")]
pub fn settle(
    pace: Pace<'_>,
    facts: &Facts,
    lease: Lease,
    upstream: Upstream,
    answer: &Answer,
    outcome: Result<u64, (BodyEnd, u64)>,
    rest: &Buffer,
    (try_us, head_us, in_one_read): (u64, u64, usize),
) -> Ended {
    let bytes = outcome.unwrap_or_else(|(_, bytes)| bytes);
    facts.service.stats.count(|totals| totals.bytes_out += bytes);
    facts.bytes_out.set(bytes);
    // A body that came with its head took no further time that is worth a reading of the clock.
    let now_us = if bytes as usize <= in_one_read { head_us } else { pace.worker.shared.now_us() };
    let latency_us = head_us.saturating_sub(try_us);
    match outcome {
        Ok(_) => {
            let verdict = if answer.status >= 500 { Outcome::Failure } else { Outcome::Success };
            if let Upstream { stream, place: Some(place), .. } = upstream
                && answer.upstream_keep
                && rest.is_empty()
            {
                lease.target.keep(stream, place, pace.worker.now_ms(), pace.worker.limits().idle_upstream_max);
            }
            lease.finish(now_us, latency_us, verdict);
            Ended::Answered { status: answer.status, keep: answer.client_keep, at_us: now_us }
        }
        Err((BodyEnd::ClientGone, _)) => {
            lease.finish(now_us, latency_us, Outcome::Cancelled);
            Ended::ClientGone
        }
        Err((BodyEnd::Unsent(reason), _)) => {
            lease.finish(now_us, latency_us, Outcome::Failure);
            Ended::Failed(reason)
        }
        Err((BodyEnd::Failed(reason), _)) => {
            lease.finish(now_us, latency_us, Outcome::Failure);
            Ended::Cut(reason)
        }
    }
}
