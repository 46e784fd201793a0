//! Where spans of requests are sent.

use crate::quantity::{Millis, Permille};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// Export of one span per sampled request, by OTLP over HTTP in JSON. Physical times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtlpSpec {
    /// Where the collector listens.
    pub address: SocketAddr,
    /// The path that takes traces.
    pub path: String,
    /// What this gateway is called in them.
    pub service: String,
    /// Share of the requests without a trace that begin one; those with one say themselves.
    pub sample: Permille,
    /// Most spans in one message, at least 1.
    pub batch_max: u32,
    /// Most spans that wait, at least 1; further ones are dropped and counted.
    pub queue_max: u32,
    /// Longest time that a span waits for others.
    pub interval: Millis,
    /// Longest wait for the collector.
    pub timeout: Millis,
}
