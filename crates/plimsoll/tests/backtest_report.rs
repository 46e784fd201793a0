//! What `plimsoll backtest` reports beside price and need: the exact Kubernetes autoscaler, response times and when they may
//! be judged, the soft optimum, services on one node, memory, the return, halves, events in the picture, and bad input.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// One day by the minute, scaled and with a memory that grows.
fn load(scale: f64, with_memory: bool) -> String {
    let mut text = String::from(if with_memory { "timestamp,requests,memory_mib\n" } else { "timestamp,requests\n" });
    for minute in 0..1_440 {
        let hour = f64::from(minute) / 60.0;
        let day = 300.0 + 250.0 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
        let burst = if (1_000..1_010).contains(&minute) { 2.0 } else { 1.0 };
        let _ = write!(text, "{},{:.2}", 1_767_225_600 + minute * 60, day * burst * scale);
        text.push_str(&if with_memory { format!(",{}\n", 200 + minute / 10) } else { "\n".to_owned() });
    }
    text
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("shop.csv", &load(1.0, false));
    write("mail.csv", &load(0.5, true));
    directory
}

fn run(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.current_dir(directory).arg("backtest").args(args).args(["--skip", "3h", "--quiet"]).output().unwrap()
}

fn stdout(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(directory: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&stdout(directory, &[args, &["--output", "json"]].concat())).unwrap()
}

