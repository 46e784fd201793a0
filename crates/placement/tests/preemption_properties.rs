//! Preemption under any tasks in any order: it ends, is the cheapest there is, and what it remembers never changes what it
//! finds.

mod common;

use common::cluster::{Cluster, promise, queue, task};
use plimsoll_model::cluster::{GpuDemand, NodeState, QuotaSpec, Task};
use plimsoll_model::quantity::Timestamp;
use plimsoll_placement::fleet::Binding;
use plimsoll_placement::rules::preempt::{InVain, Scene, Standing, plan_on};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Searches for victims only where something changed since a search in vain, and everywhere: both find the same. Stops and
/// starts what was found.
fn search(cluster: &mut Cluster, in_vain: &mut InVain, number: u32) -> Result<(), TestCaseError> {
    let claim = cluster.claim(number);
    let everywhere = cluster.plan(number);
    let scene = Scene { runners: &cluster.runners, budgets: &cluster.budgets, at: cluster.now };
    if let Some(nodes) = in_vain.changed(&cluster.fleet, &cluster.runners, &claim) {
        prop_assert_eq!(&plan_on(&cluster.fleet, scene, &claim, &nodes), &everywhere);
    }
    in_vain.note(&cluster.fleet, &cluster.runners, &claim, everywhere.is_some());
    if let Some(plan) = everywhere {
        plan.victims.iter().for_each(|victim| cluster.stop(*victim));
        prop_assert!(cluster.start(number), "victims made room somewhere");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// Any tasks in any order, with promises, gangs and what may not be stopped: every step makes the word Φ larger,
    /// nobody stops for an equal or a lower, no promise of another is touched, and it ends.
    #[test]
    fn preemption_ends(
        nodes in prop::collection::vec((2_u64..7, 0_u64..3), 1..5),
        promises in prop::collection::vec(0_u64..6, 3),
        tasks in prop::collection::vec((1_u64..5, -1_i32..4, 0_usize..4, 0_u8..8, 0_u32..3), 1..25),
        order in any::<u64>(),
    ) {
        let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|(cores, gpus)| (cores * 1_000, gpus)).collect();
        let quotas: Vec<QuotaSpec> = promises.iter().enumerate()
            .map(|(index, cores)| promise(&format!("q{index}"), cores * 1_000)).collect();
        let mut cluster = Cluster::new(&nodes, &quotas, Vec::new());
        let mut waiting: Vec<u32> = Vec::new();
        for (cores, priority, holder, odd, gpu) in tasks {
            let mut one = queue(task(cores * 1_000, priority), &format!("q{holder}"));
            one.preemptible = odd != 0;
            one.requests.gpu = GpuDemand { count: u32::from(gpu == 2), milli: if odd < 4 { 500 } else { 1_000 }, models: vec![] };
            // Some are members of one of two gangs, started one by one here, stopped together.
            if odd == 2 || odd == 3 {
                one.gang = Some(plimsoll_model::cluster::GangSpec { name: format!("g{odd}"), ..Default::default() });
            }
            waiting.push(cluster.know(one));
        }
        let (mut word, mut steps, mut draw) = (cluster.potential(), 0_u32, order);
        loop {
            // A queue of any order: it is rotated by what the seed says.
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let turn = (draw >> 33) as usize % waiting.len().max(1);
            waiting.rotate_left(turn);
            let before: BTreeMap<u32, Standing> =
                cluster.runners.iter().map(|(number, _)| (number, cluster.runners.standing(number).expect("it runs"))).collect();
            let step = waiting.iter().copied().find_map(|number| cluster.start_or_preempt(number).map(|victims| (number, victims)));
            let Some((number, victims)) = step else { break };
            let standing = cluster.runners.standing(number).expect("it runs");
            let holder = cluster.claim(number).holder.map(|(holder, _)| holder);
            for victim in &victims {
                prop_assert!(before[victim] < standing, "{:?} for {standing:?}", before[victim]);
                prop_assert!(cluster.tasks[*victim as usize].0.preemptible);
                let of = cluster.claim(*victim).holder.map(|(holder, _)| holder);
                prop_assert!(!before[victim].guaranteed || of == holder, "another's promise");
            }
            waiting.retain(|other| *other != number);
            waiting.extend(victims);
            let now = cluster.potential();
            prop_assert!(now > word, "{now:?} after {word:?}");
            word = now;
            steps += 1;
            prop_assert!(steps < 10_000, "it goes round");
        }
    }

    /// Looking only where something changed since a search in vain finds what looking everywhere finds, whatever happened
    /// in between: starts, stops, preemptions, gangs that break.
    #[test]
    fn a_search_in_vain_need_not_be_made_again(
        nodes in prop::collection::vec(1_u64..6, 2..7),
        steps in prop::collection::vec((1_u64..5, 0_i32..4, 0_u8..6, any::<u16>()), 1..60),
    ) {
        let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|cores| (cores * 1_000, 0)).collect();
        let mut cluster = Cluster::new(&nodes, &[], Vec::new());
        let mut in_vain = InVain::default();
        for (cores, priority, kind, draw) in steps {
            let running: Vec<u32> = cluster.runners.iter().map(|(number, _)| number).collect();
            if kind == 0 && !running.is_empty() {
                cluster.stop(running[usize::from(draw) % running.len()]);
                continue;
            }
            let mut one = task(cores * 1_000, priority);
            one.preemptible = kind != 1;
            if kind == 2 {
                one.gang = Some(plimsoll_model::cluster::GangSpec { name: format!("g{}", draw % 2), ..Default::default() });
            }
            let number = cluster.know(one);
            if cluster.start(number) {
                continue;
            }
            search(&mut cluster, &mut in_vain, number)?;
        }
    }

    /// The same where tasks have every sort of rule towards each other, and nodes come and go.
    #[test]
    fn a_search_in_vain_need_not_be_made_again_where_tasks_have_rules(
        nodes in common::nodes(6), tasks in common::tasks(24),
        steps in prop::collection::vec((0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..60),
    ) {
        let mut cluster = Cluster::of(&nodes, &[], Vec::new());
        let numbers: Vec<u32> = tasks.into_iter().map(|mut one| {
            one.elastic = None;
            cluster.know(one)
        }).collect();
        let mut in_vain = InVain::default();
        for (kind, which, whom) in steps {
            let running: Vec<u32> = cluster.runners.iter().map(|(number, _)| number).collect();
            if kind == 0 && !running.is_empty() {
                cluster.stop(*whom.get(&running));
                continue;
            }
            if kind == 1 {
                let node = plimsoll_placement::fleet::NodeIx(which.index(nodes.len()) as u32);
                let is_ready = cluster.fleet.state(node).0 == NodeState::Ready;
                cluster.fleet.set_state(node, if is_ready { NodeState::Cordoned } else { NodeState::Ready }, cluster.now);
                continue;
            }
            let number = *which.get(&numbers);
            if running.contains(&number) || cluster.start(number) {
                continue;
            }
            search(&mut cluster, &mut in_vain, number)?;
        }
    }

    /// What the fleet says of tasks that would leave is what it says when they have left, and more leaving never hurts
    /// where the fleet says so.
    #[test]
    fn asking_without_somebody_is_releasing_and_asking(
        nodes in common::nodes(5), tasks in common::tasks(20), draws in prop::collection::vec(any::<u32>(), 12),
    ) {
        let mut cluster = Cluster::of(&nodes, &[], Vec::new());
        for one in tasks {
            let number = cluster.know(one);
            cluster.start(number);
        }
        let running: Vec<Binding> = cluster.runners.iter().map(|(_, runner)| runner.binding).collect();
        let before = cluster.fleet.version();
        for draw in draws {
            let some = |bits: u32| -> Vec<Binding> {
                running.iter().enumerate().filter(|(index, _)| bits >> (index % 32) & 1 == 1).map(|(_, one)| *one).collect()
            };
            let (fewer, more) = (some(draw & draw.rotate_left(7)), some(draw));
            let mut left = cluster.fleet.clone();
            more.iter().for_each(|binding| assert!(left.release(*binding)));
            for (_, shape) in &cluster.tasks {
                for node in (0..nodes.len() as u32).map(plimsoll_placement::fleet::NodeIx) {
                    let fits = cluster.fleet.fits_without(*shape, node, &more);
                    prop_assert_eq!(fits, left.fits(*shape, node), "{:?}", left.refusal(*shape, node));
                    if cluster.fleet.gains_by_every_leave(*shape) && cluster.fleet.fits_without(*shape, node, &fewer) {
                        prop_assert!(fits, "it fitted when fewer had left");
                    }
                }
            }
        }
        prop_assert_eq!(cluster.fleet.version(), before, "asking left a trace");
    }

    /// The plan's cost is the least over every node and every set of its tasks.
    #[test]
    fn the_plan_is_the_cheapest_there_is(
        nodes in prop::collection::vec(1_u64..5, 1..6),
        tasks in prop::collection::vec((1_u64..4, 0_i32..4, any::<bool>(), 0_u8..4), 1..16),
        asked in 1_u64..5, priority in 0_i32..5,
    ) {
        let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|cores| (cores * 1_000, 0)).collect();
        let mut cluster = Cluster::new(&nodes, &[], Vec::new());
        for (index, (cores, priority, preemptible, later)) in tasks.into_iter().enumerate() {
            cluster.now = Timestamp(i64::from(later) * 1_000);
            let number = cluster.know(Task { preemptible, labels: BTreeMap::from([("i".to_owned(), index.to_string())]), ..task(cores * 1_000, priority) });
            cluster.start(number);
        }
        cluster.now = Timestamp(60_000);
        let number = cluster.know(task(asked * 1_000, priority));
        let fits_now = cluster.chooser.clone().choose(&cluster.fleet, cluster.tasks[number as usize].1).is_some();
        prop_assume!(!fits_now);
        let may: Vec<(u32, i32, u32, u64)> = cluster.runners.iter()
            .filter(|(_, runner)| runner.preemptible && runner.priority < priority)
            .map(|(number, runner)| (number, runner.priority, runner.binding.node.0, cluster.tasks[number as usize].0.requests.cpu.0))
            .collect();
        let mut best: Option<(usize, Vec<i32>)> = None;
        for set in 1_u32..1 << may.len() {
            let chosen: Vec<_> = (0..may.len()).filter(|one| set >> one & 1 == 1).map(|one| may[one]).collect();
            let node = chosen[0].2;
            let freed: u64 = chosen.iter().map(|one| one.3).sum();
            let free = cluster.fleet.free(plimsoll_placement::fleet::NodeIx(node)).cpu.0;
            if chosen.iter().all(|one| one.2 == node) && free + freed >= asked * 1_000 {
                let mut priorities: Vec<i32> = chosen.iter().map(|one| one.1).collect();
                priorities.sort_unstable_by_key(|priority| std::cmp::Reverse(*priority));
                let cost = (chosen.len(), priorities);
                if best.as_ref().is_none_or(|best| cost < *best) {
                    best = Some(cost);
                }
            }
        }
        let found = cluster.plan(number).map(|plan| {
            (plan.cost.units, plan.cost.standings.iter().map(|standing| standing.priority).collect::<Vec<_>>())
        });
        prop_assert_eq!(found, best);
    }
}
