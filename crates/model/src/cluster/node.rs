//! A node, where it stands, and what it refuses.

use super::Capacity;
use crate::quantity::{Micros, Permille, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A machine that runs tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Node {
    /// Unique name; ties by name compare its bytes.
    pub name: String,
    /// What it has.
    pub capacity: Capacity,
    /// Whether it takes tasks.
    #[serde(default)]
    pub state: NodeState,
    /// When it came into that state, trace time.
    #[serde(default)]
    pub since: Timestamp,
    /// What selectors, affinity and spread compare.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What keeps tasks away that do not tolerate it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Speed per task class in thousandths of the reference node; a class not named runs at 1,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub speed: BTreeMap<String, Permille>,
    /// Price in millionths of a currency unit per hour.
    #[serde(default)]
    pub price_micros_per_hour: u64,
    /// Failure domain; also the label `zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Who rents it out; also the label `provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it stands; also the label `site`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

impl Node {
    /// A ready node of that name with nothing on it and nothing in it.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Whether a node takes tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Takes tasks.
    #[default]
    Ready,
    /// Keeps its tasks and takes no more.
    Cordoned,
    /// Takes no more, and its tasks are moved away.
    Draining,
    /// Not reachable; its tasks count as gone.
    Lost,
}

/// What keeps tasks away that do not tolerate it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; may be empty.
    #[serde(default)]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does to a task that does not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaintEffect {
    /// It is not placed here.
    NoSchedule,
    /// It is placed here only where nothing else will do.
    PreferNoSchedule,
    /// It is not placed here, and is evicted where it runs already.
    NoExecute,
}

/// A place with nodes: a region, a data centre, an edge location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Unique name.
    pub name: String,
    /// Ways to other sites; a site reaches itself at no delay and no price.
    #[serde(default)]
    pub links: Vec<SiteLink>,
}

/// The way from one site to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteLink {
    /// The other site.
    pub to: String,
    /// Round trip, physical time.
    pub latency: Micros,
    /// Price of a gigabyte (10^9 bytes) in millionths of a currency unit.
    #[serde(default)]
    pub price_micros_per_gb: u64,
}
