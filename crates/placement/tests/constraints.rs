//! Every constraint at once, through the fleet and a chooser: what runs never breaks a rule, what is refused would have
//! broken one, and the index names the node that the scan names.

mod common;

use plimsoll_model::cluster::{Node, NodeState, Task};
use plimsoll_model::quantity::Timestamp;
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Binding, Fleet, NodeIx, Refusal, ShapeId, indices};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::rules::Sites;
use plimsoll_placement::rules::audit::{Running, audit, could_ever, may_start};
use proptest::prelude::*;

struct World {
    nodes: Vec<Node>,
    tasks: Vec<Task>,
    shapes: Vec<ShapeId>,
    sites: Sites,
    fleet: Fleet,
    running: Vec<(usize, Binding)>,
}

impl World {
    fn new(nodes: Vec<Node>, tasks: Vec<Task>) -> Self {
        let sites = Sites::new(&common::sites()).expect("no site is listed twice");
        let mut fleet = Fleet::new();
        fleet.set_sites(sites.clone());
        for node in &nodes {
            fleet.add(node).expect("names are unique");
        }
        let shapes = tasks.iter().map(|task| fleet.intern(task).expect("the generator makes sensible tasks")).collect();
        Self { nodes, tasks, shapes, sites, fleet, running: Vec::new() }
    }

    fn running(&self) -> Vec<Running<'_>> {
        let one = |(task, binding): &(usize, Binding)| Running {
            task: &self.tasks[*task],
            node: binding.node.0 as usize,
            gpus: indices(binding.gpus).map(|gpu| gpu as u32).collect(),
        };
        self.running.iter().map(one).collect()
    }

    fn set_state(&mut self, node: usize, state: NodeState) {
        self.nodes[node].state = state;
        self.fleet.set_state(NodeIx(node as u32), state, Timestamp(0));
    }

    /// Rules between tasks, read a second time; room and GPUs are the fleet's own matter.
    fn refusals_are_right(&self) -> Result<(), TestCaseError> {
        let running = self.running();
        for (task, shape) in self.tasks.iter().zip(&self.shapes) {
            for node in 0..self.nodes.len() {
                let said = self.fleet.refusal(*shape, NodeIx(node as u32));
                let between = may_start(&self.nodes, &self.sites, &running, task, node);
                let never = could_ever(&self.nodes[node], &self.sites, task);
                match said {
                    None => prop_assert!(between.is_none() && never.is_none(), "{between:?} {never:?} {task:?}"),
                    Some(Refusal::Relation(_)) => prop_assert!(between.is_some(), "{said:?} {task:?}"),
                    Some(_) => {}
                }
                let words = said.map(|said| self.fleet.reason(NodeIx(node as u32), &said));
                prop_assert!(words.is_none_or(|words| !words.is_empty()));
            }
        }
        Ok(())
    }
}

const POLICIES: [&str; 8] =
    ["first-fit", "best-fit", "dominant-resource", "fgd", "random", "nearest", "cheapest-in-bound", "spill"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_is_ever_broken_and_index_and_scan_agree(
        nodes in common::nodes(8), tasks in common::tasks(10), policy in 0_usize..POLICIES.len(),
        steps in prop::collection::vec((0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..60),
    ) {
        let mut world = World::new(nodes, tasks);
        let policy = NodePolicy::by_name(POLICIES[policy]).expect("policies of the catalogue");
        let mut chooser = Chooser::new(policy, &world.fleet, 7);
        for (what, one, other) in steps {
            match what {
                0 | 1 if !world.running.is_empty() => {
                    let (_, binding) = world.running.swap_remove(one.index(world.running.len()));
                    prop_assert!(world.fleet.release(binding));
                }
                2 => {
                    let states = [NodeState::Ready, NodeState::Ready, NodeState::Cordoned, NodeState::Lost];
                    let node = one.index(world.nodes.len());
                    world.set_state(node, *other.get(&states));
                }
                _ => {
                    let task = one.index(world.tasks.len());
                    let shape = world.shapes[task];
                    let scanned = chooser.scan(&world.fleet, shape);
                    let chosen = chooser.choose(&world.fleet, shape);
                    prop_assert_eq!(chosen.map(|one| (one.node, one.score)), scanned.map(|one| (one.node, one.score)));
                    if let Some(choice) = chosen {
                        let bound = world.fleet.place_on(shape, choice.node, choice.gpus);
                        world.running.push((task, bound.map_err(|refusal| TestCaseError::fail(format!("{refusal:?}")))?));
                    }
                }
            }
            let broken = audit(&world.nodes, &world.sites, &world.running());
            prop_assert!(broken.is_empty(), "{broken:?}");
            let bindings: Vec<Binding> = world.running.iter().map(|(_, binding)| *binding).collect();
            prop_assert_eq!(world.fleet.audit(&bindings), Vec::<String>::new());
            world.refusals_are_right()?;
        }
    }

    /// More nodes than one block of the index holds.
    #[test]
    fn index_and_scan_agree_over_many_blocks(
        nodes in common::nodes(170), tasks in common::tasks(8), policy in 0_usize..POLICIES.len(),
        steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..120),
    ) {
        let mut world = World::new(nodes, tasks);
        let mut chooser = Chooser::new(NodePolicy::by_name(POLICIES[policy]).expect("known"), &world.fleet, 7);
        for (leaves, one) in steps {
            if leaves && world.running.len() > 30 {
                let (_, binding) = world.running.swap_remove(one.index(world.running.len()));
                prop_assert!(world.fleet.release(binding));
                continue;
            }
            let task = one.index(world.tasks.len());
            let shape = world.shapes[task];
            let scanned = chooser.scan(&world.fleet, shape);
            let chosen = chooser.choose(&world.fleet, shape);
            prop_assert_eq!(chosen.map(|one| (one.node, one.score)), scanned.map(|one| (one.node, one.score)));
            if let Some(choice) = chosen {
                world.running.push((task, world.fleet.place_on(shape, choice.node, choice.gpus).expect("chosen")));
            }
        }
        prop_assert!(audit(&world.nodes, &world.sites, &world.running()).is_empty());
    }
}
