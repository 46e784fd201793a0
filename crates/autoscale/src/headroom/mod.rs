//! Learnt headroom: replicas for what the need may rise to before a replica started now is ready, as far as that is worth
//! its price.
//!
//! A plain target leaves the same share of room at all times: too much where the load is smooth, too little where it jumps.
//! This policy learns the room from the load itself. At each moment it says what it expects as the highest need from now
//! until one start-up time from now (several plain expectations weighted by how far off they were, [`experts`]), and how
//! far off that usually is at this level ([`levels`]); when the time has passed it compares. From the comparisons come what
//! this time of the hour and of the day usually brings ([`times`]) and how far the rest reaches ([`errors`]). Figures that
//! are late are allowed for by their age.
//!
//! Two prices make a dead band: a replica is started while a moment under need costs `price` idle replicas and kept while
//! it costs `price_keep`, because one that is stopped and started again is paid for twice and absent in between. The two
//! look at different moments: what is started now helps from when it is ready, so its errors are those at that moment;
//! what is stopped now is missing from now until a new one is ready, so its errors are those of the highest need in between.
//!
//! What holds always: at least what is needed now; never less for more load (the reach is fixed before the load is seen);
//! a forecast may raise what is expected and how far it may be off, never lower either. Until an hour was learnt, a third
//! more than is needed now.
//!
//! # Source
//! Split conformal prediction with a location and scale by group (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, 2018);
//! prices in place of a quantile as in the newsvendor problem. The dead band is that of a two-threshold policy with a price
//! of change (Constantinides and Richard, 1978). Constants were chosen on the half of the series that
//! `docs/default-policy.md` names.

mod errors;
mod experts;
mod levels;
mod times;

use crate::inputs::Inputs;
use crate::need::need_milli;
use errors::{Errors, Reach};
use experts::{Experts, Said};
use levels::Levels;
use plimsoll_model::Term;
use plimsoll_model::quantity::{Permille, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{HeadroomReason, HeadroomSpec};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use times::{Times, Usual};

/// Moments learnt before its own headroom counts: an hour of 15 s.
const LEARNT_MIN: u64 = 240;
/// Most decisions from one to the moment at which it is judged.
const AHEAD_MAX: usize = 2_000;
/// Weights⁻¹ of a new error in the recent and in the long-run size, and the count up to which the latter follows fast.
const RECENT: i64 = 50;
const LONG: i64 = 500;
const LONG_FROM: u64 = 400;
/// An error counts at most twice what was expected, millionths.
const RELATIVE_MAX: i64 = 2_000_000;
/// Size of errors before one was seen, millionths.
const RELATIVE_START: i64 = 20_000;
/// Errors are relative to what is expected and this, thousandths of a replica, so that a need from nothing is no surprise
/// without measure.
const SMALL: u64 = 300;
/// A usual error in mean absolute errors.
const USUAL: u64 = 3;
/// A usual error is at least this share⁻¹ of what is expected, and this many thousandths of a replica.
const ERROR_MIN: (u64, u64) = (50, 20);
/// Decisions between two looks at how far it is worth to reach.
const REACH_EVERY: u64 = 20;
/// Bounds of one error, thousandths of a usual one.
const ERROR: (i64, i64) = (-5_000, 1_000_000);

/// What was expected at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Expected {
    at: Timestamp,
    needed: u64,
    /// The highest need until a replica is ready, thousandths.
    expected: u64,
    /// What that was made of.
    said: Said,
    /// The usual error of that, thousandths.
    error: u64,
    usual: Usual,
    forecast: Option<u64>,
}

/// Sizes of errors, millionths of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sizes {
    recent: i64,
    long: i64,
}

/// What is learnt of one service's need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadroomState {
    experts: Experts,
    sizes: Sizes,
    levels: Levels,
    /// Moments whose time has not passed, oldest first.
    waiting: VecDeque<Expected>,
    times: Times,
    /// Of the need at the moment at which a replica is ready.
    errors_then: Errors,
    /// Of the highest need until then.
    errors_until: Errors,
    reach_start: Reach,
    reach_keep: Reach,
    /// Its own last vote.
    last: u32,
}

impl Default for HeadroomState {
    fn default() -> Self {
        Self {
            experts: Experts::default(),
            sizes: Sizes { recent: RELATIVE_START, long: RELATIVE_START },
            levels: Levels::default(),
            waiting: VecDeque::new(),
            times: Times::default(),
            errors_then: Errors::default(),
            errors_until: Errors::default(),
            reach_start: Reach::default(),
            reach_keep: Reach::default(),
            last: 0,
        }
    }
}

