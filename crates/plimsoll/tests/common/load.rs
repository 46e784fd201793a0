//! A load from the real generator that runs beside a test.

use super::{PLIMSOLL, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `plimsoll load`.
pub struct RunningLoad(Option<Child>);

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
        let child = Command::new(PLIMSOLL)
            .args(["load", target, "--output", "json", "--quiet"])
            .args(shape)
            .args(["--post-share", &post_share.to_string(), "--seed", &seed.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(Some(child))
    }

    /// Still sending?
    pub fn is_running(&mut self) -> bool {
        self.child().try_wait().unwrap().is_none()
    }

    /// Waits for the report.
    pub fn report(mut self) -> Value {
        let output = self.0.take().expect("it runs").wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends nothing more, waits for the open requests, and gives the report.
    pub fn stop(mut self) -> Value {
        if self.is_running() {
            signal(self.child().id(), Signal::INT);
        }
        self.report()
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("it runs")
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
