//! Makes a shape's rules known: checks them, numbers what they name, and fills new counts from what runs.

use super::{Brief, Counts, Need, Relations, Scope, ShapeRules, SpreadTerm, Tracker, Wish, ZONES};
use crate::rules::labels::{selects, tenant};
use crate::rules::topology::{LabelOf, TopologyIx};
use plimsoll_model::cluster::{Task, VolumeKind};
use std::collections::BTreeMap;
use thiserror::Error;

/// Most that a wish may weigh.
pub const WEIGHT_MAX: u32 = 100;

/// What is wrong with a task's rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RelationError {
    /// A wish without weight, or with too much.
    #[error("task `{task}`: field `affinity.weight` is {weight}, allowed is 1 to {WEIGHT_MAX}")]
    Weight {
        /// The task.
        task: String,
        /// The weight.
        weight: u32,
    },
    /// A spread that no placement could keep.
    #[error("task `{task}`: field `spread.skew_max` is 0, allowed is 1 or more")]
    SkewZero {
        /// The task.
        task: String,
    },
    /// One name for two kinds of volume.
    #[error("task `{task}`: volume `{volume}` is asked for as {asked:?} and is known as {known:?}")]
    VolumeKind {
        /// The task.
        task: String,
        /// The volume.
        volume: String,
        /// The kind asked for.
        asked: VolumeKind,
        /// The kind it is known under.
        known: VolumeKind,
    },
}

impl Relations {
    /// Makes the next shape known: the number that it gets is how many there were. `label` answers for nodes added
    /// already, `could` says whether the shape could run on a node were it empty.
    ///
    /// [`Relations::check`] must have found nothing wrong with it.
    pub fn admit(&mut self, task: &Task, label: LabelOf<'_>, could: &dyn Fn(u32) -> bool) -> u32 {
        let shape = u32::try_from(self.rules.len()).expect("invariant: shapes are numbered by u32");
        let next = u32::try_from(self.tenants.len()).expect("invariant: fewer tenants than tasks");
        let tenant = *self.tenants.entry(tenant(task).to_owned()).or_insert(next);
        let mut rules = ShapeRules::new(task, tenant);
        for volume in &task.volumes {
            if let Some(zone) = &volume.zone {
                let note = u32::try_from(self.zoned.len()).expect("invariant: fewer volumes than tasks");
                self.zoned.push(volume.name.clone());
                rules.zones.push((self.topologies.domain_named(ZONES, zone), note));
            }
            if volume.kind != VolumeKind::Local {
                let number = self.volumes.intern(&volume.name, volume.kind).expect("invariant: kinds were checked");
                if volume.kind == VolumeKind::Block && !rules.blocks.contains(&number) {
                    rules.blocks.push(number);
                }
            }
        }
        rules.enters = self.meant_by(&self.counters, &task.labels);
        rules.avoided_by = self.meant_by(&self.keepers, &task.labels);
        self.briefs.push(Brief::of(&rules));
        self.rules.push(rules);
        self.learn_ways(shape as usize);
        self.admit_affinity(shape, task, label);
        self.admit_spread(shape, task, label, could);
        self.briefs[shape as usize] = Brief::of(&self.rules[shape as usize]);
        shape
    }

    fn meant_by(&self, counts: &Counts, labels: &BTreeMap<String, String>) -> Vec<(usize, TopologyIx)> {
        let scopes = counts.scopes.iter().enumerate();
        scopes
            .filter(|(_, scope)| selects(&scope.tasks, labels))
            .map(|(index, scope)| (index, scope.topology))
            .collect()
    }

