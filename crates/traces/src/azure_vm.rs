//! Arrivals of Azure's virtual machines in 2017: batches per five minutes, by flavour and lifetime bin.
//!
//! Four files make a set. `flav_map`: `CORES,GB LETTER`. `v1.PART.txt`: a line per five minutes, `SECONDS TOKEN,TOKEN,…`, in which
//! a letter is one VM and `|` ends a batch (what one tenant asked for at once). `v1.PART.cEND.txt`: the same lines with a
//! lifetime for each VM: `U13` ended in bin 13, `C38` still ran at second END. `interval_map`: `SECONDS BIN`, which bin a
//! lifetime falls into. The training part has no lifetimes.
//!
//! A VM is a service named `BATCH/VM`, both counted from 1. Its true run time is the middle of its bin (the mean of the bin's
//! first and last second; 150 s, half a step, in bin 0); one that still ran has none. It has no estimate.
//!
//! **Hosts** are not in the trace. They are made up, all alike: 64 cores and 448 GiB (7 GiB per core, as the larger ones of
//! the flavours), named `host-0000` on, as many as hold 105 % of the largest sum of what runs at once, cores or memory.
//!
//! # Source
//! E. Cortez et al., "Resource Central", SOSP 2017 (the trace); J. Bergsma et al., "Generating Complex, Realistic Cloud Workloads
//! using Recurrent Neural Networks", SOSP 2021 (batches, flavours and bins).

use crate::ReadError;
use crate::cluster::{ClusterSet, RecordedTask};
use crate::csv::{Row, Rows};
use crate::dataset::find;
use crate::sets::SetError;
use crate::source::Source;
use plimsoll_model::cluster::{Capacity, Demand, Node, Task, TaskKind};
use plimsoll_model::{Bytes, Millicores, Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

const FOLDER: &str = "azure-vm-arrivals-2017";
const GIB: u64 = 1 << 30;
const HOST_CORES: u64 = 64;
const HOST_GIB: u64 = 448;
/// Hosts beyond the largest sum, in thousandths of it.
const SPARE_PERMILLE: u64 = 1_050;
/// Run time of a VM that came and went within one step of five minutes.
const SHORTEST: Millis = Millis(150_000);
/// Hosts made up at most, for flavours that are absurd.
const HOSTS_MAX: u64 = 100_000;
const SECONDS_MAX: u64 = 100_000_000_000;

/// Parts by their short names, `azure-vm:NAME`: their arrivals, and lifetimes where there are any.
pub const PARTS: &[(&str, &str, Option<&str>)] =
    &[("dev", "v1.dev.txt.xz", Some("v1.dev.c2100000.txt.xz")), ("train", "v1.train.txt.xz", None)];

/// Cores in thousandths and memory of each flavour, by its letter.
type Flavours = BTreeMap<String, (Millicores, Bytes)>;
/// First and last second of each bin.
type Bins = BTreeMap<u64, (u64, u64)>;

/// A part of the set; `name` is one of [`PARTS`].
///
/// # Errors
/// [`SetError`] when the set is not here or cannot be read.
pub fn set(name: &str) -> Result<ClusterSet, SetError> {
    let (_, arrivals, lifetimes) = PARTS.iter().find(|part| part.0 == name).unwrap_or(&PARTS[0]);
    let flavours = with("flav_map.txt", flavours)?;
    let mut set = match lifetimes {
        None => with(arrivals, |file, reader| read(file, reader, &flavours, None))?,
        Some(lifetimes) => {
            let bins = with("v1.interval_map.txt.gz", bins)?;
            with(arrivals, |file, reader| {
                with(lifetimes, |life_file, lives| read(file, reader, &flavours, Some((life_file, lives, &bins))))
                    .map_err(|error| match error {
                        SetError::Read(error) => error,
                        SetError::Missing(missing) => ReadError::Io {
                            file: file.to_owned(),
                            line: 0,
                            source: std::io::Error::new(std::io::ErrorKind::NotFound, missing),
                        },
                    })
            })?
        }
    };
    set.name = format!("azure-vm:{name}");
    Ok(set)
}

fn with<T>(file: &str, read: impl FnOnce(&str, &mut dyn Read) -> Result<T, ReadError>) -> Result<T, SetError> {
    let name = format!("{FOLDER}/{file}");
    let source = Source { path: find(&name)?, member: None };
    Ok(source.with_reader(|reader| read(&name, reader))?)
}

/// Reads `CORES,GB LETTER` per line.
fn flavours(file: &str, reader: &mut dyn Read) -> Result<Flavours, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut found = Flavours::new();
    while let Some(row) = rows.next_row()? {
        let expected = "a flavour: CORES,GB LETTER";
        let wrong = || row.refuse("(whole line)", row.text, expected);
        let (size, letter) = row.text.split_once(' ').ok_or_else(wrong)?;
        let (cores, gb) = size.split_once(',').ok_or_else(wrong)?;
        let cores: u64 = cores.parse().ok().filter(|cores| (1..=10_000).contains(cores)).ok_or_else(wrong)?;
        let gb: f64 = gb.parse().ok().filter(|gb| (0.0..=1e6).contains(gb)).ok_or_else(wrong)?;
        let memory = Bytes((gb * GIB as f64) as u64);
        if found.insert(letter.to_owned(), (Millicores(cores * 1_000), memory)).is_some() {
            return Err(row.refuse("letter", letter, "a letter that stands once"));
        }
    }
    Ok(found)
}

