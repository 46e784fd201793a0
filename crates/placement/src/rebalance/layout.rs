//! A problem as the search wants it: rows of resources in 32-bit lanes of one fixed width, services reduced to the
//! constraints they really have.
//!
//! `W` is the number of lanes, at least the number of resources; the lanes beyond it hold zeros and never constrain or cost
//! anything. A fixed width lets the compiler turn every row operation into a few vector instructions. A service of one
//! process can be in no conflict, most have nobody depending on them: those have no row in the tables, which keeps the
//! tables in the cache.
//!
//! This holds nothing that changes during a search.

use super::problem::{Balance, Problem};

/// One quantity of each resource.
pub(super) type Row<const W: usize> = [i32; W];

/// No row in a table.
pub(super) const NONE: u32 = u32::MAX;

/// The constraints of one service.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Row of the table of machines taken, for a service with several processes.
    pub(super) conflict: u32,
    /// Row of the table of processes per location, for a service with a spread.
    pub(super) spread: u32,
    /// Fewest locations.
    pub(super) spread_min: u32,
    /// Row of the table of processes per neighbourhood, for a service that depends on another or is depended on.
    pub(super) near: u32,
    /// Its slice of `near_rows`: rows of the services it depends on.
    needs: (u32, u32),
    /// Its slice of `near_rows`: rows of the services that depend on it.
    needed_by: (u32, u32),
}

impl Rules {
    /// Has it no constraint at all?
    pub(super) const fn is_free(&self) -> bool {
        self.conflict == NONE && self.spread == NONE && self.near == NONE
    }
}

/// The unchanging side of a search.
#[derive(Debug, Clone)]
pub(super) struct Layout<const W: usize> {
    pub(super) machines: usize,
    pub(super) processes: usize,
    pub(super) locations: usize,
    pub(super) neighbourhoods: usize,
    /// Cost of a unit above safety, by resource.
    pub(super) load_weight: [u32; W],
    /// All ones where a resource is held on the new machine only, zero where it is transient.
    pub(super) settled: Row<W>,
    /// What each process needs.
    pub(super) needs: Vec<Row<W>>,
    /// Capacity less safety capacity of each machine.
    pub(super) margin: Vec<Row<W>>,
    pub(super) balances: Vec<Balance>,
    pub(super) location: Vec<u32>,
    pub(super) neighbourhood: Vec<u32>,
    pub(super) service: Vec<u32>,
    pub(super) rules: Vec<Rules>,
    near_rows: Vec<u32>,
    pub(super) conflict_rows: usize,
    pub(super) spread_rows: usize,
    pub(super) near_count: usize,
    pub(super) home: Vec<u32>,
    /// Weighted cost of having moved, by process.
    pub(super) process_move: Vec<i64>,
    machine_move: Vec<u32>,
    machine_weight: i64,
    pub(super) service_weight: i64,
}

impl<const W: usize> Layout<W> {
    pub(super) fn new(problem: &Problem) -> Self {
        let mut settled = [-1; W];
        let mut load_weight = [0; W];
        for (r, resource) in problem.resources.iter().enumerate() {
            settled[r] = if resource.is_transient { 0 } else { -1 };
            load_weight[r] = u32::try_from(resource.load_weight).expect("invariant: weights are below 2^30");
        }
        let mut layout = Self {
            machines: problem.machines.len(),
            processes: problem.processes.len(),
            locations: problem.locations,
            neighbourhoods: problem.neighbourhoods,
            load_weight,
            settled,
            needs: problem.processes.iter().map(|process| row(&process.requirement)).collect(),
            margin: problem.machines.iter().map(|it| less(&row(&it.capacity), &row(&it.safety))).collect(),
            balances: problem.balances.clone(),
            location: problem.machines.iter().map(|machine| machine.location).collect(),
            neighbourhood: problem.machines.iter().map(|machine| machine.neighbourhood).collect(),
            service: problem.processes.iter().map(|process| process.service).collect(),
            rules: Vec::with_capacity(problem.services.len()),
            near_rows: Vec::new(),
            conflict_rows: 0,
            spread_rows: 0,
            near_count: 0,
            home: problem.initial.clone(),
            process_move: weighted_moves(problem),
            machine_move: problem.machine_move_cost.clone(),
            machine_weight: lane(problem.move_weights.machine).into(),
            service_weight: lane(problem.move_weights.service).into(),
        };
        layout.add_rules(problem);
        layout
    }

