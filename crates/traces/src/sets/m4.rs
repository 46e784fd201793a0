//! M4 Hourly: 414 series of 700 or 960 values, with the 48 values that followed.
//!
//! Rows are series (`"H1","605",…`), short ones padded with empty fields. The competition's series carry no usable times, so
//! each starts at time 0; no season was given either: 24 and 168 are what its benchmarks and entrants used.
//!
//! # Source
//! S. Makridakis, E. Spiliotis, V. Assimakopoulos, "The M4 Competition: 100,000 time series and 61 forecasting methods",
//! *International Journal of Forecasting* 36 (2020), 54-74.

use super::{SetError, with_set};
use crate::csv::Rows;
use crate::{ReadError, Recorded};
use plimsoll_model::{Millis, Timestamp};
use std::io::Read;

/// Steps that the competition asked for.
pub const HOURLY_HORIZON: usize = 48;

/// A day and a week of hours.
pub const HOURLY_SEASONS: [usize; 2] = [24, 168];

/// A series and the values that followed it.
#[derive(Debug, Clone)]
pub struct Split {
    /// What a model may see.
    pub train: Recorded,
    /// What came then.
    pub test: Vec<f64>,
}

/// The 414 series with their test parts, in the order of the set.
///
/// # Errors
/// [`SetError`].
pub fn hourly() -> Result<Vec<Split>, SetError> {
    let mut tests = with_set("m4/Hourly-test.csv.xz", table)?.into_iter();
    let paired = training()?.into_iter().map(|train| {
        let test = tests.next().filter(|test| test.name == train.name);
        let missing = || ReadError::NoMember {
            file: "m4/Hourly-test.csv.xz".into(),
            member: train.name.clone(),
            present: "other series, or the same in another order".into(),
        };
        Ok(Split { test: test.ok_or_else(missing)?.values, train })
    });
    paired.collect()
}

pub(super) fn training() -> Result<Vec<Recorded>, SetError> {
    with_set("m4/Hourly-train.csv.xz", table)
}

/// One series per row after the header.
fn table(file: &str, reader: &mut dyn Read) -> Result<Vec<Recorded>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut found = Vec::new();
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        let fields = row.fields()?;
        let given = fields.len() - fields.iter().rev().take_while(|field| field.is_empty() || *field == "NA").count();
        let values = fields[..given].iter().enumerate().skip(1);
        let values = values.map(|(index, field)| row.measured(field, format!("V{}", index + 1)));
        let name = fields[0].to_string();
        let values = values.collect::<Result<_, _>>()?;
        found.push(Recorded { name, start: Timestamp(0), step: Millis(3_600_000), values });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_series_without_its_padding() {
        let text = "\"V1\",\"V2\",\"V3\",\"V4\"\n\"H1\",\"605\",\"586.5\",\"\"\n\"H2\",\"1\",\"\",\"3\"\n";
        let series = table("x", &mut text.as_bytes()).unwrap();
        assert_eq!((series[0].name.as_str(), series[0].values.as_slice()), ("H1", [605.0, 586.5].as_slice()));
        assert!(series[1].values[1].is_nan() && series[1].values[2] == 3.0, "a gap inside stays one");
        let error = table("x", &mut "V1,V2\nH1,abc\n".as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("x, line 2, column V2: \"abc\" is not a finite number"), "{error}");
    }
}
