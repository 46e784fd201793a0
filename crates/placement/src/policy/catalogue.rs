//! What policies of node choice there are, for `plimsoll policies` and for whoever picks one.

/// How a policy goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Takes the best node for the task at hand.
    Greedy,
    /// Takes a node by a fixed order or a draw, without comparing room.
    Index,
    /// Looks at what the choice does to tasks that are still to come.
    Optimising,
}

/// What one decision costs for N nodes, after what is learnt from changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// An ordered index: about log N.
    Ordered,
    /// A cached best per block of nodes: N/64 and the changed blocks.
    Blocks,
    /// The same over remembered scores of node states.
    States,
    /// Every node.
    Scan,
}

/// One policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyEntry {
    /// Name, as [`super::NodePolicy::by_name`] takes it.
    pub name: &'static str,
    /// How it goes about it.
    pub family: Family,
    /// Whether it decides once and for all; a dynamic one changes its mind as tasks and expectations change.
    pub is_static: bool,
    /// What it looks at.
    pub inputs: &'static str,
    /// What a decision costs.
    pub cost: Cost,
    /// Where it comes from.
    pub source: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

/// Every named policy of node choice.
#[must_use]
pub const fn catalogue() -> &'static [PolicyEntry] {
    CATALOGUE
}

const FGD_BASELINE: &str = "baseline of Weng et al., USENIX ATC 2023, and its simulator";

const CATALOGUE: &[PolicyEntry] = &[
    PolicyEntry {
        name: "first-fit",
        family: Family::Index,
        is_static: true,
        inputs: "names of nodes",
        cost: Cost::Ordered,
        source: "textbook; ties by name",
        about: "the first node by name that fits",
    },
    PolicyEntry {
        name: "best-fit",
        family: Family::Greedy,
        is_static: true,
        inputs: "free CPU and GPU, the largest node",
        cost: Cost::Ordered,
        source: FGD_BASELINE,
        about: "the node with the least left over, in hundredths of the largest node",
    },
    PolicyEntry {
        name: "worst-fit",
        family: Family::Greedy,
        is_static: true,
        inputs: "free CPU, memory and GPU, the largest node",
        cost: Cost::Ordered,
        source: "textbook",
        about: "the node with the most left over",
    },
    PolicyEntry {
        name: "least-allocated",
        family: Family::Greedy,
        is_static: true,
        inputs: "free CPU, memory and GPU, the node's capacity",
        cost: Cost::Ordered,
        source: "Kubernetes, NodeResourcesFit LeastAllocated",
        about: "the node of which the smallest share is taken",
    },
    PolicyEntry {
        name: "most-allocated",
        family: Family::Greedy,
        is_static: true,
        inputs: "free CPU, memory and GPU, the node's capacity",
        cost: Cost::Ordered,
        source: "Kubernetes, NodeResourcesFit MostAllocated",
        about: "the node of which the largest share is taken",
    },
    PolicyEntry {
        name: "balanced-allocation",
        family: Family::Greedy,
        is_static: true,
        inputs: "free CPU, memory and GPU, the node's capacity",
        cost: Cost::Blocks,
        source: "Kubernetes, NodeResourcesBalancedAllocation",
        about: "the node whose resources will be taken most evenly",
    },
    PolicyEntry {
        name: "dominant-resource",
        family: Family::Greedy,
        is_static: true,
        inputs: "every resource of the node",
        cost: Cost::Blocks,
        source: "min-max load; dominant shares as in Ghodsi et al., NSDI 2011",
        about: "the node whose fullest resource will be emptiest",
    },
    PolicyEntry {
        name: "dot-product",
        family: Family::Greedy,
        is_static: true,
        inputs: "free CPU and GPU, the request, the largest node",
        cost: Cost::Blocks,
        source: FGD_BASELINE,
        about: "the node whose free room points another way than the request",
    },
    PolicyEntry {
        name: "gpu-packing",
        family: Family::Greedy,
        is_static: true,
        inputs: "what is free on each GPU",
        cost: Cost::Blocks,
        source: FGD_BASELINE,
        about: "GPUs in use before free ones, nodes in use before free ones",
    },
    PolicyEntry {
        name: "gpu-clustering",
        family: Family::Greedy,
        is_static: false,
        inputs: "which sorts of GPU tasks run on the node",
        cost: Cost::Blocks,
        source: FGD_BASELINE,
        about: "nodes whose tasks ask for GPUs as this one does",
    },
    PolicyEntry {
        name: "fgd",
        family: Family::Optimising,
        is_static: false,
        inputs: "what is free on each GPU, free CPU, the expected mix of tasks",
        cost: Cost::States,
        source: "Weng et al., USENIX ATC 2023",
        about: "the node and GPU where the room that expected tasks cannot use grows least",
    },
    PolicyEntry {
        name: "random",
        family: Family::Index,
        is_static: true,
        inputs: "a seed",
        cost: Cost::Scan,
        source: FGD_BASELINE,
        about: "any node that fits, and any of its GPUs",
    },
    PolicyEntry {
        name: "cheapest",
        family: Family::Greedy,
        is_static: true,
        inputs: "price of the node",
        cost: Cost::Blocks,
        source: "textbook",
        about: "the node of the lowest price per hour",
    },
    PolicyEntry {
        name: "fastest",
        family: Family::Greedy,
        is_static: true,
        inputs: "speed of the node for the task's class",
        cost: Cost::Blocks,
        source: "heterogeneity-aware choice as in Gavel, OSDI 2020, without its optimiser",
        about: "the fastest node for the task's class",
    },
    PolicyEntry {
        name: "nearest",
        family: Family::Greedy,
        is_static: true,
        inputs: "latency between the node's site and the task's",
        cost: Cost::Blocks,
        source: "textbook",
        about: "the node of the shortest round trip to the task's users or data",
    },
    PolicyEntry {
        name: "cheapest-in-bound",
        family: Family::Greedy,
        is_static: true,
        inputs: "price of the node, price of moving data, the task's share of the node",
        cost: Cost::Blocks,
        source: "textbook; the latency bound is a filter",
        about: "the lowest price per hour of running this task, within its latency bound",
    },
    PolicyEntry {
        name: "spill",
        family: Family::Greedy,
        is_static: true,
        inputs: "site and provider of the node and of the task's site, price",
        cost: Cost::Blocks,
        source: "cloud bursting",
        about: "the task's own site first, then its own provider, then anybody; by price among equals",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::NodePolicy;

    #[test]
    fn every_policy_of_the_catalogue_has_that_name_and_is_listed_once() {
        for (at, entry) in catalogue().iter().enumerate() {
            assert_eq!(NodePolicy::by_name(entry.name).map(|policy| policy.name), Some(entry.name.to_owned()));
            assert!(catalogue()[..at].iter().all(|earlier| earlier.name != entry.name));
        }
        assert!(NodePolicy::by_name("no-such-policy").is_none());
    }
}
