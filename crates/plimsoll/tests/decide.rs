//! `plimsoll decide`, `plimsoll import hpa` and `plimsoll schema observation`: the pages that show them, and mistakes.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(args).current_dir(root()).output().unwrap()
}

fn out(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A page with the output of each of its commands (`$ plimsoll …` in a console block) as it is now.
fn page(name: &str) -> (String, String, usize) {
    let written = std::fs::read_to_string(root().join(name)).unwrap();
    let (mut fresh, mut commands, mut skips) = (String::new(), 0, false);
    for line in written.lines() {
        if line == "```" {
            skips = false;
        }
        if skips {
            continue;
        }
        fresh.push_str(line);
        fresh.push('\n');
        if let Some(command) = line.strip_prefix("$ plimsoll ") {
            fresh.push_str(&out(&command.split_whitespace().collect::<Vec<_>>()));
            (commands, skips) = (commands + 1, true);
        }
    }
    (written, fresh, commands)
}

#[test]
fn the_pages_show_what_the_commands_print() {
    for name in ["docs/decide.md", "docs/hpa.md"] {
        let (written, fresh, commands) = page(name);
        assert!(commands > 1, "{name}");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(root().join(name), &fresh).unwrap();
        } else {
            assert_eq!(written, fresh, "{name} is stale; rewrite it with UPDATE_EXPECT=1");
        }
    }
}

#[test]
fn an_imported_object_decides_as_the_policy_of_the_example() {
    let folder = tempfile::tempdir().unwrap();
    let imported = out(&["import", "hpa", "examples/decide/hpa.yaml"]);
    let path = folder.path().join("imported.toml");
    std::fs::write(&path, format!("requests = {{ cpu = \"500m\", memory = \"256MiB\" }}\n{imported}")).unwrap();
    for observation in ["examples/decide/morning.json", "examples/decide/evening.json"] {
        let decided = |policy: &str| out(&["decide", policy, observation, "--output", "json"]);
        assert_eq!(decided(path.to_str().unwrap()), decided("examples/decide/web.toml"));
    }
}

#[test]
fn a_state_file_carries_windows_from_one_call_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let list = std::fs::read_to_string(root().join("examples/decide/evening.json")).unwrap();
    let all: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let together = out(&["decide", "examples/decide/web.toml", "examples/decide/evening.json", "--output", "json"]);
    let together: Vec<serde_json::Value> = serde_json::from_str(&together).unwrap();
    for (one, expected) in all.iter().zip(&together) {
        let path = folder.path().join("one.json");
        std::fs::write(&path, one.to_string()).unwrap();
        let (path, state) = (path.to_str().unwrap(), state.to_str().unwrap());
        let decided = out(&["decide", "examples/decide/web.toml", path, "--state", state, "--output", "json"]);
        assert_eq!(&serde_json::from_str::<serde_json::Value>(&decided).unwrap(), expected);
    }
}

