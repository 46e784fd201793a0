//! A workload's life: start, ready, stop, and every way to end.

mod common;

use common::{AUTO, Bench, HOST, full_sandbox, http, is_alive, run, signal};
use plimsoll_driver_process::{DriverEvent, StartOutcome};
use plimsoll_model::spec::{HealthSpec, Probe};
use plimsoll_model::{ExitCause, Generation, Millis, Phase};
use rustix::process::Signal;

#[test]
fn a_replica_starts_becomes_ready_and_stops() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("service:shop/1", &[HOST, "serve", "{port}"]);
        (request.health, request.sandbox) = (Some(http()), full_sandbox());
        let id = bench.start(request);
        assert_eq!(bench.status(&id).phase, Phase::Starting);
        bench.reach(&id, Phase::Ready).await;
        assert!(bench.status(&id).ready_at.is_some());
        let address = bench.driver.endpoint(&id).unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok());
        let pid = bench.pid(&id);
        assert!(bench.driver.drain(&id));
        assert_eq!(bench.status(&id).phase, Phase::Draining);
        assert!(is_alive(pid), "draining only takes it out of service");
        assert!(bench.driver.stop(&id, Millis(5_000)));
        assert_eq!(bench.ended(&id).await, ExitCause::Stopped);
        assert!(!is_alive(pid));
        assert!(bench.log(&id).contains("out listening on"), "{}", bench.log(&id));
    });
}

#[test]
fn a_job_runs_and_its_exit_status_is_reported() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let good = bench.start(bench.request("job:good/1", &["sh", "-c", "echo {service} {id} >&2"]));
        let bad = bench.start(bench.request("job:bad/1", &["sh", "-c", "exit 42"]));
        assert_eq!(bench.ended(&good).await, ExitCause::Status { code: 0 });
        assert_eq!(bench.ended(&bad).await, ExitCause::Status { code: 42 });
        assert!(bench.log(&good).contains("Z err good good/1\n"), "{}", bench.log(&good));
        assert_eq!(bench.driver.endpoint(&good), None);
    });
}

#[test]
fn a_running_job_is_running_and_events_say_so() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let id = bench.start(bench.request("job:long/1", &[HOST, "sleep", "60000"]));
        assert_eq!(
            bench.events.recv().await,
            Some(DriverEvent::PhaseChanged { id: id.clone(), phase: Phase::Running })
        );
        bench.driver.kill(&id);
        assert_eq!(
            bench.events.recv().await,
            Some(DriverEvent::PhaseChanged { id: id.clone(), phase: Phase::Draining })
        );
        assert_eq!(bench.events.recv().await, Some(DriverEvent::Exited { id, cause: ExitCause::KilledAfterGrace }));
    });
}

#[test]
fn a_kill_by_somebody_else_is_a_signal_and_not_out_of_memory() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:victim/1", &[HOST, "sleep", "60000"]);
        request.limits.memory = Some(plimsoll_model::Bytes(64 << 20));
        let id = bench.start(request);
        bench.reach(&id, Phase::Running).await;
        signal(bench.pid(&id), Signal::KILL);
        assert_eq!(bench.ended(&id).await, ExitCause::Signal { signal: 9 });
    });
}

#[test]
fn a_workload_that_ignores_sigterm_is_killed_after_its_grace_with_all_it_started() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let script =
            format!("trap '' TERM; setsid {HOST} sleep 60000 & echo $! ; {HOST} sleep 60000; {HOST} sleep 60000");
        let id = bench.start(bench.request("job:deaf/1", &["sh", "-c", &script]));
        bench.reach(&id, Phase::Running).await;
        bench
            .wait(|bench| bench.log(&id).lines().any(|line| line.contains(" out ")), "the pid of the grandchild")
            .await;
        let grandchild: i32 = bench.log(&id).lines().find_map(|line| line.split(" out ").nth(1)?.parse().ok()).unwrap();
        assert!(is_alive(grandchild));
        assert!(bench.driver.stop(&id, Millis(200)));
        assert_eq!(bench.ended(&id).await, ExitCause::KilledAfterGrace);
        assert!(!is_alive(grandchild), "a session of its own is no escape");
    });
}

#[test]
fn the_grace_time_is_held_without_a_daemon() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let script = format!("trap '' TERM; echo deaf; while :; do {HOST} sleep 50; done");
        let id = bench.start(bench.request("job:deaf/1", &["sh", "-c", &script]));
        bench.reach(&id, Phase::Running).await;
        bench.wait(|bench| bench.log(&id).contains("out deaf"), "the trap").await;
        let pid = bench.pid(&id);
        assert!(bench.driver.stop(&id, Millis(300)));
        let mut bench = bench.reopen();
        assert_eq!(bench.status(&id).phase, Phase::Draining);
        assert_eq!(bench.ended(&id).await, ExitCause::KilledAfterGrace);
        assert!(!is_alive(pid));
    });
}

