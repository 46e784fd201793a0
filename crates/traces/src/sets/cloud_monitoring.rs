//! Requests per second inside Microsoft's cloud: an e-commerce API (hourly), MongoDB and data ingress (by the minute).
//!
//! One row of the API's record stands twice and one is missing, so samples are laid on slots and two in one are averaged.
//! The folder of latencies is not read: a latency is not demand. Labels of anomalies are not read either.
//!
//! # Source
//! microsoft/cloud-monitoring-dataset.

use super::{SetError, members, stem};
use crate::csv::Rows;
use crate::slots::Samples;
use crate::{ReadError, Recorded, date};
use plimsoll_model::Millis;
use std::io::Read;

/// `api-01`, `ingress-01` to `-05`, `mongo-01` to `-04`.
///
/// # Errors
/// [`SetError`].
pub fn requests() -> Result<Vec<Recorded>, SetError> {
    let wanted = |member: &str| stem(member).filter(|stem| !stem.starts_with("outbound"));
    members("ms-cloud-monitoring/dev.tar.xz", wanted, table)
}

fn table(file: &str, name: String, reader: &mut dyn Read) -> Result<Recorded, ReadError> {
    let step = if name.starts_with("api") { Millis(3_600_000) } else { Millis(60_000) };
    let mut rows = Rows::new(file, reader);
    let mut samples = Samples::default();
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        let fields = row.fields()?;
        let at = date::parse_time(&fields[0]).ok_or_else(|| row.refuse("TimeStamp", &fields[0], "a time"))?;
        let value = fields.get(1).map_or("(none)", |field| field.as_ref());
        samples.push(at, row.measured(value, "Value")?, row.number);
    }
    samples.in_slots(file, name, step, true)
}
