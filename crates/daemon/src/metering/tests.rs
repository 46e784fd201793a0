//! Sums are the same by any grouping, the same as a direct sum, and gaps are nobody's.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use super::*;
use plimsoll_controller::Input;
use plimsoll_model::operations::{OperationsSpec, PriceSpec};
use plimsoll_model::spec::Resources;
use plimsoll_model::{
    Bytes, ExitCause, Exited, Generation, Millicores, Millis, Observation, Permille, Phase, ReplicaStatus,
    ReplicaUsage, WorkloadId,
};
use proptest::prelude::*;

/// A replica of one of three services, or a run of one of three jobs.
fn workload(owner: u8, ordinal: u64) -> WorkloadId {
    let text = if owner < 3 { format!("service:s{owner}/{ordinal}") } else { format!("job:j{owner}/{ordinal}") };
    text.parse().unwrap()
}

fn status(id: WorkloadId, started: i64, cpu: u64, memory: u64) -> ReplicaStatus {
    ReplicaStatus {
        id,
        generation: Generation(1),
        phase: Phase::Ready,
        started_at: Timestamp(started),
        ready_at: None,
        exited: None,
        requests: Resources { cpu: Millicores(cpu), memory: Bytes(memory) },
    }
}

fn step(at: i64, observation: Observation) -> StepInputs {
    StepInputs { step: 1, at: Timestamp(at), inputs: vec![Input::Observed(Box::new(observation))] }
}