/// What is known at a decision, for whoever makes a number of it. Thousandths of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Needed by what was measured.
    pub needed: u64,
    /// Expected as the highest need until a replica is ready, with what this time usually brings.
    pub expected: i64,
    /// The usual error of that at this time.
    pub error: u64,
    /// Worth starting above what is expected.
    pub start_margin: i64,
    /// Worth keeping above it.
    pub keep_margin: i64,
    /// What the plain expectations say: the last need, and its means.
    pub said: Said,
    /// The forecast's median and how far its 99 % lie above.
    pub forecast: Option<(u64, u64)>,
    /// Moments learnt from; 0 below an hour of them, and then a third more than is needed is expected, with no margin.
    pub learnt: u64,
}

impl HeadroomState {
    /// What is known now.
    ///
    /// # Errors
    /// The age of the figure that is too old, if there is one.
    pub(crate) fn facts(&self, inputs: &Inputs<'_>) -> Result<Facts, Option<u64>> {
        let needed = need_milli(inputs)?;
        let now = self.expect(inputs, needed);
        let (said, forecast) = (now.said, foreseen(inputs));
        if self.times.seen() < LEARNT_MIN {
            let expected = i64::try_from(needed.saturating_add(needed / 3)).unwrap_or(i64::MAX);
            let (error, start_margin, keep_margin, learnt) = (0, 0, 0, 0);
            return Ok(Facts { needed, expected, error, start_margin, keep_margin, said, forecast, learnt });
        }
        let expected = i64::try_from(now.expected).unwrap_or(i64::MAX);
        Ok(Facts {
            needed,
            expected: expected.saturating_add(times_error(now.usual.error, now.error)),
            error: now.restless(),
            start_margin: now.above(&self.reach_start),
            keep_margin: now.above(&self.reach_keep),
            said,
            forecast,
            learnt: self.times.seen(),
        })
    }

    /// How far above what was expected the need lay at most in so many thousandths of the moments at which a replica was ready, at
    /// the present size of errors; at least 0, so that it rises with the load.
    pub(crate) fn rise(&self, share: u64, facts: &Facts) -> i64 {
        times_error(self.errors_then.quantile(share).max(0), facts.error)
    }

    /// Its own last vote.
    pub(crate) const fn last(&self) -> u32 {
        self.last
    }

    /// Its last vote, as far as that lies between what is worth starting and what is worth keeping.
    pub(crate) fn vote(&self, inputs: &Inputs<'_>) -> Term {
        let needed = match need_milli(inputs) {
            Ok(needed) => needed,
            Err(age_ms) => {
                let basis = Basis::NoData { metric: "headroom".to_owned(), age_ms };
                return Term { replicas: inputs.base(), basis };
            }
        };
        let now = self.expect(inputs, needed);
        let learnt = if self.times.seen() < LEARNT_MIN { 0 } else { self.times.seen() };
        let (start, keep) = if learnt == 0 {
            let start = whole(needed.saturating_add(needed / 3));
            (start, start)
        } else {
            let start = now.replicas(&self.reach_start);
            (start, now.replicas(&self.reach_keep).max(start))
        };
        let reason = HeadroomReason {
            needed_milli: needed,
            age: inputs.age,
            expected_milli: now.expected,
            recurring_milli: times_error(now.usual.error, now.error),
            error_milli: now.error,
            forecast_milli: now.forecast,
            start_milli: now.above(&self.reach_start),
            keep_milli: now.above(&self.reach_keep),
            start,
            keep,
            learnt,
        };
        Term { replicas: self.last.clamp(start, keep), basis: Basis::Headroom(Box::new(reason)) }
    }

    /// Judges the moments whose time has passed, and remembers this one. A moment without figures changes nothing.
    pub(crate) fn record(&mut self, spec: &HeadroomSpec, inputs: &Inputs<'_>, vote: &Term) {
        let Ok(needed) = need_milli(inputs) else { return };
        let now = self.expect(inputs, needed);
        let tick = inputs.tick.0.max(1);
        if self.waiting.back().is_some_and(|last| inputs.at.since(last.at).0 > tick.saturating_mul(3)) {
            // Nobody knows how high the need was in between.
            self.waiting.clear();
        }
        let passed = self.waiting.back().map_or(tick, |last| inputs.at.since(last.at).0.max(1));
        self.experts.follow(needed, passed);
        self.waiting.push_back(now);
        let lag = inputs.age.0;
        while let Some(first) = self.waiting.front().copied()
            && (inputs.at.since(first.at).0 >= lag.saturating_add(inputs.startup.0) || self.waiting.len() > AHEAD_MAX)
        {
            let within = self.waiting.iter().filter(|later| later.at.since(first.at).0 >= lag);
            let came = within.map(|later| later.needed).max().unwrap_or(needed);
            self.judge(&first, came, needed);
            self.waiting.pop_front();
        }
        if self.times.seen().is_multiple_of(REACH_EVERY) {
            self.levels.work_out(SMALL);
            self.reach_start = Reach::of(&self.errors_then, spec.price);
            self.reach_keep = Reach::of(&self.errors_until, spec.price_keep.max(spec.price));
        }
        self.last = vote.replicas;
    }

