//! `plimsoll export`: every metric and label that a dashboard or a rule asks for is one that a running daemon exports; the rules
//! are ones that Prometheus takes; the dashboards hold against Grafana's published schema.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, PLIMSOLL, eventually, follower, get};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn export(dir: &Path) -> BTreeMap<String, String> {
    let output = Command::new(PLIMSOLL).args(["export", "grafana", "--out"]).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Every expression of a dashboard: of panels, annotations and variables.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Some(text)) = (name == "expr" || name == "query", value.as_str()) {
                    found.push(text.to_owned());
                }
                expressions(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// Names of metrics in an expression, each with the labels that it is asked for.
fn asked(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = expression.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = expression[at..].find("plimsoll_").map(|start| at + start) {
        let end = (start..bytes.len()).find(|at| !is_word(bytes[*at])).unwrap_or(bytes.len());
        let labels = match bytes.get(end) {
            Some(b'{') => {
                let close = end + expression[end..].find('}').unwrap();
                let pairs = expression[end + 1..close].split(',').filter(|pair| !pair.is_empty());
                pairs.map(|pair| pair.split(['=', '!']).next().unwrap().trim().to_owned()).collect()
            }
            _ => Vec::new(),
        };
        found.push((expression[start..end].to_owned(), labels));
        at = end;
    }
    found
}

/// Names of samples that a page of metrics declares or shows, with the labels seen.
fn exported(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            found.entry(format!("{name}{suffix}")).or_default();
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap().to_owned();
            let labels = line.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap().0).unwrap_or_default();
            let names = labels.split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
            found.entry(name).or_default().extend(names);
        }
    }
    found
}

#[test]
fn every_metric_and_label_that_is_asked_for_is_exported_by_a_running_installation() {
    let breaker = "balance = { breaker = { failure_share = \"50%\" } }\n";
    let spec = follower("export", 1).replace("startup = \"500ms\"\n", &format!("startup = \"500ms\"\n{breaker}"))
        + "\n[jobs.tidy]\ncommand = [\"true\"]\nrequests = { cpu = \"10m\", memory = \"1MiB\" }\nschedule = \"manual\"\n[webhooks.ops]\nurl = \"http://127.0.0.1:9/\"\n";
    let installation = Installation::start(&spec);
    installation.wait_ready("web", 1);
    eventually("an answer through the gateway", || {
        (get(&format!("{}/", installation.gateway()))?.0 == 200).then_some(())
    });
    // Turned away, so that this too has a line.
    let api: Value = serde_json::from_slice(&fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    let url = format!("http://{}/v1/reload", api["api"].as_str().unwrap());
    common::send(plimsoll_http_client::Ask::post_json(url.parse().unwrap(), ""));
    let seen = eventually("figures of a replica", || {
        let page = installation.get("/metrics")?.as_str()?.to_owned();
        (page.contains("plimsoll_replica_cpu_cores{") && page.contains("plimsoll_requests_finished_total{"))
            .then_some(page)
    });
    let known = exported(&seen);
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    assert_eq!(files.len(), 5, "{:?}", files.keys());
    let mut count = 0;
    for (file, text) in &files {
        let mut all = Vec::new();
        if file.ends_with(".json") {
            expressions(&serde_json::from_str(text).unwrap(), &mut all);
        } else {
            let lines = text.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
            all.extend(lines.map(|text| serde_json::from_str::<String>(text).unwrap()));
        }
        assert!(!all.is_empty(), "{file} asks for nothing");
        for (metric, labels) in all.iter().flat_map(|expression| asked(expression)) {
            count += 1;
            let exported = known.get(&metric).unwrap_or_else(|| panic!("{file}: nobody exports {metric}"));
            // A family without a sample yet has no labels to compare with.
            for label in labels.iter().filter(|_| !exported.is_empty()) {
                assert!(exported.contains(label), "{file}: {metric} has no label {label}, only {exported:?}");
            }
        }
    }
    assert!(count > 50, "{count} metrics are asked for");
}

#[test]
fn the_dashboards_have_what_grafana_requires_and_no_panel_lies_on_another() {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in export(dir.path()).iter().filter(|(file, _)| file.ends_with(".json")) {
        let board: Value = serde_json::from_str(text).unwrap();
        for field in ["uid", "title", "schemaVersion", "panels", "templating", "annotations", "time", "tags"] {
            assert!(!board[field].is_null(), "{file}: {field}");
        }
        assert!(board["uid"].as_str().unwrap().len() <= 40 && board["schemaVersion"].as_u64().unwrap() >= 36, "{file}");
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in board["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {title} has the id of another");
            assert!(matches!(panel["type"].as_str().unwrap(), "timeseries" | "stat" | "table"), "{file}: {title}");
            assert_eq!(panel["datasource"]["type"], "prometheus", "{file}: {title}");
            let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24 && at("h") > 0, "{file}: {title} is outside the grid");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{file}: {title} lies on another panel");
                }
            }
            let mut letters = BTreeSet::new();
            for target in panel["targets"].as_array().unwrap() {
                assert!(letters.insert(target["refId"].as_str().unwrap()), "{file}: {title}");
                assert!(!target["expr"].as_str().unwrap().is_empty(), "{file}: {title}");
            }
            assert!(!letters.is_empty() && panel["fieldConfig"]["defaults"].is_object(), "{file}: {title}");
        }
        // What is written in `$` is a variable that the dashboard has.
        let variables: Vec<&str> =
            board["templating"]["list"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        for name in ["service", "datasource"].into_iter().filter(|name| text.contains(&format!("${name}\""))) {
            assert!(variables.contains(&name), "{file}: ${name}");
        }
        assert!(variables.contains(&"datasource"), "{file}");
    }
}

