//! All processes of the host at one moment, and which of them belong together.

use crate::kept::Kept;
use crate::parse::{ProcessStat, process_stat};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Descriptors kept for `/proc/PID/stat`; processes beyond are opened anew each time.
const KEPT_MAX: usize = 4_096;

/// A pass in which processes vanished is repeated, at most this often in all: their time is in transit to a parent
/// that may have been read before it arrived.
const PASSES_MAX: usize = 3;

/// One process.
#[derive(Debug)]
struct Process {
    file: Option<Kept>,
    stat: ProcessStat,
}

/// The processes of the last scan.
#[derive(Debug)]
pub(crate) struct ProcessTable {
    root: PathBuf,
    processes: BTreeMap<u32, Process>,
    children: BTreeMap<u32, Vec<u32>>,
    sessions: BTreeMap<u32, Vec<u32>>,
}

impl ProcessTable {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, processes: BTreeMap::new(), children: BTreeMap::new(), sessions: BTreeMap::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Reads every process's stat. What cannot be read is not there.
    pub(crate) fn scan(&mut self, buffer: &mut Vec<u8>) {
        for _ in 0..PASSES_MAX {
            if self.pass(buffer).is_ok_and(|vanished| vanished == 0) {
                break;
            }
        }
        self.children.clear();
        self.sessions.clear();
        for (pid, process) in &self.processes {
            self.children.entry(process.stat.parent).or_default().push(*pid);
            self.sessions.entry(process.stat.session).or_default().push(*pid);
        }
    }

    /// Returns how many processes were listed and then gone.
    fn pass(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let mut listed = BTreeSet::new();
        for entry in std::fs::read_dir(&self.root)? {
            listed.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        self.processes.retain(|pid, _| listed.contains(pid));
        let mut vanished = 0;
        for pid in listed {
            let kept = self.processes.remove(&pid).and_then(|process| process.file);
            match self.read(pid, kept, buffer) {
                Some(process) => drop(self.processes.insert(pid, process)),
                None => vanished += 1,
            }
        }
        Ok(vanished)
    }

    fn read(&self, pid: u32, kept: Option<Kept>, buffer: &mut Vec<u8>) -> Option<Process> {
        if let Some(file) = kept
            && let Ok(text) = file.read(buffer)
            && let Some(stat) = process_stat(text)
        {
            return Some(Process { file: Some(file), stat });
        }
        // Not kept, or the process behind the descriptor is gone and another may have its pid.
        let file = Kept::open(&self.root.join(pid.to_string()).join("stat")).ok()?;
        let stat = process_stat(file.read(buffer).ok()?)?;
        let file = (self.processes.len() < KEPT_MAX).then_some(file);
        Some(Process { file, stat })
    }

    /// The tree below `pid`, itself included, if it is the process that started at `start_ticks`.
    pub(crate) fn tree(&self, pid: u32, start_ticks: u64) -> Option<Vec<u32>> {
        self.processes.get(&pid).filter(|process| process.stat.start_ticks == start_ticks)?;
        let mut found = BTreeSet::new();
        let mut open = vec![pid];
        open.extend(self.sessions.get(&pid).into_iter().flatten());
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.children.get(&next).into_iter().flatten());
            }
        }
        Some(found.into_iter().collect())
    }

    /// CPU time in clock ticks and resident pages of the processes together.
    pub(crate) fn sum(&self, pids: &[u32]) -> (u64, u64) {
        let stats = pids.iter().filter_map(|pid| self.processes.get(pid)).map(|process| process.stat);
        stats.fold((0, 0), |(ticks, pages), stat| {
            (u64::saturating_add(ticks, stat.cpu_ticks), u64::saturating_add(pages, stat.resident_pages))
        })
    }
}
