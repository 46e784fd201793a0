//! Prints what the driver costs: private memory of a shim, time from a start to a running workload with the full
//! ladder, and the inventory of a thousand workloads. Run with `cargo bench -p plimsoll-driver-process`;
//! `PLIMSOLL_BINARY=target/release/plimsoll` (absolute) measures the shim of the real binary, which is larger by its
//! relocations.

#![allow(clippy::unwrap_used, reason = "a measurement that fails should stop loudly")]

use plimsoll_driver_process::record::{self, ProcessIdentity};
use plimsoll_driver_process::{DriverEvent, DriverOptions, LaunchRequest, ProcessDriver};
use plimsoll_model::quantity::Bytes;
use plimsoll_model::spec::{Limits, Resources, SandboxSpec};
use plimsoll_model::{Generation, Millicores, Millis, Phase, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const HOST: &str = env!("CARGO_BIN_EXE_driver-process-shim-host");
const SPAWNS: usize = 60;
const INVENTORY: u64 = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let state = tempfile::tempdir().unwrap();
        let binary = std::env::var_os("PLIMSOLL_BINARY").unwrap_or_else(|| HOST.into());
        let command = vec![binary, "shim".into()];
        let options = DriverOptions::from_env();
        let (driver, events) = ProcessDriver::open_with(state.path(), command, || Timestamp(0), options).unwrap();
        let mut bench = Bench { driver, events };
        bench.spawns(state.path()).await;
        bench.inventory().await;
    });
}

struct Bench {
    driver: ProcessDriver,
    events: mpsc::Receiver<DriverEvent>,
}

fn request(id: &str, words: &[&str]) -> LaunchRequest {
    LaunchRequest {
        id: id.parse().unwrap(),
        generation: Generation(1),
        command: words.iter().map(ToString::to_string).collect(),
        env: BTreeMap::new(),
        directory: "/".into(),
        requests: Resources { cpu: Millicores(100), memory: Bytes(64 << 20) },
        limits: Limits { cpu: Some(Millicores(500)), memory: Some(Bytes(64 << 20)), pids: Some(64) },
        sandbox: SandboxSpec {
            filesystem: true,
            read: Vec::new(),
            write: Vec::new(),
            syscalls: true,
            user_namespace: false,
            network_namespace: false,
            require: Vec::new(),
        },
        health: None,
        grace: Millis(5_000),
        log_size_max: Bytes(1 << 20),
        log_files_max: 2,
    }
}

impl Bench {
    async fn spawns(&mut self, state: &Path) {
        let (mut calls, mut runs, mut stops) = (Vec::new(), Vec::new(), Vec::new());
        for ordinal in 0..SPAWNS {
            let request = request(&format!("job:sleep/{ordinal}"), &["sleep", "600"]);
            let started = Instant::now();
            let _started = self.driver.start(request);
            calls.push(started.elapsed());
            self.until(|event| matches!(event, DriverEvent::PhaseChanged { phase: Phase::Running, .. })).await;
            runs.push(started.elapsed());
        }
        let id = "job:sleep/0".parse().unwrap();
        println!("isolation: {:#?}", self.driver.isolation(&id).unwrap());
        memory(state);
        for status in self.driver.inventory() {
            let started = Instant::now();
            assert!(self.driver.stop(&status.id, Millis(5_000)));
            self.until(|event| matches!(event, DriverEvent::Exited { .. })).await;
            stops.push(started.elapsed());
            assert!(self.driver.forget(&status.id));
        }
        print("start() returns after", calls);
        print("start to running, full ladder", runs);
        print("stop to gone and cleaned up", stops);
    }

    async fn inventory(&mut self) {
        let started = Instant::now();
        for ordinal in 0..INVENTORY {
            let _started = self.driver.start(request(&format!("job:true/{ordinal}"), &["true"]));
            if ordinal >= 8 {
                self.until(|event| matches!(event, DriverEvent::Exited { .. })).await;
            }
        }
        println!("{INVENTORY} starts of /bin/true, 8 at a time: {:?} each", started.elapsed() / INVENTORY as u32);
        let mut times = Vec::new();
        for _ in 0..200 {
            let started = Instant::now();
            assert_eq!(self.driver.inventory().len() as u64, INVENTORY);
            times.push(started.elapsed());
        }
        print("inventory of 1,000", times);
        while self.driver.inventory().iter().any(|status| status.phase != Phase::Exited) {
            let _event = tokio::time::timeout(Duration::from_millis(10), self.events.recv()).await;
        }
    }

    async fn until(&mut self, mut wanted: impl FnMut(&DriverEvent) -> bool) {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await.unwrap().unwrap();
            if wanted(&event) {
                return;
            }
        }
    }
}

/// Private memory of every shim, and what makes it up.
fn memory(state: &Path) {
    let entries = std::fs::read_dir(state.join("workloads")).unwrap().flatten();
    let shims = entries.filter_map(|entry| record::read::<ProcessIdentity>(&entry.path(), record::SHIM).ok());
    let rollups: Vec<String> =
        shims.map(|shim| std::fs::read_to_string(format!("/proc/{}/smaps_rollup", shim.pid)).unwrap()).collect();
    let median = |name: &str| {
        let field = |text: &String| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        let mut values: Vec<u64> = rollups.iter().map(field).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let (clean, dirty) = (median("Private_Clean:"), median("Private_Dirty:"));
    println!("shim: {} KiB private ({clean} clean, {dirty} dirty), {} KiB proportional", clean + dirty, median("Pss:"));
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1_000];
    println!("{what}: min {:?}, p50 {:?}, p90 {:?}, max {:?}", at(0), at(500), at(900), at(1_000));
}
