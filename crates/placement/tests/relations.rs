//! The kept counts against the rules read a second time: after any history, both say the same of any task and node.

mod common;

use plimsoll_model::cluster::{Node, NodeState, Task};
use plimsoll_placement::rules::audit::{Running, could_ever, may_start};
use plimsoll_placement::rules::labels::node_label;
use plimsoll_placement::rules::{Relations, Sites};
use proptest::prelude::*;

/// A cluster whose room is without limit, so that only rules refuse.
struct World {
    nodes: Vec<Node>,
    tasks: Vec<Task>,
    sites: Sites,
    relations: Relations,
    running: Vec<(usize, usize)>,
}

impl World {
    fn new(nodes: Vec<Node>, tasks: Vec<Task>) -> Self {
        let sites = Sites::new(&common::sites()).expect("no site is listed twice");
        let mut relations = Relations::default();
        relations.set_sites(sites.clone());
        for node in &nodes {
            let label = |_: u32, key: &str| node_label(node, key);
            relations.add_node(&label, |_| false);
        }
        Self { nodes, tasks, sites, relations, running: Vec::new() }
    }

    fn admit(&mut self, shape: usize) {
        let (nodes, task, sites) = (&self.nodes, &self.tasks[shape], &self.sites);
        self.relations.check(task).expect("the generator makes sensible rules");
        let label = |node: u32, key: &str| node_label(&nodes[node as usize], key);
        let could = |node: u32| could_ever(&nodes[node as usize], sites, task).is_none();
        assert_eq!(self.relations.admit(task, &label, &could) as usize, shape);
    }

    fn state(&mut self, node: usize, state: NodeState) {
        self.nodes[node].state = state;
        let (nodes, tasks, sites) = (&self.nodes, &self.tasks, &self.sites);
        let could = |shape: u32| could_ever(&nodes[node], sites, &tasks[shape as usize]).is_none();
        self.relations.node_changed(node as u32, could);
    }

    fn oracle(&self, shape: usize, node: usize) -> bool {
        let running: Vec<Running<'_>> = self
            .running
            .iter()
            .map(|(shape, node)| Running { task: &self.tasks[*shape], node: *node, gpus: Vec::new() })
            .collect();
        may_start(&self.nodes, &self.sites, &running, &self.tasks[shape], node).is_none()
    }

    fn agree(&self, admitted: usize) -> Result<(), TestCaseError> {
        for shape in 0..admitted {
            for node in 0..self.nodes.len() {
                let said = self.relations.refusal(shape as u32, node as u32);
                prop_assert_eq!(
                    said.is_none(),
                    self.oracle(shape, node),
                    "{:?} {:?} {:?}",
                    said,
                    self.tasks[shape],
                    node
                );
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn counts_and_rules_agree_after_any_history(
        nodes in common::nodes(6), tasks in common::tasks(8),
        steps in prop::collection::vec((0_u8..6, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..40),
    ) {
        let mut world = World::new(nodes, tasks);
        let half = world.tasks.len().div_ceil(2);
        for shape in 0..half {
            world.admit(shape);
        }
        let mut admitted = half;
        for (index, (what, one, other)) in steps.iter().enumerate() {
            // The other half becomes known while the first half runs already.
            if index >= 8 && admitted < world.tasks.len() {
                world.admit(admitted);
                admitted += 1;
            }
            match what {
                0 if !world.running.is_empty() => {
                    let (shape, node) = world.running.swap_remove(one.index(world.running.len()));
                    world.relations.released(shape as u32, node as u32);
                }
                1 => {
                    let state = *other.get(&[NodeState::Ready, NodeState::Cordoned, NodeState::Draining, NodeState::Lost]);
                    world.state(one.index(world.nodes.len()), state);
                }
                _ => {
                    let (shape, node) = (one.index(admitted), other.index(world.nodes.len()));
                    if world.relations.refusal(shape as u32, node as u32).is_none() {
                        world.relations.placed(shape as u32, node as u32);
                        world.running.push((shape, node));
                    }
                }
            }
            world.agree(admitted)?;
        }
    }

    #[test]
    fn releasing_everything_leaves_no_trace(nodes in common::nodes(5), tasks in common::tasks(6),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..30),
    ) {
        let mut world = World::new(nodes, tasks);
        for shape in 0..world.tasks.len() {
            world.admit(shape);
        }
        let ask = |relations: &Relations| -> Vec<_> {
            let pairs = (0..world.tasks.len() as u32).flat_map(|shape| (0..world.nodes.len() as u32).map(move |node| (shape, node)));
            pairs.map(|(shape, node)| (relations.refusal(shape, node), relations.score(shape, node))).collect()
        };
        let mut relations = world.relations.clone();
        let before = ask(&relations);
        let mut placed = Vec::new();
        for (shape, node) in places {
            let (shape, node) = (shape.index(world.tasks.len()) as u32, node.index(world.nodes.len()) as u32);
            if relations.refusal(shape, node).is_none() {
                relations.placed(shape, node);
                placed.push((shape, node));
            }
        }
        for (shape, node) in placed.into_iter().rev() {
            relations.released(shape, node);
        }
        prop_assert_eq!(before, ask(&relations));
    }
}
