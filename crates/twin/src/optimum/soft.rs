//! The clairvoyant optimum where a promise may be broken at a price, and what it says of every policy.
//!
//! With `w` replica time per late request, `OPT_t(s) = slot·s + w·late_t(s) + min_q { OPT_{t−1}(q) + β(s−q)⁺ }`. The inner
//! minimum over `q ≥ s` is a running minimum from above, that over `q ≤ s` one from below plus `β` a step, so the whole takes
//! `O(T·M)`. Lateness is counted slot by slot without a backlog carried over, which only makes it less: the optimum stays a
//! lower bound.
//!
//! Weak duality: a policy with at most `ε` late requests pays at least `OPT(w) − w·ε`, for every `w`. [`lower_bound`] looks for
//! the best such `w`: the expression is concave in it, and its slope is the late requests of `OPT(w)` less `ε`.
//!
//! # Source
//! Research notes section 4; weak duality: S. Boyd, L. Vandenberghe, "Convex Optimization", 2004, section 5.2.2 (it needs no
//! convexity of the problem).

use super::Bounds;
use crate::yardstick::YardstickError;

/// Halvings of the interval of prices: its ends then differ by a millionth.
const HALVINGS: u32 = 24;

/// The cheapest supply at one price of lateness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftOptimum {
    /// Replica milliseconds and lateness at its price.
    pub total_ms: f64,
    /// Replica milliseconds alone, starts included.
    pub paid_ms: f64,
    /// Late requests.
    pub late: f64,
}

/// The least that any policy with so many late requests can cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LowerBound {
    /// Replica milliseconds: nobody pays less.
    pub cost_ms: f64,
    /// The price of a late request, replica milliseconds, that shows it.
    pub price_ms: f64,
    /// Replica milliseconds of a supply with no more late requests, which therefore can be paid; none was met where every
    /// price tried leaves more. The true optimum lies between the two.
    pub met_ms: Option<f64>,
}

/// How late requests are, slot by slot. Slots need not be equally long: equal ones in a row may be one, because a supply
/// that is best anywhere in such a stretch is best in all of it.
pub trait Late {
    /// How many there are.
    fn slots(&self) -> usize;
    /// How many times [`Bounds::slot`] this one lasts.
    fn length(&self, slot: usize) -> f64;
    /// Late requests in it with so many replicas; at least 0, and never more with more replicas.
    fn late(&self, slot: usize, replicas: u32) -> f64;
}

/// Late requests per slot and number of replicas, worked out once.
#[derive(Debug, Clone)]
pub struct Lateness {
    /// Row per slot, one entry per number of replicas from the minimum on.
    late: Vec<f32>,
    width: usize,
    replicas_min: u32,
}

impl Late for Lateness {
    fn slots(&self) -> usize {
        self.late.len() / self.width
    }

    fn length(&self, _slot: usize) -> f64 {
        1.0
    }

    fn late(&self, slot: usize, replicas: u32) -> f64 {
        f64::from(self.late[slot * self.width + (replicas - self.replicas_min) as usize])
    }
}

impl Lateness {
    /// `late(t, s)` is the late requests of slot `t` with `s` ready replicas; what is no number at least 0 counts as 0.
    ///
    /// # Errors
    /// [`YardstickError`] for bounds that hold nothing.
    pub fn new(slots: usize, bounds: &Bounds, mut late: impl FnMut(usize, u32) -> f64) -> Result<Self, YardstickError> {
        bounds.check()?;
        let width = (bounds.replicas_max - bounds.replicas_min) as usize + 1;
        let mut all = Vec::with_capacity(slots * width);
        for slot in 0..slots {
            // Rounded down by a hair, so that rounding never makes the bound too high.
            let each =
                (bounds.replicas_min..=bounds.replicas_max).map(|s| (late(slot, s).max(0.0) * (1.0 - 1e-6)) as f32);
            all.extend(each);
        }
        Ok(Self { late: all, width, replicas_min: bounds.replicas_min })
    }
}

/// The best way to one number of replicas.
#[derive(Debug, Clone, Copy)]
struct Way {
    total: f64,
    late: f64,
}

impl Way {
    const NONE: Self = Self { total: f64::INFINITY, late: 0.0 };

    /// The cheaper one; of equals the one with fewer late requests.
    fn or(self, other: Self) -> Self {
        if (other.total, other.late) < (self.total, self.late) { other } else { self }
    }

    fn plus(self, cost: f64) -> Self {
        Self { total: self.total + cost, ..self }
    }
}

