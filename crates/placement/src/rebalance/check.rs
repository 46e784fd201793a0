//! Whether an assignment keeps every hard constraint; if not, which one is broken, where, and by how much.
//!
//! Plain and slow like [`super::cost`], and sharing nothing with the search, so that it can judge it.
//!
//! # Source
//! ROADEF/EURO challenge 2012, "Google machine reassignment", section "hard constraints".

use super::cost::int;
use super::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// The first constraint found broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Not one machine for each process.
    #[error("the assignment names {found} machines, and there are {wanted} processes")]
    Length {
        /// Entries.
        found: usize,
        /// Processes.
        wanted: usize,
    },
    /// A machine that does not exist.
    #[error("process {process} is assigned to machine {machine}, and there are {machines}, counted from 0")]
    NoMachine {
        /// The process.
        process: usize,
        /// The machine.
        machine: u32,
        /// Machines.
        machines: usize,
    },
    /// More of a resource is used than a machine has; of a transient one, what left the machine counts as well.
    #[error("machine {machine} would use {used} of resource {resource} and has {capacity}")]
    Capacity {
        /// The machine.
        machine: usize,
        /// The resource.
        resource: usize,
        /// Used, with what is transient.
        used: i64,
        /// There is.
        capacity: u64,
    },
    /// Two processes of one service share a machine.
    #[error("processes {first} and {second} of service {service} share machine {machine}")]
    Conflict {
        /// The machine.
        machine: u32,
        /// The service.
        service: u32,
        /// One process.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A service lies in too few locations.
    #[error("service {service} lies in {found} locations and needs {wanted}")]
    Spread {
        /// The service.
        service: usize,
        /// Its locations.
        found: usize,
        /// Fewest allowed.
        wanted: u32,
    },
    /// A service runs in a neighbourhood without what it depends on.
    #[error(
        "service {service} runs in neighbourhood {neighbourhood}, and service {dependency}, on which it depends, does not"
    )]
    Dependency {
        /// The service.
        service: usize,
        /// The service it depends on.
        dependency: u32,
        /// The neighbourhood.
        neighbourhood: u32,
    },
}

impl Problem {
    /// Checks every hard constraint.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn check(&self, assignment: &[u32]) -> Result<(), Violation> {
        self.check_machines(assignment)?;
        self.check_capacity(assignment)?;
        self.check_conflicts(assignment)?;
        self.check_services(assignment)
    }

    fn check_machines(&self, assignment: &[u32]) -> Result<(), Violation> {
        if assignment.len() != self.processes.len() {
            return Err(Violation::Length { found: assignment.len(), wanted: self.processes.len() });
        }
        let machines = self.machines.len();
        match assignment.iter().position(|machine| *machine as usize >= machines) {
            Some(process) => Err(Violation::NoMachine { process, machine: assignment[process], machines }),
            None => Ok(()),
        }
    }

    fn check_capacity(&self, assignment: &[u32]) -> Result<(), Violation> {
        let width = self.resources.len();
        let mut used = self.used(assignment);
        for (process, (to, from)) in self.processes.iter().zip(assignment.iter().zip(&self.initial)) {
            if to != from {
                for (r, resource) in self.resources.iter().enumerate().filter(|(_, resource)| resource.is_transient) {
                    debug_assert!(resource.is_transient);
                    used[*from as usize * width + r] += int(process.requirement[r]);
                }
            }
        }
        for (machine, (has, used)) in self.machines.iter().zip(used.chunks(width)).enumerate() {
            for (resource, (&capacity, &used)) in has.capacity.iter().zip(used).enumerate() {
                if used > int(capacity) {
                    return Err(Violation::Capacity { machine, resource, used, capacity });
                }
            }
        }
        Ok(())
    }

    fn check_conflicts(&self, assignment: &[u32]) -> Result<(), Violation> {
        let mut seen = BTreeMap::new();
        for (second, (process, &machine)) in self.processes.iter().zip(assignment).enumerate() {
            if let Some(first) = seen.insert((process.service, machine), second) {
                return Err(Violation::Conflict { machine, service: process.service, first, second });
            }
        }
        Ok(())
    }

    fn check_services(&self, assignment: &[u32]) -> Result<(), Violation> {
        let mut locations = vec![BTreeSet::new(); self.services.len()];
        let mut neighbourhoods = vec![BTreeSet::new(); self.services.len()];
        for (process, machine) in self.processes.iter().zip(assignment) {
            let machine = &self.machines[*machine as usize];
            locations[process.service as usize].insert(machine.location);
            neighbourhoods[process.service as usize].insert(machine.neighbourhood);
        }
        for (index, service) in self.services.iter().enumerate() {
            if locations[index].len() < service.spread_min as usize {
                return Err(Violation::Spread {
                    service: index,
                    found: locations[index].len(),
                    wanted: service.spread_min,
                });
            }
            for &dependency in &service.dependencies {
                let mut lacking = neighbourhoods[index].difference(&neighbourhoods[dependency as usize]);
                if let Some(&neighbourhood) = lacking.next() {
                    return Err(Violation::Dependency { service: index, dependency, neighbourhood });
                }
            }
        }
        Ok(())
    }
}