#[test]
fn mistakes_in_an_observation_name_the_place_and_what_may_stand_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.json");
    for (text, expected) in [
        ("{\n \"at\": 0,\n \"curent\": 3 }", "o.json:3:9: unknown field `curent`, expected one of `at`, `current`"),
        ("{ \"current\": 3 }", "o.json: missing field `at`"),
        ("{ \"at\": \"2026-03-01\" }", "at \"2026-03-01\": neither a time with zone"),
        ("{ \"at\": 0, \"rate_per_s\": -1 }", "rate_per_s: -1 is out of range, 0 to 1e15"),
        ("{ \"at\": 0, \"forecast\": { \"95\": 3 } }", "forecast \"95\": a quantile is above 0 and below 1"),
        ("{ \"at\": 0, \"forecast\": { \"0.5\": 3, \"0.9\": 2 } }", "the quantile 50% is above the quantile 90%"),
        ("{ \"at\": 0, \"metrics\": { \"q\": 1e300 } }", "metrics \"q\": 1"),
        ("[{ \"at\": 5 }, { \"at\": 4 }]", "observation 2: at 1970-01-01 00:00:00.004Z is before the last decision"),
        ("[]", "the list holds no observation"),
        ("{ \"at\": 0, \"pods\": [{ \"phase\": \"gone\" }] }", "unknown variant `gone`, expected one of `pending`"),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = run(&["decide", "examples/decide/web.toml", path.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(said.contains(expected), "{text}\n{said}");
    }
}

#[test]
fn mistakes_in_observations_of_services_and_nodes_name_the_place_and_what_may_stand_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.json");
    let room = r#""capacity": { "cpu_millicores": 1, "memory_bytes": 1 }"#;
    let services = |services: &str| format!(r#"{{ "at": 0, {room}, "services": {services} }}"#);
    for (policy, text, expected) in [
        (
            "two",
            services(r#"{ "shp": {} }"#),
            "services.shp: there is no such service in the policy, there are search, shop",
        ),
        ("two", services(r#"{ "shop": { "at": 1 } }"#), "services.shop: `at` stands once"),
        ("two", services(r#"{ "shop": { "rate_per_s": -1 } }"#), "services.shop: rate_per_s: -1 is out of range"),
        ("two", r#"{ "at": 0, "services": {} }"#.to_owned(), "missing field `capacity`"),
        ("two", r#"[{ "at": 0 }, { "at": 1, "nodes": [] }]"#.to_owned(), "observation 2 is of another kind"),
        (
            "pools",
            r#"{ "at": 0, "nodes": [{ "id": 1, "shape": "c5" }] }"#.to_owned(),
            "nodes[0]: shape \"c5\": there is no such shape in the policy, there are c4, c16",
        ),
        ("pools", r#"{ "at": 0, "waiting": [{ "count": 3 }] }"#.to_owned(), "waiting[0]: asks for nothing"),
        (
            "pools",
            r#"{ "at": 0, "nodes": [{ "id": 1, "shape": "c4" }, { "id": 1, "shape": "c4" }] }"#.to_owned(),
            "nodes[1].id: 1 is there twice",
        ),
        (
            "pools",
            r#"{ "at": 0, "nodes": [{ "id": 1, "shape": "c4", "tasks": [{ "count": 100001 }] }] }"#.to_owned(),
            "tasks[0].count: 100001 is out of range, 0 to 100000",
        ),
        ("shop", r#"{ "at": 0, "waiting": [] }"#.to_owned(), "unknown field"),
    ] {
        std::fs::write(&path, &text).unwrap();
        let output = run(&["decide", &format!("examples/decide/{policy}.toml"), path.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}\n{said}");
        assert!(said.contains(expected), "{text}\n{said}");
    }
}

#[test]
fn several_services_are_granted_what_the_node_has_and_remember_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let args = ["decide", "examples/decide/two.toml", "examples/decide/two.json", "--output", "json", "--state"];
    let decided = out(&[&args[..], &[state.to_str().unwrap()]].concat());
    let decided: serde_json::Value = serde_json::from_str(&decided).unwrap();
    let of = |step: usize, service: &str, field: &str| decided[step]["services"][service][field].as_u64().unwrap();
    assert_eq!((of(0, "shop", "granted"), of(0, "search", "granted")), (4, 4), "there is room for both");
    assert_eq!((of(1, "shop", "target"), of(1, "search", "target")), (8, 4));
    // 7 cores are left beside the job: what both are granted fits them, and one more of either would not.
    let cores = of(1, "shop", "granted") * 500 + of(1, "search", "granted") * 1_000;
    assert!((6_500..=7_000).contains(&cores), "{cores}");
    let remembered: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(state).unwrap()).unwrap();
    assert_eq!(remembered["search"]["granted"], decided[1]["services"]["search"]["granted"]);
}

#[test]
fn mistakes_in_an_object_exit_with_three_and_name_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.yaml");
    let text = std::fs::read_to_string(root().join("examples/decide/hpa.yaml")).unwrap();
    std::fs::write(&path, text.replace("maxReplicas: 20", "maxReplicas: 0")).unwrap();
    let output = run(&["import", "hpa", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("bad.yaml:12") && said.contains("`maxReplicas`") && said.contains("1 to 10000"), "{said}");
}

#[test]
fn an_object_becomes_part_of_a_spec_under_a_name() {
    let text = out(&["import", "hpa", "examples/decide/hpa.yaml", "--service", "mail"]);
    assert!(text.contains("[services.mail]\nreplicas = { min = 2, max = 20 }"), "{text}");
    assert!(text.contains("[[services.mail.scaling.hpa.metrics]]"), "{text}");
}

#[test]
fn the_schema_of_an_observation_is_json_schema() {
    let schema: serde_json::Value = serde_json::from_str(&out(&["schema", "observation"])).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["$defs"]["observation"]["required"], serde_json::json!(["at"]));
    let spec: serde_json::Value = serde_json::from_str(&out(&["schema"])).unwrap();
    assert_eq!(spec["title"], "Plimsoll spec");
}
