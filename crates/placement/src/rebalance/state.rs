//! An assignment with everything that makes the effect of a move a matter of a few rows.
//!
//! For each machine: the room below its safety capacities (`slack`), the room below its capacities with what is held for
//! processes in transit (`room`), and its cost. For each service: machines taken, processes per location and per
//! neighbourhood, processes moved. A question ([`State::shift`], [`State::swap`]) reads two rows of each and changes nothing;
//! [`State::apply`] makes one move and is the only way in which the state changes.
//!
//! Every state reached is feasible: what would break a constraint is answered with `None`.

use super::layout::{Layout, NONE, Row, Rules, is_room, less, plus, row};
use super::moved::Moved;
use super::problem::Problem;

/// A feasible assignment.
#[derive(Debug, Clone)]
pub(super) struct State<const W: usize> {
    /// Machine of each process.
    pub(super) at: Vec<u32>,
    /// Cost of the assignment.
    pub(super) cost: i64,
    slack: Vec<Row<W>>,
    room: Vec<Row<W>>,
    machine_cost: Vec<i64>,
    taken: Vec<u64>,
    taken_words: usize,
    in_location: Vec<u16>,
    spread: Vec<u32>,
    in_neighbourhood: Vec<u16>,
    moved: Moved,
    /// Processes on their first machine, by machine, in no particular order.
    pub(super) natives: Vec<Vec<u32>>,
    /// Processes that came from elsewhere, by machine, in no particular order.
    pub(super) guests: Vec<Vec<u32>>,
    place: Vec<u32>,
}

impl<const W: usize> State<W> {
    /// The state in which nothing has moved.
    pub(super) fn new(layout: &Layout<W>, problem: &Problem) -> Self {
        let safety: Vec<Row<W>> = problem.machines.iter().map(|machine| row(&machine.safety)).collect();
        let taken_words = layout.machines.div_ceil(64);
        let mut state = Self {
            at: layout.home.clone(),
            cost: 0,
            room: safety.iter().zip(&layout.margin).map(|(safety, margin)| plus(safety, margin)).collect(),
            slack: safety,
            machine_cost: vec![0; layout.machines],
            taken: vec![0; layout.conflict_rows * taken_words],
            taken_words,
            in_location: vec![0; layout.spread_rows * layout.locations],
            spread: vec![0; layout.spread_rows],
            in_neighbourhood: vec![0; layout.near_count * layout.neighbourhoods],
            moved: Moved::new(layout.rules.len()),
            natives: vec![Vec::new(); layout.machines],
            guests: vec![Vec::new(); layout.machines],
            place: vec![0; layout.processes],
        };
        for process in 0..layout.processes {
            let machine = layout.home[process] as usize;
            state.slack[machine] = less(&state.slack[machine], &layout.needs[process]);
            state.room[machine] = less(&state.room[machine], &layout.needs[process]);
            state.enter(layout, process, machine);
        }
        for machine in 0..layout.machines {
            state.machine_cost[machine] = layout.standing_cost(machine, &state.slack[machine]);
        }
        state.cost = state.machine_cost.iter().sum();
        state
    }

    /// Goes over to another feasible assignment. What lies between need not be one: lanes wrap and come back.
    pub(super) fn go_to(&mut self, layout: &Layout<W>, assignment: &[u32]) {
        for (process, &to) in assignment.iter().enumerate() {
            let from = self.at[process] as usize;
            if from != to as usize {
                self.shift_rows(layout, process, from, to as usize);
            }
        }
        self.cost = 0;
        for (process, &machine) in assignment.iter().enumerate() {
            self.set_taken(layout, process, machine as usize, true);
            self.cost += layout.away_cost(process, machine as usize);
        }
        for machine in 0..layout.machines {
            self.machine_cost[machine] = layout.standing_cost(machine, &self.slack[machine]);
        }
        self.cost += self.machine_cost.iter().sum::<i64>() + layout.service_weight * self.moved.most();
    }

