//! `plimsoll calibrate` as it is typed.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_twin::kernel::stream;
use plimsoll_twin::service::exact::{Nanos, Options, Poisson, Service};
use plimsoll_twin::service::model::CpuUse;
use plimsoll_twin::service::{Distribution, ServiceModel};
use std::fmt::Write as _;
use std::process::{Command, Output};

fn plimsoll(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(arguments).output().unwrap()
}

/// Two replicas that carry 50 requests per second each, simulated request by request; `bad` spoils one column.
fn recording(bad: bool) -> String {
    let mut model = ServiceModel::sharing(Distribution::log_normal(20.0, 0.8), 12_500.0);
    model.cpu = CpuUse { fixed_millicores: 10.0, per_request_ms: 18.0 };
    let rates: Vec<f64> = (0..48).map(|row| 10.0 + 70.0 * f64::from(row % 12) / 11.0).collect();
    let mut service = Service::new(Options::new(model, 1), Poisson::new(&rates, 60.0, stream(1, 1))).unwrap();
    (0..2).for_each(|_| {
        service.start_ready();
    });
    let mut out = String::from("time,rate,replicas,cpu,p50_ms,p95_ms,p99_ms,failed,startup_s\n");
    for row in 0_u32..48 {
        service.run_until(Nanos::from_seconds(60.0 * f64::from(row + 1)));
        let millicores: f64 = service.replicas().map(|status| status.cpu_millicores).sum();
        let window = service.take_window();
        let ms = |quantile| 1_000.0 * window.latencies.quantile_s(quantile).unwrap();
        let wild = if bad { f64::from(row * 31 % 17 + 1) } else { 1.0 };
        let (p50, p95, p99) = (ms(0.5), ms(0.95) * wild, ms(0.99));
        let failed = if row == 20 { 0.2 } else { 0.0 };
        let startup = if row % 9 == 0 { "12.5" } else { "" };
        let (at, rate, cpu) = (row * 60, window.rate(), millicores / 1_000.0);
        writeln!(out, "{at},{rate},2,{cpu:.4},{p50:.3},{p95:.3},{p99:.3},{failed},{startup}").unwrap();
    }
    out
}

#[test]
fn a_recording_becomes_a_model_file_with_its_error() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, toml) = (folder.path().join("shop.csv"), folder.path().join("shop.toml"));
    std::fs::write(&csv, recording(false)).unwrap();
    let output = plimsoll(&["calibrate", csv.to_str().unwrap(), "--out", toml.to_str().unwrap(), "--gate"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("verdict: this twin may judge a policy"), "{text}");
    assert!(text.contains("left out: 1 rows because more than 1 % failed: 1970-01-01 00:20:00Z"), "{text}");
    let model: toml::Table = std::fs::read_to_string(&toml).unwrap().parse().unwrap();
    let per_request = model["model"]["cpu"]["per_request_ms"].as_float().unwrap();
    assert!((per_request / 18.0 - 1.0).abs() < 0.05, "{per_request}");
    assert_eq!(model["model"]["startup"]["mean_ms"].as_float(), Some(12_500.0));
    // What was written reads back as a model that holds.
    let read: plimsoll_twin::service::ServiceModel = model["model"].clone().try_into().unwrap();
    read.check().unwrap();
    assert!((read.capacity() / 50.0 - 1.0).abs() < 0.3, "{}", read.capacity());
}

#[test]
fn a_twin_that_is_off_is_refused_with_exit_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("shop.csv");
    std::fs::write(&csv, recording(true)).unwrap();
    let output = plimsoll(&["calibrate", csv.to_str().unwrap(), "--gate", "--output", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(view["verdict"].as_str().unwrap().starts_with("the twin's p95 latency is off by"), "{view}");
    assert!(view["error"]["p95"]["median"].as_f64().unwrap() > 0.2);
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("shop.csv");
    std::fs::write(&csv, "time,rate,cpu\n0,1,2\n60,1,2\n120,2,3\n").unwrap();
    let output = plimsoll(&["calibrate", csv.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("columns rate and replicas are needed, and there is rate, cpu"), "{error}");
    let points = folder.path().join("points.csv");
    std::fs::write(&points, "concurrency,throughput\n1,100\n2,none\n").unwrap();
    std::fs::write(&csv, recording(false)).unwrap();
    let output = plimsoll(&["calibrate", csv.to_str().unwrap(), "--law", points.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("line 3: \"2,none\" is not `concurrency,throughput`"), "{error}");
}
