//! `plimsoll watch`: every source, the same figures as a backtest would give, and proof that nothing is touched.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::target::Target;
use common::{PLIMSOLL, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// 2026-03-01 00:00 UTC.
const START: i64 = 1_772_323_200;

fn watch(arguments: &[&str]) -> Output {
    Command::new(PLIMSOLL).arg("watch").args(arguments).arg("--quiet").output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = watch(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?} ended with {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[arguments, &["--output", "json"]].concat())).unwrap()
}

/// Requests per second of a made-up hour: a flank in the middle.
fn rate(minute: i64) -> i64 {
    match minute {
        0..=19 => 100,
        20..=39 => 100 + (minute - 19) * 15,
        _ => 400 - (minute - 39) * 10,
    }
}

/// Replicas that its owner had, by hand: twelve throughout.
const HAD: i64 = 12;

#[test]
fn a_range_of_a_server_is_judged_with_get_requests_alone() {
    let values: Vec<String> = (0..240).map(|slot| format!("[{},\"{}\"]", START + slot * 15, rate(slot / 4))).collect();
    let body = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{{\"metric\":{{}},\"values\":[{}]}}]}}}}",
        values.join(",")
    );
    let server = Target::start(&body);
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "hush\n").unwrap();
    let (url, secret) = (server.url(), secret.path().to_str().unwrap().to_owned());
    let range =
        ["--prometheus", &url, "--query", "sum(rate(x[1m]))", "--from", "2026-03-01", "--to", "2026-03-01T01:00"];
    let terms = ["--capacity", "50", "--replicas", "12", "--user", "me", "--secret-file", &secret];
    let found = json(&[&range[..], &terms].concat());
    assert_eq!((found["values"].as_u64(), found["missing"].as_u64()), (Some(240), Some(0)));
    assert_eq!(found["supplies"]["had"]["replica_hours"].as_f64(), Some(12.0));
    let would = found["supplies"]["plimsoll"]["replica_hours"].as_f64().unwrap();
    let best = found["supplies"]["optimum"]["replica_hours"].as_f64().unwrap();
    assert!(best <= would && would < 12.0, "{best} {would}");
    assert!(found["decisions_all"].as_u64().unwrap() > 3, "{}", found["decisions_all"]);
    let first = &found["decisions"][0];
    assert!(first["rationale"]["terms"].is_array() && first["had"] == 12, "{first}");
    // What was sent: one GET, with who asks, and nothing else.
    assert_eq!(found["sent"]["GET"], 1);
    assert_eq!(server.asked(), BTreeMap::from([("GET /api/v1/query_range".to_owned(), 1)]));
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.contains("authorization: basic bwu6ahvzaa=="), "{head}");
    assert!(!found.to_string().contains("hush"));
    // The same again is the same to the byte.
    assert_eq!(json(&[&range[..], &terms].concat()), found);
}

#[test]
fn a_log_is_counted_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = String::new();
    for second in 0..1_800 {
        for _ in 0..(if second < 900 { 1 } else { 3 }) {
            let (minute, second) = (second / 60, second % 60);
            let _ =
                writeln!(log, "10.0.0.1 - - [01/Mar/2026:10:{minute:02}:{second:02} +0000] \"GET / HTTP/1.1\" 200 5");
        }
    }
    log.push_str("not a line of a log\n");
    let path = directory.path().join("access.log");
    std::fs::write(&path, &log).unwrap();
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let path_text = path.to_str().unwrap();
    let text =
        stdout(&["--log", path_text, "--capacity", "1", "--replicas", "5", "--step", "15s", "--policy", "hpa60"]);
    assert!(text.contains("3600 requests were counted") && text.contains("1 lines have no time"), "{text}");
    assert!(text.contains("Touched: nothing. 0 GET requests") && text.contains("hpa60 would have cost"), "{text}");
    assert!(text.contains("(had 5): ") && text.contains("load / usable capacity"), "{text}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), log);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);

    let csv = directory.path().join("counts.csv");
    let mut rows = "time,count\n".to_owned();
    (0..40).for_each(|minute| {
        let _ = writeln!(rows, "{},{}", START + minute * 60, 60 * rate(minute));
    });
    std::fs::write(&csv, rows).unwrap();
    let plot = directory.path().join("watch.html");
    let found = json(&["--log", csv.to_str().unwrap(), "--capacity", "50", "--plot", plot.to_str().unwrap()]);
    assert_eq!((found["load"][0].as_f64(), found["unit"].as_str()), (Some(100.0), Some("requests/s")));
    assert!(found["supplies"]["had"].is_null());
    assert!(std::fs::read_to_string(&plot).unwrap().contains("<svg"));
}

