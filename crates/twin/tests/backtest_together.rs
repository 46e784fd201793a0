//! Several services on one node in a backtest: what the controller shares out, and the figures of it.

#![allow(clippy::unwrap_used, reason = "a course that cannot be set up fails its test")]

use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, Millicores, Millis, Spec, Timestamp};
use plimsoll_twin::backtest::{Between, Course, Load, NODE, Protocol, Run, Watch, run_together, sharing};
use std::path::Path;

/// Services `a` and `b`, of which `a` has this weight and guarantee.
fn spec(weight: u32, guaranteed: u32) -> Spec {
    let service = |name: &str, weight: u32, guaranteed: u32| {
        format!(
            "[services.{name}]\ncommand = [\"true\"]\nstartup = \"60s\"\nweight = {weight}\n\
             replicas = {{ min = 1, max = 1000, guaranteed = {guaranteed} }}\nrequests = {{ cpu = \"1\", memory = \"1GiB\" }}\n\
             [services.{name}.scaling]\ncpu = \"80%\"\ntolerance = \"0%\"\n"
        )
    };
    let text = format!("name = \"two\"\n{}{}", service("a", weight, guaranteed), service("b", 1, 1));
    plimsoll_config::parse(&text, Path::new("two.toml")).unwrap().spec
}

fn course(busy: f64) -> Course {
    let load = Load::try_new(Timestamp(0), Millis(60_000), &[busy; 300], 1_000_000.0).unwrap();
    let protocol = Protocol { skip: Millis(3_600_000), ..Protocol::research(Millis(60_000)) };
    Course::try_new(&load, Between::Held, protocol).unwrap()
}

fn room(cores: u64) -> Resources {
    Resources { cpu: Millicores(cores * 1_000), memory: Bytes(1 << 50) }
}

fn run(courses: &[&Course], spec: &Spec, room: Option<Resources>) -> Vec<Run> {
    run_together(courses, spec, room, &Watch::default(), |_| {}).unwrap()
}

#[test]
fn with_room_for_all_services_do_together_what_they_do_alone() {
    let (a, b) = (course(8.0), course(24.0));
    let runs = run(&[&a, &b], &spec(1, 1), None);
    for (run, alone) in runs.iter().zip([&a, &b]) {
        let mut one = spec(1, 1);
        one.services.pop_last();
        assert_eq!(run.supply, alone.run(&one, None, &[], |_| {}).unwrap().supply);
    }
    let shared = sharing(&[&a, &b], &runs, &spec(1, 1).services.values().collect::<Vec<_>>(), NODE);
    assert_eq!((shared.jain, shared.short_pct), (1.0, 0.0));
}

#[test]
fn where_room_is_short_weights_share_it_and_a_guarantee_comes_first() {
    // Each wants 20 of 24 cores.
    let (a, b) = (course(16.0), course(16.0));
    let of = |weight, guaranteed| {
        let spec = spec(weight, guaranteed);
        let runs = run(&[&a, &b], &spec, Some(room(24)));
        let shared = sharing(&[&a, &b], &runs, &spec.services.values().collect::<Vec<_>>(), room(24));
        let last = |run: &Run| *run.supply.ready.last().unwrap();
        assert!(runs[0].supply.billed.iter().zip(&runs[1].supply.billed).all(|(a, b)| a + b <= 24));
        ((last(&runs[0]), last(&runs[1])), shared)
    };
    let (even, fair) = of(1, 1);
    assert_eq!(even, (12, 12));
    assert!(fair.jain > 0.999 && fair.short_pct > 99.0, "{fair:?}");
    let (weighted, shared) = of(3, 1);
    assert_eq!(weighted, (18, 6));
    // Needs are 20 each: 90 % and 30 % of them are had.
    assert!((shared.jain - 1.2 * 1.2 / (2.0 * (0.81 + 0.09))).abs() < 0.01, "{}", shared.jain);
    assert!((shared.services[0].share_pct - 75.0).abs() < 1.0 && shared.services[1].no_room_pct > 95.0, "{shared:?}");
    let (guaranteed, shared) = of(1, 17);
    assert_eq!(guaranteed, (17, 7));
    assert_eq!((shared.services[0].guaranteed, shared.services[0].below_guarantee_pct), (17, 0.0));
}

#[test]
fn courses_of_different_moments_and_too_few_services_are_refused() {
    let load = Load::try_new(Timestamp(0), Millis(60_000), &[1.0; 200], 1_000_000.0).unwrap();
    let short = Course::try_new(&load, Between::Held, course(1.0).protocol().clone()).unwrap();
    let error = run_together(&[&course(1.0), &short], &spec(1, 1), None, &Watch::default(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("course 2 (from 1) does not have the moments of the first"), "{error}");
    assert!(run_together(&[&short], &spec(1, 1), None, &Watch::default(), |_| {}).is_err());
}
