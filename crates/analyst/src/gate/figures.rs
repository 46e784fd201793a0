//! The figures of a run, over a window or over all: integers summed in one order, and shares of them.

use super::terms::{Margins, Terms};
use plimsoll_twin::backtest::{Course, Supply};
use serde::Serialize;
use std::ops::Range;

/// What was paid and what was missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Core hours: paid for, a price for each start, and what was missing at its price.
    pub price: f64,
    /// Core hours that were paid for.
    pub paid: f64,
    /// Requests above what ready replicas may carry within their objective, per cent.
    pub shortage_pct: f64,
    /// Requests above all that ready replicas can carry, per cent.
    pub overload_pct: f64,
    /// Time with fewer ready replicas than needed, per cent.
    pub short_time_pct: f64,
    /// Changes of direction per hundred steps.
    pub turns_per_100: f64,
}

/// Sums over steps.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    steps: u64,
    billed: u128,
    starts: u128,
    missing: u128,
    offered: u128,
    unmet: u128,
    over: u128,
    short: u64,
    turns: u64,
}

/// Milliseconds in an hour times millicores in a core.
const CORE_HOUR: f64 = 3_600_000.0 * 1_000.0;

impl Figures {
    /// The names of those that may not get worse.
    pub const NAMES: [&'static str; 4] = ["shortage_pct", "overload_pct", "short_time_pct", "turns_per_100"];

    /// Those, in the order of [`Figures::NAMES`].
    #[must_use]
    pub const fn slo(&self) -> [f64; 4] {
        [self.shortage_pct, self.overload_pct, self.short_time_pct, self.turns_per_100]
    }

    /// Over a range of scored steps. `request` is the CPU of a replica in millicores.
    pub(super) fn of(course: &Course, supply: &Supply, range: Range<usize>, request: u64, terms: &Terms) -> Self {
        let sums = sums(course, supply, range);
        let tick = course.protocol().tick.0 as f64;
        let cores = request as f64;
        let start = f64::from(terms.start_price_s) * 1_000.0;
        let paid = (sums.billed as f64 * tick + sums.starts as f64 * start) * cores / CORE_HOUR;
        let missing = sums.missing as f64 * tick * cores / CORE_HOUR;
        let share = |part: f64, of: f64| if of > 0.0 { rounded(100.0 * part / of) } else { 0.0 };
        Self {
            price: rounded(paid + f64::from(terms.missing_price) * missing),
            paid: rounded(paid),
            shortage_pct: share(sums.unmet as f64, sums.offered as f64),
            overload_pct: share(sums.over as f64, sums.offered as f64),
            short_time_pct: share(sums.short as f64, sums.steps as f64),
            turns_per_100: share(sums.turns as f64, sums.steps as f64),
        }
    }
}

impl Margins {
    /// In the order of [`Figures::NAMES`].
    pub(super) const fn all(&self) -> [f64; 4] {
        [self.shortage_pct, self.overload_pct, self.short_time_pct, self.turns_per_100]
    }
}

fn sums(course: &Course, supply: &Supply, range: Range<usize>) -> Sums {
    let capacity = course.protocol().capacity.0;
    let usable = course.protocol().usable_capacity().0;
    let mut sums = Sums::default();
    // The last change, wherever it was: a turn at the border of two windows belongs to the later one.
    let mut way: Option<bool> = None;
    for index in 0..range.end.min(course.need().len()) {
        let billed = supply.billed.get(index).copied().unwrap_or(0);
        let before = if index == 0 { billed } else { supply.billed.get(index - 1).copied().unwrap_or(0) };
        let is_in = range.contains(&index);
        if billed != before {
            let up = billed > before;
            sums.turns += u64::from(is_in && way.is_some_and(|last| last != up));
            way = Some(up);
        }
        if !is_in {
            continue;
        }
        sums.billed += u128::from(billed);
        sums.starts += u128::from(billed.saturating_sub(before));
        let Some(load) = course.load()[index] else { continue };
        let (ready, need) = (supply.ready.get(index).copied().unwrap_or(0), course.need()[index]);
        sums.steps += 1;
        sums.missing += u128::from(need.saturating_sub(ready));
        sums.short += u64::from(ready < need);
        sums.offered += u128::from(load.0);
        sums.unmet += u128::from(load.0.saturating_sub(usable.saturating_mul(u64::from(ready))));
        sums.over += u128::from(load.0.saturating_sub(capacity.saturating_mul(u64::from(ready))));
    }
    sums
}

/// To a millionth: what a verdict says is what was compared.
pub(super) fn rounded(value: f64) -> f64 {
    libm::round(value * 1e6) / 1e6
}
