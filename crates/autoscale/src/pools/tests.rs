//! Tests of node pools.

use super::*;
use plimsoll_model::quantity::Millis;
use proptest::prelude::*;

fn amounts(cpu: u64, gib: u64) -> Amounts {
    [cpu * 1_000, gib << 30, 0, 0, 0]
}

fn shape(name: &str, cpu: u64, gib: u64, price: u64) -> Shape {
    Shape {
        name: name.to_owned(),
        provider: String::new(),
        zone: String::new(),
        has: amounts(cpu, gib),
        price_micros_per_hour: price,
        startup: Millis(60_000),
        min: 0,
        max: 100,
    }
}

fn policy(shapes: Vec<Shape>) -> PoolPolicy {
    PoolPolicy { shapes, idle: Millis(300_000) }
}

fn waiting(cpu: u64, gib: u64, count: u32) -> Waiting {
    Waiting { demand: amounts(cpu, gib), count }
}

fn node(id: u32, shape: usize, tasks: &[Amounts]) -> Node {
    let sum = |resource: usize| tasks.iter().map(|task| task[resource]).sum();
    Node {
        id,
        shape,
        phase: NodePhase::Ready,
        used: std::array::from_fn(sum),
        tasks: tasks.to_vec(),
        idle_since: tasks.is_empty().then_some(Timestamp(0)),
    }
}

const LATE: Timestamp = Timestamp(1_000_000);

#[test]
fn the_shape_that_holds_what_waits_at_the_least_price_is_bought() {
    let shapes = || vec![shape("small", 4, 16, 100), shape("large", 16, 64, 350), shape("memory", 4, 64, 160)];
    for (what, bought) in [
        (vec![waiting(1, 4, 1)], [1, 0, 0]),
        (vec![waiting(1, 4, 16)], [0, 1, 0]),
        (vec![waiting(1, 4, 20)], [1, 1, 0]),
        (vec![waiting(1, 15, 4)], [0, 0, 1]),
        (vec![waiting(8, 1, 1)], [0, 1, 0]),
        (vec![], [0, 0, 0]),
    ] {
        assert_eq!(plan(&policy(shapes()), LATE, &[], &what).buy, bought, "{what:?}");
    }
}

#[test]
fn room_that_is_there_or_coming_is_used_before_anything_is_bought() {
    let policy = policy(vec![shape("small", 4, 16, 100)]);
    let coming = Node { phase: NodePhase::Starting { ready_at: LATE }, ..node(2, 0, &[]) };
    let nodes = [node(1, 0, &[amounts(3, 4)]), coming];
    let found = plan(&policy, LATE, &nodes, &[waiting(1, 1, 5)]);
    assert_eq!(found.buy, [0]);
    assert_eq!(found.keep, [(1, Keep::ForWaiting), (2, Keep::Starting { ready_at: LATE })]);
    assert_eq!(plan(&policy, LATE, &nodes, &[waiting(1, 1, 6)]).buy, [1]);
}

#[test]
fn bounds_hold_and_what_they_leave_out_is_told() {
    let policy = policy(vec![Shape { min: 1, max: 2, ..shape("small", 4, 16, 100) }]);
    assert_eq!(plan(&policy, LATE, &[], &[]).buy, [1]);
    let found = plan(&policy, LATE, &[], &[waiting(4, 1, 3), waiting(5, 1, 2)]);
    assert_eq!((found.buy, found.unserved), (vec![2], vec![waiting(5, 1, 2), waiting(4, 1, 1)]));
    let empty = plan(&policy, LATE, &[node(7, 0, &[])], &[]);
    assert_eq!(empty.keep, [(7, Keep::AtMinimum { min: 1 })]);
}

#[test]
fn an_empty_node_goes_when_it_was_empty_long_enough() {
    let policy = policy(vec![shape("small", 4, 16, 100)]);
    let empty = [node(1, 0, &[])];
    let early = plan(&policy, Timestamp(299_999), &empty, &[]);
    assert_eq!(early.keep, [(1, Keep::Idle { until: Timestamp(300_000) })]);
    assert_eq!(plan(&policy, Timestamp(300_000), &empty, &[]).remove, [1]);
    let buying = plan(&policy, LATE, &empty, &[waiting(5, 1, 1)]);
    assert_eq!(buying.keep, [(1, Keep::WhileBuying)]);
}

#[test]
fn a_node_whose_load_fits_elsewhere_is_emptied_one_at_a_time_and_then_goes() {
    let policy = policy(vec![shape("small", 4, 16, 100)]);
    let task = amounts(1, 1);
    let nodes = [node(1, 0, &[task, task]), node(2, 0, &[task]), node(3, 0, &[task])];
    let found = plan(&policy, LATE, &nodes, &[]);
    assert_eq!((found.cordon.as_slice(), found.keep.len()), (&[2][..], 2));
    let leaving = Node { phase: NodePhase::Leaving, ..node(2, 0, &[task]) };
    let found = plan(&policy, LATE, std::slice::from_ref(&leaving), &[]);
    assert_eq!(found.keep, [(2, Keep::Leaving { tasks: 1 })]);
    let empty = Node { phase: NodePhase::Leaving, idle_since: Some(LATE), ..node(2, 0, &[]) };
    assert_eq!(plan(&policy, LATE, &[empty], &[]).remove, [2]);
    let back = plan(&policy, LATE, &[leaving], &[waiting(3, 1, 1)]);
    assert_eq!((back.take_back.as_slice(), back.buy.as_slice()), (&[2][..], &[0][..]));
}

