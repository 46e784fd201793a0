//! The pictures of the docs: the README's day, run as the README says, looked at in its evening. It takes four minutes, so
//! only where it is asked for.

use crate::chromium::Page;
use crate::common::PLIMSOLL;
use crate::{DESK, PHONE};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How far into the day it is looked, real time: about half past five in the afternoon.
const LOOKED_AFTER: Duration = Duration::from_secs(176);

/// Ended when dropped.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        crate::common::signal(self.0.id(), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A picture of what the page shows, looked at for being one, and kept in the docs where pictures are asked for.
pub fn take(page: &Page, name: &str) {
    let picture = page.picture();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{} bytes", picture.len());
    if are_wanted() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        std::fs::write(docs.join(name), picture).unwrap();
    }
}

/// Whether somebody wants new pictures in the docs.
pub fn are_wanted() -> bool {
    std::env::var_os("PLIMSOLL_PICTURES").is_some()
}

/// Runs the README's main job and takes the dashboard's pictures.
pub fn of_the_day(page: &Page) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let state = tempfile::tempdir().unwrap();
    let up = Command::new(PLIMSOLL)
        .args(["up", "examples/shop.toml", "--load", "data/alibaba-2018-day.csv", "--scale", "0.4"])
        .env("PLIMSOLL_STATE_DIR", state.path())
        .current_dir(&root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _up = Up(up);
    std::thread::sleep(LOOKED_AFTER);
    let file: Value = serde_json::from_slice(&std::fs::read(state.path().join("daemon.json")).unwrap()).unwrap();
    let url = format!("http://{}/", file["api"].as_str().unwrap());
    for (name, (width, height), scheme) in [
        ("dashboard.png", (1_280, 1_150), "light"),
        ("dashboard-dark.png", DESK, "dark"),
        ("dashboard-phone.png", PHONE, "light"),
    ] {
        page.size(width, height, width < 600);
        page.prefer(scheme);
        page.go(&url);
        page.wait("the spans", "[...document.querySelectorAll('button')].some(it => it.textContent === '24 h')");
        page.eval("[...document.querySelectorAll('button')].find(it => it.textContent === '24 h').click()");
        page.wait(
            "the day",
            "[...document.querySelectorAll('svg.p')].every(n => n.ariaLabel.includes('over the last'))",
        );
        std::thread::sleep(Duration::from_secs(2));
        take(page, name);
    }
}