/// Reads `SECONDS BIN` per line.
fn bins(file: &str, reader: &mut dyn Read) -> Result<Bins, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut found = Bins::new();
    while let Some(row) = rows.next_row()? {
        let wrong = || row.refuse("(whole line)", row.text, "a lifetime and its bin: SECONDS BIN");
        let (seconds, bin) = row.text.split_once(' ').ok_or_else(wrong)?;
        let seconds: u64 = seconds.parse().ok().filter(|seconds| *seconds <= SECONDS_MAX).ok_or_else(wrong)?;
        let bin: u64 = bin.trim().parse().map_err(|_| wrong())?;
        let range = found.entry(bin).or_insert((seconds, seconds));
        *range = (range.0.min(seconds), range.1.max(seconds));
    }
    Ok(found)
}

fn read(
    file: &str,
    reader: &mut dyn Read,
    flavours: &Flavours,
    lifetimes: Option<(&str, &mut dyn Read, &Bins)>,
) -> Result<ClusterSet, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut set = ClusterSet::default();
    let (mut lives, bins) = match lifetimes {
        Some((file, reader, bins)) => (Some(Rows::new(file, reader)), Some(bins)),
        None => (None, None),
    };
    let mut place = (1, 0);
    while let Some(row) = rows.next_row()? {
        let life_row = match &mut lives {
            Some(lives) => Some(lives.next_row()?.ok_or_else(|| row.refuse("lifetimes", "", "a line for every line"))?),
            None => None,
        };
        step(&row, life_row.as_ref(), flavours, bins, &mut place, &mut set.tasks)?;
    }
    if let Some(extra) = lives.as_mut().map(Rows::next_row).transpose()?.flatten() {
        return Err(extra.refuse("(whole line)", extra.text, "a line that the arrivals have too"));
    }
    set.nodes = hosts(&set.tasks);
    set.notes
        .push(format!("hosts are made up: {} of 64 cores and 448 GiB, 5 % more than runs at once", set.nodes.len()));
    set.notes.push(match bins {
        Some(_) => "a VM lives for the middle of its lifetime's bin; one that still ran at the end lives on".into(),
        None => "this part has no lifetimes, so no VM ends".into(),
    });
    Ok(set)
}

