//! A connection that is passed through unread: any protocol, TLS included, balanced as requests are.
//!
//! It takes an endpoint's place in flight until it ends, waits in the same bounded queue, and counts as one request of its
//! pool whose latency is its length.

use crate::client::Client;
use crate::control::FailureReason;
use crate::exchange;
use crate::stats::End;
use crate::worker::service::Service;
use std::rc::Rc;

/// Serves a connection to its end.
pub async fn serve(mut client: Client, service: Rc<Service>) {
    let start_us = client.worker.shared.now_us();
    service.stats.arrived(start_us);
    let mut counted = Counted { service: &service, start_us, now_us: start_us, end: End::Cancelled };
    let passed = exchange::pass::through(&mut client, &service, start_us).await;
    counted.now_us = client.worker.shared.now_us();
    counted.end = match passed {
        Ok(()) => End::Answered,
        Err(None) => End::Cancelled,
        Err(Some(reason)) => {
            refuse(&client, reason);
            End::Failed(reason)
        }
    };
}

/// There is no way to say why in a protocol that nobody here knows; a reset is at least told apart from an answer.
fn refuse(client: &Client, _reason: FailureReason) {
    client.stream.reset_on_close();
}

/// Counts one connection however its future ends.
struct Counted<'a> {
    service: &'a Rc<Service>,
    start_us: u64,
    now_us: u64,
    end: End,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.service.stats.ended(self.now_us, self.now_us.saturating_sub(self.start_us), self.end);
    }
}
