//! Labels as the rules see them: which tasks a selector means, and what a node says under a key.
//!
//! Text is compared as it stands. A node's zone, provider and site are labels too, so that a rule may name them like any
//! other; where a label of the same key says something else, the label wins, as it does in the fleet.

use plimsoll_model::cluster::{Node, Operator, Requirement, Task};
use std::collections::BTreeMap;

/// Labels that are fields of a node.
pub const ZONE: &str = "zone";
/// Who rents the node out.
pub const PROVIDER: &str = "provider";
/// Where the node stands.
pub const SITE: &str = "site";

/// Whether a task with these labels is meant. An empty selector means every task.
#[must_use]
pub fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// What the node says under a key; an empty key is the node itself.
#[must_use]
pub fn node_label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    if let Some(label) = node.labels.get(key) {
        return Some(label);
    }
    let field = match key {
        "" => Some(&node.name),
        ZONE => node.zone.as_ref(),
        PROVIDER => node.provider.as_ref(),
        SITE => node.site.as_ref(),
        _ => None,
    };
    field.map(String::as_str)
}

/// Whether the node meets a condition on its labels.
#[must_use]
pub fn meets(requirement: &Requirement, node: &Node) -> bool {
    let said = node_label(node, &requirement.key);
    let listed = said.is_some_and(|said| requirement.values.iter().any(|value| value == said));
    match requirement.operator {
        Operator::In => listed,
        Operator::NotIn => !listed,
        Operator::Exists => said.is_some(),
        Operator::NotExists => said.is_none(),
    }
}

/// The unit of isolation that a task belongs to: its tenant, else its queue.
#[must_use]
pub fn tenant(task: &Task) -> &str {
    if task.tenant.is_empty() { &task.queue } else { &task.tenant }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_label_unless_one_says_something_else() {
        let labels = [("zone", "b"), ("disk", "ssd")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let node =
            Node { zone: Some("a".to_owned()), labels: labels.into(), ..plimsoll_model::cluster::Node::named("n") };
        assert_eq!(node_label(&node, ZONE), Some("b"));
        let unlabelled = Node { labels: BTreeMap::new(), ..node.clone() };
        assert_eq!(node_label(&unlabelled, ZONE), Some("a"));
        assert_eq!(node_label(&node, "disk"), Some("ssd"));
        assert_eq!(node_label(&node, ""), Some("n"));
        assert_eq!(node_label(&node, SITE), None);
    }

    #[test]
    fn conditions_mean_what_they_say_when_the_label_is_missing() {
        let node = plimsoll_model::cluster::Node::named("n");
        for (operator, expected) in
            [(Operator::In, false), (Operator::NotIn, true), (Operator::Exists, false), (Operator::NotExists, true)]
        {
            let requirement = Requirement { key: "disk".to_owned(), operator, values: vec!["ssd".to_owned()] };
            assert_eq!(meets(&requirement, &node), expected, "{operator:?}");
        }
    }

    #[test]
    fn an_empty_selector_means_every_task() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        assert!(selects(&BTreeMap::new(), &labels));
        assert!(selects(&labels, &labels));
        assert!(!selects(&labels, &BTreeMap::new()));
    }
}
