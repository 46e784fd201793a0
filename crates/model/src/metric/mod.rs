//! Where a figure comes from that neither the gateway nor the kernel gives: a `/metrics` page or a PromQL query.
//!
//! What is asked and how an answer becomes one figure is data here; asking is `plimsoll-collect`'s. Secrets are never part
//! of it: only the name of a file or of a variable that holds one.

mod selector;

pub use selector::{MatchOp, Matcher, Selector, SelectorError};

use crate::quantity::{Bytes, Millis};
use serde::{Deserialize, Serialize};

/// One live figure of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSpec {
    /// What policies call it.
    pub name: String,
    /// What of the service's observation it is.
    pub feeds: Feeds,
    /// Where: a `/metrics` page, or the root of a Prometheus server. Without credentials.
    pub url: String,
    /// What is taken from there.
    pub ask: MetricAsk,
    /// Whether a value is a level or a count that grows.
    pub read: ReadAs,
    /// How several series become one figure.
    pub combine: Combine,
    /// Time from one question to the next, physical.
    pub interval: Millis,
    /// Longest wait for an answer, physical.
    pub timeout: Millis,
    /// Age from which it may not remove replicas, physical; none is three intervals and at least 15 s.
    pub stale_after: Option<Millis>,
    /// Longest answer that is read.
    pub size_max: Bytes,
    /// Who asks; none sends nothing.
    pub auth: Option<MetricAuth>,
    /// Authorities that may have signed the server's certificate, a PEM file; none is the system's.
    pub ca_file: Option<String>,
}

/// What of a service's observation a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feeds {
    /// A figure by its name.
    Metric,
    /// Items that wait in its queue.
    Queue,
    /// Seconds for which the oldest item has waited.
    QueueOldest,
    /// Seconds that one replica would need for all that waits.
    QueueWork,
}

/// What is taken from a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricAsk {
    /// Series of a `/metrics` page, by name and labels.
    Select(String),
    /// An expression in PromQL, for a Prometheus server.
    Query(String),
}

/// Whether a value is a level or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    /// A counter by its type, else a level; what a query gives is a level.
    Auto,
    /// The value itself.
    Level,
    /// Its growth per second.
    Rate,
}

/// How several series become one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Added.
    Sum,
    /// Their mean.
    Avg,
    /// The highest.
    Max,
    /// The lowest.
    Min,
}

/// Who asks. With a user it is HTTP's basic authentication, without one a bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricAuth {
    /// The user.
    pub user: Option<String>,
    /// Where the password or token is.
    pub secret: SecretPlace,
}

/// Where a secret is. It is read anew at each use, so that it can be changed while everything runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// In a file, which holds nothing else.
    File(String),
    /// In an environment variable.
    Env(String),
}

/// Figures younger than this are fresh however often they come.
const FRESH_MIN: Millis = Millis(15_000);

impl MetricSpec {
    /// The age up to which a figure of it may remove replicas, physical.
    #[must_use]
    pub fn age_max(&self) -> Millis {
        self.stale_after.unwrap_or_else(|| self.interval.saturating_mul(3).max(FRESH_MIN))
    }
}