    /// Whether the task's rules make sense beside what is known.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, task: &Task) -> Result<(), RelationError> {
        for rule in &task.affinity {
            match rule.weight {
                Some(weight) if weight == 0 || weight > WEIGHT_MAX => {
                    return Err(RelationError::Weight { task: task.id.clone(), weight });
                }
                _ => {}
            }
        }
        if task.spread.iter().any(|rule| rule.skew_max == 0) {
            return Err(RelationError::SkewZero { task: task.id.clone() });
        }
        let mut own: BTreeMap<&str, VolumeKind> = BTreeMap::new();
        for volume in task.volumes.iter().filter(|volume| volume.kind != VolumeKind::Local) {
            let before = *own.entry(&volume.name).or_insert(volume.kind);
            let known = self.volumes.kind(&volume.name).unwrap_or(before);
            for known in [known, before] {
                if known != volume.kind {
                    let (task, volume_name) = (task.id.clone(), volume.name.clone());
                    return Err(RelationError::VolumeKind { task, volume: volume_name, asked: volume.kind, known });
                }
            }
        }
        Ok(())
    }

    fn admit_affinity(&mut self, shape: u32, task: &Task, label: LabelOf<'_>) {
        for rule in &task.affinity {
            let counter = self.counter(&rule.tasks, &rule.domain, label);
            let topology = self.counters.scopes[counter].topology;
            let means_itself = selects(&rule.tasks, &task.labels);
            match rule.weight {
                Some(weight) => {
                    self.rules[shape as usize].wishes.push(Wish { counter, topology, weight, anti: rule.anti });
                }
                None => {
                    let need = Need { counter, topology, means_itself };
                    if rule.anti {
                        self.rules[shape as usize].avoids.push(need);
                        let keeper = self.keeper(&rule.tasks, topology);
                        self.rules[shape as usize].holds.push((keeper, topology));
                    } else {
                        self.rules[shape as usize].needs.push(need);
                    }
                }
            }
        }
    }

    fn admit_spread(&mut self, shape: u32, task: &Task, label: LabelOf<'_>, could: &dyn Fn(u32) -> bool) {
        for rule in &task.spread {
            let counter = self.counter(&rule.tasks, &rule.domain, label);
            let topology = self.counters.scopes[counter].topology;
            let tracker = self.trackers.len();
            self.trackers.push(Tracker::default());
            self.counters.all[counter].trackers.push(tracker);
            let means_itself = selects(&rule.tasks, &task.labels);
            let (skew_max, required) = (rule.skew_max, rule.required);
            let term = SpreadTerm { counter, topology, tracker, skew_max, means_itself, required };
            self.rules[shape as usize].spread.push(term);
            for node in self.nodes() {
                let could = could(node) && self.never(shape, node).is_none();
                self.set_eligible(term, node, could);
            }
        }
    }

    fn nodes(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.seats.len()).expect("invariant: nodes are numbered by u32")
    }

    /// The counter of those meant in the domains of a key, filled from what runs.
    fn counter(&mut self, tasks: &BTreeMap<String, String>, domain: &str, label: LabelOf<'_>) -> usize {
        let (topology, is_new_key) = self.topologies.intern(domain);
        if is_new_key {
            self.topologies.fill(topology, label);
        }
        let (counter, is_new) = self.counters.intern(Scope { tasks: tasks.clone(), topology });
        if is_new {
            for (rules, brief) in self.rules.iter_mut().zip(&mut self.briefs) {
                if selects(tasks, &rules.labels) {
                    rules.enters.push((counter, topology));
                    *brief = Brief::of(rules);
                }
            }
            for (node, seats) in self.nodes().zip(&self.seats) {
                let (Some(seats), Some(domain)) = (seats, self.topologies.of(topology, node)) else { continue };
                for (shape, count) in seats.shapes() {
                    if selects(tasks, &self.rules[*shape as usize].labels) {
                        self.counters.all[counter].change(domain, i64::from(*count));
                    }
                }
            }
        }
        counter
    }

    /// The keeper of those who avoid the ones meant. Nobody who runs holds a new one, or it would not be new.
    fn keeper(&mut self, tasks: &BTreeMap<String, String>, topology: TopologyIx) -> usize {
        let (keeper, is_new) = self.keepers.intern(Scope { tasks: tasks.clone(), topology });
        if is_new {
            for (rules, brief) in self.rules.iter_mut().zip(&mut self.briefs) {
                if selects(tasks, &rules.labels) {
                    rules.avoided_by.push((keeper, topology));
                    *brief = Brief::of(rules);
                }
            }
        }
        keeper
    }
}
