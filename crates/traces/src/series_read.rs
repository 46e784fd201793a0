//! Reading a [`RateSeries`] from the formats it is published in, told apart by their header line.
//!
//! | header | row | becomes |
//! | --- | --- | --- |
//! | `seconds,rps` | whole seconds on any origin, requests per second | Plimsoll's own format; the slot is the usual step |
//! | `t,NAME` | the same (ServeGen totals) | the same |
//! | `timestamp,num_request,size` | `YYYY-MM-DD HH:MM`, requests in that minute, bytes (WorldCup98) | count / 60, slot 1 min |
//! | `requests_per_second` | a count, one line per second (NASA, Twitter) | slot 1 s, starting at time 0 |
//! | `ts,value` | Unix seconds, a value (Crane) | the value as it stands; the slot is the usual step |
//!
//! Rows must be in order. A row that is missing, or whose value is empty, is a gap. Times that do not lie on the slots
//! are refused with their line instead of being rounded: they mean that the file is not what it seems.

use crate::csv::{Row, Rows};
use crate::series::{RateSeries, SLOTS_MAX};
use crate::source::Source;
use crate::{ReadError, date};
use plimsoll_model::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

/// A published layout of a rate series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `seconds,rps`, or `t,NAME`.
    SecondsRate,
    /// `timestamp,num_request,size`: WorldCup98 per minute.
    WorldCupMinutes,
    /// `requests_per_second`: one count per line.
    CountPerSecond,
    /// `ts,value`: Crane.
    UnixSecondsValue,
}

const KNOWN: &str = "seconds,rps | t,NAME | timestamp,num_request,size | requests_per_second | ts,value";

impl Format {
    /// The format whose header this is.
    #[must_use]
    pub fn detect(header: &str) -> Option<Self> {
        let columns: Vec<&str> = header.split(',').map(str::trim).collect();
        match columns.as_slice() {
            ["seconds", "rps"] | ["t", _] => Some(Self::SecondsRate),
            ["timestamp", "num_request", ..] => Some(Self::WorldCupMinutes),
            ["requests_per_second"] => Some(Self::CountPerSecond),
            ["ts", "value"] => Some(Self::UnixSecondsValue),
            _ => None,
        }
    }

    /// Where each row stands in time and what it says: milliseconds, or `None` when rows follow each other.
    fn row(self, row: &Row<'_>) -> Result<(Option<i64>, Option<f64>), ReadError> {
        Ok(match self {
            Self::SecondsRate => (Some(seconds(row, "seconds")?), row.amount(1, "rps")?),
            Self::UnixSecondsValue => (Some(seconds(row, "ts")?), row.amount(1, "value")?),
            Self::WorldCupMinutes => {
                let text = row.field(0);
                let at = date::parse_minute(text)
                    .ok_or_else(|| row.refuse("timestamp", text, "a time of the form YYYY-MM-DD HH:MM"))?;
                (Some(at.0), row.amount(1, "num_request")?.map(|count| count / 60.0))
            }
            Self::CountPerSecond => (None, row.amount(0, "requests_per_second")?),
        })
    }

    const fn time_column(self) -> &'static str {
        match self {
            Self::SecondsRate => "seconds",
            Self::WorldCupMinutes => "timestamp",
            Self::CountPerSecond => "requests_per_second",
            Self::UnixSecondsValue => "ts",
        }
    }

    /// The slot where the format fixes it.
    const fn slot(self) -> Option<Millis> {
        match self {
            Self::WorldCupMinutes => Some(Millis(60_000)),
            Self::CountPerSecond => Some(Millis(1_000)),
            Self::SecondsRate | Self::UnixSecondsValue => None,
        }
    }
}

impl RateSeries {
    /// Reads `path` or `path#member` (see [`Source::parse`]) in whichever known format it is.
    ///
    /// # Errors
    /// [`ReadError`], naming file, line, column and value.
    pub fn read(path: &str) -> Result<Self, ReadError> {
        let source = Source::parse(path);
        let file = source.name();
        source.with_reader(|reader| Self::read_from(&file, reader))
    }

    /// Reads a series from an open stream; `file` is what errors and the series are called.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_from(file: &str, reader: &mut dyn Read) -> Result<Self, ReadError> {
        let mut rows = Rows::new(file, reader);
        let header = rows.next_row()?.map(|row| row.text.to_owned()).unwrap_or_default();
        let format = Format::detect(&header).ok_or_else(|| ReadError::UnknownFormat {
            file: file.to_owned(),
            found: header.chars().take(120).collect(),
            known: KNOWN.to_owned(),
        })?;
        let mut layout = Layout::new(file, format);
        while let Some(row) = rows.next_row()? {
            let (at, rate) = format.row(&row)?;
            layout.push(Sample { at, rate: rate.unwrap_or(f64::NAN), line: row.number })?;
        }
        layout.finish()
    }
}

/// One row: where it stands, what it says, and where it was read.
#[derive(Clone, Copy)]
struct Sample {
    /// Milliseconds of trace time; none follows the row before by one slot.
    at: Option<i64>,
    /// NaN where the row has no value.
    rate: f64,
    line: u64,
}

