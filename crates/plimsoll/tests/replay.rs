//! Determinism: the journal of a real, varied run replays byte-equal in another process, and in a build of the core for
//! this machine's own CPU (`-C target-cpu=native`, fully optimised), which may use other instructions for the same sums.
//! `cargo xtask prove replay` records ten times as long.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::load::RunningLoad;
use common::{Installation, eventually, signal};
use plimsoll_journal::{Kind, Reader, Start};
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Five minutes of trace time a physical second; two services, one with a forecast that is warm, and jobs of every fate.
const SPEC: &str = r#"
name = "replay"
tick = "1m"
[clock]
speed = 300
start = "2018-01-07T00:00:00Z"
[api]
listen = "127.0.0.1:0"
[node]
cpu = "1"
memory = "512MiB"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/side"
service = "side"
[[gateway.routes]]
path = "/"
service = "shop"
[services.shop]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--cpu-ms", "1"]
replicas = { min = 1, max = 4 }
requests = { cpu = "150m", memory = "16MiB" }
limits = { cpu = "150m", memory = "64MiB" }
health = { path = "/healthz", interval = "500ms" }
startup = "300ms"
grace = "1s"
priority = 10
[services.shop.scaling]
request_rate = "20/s"
cpu = "90%"
in_flight = 8
stabilization = { up = "0s", down = "5m" }
step = { up = 4, down = 2, period = "1m" }
forecast = { season = "1d", quantile = "95%", history = "HISTORY", models = ["ridge"] }
[services.side]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--error-share", "0.3"]
replicas = { min = 1, max = 2 }
requests = { cpu = "50m", memory = "16MiB" }
startup = "300ms"
grace = "1s"
[jobs.often]
command = ["sh", "-c", "sleep 0.3; exit 3"]
requests = { cpu = "100m", memory = "16MiB" }
schedule = "every 10m"
retries = 1
[jobs.hungry]
command = ["sh", "-c", "(head -c 96M /dev/zero; sleep 1) | tail -n 1 > /dev/null"]
requests = { cpu = "50m", memory = "64MiB" }
limits = { memory = "64MiB" }
retries = 3
memory_retry = { factor = 2, max = "128MiB" }
[jobs.patient]
command = ["sleep", "600"]
requests = { cpu = "450m", memory = "16MiB" }
preemptible = true
"#;

fn spec() -> String {
    let history = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/alibaba-2018-history.csv");
    SPEC.replace("HISTORY", history.canonicalize().unwrap().to_str().unwrap())
}

/// Load that comes and goes, jobs, a killed replica, a reload, a broken reload, a crash of the daemon, a drain.
fn a_varied_run() -> Installation {
    let mut installation = Installation::start(&spec());
    installation.wait_ready("shop", 1);
    installation.wait_ready("side", 1);
    let seconds = if std::env::var_os("PLIMSOLL_PROVE").is_some() { 60.0 } else { 6.0 };
    let load = RunningLoad::constant(&installation.gateway(), 45.0, seconds, 0.1);
    let side = RunningLoad::constant(&format!("{}/side", installation.gateway()), 10.0, seconds, 0.0);
    installation.wait_ready("shop", 2);
    let pid = installation.service("shop")["replicas"][0]["pid"].as_u64().unwrap();
    signal(u32::try_from(pid).unwrap(), Signal::KILL);
    installation.write_spec(
        &spec().replace("request_rate = \"20/s\"", "request_rate = \"15/s\"").replace("max = 4", "max = 5"),
    );
    installation.stdout(&["reload"]);
    let journal = installation.state_dir().join("journal");
    eventually("a fitted model in the journal", || has(&journal, "\"finding\":\"fitted\"").then_some(()));
    installation.kill_daemon();
    installation.up();
    installation.stdout(&["job", "run", "often"]);
    load.report();
    side.report();
    eventually("the hungry job's end", || {
        let state = installation.state();
        state["jobs"].as_array()?.iter().any(|job| job["name"] == "hungry" && job["phase"] == "succeeded").then_some(())
    });
    installation.terminate();
    installation
}

/// Whether a decision says this; the journal may be growing.
fn has(journal: &Path, wanted: &str) -> bool {
    let Ok(mut reader) = Reader::open(journal, Start::Oldest) else { return false };
    while let Ok(Some(record)) = reader.read() {
        if record.kind == Kind::DECISION && String::from_utf8_lossy(&record.payload).contains(wanted) {
            return true;
        }
    }
    false
}

/// The recorded steps as the core's own example reads them, and how many decisions are among them.
fn export(journal: &Path, to: &Path) -> u64 {
    let mut file = std::io::BufWriter::new(std::fs::File::create(to).unwrap());
    let mut reader = Reader::open(journal, Start::Oldest).unwrap();
    let mut decisions = 0;
    while let Some(record) = reader.read().unwrap() {
        let mark = match record.kind {
            Kind::INPUT => b"I",
            Kind::DECISION => b"D",
            _ => continue,
        };
        decisions += u64::from(record.kind == Kind::DECISION);
        for part in [&mark[..], &record.payload, b"\n"] {
            file.write_all(part).unwrap();
        }
    }
    file.flush().unwrap();
    decisions
}

/// Builds the core for this machine's CPU in a target directory of its own, which the next run finds again.
fn native_replay() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("target/native");
    let started = Instant::now();
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(&root)
        .args([
            "build",
            "--quiet",
            "--offline",
            "--locked",
            "--release",
            "-p",
            "plimsoll-controller",
            "--example",
            "replay",
        ])
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", "-C target-cpu=native")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    println!("built for the native CPU in {:.1} s", started.elapsed().as_secs_f64());
    target.join("release/examples/replay")
}

#[test]
fn a_journal_replays_byte_equal_in_another_process_and_in_a_native_build() {
    let installation = a_varied_run();
    let journal = installation.state_dir().join("journal");
    let here: Value = serde_json::from_str(&installation.stdout(&["replay", "--output", "json"])).unwrap();
    assert_eq!(here["different"], 0, "{here}");
    let steps = installation.dir.path().join("steps");
    let decisions = export(&journal, &steps);
    assert_eq!(here["compared"], decisions, "{here}");
    assert!(decisions > 30, "{here}");
    // The run was as varied as it was meant to be: otherwise equality would say little.
    let text = std::fs::read_to_string(&steps).unwrap();
    for wanted in [
        "\"forecast\"",
        "out_of_memory",
        "policy_changed",
        "\"signal\":9",
        "retrying",
        "shutting_down",
        "\"history\"",
        "\"do\":\"fit\"",
        "\"finding\":\"fitted\"",
    ] {
        assert!(text.contains(wanted), "no {wanted} in the journal");
    }
    let native = native_replay();
    assert_eq!(replay_with(&native, &steps), format!("{decisions} compared, 0 different"));
    println!(
        "{} steps, {} bytes of decisions: another process and a native build decide the same",
        here["steps"], here["bytes"]
    );
    // One number changed in the record is noticed.
    let tampered = text.replacen("\nD{\"step\":2,", "\nD{\"step\":7,", 1);
    assert_ne!(text, tampered);
    std::fs::write(&steps, tampered).unwrap();
    assert_eq!(replay_with(&native, &steps), format!("{decisions} compared, 1 different"));
}

/// What `program` says about the steps.
fn replay_with(program: &Path, steps: &Path) -> String {
    let output = Command::new(program).stdin(Stdio::from(std::fs::File::open(steps).unwrap())).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
