//! Figures of a backtest that come from a model or a second optimum: response times, memory, the soft optimum, events.

#![allow(clippy::unwrap_used, reason = "a course that cannot be set up fails its test")]

use plimsoll_model::scaling::{CurvePoint, EventSpec, Expected};
use plimsoll_model::{Event, Millis, Permille, Spec, Timestamp};
use plimsoll_twin::backtest::{Allowed, Between, Course, Load, Protocol, Watch};
use plimsoll_twin::service::model::MemoryUse;
use plimsoll_twin::service::{Distribution, ServiceModel};
use proptest::prelude::*;
use std::path::Path;

fn policy(scaling: &str) -> Spec {
    let text = format!("[scaling]\n{scaling}\n");
    plimsoll_config::parse_policy(&text, Path::new("policy.toml")).unwrap().spec
}

fn course(values: &[f64], skip_hours: u64) -> Course {
    let load = Load::try_new(Timestamp(0), Millis(60_000), values, 1_000_000.0).unwrap();
    laid(&load, skip_hours)
}

fn laid(load: &Load, skip_hours: u64) -> Course {
    let protocol = Protocol { skip: Millis(skip_hours * 3_600_000), ..Protocol::research(Millis(60_000)) };
    Course::try_new(load, Between::Held, protocol).unwrap()
}

fn model() -> ServiceModel {
    ServiceModel::sharing(Distribution::exponential(20.0), 0.0)
}

#[test]
fn a_calm_service_answers_as_theory_says_and_a_flooded_one_loses_what_it_cannot_hold() {
    // Two replicas' worth of work.
    let course = course(&[2.0; 120], 0).with_service(&model()).unwrap();
    let of = |replicas| course.judge(&course.held(replicas)).response.unwrap();
    // With forty replicas nobody waits: exponential of mean 20 ms.
    let calm = of(40);
    assert!((calm.p50_ms / 13.86 - 1.0).abs() < 0.05 && (calm.p99_ms / 92.1 - 1.0).abs() < 0.05, "{calm:?}");
    assert_eq!(calm.lost_pct, 0.0);
    let busy = of(3);
    assert!(busy.p99_ms > calm.p99_ms, "{busy:?}");
    // One replica carries half; the line fills up to 30 s and the rest is lost.
    let flooded = of(1);
    assert!((flooded.lost_pct - 50.0).abs() < 1.0 && flooded.p99_ms > 29_000.0, "{flooded:?}");
    let none = of(0);
    assert!(none.lost_pct > 99.9, "{none:?}");
    let card = course.judge(&course.held(1));
    assert!((card.served_pct - 50.0).abs() < 1.0);
}

#[test]
fn without_requests_there_is_no_response_time() {
    let mut values = [0.0; 60];
    let none = course(&values, 0).with_service(&model()).unwrap();
    assert_eq!(none.judge(&none.held(1)).response, None);
    values[30] = 1.0;
    let some = course(&values, 0).with_service(&model()).unwrap();
    assert!(some.judge(&some.held(2)).response.is_some());
    let mut bad = model();
    bad.work.mean_ms = -1.0;
    assert!(course(&values, 0).with_service(&bad).unwrap_err().to_string().contains("work.mean_ms is -1"));
}

#[test]
fn memory_is_what_was_recorded_else_what_the_model_knows_else_unknown() {
    let load = Load::try_new(Timestamp(0), Millis(60_000), &[2.0; 120], 1_000_000.0).unwrap();
    assert_eq!(laid(&load, 0).judge(&laid(&load, 0).held(4)).memory_mib, None);
    let recorded = laid(&load.clone().with_memory(&[f64::from(1 << 29); 120]).unwrap(), 0);
    assert_eq!(recorded.judge(&recorded.held(4)).memory_mib, Some(2_048.0));
    let memory = MemoryUse { fixed_mib: 100.0, per_request_mib: 10.0, limit_mib: 1e6, ..MemoryUse::default() };
    let modelled = laid(&load, 0).with_service(&ServiceModel { memory: Some(memory), ..model() }).unwrap();
    // Two requests are at work on average.
    let used = modelled.judge(&modelled.held(40)).memory_mib.unwrap();
    assert!((used - 4_020.0).abs() < 1.0, "{used}");
    let error = load.with_memory(&[1.0, f64::NEG_INFINITY]).unwrap_err().to_string();
    assert_eq!(error, "memory -inf of row 2 (from 1) is no amount: allowed are finite numbers from 0");
}