fn refused(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

fn figure(json: &Value, load: usize, policy: &str, figure: &str) -> f64 {
    json["tables"][0]["loads"][load]["policies"][policy]["figures"][figure].as_f64().unwrap()
}

fn model(p95_error: f64) -> String {
    format!(
        "[model]\ndelay_ms = 5.0\n[model.work]\nmean_ms = 20.0\nvariation = 1.0\nshape = \"log_normal\"\n\
         [model.startup]\nmean_ms = 60000.0\nvariation = 0.0\nshape = \"constant\"\n\
         [model.law]\nslots = 64\ncores = 1.0\n[model.cpu]\nfixed_millicores = 10.0\nper_request_ms = 18.0\n\
         [error.p95]\nmedian = {p95_error}\np90 = 0.3\nbias = 0.01\nrows = 40\n"
    )
}

#[test]
fn the_kubernetes_autoscaler_stands_beside_target_tracking_and_they_are_not_the_same() {
    let directory = directory();
    let args = ["shop.csv", "--policy", "hpa60,kubernetes-hpa60,kubernetes-hpa45"];
    let json = json(directory.path(), &args);
    let cost = |policy| figure(&json, 0, policy, "cost_ratio");
    assert!(cost("kubernetes-hpa60") < cost("kubernetes-hpa45"));
    assert!((cost("hpa60") / cost("kubernetes-hpa60") - 1.0).abs() < 0.1);
    assert!(cost("hpa60") != cost("kubernetes-hpa60"));
    let reason =
        stdout(directory.path(), &["shop.csv", "--policy", "kubernetes-hpa60", "--explain", "2026-01-01T16:45"]);
    assert!(reason.contains("ReadyForNewScale") || reason.contains("ScaleUp") || reason.contains("cpu"), "{reason}");
}

#[test]
fn response_times_are_told_and_judged_only_by_a_twin_that_is_near_enough() {
    let directory = directory();
    let args = ["shop.csv", "--policy", "hpa60,peak"];
    let found = json(directory.path(), &args);
    let of = |policy: &str, key: &str| figure(&found, 0, policy, key);
    assert!(of("hpa60", "p50") < of("hpa60", "p95") && of("hpa60", "p95") < of("hpa60", "p99"));
    assert!(of("peak", "p99") <= of("hpa60", "p99") && of("peak", "served") == 100.0);
    assert_eq!(found["twin"]["may_judge"], false);
    let text = stdout(directory.path(), &args);
    assert!(text.contains("Twin: stated, not calibrated") && text.contains("P99 ms"), "{text}");
    let stated = refused(directory.path(), &["shop.csv", "--fail-if", "p99 > 500"]);
    assert!(stated.contains("no verdict is given") && stated.contains("--service-model"), "{stated}");
    std::fs::write(directory.path().join("near.toml"), model(0.08)).unwrap();
    std::fs::write(directory.path().join("far.toml"), model(0.31)).unwrap();
    let far = ["shop.csv", "--service-model", "far.toml", "--policy", "hpa60"];
    let error = refused(directory.path(), &[&far[..], &["--fail-if", "served < 99%"]].concat());
    assert!(error.contains("far.toml") && error.contains("off by 31 %"), "{error}");
    assert!(stdout(directory.path(), &far).contains("no verdict is given on response times"));
    let near = ["shop.csv", "--service-model", "near.toml", "--policy", "hpa60"];
    let condition = |condition| run(directory.path(), &[&near[..], &["--fail-if", condition]].concat()).status.code();
    assert_eq!((condition("p50 > 1"), condition("p99 > 29000")), (Some(3), Some(0)));
    // A calibrated model says what a replica carries: 50 requests per second.
    assert!(stdout(directory.path(), &near).starts_with("Protocol: one replica carries 50 at 100 %"));
    std::fs::write(directory.path().join("bad.toml"), model(0.1).replace("mean_ms = 20.0", "mean_ms = -20.0")).unwrap();
    let bad = refused(directory.path(), &["shop.csv", "--service-model", "bad.toml"]);
    assert!(bad.contains("bad.toml") && bad.contains("work.mean_ms is -20"), "{bad}");
}

#[test]
fn a_soft_objective_has_an_optimum_of_its_own() {
    let directory = directory();
    let found = json(directory.path(), &["shop.csv", "--policy", "hpa60,optimum", "--soft", "1%"]);
    let run = &found["tables"][0]["loads"][0]["policies"]["hpa60"];
    assert!(figure(&found, 0, "hpa60", "cost_soft") > figure(&found, 0, "hpa60", "cost_ratio"));
    assert_eq!(run["soft"]["allowed_pct"], 1.0);
    assert!(run["soft"]["gap_pct"].as_f64().unwrap() < 5.0, "{run}");
    let own = stdout(directory.path(), &["shop.csv", "--policy", "hpa60,hpa45", "--soft", "own"]);
    assert!(own.contains("COST/SOFT") && own.contains("each policy's own share"), "{own}");
    assert!(refused(directory.path(), &["shop.csv", "--soft", "150%"]).contains("allowed are a share"));
    assert!(refused(directory.path(), &["shop.csv", "--fail-if", "cost_soft > 2"]).contains("--soft"));
}

#[test]
fn services_share_one_node_and_the_report_says_how_fairly() {
    let directory = directory();
    let both = ["shop.csv", "mail.csv", "--together", "--policy", "hpa60,peak"];
    let roomy = json(directory.path(), &both);
    assert_eq!(roomy["tables"][0]["sharing"]["hpa60"]["services"]["shop"]["no_room_pct"], 0.0);
    let tight = json(directory.path(), &[&both[..], &["--budget", "60"]].concat());
    let jain = tight["tables"][0]["sharing"]["hpa60"]["jain"].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&jain), "{jain}");
    let under = |found: &Value| figure(found, 0, "hpa60", "under_time");
    assert!(under(&tight) > under(&roomy), "{} {}", under(&tight), under(&roomy));
    let capacity = &tight["tables"][0]["resources"][0]["cpu"]["capacity"];
    assert_eq!(capacity.as_f64(), Some(60.0));
    let text = stdout(directory.path(), &[&both[..], &["--budget", "60"]].concat());
    assert!(text.contains("JAIN") && text.contains("on one node of 60 cores"), "{text}");
    let service = |name: &str, weight: u32| {
        format!(
            "[services.{name}]\ncommand = [\"true\"]\nweight = {weight}\nreplicas = {{ min = 1, max = 500, guaranteed = 10 }}\n\
             requests = {{ cpu = \"1\", memory = \"1GiB\" }}\n[services.{name}.scaling]\ncpu = \"60%\"\n"
        )
    };
    let spec = format!("name = \"two\"\n{}{}", service("shop", 3), service("mail", 1));
    std::fs::write(directory.path().join("two.toml"), &spec).unwrap();
    std::fs::write(directory.path().join("other.toml"), spec.replace("mail", "post")).unwrap();
    let args = ["shop.csv", "mail.csv", "--together", "--budget", "60", "--policy", "two.toml"];
    let found = json(directory.path(), &args);
    let of = |name: &str| found["tables"][0]["sharing"]["two"]["services"][name].clone();
    assert_eq!((of("shop")["guaranteed"].as_u64(), of("shop")["weight_pct"].as_f64()), (Some(10), Some(75.0)));
    assert!(of("shop")["had_pct"].as_f64() > of("mail")["had_pct"].as_f64());
    let error = refused(directory.path(), &["shop.csv", "mail.csv", "--together", "--policy", "other.toml"]);
    assert!(error.contains("no service of the name mail: it has post, shop"), "{error}");
    assert!(refused(directory.path(), &["shop.csv", "--policy", "two.toml"]).contains("with --together"));
}

