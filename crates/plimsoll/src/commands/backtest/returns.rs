//! The return: what a policy saves against the present configuration, less what Plimsoll itself takes for it.
//!
//! Plimsoll's own share is measured: the CPU time of its decisions, and its memory, which is what this process took before it
//! read any load (a process there has to be) and what the controller remembered of each load at the end of its run, as the
//! journal writes it down. One process is charged for all loads of a table, over the longest of them. Where no prices of
//! a core and of a GiB were given, each is priced as if it alone made up the price of a replica: that is too much, and never
//! flatters.

use super::figures::{Over, by_key, of_policy};
use super::policies::replica;
use super::{Results, Table};
use plimsoll_report::{Cell, Column, Table as Printed, Tone};
use serde::Serialize;

/// Bytes of a GiB.
const GIB: f64 = 1_073_741_824.0;

/// Prices that were typed for what Plimsoll itself takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnPrices {
    /// Of a core for an hour.
    pub cpu: Option<f64>,
    /// Of a GiB for an hour.
    pub memory: Option<f64>,
    /// What was spent on language models.
    pub llm: f64,
    /// Memory of this process before it read a load, bytes.
    pub process_bytes: u64,
}

/// What Plimsoll took for one policy over a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Own {
    /// CPU time of the decisions, seconds.
    pub cpu_seconds: f64,
    /// How many there were.
    pub decisions: usize,
    /// Memory of the process, and of what was remembered of all loads, bytes.
    pub memory_bytes: u64,
    /// Price of the CPU.
    pub cpu_price: f64,
    /// Price of the memory.
    pub memory_price: f64,
    /// Spent on language models.
    pub llm_price: f64,
}

impl Own {
    /// All of it.
    pub fn price(&self) -> f64 {
        self.cpu_price + self.memory_price + self.llm_price
    }
}

/// What Plimsoll took for a policy; nothing where no controller decides.
pub fn own(results: &Results, table: &Table, policy: usize) -> Own {
    let (prices, price, contestant) = (&results.own, results.terms.price, &results.contestants[policy]);
    let mut own = Own::default();
    if contestant.spec().is_none() {
        return own;
    }
    let (mut longest, mut state) = (0.0_f64, 0.0);
    let mut gib_price: f64 = 0.0;
    for row in &table.rows {
        let Some(run) = row.runs.get(policy) else { continue };
        let each = replica(contestant, &row.name);
        let hours = row.course.need().len() as f64 * results.terms.tick_hours();
        let per_core = prices.cpu.unwrap_or(price / (each.cpu.0.max(1) as f64 / 1_000.0));
        let per_gib = prices.memory.unwrap_or(price / (each.memory.0.max(1) as f64 / GIB));
        own.cpu_seconds += run.cpu_seconds;
        own.decisions += run.decisions;
        own.cpu_price += run.cpu_seconds / 3_600.0 * per_core;
        own.memory_bytes += run.state_bytes;
        state += run.state_bytes as f64 / GIB * hours * per_gib;
        longest = longest.max(hours);
        gib_price = gib_price.max(per_gib);
    }
    own.memory_bytes += prices.process_bytes;
    own.memory_price = state + prices.process_bytes as f64 / GIB * longest * gib_price;
    own.llm_price = prices.llm;
    own
}

/// What each policy saves against the present configuration, less what Plimsoll itself takes.
pub fn printed(results: &Results, table: &Table) -> Printed {
    let mut printed = Printed::new([
        Column::left("policy", "POLICY"),
        Column::right("price", "PRICE"),
        Column::right("saved", "SAVED"),
        Column::right("own_cpu", "OWN CPU"),
        Column::right("own_memory", "OWN MEMORY"),
        Column::right("llm", "LLM"),
        Column::right("return", "RETURN"),
        Column::right("share_pct", "OF PRESENT"),
    ]);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let found = of(results, table, policy);
        let tone = if found.net < 0.0 { Tone::Bad } else { Tone::Plain };
        printed.row([
            Cell::of(contestant.name.as_str()),
            Cell::of(format!("{:.0}", found.price)),
            Cell::of(format!("{:.0}", found.saved + 0.0)),
            Cell::of(format!("{:.4}", found.own.cpu_price)),
            Cell::of(format!("{:.4}", found.own.memory_price)),
            Cell::of(format!("{:.2}", found.own.llm_price)),
            Cell::of(format!("{:.0}", found.net.round() + 0.0)).tone(tone),
            Cell::of(format!("{:.1} %", (found.share_pct * 10.0).round() / 10.0 + 0.0)),
        ]);
    }
    printed
}

/// The return of one policy.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Return {
    /// What it costs.
    pub price: f64,
    /// Less than the present configuration.
    pub saved: f64,
    /// What Plimsoll took.
    pub own: Own,
    /// Saved less own.
    pub net: f64,
    /// The same as a share of the present price, in percent.
    pub share_pct: f64,
}

/// Of one policy.
pub fn of(results: &Results, table: &Table, policy: usize) -> Return {
    let price_of = |policy| {
        by_key("price").and_then(|price| of_policy(table, policy, price, Over::Sum, results.terms.price)).unwrap_or(0.0)
    };
    let (price, present) = (price_of(policy), results.against.map_or(0.0, price_of));
    let own = own(results, table, policy);
    let (saved, net) = (present - price, present - price - own.price());
    let share_pct = if present > 0.0 { 100.0 * net / present } else { 0.0 };
    Return { price, saved, own, net, share_pct }
}

/// What was measured and how it was priced, for the reader of the table.
pub fn told(results: &Results, table: &Table) -> String {
    let process = results.own.process_bytes as f64 / 1e6;
    let decided = (0..results.contestants.len()).filter(|policy| results.contestants[*policy].spec().is_some());
    let micros = decided.map(|policy| own(results, table, policy)).filter(|own| own.decisions > 0);
    let most = micros.map(|own| own.cpu_seconds * 1e6 / own.decisions as f64).fold(0.0, f64::max);
    let priced = if results.own.cpu.is_none() || results.own.memory.is_none() {
        "; without --price-cpu and --price-memory each is priced as if it alone made up the price of a replica"
    } else {
        ""
    };
    format!(
        "own: a decision takes at most {most:.1} µs of CPU, the process {process:.1} MB{priced}; no language model was asked"
    )
}

/// Resident memory of this process, bytes; 0 where the system does not say.
pub fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
