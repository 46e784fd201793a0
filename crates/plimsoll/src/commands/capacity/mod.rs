//! `plimsoll capacity`: when the nodes that are there will not do any more, and what to buy instead.
//!
//! The need is the peak of each day: a pool runs short at its busiest moment and not on average. Peaks are forecast day by
//! day with quantiles. The day on which the median goes above what may be used is the date that is named; its interval
//! runs from the day on which the upper quantile does to the day on which the lower one does. What to buy is priced for the
//! quantile that was asked for, at the horizon's busiest day, every resource at once.

mod input;
mod outlook;
mod print;

use crate::Verdict;
use crate::args::{Capacity, Output};
use crate::commands::pool_file::PoolFile;
use crate::commands::work;
use anyhow::{Context, bail};

/// Forecasts, compares and prints.
pub fn run(typed: &Capacity) -> anyhow::Result<Verdict> {
    for (flag, value, low) in [("--usable", typed.usable, 0.0), ("--quantile", typed.quantile, 0.5)] {
        if !(value > low && value <= if flag == "--usable" { 1.0 } else { 0.999 }) {
            bail!(
                "{flag} {value}: allowed are shares above {low} up to {}",
                if flag == "--usable" { 1.0 } else { 0.999 }
            );
        }
    }
    let file = PoolFile::read(&typed.pools).context("--pools")?;
    let series = input::series(typed, &file)?;
    let bar = work::bar(series.len() as u64, "series", typed.quiet || typed.output == Output::Json);
    let outlook = outlook::of(typed, &file, series, || bar.inc(1))?;
    bar.finish_and_clear();
    match typed.output {
        Output::Text => print!("{}", print::text(typed, &file, &outlook)),
        Output::Json => print!("{}", plimsoll_report::pretty(&print::as_json(typed, &file, &outlook))?),
    }
    if let Some(path) = &typed.plot {
        print::plot(path, typed, &outlook)?;
    }
    Ok(Verdict::Done)
}