#[test]
fn a_policy_of_memory_runs_where_memory_was_recorded() {
    let load = Load::try_new(Timestamp(0), Millis(60_000), &[8.0; 240], 1_000_000.0).unwrap();
    let course = laid(&load.with_memory(&[f64::from(1 << 29); 240]).unwrap(), 1);
    let mut spec = policy("memory = \"25%\"");
    spec.services.values_mut().for_each(|service| service.replicas_max = 20);
    // Half of each GiB is used whatever the number, so more are wanted until there may be no more.
    assert_eq!(course.run(&spec, None, &[], |_| {}).unwrap().supply.ready.last(), Some(&20));
}

#[test]
fn an_event_that_is_announced_raises_the_supply_before_the_load_and_is_told() {
    let course = course(&[8.0; 240], 1);
    let start = Timestamp(2 * 3_600_000);
    let curve = vec![CurvePoint { at: Millis(0), expected: Expected::Factor(Permille(3_000)) }];
    let event = Event {
        spec: EventSpec { name: "sale".into(), start, end: start.plus(Millis(1_800_000)), curve },
        by: String::new(),
    };
    let watch = Watch { events: &[event], held: true, ..Watch::default() };
    let run = course
        .run_watched(
            &policy("cpu = \"80%\"\nrequest_rate = \"800/s\"\nstep = { up = 10000, down = 10000 }"),
            &watch,
            |_| {},
        )
        .unwrap();
    assert_eq!(run.supply.ready.iter().max(), Some(&30));
    let told: Vec<_> = run.held.iter().filter(|held| !held.is_withheld).collect();
    assert_eq!((told.len(), told[0].what.as_str(), told[0].from), (1, "sale", start));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_supply_beats_the_soft_optimum_of_its_own_share(
        slots in prop::collection::vec((0.0_f64..6.0, 0_u32..9), 20..80),
    ) {
        let values: Vec<f64> = slots.iter().map(|slot| slot.0).collect();
        let course = course(&values, 0);
        let ready: Vec<u32> = slots.iter().flat_map(|slot| [slot.1; 4]).collect();
        let supply = plimsoll_twin::backtest::Supply { billed: ready.clone(), ready, actions: 0 };
        let card = course.judge(&supply);
        let bounds = course.bounds();
        let paid = plimsoll_twin::optimum::cost_of(&supply.ready, &bounds) as f64 / 3_600_000.0;
        for (of, share) in [(Allowed::Time, card.elasticity.under_time_pct), (Allowed::Requests, card.under_requests_pct)] {
            let soft = course.soft(of, share);
            prop_assert!(soft.replica_hours <= paid * 1.000_01 + 1e-9, "{:?} {} {}", of, soft.replica_hours, paid);
        }
    }

    #[test]
    fn allowing_nothing_is_the_hard_optimum_and_allowing_more_never_costs_more(
        values in prop::collection::vec(0.0_f64..6.0, 20..80),
    ) {
        let course = course(&values, 0);
        let hard = course.optimum().cost_ms as f64 / 3_600_000.0;
        let none = course.soft(Allowed::Time, 0.0);
        prop_assert!((none.replica_hours / hard - 1.0).abs() < 2e-4, "{} {}", none.replica_hours, hard);
        let costs = [0.0, 1.0, 5.0, 20.0].map(|share| course.soft(Allowed::Time, share).replica_hours);
        prop_assert!(costs.windows(2).all(|pair| pair[1] <= pair[0] * 1.000_2), "{:?}", costs);
    }
}
