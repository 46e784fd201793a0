//! Jobs: schedules, the queue beside the services, pre-emption, retries.

mod plant;

use plant::{Plant, command, sandbox, service, spec};
use plimsoll_controller::{Input, explain_job};
use plimsoll_model::id::{JobName, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Phase};
use plimsoll_model::quantity::{Bytes, MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::rationale::JobRationale;
use plimsoll_model::spec::{JobSpec, Limits, MemoryRetry, Resources, Schedule};
use plimsoll_model::{Decision, ScalingPolicy, Spec};

fn name(text: &str) -> JobName {
    JobName::try_new(text).expect("a job name")
}

fn job(cpu: u64, schedule: Schedule) -> JobSpec {
    JobSpec {
        run: command("report"),
        requests: Resources { cpu: Millicores(cpu), memory: Bytes(1_000) },
        limits: Limits { memory: Some(Bytes(2_000)), ..Limits::default() },
        priority: -10,
        run_time: None,
        retries: 2,
        memory_retry: None,
        schedule,
        preemptible: true,
        grace: Millis(5_000),
        sandbox: sandbox(),
        log_size_max: Bytes(1),
        log_files_max: 1,
    }
}

fn with_jobs(mut spec: Spec, jobs: Vec<(&str, JobSpec)>) -> Plant {
    spec.jobs = jobs.into_iter().map(|(text, job)| (name(text), job)).collect();
    let mut plant = Plant::new(spec);
    plant.capacity.cpu = Millicores(4_000);
    plant
}

fn told(decision: &Decision, job: &str) -> Vec<JobRationale> {
    decision.rationale.jobs.get(&name(job)).cloned().unwrap_or_default()
}

fn tasks(plant: &Plant) -> Vec<String> {
    let tasks = plant.workloads.values().filter(|status| status.phase.is_live() && status.task().is_some());
    tasks.map(|status| status.id.to_string()).collect()
}

#[test]
fn schedules_submit_when_they_should_and_a_run_that_still_goes_lets_the_next_one_pass() {
    let every = Schedule::Every { period: Millis(60_000) };
    let daily = Schedule::Daily { at: Millis(10_800_000) };
    let jobs = vec![
        ("once", job(100, Schedule::Once)),
        ("every", job(100, every)),
        ("daily", job(100, daily)),
        ("manual", job(100, Schedule::Manual)),
    ];
    let mut plant = with_jobs(spec([]), jobs);
    plant.at = Timestamp(1_500_000_000_000); // 02:40 UTC
    let mut started = std::collections::BTreeMap::<String, Vec<i64>>::new();
    for tick in 0..100_i64 {
        if tick == 7 {
            plant.pending.push(Input::RunJob { job: name("manual") });
        }
        let decision = plant.tick();
        for (name, happened) in &decision.rationale.jobs {
            let starts = happened.iter().filter(|it| matches!(it, JobRationale::Started { .. })).count();
            started.entry(name.to_string()).or_default().extend(vec![tick; starts]);
        }
        let over = plant.workloads.values().filter(|it| it.phase == Phase::Running);
        let over: Vec<String> = over.map(|status| status.id.to_string()).collect();
        for id in over.iter().filter(|id| !(id.as_str() == "job:every/2" && tick < 14)) {
            plant.end(id, ExitCause::Status { code: 0 });
        }
    }
    let expected = [
        ("daily", vec![79]),
        ("every", (0..25).filter(|k| *k != 2 && *k != 3).map(|k| k * 4).collect()),
        ("manual", vec![7]),
        ("once", vec![0]),
    ];
    let expected = expected.map(|(name, ticks)| (name.to_owned(), ticks));
    assert_eq!(started.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn jobs_start_beside_the_services_in_order_and_one_that_can_never_fit_is_refused() {
    let mut first = job(1_500, Schedule::Once);
    first.priority = 5;
    let jobs = vec![("a-low", job(1_500, Schedule::Once)), ("b-high", first), ("huge", job(4_001, Schedule::Once))];
    let mut plant = with_jobs(spec([("shop", service(4, 4, vec![]))]), jobs);
    let decision = plant.tick();
    assert_eq!(tasks(&plant), ["job:b-high/1"]);
    assert!(matches!(&told(&decision, "huge")[..], [JobRationale::Refused { .. }]));
    assert!(matches!(&told(&decision, "a-low")[..], [JobRationale::Waiting { position: 1, .. }]));
    assert!(told(&plant.tick(), "a-low").is_empty(), "the same place is not told again");
    plant.tick().actions.clear();
    plant.end("job:b-high/1", ExitCause::Status { code: 0 });
    let decision = plant.tick();
    assert!(matches!(&told(&decision, "b-high")[..], [JobRationale::Succeeded { .. }]));
    assert_eq!(tasks(&plant), ["job:a-low/1"]);
}

#[test]
fn a_service_that_needs_the_room_preempts_the_least_and_the_job_waits_again() {
    let rate = vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }];
    let jobs = vec![("old", job(1_500, Schedule::Once)), ("young", job(1_500, Schedule::Once))];
    let mut plant = with_jobs(spec([("shop", service(1, 8, rate))]), jobs);
    for _ in 0..4 {
        let _ = plant.tick();
    }
    assert_eq!(tasks(&plant).len(), 2);
    plant.set_load("shop", 40, 1_000);
    let decision = plant.tick();
    let preempted: Vec<&JobRationale> = decision.rationale.jobs.values().flatten().collect();
    let by_shop = |it: &&JobRationale| matches!(it, JobRationale::Preempted { by, priority: -10, by_priority: 0, .. } if by == "service shop");
    assert_eq!(preempted.iter().copied().filter(by_shop).count(), 1, "{preempted:?}");
    for _ in 0..4 {
        let _ = plant.tick();
    }
    assert_eq!((plant.count("shop", Phase::Ready), tasks(&plant).len()), (4, 1));
    assert_eq!(plimsoll_controller::waiting(&plant.state), 1);
    plant.set_load("shop", 1, 1_000);
    for _ in 0..30 {
        let _ = plant.tick();
    }
    assert_eq!(tasks(&plant).len(), 2, "it came back when the service had shrunk");
}

#[test]
fn a_job_out_of_memory_gets_more_within_its_bound_and_then_fails_for_good() {
    let mut hungry = job(100, Schedule::Once);
    hungry.retries = 9;
    hungry.memory_retry = Some(MemoryRetry { factor: Permille(1_500), memory_max: Bytes(2_500) });
    let mut plant = with_jobs(spec([]), vec![("hungry", hungry)]);
    let mut lines = Vec::new();
    let mut given = Vec::new();
    for _ in 0..40 {
        let decision = plant.tick();
        let happened = explain_job(&decision, &name("hungry")).into_iter();
        lines.extend(happened.filter(|line| line.starts_with("  ") && !line.contains("noticed")));
        let running: Vec<(String, u64)> = plant
            .workloads
            .values()
            .filter(|it| it.phase == Phase::Running)
            .map(|it| (it.id.to_string(), it.requests.memory.0))
            .collect();
        for (id, memory) in running {
            given.push(memory);
            plant.end(&id, ExitCause::OutOfMemory);
        }
    }
    assert_eq!(given, [1_000, 1_500, 2_250, 2_500]);
    assert_eq!(lines.last().map(String::as_str), Some("  hungry/4 failed for good: out of memory"));
    assert!(
        lines.contains(
            &"  hungry/1 failed (out of memory); tried again with 1.4KiB, 8 tries left after that".to_owned()
        ),
        "{lines:#?}"
    );
    assert!(!plant.workloads.contains_key(&"job:hungry/5".parse::<WorkloadId>().expect("an id")));
}

#[test]
fn a_failing_job_is_tried_as_often_as_its_spec_says() {
    let mut plant = with_jobs(spec([]), vec![("flaky", job(100, Schedule::Once))]);
    let mut failed = 0;
    for _ in 0..40 {
        let decision = plant.tick();
        failed += told(&decision, "flaky").iter().filter(|it| matches!(it, JobRationale::Failed { .. })).count();
        let running: Vec<String> =
            plant.workloads.values().filter(|it| it.phase == Phase::Running).map(|it| it.id.to_string()).collect();
        running.iter().for_each(|id| plant.end(id, ExitCause::Status { code: 3 }));
    }
    assert_eq!((failed, plant.state.jobs[&name("flaky")].ordinal), (1, 3));
}

#[test]
fn a_big_job_that_waited_an_hour_is_not_passed_any_more() {
    let mut big = job(4_000, Schedule::Once);
    big.priority = -20;
    let small = job(900, Schedule::Every { period: Millis(1) });
    let mut others = vec![("big", big)];
    others.extend(["s1", "s2", "s3", "s4"].map(|text| (text, small.clone())));
    let mut plant = with_jobs(spec([]), others);
    let mut ticks = 0;
    while !tasks(&plant).contains(&"job:big/1".to_owned()) {
        let _ = plant.tick();
        ticks += 1;
        let mut running: Vec<String> =
            plant.workloads.values().filter(|it| it.phase == Phase::Running).map(|it| it.id.to_string()).collect();
        running.truncate(1 + ticks % 2);
        running.iter().for_each(|id| plant.end(id, ExitCause::Status { code: 0 }));
        assert!(ticks < 2_000, "starved");
    }
    assert!(ticks >= 230, "it had to wait its hour: {ticks}");
}

#[test]
fn a_retry_that_waits_keeps_what_it_has_grown_to_when_the_spec_is_loaded_again() {
    let mut hungry = job(3_000, Schedule::Once);
    hungry.memory_retry = Some(MemoryRetry { factor: Permille(1_500), memory_max: Bytes(2_500) });
    let mut urgent = job(3_000, Schedule::Manual);
    urgent.priority = 5;
    let mut plant = with_jobs(spec([]), vec![("hungry", hungry), ("urgent", urgent)]);
    for _ in 0..3 {
        let _ = plant.tick();
    }
    assert_eq!(tasks(&plant), ["job:hungry/1"]);
    plant.end("job:hungry/1", ExitCause::OutOfMemory);
    plant.pending.push(Input::RunJob { job: name("urgent") });
    let _ = plant.tick();
    let waits = |plant: &Plant| plant.state.jobs[&name("hungry")].queue.first().map(|task| task.requests.memory.0);
    assert_eq!(waits(&plant), Some(1_500));
    let mut again = plant.state.spec.clone().expect("a spec");
    let reload = |plant: &mut Plant, generation: u64, spec: &Spec| {
        let generation = plimsoll_model::Generation(generation);
        plant.pending.push(Input::Policy { generation, spec: Box::new(spec.clone()) });
        let _ = plant.tick();
    };
    again.jobs.get_mut(&name("urgent")).expect("a job").retries = 7;
    reload(&mut plant, 2, &again);
    assert_eq!(waits(&plant), Some(1_500), "another job's change is none of its business");
    again.jobs.get_mut(&name("hungry")).expect("a job").requests.memory = Bytes(1_200);
    reload(&mut plant, 3, &again);
    assert_eq!(waits(&plant), Some(1_200), "a new size is taken over");
}
