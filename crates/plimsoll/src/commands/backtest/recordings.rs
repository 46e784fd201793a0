//! What is read: loads from sets, files or a server, with what stands beside them in the same file.
//!
//! A column `memory_mib` or `memory_bytes` is no load: it is the memory of one replica, for the other columns of its file.

use super::prometheus;
use crate::args::Backtest;
use anyhow::{Context, bail};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::load_sets::{is_load_set, loads};
use plimsoll_traces::{Recorded, table};

/// Most loads in one comparison.
const LOADS_MAX: usize = 10_000;
/// Columns that are the memory of one replica, and what one of their units is in bytes.
const MEMORY: [(&str, f64); 2] = [("memory_mib", 1_048_576.0), ("memory_bytes", 1.0)];

/// A load as it was recorded.
pub struct Recording {
    /// What tables call it.
    pub name: String,
    /// Where it stands, for errors.
    pub place: String,
    /// Times and values.
    pub series: Recorded,
    /// Memory of one replica in bytes, at the same moments.
    pub memory: Option<Vec<f64>>,
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
pub fn named(text: &str) -> anyhow::Result<Vec<Recording>> {
    if is_load_set(text) {
        let loads = loads(text)?.into_iter();
        return Ok(loads.map(|load| Recording::of(load.series.name.clone(), load.series)).collect());
    }
    let (file, column) = match text.rsplit_once('#') {
        Some((file, column)) if !is_archive(file) && std::path::Path::new(file).exists() => (file, Some(column)),
        _ => (text, None),
    };
    let mut series = table::read(file, table::Options::default())?;
    let memory = memory(file, &mut series)?;
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
    let with = |series: Recorded| {
        let place = format!("{file}, column {}", series.name);
        let same = memory.as_ref().filter(|it| (it.start, it.step, it.values.len()) == clock(&series));
        if memory.is_some() && same.is_none() {
            bail!("{place}: its column of memory does not have the same moments");
        }
        Ok(Recording { name: name(&series), place, memory: same.map(|it| it.values.clone()), series })
    };
    series.into_iter().map(with).collect()
}

fn clock(series: &Recorded) -> (Timestamp, Millis, usize) {
    (series.start, series.step, series.values.len())
}

/// Takes the column of memory out, in bytes.
fn memory(file: &str, series: &mut Vec<Recorded>) -> anyhow::Result<Option<Recorded>> {
    let unit = |name: &str| MEMORY.iter().find(|(column, _)| *column == name).map(|(_, unit)| *unit);
    let mut found = series.extract_if(.., |series| unit(&series.name).is_some());
    let Some(mut first) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        bail!("{file} has two columns of memory, memory_mib and memory_bytes: one is enough");
    }
    drop(found);
    if series.is_empty() {
        bail!("{file} has a column of memory and none of a load");
    }
    let factor = unit(&first.name).unwrap_or(1.0);
    first.values.iter_mut().for_each(|value| *value *= factor);
    Ok(Some(first))
}

fn is_archive(file: &str) -> bool {
    [".tar", ".tar.gz", ".tgz", ".tar.xz"].iter().any(|end| file.ends_with(end))
}

impl Recording {
    /// A load with nothing beside it.
    pub fn of(name: String, series: Recorded) -> Self {
        Self { place: name.clone(), name, series, memory: None }
    }

    fn end(&self) -> Timestamp {
        self.series.start.plus(self.series.step.saturating_mul(self.series.values.len() as u64))
    }

    /// From `start` on, and no longer than `span`, in slots of `step`, each with the value that holds at its start.
    fn cut(&mut self, start: Timestamp, step: Millis, span: Millis) {
        let before = start.since(self.series.start).0;
        let old = self.series.step.0.max(1);
        let slots = usize::try_from(span.0 / step.0.max(1)).unwrap_or(0);
        let at = |slot: usize| usize::try_from((before + slot as u64 * step.0) / old).unwrap_or(usize::MAX);
        for values in std::iter::once(&mut self.series.values).chain(&mut self.memory) {
            *values = (0..slots).map(|slot| values.get(at(slot)).copied().unwrap_or(f64::NAN)).collect();
        }
        (self.series.start, self.series.step) = (start, step);
    }
}

/// Gives all loads the same moments: those that all were recorded in, or, where there are none, as many as the shortest has
/// from the start of each on.
pub fn align(found: &mut [Recording], notes: &mut Vec<String>) -> anyhow::Result<()> {
    let Some(mut start) = found.iter().map(|it| it.series.start).max() else { return Ok(()) };
    let end = found.iter().map(Recording::end).min().unwrap_or(start);
    if end <= start {
        start = found.iter().map(|it| it.series.start).min().unwrap_or(start);
        found.iter_mut().for_each(|it| it.series.start = start);
        notes.push("no moment was recorded in all of these loads, so each is run from its own start on".to_owned());
    }
    let end = found.iter().map(Recording::end).min().unwrap_or(start);
    let times = found.iter().flat_map(|it| [it.series.step.0, start.since(it.series.start).0]);
    let step = times.fold(0, divisor);
    if step < 1_000 {
        bail!(
            "loads that run together need steps and starts of whole seconds; the largest step that fits all is {}",
            Millis(step)
        );
    }
    let span = end.since(start);
    found.iter_mut().for_each(|it| it.cut(start, Millis(step), span));
    notes.push(format!("run together from {start} for {span}"));
    Ok(())
}

/// Greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Errors of a load say where it stands.
pub fn at<T, E: Into<anyhow::Error>>(recording: &Recording, result: Result<T, E>) -> anyhow::Result<T> {
    result.map_err(Into::into).with_context(|| recording.place.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(start: i64, step: u64, values: &[f64]) -> Recording {
        let series = Recorded { name: "x".into(), start: Timestamp(start), step: Millis(step), values: values.into() };
        Recording::of("x".into(), series)
    }

    #[test]
    fn loads_are_cut_to_the_moments_they_share() {
        let mut both = [recording(0, 60_000, &[1.0, 2.0, 3.0, 4.0]), recording(90_000, 30_000, &[7.0, 8.0, 9.0])];
        let mut notes = Vec::new();
        align(&mut both, &mut notes).unwrap();
        assert_eq!(both[0].series.values, [2.0, 3.0, 3.0]);
        assert_eq!(both[1].series.values, [7.0, 8.0, 9.0]);
        assert_eq!(notes, ["run together from 1970-01-01 00:01:30Z for 1m30s"]);
    }

    #[test]
    fn loads_of_different_times_are_laid_over_each_other_and_that_is_said() {
        let mut both = [recording(0, 60_000, &[1.0, 2.0, 3.0]), recording(600_000, 60_000, &[7.0, 8.0])];
        let mut notes = Vec::new();
        align(&mut both, &mut notes).unwrap();
        assert_eq!((both[0].series.values.len(), both[1].series.start), (2, Timestamp(0)));
        assert!(notes[0].contains("no moment was recorded in all"), "{notes:?}");
        let mut odd = [recording(0, 60_000, &[1.0, 2.0]), recording(7, 60_000, &[7.0, 8.0])];
        assert!(align(&mut odd, &mut notes).unwrap_err().to_string().contains("whole seconds"));
    }
}
