//! `plimsoll plan` and `plimsoll up` on what runs: the differences, what they do, what the twin predicts, and the reload.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::load::RunningLoad;
use common::pty::Pty;
use common::{Installation, PLIMSOLL, eventually, follower};
use expect_test::{Expect, expect};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;

const BEFORE: &str = r#"
name = "shop"
tick = "10s"
[gateway]
listen = "127.0.0.1:8080"
routes = [{ service = "web" }]
[services.web]
command = ["server", "{port}"]
env = { MODE = "fast", API_TOKEN = "old" }
replicas = { min = 1, max = 40 }
requests = { cpu = "500m", memory = "256MiB" }
startup = "30s"
scaling = { request_rate = "20/s" }
[services.mail]
command = ["mail", "{port}"]
replicas = 2
requests = { cpu = "100m", memory = "32MiB" }
"#;

/// A day and a half of one recorded service: a wave from 40/s to 200/s every six hours, a value a minute.
fn wave() -> String {
    let mut csv = "seconds,rps\n".to_owned();
    for minute in 0..2_160_u32 {
        let within = minute % 360;
        let share = if within < 180 { within } else { 360 - within };
        let _ = writeln!(csv, "{},{}", minute * 60, 40 + share * 160 / 180);
    }
    csv
}

/// Runs lines in a directory with the files of these tests; what was said, and how it ended.
fn session(after: &str, lines: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    file("before.toml", BEFORE);
    file("after.toml", after);
    file("broken.toml", &BEFORE.replace("min = 1", "minn = 1"));
    file("wave.csv", &wave());
    let mut told = String::new();
    for line in lines {
        let output = Command::new(PLIMSOLL)
            .args(line.split(' '))
            .current_dir(&dir)
            .env_remove("PLIMSOLL_STATE_DIR")
            .env("XDG_STATE_HOME", dir.path())
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "110")
            .output()
            .unwrap();
        let _ = writeln!(told, "$ plimsoll {line}");
        for text in [&output.stdout, &output.stderr] {
            told.push_str(&String::from_utf8_lossy(text).replace(dir.path().to_str().unwrap(), "DIR"));
        }
        let _ = writeln!(told, "[{}]", output.status.code().unwrap());
    }
    told
}

fn check(after: &str, lines: &[&str], wanted: &Expect) {
    wanted.assert_eq(&session(after, lines));
}

