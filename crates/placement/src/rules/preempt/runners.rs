//! What runs, as preemption sees it: by node, by gang, with standing and start.

use super::{Standing, Unit};
use crate::fleet::{Binding, Fleet, Lane, NodeIx, ShapeId};
use crate::rules::guarantee::{Guarantees, Taken};
use plimsoll_model::quantity::Timestamp;
use std::collections::BTreeMap;

/// A running task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// Its room.
    pub binding: Binding,
    /// Its priority.
    pub priority: i32,
    /// Whether it may be stopped for others.
    pub preemptible: bool,
    /// When it started.
    pub started: Timestamp,
    /// Its gang, by the caller's number.
    pub gang: Option<u32>,
    /// The disruption budgets that protect it.
    pub budgets: Vec<usize>,
    /// Whose promise it could be part of, and what it takes of it.
    pub holder: Option<(usize, Taken)>,
}

/// What a search reads of a task before it looks closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The task.
    pub number: u32,
    /// What it was placed as.
    pub shape: ShapeId,
    /// Its priority.
    pub priority: i32,
    /// Whether it may be stopped for others.
    pub preemptible: bool,
    /// Whether it stops together with others.
    pub in_gang: bool,
}

/// Everything that runs. Tasks go by the caller's numbers, which count up from 0.
#[derive(Debug, Clone, Default)]
pub struct Runners {
    /// By number; a search asks for each task on each node that it looks at.
    all: Vec<Option<(Runner, Standing)>>,
    running: usize,
    guarantees: Guarantees,
    by_node: Vec<Vec<Seat>>,
    gangs: BTreeMap<u32, Vec<u32>>,
    gang_breaks: u64,
}

impl Runners {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(guarantees: Guarantees) -> Self {
        Self { guarantees, ..Self::default() }
    }

    /// The promises.
    #[must_use]
    pub const fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    /// Counts the starts and stops of members of gangs: each may change who stops together on other nodes.
    #[must_use]
    pub const fn gang_breaks(&self) -> u64 {
        self.gang_breaks
    }

    /// A task started.
    pub fn start(&mut self, number: u32, runner: Runner) {
        let node = runner.binding.node.0 as usize;
        if self.by_node.len() <= node {
            self.by_node.resize_with(node + 1, Vec::new);
        }
        let here = &mut self.by_node[node];
        if let Err(place) = here.binary_search_by_key(&number, |seat| seat.number) {
            let (shape, priority, preemptible) = (runner.binding.shape, runner.priority, runner.preemptible);
            here.insert(place, Seat { number, shape, priority, preemptible, in_gang: runner.gang.is_some() });
        }
        if let Some(gang) = runner.gang {
            self.gang_breaks += 1;
            add(self.gangs.entry(gang).or_default(), number);
        }
        let (priority, holder) = (runner.priority, runner.holder);
        let at = number as usize;
        if self.all.len() <= at {
            self.all.resize_with(at + 1, || None);
        }
        let before = self.all[at].replace((runner, Standing { guaranteed: false, priority }));
        self.running += usize::from(before.is_none());
        if let Some((holder, taken)) = holder {
            let changed = self.guarantees.start(holder, priority, number, taken);
            self.mark(&changed);
        }
    }

    /// A task ended or was stopped.
    pub fn stop(&mut self, number: u32) -> Option<Runner> {
        let (runner, _) = self.all.get_mut(number as usize)?.take()?;
        self.running -= 1;
        self.by_node[runner.binding.node.0 as usize].retain(|seat| seat.number != number);
        if let Some(gang) = runner.gang {
            self.gang_breaks += 1;
            take(&mut self.gangs, &gang, number);
        }
        let changed = self.guarantees.stop(number);
        self.mark(&changed);
        Some(runner)
    }

    fn mark(&mut self, changed: &[(u32, bool)]) {
        for (number, guaranteed) in changed {
            if let Some(Some((_, standing))) = self.all.get_mut(*number as usize) {
                standing.guaranteed = *guaranteed;
            }
        }
    }

    /// A running task's standing.
    #[must_use]
    pub fn standing(&self, number: u32) -> Option<Standing> {
        self.of(number).map(|(_, standing)| *standing)
    }

