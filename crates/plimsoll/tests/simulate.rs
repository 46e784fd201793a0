//! `plimsoll simulate` and `plimsoll policies` as a person types them: files in, tables, JSON, pictures and errors out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use expect_test::{Expect, expect};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// Two nodes of four cores; six tasks of which one passes another, one can never run.
fn small() -> String {
    let mut text = String::from("{\"plimsoll_cluster\":1}\n");
    for node in ["a", "b"] {
        let _ = writeln!(text, r#"{{"node":{{"name":"{node}","capacity":{{"cpu":4000,"memory":8589934592}}}}}}"#);
    }
    // Name, cores, submitted and run time in seconds, user.
    for (id, cores, at, run, user) in [
        ("first", 4, 0, 100, "ann"),
        ("second", 3, 0, 60, "bob"),
        ("wide", 4, 10, 50, "ann"),
        ("narrow", 1, 20, 30, "bob"),
        ("giant", 64, 30, 10, "eve"),
        ("last", 2, 40, 20, "eve"),
    ] {
        let _ = writeln!(
            text,
            r#"{{"task":{{"id":"{id}","requests":{{"cpu":{}}},"submitted":{},"run_time":{},"user":"{user}"}},"run_time_true_ms":{}}}"#,
            cores * 1_000,
            at * 1_000,
            run * 1_000,
            run * 1_000
        );
    }
    text
}

fn run(directory: &Path, args: &[&str]) -> Output {
    // What tables are ruled with follows the locale.
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.current_dir(directory).args(args).env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn stdout(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("small.jsonl"), small()).unwrap();
    directory
}

/// Without the rows that a clock had a part in.
fn check(text: &str, expected: &Expect) {
    let lines = text.lines().filter(|line| !line.contains("per CPU second")).map(str::trim_end);
    expected.assert_eq(&(lines.collect::<Vec<_>>().join("\n") + "\n"));
}

/// The figures without what a clock measured.
fn figures(directory: &Path, args: &[&str]) -> Value {
    let mut json: Value = serde_json::from_str(&stdout(directory, args)).unwrap();
    for policy in json["policies"].as_array_mut().unwrap() {
        for run in policy["runs"].as_array_mut().unwrap() {
            assert!(run["measured"]["cpu_seconds"].is_number());
            run["measured"] = Value::Null;
        }
    }
    json
}

#[test]
fn a_small_cluster_gives_the_table_that_can_be_worked_out_by_hand() {
    let directory = directory();
    let text = stdout(directory.path(), &["simulate", "small.jsonl", "--backfill", "none,easy", "--quiet"]);
    check(
        &text,
        &expect![[r#"
        small.jsonl: 2 nodes, 6 tasks, replay

                                       none    easy
        ───────────────────────────  ──────  ──────
        cpu in use, mean, %           81.73   88.54
        memory in use, mean, %         0.00    0.00
        wait, mean                      38s     22s
        wait, median                    50s     0ms
        wait, 95 %                    1m20s      1m
        wait, 99 %                    1m20s      1m
        wait, longest                 1m20s      1m
        response, mean                1m30s   1m14s
        bounded slowdown, mean         2.33    1.80
        makespan                      2m10s      2m
        jobs per hour                138.46  150.00
        fairness over users (Jain)    0.861   0.821
        fairness over queues (Jain)   1.000   1.000
        tasks waiting, mean            1.46    0.92
        tasks submitted                   6       6
        tasks finished                    5       5
        tasks that can never run          1       1
        placements                        5       5

        Refused or dropped:
        none: 1 × can never run: every node is refused by cpu (task "giant" can never run: refused by cpu on 2 nodes)
        easy: 1 × can never run: every node is refused by cpu (task "giant" can never run: refused by cpu on 2 nodes)
    "#]],
    );
}

#[test]
fn one_task_is_explained() {
    let directory = directory();
    let args = ["simulate", "small.jsonl", "--backfill", "easy", "--quiet", "--explain"];
    let explained = |task| stdout(directory.path(), &[&args[..], &[task]].concat());
    let narrow = explained("narrow");
    assert!(narrow.contains("started on b") && narrow.contains("finished"), "{narrow}");
    let giant = explained("giant");
    assert!(giant.contains("refused") && giant.contains("cpu"), "{giant}");
    assert!(explained("nobody").contains("no task \"nobody\" arrived"));
}

#[test]
fn the_same_seed_gives_the_same_figures_on_any_number_of_threads() {
    let directory = directory();
    let args = |threads| {
        let typed = "simulate small.jsonl --policy first-fit,random --mtbf 60s --mttr 20s --seeds 4 --output json";
        let mut args: Vec<&str> = typed.split(' ').collect();
        args.extend(["--threads", threads]);
        args
    };
    let one = figures(directory.path(), &args("1"));
    assert_eq!(one, figures(directory.path(), &args("3")));
    let first = &one["policies"][0];
    assert_eq!((one["seeds"].as_u64(), first["runs"].as_array().unwrap().len()), (Some(4), 4));
    for run in one["policies"].as_array().unwrap().iter().flat_map(|policy| policy["runs"].as_array().unwrap()) {
        let tasks = &run["metrics"]["tasks"];
        assert_eq!((tasks["submitted"].as_u64(), tasks["refused"].as_u64()), (Some(6), Some(1)), "{tasks}");
        assert_eq!(tasks["finished"].as_u64(), Some(5), "what can end does: {tasks}");
    }
    assert!(one["policies"][1]["difference_to_first"]["makespan_ms"]["low"].is_number());
}

#[test]
fn an_open_loop_drops_what_does_not_fit_and_notes_what_was_given_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let nodes: String = (0..4).map(|n| format!("n{n},32000,65536,4,T4\n")).collect();
    std::fs::write(path.join("nodes.csv"), format!("sn,cpu_milli,memory_mib,gpu,model\n{nodes}")).unwrap();
    let pod = |n: u32| format!("p{n},2000,1024,1,{}\n", [1_000, 460, 300][n as usize % 3]);
    let pods: String = (0..12).map(pod).collect();
    std::fs::write(path.join("pods.csv"), format!("name,cpu_milli,memory_mib,num_gpu,gpu_milli\n{pods}")).unwrap();
    let args = "simulate --nodes nodes.csv --tasks pods.csv --demand 1.3 --policy fgd,random --seeds 3 --output json";
    let json = figures(path, &args.split(' ').collect::<Vec<_>>());
    assert_eq!(json["protocol"], "open_loop");
    for policy in json["policies"].as_array().unwrap() {
        for run in policy["runs"].as_array().unwrap() {
            let allocation = run["metrics"]["gpu_allocation"].as_array().unwrap();
            let at = |index: usize| allocation[index]["allocated"].as_f64().unwrap();
            assert!(0.7 < at(0) && at(0) <= at(1) && at(1) <= 1.0, "{allocation:?}");
            let tasks = &run["metrics"]["tasks"];
            let sum = tasks["running"].as_u64().unwrap() + tasks["dropped"].as_u64().unwrap();
            assert_eq!(Some(sum), tasks["submitted"].as_u64(), "{tasks}");
        }
    }
}

#[test]
fn a_picture_is_one_file_that_loads_nothing() {
    let directory = directory();
    let path = directory.path();
    for name in ["queue.svg", "queue.html"] {
        stdout(path, &["simulate", "small.jsonl", "--order", "fifo,sjf", "--quiet", "--plot", name]);
        let text = std::fs::read_to_string(path.join(name)).unwrap();
        assert!(text.contains("<svg") && text.contains("sjf"), "{name}");
        for loader in ["<link", "<script", "@import", "url(", "src="] {
            assert!(!text.contains(loader), "{name}: {loader}");
        }
    }
}

#[test]
fn every_policy_is_listed_with_its_kind_cost_and_source() {
    let directory = tempfile::tempdir().unwrap();
    let json: Value = serde_json::from_str(&stdout(directory.path(), &["policies", "--output", "json"])).unwrap();
    for (list, some, least) in [("node", "fgd", 12), ("order", "wfp3", 12), ("backfill", "conservative", 4)] {
        let rows = json[list].as_array().unwrap();
        assert!(rows.len() >= least && rows.iter().any(|row| row["name"] == some), "{list}");
        for row in rows {
            assert!(["static", "dynamic"].contains(&row["kind"].as_str().unwrap()), "{row}");
            assert!(["greedy", "index", "optimising"].contains(&row["family"].as_str().unwrap()), "{row}");
            assert!(!row["source"].as_str().unwrap().is_empty() && !row["cost"].as_str().unwrap().is_empty(), "{row}");
        }
    }
    let text = stdout(directory.path(), &["policies"]);
    assert!(text.contains("--policy") && text.contains("--order") && text.contains("--backfill"));
    let help = stdout(directory.path(), &["simulate", "--help"]);
    assert!(["--mtbf", "--demand", "--explain", "--plot", "--ties"].iter().all(|flag| help.contains(flag)), "{help}");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let directory = directory();
    let path = directory.path();
    std::fs::write(path.join("bad.jsonl"), "{\"node\":{\"name\":\"a\",\"capacity\":{\"cpus\":4}}}\n").unwrap();
    let only_tasks: String = small().lines().filter(|line| line.contains("\"task\"")).collect::<Vec<_>>().join("\n");
    std::fs::write(path.join("tasks.jsonl"), only_tasks).unwrap();
    let check = |args: &str, wanted: &[&str]| {
        let output = run(path, &args.split(' ').collect::<Vec<_>>());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{args}");
        assert!(wanted.iter().all(|part| error.contains(part)), "{args}: {error}");
    };
    check("simulate small.jsonl --policy best", &["--policy best", "there is first-fit"]);
    check("simulate small.jsonl --order oldest", &["--order oldest", "there is fifo"]);
    check("simulate small.jsonl --backfill hard", &["--backfill hard", "there is none, easy"]);
    check("simulate small.jsonl --ties luck", &["--ties luck", "lowest-name"]);
    check("simulate small.jsonl --sample 7", &["--sample 7", "1 to 6"]);
    check("simulate small.jsonl --demand 1.3", &["--demand", "have none"]);
    check("simulate small.jsonl --mtbf soon --mttr 1s", &["--mtbf soon"]);
    check("simulate small.jsonl --plot x.png", &["--plot x.png", ".svg or .html"]);
    check("simulate tasks.jsonl", &["tasks.jsonl", "no nodes", "--nodes"]);
    check("simulate bad.jsonl", &["bad.jsonl, line 1", "cpus"]);
    check("simulate openb:defualt", &["openb:defualt", "openb:default"]);
    check("simulate nowhere.swf", &["nowhere.swf"]);
    check("simulate", &["SET"]);
}

#[test]
fn a_policy_file_decides_like_the_built_in_policy_of_its_formula() {
    let directory = directory();
    let path = directory.path();
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for name in ["worst-fit", "sjf"] {
        std::fs::copy(policies.join(format!("{name}.policy")), path.join(format!("{name}.policy"))).unwrap();
    }
    let of = |node: &str, order: &str| {
        let args = ["simulate", "small.jsonl", "--policy", node, "--order", order, "--output", "json"];
        let json = figures(path, &args);
        json["policies"][0]["runs"].clone()
    };
    assert_eq!(of("worst-fit.policy", "sjf.policy"), of("worst-fit", "sjf"));
    assert_ne!(of("worst-fit.policy", "sjf.policy"), of("worst-fit.policy", "fifo"), "the file decides");
    for (args, message) in [
        (["--policy", "sjf.policy"], "--policy sjf.policy: this file orders a queue"),
        (["--order", "worst-fit.policy"], "--order worst-fit.policy: this file scores nodes"),
        (["--policy", "none.policy"], "--policy none.policy: cannot be read"),
    ] {
        let output = run(path, &["simulate", "small.jsonl", args[0], args[1]]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(message), "{args:?}: {text}");
    }
}

#[test]
fn our_own_policies_are_there_by_name() {
    let directory = directory();
    let listed = stdout(directory.path(), &["policies", "--output", "json"]);
    for name in ["plimsoll-gpu", "patient-saf"] {
        assert!(listed.contains(&format!("\"{name}\"")), "{name}");
    }
    let args = ["simulate", "small.jsonl", "--policy", "plimsoll-gpu", "--order", "patient-saf", "--output", "json"];
    assert_eq!(figures(directory.path(), &args)["policies"][0]["order"], "patient-saf");
}
