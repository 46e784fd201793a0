//! The dials of the testbed, with their units and ranges.

use crate::random::{exponential, normal};
use plimsoll_model::{Micros, Millis, Permille};
use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How the testbed behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address to listen on. Loopback unless you mean to be reachable.
    pub host: IpAddr,
    /// TCP port; 0 takes any free one, which the first line of output names.
    pub port: u16,
    /// CPU time of one request in microseconds, 0 to 60,000,000, measured on the serving thread; the HTTP handling
    /// itself adds some tens of microseconds.
    pub cpu_us: Micros,
    /// Time a request sleeps after its CPU time: a database, another service.
    pub latency: LatencyModel,
    /// Requests worked on at once; more stand in line. 0 is no limit.
    pub concurrency_max: u32,
    /// Requests that may stand in line when `concurrency_max` are worked on; more get 503 at once.
    pub queue_max: u32,
    /// Memory held and touched from the start, in MiB, 0 to 1,048,576.
    pub memory_mib: u64,
    /// Share of requests answered 500, in thousandths, 0 to 1,000.
    pub error_permille: Permille,
    /// Time from the start until the service is ready, in milliseconds, 0 to 3,600,000.
    pub startup_ms: Millis,
    /// During start-up: listen and answer 503 (true), or do not listen at all (false).
    pub startup_listening: bool,
    /// Bytes in the body of an answer, 0 to 16,777,216.
    pub body_bytes: u32,
    /// Largest request body read, in bytes; a longer one gets 413.
    pub request_body_bytes_max: u64,
    /// Connections open at once; more wait in the kernel's queue. At least 1.
    pub connections_max: u32,
    /// Whether the `/control/` paths exist: they crash, hang and leak on request, from loopback only.
    pub control: bool,
    /// After SIGTERM, how long open requests may take to end, in milliseconds.
    pub drain_ms: Millis,
    /// Seed of latencies and errors.
    pub seed: u64,
}

/// The distribution of the time that a request sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyModel {
    /// No sleep.
    #[default]
    None,
    /// Always the same.
    Constant {
        /// Microseconds.
        us: Micros,
    },
    /// Exponential.
    Exponential {
        /// Mean in microseconds.
        mean_us: Micros,
    },
    /// Log-normal: the usual long tail of a service.
    LogNormal {
        /// Median in microseconds.
        median_us: Micros,
        /// Standard deviation of the logarithm in thousandths, 0 to 5,000; 1,000 has its p99 at 10 times the median.
        sigma_permille: Permille,
    },
}

/// A dial out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("testbed option {field} is {value}, and must be {range}")]
pub struct OptionError {
    field: &'static str,
    value: String,
    range: &'static str,
}

/// No sleep is longer than this, whatever a tail draws.
const SLEEP_MAX: Duration = Duration::from_secs(600);

impl Default for Options {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            cpu_us: Micros(2_000),
            latency: LatencyModel::None,
            concurrency_max: 0,
            queue_max: 1_000,
            memory_mib: 0,
            error_permille: Permille(0),
            startup_ms: Millis(0),
            startup_listening: true,
            body_bytes: 128,
            request_body_bytes_max: 1 << 20,
            connections_max: 4_096,
            control: false,
            drain_ms: Millis(30_000),
            seed: 1,
        }
    }
}

impl Options {
    /// Checks every dial.
    ///
    /// # Errors
    /// [`OptionError`], naming the first that is out of range.
    pub fn check(&self) -> Result<(), OptionError> {
        let sigma = match self.latency {
            LatencyModel::LogNormal { sigma_permille, .. } => sigma_permille.0,
            _ => 0,
        };
        let checks = [
            ("cpu_us", self.cpu_us.0, 60_000_000, "0 to 60,000,000"),
            ("memory_mib", self.memory_mib, 1 << 20, "0 to 1,048,576"),
            ("error_permille", self.error_permille.0, 1_000, "0 to 1,000"),
            ("startup_ms", self.startup_ms.0, 3_600_000, "0 to 3,600,000"),
            ("body_bytes", u64::from(self.body_bytes), 16 << 20, "0 to 16,777,216"),
            ("sigma_permille", sigma, 5_000, "0 to 5,000"),
        ];
        if let Some((field, value, _, range)) = checks.into_iter().find(|(_, value, max, _)| value > max) {
            return Err(OptionError { field, value: value.to_string(), range });
        }
        if self.connections_max == 0 {
            return Err(OptionError { field: "connections_max", value: "0".into(), range: "at least 1" });
        }
        Ok(())
    }
}

impl LatencyModel {
    /// One draw, times `factor`, at most ten minutes.
    pub(crate) fn draw(self, random: &mut Random, factor: f64) -> Duration {
        let us = match self {
            Self::None => 0.0,
            Self::Constant { us } => us.0 as f64,
            Self::Exponential { mean_us } => mean_us.0 as f64 * exponential(random),
            Self::LogNormal { median_us, sigma_permille } => {
                median_us.0 as f64 * (sigma_permille.0 as f64 / 1_000.0 * normal(random)).exp()
            }
        };
        Duration::try_from_secs_f64(us * factor / 1e6).unwrap_or(SLEEP_MAX).min(SLEEP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_out_of_range_is_named() {
        let options = Options { error_permille: Permille(1_001), ..Options::default() };
        let message = options.check().unwrap_err().to_string();
        assert_eq!(message, "testbed option error_permille is 1001, and must be 0 to 1,000");
        assert_eq!(Options::default().check(), Ok(()));
    }

    #[test]
    fn the_distributions_have_their_quantiles() {
        let quantile = |model: LatencyModel, share: f64| {
            let mut random = Random::new(3);
            let mut draws: Vec<u128> = (0..20_000).map(|_| model.draw(&mut random, 2.0).as_micros()).collect();
            draws.sort_unstable();
            draws[(share * 20_000.0) as usize] as f64
        };
        let near = |value: f64, wanted: f64| assert!((value / wanted - 1.0).abs() < 0.08, "{value} {wanted}");
        near(quantile(LatencyModel::Constant { us: Micros(500) }, 0.5), 1_000.0);
        near(quantile(LatencyModel::Exponential { mean_us: Micros(1_000) }, 0.9), 2_000.0 * 10_f64.ln());
        let tail = LatencyModel::LogNormal { median_us: Micros(1_000), sigma_permille: Permille(1_000) };
        near(quantile(tail, 0.5), 2_000.0);
        near(quantile(tail, 0.99), 2_000.0 * 2.326_f64.exp());
        assert_eq!(quantile(LatencyModel::None, 0.99), 0.0);
    }
}
