//! Series of use, as peaks of days, each with its pool and resource.

use crate::args::Capacity;
use crate::commands::pool_file::PoolFile;
use anyhow::bail;
use plimsoll_autoscale::pools::RESOURCES;
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::{Recorded, table};

/// The length of a day.
pub const DAY: Millis = Millis(86_400_000);
/// Fewest days that a forecast of weeks can rest on: three weeks.
const DAYS_MIN: usize = 21;

/// Peaks of one resource of one pool.
pub struct Peaks {
    /// The pool.
    pub pool: String,
    /// Place of the resource in the amounts of a shape.
    pub resource: usize,
    /// One value per day; NaN where nothing was measured.
    pub days: Recorded,
}

/// Reads the file and makes peaks of it.
pub fn series(typed: &Capacity, file: &PoolFile) -> anyhow::Result<Vec<Peaks>> {
    let path = typed.file.to_string_lossy();
    let recorded = table::read(&path, table::Options::default())?;
    let peaks: Vec<Peaks> = recorded.iter().map(|it| one(it, file)).collect::<anyhow::Result<_>>()?;
    for (index, it) in peaks.iter().enumerate() {
        let twice = |other: &Peaks| (other.resource, &other.pool) == (it.resource, &it.pool);
        if peaks[..index].iter().any(twice) {
            bail!("{path}: {} of pool {:?} is there twice", RESOURCES[it.resource], it.pool);
        }
    }
    Ok(peaks)
}

fn one(recorded: &Recorded, file: &PoolFile) -> anyhow::Result<Peaks> {
    let name = &recorded.name;
    let (pool, resource) = name.rsplit_once('/').unwrap_or(("", name));
    let Some(resource) = RESOURCES.iter().position(|known| *known == resource).filter(|it| [0, 1, 4].contains(it))
    else {
        bail!("series {name:?}: allowed are cpu, memory and gpu, or POOL/cpu and so on");
    };
    let mut known: Vec<&str> = file.pools.iter().map(String::as_str).collect();
    known.dedup();
    if !known.contains(&pool) {
        bail!("series {name:?}: there is no pool {pool:?}; the shapes name {known:?}");
    }
    let days = peaks(recorded);
    let measured = days.values.iter().filter(|value| value.is_finite()).count();
    if measured < DAYS_MIN {
        bail!("series {name:?}: {measured} days were measured; a forecast of weeks needs at least {DAYS_MIN}");
    }
    if let Some(day) = days.values.iter().position(|value| *value < 0.0) {
        let at = days.start.plus(DAY.saturating_mul(day as u64));
        bail!("series {name:?}: the peak of {at} is {}; use is never negative", days.values[day]);
    }
    Ok(Peaks { pool: pool.to_owned(), resource, days })
}

/// The highest value of each day (UTC); the first and last day only where they are whole.
fn peaks(recorded: &Recorded) -> Recorded {
    let day = |index: usize| (recorded.start.0 + (recorded.step.0 * index as u64) as i64).div_euclid(DAY.0 as i64);
    let (first, last) = (day(0), day(recorded.values.len().saturating_sub(1)));
    let mut values = vec![f64::NAN; usize::try_from(last - first + 1).unwrap_or(0)];
    let mut seen = vec![0_u64; values.len()];
    for (index, value) in recorded.values.iter().enumerate() {
        let slot = usize::try_from(day(index) - first).unwrap_or(0);
        seen[slot] += 1;
        values[slot] = values[slot].max(*value);
    }
    let whole = DAY.0 / recorded.step.0.max(1);
    let is_cut = |slot: usize| seen[slot] < whole;
    let from = usize::from(values.len() > 1 && is_cut(0));
    let to = values.len() - usize::from(values.len() > 1 && is_cut(values.len() - 1));
    let start = Timestamp((first + from as i64) * DAY.0 as i64);
    Recorded { name: recorded.name.clone(), start, step: DAY, values: values[from..to.max(from)].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_highest_value_and_days_that_are_cut_at_the_ends_are_left_out() {
        let values = (0..72).map(f64::from).collect();
        let start = Timestamp(12 * 3_600_000);
        let recorded = Recorded { name: "cpu".to_owned(), start, step: Millis(3_600_000), values };
        let days = peaks(&recorded);
        assert_eq!((days.start, days.values), (Timestamp(86_400_000), vec![35.0, 59.0]));
    }

    #[test]
    fn a_day_without_a_sample_is_a_gap() {
        let recorded =
            Recorded { name: "cpu".to_owned(), start: Timestamp(0), step: DAY, values: vec![1.0, f64::NAN, 3.0] };
        let days = peaks(&recorded);
        assert!(days.values[1].is_nan() && days.values[2] == 3.0);
    }
}
