//! `plimsoll forecast` and `plimsoll train` as a person types them: files in, tables, CSV, JSON, pictures and errors out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Thirty days of hours with a day's season, requests and the CPU that follows them.
fn table() -> String {
    let row = |hour: u32| {
        let day = f64::from(hour % 24) / 24.0 * std::f64::consts::TAU;
        let web = 100.0 - 40.0 * day.cos() + f64::from(hour * 7 % 11);
        format!("{},{web:.2},{:.2}\n", 1_700_000_000 / 3_600 * 3_600 + hour * 3_600, web * 0.3)
    };
    "timestamp,web,cpu\n".to_owned() + &(0..720).map(row).collect::<String>()
}

fn run(directory: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(directory)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments may be gone before it has read anything.
    if let Err(error) = child.stdin.take().unwrap().write_all(input.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    child.wait_with_output().unwrap()
}

fn stdout(directory: &Path, args: &[&str], input: &str) -> String {
    let output = run(directory, args, input);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_table_gives_forecasts_for_people_and_for_programs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("load.csv"), table()).unwrap();
    let text = stdout(
        path,
        &["forecast", "load.csv", "--series", "web", "--model", "mstl", "--horizon", "6h", "--explain"],
        "",
    );
    assert!(
        text.contains("24 repeats") && text.contains("season  of 24") && text.contains("2023-12-14 22:00:00Z"),
        "{text}"
    );
    // The same from standard input, as CSV: a header and 3 steps of 2 series.
    let csv = stdout(
        path,
        &["forecast", "-", "--horizon", "3", "--model", "ridge", "--season", "24", "--output", "csv"],
        &table(),
    );
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!((rows[0], rows.len()), ("series,timestamp,step,point,q0.05,q0.5,q0.95,q0.99", 7), "{csv}");
    let args = [
        "forecast",
        "load.csv",
        "--series",
        "web",
        "--covariates",
        "cpu",
        "--model",
        "auto",
        "--output",
        "json",
        "--plot",
        "web.svg",
    ];
    let json: Value = serde_json::from_str(&stdout(path, &args, "")).unwrap();
    let one = &json["forecasts"][0];
    assert_eq!((one["series"].as_str(), one["forecast"].as_array().map(Vec::len)), (Some("web"), Some(24)), "{json}");
    assert!(
        one["covariates"][0]["loss_ratio"].is_number() && !one["explained"]["weights"].as_array().unwrap().is_empty()
    );
    let next = one["forecast"][0]["point"].as_f64().unwrap();
    assert!((60.0..150.0).contains(&next), "{next}");
    assert!(std::fs::read_to_string(path.join("web.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn a_backtest_puts_the_better_model_first() {
    let directory = tempfile::tempdir().unwrap();
    let args =
        ["forecast", "--series", "web", "--model", "last-value,seasonal-naive", "--backtest", "--output", "json"];
    let rows: Value = serde_json::from_str(&stdout(directory.path(), &args, &table())).unwrap();
    let names: Vec<&str> = rows.as_array().unwrap().iter().filter_map(|row| row["model"].as_str()).collect();
    assert_eq!(names, ["seasonal-naive", "last-value"]);
    assert!(rows[0]["mase"].as_f64().unwrap() < rows[1]["mase"].as_f64().unwrap());
}

#[test]
fn a_trained_network_is_saved_and_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("load.csv"), table()).unwrap();
    let said = stdout(
        path,
        &["train", "load.csv", "--widths", "8", "--updates", "60", "--season", "24", "--save", "net.safetensors"],
        "",
    );
    assert!(said.starts_with("net.safetensors: ") && said.contains("held-out loss"), "{said}");
    let args = [
        "forecast",
        "load.csv",
        "--model",
        "lstm",
        "--weights",
        "net.safetensors",
        "--season",
        "24",
        "--output",
        "csv",
    ];
    assert_eq!(stdout(path, &args, "").lines().count(), 49);
    std::fs::write(path.join("net.safetensors"), "nothing").unwrap();
    let output = run(path, &args, "");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--weights net.safetensors"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let check = |args: &[&str], input: &str, wanted: &str| {
        let output = run(directory.path(), args, input);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(wanted), "{args:?}: {error}");
    };
    check(&["forecast"], "timestamp,web\n3600,1\n7200,many\n", "standard input, line 3, column web: \"many\"");
    check(&["forecast"], "timestamp,web\n7200,1\n3600,2\n", "line 3");
    check(&["forecast", "--model", "oracle"], &table(), "--model oracle: there is last-value");
    check(&["forecast", "--quantiles", "0.5,1"], &table(), "quantile 1 is not between 0 and 1");
    check(&["forecast", "--series", "disk"], &table(), "--series disk: there is web, cpu");
    check(&["forecast", "--season", "often"], &table(), "neither a number of values nor a time");
    check(&["forecast", "--horizon", "90m"], &table(), "not a whole number of steps of 1h");
    check(&["forecast", "--plot", "all.svg", "--model", "last-value"], &table(), "an SVG file shows one series");
    check(&["forecast", "nowhere.csv"], "", "nowhere.csv");
}
