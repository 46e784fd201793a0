//! What was used of what was paid for, of what there had to be room for; and who had what of a shared node.

use super::policies::replica;
use super::{Results, Table};
use plimsoll_report::{Cell, Column, Table as Printed};
use serde_json::{Value, json};

/// Mebibytes of a GiB.
const MIB: f64 = 1_024.0;

/// One resource of one policy over a table.
#[derive(Debug, Clone, Copy, Default)]
struct Amounts {
    used: Option<f64>,
    allocated: f64,
    capacity: f64,
}

/// CPU in cores, memory in GiB, and the share of the requests that was served.
fn of(results: &Results, table: &Table, policy: usize) -> [Amounts; 2] {
    let contestant = &results.contestants[policy];
    let (mut cpu, mut memory) = (Amounts { used: Some(0.0), ..Amounts::default() }, Amounts::default());
    let mut known = true;
    for row in &table.rows {
        let Some(run) = row.runs.get(policy) else { continue };
        let each = replica(contestant, &row.name);
        let (cores, gib) = (each.cpu.0 as f64 / 1_000.0, each.memory.0 as f64 / (MIB * MIB * MIB));
        let card = &run.card;
        cpu.used = cpu.used.map(|used| used + card.busy_mean * cores);
        known &= card.memory_mib.is_some();
        memory.used = Some(memory.used.unwrap_or(0.0) + card.memory_mib.unwrap_or(0.0) / MIB);
        for (amounts, one) in [(&mut cpu, cores), (&mut memory, gib)] {
            amounts.allocated += card.billed_mean * one;
            amounts.capacity += f64::from(card.billed_most) * one;
        }
    }
    memory.used = memory.used.filter(|_| known);
    if let Some(room) = results.terms.room {
        cpu.capacity = room.cpu.0 as f64 / 1_000.0;
        // A node whose memory was not bounded has as much as was asked of it.
        let bound = room.memory.0 as f64 / (MIB * MIB * MIB);
        memory.capacity = if bound < 1e6 { bound } else { memory.capacity };
    }
    [cpu, memory]
}

fn share(part: f64, of: f64) -> f64 {
    if of > 0.0 { 100.0 * part / of } else { 0.0 }
}

/// A row per policy and resource.
pub fn printed(results: &Results, table: &Table) -> Printed {
    let mut printed = Printed::new([
        Column::left("policy", "POLICY"),
        Column::left("resource", "RESOURCE"),
        Column::right("used", "USED"),
        Column::right("allocated", "ALLOCATED"),
        Column::right("capacity", "CAPACITY"),
        Column::right("used_of_allocated_pct", "OF ALLOCATED"),
        Column::right("allocated_of_capacity_pct", "OF CAPACITY"),
    ]);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        for ((name, unit), amounts) in [("CPU", "cores"), ("memory", "GiB")].into_iter().zip(of(results, table, policy))
        {
            let used = amounts.used.map_or("not recorded".to_owned(), |used| format!("{used:.1} {unit}"));
            let of_allocated = amounts.used.map(|used| format!("{:.1} %", share(used, amounts.allocated)));
            printed.row([
                Cell::of(contestant.name.as_str()),
                Cell::of(name),
                Cell::of(used),
                Cell::of(format!("{:.1} {unit}", amounts.allocated)),
                Cell::of(format!("{:.0} {unit}", amounts.capacity)),
                Cell::maybe(of_allocated),
                Cell::of(format!("{:.1} %", share(amounts.allocated, amounts.capacity))),
            ]);
        }
    }
    printed
}

/// The same for machines.
pub fn as_json(results: &Results, table: &Table) -> Value {
    let one = |policy: usize| {
        let [cpu, memory] = of(results, table, policy);
        let amounts = |amounts: Amounts, unit: &str| {
            json!({
                "unit": unit, "used": amounts.used, "allocated": amounts.allocated, "capacity": amounts.capacity,
                "used_of_allocated_pct": amounts.used.map(|used| share(used, amounts.allocated)),
                "allocated_of_capacity_pct": share(amounts.allocated, amounts.capacity),
            })
        };
        let name = results.contestants[policy].name.as_str();
        json!({ "policy": name, "cpu": amounts(cpu, "cores"), "memory": amounts(memory, "GiB") })
    };
    (0..results.contestants.len()).map(one).collect()
}

/// A row per policy and service of a shared node; none where nothing was shared.
pub fn sharing(results: &Results, table: &Table) -> Option<Printed> {
    let mut printed = Printed::new([
        Column::left("policy", "POLICY"),
        Column::left("service", "SERVICE"),
        Column::right("need", "NEED"),
        Column::right("ready", "READY"),
        Column::right("share", "OF NODE"),
        Column::right("guarantee", "GUARANTEE"),
        Column::right("weight", "WEIGHT"),
        Column::right("had", "HAD WHEN SHORT"),
        Column::right("below", "BELOW GUARANTEE"),
        Column::right("no_room", "NO ROOM"),
        Column::right("jain", "JAIN"),
    ]);
    for (contestant, sharing) in results.contestants.iter().zip(&table.sharing) {
        let Some(sharing) = sharing else { continue };
        for (row, it) in table.rows.iter().zip(&sharing.services) {
            let percent = |value: f64| Cell::of(format!("{value:.1} %"));
            printed.row([
                Cell::of(contestant.name.as_str()),
                Cell::of(row.name.as_str()),
                Cell::of(format!("{:.1}", it.need_mean)),
                Cell::of(format!("{:.1}", it.ready_mean)),
                percent(it.share_pct),
                Cell::of(format!("{} ({:.1} %)", it.guaranteed, it.guaranteed_pct)),
                percent(it.weight_pct),
                percent(it.had_pct),
                Cell::of(format!("{:.2} %", it.below_guarantee_pct)),
                percent(it.no_room_pct),
                Cell::of(format!("{:.3}", sharing.jain)),
            ]);
        }
    }
    (!printed.is_empty()).then_some(printed)
}
