//! How well a stream does: coverage against what it promised, and loss against the last value, with a verdict.
//!
//! The verdict is what a daemon goes by: while it is out of bounds, capacity follows the reactive rule. Coverage is tested as a
//! binomial count, one-sided (too much coverage wastes but does not hurt); the figures fade, so that what is judged is the
//! newest two thousand forecasts or so.

use super::codec::{Fields, Half, Io};
use super::spread::HOURS;
use plimsoll_model::quantity::{Millis, Permille};

/// Kept from one forecast to the next.
const KEPT: f64 = 1.0 - 1.0 / 2_000.0;
/// Forecasts scored before there is a verdict, at least.
const SCORED_MIN: f64 = 100.0;
/// Standard deviations of a binomial count beyond which coverage is out of bounds. Exceedances come in runs, so that 3 would
/// alarm without cause; 4 is one in 30,000 where they are independent.
const DEVIATIONS_MAX: f64 = 4.0;
/// Loss over that of the last value with its own margin beyond which a stream is out of bounds.
const LOSS_RATIO_MAX: f64 = 1.5;
/// Step of the reference's margin, in usual errors.
const REFERENCE_STEP: f64 = 0.5;
/// Newest errors kept.
const ERRORS: usize = 8;

/// Whether forecasts may be relied on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Too few forecasts were scored to say.
    TooFew {
        /// Scored so far.
        scored: u32,
        /// Needed.
        needed: u32,
    },
    /// Coverage and loss are as they should be.
    InBounds,
    /// Demand exceeded the wanted quantile more often than chance explains.
    CoverageLow {
        /// Share of forecasts that covered the demand.
        coverage: f64,
        /// Least share that chance explains.
        bound: f64,
    },
    /// The last value with a plain margin loses less.
    LossHigh {
        /// Loss over the reference's.
        ratio: f64,
        /// Most that is accepted.
        bound: f64,
    },
}

/// How the forecasts at one horizon do.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneHealth {
    /// The horizon.
    pub horizon: Millis,
    /// The quantile that is judged.
    pub wanted: Permille,
    /// Forecasts scored, the older ones faded.
    pub scored: f64,
    /// Share of them that covered the demand; 1 before the first.
    pub coverage: f64,
    /// Pinball loss over that of the last value with an additive margin; 1 where neither lost anything.
    pub loss_ratio: f64,
    /// What follows from it.
    pub verdict: Verdict,
}

/// Coverage in one hour of the (local) day, at the shortest horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HourCoverage {
    /// The hour, 0 to 23.
    pub hour: u8,
    /// Forecasts for it, older ones faded.
    pub scored: f64,
    /// Share of them that covered the demand; 1 before the first.
    pub coverage: f64,
}

/// How a stream does.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Per horizon, shortest first.
    pub horizons: Vec<LaneHealth>,
    /// By hour of the day, at the shortest horizon.
    pub hours: Vec<HourCoverage>,
}

impl Health {
    /// Whether every horizon is in bounds.
    #[must_use]
    pub fn is_in_bounds(&self) -> bool {
        self.horizons.iter().all(|lane| lane.verdict == Verdict::InBounds)
    }
}

/// The running account of one horizon.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    scored: f32,
    exceeded: f32,
    loss: f64,
    reference_loss: f64,
    /// The additive margin of the last value, which follows its own quantile.
    reference: f64,
    errors: [Half; ERRORS],
    total: u32,
}

/// One forecast and what came.
pub(super) struct Outcome {
    pub said: f64,
    pub point: f64,
    pub last: f64,
    pub came: f64,
    /// The usual error.
    pub unit: f64,
}

/// The pinball loss of `said` at `quantile`.
pub(super) fn pinball(said: f64, came: f64, quantile: f64) -> f64 {
    if came > said { quantile * (came - said) } else { (1.0 - quantile) * (said - came) }
}

impl Account {
    pub fn add(&mut self, outcome: &Outcome, quantile: f64) {
        let exceeded = f64::from(u8::from(outcome.came > outcome.said));
        self.scored = (f64::from(self.scored) * KEPT + 1.0) as f32;
        self.exceeded = (f64::from(self.exceeded) * KEPT + exceeded) as f32;
        self.loss = self.loss * KEPT + pinball(outcome.said, outcome.came, quantile);
        let reference = outcome.last + self.reference;
        self.reference_loss = self.reference_loss * KEPT + pinball(reference, outcome.came, quantile);
        let step = if outcome.came > reference { quantile } else { quantile - 1.0 };
        self.reference = (self.reference + REFERENCE_STEP * outcome.unit * step).max(0.0);
        self.errors[self.total as usize % ERRORS] = Half::of(outcome.came - outcome.point);
        self.total = self.total.wrapping_add(1);
    }

