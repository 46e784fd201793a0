//! The AWS CloudWatch metrics of the Numenta Anomaly Benchmark, by 5 minutes.
//!
//! Their clock is local: four of them repeat an hour's stamps when it changes or were written twice, and a few rows are
//! missing. So samples are laid on slots of 5 minutes, two in one slot are averaged, and a slot without a row is a gap.
//! The labels of anomalies are not read: they are no part of a forecast.
//!
//! # Source
//! A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark" (2015).

use super::{SetError, members, stem};
use crate::csv::Rows;
use crate::slots::Samples;
use crate::{ReadError, Recorded, date};
use plimsoll_model::Millis;
use std::io::Read;

const ARCHIVE: &str = "nab/nab_dev.tar.xz";
/// What of the folder of failures with a known cause was recorded by CloudWatch.
const KNOWN_CAUSE: [&str; 2] = ["cpu_utilization_asg_misconfiguration", "ec2_request_latency_system_failure"];

/// The 17 series of the folder `realAWSCloudwatch`.
///
/// # Errors
/// [`SetError`].
pub fn cloudwatch() -> Result<Vec<Recorded>, SetError> {
    members(ARCHIVE, |member| stem(member).filter(|_| member.contains("realAWSCloudwatch/")), table)
}

/// Two more CloudWatch series, recorded around failures whose cause is known.
///
/// # Errors
/// [`SetError`].
pub fn cloudwatch_known_cause() -> Result<Vec<Recorded>, SetError> {
    members(ARCHIVE, |member| stem(member).filter(|stem| KNOWN_CAUSE.contains(&stem.as_str())), table)
}

fn table(file: &str, name: String, reader: &mut dyn Read) -> Result<Recorded, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut samples = Samples::default();
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        let text = row.field(0);
        let at = date::parse_time(text).ok_or_else(|| row.refuse("timestamp", text, "a time"))?;
        samples.push(at, row.measured(row.field(1), "value")?, row.number);
    }
    samples.in_slots(file, name, Millis::from_minutes(5), true)
}