    /// What moving `process` to the other machine `to` would add to the cost; `None` where a constraint forbids it.
    #[inline]
    pub(super) fn shift(&self, layout: &Layout<W>, process: usize, to: usize) -> Option<i64> {
        if !is_room(&less(&self.room[to], &layout.taken(process, to))) {
            return None;
        }
        let from = self.at[process] as usize;
        let service = layout.service[process] as usize;
        let rules = &layout.rules[service];
        let may =
            rules.is_free() || (self.may_join(layout, rules, from, to) && self.may_part(layout, [(rules, from, to)]));
        if !may {
            return None;
        }
        let needs = &layout.needs[process];
        let standing = layout.standing_cost(from, &plus(&self.slack[from], needs))
            + layout.standing_cost(to, &less(&self.slack[to], needs))
            - self.machine_cost[from]
            - self.machine_cost[to];
        Some(standing + self.moving(layout, process, to))
    }

    /// The share of moving `process` to `to` in its effect: costs of processes, services and machines moved.
    #[inline]
    pub(super) fn moving(&self, layout: &Layout<W>, process: usize, to: usize) -> i64 {
        let from = self.at[process] as usize;
        let away = layout.away_cost(process, to) - layout.away_cost(process, from);
        let step = Moved::step(layout.home[process], from, to);
        let service = layout.service[process] as usize;
        away + if step == 0 { 0 } else { layout.service_weight * self.moved.one(service, step) }
    }

    /// What exchanging the machines of two processes on different machines would add to the cost; `None` where a
    /// constraint forbids it.
    #[inline]
    pub(super) fn swap(&self, layout: &Layout<W>, one: usize, other: usize) -> Option<i64> {
        let (a, b) = (self.at[one] as usize, self.at[other] as usize);
        // Leaving its first machine frees no transient resource, as `taken` there has none of it.
        let room_a = less(&plus(&self.room[a], &layout.taken(one, a)), &layout.taken(other, a));
        if !is_room(&room_a) {
            return None;
        }
        let room_b = less(&plus(&self.room[b], &layout.taken(other, b)), &layout.taken(one, b));
        if !is_room(&room_b) {
            return None;
        }
        let (service_one, service_other) = (layout.service[one] as usize, layout.service[other] as usize);
        if service_one != service_other {
            let (rules_one, rules_other) = (&layout.rules[service_one], &layout.rules[service_other]);
            let may = (rules_one.is_free() && rules_other.is_free())
                || (self.may_join(layout, rules_one, a, b)
                    && self.may_join(layout, rules_other, b, a)
                    && self.may_part(layout, [(rules_one, a, b), (rules_other, b, a)]));
            if !may {
                return None;
            }
        }
        let change = less(&layout.needs[one], &layout.needs[other]);
        let standing = layout.standing_cost(a, &plus(&self.slack[a], &change))
            + layout.standing_cost(b, &less(&self.slack[b], &change))
            - self.machine_cost[a]
            - self.machine_cost[b];
        let moving = layout.away_cost(one, b) + layout.away_cost(other, a)
            - layout.away_cost(one, a)
            - layout.away_cost(other, b);
        let step_one = Moved::step(layout.home[one], a, b);
        let step_other = Moved::step(layout.home[other], b, a);
        let crowd = if step_one == 0 && step_other == 0 {
            0
        } else {
            layout.service_weight * self.moved.two((service_one, step_one), (service_other, step_other))
        };
        Some(standing + moving + crowd)
    }

