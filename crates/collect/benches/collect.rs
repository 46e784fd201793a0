//! What sampling 1,000 workloads costs: from cgroups, which the kernel has added up, and from `/proc` alone; and what
//! the history store costs per batch and per sample.
//!
//! `cargo bench -p plimsoll-collect`. The cgroups are real v1 groups where they can be made, plain files otherwise. The
//! workloads are one process: what is measured is the reading.

use plimsoll_collect::history::{History, Retention, SeriesId};
use plimsoll_collect::usage::{CgroupPaths, Target, UsageSampler};
use plimsoll_model::{Bytes, Micros, Millis, Timestamp, WorkloadId};
use std::path::{Path, PathBuf};
use std::time::Instant;

const TARGETS: usize = 1_000;
const ROUNDS: usize = 50;

fn main() {
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: Some(20_000), maximum: Some(20_000) },
    );
    let plain = tempfile::tempdir().expect("a directory");
    let (groups, kind) = match real_groups() {
        Ok(groups) => (groups, "real v1 cgroups"),
        Err(_) => (plain_groups(plain.path()), "plain files in place of cgroups"),
    };
    measure(&format!("cgroup ({kind})"), &targets(|n| groups[n].clone()));
    remove(&groups);
    measure("/proc only", &targets(|_| CgroupPaths::default()));
    history();
}

fn targets(cgroup: impl Fn(usize) -> CgroupPaths) -> Vec<Target> {
    let pid = std::process::id();
    let stat = std::fs::read_to_string("/proc/self/stat").expect("our own stat");
    let start_ticks = stat[stat.rfind(')').expect("a name") + 2..].split(' ').nth(19).expect("field 22");
    let start_ticks = start_ticks.parse().expect("a number");
    let id = |n| format!("service:s{}/{n}", n % 50).parse::<WorkloadId>().expect("an id");
    (0..TARGETS).map(|n| Target { id: id(n), pid, start_ticks, cgroup: cgroup(n) }).collect()
}

fn measure(name: &str, targets: &[Target]) {
    let mut sampler = UsageSampler::new();
    let start = Instant::now();
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let first = Instant::now();
    assert_eq!(sampler.sample(Micros(0), targets).len(), targets.len());
    let opening = first.elapsed();
    let (before, mut ticks) = (cpu(), Vec::new());
    for _ in 0..ROUNDS {
        let tick = Instant::now();
        sampler.sample(Micros(start.elapsed().as_micros() as u64), targets);
        ticks.push(tick.elapsed().as_secs_f64() * 1e3);
    }
    let used = (cpu() - before) / ROUNDS as f64;
    ticks.sort_by(f64::total_cmp);
    println!(
        "{TARGETS} workloads by {name}: {used:.2} ms CPU per sample ({:.2} us each), wall p50 {:.2} ms, max {:.2} ms; first {:.1} ms",
        used * 1e3 / TARGETS as f64,
        ticks[ticks.len() / 2],
        ticks[ticks.len() - 1],
        opening.as_secs_f64() * 1e3
    );
}

fn group(controller: &str, n: usize) -> PathBuf {
    Path::new("/sys/fs/cgroup").join(controller).join(format!("plimsoll-bench-{}-{n}", std::process::id()))
}

fn real_groups() -> std::io::Result<Vec<CgroupPaths>> {
    let mut groups = Vec::new();
    for n in 0..TARGETS {
        let make = |controller| {
            let path = group(controller, n);
            std::fs::create_dir(&path).map(|()| Some(path))
        };
        let made = make("cpu").and_then(|v1_cpu| {
            let (v1_cpuacct, v1_memory, v1_blkio) = (make("cpuacct")?, make("memory")?, make("blkio")?);
            Ok(CgroupPaths { v2: None, v1_cpu, v1_cpuacct, v1_memory, v1_blkio })
        });
        match made {
            Ok(paths) => groups.push(paths),
            Err(error) => {
                remove(&groups);
                return Err(error);
            }
        }
    }
    Ok(groups)
}

fn remove(groups: &[CgroupPaths]) {
    for group in groups {
        for path in [&group.v1_cpu, &group.v1_cpuacct, &group.v1_memory, &group.v1_blkio].into_iter().flatten() {
            let _ = std::fs::remove_dir(path);
        }
    }
}

fn plain_groups(dir: &Path) -> Vec<CgroupPaths> {
    let make = |n: usize| {
        let path = dir.join(n.to_string());
        std::fs::create_dir(&path).expect("a directory");
        let files = [
            ("cpu.stat", "usage_usec 1000\nnr_periods 1\nnr_throttled 0\n"),
            ("memory.current", "4096\n"),
            ("memory.stat", "anon 4096\nfile 0\ninactive_file 0\n"),
            ("io.stat", "8:0 rbytes=1 wbytes=2\n"),
        ];
        files.iter().for_each(|(name, text)| std::fs::write(path.join(name), text).expect("a file"));
        CgroupPaths { v2: Some(path), ..CgroupPaths::default() }
    };
    (0..TARGETS).map(make).collect()
}

fn history() {
    let place = std::env::var("PLIMSOLL_BENCH_DIR").unwrap_or_else(|_| "../../target".to_owned());
    let dir = tempfile::tempdir_in(&place).expect("a directory to write to");
    let path = dir.path().join("history.redb");
    let day = Millis(86_400_000);
    let history = History::open(&path, Retention { raw: day, summary: day, size_max: Bytes(1 << 32) }).expect("opens");
    let names: Vec<SeriesId> =
        (0..500).map(|n| SeriesId::try_new(format!("service/s{n}/rate_milli_rps")).expect("a name")).collect();
    let batches = 600;
    let mut times = Vec::new();
    let mut value = 1_u64;
    for second in 0..batches {
        let batch: Vec<(SeriesId, i64)> = names
            .iter()
            .map(|name| {
                value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (name.clone(), (value >> 50) as i64)
            })
            .collect();
        let start = Instant::now();
        history.append(Timestamp(second * 1_000), &batch).expect("appends");
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let samples = batches as f64 * names.len() as f64;
    let total: f64 = times.iter().sum();
    let length = std::fs::metadata(&path).expect("the file").len();
    println!(
        "history, {batches} batches of {} samples: {:.2} us a sample, batch p50 {:.2} ms, p99 {:.2} ms (one in ten waits for the disk); {:.1} bytes a sample stored, {:.1} in the file",
        names.len(),
        total * 1e3 / samples,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        history.stored_bytes() as f64 / samples,
        length as f64 / samples
    );
    let start = Instant::now();
    let points = history.query(&names[7], Timestamp(0), Timestamp(600_000), 1_000).expect("reads").len();
    println!("query of {points} points: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
}