#[test]
fn memory_is_told_where_it_was_recorded() {
    let directory = directory();
    let found = json(directory.path(), &["mail.csv", "--policy", "hpa60"]);
    let memory = &found["tables"][0]["resources"][0]["memory"];
    assert_eq!(found["tables"][0]["loads"].as_array().unwrap().len(), 1, "memory is no load");
    assert!(memory["used"].as_f64().unwrap() > 1.0 && memory["unit"] == "GiB", "{memory}");
    assert!(memory["used_of_allocated_pct"].as_f64().unwrap() < 50.0, "{memory}");
    assert!(stdout(directory.path(), &["shop.csv", "--policy", "hpa60"]).contains("not recorded"));
    std::fs::write(directory.path().join("ram.toml"), "[scaling]\nmemory = \"60%\"\n").unwrap();
    stdout(directory.path(), &["mail.csv", "--policy", "ram.toml"]);
    let error = refused(directory.path(), &["shop.csv", "--policy", "ram.toml"]);
    assert!(error.contains("ram on shop") && error.contains("memory of a replica, which was not recorded"), "{error}");
}

#[test]
fn the_return_is_less_what_plimsoll_itself_takes() {
    let directory = directory();
    let base = ["shop.csv", "--policy", "hpa60", "--against", "peak"];
    let of =
        |args: &[&str]| json(directory.path(), &[&base[..], args].concat())["tables"][0]["returns"]["hpa60"].clone();
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap();
    let plain = of(&[]);
    assert!(number(&plain, "saved") > 0.0 && number(&plain, "net") < number(&plain, "saved"));
    assert!(number(&plain["own"], "cpu_seconds") > 0.0 && number(&plain["own"], "memory_bytes") > 1e5, "{plain}");
    let priced = of(&["--price-cpu", "0", "--price-memory", "0", "--llm-spend", "7.5"]);
    assert!((number(&priced, "saved") - number(&priced, "net") - 7.5).abs() < 1e-9, "{priced}");
    let text = stdout(directory.path(), &base);
    assert!(
        text.contains("Return, against peak") && text.contains("OWN MEMORY") && text.contains("no language model"),
        "{text}"
    );
}

#[test]
fn halves_are_every_second_load_by_name() {
    let directory = directory();
    for name in ["a", "b", "c"] {
        std::fs::copy(directory.path().join("shop.csv"), directory.path().join(format!("{name}.csv"))).unwrap();
    }
    let args = ["c.csv", "a.csv", "b.csv", "--policy", "hpa60", "--halves"];
    let text = stdout(directory.path(), &args);
    assert!(text.contains("odd: a, c; even: b"), "{text}");
    let found = json(directory.path(), &args);
    assert_eq!(found["tables"][0]["halves"]["even"]["loads"][0], "b");
    assert!(found["tables"][0]["halves"]["odd"]["median"]["hpa60"]["cost_ratio"].as_f64().unwrap() > 1.0);
}

#[test]
fn the_picture_shows_windows_events_and_what_was_held_back() {
    let directory = directory();
    let policy = "[scaling]\ncpu = \"60%\"\n[[scaling.cron]]\ntimezone = \"Europe/Zurich\"\nstart = \"0 8 * * *\"\n\
                  end = \"0 10 * * *\"\ndesiredReplicas = 45\n";
    std::fs::write(directory.path().join("cron.toml"), policy).unwrap();
    let args =
        ["shop.csv", "mail.csv", "--together", "--budget", "60", "--policy", "cron.toml,hpa60", "--plot", "run.svg"];
    let event = ["--event", "sale@2026-01-01T16:30,30m,2"];
    stdout(directory.path(), &[&args[..], &event].concat());
    let picture = std::fs::read_to_string(directory.path().join("run.svg")).unwrap();
    assert!(picture.contains("45 replicas by the calendar") && picture.contains(">sale<"), "{picture}");
    assert!(picture.contains("class=\"lane\"") && picture.contains("no room"));
    let part = ["--plot-span", "2026-01-01T12:00,1h"];
    stdout(directory.path(), &[&args[..], &part].concat());
    let picture = std::fs::read_to_string(directory.path().join("run.svg")).unwrap();
    assert!(!picture.contains("by the calendar"), "the window is before the stretch that is drawn");
}

