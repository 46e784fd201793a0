//! `plimsoll backtest` as a person types it: files and servers in, tables, JSON, pictures, exit codes and errors out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output};

/// Two days by the minute: a day and a night, and at noon of the second day ten minutes of three times the load.
fn load() -> String {
    let mut text = String::from("timestamp,requests\n");
    for minute in 0..2 * 1_440 {
        let hour = f64::from(minute % 1_440) / 60.0;
        let day = 300.0 + 250.0 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        let burst = if (2_160..2_170).contains(&minute) { 3.0 } else { 1.0 };
        let _ = writeln!(text, "{},{:.2}", 1_767_225_600 + minute * 60, day * burst);
    }
    text
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("shop.csv"), load()).unwrap();
    directory
}

fn run(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.current_dir(directory).arg("backtest").args(args).arg("--quiet").output().unwrap()
}

fn stdout(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn figures(json: &Value, policy: &str) -> Value {
    json["tables"][0]["loads"][0]["policies"][policy]["figures"].clone()
}

#[test]
fn policies_stand_side_by_side_with_the_peak_and_the_optimum() {
    let directory = directory();
    let args = ["shop.csv", "--policy", "hpa60,hpa45,peak,optimum", "--skip", "6h", "--output", "json"];
    let json: Value = serde_json::from_str(&stdout(directory.path(), &args)).unwrap();
    let of = |policy: &str, figure: &str| figures(&json, policy)[figure].as_f64().unwrap();
    assert_eq!(of("peak", "under_time"), 0.0);
    assert!((of("optimum", "cost_ratio") - 1.0).abs() < 0.01);
    assert!(
        of("hpa60", "cost_ratio") < of("hpa45", "cost_ratio") && of("hpa45", "cost_ratio") < of("peak", "cost_ratio")
    );
    assert!(of("hpa60", "under_time") > 0.0, "nobody foresees the burst");
    let text = stdout(directory.path(), &["shop.csv", "--policy", "hpa60,peak", "--skip", "6h"]);
    assert!(
        text.starts_with("Protocol: 99th percentile of the load = 40 replicas, need = load / 0.8 rounded up"),
        "{text}"
    );
    assert!(text.contains("shop, 42 h scored, start-up 1m") && text.contains("COST/OPT"), "{text}");
}

#[test]
fn the_same_run_gives_the_same_figures_on_any_number_of_threads() {
    let directory = directory();
    let of = |threads: &str| {
        let args = [
            "shop.csv",
            "--policy",
            "hpa60,hpa45",
            "--startup",
            "60s,180s",
            "--skip",
            "6h",
            "--output",
            "json",
            "--threads",
            threads,
        ];
        let mut json: Value = serde_json::from_str(&stdout(directory.path(), &args)).unwrap();
        for table in json["tables"].as_array_mut().unwrap() {
            for policy in ["hpa60", "hpa45"] {
                table["loads"][0]["policies"][policy]["measured"] = Value::Null;
            }
        }
        json
    };
    assert_eq!(of("1"), of("3"));
}

#[test]
fn a_pipeline_blocks_a_policy_that_costs_more_or_is_under_need() {
    let directory = directory();
    std::fs::write(
        directory.path().join("new.toml"),
        "[scaling]\ncpu = \"45%\"\nstep = { up = 10000, down = 10000 }\n",
    )
    .unwrap();
    let base = ["shop.csv", "--skip", "6h", "--policy", "new.toml", "--against", "hpa60"];
    let with = |condition: &str| run(directory.path(), &[&base[..], &["--fail-if", condition]].concat());
    let dearer = with("price > 1.05 * against");
    assert_eq!(dearer.status.code(), Some(3));
    let text = String::from_utf8(dearer.stdout).unwrap();
    assert!(text.contains("fails: price > 1.05 * against: new at 1m has"), "{text}");
    assert!(text.contains("SAVED") && text.contains("OWN CPU"), "{text}");
    assert_eq!(with("price > 2 * against").status.code(), Some(0));
    assert_eq!(with("worst under_time > 90%").status.code(), Some(0));
    assert_eq!(with("under_time < 90%").status.code(), Some(3));
    assert!(refused(directory.path(), &["shop.csv", "--fail-if", "price > 2 * against"]).contains("--against"));
    assert!(refused(directory.path(), &["shop.csv", "--fail-if", "cost > 2"]).contains("\"cost\" is no figure"));
}

#[test]
fn the_example_for_a_pipeline_runs_and_passes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policy-gate.sh");
    let directory = directory();
    let policy = "[scaling]\ncpu = \"60%\"\nstep = { up = 10000, down = 10000 }\n";
    std::fs::write(directory.path().join("policy.toml"), policy).unwrap();
    std::fs::write(directory.path().join("proposed.toml"), policy.replace("60%", "30%")).unwrap();
    let gate = |proposed: &str| {
        let mut command = Command::new("sh");
        command.arg(&script).args(["shop.csv", "policy.toml", proposed]).current_dir(directory.path());
        command.env("PLIMSOLL", env!("CARGO_BIN_EXE_plimsoll")).output().unwrap().status.code()
    };
    assert_eq!(gate("policy.toml"), Some(0));
    assert_eq!(gate("proposed.toml"), Some(3), "twice the price is blocked");
}

