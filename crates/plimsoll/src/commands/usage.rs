//! `plimsoll usage`: what services, jobs and users requested, used and left idle, times a price list.

use super::reach::{Daemon, state_dir};
use crate::Verdict;
use crate::args::{Usage, UsageOutput};
use anyhow::{anyhow, bail};
use plimsoll_daemon::metering::{self, Bill};
use plimsoll_model::operations::PriceSpec;
use plimsoll_model::{Millis, Timestamp};
use plimsoll_report::{Cell, Column, Style, Table};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const GIB: u128 = 1 << 30;
const MIB: u128 = 1 << 20;

/// Counts and prints.
pub fn run(usage: &Usage) -> anyhow::Result<Verdict> {
    let at = |name: &str, text: &Option<String>| text.as_deref().map(|text| moment(name, text)).transpose();
    let (from, to) = (at("--from", &usage.from)?, at("--to", &usage.to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        bail!("--from {from} is not before --to {to}");
    }
    let prices = usage.prices.as_deref().map(price_list).transpose()?;
    let bill = if usage.installation.server.is_some() {
        remote(usage, from, to, prices.as_ref())?
    } else {
        let journal = state_dir(&usage.installation)?.join("journal");
        Bill::of(&metering::read(&journal, from, to)?, usage.by, prices.as_ref())
    };
    match usage.output {
        UsageOutput::Json => println!("{}", plimsoll_report::pretty(&bill.shown())?),
        UsageOutput::Csv => print!("{}", csv(&bill)),
        UsageOutput::Text => println!("{}", text(&bill)),
    }
    Ok(Verdict::Done)
}

/// What a daemon on another machine counts of its own journal.
fn remote(
    usage: &Usage,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    prices: Option<&PriceSpec>,
) -> anyhow::Result<Bill> {
    let mut path = format!("/v1/usage?by={}", usage.by.word());
    for (name, at) in [("from_ms", from), ("to_ms", to)] {
        if let Some(at) = at {
            let _ = write!(path, "&{name}={}", at.get());
        }
    }
    let shown: Value = Daemon::find(&usage.installation)?.get(&path)?;
    Bill::read(&shown, prices).ok_or_else(|| anyhow!("the answer to GET {path} is no bill"))
}

fn moment(name: &str, text: &str) -> anyhow::Result<Timestamp> {
    text.parse::<i64>().ok().or_else(|| plimsoll_config::moment::parse(text)).map(Timestamp).ok_or_else(|| {
        anyhow!("{name} {text}: neither a time like 2018-01-07T13:05:00Z nor milliseconds since the epoch")
    })
}

fn price_list(path: &Path) -> anyhow::Result<PriceSpec> {
    match plimsoll_config::load(path) {
        Ok(loaded) => Ok(loaded.spec.operations.prices),
        Err(report) => {
            eprint!("{report}");
            bail!("--prices {} does not hold; nothing was counted", path.display())
        }
    }
}

/// Thousandths as a decimal number, without a float.
fn milli(thousandths: u128) -> String {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Millicore-milliseconds as core-seconds.
fn core_seconds(amount: u128) -> String {
    milli(amount / 1_000)
}

/// Byte-milliseconds as GiB-seconds.
fn gib_seconds(amount: u128) -> String {
    milli(amount / GIB)
}

fn text(bill: &Bill) -> String {
    let mut table = Table::new([
        Column::left("name", bill.by.word().to_uppercase().as_str()),
        Column::right("cpu_requested", "CORE-S"),
        Column::right("cpu_used", "USED"),
        Column::right("cpu_idle", "IDLE"),
        Column::right("memory_requested", "GIB-S"),
        Column::right("memory_used", "USED"),
        Column::right("memory_idle", "IDLE"),
        Column::right("network", "NET MIB"),
        Column::right("disk", "DISK MIB"),
        Column::right("cost", "COST"),
        Column::right("idle_cost", "IDLE COST"),
    ]);
    for row in bill.rows.iter().chain([&bill.total]) {
        let (cpu, memory) = (row.sums.cpu, row.sums.memory);
        table.row([
            Cell::of(&row.name),
            Cell::of(core_seconds(cpu.requested)),
            Cell::of(core_seconds(cpu.used)),
            Cell::of(core_seconds(cpu.idle)),
            Cell::of(gib_seconds(memory.requested)),
            Cell::of(gib_seconds(memory.used)),
            Cell::of(gib_seconds(memory.idle)),
            Cell::of(milli(row.sums.network_bytes * 1_000 / MIB)),
            Cell::of(milli(row.sums.disk_bytes * 1_000 / MIB)),
            Cell::of(row.cost_micro),
            Cell::of(row.idle_cost_micro),
        ]);
    }
    let span = bill.span.map_or("no sample".to_owned(), |(first, last)| {
        format!("{} samples from {} to {}", bill.samples, Timestamp(first), Timestamp(last))
    });
    let gaps = match bill.unobserved_ms {
        0 => "no gaps".to_owned(),
        gap => format!("{} that nobody watched, counted for nobody", Millis(gap)),
    };
    let unmeasured = match bill.total.sums.unmeasured_ms {
        0 => String::new(),
        held => {
            let held = Millis(u64::try_from(held).unwrap_or(u64::MAX));
            format!("\n{held} of replicas and runs without a figure of usage: asked for, neither used nor idle")
        }
    };
    format!(
        "{}\n{span}, {} watched, {gaps}; costs in {}{unmeasured}",
        table.render(&Style::of_stdout()).trim_end(),
        Millis(bill.observed_ms),
        bill.prices.currency,
    )
}

fn csv(bill: &Bill) -> String {
    let mut out = format!(
        "{},cpu_requested_core_s,cpu_used_core_s,cpu_idle_core_s,memory_requested_gib_s,memory_used_gib_s,memory_idle_gib_s,network_bytes,disk_bytes,held_s,unmeasured_s,cost_{currency},idle_cost_{currency}\n",
        bill.by.word(),
        currency = bill.prices.currency.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
    );
    for row in bill.rows.iter().chain([&bill.total]) {
        let (cpu, memory, sums) = (row.sums.cpu, row.sums.memory, row.sums);
        let cells = [
            row.name.clone(),
            core_seconds(cpu.requested),
            core_seconds(cpu.used),
            core_seconds(cpu.idle),
            gib_seconds(memory.requested),
            gib_seconds(memory.used),
            gib_seconds(memory.idle),
            sums.network_bytes.to_string(),
            sums.disk_bytes.to_string(),
            milli(sums.held_ms),
            milli(sums.unmeasured_ms),
            row.cost_micro.to_string(),
            row.idle_cost_micro.to_string(),
        ];
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}
