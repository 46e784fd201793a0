//! What holders were promised, and which running tasks are part of the promise.
//!
//! A task that starts while its holder's promised room is not used up becomes part of it: its standing is above every
//! borrower's, whatever their priorities, so room that was lent comes back when its owner asks. What starts beyond the
//! promise borrows. The mark is set at the start and is only ever raised; see [`super::preempt`] for why that matters.
//!
//! A task's holder is the deepest level of its queue that has a promise, else its user. A promise of a queue above is
//! then not looked at: levels would have to be compared with each other, and a claim could stop what is within another
//! promise. Amounts that a promise does not state do not limit it.

use super::audit::reserved;
use plimsoll_model::cluster::{Amounts, QuotaSpec, Task};
use plimsoll_model::quantity::{Bytes, Millicores};
use std::collections::BTreeMap;

/// What a task takes of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
    /// Thousandths of GPUs.
    pub gpu_milli: u64,
    /// Tasks.
    pub tasks: u64,
}

impl Taken {
    /// What this task takes.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        let asked = reserved(task);
        Self { cpu: asked.cpu, memory: asked.memory, gpu_milli: asked.gpu.total_milli(), tasks: 1 }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
            gpu_milli: self.gpu_milli.saturating_add(other.gpu_milli),
            tasks: self.tasks.saturating_add(other.tasks),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            memory: self.memory.saturating_sub(other.memory),
            gpu_milli: self.gpu_milli.saturating_sub(other.gpu_milli),
            tasks: self.tasks.saturating_sub(other.tasks),
        }
    }

    fn within(self, promised: &Amounts) -> bool {
        promised.cpu.is_none_or(|most| self.cpu <= most)
            && promised.memory.is_none_or(|most| self.memory <= most)
            && promised.gpu_milli.is_none_or(|most| self.gpu_milli <= most)
            && promised.tasks.is_none_or(|most| self.tasks <= most)
    }
}

/// All promises with what is taken of them.
#[derive(Debug, Clone, Default)]
pub struct Guarantees {
    holders: BTreeMap<String, usize>,
    promised: Vec<Amounts>,
    taken: Vec<Taken>,
}

impl Guarantees {
    /// The promises in these quotas; a quota that promises nothing is no holder.
    #[must_use]
    pub fn new(quotas: &[QuotaSpec]) -> Self {
        let mut all = Self::default();
        for quota in quotas.iter().filter(|quota| quota.guaranteed != Amounts::default()) {
            all.holders.insert(quota.holder.clone(), all.promised.len());
            all.promised.push(quota.guaranteed);
            all.taken.push(Taken::default());
        }
        all
    }

    /// Whose promise a task may be part of; none where nobody promised it anything.
    #[must_use]
    pub fn holder(&self, task: &Task) -> Option<usize> {
        let mut path = task.queue.as_str();
        loop {
            if let Some(holder) = self.holders.get(path) {
                return Some(*holder);
            }
            match path.rsplit_once('/') {
                Some((above, _)) => path = above,
                None => return self.holders.get(&format!("user:{}", task.user)).copied(),
            }
        }
    }

    /// Whether the holder's promise has room for so much when what `leaves` is gone.
    #[must_use]
    pub fn covers(&self, holder: usize, asks: Taken, leaves: Taken) -> bool {
        self.taken[holder].minus(leaves).plus(asks).within(&self.promised[holder])
    }

    /// A task became part of the promise.
    pub fn take(&mut self, holder: usize, taken: Taken) {
        self.taken[holder] = self.taken[holder].plus(taken);
    }

    /// It is gone.
    pub fn give_back(&mut self, holder: usize, taken: Taken) {
        self.taken[holder] = self.taken[holder].minus(taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(holder: &str, cpu: u64) -> QuotaSpec {
        let guaranteed = Amounts { cpu: Some(Millicores(cpu)), ..Amounts::default() };
        QuotaSpec { holder: holder.to_owned(), weight: 1, most: Amounts::default(), guaranteed }
    }

    #[test]
    fn the_deepest_level_with_a_promise_holds_it_then_the_user() {
        let all = Guarantees::new(&[quota("research", 1), quota("research/vision", 1), quota("user:ada", 1)]);
        let task = |queue: &str, user: &str| Task { queue: queue.to_owned(), user: user.to_owned(), ..Task::default() };
        assert_eq!(all.holder(&task("research/vision/night", "ada")), Some(1));
        assert_eq!(all.holder(&task("research/speech", "ada")), Some(0));
        assert_eq!(all.holder(&task("ops", "ada")), Some(2));
        assert_eq!(all.holder(&task("ops", "bob")), None);
    }

    #[test]
    fn a_promise_is_used_up_and_what_leaves_makes_room_in_it() {
        let mut all = Guarantees::new(&[quota("a", 5)]);
        let cpu = |cpu| Taken { cpu: Millicores(cpu), tasks: 1, ..Taken::default() };
        all.take(0, cpu(4));
        assert!(all.covers(0, cpu(1), Taken::default()));
        assert!(!all.covers(0, cpu(2), Taken::default()));
        assert!(all.covers(0, cpu(2), cpu(4)));
        all.give_back(0, cpu(4));
        assert!(all.covers(0, cpu(5), Taken::default()));
    }
}
