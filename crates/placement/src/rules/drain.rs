//! Who has to leave a node that drains or is lost, in what order, and who waits for a budget.
//!
//! From a *lost* node everything is gone already: nobody is asked, and budgets only count it. From a *draining* node a
//! task leaves when every budget that protects it allows one more to be away; the others wait, and are asked about again
//! when somebody is back. A gang leaves as one, and members on other nodes with it, because it cannot run without the
//! ones that leave. A *cordoned* node keeps its tasks.
//!
//! Order of leaving a draining node: who would stay longest goes first (without an estimated end before all others),
//! because the others may end by themselves while they wait; then the more important, which gets the better choice of
//! room elsewhere; then the lower number. Tasks of the installation itself go last: they serve the others until then.

use super::budget::Budgets;
use super::preempt::{Runner, Runners};
use crate::fleet::Fleet;
use plimsoll_model::cluster::{NodeState, TaskKind};
use plimsoll_model::quantity::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What the order needs to know of a task beyond [`Runner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prospect {
    /// What sort of work it is.
    pub kind: TaskKind,
    /// When it is expected to end by itself; none where it does not, or nobody estimated it.
    pub ends: Option<Timestamp>,
}

/// Who leaves now, and who waits for what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Departures {
    /// Tasks whose node is lost, by number; gangs whole.
    pub lost: Vec<u32>,
    /// Tasks that leave draining nodes now, in order; gangs whole.
    pub leave: Vec<u32>,
    /// Tasks that would have to leave, each with the budget that holds it back.
    pub held: Vec<(u32, usize)>,
}

/// Who has to leave as things stand. What is away because of this call is counted within it; the caller tells the
/// budgets ([`Budgets::left`]) when it has carried the departures out.
#[must_use]
pub fn departures(
    fleet: &Fleet,
    runners: &Runners,
    budgets: &Budgets,
    prospect: &dyn Fn(u32) -> Prospect,
) -> Departures {
    let state = |runner: &Runner| fleet.state(runner.binding.node).0;
    let mut found = Departures::default();
    let mut left = budgets.allowance();
    for (number, _) in runners.iter().filter(|(_, runner)| state(runner) == NodeState::Lost) {
        for member in runners.together(number) {
            if !found.lost.contains(&member) {
                found.lost.push(member);
                spend(&mut left, &of(runners, &[member]));
            }
        }
    }
    found.lost.sort_unstable();
    let mut units: Vec<Vec<u32>> = Vec::new();
    let draining = |runner: &Runner| state(runner) == NodeState::Draining;
    for (number, _) in runners.iter().filter(|(_, runner)| draining(runner)) {
        let members = runners.together(number);
        let is_new = !found.lost.contains(&number) && !units.iter().any(|unit| unit.contains(&number));
        if is_new {
            units.push(members);
        }
    }
    units.sort_by_cached_key(|members| rank(runners, members, prospect));
    for members in units {
        let spent = of(runners, &members);
        match spent.iter().find(|(budget, tasks)| left[**budget] < **tasks) {
            Some((budget, _)) => found.held.extend(members.iter().map(|member| (*member, *budget))),
            None => {
                spend(&mut left, &spent);
                found.leave.extend(members);
            }
        }
    }
    found
}

/// Tasks per budget.
fn of(runners: &Runners, members: &[u32]) -> BTreeMap<usize, u32> {
    let mut spent = BTreeMap::new();
    for budget in members.iter().filter_map(|member| runners.get(*member)).flat_map(|runner| &runner.budgets) {
        *spent.entry(*budget).or_insert(0) += 1;
    }
    spent
}

fn spend(left: &mut [u32], spent: &BTreeMap<usize, u32>) {
    for (budget, tasks) in spent {
        left[*budget] = left[*budget].saturating_sub(*tasks);
    }
}

type Rank = (bool, Reverse<(bool, Timestamp)>, Reverse<i32>, u32);

/// Lower goes first.
fn rank(runners: &Runners, members: &[u32], prospect: &dyn Fn(u32) -> Prospect) -> Rank {
    let all = || members.iter().map(|member| prospect(*member));
    let is_system = all().all(|one| one.kind == TaskKind::System);
    let ends = all().map(|one| (one.ends.is_none(), one.ends.unwrap_or(Timestamp(0)))).max();
    let priority = members.iter().filter_map(|member| runners.get(*member)).map(|runner| runner.priority).max();
    let first = members.first().copied().unwrap_or(u32::MAX);
    (is_system, Reverse(ends.unwrap_or((true, Timestamp(0)))), Reverse(priority.unwrap_or(i32::MIN)), first)
}
