//! What happens when the daemon or a shim dies, and what a driver makes of a directory that somebody else left.

mod common;

use common::{AUTO, Bench, HOST, OFF, http, is_alive, run, signal};
use plimsoll_driver_process::record::{self, Launch, ProcessIdentity};
use plimsoll_driver_process::{LockError, OpenError, ProcessDriver};
use plimsoll_model::{ExitCause, Millis, Phase};
use rustix::process::Signal;
use std::fs;

#[test]
fn a_reopened_driver_adopts_the_same_process_port_and_phase() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let mut request = bench.request("service:shop/1", &[HOST, "serve", "{port}"]);
        request.health = Some(http());
        let id = bench.start(request);
        bench.reach(&id, Phase::Ready).await;
        let before = (bench.pid(&id), bench.driver.endpoint(&id), bench.status(&id), bench.driver.isolation(&id));
        let mut bench = bench.reopen();
        let after = (bench.pid(&id), bench.driver.endpoint(&id), bench.status(&id), bench.driver.isolation(&id));
        assert_eq!(before, after);
        fs::write(bench.work.join("broken"), "").unwrap();
        bench.reach(&id, Phase::Unready).await;
        assert!(bench.driver.stop(&id, Millis(5_000)));
        assert_eq!(bench.ended(&id).await, ExitCause::Stopped);
    });
}

#[test]
fn an_end_while_nobody_watched_is_reported_from_the_record() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let id = bench.start(bench.request("job:short/1", &["sh", "-c", "sleep 0.2; exit 3"]));
        bench.reach(&id, Phase::Running).await;
        let (shim, path) = (bench.shim_pid(&id), bench.driver.log_path(&id).unwrap());
        drop(std::mem::replace(&mut bench.driver, common::open(&bench.work.join("other"), OFF).0));
        bench.wait(|_| path.with_file_name(record::EXIT).exists() && !is_alive(shim), "the shim's end").await;
        let bench = bench.reopen();
        let status = bench.status(&id);
        assert_eq!(status.phase, Phase::Exited);
        assert_eq!(status.exited.unwrap().cause, ExitCause::Status { code: 3 });
    });
}

#[test]
fn a_killed_shim_takes_its_workload_and_all_that_it_started_along() {
    for options in [AUTO, OFF] {
        run(async move {
            let mut bench = Bench::new(options);
            let script = format!("{HOST} sleep 60000 & echo $!; wait");
            let id = bench.start(bench.request("job:orphan/1", &["sh", "-c", &script]));
            bench.reach(&id, Phase::Running).await;
            bench.wait(|bench| bench.log(&id).contains(" out "), "the pid of the grandchild").await;
            let grandchild: i32 =
                bench.log(&id).lines().find_map(|line| line.split(" out ").nth(1)?.parse().ok()).unwrap();
            let pid = bench.pid(&id);
            signal(bench.shim_pid(&id), Signal::KILL);
            assert_eq!(bench.ended(&id).await, ExitCause::Lost);
            bench.wait(|_| !is_alive(pid) && !is_alive(grandchild), "the workload's end").await;
        });
    }
}

#[test]
fn a_shim_that_died_unwatched_is_lost_and_its_leftovers_are_swept() {
    for options in [AUTO, OFF] {
        run(async move {
            let mut bench = Bench::new(options);
            let script = format!("{HOST} sleep 60000 & echo $!; wait");
            let id = bench.start(bench.request("job:orphan/1", &["sh", "-c", &script]));
            bench.reach(&id, Phase::Running).await;
            bench.wait(|bench| bench.log(&id).contains(" out "), "the pid of the grandchild").await;
            let grandchild: i32 =
                bench.log(&id).lines().find_map(|line| line.split(" out ").nth(1)?.parse().ok()).unwrap();
            let shim = bench.shim_pid(&id);
            let cgroup = bench.driver.sampling_targets().remove(0).cgroup;
            drop(std::mem::replace(&mut bench.driver, common::open(&bench.work.join("other"), OFF).0));
            signal(shim, Signal::KILL);
            // Still a child of this process, which stands for init here.
            rustix::process::waitpid(rustix::process::Pid::from_raw(shim), rustix::process::WaitOptions::empty())
                .unwrap();
            let mut bench = bench.reopen();
            assert_eq!(bench.ended(&id).await, ExitCause::Lost);
            bench.wait(|_| !is_alive(grandchild), "the grandchild's end").await;
            assert!(cgroup.all().iter().all(|group| !group.exists()), "{cgroup:?}");
        });
    }
}

