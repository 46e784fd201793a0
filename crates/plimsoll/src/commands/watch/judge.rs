//! What Plimsoll would have done, and how both supplies compare.
//!
//! The service ran before anybody watched, so the first value is held for a while before the first moment, unscored: the
//! policy begins settled, as it would have been.

use super::capacity::{Capacity, capacity};
use super::observed::Observed;
use super::time;
use crate::args::Watch;
use crate::commands::backtest::decided_by;
use anyhow::{Context, bail};
use plimsoll_model::{MilliRps, Millis, Permille, Spec, Timestamp};
use plimsoll_twin::backtest::{Between, Card, Course, Explained, Load, Protocol, Run, Supply, Watch as Look};

/// The first value is held so long before the first moment, at least.
const SETTLE: Millis = Millis(600_000);
/// Changes whose reasons are kept.
const CHANGES_MAX: usize = 2_000;

/// The terms on which both supplies are compared.
#[derive(Debug)]
pub struct Terms {
    /// The policy's name.
    pub policy: String,
    spec: Spec,
    protocol: Protocol,
    capacity: Option<f64>,
    usable: f64,
    /// Price of a replica hour.
    pub price: f64,
}

/// What came out.
pub struct Judged {
    /// The load, its need and its optimum.
    pub course: Course,
    /// What one replica carries.
    pub capacity: Capacity,
    /// What there was, where that is known.
    pub had: Option<(Supply, Card)>,
    /// What Plimsoll would have had.
    pub would: (Supply, Card),
    /// What a clairvoyant would have had.
    pub best: (Supply, Card),
    /// Every change that Plimsoll would have made, oldest first.
    pub changes: Vec<Change>,
    /// Changes beyond those that are kept.
    pub more: usize,
}

/// One change that would have been made.
pub struct Change {
    /// Replicas paid for before.
    pub from: u32,
    /// Replicas paid for after it.
    pub to: u32,
    /// Replicas that there really were then.
    pub had: Option<u32>,
    /// When and why.
    pub explained: Explained,
}

impl Terms {
    /// Reads what was typed.
    pub fn read(typed: &Watch) -> anyhow::Result<Self> {
        let usable = Permille((typed.usable * 1_000.0).round() as u64);
        if usable == Permille::ZERO {
            bail!("--usable must be above 0: nothing could be carried");
        }
        let (policy, spec) = decided_by(&typed.policy)?;
        let protocol = Protocol {
            tick: time("--tick", &typed.tick, 1_000)?,
            metric_lag: time("--metric-lag", &typed.metric_lag, 0)?,
            usable,
            ..Protocol::research(time("--startup", &typed.startup, 0)?)
        };
        Ok(Self { policy, spec, protocol, capacity: typed.capacity, usable: typed.usable, price: typed.price })
    }

    /// In one line.
    pub fn told(&self, capacity: &Capacity, unit: &str) -> String {
        let Protocol { tick, startup, metric_lag, .. } = &self.protocol;
        format!(
            "one replica carries {:.3} {unit} at 100 % and may carry {:.0} % of it, starts in {startup}; a decision every \
             {tick}, on figures {metric_lag} old; price {} per replica hour",
            capacity.full,
            self.usable * 100.0,
            self.price
        )
    }

    /// Time between two decisions.
    pub fn tick(&self) -> Millis {
        self.protocol.tick
    }
}

