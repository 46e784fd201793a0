//! The ranges of a problem's numbers, and the check that they are kept.
//!
//! The largest quantity is chosen so that a machine's use and one more process fit a signed 32-bit lane; the largest cost
//! so that the sum of all terms, and the difference of two such sums, fit a signed 64-bit number.

use super::problem::{Draft, ProblemError};
use std::fmt;

/// Most units of a resource: 2^30 - 1.
pub const QUANTITY_MAX: u64 = (1 << 30) - 1;
/// Largest weight, and largest cost of one move before its weight.
pub const WEIGHT_MAX: u64 = (1 << 30) - 1;
/// Most resources, machines, and anything else of which there are many.
pub const RESOURCES_MAX: usize = 32;
/// Most machines: the costs of moves between them are a square.
pub const MACHINES_MAX: usize = 20_000;
/// Most processes, and most services.
pub const PROCESSES_MAX: usize = 10_000_000;
/// Most different locations and neighbourhoods.
pub const PLACES_MAX: u32 = 20_000;
/// Most processes of one service: counts of them are 16 bits wide.
pub const SERVICE_PROCESSES_MAX: usize = u16::MAX as usize;
/// Largest sum of all costs.
pub const COST_MAX: u128 = 1 << 62;

/// Lowest and highest number allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Lowest.
    pub min: u64,
    /// Highest.
    pub max: u64,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

pub(super) fn check(draft: &Draft) -> Result<(), ProblemError> {
    counts(draft)?;
    resources(draft)?;
    machines(draft)?;
    services(draft)?;
    processes(draft)?;
    costs(draft)
}

fn value(found: u64, min: u64, max: u64, what: impl Fn() -> String) -> Result<(), ProblemError> {
    if (min..=max).contains(&found) {
        Ok(())
    } else {
        Err(ProblemError::Value { what: what(), found, range: Range { min, max } })
    }
}

fn index(found: u32, count: usize, of: &'static str, what: impl Fn() -> String) -> Result<(), ProblemError> {
    if (found as usize) < count { Ok(()) } else { Err(ProblemError::Index { what: what(), found, count, of }) }
}

fn length(found: usize, wanted: usize, of: &'static str, what: impl Fn() -> String) -> Result<(), ProblemError> {
    if found == wanted { Ok(()) } else { Err(ProblemError::Length { what: what(), found, wanted, of }) }
}

fn counts(draft: &Draft) -> Result<(), ProblemError> {
    let count = |found: usize, min: u64, max: usize, what: &str| {
        value(found as u64, min, max as u64, || format!("the number of {what}"))
    };
    count(draft.resources.len(), 1, RESOURCES_MAX, "resources")?;
    count(draft.machines.len(), 1, MACHINES_MAX, "machines")?;
    count(draft.services.len(), 0, PROCESSES_MAX, "services")?;
    count(draft.processes.len(), 0, PROCESSES_MAX, "processes")?;
    count(draft.balances.len(), 0, RESOURCES_MAX * RESOURCES_MAX, "balance costs")
}

fn resources(draft: &Draft) -> Result<(), ProblemError> {
    for (at, resource) in draft.resources.iter().enumerate() {
        value(resource.load_weight, 0, WEIGHT_MAX, || format!("the load weight of resource {at}"))?;
    }
    for (at, balance) in draft.balances.iter().enumerate() {
        let resources = draft.resources.len();
        index(balance.first, resources, "resources", || format!("the first resource of balance {at}"))?;
        index(balance.second, resources, "resources", || format!("the second resource of balance {at}"))?;
        value(balance.target, 0, WEIGHT_MAX, || format!("the target of balance {at}"))?;
        value(balance.weight, 0, WEIGHT_MAX, || format!("the weight of balance {at}"))?;
    }
    let weights = draft.move_weights;
    for (weight, of) in [(weights.process, "process"), (weights.service, "service"), (weights.machine, "machine")] {
        value(weight, 0, WEIGHT_MAX, || format!("the weight of {of} moves"))?;
    }
    Ok(())
}

