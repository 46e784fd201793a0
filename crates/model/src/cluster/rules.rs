//! What a task demands of the nodes and the neighbours it may have.

use super::TaintEffect;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One condition on a node's labels; all of a task's conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// Label.
    pub key: String,
    /// Comparison.
    pub operator: Operator,
    /// Values compared with; empty for `exists` and `not_exists`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The label is there and equals one of the values.
    In,
    /// The label is not there or equals none of them.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    NotExists,
}

/// A taint that does not keep the task away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Toleration {
    /// Key; empty tolerates every key.
    #[serde(default)]
    pub key: String,
    /// Value; none tolerates every value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Effect; none tolerates every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

/// A wish for or against tasks with given labels in the same domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskAffinity {
    /// Labels that the other task has, all of them.
    pub tasks: BTreeMap<String, String>,
    /// The node label that makes a domain; empty is the node itself.
    #[serde(default)]
    pub domain: String,
    /// Away from them instead of towards them.
    #[serde(default)]
    pub anti: bool,
    /// Weight of a wish, 1 to 100; none is a condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Tasks with given labels spread evenly over the domains of a node label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpreadRule {
    /// The node label that makes a domain; empty is the node itself.
    #[serde(default)]
    pub domain: String,
    /// Labels of the tasks that are counted.
    pub tasks: BTreeMap<String, String>,
    /// Most by which the fullest domain may exceed the emptiest that could take the task.
    pub skew_max: u32,
    /// A condition; otherwise a wish.
    #[serde(default)]
    pub required: bool,
}

/// Whom a task shares a node with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Anybody.
    #[default]
    None,
    /// Only tasks of the same tenant.
    Tenant,
    /// Nobody.
    Exclusive,
}
