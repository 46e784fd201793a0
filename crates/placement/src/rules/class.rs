//! What class a task is of: the first rule whose intervals hold it.
//!
//! A class is a name that every report shows and that may carry a node policy of its own. Rules are intervals over what
//! is known when a task is submitted (kind, priority, what it asks for, its estimated run time), tried in order, so the
//! class of a task never depends on what else runs and two people who read the rules agree. A task that names its class
//! itself is of that class. Rules that were found from history ([`super::class_found`]) have the same form.

use super::audit::reserved;
use plimsoll_model::cluster::{Task, TaskKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;

/// `least ≤ x < below`; none is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval<T> {
    /// Lower bound.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub least: Option<T>,
    /// Upper bound, exclusive.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub below: Option<T>,
}

const fn none<T>() -> Option<T> {
    None
}

impl<T> Default for Interval<T> {
    fn default() -> Self {
        Self { least: None, below: None }
    }
}

impl<T: PartialOrd + Copy> Interval<T> {
    /// From `least` on.
    #[must_use]
    pub const fn from(least: T) -> Self {
        Self { least: Some(least), below: None }
    }

    /// Up to and without `below`.
    #[must_use]
    pub const fn below(below: T) -> Self {
        Self { least: None, below: Some(below) }
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn holds(&self, value: T) -> bool {
        self.least.is_none_or(|least| value >= least) && self.below.is_none_or(|below| value < below)
    }

    /// Whether it holds everything.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.least.is_none() && self.below.is_none()
    }

    fn is_empty(&self) -> bool {
        matches!((self.least, self.below), (Some(least), Some(below)) if least >= below)
    }
}

/// One rule; every condition that it states must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    /// The class.
    pub class: String,
    /// Kinds of task; empty is any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<TaskKind>,
    /// Priority.
    #[serde(default, skip_serializing_if = "Interval::is_open")]
    pub priority: Interval<i32>,
    /// CPU in thousandths of a core.
    #[serde(default, skip_serializing_if = "Interval::is_open")]
    pub cpu_millicores: Interval<u64>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Interval::is_open")]
    pub memory_bytes: Interval<u64>,
    /// Thousandths of GPUs in all.
    #[serde(default, skip_serializing_if = "Interval::is_open")]
    pub gpu_milli: Interval<u64>,
    /// Estimated run time; a task without an estimate runs for ever as far as rules are concerned.
    #[serde(default, skip_serializing_if = "Interval::is_open")]
    pub run_time_ms: Interval<u64>,
}

impl ClassRule {
    /// Whether the task is of this class.
    #[must_use]
    pub fn holds(&self, task: &Task) -> bool {
        let asked = reserved(task);
        (self.kinds.is_empty() || self.kinds.contains(&task.kind))
            && self.priority.holds(task.priority)
            && self.cpu_millicores.holds(asked.cpu.0)
            && self.memory_bytes.holds(asked.memory.0)
            && self.gpu_milli.holds(asked.gpu.total_milli())
            && self.run_time_ms.holds(task.run_time.map_or(u64::MAX, |run_time| run_time.0))
    }

    fn empty_field(&self) -> Option<&'static str> {
        let fields = [
            ("priority", self.priority.is_empty()),
            ("cpu_millicores", self.cpu_millicores.is_empty()),
            ("memory_bytes", self.memory_bytes.is_empty()),
            ("gpu_milli", self.gpu_milli.is_empty()),
            ("run_time_ms", self.run_time_ms.is_empty()),
        ];
        fields.into_iter().find(|(_, empty)| *empty).map(|(field, _)| field)
    }
}

impl fmt::Display for ClassRule {
    /// `batch-long: gpu_milli < 1, run_time_ms ≥ 3600000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.kinds.is_empty() {
            let kinds: Vec<String> = self.kinds.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
            parts.push(format!("kind {}", kinds.join(" or ")));
        }
        let mut bound = |field: &str, least: Option<String>, below: Option<String>| {
            parts.extend(least.map(|least| format!("{field} ≥ {least}")));
            parts.extend(below.map(|below| format!("{field} < {below}")));
        };
        let text = |value: Option<u64>| value.map(|value| value.to_string());
        bound("priority", self.priority.least.map(|x| x.to_string()), self.priority.below.map(|x| x.to_string()));
        for (field, interval) in [
            ("cpu_millicores", self.cpu_millicores),
            ("memory_bytes", self.memory_bytes),
            ("gpu_milli", self.gpu_milli),
            ("run_time_ms", self.run_time_ms),
        ] {
            bound(field, text(interval.least), text(interval.below));
        }
        write!(f, "{}: {}", self.class, if parts.is_empty() { "anything".to_owned() } else { parts.join(", ") })
    }
}

/// What is wrong with a list of rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClassError {
    /// A class without a name.
    #[error("rule {0}: field `class` is empty")]
    NoName(usize),
    /// An interval that holds nothing.
    #[error("rule {rule} (class `{class}`): field `{field}` holds nothing: `least` is not below `below`")]
    Empty {
        /// Place in the list, from 1.
        rule: usize,
        /// The class.
        class: String,
        /// The field.
        field: &'static str,
    },
    /// A policy for a class that no rule gives.
    #[error("field `policies`: class `{0}` is given by no rule")]
    PolicyOfNone(String),
}

/// Rules in order, and what classes carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// Tried in order.
    pub rules: Vec<ClassRule>,
    /// The class of a task that no rule holds.
    pub otherwise: String,
    /// Node policies by class; a class not named uses the installation's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, String>,
}

