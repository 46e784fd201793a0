//! A Knative-style autoscaler (KPA): requests in flight, or requests per second, over a stable and a panic window.
//!
//! # Source
//! Knative Serving, `config-autoscaler` and its annotations; the names here are theirs with `_` for `-`.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};

/// What is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KpaMetric {
    /// Requests in flight.
    Concurrency,
    /// Requests per second.
    Rps,
}

/// Parameters of the policy. Times are trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KpaSpec {
    /// What is averaged.
    pub measure: KpaMetric,
    /// What one replica can take at most, in thousandths of a request or request per second; above zero.
    pub target_milli: u64,
    /// The share of `target` that is wanted, above zero.
    pub target_utilization: Permille,
    /// Length of the stable window, above zero.
    pub stable_window: Millis,
    /// Length of the panic window as a share of the stable one, above zero.
    pub panic_window: Permille,
    /// Panic begins when the panic window alone asks for this share of the ready replicas.
    pub panic_threshold: Permille,
    /// At most this many times the ready replicas at once, thousandths, above 1,000.
    pub max_scale_up_rate: Permille,
    /// At least the ready replicas over this at once, thousandths, above 1,000.
    pub max_scale_down_rate: Permille,
    /// Requests that must fit on top of what runs, thousandths; none keeps the proxy in the path always.
    pub target_burst_capacity: Option<u64>,
    /// The highest number of this window is kept; zero turns it off.
    pub scale_down_delay: Millis,
    /// Fewest replicas once there is any demand.
    pub activation_scale: u32,
    /// The last replica stays this long after the demand has gone.
    pub scale_to_zero_grace_period: Millis,
}

impl KpaSpec {
    /// Knative's own defaults.
    #[must_use]
    pub const fn knative() -> Self {
        Self {
            measure: KpaMetric::Concurrency,
            target_milli: 100_000,
            target_utilization: Permille(700),
            stable_window: Millis(60_000),
            panic_window: Permille(100),
            panic_threshold: Permille(2_000),
            max_scale_up_rate: Permille(1_000_000),
            max_scale_down_rate: Permille(2_000),
            target_burst_capacity: Some(211_000),
            scale_down_delay: Millis(0),
            activation_scale: 1,
            scale_to_zero_grace_period: Millis(30_000),
        }
    }

    /// Length of the panic window.
    #[must_use]
    pub const fn panic_length(&self) -> Millis {
        Millis(self.stable_window.0.saturating_mul(self.panic_window.0) / 1_000)
    }
}

/// Everything behind one proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KpaReason {
    /// What was averaged.
    pub measure: KpaMetric,
    /// Mean of the stable window, thousandths.
    pub stable_milli: u64,
    /// Mean of the panic window, thousandths.
    pub panic_milli: u64,
    /// Wanted per replica, thousandths.
    pub target_milli: u64,
    /// Replicas for the stable window, within the rates.
    pub stable: u32,
    /// Replicas for the panic window, within the rates.
    pub panic: u32,
    /// In panic, so that nothing is removed.
    pub panicking: bool,
    /// A higher number of the scale-down delay is kept.
    pub delayed: bool,
    /// The last replica is kept for its grace.
    pub grace: bool,
    /// Room for a burst beyond what is in flight, in whole requests; negative asks for a proxy in the path.
    pub excess_burst_capacity: i64,
}

impl std::fmt::Display for KpaReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.measure {
            KpaMetric::Concurrency => "in flight",
            KpaMetric::Rps => "requests/s",
        };
        let milli = |value: u64| crate::scaling::quantity::MilliQuantity(i64::try_from(value).unwrap_or(i64::MAX));
        write!(
            f,
            "{what} {} (stable window, {} replicas) and {} (panic window, {}) at {} each",
            milli(self.stable_milli),
            self.stable,
            milli(self.panic_milli),
            self.panic,
            milli(self.target_milli),
        )?;
        let clauses = [
            (self.panicking, ", in panic: nothing is removed"),
            (self.delayed, ", a higher number of the delay is kept"),
            (self.grace, ", the last one stays for its grace"),
        ];
        clauses.into_iter().filter(|(holds, _)| *holds).try_for_each(|(_, clause)| f.write_str(clause))
    }
}