/// Rows read before the slot is decided, where the format does not fix it.
const ROWS_TO_DECIDE: usize = 1_024;

/// Lays rows on slots as they come. Only the first rows are ever held as rows.
struct Layout<'a> {
    file: &'a str,
    format: Format,
    slot: Option<Millis>,
    /// Rows read before the slot was known.
    undecided: Vec<Sample>,
    /// Time of the first row.
    first: Option<i64>,
    rates: Vec<f64>,
}

impl<'a> Layout<'a> {
    fn new(file: &'a str, format: Format) -> Self {
        Self { file, format, slot: format.slot(), undecided: Vec::new(), first: None, rates: Vec::new() }
    }

    fn push(&mut self, sample: Sample) -> Result<(), ReadError> {
        if let Some(slot) = self.slot {
            return self.place(sample, slot);
        }
        if self.undecided.last().is_some_and(|last| sample.at <= last.at) {
            return Err(self.refuse(sample, "is not after the row before it".into()));
        }
        self.undecided.push(sample);
        if self.undecided.len() == ROWS_TO_DECIDE { self.decide() } else { Ok(()) }
    }

    fn decide(&mut self) -> Result<(), ReadError> {
        self.slot = usual_step(&self.undecided);
        let Some(slot) = self.slot else { return Ok(()) };
        std::mem::take(&mut self.undecided).into_iter().try_for_each(|sample| self.place(sample, slot))
    }

    fn place(&mut self, sample: Sample, slot: Millis) -> Result<(), ReadError> {
        let first = *self.first.get_or_insert(sample.at.unwrap_or(0));
        let index = match sample.at {
            None => self.rates.len() as u64,
            Some(at) => {
                let ahead = u64::try_from(i128::from(at) - i128::from(first)).ok();
                let Some(ahead) =
                    ahead.filter(|ahead| ahead / slot.0 >= self.rates.len() as u64 || !ahead.is_multiple_of(slot.0))
                else {
                    return Err(self.refuse(sample, "is not after the row before it".into()));
                };
                if !ahead.is_multiple_of(slot.0) {
                    let problem = format!("is not a whole number of slots of {slot} after the first row");
                    return Err(self.refuse(sample, problem));
                }
                ahead / slot.0
            }
        };
        if index >= SLOTS_MAX as u64 {
            return Err(self.refuse(sample, format!("is slot {index}, and a series has at most {SLOTS_MAX}")));
        }
        self.rates.resize(usize::try_from(index).unwrap_or(SLOTS_MAX), f64::NAN);
        self.rates.push(sample.rate);
        Ok(())
    }

    fn finish(mut self) -> Result<RateSeries, ReadError> {
        self.decide_if_needed()?;
        let needed = if self.format.slot().is_some() { 1 } else { 2 };
        let (Some(first), Some(slot)) = (self.first, self.slot) else {
            return Err(ReadError::TooShort { file: self.file.to_owned(), rows: self.undecided.len(), needed });
        };
        Ok(RateSeries::from_checked(self.file.to_owned(), Timestamp(first), slot, self.rates))
    }

    fn decide_if_needed(&mut self) -> Result<(), ReadError> {
        if self.slot.is_none() { self.decide() } else { Ok(()) }
    }

    fn refuse(&self, sample: Sample, problem: String) -> ReadError {
        let value = match (self.format, sample.at) {
            (Format::WorldCupMinutes, Some(at)) => Timestamp(at).to_string(),
            (_, Some(at)) => (at / 1_000).to_string(),
            (_, None) => String::new(),
        };
        let (file, column) = (self.file.to_owned(), self.format.time_column().into());
        ReadError::Order { file, line: sample.line, column, value, problem }
    }
}

/// The most frequent step between rows; the smaller one on a tie. A single odd row is then the error, not the slot.
fn usual_step(rows: &[Sample]) -> Option<Millis> {
    let mut steps: BTreeMap<u64, usize> = BTreeMap::new();
    for pair in rows.windows(2) {
        if let (Some(before), Some(after)) = (pair[0].at, pair[1].at) {
            *steps.entry(before.abs_diff(after)).or_default() += 1;
        }
    }
    steps.into_iter().max_by_key(|(step, count)| (*count, std::cmp::Reverse(*step))).map(|(step, _)| Millis(step))
}

