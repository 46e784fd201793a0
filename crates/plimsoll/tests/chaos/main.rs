//! Chaos: a load goes through the gateway while replicas die, hang, fail and crawl, the daemon dies, the spec changes and
//! the disk fills. Requests fail only where no proxy could have saved them, and afterwards everything comes to rest.
//!
//! One seed, printed first, draws the order and the times; `PLIMSOLL_SEED` sets it. With `PLIMSOLL_PROVE=1` (`cargo xtask
//! prove chaos`) the load is a recorded day and there are several seeds.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod account;
#[path = "../common/mod.rs"]
mod common;
mod faults;

use account::{now_ms, total};
use common::load::RunningLoad;
use common::{Installation, eventually, get, signal};
use faults::{Chaos, Wishes};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;

/// Share of requests that no proxy may send twice.
const POST_SHARE: f64 = 0.3;
/// How the load is spread, by seed.
const ALGORITHMS: [&str; 4] = ["round_robin", "least_connections", "power_of_two", "peak_ewma"];
/// Trace time per physical time of the long form: a day in two minutes.
const DAY_SPEED: u32 = 720;
/// Factor on the recorded rate: 50 requests a second on average and 113 at the peak, which two busy cores can carry.
const DAY_SCALE: f64 = 0.15;

fn spec(wishes: Wishes, speed: u32, tick: &str, hold: &str) -> String {
    let Wishes { replicas_min, cpu_millicores, algorithm } = wishes;
    format!(
        r#"
name = "chaos"
tick = "{tick}"
[clock]
speed = {speed}
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 2
[[gateway.routes]]
service = "web"
timeout = "2s"                  # of one try
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{{port}}", "--control", "--cpu-ms", "0.2", "--latency-ms", "40"]
replicas = {{ min = {replicas_min}, max = 8 }}
requests = {{ cpu = "{cpu_millicores}m", memory = "16MiB" }}
health = {{ path = "/healthz", interval = "500ms" }}
startup = "300ms"
grace = "3s"                    # longer than a try, so that a drained replica ends what it has
[services.web.balance]
algorithm = "{algorithm}"
ejection = {{ duration = "2s", duration_max = "4s" }}
[services.web.scaling]
request_rate = "25/s"
stabilization = {{ down = "{hold}" }}
step = {{ up = 4, down = 2, period = "{tick}" }}
"#
    )
}

fn short_spec(wishes: Wishes) -> String {
    spec(wishes, 4, "1s", "20s")
}

fn day_spec(wishes: Wishes) -> String {
    spec(wishes, DAY_SPEED, "2m", "20m")
}

fn is_proof() -> bool {
    std::env::var_os("PLIMSOLL_PROVE").is_some()
}

fn seeds() -> Vec<u64> {
    let wanted = std::env::var("PLIMSOLL_SEED").ok().map(|seed| seed.parse().unwrap());
    wanted.map_or_else(|| if is_proof() { vec![1, 2] } else { vec![1] }, |seed| vec![seed])
}

#[test]
fn only_what_no_proxy_could_save_fails_and_everything_comes_to_rest() {
    for seed in seeds() {
        // Round robin is the hardest: it goes on asking a broken replica until that is ejected.
        let algorithm = ALGORITHMS[usize::try_from(seed - 1).unwrap() % ALGORITHMS.len()];
        println!("seed {seed}, {algorithm}");
        let mut chaos = Chaos::new(seed, algorithm, if is_proof() { day_spec } else { short_spec });
        let gateway = chaos.installation.gateway();
        let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/alibaba-2018-day.csv");
        let mut load = if is_proof() {
            RunningLoad::recorded(&gateway, &day, DAY_SPEED, DAY_SCALE, POST_SHARE, seed)
        } else {
            RunningLoad::constant(&gateway, 80.0, 600.0, POST_SHARE)
        };
        chaos.account.phase("load begins");
        eventually("the load", || {
            chaos.installation.service("web")["traffic"]["rate_milli_rps"].as_u64().filter(|rate| *rate > 20_000)
        });
        let faults = strike_all(&mut chaos, &mut load);
        println!("{faults} faults");
        chaos.converge();
        settle(&chaos, &load.stop());
        let replayed: Value =
            serde_json::from_str(&chaos.installation.stdout(&["replay", "--output", "json"])).unwrap();
        println!("{} decisions replayed, {} different", replayed["compared"], replayed["different"]);
        assert_eq!(replayed["different"], 0, "{replayed}");
        assert!(replayed["compared"].as_u64().unwrap() > 20, "{replayed}");
        assert!(chaos.installation.terminate().success(), "{}", chaos.installation.log());
    }
}

/// Strikes with each fault once, or in the long form again and again until the load has ended; how often it did.
fn strike_all(chaos: &mut Chaos, load: &mut RunningLoad) -> usize {
    let mut struck = 0;
    loop {
        for fault in chaos.shuffled() {
            chaos.strike(fault);
            struck += 1;
            if is_proof() && !load.is_running() {
                return struck;
            }
        }
        if !is_proof() {
            return struck;
        }
    }
}

fn settle(chaos: &Chaos, report: &Value) {
    let (text, unexcused) = chaos.account.settle(report);
    println!("{text}");
    assert_eq!(report["cancelled"], 0, "{text}");
    assert!(report["succeeded"].as_u64().unwrap() > 0, "{text}");
    assert!(unexcused.is_empty(), "failed without an excuse:\n{}\n\n{text}", unexcused.join("\n"));
}

#[test]
fn the_gateways_own_death_costs_only_the_connections_open_at_its_death() {
    let installation =
        Installation::start(&short_spec(Wishes { replicas_min: 3, cpu_millicores: 20, algorithm: "round_robin" }));
    installation.wait_ready("web", 3);
    let load = RunningLoad::constant(&installation.gateway(), 60.0, 600.0, POST_SHARE);
    let url = format!("{}/", installation.gateway());
    let under_load = || installation.service("web")["traffic"]["rate_milli_rps"].as_u64().filter(|rate| *rate > 30_000);
    eventually("the load", under_load);
    let pid = installation.state()["gateway"]["pid"].as_u64().unwrap();
    let killed_ms = now_ms();
    signal(u32::try_from(pid).unwrap(), Signal::KILL);
    eventually("a gateway that serves", || (get(&url)?.0 == 200).then_some(()));
    let serves_ms = now_ms();
    eventually("a new gateway in the state", || {
        installation.state()["gateway"]["pid"].as_u64().filter(|new| *new != pid)
    });
    eventually("the load on the new one", under_load);
    let report = load.stop();
    let started_ms = report["started_at"].as_i64().unwrap();
    let moment = |one: &Value, field: &str| started_ms + one[field].as_i64().unwrap();
    let failures = report["failures"].as_array().unwrap();
    let open = failures.iter().filter(|one| moment(one, "due_ms") <= killed_ms && one["kind"] == "reset").count();
    let (sent, listed) = (&report["sent"], failures.len());
    println!(
        "gateway killed: {sent} sent, {} failed, {open} of the {listed} listed open at its death",
        total(&report["failed"])
    );
    println!("serving again {} ms later", serves_ms - killed_ms);
    for one in failures {
        println!("{}", one);
        let (due, ended) = (moment(one, "due_ms"), moment(one, "ended_ms"));
        assert!(due <= serves_ms + 100 && ended >= killed_ms - 100, "{one} has nothing to do with the gateway's death");
        // No connection is refused: the daemon holds the listening sockets while nobody accepts from them.
        assert_eq!(one["kind"], "reset", "{one}");
    }
}
