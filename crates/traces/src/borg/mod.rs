//! Google's Borg trace of 2011: the life of every task in a cell, event by event, with priorities and evictions.
//!
//! A part is a table without header and 13 columns: time (µs), missing-info, job, task index, machine, event, user, scheduling
//! class, priority, CPU, memory, disk (each as a share of the largest machine), different-machine constraint.
//!
//! **Scale.** The largest machine's CPU is taken as 100,000 millicores and its memory and disk as 1,000,000 MiB each, so that
//! the trace's decimals stay whole numbers (0.01562 becomes 1,562 millicores, or 15,620 MiB for a scheduler that counts in
//! MiB); a request above 0 is at least 1.
//!
//! **Machines** are not part of the collection. [`machines`] makes them from the published count of each kind: 12,583, named
//! `borg-00000` on in the order of that table, with the label `platform`. Disk is not in it; each has all of it.
//! Nothing is drawn at random, and the machine ids in the events are not used.
//!
//! # Source
//! C. Reiss, J. Wilkes, J. Hellerstein, "Google cluster-usage traces: format + schema", 2011 (rev. 2014); machine kinds:
//! C. Reiss et al., "Heterogeneity and Dynamicity of Clouds at Scale", SoCC 2012, table 1.

mod event;
mod tasks;

pub use event::{Event, EventKind, Events};
pub use tasks::TaskBuilder;

use crate::ReadError;
use crate::cluster::ClusterSet;
use crate::dataset::find;
use crate::sets::SetError;
use crate::source::Source;
use plimsoll_model::cluster::{Capacity, Node};
use plimsoll_model::{Bytes, Millicores};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The largest machine's CPU in millicores.
pub const CPU_WHOLE: u64 = 100_000;
/// The largest machine's memory, and its disk, in bytes.
pub const BYTES_WHOLE: u64 = 1_000_000 << 20;
/// Parts of the whole trace.
pub const PARTS: u32 = 500;

/// Count, platform, CPU and memory in hundredths of the largest machine.
const MACHINES: [(u32, &str, u64, u64); 10] = [
    (6_732, "B", 50, 50),
    (3_863, "B", 50, 25),
    (1_001, "B", 50, 75),
    (795, "C", 100, 100),
    (126, "A", 25, 25),
    (52, "B", 50, 12),
    (5, "B", 50, 3),
    (5, "B", 50, 97),
    (3, "C", 100, 50),
    (1, "B", 50, 6),
];

/// The cell's machines, made as the page of this module says.
#[must_use]
pub fn machines() -> Vec<Node> {
    let kinds = MACHINES.iter().flat_map(|kind| std::iter::repeat_n(kind, kind.0 as usize));
    kinds
        .enumerate()
        .map(|(index, (_, platform, cpu, memory))| {
            let capacity = Capacity {
                cpu: Millicores(CPU_WHOLE / 100 * cpu),
                memory: Bytes(BYTES_WHOLE / 100 * memory),
                disk: Bytes(BYTES_WHOLE),
                ..Capacity::default()
            };
            let labels = BTreeMap::from([("platform".to_owned(), (*platform).to_owned())]);
            Node { labels, ..crate::cluster::node(&format!("borg-{index:05}"), capacity) }
        })
        .collect()
}

/// The name of a part below the folder of the data sets.
#[must_use]
pub fn part(index: u32) -> String {
    format!("google-borg-2011/task_events/part-{index:05}-of-{PARTS:05}.csv.gz")
}

/// Streams the events of consecutive parts in their order to `each`; nothing of them is kept.
///
/// # Errors
/// [`SetError`] when a part is not here or cannot be read.
pub fn each_event(parts: RangeInclusive<u32>, mut each: impl FnMut(&str, &Event)) -> Result<(), SetError> {
    let mut users = BTreeMap::new();
    for index in parts {
        let name = part(index);
        let source = Source { path: find(&name)?, member: None };
        source.with_reader(|reader| {
            let mut events = Events::new(&name, reader, std::mem::take(&mut users));
            while let Some(event) = events.next_event()? {
                each(&name, &event);
            }
            users = events.into_users();
            Ok(())
        })?;
    }
    Ok(())
}

/// The tasks of consecutive parts and the machines: about a kilobyte of memory per task.
///
/// # Errors
/// [`SetError`] when a part is not here or cannot be read.
pub fn set(parts: RangeInclusive<u32>) -> Result<ClusterSet, SetError> {
    let name = format!("borg:{}-{}", parts.start(), parts.end());
    let mut builder = TaskBuilder::default();
    each_event(parts, |file, event| builder.take(file, event))?;
    Ok(ClusterSet { name, nodes: machines(), ..builder.finish() })
}

/// One part that was handed in as a file.
///
/// # Errors
/// [`ReadError`] with line and column.
pub fn read(file: &str, reader: &mut dyn std::io::Read) -> Result<ClusterSet, ReadError> {
    let mut events = Events::new(file, reader, BTreeMap::new());
    let mut builder = TaskBuilder::default();
    while let Some(event) = events.next_event()? {
        builder.take(file, &event);
    }
    Ok(ClusterSet { name: file.to_owned(), nodes: machines(), ..builder.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cell_has_the_published_machines() {
        let machines = machines();
        assert_eq!(machines.len(), 12_583);
        assert_eq!((machines[0].name.as_str(), machines[0].capacity.cpu.0), ("borg-00000", 50_000));
        let largest = machines.iter().filter(|node| node.capacity.cpu.0 == CPU_WHOLE).count();
        assert_eq!(largest, 798);
        assert_eq!(machines[12_582].capacity.memory.0, 60_000 << 20);
    }
}
