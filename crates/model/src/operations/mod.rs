//! What the people who run an installation ask for beside its load: who may reach it, who is told what, what is kept,
//! and what things cost.
//!
//! Nothing here reaches a decision: the controller never looks at it. It lies in the spec, and so in the journal, because
//! what was allowed at a moment is part of what happened then.

mod access;
mod webhook;

pub use access::ApiSpec;
pub use webhook::{Occasion, WebhookSpec};

use crate::quantity::{Millis, Permille};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Access, retention, prices, users, webhooks and export of metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperationsSpec {
    /// Who may reach the API, and how.
    #[serde(default)]
    pub api: ApiSpec,
    /// How long what has no bound of its own in `[history]` is kept.
    #[serde(default)]
    pub retention: RetentionSpec,
    /// What things cost.
    #[serde(default)]
    pub prices: PriceSpec,
    /// Whose services and jobs these are, by the user's name.
    #[serde(default)]
    pub users: BTreeMap<String, UserSpec>,
    /// Who is told what, by the hook's name.
    #[serde(default)]
    pub webhooks: BTreeMap<String, WebhookSpec>,
    /// Where the daemon's metrics are sent; none is nowhere.
    #[serde(default)]
    pub otlp: Option<MetricsExport>,
}

/// How long what has no bound of its own in `[history]` is kept. Physical time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionSpec {
    /// Logs of replicas and runs that ended.
    pub ended_logs: Millis,
    /// Who asked for which change, from where; none is as long as the journal that it is part of.
    #[serde(default)]
    pub audit: Option<Millis>,
    /// The analyst's proposals that are over, since they were made.
    #[serde(default = "RetentionSpec::proposals")]
    pub proposals: Millis,
}

impl RetentionSpec {
    /// A quarter of a year, the spec's default; a journal of an earlier release has none.
    const fn proposals() -> Millis {
        Millis(90 * 86_400_000)
    }
}

impl Default for RetentionSpec {
    /// Thirty days, the spec's default; a journal of an earlier release has none.
    fn default() -> Self {
        Self { ended_logs: Millis(30 * 86_400_000), audit: None, proposals: Self::proposals() }
    }
}

/// A price list. Prices are in thousandths of the currency's unit; a month is 730 hours, as cloud price lists count it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSpec {
    /// What the prices are in.
    pub currency: String,
    /// One core for a month.
    pub cpu_month: Permille,
    /// One GiB of memory for a month.
    pub memory_gib_month: Permille,
    /// One GPU for a month.
    pub gpu_month: Permille,
    /// One GiB over the network.
    pub network_gib: Permille,
    /// One GiB read from or written to disks.
    pub disk_gib: Permille,
}

impl Default for PriceSpec {
    /// Everything is free, the spec's default; a journal of an earlier release has none.
    fn default() -> Self {
        let free = Permille(0);
        Self {
            currency: "units".to_owned(),
            cpu_month: free,
            memory_gib_month: free,
            gpu_month: free,
            network_gib: free,
            disk_gib: free,
        }
    }
}

/// What a user is accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UserSpec {
    /// Names of services and jobs, which never are alike.
    pub workloads: Vec<String>,
}

/// Export of the daemon's metrics by OTLP over HTTP in JSON. Physical times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsExport {
    /// Where the collector listens.
    pub address: SocketAddr,
    /// The path that takes metrics.
    pub path: String,
    /// What this installation is called in them.
    pub service: String,
    /// Time between two messages.
    pub interval: Millis,
    /// Longest wait for the collector.
    pub timeout: Millis,
}
