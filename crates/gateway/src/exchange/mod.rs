//! One exchange: a request admitted, an endpoint found, the request sent, the response passed on, everything counted.
//!
//! A request that fits what was read with its head is sent whole and can be sent again; larger ones stream. Nothing is
//! retried once a byte of the response went to the client, and an upstream connection goes back to its pool only when
//! both messages on it ended where they should.

mod acquire;
mod admit;
mod attempt;
mod hedge;
mod log;
pub mod pass;
mod respond;
#[cfg(test)]
mod simulation;
mod splice;
mod streaming;
mod tunnel;
mod upload;

use crate::client::Client;
use crate::codec::RequestError;
use crate::control::FailureReason;
use crate::refusal::{self, Refusal};
use crate::stats::End;
use crate::worker::bounds::{Retrying, is_of_the_pool};
use crate::worker::buffer::Buffer;
use crate::worker::service::{LocalTarget, Service};
use acquire::{NoConnection, NoLease};
use admit::Facts;
use attempt::{Attempt, Try};
use plimsoll_balance::Admission;
use std::rc::Rc;
use upload::Upload;

/// What becomes of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another request may come.
    Request,
    /// Close it, letting the client read what was sent.
    Linger,
    /// Close it.
    Close,
}

/// Most connections that may be refused before the request fails, if there are as many endpoints: nothing was sent, so
/// trying elsewhere costs no replica anything. A connection that times out is tried elsewhere once, because it costs the
/// client time.
const CONNECT_RETRIES: usize = 8;

/// Counts one request however its future ends: one that is dropped counts as cancelled.
struct Tally {
    service: Rc<Service>,
    start_us: u64,
    is_open: bool,
    /// The circuit let it through.
    admission: Option<Admission>,
}

impl Tally {
    fn new(service: &Rc<Service>, start_us: u64, retry_permille: u64) -> Self {
        service.stats.arrived(start_us);
        service.budget.deposit(retry_permille);
        Self { service: Rc::clone(service), start_us, is_open: true, admission: None }
    }

    fn end(&mut self, now_us: u64, end: End) {
        if std::mem::take(&mut self.is_open) {
            self.service.stats.ended(now_us, now_us.saturating_sub(self.start_us), end);
            if let Some(admission) = self.admission.take() {
                settle(admission, now_us, end);
            }
        }
    }
}

/// Tells the circuit how a request ended.
fn settle(admission: Admission, now_us: u64, end: End) {
    match end {
        End::Answered => admission.ended(now_us, false),
        End::Failed(reason) if is_of_the_pool(reason) => admission.ended(now_us, true),
        End::Failed(_) | End::Cancelled => drop(admission),
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let now_us = self.start_us;
        self.end(now_us, End::Cancelled);
    }
}

/// How an exchange ended, as far as the client is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The response is complete.
    Answered { status: u16, keep: bool, at_us: u64 },
    /// It failed before any byte of the response.
    Failed(FailureReason),
    /// It failed within the response.
    Cut(FailureReason),
    /// The rest of the request broke a rule.
    Refused(Refusal),
    /// The client went away.
    ClientGone,
}

/// Answers the request whose head of `head_length` bytes is at the start of the inbox.
pub async fn run(client: &mut Client, head_length: usize) -> Next {
    let start_us = client.worker.shared.now_us();
    let mut out = client.worker.buffers.outgoing();
    let Some(mut inbox) = client.inbox.take() else { return Next::Close };
    let next = match admit::admit(client, &inbox.unread()[..head_length], &mut out) {
        Ok(facts) => {
            inbox.consume(head_length);
            answer(client, &facts, inbox, &mut out, start_us).await
        }
        Err(mut turned) => {
            turned.bodiless |= inbox.unread().starts_with(b"HEAD ");
            let may_go_on = turned.may_go_on && !client.is_ending();
            if may_go_on {
                inbox.consume(head_length);
            }
            client.inbox = Some(inbox);
            client.worker.count_refused(turned.refusal.word);
            log::turned(client, &turned, start_us);
            log::turned_span(client, &mut turned, start_us);
            out.clear();
            turned.encode(&mut out, !may_go_on);
            let sent = client.pace(client.worker.limits().body_ms).write(&client.stream, &out, &[]).await.is_ok();
            match (sent, may_go_on) {
                (true, true) => Next::Request,
                (true, false) => Next::Linger,
                (false, _) => Next::Close,
            }
        }
    };
    client.worker.buffers.give_outgoing(out);
    next
}

