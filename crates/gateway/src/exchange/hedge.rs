//! A read that is slow to be answered is asked of a second endpoint; the first answer counts.
//!
//! Only a route that says so comes here, and only with GET, HEAD and OPTIONS without a body. Whoever loses has its
//! connection closed, whatever it may still send: half an answer must not be read as the next one's. Its endpoint is not
//! blamed, but that it took longer than usual is remembered. Until the winner's head is there and says that it can
//! answer, the other one is kept: a first answer of 503 does not win.
//!
//! Each [`Leg`] owns its lease and its connection and ends by value, so each lease is finished exactly once on every path;
//! a future that is dropped drops both, which frees the endpoints and closes the connections.
//!
//! # Source
//! J. Dean, L. Barroso, "The Tail at Scale", CACM 56(2), 2013: hedged requests, after the 95th percentile.

use super::Ended;
use super::acquire::{self, NoConnection};
use super::admit::Facts;
use super::attempt::{self, Attempt, Leg, Try};
use super::respond::{self, NoHead};
use crate::client::Client;
use crate::control::FailureReason;
use crate::stats::RouteStats;
use crate::worker::Worker;
use crate::worker::service::{LocalTarget, Service};
use plimsoll_balance::Outcome;
use plimsoll_model::route::{HedgeAfter, HedgeSpec};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// The leg that has not answered yet.
pub type Rival = RefCell<Option<Leg>>;

/// How a hedged try ended, and whom it asked beside the first.
pub struct Hedged {
    /// How it ended.
    pub attempt: Attempt,
    /// The second endpoint, if one was asked.
    pub second: Option<Rc<LocalTarget>>,
}

impl From<Attempt> for Hedged {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, second: None }
    }
}

/// Microseconds after which a second endpoint is asked; none while too little is known of the pool.
fn delay_us(spec: &HedgeSpec, service: &Service) -> Option<u64> {
    match spec.after {
        HedgeAfter::Time(delay) => Some(delay.get().saturating_mul(1_000)),
        HedgeAfter::Quantile(share) => service.latency_at(share.get()),
    }
}

/// Waits for so long. In the simulation time is counted in turns, so that a seed gives the same run each time.
async fn pause(worker: &Worker, delay_us: u64) {
    #[cfg(test)]
    if worker.is_simulated() {
        for _ in 0..delay_us / 1_000 {
            tokio::task::yield_now().await;
        }
        return;
    }
    let _ = worker;
    tokio::time::sleep(Duration::from_micros(delay_us)).await;
}

/// What came first.
enum First<T> {
    /// The endpoint that was asked first has something to say.
    Answer,
    ClientGone,
    Other(T),
}

