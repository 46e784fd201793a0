//! `plimsoll capacity` and `plimsoll simulate --pools` as a person types them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

const POOLS: &str = r#"
every = "1m"
idle = "5m"

[[shape]]
name = "c4"
cpu = 4
memory = "16GiB"
price = 0.2
max = 100
nodes = 10

[[shape]]
name = "c16"
cpu = 16
memory = "64GiB"
price = 0.7
max = 100
"#;

fn run(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).current_dir(directory).args(args).output().unwrap()
}

fn ok(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Ten weeks of hours: a day and a week, and growth of `per_week` cores a week from 16.
fn growing(per_week: f64) -> String {
    let mut text = String::from("timestamp,cpu\n");
    for hour in 0..10 * 7 * 24 {
        let (week, day) = (f64::from(hour) / 168.0, f64::from(hour % 24) / 24.0);
        let weekend = if (hour / 24) % 7 >= 5 { 0.8 } else { 1.0 };
        let wave = 1.0 - (day * std::f64::consts::TAU).cos() * 0.3 - 0.3;
        let noise = f64::from((hour * 7_919) % 101) / 500.0;
        let _ = writeln!(
            text,
            "{},{:.3}",
            1_700_000_000 / 86_400 * 86_400 + hour * 3_600,
            (16.0 + per_week * week) * wave * weekend + noise
        );
    }
    text
}

fn set(growth: f64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("use.csv"), growing(growth)).unwrap();
    std::fs::write(directory.path().join("pools.toml"), POOLS).unwrap();
    directory
}

#[test]
fn a_pool_that_grows_is_short_on_a_date_inside_its_interval() {
    let directory = set(1.0);
    let text = ok(directory.path(), &["capacity", "use.csv", "--pools", "pools.toml", "--output", "json", "-q"]);
    let said: Value = serde_json::from_str(&text).unwrap();
    let cpu = &said["pools"][0]["resources"][0];
    assert_eq!((cpu["has"].as_f64(), cpu["usable"].as_f64()), (Some(40.0), Some(32.0)));
    // 16 + 1 a week, read at the peak of its wave: 32 is crossed six weeks after the ten recorded ones.
    let date = |field: &str| cpu[field].as_str().unwrap_or("9999").to_owned();
    assert!(date("earliest") <= date("runs_short") && date("runs_short") <= date("latest"), "{text}");
    assert!(date("runs_short").as_str() < "9999", "{text}");
    let alternatives = said["pools"][0]["alternatives"].as_array().unwrap();
    assert!(alternatives.iter().any(|it| it["alternative"] == "cheapest mix"), "{text}");
    let price = |it: &Value| it["price_per_hour"].as_f64().unwrap();
    assert!(alternatives.windows(2).all(|pair| price(&pair[0]) <= price(&pair[1])), "the cheapest first");
}

#[test]
fn a_pool_that_does_not_grow_is_not_short_and_the_page_is_written() {
    let directory = set(0.0);
    let args = ["capacity", "use.csv", "--pools", "pools.toml", "--horizon", "3w", "--plot", "out.html", "-q"];
    let text = ok(directory.path(), &args);
    assert!(text.contains("does not run short within the horizon") && text.contains("only c16"), "{text}");
    assert!(std::fs::read_to_string(directory.path().join("out.html")).unwrap().contains("<svg"));
}

#[test]
fn bad_input_names_the_series_and_what_is_allowed() {
    let directory = set(1.0);
    let path = directory.path();
    std::fs::write(path.join("short.csv"), growing(1.0).lines().take(200).collect::<Vec<_>>().join("\n")).unwrap();
    let error = fails(path, &["capacity", "short.csv", "--pools", "pools.toml"]);
    assert!(error.contains("at least 21"), "{error}");
    std::fs::write(path.join("disk.csv"), growing(1.0).replace("cpu", "disk")).unwrap();
    let error = fails(path, &["capacity", "disk.csv", "--pools", "pools.toml"]);
    assert!(error.contains("allowed are cpu, memory and gpu"), "{error}");
    let error = fails(path, &["capacity", "use.csv", "--pools", "pools.toml", "--usable", "1.5"]);
    assert!(error.contains("--usable 1.5"), "{error}");
    std::fs::write(path.join("bad.toml"), POOLS.replace("price = 0.2", "price = -0.2")).unwrap();
    let error = fails(path, &["capacity", "use.csv", "--pools", "bad.toml"]);
    assert!(error.contains("bad.toml") && error.contains("`price` = -0.2"), "{error}");
}

#[test]
fn a_trace_on_pools_costs_less_than_the_fleet_it_would_need() {
    let directory = set(1.0);
    let mut tasks = String::from(
        "{\"plimsoll_cluster\":1}\n{\"node\":{\"name\":\"a\",\"capacity\":{\"cpu\":4000,\"memory\":8589934592}}}\n",
    );
    for id in 0..60_u64 {
        // A burst in the first and in the tenth hour.
        let at = if id < 40 { id * 10_000 } else { 36_000_000 + id * 10_000 };
        let _ = writeln!(
            tasks,
            r#"{{"task":{{"id":"t{id}","requests":{{"cpu":2000}},"submitted":{at},"run_time":600000}},"run_time_true_ms":600000}}"#
        );
    }
    std::fs::write(directory.path().join("tasks.jsonl"), tasks).unwrap();
    let args = ["simulate", "tasks.jsonl", "--pools", "pools.toml", "--output", "json", "-q"];
    let text = ok(directory.path(), &args);
    let said: Value = serde_json::from_str(&text).unwrap();
    let ended = |of: &str| said[of]["metrics"]["tasks"]["finished"].as_u64();
    assert_eq!((ended("pools"), ended("fixed")), (Some(60), Some(60)), "{text}");
    let price = |of: &str| said[of]["price"].as_f64().unwrap();
    assert!(price("pools") < price("fixed") / 2.0, "{} and {}", price("pools"), price("fixed"));
    let shown = ok(directory.path(), &["simulate", "tasks.jsonl", "--pools", "pools.toml", "-q"]);
    assert!(shown.contains("node-hours") && shown.contains("why nodes were kept"), "{shown}");
    let error = fails(
        directory.path(),
        &["simulate", "tasks.jsonl", "--policy", "first-fit,best-fit", "--pools", "pools.toml"],
    );
    assert!(error.contains("one policy"), "{error}");
}