    /// Newest errors, newest first.
    pub fn errors(&self) -> Vec<f64> {
        let kept = (self.total as usize).min(ERRORS);
        (0..kept).map(|back| self.errors[(self.total as usize - 1 - back) % ERRORS].get()).collect()
    }

    pub fn health(&self, horizon: Millis, wanted: Permille) -> LaneHealth {
        let (scored, exceeded) = (f64::from(self.scored), f64::from(self.exceeded));
        let coverage = if scored > 0.0 { (1.0 - exceeded / scored).clamp(0.0, 1.0) } else { 1.0 };
        let loss_ratio = if self.reference_loss > 0.0 { self.loss / self.reference_loss } else { 1.0 };
        let verdict = verdict(scored, coverage, loss_ratio, 1.0 - wanted.0 as f64 / 1_000.0);
        LaneHealth { horizon, wanted, scored, coverage, loss_ratio, verdict }
    }
}

fn verdict(scored: f64, coverage: f64, ratio: f64, miss: f64) -> Verdict {
    let needed = SCORED_MIN.max(libm::round(2.0 / miss));
    if scored < needed {
        return Verdict::TooFew { scored: scored as u32, needed: needed as u32 };
    }
    let bound = 1.0 - miss - (DEVIATIONS_MAX * libm::sqrt(miss * (1.0 - miss) * scored) + 0.5) / scored;
    if coverage < bound {
        return Verdict::CoverageLow { coverage, bound };
    }
    if ratio > LOSS_RATIO_MAX {
        return Verdict::LossHigh { ratio, bound: LOSS_RATIO_MAX };
    }
    Verdict::InBounds
}

impl Fields for Account {
    fn fields(&mut self, io: &mut Io<'_>) {
        for count in [&mut self.scored, &mut self.exceeded] {
            io.f32(count);
            io.check(*count >= 0.0);
        }
        for sum in [&mut self.loss, &mut self.reference_loss, &mut self.reference] {
            io.f64(sum);
            io.check(*sum >= 0.0);
        }
        self.errors.iter_mut().for_each(|error| error.fields(io));
        io.u32(&mut self.total);
    }
}

/// Forecasts and exceedances by hour of the day.
#[derive(Debug, Clone, Default)]
pub(super) struct Hours {
    counts: [[u16; 2]; HOURS],
}

impl Hours {
    pub fn add(&mut self, hour: usize, exceeded: bool) {
        let [scored, exceedances] = &mut self.counts[hour % HOURS];
        if *scored >= u16::MAX / 2 {
            (*scored, *exceedances) = (*scored / 2, *exceedances / 2);
        }
        *scored += 1;
        *exceedances = exceedances.saturating_add(u16::from(exceeded));
    }

    pub fn coverage(&self) -> Vec<HourCoverage> {
        let of = |(hour, [scored, exceeded]): (usize, &[u16; 2])| {
            let scored = f64::from(*scored);
            let coverage = if scored > 0.0 { (1.0 - f64::from(*exceeded) / scored).max(0.0) } else { 1.0 };
            HourCoverage { hour: hour as u8, scored, coverage }
        };
        self.counts.iter().enumerate().map(of).collect()
    }
}

impl Fields for Hours {
    fn fields(&mut self, io: &mut Io<'_>) {
        for [scored, exceeded] in &mut self.counts {
            io.u16(scored);
            io.u16(exceeded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(misses_every: u32, steps: u32) -> LaneHealth {
        let mut account = Account::default();
        for step in 0..steps {
            let came = if step % misses_every == 0 { 20.0 } else { 9.0 + f64::from(step % 7) / 10.0 };
            account.add(&Outcome { said: 10.0, point: 9.3, last: 9.3, came, unit: 0.5 }, 0.99);
        }
        account.health(Millis(60_000), Permille(990))
    }

    #[test]
    fn the_verdict_tells_luck_from_a_broken_promise() {
        assert!(matches!(account(100, 150).verdict, Verdict::TooFew { scored: 144, needed: 200 }));
        assert_eq!(account(100, 4_000).verdict, Verdict::InBounds);
        assert!(matches!(account(20, 4_000).verdict, Verdict::CoverageLow { .. }));
    }

    #[test]
    fn hours_count_apart_and_fade() {
        let mut hours = Hours::default();
        (0..100_000).for_each(|step| hours.add(3, step % 10 == 0));
        let coverage = hours.coverage();
        assert!((coverage[3].coverage - 0.9).abs() < 0.01 && coverage[4].coverage == 1.0);
    }
}