#[test]
fn bad_input_names_the_row_and_the_field() {
    let directory = directory();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("negative.csv", "timestamp,v\n0,1\n60,-5\n120,1\n180,1\n");
    write("infinite.csv", "timestamp,v\n0,1\n60,inf\n120,1\n180,1\n");
    write("ram.csv", "timestamp,v,memory_mib\n0,1,5\n60,1,-5\n120,1,5\n180,1,5\n");
    write("only.csv", "timestamp,memory_mib\n0,1\n60,5\n120,1\n");
    write("twice.csv", "timestamp,v\n0,1\n60,2\n60,3\n120,1\n");
    write("back.csv", "timestamp,v\n0,1\n120,2\n60,3\n180,1\n");
    write("beside.csv", "timestamp,v\n0,1\n60,2\n90,3\n120,1\n180,1\n240,1\n");
    let policy = |name: &str, text: &str| write(name, &format!("[scaling]\ncpu = \"60%\"\n{text}"));
    policy(
        "zone.toml",
        "[[scaling.cron]]\ntimezone = \"Europe/Zuerich\"\nstart = \"0 8 * * *\"\nend = \"0 9 * * *\"\ndesiredReplicas = 3\n",
    );
    policy(
        "event.toml",
        "[[scaling.events]]\nname = \"sale\"\nstart = \"2026-01-02T10:00:00Z\"\nend = \"2026-01-02T09:00:00Z\"\nfactor = 2\n",
    );
    write("bounds.toml", "replicas = { min = 5, max = 2 }\n[scaling]\ncpu = \"60%\"\n");
    for (args, problems) in [
        (&["negative.csv"][..], &["negative.csv, column v", "value -5 of row 2"][..]),
        (&["infinite.csv"], &["infinite.csv", "line 3", "inf"]),
        (&["ram.csv"], &["ram.csv", "memory", "row 2"]),
        (&["only.csv"], &["only.csv has a column of memory and none of a load"]),
        (&["twice.csv"], &["twice.csv", "line 4"]),
        (&["back.csv"], &["back.csv", "line 4"]),
        (&["beside.csv"], &["beside.csv", "line 4"]),
        (&["shop.csv", "--policy", "zone.toml"], &["zone.toml:4", "timezone", "Europe/Zuerich"]),
        (&["shop.csv", "--policy", "event.toml"], &["event.toml", "end"]),
        (&["shop.csv", "--policy", "bounds.toml"], &["bounds.toml:1", "min"]),
        (&["shop.csv", "--event", "sale@2026-01-01T10:00,0s,2"], &["--event", "ends after it starts"]),
        (&["shop.csv", "--budget-memory", "0GiB", "--budget", "5", "--together"], &["--budget-memory 0GiB"]),
        (&["shop.csv", "--plot", "x.svg", "--plot-span", "noon,1h"], &["--plot-span", "is no moment"]),
    ] {
        let error = refused(directory.path(), args);
        for problem in problems {
            assert!(error.contains(problem), "{args:?} {problem}: {error}");
        }
    }
    for (flag, value, range) in [
        ("--price", "-1", "a price from 0"),
        ("--price-cpu", "NaN", "a price from 0"),
        ("--llm-spend", "-3", "a price from 0"),
        ("--usable", "1.5", "a share from 0 to 1"),
    ] {
        let typed = run(directory.path(), &["shop.csv", flag, value]);
        assert_eq!(typed.status.code(), Some(2), "{flag}");
        assert!(String::from_utf8_lossy(&typed.stderr).contains(range), "{flag}");
    }
    // What is no number is a gap, and is told as one.
    let rows = load(1.0, false).replacen("1767229200,", "1767229200,NaN #", 1);
    let rows: String = rows.lines().map(|row| row.split(" #").next().unwrap().to_owned() + "\n").collect();
    write("gap.csv", &rows);
    let found = json(directory.path(), &["gap.csv", "--policy", "hpa60"]);
    assert!(found["notes"][0].as_str().unwrap().contains("1 of 1440 values are missing"), "{}", found["notes"]);
}

#[test]
fn every_row_by_load_has_a_cell_for_each_column() {
    let directory = directory();
    let text = stdout(directory.path(), &["shop.csv", "mail.csv", "--policy", "hpa60,lazy", "--each"]);
    let (_, by_load) = text.split_once("By load\n").unwrap();
    let cells = |line: &str| line.trim().split("  ").filter(|cell| !cell.trim().is_empty()).count();
    let mut lines = by_load.lines();
    let head = cells(lines.next().unwrap());
    let rows: Vec<&str> = lines.skip(1).take_while(|line| !line.trim().is_empty()).collect();
    assert_eq!(rows.len(), 4, "{by_load}");
    assert!(rows.iter().all(|row| cells(row) == head), "{by_load}");
}
