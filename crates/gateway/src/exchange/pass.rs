//! An exchange without messages: one endpoint for one connection, bytes both ways until both sides have ended.

use super::acquire::{self, NoConnection, NoLease};
use super::admit::Facts;
use super::{CONNECT_RETRIES, tunnel};
use crate::client::Client;
use crate::codec::Framing;
use crate::codec::response::Asked;
use crate::control::FailureReason;
use crate::worker::service::{LocalTarget, Service, Wanted};
use std::cell::Cell;
use std::rc::Rc;

/// Passes a connection through. Where an endpoint refuses it another one is tried, because nothing was sent.
///
/// # Errors
/// Why there was nobody to pass it to; none when the client left while it waited.
pub async fn through(client: &mut Client, service: &Rc<Service>, start_us: u64) -> Result<(), Option<FailureReason>> {
    let facts = Facts {
        service: Rc::clone(service),
        timeout_ms: 0,
        retry: true,
        idempotent: false,
        minor: 1,
        keep_alive: false,
        framing: Framing::None,
        sends_trailers: false,
        takes_trailers: false,
        asked: Asked { head: false, upgrade: true },
        wanted: Wanted { key: service.queue().hashes.then_some(client.peer.key), algorithm: None },
        rules: None,
        sticks_to: None,
        hedge: None,
        token: Cell::new(0),
        endpoint: Cell::new(None),
        bytes_out: Cell::new(0),
        route: None,
        logged: None,
        span: None,
    };
    let admission = service.admit(start_us).map_err(Some)?;
    let mut failed: Vec<Rc<LocalTarget>> = Vec::new();
    let mut try_us = start_us;
    loop {
        let (lease, _) =
            acquire::acquire(client, &facts, try_us, &failed).await.map_err(|no_lease| match no_lease {
                NoLease::Failed(reason) => Some(reason),
                NoLease::ClientGone => None,
            })?;
        let target = Rc::clone(&lease.target);
        match acquire::connect(client, &lease, false, true).await {
            Ok(upstream) => {
                if let Some(admission) = admission {
                    admission.ended(client.worker.shared.now_us(), false);
                }
                let mut buffer = client.worker.buffers.large();
                tunnel::run(client, lease, upstream, try_us, &mut buffer, &[]).await;
                client.worker.buffers.give(buffer);
                return Ok(());
            }
            Err(NoConnection::Full) => {
                drop(lease);
                acquire::await_connection(client, &facts).await.map_err(Some)?;
                try_us = client.worker.shared.now_us();
                if try_us.saturating_sub(start_us) / 1_000 > service.queue().queue_ms {
                    return Err(Some(FailureReason::QueueTimeout));
                }
            }
            Err(NoConnection::Failed(reason)) => {
                let now_us = client.worker.shared.now_us();
                lease.finish(now_us, now_us.saturating_sub(try_us), plimsoll_balance::Outcome::Failure);
                if failed.len() >= service.endpoints_len().min(CONNECT_RETRIES) {
                    if let Some(admission) = admission {
                        admission.ended(now_us, true);
                    }
                    return Err(Some(reason));
                }
                failed.push(target);
                try_us = now_us;
            }
        }
    }
}
