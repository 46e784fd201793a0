//! Labels, taints and selectors as numbers.
//!
//! Keys and values of labels are numbered as they are met. Nodes with equal labels share one set, and a condition is
//! judged once per set and not once per node. What of a task decides by the node's description alone (models of GPU,
//! selector, tolerations) is one *static filter*; equal ones share an id, and each node has one bit per filter.

use super::error::FleetError;
use plimsoll_model::cluster::{Operator, Requirement, Taint, TaintEffect, Toleration};
use std::collections::BTreeMap;

/// Texts by number.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    numbers: BTreeMap<String, u32>,
    texts: Vec<String>,
}

impl Texts {
    /// The number of a text, a new one if it was not met before.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    /// The number of a text that was met.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    #[must_use]
    pub fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.texts.len()
    }
}

/// Labels of a node: `(key, value)`, sorted by key.
pub type LabelSet = Box<[(u32, u32)]>;

/// A condition on labels, in numbers.
#[derive(Debug, Clone)]
pub struct Condition {
    key: u32,
    operator: Operator,
    values: Vec<u32>,
}

impl Condition {
    /// Whether a set of labels meets it.
    #[must_use]
    pub fn holds(&self, labels: &LabelSet) -> bool {
        let value = labels.binary_search_by_key(&self.key, |(key, _)| *key).ok().map(|at| labels[at].1);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(&value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(&value)),
            Operator::Exists => value.is_some(),
            Operator::NotExists => value.is_none(),
        }
    }
}

/// Every label, label set and set of taints that was met.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    keys: Texts,
    values: Texts,
    sets: Vec<LabelSet>,
    set_numbers: BTreeMap<LabelSet, u32>,
    taints: Vec<Vec<Taint>>,
    taint_numbers: BTreeMap<Vec<Taint>, u32>,
    has_soft_taints: bool,
}

impl Labels {
    /// The set of these labels.
    pub(super) fn set(&mut self, labels: &BTreeMap<String, String>) -> u32 {
        let mut set: Vec<(u32, u32)> =
            labels.iter().map(|(key, value)| (self.keys.number(key), self.values.number(value))).collect();
        set.sort_unstable();
        let set = set.into_boxed_slice();
        if let Some(number) = self.set_numbers.get(&set) {
            return *number;
        }
        let number = self.sets.len() as u32;
        self.sets.push(set.clone());
        self.set_numbers.insert(set, number);
        number
    }

    /// The set of these taints; order and repetition do not matter.
    pub(super) fn taint_set(&mut self, taints: &[Taint]) -> u32 {
        let mut sorted = taints.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if let Some(number) = self.taint_numbers.get(&sorted) {
            return *number;
        }
        let number = self.taints.len() as u32;
        self.has_soft_taints |= sorted.iter().any(|taint| taint.effect == TaintEffect::PreferNoSchedule);
        self.taints.push(sorted.clone());
        self.taint_numbers.insert(sorted, number);
        number
    }

    /// A condition in numbers.
    pub fn condition(&mut self, requirement: &Requirement) -> Condition {
        let key = self.keys.number(&requirement.key);
        let values = requirement.values.iter().map(|value| self.values.number(value)).collect();
        Condition { key, operator: requirement.operator, values }
    }

    /// The number of a key, a new one if it was not met before.
    pub fn key(&mut self, key: &str) -> u32 {
        self.keys.number(key)
    }

    /// The number of a key that was met.
    #[must_use]
    pub fn find_key(&self, key: &str) -> Option<u32> {
        self.keys.find(key)
    }

    /// The text of a value.
    #[must_use]
    pub fn value_text(&self, value: u32) -> &str {
        self.values.text(value)
    }

    /// The value of `key` in a set.
    #[must_use]
    pub fn value(&self, set: u32, key: u32) -> Option<u32> {
        let labels = &self.sets[set as usize];
        labels.binary_search_by_key(&key, |(key, _)| *key).ok().map(|at| labels[at].1)
    }

