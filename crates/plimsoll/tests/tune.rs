//! `plimsoll tune` as a person types it: series and a policy in; a report, a front and a policy file that runs out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// Six hours by the minute of four services: a wave each, with a burst of its own.
fn loads() -> String {
    let mut text = String::from("timestamp,a,b,c,d\n");
    for minute in 0..360_u32 {
        let _ = write!(text, "{}", 1_767_225_600 + minute * 60);
        for series in 0..4_u32 {
            let wave = (f64::from(minute + 37 * series) / 90.0).sin();
            let burst = if (minute + 61 * series) % 120 < 6 { 1.6 } else { 1.0 };
            let _ = write!(text, ",{:.2}", (300.0 + 120.0 * wave) * burst);
        }
        text.push('\n');
    }
    text
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("loads.csv"), loads()).unwrap();
    let policy = "# what runs now\n[scaling]\ncpu = \"60%\" # of one core\ntolerance = \"10%\"\nstabilization = { down = \"5m\" }\n";
    std::fs::write(directory.path().join("now.toml"), policy).unwrap();
    directory
}

fn plimsoll(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).current_dir(directory).args(args).arg("--quiet").output().unwrap()
}

const TUNE: &[&str] = &["tune", "loads.csv", "--policy", "now.toml", "--skip", "1h"];

fn tune(directory: &Path, args: &[&str]) -> Output {
    plimsoll(directory, &[TUNE, args].concat())
}

