//! The orders of `policies/` put tasks in the order of the built-in ones.
//!
//! Four are equal to the last bit. The others compare logarithms or quotients of 32 and more fraction bits with floats, and
//! shares in 10^-12 of the cluster with shares in 2^-62: two tasks whose values differ by more than the stated
//! resolution are in the same order, and what is closer may be turned round.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_placement::order::{Asked, Facts, Moves, QueueOrder, Share};
use plimsoll_placement::policy::{TextPolicy, from_file_text};
use plimsoll_placement::scheduler::SchedulerPolicy;
use proptest::prelude::*;
use std::path::PathBuf;

/// `(name, relative, absolute)`: values that differ by more than both together are in the same order.
const ORDERS: [(&str, f64, f64); 14] = [
    ("fifo", 0.0, 0.0),
    ("sjf", 0.0, 0.0),
    ("priority", 0.0, 0.0),
    ("ageing", 0.0, 0.0),
    // A share of one in 65,536 is 1.5e7 in 10^-12.
    ("saf", 2e-7, 0.0),
    ("density", 2e-7, 0.0),
    // The built-in has 48 fraction bits.
    ("priority-over-time", 1e-14, 1e-14),
    ("power", 0.0, 2e-7),
    ("wfp3", 1e-8, 0.0),
    ("unicep", 1e-8, 0.0),
    // 2^-32 times 65,536 processors, and 870 times that.
    ("f1", 0.0, 1e-4),
    ("wfp3-rls", 1e-8, 0.0),
    ("unicep-rls", 1e-8, 0.0),
    // Use in millionths, times a weight of a thousand.
    ("multifactor", 0.0, 2e-3),
];

fn written(name: &str) -> QueueOrder {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../policies/{name}.policy"));
    match from_file_text(name, &std::fs::read_to_string(path).unwrap()).unwrap() {
        TextPolicy::Queue(order) => order,
        TextPolicy::Node(_) => panic!("{name} scores nodes"),
    }
}

fn tasks() -> impl Strategy<Value = (Facts, u64)> {
    let time = prop_oneof![0_i64..20, 0_i64..100_000_000_000];
    let run = prop_oneof![1_u64..20, 1_u64..1_000_000_000];
    let use_of = prop_oneof![Just(0), Just(1_u64 << 32), 0_u64..8 << 32];
    (time, run, -50_i32..200, 1_u32..=65_536, use_of).prop_map(
        |(submitted, run_time, priority, processors, over_use)| {
            let facts = Facts {
                submitted: Timestamp(submitted),
                estimate: Millis(run_time),
                priority,
                size: Share::of(u64::from(processors), 65_536),
                processors,
                asked: Asked::default(),
                ..Facts::default()
            };
            (facts, over_use)
        },
    )
}

#[test]
fn orders_follow_the_clock_as_the_built_in_ones_do() {
    for (name, ..) in ORDERS {
        let (built_in, ours) = (QueueOrder::by_name(name).unwrap(), written(name));
        assert_eq!(built_in.moves() == Moves::Never, ours.moves() == Moves::Never, "{name}");
        assert_eq!(built_in.reads_use(), ours.reads_use(), "{name}");
    }
}

#[test]
fn an_expression_is_an_order_of_a_scheduler() {
    let policy = SchedulerPolicy { order: written("saf"), ..SchedulerPolicy::by_name("easy").unwrap() };
    assert_eq!(policy.order.name(), "expression");
    assert_eq!(policy, policy.clone());
    assert_ne!(policy.order, written("sjf"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn tasks_go_in_the_same_order(which in 0..ORDERS.len(), a in tasks(), b in tasks(), later in 0_i64..1_000_000_000) {
        let (name, relative, absolute) = ORDERS[which];
        let (built_in, order) = (QueueOrder::by_name(name).unwrap(), written(name));
        let QueueOrder::Expression(ours) = &order else { panic!("an expression") };
        let at = Timestamp(a.0.submitted.0.max(b.0.submitted.0) + later);
        let key = |order: &QueueOrder, task: &(Facts, u64)| order.key(&task.0, at, task.1);
        let value = |task| ours.compiled().output().value(key(&order, task).0 as i64);
        let (one, other) = (value(&a), value(&b));
        let resolution: f64 = relative * one.abs().max(other.abs()) + absolute;
        if relative + absolute == 0.0 {
            prop_assert_eq!(key(&built_in, &a).cmp(&key(&built_in, &b)), key(&order, &a).cmp(&key(&order, &b)), "{}", name);
        } else if (one - other).abs() > resolution {
            prop_assert_eq!(key(&built_in, &a).cmp(&key(&built_in, &b)), one.total_cmp(&other), "{}: {} {}", name, one, other);
        }
    }
}
