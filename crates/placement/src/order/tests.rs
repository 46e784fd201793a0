//! Orders by name on a handful of tasks whose order is known by hand, and properties that hold for all of them.

use super::*;
use crate::fair::Holder;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

fn task(submitted: i64, hours: u64, processors: u32, priority: i32) -> Facts {
    Facts {
        submitted: Timestamp(submitted),
        estimate: Millis(hours * HOUR.unsigned_abs()),
        priority,
        size: Share::of(u64::from(processors), 256),
        processors,
        holder: Holder(0),
    }
}

fn order(name: &str, tasks: &[Facts], at: i64) -> Vec<usize> {
    let order = QueueOrder::by_name(name).unwrap();
    let mut indexes: Vec<usize> = (0..tasks.len()).collect();
    indexes.sort_by_key(|index| (order.key(&tasks[*index], Timestamp(at), 0), tasks[*index].submitted, *index));
    indexes
}

#[test]
fn each_order_does_what_its_formula_says() {
    // (submitted, hours, processors, priority)
    let tasks = [task(1_000, 8, 1, 5), task(2_000, 1, 64, 0), task(3_000, 2, 16, 9), task(4_000, 4, 2, 5)];
    let at = 40 * HOUR;
    for (name, expected) in [
        ("fifo", [0, 1, 2, 3]),
        ("sjf", [1, 2, 3, 0]),
        ("saf", [0, 3, 2, 1]),
        ("priority", [2, 0, 3, 1]),
        ("ageing", [2, 0, 3, 1]),
        ("density", [1, 2, 3, 0]),
        ("priority-over-time", [1, 0, 3, 2]),
        ("power", [0, 3, 2, 1]),
        ("multifactor", [1, 2, 3, 0]),
        // 40³ × 64, 20³ × 16, 10³ × 2, 5³ × 1
        ("wfp3", [1, 2, 3, 0]),
        // 5 / 0, 40 / 6, 20 / 4, 10 / 1
        ("unicep", [0, 3, 1, 2]),
    ] {
        assert_eq!(order(name, &tasks, at), expected, "{name}");
    }
}

#[test]
fn density_and_priority_over_time_are_opposites() {
    let tasks = [task(0, 1, 8, 1), task(0, 10, 8, 1)];
    assert_eq!(order("density", &tasks, 0), [0, 1], "short and large first");
    assert_eq!(order("priority-over-time", &tasks, 0), [1, 0], "long first");
}

#[test]
fn ageing_passes_exactly_when_the_points_are_made_up() {
    let order = QueueOrder::Ageing { span: Millis(600_000) };
    let old = task(0, 1, 1, 0);
    for (submitted, priority, old_first) in [(2_999_999, 5, false), (3_000_000, 5, true), (6_000_000, 9, true)] {
        let new = task(submitted, 1, 1, priority);
        let key = |facts: &Facts| (order.key(facts, Timestamp(9), 0), facts.submitted);
        assert_eq!(key(&old) < key(&new), old_first, "{submitted} {priority}");
    }
}

#[test]
fn compatible_modes_turn_the_sign_of_the_waiting_time() {
    // ((1 + submitted) / estimate)³ × processors rises with all but the estimate.
    let tasks =
        [task(100 * HOUR, 1, 8, 0), task(10 * HOUR, 1, 8, 0), task(10 * HOUR, 9, 8, 0), task(10 * HOUR, 9, 1, 0)];
    assert_eq!(order("wfp3-rls", &tasks, 200 * HOUR), [3, 2, 1, 0]);
    assert_eq!(order("unicep-rls", &tasks, 200 * HOUR), [2, 1, 0, 3], "one processor divides by almost nothing");
}

#[test]
fn names_find_their_orders_and_the_catalogue_says_which_move() {
    for entry in catalogue() {
        assert_eq!(QueueOrder::by_name(entry.name), Some(entry.order));
        assert_eq!(entry.order.name(), entry.name);
        assert_eq!(entry.dynamic, entry.order.moves() != Moves::Never, "{}", entry.name);
    }
    assert_eq!(QueueOrder::by_name("lifo"), None);
}

#[test]
fn fair_share_is_one_factor_of_several() {
    let weights = Weights { age: 0, size: 0, priority: 0, ..Weights::default() };
    let key = |over_use| QueueOrder::Multifactor(weights).key(&task(0, 1, 1, 0), Timestamp(0), over_use);
    let one = 1_u64 << 32;
    assert_eq!((key(0).0, key(one).0), (-1_000 << 32, -500 << 32), "2^0 and 2^-1");
}

proptest! {
    #[test]
    fn no_order_panics_and_static_ones_ignore_the_clock(
        submitted in any::<i64>(), estimate in 0_u64..u64::MAX, priority in any::<i32>(), size in any::<u64>(),
        processors in any::<u32>(), at in any::<i64>(), over_use in any::<u64>(),
    ) {
        let facts = Facts {
            submitted: Timestamp(submitted), estimate: Millis(estimate), priority, size: Share(size >> 1), processors,
            holder: Holder(0),
        };
        for entry in catalogue() {
            let key = entry.order.key(&facts, Timestamp(at), over_use);
            if entry.order.moves() == Moves::Never {
                prop_assert_eq!(key, entry.order.key(&facts, Timestamp(0), 0));
            }
        }
    }

    #[test]
    fn smallest_area_equals_the_product_of_processors_and_estimate(
        a in (1_u32..=256, 1_u64..1_000_000), b in (1_u32..=256, 1_u64..1_000_000),
    ) {
        let facts = |(processors, seconds): (u32, u64)| {
            Facts { estimate: Millis(seconds * 1_000), ..task(0, 0, processors, 0) }
        };
        let key = |task| QueueOrder::SmallestArea.key(&facts(task), Timestamp(0), 0);
        let area = |(processors, seconds): (u32, u64)| u64::from(processors) * seconds;
        prop_assert_eq!(key(a).cmp(&key(b)), area(a).cmp(&area(b)));
    }

    #[test]
    fn power_agrees_with_the_orders_it_generalises(
        a in (1_u32..=256, 1_u64..1_000_000), b in (1_u32..=256, 1_u64..1_000_000),
    ) {
        let facts = |(processors, seconds): (u32, u64)| {
            Facts { estimate: Millis(seconds * 1_000), ..task(0, 0, processors, 0) }
        };
        for (order, exponents) in
            [(QueueOrder::Shortest, Exponents { estimate: 1_000, size: 0 }), (QueueOrder::SmallestArea, Exponents { estimate: 1_000, size: 1_000 })]
        {
            let key = |order: QueueOrder, task| order.key(&facts(task), Timestamp(0), 0);
            if key(order, a) < key(order, b) {
                let power = QueueOrder::Power(exponents);
                prop_assert!(key(power, a).0 <= key(power, b).0 + 2_000, "{a:?} {b:?}");
            }
        }
    }
}
