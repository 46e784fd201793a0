//! Idle cost: what the daemon, the gateway and a shim take while 50 services run and nobody asks them anything.
//!
//! Each service is one replica of the sample service with a health check every second, as by default. CPU is the kernel's
//! count of user and system time over the interval, in per cent of one core; memory is what is resident, and of a shim
//! what no other process shares. Three rows: the default tick; a tick of a second, which is fifteen times the work; the
//! same with a dashboard open. `cargo xtask bench idle [--seconds N]`.

#![allow(clippy::unwrap_used, reason = "a measurement that fails should stop loudly")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Installation, eventually};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const SERVICES: usize = 50;
/// After the last replica is ready, before the measurement begins: the start is over and two default ticks have passed.
const SETTLE: Duration = Duration::from_secs(30);
/// Goals of the project, for the default tick.
const GOALS: &str = "goals: daemon under 1 % of a core and 60 MB resident, a shim under 1 MB private";

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--seconds").skip(1);
    let seconds = args.next().map_or(60, |text| text.parse().expect("--seconds takes a whole number"));
    println!("{SERVICES} services of one replica each, {seconds} s after {} s to settle; {GOALS}", SETTLE.as_secs());
    println!(
        "{:<22} {:>12} {:>12} {:>13} {:>13} {:>17} {:>17} {:>14} {:>14}",
        "",
        "daemon CPU",
        "daemon RSS",
        "gateway CPU",
        "gateway RSS",
        "shim priv. mean",
        "shim priv. max",
        "journal",
        "history"
    );
    for (name, tick, dashboard) in
        [("default tick (15 s)", "15s", false), ("tick 1 s", "1s", false), ("tick 1 s, dashboard", "1s", true)]
    {
        row(name, tick, dashboard, Duration::from_secs(seconds));
    }
}

fn spec(tick: &str) -> String {
    let mut text = format!(
        "name = \"idle\"\ntick = \"{tick}\"\n[api]\nlisten = \"127.0.0.1:0\"\n[node]\ncpu = \"4\"\nmemory = \"4GiB\"\n\
         [gateway]\nlisten = \"127.0.0.1:PORT\"\n"
    );
    for service in 0..SERVICES {
        write!(
            text,
            r#"
[[gateway.routes]]
path = "/s{service}"
service = "s{service}"
[services.s{service}]
command = ["plimsoll", "testbed", "serve", "--port", "{{port}}"]
replicas = {{ min = 1, max = 4 }}
requests = {{ cpu = "20m", memory = "16MiB" }}
limits = {{ cpu = "500m", memory = "64MiB" }}
health = {{ path = "/healthz" }}
scaling = {{ request_rate = "50/s", cpu = "80%" }}
"#
        )
        .unwrap();
    }
    text
}

fn row(name: &str, tick: &str, dashboard: bool, interval: Duration) {
    let installation = Installation::start(&spec(tick));
    let gateway = eventually("every service ready", || {
        let state = installation.state();
        let ready = state["services"].as_array()?.iter().filter(|service| service["ready"] == 1).count();
        (ready == SERVICES).then(|| state["gateway"]["pid"].as_u64())?
    });
    let (daemon, gateway) = (installation.daemon_pid(), u32::try_from(gateway).unwrap());
    let _viewer = dashboard.then(|| watch(&installation));
    std::thread::sleep(SETTLE);
    let state = installation.state_dir();
    let sizes = || [size(&state.join("journal")), size(&state.join("history.redb"))];
    let (cpu, disk, since) = ([cpu_ticks(daemon), cpu_ticks(gateway)], sizes(), Instant::now());
    std::thread::sleep(interval);
    let spent = since.elapsed().as_secs_f64();
    let share = |pid: u32, before: u64| (cpu_ticks(pid) - before) as f64 / clock_ticks() / spent * 100.0;
    let per_hour = |now: u64, before: u64| now.saturating_sub(before) as f64 / spent * 3_600.0 / 1e6;
    let [journal, history] = sizes();
    let private: Vec<u64> = shims(&state).into_iter().map(private_kib).collect();
    assert_eq!(private.len(), SERVICES, "one shim for each replica");
    println!(
        "{name:<22} {:>10.2} % {:>9.1} MB {:>11.2} % {:>10.1} MB {:>13.0} KiB {:>13.0} KiB {:>9.2} MB/h {:>9.2} MB/h",
        share(daemon, cpu[0]),
        resident_mb(daemon),
        share(gateway, cpu[1]),
        resident_mb(gateway),
        private.iter().sum::<u64>() as f64 / SERVICES as f64,
        private.iter().max().copied().unwrap_or(0) as f64,
        per_hour(journal, disk[0]),
        per_hour(history, disk[1]),
    );
}

/// Follows the state as the dashboard does, until the daemon ends.
fn watch(installation: &Installation) -> std::thread::JoinHandle<()> {
    let file = std::fs::read(installation.state_dir().join("daemon.json")).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let address = file["api"].as_str().unwrap().to_owned();
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut buffer = vec![0; 1 << 16];
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    })
}

/// User and system time, in clock ticks.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn clock_ticks() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// The sum of the lines of `/proc/PID/FILE` that begin with `prefix`, in KiB as the kernel writes it.
fn kib(pid: u32, file: &str, prefix: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(prefix));
    lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

fn resident_mb(pid: u32) -> f64 {
    kib(pid, "status", "VmRSS:") as f64 * 1_024.0 / 1e6
}

fn private_kib(pid: u32) -> u64 {
    kib(pid, "smaps_rollup", "Private_")
}

/// The shims of the workloads below `state`.
fn shims(state: &Path) -> Vec<u32> {
    let state = state.to_string_lossy().into_owned();
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split('\0').collect();
        words.get(1) == Some(&"shim") && words.get(2).is_some_and(|directory| directory.starts_with(&state))
    })
    .collect()
}

/// Bytes of a file, or of the files of a directory.
fn size(path: &Path) -> u64 {
    let of_directory =
        || Some(std::fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum());
    if path.is_dir() { of_directory().unwrap_or(0) } else { std::fs::metadata(path).map_or(0, |file| file.len()) }
}