fn metered(steps: &[StepInputs], users: &[(&str, &[&str])]) -> Metered {
    let mut meter = Meter::new(None, None);
    let mut spec =
        plimsoll_config::parse("name = \"x\"\n", Path::new("x.toml")).unwrap_or_else(|report| panic!("{report}")).spec;
    let user = |names: &[&str]| plimsoll_model::operations::UserSpec {
        workloads: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    spec.operations = OperationsSpec {
        users: users.iter().map(|(name, workloads)| ((*name).to_owned(), user(workloads))).collect(),
        prices: PriceSpec { cpu_month: Permille(20_000), memory_gib_month: Permille(3_000), ..PriceSpec::default() },
        ..OperationsSpec::default()
    };
    meter.adopt(&spec);
    steps.iter().for_each(|step| meter.take(step));
    meter.finish()
}

#[test]
fn what_ran_for_a_part_of_an_interval_counts_for_that_part() {
    let id = workload(0, 1);
    let mut ended = status(workload(3, 7), 2_000, 500, 10);
    ended.exited = Some(Exited { cause: ExitCause::Status { code: 0 }, at: Timestamp(8_000) });
    ended.phase = Phase::Exited;
    let usage = ReplicaUsage { cpu: Some(Millicores(40)), memory: Some(Bytes(30)), ..ReplicaUsage::default() };
    let seen_between = Observation { speed: 1, inventory_only: true, workloads: vec![ended], ..Observation::default() };
    let full = Observation {
        speed: 1,
        interval: Millis(10_000),
        workloads: vec![status(id.clone(), 4_000, 100, 20)],
        usage: [(id, usage)].into(),
        ..Observation::default()
    };
    let found = metered(&[step(8_500, seen_between), step(10_000, full)], &[]);
    let of = |name: &str| *found.owners.iter().find(|(owner, _)| owner.name == name).unwrap().1;
    // Six seconds of a replica of 100 millicores that used 40, and whose memory was larger than what it asked for.
    assert_eq!(of("s0").cpu, Held { requested: 600_000, used: 240_000, idle: 360_000 });
    assert_eq!(of("s0").memory, Held { requested: 120_000, used: 180_000, idle: 0 });
    // A run of six seconds that no sample saw: requested, and nobody knows what it used.
    assert_eq!(of("j3").cpu, Held { requested: 3_000_000, used: 0, idle: 0 });
    assert_eq!((of("j3").unmeasured_ms, of("s0").unmeasured_ms), (6_000, 0));
}

#[test]
fn time_that_nobody_watched_is_nobodys_and_is_told() {
    let observation = |interval| Observation {
        speed: 10,
        interval: Millis(interval),
        workloads: vec![status(workload(0, 1), 0, 100, 1)],
        ..Observation::default()
    };
    // Trace time is ten times as fast: 100 s, then 600 s of which the daemon watched 20 s, physical 2 s.
    let found = metered(&[step(100_000, observation(10_000)), step(700_000, observation(2_000))], &[]);
    assert_eq!((found.observed_ms, found.unobserved_ms), (12_000, 58_000));
    assert_eq!(found.owners.values().next().unwrap().cpu.requested, 100 * 12_000);
}

#[test]
fn a_price_is_for_a_month_of_730_hours() {
    let prices = PriceSpec { cpu_month: Permille(20_500), network_gib: Permille(90), ..PriceSpec::default() };
    let month = 730 * 3_600_000;
    let sums = Sums {
        cpu: Held { requested: 2_000 * month, used: 500 * month, idle: 1_500 * month },
        network_bytes: 3 << 30,
        ..Sums::default()
    };
    assert_eq!(bill::total(&sums, &prices).to_string(), "41.270000");
    assert_eq!(bill::idle(&sums, &prices).to_string(), "30.750000");
}

prop_compose! {
    fn any_sample()(
        passed in 1_i64..50_000,
        interval in 1_u64..20_000,
        there in prop::collection::btree_map((0_u8..6, 1_u64..5), (0_i64..400_000, 0_u64..4_000, 0_u64..1_000_000, prop::option::of(0_u64..5_000)), 0..8),
    ) -> (i64, u64, Vec<((u8, u64), (i64, u64, u64, Option<u64>))>) {
        (passed, interval, there.into_iter().collect())
    }
}

proptest! {
    #[test]
    fn every_grouping_adds_up_to_the_direct_sum(samples in prop::collection::vec(any_sample(), 1..20), cut in 0_usize..20) {
        let (mut at, mut steps) = (0, Vec::new());
        let (mut direct_requested, mut direct_used, mut direct_held) = (0_u128, 0_u128, 0_u128);
        for (passed, interval, there) in &samples {
            at += passed;
            let mut observation = Observation { speed: 1, interval: Millis(*interval), ..Observation::default() };
            for ((owner, ordinal), (started, cpu, memory, used)) in there {
                let id = workload(*owner, *ordinal);
                observation.workloads.push(status(id.clone(), *started, *cpu, *memory));
                if let Some(used) = used {
                    let usage = ReplicaUsage { cpu: Some(Millicores(*used)), ..ReplicaUsage::default() };
                    observation.usage.insert(id, usage);
                }
                // The length of what the interval and the life have in common, straight from their ends.
                let begin = (at - i64::try_from(*interval).unwrap()).max(*started);
                let held = u128::try_from((at - begin).max(0)).unwrap();
                direct_held += held;
                direct_requested += held * u128::from(*cpu);
                direct_used += held * u128::from(used.unwrap_or(0));
            }
            steps.push(step(at, observation));
        }
        let found = metered(&steps, &[("ann", &["s0", "j4"]), ("bob", &["s1"])]);
        let bills: Vec<Bill> = Grouping::ALL.into_iter().map(|by| Bill::of(&found, by, None)).collect();
        for bill in &bills {
            let mut added = Sums::default();
            bill.rows.iter().for_each(|row| added += row.sums);
            prop_assert_eq!(added, bill.total.sums, "{:?}", bill.by);
            prop_assert_eq!(&bill.total, &bills[0].total);
            prop_assert_eq!(bill.total.sums.cpu.requested, direct_requested);
            prop_assert_eq!(bill.total.sums.cpu.used, direct_used);
            prop_assert_eq!(bill.total.sums.held_ms, direct_held);
        }
        // Two ranges that touch hold together what the whole holds.
        let moment = steps.get(cut).map_or(Timestamp(at + 1), |step| step.at);
        let mut both = Sums::default();
        for (from, to) in [(None, Some(moment)), (Some(moment), None)] {
            let mut meter = Meter::new(from, to);
            steps.iter().for_each(|step| meter.take(step));
            meter.finish().owners.values().for_each(|sums| both += *sums);
        }
        prop_assert_eq!(both, bills[0].total.sums);
    }
}

#[test]
fn a_bill_that_is_shown_reads_back_as_the_same_however_large_its_sums() {
    let mut metered = metered(&[], &[]);
    let huge = Held { requested: u128::from(u64::MAX) * 7, used: 3, idle: u128::from(u64::MAX) + 1 };
    let owner = Owner { is_job: false, name: "shop".to_owned(), user: None };
    metered.owners.insert(owner, Sums { cpu: huge, held_ms: 5, ..Sums::default() });
    metered.span = Some((Timestamp(-3), Timestamp(9)));
    for by in Grouping::ALL {
        let bill = Bill::of(&metered, by, None);
        assert_eq!(Bill::read(&bill.shown(), None), Some(bill.clone()));
        let dear = PriceSpec { cpu_month: Permille(1_000), ..PriceSpec::default() };
        assert_eq!(Bill::read(&bill.shown(), Some(&dear)), Some(Bill::of(&metered, by, Some(&dear))));
    }
    assert_eq!(Bill::read(&serde_json::json!({ "rows": [] }), None), None);
}