#[test]
fn load_that_fits_nowhere_else_keeps_its_node() {
    let policy = policy(vec![shape("small", 4, 16, 100)]);
    let nodes = [node(1, 0, &[amounts(3, 1)]), node(2, 0, &[amounts(2, 1)])];
    let found = plan(&policy, LATE, &nodes, &[]);
    assert_eq!(found.keep, [(1, Keep::Used { share: Permille(750) }), (2, Keep::Used { share: Permille(500) })]);
}

#[test]
fn every_reason_to_stay_reads_as_a_sentence() {
    for keep in [Keep::ForWaiting, Keep::WhileBuying, Keep::AtMinimum { min: 2 }, Keep::Leaving { tasks: 3 }] {
        assert!(!keep.to_string().is_empty() && !keep.name().is_empty());
    }
}

/// The least price of one-resource tasks, by trying every number of each shape.
fn cheapest(shapes: &[Shape], tasks: u64) -> u64 {
    let cpu = |shape: &Shape| shape.has[0] / 1_000;
    let mut least = vec![u64::MAX; tasks as usize + 1];
    least[0] = 0;
    for need in 1..=tasks as usize {
        for shape in shapes.iter().filter(|shape| cpu(shape) > 0) {
            let before = least[need.saturating_sub(cpu(shape) as usize)];
            least[need] = least[need].min(before.saturating_add(shape.price_micros_per_hour));
        }
    }
    least[tasks as usize]
}

proptest! {
    #[test]
    fn every_node_is_in_one_list_bounds_hold_and_what_fits_is_served(
        shapes in prop::collection::vec((1_u64..16, 1_u64..64, 1_u64..500, 0_u32..2, 0_u32..6), 1..4),
        tasks in prop::collection::vec((0_u64..10, 0_u64..40, 0_u32..20), 0..5),
        nodes in prop::collection::vec((0_usize..4, prop::collection::vec((0_u64..3, 0_u64..9), 0..4), 0_u8..3), 0..6),
    ) {
        let shapes: Vec<Shape> = shapes.into_iter().map(|(cpu, gib, price, min, more)| {
            Shape { min, max: min + more + 6, ..shape("s", cpu, gib, price) }
        }).collect();
        let policy = policy(shapes);
        let nodes: Vec<Node> = nodes.into_iter().enumerate().map(|(id, (shape, tasks, phase))| {
            let tasks: Vec<Amounts> = tasks.into_iter().map(|(cpu, gib)| amounts(cpu, gib)).collect();
            let phases = [NodePhase::Ready, NodePhase::Leaving, NodePhase::Starting { ready_at: LATE }];
            Node { phase: phases[usize::from(phase)], ..node(id as u32, shape % policy.shapes.len(), &tasks) }
        }).collect();
        let what: Vec<Waiting> = tasks.into_iter().map(|(cpu, gib, count)| waiting(cpu, gib, count)).collect();
        let found = plan(&policy, LATE, &nodes, &what);
        let lists = [&found.take_back, &found.cordon, &found.remove];
        let mut ids: Vec<u32> = lists.into_iter().flatten().copied().chain(found.keep.iter().map(|(id, _)| *id)).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..nodes.len() as u32).collect::<Vec<_>>());
        for (index, shape) in policy.shapes.iter().enumerate() {
            let before = nodes.iter().filter(|node| node.shape == index).count() as u32;
            let gone = nodes.iter().filter(|node| node.shape == index && found.remove.contains(&node.id)).count() as u32;
            prop_assert!(before + found.buy[index] <= shape.max.max(before));
            prop_assert!(before + found.buy[index] - gone >= shape.min);
            for group in &found.unserved {
                prop_assert!(before + found.buy[index] >= shape.max || fitting(&group.demand, &shape.has) == 0);
            }
        }
        if !found.remove.is_empty() || !found.cordon.is_empty() {
            prop_assert!(found.buy.iter().all(|bought| *bought == 0));
        }
    }

    #[test]
    fn the_price_is_near_the_least_there_is(
        shapes in prop::collection::vec((1_u64..12, 20_u64..200), 1..4), tasks in 1_u32..40,
    ) {
        let shapes: Vec<Shape> = shapes.into_iter().map(|(cpu, price)| shape("s", cpu, 100, price)).collect();
        let least = cheapest(&shapes, u64::from(tasks));
        let found = plan(&policy(shapes.clone()), LATE, &[], &[waiting(1, 0, tasks)]);
        let price: u64 = shapes.iter().zip(&found.buy).map(|(s, many)| s.price_micros_per_hour * u64::from(*many)).sum();
        let dearest = shapes.iter().map(|shape| shape.price_micros_per_hour).max().unwrap();
        prop_assert!(price <= least + dearest, "{price} instead of {least}");
    }
}