#[test]
fn prometheus_takes_the_rules_and_the_scrape_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    assert_eq!(files["plimsoll-rules.yml"].matches("- alert: ").count(), 10);
    let installation = Installation::start(&follower("scrape", 1));
    let scrape = dir.path().join("scrape.yml");
    fs::write(&scrape, installation.stdout(&["export", "prometheus"])).unwrap();
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_none(), "promtool is missing");
        println!("did not run: prometheus_takes_the_rules_and_the_scrape_configuration: needs promtool");
        return;
    }
    let check = |what: &[&str], path: &Path| {
        let output = Command::new("promtool").arg("check").args(what).arg(path).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = check(&["rules"], &dir.path().join("plimsoll-rules.yml"));
    assert!(said.contains("10 rules found"), "{said}");
    check(&["config", "--syntax-only"], &scrape);
}

/// Python with Grafana's own types of its schema: where `PLIMSOLL_GRAFANA_SDK` says, or in `target/grafana-sdk`, where `.ci/run`
/// installs them.
fn python_with_schema() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_GRAFANA_SDK").map(PathBuf::from);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/grafana-sdk/bin/python");
    let has_it = |path: &PathBuf| {
        let asked = Command::new(path).args(["-c", "import grafana_foundation_sdk"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    named.into_iter().chain([installed]).find(has_it)
}

#[test]
fn the_dashboards_hold_against_the_schema_that_grafana_publishes_and_a_wrong_one_does_not() {
    let Some(python) = python_with_schema() else {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_none(), "grafana-foundation-sdk is missing");
        println!(
            "did not run: the_dashboards_hold_against_the_schema_that_grafana_publishes_and_a_wrong_one_does_not: needs \
             grafana-foundation-sdk"
        );
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let all: Vec<PathBuf> = export(temp.path())
        .into_keys()
        .filter(|name| name.ends_with(".json"))
        .map(|name| temp.path().join(name))
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grafana/validate.py");
    let validate = |files: &[PathBuf]| {
        let output = Command::new(&python).arg("-B").arg(&script).args(files).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let (is_good, said) = validate(&all);
    assert!(is_good && said.lines().count() == all.len() && all.len() >= 4, "{said}");
    print!("{said}");
    // What holds nothing back finds nothing: each of these faults is found.
    let overview = temp.path().join("plimsoll-overview.json");
    let whole: Value = serde_json::from_str(&fs::read_to_string(&overview).unwrap()).unwrap();
    for (pointer, wrong, complaint) in [
        ("/panels/0/gridPos/h", json!("four"), "is no int"),
        ("/panels/0/targets/0", json!({ "refId": "A", "expr": "up", "kolour": "red" }), "no such field"),
        ("/templating/list/0/type", json!("guess"), "is none of"),
        ("/refresh", json!(5), "is no str"),
    ] {
        let mut bad = whole.clone();
        *bad.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = wrong;
        let path = temp.path().join("bad.json");
        fs::write(&path, bad.to_string()).unwrap();
        let (is_good, said) = validate(&[path]);
        assert!(!is_good && said.contains(complaint), "{pointer}: {said}");
    }
}
