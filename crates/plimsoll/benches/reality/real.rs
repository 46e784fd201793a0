//! Real runs of the README's example, and what their reports say.

use plimsoll_config::Loaded;
use plimsoll_twin::service::calibrate::Sample;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// The service of the example.
pub const SERVICE: &str = "shop";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The recorded day.
pub fn trace() -> PathBuf {
    root().join("data/alibaba-2018-day.csv")
}

/// The example's spec as text, on ports of its own and without the job, which is no business of this comparison.
fn text() -> String {
    let text = std::fs::read_to_string(root().join("examples/shop.toml")).unwrap();
    let (services, _) = text.split_once("[jobs.").expect("the example has one job, at its end");
    let (services, _) = services.rsplit_once("\n#").unwrap_or((services, ""));
    let data = root().join("data").canonicalize().unwrap();
    services
        .replace("../data", &data.to_string_lossy())
        .replace("\"plimsoll\", \"testbed\"", &format!("{:?}, \"testbed\"", env!("CARGO_BIN_EXE_plimsoll")))
        .replace("127.0.0.1:8080", "127.0.0.1:18431")
        .replace("[clock]", "[api]\nlisten = \"127.0.0.1:0\"\n\n[clock]")
}

/// The spec as the daemon reads it.
pub fn spec() -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, text()).unwrap();
    plimsoll_config::load(&path).unwrap_or_else(|report| panic!("{report}"))
}

/// One run of so much of the day; its report.
pub fn run(span: &str, scale: f64, seed: u64) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, text()).unwrap();
    eprintln!("running {span} of the recorded day for real …");
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .arg("up")
        .arg(&path)
        .args(["--fresh", "--output", "json", "--quiet", "--span", span])
        .args(["--scale", &scale.to_string(), "--seed", &seed.to_string()])
        .arg("--state-dir")
        .arg(folder.path().join("state"))
        .arg("--load")
        .arg(trace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The report of an earlier run.
pub fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Physical seconds that load was sent for.
pub fn seconds(report: &Value) -> f64 {
    let timeline = report["load"]["timeline"].as_array().unwrap();
    timeline.iter().filter(|second| second["planned_rps"].is_number()).count() as f64
}

/// Ready replicas per tick.
pub fn supply(report: &Value) -> Vec<u32> {
    let supply = report["run"]["services"][SERVICE]["supply"].as_array().unwrap();
    supply.iter().map(|replicas| replicas.as_u64().unwrap() as u32).collect()
}

/// The run second by second. CPU is not in a report by the second, so the fit goes by latency alone.
pub fn samples(report: &Value) -> Vec<Sample> {
    let timeline = report["load"]["timeline"].as_array().unwrap();
    let (supply, seconds) = (supply(report), seconds(report));
    let sample = |second: &Value| {
        let at = second["second"].as_f64().unwrap();
        let tick = (at + 0.5) / seconds * supply.len() as f64;
        let micros = |name: &str| second[name].as_f64().filter(|value| *value > 0.0).map(|value| value / 1e6);
        let ended = second["succeeded"].as_f64().unwrap() + second["failed"].as_f64().unwrap();
        Sample {
            row: at as usize,
            at_s: at,
            rate: second["sent"].as_f64().unwrap(),
            replicas: supply.get(tick as usize).copied().unwrap_or(0),
            p50_s: micros("p50"),
            p99_s: micros("p99"),
            failed: (ended > 0.0).then(|| second["failed"].as_f64().unwrap() / ended),
            ..Sample::default()
        }
    };
    timeline.iter().filter(|second| second["planned_rps"].is_number()).map(sample).collect()
}

/// Start-up: the time that the controller is told, and half the interval of the health check that finds out. A report does
/// not say what it was.
pub fn startup_s() -> f64 {
    let loaded = spec();
    let service = loaded.spec.services.values().next().unwrap();
    (service.startup.get() as f64 + service.health.interval.get() as f64 / 2.0) / 1_000.0
}
