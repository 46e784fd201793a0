//! A load from the real generator that runs beside a test.

use super::{PLIMSOLL, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `plimsoll load`.
pub struct RunningLoad {
    child: Child,
    /// What it prints. A file, because a pipe that nobody reads until the end would be full before a long report is whole,
    /// and the generator would never end.
    printed: File,
}

impl RunningLoad {
    /// Sends `rate` requests a second for `seconds`, a share of them POST.
    pub fn constant(target: &str, rate: f64, seconds: f64, post_share: f64) -> Self {
        let (rate, seconds) = (rate.to_string(), seconds.to_string());
        Self::start(target, &["--shape", "constant", "--rate", &rate, "--duration", &seconds], post_share, 1)
    }

    /// Replays a recording at `speed`, its rate times `scale`.
    pub fn recorded(target: &str, day: &Path, speed: u32, scale: f64, post_share: f64, seed: u64) -> Self {
        let (speed, scale) = (speed.to_string(), scale.to_string());
        let day = day.to_str().unwrap();
        Self::start(target, &["--trace", day, "--speed", &speed, "--scale", &scale], post_share, seed)
    }

    fn start(target: &str, shape: &[&str], post_share: f64, seed: u64) -> Self {
        let printed = tempfile::tempfile().unwrap();
        let child = Command::new(PLIMSOLL)
            .args(["load", target, "--output", "json", "--quiet"])
            .args(shape)
            .args(["--post-share", &post_share.to_string(), "--seed", &seed.to_string()])
            .stdin(Stdio::null())
            .stdout(printed.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self { child, printed }
    }

    /// Still sending?
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the report.
    pub fn report(mut self) -> Value {
        let status = self.child.wait().unwrap();
        let mut printed = String::new();
        self.printed.rewind().unwrap();
        self.printed.read_to_string(&mut printed).unwrap();
        assert!(status.success(), "the load ended with {status}:\n{printed}");
        serde_json::from_str(&printed).unwrap()
    }

    /// Sends nothing more, waits for the open requests, and gives the report.
    pub fn stop(mut self) -> Value {
        if self.is_running() {
            signal(self.child.id(), Signal::INT);
        }
        self.report()
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        // Nothing happens to one that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
