//! All rules between tasks over one cluster, with the counts that they need.
//!
//! The fleet tells it of every node, shape, placement and release, and asks it whether a shape may go to a node. Asking
//! costs the number of the shape's own rules; a placement costs the number of counts that the task enters. A shape
//! without rules whose labels nobody minds is asked one thing: whether the tenants on the node bear it.
//!
//! Counts of a rule that is named for the first time are filled from what runs already, so the order in which shapes
//! are made known changes nothing.

mod admit;
mod ask;
mod refusal;
mod wishes;
mod words;

pub use admit::{RelationError, WEIGHT_MAX};
pub use refusal::RelationRefusal;
pub use wishes::SCORE_ONE;

use super::affinity::{Counter, Keeper, Need, Scope, Wish};
use super::isolation::{Company, Seats};
use super::labels::{SITE, ZONE};
use super::sites::Sites;
use super::spread::{SpreadTerm, Tracker};
use super::topology::{Topologies, TopologyIx};
use super::volumes::Volumes;
use plimsoll_model::cluster::{LatencyBound, Node, Task};
use std::collections::BTreeMap;

/// The key `zone`, always known.
const ZONES: TopologyIx = 1;
/// The key `site`, always known.
const SITES: TopologyIx = 2;

/// What is known of one shape.
#[derive(Debug, Clone)]
struct ShapeRules {
    labels: BTreeMap<String, String>,
    company: Company,
    /// Counts it enters when it is placed.
    enters: Vec<(usize, TopologyIx)>,
    /// Keepers it enters: its own required anti-affinities.
    holds: Vec<(usize, TopologyIx)>,
    /// Keepers that mean it.
    avoided_by: Vec<(usize, TopologyIx)>,
    needs: Vec<Need>,
    avoids: Vec<Need>,
    wishes: Vec<Wish>,
    spread: Vec<SpreadTerm>,
    blocks: Vec<u32>,
    /// Zones that its volumes lie in, with the volume's name.
    zones: Vec<(u32, String)>,
    near: Option<LatencyBound>,
}

impl ShapeRules {
    fn new(task: &Task, tenant: u32) -> Self {
        Self {
            labels: task.labels.clone(),
            company: Company { tenant, isolation: task.isolation },
            enters: Vec::new(),
            holds: Vec::new(),
            avoided_by: Vec::new(),
            needs: Vec::new(),
            avoids: Vec::new(),
            wishes: Vec::new(),
            spread: Vec::new(),
            blocks: Vec::new(),
            zones: Vec::new(),
            near: task.near.clone(),
        }
    }
}

/// Counts by scope.
#[derive(Debug, Clone, Default)]
struct Counts {
    by_scope: BTreeMap<Scope, usize>,
    scopes: Vec<Scope>,
    all: Vec<Counter>,
}

impl Counts {
    fn intern(&mut self, scope: Scope) -> (usize, bool) {
        if let Some(found) = self.by_scope.get(&scope) {
            return (*found, false);
        }
        let number = self.all.len();
        self.by_scope.insert(scope.clone(), number);
        self.scopes.push(scope);
        self.all.push(Counter::default());
        (number, true)
    }
}

/// All rules between tasks over one cluster.
#[derive(Debug, Clone)]
pub struct Relations {
    topologies: Topologies,
    seats: Vec<Seats>,
    counters: Counts,
    keepers: Counts,
    trackers: Vec<Tracker>,
    rules: Vec<ShapeRules>,
    tenants: BTreeMap<String, u32>,
    volumes: Volumes,
    sites: Sites,
}

impl Default for Relations {
    fn default() -> Self {
        Self {
            topologies: Topologies::new(&[ZONE, SITE]),
            seats: Vec::new(),
            counters: Counts::default(),
            keepers: Counts::default(),
            trackers: Vec::new(),
            rules: Vec::new(),
            tenants: BTreeMap::new(),
            volumes: Volumes::default(),
            sites: Sites::default(),
        }
    }
}

impl Relations {
    /// Says how far sites are apart. Without it, a latency bound is met at its own site only.
    ///
    /// Before the first shape with a latency bound, because who could take it depends on it.
    pub fn set_sites(&mut self, sites: Sites) {
        self.sites = sites;
    }

    /// Adds a node behind the others. `could` says whether a shape could run there were it empty.
    pub fn add_node(&mut self, node: &Node, could: impl Fn(u32) -> bool) {
        let number = u32::try_from(self.seats.len()).expect("invariant: nodes are numbered by u32");
        self.topologies.add_node(node);
        self.seats.push(Seats::default());
        self.node_changed(number, could);
    }

    /// Says anew which shapes could run on a node were it empty; after its state changed.
    pub fn node_changed(&mut self, node: u32, could: impl Fn(u32) -> bool) {
        for shape in 0..self.rules.len() {
            for index in 0..self.rules[shape].spread.len() {
                let number = u32::try_from(shape).expect("invariant: shapes are numbered by u32");
                let could = could(number) && self.never(number, node).is_none();
                self.set_eligible(self.rules[shape].spread[index], node, could);
            }
        }
    }

    fn set_eligible(&mut self, term: SpreadTerm, node: u32, could: bool) {
        if let Some(domain) = self.topologies.of(term.topology, node) {
            let count = self.counters.all[term.counter].of(domain);
            self.trackers[term.tracker].set(node, domain, could, count);
        }
    }

    /// A task of the shape was placed on the node.
    pub fn placed(&mut self, shape: u32, node: u32) {
        let company = self.rules[shape as usize].company;
        self.seats[node as usize].sit(shape, company);
        self.count(shape, node, 1);
        for index in 0..self.rules[shape as usize].blocks.len() {
            self.volumes.attach(self.rules[shape as usize].blocks[index], node);
        }
    }

    /// A task of the shape left the node.
    pub fn released(&mut self, shape: u32, node: u32) {
        let Self { rules, seats, .. } = self;
        let company = rules[shape as usize].company;
        seats[node as usize].rise(shape, company, |shape| rules[shape as usize].company.tenant);
        self.count(shape, node, -1);
        for index in 0..self.rules[shape as usize].blocks.len() {
            self.volumes.detach(self.rules[shape as usize].blocks[index]);
        }
    }

    fn count(&mut self, shape: u32, node: u32, change: i64) {
        let rules = &self.rules[shape as usize];
        for (counter, topology) in &rules.enters {
            let Some(domain) = self.topologies.of(*topology, node) else { continue };
            let counter = &mut self.counters.all[*counter];
            let before = counter.change(domain, change);
            let after = counter.of(domain);
            for tracker in &counter.trackers {
                self.trackers[*tracker].moved(domain, before, after);
            }
        }
        for (keeper, topology) in &rules.holds {
            if let Some(domain) = self.topologies.of(*topology, node) {
                let keeper: &mut Keeper = &mut self.keepers.all[*keeper];
                keeper.change(domain, change);
            }
        }
    }

    /// Tasks on the node, by shape: `(shape, how many)`.
    #[must_use]
    pub fn on(&self, node: u32) -> &[(u32, u32)] {
        &self.seats[node as usize].shapes
    }
}