#[test]
fn a_moment_is_explained_with_what_would_have_changed_it() {
    let directory = directory();
    let args = ["shop.csv", "--skip", "6h", "--policy", "hpa60", "--explain", "2026-01-02T12:05"];
    let text = stdout(directory.path(), &args);
    assert!(text.contains("shop, hpa60 at 2026-01-02 12:05:00Z"), "{text}");
    assert!(text.contains("because") && text.contains("otherwise:") && text.contains("another load:"), "{text}");
    assert!(refused(directory.path(), &["shop.csv", "--explain", "noon"]).contains("is no moment"));
}

#[test]
fn pictures_are_one_chart_or_a_page_of_its_own() {
    let directory = directory();
    for name in ["run.svg", "run.html"] {
        stdout(directory.path(), &["shop.csv", "--skip", "6h", "--policy", "hpa60", "--plot", name]);
        let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(text.contains("optimum") && text.contains("hpa60") && !text.contains("http://cdn"), "{name}");
    }
    assert!(
        refused(directory.path(), &["shop.csv", "--policy", "peak", "--plot", "run.png"]).contains(".svg or .html")
    );
}

#[test]
fn bad_input_is_refused_with_its_row_and_field() {
    let directory = directory();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("negative.csv", "timestamp,v\n0,1\n60,-5\n120,1\n180,1\n");
    write("twice.csv", "timestamp,v\n0,1\n60,2\n60,3\n120,1\n");
    write("back.csv", "timestamp,v\n0,1\n120,2\n60,3\n180,1\n");
    write("word.csv", "timestamp,v\n0,1\n60,many\n");
    write("zero.csv", "timestamp,v\n0,0\n60,0\n120,0\n");
    write("bad.toml", "[scaling]\ncpu = \"60%\"\nreserve = -1\n");
    for (args, problem) in [
        (&["negative.csv"][..], "value -5 of row 2"),
        (&["twice.csv"], "line 4"),
        (&["back.csv"], "line 4"),
        (&["word.csv"], "line 3"),
        (&["zero.csv"], "the 99th percentile of the load is 0"),
        (&["nowhere.csv"], "nowhere.csv"),
        (&["shop.csv#other"], "has no series \"other\"; it has requests"),
        (&["shop.csv", "--policy", "hpa61"], "there is plimsoll, hpa60"),
        (&["shop.csv", "--policy", "bad.toml"], "bad.toml:3"),
        (&["shop.csv", "--startup", "soon"], "--startup soon"),
        (&["shop.csv", "--startup", "30d"], "allowed are"),
    ] {
        let error = refused(directory.path(), args);
        assert!(error.contains(problem), "{args:?}: {error}");
    }
    let typed = run(directory.path(), &["shop.csv", "--price", "-1"]);
    assert_eq!(typed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&typed.stderr).contains("a price from 0"));
}

