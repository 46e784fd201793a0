//! Anybody's series from a table of comma-separated values: long or wide, plain or compressed, a file or standard input.
//!
//! | layout | header | rows |
//! | --- | --- | --- |
//! | long | a series' name, a time, a value (`series,timestamp,value`, in any order) | one sample each, series may take turns |
//! | wide by columns | a time, then one name per series (`timestamp,web,db`; also `timestamp,value`) | one moment each |
//! | wide by rows | anything, then times or anything (`series,V1,V2`) | one series each |
//! | values alone | one name | one value each |
//!
//! The header may be missing; then the first rows tell. Times are Unix seconds or milliseconds, or ISO dates with or without
//! a clock. They must rise by whole steps: a step that is left out, or a value that is empty, `NaN`, `NA` or `null`, is a
//! gap. A time that goes back, stands twice or lies beside the grid is refused with file, line, column and value, unless a
//! step is asked for ([`Options::step`]): then each slot is the mean of its samples. Values alone start at time 0.
//!
//! [`TABLE_SERIES_MAX`] bounds what one file can ask for.

mod layout;

use crate::csv::{Row, Rows};
use crate::slots::Samples;
use crate::source::{Source, decompressed};
use crate::{ReadError, Recorded, date};
use layout::Layout;
use plimsoll_model::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

/// Most series in one table.
pub const TABLE_SERIES_MAX: usize = 1_000_000;

/// The step of values that have no times, when none is asked for.
pub const STEP_UNTIMED: Millis = Millis(3_600_000);

/// How a table is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The step: samples are averaged by slots of it, whole from time 0. None takes the most frequent one of the file.
    pub step: Option<Millis>,
}

/// All series of a file (`path`, `path#member` of a tar, or `-` for standard input), in the order of their first appearance.
///
/// # Errors
/// [`ReadError`], naming file, line, column and value.
pub fn read(path: &str, options: Options) -> Result<Vec<Recorded>, ReadError> {
    if path != "-" {
        let source = Source::parse(path);
        return source.with_reader(|reader| read_from(&source.name(), reader, options));
    }
    let file = "standard input";
    let io = |source| ReadError::Io { file: file.into(), line: 0, source };
    read_from(file, &mut *decompressed(std::io::stdin()).map_err(io)?, options)
}

/// All series of an open stream of text; `file` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn read_from(file: &str, reader: &mut dyn Read, options: Options) -> Result<Vec<Recorded>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let Some(first) = rows.next_row()? else {
        return Err(ReadError::TooShort { file: file.to_owned(), rows: 0, needed: 2 });
    };
    let first_fields: Vec<String> = first.fields()?.into_iter().map(Into::into).collect();
    let mut table = Table { file, options, layout: None, series: Vec::new(), by_name: BTreeMap::new() };
    if layout::is_header(&first_fields) {
        while let Some(row) = rows.next_row()? {
            table.take(&row, Some(&first_fields))?;
        }
    } else {
        // The text of the first row is gone once the second is read, so it is taken before.
        let text = first.text.to_owned();
        table.take(&Row { file, number: first.number, text: &text }, None)?;
        while let Some(row) = rows.next_row()? {
            table.take(&row, None)?;
        }
    }
    table.finish()
}

/// One series being read: its samples, or its values where it has no times.
#[derive(Default)]
struct Growing {
    name: String,
    samples: Samples,
    untimed: Vec<f64>,
}

struct Table<'a> {
    file: &'a str,
    options: Options,
    /// Known from the first row of values on.
    layout: Option<Layout>,
    series: Vec<Growing>,
    by_name: BTreeMap<String, usize>,
}

