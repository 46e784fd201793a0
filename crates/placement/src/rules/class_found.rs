//! Classes found in a history of tasks: similar ones grouped, the groups written as rules.
//!
//! This is training: it is run on recorded tasks when somebody asks for it, and what it gives is an ordinary list of
//! rules that can be read, changed and kept. Nothing of it runs when a decision is made. Grouping and cutting are those
//! of `plimsoll_stats`, whose answers are integers; a task is there a row of counts.

use super::audit::reserved;
use super::class::{ClassRule, Classes, Interval};
use plimsoll_model::cluster::Task;
use plimsoll_stats::{boxes, kmeans};
use std::collections::BTreeMap;

/// Classes that were found, and how sound they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundClasses {
    /// The rules.
    pub classes: Classes,
    /// Per class, heaviest first: its name, how many tasks of the history it has, and a typical one.
    pub sizes: Vec<(String, u64, Typical)>,
    /// How far apart the groups are, in thousandths: 1,000 is wholly, 0 is not at all.
    pub silhouette_permille: i64,
    /// Share of tasks whose rule gives the class of their own group, in thousandths.
    pub agreement_permille: u64,
}

/// The task nearest to the middle of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Typical {
    /// CPU in thousandths of a core.
    pub cpu_millicores: u64,
    /// Memory in MiB, rounded up.
    pub memory_mib: u64,
    /// Thousandths of GPUs.
    pub gpu_milli: u64,
    /// Run time in seconds, rounded up; none is unknown.
    pub run_time_s: Option<u64>,
    /// Priority.
    pub priority: i32,
}

/// Bytes in a MiB.
const MIB: u64 = 1 << 20;
/// A run time that nobody estimated counts as this long, far beyond any that was: some 136 years.
const UNKNOWN_S: u64 = u32::MAX as u64;
/// Cuts from the root to a rule at most: 64 rules.
const DEPTH_MAX: u32 = 6;

/// Columns: CPU in thousandths, memory in MiB, GPUs in thousandths, run time in seconds, priority above the lowest.
fn row(task: &Task, lowest: i32) -> Vec<u64> {
    let asked = reserved(task);
    let run_time = task.run_time.map_or(UNKNOWN_S, |run_time| run_time.0.div_ceil(1_000).min(UNKNOWN_S - 1));
    let priority = u64::try_from(i64::from(task.priority) - i64::from(lowest)).unwrap_or(0);
    vec![asked.cpu.0, asked.memory.0.div_ceil(MIB), asked.gpu.total_milli(), run_time, priority]
}

/// Finds at most `classes_max` classes in these tasks. Tasks that name their class themselves are left out.
#[must_use]
pub fn found(tasks: &[Task], classes_max: usize, seed: u64) -> FoundClasses {
    let history = || tasks.iter().filter(|task| task.class.is_none());
    let lowest = history().map(|task| task.priority).min().unwrap_or(0);
    let mut counted: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
    for task in history() {
        *counted.entry(row(task, lowest)).or_insert(0) += 1;
    }
    let (rows, weights): (Vec<Vec<u64>>, Vec<u64>) = counted.into_iter().unzip();
    let groups = kmeans::group(&rows, &weights, classes_max, seed);
    let grown = boxes::boxes(&rows, &groups.of_row, &weights, DEPTH_MAX);
    let typical: Vec<Typical> = groups.typical.iter().map(|index| typical(&rows[*index], lowest)).collect();
    let names = names(&typical);
    let mut sizes: Vec<(String, u64, Typical)> =
        names.iter().zip(&typical).map(|(name, typical)| (name.clone(), 0, *typical)).collect();
    let mut rules = Vec::new();
    for one in &grown.boxes {
        if let Some(size) = sizes.get_mut(one.group) {
            size.1 += one.weight;
            rules.push(rule(&size.0, one, lowest));
        }
    }
    sizes.sort_by_key(|(name, weight, _)| (std::cmp::Reverse(*weight), name.clone()));
    let otherwise = sizes.first().map_or_else(|| "all".to_owned(), |(name, ..)| name.clone());
    let classes = Classes { rules, otherwise, policies: BTreeMap::new() };
    let (silhouette_permille, agreement_permille) = (groups.silhouette_permille, grown.agreement_permille);
    FoundClasses { classes, sizes, silhouette_permille, agreement_permille }
}

fn typical(row: &[u64], lowest: i32) -> Typical {
    let priority = i64::from(lowest) + i64::try_from(row[4]).unwrap_or(0);
    Typical {
        cpu_millicores: row[0],
        memory_mib: row[1],
        gpu_milli: row[2],
        run_time_s: (row[3] != UNKNOWN_S).then_some(row[3]),
        priority: i32::try_from(priority).unwrap_or(lowest),
    }
}