#[test]
fn a_replica_that_is_never_ready_is_stopped_and_says_so() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("service:shop/1", &[HOST, "sleep", "60000"]);
        request.health = Some(HealthSpec { probe: Probe::Tcp, startup_max: Millis(300), ..http() });
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::NeverReady);
        assert_eq!(bench.status(&id).ready_at, None);
    });
}

#[test]
fn a_replica_that_fails_its_checks_is_unready_until_they_pass_again() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("service:shop/1", &[HOST, "serve", "{port}", "100"]);
        request.health = Some(http());
        let id = bench.start(request);
        bench.reach(&id, Phase::Ready).await;
        let ready_at = bench.status(&id).ready_at;
        std::fs::write(bench.work.join("broken"), "").unwrap();
        bench.reach(&id, Phase::Unready).await;
        std::fs::remove_file(bench.work.join("broken")).unwrap();
        bench.reach(&id, Phase::Ready).await;
        assert_eq!(bench.status(&id).ready_at, ready_at, "the first time counts");
    });
}

#[test]
fn what_cannot_be_started_is_reported_with_the_reason() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let missing = bench.start(bench.request("job:missing/1", &["no-such-program"]));
        let directory = bench.start(bench.request("job:directory/1", &["/etc"]));
        let mut request = bench.request("job:nowhere/1", &["true"]);
        request.directory = "/no/such/directory".into();
        let nowhere = bench.start(request);
        let mut request = bench.request("job:demanding/1", &["true"]);
        request.sandbox.require = vec!["filesystem".to_owned()];
        let demanding = bench.start(request);
        for (id, part) in [
            (missing, "program \"no-such-program\" is in no directory of PATH"),
            (directory, "program /etc is no executable file"),
            (nowhere, "working directory /no/such/directory: No such file"),
            (demanding, "filesystem must be enforced and is not: not asked for"),
        ] {
            match bench.ended(&id).await {
                ExitCause::StartFailed { message } => assert!(message.contains(part), "{message}"),
                other => panic!("{id}: {other:?}"),
            }
        }
    });
}

#[test]
fn an_id_is_started_once_and_a_stale_generation_not_at_all() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:once/1", &[HOST, "sleep", "60000"]);
        request.generation = Generation(7);
        let id = bench.start(request.clone());
        bench.reach(&id, Phase::Running).await;
        let pid = bench.pid(&id);
        assert_eq!(bench.driver.start(request.clone()), StartOutcome::AlreadyKnown);
        (request.id, request.generation) = ("job:once/2".parse().unwrap(), Generation(6));
        assert_eq!(bench.driver.start(request), StartOutcome::Stale { newest: Generation(7) });
        assert_eq!((bench.driver.inventory().len(), bench.pid(&id)), (1, pid));
    });
}

#[test]
fn forgetting_keeps_the_logs_of_the_last_five() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut ids = Vec::new();
        for ordinal in 1..=7 {
            let id = bench.start(bench.request(&format!("job:echo/{ordinal}"), &["echo", "{id}"]));
            assert!(!bench.driver.forget(&id), "a live workload is not forgotten");
            assert_eq!(bench.ended(&id).await, ExitCause::Status { code: 0 });
            assert!(bench.driver.forget(&id));
            ids.push(id);
        }
        assert!(bench.driver.inventory().is_empty());
        assert_eq!(std::fs::read_dir(bench.state.join("workloads")).unwrap().count(), 0);
        assert!(ids[..2].iter().all(|id| bench.driver.log_path(id).is_none()));
        for (place, id) in ids.iter().enumerate().skip(2) {
            assert!(bench.log(id).contains(&format!("out echo/{}\n", place + 1)));
        }
    });
}

#[test]
fn output_is_kept_in_rotated_logs() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("job:talk/1", &[HOST, "lines", "5000"]);
        (request.log_size_max, request.log_files_max) = (plimsoll_model::Bytes(64 << 10), 3);
        let id = bench.start(request);
        assert_eq!(bench.ended(&id).await, ExitCause::Status { code: 0 });
        let log = bench.driver.log_path(&id).unwrap();
        let sizes: Vec<_> = ["log", "log.1", "log.2", "log.3"]
            .iter()
            .map(|name| std::fs::metadata(log.with_file_name(name)).unwrap().len())
            .collect();
        assert!(sizes.iter().all(|size| *size <= 64 << 10), "{sizes:?}");
        assert!(!log.with_file_name("log.4").exists());
        assert!(bench.log(&id).contains("line 00004999 xxx"), "the last line is there");
    });
}
