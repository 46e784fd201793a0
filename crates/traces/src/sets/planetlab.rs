//! CPU % of PlanetLab's VMs by 5 minutes, one day each: rows are VMs, 288 integers.
//!
//! # Source
//! A. Beloglazov, R. Buyya, "Optimal online deterministic algorithms and adaptive heuristics for energy and performance
//! efficient dynamic consolidation of virtual machines" (2012).

use super::{SetError, with_set};
use crate::csv::Rows;
use crate::date::parse_day;
use crate::{ReadError, Recorded};
use plimsoll_model::{Millis, Timestamp};
use std::io::Read;

/// The days that are given.
pub const DAYS: [&str; 7] =
    ["2011-03-03", "2011-03-06", "2011-03-09", "2011-03-22", "2011-03-25", "2011-04-09", "2011-04-12"];

/// All VMs of one of [`DAYS`].
///
/// # Errors
/// [`SetError`].
pub fn day(day: &str) -> Result<Vec<Recorded>, SetError> {
    let start = parse_day(day).unwrap_or(Timestamp(0));
    with_set(&format!("planetlab/{}.csv.xz", day.replace('-', "")), |file, reader| table(file, reader, start))
}

pub(super) fn all() -> Result<Vec<Recorded>, SetError> {
    let days: Vec<_> = DAYS.iter().map(|date| day(date)).collect::<Result<_, _>>()?;
    Ok(days.into_iter().flatten().collect())
}

fn table(file: &str, reader: &mut dyn Read, start: Timestamp) -> Result<Vec<Recorded>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut found = Vec::new();
    while let Some(row) = rows.next_row()? {
        let mut fields = row.text.split(',').map(str::trim);
        let name = fields.next().unwrap_or_default().to_owned();
        let values = fields.map(|field| row.measured(field, "CPU %")).collect::<Result<_, _>>()?;
        found.push(Recorded { name, start, step: Millis::from_minutes(5), values });
    }
    Ok(found)
}
