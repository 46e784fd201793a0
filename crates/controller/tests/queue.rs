//! The queue of jobs under the orders and kinds of backfill that a spec may name.

mod plant;

use plant::{Plant, command, sandbox, spec};
use plimsoll_config::table::{BACKFILLS, ORDERS};
use plimsoll_model::id::JobName;
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::{Bytes, Millicores, Millis};
use plimsoll_model::rationale::{Finding, JobRationale};
use plimsoll_model::spec::{JobSpec, Limits, QueueSpec, Resources, Schedule};
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::order::QueueOrder;

const MINUTE: u64 = 60_000;

fn job(cpu: u64, minutes: Option<u64>) -> JobSpec {
    JobSpec {
        run: command("report"),
        requests: Resources { cpu: Millicores(cpu), memory: Bytes(1 << 20) },
        limits: Limits::default(),
        priority: 0,
        run_time: minutes.map(|minutes| Millis(minutes * MINUTE)),
        retries: 0,
        memory_retry: None,
        schedule: Schedule::Once,
        preemptible: false,
        grace: Millis(5_000),
        sandbox: sandbox(),
        log_size_max: Bytes(1),
        log_files_max: 1,
    }
}

fn name(text: &str) -> JobName {
    JobName::try_new(text).expect("a job name")
}

/// A node of four cores on which `long` runs, with room for two cores more, and jobs that arrive when it does.
fn plant(order: &str, backfill: &str, jobs: &[(&str, JobSpec)]) -> Plant {
    let mut policy = spec([]);
    policy.queue = QueueSpec { order: order.to_owned(), backfill: backfill.to_owned(), ..QueueSpec::default() };
    policy.jobs = jobs.iter().map(|(text, job)| (name(text), job.clone())).collect();
    let mut plant = Plant::new(policy);
    plant.capacity = Resources { cpu: Millicores(4_000), memory: Bytes(1 << 30) };
    plant
}

fn running(plant: &Plant) -> Vec<String> {
    let live = plant.workloads.values().filter(|status| status.phase.is_live() && status.task().is_some());
    live.map(|status| status.id.to_string().replace("job:", "").replace("/1", "")).collect()
}

/// `first` runs for an hour on two cores, `huge` waits for all four; `short` and `longer` would fit beside `first`.
fn blocked(backfill: &str) -> Plant {
    let first = JobSpec { priority: 9, ..job(2_000, Some(60)) };
    let huge = JobSpec { priority: 5, ..job(4_000, Some(30)) };
    let jobs = [("first", first), ("huge", huge), ("longer", job(1_000, Some(120))), ("short", job(1_000, Some(10)))];
    let mut plant = plant("ageing", backfill, &jobs);
    let _ = plant.tick();
    plant
}

#[test]
fn backfill_decides_who_may_pass_a_job_that_has_no_room() {
    for (backfill, expected) in [
        ("none", vec!["first"]),
        ("greedy", vec!["first", "longer", "short"]),
        ("easy", vec!["first", "short"]),
        ("easy-sjbf", vec!["first", "short"]),
        ("conservative", vec!["first", "short"]),
    ] {
        assert_eq!(running(&blocked(backfill)), expected, "{backfill}");
    }
}

#[test]
fn who_passed_and_when_the_other_is_expected_is_told() {
    let mut plant = blocked("easy");
    let _ = plant.tick();
    let state = plant.state.jobs[&name("short")].tasks[&1].process.asked_at;
    let ends = state.plus(Millis(10 * MINUTE));
    let hour = state.plus(Millis(60 * MINUTE));
    let mut again = blocked_decision();
    let told = again.rationale.jobs.remove(&name("short")).expect("it started");
    let [JobRationale::Started { passed: Some(passed), .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((passed.head.to_string().as_str(), passed.shadow, passed.ends), ("huge/1", Some(hour), Some(ends)));
    let waits = again.rationale.jobs.remove(&name("huge")).expect("it waits");
    assert!(matches!(&waits[..], [JobRationale::Waiting { expected: Some(at), position: 1, .. }] if *at == hour));
    assert!(told[0].to_string().contains("passed huge/1, which has no room before"), "{}", told[0]);
}

fn blocked_decision() -> plimsoll_model::Decision {
    let first = JobSpec { priority: 9, ..job(2_000, Some(60)) };
    let huge = JobSpec { priority: 5, ..job(4_000, Some(30)) };
    let mut plant = plant("ageing", "easy", &[("first", first), ("huge", huge), ("short", job(1_000, Some(10)))]);
    plant.tick()
}

#[test]
fn a_job_that_passed_did_not_delay_the_one_it_passed() {
    let mut plant = blocked("easy");
    let started = plant.at;
    let mut ended = Vec::new();
    while !running(&plant).contains(&"huge".to_owned()) {
        let at = plant.at;
        for (text, minutes) in [("first", 60), ("short", 10)] {
            let is_over = at.since(started) >= Millis(minutes * MINUTE);
            if is_over && running(&plant).contains(&text.to_owned()) {
                plant.end(&format!("job:{text}/1"), ExitCause::Status { code: 0 });
                ended.push(text);
            }
        }
        let _ = plant.tick();
        assert!(plant.at.since(started) < Millis(65 * MINUTE), "huge waits on: {:?}", running(&plant));
    }
    assert_eq!(ended, ["short", "first"]);
}

#[test]
fn the_order_is_the_one_that_the_spec_names() {
    let jobs = [
        ("a-large", JobSpec { priority: 1, ..job(4_000, Some(5)) }),
        ("b-short", job(3_000, Some(4))),
        ("c-small", JobSpec { priority: 3, ..job(2_500, Some(60)) }),
    ];
    for (order, expected) in
        [("fifo", "a-large"), ("sjf", "b-short"), ("saf", "b-short"), ("priority", "c-small"), ("density", "a-large")]
    {
        let mut plant = plant(order, "none", &jobs);
        let _ = plant.tick();
        assert_eq!(running(&plant), [expected], "{order}");
    }
}

#[test]
fn every_word_of_the_file_is_known_and_any_other_is_a_finding() {
    assert!(ORDERS.iter().all(|choice| QueueOrder::by_name(choice.word).is_some()));
    assert!(BACKFILLS.iter().all(|choice| Backfill::by_name(choice.word).is_some()));
    let mut plant = plant("newer", "than-this", &[("only", job(1_000, None))]);
    let decision = plant.tick();
    let bad = |it: &&Finding| matches!(it, Finding::BadInput { what } if what.contains("newer") || what.contains("than-this"));
    assert_eq!(decision.rationale.findings.iter().filter(bad).count(), 2, "{:?}", decision.rationale.findings);
    assert_eq!(running(&plant), ["only"], "the defaults are used");
}
