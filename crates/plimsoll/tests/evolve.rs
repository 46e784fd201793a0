//! `plimsoll evolve` as a person types it: sets in; a policy file, a judgement, a picture and a checkpoint out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_stats::Random;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// One machine of 32 cores and jobs of very different lengths that keep it busy.
fn log(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::from("{\"plimsoll_cluster\":1}\n");
    text.push_str("{\"node\":{\"name\":\"a\",\"capacity\":{\"cpu\":32000,\"memory\":8589934592}}}\n");
    let mut at = 0;
    for job in 0..400_u32 {
        at += random.below(120_000);
        let cores = 1 << random.below(5);
        let run = if random.below(4) == 0 { 600_000 + random.below(3_600_000) } else { 5_000 + random.below(60_000) };
        // What users say is longer than what is true.
        let said = run * (1 + random.below(4));
        let _ = writeln!(
            text,
            r#"{{"task":{{"id":"{job}","requests":{{"cpu":{}}},"submitted":{at},"run_time":{said}}},"run_time_true_ms":{run}}}"#,
            cores * 1_000
        );
    }
    text
}

/// Nodes of two kinds with GPUs, and tasks that ask for shares of one, whole ones or none.
fn cluster(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::from("{\"plimsoll_cluster\":1}\n");
    for node in 0..40_u32 {
        let (cpu, gpus) = if node % 2 == 0 { (96_000, 8) } else { (64_000, 2) };
        let _ = writeln!(
            text,
            r#"{{"node":{{"name":"n{node:03}","capacity":{{"cpu":{cpu},"memory":137438953472,"gpus":{{"count":{gpus},"model":"T4"}}}}}}}}"#
        );
    }
    for task in 0..250_u32 {
        let (count, milli) = [(1, 250), (1, 500), (1, 1_000), (2, 1_000), (8, 1_000)][random.below(5) as usize];
        let cpu = 1_000 * (1 + random.below(12));
        let _ = writeln!(
            text,
            r#"{{"task":{{"id":"t{task}","requests":{{"cpu":{cpu},"gpu":{{"count":{count},"milli":{milli}}}}}}}}}"#
        );
    }
    text
}

/// Four days of a load by the minute: a wave a day, a rise each hour, noise, and crowds at odd times.
fn load(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::from("timestamp,value\n");
    let mut crowd = 0.0;
    for minute in 0..4 * 1_440_u32 {
        let wave = 300.0 + 150.0 * (f64::from(minute) / 229.2).sin();
        let hourly = if minute % 60 < 5 { 80.0 } else { 0.0 };
        crowd = if random.below(400) == 0 { 400.0 } else { crowd * 0.8 };
        let value = (wave + hourly + crowd) * (1.0 + 0.05 * random.normal());
        let _ = writeln!(text, "{},{:.1}", 1_700_000_000 + u64::from(minute) * 60, value.max(0.0));
    }
    text
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for seed in 1..=2 {
        std::fs::write(directory.path().join(format!("log{seed}.jsonl")), log(seed)).unwrap();
        std::fs::write(directory.path().join(format!("gpus{seed}.jsonl")), cluster(seed)).unwrap();
        std::fs::write(directory.path().join(format!("load{seed}.csv")), load(seed)).unwrap();
    }
    directory
}

fn plimsoll(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).current_dir(directory).args(args).output().unwrap()
}

const QUEUE: &[&str] =
    &["evolve", "--task", "queue", "--learn", "log1.jsonl", "--test", "log2.jsonl", "--scale", "20", "--quiet"];
const PLACEMENT: &[&str] = &[
    "evolve",
    "--task",
    "placement",
    "--learn",
    "gpus1.jsonl",
    "--test",
    "gpus2.jsonl",
    "--scale",
    "400",
    "--seeds",
    "2",
    "--quiet",
];

const AUTOSCALE: &[&str] =
    &["evolve", "--task", "autoscale", "--learn", "load1.csv", "--test", "load2.csv", "--scale", "40", "--quiet"];

fn json(output: &Output) -> Value {
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_order_of_the_queue_is_found_written_judged_and_runs_in_simulate() {
    let directory = directory();
    let here = directory.path();
    // From first come, first served.
    std::fs::write(here.join("fifo.policy"), "# name: fifo\n# kind: queue\n\n0 - wait / 1h\n").unwrap();
    let args = ["--start", "fifo.policy", "--episodes", "25", "--output", "json", "--plot", "c.svg"];
    let found = json(&plimsoll(here, &[QUEUE, &args].concat()));
    let curve = found["curve"].as_array().unwrap();
    let (first, last) = (curve[0]["best"].as_f64().unwrap(), curve.last().unwrap()["best"].as_f64().unwrap());
    assert!(last > first, "{first} {last}");
    assert_eq!(found["episodes"], 25);
    assert_eq!(found["judgement"][0]["log"], "log2.jsonl");
    let policy = std::fs::read_to_string(here.join("evolved.policy")).unwrap();
    assert_eq!(found["policy"], policy);
    assert!(policy.starts_with("# name: evolved\n# kind: queue\n# source: plimsoll evolve --task queue --seed 1"));
    assert!(std::fs::read_to_string(here.join("c.svg")).unwrap().contains("<svg"));
    let simulated = plimsoll(
        here,
        &["simulate", "log2.jsonl", "--order", "evolved.policy", "--backfill", "easy", "--output", "json", "--quiet"],
    );
    assert!(simulated.status.success(), "{}", String::from_utf8_lossy(&simulated.stderr));
    let again = plimsoll(here, &[QUEUE, &["--episodes", "1"]].concat());
    assert!(String::from_utf8_lossy(&again.stderr).contains("evolved.policy is there already"));
}

#[test]
fn a_search_that_went_on_from_a_checkpoint_ends_as_one_that_never_stopped() {
    let directory = directory();
    let here = directory.path();
    let run = |episodes: &str, out: &str, more: &[&str]| {
        let args = ["--episodes", episodes, "--out", out, "--output", "json"];
        json(&plimsoll(here, &[QUEUE, &args, more].concat()))
    };
    let whole = run("12", "whole.policy", &[]);
    run("5", "half.policy", &["--checkpoint", "search.json"]);
    let resumed = run("12", "resumed.policy", &["--checkpoint", "search.json", "--resume"]);
    for figure in ["curve", "arms", "elites", "judgement", "candidates"] {
        assert_eq!(whole[figure], resumed[figure], "{figure}");
    }
    let other = [PLACEMENT, &["--checkpoint", "search.json", "--resume"]].concat();
    let refused = plimsoll(here, &other);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("search.json") && told.contains("one for task queue, and this is placement"), "{told}");
    std::fs::write(here.join("search.json"), "{").unwrap();
    let broken = plimsoll(here, &[QUEUE, &["--checkpoint", "search.json", "--resume", "--out", "x.policy"]].concat());
    assert_eq!(broken.status.code(), Some(1));
}

