//! What of a simulated world is chosen: what fails, and what a stop costs.

use super::faults::Faults;
use super::pools::PoolOptions;

/// How the world behaves. Nothing in here is a policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Seed of everything random in the world; the policy has its own.
    pub seed: u64,
    /// What fails when.
    pub faults: Faults,
    /// A task that was stopped goes on where it stopped instead of from the beginning.
    pub keeps_work: bool,
    /// A task is stopped when it has run as long as it was estimated to.
    pub kills_at_estimate: bool,
    /// Note the GPUs given out when the demand that has arrived is these shares of the capacity, in thousandths.
    pub allocation_at_permille: Vec<u64>,
    /// Nodes are bought and given back; none of the cluster's is there for good.
    pub pools: Option<PoolOptions>,
}