#[test]
fn a_page_is_watched_as_it_happens() {
    let page = |total: u64| format!("# TYPE hits counter\nhits{{job=\"shop\"}} {total}\nreplicas 3\n");
    let target = Target::start(&page(0));
    let url = format!("{}/metrics", target.url());
    let mut child = Command::new(PLIMSOLL)
        .args(["watch", "--metrics", &url, "--query", "hits{job=\"shop\"}", "--replicas-query", "replicas"])
        .args(["--capacity", "100", "--every", "100ms", "--for", "4s", "--tick", "1s", "--metric-lag", "0s"])
        .args(["--startup", "1s", "--policy", "hpa60", "--live", "--output", "json", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A counter that grows by a constant rate for as long as it is looked at.
    let began = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        target.set(&page(u64::try_from(began.elapsed().as_millis()).unwrap() / 2));
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // Lines of changes come first, the report is the last value.
    let report: Value = serde_json::Deserializer::from_str(&text).into_iter().last().unwrap().unwrap();
    let loads: Vec<f64> = report["load"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(loads.iter().any(|load| (250.0..=1_000.0).contains(load)), "{loads:?}");
    assert_eq!(report["supplies"]["had"]["replicas_most"], 3);
    let asked = target.asked();
    assert_eq!(asked.keys().collect::<Vec<_>>(), ["GET /metrics"], "{asked:?}");
    assert_eq!(asked["GET /metrics"], report["sent"]["GET"].as_u64().unwrap());
}

#[test]
fn a_process_is_watched_and_goes_on_untouched() {
    let mut burner = Command::new("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()).spawn().unwrap();
    let pid = burner.id().to_string();
    let state = |what: &str| -> Vec<String> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let stable = || (state("limits"), state("cgroup"), state("oom_score_adj"), state("cmdline"));
    let before = eventually("the shell", || state("cmdline").concat().contains("while").then(stable));
    let arguments = ["--pid", &pid, "--every", "200ms", "--for", "3s", "--tick", "1s", "--metric-lag", "0s"];
    let found = json(&arguments);
    let after = stable();
    let is_alive = burner.try_wait().unwrap().is_none();
    burner.kill().unwrap();
    let _ = burner.wait();
    assert!(is_alive, "it still runs");
    assert_eq!(after, before, "its limits, groups and arguments are what they were");
    assert_eq!((found["unit"].as_str(), found["sent"]["GET"].as_u64()), (Some("cores"), Some(0)));
    let loads: Vec<f64> = found["load"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(loads.iter().any(|load| *load > 0.0), "{loads:?}");
    let had = &found["supplies"]["had"];
    assert_eq!(
        (had["replicas_most"].as_u64(), had["replicas_mean"].as_f64()),
        (Some(1), Some(1.0)),
        "it is one: {had}"
    );
}

#[test]
fn what_cannot_be_watched_is_refused_with_its_reason() {
    let refused = |arguments: &[&str]| {
        let output = watch(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&[]).contains("required"), "{}", refused(&[]));
    assert!(refused(&["--prometheus", "http://127.0.0.1:1"]).contains("--query"));
    let dead = refused(&["--prometheus", "http://127.0.0.1:1", "--query", "up"]);
    assert!(dead.contains("cannot connect to 127.0.0.1:1"), "{dead}");
    assert!(refused(&["--log", "/nowhere/access.log"]).contains("/nowhere/access.log"));
    assert!(refused(&["--pid", "4194304"]).contains("there is no such process"));
    assert!(refused(&["--cgroup", "/tmp"]).contains("no directory of a control group"));
    assert!(refused(&["--log", "x", "--policy", "optimum"]).contains("--policy optimum"));
    let name = refused(&["--log", "x", "--plot", "x.png"]);
    assert!(name.contains("must end in .svg or .html"), "{name}");
}

/// A running server with a database of its own.
struct Prometheus {
    child: std::process::Child,
    address: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts one over the database in `directory/db`, which scrapes nothing.
    fn start(directory: &Path) -> Self {
        let address = format!("127.0.0.1:{}", common::free_port());
        std::fs::write(directory.join("prometheus.yml"), "global: { scrape_interval: 1h }\n").unwrap();
        let child = Command::new("prometheus")
            .current_dir(directory)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=db", "--storage.tsdb.retention.time=100y"])
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address };
        eventually("a server that is ready", || {
            common::get(&format!("{}/-/ready", server.url())).filter(|(status, _)| *status == 200)
        });
        server
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An hour of a service that somebody else runs, as blocks of a database: a counter of requests and its replicas.
fn an_hour(directory: &Path) -> PathBuf {
    let mut text = "# TYPE http_requests counter\n".to_owned();
    let mut total = 0;
    for slot in 0..=260 {
        total += 15 * rate((slot - 20).max(0) / 4);
        let _ = writeln!(text, "http_requests_total{{job=\"shop\"}} {total} {}", START + (slot - 20) * 15);
    }
    text.push_str("# TYPE shop_replicas gauge\n");
    (0..=260).for_each(|slot| {
        let _ = writeln!(text, "shop_replicas{{job=\"shop\"}} {HAD} {}", START + (slot - 20) * 15);
    });
    text.push_str("# EOF\n");
    let path = directory.join("hour.txt");
    std::fs::write(&path, text).unwrap();
    path
}

/// Every file below a directory with its content.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
        }
    }
    found
}

#[test]
fn a_real_prometheus_is_watched_for_a_replayed_hour_and_nothing_is_touched() {
    let name = "a_real_prometheus_is_watched_for_a_replayed_hour_and_nothing_is_touched";
    for program in ["prometheus", "promtool"] {
        if Command::new(program).arg("--version").output().is_err() {
            assert_ne!(std::env::var("PLIMSOLL_REQUIRE_ALL").as_deref(), Ok("1"), "{program} is not installed");
            eprintln!("did not run: {name}: needs prometheus");
            return;
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let hour = an_hour(directory.path());
    let blocks = directory.path().join("db");
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&hour, &blocks])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = Prometheus::start(directory.path());
    let url = server.url();
    let arguments = [
        "--prometheus",
        &url,
        "--query",
        "sum(rate(http_requests_total{job=\"shop\"}[1m]))",
        "--replicas-query",
        "shop_replicas",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-01T01:00",
        "--capacity",
        "50",
    ];
    // What the server answers for the whole time, and its blocks, before and after.
    let series = || {
        let path = format!(
            "{url}/api/v1/query_range?query=%7Bjob%3D%22shop%22%7D&start={}&end={}&step=60",
            START - 300,
            START + 3_600
        );
        let (status, body) = common::get(&path).unwrap();
        assert_eq!(status, 200);
        let value: Value = serde_json::from_str(&body).unwrap();
        value["data"].clone()
    };
    let meta = || -> BTreeMap<PathBuf, Vec<u8>> {
        let all = content(&blocks).into_iter();
        all.filter(|(path, _)| {
            path.ends_with("meta.json") || path.components().any(|part| part.as_os_str() == "chunks")
        })
        .collect()
    };
    let before = (series(), meta());
    assert!(!before.1.is_empty());
    let text = stdout(&arguments);
    assert_eq!((series(), meta()), before, "what the server has is what it had");
    assert!(text.contains("Touched: nothing. 2 GET requests were sent, and no other."), "{text}");
    assert!(text.contains("plimsoll would have cost") && text.contains("% less"), "{text}");
    assert!(text.contains("(had 12): "), "{text}");
    let found = json(&arguments);
    assert_eq!(found["supplies"]["had"]["replica_hours"].as_f64(), Some(12.0));
    assert!(found["supplies"]["plimsoll"]["under_time_pct"].as_f64().unwrap() < 20.0);
    // The capacity can be learnt from what its replicas really carried.
    let learnt = stdout(&arguments[..arguments.len() - 2]);
    assert!(learnt.contains("a replica was seen to carry"), "{learnt}");
    eprintln!("{text}");
}
