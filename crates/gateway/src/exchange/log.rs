//! What the access log and the span say of an exchange.

use super::Ended;
use super::admit::Facts;
use crate::access_log::{Line, Logged};
use crate::client::Client;
use crate::refusal::Turned;
use crate::trace::{self, Begun, Span, Tracer};
use std::sync::atomic::Ordering;

/// Hands a span over that took until now.
fn send(client: &Client, tracer: &Tracer, span: Span, start_us: u64) {
    let shared = &client.worker.shared;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let end_unix_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let took_us = shared.now_us().saturating_sub(start_us);
    let start_unix_ns = end_unix_ns.saturating_sub(took_us.saturating_mul(1_000));
    if !tracer.end(Span { start_unix_ns, end_unix_ns, ..span }) {
        shared.spans_dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The span of a request that went to no endpoint.
pub fn turned_span(client: &Client, turned: &mut Turned, start_us: u64) {
    let Some(begun) = turned.span.take() else { return };
    if let Some(tracer) = client.worker.tracer() {
        let span = trace::of_turned(begun, turned, &client.peer.text);
        send(client, &tracer, span, start_us);
    }
}

/// The span of a request that ended.
pub fn ended_span(client: &Client, facts: &Facts, begun: &Begun, bytes_in: u64, start_us: u64, ended: Ended) {
    let Some(tracer) = client.worker.tracer() else { return };
    let (status, reason) = outcome(ended);
    let span = Span {
        begun: Box::new(begun.clone()),
        start_unix_ns: 0,
        end_unix_ns: 0,
        status,
        reason: reason.or_else(|| status.is_some_and(|status| status >= 500).then_some("status-5xx")),
        pool: Some(facts.service.shared.name.as_str().into()),
        endpoint: facts.endpoint.get(),
        client: client.peer.text.as_str().into(),
        bytes_in,
        bytes_out: facts.bytes_out.get(),
    };
    send(client, &tracer, span, start_us);
}

/// The status that the client got, and why it failed.
fn outcome(ended: Ended) -> (Option<u16>, Option<&'static str>) {
    match ended {
        Ended::Answered { status, .. } => (Some(status), None),
        Ended::Failed(reason) => (Some(reason.status()), Some(reason.word())),
        Ended::Cut(reason) => (None, Some(reason.word())),
        Ended::Refused(refusal) => (Some(refusal.status), Some(refusal.word)),
        Ended::ClientGone => (None, Some("client-gone")),
    }
}

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
    let (status, reason) = outcome(ended);
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
