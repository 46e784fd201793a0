//! What holders were promised, and which running tasks are part of the promise.
//!
//! A holder's running tasks are taken in the order of priority, then of their starts; each that still fits into the
//! promise beside those before it is *guaranteed*, the others *borrow*. So what is guaranteed is a function of what
//! runs, the important tasks come first, and a task too large for its promise does not use it up.
//!
//! A claim may ask borrowers for room, whatever their priority, when everything its holder has, and the claim with it,
//! stays within the promise: room that was lent comes back when its owner asks, and a holder that has more than it was
//! promised already reclaims nothing ([`Guarantees::covers`]).
//!
//! A task's holder is the deepest level of its queue that has a promise, else its user. A promise of a queue above is
//! then not looked at: levels would have to be compared with each other, and a claim could stop what is within another
//! promise. Amounts that a promise does not state do not limit it.

use super::audit::reserved;
use plimsoll_model::cluster::{Amounts, QuotaSpec, Task};
use plimsoll_model::quantity::{Bytes, Millicores};
use std::cmp::Reverse;
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

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
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

/// A place in a holder's order: priority from the highest, then which start it was of all. Not the moment of the start:
/// two starts at one moment would be ordered by something else, and a later one could take an earlier one's mark.
type Place = (Reverse<i32>, u64);

/// What one holder was promised and has.
#[derive(Debug, Clone, Default)]
struct Holding {
    promised: Amounts,
    /// Each running task, what it takes, and whether it is guaranteed.
    running: BTreeMap<Place, (u32, Taken, bool)>,
    total: Taken,
}

impl Holding {
    /// Marks anew; gives the tasks whose mark changed with the new one.
    fn mark(&mut self) -> Vec<(u32, bool)> {
        let mut sum = Taken::default();
        let mut changed = Vec::new();
        for (number, taken, guaranteed) in self.running.values_mut() {
            let fits = sum.plus(*taken).within(&self.promised);
            if fits {
                sum = sum.plus(*taken);
            }
            if *guaranteed != fits {
                *guaranteed = fits;
                changed.push((*number, fits));
            }
        }
        changed
    }
}

/// All promises with what their holders have.
#[derive(Debug, Clone, Default)]
pub struct Guarantees {
    holders: BTreeMap<String, usize>,
    all: Vec<Holding>,
    places: BTreeMap<u32, (usize, Place)>,
    starts: u64,
}

impl Guarantees {
    /// The promises in these quotas; a quota that promises nothing is no holder.
    #[must_use]
    pub fn new(quotas: &[QuotaSpec]) -> Self {
        let mut made = Self::default();
        for quota in quotas.iter().filter(|quota| quota.guaranteed != Amounts::default()) {
            made.holders.insert(quota.holder.clone(), made.all.len());
            made.all.push(Holding { promised: quota.guaranteed, ..Holding::default() });
        }
        made
    }

    /// Whether nobody promised anybody anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
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

    /// Whether all that the holder has stays within its promise with so much more and what `leaves` gone.
    #[must_use]
    pub fn covers(&self, holder: usize, asks: Taken, leaves: Taken) -> bool {
        let holding = &self.all[holder];
        holding.total.minus(leaves).plus(asks).within(&holding.promised)
    }

    /// A holder's task started; gives the tasks whose mark changed, with the new one. A new task counts as borrowing.
    pub fn start(&mut self, holder: usize, priority: i32, number: u32, taken: Taken) -> Vec<(u32, bool)> {
        let place = (Reverse(priority), self.starts);
        self.starts += 1;
        self.places.insert(number, (holder, place));
        let holding = &mut self.all[holder];
        holding.running.insert(place, (number, taken, false));
        holding.total = holding.total.plus(taken);
        holding.mark()
    }

    /// It stopped; gives the tasks whose mark changed. Nothing for a task that no promise holds.
    pub fn stop(&mut self, number: u32) -> Vec<(u32, bool)> {
        let Some((holder, place)) = self.places.remove(&number) else { return Vec::new() };
        let holding = &mut self.all[holder];
        if let Some((_, taken, _)) = holding.running.remove(&place) {
            holding.total = holding.total.minus(taken);
        }
        holding.mark()
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
    fn the_important_are_guaranteed_first_and_a_task_too_large_uses_nothing_up() {
        let mut all = Guarantees::new(&[quota("a", 6)]);
        let cpu = |cpu| Taken { cpu: Millicores(cpu), tasks: 1, ..Taken::default() };
        assert_eq!(all.start(0, 0, 1, cpu(3)), [(1, true)]);
        assert_eq!(all.start(0, 1, 2, cpu(6)), [(2, true), (1, false)], "the later is more important");
        assert_eq!(all.start(0, 9, 3, cpu(7)), [], "it does not fit into the promise at all");
        assert_eq!(all.stop(2), [(1, true)]);
        assert!(!all.covers(0, cpu(1), Taken::default()), "ten of six are held already");
        assert!(all.covers(0, cpu(3), cpu(7)));
    }
}