#[test]
fn every_difference_is_named_with_what_it_does_and_secrets_stay_hidden() {
    let after = BEFORE
        .replace("20/s", "25/s")
        .replace("\"fast\"", "\"slow\"")
        .replace("\"old\"", "\"new\"")
        .replace("max = 40", "max = 30")
        .replace("startup = \"30s\"", "startup = \"20s\"")
        .replace("tick = \"10s\"", "tick = \"5s\"\n[clock]\nspeed = 2\n[history]\nraw = \"2h\"")
        .replace("services.mail", "services.post");
    check(
        &after,
        &["plan after.toml --against before.toml --no-effect"],
        &expect![[r#"
        $ plimsoll plan after.toml --against before.toml --no-effect
        Against before.toml:

          ~ clock.speed: 1 → 2  (not while it runs)
          ~ history.raw: "2d" → "2h"  (at the next start of the daemon)
          ~ tick: "10s" → "5s"  (at the next start of the daemon)
          - services.mail: drains and stops 2 replicas
          + services.post: starts 2 replicas
          ~ services.web.env.API_TOKEN: "***" → "***"  (replaces the replicas, one after another)
          ~ services.web.env.MODE: "fast" → "slow"  (replaces the replicas, one after another)
          ~ services.web.replicas.max: 40 → 30  (in place)
          ~ services.web.scaling.request_rate: "20/s" → "25/s"  (in place)
          ~ services.web.startup: "30s" → "20s"  (in place)

        Plan: 1 to add, 8 to change, 1 to remove; 2 only by a new daemon.
        warning[doubtful]: `API_TOKEN` looks like a secret, and it is written into the spec
          --> after.toml:13:36
           |
        13 | env = { MODE = "slow", API_TOKEN = ***** }
           |                                    ^^^^^
           |
           = field: services.web.env.API_TOKEN
           = help: keep it in a file that only the service's user can read, and pass the file's path

        after.toml: 1 warning
        warning[doubtful]: `API_TOKEN` looks like a secret, and it is written into the spec
         --> before.toml:9:36
          |
        9 | env = { MODE = "fast", API_TOKEN = ***** }
          |                                    ^^^^^
          |
          = field: services.web.env.API_TOKEN
          = help: keep it in a file that only the service's user can read, and pass the file's path

        before.toml: 1 warning
        [0]
    "#]],
    );
}

#[test]
fn exit_codes_are_those_that_people_know() {
    let after = BEFORE.replace("20/s", "25/s");
    let lines = [
        "plan before.toml --against before.toml --detailed-exitcode",
        "plan after.toml --against before.toml --no-effect --detailed-exitcode",
        "plan after.toml --against before.toml --no-effect",
        "plan broken.toml --detailed-exitcode -q",
        "plan after.toml --detailed-exitcode --ahed 3h",
        "plan after.toml --ahed 3h",
        "plan after.toml",
        "up after.toml --dry-run",
    ];
    let told = session(&after, &lines);
    let codes: Vec<&str> = told.lines().filter(|line| line.starts_with('[') && line.ends_with(']')).collect();
    assert_eq!(codes, ["[0]", "[2]", "[0]", "[1]", "[1]", "[2]", "[0]", "[0]"], "{told}");
    assert!(told.contains("Nothing to do: before.toml has this spec already."), "{told}");
    assert!(told.contains("+ services.web: starts 1 replica\n"), "where nothing runs everything is new: {told}");
}

#[test]
fn a_recorded_day_predicts_that_fewer_replicas_cost_less_and_are_under_need_more() {
    let after = BEFORE.replace("20/s", "40/s");
    let line = "plan after.toml --against before.toml --recorded wave.csv --price-cpu 0.04 --ahead 2h";
    check(
        &after,
        &[line],
        &expect![[r#"
        $ plimsoll plan after.toml --against before.toml --recorded wave.csv --price-cpu 0.04 --ahead 2h
        Against before.toml:

          ~ services.web.scaling.request_rate: "20/s" → "40/s"  (in place)

        Plan: 0 to add, 1 to change, 0 to remove.

        Predicted by the twin:

        SERVICE  OVER                      SPEC     REPLICAS  MOST  CORE·H  GIB·H  PRICE  UNDER NEED  REQUESTS  STARTS
        ───────  ────────────────────────  ───────  ────────  ────  ──────  ─────  ─────  ──────────  ────────  ──────
        web      21h from 1970-01-01 15:…  runs          6.3    10   66.60  33.30   2.66     23.49 %    1.48 %      21
        web      21h from 1970-01-01 15:…  planned       3.4     5   35.99  17.99   1.44     99.21 %   42.75 %       9
        web      next 2h                   runs          5.0     7    4.99   2.50   0.20     48.06 %    2.52 %       4
        web      next 2h                   planned       2.8     4    2.82   1.41   0.11     96.67 %   43.37 %       2

        web: a replica may carry 20/s: scaling.request_rate
        web: the load ahead is the median forecast from 1d12h recorded
        warning[doubtful]: `API_TOKEN` looks like a secret, and it is written into the spec
         --> after.toml:9:36
          |
        9 | env = { MODE = "fast", API_TOKEN = ***** }
          |                                    ^^^^^
          |
          = field: services.web.env.API_TOKEN
          = help: keep it in a file that only the service's user can read, and pass the file's path

        after.toml: 1 warning
        warning[doubtful]: `API_TOKEN` looks like a secret, and it is written into the spec
         --> before.toml:9:36
          |
        9 | env = { MODE = "fast", API_TOKEN = ***** }
          |                                    ^^^^^
          |
          = field: services.web.env.API_TOKEN
          = help: keep it in a file that only the service's user can read, and pass the file's path

        before.toml: 1 warning
        [0]
    "#]],
    );
    let told = session(&after, &[&format!("{line} --output json")]);
    // Warnings about the two files follow the answer.
    let answer = told.split_once('\n').unwrap().1;
    let json: Value = serde_json::Deserializer::from_str(answer).into_iter().next().unwrap().unwrap();
    let stretches = json["prediction"]["stretches"].as_array().unwrap();
    assert_eq!(stretches.len(), 2, "{json}");
    for stretch in stretches {
        let figure = |spec: &str, name: &str| stretch[spec][name].as_f64().unwrap();
        assert!(figure("planned", "core_hours") < figure("running", "core_hours") * 0.7, "{stretch}");
        let (planned, running) = (figure("planned", "under_time_pct"), figure("running", "under_time_pct"));
        assert!(planned > 90.0 && planned > running + 30.0, "{stretch}");
        assert!((figure("running", "price") - figure("running", "core_hours") * 0.04).abs() < 1e-9, "{stretch}");
    }
    assert_eq!(json["changes"][0]["effect"], "in_place", "{json}");
}

/// A service under load on a quick clock.
fn quick(name: &str) -> String {
    follower(name, 1).replace("[api]", "[clock]\nspeed = 10\n[api]")
}

#[test]
fn a_running_installation_is_planned_changed_and_then_has_nothing_to_do() {
    let installation = Installation::start(&quick("plan"));
    installation.wait_ready("web", 1);
    let load = RunningLoad::constant(&installation.gateway(), 50.0, 4.0, 0.0);
    installation.wait_ready("web", 3);
    load.report();
    let spec = installation.spec_path();
    let spec = spec.to_str().unwrap();
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&installation.stdout(arguments)).unwrap() };
    assert_eq!(json(&["plan", spec, "--output", "json"])["changes"], serde_json::json!([]));

    installation.write_spec(
        &quick("plan")
            .replace("min = 1", "min = 2")
            .replace("\"20/s\"", "\"10/s\"")
            .replace("--port\"", "--body-bytes\", \"99\", \"--port\""),
    );
    let plan = json(&["plan", spec, "--output", "json"]);
    let effects: Vec<(&str, &str)> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["field"].as_str().unwrap(), change["effect"].as_str().unwrap()))
        .collect();
    assert_eq!(
        effects,
        [
            ("services.web.command", "replaces"),
            ("services.web.replicas.min", "in_place"),
            ("services.web.scaling.request_rate", "in_place")
        ],
        "{plan}"
    );
    let stretches = plan["prediction"]["stretches"].as_array().unwrap();
    assert_eq!(stretches.len(), 2, "{plan}");
    let mean = |stretch: &Value, spec: &str| stretch[spec]["replicas_mean"].as_f64().unwrap();
    assert!(mean(&stretches[0], "planned") > mean(&stretches[0], "running"), "{plan}");
    assert_eq!(
        installation.service("web")["target"].as_u64().map(|target| target <= 5),
        Some(true),
        "nothing was touched"
    );

    let shown = installation.stdout(&["up", spec, "--dry-run", "--no-effect"]);
    assert!(shown.contains("~ services.web.replicas.min: 1 → 2  (in place)"), "{shown}");
    let refused = installation.run(&["up", spec, "--no-effect"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`--yes` takes these 3 changes over"), "{refused:?}");
    assert_eq!(json(&["plan", spec, "--output", "json", "--no-effect"])["changes"].as_array().unwrap().len(), 3);
    let done = installation.stdout(&["up", spec, "--yes", "--no-effect"]);
    assert!(done.contains("Taken over:"), "{done}");
    installation.wait_ready("web", 2);
    let again = installation.stdout(&["up", spec, "--yes"]);
    assert!(again.starts_with("Nothing to do: what runs as plan"), "{again}");
}

#[test]
fn up_on_what_runs_asks_on_a_terminal_and_takes_no_for_an_answer() {
    let installation = Installation::start(&follower("asked", 1));
    installation.wait_ready("web", 1);
    let other = installation.dir.path().join("other.toml");
    let text = std::fs::read_to_string(installation.spec_path()).unwrap().replace("min = 1", "min = 3");
    std::fs::write(&other, text).unwrap();
    for (answer, replicas) in [("n\r", 1), ("y\r", 3)] {
        let mut up = Pty::run(&installation.state_dir(), &["up", other.to_str().unwrap(), "--no-effect"], 100, 30);
        eventually("the question", || up.told().contains("Take this over? [y/N]").then_some(()));
        up.send(answer);
        assert_eq!(up.ended().success(), replicas == 3, "{}", up.told());
        eventually("the number of replicas", || (installation.service("web")["target"] == replicas).then_some(()));
    }
}

#[test]
fn what_a_reload_refuses_is_said_before_anybody_is_asked() {
    let installation = Installation::start(&follower("bound", 1));
    installation.wait_ready("web", 1);
    installation.write_spec(&follower("bound", 1).replace("[api]", "[clock]\nspeed = 7\n[api]"));
    let spec = installation.spec_path();
    let plan = installation.stdout(&["plan", spec.to_str().unwrap()]);
    assert!(
        plan.contains("~ clock.speed: 1 → 7  (not while it runs)") && plan.contains("A reload refuses this"),
        "{plan}"
    );
    let refused = installation.run(&["up", spec.to_str().unwrap(), "--yes"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot change while running"), "{refused:?}");
}
