//! Disruption budgets: how many tasks of a service may be away at once because they were stopped for others.
//!
//! A task is *away* from the moment it was stopped (for something more important, or because its node drained or was
//! lost) until it runs again or is no longer wanted. A lost node asks nobody, so more may be away than the budget says;
//! then nothing further is stopped until enough are back.
//!
//! # Source
//! The idea of Kubernetes' PodDisruptionBudget (`maxUnavailable`); there preemption may break it as a last resort, here
//! it may not.

use super::labels::selects;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many tasks with these labels may be away at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisruptionBudget {
    /// Unique name.
    pub name: String,
    /// Labels of the tasks that it protects, all of them; empty protects every task.
    pub tasks: BTreeMap<String, String>,
    /// Most that may be away at once.
    pub away_max: u32,
}

/// All budgets, and how much of each is spent.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    all: Vec<DisruptionBudget>,
    away: Vec<u32>,
}

impl Budgets {
    /// Nobody is away yet.
    #[must_use]
    pub fn new(all: Vec<DisruptionBudget>) -> Self {
        let away = vec![0; all.len()];
        Self { all, away }
    }

    /// The budgets that protect a task with these labels.
    #[must_use]
    pub fn of(&self, labels: &BTreeMap<String, String>) -> Vec<usize> {
        (0..self.all.len()).filter(|index| selects(&self.all[*index].tasks, labels)).collect()
    }

    /// How many tasks each budget may still lose.
    #[must_use]
    pub fn allowance(&self) -> Vec<u32> {
        self.all.iter().zip(&self.away).map(|(budget, away)| budget.away_max.saturating_sub(*away)).collect()
    }

    /// Whether so many tasks under these budgets may be stopped now.
    #[must_use]
    pub fn allow(&self, spent: &[(usize, u32)]) -> bool {
        let left = self.allowance();
        spent.iter().all(|(budget, tasks)| left[*budget] >= *tasks)
    }

    /// A task under these budgets was stopped.
    pub fn left(&mut self, budgets: &[usize]) {
        for budget in budgets {
            self.away[*budget] += 1;
        }
    }

    /// It runs again, or is no longer wanted.
    pub fn returned(&mut self, budgets: &[usize]) {
        for budget in budgets {
            self.away[*budget] = self.away[*budget].saturating_sub(1);
        }
    }

    /// A budget by its number.
    #[must_use]
    pub fn get(&self, budget: usize) -> &DisruptionBudget {
        &self.all[budget]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_away_is_spent_until_it_is_back_and_a_loss_overspends() {
        let web = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let one = |name: &str, tasks, away_max| DisruptionBudget { name: name.to_owned(), tasks, away_max };
        let mut budgets = Budgets::new(vec![one("web", web.clone(), 1), one("all", BTreeMap::new(), 3)]);
        assert_eq!(budgets.of(&web), [0, 1]);
        assert_eq!(budgets.of(&BTreeMap::new()), [1]);
        budgets.left(&[0, 1]);
        assert_eq!(budgets.allowance(), [0, 2]);
        budgets.left(&[0, 1]);
        assert_eq!(budgets.allowance(), [0, 1], "a lost node asked nobody");
        budgets.returned(&[0, 1]);
        assert_eq!(budgets.allowance(), [0, 2], "two were away, one is back, one may be");
        assert!(!budgets.allow(&[(0, 1)]) && budgets.allow(&[(1, 2)]));
    }
}
