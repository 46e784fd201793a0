//! One simulated machine under the real controller: services request by request, and batch jobs on the same room.

#![allow(clippy::unwrap_used, reason = "a machine that cannot be set up fails its test")]

use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, Millicores, Millis, Spec, Timestamp};
use plimsoll_twin::kernel::stream;
use plimsoll_twin::machine::{self, JobOutcome, Node, Outcome, Setting};
use plimsoll_twin::service::distribution::Shape;
use plimsoll_twin::service::exact::{Balance, Options, Poisson, Service};
use plimsoll_twin::service::model::{CpuUse, ScalabilityLaw, WarmUp};
use plimsoll_twin::service::{Distribution, ServiceModel};
use std::collections::BTreeMap;
use std::path::Path;

/// A shop whose replica carries 100 requests/s, and a preemptible batch job of four minutes that is submitted every ten.
const SPEC: &str = r#"
name = "shared"
tick = "5s"

[services.shop]
command = ["true"]
requests = { cpu = "1", memory = "128MiB" }
replicas = { min = 1, max = 8 }
startup = "2s"
priority = 100
scaling = { request_rate = "70/s", stabilization = { up = "0s", down = "20s" } }

[jobs.report]
command = ["true"]
requests = { cpu = "2", memory = "1GiB" }
priority = 1
preemptible = true
retries = 50
run_time = "4m"
schedule = "every 10m"
"#;

fn spec() -> Spec {
    plimsoll_config::parse(SPEC, Path::new("shared.toml")).unwrap().spec
}

fn model() -> ServiceModel {
    ServiceModel {
        work: Distribution { mean_ms: 10.0, variation: 1.0, shape: Shape::Exponential },
        delay_ms: 0.0,
        law: ScalabilityLaw { slots: 512, cores: 1.0, contention: 0.0, coherency: 0.0 },
        cpu: CpuUse { fixed_millicores: 0.0, per_request_ms: 10.0 },
        memory: None,
        startup: Distribution { mean_ms: 2_000.0, variation: 0.0, shape: Shape::Constant },
        warm_up: WarmUp::default(),
    }
}

/// Nearly half an hour of the shop at `rates` (per five minutes) on a machine of so many cores, with jobs that take `job` or none.
fn half_an_hour(cores: u64, rates: [f64; 6], job: Option<Millis>) -> Outcome {
    let mut spec = spec();
    if job.is_none() {
        spec.jobs.clear();
    }
    let (name, service) = spec.services.iter().next().unwrap();
    let options = Options { balance: Balance::of(&service.balance), ..Options::new(model(), 7) };
    let shop = Service::new(options, Poisson::new(&rates, 300.0, stream(7, 1))).unwrap();
    let run_times = spec.jobs.keys().map(|name| (name.clone(), job.unwrap_or(Millis(0)))).collect();
    let allocatable = Resources { cpu: Millicores(cores * 1_000), memory: Bytes(16 << 30) };
    let node = Node::new(allocatable, BTreeMap::from([(name.clone(), shop)]), run_times, (Timestamp(0), 1));
    machine::run(node, Setting { spec: &spec, before: Vec::new(), is_warm: true, seconds: 1_790.0 })
}

fn report(outcome: &Outcome) -> JobOutcome {
    outcome.jobs.values().next().copied().unwrap_or_default()
}

#[test]
fn with_room_for_both_neither_notices_the_other() {
    let rates = [60.0, 250.0, 60.0, 250.0, 60.0, 60.0];
    let (alone, both) = (half_an_hour(16, rates, None), half_an_hour(16, rates, Some(Millis(240_000))));
    assert_eq!(alone.services, both.services, "the same requests, replicas and latencies");
    assert_eq!(report(&both), JobOutcome { started: 3, finished: 3, stopped: 0 });
    let (_, shop) = both.services.first_key_value().unwrap();
    assert_eq!(shop.window.failed, 0);
    assert_eq!(shop.supply.iter().max(), Some(&4), "250 requests/s at 70 each");
    assert!(both.reserved_most >= 6_000, "four replicas and a run at once: {}", both.reserved_most);
}

#[test]
fn where_room_is_short_the_batch_makes_way_and_ends_later() {
    // Five cores: two for the batch and three for the shop, which wants four for the second five minutes.
    let rates = [60.0, 250.0, 60.0, 60.0, 60.0, 60.0];
    let outcome = half_an_hour(5, rates, Some(Millis(540_000)));
    let (_, shop) = outcome.services.first_key_value().unwrap();
    let job = report(&outcome);
    assert_eq!(shop.supply.iter().max(), Some(&4), "the shop got what the batch held");
    assert!(job.stopped >= 1, "the batch was stopped for it: {job:?}");
    assert!(job.finished >= 1 && job.started >= job.finished + job.stopped, "and came to its end later: {job:?}");
    assert!(outcome.reserved_most <= 5_000, "never more than there is: {}", outcome.reserved_most);
    assert_eq!(shop.window.failed, 0);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || half_an_hour(5, [90.0, 200.0, 20.0, 90.0, 200.0, 20.0], Some(Millis(60_000)));
    let (once, again) = (run(), run());
    assert_eq!((once.services, once.jobs, once.steps), (again.services, again.jobs, again.steps));
}