impl Default for Classes {
    /// [`Classes::standard`].
    fn default() -> Self {
        Self::standard()
    }
}

/// An hour and ten minutes in milliseconds: what is long, and what somebody waits for.
const LONG_MS: u64 = 3_600_000;
const SHORT_MS: u64 = 600_000;

impl Classes {
    /// Rules that suit most clusters: `system`, `service`, `training-large` (a whole GPU or more for an hour or more),
    /// `gpu`, `batch-short` (under ten minutes), `batch-long` (an hour or more), `batch`.
    #[must_use]
    pub fn standard() -> Self {
        let rule = |class: &str| ClassRule { class: class.to_owned(), ..ClassRule::default() };
        let rules = vec![
            ClassRule { kinds: vec![TaskKind::System], ..rule("system") },
            ClassRule { kinds: vec![TaskKind::Service], ..rule("service") },
            ClassRule {
                gpu_milli: Interval::from(1_000),
                run_time_ms: Interval::from(LONG_MS),
                ..rule("training-large")
            },
            ClassRule { gpu_milli: Interval::from(1), ..rule("gpu") },
            ClassRule { run_time_ms: Interval::below(SHORT_MS), ..rule("batch-short") },
            ClassRule { run_time_ms: Interval::from(LONG_MS), ..rule("batch-long") },
        ];
        Self { rules, otherwise: "batch".to_owned(), policies: BTreeMap::new() }
    }

    /// Checks the rules.
    ///
    /// # Errors
    /// A class without a name, an interval that holds nothing, or a policy for a class that nothing is of.
    pub fn check(&self) -> Result<(), ClassError> {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.class.is_empty() {
                return Err(ClassError::NoName(index + 1));
            }
            if let Some(field) = rule.empty_field() {
                return Err(ClassError::Empty { rule: index + 1, class: rule.class.clone(), field });
            }
        }
        let names = self.names();
        match self.policies.keys().find(|class| !names.contains(class.as_str())) {
            Some(class) => Err(ClassError::PolicyOfNone(class.clone())),
            None => Ok(()),
        }
    }

    /// The class of a task.
    #[must_use]
    pub fn of<'a>(&'a self, task: &'a Task) -> &'a str {
        if let Some(class) = &task.class {
            return class;
        }
        self.rules.iter().find(|rule| rule.holds(task)).map_or(&self.otherwise, |rule| &rule.class)
    }

    /// The name of the class's own node policy; none where it uses the installation's.
    #[must_use]
    pub fn policy(&self, class: &str) -> Option<&str> {
        self.policies.get(class).map(String::as_str)
    }

    /// Every class that a rule gives.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.rules.iter().map(|rule| rule.class.as_str()).chain([self.otherwise.as_str()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::{Demand, GpuDemand};
    use plimsoll_model::quantity::Millis;

    fn task(kind: TaskKind, gpu_milli: u32, run_time: Option<u64>) -> Task {
        let gpu = GpuDemand { count: u32::from(gpu_milli > 0), milli: gpu_milli, models: vec![] };
        Task { kind, requests: Demand { gpu, ..Demand::default() }, run_time: run_time.map(Millis), ..Task::default() }
    }

    #[test]
    fn the_standard_rules_give_every_task_a_class() {
        let classes = Classes::standard();
        assert_eq!(classes.check(), Ok(()));
        for (kind, gpu, run_time, expected) in [
            (TaskKind::System, 1_000, Some(1), "system"),
            (TaskKind::Service, 0, None, "service"),
            (TaskKind::Training, 1_000, Some(LONG_MS), "training-large"),
            (TaskKind::Training, 1_000, None, "training-large"),
            (TaskKind::Training, 300, Some(LONG_MS), "gpu"),
            (TaskKind::Batch, 0, Some(SHORT_MS - 1), "batch-short"),
            (TaskKind::Batch, 0, Some(SHORT_MS), "batch"),
            (TaskKind::Batch, 0, None, "batch-long"),
        ] {
            assert_eq!(classes.of(&task(kind, gpu, run_time)), expected, "{kind:?} {gpu} {run_time:?}");
        }
        let named = Task { class: Some("mine".to_owned()), ..task(TaskKind::System, 0, None) };
        assert_eq!(classes.of(&named), "mine");
    }

    #[test]
    fn a_rule_that_can_hold_nothing_is_named() {
        let mut classes = Classes::standard();
        classes.rules[2].run_time_ms = Interval { least: Some(9), below: Some(9) };
        let error = classes.check().expect_err("nothing is at least 9 and below 9");
        let said = "rule 3 (class `training-large`): field `run_time_ms` holds nothing: `least` is not below `below`";
        assert_eq!(error.to_string(), said);
        classes = Classes::standard();
        classes.policies.insert("gpus".to_owned(), "fgd".to_owned());
        assert_eq!(classes.check(), Err(ClassError::PolicyOfNone("gpus".to_owned())));
    }

    #[test]
    fn a_rule_reads_as_it_is_written() {
        let rules = Classes::standard().rules;
        assert_eq!(rules[0].to_string(), "system: kind system");
        assert_eq!(rules[2].to_string(), "training-large: gpu_milli ≥ 1000, run_time_ms ≥ 3600000");
        assert_eq!(ClassRule { class: "all".to_owned(), ..ClassRule::default() }.to_string(), "all: anything");
    }
}
