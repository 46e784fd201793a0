//! The exact cost of an assignment, every term by itself.
//!
//! This is the slow, plain form: one pass over everything, no state. What the search believes about costs is tested
//! against it, and every figure that is shown to a person comes from here.
//!
//! # Source
//! ROADEF/EURO challenge 2012, "Google machine reassignment", section "objectives".

use super::problem::Problem;

/// Every term of the cost, already weighted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// For each resource: use above the safety capacities.
    pub load: Vec<i64>,
    /// For each balance: free room that lacks its companion.
    pub balance: Vec<i64>,
    /// The moved processes' own costs.
    pub process_move: i64,
    /// The moved processes of the service that has most of them.
    pub service_move: i64,
    /// What lies between the machines left and those entered.
    pub machine_move: i64,
}

impl Costs {
    /// The sum of all terms.
    #[must_use]
    pub fn total(&self) -> i64 {
        let moves = self.process_move + self.service_move + self.machine_move;
        self.load.iter().sum::<i64>() + self.balance.iter().sum::<i64>() + moves
    }
}

impl Problem {
    /// The cost of running every process where `assignment` says.
    ///
    /// # Panics
    /// When `assignment` has not one existing machine for each process; [`Problem::check`] says so without a panic.
    #[must_use]
    pub fn costs(&self, assignment: &[u32]) -> Costs {
        assert_eq!(assignment.len(), self.processes.len(), "one machine for each process");
        let used = self.used(assignment);
        let (load, balance) = self.standing(&used);
        let (mut process_move, mut machine_move) = (0, 0);
        let mut moved = vec![0_i64; self.services.len()];
        for (process, (&to, &from)) in self.processes.iter().zip(assignment.iter().zip(&self.initial)) {
            if to != from {
                process_move += int(process.move_cost);
                machine_move += int(self.machine_move_cost(from, to));
                moved[process.service as usize] += 1;
            }
        }
        let weights = self.move_weights;
        Costs {
            load,
            balance,
            process_move: process_move * int(weights.process),
            service_move: moved.into_iter().max().unwrap_or(0) * int(weights.service),
            machine_move: machine_move * int(weights.machine),
        }
    }

    /// Use of every resource on every machine, at `machine * resources + resource`.
    pub(super) fn used(&self, assignment: &[u32]) -> Vec<i64> {
        let width = self.resources.len();
        let mut used = vec![0_i64; width * self.machines.len()];
        for (process, machine) in self.processes.iter().zip(assignment) {
            let row = &mut used[*machine as usize * width..][..width];
            row.iter_mut().zip(&process.requirement).for_each(|(used, needed)| *used += int(*needed));
        }
        used
    }

    fn standing(&self, used: &[i64]) -> (Vec<i64>, Vec<i64>) {
        let width = self.resources.len();
        let mut load = vec![0; width];
        let mut balance = vec![0; self.balances.len()];
        for (machine, used) in self.machines.iter().zip(used.chunks(width)) {
            for (r, resource) in self.resources.iter().enumerate() {
                load[r] += int(resource.load_weight) * (used[r] - int(machine.safety[r])).max(0);
            }
            for (cost, it) in balance.iter_mut().zip(&self.balances) {
                let free = |r: u32| int(machine.capacity[r as usize]) - used[r as usize];
                *cost += int(it.weight) * (int(it.target) * free(it.first) - free(it.second)).max(0);
            }
        }
        (load, balance)
    }
}

/// Every number of a checked problem fits.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).expect("invariant: a checked problem has no number above 2^31")
}
