//! Series in which people marked what is out of the ordinary: the Numenta Anomaly Benchmark and Microsoft's cloud telemetry.
//!
//! NAB labels windows of time, Microsoft each sample. Both come out as marks, one per slot: a slot is marked when any of its
//! time is. Series by the minute are averaged to 5 minutes; others keep their most frequent step. What a label means is not
//! said by either set: only that an expert found the stretch anomalous.
//!
//! # Source
//! A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark" (2015), its
//! `labels/combined_windows.json`; microsoft/cloud-monitoring-dataset, column `Label`.

use super::{SetError, stem};
use crate::csv::Rows;
use crate::dataset::find;
use crate::slots::Samples;
use crate::{ReadError, Recorded, date};
use plimsoll_model::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

const NAB: &str = "nab/nab_dev.tar.xz";
const NAB_LABELS: &str = "labels/combined_windows.json";
const MICROSOFT: &str = "ms-cloud-monitoring/dev.tar.xz";
/// Bytes of NAB's labels that are read at most; the file has about 20 KiB.
const LABELS_BYTES_MAX: u64 = 1 << 20;

/// What a series measures, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A demand or a use of something.
    Load,
    /// How long requests took.
    Latency,
}

/// A series with its marks.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Its values.
    pub series: Recorded,
    /// Which slots were labelled anomalous, as many as values.
    pub marks: Vec<bool>,
    /// What it measures.
    pub measure: Measure,
}

/// NAB's series with the windows that its authors drew around each anomaly, sorted by name.
///
/// # Errors
/// [`SetError`]; also for labels that are not what NAB writes.
pub fn nab_labelled() -> Result<Vec<Labelled>, SetError> {
    let windows = nab_windows()?;
    let mut found = Vec::new();
    crate::source::each_member(&find(NAB)?, |member, reader| {
        let Some((name, spans)) = stem(member).and_then(|name| {
            let (_, spans) = windows.iter().find(|(file, _)| member.ends_with(file.as_str()))?;
            Some((name, spans))
        }) else {
            return Ok(());
        };
        let measure = if name.contains("latency") { Measure::Latency } else { Measure::Load };
        let series = read(&format!("{NAB}#{member}"), name, reader, false)?.0;
        let step = series.step.0 as i64;
        let slot = |place: usize| series.start.0 + place as i64 * step;
        let is_marked =
            |place: usize| spans.iter().any(|(from, to)| slot(place) + step > from.0 && slot(place) <= to.0);
        let marks = (0..series.values.len()).map(is_marked).collect();
        found.push(Labelled { series, marks, measure });
        Ok(())
    })?;
    found.sort_by(|one, other| one.series.name.cmp(&other.series.name));
    Ok(found)
}

/// Microsoft's series with the label of each sample, sorted by name.
///
/// # Errors
/// [`SetError`].
pub fn microsoft_labelled() -> Result<Vec<Labelled>, SetError> {
    let mut found = Vec::new();
    crate::source::each_member(&find(MICROSOFT)?, |member, reader| {
        let Some(name) = stem(member) else { return Ok(()) };
        let measure = if name.starts_with("outbound") { Measure::Latency } else { Measure::Load };
        let (series, labels) = read(&format!("{MICROSOFT}#{member}"), name, reader, true)?;
        // A slot without a row has no label either.
        let marks = labels.iter().map(|label| *label > 0.0).collect();
        found.push(Labelled { series, marks, measure });
        Ok(())
    })?;
    found.sort_by(|one, other| one.series.name.cmp(&other.series.name));
    Ok(found)
}

/// From and to of every anomaly, by file.
type Spans = BTreeMap<String, Vec<(Timestamp, Timestamp)>>;

fn nab_windows() -> Result<Spans, SetError> {
    let mut text = String::new();
    crate::source::each_member(&find(NAB)?, |member, reader| {
        if member.ends_with(NAB_LABELS) {
            let refuse = |source| ReadError::Io { file: format!("{NAB}#{member}"), line: 0, source };
            reader.take(LABELS_BYTES_MAX).read_to_string(&mut text).map_err(refuse)?;
        }
        Ok(())
    })?;
    let refuse = |line: usize, value: &str, expected: &'static str| ReadError::Value {
        file: format!("{NAB}#{NAB_LABELS}"),
        line: line as u64,
        column: "window".into(),
        value: value.into(),
        expected,
    };
    let all: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&text)
        .map_err(|why| refuse(why.line(), &why.to_string(), "an object of files with windows of two times"))?;
    let time = |text: &String| date::parse_time(text).ok_or_else(|| refuse(0, text, "a time"));
    let mut spans = Spans::new();
    for (file, windows) in all {
        let windows: Result<Vec<_>, ReadError> =
            windows.iter().map(|[from, to]| Ok((time(from)?, time(to)?))).collect();
        spans.insert(file, windows?);
    }
    Ok(spans)
}

/// Values, and labels laid on the same slots where there is a column of them.
fn read(file: &str, name: String, reader: &mut dyn Read, has_labels: bool) -> Result<(Recorded, Vec<f64>), ReadError> {
    let mut rows = Rows::new(file, reader);
    let (mut values, mut labels) = (Samples::default(), Samples::default());
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        let fields = row.fields()?;
        let at = date::parse_time(&fields[0]).ok_or_else(|| row.refuse("timestamp", &fields[0], "a time"))?;
        let field = |place: usize| fields.get(place).map_or("(none)", |field| field.as_ref());
        values.push(at, row.measured(field(1), "value")?, row.number);
        if has_labels {
            labels.push(at, row.measured(field(2), "Label")?, row.number);
        }
    }
    let step = usual_step(&values);
    let step = if step.0 < 300_000 { Millis(300_000) } else { step };
    let marks = if has_labels { labels.in_slots(file, name.clone(), step, true)?.values } else { Vec::new() };
    Ok((values.in_slots(file, name, step, true)?, marks))
}

/// The most frequent distance of two samples that follow each other; a minute without any.
fn usual_step(samples: &Samples) -> Millis {
    let mut steps: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in samples.0.windows(2) {
        *steps.entry(pair[1].at.saturating_sub(pair[0].at)).or_default() += 1;
    }
    let usual = steps.into_iter().filter(|(step, _)| *step > 0).max_by_key(|(step, count)| (*count, -step));
    usual.map_or(Millis(60_000), |(step, _)| Millis(step.unsigned_abs()))
}