    /// What is expected when so much is needed now.
    fn expect(&self, inputs: &Inputs<'_>, needed: u64) -> Expected {
        let passed = self.waiting.back().map_or(inputs.tick.0, |last| inputs.at.since(last.at).0.max(1));
        let said = self.experts.say(needed, passed);
        let own = self.experts.mixed(&said);
        let error =
            u128::from(self.levels.base(own, SMALL)) * u128::from(USUAL * self.size().unsigned_abs()) / 1_000_000;
        let error = u64::try_from(error).unwrap_or(u64::MAX);
        let (mut expected, mut error, mut forecast) = (own, error, None);
        if let Some((median, above)) = foreseen(inputs) {
            let raised = (own / 2).saturating_add(median / 2);
            let wider = (error / 2).saturating_add(above / 2);
            forecast = (raised > own || wider > error).then_some(median);
            (expected, error) = (own.max(raised), error.max(wider));
        }
        let error = error.max(expected / ERROR_MIN.0).max(ERROR_MIN.1);
        Expected { at: inputs.at, needed, expected, said, error, usual: self.times.usual(inputs.at), forecast }
    }

    /// Size of errors, millionths of what was expected.
    fn size(&self) -> i64 {
        let Sizes { recent, long } = self.sizes;
        ((recent + long) / 2).max(long * 3 / 10)
    }

    /// Compares what was expected with the highest need that came and with the need at the end, when a replica is ready.
    fn judge(&mut self, then: &Expected, came: u64, came_then: u64) {
        let base = i128::from(then.expected.saturating_add(SMALL));
        let relative = |off: i128| {
            let relative = off.abs().saturating_mul(1_000_000) / base;
            i64::try_from(relative).unwrap_or(i64::MAX).min(RELATIVE_MAX)
        };
        self.experts.judge(&then.said, came, relative);
        let off = i128::from(came) - i128::from(then.expected);
        let size = relative(off);
        self.levels.learn(then.expected, size * 1_000 / self.size().max(1));
        let long = if self.times.seen() < LONG_FROM { RECENT } else { LONG };
        self.sizes.recent += (size - self.sizes.recent) / RECENT;
        self.sizes.long += (size - self.sizes.long) / long;
        let usual = |off: i128| {
            let error = off * 1_000 / i128::from(then.error.max(1));
            i64::try_from(error).unwrap_or(i64::MAX).clamp(ERROR.0, ERROR.1)
        };
        let rest = |error: i64| (error - then.usual.error) * 1_000 / then.usual.restless.max(1);
        self.errors_until.add(rest(usual(off)));
        self.errors_then.add(rest(usual(i128::from(came_then) - i128::from(then.expected))));
        self.times.learn(then.at, usual(off), then.usual);
    }
}

impl Expected {
    /// Thousandths of a replica that are worth having above what is expected at this time.
    fn above(&self, reach: &Reach) -> i64 {
        reach.above(self.restless())
    }

    /// The usual error at this time.
    fn restless(&self) -> u64 {
        self.error.saturating_mul(self.usual.restless.unsigned_abs()) / 1_000
    }

    /// Replicas for what is expected, what the time usually brings, and what is worth having above both.
    fn replicas(&self, reach: &Reach) -> u32 {
        let above = times_error(self.usual.error, self.error).saturating_add(self.above(reach));
        whole(self.expected.saturating_add_signed(above).max(self.needed))
    }
}

/// The forecast's median and how far its 99 % lie above, thousandths of a replica.
fn foreseen(inputs: &Inputs<'_>) -> Option<(u64, u64)> {
    let demand = inputs.demand.as_ref()?;
    let milli = |quantile: u64| {
        let value = demand.forecast.at_quantile(Permille(quantile))?.value;
        let milli = u128::from(value.0) * 1_000 / u128::from(demand.per_replica.0.max(1));
        u64::try_from(milli).ok()
    };
    let (median, high) = (milli(500)?, milli(990)?);
    Some((median, high.saturating_sub(median)))
}

/// Thousandths of a usual error as thousandths of a replica.
fn times_error(thousandths: i64, error: u64) -> i64 {
    let product = i128::from(thousandths) * i128::from(error) / 1_000;
    i64::try_from(product).unwrap_or(if product < 0 { i64::MIN } else { i64::MAX })
}

fn whole(milli: u64) -> u32 {
    u32::try_from(milli.div_ceil(1_000)).unwrap_or(u32::MAX)
}
