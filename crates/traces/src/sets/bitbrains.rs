//! 500 business-critical VMs by 5 minutes, July 2013 (GWA-T-12, fastStorage's sister trace `rnd`).
//!
//! Rows are five-minute bins (epoch / 300), columns are VMs, values are CPU % times 100 as integers; an empty field was not
//! recorded. MHz are % of the capacity in the metadata. 76 VMs change their capacity during the month, which the metadata
//! gives only once, so their MHz are of that one capacity.
//!
//! # Source
//! S. Shen, V. van Beek, A. Iosup, "Statistical Characterization of Business-Critical Workloads Hosted in Cloud
//! Datacenters" (CCGrid 2015); Bitbrains IT Services.

use super::{SetError, with_set};
use crate::csv::Rows;
use crate::{ReadError, Recorded};
use plimsoll_model::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

const STEP: Millis = Millis(300_000);

/// CPU use in %, one series per VM, all over the whole month.
///
/// # Errors
/// [`SetError`].
pub fn cpu_percent() -> Result<Vec<Recorded>, SetError> {
    with_set("bitbrains-rnd/cpu_pct_x100_5min_2013-07.csv.xz", matrix)
}

/// CPU use in MHz: the variate of the published table.
///
/// # Errors
/// [`SetError`]; a VM without metadata is left out.
pub fn cpu_mhz() -> Result<Vec<Recorded>, SetError> {
    let capacities = with_set("bitbrains-rnd/meta_2013-07.csv", capacities)?;
    let mut series = cpu_percent()?;
    series.retain(|vm| capacities.contains_key(&vm.name));
    for vm in &mut series {
        let capacity = capacities[&vm.name];
        vm.values.iter_mut().for_each(|value| *value *= capacity / 100.0);
    }
    Ok(series)
}

fn matrix(file: &str, reader: &mut dyn Read) -> Result<Vec<Recorded>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let header = rows.next_row()?.map(|row| row.text.to_owned()).unwrap_or_default();
    let vm = |name: &str| Recorded { name: name.trim().into(), start: Timestamp(0), step: STEP, values: Vec::new() };
    let mut series: Vec<Recorded> = header.split(',').skip(1).map(vm).collect();
    let mut first = None;
    while let Some(row) = rows.next_row()? {
        let mut fields = row.text.split(',').map(str::trim);
        let text = fields.next().unwrap_or_default();
        let bin: i64 = text.parse().map_err(|_| row.refuse("epoch_div_300", text, "a whole number"))?;
        let start = *first.get_or_insert(bin);
        let index = usize::try_from(bin - start).unwrap_or(0);
        if series.first().is_some_and(|vm| index < vm.values.len()) || index >= crate::series::SLOTS_MAX {
            return Err(row.refuse("epoch_div_300", text, "after the row before it"));
        }
        for vm in &mut series {
            vm.values.resize(index, f64::NAN);
            let value = row.measured(fields.next().unwrap_or_default(), "cpu_pct_x100")?;
            vm.values.push(value / 100.0);
        }
    }
    let start = Timestamp(first.unwrap_or(0).saturating_mul(300_000));
    series.iter_mut().for_each(|vm| vm.start = start);
    Ok(series)
}

/// MHz by VM.
fn capacities(file: &str, reader: &mut dyn Read) -> Result<BTreeMap<String, f64>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut found = BTreeMap::new();
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        found.insert(row.field(0).to_owned(), row.measured(row.field(2), "cap_mhz")?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_series_and_missing_bins_gaps() {
        let text = "epoch_div_300,1,2\n10,150,\n12,0,250\n";
        let series = matrix("x", &mut text.as_bytes()).unwrap();
        assert_eq!((series[0].start, series[0].name.as_str()), (Timestamp(3_000_000), "1"));
        assert_eq!((series[0].values[0], series[0].values[2], series[1].values[2]), (1.5, 0.0, 2.5));
        assert!(series[0].values[1].is_nan() && series[1].values[0].is_nan());
        assert!(matrix("x", &mut "e,1\n10,1\n9,1\n".as_bytes()).is_err());
    }
}