async fn answer(client: &mut Client, facts: &Facts, mut inbox: Buffer, out: &mut Vec<u8>, start_us: u64) -> Next {
    let limits = client.worker.limits();
    let mut tally = Tally::new(&facts.service, start_us, limits.retry_permille);
    let mut upload = Upload::new(facts.framing, limits.body_bytes_max);
    let absorbed = upload.absorb(facts, &mut inbox, out);
    // Kept while bytes are left in it or will come; an exchange that only waits holds no read buffer.
    if inbox.is_empty() && upload.is_complete() {
        client.worker.buffers.give(inbox);
    } else {
        client.inbox = Some(inbox);
    }
    let ended = match (absorbed, facts.service.admit(start_us)) {
        (Ok(()), Ok(admission)) => {
            tally.admission = admission;
            attempts(client, facts, &mut upload, out, start_us).await
        }
        (Ok(()), Err(reason)) => Ended::Failed(reason),
        (Err(error), _) => Ended::Refused(error.into()),
    };
    facts.service.stats.count(|totals| totals.bytes_in += upload.bytes());
    finish(client, facts, &upload, &mut tally, ended).await
}

async fn finish(client: &mut Client, facts: &Facts, upload: &Upload, tally: &mut Tally, ended: Ended) -> Next {
    let now_us = || client.worker.shared.now_us();
    let has_failed = match ended {
        Ended::Answered { status, .. } => status >= 500,
        Ended::Failed(_) | Ended::Cut(_) => true,
        Ended::Refused(_) | Ended::ClientGone => false,
    };
    if let Some(route) = facts.route.as_ref().filter(|_| has_failed) {
        route.count(|totals| totals.failed += 1);
    }
    if let Some(asked) = &facts.logged {
        log::ended(client, facts, asked, upload.bytes(), tally.start_us, ended);
    }
    if let Some(begun) = &facts.span {
        log::ended_span(client, facts, begun, upload.bytes(), tally.start_us, ended);
    }
    match ended {
        Ended::Answered { status, keep, at_us } => {
            let end = if status >= 500 { End::Failed(FailureReason::Status5xx) } else { End::Answered };
            tally.end(at_us, end);
            if keep {
                Next::Request
            } else if upload.is_complete() && client.inbox.is_none() {
                Next::Close
            } else {
                Next::Linger
            }
        }
        Ended::Cut(reason) => {
            tally.end(now_us(), End::Failed(reason));
            Next::Close
        }
        Ended::ClientGone => {
            tally.end(now_us(), End::Cancelled);
            Next::Close
        }
        Ended::Refused(refused) => {
            tally.end(now_us(), End::Cancelled);
            client.worker.count_refused(refused.word);
            refuse(client, refused, true, facts.asked.head).await;
            Next::Linger
        }
        Ended::Failed(reason) => {
            tally.end(now_us(), End::Failed(reason));
            let close = !(upload.is_complete() && facts.keep_alive && facts.minor == 1) || client.is_ending();
            match (refuse(client, reason.into(), close, facts.asked.head).await, close) {
                (false, _) => Next::Close,
                (true, false) => Next::Request,
                (true, true) => Next::Linger,
            }
        }
    }
}

/// Sends a refusal, to HEAD without its body.
async fn refuse(client: &mut Client, refused: Refusal, close: bool, is_head: bool) -> bool {
    if !is_head {
        return refusal::send(client, refused, close).await;
    }
    let mut out = Vec::new();
    refused.encode(&mut out, close, false);
    client.pace(client.worker.limits().body_ms).write(&client.stream, &out, &[]).await.is_ok()
}

/// What is remembered from one try of a request to the next.
struct Tries<'a> {
    facts: &'a Facts,
    failed: Vec<Rc<LocalTarget>>,
    /// Tries of which no endpoint has heard anything.
    unheard: usize,
    retrying: Option<Retrying>,
    only_new: bool,
}

impl<'a> Tries<'a> {
    const fn new(facts: &'a Facts) -> Self {
        Self { facts, failed: Vec::new(), unheard: 0, retrying: None, only_new: false }
    }

