//! From an assignment to a better one in single moves, none of which breaks a constraint.
//!
//! A better assignment is of no use to a running cluster before there is a way to it: a machine takes a process only
//! once there is room, and two replicas of a service may not pass through the same machine. So the moves are put in an
//! order in which every state between is feasible by the rules of the whole problem, transient resources counted against
//! where everything ran at first; hence any beginning of the plan is a feasible assignment too, and a plan may be cut
//! where the budget ends.
//!
//! Of the moves possible the one that gains most comes first, as far as gains are known (they are looked at again when a
//! move comes up, not whenever a neighbour moves). Where all that is left waits for each other in a circle, one process
//! takes a detour over a third machine; where there is none, the rest is left where it is and the plan says so.
//!
//! This must not look for better assignments: [`super::Search`] does.

use super::check::Violation;
use super::layout::Layout;
use super::limits::RESOURCES_MAX;
use super::problem::Problem;
use super::state::State;
use std::collections::BinaryHeap;

/// What a plan may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Most moves; any number if absent.
    pub moves_max: Option<usize>,
}

/// One move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Who moves.
    pub process: u32,
    /// Where from.
    pub from: u32,
    /// Where to.
    pub to: u32,
    /// By how much load and balance costs fall; negative where they rise for a later move's sake.
    pub gain: i64,
    /// By how much the costs of moving rise; negative where a process goes home.
    pub move_cost: i64,
    /// What the assignment costs after it, everything included.
    pub cost_after: i64,
    /// Is it one half of a way round over a third machine?
    pub is_detour: bool,
}

/// A process that stays short of where it was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// Who.
    pub process: u32,
    /// Where it stays.
    pub at: u32,
    /// Where it was to go.
    pub wanted: u32,
    /// Why.
    pub why: Why,
}

/// Why a process does not reach its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It would have to wait for a process that waits for it, and no third machine takes either.
    Blocked,
    /// The budget ends before, or what follows would only cost.
    Budget,
}

/// A way to a better assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    /// The moves in order.
    pub moves: Vec<Move>,
    /// The cost where everything runs now.
    pub cost_before: i64,
    /// The cost once all moves are made.
    pub cost_after: i64,
    /// Where everything runs then.
    pub assignment: Vec<u32>,
    /// What does not reach the assignment that was aimed at.
    pub leftover: Vec<Leftover>,
}

/// The moves from where everything runs now towards `target`.
///
/// # Errors
/// [`Violation`], when where everything runs now or `target` is not feasible.
pub fn plan(problem: &Problem, target: &[u32], budget: Budget) -> Result<Plan, Violation> {
    problem.check(&problem.initial)?;
    problem.check(target)?;
    Ok(match problem.resources.len() {
        0..=4 => Planning::<4>::new(problem, target).finish(budget),
        5..=12 => Planning::<12>::new(problem, target).finish(budget),
        _ => Planning::<RESOURCES_MAX>::new(problem, target).finish(budget),
    })
}

struct Planning<'a, const W: usize> {
    layout: Layout<W>,
    state: State<W>,
    initial: &'a [u32],
    target: &'a [u32],
    moves: Vec<Move>,
    cost_before: i64,
    /// Moves that may be possible, the largest gain as it was last known first; ties go to the lowest process.
    ready: BinaryHeap<(i64, std::cmp::Reverse<u32>)>,
    /// Processes that wait, by the machine they wait for.
    waiting: Vec<Vec<u32>>,
    detoured: Vec<bool>,
    blocked: Vec<Leftover>,
}

impl<'a, const W: usize> Planning<'a, W> {
    fn new(problem: &'a Problem, target: &'a [u32]) -> Self {
        let layout = Layout::<W>::new(problem);
        let state = State::new(&layout, problem);
        let movers = (0_u32..).zip(target).filter(|(process, to)| state.at[*process as usize] != **to);
        let waiting = vec![Vec::new(); layout.machines];
        let mut planning = Self {
            initial: &problem.initial,
            target,
            moves: Vec::new(),
            cost_before: state.cost,
            ready: movers.map(|(process, _)| (i64::MAX, std::cmp::Reverse(process))).collect(),
            waiting,
            detoured: vec![false; layout.processes],
            blocked: Vec::new(),
            layout,
            state,
        };
        planning.make_ready_moves();
        while planning.detour() {
            planning.make_ready_moves();
        }
        planning
    }

