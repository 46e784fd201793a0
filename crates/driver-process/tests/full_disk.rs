//! A disk without room: what runs goes on and its end is recorded; what starts says why it cannot.
//!
//! Needs a file system of its own to fill, so root and a private mount namespace; says so where it cannot run.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::{AUTO, Bench, HOST, run};
use plimsoll_model::{ExitCause, Millis, Phase};
use std::ffi::CString;
use std::io::Write;
use std::path::Path;

/// Gives this thread, and the processes it starts, a small file system on `directory`.
fn mount_small(directory: &Path) -> std::io::Result<()> {
    let check = |answer: i32| if answer == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
    let target = CString::new(directory.to_str().unwrap()).unwrap();
    let (none, options) = (c"none".as_ptr(), c"size=512k".as_ptr());
    // SAFETY: leaves the mount namespace of the other threads; nothing here relies on sharing it.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: all pointers are C strings or null where mount(2) allows it.
    check(unsafe { libc::mount(none, c"/".as_ptr(), std::ptr::null(), private, std::ptr::null()) })?;
    // SAFETY: all pointers are C strings.
    check(unsafe { libc::mount(none, target.as_ptr(), c"tmpfs".as_ptr(), 0, options.cast()) })
}

fn fill(directory: &Path) {
    let mut file = std::fs::File::create(directory.join("filler")).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
}

#[test]
fn on_a_full_disk_an_end_is_recorded_and_a_start_says_why_not() {
    let state = tempfile::tempdir().unwrap();
    if let Err(error) = mount_small(state.path()) {
        eprintln!("NOT RUN: on_a_full_disk_an_end_is_recorded_and_a_start_says_why_not: mount: {error}");
        return;
    }
    run(async {
        let mut bench = Bench::on(state.path().join("state"), AUTO);
        let script = format!("trap 'echo bye; exit 7' USR2; echo set; while :; do {HOST} sleep 20; done");
        let ends = bench.start(bench.request("job:ends/1", &["sh", "-c", &script]));
        let stops = bench.start(bench.request("job:stops/1", &[HOST, "sleep", "60000"]));
        bench.reach(&ends, Phase::Running).await;
        bench.wait(|bench| bench.log(&ends).contains("out set"), "the trap").await;
        bench.reach(&stops, Phase::Running).await;
        fill(state.path());
        let refused = bench.start(bench.request("job:refused/1", &["true"]));
        let cause = bench.ended(&refused).await;
        assert!(matches!(&cause, ExitCause::StartFailed { message } if message.contains("No space left")), "{cause:?}");
        common::signal(bench.pid(&ends), rustix::process::Signal::USR2);
        assert_eq!(bench.ended(&ends).await, ExitCause::Status { code: 7 });
        assert!(bench.driver.stop(&stops, Millis(5_000)));
        assert_eq!(bench.ended(&stops).await, ExitCause::Stopped);
        // Also for a driver that did not see it.
        let bench = bench.reopen();
        assert_eq!(bench.status(&ends).exited.unwrap().cause, ExitCause::Status { code: 7 });
    });
}
