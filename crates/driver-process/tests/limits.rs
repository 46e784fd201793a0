//! Limits and sandboxes, on the best rung this machine has and on the one without cgroups. A test whose mechanism is
//! missing here says so by name and does not count as one that passed quietly.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::{AUTO, Bench, HOST, OFF, full_sandbox, open_sandbox, run};
use plimsoll_driver_process::{CgroupPaths, DriverOptions, ResizeOutcome};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, Enforcement, ExitCause, Millicores, Millis, Phase};
use std::path::PathBuf;
use std::time::Instant;

/// The group that holds this limit here; none after saying which test did not run for want of it.
fn group_or_skip(bench: &Bench, test: &str, controller: &str) -> bool {
    let bases = bench.driver.cgroup_bases();
    let v2 = bases.v2.as_ref();
    let has = match controller {
        "cpu" => bases.v1.cpu.is_some() || v2.is_some_and(|base| base.cpu),
        "memory" => bases.v1.memory.is_some() || v2.is_some_and(|base| base.memory),
        _ => bases.v1.pids.is_some() || v2.is_some_and(|base| base.pids),
    };
    if !has {
        eprintln!("NOT RUN: {test}: no {controller} cgroup can be written here ({})", bases.why);
    }
    has
}

async fn hog(options: DriverOptions, id: &str) -> (Bench, ExitCause) {
    let mut bench = Bench::new(options);
    let mut request = bench.request(id, &[HOST, "hog", "400"]);
    request.limits.memory = Some(Bytes(64 << 20));
    let id = bench.start(request);
    let cause = bench.ended(&id).await;
    (bench, cause)
}

#[test]
fn a_memory_hog_is_killed_by_its_cgroup_and_reported_as_out_of_memory() {
    run(async {
        let probe = Bench::new(AUTO);
        if !group_or_skip(&probe, "a_memory_hog_is_killed_by_its_cgroup_and_reported_as_out_of_memory", "memory") {
            return;
        }
        let (bench, cause) = hog(AUTO, "job:hog/1").await;
        assert_eq!(cause, ExitCause::OutOfMemory);
        let isolation = bench.driver.isolation(&"job:hog/1".parse().unwrap()).unwrap();
        assert!(matches!(isolation.memory, Enforcement::Enforced { .. }), "{isolation:?}");
    });
}

#[test]
fn a_memory_hog_below_a_shell_is_out_of_memory_too() {
    run(async {
        let mut bench = Bench::new(AUTO);
        if !group_or_skip(&bench, "a_memory_hog_below_a_shell_is_out_of_memory_too", "memory") {
            return;
        }
        let mut request = bench.request("job:hog/1", &["sh", "-c", &format!("{HOST} hog 400; exit $?")]);
        request.limits.memory = Some(Bytes(64 << 20));
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::OutOfMemory);
    });
}

#[test]
fn without_cgroups_the_watchdog_kills_a_memory_hog() {
    run(async {
        let (bench, cause) = hog(OFF, "job:hog/1").await;
        let id = "job:hog/1".parse().unwrap();
        assert_eq!(cause, ExitCause::OutOfMemory);
        let isolation = bench.driver.isolation(&id).unwrap();
        assert!(matches!(&isolation.memory, Enforcement::Soft { by } if by.starts_with("watchdog")), "{isolation:?}");
        assert!(bench.log(&id).contains("over its limit of 67108864: killed"), "{}", bench.log(&id));
    });
}

#[test]
fn without_cgroups_the_watchdog_sees_memory_of_children() {
    run(async {
        let mut bench = Bench::new(OFF);
        let script = format!("{HOST} hog 40 & {HOST} hog 40 & wait");
        let mut request = bench.request("job:hogs/1", &["sh", "-c", &script]);
        request.limits.memory = Some(Bytes(64 << 20));
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::OutOfMemory);
    });
}

/// CPU time that the members of a group used, in nanoseconds.
fn cpu_used(cgroup: &CgroupPaths) -> u64 {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let v1 = cgroup.v1.cpuacct.as_ref().and_then(|group| read(group.join("cpuacct.usage"))?.trim().parse().ok());
    let v2 = || {
        let text = read(cgroup.v2.as_ref()?.join("cpu.stat"))?;
        let usec = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse::<u64>().ok())?;
        Some(usec * 1_000)
    };
    v1.or_else(v2).expect("the group counts CPU time")
}