    /// Makes moves until none is possible.
    fn make_ready_moves(&mut self) {
        let mut made = self.moves.len();
        loop {
            while let Some((known, std::cmp::Reverse(process))) = self.ready.pop() {
                let to = self.target[process as usize] as usize;
                let Some(change) = self.state.shift(&self.layout, process as usize, to) else {
                    self.waiting[to].push(process);
                    continue;
                };
                let next = self.ready.peek().map_or(i64::MIN, |entry| entry.0);
                if -change < known && -change < next {
                    self.ready.push((-change, std::cmp::Reverse(process)));
                } else {
                    let from = self.make(process, to, change, self.detoured[process as usize]);
                    self.wake(from);
                }
            }
            if self.moves.len() == made {
                return;
            }
            // Spread and dependencies wait for no particular machine.
            made = self.moves.len();
            (0..self.layout.machines).for_each(|machine| self.wake(machine));
        }
    }

    /// Looks again at whoever waits for room on `machine`.
    fn wake(&mut self, machine: usize) {
        let waiting = self.waiting[machine].drain(..);
        self.ready.extend(waiting.map(|process| (i64::MAX, std::cmp::Reverse(process))));
    }

    /// Moves one waiting process out of the way of another, to the third machine that costs least.
    fn detour(&mut self) -> bool {
        let mut waiting: Vec<u32> = self.waiting.iter().flatten().copied().collect();
        waiting.sort_unstable();
        for &process in &waiting {
            let (from, to) = (self.state.at[process as usize] as usize, self.target[process as usize] as usize);
            if self.detoured[process as usize] || self.waiting[from].is_empty() {
                continue;
            }
            let possible = (0..self.layout.machines).filter(|machine| *machine != from && *machine != to);
            let best =
                possible.filter_map(|over| Some((self.state.shift(&self.layout, process as usize, over)?, over))).min();
            if let Some((change, over)) = best {
                self.detoured[process as usize] = true;
                self.make(process, over, change, true);
                (0..self.layout.machines).for_each(|machine| self.wake(machine));
                return true;
            }
        }
        let left = |process: &u32| Leftover {
            process: *process,
            at: self.state.at[*process as usize],
            wanted: self.target[*process as usize],
            why: Why::Blocked,
        };
        self.blocked = waiting.iter().map(left).collect();
        false
    }

    fn make(&mut self, process: u32, to: usize, change: i64, is_detour: bool) -> usize {
        let from = self.state.at[process as usize];
        let move_cost = self.state.moving(&self.layout, process as usize, to);
        self.state.apply(&self.layout, process as usize, to, change);
        self.moves.push(Move {
            process,
            from,
            to: self.state.at[process as usize],
            gain: move_cost - change,
            move_cost,
            cost_after: self.state.cost,
            is_detour,
        });
        from as usize
    }

    /// Cuts the plan where it is cheapest within the budget.
    fn finish(mut self, budget: Budget) -> Plan {
        let most = budget.moves_max.unwrap_or(usize::MAX).min(self.moves.len());
        let cost_of = |kept: usize| kept.checked_sub(1).map_or(self.cost_before, |last| self.moves[last].cost_after);
        // The shortest of equally cheap beginnings.
        let kept = (0..=most).min_by_key(|kept| (cost_of(*kept), *kept)).unwrap_or(0);
        let cost_after = cost_of(kept);
        let mut leftover = self.blocked;
        let mut assignment = self.initial.to_vec();
        for step in &self.moves[..kept] {
            assignment[step.process as usize] = step.to;
        }
        for step in &self.moves[kept..] {
            let (process, wanted) = (step.process, self.target[step.process as usize]);
            let at = assignment[process as usize];
            if at != wanted && !leftover.iter().any(|it| it.process == process) {
                leftover.push(Leftover { process, at, wanted, why: Why::Budget });
            }
        }
        for it in &mut leftover {
            it.at = assignment[it.process as usize];
        }
        leftover.sort_unstable_by_key(|it| it.process);
        self.moves.truncate(kept);
        Plan { moves: self.moves, cost_before: self.cost_before, cost_after, assignment, leftover }
    }
}
