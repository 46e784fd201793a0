//! The whole loop with the real binary: start, serve, scale, explain, crash, adopt, replay, drain.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::load::RunningLoad;
use common::{Installation, eventually, get, is_alive, send};
use plimsoll_http_client::Ask;
use rustix::process::Signal;
use serde_json::Value;

/// One service that scales on its request rate: 20/s a replica.
const SPEC: &str = r#"
name = "test"
tick = "1s"
[clock]
speed = 4
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/"
service = "web"
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--control"]
replicas = { min = 1, max = 4 }
requests = { cpu = "20m", memory = "16MiB" }
health = { path = "/healthz", interval = "500ms" }
startup = "300ms"
grace = "2s"
balance = "least_connections"
[services.web.scaling]
request_rate = "20/s"
stabilization = { up = "0s", down = "4s" }
step = { up = 4, down = 4, period = "4s" }
"#;

fn pids(service: &Value) -> Vec<u64> {
    let mut pids: Vec<_> =
        service["replicas"].as_array().unwrap().iter().filter_map(|replica| replica["pid"].as_u64()).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn load_brings_replicas_and_their_reasons_and_its_end_takes_them_away() {
    let installation = Installation::start(SPEC);
    installation.wait_ready("web", 1);
    let load = RunningLoad::constant(&installation.gateway(), 50.0, 4.0, 0.0);
    installation.wait_ready("web", 3);
    let report = load.report();
    assert_eq!(
        report["failed"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>(),
        0,
        "{report}"
    );
    eventually("scale-in after the load", || (installation.service("web")["ready"] == 1).then_some(()));
    let told = installation.stdout(&["explain", "web", "--changes"]);
    assert!(told.contains("arriving") && told.contains("20/s wanted per replica"), "{told}");
    let replayed: Value = serde_json::from_str(&installation.stdout(&["replay", "--output", "json"])).unwrap();
    assert_eq!(replayed["different"], 0, "{replayed}");
    assert!(replayed["compared"].as_u64().unwrap() > 10, "{replayed}");
}

#[test]
fn a_killed_daemon_costs_no_request_and_its_successor_adopts_everything() {
    let mut installation = Installation::start(SPEC);
    installation.wait_ready("web", 1);
    let before = installation.state();
    let load = RunningLoad::constant(&installation.gateway(), 15.0, 4.0, 0.5);
    installation.kill_daemon();
    let url = format!("{}/", installation.gateway());
    assert_eq!(get(&url).map(|(status, _)| status), Some(200), "the gateway serves without the daemon");
    installation.up();
    let after = eventually("the adopted replica", || {
        let state = installation.state();
        (state["services"][0]["ready"] == 1 && state["gateway"]["connected"] == true).then_some(state)
    });
    assert_eq!(pids(&before["services"][0]), pids(&after["services"][0]), "the same process");
    assert_eq!(before["gateway"]["pid"], after["gateway"]["pid"], "the same gateway");
    assert!(after["steps"].as_u64().unwrap() >= before["steps"].as_u64().unwrap(), "no decision is lost");
    let report = load.report();
    assert_eq!(report["succeeded"], report["sent"], "{report}");
    let replayed: Value = serde_json::from_str(&installation.stdout(&["replay", "--output", "json"])).unwrap();
    assert_eq!(replayed["different"], 0, "{replayed}");
}

#[test]
fn sigterm_drains_everything_and_leaves_no_process() {
    let mut installation = Installation::start(SPEC);
    let service = installation.wait_ready("web", 1);
    let gateway = installation.state()["gateway"]["pid"].as_u64().unwrap();
    assert!(installation.terminate().success(), "{}", installation.log());
    for pid in pids(&service).into_iter().chain([gateway]) {
        assert!(!is_alive(u32::try_from(pid).unwrap()), "process {pid} is left");
    }
}

#[test]
fn a_killed_replica_is_replaced_and_the_finding_names_the_signal() {
    let installation = Installation::start(SPEC);
    let pid = pids(&installation.wait_ready("web", 1))[0];
    common::signal(u32::try_from(pid).unwrap(), Signal::KILL);
    eventually("a new replica", || {
        let service = installation.service("web");
        (service["ready"] == 1 && !pids(&service).is_empty() && pids(&service)[0] != pid).then_some(())
    });
    let feed = installation.get("/v1/decisions").unwrap().to_string();
    assert!(feed.contains("killed by signal 9"), "{feed}");
}

#[test]
fn the_api_keeps_writes_behind_the_token_and_foreign_names_out() {
    let installation = Installation::start(SPEC);
    // Before that the daemon is not healthy, and /healthz says so.
    installation.wait_ready("web", 1);
    let file: Value =
        serde_json::from_slice(&std::fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    let url = |path: &str| format!("http://{}{path}", file["api"].as_str().unwrap()).parse().unwrap();
    assert_eq!(send(Ask::post_json(url("/v1/reload"), "")).unwrap().0, 401);
    assert_eq!(send(Ask::post_json(url("/v1/reload"), "").bearer("wrong")).unwrap().0, 401);
    let token = std::fs::read_to_string(installation.state_dir().join("token")).unwrap();
    assert_eq!(send(Ask::post_json(url("/v1/reload"), "").bearer(token.trim())).unwrap().0, 200);
    // Every path that the document names can be read by the owner.
    let document = installation.get("/v1/openapi.json").unwrap();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        // A path with a name in it needs somebody of that name.
        if verbs.get("get").is_some() && path != "/v1/events" && !path.contains('{') {
            let (status, body) = send(Ask::get(url(path)).bearer(token.trim())).unwrap();
            assert_eq!(status, 200, "{path}: {body}");
        }
    }
    assert_eq!(send(Ask::get(url("/nothing"))).unwrap().0, 404);
}

#[test]
fn a_reload_takes_over_a_change_and_a_broken_spec_changes_nothing() {
    let installation = Installation::start(SPEC);
    installation.wait_ready("web", 1);
    installation.write_spec(&SPEC.replace("min = 1", "min = 2"));
    let said = installation.stdout(&["reload"]);
    assert!(said.contains("web"), "{said}");
    installation.wait_ready("web", 2);
    installation.write_spec(&SPEC.replace("min = 1", "minn = 3"));
    let refused = installation.run(&["reload"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("minn"), "{refused:?}");
    assert_eq!(installation.service("web")["target"], 2);
}
