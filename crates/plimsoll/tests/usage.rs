//! `plimsoll usage` on a real installation: its sums are those of the journal, by whatever they are grouped.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, PLIMSOLL, eventually, follower, get};
use plimsoll_journal::{Kind, Reader, Start};
use serde_json::Value;
use std::collections::BTreeMap;

const MORE: &str = r#"
[jobs.tidy]
command = ["sleep", "2"]
requests = { cpu = "30m", memory = "8MiB" }
schedule = "manual"
[users.shop-team]
workloads = ["web"]
[prices]
currency = "EUR"
cpu_month = 20
memory_gib_month = 3
"#;

/// Requested millicore-milliseconds and byte-milliseconds of replicas and runs, straight from the JSON of the journal.
fn direct(installation: &Installation) -> (u128, u128) {
    let mut reader = Reader::open(installation.state_dir().join("journal"), Start::Oldest).unwrap();
    let (mut cpu, mut memory) = (0, 0);
    let mut ended: BTreeMap<String, Value> = BTreeMap::new();
    while let Some(record) = reader.read().unwrap() {
        if record.kind != Kind::INPUT {
            continue;
        }
        let step: Value = serde_json::from_slice(&record.payload).unwrap();
        let at = step["at"].as_i64().unwrap();
        for input in step["inputs"].as_array().unwrap() {
            let observation =
                [&input["observed"], &input["Observed"], input].into_iter().find(|it| it["workloads"].is_array());
            let Some(observation) = observation else { continue };
            let workloads = observation["workloads"].as_array().unwrap();
            let id = |status: &Value| status["id"].as_str().unwrap().to_owned();
            if observation["inventory_only"] == true {
                ended.extend(workloads.iter().filter(|it| it["exited"].is_object()).map(|it| (id(it), it.clone())));
                continue;
            }
            let begin = at - observation["interval"].as_i64().unwrap();
            let here: Vec<String> = workloads.iter().map(id).collect();
            let gone = std::mem::take(&mut ended).into_iter().filter(|(id, _)| !here.contains(id)).map(|(_, it)| it);
            for status in workloads.iter().cloned().chain(gone) {
                let end = status["exited"]["at"].as_i64().unwrap_or(at).min(at);
                let held = end - begin.max(status["started_at"].as_i64().unwrap());
                let held = u128::try_from(held.max(0)).unwrap();
                cpu += held * u128::from(status["requests"]["cpu"].as_u64().unwrap());
                memory += held * u128::from(status["requests"]["memory"].as_u64().unwrap());
            }
        }
    }
    (cpu, memory)
}

/// Address of the API.
fn api(installation: &Installation) -> String {
    let file = std::fs::read(installation.state_dir().join("daemon.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    format!("http://{}", file["api"].as_str().unwrap())
}

fn amount(value: &Value) -> u128 {
    value.as_u64().map(u128::from).or_else(|| value.as_str()?.parse().ok()).unwrap()
}

#[test]
fn the_sums_are_those_of_the_journal_by_whatever_they_are_grouped() {
    let mut installation = Installation::start(&(follower("usage", 2) + MORE));
    installation.wait_ready("web", 2);
    installation.stdout(&["job", "run", "tidy"]);
    eventually("a run that is over", || {
        let state = installation.state();
        (state["jobs"][0]["phase"] == "succeeded").then_some(())
    });
    let steps = installation.state()["steps"].as_u64().unwrap();
    eventually("two more steps", || (installation.state()["steps"].as_u64()? > steps + 2).then_some(()));
    // A gap: nobody watches while the replicas run on.
    installation.kill_daemon();
    installation.up();
    let steps = installation.state()["steps"].as_u64().unwrap();
    eventually("two more steps", || (installation.state()["steps"].as_u64()? > steps + 2).then_some(()));
    // What the daemon counts of its own journal is what is counted from the files: both as of a moment that is past.
    let to = installation.state()["trace_time_ms"].as_i64().unwrap() - 1_500;
    let (server, to) = (api(&installation), to.to_string());
    for by in ["service", "user", "job"] {
        for output in ["json", "csv", "text"] {
            let asked = ["usage", "--by", by, "--to", &to, "--output", output];
            let far = std::process::Command::new(PLIMSOLL).args(asked).args(["--server", &server]).output().unwrap();
            assert!(far.status.success(), "{far:?}");
            let far = String::from_utf8(far.stdout).unwrap();
            assert_eq!(far, installation.stdout(&asked), "by {by} as {output}");
            assert!(far.contains("total"), "{far}");
        }
    }
    let (status, refused) = get(&format!("{server}/v1/usage?by=colour")).unwrap();
    assert!(status == 400 && refused.contains("no grouping"), "{refused}");
    let (status, refused) = get(&format!("{server}/v1/usage?from_ms=2&to_ms=1")).unwrap();
    assert!(status == 400 && refused.contains("is not before"), "{refused}");
    installation.terminate();
    let by = |by: &str| -> Value {
        serde_json::from_str(&installation.stdout(&["usage", "--by", by, "--output", "json"])).unwrap()
    };
    let bills: Vec<Value> = ["service", "user", "job"].into_iter().map(by).collect();
    let (cpu, memory) = direct(&installation);
    assert!(cpu > 0 && memory > 0);
    for bill in &bills {
        assert_eq!(bill["total"], bills[0]["total"]);
        for (field, direct) in [("cpu_requested_millicore_ms", cpu), ("memory_requested_byte_ms", memory)] {
            assert_eq!(amount(&bill["total"][field]), direct, "{field} by {}", bill["by"]);
            let rows: u128 = bill["rows"].as_array().unwrap().iter().map(|row| amount(&row[field])).sum();
            assert_eq!(rows, direct, "{field} by {}", bill["by"]);
        }
    }
    let names = |bill: &Value| -> Vec<String> {
        bill["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&bills[0]), ["(jobs)", "web"]);
    assert_eq!(names(&bills[1]), ["(nobody)", "shop-team"]);
    assert_eq!(names(&bills[2]), ["(services)", "tidy"]);
    let text = installation.stdout(&["usage"]);
    assert!(text.contains("web") && text.contains("EUR") && text.contains("total"), "{text}");
    let csv = installation.stdout(&["usage", "--output", "csv"]);
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let columns = |line: &str| line.split(',').count();
    assert!(csv.lines().all(|line| columns(line) == columns(csv.lines().next().unwrap())), "{csv}");
    // Another price list, and a range without samples.
    let list = installation.dir.path().join("next.toml");
    std::fs::write(&list, "name = \"prices\"\n[prices]\ncurrency = \"USD\"\n").unwrap();
    let free: Value =
        serde_json::from_str(&installation.stdout(&["usage", "--prices", list.to_str().unwrap(), "--output", "json"]))
            .unwrap();
    assert_eq!((free["currency"].as_str(), free["total"]["cost"].as_str()), (Some("USD"), Some("0.000000")));
    assert_ne!(bills[0]["total"]["cost"], free["total"]["cost"]);
    assert!(installation.stdout(&["usage", "--to", "2000-01-01T00:00:00Z"]).contains("no sample"));
    let wrong = installation.run(&["usage", "--from", "2", "--to", "1"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is not before --to"), "{wrong:?}");
    assert!(!installation.run(&["usage", "--by", "colour"]).status.success());
}
