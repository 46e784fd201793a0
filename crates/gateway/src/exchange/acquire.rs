//! Getting an endpoint and a connection to it: at once, or after waiting in the service's bounded queue.

use super::admit::Facts;
use crate::client::Client;
use crate::control::FailureReason;
use crate::dial;
use crate::http2::upstream;
use crate::stream::Stream;
use crate::worker::bounds::OpenConnection;
use crate::worker::service::{Lease, LocalTarget};
use plimsoll_model::gateway::UpstreamProtocol;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// Why there is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLease {
    /// The request failed.
    Failed(FailureReason),
    /// The client went away while it waited.
    ClientGone,
}

/// Takes an endpoint with room, waiting for one in the queue if need be. The flag says whether it waited.
pub async fn acquire(
    client: &Client,
    facts: &Facts,
    now_us: u64,
    failed: &[Rc<LocalTarget>],
) -> Result<(Lease, bool), NoLease> {
    let service = &facts.service;
    if let Some(token) = facts.sticks_to
        && failed.is_empty()
        && let Some(lease) = service.try_stick(now_us, token)
    {
        return Ok((lease, false));
    }
    if service.nobody_waits()
        && let Some(lease) = service.try_pick(now_us, facts.wanted, failed)
    {
        return Ok((lease, false));
    }
    let Some(_waiting) = service.wait(&client.slot) else { return Err(NoLease::Failed(FailureReason::QueueFull)) };
    client.slot.arm(client.worker.now_ms().saturating_add(service.queue().queue_ms));
    let mut watch = true;
    let outcome = poll_fn(|context| {
        if client.slot.take_grant() {
            let now_us = client.worker.shared.now_us();
            if let Some(lease) = service.try_pick(now_us, facts.wanted, failed) {
                return Poll::Ready(Ok((lease, true)));
            }
        }
        if client.stream.poll_gone(&mut watch, context) {
            return Poll::Ready(Err(NoLease::ClientGone));
        }
        if client.slot.poll_expired(context) {
            let reason = if service.has_endpoints() { FailureReason::QueueTimeout } else { FailureReason::NoEndpoint };
            return Poll::Ready(Err(NoLease::Failed(reason)));
        }
        Poll::Pending
    })
    .await;
    client.slot.arm(crate::worker::slot::NEVER);
    outcome
}

/// A connection to a replica.
#[derive(Debug)]
pub struct Upstream {
    /// The socket.
    pub stream: Stream,
    /// It has carried requests before, so the replica may have closed it meanwhile.
    pub reused: bool,
    /// Its place among the endpoint's connections; none of its own for a stream of HTTP/2, which shares one.
    pub place: Option<OpenConnection>,
}

/// Why there is no connection; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoConnection {
    /// The endpoint gave none.
    Failed(FailureReason),
    /// It has as many as it may have, and none of them is idle here.
    Full,
}

/// An idle connection unless `only_new`, else a new one.
///
/// A request that may not be sent twice gets an idle connection only after asking the kernel, because for it a
/// connection that the replica closed a moment ago is a failure.
///
/// # Errors
/// [`NoConnection`].
pub async fn connect(
    client: &Client,
    lease: &Lease,
    may_repeat: bool,
    only_new: bool,
) -> Result<Upstream, NoConnection> {
    let target = &lease.target;
    if target.target.upstream.protocol != UpstreamProtocol::Http1
        && let Some(opened) = Box::pin(upstream::connect(client, target)).await.map_err(NoConnection::Failed)?
    {
        return Ok(Upstream { stream: opened.stream, reused: opened.reused, place: None });
    }
    while let Some((stream, place)) = if only_new { None } else { target.take_idle() } {
        if may_repeat || stream.is_quiet_now() {
            return Ok(Upstream { stream, reused: true, place: Some(place) });
        }
    }
    let Some(place) = OpenConnection::open(&target.target, lease.connections_max()) else {
        return Err(NoConnection::Full);
    };
    let deadline_ms = client.worker.now_ms().saturating_add(client.worker.limits().connect_ms);
    let stream = dial::dial(client, &target.target, deadline_ms).await.map_err(NoConnection::Failed)?;
    if stream.speaks_http2() {
        let opened = Box::pin(upstream::begin(client, target, stream)).await.map_err(NoConnection::Failed)?;
        return Ok(Upstream { stream: opened.stream, reused: opened.reused, place: None });
    }
    Ok(Upstream { stream, reused: false, place: Some(place) })
}

/// Waits in the queue for an idle connection to be closed elsewhere: for one tick, after which all workers have looked.
///
/// # Errors
/// When the queue is full.
pub async fn await_connection(client: &Client, facts: &Facts) -> Result<(), FailureReason> {
    let Some(_waiting) = facts.service.wait(&client.slot) else { return Err(FailureReason::QueueFull) };
    let deadline_ms = client.worker.now_ms().saturating_add(1);
    let _ = client.slot.within(deadline_ms, std::future::pending::<()>()).await;
    Ok(())
}