/// The cheapest supply when a late request costs `price_ms` replica milliseconds (at least 0). `bounds` have to be those that
/// `lateness` was made for.
#[must_use]
pub fn soft_optimum(lateness: &impl Late, price_ms: f64, bounds: &Bounds) -> SoftOptimum {
    let (slot_ms, start_ms) = (bounds.slot.0 as f64, bounds.start_cost().0 as f64);
    let replicas = || bounds.replicas_min..=bounds.replicas_max.max(bounds.replicas_min);
    // Before the first slot nothing runs: the way to s replicas costs s starts.
    let mut ways: Vec<Way> = Vec::new();
    let mut above: Vec<Way> = replicas().map(|s| Way { total: f64::from(s) * start_ms, late: 0.0 }).collect();
    for slot in 0..lateness.slots() {
        if slot > 0 {
            reach(&ways, start_ms, &mut above);
        }
        let replica_ms = slot_ms * lateness.length(slot);
        let serve = |(way, s): (&Way, u32)| {
            let late = lateness.late(slot, s);
            Way { total: way.total + replica_ms * f64::from(s) + price_ms * late, late: way.late + late }
        };
        ways.clear();
        ways.extend(above.iter().zip(replicas()).map(serve));
    }
    let best = ways.into_iter().reduce(Way::or).unwrap_or(Way { total: 0.0, late: 0.0 });
    SoftOptimum { total_ms: best.total, paid_ms: best.total - price_ms * best.late, late: best.late }
}

/// The best way to each number of replicas from those of the slot before, starts paid.
fn reach(ways: &[Way], start_ms: f64, to: &mut [Way]) {
    let mut best = Way::NONE;
    for (to, way) in to.iter_mut().zip(ways).rev() {
        best = best.or(*way);
        *to = best;
    }
    let mut best = Way::NONE;
    for (to, way) in to.iter_mut().zip(ways) {
        best = best.plus(start_ms).or(*way);
        *to = to.or(best);
    }
}

