//! What was observed, wherever it came from: load and replicas on one grid of time.

use super::load_of;
use crate::args::{LogKind, Watch};
use anyhow::{Context, bail};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::access_log::{self, LogFormat};
use plimsoll_traces::{Recorded, table};
use std::path::Path;

/// A service as it was seen.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What was asked, for people.
    pub source: String,
    /// What the load counts: `requests/s`, `cores`.
    pub unit: &'static str,
    /// The load.
    pub load: Recorded,
    /// The replicas there were, at the same moments; none where nobody knows.
    pub replicas: Option<Vec<f64>>,
    /// Memory in bytes, at the same moments, where it was seen.
    pub memory: Option<Vec<f64>>,
    /// GET requests that were sent; nothing else ever is.
    pub gets: u64,
    /// What was assumed or left out.
    pub notes: Vec<String>,
}

impl Observed {
    /// First moment and the one after the last.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let length = self.load.step.saturating_mul(self.load.values.len() as u64);
        (self.load.start, self.load.start.plus(length))
    }
}

/// The same number of replicas throughout, as typed.
pub fn constant(typed: &Watch, slots: usize) -> Option<Vec<f64>> {
    typed.replicas.map(|replicas| vec![f64::from(replicas); slots])
}

/// The requests of a log.
pub fn of_log(typed: &Watch, path: &Path) -> anyhow::Result<Observed> {
    let step = super::time("--step", &typed.step, 1_000)?;
    let is_csv = match typed.log_format {
        LogKind::Csv => true,
        LogKind::Auto => path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            [".csv", ".csv.gz", ".csv.xz"].iter().any(|end| name.ends_with(end))
        }),
        LogKind::Common | LogKind::Json => false,
    };
    let (load, notes) = if is_csv { of_csv(path)? } else { of_lines(typed, path, step)? };
    let replicas = constant(typed, load.values.len());
    let source = format!("requests in {}", path.display());
    Ok(Observed { source, unit: "requests/s", load, replicas, memory: None, gets: 0, notes })
}

fn of_lines(typed: &Watch, path: &Path, step: Millis) -> anyhow::Result<(Recorded, Vec<String>)> {
    let format = match typed.log_format {
        LogKind::Common => LogFormat::Common,
        LogKind::Json => LogFormat::Json,
        LogKind::Auto | LogKind::Csv => LogFormat::Auto,
    };
    let found = access_log::count(path, format, step)?;
    let mut notes = vec![format!("{} requests were counted", found.lines)];
    if let Some((unread, first)) = found.unread {
        notes.push(format!(
            "{unread} lines have no time that can be read, the first is line {first}; they are not counted"
        ));
    }
    Ok((found.rate, notes))
}

/// Counts of requests by time: what stands at a time came until the next.
fn of_csv(path: &Path) -> anyhow::Result<(Recorded, Vec<String>)> {
    let file = path.to_string_lossy();
    let mut series = table::read(&file, table::Options::default())?;
    let (Some(mut load), true) = (series.pop(), series.is_empty()) else {
        bail!("{file} has {} series; a watch is of one: times and counts", series.len() + 1)
    };
    let seconds = load.step.0 as f64 / 1_000.0;
    for (row, value) in load.values.iter_mut().enumerate() {
        *value = load_of(*value, &format!("value {} of {file}", row + 1))? / seconds;
    }
    Ok((load, Vec::new()))
}

/// What one replica of a source that is not there at all would say: an error with its name.
pub fn none_of(what: &str) -> anyhow::Error {
    anyhow::anyhow!("{what} gave no value at all in the time that was watched")
}

/// Refuses a load of nothing but gaps.
pub fn check(observed: Observed) -> anyhow::Result<Observed> {
    if observed.load.measured() == 0 {
        return Err(none_of(&observed.source)).context("nothing was observed");
    }
    Ok(observed)
}
