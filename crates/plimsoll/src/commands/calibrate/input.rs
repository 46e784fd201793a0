//! The recording: columns by name.

use anyhow::bail;
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::{Recorded, table};
use plimsoll_twin::service::calibrate::Sample;
use std::path::Path;

/// A recording with its clock.
pub struct Recording {
    /// Its rows.
    pub samples: Vec<Sample>,
    start: Timestamp,
    step: Millis,
}

impl Recording {
    /// When row `number` began.
    pub fn at(&self, number: usize) -> Timestamp {
        self.start.plus(self.step.saturating_mul(number as u64))
    }
}

/// Reads the file.
pub fn recording(path: &Path) -> anyhow::Result<Recording> {
    let all = table::read(&path.to_string_lossy(), table::Options::default())?;
    let column = |name: &str| all.iter().find(|series| series.name == name);
    let (Some(rate), Some(replicas)) = (column("rate"), column("replicas")) else {
        let names: Vec<&str> = all.iter().map(|series| series.name.as_str()).collect();
        bail!("{}: columns rate and replicas are needed, and there is {}", path.display(), names.join(", "));
    };
    let optional = ["cpu", "p50_ms", "p95_ms", "p99_ms", "failed", "startup_s"].map(column);
    let clock = |series: &Recorded| (series.start, series.step, series.values.len());
    if let Some(other) = optional.iter().flatten().chain([&replicas]).find(|series| clock(series) != clock(rate)) {
        bail!("{}: column {} does not have the moments of column rate", path.display(), other.name);
    }
    let samples = (0..rate.values.len()).map(|row| sample(row, rate, replicas, &optional)).collect();
    Ok(Recording { samples, start: rate.start, step: rate.step })
}

fn sample(row: usize, rate: &Recorded, replicas: &Recorded, optional: &[Option<&Recorded>; 6]) -> Sample {
    let [cpu, p50, p95, p99, failed, startup] = *optional;
    // What was not recorded is absent; what was recorded and cannot be stays, so that the row is named.
    let value = |series: Option<&Recorded>, factor: f64| {
        series.and_then(|series| series.values.get(row)).filter(|value| !value.is_nan()).map(|value| value * factor)
    };
    let count = replicas.values[row];
    Sample {
        row,
        at_s: rate.step.get() as f64 / 1_000.0 * row as f64,
        rate: if count.is_nan() { f64::NAN } else { rate.values[row] },
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
        replicas: count.round() as u32,
        cpu_millicores: value(cpu, 1_000.0),
        p50_s: value(p50, 0.001),
        p95_s: value(p95, 0.001),
        p99_s: value(p99, 0.001),
        failed: value(failed, 1.0),
        startup_s: value(startup, 1.0),
    }
}

/// Points of a load test. Not a series of moments, so it is read here, line by line.
pub fn points(path: &Path) -> anyhow::Result<Vec<(f64, f64)>> {
    let text = std::fs::read_to_string(path).map_err(|error| anyhow::anyhow!("--law {}: {error}", path.display()))?;
    let mut points = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<Option<f64>> = line.split(',').map(|field| field.trim().parse().ok()).collect();
        match fields[..] {
            [Some(concurrency), Some(throughput)] if concurrency >= 1.0 && throughput > 0.0 => {
                points.push((concurrency, throughput));
            }
            // A first line of words is a heading.
            [None, None] if number == 0 => {}
            _ => bail!(
                "--law {}, line {}: {line:?} is not `concurrency,throughput` with numbers of at least 1 and above 0",
                path.display(),
                number + 1
            ),
        }
    }
    Ok(points)
}
