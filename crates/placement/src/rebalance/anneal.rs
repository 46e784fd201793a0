//! Simulated annealing over five kinds of move, for rows of one width.
//!
//! The moves differ in what they are for. Shifts to any machine and exchanges of any two processes explore. The others
//! answer to transient resources, which a process that moved keeps occupied where it came from: at any temperature above
//! zero a random walk carries processes away from their first machines (there are many machines, and only one home), until
//! nothing can move any more. So a move may send a process *home*, let one take the place of a *guest* that goes home or
//! on to a third machine, or bring one home by exchange with whoever runs there. Without these the same search ends 10 to
//! 20 % of the way short of the goal where resources are transient.
//!
//! One evaluation is one drawn move, whether or not anything forbids it.
//!
//! # Source
//! Annealing: S. Kirkpatrick, C. Gelatt, M. Vecchi, "Optimization by Simulated Annealing", Science 220, 1983; for this
//! problem, G. Portal's entry to the ROADEF/EURO challenge 2012. Moves that chain over several machines: H. Gavranović,
//! M. Buljubašić, E. Demirović, "Variable Neighborhood Search for Google Machine Reassignment problem", 2012. The moves
//! that favour the way home are our own.

use super::chance::Logarithms;
use super::layout::Layout;
use super::problem::Problem;
use super::state::State;
use plimsoll_stats::Random;

/// How often each kind of move is drawn, in 1,024ths; the rest are shifts to any machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mix {
    /// Exchange of any two processes.
    pub(super) swap: u64,
    /// A process goes home.
    pub(super) home: u64,
    /// A process takes the place of a guest, which goes on to any machine.
    pub(super) onward: u64,
    /// A process takes the place of a guest, which goes home.
    pub(super) relieve: u64,
    /// A guest is exchanged with whoever runs on its first machine.
    pub(super) exchange_home: u64,
}

/// What is fixed by the width alone is hidden behind this.
pub(super) trait Engine: Send {
    /// Draws `evaluations` moves at `temperature`.
    fn run(&mut self, evaluations: u64, temperature: i64) -> Counts;
    /// Cost now, and the lowest so far.
    fn costs(&self) -> (i64, i64);
    /// The assignment of the lowest cost so far.
    fn best(&self) -> &[u32];
    /// The assignment of the cost now.
    fn current(&self) -> &[u32];
    /// Goes on from a feasible assignment.
    fn adopt(&mut self, assignment: &[u32]);
}

/// What became of the moves drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Allowed by every constraint.
    pub(super) allowed: u64,
    /// Made.
    pub(super) made: u64,
}

pub(super) struct Annealing<const W: usize> {
    layout: Layout<W>,
    state: State<W>,
    random: Random,
    logarithms: Logarithms,
    mix: Mix,
    best: Vec<u32>,
    best_cost: i64,
    /// Processes moved since the state was the best, perhaps several times.
    moved: Vec<u32>,
    counts: Counts,
}