/// One line of arrivals and the same line of lifetimes; `place` is the batch and the VM in it so far.
fn step(
    row: &Row<'_>,
    life_row: Option<&Row<'_>>,
    flavours: &Flavours,
    bins: Option<&Bins>,
    place: &mut (u64, u64),
    tasks: &mut Vec<RecordedTask>,
) -> Result<(), ReadError> {
    let (at, tokens) = row.text.split_once(' ').unwrap_or((row.text, ""));
    let seconds = at.parse::<u64>().ok().filter(|seconds| *seconds <= SECONDS_MAX);
    let seconds = seconds.ok_or_else(|| row.refuse("time", at, "a whole number of seconds from 0 to 100000000000"))?;
    let mut lives = life_row.map(|life_row| life_row.text.split_once(' ').unwrap_or((life_row.text, "")));
    if let (Some((life_at, _)), Some(life_row)) = (lives, life_row)
        && life_at != at
    {
        return Err(life_row.refuse("time", life_at, "the time of the same line of the arrivals"));
    }
    let mut life_tokens = lives.take().map(|(_, tokens)| tokens.split(','));
    for token in tokens.split(',') {
        let life = life_tokens.as_mut().map(|tokens| tokens.next().unwrap_or("(none)"));
        if token.is_empty() || token == "|" {
            if let (Some(life), Some(life_row)) = (life, life_row)
                && life != token
            {
                return Err(life_row.refuse("lifetime", life, "the end of the batch, as in the arrivals"));
            }
            if token == "|" {
                *place = (place.0 + 1, 0);
            }
            continue;
        }
        let (cpu, memory) =
            *flavours.get(token).ok_or_else(|| row.refuse("flavour", token, "a letter of the flavours"))?;
        let run_time_true = match (life, life_row, bins) {
            (Some(life), Some(life_row), Some(bins)) => lifetime(life_row, life, bins)?,
            _ => None,
        };
        place.1 += 1;
        let task = Task {
            id: format!("{}/{}", place.0, place.1),
            kind: TaskKind::Service,
            requests: Demand { cpu, memory, ..Demand::default() },
            submitted: Timestamp(seconds.cast_signed() * 1_000),
            ..Task::default()
        };
        tasks.push(RecordedTask { task, run_time_true, wait: None });
    }
    Ok(())
}

fn lifetime(row: &Row<'_>, token: &str, bins: &Bins) -> Result<Option<Millis>, ReadError> {
    let wrong = || row.refuse("lifetime", token, "U or C and the number of a bin");
    let (is_censored, bin) = match (token.strip_prefix('U'), token.strip_prefix('C')) {
        (Some(bin), _) => (false, bin),
        (_, Some(bin)) => (true, bin),
        _ => return Err(wrong()),
    };
    let (first, last) = bin.parse().ok().and_then(|bin: u64| bins.get(&bin)).ok_or_else(wrong)?;
    let middle = Millis((first + last) * 500).max(SHORTEST);
    Ok((!is_censored).then_some(middle))
}

/// As many hosts as hold what runs at once, and a little more.
fn hosts(tasks: &[RecordedTask]) -> Vec<Node> {
    let (cpu, memory) = peak(tasks);
    let for_cpu = cpu.saturating_mul(SPARE_PERMILLE).div_ceil(HOST_CORES * 1_000 * 1_000);
    let for_memory = (memory >> 20).saturating_mul(SPARE_PERMILLE).div_ceil(HOST_GIB * 1_024 * 1_000);
    let capacity =
        Capacity { cpu: Millicores(HOST_CORES * 1_000), memory: Bytes(HOST_GIB * GIB), ..Capacity::default() };
    (0..for_cpu.max(for_memory).min(HOSTS_MAX))
        .map(|index| crate::cluster::node(&format!("host-{index:04}"), capacity.clone()))
        .collect()
}