/// The best lower bound on the cost of any policy with at most `late_max` late requests, to a ten-thousandth.
#[must_use]
pub fn lower_bound(lateness: &impl Late, late_max: f64, bounds: &Bounds) -> LowerBound {
    let mut best = LowerBound { cost_ms: f64::NEG_INFINITY, price_ms: 0.0, met_ms: None };
    let mut note = |price_ms: f64| {
        let found = soft_optimum(lateness, price_ms, bounds);
        let cost_ms = found.total_ms - price_ms * late_max;
        if cost_ms > best.cost_ms {
            (best.cost_ms, best.price_ms) = (cost_ms, price_ms);
        }
        if found.late <= late_max {
            best.met_ms = Some(best.met_ms.map_or(found.paid_ms, |met| met.min(found.paid_ms)));
        }
        let is_near = best.met_ms.is_some_and(|met| met - best.cost_ms <= 1e-4 * best.cost_ms);
        (found.late > late_max, is_near)
    };
    // Dearer from one replica millisecond on until lateness is bought down; if it cannot be, more price buys nothing.
    let (mut low, mut high) = (0.0, 1.0);
    let (mut is_more, mut is_near) = note(0.0);
    while is_more && !is_near && high < 1e15 {
        (is_more, is_near) = note(high);
        (low, high) = if is_more { (high, high * 8.0) } else { (low, high) };
    }
    for _ in 0..HALVINGS {
        if is_near || high >= 1e15 {
            break;
        }
        let middle = if low > 0.0 { libm::sqrt(low * high) } else { high / 2.0 };
        (is_more, is_near) = note(middle);
        if is_more { low = middle } else { high = middle }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::{cost_of, optimum};
    use super::*;
    use plimsoll_model::Millis;
    use proptest::prelude::*;

    const MAX: u32 = 5;

    fn bounds(startup: u64, min: u32) -> Bounds {
        Bounds {
            slot: Millis(10),
            startup: Millis(startup),
            switching: Millis(0),
            replicas_min: min,
            replicas_max: MAX,
        }
    }

    /// Requests of a slot beyond what its replicas carry, one each.
    fn over(load: &[u32]) -> impl FnMut(usize, u32) -> f64 + '_ {
        |slot, replicas| f64::from(load[slot].saturating_sub(replicas))
    }

    /// The least over all `(M+1)^T` supplies, one after the other.
    fn by_trying_all(load: &[u32], price: f64, bounds: &Bounds) -> f64 {
        let width = bounds.replicas_max - bounds.replicas_min + 1;
        let supplies = u64::from(width).pow(load.len() as u32);
        let of = |mut number: u64| -> Vec<u32> {
            let digit = |_| {
                let digit = number % u64::from(width);
                number /= u64::from(width);
                bounds.replicas_min + digit as u32
            };
            load.iter().map(digit).collect()
        };
        let total = |supply: &Vec<u32>| {
            let late: f64 = supply.iter().enumerate().map(|(t, s)| over(load)(t, *s)).sum();
            cost_of(supply, bounds) as f64 + price * late
        };
        (0..supplies).map(|number| total(&of(number))).fold(f64::INFINITY, f64::min)
    }

    /// `OPT_t(s)` with the inner minimum written out.
    fn by_plain_programme(load: &[u32], price: f64, bounds: &Bounds) -> f64 {
        let all: Vec<u32> = (bounds.replicas_min..=bounds.replicas_max).collect();
        let start = bounds.start_cost().0 as f64;
        let mut best: Vec<(u32, f64)> = vec![(0, 0.0)];
        for slot in 0..load.len() {
            let to = |s: u32| {
                let reached = best.iter().map(|(q, cost)| cost + start * f64::from(s.saturating_sub(*q)));
                reached.fold(f64::INFINITY, f64::min) + 10.0 * f64::from(s) + price * over(load)(slot, s)
            };
            best = all.iter().map(|s| (*s, to(*s))).collect();
        }
        best.into_iter().map(|(_, cost)| cost).fold(f64::INFINITY, f64::min)
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-4 * right.abs().max(1.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn running_minima_are_the_plain_programme(
            load in prop::collection::vec(0_u32..8, 0..25), price in 0.0_f64..60.0, startup in 0_u64..60, min in 0_u32..3,
        ) {
            let bounds = bounds(startup, min);
            let lateness = Lateness::new(load.len(), &bounds, over(&load)).unwrap();
            let best = soft_optimum(&lateness, price, &bounds);
            prop_assert!(close(best.total_ms, by_plain_programme(&load, price, &bounds)));
            prop_assert!(close(best.paid_ms + price * best.late, best.total_ms));
        }

        #[test]
        fn where_lateness_is_dear_it_is_the_hard_optimum(
            load in prop::collection::vec(0_u32..=MAX, 0..25), startup in 0_u64..60, min in 0_u32..3,
        ) {
            let bounds = bounds(startup, min);
            let lateness = Lateness::new(load.len(), &bounds, over(&load)).unwrap();
            let best = soft_optimum(&lateness, 1e7, &bounds);
            prop_assert_eq!((best.paid_ms.round() as u128, best.late), (optimum(&load, &bounds).unwrap().cost_ms, 0.0));
        }

        #[test]
        fn no_supply_with_so_few_late_requests_costs_less_than_the_bound(
            slots in prop::collection::vec((0_u32..8, 0_u32..=MAX), 1..30), startup in 0_u64..60,
        ) {
            let bounds = bounds(startup, 0);
            let (load, supply): (Vec<u32>, Vec<u32>) = slots.into_iter().unzip();
            let lateness = Lateness::new(load.len(), &bounds, over(&load)).unwrap();
            let late: f64 = supply.iter().enumerate().map(|(t, s)| over(&load)(t, *s)).sum();
            let bound = lower_bound(&lateness, late, &bounds);
            prop_assert!(bound.cost_ms <= cost_of(&supply, &bounds) as f64 + 1e-6, "{:?}", bound);
            prop_assert!(bound.met_ms.is_none_or(|met| met >= bound.cost_ms - 1e-6), "{:?}", bound);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn it_is_the_least_over_every_supply_there_is(
            load in prop::collection::vec(0_u32..8, 0..5), price in 0.0_f64..60.0, startup in 0_u64..60, min in 0_u32..3,
        ) {
            let bounds = bounds(startup, min);
            let lateness = Lateness::new(load.len(), &bounds, over(&load)).unwrap();
            prop_assert!(close(soft_optimum(&lateness, price, &bounds).total_ms, by_trying_all(&load, price, &bounds)));
        }
    }

    #[test]
    fn a_worked_bound() {
        // One busy slot of four among idle ones; a start costs 30, a slot 10. Meeting it costs 4·40 = 160.
        let (load, bounds) = ([0, 4, 0], bounds(30, 0));
        let lateness = Lateness::new(3, &bounds, over(&load)).unwrap();
        let [none, two, all] = [0.0, 2.0, 4.0].map(|late| lower_bound(&lateness, late, &bounds).cost_ms);
        assert!(close(none, 160.0) && close(two, 80.0) && all.abs() < 1e-3, "{none} {two} {all}");
        assert!(Lateness::new(1, &Bounds { slot: Millis(0), ..bounds }, |_, _| 0.0).is_err());
    }
}