    /// What it would add to the cost if `one` took the place of `other`, which goes to a third machine, `to`; `None` where
    /// a constraint forbids it.
    #[inline]
    pub(super) fn chain(&self, layout: &Layout<W>, one: usize, other: usize, to: usize) -> Option<i64> {
        let (a, b) = (self.at[one] as usize, self.at[other] as usize);
        let room_b = less(&plus(&self.room[b], &layout.taken(other, b)), &layout.taken(one, b));
        if !is_room(&room_b) || !is_room(&less(&self.room[to], &layout.taken(other, to))) {
            return None;
        }
        let (service_one, service_other) = (layout.service[one] as usize, layout.service[other] as usize);
        let (rules_one, rules_other) = (&layout.rules[service_one], &layout.rules[service_other]);
        if !(rules_one.is_free() && rules_other.is_free()) {
            // Of one service, the two together are one process that goes from `a` to `to`.
            let may = if service_one == service_other {
                self.may_join(layout, rules_one, a, to) && self.may_part(layout, [(rules_one, a, to)])
            } else {
                self.may_join(layout, rules_one, a, b)
                    && self.may_join(layout, rules_other, b, to)
                    && self.may_part(layout, [(rules_one, a, b), (rules_other, b, to)])
            };
            if !may {
                return None;
            }
        }
        let (needs_one, needs_other) = (&layout.needs[one], &layout.needs[other]);
        let standing = layout.standing_cost(a, &plus(&self.slack[a], needs_one))
            + layout.standing_cost(b, &less(&plus(&self.slack[b], needs_other), needs_one))
            + layout.standing_cost(to, &less(&self.slack[to], needs_other))
            - self.machine_cost[a]
            - self.machine_cost[b]
            - self.machine_cost[to];
        let moving = layout.away_cost(one, b) + layout.away_cost(other, to)
            - layout.away_cost(one, a)
            - layout.away_cost(other, b);
        let step_one = Moved::step(layout.home[one], a, b);
        let step_other = Moved::step(layout.home[other], b, to);
        let crowd = if step_one == 0 && step_other == 0 {
            0
        } else {
            layout.service_weight * self.moved.two((service_one, step_one), (service_other, step_other))
        };
        Some(standing + moving + crowd)
    }

    /// Makes a chain that was found allowed, and whose effect on the cost is `change`.
    pub(super) fn apply_chain(&mut self, layout: &Layout<W>, one: usize, other: usize, to: usize, change: i64) {
        let (a, b) = (self.at[one] as usize, self.at[other] as usize);
        self.shift_rows(layout, other, b, to);
        self.shift_rows(layout, one, a, b);
        for machine in [a, b, to] {
            self.machine_cost[machine] = layout.standing_cost(machine, &self.slack[machine]);
        }
        self.cost += change;
    }

    /// Makes a move that was found allowed, and whose effect on the cost is `change`.
    pub(super) fn apply(&mut self, layout: &Layout<W>, process: usize, to: usize, change: i64) {
        let from = self.at[process] as usize;
        self.shift_rows(layout, process, from, to);
        for machine in [from, to] {
            self.machine_cost[machine] = layout.standing_cost(machine, &self.slack[machine]);
        }
        self.cost += change;
    }

    /// Exchanges two processes whose exchange was found allowed, and whose effect on the cost is `change`.
    pub(super) fn apply_swap(&mut self, layout: &Layout<W>, one: usize, other: usize, change: i64) {
        let (a, b) = (self.at[one] as usize, self.at[other] as usize);
        self.shift_rows(layout, one, a, b);
        self.shift_rows(layout, other, b, a);
        // Where the two belong to one service, the second departure cleared what the first arrival had set.
        for (process, machine) in [(one, b), (other, a)] {
            self.set_taken(layout, process, machine, true);
            self.machine_cost[machine] = layout.standing_cost(machine, &self.slack[machine]);
        }
        self.cost += change;
    }

    fn shift_rows(&mut self, layout: &Layout<W>, process: usize, from: usize, to: usize) {
        let needs = &layout.needs[process];
        self.room[from] = plus(&self.room[from], &layout.taken(process, from));
        self.room[to] = less(&self.room[to], &layout.taken(process, to));
        self.slack[from] = plus(&self.slack[from], needs);
        self.slack[to] = less(&self.slack[to], needs);
        self.leave(layout, process, from);
        self.enter(layout, process, to);
        self.at[process] = u32::try_from(to).expect("invariant: a machine's index came from 32 bits");
        let step = Moved::step(layout.home[process], from, to);
        if step != 0 {
            self.moved.change(layout.service[process] as usize, step);
        }
    }