    /// The standings of everything that runs.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.all.iter().flatten().map(|(_, standing)| *standing)
    }

    /// A running task.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Runner> {
        self.of(number).map(|(runner, _)| runner)
    }

    fn of(&self, number: u32) -> Option<&(Runner, Standing)> {
        self.all.get(number as usize).and_then(Option::as_ref)
    }

    /// Whether nothing runs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.running == 0
    }

    /// Everything that runs, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Runner)> {
        (0..).zip(&self.all).filter_map(|(number, one)| one.as_ref().map(|(runner, _)| (number, runner)))
    }

    /// The tasks on a node, by number.
    #[must_use]
    pub fn on(&self, node: NodeIx) -> &[Seat] {
        self.by_node.get(node.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Who stops together with a task: its gang, or itself.
    #[must_use]
    pub fn together(&self, number: u32) -> Vec<u32> {
        let gang = self.get(number).and_then(|runner| runner.gang);
        gang.and_then(|gang| self.gangs.get(&gang)).map_or_else(|| vec![number], Clone::clone)
    }

    /// What could stop on a node for a claim of this holder, but for tasks that are `gone` already: units with their
    /// members. What another holder was promised stops for nobody, and among a holder's own tasks priority alone counts.
    #[must_use]
    pub fn units(&self, fleet: &Fleet, node: NodeIx, claimant: Claimant<'_>) -> Vec<(Unit, Vec<u32>)> {
        let mut units: Vec<(Unit, Vec<u32>)> = Vec::new();
        let here = self.on(node);
        let is_here = |member: &u32| here.binary_search_by_key(member, |seat| seat.number).is_ok();
        for seat in here {
            let members = if seat.in_gang { self.together(seat.number) } else { vec![seat.number] };
            // A gang with several members on the node is met once, at its first.
            let is_first = !seat.in_gang || members.iter().copied().find(is_here) == Some(seat.number);
            if is_first && !members.iter().any(|member| claimant.gone.contains(member)) {
                units.push((self.unit(fleet, &members, claimant), members));
            }
        }
        units
    }

    fn unit(&self, fleet: &Fleet, members: &[u32], claimant: Claimant<'_>) -> Unit {
        let runners = || members.iter().filter_map(|member| self.of(*member));
        let mut budgets: BTreeMap<usize, u32> = BTreeMap::new();
        for budget in runners().flat_map(|(runner, _)| &runner.budgets) {
            *budgets.entry(*budget).or_insert(0) += 1;
        }
        let may = |(runner, standing): &(Runner, Standing)| {
            let is_own = claimant.holder.is_some() && runner.holder.map(|(holder, _)| holder) == claimant.holder;
            let stops = if is_own { runner.priority < claimant.priority } else { !standing.guaranteed };
            runner.preemptible && stops
        };
        let lowest = Standing { guaranteed: false, priority: i32::MIN };
        Unit {
            number: members.first().copied().unwrap_or(u32::MAX),
            standing: runners().map(|(_, standing)| *standing).max().unwrap_or(lowest),
            preemptible: runners().all(may),
            tasks: u32::try_from(members.len()).unwrap_or(u32::MAX),
            work_lost: runners().map(|(runner, _)| work(fleet, runner, claimant.at)).sum(),
            budgets: budgets.into_iter().collect(),
        }
    }
}

/// Who asks, when, and who stopped for it already.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// Its holder, if somebody promised that anything.
    pub holder: Option<usize>,
    /// Its priority.
    pub priority: i32,
    /// Tasks that stopped for it.
    pub gone: &'a [u32],
    /// Now.
    pub at: Timestamp,
}

fn add(numbers: &mut Vec<u32>, number: u32) {
    if let Err(place) = numbers.binary_search(&number) {
        numbers.insert(place, number);
    }
}

fn take<K: Ord>(of: &mut BTreeMap<K, Vec<u32>>, key: &K, number: u32) {
    if let Some(numbers) = of.get_mut(key) {
        numbers.retain(|other| *other != number);
        if numbers.is_empty() {
            of.remove(key);
        }
    }
}

/// Milliseconds of run time so far × thousandths of the node, by the resource of which it holds most.
fn work(fleet: &Fleet, runner: &Runner, at: Timestamp) -> u128 {
    let need = &fleet.shape(runner.binding.shape).need;
    let capacity = fleet.nodes().capacity(runner.binding.node.0 as usize);
    let share = |lane: Lane| {
        let (need, all) = (i64::from(need.get(lane)), i64::from(capacity.get(lane)));
        if all > 0 { (need * 1_000 / all).unsigned_abs() } else { 0 }
    };
    let lanes = [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::GpuTotal];
    // At least one, so that of two tasks that hold next to nothing the younger still loses less.
    let held = lanes.into_iter().map(share).max().unwrap_or(0).max(1);
    u128::from(at.since(runner.started).0) * u128::from(held)
}
