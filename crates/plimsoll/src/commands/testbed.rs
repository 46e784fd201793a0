//! `plimsoll testbed serve`.

use crate::Verdict;
use crate::args::{LatencyDistribution, TestbedServe};
use plimsoll_loadgen::testbed::{LatencyModel, Options, serve as serve_testbed};
use plimsoll_model::{Micros, Millis, Permille};
use std::io::Write;

/// Spread of the log-normal latency: its 99th percentile is 3.2 times its median.
const SIGMA: Permille = Permille(500);

/// Serves until SIGTERM.
pub fn serve(typed: &TestbedServe) -> anyhow::Result<Verdict> {
    let us = Micros(scaled(typed.latency_ms, 1_000.0));
    let latency = match typed.latency_distribution {
        _ if us.get() == 0 => LatencyModel::None,
        LatencyDistribution::Constant => LatencyModel::Constant { us },
        LatencyDistribution::Exponential => LatencyModel::Exponential { mean_us: us },
        LatencyDistribution::LogNormal => LatencyModel::LogNormal { median_us: us, sigma_permille: SIGMA },
    };
    let options = Options {
        port: typed.port,
        cpu_us: Micros(scaled(typed.cpu_ms, 1_000.0)),
        latency,
        concurrency_max: u32::try_from(typed.concurrency).unwrap_or(u32::MAX),
        memory_mib: typed.memory_mib as u64,
        error_permille: Permille(scaled(typed.error_share, 1_000.0)),
        startup_ms: Millis(typed.startup_ms),
        body_bytes: u32::try_from(typed.body_bytes).unwrap_or(u32::MAX),
        control: typed.control,
        ..Options::default()
    };
    options.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve_testbed(options, |address| {
        // A closed output must not end the service.
        let _ = writeln!(std::io::stdout(), "listening on {address}");
    }))?;
    Ok(Verdict::Done)
}

/// `value × factor` as a whole number, zero where it is negative or no number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped; `check` refuses what is too large"
)]
fn scaled(value: f64, factor: f64) -> u64 {
    (value * factor).round().clamp(0.0, 1e15) as u64
}