#[test]
fn another_process_with_the_same_pid_is_not_adopted() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let id = bench.start(bench.request("job:victim/1", &[HOST, "sleep", "60000"]));
        bench.reach(&id, Phase::Running).await;
        let directory = bench.driver.log_path(&id).unwrap().parent().unwrap().to_owned();
        let shim: ProcessIdentity = record::read(&directory, record::SHIM).unwrap();
        // As if the shim had died, and this test had been given its pid: same pid, another start.
        let this = ProcessIdentity::of(std::process::id().cast_signed()).unwrap();
        let reused = ProcessIdentity { start_ticks: this.start_ticks - 1, ..this };
        record::write(&directory, record::SHIM, &reused).unwrap();
        let bench = bench.reopen();
        assert_eq!(bench.status(&id).exited.unwrap().cause, ExitCause::Lost);
        record::write(&directory, record::SHIM, &shim).unwrap();
    });
}

#[test]
fn a_start_that_was_never_confirmed_starts_nothing() {
    run(async {
        let bench = Bench::new(AUTO);
        let directory = bench.state.join("workloads/job.half.1");
        fs::create_dir_all(&directory).unwrap();
        let marker = bench.work.join("ran");
        let script = format!("echo > {}", marker.display());
        let mut request = Bench::new(AUTO);
        let id = request.start(request.request("job:half/1", &["sh", "-c", &script]));
        assert_eq!(request.ended(&id).await, ExitCause::Status { code: 0 });
        assert!(fs::remove_file(&marker).is_ok(), "the script leaves a mark when it runs");
        let launch: Launch = record::read(&request.state.join("workloads/job.half.1"), record::LAUNCH).unwrap();
        record::write(&directory, record::LAUNCH, &launch).unwrap();
        // The daemon dies between spawning the shim and its word: the shim's standard input just ends.
        let shim = std::process::Command::new(HOST)
            .arg("shim")
            .arg(&directory)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(shim.status.success(), "{shim:?}");
        assert!(!marker.exists());
        let bench = bench.reopen();
        let cause = bench.status(&id).exited.unwrap().cause;
        assert_eq!(
            cause,
            ExitCause::StartFailed { message: "the daemon ended before the start was recorded".to_owned() }
        );
    });
}

#[test]
fn directories_that_are_no_workloads_are_cleaned_up_and_damaged_ones_are_reported() {
    run(async {
        let mut bench = Bench::new(AUTO);
        let id = bench.start(bench.request("job:damaged/1", &[HOST, "sleep", "60000"]));
        bench.reach(&id, Phase::Running).await;
        let pid = bench.pid(&id);
        let workloads = bench.state.join("workloads");
        fs::create_dir(workloads.join("job.empty.1")).unwrap();
        fs::create_dir(workloads.join("not a workload")).unwrap();
        fs::create_dir(workloads.join("job.torn.1")).unwrap();
        fs::write(workloads.join("job.torn.1/launch.json"), "{\"format\":1,").unwrap();
        fs::write(workloads.join("job.damaged.1/launch.json"), "{\"format\":1,").unwrap();
        fs::write(workloads.join("a file"), "").unwrap();
        let mut bench = bench.reopen();
        assert_eq!(bench.driver.inventory().len(), 1);
        assert_eq!(bench.status(&id).exited.unwrap().cause, ExitCause::Lost);
        bench.wait(|_| !is_alive(pid), "the end of what cannot be taken over").await;
        assert!(bench.driver.forget(&id));
        let left: Vec<_> = fs::read_dir(&workloads).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["a file"]);
    });
}

#[test]
fn a_second_driver_on_the_same_directory_is_refused() {
    run(async {
        let bench = Bench::new(AUTO);
        let second = ProcessDriver::open_with(&bench.state, vec![HOST.into(), "shim".into()], common::now, AUTO);
        assert!(matches!(second, Err(OpenError::Lock(LockError::Held(_)))));
    });
}

#[test]
fn a_stop_while_the_workload_starts_is_not_lost() {
    run(async {
        let mut bench = Bench::new(AUTO);
        for ordinal in 1..=10 {
            let id = bench.start(bench.request(&format!("job:early/{ordinal}"), &[HOST, "sleep", "60000"]));
            assert!(bench.driver.stop(&id, Millis(5_000)));
            assert_eq!(bench.ended(&id).await, ExitCause::Stopped);
        }
    });
}
