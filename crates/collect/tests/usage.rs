//! Usage of real processes, and of cgroups made of plain files.

#![allow(clippy::unwrap_used, reason = "clippy sees only the bodies of `#[test]` as test code, not what they call")]

use plimsoll_collect::usage::{CgroupPaths, Target, UsageSampler};
use plimsoll_model::{Bytes, Micros, Millicores, Permille, ReplicaUsage, WorkloadId};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// A process group that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

fn shell(script: &str) -> Running {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    Running(command.spawn().unwrap())
}

fn start_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat[stat.rfind(')').unwrap() + 2..].split(' ').nth(19).unwrap().parse().unwrap()
}

fn id(name: &str) -> WorkloadId {
    format!("service:{name}/1").parse().unwrap()
}

fn target(name: &str, pid: u32) -> Target {
    Target { id: id(name), pid, start_ticks: start_ticks(pid), cgroup: CgroupPaths::default() }
}

/// Samples every 50 ms until `done`; the origin of time is the first sample's.
fn until(sampler: &mut UsageSampler, targets: &[Target], done: impl Fn(&ReplicaUsage) -> bool) -> ReplicaUsage {
    let start = Instant::now();
    loop {
        let now = Micros(start.elapsed().as_micros() as u64);
        let usage = sampler.sample(now, targets);
        if let Some(usage) = usage.get(&targets[0].id)
            && done(usage)
        {
            return usage.clone();
        }
        assert!(start.elapsed() < DEADLINE, "still not after {DEADLINE:?}: {usage:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// CPU time of one process by the scheduler's own account, nanoseconds.
fn schedstat(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_busy_loop_uses_what_the_scheduler_says_it_got() {
    let busy = shell("while :; do :; done");
    let pid = busy.0.id();
    let targets = [target("busy", pid)];
    let mut sampler = UsageSampler::new();
    let (start, before) = (Instant::now(), schedstat(pid));
    assert_eq!(sampler.sample(Micros(0), &targets)[&targets[0].id].cpu, None, "one sample is no rate");
    while schedstat(pid) - before < 500_000_000 {
        assert!(start.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(20));
    }
    let (elapsed, used) = (start.elapsed(), schedstat(pid) - before);
    let cpu = sampler.sample(Micros(elapsed.as_micros() as u64), &targets)[&targets[0].id].cpu.unwrap().0;
    let truth = used / elapsed.as_micros() as u64;
    // Ticks of 10 ms at both ends of more than 500 ms, and what it used between the two readings.
    assert!(cpu.abs_diff(truth) <= truth / 10, "{cpu} thousandths of a core, the scheduler says {truth}");
    assert!(cpu <= 1_100);
}

#[test]
fn children_count_while_they_run_and_after_they_were_waited_for() {
    let tree = shell("sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; read forever < /dev/zero");
    let pid = tree.0.id();
    let targets = [target("tree", pid)];
    let mut sampler = UsageSampler::new();
    let total = |stat: &str| -> u64 {
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        fields[13..15].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    let start = Instant::now();
    sampler.sample(Micros(0), &targets);
    let (mut ticks, mut last_us) = (0.0, 0);
    while total(&std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap()) == 0 {
        let now = start.elapsed().as_micros() as u64;
        let usage = sampler.sample(Micros(now), &targets);
        ticks += usage[&targets[0].id].cpu.unwrap_or_default().0 as f64 * (now - last_us) as f64 / 1e7;
        last_us = now;
        assert!(start.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(ticks > 1.0, "the running child's {ticks} ticks were not seen");
    let waited_for = sampler.sample(Micros(start.elapsed().as_micros() as u64), &targets);
    assert_eq!(waited_for[&targets[0].id].quality.resets, 0, "the child's time moved to its parent, it did not vanish");
}

#[test]
fn memory_that_a_child_holds_is_seen() {
    let hog = shell("(head -c 60000000 /dev/zero; read forever < /dev/zero) | tail");
    let targets = [target("hog", hog.0.id())];
    let seen = until(&mut UsageSampler::new(), &targets, |usage| usage.memory.unwrap().0 > 60_000_000);
    assert!(seen.memory.unwrap().0 < 200_000_000, "{seen:?}");
}

#[test]
fn another_process_with_the_same_pid_is_not_the_workload() {
    let sleeper = shell("read forever < /dev/zero");
    let mut stranger = target("stranger", sleeper.0.id());
    stranger.start_ticks += 1;
    assert!(UsageSampler::new().sample(Micros(0), &[stranger]).is_empty());
}

#[test]
fn open_sockets_are_counted() {
    let me = [target("me", std::process::id())];
    let mut sampler = UsageSampler::new();
    let before = sampler.sample(Micros(0), &me)[&me[0].id].connections.unwrap();
    let pairs: Vec<_> = (0..5).map(|_| UnixStream::pair().unwrap()).collect();
    let with = sampler.sample(Micros(1_000), &me)[&me[0].id].connections.unwrap();
    assert_eq!(with - before, 10);
    drop(pairs);
    assert_eq!(sampler.sample(Micros(2_000), &me)[&me[0].id].connections, Some(before));
}

#[test]
fn network_is_a_workloads_own_only_in_its_own_namespace() {
    let here = shell("read forever < /dev/zero");
    let targets = [target("here", here.0.id())];
    let mut sampler = UsageSampler::new();
    sampler.sample(Micros(0), &targets);
    assert_eq!(sampler.sample(Micros(1_000_000), &targets)[&targets[0].id].network_bytes_per_s, None);
    let apart = shell("exec unshare -Urn sh -c 'exec sleep 1000'");
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let start = Instant::now();
    while namespace(&apart.0.id().to_string()) == namespace("self") {
        if start.elapsed() > Duration::from_secs(10) {
            println!("network_is_a_workloads_own_only_in_its_own_namespace did not run whole: no namespaces here");
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let targets = [target("apart", apart.0.id())];
    sampler.sample(Micros(0), &targets);
    assert_eq!(sampler.sample(Micros(1_000_000), &targets)[&targets[0].id].network_bytes_per_s, Some(0));
}

/// A cgroup of plain files, whose counters a test can set.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let files_of = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| files_of.set(name, text));
        files_of
    }

    fn set(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.0.path().to_owned())
    }
}

fn sample(sampler: &mut UsageSampler, seconds: u64, target: &Target) -> ReplicaUsage {
    sampler.sample(Micros(seconds * 1_000_000), std::slice::from_ref(target)).remove(&target.id).unwrap()
}

#[test]
fn cgroup_v2_gives_rates_throttling_and_the_working_set() {
    let v2 = Files::new(&[
        ("cpu.stat", "usage_usec 1000000\nuser_usec 1\nnr_periods 10\nnr_throttled 1\n"),
        ("memory.current", "5000\n"),
        ("memory.stat", "anon 1\ninactive_file 2000\n"),
        ("io.stat", "8:0 rbytes=100 wbytes=200 rios=1 wios=1\n"),
    ]);
    let cgroup = CgroupPaths { v2: v2.path(), ..CgroupPaths::default() };
    let target = Target { cgroup, ..target("v2", std::process::id()) };
    let mut sampler = UsageSampler::new();
    let first = sample(&mut sampler, 1, &target);
    assert_eq!((first.cpu, first.throttled, first.disk_bytes_per_s), (None, None, None));
    assert_eq!(first.memory, Some(Bytes(3_000)));
    v2.set("cpu.stat", "usage_usec 2500000\nuser_usec 1\nnr_periods 30\nnr_throttled 11\n");
    v2.set("io.stat", "8:0 rbytes=1100 wbytes=200 rios=1 wios=1\n8:16 rbytes=0 wbytes=1000\n");
    let second = sample(&mut sampler, 3, &target);
    assert_eq!(second.cpu, Some(Millicores(750)));
    assert_eq!(second.throttled, Some(Permille(500)));
    assert_eq!(second.disk_bytes_per_s, Some(1_000));
    assert_eq!(second.quality.resets, 0);
    let idle = sample(&mut sampler, 4, &target);
    assert_eq!((idle.cpu, idle.throttled), (Some(Millicores(0)), Some(Permille(0))));
}

#[test]
fn a_counter_reset_gives_no_rate_for_that_interval_and_is_counted() {
    let (cpu, cpuacct) = (Files::new(&[("cpu.stat", "nr_periods 50\nnr_throttled 5\n")]), Files::new(&[]));
    let memory = Files::new(&[("memory.usage_in_bytes", "10\n"), ("memory.stat", "total_inactive_file 20\n")]);
    let blkio = Files::new(&[("blkio.throttle.io_service_bytes_recursive", "8:0 Read 9\nTotal 9\n")]);
    cpuacct.set("cpuacct.usage", "9000000000\n");
    let cgroup = CgroupPaths {
        v2: None,
        v1_cpu: cpu.path(),
        v1_cpuacct: cpuacct.path(),
        v1_memory: memory.path(),
        v1_blkio: blkio.path(),
    };
    let target = Target { cgroup, ..target("v1", std::process::id()) };
    let mut sampler = UsageSampler::new();
    assert_eq!(sample(&mut sampler, 0, &target).memory, Some(Bytes(0)), "never negative");
    cpuacct.set("cpuacct.usage", "1000000000\n");
    cpu.set("cpu.stat", "nr_periods 2\nnr_throttled 1\n");
    let reset = sample(&mut sampler, 1, &target);
    assert_eq!((reset.cpu, reset.throttled, reset.quality.resets), (None, None, 2));
    cpuacct.set("cpuacct.usage", "1250000000\n");
    cpu.set("cpu.stat", "nr_periods 12\nnr_throttled 2\n");
    let after = sample(&mut sampler, 2, &target);
    assert_eq!((after.cpu, after.throttled, after.quality.resets), (Some(Millicores(250)), Some(Permille(100)), 2));
}

#[test]
fn a_source_that_cannot_be_read_is_absent_and_counted_as_a_gap() {
    let cpuacct = Files::new(&[("cpuacct.usage", "0\n")]);
    let memory = Files::new(&[("memory.usage_in_bytes", "10\n"), ("memory.stat", "total_inactive_file 3\n")]);
    let cgroup = CgroupPaths { v1_cpuacct: cpuacct.path(), v1_memory: memory.path(), ..CgroupPaths::default() };
    let target = Target { cgroup, ..target("gap", std::process::id()) };
    let mut sampler = UsageSampler::new();
    sample(&mut sampler, 0, &target);
    cpuacct.set("cpuacct.usage", "garbage\n");
    memory.set("memory.usage_in_bytes", "");
    assert!(sampler.sample(Micros(1_000_000), std::slice::from_ref(&target)).is_empty());
    cpuacct.set("cpuacct.usage", "3000000000\n");
    memory.set("memory.usage_in_bytes", "10\n");
    let after = sample(&mut sampler, 2, &target);
    // The counter kept counting, so the mean over both intervals is known.
    assert_eq!((after.cpu, after.quality.gaps), (Some(Millicores(1_500)), 1));
}

#[test]
fn a_file_that_was_refused_is_tried_again_and_its_counter_starts_over() {
    let v1 = Files::new(&[("memory.usage_in_bytes", "10\n"), ("memory.stat", "total_inactive_file 3\n")]);
    // A link to itself is refused, and not because it is absent.
    std::os::unix::fs::symlink("cpuacct.usage", v1.path().unwrap().join("cpuacct.usage")).unwrap();
    let cgroup = CgroupPaths { v1_cpuacct: v1.path(), v1_memory: v1.path(), ..CgroupPaths::default() };
    let target = Target { cgroup, ..target("refused", std::process::id()) };
    let mut sampler = UsageSampler::new();
    sample(&mut sampler, 0, &target);
    assert!(sample(&mut sampler, 1, &target).cpu.is_some(), "the process tree stands in");
    std::fs::remove_file(v1.path().unwrap().join("cpuacct.usage")).unwrap();
    v1.set("cpuacct.usage", "5000000000\n");
    assert_eq!(sample(&mut sampler, 2, &target).cpu, None);
    v1.set("cpuacct.usage", "5500000000\n");
    let after = sample(&mut sampler, 3, &target);
    assert_eq!((after.cpu, after.quality.resets), (Some(Millicores(500)), 0));
}

#[test]
fn a_real_quota_throttles_and_is_seen() {
    let root = Path::new("/sys/fs/cgroup");
    let group = |controller: &str| root.join(controller).join(format!("plimsoll-test-{}", std::process::id()));
    let (cpu, cpuacct) = (group("cpu"), group("cpuacct"));
    let made = std::fs::create_dir(&cpu).and_then(|()| std::fs::create_dir(&cpuacct));
    if made.is_err() || std::fs::write(cpu.join("cpu.cfs_quota_us"), "20000").is_err() {
        println!("a_real_quota_throttles_and_is_seen did not run: no cgroup v1 cpu controller can be written here");
        return;
    }
    let busy = shell("while :; do :; done");
    for dir in [&cpu, &cpuacct] {
        std::fs::write(dir.join("cgroup.procs"), busy.0.id().to_string()).unwrap();
    }
    let cgroup = CgroupPaths { v1_cpu: Some(cpu.clone()), v1_cpuacct: Some(cpuacct.clone()), ..CgroupPaths::default() };
    let target = Target { cgroup, ..target("quota", busy.0.id()) };
    let usage = until(&mut UsageSampler::new(), &[target], |usage| usage.throttled.is_some_and(|share| share.0 > 0));
    drop(busy);
    assert!(usage.cpu.unwrap().0 > 0);
    for dir in [cpu, cpuacct] {
        let start = Instant::now();
        while std::fs::remove_dir(&dir).is_err() {
            assert!(start.elapsed() < DEADLINE, "the group stays in use");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