fn json(output: &Output) -> Value {
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(directory: &Path, args: &[&str]) -> String {
    let output = tune(directory, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_better_policy_is_found_written_and_does_what_the_report_says() {
    let directory = directory();
    let args = ["--hold", "under_time <= 1.2 * start", "--evaluations", "24", "--output", "json"];
    let output = tune(directory.path(), &args);
    let found = json(&output);
    assert_eq!(found["training"]["series"], serde_json::json!(["loads#a", "loads#c"]));
    assert_eq!(found["test"]["series"], serde_json::json!(["loads#b", "loads#d"]));
    assert_eq!((found["evaluations"].as_u64(), found["ended"].as_str()), (Some(24), Some("evaluations")));
    let price = |half: &str, policy: &str| found[half][policy][0]["mean"]["price"].as_f64().unwrap();
    assert!(price("training", "found") < price("training", "present") - 0.01, "{found}");
    assert_eq!(found["holds_on_training"], true);
    assert_eq!(output.status.code(), Some(if found["holds_on_test"] == true { 0 } else { 3 }));

    // The file keeps what was not searched, and a backtest of it on the test series gives the figures of the report.
    let text = std::fs::read_to_string(directory.path().join("tuned.toml")).unwrap();
    assert!(text.starts_with("# what runs now\n[scaling]\ncpu = \"") && text.contains("# of one core"), "{text}");
    let args = ["backtest", "loads.csv#b", "loads.csv#d", "--policy", "tuned.toml", "--skip", "1h", "--output", "json"];
    let again = json(&plimsoll(directory.path(), &args));
    let loads = again["tables"][0]["loads"].as_array().unwrap();
    let ratios: f64 = loads.iter().map(|it| it["policies"]["tuned"]["figures"]["cost_ratio"].as_f64().unwrap()).sum();
    assert!((ratios / 2.0 - price("test", "found")).abs() < 1e-9, "{ratios} {found}");

    // The front has no row that another beats.
    let front = found["front"].as_array().unwrap();
    for pair in front.windows(2) {
        assert!(pair[0]["objective"].as_f64() <= pair[1]["objective"].as_f64());
        assert!(pair[0]["held"][0].as_f64() >= pair[1]["held"][0].as_f64());
    }
    assert!(front.iter().any(|row| row["chosen"] == true));
}

#[test]
fn the_same_seed_writes_the_same_file_on_any_number_of_threads() {
    let directory = directory();
    let run = |jobs: &str, seed: &str, out: &str| {
        let args = ["--hold", "under_time <= 2%", "--evaluations", "8", "--jobs", jobs, "--seed", seed, "--out", out];
        let output = tune(directory.path(), &args);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
        (
            String::from_utf8(output.stdout).unwrap().replace(out, "OUT"),
            std::fs::read(directory.path().join(out)).unwrap(),
        )
    };
    let first = run("1", "5", "one.toml");
    assert_eq!(first, run("4", "5", "two.toml"));
    assert!(first.0.contains("Training (2): loads#a, loads#c\nTest (2): loads#b, loads#d\n"), "{}", first.0);
    assert!(first.0.contains("Goal: least mean price, held: under_time <= 2%"), "{}", first.0);
}

#[test]
fn a_range_a_fixed_number_and_named_test_series_are_kept_to() {
    let directory = directory();
    let args = [
        "--objective",
        "response-time",
        "--hold",
        "price <= 1.2 * start",
        "--test",
        "loads#a",
        "--range",
        "scaling.cpu=50%..55%",
        "--range",
        "scaling.step.down=1..8",
        "--fix",
        "scaling.stabilization.*",
        "--fix",
        "scaling.tolerance=5%",
        "--evaluations",
        "6",
        "--output",
        "json",
    ];
    let found = json(&tune(directory.path(), &args));
    assert_eq!(found["test"]["series"], serde_json::json!(["loads#a"]));
    assert_eq!(found["training"]["series"].as_array().unwrap().len(), 3);
    let text = std::fs::read_to_string(directory.path().join("tuned.toml")).unwrap();
    assert!(text.contains("tolerance = \"5%\"") && text.contains("down = \"5m\""), "{text}");
    let cpu: f64 = text.split("cpu = \"").nth(1).unwrap().split('%').next().unwrap().parse().unwrap();
    assert!((50.0..=55.0).contains(&cpu), "{text}");
    assert!(text.contains("[scaling.step]") || text.contains("step"), "{text}");
}

#[test]
fn no_time_left_gives_the_present_policy_as_the_best_so_far_or_says_why_not() {
    let directory = directory();
    let error = refused(directory.path(), &["--hold", "under_time <= 1%", "--time", "0s"]);
    assert!(error.contains("the present policy was not run"), "{error}");
}

#[test]
fn what_cannot_be_searched_is_refused_with_its_flag_and_range() {
    let directory = directory();
    let hold = ["--hold", "under_time <= 1%"];
    for (args, why) in [
        (vec![], "--objective price with nothing held ends at no replicas at all"),
        (vec!["--hold", "under <= 1%"], "\"under\" is no figure"),
        (
            [&hold[..], &["--range", "scaling.cpu=0%..50%"]].concat(),
            "scaling.cpu: 0% is out of range; allowed are 0.1% to 1000%",
        ),
        ([&hold[..], &["--range", "scaling.cpu"]].concat(), "is no range; write PATH=LOW..HIGH"),
        (
            [&hold[..], &["--range", "scaling.speed=1..2"]].concat(),
            "scaling.speed: a policy has no number of that name",
        ),
        (
            [&hold[..], &["--fix", "scaling.speed"]].concat(),
            "the file names scaling.cpu, scaling.tolerance, scaling.stabilization.down",
        ),
        ([&hold[..], &["--fix", "scaling.*"]].concat(), "nothing is left to search"),
        ([&hold[..], &["--test", "loads#x"]].concat(), "--test loads#x: there is no such series"),
        ([&hold[..], &["--out", "now.toml"]].concat(), "--out now.toml is there already"),
    ] {
        let error = refused(directory.path(), &args);
        assert!(error.contains(why), "{args:?}: {error}");
    }
    let one = plimsoll(directory.path(), &["tune", "loads.csv#a", "--hold", "under_time <= 1%"]);
    assert!(String::from_utf8_lossy(&one.stderr).contains("there is one series, loads#a"));
}