    fn add_rules(&mut self, problem: &Problem) {
        let dependents = problem.dependents();
        let mut sizes = vec![0_u32; problem.services.len()];
        problem.processes.iter().for_each(|process| sizes[process.service as usize] += 1);
        let next_row = |wanted: bool, rows: &mut usize| {
            if !wanted {
                return NONE;
            }
            *rows += 1;
            u32::try_from(*rows - 1).expect("invariant: there are fewer services than 2^32")
        };
        for (index, service) in problem.services.iter().enumerate() {
            let is_near = !service.dependencies.is_empty() || !dependents[index].is_empty();
            self.rules.push(Rules {
                conflict: next_row(sizes[index] > 1, &mut self.conflict_rows),
                spread: next_row(service.spread_min > 1, &mut self.spread_rows),
                spread_min: service.spread_min,
                near: next_row(is_near, &mut self.near_count),
                needs: (0, 0),
                needed_by: (0, 0),
            });
        }
        for (index, service) in problem.services.iter().enumerate() {
            let mut needs = service.dependencies.clone();
            needs.sort_unstable();
            needs.dedup();
            self.rules[index].needs = self.add_near(&needs);
            self.rules[index].needed_by = self.add_near(&dependents[index]);
        }
    }

    fn add_near(&mut self, services: &[u32]) -> (u32, u32) {
        let start = self.near_rows.len();
        self.near_rows.extend(services.iter().map(|service| self.rules[*service as usize].near));
        let at = |at: usize| u32::try_from(at).expect("invariant: a file of 2^32 dependencies is not read");
        (at(start), at(self.near_rows.len()))
    }

    /// Rows of the services that this one needs in its neighbourhood.
    pub(super) fn needs_near(&self, rules: &Rules) -> &[u32] {
        &self.near_rows[rules.needs.0 as usize..rules.needs.1 as usize]
    }

    /// Rows of the services that need this one in their neighbourhood.
    pub(super) fn needed_near(&self, rules: &Rules) -> &[u32] {
        &self.near_rows[rules.needed_by.0 as usize..rules.needed_by.1 as usize]
    }

    /// Weighted cost of `process` being on `machine` and not where it was at first.
    #[inline]
    pub(super) fn away_cost(&self, process: usize, machine: usize) -> i64 {
        let home = self.home[process] as usize;
        if home == machine {
            return 0;
        }
        let between = self.machine_move.get(home * self.machines + machine).copied().unwrap_or(0);
        self.process_move[process] + self.machine_weight * i64::from(between)
    }

    /// What a machine costs whose room below the safety capacity is `slack` (negative above it).
    #[inline]
    pub(super) fn standing_cost(&self, machine: usize, slack: &Row<W>) -> i64 {
        let mut cost = 0_u64;
        for (slack, weight) in slack.iter().zip(&self.load_weight) {
            #[expect(clippy::cast_sign_loss, reason = "it is at least 0")]
            let over = slack.wrapping_neg().max(0) as u32;
            cost += u64::from(over) * u64::from(*weight);
        }
        #[expect(clippy::cast_possible_wrap, reason = "invariant: a checked problem costs at most 2^62")]
        let mut cost = cost as i64;
        for balance in &self.balances {
            let free = |r: u32| i64::from(slack[r as usize]) + i64::from(self.margin[machine][r as usize]);
            #[expect(clippy::cast_possible_wrap, reason = "invariant: targets and weights are below 2^30")]
            let (target, weight) = (balance.target as i64, balance.weight as i64);
            cost += weight * (target * free(balance.first) - free(balance.second)).max(0);
        }
        cost
    }

    /// What `process` takes on `machine` beyond what is held there for it already: on its first machine the transient
    /// resources never left.
    #[inline]
    pub(super) fn taken(&self, process: usize, machine: usize) -> Row<W> {
        let needs = &self.needs[process];
        if self.home[process] as usize == machine { and(needs, &self.settled) } else { *needs }
    }
}

fn weighted_moves(problem: &Problem) -> Vec<i64> {
    let weight = i64::from(lane(problem.move_weights.process));
    problem.processes.iter().map(|process| weight * i64::from(lane(process.move_cost))).collect()
}

fn lane(value: u64) -> i32 {
    i32::try_from(value).expect("invariant: a checked problem has no number above 2^30")
}

/// A list of quantities in lanes.
pub(super) fn row<const W: usize>(values: &[u64]) -> Row<W> {
    let mut lanes = [0; W];
    lanes.iter_mut().zip(values).for_each(|(it, value)| *it = lane(*value));
    lanes
}

/// Lane by lane sum.
#[inline]
pub(super) fn plus<const W: usize>(a: &Row<W>, b: &Row<W>) -> Row<W> {
    std::array::from_fn(|r| a[r].wrapping_add(b[r]))
}

/// Lane by lane difference.
#[inline]
pub(super) fn less<const W: usize>(a: &Row<W>, b: &Row<W>) -> Row<W> {
    std::array::from_fn(|r| a[r].wrapping_sub(b[r]))
}

#[inline]
fn and<const W: usize>(a: &Row<W>, b: &Row<W>) -> Row<W> {
    std::array::from_fn(|r| a[r] & b[r])
}

/// Is no lane negative?
#[inline]
pub(super) fn is_room<const W: usize>(row: &Row<W>) -> bool {
    row.iter().fold(0, |all, lane| all | lane) >= 0
}