/// Waits for the first leg's answer and `other`, whichever comes first.
async fn beside<T>(client: &Client, leg: &Leg, other: impl Future<Output = T>) -> First<T> {
    let mut watch = true;
    let mut answer = pin!(respond::await_source(&leg.upstream.stream, &client.stream, &mut watch));
    let mut other = pin!(other);
    poll_fn(|context| {
        if let Poll::Ready(is_there) = answer.as_mut().poll(context) {
            return Poll::Ready(if is_there { First::Answer } else { First::ClientGone });
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}

/// The rest of a try whose request has left whole with the first leg.
pub async fn run(
    client: &mut Client,
    facts: &Facts,
    (spec, stats): (&HedgeSpec, &RouteStats),
    out: &[u8],
    first: Leg,
    this: Try,
) -> Hedged {
    let until_ms = client.worker.now_ms().saturating_add(facts.timeout_ms);
    stats.deposit_hedge(spec.budget.get());
    let Some(delay_us) = delay_us(spec, &facts.service) else {
        return alone(client, facts, first, this, until_ms).await.into();
    };
    let worker = Rc::clone(&client.worker);
    let waited = client.pace(facts.timeout_ms).wait(beside(client, &first, pause(&worker, delay_us))).await;
    match waited {
        Ok(First::Other(())) => {}
        Ok(First::Answer) => return receive(client, facts, first, this, Ok(()), until_ms).await.into(),
        Ok(First::ClientGone) => {
            return receive(client, facts, first, this, Err(NoHead::ClientGone), until_ms).await.into();
        }
        Err(_) => return receive(client, facts, first, this, Err(LATE), until_ms).await.into(),
    }
    let Some(lease) = second_lease(facts, &worker, &first, stats) else {
        return alone(client, facts, first, this, until_ms).await.into();
    };
    stats.count(|totals| totals.hedged += 1);
    let second = Some(Rc::clone(&lease.target));
    let start_us = worker.shared.now_us();
    let asked = {
        let ask = pin!(async {
            let upstream = match acquire::connect(client, &lease, true, false).await {
                Ok(upstream) => upstream,
                Err(NoConnection::Full) => return Err(Outcome::Cancelled),
                Err(NoConnection::Failed(_)) => return Err(Outcome::Failure),
            };
            let sent = client.pace(worker.limits().body_ms).write(&upstream.stream, out, &[]).await;
            sent.map(|()| upstream).map_err(|_| Outcome::Cancelled)
        });
        beside(client, &first, ask).await
    };
    let attempt = match asked {
        First::Other(Ok(upstream)) => {
            let second = Leg { lease, upstream, start_us, sent: out.len() };
            race(client, facts, [first, second], this, until_ms, stats).await
        }
        unsent => {
            let outcome = if let First::Other(Err(outcome)) = unsent { outcome } else { Outcome::Cancelled };
            let now_us = worker.shared.now_us();
            lease.finish(now_us, now_us.saturating_sub(start_us), outcome);
            match unsent {
                First::Answer => receive(client, facts, first, this, Ok(()), until_ms).await,
                First::ClientGone => receive(client, facts, first, this, Err(NoHead::ClientGone), until_ms).await,
                First::Other(_) => alone(client, facts, first, this, until_ms).await,
            }
        }
    };
    Hedged { attempt, second }
}

const LATE: NoHead = NoHead::Failed(FailureReason::ResponseTimeout);

/// Another endpoint that may be asked now, if the budget allows it. Nobody is overtaken who waits in the queue.
fn second_lease(
    facts: &Facts,
    worker: &Worker,
    first: &Leg,
    stats: &RouteStats,
) -> Option<crate::worker::service::Lease> {
    let asked = [Rc::clone(&first.lease.target)];
    let lease = facts
        .service
        .nobody_waits()
        .then(|| facts.service.try_pick(worker.shared.now_us(), facts.wanted, &asked))??;
    if Rc::ptr_eq(&lease.target, &asked[0]) {
        return None;
    }
    if !stats.withdraw_hedge() {
        stats.count(|totals| totals.hedges_refused += 1);
        return None;
    }
    Some(lease)
}

/// Goes on with one leg.
async fn alone(client: &mut Client, facts: &Facts, leg: Leg, this: Try, until_ms: u64) -> Attempt {
    let left_ms = until_ms.saturating_sub(client.worker.now_ms());
    let ready = respond::first_byte(client.pace(left_ms), &leg.upstream.stream, &client.stream).await;
    receive(client, facts, leg, this, ready, until_ms).await
}

async fn receive(
    client: &mut Client,
    facts: &Facts,
    leg: Leg,
    this: Try,
    ready: Result<(), NoHead>,
    until_ms: u64,
) -> Attempt {
    let left_ms = until_ms.saturating_sub(client.worker.now_ms());
    attempt::receive(client, facts, leg, ready, (left_ms, this.may_ask_another), None).await
}

/// Both have the request. Who has something to say first is heard first; the other one is kept until that is an answer.
async fn race(
    client: &mut Client,
    facts: &Facts,
    legs: [Leg; 2],
    this: Try,
    until_ms: u64,
    stats: &RouteStats,
) -> Attempt {
    let left_ms = until_ms.saturating_sub(client.worker.now_ms());
    let winner = {
        let second = poll_fn(|context| legs[1].upstream.stream.poll_read_ready(context).map(drop));
        client.pace(left_ms).wait(beside(client, &legs[0], second)).await
    };
    let now_us = client.worker.shared.now_us();
    let [first, second] = legs;
    let (winner, rival) = match winner {
        Ok(First::Answer) => (first, second),
        Ok(First::Other(())) => {
            // That the first one would have taken longer than this is a sample too. Without it the quantile would only
            // know answers that came before the hedge, and fall with each round.
            facts.service.record_latency(now_us.saturating_sub(first.start_us));
            stats.count(|totals| totals.hedges_won += 1);
            (second, first)
        }
        Ok(First::ClientGone) => {
            first.give_up(now_us, Outcome::Cancelled);
            second.give_up(now_us, Outcome::Cancelled);
            return Attempt::Ended(Ended::ClientGone);
        }
        Err(_) => {
            first.give_up(now_us, Outcome::Failure);
            second.give_up(now_us, Outcome::Failure);
            return Attempt::Ended(Ended::Failed(FailureReason::ResponseTimeout));
        }
    };
    facts.given_to(&winner.lease.target);
    let rival = Rival::new(Some(rival));
    let left_ms = until_ms.saturating_sub(client.worker.now_ms());
    let attempt = attempt::receive(client, facts, winner, Ok(()), (left_ms, true), Some(&rival)).await;
    match (attempt, rival.into_inner()) {
        (Attempt::Lost { .. } | Attempt::Declined(_), Some(left)) => {
            facts.given_to(&left.lease.target);
            alone(client, facts, left, this, until_ms).await
        }
        (attempt, left) => {
            if let Some(left) = left {
                left.give_up(client.worker.shared.now_us(), Outcome::Cancelled);
            }
            attempt
        }
    }
}