    /// The labels of a set.
    #[must_use]
    pub fn labels(&self, set: u32) -> &LabelSet {
        &self.sets[set as usize]
    }

    /// How many sets of labels there are.
    #[must_use]
    pub const fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Whether any taint would rather not have some tasks.
    #[must_use]
    pub const fn has_soft_taints(&self) -> bool {
        self.has_soft_taints
    }

    /// The taints of a set.
    #[must_use]
    pub fn taints(&self, set: u32) -> &[Taint] {
        &self.taints[set as usize]
    }
}

/// Whether a toleration covers a taint.
#[must_use]
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    (toleration.key.is_empty() || toleration.key == taint.key)
        && toleration.value.as_ref().is_none_or(|value| *value == taint.value)
        && toleration.effect.is_none_or(|effect| effect == taint.effect)
}

/// The first taint that keeps the task away.
#[must_use]
pub fn repelled<'a>(taints: &'a [Taint], tolerations: &[Toleration]) -> Option<(usize, &'a Taint)> {
    let hard = |taint: &Taint| taint.effect != TaintEffect::PreferNoSchedule;
    let open = |taint: &Taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint));
    taints.iter().enumerate().find(|(_, taint)| hard(taint) && open(taint))
}

/// How many taints would rather not have the task.
#[must_use]
pub fn unwelcome(taints: &[Taint], tolerations: &[Toleration]) -> usize {
    let soft = taints.iter().filter(|taint| taint.effect == TaintEffect::PreferNoSchedule);
    soft.filter(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint))).count()
}

/// One more than `count`, where the compact form still counts that many.
pub(super) fn next_number(count: usize, what: &'static str, most: u64) -> Result<u32, FleetError> {
    let number = count as u64;
    if number >= most { Err(FleetError::TooMany { what, most }) } else { Ok(number as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(labels: &mut Labels, pairs: &[(&str, &str)]) -> u32 {
        labels.set(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn conditions_compare_text_as_it_stands() {
        let mut labels = Labels::default();
        let a = set(&mut labels, &[("zone", "a"), ("disk", "ssd")]);
        let b = set(&mut labels, &[("zone", "b")]);
        assert_eq!(set(&mut labels, &[("disk", "ssd"), ("zone", "a")]), a, "equal labels are one set");
        let mut asks = |key: &str, operator, values: &[&str]| {
            let values = values.iter().map(|v| (*v).to_owned()).collect();
            let condition = labels.condition(&Requirement { key: key.into(), operator, values });
            (condition.holds(labels.labels(a)), condition.holds(labels.labels(b)))
        };
        assert_eq!(asks("zone", Operator::In, &["a", "c"]), (true, false));
        assert_eq!(asks("zone", Operator::NotIn, &["a"]), (false, true));
        assert_eq!(asks("disk", Operator::NotIn, &["hdd"]), (true, true));
        assert_eq!(asks("disk", Operator::Exists, &[]), (true, false));
        assert_eq!(asks("disk", Operator::NotExists, &[]), (false, true));
    }

    #[test]
    fn a_toleration_without_value_or_key_covers_all_of_them() {
        let taint = |key: &str, effect| Taint { key: key.into(), value: "x".into(), effect };
        let taints = [taint("gpu", TaintEffect::NoSchedule), taint("old", TaintEffect::PreferNoSchedule)];
        let any = Toleration { key: String::new(), value: None, effect: None };
        let gpu = Toleration { key: "gpu".into(), value: None, effect: Some(TaintEffect::NoSchedule) };
        assert!(repelled(&taints, &[]).is_some());
        assert!(repelled(&taints, std::slice::from_ref(&gpu)).is_none());
        assert_eq!(unwelcome(&taints, std::slice::from_ref(&gpu)), 1);
        assert_eq!(unwelcome(&taints, &[any]), 0);
    }
}