#[test]
fn a_cpu_quota_throttles_to_within_a_few_percent() {
    run(async {
        let mut bench = Bench::new(AUTO);
        if !group_or_skip(&bench, "a_cpu_quota_throttles_to_within_a_few_percent", "cpu") {
            return;
        }
        let mut request = bench.request("job:spin/1", &[HOST, "spin", "60000"]);
        request.limits.cpu = Some(Millicores(200));
        let id = bench.start(request);
        bench.reach(&id, Phase::Running).await;
        let cgroup = bench.driver.sampling_targets().remove(0).cgroup;
        // From a period's start to a period's start would be exact; two seconds make the error of one period 1 %.
        let (from, since) = (cpu_used(&cgroup), Instant::now());
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let share = (cpu_used(&cgroup) - from) as f64 / since.elapsed().as_nanos() as f64;
        println!("quota 0.200 of a core, used {share:.4}");
        assert!(share <= 0.206, "{share}");
        // A quota is a cap and no share: on a machine that is busy otherwise it may get less, but throttled it must be.
        let stat =
            cgroup.v1.cpu.or(cgroup.v2).map(|group| std::fs::read_to_string(group.join("cpu.stat")).unwrap()).unwrap();
        let throttled = stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse::<u64>().ok()).unwrap();
        assert!(throttled > 20, "{stat}");
    });
}

#[test]
fn another_size_takes_hold_while_it_runs_and_outlives_the_driver() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let test = "another_size_takes_hold_while_it_runs_and_outlives_the_driver";
        if !group_or_skip(&bench, test, "cpu") || !group_or_skip(&bench, test, "memory") {
            return;
        }
        let mut request = bench.request("service:shop/1", &[HOST, "sleep", "60000"]);
        request.limits.cpu = Some(Millicores(200));
        request.limits.memory = Some(Bytes(64 << 20));
        let (mut requests, mut limits) = (request.requests, request.limits);
        let id = bench.start(request);
        bench.reach(&id, Phase::Ready).await;
        let cgroup = bench.driver.sampling_targets().remove(0).cgroup;
        let quota = || {
            let v2 = cgroup.v2.as_ref().map(|group| group.join("cpu.max"));
            let v1 = cgroup.v1.cpu.as_ref().map(|group| group.join("cpu.cfs_quota_us"));
            let read = |path: PathBuf| std::fs::read_to_string(path).ok()?.split_whitespace().next().map(str::to_owned);
            v2.and_then(read).or_else(|| v1.and_then(read)).unwrap()
        };
        assert_eq!(quota(), "4000");
        requests.cpu = Millicores(100);
        limits.cpu = Some(Millicores(400));
        limits.memory = Some(Bytes(128 << 20));
        assert_eq!(bench.driver.resize(&id, requests, limits), ResizeOutcome::Resized);
        assert_eq!(bench.driver.resize(&id, requests, limits), ResizeOutcome::Same);
        assert_eq!((quota().as_str(), bench.status(&id).requests), ("8000", requests));
        // Less memory than a process that runs can have.
        limits.memory = Some(Bytes(4 << 10));
        let outcome = bench.driver.resize(&id, requests, limits);
        assert!(matches!(&outcome, ResizeOutcome::AtNextStart { why } if why.contains("in use")), "{outcome:?}");
        let bench = bench.reopen();
        assert_eq!((quota().as_str(), bench.status(&id).requests), ("8000", requests));
    });
}

#[test]
fn without_cgroups_another_limit_waits_for_the_next_start_and_says_so() {
    run(async {
        let mut bench = Bench::new(OFF);
        let mut request = bench.request("service:shop/1", &[HOST, "sleep", "60000"]);
        request.limits.memory = Some(Bytes(64 << 20));
        let (before, mut limits) = (request.requests, request.limits);
        let id = bench.start(request);
        bench.reach(&id, Phase::Ready).await;
        limits.memory = Some(Bytes(128 << 20));
        let requests = Resources { cpu: Millicores(before.cpu.0 + 1), ..before };
        let outcome = bench.driver.resize(&id, requests, limits);
        assert!(matches!(&outcome, ResizeOutcome::AtNextStart { why } if why.contains("memory limit")), "{outcome:?}");
        assert_eq!(bench.status(&id).requests, before);
        let nobody = "service:shop/2".parse().unwrap();
        assert_eq!(bench.driver.resize(&nobody, requests, limits), ResizeOutcome::NotRunning);
    });
}