fn machines(draft: &Draft) -> Result<(), ProblemError> {
    let resources = draft.resources.len();
    for (at, machine) in draft.machines.iter().enumerate() {
        value(machine.location.into(), 0, PLACES_MAX.into(), || format!("the location of machine {at}"))?;
        value(machine.neighbourhood.into(), 0, PLACES_MAX.into(), || format!("the neighbourhood of machine {at}"))?;
        length(machine.capacity.len(), resources, "resources", || format!("the capacity of machine {at}"))?;
        length(machine.safety.len(), resources, "resources", || format!("the safety capacity of machine {at}"))?;
        for (r, (capacity, safety)) in machine.capacity.iter().zip(&machine.safety).enumerate() {
            value(*capacity, 0, QUANTITY_MAX, || format!("the capacity of machine {at} in resource {r}"))?;
            value(*safety, 0, *capacity, || format!("the safety capacity of machine {at} in resource {r}"))?;
        }
    }
    if draft.machine_move_cost.is_empty() {
        return Ok(());
    }
    let square = draft.machines.len() * draft.machines.len();
    length(draft.machine_move_cost.len(), square, "pairs of machines", || "the costs between machines".into())?;
    for (at, cost) in draft.machine_move_cost.iter().enumerate() {
        let (from, to) = (at / draft.machines.len(), at % draft.machines.len());
        value(*cost, 0, WEIGHT_MAX, || format!("the cost of moving from machine {from} to {to}"))?;
    }
    Ok(())
}

fn services(draft: &Draft) -> Result<(), ProblemError> {
    for (at, service) in draft.services.iter().enumerate() {
        value(service.spread_min.into(), 0, PLACES_MAX.into(), || format!("the fewest locations of service {at}"))?;
        for dependency in &service.dependencies {
            index(*dependency, draft.services.len(), "services", || format!("a dependency of service {at}"))?;
        }
    }
    Ok(())
}

fn processes(draft: &Draft) -> Result<(), ProblemError> {
    length(draft.initial.len(), draft.processes.len(), "processes", || "the present assignment".into())?;
    let mut of_service = vec![0_usize; draft.services.len()];
    for (at, process) in draft.processes.iter().enumerate() {
        index(process.service, draft.services.len(), "services", || format!("the service of process {at}"))?;
        of_service[process.service as usize] += 1;
        length(process.requirement.len(), draft.resources.len(), "resources", || {
            format!("the requirement of process {at}")
        })?;
        for (r, requirement) in process.requirement.iter().enumerate() {
            value(*requirement, 0, QUANTITY_MAX, || format!("the requirement of process {at} in resource {r}"))?;
        }
        value(process.move_cost, 0, WEIGHT_MAX, || format!("the move cost of process {at}"))?;
    }
    for (at, machine) in draft.initial.iter().enumerate() {
        index(*machine, draft.machines.len(), "machines", || format!("the present machine of process {at}"))?;
    }
    for (at, count) in of_service.into_iter().enumerate() {
        value(count as u64, 0, SERVICE_PROCESSES_MAX as u64, || format!("the number of processes of service {at}"))?;
    }
    Ok(())
}

/// Adds up the most that every term can cost, and for the load the most that all processes on one machine can.
fn costs(draft: &Draft) -> Result<(), ProblemError> {
    let needed = |r: usize| draft.processes.iter().map(|process| u128::from(process.requirement[r])).sum::<u128>();
    let load: u128 =
        draft.resources.iter().enumerate().map(|(r, resource)| u128::from(resource.load_weight) * needed(r)).sum();
    let room = |r: u32| draft.machines.iter().map(|machine| u128::from(machine.capacity[r as usize])).sum::<u128>();
    let balance: u128 = draft
        .balances
        .iter()
        .map(|it| u128::from(it.weight) * (u128::from(it.target) * room(it.first) + needed(it.second as usize)))
        .sum();
    let weights = draft.move_weights;
    let moves: u128 = draft.processes.iter().map(|process| u128::from(process.move_cost)).sum();
    let between = u128::from(draft.machine_move_cost.iter().copied().max().unwrap_or(0));
    let processes = draft.processes.len() as u128;
    let moving = u128::from(weights.process) * moves
        + u128::from(weights.service) * processes
        + u128::from(weights.machine) * between * processes;
    let largest = load + balance + moving;
    if largest <= COST_MAX { Ok(()) } else { Err(ProblemError::CostTooLarge { largest, allowed: COST_MAX }) }
}
