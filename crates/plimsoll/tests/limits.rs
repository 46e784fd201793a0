//! Limits with the real binary: what goes over its CPU or memory limit is really held or killed, the reasons say so with their
//! numbers, and what a job does about it (retried larger, refused, pre-empted) is told too. Once on the best rung of this
//! machine, once with cgroups turned off.
//!
//! A test that needs cgroups says by name that it did not run where none can be written.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::load::RunningLoad;
use common::{Installation, PLIMSOLL, eventually, is_alive, send, signal};
use plimsoll_http_client::Ask;
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// No cgroups, as on a host where none can be written; the shim holds the CPU quota by stopping and continuing.
const WITHOUT_CGROUPS: &[(&str, &str)] = &[("PLIMSOLL_CGROUP", "off"), ("PLIMSOLL_CPU_DUTY", "on")];
/// A node that is small whatever this machine has.
const NODE: &str = r#"
name = "limits"
tick = "1s"
[api]
listen = "127.0.0.1:0"
[node]
cpu = "1"
memory = "512MiB"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
"#;
/// A service that wants three times the CPU it may use at 30 requests a second, and holds more memory on request.
const WEB: &str = r#"
[[gateway.routes]]
path = "/"
service = "web"
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--control", "--cpu-ms", "10"]
replicas = { min = 1, max = 1 }
requests = { cpu = "100m", memory = "16MiB" }
limits = { cpu = "100m", memory = "64MiB" }
health = { path = "/healthz", interval = "1s", timeout = "10s" }
startup = "300ms"
grace = "1s"
scaling = { request_rate = "1000/s" }
"#;
/// CPU that [`WEB`] may use, as a share of a core.
const WEB_QUOTA: f64 = 0.1;

fn start(spec: &str, env: &[(&str, &str)]) -> Installation {
    let mut installation = Installation::prepare(&format!("{NODE}{spec}"), env);
    installation.up();
    installation
}

/// The one replica of `web`, once it is ready and measured.
fn replica(installation: &Installation) -> Value {
    eventually("a replica of web that is ready", || {
        let service = installation.service("web");
        (service["ready"] == 1).then(|| service["replicas"][0].clone())
    })
}

fn pid(replica: &Value) -> u32 {
    u32::try_from(replica["pid"].as_u64().unwrap()).unwrap()
}

/// What was decided so far and why, as one text.
fn feed(installation: &Installation) -> String {
    installation.get("/v1/decisions?limit=500").map(|feed| feed.to_string()).unwrap_or_default()
}

/// Waits until the feed says `what`.
fn told(installation: &Installation, what: &str) -> String {
    eventually(&format!("{what:?} in the feed of decisions, which says {}", feed(installation)), || {
        Some(feed(installation)).filter(|feed| feed.contains(what))
    })
}

/// Whether the kernel holds this limit here; otherwise says that `test` did not run.
fn is_enforced(replica: &Value, limit: &str, test: &str) -> bool {
    let level = &replica["isolation"][limit];
    assert!(level["level"].is_string(), "what is enforced is shown: {replica}");
    if level["level"] == "enforced" {
        assert!(level["by"].as_str().unwrap().starts_with("cgroup"), "{level}");
        return true;
    }
    let line = format!("{test} did not run: no {limit} cgroup can be written here ({level})");
    println!("{line}");
    if let Some(log) = std::env::var_os("PLIMSOLL_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(log, "{line}").unwrap();
    }
    false
}