    fn leave(&mut self, layout: &Layout<W>, process: usize, from: usize) {
        self.set_taken(layout, process, from, false);
        let rules = &layout.rules[layout.service[process] as usize];
        if rules.spread != NONE {
            let count =
                &mut self.in_location[rules.spread as usize * layout.locations + layout.location[from] as usize];
            *count -= 1;
            self.spread[rules.spread as usize] -= u32::from(*count == 0);
        }
        if rules.near != NONE {
            self.in_neighbourhood[rules.near as usize * layout.neighbourhoods + layout.neighbourhood[from] as usize] -=
                1;
        }
        let place = self.place[process] as usize;
        let list = if layout.home[process] as usize == from { &mut self.natives[from] } else { &mut self.guests[from] };
        list.swap_remove(place);
        if let Some(displaced) = list.get(place) {
            self.place[*displaced as usize] = self.place[process];
        }
    }

    fn enter(&mut self, layout: &Layout<W>, process: usize, to: usize) {
        self.set_taken(layout, process, to, true);
        let rules = &layout.rules[layout.service[process] as usize];
        if rules.spread != NONE {
            let count = &mut self.in_location[rules.spread as usize * layout.locations + layout.location[to] as usize];
            self.spread[rules.spread as usize] += u32::from(*count == 0);
            *count += 1;
        }
        if rules.near != NONE {
            self.in_neighbourhood[rules.near as usize * layout.neighbourhoods + layout.neighbourhood[to] as usize] += 1;
        }
        let index = |at: usize| u32::try_from(at).expect("invariant: processes are counted in 32 bits");
        let list = if layout.home[process] as usize == to { &mut self.natives[to] } else { &mut self.guests[to] };
        self.place[process] = index(list.len());
        list.push(index(process));
    }

    fn set_taken(&mut self, layout: &Layout<W>, process: usize, machine: usize, is_taken: bool) {
        let row = layout.rules[layout.service[process] as usize].conflict;
        if row != NONE {
            let word = &mut self.taken[row as usize * self.taken_words + machine / 64];
            let bit = 1 << (machine % 64);
            if is_taken { *word |= bit } else { *word &= !bit }
        }
    }

    /// May a process of a service go from one machine to another, as far as conflicts and spread are concerned?
    fn may_join(&self, layout: &Layout<W>, rules: &Rules, from: usize, to: usize) -> bool {
        if rules.conflict != NONE {
            let word = self.taken[rules.conflict as usize * self.taken_words + to / 64];
            if word >> (to % 64) & 1 == 1 {
                return false;
            }
        }
        if rules.spread != NONE {
            let (old, new) = (layout.location[from], layout.location[to]);
            if old != new && self.spread[rules.spread as usize] <= rules.spread_min {
                let row = &self.in_location[rules.spread as usize * layout.locations..][..layout.locations];
                if row[old as usize] == 1 && row[new as usize] > 0 {
                    return false;
                }
            }
        }
        true
    }

    /// Would every dependency be met once all `trips` are made at once?
    fn may_part<const N: usize>(&self, layout: &Layout<W>, trips: [(&Rules, usize, usize); N]) -> bool {
        let trips = trips
            .map(|(rules, from, to)| (rules, layout.neighbourhood[from] as usize, layout.neighbourhood[to] as usize));
        let now =
            |row: u32, place: usize| i32::from(self.in_neighbourhood[row as usize * layout.neighbourhoods + place]);
        let then = |row: u32, place: usize| {
            let changes = trips.iter().filter(|trip| trip.0.near == row);
            changes.fold(now(row, place), |count, trip| count + i32::from(trip.2 == place) - i32::from(trip.1 == place))
        };
        trips.iter().all(|&(rules, old, new)| {
            if rules.near == NONE || old == new {
                return true;
            }
            // A service that is there already found what it needs; whoever takes that away is judged by the second line.
            (now(rules.near, new) > 0 || layout.needs_near(rules).iter().all(|row| then(*row, new) > 0))
                && (then(rules.near, old) > 0 || layout.needed_near(rules).iter().all(|row| then(*row, old) == 0))
        })
    }
}
