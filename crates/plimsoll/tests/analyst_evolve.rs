//! A search for formulas in the background of a real installation: a wasteful formula is found out, what is found is judged by the gate
//! and, approved, runs fewer replicas; the budget of a day holds and outlives the daemon; a history that is too short is said.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::analyst::{all_whole, in_time, metric, noted, spec, whole};
use common::load::RunningLoad;
use common::{Installation, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A service that always has four replicas more than it needs, with searches.
fn wasteful(name: &str, evolve: &str) -> String {
    let evolve = format!("[analyst.evolve]\n{evolve}");
    spec(name, "advise", &evolve)
        .replace("every = \"20s\"", "every = \"1h\"")
        .replace("min = 6, max = 8", "min = 1, max = 8")
        // A busy machine's slow moment is no reason to take anything back here.
        .replace("burn = \"3s\"", "burn = \"1h\"")
        .replace("request_rate = \"200/s\"", "request_rate = \"200/s\"\nformula = \"needed + 4replica\"")
}

fn start(name: &str, evolve: &str) -> (Installation, RunningLoad) {
    let installation = Installation::start(&wasteful(name, evolve));
    installation.wait_ready("web", 4);
    let load = RunningLoad::constant(&installation.gateway(), 15.0, 900.0, 0.0);
    (installation, load)
}

fn searches(installation: &Installation) -> Vec<Value> {
    let found = installation.get("/v1/proposals").unwrap_or_default();
    found["searches"].as_array().cloned().unwrap_or_default()
}

fn runs(installation: &Installation, outcome: &str) -> f64 {
    let series = format!("plimsoll_analyst_search_runs_total{{service=\"web\",outcome=\"{outcome}\"}}");
    metric(installation, &series).unwrap_or_default()
}

fn cpu(installation: &Installation, kind: &str) -> f64 {
    metric(installation, &format!("plimsoll_analyst_search_cpu_seconds{{kind=\"{kind}\"}}")).unwrap_or(-1.0)
}

#[test]
fn a_wasteful_formula_is_found_out_and_what_replaces_it_goes_through_the_gate() {
    let (installation, load) = start("evolve", "every = \"1m\"\ncpu = \"20s\"\non = [\"schedule\"]");
    // The first looks come before there is enough to search on, and say so with the numbers.
    let short = in_time("a first search", || searches(&installation).into_iter().next());
    assert_eq!((short["service"].as_str(), short["occasion"]["kind"].as_str()), (Some("web"), Some("schedule")));
    assert!(short["said"].as_str().unwrap().contains("360 are needed"), "{short}");
    // Which of the first few passes the gate depends on what the load was like.
    let passed = |it: &Value| it["by"] == "search" && it["state"] == "waiting";
    let found = in_time("a proposal of the search", || all_whole(&installation).into_iter().find(passed));
    assert!(found["verdict"]["proof"].is_object(), "{found}");
    let change = &found["proposal"]["changes"][0];
    assert_eq!(
        (change["field"].as_str(), change["from"]["text"].as_str()),
        (Some("formula"), Some("needed + 4replica"))
    );
    assert!(
        found["about"].as_str().unwrap().starts_with("against over-provisioned: changes scaling.formula"),
        "{found}"
    );
    assert_eq!(found["proposal"]["claim"]["figure"], "price core_hours");
    assert!(!found["proposal"]["evidence"].as_array().unwrap().is_empty(), "{found}");
    // Told by the API, the command line, the journal and the metrics.
    let search = noted(&installation, "searched")
        .into_iter()
        .find(|it| it["searched"]["formula"] == change["to"]["text"])
        .unwrap_or_else(|| panic!("{:?}", noted(&installation, "searched")));
    assert!(search["searched"]["price"].as_f64().unwrap() < 1.0 && search["searched"]["episodes"].as_u64() > Some(0));
    let listed = installation.stdout(&["analyst", "proposals"]);
    assert!(listed.contains("scaling.formula") && listed.contains("search for web at "), "{listed}");
    let findings = installation.stdout(&["analyst", "findings", "web"]);
    assert!(findings.contains("search for web at "), "{findings}");
    assert!(!noted(&installation, "sought").is_empty());
    assert!(runs(&installation, "proposed") >= 1.0 && runs(&installation, "too_little") >= 1.0);
    assert!(metric(&installation, "plimsoll_analyst_search_gain{service=\"web\"}").unwrap() > 0.0);
    assert!(metric(&installation, "plimsoll_analyst_search_episodes_total").unwrap() > 0.0);
    // Nothing changed yet. Approved, it comes into force on trial, with fewer replicas.
    let before = installation.service("web")["target"].as_u64().unwrap();
    assert!(before >= 4);
    let id = found["id"].as_str().unwrap();
    installation.stdout(&["analyst", "approve", id, "--by", "ann"]);
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let told =
            || format!("{} {} {}", change["to"], installation.service("web"), whole(&installation, id)["course"]);
        let target = installation.service("web")["target"].as_u64();
        assert!(whole(&installation, id)["state"] != "rolled-back", "{}", told());
        // How many fewer depends on the formula, and that on what the load was like here.
        if target.is_some_and(|target| target < before) {
            break;
        }
        assert!(Instant::now() < deadline, "still {before} replicas: {}", told());
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = load.stop();
    assert!(installation.stdout(&["replay"]).contains(" 0 different"));
}

#[test]
fn the_budget_of_a_day_holds_and_outlives_the_daemon() {
    // Four searches a day of half a second each: soon over.
    let (mut installation, load) = start("frugal", "every = \"1m\"\ncpu = \"2s\"");
    let spent = in_time("a day's budget", || {
        let searches = searches(&installation);
        let over = searches.iter().find(|it| it["searched"]["outcome"] == "budget")?;
        assert!(over["said"].as_str()?.contains("of 2.0 CPU seconds of this day are spent"), "{over}");
        Some(cpu(&installation, "spent"))
    });
    // What chooses and proves is bounded by steps, and may end a little above.
    assert!((2.0..20.0).contains(&spent) && cpu(&installation, "most") == 2.0, "{spent}");
    let judged = runs(&installation, "proposed") + runs(&installation, "not_better");
    assert!(judged >= 1.0, "it searched before that");
    let last = searches(&installation);
    installation.kill_daemon();
    installation.up();
    // The same day goes on: it is spent, and what was found is there.
    eventually("the budget of the day", || (cpu(&installation, "spent") >= spent).then_some(()));
    let kept = searches(&installation);
    assert_eq!(kept[0]["searched"]["formulas"], last[0]["searched"]["formulas"]);
    assert!(!kept[0]["searched"]["formulas"].as_array().unwrap().is_empty(), "{kept:?}");
    in_time("a search that is refused its time", || (runs(&installation, "budget") >= 1.0).then_some(()));
    // Being asked costs next to nothing.
    assert!(cpu(&installation, "spent") < spent + 1.0);
    assert_eq!(runs(&installation, "proposed") + runs(&installation, "not_better"), 0.0);
    let _ = load.stop();
}