#[test]
fn a_gap_is_told_and_stays_one() {
    let directory = directory();
    let rows: Vec<String> = load()
        .lines()
        .enumerate()
        .filter(|(row, _)| !(1_000..1_060).contains(row))
        .map(|(_, row)| row.to_owned())
        .collect();
    std::fs::write(directory.path().join("gap.csv"), rows.join("\n")).unwrap();
    let args = ["gap.csv", "--skip", "6h", "--policy", "hpa60", "--output", "json"];
    let json: Value = serde_json::from_str(&stdout(directory.path(), &args)).unwrap();
    assert_eq!(json["tables"][0]["loads"][0]["policies"]["hpa60"]["card"]["gap_slots"], 240);
    assert!(json["notes"][0].as_str().unwrap().contains("60 of 2880 values are missing"), "{}", json["notes"]);
}

/// A server that answers a range query as Prometheus does.
#[test]
fn a_range_query_gives_the_loads_of_a_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 2_048];
        let read = stream.read(&mut asked).unwrap();
        let values: Vec<String> = (0..=1_440)
            .filter(|it| it % 97 != 5)
            .map(|it| format!("[{},\"{}\"]", 1_767_225_600 + it * 60, 100 + it % 50))
            .collect();
        let body = format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{{\"metric\":{{\"job\":\"shop\"}},\"values\":[{}]}}]}}}}",
            values.join(",")
        );
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8_lossy(&asked[..read]).into_owned()
    });
    let directory = directory();
    let url = format!("http://{address}");
    let args = [
        "--prometheus",
        &url,
        "--query",
        "sum(rate(requests[5m]))",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-02",
        "--policy",
        "hpa60",
        "--output",
        "json",
    ];
    let json: Value = serde_json::from_str(&stdout(directory.path(), &args)).unwrap();
    assert_eq!(json["tables"][0]["loads"][0]["load"], "{job=shop}");
    assert!(json["notes"].to_string().contains("15 of 1441 values are missing"), "{}", json["notes"]);
    let asked = server.join().unwrap();
    assert!(asked.starts_with("GET /api/v1/query_range?query=sum%28rate%28requests%5B5m%5D%29%29&start=1767225600.000&end=1767312000.000&step=60.000 HTTP/1.1"), "{asked}");
}

/// Debian's Prometheus scrapes itself for a few seconds, and the query gives what it stored.
#[test]
fn a_real_prometheus_answers() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        assert_ne!(std::env::var("PLIMSOLL_REQUIRE_ALL").as_deref(), Ok("1"), "prometheus is not installed");
        eprintln!("DID NOT RUN a_real_prometheus_answers: needs the Debian package prometheus");
        return;
    }
    let directory = directory();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs: [{{ job_name: self, static_configs: [{{ targets: ['{address}'] }}] }}]\n"
    );
    std::fs::write(directory.path().join("prometheus.yml"), config).unwrap();
    let mut server = Command::new("prometheus")
        .current_dir(directory.path())
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=db", &format!("--web.listen-address={address}")])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://{address}");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let found = loop {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let (from, to) = ((now - 20).to_string(), now.to_string());
        let args = [
            "--prometheus",
            &url,
            "--query",
            "scrape_samples_scraped",
            "--from",
            &from,
            "--to",
            &to,
            "--step",
            "1s",
            "--policy",
            "hpa60",
            "--tick",
            "1s",
            "--metric-lag",
            "0s",
            "--startup",
            "1s",
            "--output",
            "json",
        ];
        let output = run(directory.path(), &args);
        let is_long = String::from_utf8_lossy(&output.stdout).contains("scrape_samples_scraped");
        if output.status.success() && is_long {
            break Some(output);
        }
        if std::time::Instant::now() > deadline {
            break None;
        }
        std::thread::yield_now();
    };
    server.kill().unwrap();
    let _ = server.wait();
    let json: Value = serde_json::from_slice(&found.expect("an answer within a minute").stdout).unwrap();
    assert!(json["tables"][0]["loads"][0]["policies"]["hpa60"]["figures"]["price"].as_f64().unwrap() > 0.0);
}