    /// Asks somebody else.
    fn elsewhere(&mut self, target: Rc<LocalTarget>) {
        self.facts.service.stats.count(|totals| totals.retried += 1);
        self.failed.push(target);
    }

    /// The endpoint has not heard of the request, so another try costs replicas nothing; `most` of them are made.
    fn goes_on_unheard(&mut self, target: Rc<LocalTarget>, most: usize) -> bool {
        if self.unheard >= most || !self.facts.retry {
            return false;
        }
        self.unheard += 1;
        self.elsewhere(target);
        true
    }

    /// The connection was lost with nothing said; whether the request goes on somewhere.
    fn goes_on_lost(&mut self, target: Rc<LocalTarget>, stale: bool) -> bool {
        if stale && !self.only_new {
            // The next connection is a new one, which cannot be stale: a request that kills replicas must not wander
            // through all of them on idle connections.
            self.only_new = true;
            return true;
        }
        if self.retrying.is_some() || !self.facts.retry {
            return false;
        }
        let Some(paid) = self.facts.service.pay_retry() else { return false };
        self.retrying = Some(paid);
        self.elsewhere(target);
        true
    }
}

/// Tries endpoints until one answers or no further try is allowed.
async fn attempts(client: &mut Client, facts: &Facts, upload: &mut Upload, out: &[u8], start_us: u64) -> Ended {
    let service = &facts.service;
    let mut tries = Tries::new(facts);
    let mut try_us = start_us;
    loop {
        let (lease, waited) = match acquire::acquire(client, facts, try_us, &tries.failed).await {
            Ok(acquired) => acquired,
            Err(NoLease::Failed(reason)) => return Ended::Failed(reason),
            Err(NoLease::ClientGone) => return Ended::ClientGone,
        };
        if waited {
            try_us = client.worker.shared.now_us();
        }
        let target = Rc::clone(&lease.target);
        facts.given_to(&target);
        let may_repeat = facts.idempotent && upload.is_complete();
        let upstream = match acquire::connect(client, &lease, may_repeat, tries.only_new).await {
            Ok(upstream) => upstream,
            Err(NoConnection::Full) => {
                drop(lease);
                if let Err(reason) = acquire::await_connection(client, facts).await {
                    return Ended::Failed(reason);
                }
                try_us = client.worker.shared.now_us();
                if try_us.saturating_sub(start_us) / 1_000 > service.queue().queue_ms {
                    return Ended::Failed(FailureReason::QueueTimeout);
                }
                continue;
            }
            Err(NoConnection::Failed(reason)) => {
                let now_us = client.worker.shared.now_us();
                lease.finish(now_us, now_us.saturating_sub(try_us), plimsoll_balance::Outcome::Failure);
                let refused = reason == FailureReason::ConnectFailed;
                let most = if refused { service.endpoints_len().min(CONNECT_RETRIES) } else { 1 };
                if !tries.goes_on_unheard(target, most) {
                    return Ended::Failed(reason);
                }
                try_us = now_us;
                continue;
            }
        };
        let is_first = tries.retrying.is_none() && service.endpoints_len() > 1;
        let this =
            Try { start_us: try_us, may_ask_another: may_repeat && is_first && facts.retry, may_hedge: is_first };
        let hedged = attempt::run(client, facts, upload, out, lease, upstream, this).await;
        tries.failed.extend(hedged.second);
        match hedged.attempt {
            Attempt::Ended(ended) => return ended,
            Attempt::Refused => {
                if !tries.goes_on_unheard(target, service.endpoints_len().min(CONNECT_RETRIES)) {
                    return Ended::Failed(FailureReason::ConnectionLost);
                }
            }
            Attempt::Declined(paid) => {
                tries.retrying = paid;
                tries.elsewhere(target);
            }
            Attempt::Lost { reason, sent, stale } => {
                if !(may_repeat || sent == 0) || !tries.goes_on_lost(target, stale) {
                    return Ended::Failed(reason);
                }
            }
        }
        try_us = client.worker.shared.now_us();
    }
}

impl From<RequestError> for Ended {
    fn from(error: RequestError) -> Self {
        Self::Refused(error.into())
    }
}