#[test]
fn a_score_of_nodes_is_found_and_the_report_says_whether_it_holds() {
    let directory = directory();
    let here = directory.path();
    let output = plimsoll(here, &[PLACEMENT, &["--episodes", "10"]].concat());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    for word in ["mutation", "crossing", "cma-es", "learning", "gpus2.jsonl", "lowest-name", "random", "beside FGD"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert_eq!(output.status.code() == Some(0), told.contains("it holds"), "{told}");
    let read = plimsoll(here, &["simulate", "gpus2.jsonl", "--policy", "evolved.policy", "--demand", "1.3", "--quiet"]);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn a_formula_for_replicas_is_found_with_its_proof_the_same_again_from_a_checkpoint() {
    let directory = directory();
    let here = directory.path();
    let run = |episodes: &str, out: &str, more: &[&str]| {
        let args = ["--episodes", episodes, "--out", out, "--output", "json"];
        json(&plimsoll(here, &[AUTOSCALE, &args, more].concat()))
    };
    let whole = run("12", "whole.policy", &["--plot", "c.html"]);
    let curve = whole["curve"].as_array().unwrap();
    // The tuned default is where it starts, and it is worth nothing beside itself.
    assert!(curve[0]["best"].as_f64().unwrap().abs() < 0.05, "{curve:?}");
    assert!(curve.last().unwrap()["best"].as_f64().unwrap() >= curve[0]["best"].as_f64().unwrap());
    assert!(whole["chosen"]["nodes"].as_u64().unwrap() <= 25);
    assert_eq!(whole["judgement"][0]["series"], "load2");
    assert_eq!(whole["judgement"].as_array().unwrap().len(), 2, "one series at two start-up times");
    let proof: Value = serde_json::from_slice(&std::fs::read(here.join("whole.proof.json")).unwrap()).unwrap();
    assert_eq!(proof, whole);
    run("5", "half.policy", &["--checkpoint", "search.json"]);
    let resumed = run("12", "resumed.policy", &["--checkpoint", "search.json", "--resume"]);
    for figure in ["curve", "arms", "elites", "judgement", "candidates", "chosen"] {
        assert_eq!(whole[figure], resumed[figure], "{figure}");
    }
    let policy = std::fs::read_to_string(here.join("whole.policy")).unwrap();
    assert!(policy.starts_with("# name: whole\n# kind: scaling\n# price: "), "{policy}");
}

#[test]
fn what_cannot_be_searched_is_refused_with_what_would_do() {
    let directory = directory();
    let here = directory.path();
    let told = |args: &[&str]| {
        let output = plimsoll(here, args);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?} gave {:?}", output.status.code());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let same = told(&["evolve", "--task", "queue", "--learn", "log1.jsonl", "--test", "log1.jsonl"]);
    assert!(same.contains("log1.jsonl is among --learn and --test"), "{same}");
    let input = told(&[QUEUE, &["--inputs", "luck"]].concat());
    assert!(input.contains("there is no input `luck`; there is: submitted, wait"), "{input}");
    assert!(told(&[QUEUE, &["--nodes", "4"]].concat()).contains("5..=120"));
    assert!(told(&[QUEUE, &["--cpu", "soon"]].concat()).contains("--cpu soon"));
    let none = told(&["evolve", "--task", "placement", "--learn", "log1.jsonl", "--test", "gpus1.jsonl"]);
    assert!(none.contains("log1.jsonl: this task counts GPUs"), "{none}");
    std::fs::write(here.join("start.policy"), "# name: x\n# kind: queue\n\nrun_time\n").unwrap();
    let start = told(&[QUEUE, &["--start", "start.policy"]].concat());
    assert!(start.contains("`run_time`, is no candidate"), "{start}");
    assert!(told(&[QUEUE, &["--start", "none.policy"]].concat()).contains("none.policy"));
    let half = told(&["evolve", "--task", "autoscale", "--learn", "load1.csv"]);
    assert!(half.contains("--learn and --test: give both, or neither"), "{half}");
    let start = told(&[AUTOSCALE, &["--start", "start.policy"]].concat());
    assert!(start.contains("`run_time`, is no candidate: replicas over the inputs given"), "{start}");
}
