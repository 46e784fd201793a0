//! Getting an endpoint and a connection to it: at once, or after waiting in the service's bounded queue.

use super::admit::Facts;
use crate::client::Client;
use crate::control::FailureReason;
use crate::worker::service::{Lease, LocalTarget};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// Why there is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLease {
    /// The request failed.
    Failed(FailureReason),
    /// The client went away while it waited.
    ClientGone,
}

/// Whether the client has closed its side, as far as the runtime has noticed; else its task is woken when it does, or
/// when it sends something. Bytes that it sends ahead are no reason to look again.
pub fn poll_gone(client: &TcpStream, watch: &mut bool, context: &mut Context<'_>) -> bool {
    while *watch && client.poll_read_ready(context).is_ready() {
        let mut byte = [std::mem::MaybeUninit::uninit(); 1];
        let peeked = client.try_io(tokio::io::Interest::READABLE, || socket2::SockRef::from(client).peek(&mut byte));
        match peeked {
            Ok(0) => return true,
            Ok(_) => *watch = false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
    }
    false
}

/// Takes an endpoint with room, waiting for one in the queue if need be. The flag says whether it waited.
pub async fn acquire(
    client: &Client,
    facts: &Facts,
    now_us: u64,
    failed: &[Rc<LocalTarget>],
) -> Result<(Lease, bool), NoLease> {
    let service = &facts.service;
    if service.nobody_waits()
        && let Some(lease) = service.try_pick(now_us, facts.key, failed)
    {
        return Ok((lease, false));
    }
    let Some(_waiting) = service.wait(&client.slot) else { return Err(NoLease::Failed(FailureReason::QueueFull)) };
    client.slot.arm(client.worker.now_ms().saturating_add(service.queue().queue_ms));
    let mut watch = true;
    let outcome = poll_fn(|context| {
        if client.slot.take_grant() {
            let now_us = client.worker.shared.now_us();
            if let Some(lease) = service.try_pick(now_us, facts.key, failed) {
                return Poll::Ready(Ok((lease, true)));
            }
        }
        if poll_gone(&client.stream, &mut watch, context) {
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
    pub stream: TcpStream,
    /// It has carried requests before, so the replica may have closed it meanwhile.
    pub reused: bool,
}

/// Whether the kernel knows of nothing that came over an idle connection; unlike the runtime's view never stale.
fn is_quiet_now(stream: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit(); 1];
    matches!(socket2::SockRef::from(stream).peek(&mut byte), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// An idle connection unless `only_new`, else a new one.
///
/// A request that may not be sent twice gets an idle connection only after asking the kernel, because for it a
/// connection that the replica closed a moment ago is a failure.
///
/// # Errors
/// Why no connection could be made; nothing was sent.
pub async fn connect(
    client: &Client,
    lease: &Lease,
    may_repeat: bool,
    only_new: bool,
) -> Result<Upstream, FailureReason> {
    while let Some(stream) = if only_new { None } else { lease.target.take_idle() } {
        if may_repeat || is_quiet_now(&stream) {
            return Ok(Upstream { stream, reused: true });
        }
    }
    let deadline_ms = client.worker.now_ms().saturating_add(client.worker.limits().connect_ms);
    match client.slot.within(deadline_ms, TcpStream::connect(lease.target.target.address)).await {
        Ok(Ok(stream)) => {
            // Without it a request in two writes would wait for the replica's delayed acknowledgement.
            let _ = stream.set_nodelay(true);
            Ok(Upstream { stream, reused: false })
        }
        Ok(Err(_)) => Err(FailureReason::ConnectFailed),
        Err(_) => Err(FailureReason::ConnectTimeout),
    }
}