#[test]
fn without_cgroups_a_duty_cycle_holds_the_quota_and_hears_a_stop() {
    run(async {
        let mut bench = Bench::new(DriverOptions { duty_cycle: true, ..OFF });
        let mut request = bench.request("job:spin/1", &[HOST, "spin", "60000"]);
        request.limits.cpu = Some(Millicores(200));
        let id = bench.start(request);
        bench.reach(&id, Phase::Running).await;
        let isolation = bench.driver.isolation(&id).unwrap();
        assert!(
            matches!(&isolation.cpu, Enforcement::Soft { by } if by.starts_with("niceness 5 and a duty cycle")),
            "{isolation:?}"
        );
        let pid = bench.pid(&id);
        let (from, since) = (cpu_ticks(pid), Instant::now());
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let share = (cpu_ticks(pid) - from) as f64 / 100.0 / since.elapsed().as_secs_f64();
        println!("duty cycle for 0.200 of a core, used {share:.3}");
        assert!(share <= 0.26, "{share}");
        bench.driver.stop(&id, Millis(15_000));
        assert_eq!(bench.ended(&id).await, ExitCause::Stopped);
    });
}

/// User and system time of a process in hundredths of a second.
fn cpu_ticks(pid: i32) -> u64 {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = line.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_limit_on_processes_stops_a_fork_loop() {
    run(async {
        let mut bench = Bench::new(AUTO);
        if !group_or_skip(&bench, "a_limit_on_processes_stops_a_fork_loop", "pids") {
            return;
        }
        let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; echo never";
        let mut request = bench.request("job:forks/1", &["sh", "-c", script]);
        request.limits.pids = Some(4);
        let id = bench.start(request);
        let cause = bench.ended(&id).await;
        assert!(matches!(cause, ExitCause::Status { code } if code != 0), "{cause:?}: {}", bench.log(&id));
        assert!(!bench.log(&id).contains("never"));
    });
}

#[test]
fn landlock_denies_a_write_outside_and_grants_what_is_listed() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let granted = bench.work.join("granted");
        std::fs::create_dir(&granted).unwrap();
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let (inside, outside) = (path(granted.join("file")), path(bench.work.join("file")));
        let script = format!("{HOST} probe {inside} {outside} /tmp/plimsoll-escape /dev/null $TMPDIR/own");
        let mut request = bench.request("job:probe/1", &["sh", "-c", &script]);
        request.sandbox = full_sandbox();
        request.sandbox.write = vec![path(granted)];
        request.sandbox.read = vec![path(PathBuf::from(HOST))];
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::Status { code: 0 }, "{}", bench.log(&id));
        let isolation = bench.driver.isolation(&id).unwrap();
        if matches!(isolation.filesystem, Enforcement::None { .. }) {
            eprintln!("NOT RUN: landlock_denies_a_write_outside_and_grants_what_is_listed: {isolation:?}");
            return;
        }
        let log = bench.log(&id);
        assert!(log.contains(&format!("{inside}: written")), "{log}");
        assert!(log.contains(&format!("{outside}: PermissionDenied")), "{log}");
        assert!(log.contains("/tmp/plimsoll-escape: PermissionDenied"), "{log}");
        assert!(log.contains("/dev/null: written") && log.contains("/tmp/own: written"), "{log}");
    });
}