fn seconds(row: &Row<'_>, column: &'static str) -> Result<i64, ReadError> {
    let text = row.field(0);
    let whole = text.parse::<i64>().ok().and_then(|whole| whole.checked_mul(1_000));
    whole.ok_or_else(|| row.refuse(column, text, "a whole number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gap;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<RateSeries, ReadError> {
        let mut reader: &[u8] = text.as_bytes();
        RateSeries::read_from("x.csv", &mut reader)
    }

    #[test]
    fn each_format_gives_requests_per_second() {
        for (text, start, slot, rates) in [
            ("seconds,rps\n-60,1.5\n0,2\n60,0\n", -60_000, 60_000, vec![Some(1.5), Some(2.0), Some(0.0)]),
            ("t,m-large\n0,212.78\n600,1\n", 0, 600_000, vec![Some(212.78), Some(1.0)]),
            (
                "timestamp,num_request,size\n1998-04-30 21:30,120,9\n1998-04-30 21:31,60,9\n",
                893_971_800_000,
                60_000,
                vec![Some(2.0), Some(1.0)],
            ),
            ("requests_per_second\n1\n0\n\n7\n", 0, 1_000, vec![Some(1.0), Some(0.0), Some(7.0)]),
            (
                "ts,value\r\n1633478400,242.5\r\n1633478460,3\r\n",
                1_633_478_400_000,
                60_000,
                vec![Some(242.5), Some(3.0)],
            ),
        ] {
            let series = read(text).unwrap();
            assert_eq!((series.start().0, series.slot().0), (start, slot), "{text}");
            assert_eq!(series.iter().map(|(_, rate)| rate).collect::<Vec<_>>(), rates, "{text}");
        }
    }

    #[test]
    fn missing_rows_and_empty_values_are_gaps() {
        let series = read("seconds,rps\n0,1\n60,2\n120,\n300,3\n360,4\n").unwrap();
        assert_eq!(series.gaps(), [Gap { from: Timestamp(120_000), slots: 3 }]);
        assert_eq!((series.len(), series.rate(5)), (7, Some(3.0)));
    }

    #[test]
    fn errors_name_file_line_column_and_value() {
        for (text, message) in [
            ("", "x.csv, line 1: the columns \"\" are none of the known formats"),
            ("a,b\n1,2\n", "x.csv, line 1: the columns \"a,b\" are none of the known formats"),
            ("seconds,rps\n0,1\n60,-2\n", "x.csv, line 3, column rps: \"-2\" is not a number that is finite"),
            ("seconds,rps\n0,1\n60\n", "x.csv, line 3, column rps: \"\" is not a number"),
            ("seconds,rps\n0.5,1\n", "x.csv, line 2, column seconds: \"0.5\" is not a whole number of seconds"),
            ("seconds,rps\n9223372036854775807,1\n", "x.csv, line 2, column seconds: \"9223372036854775807\" is not"),
            ("seconds,rps\n60,1\n60,2\n", "x.csv, line 3, column seconds: \"60\" is not after the row before it"),
            (
                "seconds,rps\n0,1\n60,1\n120,1\n121,1\n",
                "x.csv, line 5, column seconds: \"121\" is not a whole number of slots of 1m",
            ),
            (
                "seconds,rps\n0,1\n1,1\n2,1\n9000000000,1\n",
                "x.csv, line 5, column seconds: \"9000000000\" is slot 9000000000",
            ),
            ("seconds,rps\n0,1\n", "x.csv: 1 rows of values, and a series needs at least 2"),
            ("timestamp,num_request,size\n", "x.csv: 0 rows of values, and a series needs at least 1"),
            (
                "timestamp,num_request,size\n1998-06-10 25:00,1,1\n",
                "x.csv, line 2, column timestamp: \"1998-06-10 25:00\" is not a time of the form",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_series_or_an_error(
            header in 0_usize..6, body in "[0-9 ,:.\\-\n\ra-z\"é]{0,200}",
        ) {
            let headers = ["seconds,rps", "t,x", "timestamp,num_request,size", "requests_per_second", "ts,value", ""];
            if let Ok(series) = read(&format!("{}\n{body}", headers[header])) {
                prop_assert!(series.len() <= SLOTS_MAX && series.recorded() <= body.lines().count());
            }
        }

        #[test]
        fn what_is_written_is_read_back(rates in prop::collection::vec(prop::option::of(0_u32..1_000_000), 2..50), start in -9_999_999_i64..9_999_999) {
            let mut text = String::from("seconds,rps\n");
            for (rate, index) in rates.iter().zip(0_i64..) {
                let rate = rate.map(|rate| rate.to_string()).unwrap_or_default();
                text.push_str(&format!("{},{rate}\n", start + index * 60));
            }
            let series = read(&text).unwrap();
            prop_assert_eq!(series.start().0, start * 1_000);
            prop_assert_eq!(series.iter().map(|(_, rate)| rate).collect::<Vec<_>>(), rates.iter().map(|rate| rate.map(f64::from)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn order_is_checked_past_the_rows_that_decide_the_slot() {
        let mut text = String::from("seconds,rps\n");
        for row in 0..2_000 {
            text.push_str(&format!("{},1\n", row * 60));
        }
        assert_eq!(read(&text).unwrap().len(), 2_000);
        let again = format!("{text}119940,1\n");
        let error = read(&again).unwrap_err().to_string();
        assert_eq!(error, "x.csv, line 2002, column seconds: \"119940\" is not after the row before it");
        let odd = read(&format!("{text}119999,1\n")).unwrap_err().to_string();
        assert!(odd.ends_with("\"119999\" is not a whole number of slots of 1m after the first row"), "{odd}");
        let earlier = read(&format!("{text}-60,1\n")).unwrap_err().to_string();
        assert!(earlier.ends_with("\"-60\" is not after the row before it"), "{earlier}");
    }
}
