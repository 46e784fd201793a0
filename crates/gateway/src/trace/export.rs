//! Sends spans to a collector, in batches, on the supervisor's thread.
//!
//! The queue is bounded: what the collector does not take in time is dropped and counted, and no request waits. A message
//! that the collector cannot take now (no connection, 429, 502, 503, 504) is sent again a few times, any other refusal is
//! final.
//!
//! # Source
//! OpenTelemetry Protocol, "OTLP/HTTP Response" (which statuses may be tried again, partial success).

use super::{Span, Tracer, json};
use crate::shared::Shared;
use plimsoll_http_client::{Ask, Budget, Url, exchange};
use plimsoll_model::otlp::OtlpSpec;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Tries of one message.
const TRIES: u32 = 3;
/// Pause before the second try; twice as long before the next.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1024;
/// At the end of the process, spans have so long to leave.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// An export that runs.
#[derive(Debug)]
pub struct Exporter {
    /// Where workers put their spans.
    pub tracer: Arc<Tracer>,
    spec: OtlpSpec,
    task: JoinHandle<()>,
}

impl Exporter {
    /// The export that a spec asks for: `before` itself while it is the same.
    pub fn open(spec: &OtlpSpec, before: Option<Self>, shared: &Arc<Shared>) -> Self {
        if let Some(before) = before.filter(|before| before.spec == *spec) {
            return before;
        }
        let (sender, spans) = mpsc::channel(spec.queue_max.max(1) as usize);
        let tracer = Arc::new(Tracer::new(spec, sender));
        // An export that is replaced sends what it has: it ends when the last worker has let go of its queue.
        let task = tokio::task::spawn_local(export(spec.clone(), spans, Arc::clone(shared)));
        Self { tracer, spec: spec.clone(), task }
    }

    /// Sends what there is, when nobody puts anything in any more.
    pub async fn finish(self) {
        drop(self.tracer);
        let _ = tokio::time::timeout(LAST_WORDS, self.task).await;
    }
}

async fn export(spec: OtlpSpec, mut spans: mpsc::Receiver<Span>, shared: Arc<Shared>) {
    let batch_max = spec.batch_max.max(1) as usize;
    let mut batch = Vec::new();
    while let Some(first) = spans.recv().await {
        batch.push(first);
        let deadline = Instant::now() + Duration::from_millis(spec.interval.get());
        while batch.len() < batch_max {
            let wanted = batch_max - batch.len();
            match timeout_at(deadline, spans.recv_many(&mut batch, wanted)).await {
                Ok(count) if count > 0 => {}
                // The time is over, or nobody is left who could send one.
                _ => break,
            }
        }
        let count = batch.len() as u64;
        let taken = send(&spec, &batch).await.min(count);
        shared.spans_sent.fetch_add(taken, Ordering::Relaxed);
        shared.spans_dropped.fetch_add(count - taken, Ordering::Relaxed);
        batch.clear();
    }
}

/// How many of these the collector has taken.
async fn send(spec: &OtlpSpec, batch: &[Span]) -> u64 {
    let body = json::message(&spec.service, batch);
    let url =
        Url { tls: false, host: spec.address.ip().to_string(), port: spec.address.port(), path: spec.path.clone() };
    let budget = Budget { deadline: Duration::from_millis(spec.timeout.get()), body_bytes_max: ANSWER_MAX };
    let mut pause = PAUSE;
    for tried in 1..=TRIES {
        match exchange(Ask::post_json(url.clone(), body.clone()), budget).await {
            Ok(answer) if answer.status.is_success() => {
                return (batch.len() as u64).saturating_sub(rejected(&answer.body));
            }
            Ok(answer) if !matches!(answer.status.as_u16(), 429 | 502 | 503 | 504) => return 0,
            Ok(_) | Err(_) if tried < TRIES => tokio::time::sleep(pause).await,
            Ok(_) | Err(_) => {}
        }
        pause *= 2;
    }
    0
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Response {
    partial_success: PartialSuccess,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    /// Text or number: the protocol allows both for 64 bits.
    rejected_spans: serde_json::Value,
}

/// Spans that a collector says it threw away.
fn rejected(body: &[u8]) -> u64 {
    let response: Response = serde_json::from_slice(body).unwrap_or_default();
    let said = response.partial_success.rejected_spans;
    said.as_u64().or_else(|| said.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_says_how_many_were_rejected() {
        for (body, count) in [
            ("", 0),
            ("{}", 0),
            (r#"{"partialSuccess":{}}"#, 0),
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}}"#, 3),
            (r#"{"partialSuccess":{"rejectedSpans":4}}"#, 4),
        ] {
            assert_eq!(rejected(body.as_bytes()), count, "{body}");
        }
    }
}
