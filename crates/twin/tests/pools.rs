//! Node pools in the simulated World: what waits is served, what is not needed goes, and the bill adds up.

#![allow(clippy::unwrap_used, reason = "a world that cannot be set up fails its test")]

use plimsoll_autoscale::pools::{PoolPolicy, Shape};
use plimsoll_model::cluster::{Demand, Task};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_twin::cluster::{Cluster, Job, Listed, Options, Outcome, PoolOptions, Simulation};
use proptest::prelude::*;

const MINUTE: u64 = 60_000;

fn shape(name: &str, cpu: u64, price: u64, min: u32) -> Shape {
    Shape {
        name: name.to_owned(),
        provider: "anybody".to_owned(),
        zone: "a".to_owned(),
        has: [cpu * 1_000, 64 << 30, 0, 0, 0],
        price_micros_per_hour: price,
        startup: Millis(2 * MINUTE),
        min,
        max: 20,
    }
}

fn pools(shapes: Vec<Shape>) -> PoolOptions {
    PoolOptions { policy: PoolPolicy { shapes, idle: Millis(5 * MINUTE) }, every: Millis(MINUTE), forecast: None }
}

fn job(id: usize, at: u64, cpu: u64, minutes: u64) -> Job {
    let requests = Demand { cpu: Millicores(cpu * 1_000), memory: Bytes(1 << 30), ..Demand::default() };
    let run = Millis(minutes * MINUTE);
    let submitted = Timestamp((at * MINUTE) as i64);
    Job::new(Task { id: format!("t{id}"), requests, submitted, run_time: Some(run), ..Task::default() }, Some(run))
}

fn run(pools: &PoolOptions, jobs: &[Job]) -> Outcome {
    let nodes = pools.nodes();
    let options = Options { pools: Some(pools.clone()), ..Options::default() };
    let policy = SchedulerPolicy::new(QueueOrder::by_name("fifo").unwrap(), Backfill::Greedy);
    let cluster = Cluster { nodes: &nodes, ..Cluster::default() };
    let mut simulation = Simulation::new(cluster, policy, Listed::new(jobs), options, None).unwrap();
    while simulation.step() {
        let world = simulation.world();
        world.books.check().unwrap();
    }
    simulation.finish()
}

#[test]
fn nodes_come_for_what_waits_and_go_when_they_were_empty_long_enough() {
    let jobs: Vec<Job> = (0..8).map(|id| job(id, 0, 2, 60)).chain([job(8, 600, 2, 60)]).collect();
    let outcome = run(&pools(vec![shape("small", 4, 100_000, 0), shape("large", 16, 350_000, 0)]), &jobs);
    assert_eq!(outcome.metrics.tasks.finished, 9);
    assert_eq!(outcome.metrics.wait.max_ms, 2 * MINUTE, "the start-up time of a node");
    let books = outcome.pools.unwrap();
    let large = &books.shapes[1];
    assert_eq!((large.bought, large.removed, large.peak), (1, 1, 1));
    assert_eq!(large.node_ms, u128::from((2 + 60 + 5) * MINUTE), "start-up, the tasks, and the wait for more");
    assert_eq!((books.shapes[0].bought, books.shapes[0].peak), (1, 1), "the last task alone takes the small one");
    assert!(books.kept["in use"] > 100, "{:?}", books.kept);
}

#[test]
fn work_of_every_morning_is_bought_for_before_it_comes() {
    // Ten days; at nine twenty tasks within five minutes, each for half an hour, on nodes that take ten minutes.
    let at = |id: usize| (id / 20 * 24 * 60 + 9 * 60 + id % 20 / 4) as u64;
    let jobs: Vec<Job> = (0..200).map(|id| job(id, at(id), 2, 30)).collect();
    let slow = Shape { startup: Millis(10 * MINUTE), ..shape("large", 16, 350_000, 0) };
    let reactive = pools(vec![slow]);
    let day = Millis(24 * 60 * MINUTE);
    let spec = ForecastSpec {
        season: day,
        season_long: None,
        quantile: Permille(700),
        missing_price: None,
        history: None,
        models: Vec::new(),
        refit: day,
    };
    let foreseeing = PoolOptions { forecast: Some(spec), ..reactive.clone() };
    foreseeing.check().unwrap();
    let (without, with) = (run(&reactive, &jobs), run(&foreseeing, &jobs));
    assert_eq!((without.metrics.tasks.finished, with.metrics.tasks.finished), (200, 200));
    let price = |outcome: &Outcome| outcome.pools.as_ref().unwrap().shapes[0].price();
    let (before, after) = (without.metrics.wait.mean_ms, with.metrics.wait.mean_ms);
    println!("mean wait {before} → {after} ms, price {:.2} → {:.2}", price(&without), price(&with));
    assert!(after * 3.0 < before * 2.0, "a third less waiting at least: {before} → {after}");
    assert!(price(&with) < 2.5 * price(&without), "{} → {}", price(&without), price(&with));
    assert!(with.pools.unwrap().kept.contains_key("for what is foreseen"));
}

#[test]
fn the_minimum_is_there_from_the_beginning() {
    let outcome = run(&pools(vec![shape("small", 4, 100_000, 1)]), &[job(0, 0, 2, 10)]);
    assert_eq!((outcome.metrics.wait.max_ms, outcome.pools.unwrap().shapes[0].bought), (0, 0));
}

#[test]
fn what_no_shape_holds_waits_for_ever_and_the_run_ends() {
    let outcome = run(&pools(vec![shape("small", 4, 100_000, 0)]), &[job(0, 0, 8, 10), job(1, 0, 2, 10)]);
    assert_eq!(outcome.metrics.tasks.finished, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_task_runs_the_bill_covers_what_they_used_and_the_same_run_gives_the_same_books(
        jobs in prop::collection::vec((0_u64..300, 1_u64..5, 1_u64..120), 1..60), min in 0_u32..2,
    ) {
        let mut jobs: Vec<Job> =
            jobs.into_iter().enumerate().map(|(id, (at, cpu, minutes))| job(id, at, cpu, minutes)).collect();
        jobs.sort_by_key(|job| job.task.submitted);
        let pools = pools(vec![shape("small", 4, 100_000, min), shape("large", 16, 350_000, 0)]);
        let outcome = run(&pools, &jobs);
        prop_assert_eq!(outcome.metrics.tasks.finished, jobs.len() as u64);
        let books = outcome.pools.clone().unwrap();
        let core_ms: u128 = books.shapes.iter().zip([4, 16]).map(|(shape, cores)| shape.node_ms * cores).sum();
        let used: u128 = jobs.iter().map(|job| u128::from(job.task.requests.cpu.0 / 1_000 * job.run.unwrap().0)).sum();
        prop_assert!(core_ms >= used);
        prop_assert!(books.shapes.iter().all(|shape| shape.peak <= 20));
        prop_assert_eq!(run(&pools, &jobs).pools, outcome.pools);
    }
}