impl<const W: usize> Annealing<W> {
    pub(super) fn new(problem: &Problem, seed: u64, mix: Mix) -> Self {
        let layout = Layout::<W>::new(problem);
        let state = State::new(&layout, problem);
        Self {
            best: state.at.clone(),
            best_cost: state.cost,
            state,
            layout,
            random: Random::new(seed),
            logarithms: Logarithms::new(),
            mix,
            moved: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn draw(&mut self, temperature: i64) {
        let (a, b) = (self.random.bits(), self.random.bits());
        let bound = self.logarithms.bound(temperature, b >> 32);
        let process = pick(a, self.layout.processes);
        let mut kind = b >> 44 & 1_023;
        let mut is = |share: u64| {
            let is = kind < share;
            kind = kind.wrapping_sub(if is { 0 } else { share });
            is
        };
        let mix = self.mix;
        if is(mix.swap) {
            self.swap(process, pick(a >> 32, self.layout.processes), bound);
        } else if is(mix.home) {
            self.shift(process, self.layout.home[process] as usize, bound);
        } else if is(mix.onward) {
            let to = pick(b >> 22, self.layout.machines);
            self.replace(process, pick(a >> 32, self.layout.machines), Some(to), b, bound);
        } else if is(mix.relieve) {
            self.replace(process, pick(a >> 32, self.layout.machines), None, b, bound);
        } else if is(mix.exchange_home) {
            self.exchange_home(process, b, bound);
        } else {
            self.shift(process, pick(a >> 32, self.layout.machines), bound);
        }
    }

    #[inline]
    fn shift(&mut self, process: usize, to: usize, bound: i64) {
        if self.state.at[process] as usize == to {
            return;
        }
        let Some(change) = self.state.shift(&self.layout, process, to) else { return };
        self.counts.allowed += 1;
        if change <= bound {
            self.state.apply(&self.layout, process, to, change);
            self.note([process]);
        }
    }

    #[inline]
    fn swap(&mut self, one: usize, other: usize, bound: i64) {
        if self.state.at[one] == self.state.at[other] {
            return;
        }
        let Some(change) = self.state.swap(&self.layout, one, other) else { return };
        self.counts.allowed += 1;
        if change <= bound {
            self.state.apply_swap(&self.layout, one, other, change);
            self.note([one, other]);
        }
    }

    /// `one` takes the place of a guest on `machine`, which goes to `to` or home.
    #[inline]
    fn replace(&mut self, one: usize, machine: usize, to: Option<usize>, draw: u64, bound: i64) {
        let guests = &self.state.guests[machine];
        let from = self.state.at[one] as usize;
        if guests.is_empty() || from == machine {
            return;
        }
        let guest = guests[pick(draw, guests.len())] as usize;
        let to = to.unwrap_or(self.layout.home[guest] as usize);
        if to == machine {
            return;
        }
        if to == from {
            return self.swap(one, guest, bound);
        }
        let Some(change) = self.state.chain(&self.layout, one, guest, to) else { return };
        self.counts.allowed += 1;
        if change <= bound {
            self.state.apply_chain(&self.layout, one, guest, to, change);
            self.note([one, guest]);
        }
    }

    #[inline]
    fn exchange_home(&mut self, process: usize, draw: u64, bound: i64) {
        let home = self.layout.home[process] as usize;
        if self.state.at[process] as usize == home {
            return;
        }
        let (guests, natives) = (&self.state.guests[home], &self.state.natives[home]);
        if guests.is_empty() && natives.is_empty() {
            return;
        }
        let at = pick(draw, guests.len() + natives.len());
        let other = guests.get(at).copied().unwrap_or_else(|| natives[at - guests.len()]);
        self.swap(process, other as usize, bound);
    }

    /// Remembers what moved, and the state where it is the best so far.
    #[inline]
    fn note<const N: usize>(&mut self, moved: [usize; N]) {
        self.counts.made += 1;
        for process in moved {
            self.moved.push(u32::try_from(process).expect("invariant: processes are counted in 32 bits"));
        }
        if self.state.cost < self.best_cost {
            self.keep();
        }
    }

    fn keep(&mut self) {
        self.best_cost = self.state.cost;
        for process in self.moved.drain(..) {
            self.best[process as usize] = self.state.at[process as usize];
        }
    }
}

impl<const W: usize> Engine for Annealing<W> {
    fn run(&mut self, evaluations: u64, temperature: i64) -> Counts {
        self.counts = Counts::default();
        for _ in 0..evaluations {
            self.draw(temperature);
        }
        if self.moved.len() > 2 * self.layout.processes {
            self.moved.sort_unstable();
            self.moved.dedup();
        }
        self.counts
    }

    fn costs(&self) -> (i64, i64) {
        (self.state.cost, self.best_cost)
    }

    fn best(&self) -> &[u32] {
        &self.best
    }

    fn current(&self) -> &[u32] {
        &self.state.at
    }

    fn adopt(&mut self, assignment: &[u32]) {
        self.state.go_to(&self.layout, assignment);
        self.moved = (0..).take(self.layout.processes).collect();
        if self.state.cost < self.best_cost {
            self.keep();
        }
    }
}

/// One of `count` from the low 32 bits of a draw.
#[inline]
fn pick(draw: u64, count: usize) -> usize {
    usize::try_from(((draw & 0xffff_ffff) * count as u64) >> 32).expect("invariant: it is below a usize")
}
