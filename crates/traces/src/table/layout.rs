//! Which layout a table has, told from its header and its first row of values.

use crate::{ReadError, date};
use plimsoll_model::Timestamp;
use std::borrow::Cow;

/// What the column of a series' name is called in a long table.
const SERIES: [&str; 8] = ["series", "series_id", "unique_id", "item_id", "id", "name", "key", "metric"];
/// What a column of times is called.
const TIMES: [&str; 10] = ["timestamp", "time", "datetime", "date", "ds", "ts", "t", "seconds", "epoch", "unix"];
/// What the column of values is called in a table that has others too.
const VALUES: [&str; 4] = ["value", "y", "target", "rps"];

const KNOWN: &str = "series,timestamp,value | timestamp,NAME,... | series,TIME,TIME,... | one column of values";

/// The place of everything in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Layout {
    Long {
        series: usize,
        time: usize,
        value: usize,
        columns: Vec<String>,
    },
    Columns {
        time: usize,
        columns: Vec<String>,
    },
    /// `times` is empty where the header has none.
    Rows {
        columns: Vec<String>,
        times: Vec<Timestamp>,
    },
    Values {
        column: String,
    },
}

/// A first line is a header when no field past its first is a number; the first of a single column must not be one either.
pub(super) fn is_header(fields: &[String]) -> bool {
    let not_a_number = |field: &String| field.parse::<f64>().is_err();
    match fields {
        [one] => not_a_number(one),
        [_, rest @ ..] => rest.iter().all(|field| not_a_number(field) && !field.is_empty()),
        [] => false,
    }
}

/// How errors call a column: by its name, or its number from 1.
pub(super) fn column(columns: &[String], place: usize) -> String {
    columns.get(place).cloned().unwrap_or_else(|| format!("{}", place + 1))
}

impl Layout {
    /// # Errors
    /// [`ReadError::UnknownFormat`] when header and row fit none.
    pub(super) fn of(file: &str, header: Option<&[String]>, row: &[Cow<'_, str>]) -> Result<Self, ReadError> {
        let named = |place: usize| header.and_then(|header| header.get(place)).cloned();
        let width = header.map_or(row.len(), <[String]>::len);
        let columns: Vec<String> = (0..width).map(|place| named(place).unwrap_or(format!("{}", place + 1))).collect();
        let called = |names: &[&str]| columns.iter().position(|column| names.contains(&column.to_lowercase().as_str()));
        let unknown = || ReadError::UnknownFormat {
            file: file.to_owned(),
            found: columns.join(",").chars().take(120).collect(),
            known: KNOWN.to_owned(),
        };
        let is_time = |place: usize| row.get(place).is_some_and(|field| date::parse_time(field).is_some());
        if width == 1 {
            return Ok(Self::Values { column: named(0).unwrap_or_else(|| "value".into()) });
        }
        match (called(&SERIES), called(&TIMES)) {
            (Some(series), Some(time)) => {
                let others: Vec<usize> = (0..width).filter(|place| ![series, time].contains(place)).collect();
                let value = called(&VALUES).or_else(|| others.first().copied().filter(|_| others.len() == 1));
                Ok(Self::Long { series, time, value: value.ok_or_else(unknown)?, columns })
            }
            (None, Some(time)) => Ok(Self::Columns { time, columns }),
            (None, None) if width == 3 && header.is_none() && !is_time(0) && is_dated(row.get(1)) => {
                Ok(Self::Long { series: 0, time: 1, value: 2, columns })
            }
            (None, None) if is_time(0) => Ok(Self::Columns { time: 0, columns }),
            _ => Ok(Self::Rows { times: times(&columns[1..]), columns }),
        }
    }

    /// The series that are known from the header.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Columns { time, columns } => {
                columns.iter().enumerate().filter(|(place, _)| place != time).map(|(_, name)| name.clone()).collect()
            }
            Self::Values { column } => vec![column.clone()],
            Self::Long { .. } | Self::Rows { .. } => Vec::new(),
        }
    }

    pub(super) fn time_column(&self) -> String {
        match self {
            Self::Long { time, columns, .. } | Self::Columns { time, columns } => columns[*time].clone(),
            Self::Rows { .. } => "(header)".into(),
            Self::Values { .. } => String::new(),
        }
    }
}

/// A time that is no plain number: what tells `web,2018-01-01,5` from a row of values.
fn is_dated(field: Option<&Cow<'_, str>>) -> bool {
    field.is_some_and(|field| field.parse::<f64>().is_err() && date::parse_time(field).is_some())
        || field.is_some_and(|field| field.parse::<f64>().is_ok_and(|number| number >= 1e9))
}

/// The header's times when every one is.
fn times(columns: &[String]) -> Vec<Timestamp> {
    columns.iter().map(|column| date::parse_time(column)).collect::<Option<_>>().unwrap_or_default()
}
