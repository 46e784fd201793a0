//! What can be typed after `plimsoll event`.

use super::{Installation, Output};
use clap::Args;
use plimsoll_config::unit::Unit;

/// `plimsoll event`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll event release --service shop --for 30m --factor 2.5")]
pub struct Event {
    /// What it is called; one of the same name is replaced. Without a name, lists the events that are announced.
    #[arg(requires = "service", requires = "end")]
    pub event: Option<String>,
    /// The service whose load changes.
    #[arg(long, value_name = "NAME", requires = "event")]
    pub service: Option<String>,
    /// How long it lasts, trace time (`30m`, `2h`).
    #[arg(long = "for", id = "end", value_name = "DURATION", value_parser = duration)]
    pub length: Option<u64>,
    /// When it starts, trace time after now (`10m`); at once if absent.
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "event", default_value = "0s")]
    pub after: u64,
    /// The load as a multiple of the usual one (`2.5`).
    #[arg(long, value_name = "N", value_parser = factor, conflicts_with = "rate", requires = "event")]
    pub factor: Option<u64>,
    /// The load by itself (`500/s`).
    #[arg(long, value_name = "RATE", value_parser = rate, requires = "event")]
    pub rate: Option<u64>,
    /// How the load goes on: time after the start and a factor or a rate (`10m=3.5,20m=300/s`).
    #[arg(long, value_name = "TIME=LOAD,...", value_delimiter = ',', value_parser = point, requires = "event")]
    pub curve: Vec<Point>,
    /// Who announces it; shown with the reason.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "event")]
    pub by: String,
    /// Print what would be sent and what it would do, and send nothing.
    #[arg(long, requires = "event")]
    pub dry_run: bool,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Milliseconds after the start.
    pub at_ms: u64,
    /// Thousandths of the usual load.
    pub factor_permille: Option<u64>,
    /// Thousandths of a request per second.
    pub rate_milli_rps: Option<u64>,
}

fn quantity(unit: Unit, text: &str) -> Result<u64, String> {
    let number = if unit.takes_text() { unit.parse(text) } else { unit.decimal(text) };
    let number = number.map_err(|error| error.to_string())?;
    u64::try_from(number).map_err(|_| "it may not be negative".to_owned())
}

pub(super) fn duration(text: &str) -> Result<u64, String> {
    quantity(Unit::Duration, text)
}

fn factor(text: &str) -> Result<u64, String> {
    quantity(Unit::Thousandths, text)
}

fn rate(text: &str) -> Result<u64, String> {
    quantity(Unit::Rate, text)
}

fn point(text: &str) -> Result<Point, String> {
    let (at, load) = text.split_once('=').ok_or_else(|| format!("{text} is not TIME=LOAD, such as 10m=3.5"))?;
    let at_ms = duration(at)?;
    if load.contains('/') {
        return Ok(Point { at_ms, factor_permille: None, rate_milli_rps: Some(rate(load)?) });
    }
    Ok(Point { at_ms, factor_permille: Some(factor(load)?), rate_milli_rps: None })
}
