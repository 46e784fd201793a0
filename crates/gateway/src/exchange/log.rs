//! What the access log says of an exchange.

use super::Ended;
use super::admit::Facts;
use crate::access_log::{Line, Logged};
use crate::client::Client;
use crate::refusal::Turned;
use std::sync::atomic::Ordering;

/// A request that went to no endpoint.
pub fn turned(client: &Client, turned: &Turned, start_us: u64) {
    let Some(asked) = &turned.asked else { return };
    let duration_us = client.worker.shared.now_us().saturating_sub(start_us);
    let line = Line {
        status: Some(turned.refusal.status),
        reason: Some(turned.refusal.word),
        ..Line::new(asked, &client.peer.text, duration_us)
    };
    write(client, &line);
}

/// A request that ended. One that was answered well is written by its share, every other one always.
pub fn ended(client: &Client, facts: &Facts, asked: &Logged, bytes_in: u64, start_us: u64, ended: Ended) {
    let Some(log) = client.worker.log() else { return };
    let (status, reason) = match ended {
        Ended::Answered { status, .. } => (Some(status), None),
        Ended::Failed(reason) => (Some(reason.status()), Some(reason.word())),
        Ended::Cut(reason) => (None, Some(reason.word())),
        Ended::Refused(refusal) => (Some(refusal.status), Some(refusal.word)),
        Ended::ClientGone => (None, Some("client-gone")),
    };
    let is_well = reason.is_none() && status.is_some_and(|status| status < 500);
    if is_well && !log.samples(client.worker.chance()) {
        return;
    }
    let now_us = match ended {
        Ended::Answered { at_us, .. } => at_us,
        _ => client.worker.shared.now_us(),
    };
    let line = Line {
        status,
        reason,
        pool: Some(facts.service.shared.name.as_str()),
        endpoint: facts.endpoint.get(),
        bytes_in,
        bytes_out: facts.bytes_out.get(),
        ..Line::new(asked, &client.peer.text, now_us.saturating_sub(start_us))
    };
    write(client, &line);
}

fn write(client: &Client, line: &Line<'_>) {
    if client.worker.log().is_some_and(|log| !log.write(line)) {
        client.worker.shared.log_dropped.fetch_add(1, Ordering::Relaxed);
    }
}
