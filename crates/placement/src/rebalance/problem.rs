//! What is to be rebalanced: machines, services, their processes, where these run now, and what everything costs.
//!
//! A [`Draft`] is what a reader or a caller fills in; [`Problem::try_new`] checks all of it once, so that nothing behind
//! it has to ask again whether an index exists or a sum fits. The ranges are those that let a search hold a row of
//! resources in 32-bit lanes and add up costs in 64 bits without ever wrapping; a caller with larger numbers (bytes)
//! scales them (mebibytes), rounding requirements up and capacities down.
//!
//! This must not decide anything, and it does not ask whether the present assignment is feasible: [`super::check`] does.
//!
//! # Source
//! ROADEF/EURO challenge 2012, "Google machine reassignment": the problem's statement. Words here are the house's:
//! a location spreads a service, a neighbourhood holds what a service depends on.

use super::limits::{self, Range};

/// A resource of every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Is it held on the old machine too while a process moves (disk), and not only on the new one (CPU)?
    pub is_transient: bool,
    /// Cost of one unit used above a machine's safety capacity.
    pub load_weight: u64,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// A service that depends on another finds it within its own neighbourhood.
    pub neighbourhood: u32,
    /// What a service is spread over (a site, a rack).
    pub location: u32,
    /// What it has of each resource, in the resource's unit.
    pub capacity: Vec<u64>,
    /// What may be used of each resource before it costs; at most the capacity.
    pub safety: Vec<u64>,
}

/// A service: processes no two of which share a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Fewest different locations its processes lie in.
    pub spread_min: u32,
    /// Services of which a process has to run in every neighbourhood that this service runs in.
    pub dependencies: Vec<u32>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The service it belongs to.
    pub service: u32,
    /// What it needs of each resource, in the resource's unit.
    pub requirement: Vec<u64>,
    /// Cost of moving it, wherever to.
    pub move_cost: u64,
}

/// A wish that free room comes in proportion: `target` units of `second` for one of `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The resource whose free room is useless alone.
    pub first: u32,
    /// The resource that should be free beside it.
    pub second: u32,
    /// Units of `second` wanted per unit of `first`.
    pub target: u64,
    /// Cost of one unit missing.
    pub weight: u64,
}

/// Weights of the three costs of moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveWeights {
    /// Times the sum of the moved processes' own costs.
    pub process: u64,
    /// Times the moved processes of the service that has most of them.
    pub service: u64,
    /// Times the sum of the costs between the machines left and the machines entered.
    pub machine: u64,
}

/// Everything, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The resources; every list of quantities is in this order.
    pub resources: Vec<Resource>,
    /// The machines.
    pub machines: Vec<Machine>,
    /// Cost of moving from machine `from` to machine `to`, at `from * machines + to`; empty when all are 0.
    pub machine_move_cost: Vec<u64>,
    /// The services.
    pub services: Vec<Service>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The balances.
    pub balances: Vec<Balance>,
    /// The weights of moves.
    pub move_weights: MoveWeights,
    /// The machine of every process at present.
    pub initial: Vec<u32>,
}

/// What is wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemError {
    /// A list is too short or too long.
    #[error("{what} holds {found} entries, and there are {wanted} {of}")]
    Length {
        /// The list.
        what: String,
        /// Its length.
        found: usize,
        /// The length it has to have.
        wanted: usize,
        /// What it has one entry for each of.
        of: &'static str,
    },
    /// An index names nothing.
    #[error("{what} is {found}, and there are {count} {of}, counted from 0")]
    Index {
        /// The field.
        what: String,
        /// The index.
        found: u32,
        /// How many there are.
        count: usize,
        /// Of what.
        of: &'static str,
    },
    /// A number is outside of its range.
    #[error("{what} is {found}, and {range} is allowed")]
    Value {
        /// The field.
        what: String,
        /// The number.
        found: u64,
        /// What is allowed.
        range: Range,
    },
    /// Costs could exceed 64 bits.
    #[error(
        "the largest cost that could arise is {largest}, and {allowed} is the most: use coarser units or lower weights"
    )]
    CostTooLarge {
        /// A bound of the cost.
        largest: u128,
        /// The most.
        allowed: u128,
    },
}

/// A checked problem. Quantities lie flat, one row of all resources after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub(super) resources: Vec<Resource>,
    pub(super) machines: Vec<Machine>,
    pub(super) machine_move_cost: Vec<u32>,
    pub(super) services: Vec<Service>,
    pub(super) processes: Vec<Process>,
    pub(super) balances: Vec<Balance>,
    pub(super) move_weights: MoveWeights,
    pub(super) initial: Vec<u32>,
    pub(super) locations: usize,
    pub(super) neighbourhoods: usize,
}

impl Problem {
    /// Checks `draft`.
    ///
    /// # Errors
    /// [`ProblemError`]: the first field that is out of range, with its value and the range.
    pub fn try_new(draft: Draft) -> Result<Self, ProblemError> {
        limits::check(&draft)?;
        let Draft { resources, machines, machine_move_cost, services, processes, balances, move_weights, initial } =
            draft;
        let count = |of: fn(&Machine) -> u32| machines.iter().map(of).max().map_or(0, |most| most as usize + 1);
        Ok(Self {
            locations: count(|machine| machine.location),
            neighbourhoods: count(|machine| machine.neighbourhood),
            // In range by `limits::check`.
            machine_move_cost: machine_move_cost.iter().map(|cost| u32::try_from(*cost).unwrap_or(u32::MAX)).collect(),
            resources,
            machines,
            services,
            processes,
            balances,
            move_weights,
            initial,
        })
    }

    /// The resources.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The machines.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The services.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The processes.
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// The balances.
    #[must_use]
    pub fn balances(&self) -> &[Balance] {
        &self.balances
    }

    /// The weights of moves.
    #[must_use]
    pub const fn move_weights(&self) -> MoveWeights {
        self.move_weights
    }

    /// Where every process runs at present.
    #[must_use]
    pub fn initial(&self) -> &[u32] {
        &self.initial
    }

    /// Cost of a move between two machines, before its weight.
    #[must_use]
    pub fn machine_move_cost(&self, from: u32, to: u32) -> u64 {
        let at = from as usize * self.machines.len() + to as usize;
        self.machine_move_cost.get(at).map_or(0, |cost| u64::from(*cost))
    }

    /// The services that name each service as a dependency, each once, in order.
    pub(super) fn dependents(&self) -> Vec<Vec<u32>> {
        let mut of = vec![Vec::new(); self.services.len()];
        for (service, index) in self.services.iter().zip(0_u32..) {
            for dependency in &service.dependencies {
                let dependents: &mut Vec<u32> = &mut of[*dependency as usize];
                if dependents.last() != Some(&index) {
                    dependents.push(index);
                }
            }
        }
        of
    }
}
