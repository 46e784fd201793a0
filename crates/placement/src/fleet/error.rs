//! Why a node or a task cannot be taken in.

/// A node or a task that the fleet cannot hold, with what is wrong and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// Two nodes of one name.
    #[error("node {name:?} is there already; names of nodes are unique")]
    DuplicateNode {
        /// The name.
        name: String,
    },
    /// A node without a name.
    #[error("a node has no name")]
    NoName,
    /// No such node.
    #[error("there is no node {name:?}")]
    NoSuchNode {
        /// The name.
        name: String,
    },
    /// A quantity that the compact form does not hold.
    #[error("{of}: {field} is {value}, and the most is {most}")]
    TooLarge {
        /// The node or task.
        of: String,
        /// The field, with its unit.
        field: String,
        /// What it says.
        value: u64,
        /// The largest that is held.
        most: u64,
    },
    /// A share of several GPUs, which no scheduler defines.
    #[error("{task}: requests.gpu.milli is {milli} with a count of {count}; below 1000 the count has to be 1")]
    ShareOfMany {
        /// The task.
        task: String,
        /// GPUs asked for.
        count: u32,
        /// Thousandths of each.
        milli: u32,
    },
    /// Thousandths of a GPU outside 1 to 1,000.
    #[error("{task}: requests.gpu.milli is {milli} with a count of {count}; allowed are 1 to 1000")]
    GpuMilli {
        /// The task.
        task: String,
        /// GPUs asked for.
        count: u32,
        /// Thousandths of each.
        milli: u32,
    },
    /// More kinds of something than the compact form counts.
    #[error("more than {most} different {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are held.
        most: u64,
    },
    /// A rule between tasks that says nothing.
    #[error(transparent)]
    Rule(#[from] crate::rules::RelationError),
}
