//! Domains: which nodes say the same under a key.
//!
//! A domain is a small number per key, so that a count per domain is one entry of a list. The node itself is the domain
//! of the empty key and takes no table at all. A node without the label is in no domain of that key.

use std::collections::BTreeMap;

/// No domain.
const NONE: u32 = u32::MAX;

/// The domains of one key.
#[derive(Debug, Clone)]
struct Topology {
    key: String,
    of_node: Vec<u32>,
    names: Vec<String>,
    by_name: BTreeMap<String, u32>,
}

/// Every key that some rule names.
#[derive(Debug, Clone, Default)]
pub(super) struct Topologies {
    all: Vec<Topology>,
    nodes: u32,
}

/// A key, by the order in which keys were first named.
pub(super) type TopologyIx = usize;

/// What a node says under a key, its fields included ([`super::labels::node_label`]).
pub type LabelOf<'a> = &'a dyn Fn(u32, &str) -> Option<&'a str>;

/// The empty key: every node is its own domain. Always there.
pub(super) const ITSELF: TopologyIx = 0;

impl Topologies {
    /// The keys given, in that order, after the empty one.
    pub(super) fn new(keys: &[&str]) -> Self {
        let mut topologies = Self::default();
        topologies.push("");
        for key in keys {
            topologies.push(key);
        }
        topologies
    }

    fn push(&mut self, key: &str) {
        let of_node = if key.is_empty() { Vec::new() } else { vec![NONE; self.nodes as usize] };
        self.all.push(Topology { key: key.to_owned(), of_node, names: Vec::new(), by_name: BTreeMap::new() });
    }

    /// The number of a key, and whether it is new: then [`Self::fill`] must follow.
    pub(super) fn intern(&mut self, key: &str) -> (TopologyIx, bool) {
        if let Some(found) = self.all.iter().position(|topology| topology.key == key) {
            return (found, false);
        }
        self.push(key);
        (self.all.len() - 1, true)
    }

    /// Tells a new key's domains of the nodes that were there before it.
    pub(super) fn fill(&mut self, topology: TopologyIx, label: LabelOf<'_>) {
        for node in 0..self.nodes {
            if let Some(name) = label(node, &self.all[topology].key) {
                let domain = self.domain_named(topology, name);
                self.all[topology].of_node[node as usize] = domain;
            }
        }
    }

    /// Adds a node behind the others.
    pub(super) fn add_node(&mut self, label: LabelOf<'_>) {
        for index in 1..self.all.len() {
            let domain = match label(self.nodes, &self.all[index].key) {
                Some(name) => self.domain_named(index, name),
                None => NONE,
            };
            self.all[index].of_node.push(domain);
        }
        self.nodes += 1;
    }

    /// The domain of that name, made where there is none yet. Not for [`ITSELF`].
    pub(super) fn domain_named(&mut self, topology: TopologyIx, name: &str) -> u32 {
        let topology = &mut self.all[topology];
        if let Some(domain) = topology.by_name.get(name) {
            return *domain;
        }
        let domain = u32::try_from(topology.names.len()).expect("invariant: fewer domains than nodes and volumes");
        topology.names.push(name.to_owned());
        topology.by_name.insert(name.to_owned(), domain);
        domain
    }

    /// The node's domain under a key.
    #[inline]
    pub(super) fn of(&self, topology: TopologyIx, node: u32) -> Option<u32> {
        if topology == ITSELF {
            return Some(node);
        }
        self.all[topology].of_node.get(node as usize).copied().filter(|domain| *domain != NONE)
    }

    /// The domain of that name, where there is one.
    pub(super) fn find(&self, topology: TopologyIx, name: &str) -> Option<u32> {
        self.all[topology].by_name.get(name).copied()
    }

    /// How many domains a key has.
    pub(super) fn domains(&self, topology: TopologyIx) -> usize {
        if topology == ITSELF { self.nodes as usize } else { self.all[topology].names.len() }
    }

    /// Bytes of the tables by node.
    pub(super) fn bytes(&self) -> usize {
        self.all.iter().map(|topology| topology.of_node.len() * size_of::<u32>()).sum()
    }

    /// The key's text.
    pub(super) fn key(&self, topology: TopologyIx) -> &str {
        &self.all[topology].key
    }

    /// The domain's text; none for the node itself.
    pub(super) fn name(&self, topology: TopologyIx, domain: u32) -> Option<&str> {
        self.all[topology].names.get(domain as usize).map(String::as_str)
    }
}
