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
mod nearness;
mod refusal;
mod wishes;
mod without;
mod words;

pub use admit::{RelationError, WEIGHT_MAX};
pub use nearness::Home;
pub use refusal::RelationRefusal;

use super::affinity::{Counter, Keeper, Need, Scope, Wish};
use super::isolation::{Company, Seats};
use super::labels::{PROVIDER, SITE, ZONE};
use super::sites::{Sites, Way};
use super::spread::{SpreadTerm, Tracker};
use super::topology::{LabelOf, Topologies, TopologyIx};
use super::volumes::Volumes;
use plimsoll_model::cluster::{Isolation, LatencyBound, Task};
use std::collections::{BTreeMap, BTreeSet};

/// The key `zone`, always known.
const ZONES: TopologyIx = 1;
/// The key `site`, always known.
const SITES: TopologyIx = 2;
/// The key `provider`, always known.
const PROVIDERS: TopologyIx = 3;

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
    /// Zones that its volumes lie in, with the number of the volume's name.
    zones: Vec<(u32, u32)>,
    near: Option<LatencyBound>,
    /// The ways to its site by site; empty without a latency bound.
    ways: Vec<Option<Way>>,
    /// Whether a rule of its own may refuse a node or add to its score.
    speaks: bool,
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
            ways: Vec::new(),
            speaks: speaks(task),
        }
    }
}

/// What every placement reads of a shape, apart from its rules so that it stays in the caches.
#[derive(Debug, Clone, Copy)]
struct Brief {
    company: Company,
    /// Whether a placement changes any count, or holds a volume.
    is_counted: bool,
    /// Whether a rule, its own or another's, may refuse a node or add to its score.
    may_bind: bool,
}

impl Brief {
    fn of(rules: &ShapeRules) -> Self {
        let is_counted = !rules.enters.is_empty() || !rules.holds.is_empty() || !rules.blocks.is_empty();
        Self { company: rules.company, is_counted, may_bind: rules.speaks || !rules.avoided_by.is_empty() }
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
    /// What runs on each node; a node on which nothing ever ran takes no more than a pointer.
    seats: Vec<Option<Box<Seats>>>,
    /// Running tasks that demand isolation.
    guarded: u64,
    counters: Counts,
    keepers: Counts,
    trackers: Vec<Tracker>,
    rules: Vec<ShapeRules>,
    briefs: Vec<Brief>,
    tenants: BTreeMap<String, u32>,
    volumes: Volumes,
    /// Names of volumes that a zone was stated for.
    zoned: Vec<String>,
    sites: Sites,
    /// Which provider has a node at which site.
    providers_at: BTreeSet<(u32, u32)>,
}

impl Default for Relations {
    fn default() -> Self {
        Self {
            topologies: Topologies::new(&[ZONE, SITE, PROVIDER]),
            seats: Vec::new(),
            guarded: 0,
            counters: Counts::default(),
            keepers: Counts::default(),
            trackers: Vec::new(),
            rules: Vec::new(),
            briefs: Vec::new(),
            tenants: BTreeMap::new(),
            volumes: Volumes::default(),
            zoned: Vec::new(),
            sites: Sites::default(),
            providers_at: BTreeSet::new(),
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

    /// Adds a node behind the others; `label` answers for it and for those before. `could` says whether a shape could run there were it empty.
    pub fn add_node(&mut self, label: LabelOf<'_>, could: impl Fn(u32) -> bool) {
        let number = u32::try_from(self.seats.len()).expect("invariant: nodes are numbered by u32");
        self.topologies.add_node(label);
        self.seats.push(None);
        self.learn_provider(number);
        for shape in 0..self.rules.len() {
            self.learn_ways(shape);
        }
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
        let Brief { company, is_counted, .. } = self.briefs[shape as usize];
        self.guarded += u64::from(company.isolation != Isolation::None);
        self.seats[node as usize].get_or_insert_default().sit(shape, company);
        if is_counted {
            self.count(shape, node, 1);
            for index in 0..self.rules[shape as usize].blocks.len() {
                self.volumes.attach(self.rules[shape as usize].blocks[index], node);
            }
        }
    }

    /// A task of the shape left the node.
    pub fn released(&mut self, shape: u32, node: u32) {
        let Self { briefs, seats, .. } = self;
        let Brief { company, is_counted, .. } = briefs[shape as usize];
        self.guarded -= u64::from(company.isolation != Isolation::None);
        let seats = seats[node as usize].as_mut().expect("invariant: what is released was placed");
        seats.rise(shape, company, |shape| briefs[shape as usize].company.tenant);
        if is_counted {
            self.count(shape, node, -1);
            for index in 0..self.rules[shape as usize].blocks.len() {
                self.volumes.detach(self.rules[shape as usize].blocks[index]);
            }
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
        self.seats[node as usize].as_ref().map_or(&[], |seats| seats.shapes())
    }

    /// What is wrong with the counts, when they are computed again from who sits where; nothing if they are right.
    #[must_use]
    pub fn recount(&self) -> Vec<String> {
        let mut again = self.clone();
        for counts in [&mut again.counters, &mut again.keepers] {
            counts.all.iter_mut().for_each(Counter::clear);
        }
        again.trackers.iter_mut().for_each(Tracker::clear);
        again.guarded = 0;
        for (node, seats) in again.seats.clone().into_iter().enumerate() {
            for (shape, count) in seats.iter().flat_map(|seats| seats.shapes()) {
                let is_guarded = again.rules[*shape as usize].company.isolation != Isolation::None;
                again.guarded += u64::from(is_guarded) * u64::from(*count);
                for _ in 0..*count {
                    again.count(*shape, node as u32, 1);
                }
            }
        }
        let mut wrong = Vec::new();
        let of = |name: &str, kept: &Counts, must: &Counts, wrong: &mut Vec<String>| {
            for (index, (kept, must)) in kept.all.iter().zip(&must.all).enumerate() {
                if !kept.says_the_same(must) {
                    wrong.push(format!("{name} {index}: {kept:?}, must be {must:?}"));
                }
            }
        };
        of("count", &self.counters, &again.counters, &mut wrong);
        of("keeper", &self.keepers, &again.keepers, &mut wrong);
        if self.guarded != again.guarded {
            wrong.push(format!("{} tasks demand isolation, must be {}", self.guarded, again.guarded));
        }
        wrong
    }

    /// Bytes that it takes for nodes and for what runs, text not counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let seats: usize = self.seats.iter().flatten().map(|seats| seats.bytes()).sum();
        seats + self.seats.len() * size_of::<Option<Box<Seats>>>() + self.topologies.bytes()
    }
}

/// Whether a task states a rule that may refuse a node or add to its score.
fn speaks(task: &Task) -> bool {
    let zoned = |volume: &plimsoll_model::cluster::VolumeRequest| {
        volume.zone.is_some() || volume.kind == plimsoll_model::cluster::VolumeKind::Block
    };
    let between = !task.affinity.is_empty() || !task.spread.is_empty() || task.volumes.iter().any(zoned);
    between || task.near.is_some() || task.isolation != Isolation::None
}