/// Runs the policy over what was observed and compares.
pub fn judge(terms: &Terms, observed: &Observed) -> anyhow::Result<Judged> {
    let capacity = capacity(terms.capacity, terms.usable, observed)?;
    let milli = (capacity.full * 1_000.0).round();
    if !(1.0..1e15).contains(&milli) {
        bail!("a replica that carries {} {} cannot be computed with", capacity.full, observed.unit);
    }
    let settle = SETTLE.max(terms.protocol.startup.saturating_mul(4));
    let (load, held) = settled(observed, settle)?;
    let span = observed.load.step.saturating_mul(observed.load.values.len() as u64);
    if span < terms.protocol.tick {
        bail!("{span} were watched, which is shorter than one --tick of {}", terms.protocol.tick);
    }
    let protocol = Protocol { capacity: MilliRps(milli as u64), skip: held, ..terms.protocol.clone() };
    let course = Course::try_new(&load, Between::Held, protocol)?;
    let first = course.run_watched(&terms.spec, &Look::default(), |_| ())?;
    let had = observed.replicas.as_ref().map(|replicas| supply_of(&course, observed, replicas));
    let (changes, more) = changes(terms, &course, &first, had.as_ref())?;
    let best = course.clairvoyant();
    Ok(Judged {
        capacity,
        had: had.map(|supply| (supply.clone(), course.judge(&supply))),
        would: (first.supply, first.card),
        best: (best.clone(), course.judge(&best)),
        course,
        changes,
        more,
    })
}

/// The load with its first value held for at least `settle` before it, and for how long.
fn settled(observed: &Observed, settle: Millis) -> anyhow::Result<(Load, Millis)> {
    let series = &observed.load;
    let first = series.values.iter().copied().find(|value| value.is_finite());
    let first = first.context("nothing was observed")?;
    // Whole slots and whole ticks, so that the first scored tick begins with the first slot.
    let slots = settle.0.div_ceil(series.step.0.max(1));
    let held = series.step.saturating_mul(slots);
    let before = std::iter::repeat_n(first, usize::try_from(slots).unwrap_or(0));
    let values: Vec<f64> = before.chain(series.values.iter().copied()).collect();
    Ok((Load::try_new(series.start.minus(held), series.step, &values, 1_000.0)?, held))
}

/// The replicas there really were as a supply: in a gap as many as before it.
fn supply_of(course: &Course, observed: &Observed, replicas: &[f64]) -> Supply {
    let (start, step) = (observed.load.start, observed.load.step.0.max(1));
    let first = replicas.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0);
    let mut known = Vec::with_capacity(replicas.len());
    let mut last = first;
    for value in replicas {
        last = if value.is_finite() { *value } else { last };
        known.push(last.round().clamp(0.0, f64::from(u32::MAX)) as u32);
    }
    let at = |tick: usize| {
        let moment = course.start().plus(course.protocol().tick.saturating_mul(tick as u64));
        let slot = usize::try_from(moment.since(start).0 / step).unwrap_or(usize::MAX);
        known.get(slot).or(known.last()).copied().unwrap_or(0)
    };
    let ready: Vec<u32> = (0..course.need().len()).map(at).collect();
    let actions = ready.windows(2).map(|pair| u64::from(pair[0].abs_diff(pair[1]))).sum();
    Supply { billed: ready.clone(), ready, actions }
}

/// Each moment at which the number of replicas would have changed, with its reason: a second run over the same load, which
/// gives the same decisions, is asked about just these.
fn changes(terms: &Terms, course: &Course, run: &Run, had: Option<&Supply>) -> anyhow::Result<(Vec<Change>, usize)> {
    let billed = &run.supply.billed;
    let ticks: Vec<usize> = (1..billed.len()).filter(|tick| billed[*tick] != billed[tick - 1]).collect();
    let more = ticks.len().saturating_sub(CHANGES_MAX);
    let kept = &ticks[..ticks.len() - more];
    let moment = |tick: &usize| course.start().plus(course.protocol().tick.saturating_mul(*tick as u64));
    let explain: Vec<Timestamp> = kept.iter().map(moment).collect();
    let look = Look { explain: &explain, ..Look::default() };
    let again = course.run_watched(&terms.spec, &look, |_| ())?;
    let changes = kept.iter().zip(again.explained).map(|(tick, explained)| Change {
        from: billed[tick - 1],
        to: billed[*tick],
        had: had.and_then(|had| had.ready.get(*tick)).copied(),
        explained,
    });
    Ok((changes.collect(), more))
}
