//! What is read: loads from sets, files or a server, and the terms on which they are run.

use super::prometheus;
use crate::args::{Backtest, Between as Typed};
use anyhow::{Context, bail};
use plimsoll_model::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_traces::load_sets::{is_load_set, loads};
use plimsoll_traces::{Recorded, table};
use plimsoll_twin::backtest::{Between, Course, Load, Protocol};

/// Longest time that can be typed for a tick, a lag, a start-up or a switching cost.
const TIME_MAX: Millis = Millis(7 * 86_400_000);
/// Most loads in one comparison.
const LOADS_MAX: usize = 10_000;

/// A load as it was recorded.
pub struct Recording {
    /// What tables call it.
    pub name: String,
    /// Times and values.
    pub series: Recorded,
}

/// The terms that all policies share.
#[derive(Debug, Clone)]
pub struct Terms {
    protocol: Protocol,
    /// Start-up times, in the order typed.
    pub startups: Vec<Millis>,
    capacity: Option<f64>,
    replicas_p99: u32,
    between: Between,
    /// Price of a replica hour.
    pub price: f64,
}

impl Terms {
    /// Reads what was typed.
    pub fn read(typed: &Backtest) -> anyhow::Result<Self> {
        let startups: Vec<Millis> =
            typed.startup.iter().map(|text| time("--startup", text, 0)).collect::<anyhow::Result<_>>()?;
        let usable = Permille((typed.usable * 1_000.0).round() as u64);
        if usable == Permille::ZERO || typed.capacity == Some(0.0) {
            bail!("--usable and --capacity must be above 0: nothing could be carried");
        }
        let protocol = Protocol {
            tick: time("--tick", &typed.tick, 1_000)?,
            metric_lag: time("--metric-lag", &typed.metric_lag, 0)?,
            usable,
            skip: time("--skip", &typed.skip, 0)?,
            switching: time("--switching", &typed.switching, 0)?,
            ..Protocol::research(Millis::ZERO)
        };
        let between = match typed.between {
            Typed::Held => Between::Held,
            Typed::Line => Between::Line,
        };
        let (capacity, replicas_p99) = (typed.capacity, typed.replicas_p99);
        Ok(Self { protocol, startups, capacity, replicas_p99, between, price: typed.price })
    }

    /// The load under these terms; and what was assumed for it.
    pub fn course(&self, recording: &Recording, startup: Millis) -> anyhow::Result<(Course, Option<String>)> {
        let mut protocol = Protocol { startup, ..self.protocol.clone() };
        let Recorded { start, step, values, .. } = &recording.series;
        let factor = match self.capacity {
            Some(capacity) => protocol.capacity.0 as f64 / capacity,
            None => {
                let wanted = protocol.usable_capacity().0.saturating_mul(u64::from(self.replicas_p99));
                Load::factor_to(values, MilliRps(wanted))?
            }
        };
        let load = Load::try_new(*start, *step, values, factor)?;
        let mut note = None;
        if load.span().0 < protocol.skip.0.saturating_mul(4) {
            protocol.skip = Millis(load.span().0 / 4);
            note = Some(format!(
                "{} covers {}, so only its first {} are not scored",
                recording.name,
                load.span(),
                protocol.skip
            ));
        }
        Ok((Course::try_new(&load, self.between, protocol)?, note))
    }

    /// Length of a tick in hours.
    pub fn tick_hours(&self) -> f64 {
        self.protocol.tick.0 as f64 / 3_600_000.0
    }

    /// The protocol in one line, for the head of every report.
    pub fn told(&self) -> String {
        let Protocol { tick, metric_lag, usable, skip, switching, .. } = &self.protocol;
        let scaled = match self.capacity {
            Some(capacity) => format!("one replica carries {capacity} at 100 %"),
            None => format!("99th percentile of the load = {} replicas", self.replicas_p99),
        };
        format!(
            "{scaled}, need = load / {} rounded up, a decision every {tick}, figures {metric_lag} old, first {skip} not scored, \
             price {} per replica hour, switching cost {switching}",
            usable.0 as f64 / 1_000.0,
            self.price,
        )
    }
}

/// A span of time that was typed.
pub fn time(flag: &str, text: &str, min_ms: u64) -> anyhow::Result<Millis> {
    let time = plimsoll_config::unit::duration(text).with_context(|| format!("{flag} {text}"))?;
    if time.0 < min_ms || time > TIME_MAX {
        bail!("{flag} {text}: allowed are {} to {TIME_MAX}", Millis(min_ms));
    }
    Ok(time)
}

/// A moment that was typed.
pub fn moment(text: &str) -> anyhow::Result<Timestamp> {
    let parsed = plimsoll_traces::parse_time(text);
    parsed.with_context(|| {
        format!("{text:?} is no moment: 2026-03-01, 2026-03-01T09:00[:SS][Z|+02:00], or milliseconds since the epoch")
    })
}

/// Everything that was named.
pub fn recordings(typed: &Backtest, notes: &mut Vec<String>) -> anyhow::Result<Vec<Recording>> {
    let mut found = Vec::new();
    for text in &typed.series {
        found.extend(named(text)?);
    }
    found.extend(prometheus::recordings(typed)?);
    if found.len() > LOADS_MAX {
        bail!("{} loads: at most {LOADS_MAX} are compared at once", found.len());
    }
    if found.is_empty() {
        bail!("there is no load: nothing that was named has a series");
    }
    for recording in &found {
        let gaps = recording.series.values.len() - recording.series.measured();
        if gaps > 0 {
            notes.push(format!(
                "{}: {gaps} of {} values are missing; nothing is told to a policy there and no share of time counts them",
                recording.name,
                recording.series.values.len()
            ));
        }
    }
    Ok(found)
}

/// The loads of a set, or the series of a file.
fn named(text: &str) -> anyhow::Result<Vec<Recording>> {
    if is_load_set(text) {
        let loads = loads(text)?.into_iter();
        return Ok(loads.map(|load| Recording { name: load.series.name.clone(), series: load.series }).collect());
    }
    let (file, column) = match text.rsplit_once('#') {
        Some((file, column)) if !is_archive(file) && std::path::Path::new(file).exists() => (file, Some(column)),
        _ => (text, None),
    };
    let mut series = table::read(file, table::Options::default())?;
    if let Some(column) = column {
        let names: Vec<String> = series.iter().map(|series| series.name.clone()).collect();
        series.retain(|series| series.name == column);
        if series.is_empty() {
            bail!("{file} has no series {column:?}; it has {}", names.join(", "));
        }
    }
    let stem = std::path::Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
    let stem = stem.split('.').next().unwrap_or(file);
    let one = series.len() == 1 && column.is_none();
    let name = |series: &Recorded| if one { stem.to_owned() } else { format!("{stem}#{}", series.name) };
    Ok(series.into_iter().map(|series| Recording { name: name(&series), series }).collect())
}

fn is_archive(file: &str) -> bool {
    [".tar", ".tar.gz", ".tgz", ".tar.xz"].iter().any(|end| file.ends_with(end))
}
