//! The loads that were named, laid under the terms that were typed.

use crate::args::Tune;
use anyhow::{Context, bail};
use plimsoll_model::{MilliRps, Millis, Permille};
use plimsoll_traces::load_sets::{is_load_set, loads};
use plimsoll_traces::{Recorded, table};
use plimsoll_twin::backtest::{Between, Course, Load, Protocol};

/// Longest time that can be typed.
const TIME_MAX: Millis = Millis(7 * 86_400_000);

/// Everything that was named.
pub fn recorded(typed: &Tune) -> anyhow::Result<Vec<Recorded>> {
    let mut found = Vec::new();
    for text in &typed.series {
        if is_load_set(text) {
            found.extend(loads(text)?.into_iter().map(|load| load.series));
        } else {
            found.extend(of_file(text)?);
        }
    }
    Ok(found)
}

/// The series of a file, or one of them; named by the file where it has one alone.
fn of_file(text: &str) -> anyhow::Result<Vec<Recorded>> {
    let (file, column) = match text.rsplit_once('#') {
        Some((file, column)) if std::path::Path::new(file).exists() => (file, Some(column)),
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
    let stem = stem.split('.').next().unwrap_or(file).to_owned();
    let is_alone = series.len() == 1 && column.is_none();
    let named = |series: Recorded| {
        let name = if is_alone { stem.clone() } else { format!("{stem}#{}", series.name) };
        series.named(&name)
    };
    Ok(series.into_iter().map(named).collect())
}

/// A span of time that was typed.
pub fn time(flag: &str, text: &str) -> anyhow::Result<Millis> {
    let time = plimsoll_config::unit::duration(text).with_context(|| format!("{flag} {text}"))?;
    if time > TIME_MAX {
        bail!("{flag} {text}: allowed are {} to {TIME_MAX}", Millis(0));
    }
    Ok(time)
}

/// The protocol without a start-up time.
pub fn protocol(typed: &Tune) -> anyhow::Result<Protocol> {
    let usable = Permille((typed.usable * 1_000.0).round() as u64);
    if usable == Permille::ZERO || typed.capacity == Some(0.0) {
        bail!("--usable and --capacity must be above 0: nothing could be carried");
    }
    Ok(Protocol { usable, skip: time("--skip", &typed.skip)?, ..Protocol::research(Millis::ZERO) })
}

/// A load under the protocol and a start-up time.
pub fn course(typed: &Tune, protocol: &Protocol, startup: Millis, series: &Recorded) -> anyhow::Result<Course> {
    let mut protocol = Protocol { startup, ..protocol.clone() };
    let factor = match typed.capacity {
        Some(capacity) => protocol.capacity.0 as f64 / capacity,
        None => {
            let wanted = protocol.usable_capacity().0.saturating_mul(u64::from(typed.replicas_p99));
            Load::factor_to(&series.values, MilliRps(wanted))?
        }
    };
    let load = Load::try_new(series.start, series.step, &series.values, factor)?;
    protocol.skip = protocol.skip.min(Millis(load.span().0 / 4));
    Ok(Course::try_new(&load, Between::Held, protocol)?)
}

/// The protocol in one line.
pub fn told(typed: &Tune, protocol: &Protocol) -> String {
    let scaled = match typed.capacity {
        Some(capacity) => format!("one replica carries {capacity} at 100 %"),
        None => format!("99th percentile of the load = {} replicas", typed.replicas_p99),
    };
    format!(
        "{scaled}, need = load / {} rounded up, a decision every {}, figures {} old, first {} (at most a quarter) not scored, \
         start-up {}",
        typed.usable,
        protocol.tick,
        protocol.metric_lag,
        protocol.skip,
        typed.startup.join(" and "),
    )
}
