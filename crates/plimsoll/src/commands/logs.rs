//! `plimsoll logs`: what replicas and jobs print, with `-f` as it comes.

use super::reach::state_dir;
use crate::Verdict;
use crate::args::Logs;
use anyhow::bail;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a followed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Read at most from the end of a file to find its last lines.
const TAIL_BYTES_MAX: u64 = 4 << 20;

/// Prints logs.
pub fn run(logs: &Logs) -> anyhow::Result<Verdict> {
    let driver = state_dir(&logs.installation)?.join("driver");
    let mut open = BTreeMap::new();
    for (id, path) in find(&driver, &logs.workload) {
        let offset = print_tail(&id, &path, logs.lines)?;
        open.insert(path, (id, offset));
    }
    if open.is_empty() && !logs.follow {
        bail!("{}: no log of that service, job or replica is kept; `plimsoll status` lists what runs", logs.workload);
    }
    if !logs.follow {
        return Ok(Verdict::Done);
    }
    loop {
        std::thread::sleep(LOOK_EVERY);
        for (id, path) in find(&driver, &logs.workload) {
            let (_, offset) = open.entry(path.clone()).or_insert((id.clone(), 0));
            *offset = print_from(&id, &path, *offset)?;
        }
    }
}

/// Logs of running and recently ended workloads that `wanted` (a service, a job, or one id) names, in the order of ids.
fn find(driver: &Path, wanted: &str) -> Vec<(String, PathBuf)> {
    plimsoll_driver_process::logs(driver)
        .into_iter()
        .map(|(id, path)| (plimsoll_daemon::short_id(&id), path))
        .filter(|(id, _)| id == wanted || id.rsplit_once('/').is_some_and(|(name, _)| name == wanted))
        .collect()
}

/// Prints the last lines; how far the file was read.
fn print_tail(id: &str, path: &Path, lines: usize) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES_MAX)))?;
    let mut last = VecDeque::new();
    for line in BufReader::new(file.take(TAIL_BYTES_MAX)).split(b'\n') {
        last.push_back(line?);
        if last.len() > lines {
            last.pop_front();
        }
    }
    for line in last {
        print(id, &line)?;
    }
    Ok(length)
}

/// Prints what was added since `offset`; a file that became shorter was rotated and is read from its start.
fn print_from(id: &str, path: &Path, offset: u64) -> io::Result<u64> {
    let Ok(mut file) = File::open(path) else { return Ok(offset) };
    let length = file.metadata()?.len();
    let from = if length < offset { 0 } else { offset };
    file.seek(SeekFrom::Start(from))?;
    let mut read = from;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() != Some(&b'\n') {
            break; // The rest of this line comes with the next look.
        }
        read += line.len() as u64;
        line.pop();
        print(id, &line)?;
        line.clear();
    }
    Ok(read)
}

fn print(id: &str, line: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{id} ")?;
    out.write_all(line)?;
    out.write_all(b"\n")
}
