//! Recorded loads by name, for whoever tries a scaling policy on them: `crane`, `crane:1`, `worldcup98`, `ms-rps`, …
//!
//! A load is either requests per second or CPU. For a CPU series the load is the CPU itself: one core of it is one unit, and
//! whoever replays it says how many units a replica carries. Series come as they were recorded, with their gaps; they are
//! neither scaled nor stretched here. [`sets`](crate::sets) says where each comes from and what was done to its times.
//!
//! One set is added here: the arrivals of an image-generation service, every 57 s for 22.3 hours. A moment without a row is
//! taken as no request, because the record has no zeros (its least value is 0.09) and its rows are missing at night.
//!
//! # Source
//! The sets' own; Alibaba cluster-trace-v2026-GenAI, `qps`, rows of kind `API Requests`.

use crate::csv::Rows;
use crate::sets::{self, SetError, with_set};
use crate::slots::Samples;
use crate::{ReadError, Recorded, date};
use plimsoll_model::Millis;
use std::io::Read;

/// What one unit of a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadUnit {
    /// Requests per second.
    Requests,
    /// CPU; the series' own unit.
    Cpu,
}

/// One recorded load.
#[derive(Debug, Clone)]
pub struct RecordedLoad {
    /// What it measures.
    pub unit: LoadUnit,
    /// Name, times and values; NaN is a gap.
    pub series: Recorded,
}

/// A set of loads that can be asked for by name.
pub struct LoadSet {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What its series measure.
    pub unit: LoadUnit,
    read: fn() -> Result<Vec<Recorded>, SetError>,
}

/// Why a name gives no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadSetError {
    /// No such set.
    #[error("no set of loads is called {name:?}; known are {}", known())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The set is there and has no such series.
    #[error("set {set} has no series {wanted:?}; it has {present}")]
    NoSeries {
        /// The set.
        set: &'static str,
        /// What was asked for.
        wanted: String,
        /// Its series.
        present: String,
    },
    /// The set could not be read.
    #[error(transparent)]
    Set(#[from] SetError),
}

/// All of them.
pub const LOAD_SETS: &[LoadSet] = &[
    LoadSet {
        name: "crane",
        about: "production CPU by the minute, 8 to 17 days",
        unit: LoadUnit::Cpu,
        read: sets::crane,
    },
    LoadSet {
        name: "worldcup98",
        about: "requests/s by the minute, FIFA 1998, to 24 June",
        unit: LoadUnit::Requests,
        read: || Ok(vec![sets::world_cup_98()?.named("worldcup98")]),
    },
    LoadSet {
        name: "nasa",
        about: "requests/s by the minute, Kennedy Space Center 1995, 28 days",
        unit: LoadUnit::Requests,
        read: || Ok(vec![sets::nasa()?]),
    },
    LoadSet {
        name: "twitter",
        about: "requests/s by the minute, a stream of tweets, 15 days",
        unit: LoadUnit::Requests,
        read: || Ok(vec![sets::twitter()?]),
    },
    LoadSet {
        name: "servegen",
        about: "requests/s by 10 minutes of an LLM service, 14 days",
        unit: LoadUnit::Requests,
        read: || Ok(vec![sets::total_rate()?.named("servegen")]),
    },
    LoadSet {
        name: "ms-rps",
        about: "requests/s of an API (hourly), MongoDB and ingress (by the minute)",
        unit: LoadUnit::Requests,
        read: || Ok(prefixed("ms-", sets::cloud_monitoring()?)),
    },
    LoadSet {
        name: "genai",
        about: "requests/s every 57 s of an image service, 22 hours",
        unit: LoadUnit::Requests,
        read: genai,
    },
];

/// The loads that `name` asks for: a set (`crane`), or one series of it by number or name (`crane:1`, `ms-rps:mongo-02`).
///
/// # Errors
/// [`LoadSetError`], which lists what there is.
pub fn loads(name: &str) -> Result<Vec<RecordedLoad>, LoadSetError> {
    let (wanted, one) = name.split_once(':').map_or((name, None), |(set, one)| (set, Some(one)));
    let unknown = || LoadSetError::Unknown { name: name.to_owned() };
    let set = LOAD_SETS.iter().find(|set| set.name == wanted).ok_or_else(unknown)?;
    let mut series = (set.read)()?;
    if let Some(one) = one {
        let is_it = |series: &Recorded| series.name == one || series.name.split_once('-').is_some_and(|it| it.1 == one);
        if !series.iter().any(is_it) {
            let present = series.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(LoadSetError::NoSeries { set: set.name, wanted: one.to_owned(), present });
        }
        series.retain(is_it);
    }
    Ok(series.into_iter().map(|series| RecordedLoad { unit: set.unit, series }).collect())
}

/// Whether `name` is meant for [`loads`] and not as a file.
#[must_use]
pub fn is_load_set(name: &str) -> bool {
    let set = name.split_once(':').map_or(name, |(set, _)| set);
    LOAD_SETS.iter().any(|it| it.name == set)
}

fn known() -> String {
    LOAD_SETS.iter().map(|set| set.name).collect::<Vec<_>>().join(", ")
}

fn prefixed(prefix: &str, series: Vec<Recorded>) -> Vec<Recorded> {
    let named = |one: Recorded| {
        let name = format!("{prefix}{}", one.name);
        one.named(name)
    };
    series.into_iter().map(named).collect()
}

fn genai() -> Result<Vec<Recorded>, SetError> {
    with_set("alibaba-genai-2026/qps.tar.gz#qps.csv", |file, reader| arrivals(file, reader).map(|one| vec![one]))
}

fn arrivals(file: &str, reader: &mut dyn Read) -> Result<Recorded, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut samples = Samples::default();
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        if row.field(3) != "API Requests" {
            continue;
        }
        let text = row.field(0);
        let at = date::parse_time(text).ok_or_else(|| row.refuse("timestamp_anon", text, "Unix seconds"))?;
        samples.push(at, row.measured(row.field(1), "value")?, row.number);
    }
    let mut series = samples.in_slots(file, "genai".to_owned(), Millis(57_000), true)?;
    series.values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_lists_the_sets() {
        let error = loads("cranes").unwrap_err().to_string();
        assert!(error.contains("crane, worldcup98, nasa"), "{error}");
        assert!(is_load_set("crane:3") && !is_load_set("crane.csv"));
    }

    #[test]
    fn moments_without_a_row_are_moments_without_a_request() {
        let text = "timestamp_anon,value,container_ip,request_type\n\
                    0.0,0.5,,API Requests\n57.0,9,abc,Generative Requests\n114.0,0.25,,API Requests\n";
        let series = arrivals("x", &mut text.as_bytes()).unwrap();
        assert_eq!(series.values, [0.5, 0.0, 0.25]);
    }
}