/// Share of a core that a process used over two seconds, by the kernel's own count.
fn cpu_share(pid: u32) -> f64 {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let (from, since) = (ticks(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    (ticks() - from) as f64 / rustix::param::clock_ticks_per_second() as f64 / since.elapsed().as_secs_f64()
}

/// Puts three times its quota on `web` and returns the share of a core that it got, with the load, which goes on.
fn overload(installation: &Installation, pid: u32) -> (f64, RunningLoad) {
    let load = RunningLoad::constant(&installation.gateway(), 30.0, 6.0, 0.0);
    // From here on it always has something to do.
    eventually("requests that wait", || {
        (installation.service("web")["traffic"]["in_flight_milli"].as_u64()? > 2_000).then_some(())
    });
    let share = cpu_share(pid);
    println!("quota {WEB_QUOTA} of a core, used {share:.3}");
    (share, load)
}

#[test]
fn a_service_over_its_cpu_limit_is_throttled_by_its_cgroup_and_the_reasons_say_so() {
    let installation = start(WEB, &[]);
    let replica = replica(&installation);
    if !is_enforced(&replica, "cpu", "a_service_over_its_cpu_limit_is_throttled_by_its_cgroup_and_the_reasons_say_so") {
        return;
    }
    let (share, load) = overload(&installation, pid(&replica));
    // A quota is a cap and no share: a busy machine may give less, yet not next to nothing.
    assert!((WEB_QUOTA * 0.3..WEB_QUOTA * 1.15).contains(&share), "{share}");
    told(&installation, "throttled in ");
    let shown = installation.service("web")["replicas"][0].clone();
    assert!(shown["throttled_permille"].as_u64().is_some(), "{shown}");
    let explained = installation.stdout(&["explain", "web", "--changes"]);
    let line = explained.lines().find(|line| line.contains("throttled in ")).unwrap_or_else(|| panic!("{explained}"));
    assert!(line.contains("web/1") && line.contains("of periods, using "), "{line}");
    // What still waits fails at once, and the load can end.
    drop(installation);
    load.report();
}

#[test]
fn without_cgroups_a_duty_cycle_holds_the_cpu_limit_and_is_declared_as_best_effort() {
    let installation = start(WEB, WITHOUT_CGROUPS);
    let replica = replica(&installation);
    let cpu = &replica["isolation"]["cpu"];
    assert_eq!(cpu["level"], "soft", "{cpu}");
    assert!(cpu["by"].as_str().unwrap().contains("duty cycle"), "{cpu}");
    let (share, load) = overload(&installation, pid(&replica));
    assert!((WEB_QUOTA * 0.3..WEB_QUOTA * 1.5).contains(&share), "{share}");
    told(&installation, "throttled in ");
    let explained = installation.stdout(&["explain", "web", "--changes"]);
    assert!(explained.contains("web/1 throttled in "), "{explained}");
    drop(installation);
    load.report();
}

/// A replica that takes more memory than it may have is killed for it, and one that is killed by hand is not mistaken for that.
fn out_of_memory_is_told_apart(installation: &Installation, first: &Value) {
    let leak = format!("http://{}/control/leak?mib=200", first["endpoint"].as_str().unwrap());
    // It may be killed before it can answer.
    let _ = send(Ask::post_json(leak.parse().unwrap(), ""));
    let feed = told(installation, "web/1 ended: out of memory");
    assert!(feed.contains("web/1 was killed for memory: 16.0MiB reserved, 64.0MiB allowed"), "{feed}");
    let second = eventually("another replica", || {
        let service = installation.service("web");
        (service["ready"] == 1 && service["replicas"][0]["id"] == "web/2").then(|| service["replicas"][0].clone())
    });
    signal(pid(&second), Signal::KILL);
    let feed = told(installation, "web/2 ended: killed by signal 9");
    assert!(!feed.contains("web/2 was killed for memory"), "{feed}");
    let explained = installation.stdout(&["explain", "web", "--changes"]);
    for wanted in ["web/1 was killed for memory", "web/1 ended: out of memory", "web/2 ended: killed by signal 9"] {
        assert!(explained.contains(wanted), "{wanted:?} is missing in:\n{explained}");
    }
}

#[test]
fn a_service_over_its_memory_limit_is_killed_by_its_cgroup_and_told_from_a_kill_by_hand() {
    let installation = start(WEB, &[]);
    let replica = replica(&installation);
    let test = "a_service_over_its_memory_limit_is_killed_by_its_cgroup_and_told_from_a_kill_by_hand";
    if is_enforced(&replica, "memory", test) {
        out_of_memory_is_told_apart(&installation, &replica);
    }
}

#[test]
fn without_cgroups_a_watchdog_kills_for_memory_and_it_is_told_from_a_kill_by_hand() {
    let installation = start(WEB, WITHOUT_CGROUPS);
    let replica = replica(&installation);
    let memory = &replica["isolation"]["memory"];
    assert_eq!(memory["level"], "soft", "{memory}");
    assert!(memory["by"].as_str().unwrap().starts_with("watchdog"), "{memory}");
    out_of_memory_is_told_apart(&installation, &replica);
}

/// A job that holds `mib` for a second, then ends well: `tail` keeps what has no line end, and the pause lets a watchdog see it.
fn hog(name: &str, mib: u32, rest: &str) -> String {
    format!(
        r#"
[jobs.{name}]
command = ["sh", "-c", "(head -c {mib}M /dev/zero; sleep 1) | tail -n 1 > /dev/null"]
requests = {{ cpu = "100m", memory = "64MiB" }}
limits = {{ memory = "64MiB" }}
{rest}
"#
    )
}

fn job(installation: &Installation, name: &str) -> Value {
    let state = installation.state();
    state["jobs"].as_array().unwrap().iter().find(|job| job["name"] == name).cloned().unwrap()
}

/// Waits until the job is in this phase.
fn reaches(installation: &Installation, name: &str, phase: &str) -> Value {
    eventually(&format!("job {name} {phase}; the feed says {}", feed(installation)), || {
        Some(job(installation, name)).filter(|job| job["phase"] == phase)
    })
}

/// Too little for one try, enough for the second; and more than the bound allows.
fn jobs_grow_within_their_bounds(env: &[(&str, &str)]) {
    let grows = hog("grows", 96, "retries = 3\nmemory_retry = { factor = 2, max = \"192MiB\" }");
    let too_much = hog("toomuch", 300, "retries = 5\nmemory_retry = { factor = 2, max = \"128MiB\" }");
    let as_it_is = hog("asitis", 300, "");
    let installation = start(&format!("{grows}{too_much}{as_it_is}"), env);
    reaches(&installation, "grows", "succeeded");
    let failed = reaches(&installation, "toomuch", "failed");
    assert!(failed["verdict"].as_str().unwrap().ends_with("failed for good: out of memory"), "{failed}");
    reaches(&installation, "asitis", "failed");
    let explained = installation.stdout(&["explain", "grows", "--changes"]);
    for wanted in [
        "grows/1 failed (out of memory); tried again with 128.0MiB, 2 tries left after that",
        "was killed for memory: 64.0MiB reserved, 64.0MiB allowed",
        "grows/2 succeeded",
    ] {
        assert!(explained.contains(wanted), "{wanted:?} is missing in:\n{explained}");
    }
    let explained = installation.stdout(&["explain", "toomuch", "--changes"]);
    assert!(
        explained.contains("tried again with 128.0MiB") && explained.contains("toomuch/2 failed for good"),
        "{explained}"
    );
    assert!(!explained.contains("toomuch/3"), "the bound ends the tries, not their number: {explained}");
}

#[test]
fn a_job_out_of_memory_is_tried_again_larger_within_its_bounds() {
    jobs_grow_within_their_bounds(&[]);
}

#[test]
fn without_cgroups_a_job_out_of_memory_is_tried_again_larger_within_its_bounds() {
    jobs_grow_within_their_bounds(WITHOUT_CGROUPS);
}

#[test]
fn a_job_that_can_never_fit_is_refused_with_the_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let spec = dir.path().join("spec.toml");
    let huge = "[jobs.huge]\ncommand = [\"true\"]\nrequests = { cpu = \"100m\", memory = \"4GiB\" }\n";
    std::fs::write(&spec, format!("{NODE}{huge}").replace("PORT", "0")).unwrap();
    let state = dir.path().join("s");
    let up = std::process::Command::new(PLIMSOLL).arg("up").arg(&spec).arg("--state-dir").arg(&state).output().unwrap();
    let said = String::from_utf8_lossy(&up.stderr);
    assert!(!up.status.success() && said.contains("`huge` can never fit: it asks for 4GiB of memory"), "{said}");
    assert!(said.contains("the node has 512MiB"), "{said}");
}

#[test]
fn a_retry_that_has_grown_beyond_the_node_is_refused_with_the_numbers() {
    let installation = start(&hog("grows", 96, "retries = 3\nmemory_retry = { factor = 10, max = \"2GiB\" }"), &[]);
    let refused = reaches(&installation, "grows", "refused");
    let verdict = refused["verdict"].as_str().unwrap();
    assert!(verdict.contains("grows/2 refused: asks 100m CPU and 640.0MiB"), "{verdict}");
    assert!(verdict.contains("the node has 1000m CPU and 512.0MiB in all"), "{verdict}");
    assert!(installation.stdout(&["explain", "grows"]).contains("grows/2 refused"));
}

#[test]
fn a_job_makes_way_for_a_more_important_service_and_runs_again_afterwards() {
    let spec = r#"
[[gateway.routes]]
path = "/"
service = "shop"
[services.shop]
command = ["plimsoll", "testbed", "serve", "--port", "{port}"]
replicas = { min = 1, max = 3 }
requests = { cpu = "300m", memory = "16MiB" }
startup = "300ms"
grace = "1s"
priority = 10
[services.shop.scaling]
request_rate = "20/s"
stabilization = { up = "0s", down = "2s" }
step = { up = 4, down = 4, period = "1s" }
[jobs.report]
command = ["sleep", "600"]
requests = { cpu = "600m", memory = "16MiB" }
priority = 1
preemptible = true
grace = "1s"
"#;
    let installation = start(spec, &[]);
    installation.wait_ready("shop", 1);
    let running = reaches(&installation, "report", "running");
    assert_eq!(running["run"], "report/1", "{running}");
    assert_eq!(running["isolation"]["memory"]["level"], "none", "no limit was asked for, and that is shown: {running}");
    let load = RunningLoad::constant(&installation.gateway(), 45.0, 8.0, 0.0);
    let feed = told(&installation, "pre-empted by ");
    assert!(feed.contains("report/1 (priority 1) pre-empted by"), "{feed}");
    assert!(feed.contains("(priority 10)"), "{feed}");
    installation.wait_ready("shop", 2);
    reaches(&installation, "report", "waiting");
    let report = load.report();
    assert_eq!(report["succeeded"], report["sent"], "{report}");
    let again = reaches(&installation, "report", "running");
    assert_eq!(again["run"], "report/2", "{again}");
    let explained = installation.stdout(&["explain", "report", "--changes"]);
    assert!(explained.contains("pre-empted by service shop"), "{explained}");
    assert!(is_alive(installation.daemon_pid()));
}