impl Table<'_> {
    fn take(&mut self, row: &Row<'_>, header: Option<&[String]>) -> Result<(), ReadError> {
        let fields = row.fields()?;
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => {
                let layout = Layout::of(self.file, header, &fields)?;
                self.series =
                    layout.names().iter().map(|name| Growing { name: name.clone(), ..Growing::default() }).collect();
                layout
            }
        };
        let outcome = match &layout {
            Layout::Long { series, time, value, columns } => {
                let name =
                    fields.get(*series).ok_or_else(|| row.refuse(columns[*series].clone(), "", "a series' name"))?;
                let at = moment(row, fields.get(*time).map(AsRef::as_ref), &columns[*time])?;
                let number = field(row, fields.get(*value).map(AsRef::as_ref), &columns[*value])?;
                let index = self.of_name(row, name)?;
                self.series[index].samples.push(at, number, row.number);
                Ok(())
            }
            Layout::Columns { time, columns } => {
                let at = moment(row, fields.get(*time).map(AsRef::as_ref), &columns[*time])?;
                let places = (0..columns.len()).filter(|place| place != time);
                places.zip(&mut self.series).try_for_each(|(place, series)| {
                    let number = field(row, fields.get(place).map(AsRef::as_ref), &columns[place])?;
                    series.samples.push(at, number, row.number);
                    Ok(())
                })
            }
            Layout::Rows { columns, times } => self.whole_series(row, &fields, columns, times),
            Layout::Values { column } => {
                self.series[0].untimed.push(field(row, fields.first().map(AsRef::as_ref), column)?);
                Ok(())
            }
        };
        self.layout = Some(layout);
        outcome
    }

    fn of_name(&mut self, row: &Row<'_>, name: &str) -> Result<usize, ReadError> {
        if let Some(&index) = self.by_name.get(name) {
            return Ok(index);
        }
        if self.series.len() >= TABLE_SERIES_MAX {
            return Err(row.refuse("series", name, "one of at most 1000000 series"));
        }
        self.by_name.insert(name.to_owned(), self.series.len());
        self.series.push(Growing { name: name.to_owned(), ..Growing::default() });
        Ok(self.series.len() - 1)
    }

    fn whole_series(
        &mut self,
        row: &Row<'_>,
        fields: &[std::borrow::Cow<'_, str>],
        columns: &[String],
        times: &[Timestamp],
    ) -> Result<(), ReadError> {
        if self.by_name.contains_key(fields[0].as_ref()) {
            return Err(row.refuse(layout::column(columns, 0), &fields[0], "a name that stands only once"));
        }
        let index = self.of_name(row, &fields[0])?;
        let given = fields.len() - fields.iter().rev().take_while(|field| field.is_empty()).count();
        for (place, text) in fields[..given.max(1)].iter().enumerate().skip(1) {
            let number = row.measured(text, layout::column(columns, place))?;
            match times.get(place - 1) {
                Some(at) => self.series[index].samples.push(*at, number, row.number),
                None => self.series[index].untimed.push(number),
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Recorded>, ReadError> {
        let Some(layout) = self.layout else {
            return Err(ReadError::TooShort { file: self.file.to_owned(), rows: 0, needed: 2 });
        };
        let column = layout.time_column();
        let whole = |growing: Growing| match self.options.step {
            _ if growing.samples.0.is_empty() => {
                let step = self.options.step.unwrap_or(STEP_UNTIMED);
                Ok(Recorded { name: growing.name, start: Timestamp(0), step, values: growing.untimed })
            }
            Some(step) => growing.samples.in_slots(self.file, growing.name, step, false),
            None => growing.samples.on_grid(self.file, &column, growing.name),
        };
        self.series.into_iter().map(whole).collect()
    }
}

fn moment(row: &Row<'_>, text: Option<&str>, column: &str) -> Result<Timestamp, ReadError> {
    let text = text.unwrap_or_default();
    let expected = "a time: Unix seconds or milliseconds, or YYYY-MM-DD with or without HH:MM[:SS] and an offset";
    date::parse_time(text).ok_or_else(|| row.refuse(column.to_owned(), text, expected))
}

/// A value that has to be there, if only as an empty field.
fn field(row: &Row<'_>, text: Option<&str>, column: &str) -> Result<f64, ReadError> {
    let text = text.ok_or_else(|| row.refuse(column.to_owned(), "", "a field: the row is too short"))?;
    row.measured(text, column.to_owned())
}

#[cfg(test)]
mod tests;