/// `2c-4g-1gpu-10m`: cores, GiB, GPUs and run time of the typical task, cut to what tells it apart; a number behind
/// names that are equal.
fn names(typical: &[Typical]) -> Vec<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut names = Vec::new();
    for one in typical {
        let thousandths = |milli: u64| match (milli / 1_000, milli % 1_000 / 100) {
            (whole, 0) => whole.to_string(),
            (whole, tenths) => format!("{whole}.{tenths}"),
        };
        let mut name = format!("{}c-{}g", thousandths(one.cpu_millicores), one.memory_mib.div_ceil(1_024));
        if one.gpu_milli > 0 {
            name = format!("{name}-{}gpu", thousandths(one.gpu_milli));
        }
        if let Some(seconds) = one.run_time_s {
            name = match seconds {
                0..60 => format!("{name}-{seconds}s"),
                60..3_600 => format!("{name}-{}m", seconds / 60),
                3_600..86_400 => format!("{name}-{}h", seconds / 3_600),
                _ => format!("{name}-{}d", seconds / 86_400),
            };
        }
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        names.push(if *count == 1 { name } else { format!("{name}-{count}") });
    }
    names
}

/// A box in the units of a rule. Memory and run time were rounded up, so `x < below` in MiB is `x ≤ (below - 1) MiB`.
fn rule(class: &str, one: &boxes::GroupBox, lowest: i32) -> ClassRule {
    let plain = |column: usize| Interval { least: one.least[column], below: one.below[column] };
    let rounded = |column: usize, unit: u64| {
        let first = |bound: u64| (bound.saturating_sub(1)).saturating_mul(unit).saturating_add(1);
        Interval { least: one.least[column].map(first), below: one.below[column].map(first) }
    };
    let priority =
        |bound: u64| i32::try_from(i64::from(lowest) + i64::try_from(bound).unwrap_or(0)).unwrap_or(i32::MAX);
    ClassRule {
        class: class.to_owned(),
        kinds: Vec::new(),
        priority: Interval { least: one.least[4].map(priority), below: one.below[4].map(priority) },
        cpu_millicores: plain(0),
        memory_bytes: rounded(1, MIB),
        gpu_milli: plain(2),
        run_time_ms: rounded(3, 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::{Demand, GpuDemand};
    use plimsoll_model::quantity::{Bytes, Millicores, Millis};
    use proptest::prelude::*;

    fn task(cpu: u64, mib: u64, gpus: u32, seconds: Option<u64>) -> Task {
        let gpu = GpuDemand { count: gpus, milli: 1_000, models: vec![] };
        let requests = Demand { cpu: Millicores(cpu), memory: Bytes(mib * MIB), gpu, ..Demand::default() };
        Task { requests, run_time: seconds.map(|seconds| Millis(seconds * 1_000)), ..Task::default() }
    }

    #[test]
    fn three_sorts_of_task_become_three_classes_with_names_that_say_so() {
        let mut tasks = Vec::new();
        for step in 0..30 {
            tasks.push(task(500 + step, 512, 0, Some(20 + step % 7)));
            tasks.push(task(16_000 + 10 * step, 65_536, 8, Some(40_000 + 100 * step)));
            tasks.push(task(2_000, 4_096 + step, 0, None));
        }
        let found = found(&tasks, 8, 7);
        let names: Vec<&str> = found.sizes.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["0.5c-1g-23s", "16.1c-64g-8gpu-11h", "2c-5g"]);
        assert_eq!(found.agreement_permille, 1_000);
        assert!(found.silhouette_permille > 900);
        assert_eq!(found.classes.check(), Ok(()));
        assert_eq!(found.classes.of(&task(12_000, 50_000, 4, Some(9_999))), "16.1c-64g-8gpu-11h");
    }

    #[test]
    fn an_empty_history_gives_one_class_for_all() {
        let found = found(&[], 5, 0);
        assert_eq!(found.classes.check(), Ok(()));
        assert_eq!(found.classes.of(&Task::default()), "all");
    }

    proptest! {
        #[test]
        fn every_task_of_the_history_is_held_by_exactly_one_rule(
            given in prop::collection::vec((1_u64..60_000, 1_u64..100_000, 0_u32..9, prop::option::of(1_u64..1_000_000), -3_i32..9), 1..80),
        ) {
            let tasks: Vec<Task> = given.iter()
                .map(|(cpu, mib, gpus, seconds, priority)| Task { priority: *priority, ..task(*cpu, *mib, *gpus, *seconds) })
                .collect();
            let found = found(&tasks, 6, 3);
            prop_assert_eq!(found.classes.check(), Ok(()));
            for task in &tasks {
                prop_assert_eq!(found.classes.rules.iter().filter(|rule| rule.holds(task)).count(), 1);
            }
            prop_assert_eq!(found.sizes.iter().map(|(_, size, _)| size).sum::<u64>(), tasks.len() as u64);
        }
    }
}