#[test]
fn a_sandboxed_workload_cannot_signal_its_shim() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:rebel/1", &["sh", "-c", "kill -9 $PPID; echo still here"]);
        request.sandbox = full_sandbox();
        let id = bench.start(request);
        let cause = bench.ended(&id).await;
        // A shim that was killed at once may not have said anything.
        let isolation = bench.driver.isolation(&id).map(|isolation| isolation.filesystem);
        if isolation != Some(Enforcement::Enforced { by: "landlock, signals scoped".to_owned() }) {
            eprintln!(
                "NOT RUN: a_sandboxed_workload_cannot_signal_its_shim: landlock here has no scopes ({isolation:?})"
            );
            return;
        }
        assert_eq!(cause, ExitCause::Status { code: 0 });
        assert!(bench.log(&id).contains("still here"));
    });
}

#[test]
fn seccomp_denies_mount_with_eperm() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:mount/1", &[HOST, "try-mount"]);
        request.sandbox = full_sandbox();
        request.sandbox.require = vec!["syscalls".to_owned()];
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::Status { code: libc::EPERM });
        // Threads, which need clone, still work below the filter.
        let mut request =
            bench.request("job:threads/1", &["sh", "-c", "sleep 0 & wait; unshare -n true || echo denied"]);
        request.sandbox = full_sandbox();
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::Status { code: 0 });
        assert!(bench.log(&id).contains("out denied"), "{}", bench.log(&id));
    });
}

#[test]
fn no_capability_is_left_also_for_root() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:probe/1", &[HOST, "probe"]);
        request.sandbox = full_sandbox();
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::Status { code: 0 });
        let log = bench.log(&id);
        let sets = if rustix::process::getuid().is_root() {
            &["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"][..]
        } else {
            &["CapInh", "CapPrm", "CapEff", "CapAmb"]
        };
        for set in sets {
            assert!(log.contains(&format!("{set}:\t0000000000000000")), "{log}");
        }
        assert!(log.contains("NoNewPrivs:\t1") && log.contains("Seccomp:\t2"), "{log}");
    });
}

#[test]
fn namespaces_of_its_own_leave_a_workload_alone_with_its_loopback() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:alone/1", &["sh", "-c", "cat /proc/net/dev; cat /proc/self/uid_map"]);
        request.sandbox.user_namespace = true;
        request.sandbox.network_namespace = true;
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::Status { code: 0 }, "{}", bench.log(&id));
        let isolation = bench.driver.isolation(&id).unwrap();
        let Enforcement::Enforced { by } = &isolation.network else {
            eprintln!("NOT RUN: namespaces_of_its_own_leave_a_workload_alone_with_its_loopback: {isolation:?}");
            return;
        };
        assert_eq!(by, "network namespace");
        let log = bench.log(&id);
        let interfaces: Vec<_> =
            log.lines().filter_map(|line| line.split(" out ").nth(1)?.trim().split_once(':')).collect();
        assert!(interfaces.iter().any(|(name, _)| *name == "lo"), "{log}");
        assert!(interfaces.iter().all(|(name, _)| !name.starts_with("eth")), "{log}");
    });
}

#[test]
fn the_rung_without_cgroups_says_what_holds() {
    run(async {
        let mut bench = Bench::new(OFF);
        let mut request = bench.request("job:sleep/1", &[HOST, "sleep", "60000"]);
        request.limits.cpu = Some(Millicores(500));
        request.limits.memory = Some(Bytes(64 << 20));
        request.limits.pids = Some(16);
        let id = bench.start(request.clone());
        bench.reach(&id, Phase::Running).await;
        let isolation = bench.driver.isolation(&id).unwrap();
        assert!(matches!(&isolation.cpu, Enforcement::Soft { by } if by.starts_with("niceness 5")), "{isolation:?}");
        assert!(matches!(&isolation.memory, Enforcement::Soft { .. }), "{isolation:?}");
        assert!(!matches!(&isolation.pids, Enforcement::Enforced { .. }), "{isolation:?}");
        bench.driver.stop(&id, Millis(5_000));
        assert_eq!(bench.ended(&id).await, ExitCause::Stopped);
        (request.id, request.sandbox) = ("job:sleep/2".parse().unwrap(), open_sandbox());
        request.sandbox.require = vec!["memory".to_owned()];
        let id = bench.start(request);
        let cause = bench.ended(&id).await;
        assert!(
            matches!(&cause, ExitCause::StartFailed { message } if message.starts_with("memory must be enforced and is best effort here")),
            "{cause:?}"
        );
    });
}