/// The largest sums of millicores and of bytes that run at once if nobody waits.
fn peak(tasks: &[RecordedTask]) -> (u64, u64) {
    // Ends sort before starts of the same moment.
    let mut changes: Vec<(i64, bool, u64, u64)> = Vec::with_capacity(tasks.len() * 2);
    for RecordedTask { task, run_time_true, .. } in tasks {
        let (cpu, memory) = (task.requests.cpu.0, task.requests.memory.0);
        changes.push((task.submitted.0, true, cpu, memory));
        if let Some(run) = run_time_true {
            changes.push((task.submitted.plus(*run).0, false, cpu, memory));
        }
    }
    changes.sort_unstable();
    let (mut now, mut most) = ((0_u64, 0_u64), (0_u64, 0_u64));
    for (_, is_start, cpu, memory) in changes {
        now = if is_start {
            (now.0.saturating_add(cpu), now.1.saturating_add(memory))
        } else {
            (now.0.saturating_sub(cpu), now.1.saturating_sub(memory))
        };
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAVOURS: &str = "1,0.75 a\n2,3.5 g\n";
    const BINS: &str = "0 0\n300 1\n3900 2\n4200 2\n4500 2\n";

    fn read_text(arrivals: &str, lives: Option<&str>) -> Result<ClusterSet, String> {
        let flavours = flavours("f", &mut FLAVOURS.as_bytes()).unwrap();
        let bins = bins("b", &mut BINS.as_bytes()).unwrap();
        let mut lives = lives.map(str::as_bytes);
        let lives = lives.as_mut().map(|lives| ("l", lives as &mut dyn Read, &bins));
        read("a", &mut arrivals.as_bytes(), &flavours, lives).map_err(|error| error.to_string())
    }

    #[test]
    fn letters_become_machines_in_batches_with_lifetimes() {
        let set = read_text("300 g,a,|,a,|,\n600 g,|,\n", Some("300 U2,U0,|,C2,|,\n600 U1,|,\n")).unwrap();
        let found: Vec<(&str, i64, u64, Option<u64>)> = set
            .tasks
            .iter()
            .map(|one| {
                (one.task.id.as_str(), one.task.submitted.0, one.task.requests.cpu.0, one.run_time_true.map(|r| r.0))
            })
            .collect();
        assert_eq!(
            found,
            [
                ("1/1", 300_000, 2_000, Some(4_200_000)),
                ("1/2", 300_000, 1_000, Some(150_000)),
                ("2/1", 300_000, 1_000, None),
                ("3/1", 600_000, 2_000, Some(300_000)),
            ]
        );
        assert_eq!(set.tasks[1].task.requests.memory.0, 3 * GIB / 4);
        assert_eq!((set.nodes.len(), peak(&set.tasks).0), (1, 5_000), "1/2 has ended when 3/1 starts");
        assert!(read_text("300 a,|,\n", None).unwrap().tasks[0].run_time_true.is_none());
    }

    #[test]
    fn lines_that_do_not_match_are_refused() {
        for (arrivals, lives, message) in [
            ("300 z,|,", None, "a, line 1, column flavour: \"z\" is not a letter of the flavours"),
            (
                "-300 a,|,",
                None,
                "a, line 1, column time: \"-300\" is not a whole number of seconds from 0 to 100000000000",
            ),
            (
                "300 a,|,",
                Some("600 U1,|,"),
                "l, line 1, column time: \"600\" is not the time of the same line of the arrivals",
            ),
            ("300 a,|,", Some("300 U9,|,"), "l, line 1, column lifetime: \"U9\" is not U or C and the number of a bin"),
            (
                "300 a,|,",
                Some("300 U1,U1,"),
                "l, line 1, column lifetime: \"U1\" is not the end of the batch, as in the arrivals",
            ),
            ("300 a,|,", Some(""), "a, line 1, column lifetimes: \"\" is not a line for every line"),
            (
                "300 a,|,",
                Some("300 U1,|,\n600 U1,|,"),
                "l, line 2, column (whole line): \"600 U1,|,\" is not a line that the arrivals have too",
            ),
        ] {
            assert_eq!(read_text(arrivals, lives).unwrap_err(), message);
        }
    }
}
