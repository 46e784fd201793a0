//! What may happen and is in no history: a spike, rare bursts, no load at all, metrics that stay away, replicas that start
//! slowly, a forecast that is wrong, replicas lost with their node, growth, a load that swings, noise.
//!
//! Each stress is laid over a stretch of the recorded load, where that is high, at places drawn from a seed. The seed is made
//! of the history, the part that the proposer has not seen included, so a proposer cannot know it; and every policy is run
//! through the very same stresses.

use super::record::Record;
use plimsoll_model::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_stats::Random;
use plimsoll_stats::random::mix;
use plimsoll_twin::backtest::{Between, Course, CourseError, Load, Protocol};

/// One way to be run: a load, what the controller is told of it, and what else happens.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// What it is called.
    pub name: String,
    /// What the controller sees.
    pub told: Course,
    /// What there is; supplies are judged by it.
    pub truth: Course,
    /// What a start is believed to take, where that is wrong.
    pub startup_told: Option<Millis>,
    /// Replicas that are lost.
    pub losses: Vec<(Timestamp, Permille)>,
    /// Recorded load from before, for whoever forecasts.
    pub before: Load,
}

/// A kind of stress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Spike,
    Bursts,
    Drop,
    MetricLoss,
    SlowStart,
    WrongForecast,
    NodesLost,
    Growth,
    Swing,
    Noise,
}

/// All, with their names and how many of each are drawn.
const KINDS: [(Kind, &str, u64); 10] = [
    (Kind::Spike, "spike", 2),
    (Kind::Bursts, "rare bursts", 2),
    (Kind::Drop, "drop to zero", 1),
    (Kind::MetricLoss, "metric loss", 1),
    (Kind::SlowStart, "slow start", 1),
    (Kind::WrongForecast, "wrong forecast", 1),
    (Kind::NodesLost, "nodes lost", 1),
    (Kind::Growth, "growth", 1),
    (Kind::Swing, "swing", 2),
    (Kind::Noise, "noise", 1),
];
/// Candidates among which the stretch with most load is taken.
const CANDIDATES: u64 = 6;

/// What is done to a stretch.
struct Shape {
    rates: Vec<f64>,
    blind: std::ops::Range<usize>,
    startup_factor: u64,
    loss: Option<(usize, u64)>,
}

/// All stresses of a record.
pub(super) fn trials(record: &Record, seed: u64) -> Result<Vec<Trial>, CourseError> {
    let mut found = Vec::new();
    for (kind, name, draws) in KINDS {
        for draw in 0..draws {
            let mut random = Random::new(seed ^ mix(kind as u64 * 16 + draw + 1));
            let name = if draws > 1 { format!("{name} {}", draw + 1) } else { name.to_owned() };
            found.push(trial(record, kind, name, &mut random)?);
        }
    }
    Ok(found)
}

/// Steps that all stresses take.
pub(super) fn steps(record: &Record) -> u64 {
    let (lead, body) = lengths(record);
    KINDS.iter().map(|(_, _, draws)| draws).sum::<u64>() * (lead + body) as u64
}

fn lengths(record: &Record) -> (usize, usize) {
    let start = record.startup_ticks();
    ((2 * start + 10).clamp(16, 60), (8 * start + 40).clamp(48, 160))
}

fn trial(record: &Record, kind: Kind, name: String, random: &mut Random) -> Result<Trial, CourseError> {
    let (lead, body) = lengths(record);
    let from = stretch(record, lead + body, random);
    let base: Vec<f64> = (0..lead + body).map(|step| rate(record, from + step)).collect();
    let shape = shaped(record, kind, (from, lead), base, random);
    let tick = record.protocol.tick;
    let start = record.load.start.plus(tick.saturating_mul(from as u64));
    let truth: Vec<Option<MilliRps>> = shape.rates.iter().map(|rate| Some(MilliRps((rate + 0.5) as u64))).collect();
    let mut told = truth.clone();
    for step in shape.blind.clone() {
        told[step] = None;
    }
    let protocol = Protocol {
        startup: record.protocol.startup.saturating_mul(shape.startup_factor),
        skip: tick.saturating_mul(lead as u64),
        ..record.protocol.clone()
    };
    let course = |rate| {
        let load = Load { start, step: tick, rate, memory: Vec::new() };
        Course::try_new(&load, Between::Held, protocol.clone())
    };
    let moment = |step: usize| start.plus(tick.saturating_mul(step as u64));
    Ok(Trial {
        name,
        truth: course(truth)?,
        told: course(told)?,
        startup_told: (shape.startup_factor > 1).then_some(record.protocol.startup),
        losses: shape.loss.map(|(step, share)| (moment(step), Permille(share))).into_iter().collect(),
        before: Load { rate: record.load.rate[..from.min(record.load.rate.len())].to_vec(), ..record.load.clone() },
    })
}

/// Where a stretch begins: of some drawn places the one with most load.
fn stretch(record: &Record, length: usize, random: &mut Random) -> usize {
    let last = record.load.rate.len().saturating_sub(length);
    let mut best = (f64::NEG_INFINITY, 0);
    for _ in 0..CANDIDATES {
        let from = random.below(last as u64 + 1) as usize;
        let sum: f64 = (from..from + length).map(|step| rate(record, step)).sum();
        if sum > best.0 {
            best = (sum, from);
        }
    }
    best.1
}

/// The recorded rate, the last one known in a gap, from the beginning again after the end.
fn rate(record: &Record, step: usize) -> f64 {
    let rates = &record.load.rate;
    let at = step % rates.len();
    let known = rates[..=at].iter().rev().flatten().next().or_else(|| rates.iter().flatten().next());
    known.map_or(0.0, |rate| rate.0 as f64)
}

fn shaped(record: &Record, kind: Kind, (from, lead): (usize, usize), base: Vec<f64>, random: &mut Random) -> Shape {
    let (length, start) = (base.len(), record.startup_ticks());
    let body = length - lead;
    let within = |random: &mut Random, low: f64, high: f64| low + (high - low) * random.unit();
    // A place in the first part of the body, so that what follows is scored as well.
    let place = |random: &mut Random| lead + body / 10 + random.below((body / 3).max(1) as u64) as usize;
    let mut shape = Shape { rates: base, blind: 0..0, startup_factor: 1, loss: None };
    let scale = |rates: &mut [f64], from: usize, count: usize, factor: f64| {
        rates.iter_mut().skip(from).take(count).for_each(|rate| *rate *= factor);
    };
    match kind {
        Kind::Spike => {
            let (at, factor) = (place(random), within(random, 2.0, 3.0));
            scale(&mut shape.rates, at, (2 * start + 4).min(body / 2), factor);
        }
        Kind::Bursts => {
            for _ in 0..3 {
                let at = lead + random.below((body - start.min(body / 2) - 2) as u64) as usize;
                let factor = within(random, 1.6, 2.4);
                scale(&mut shape.rates, at, (start + 2).min(body / 4), factor);
            }
        }
        Kind::Drop => {
            let at = place(random);
            scale(&mut shape.rates, at, (3 * start + 8).min(body / 3), 0.0);
        }
        Kind::MetricLoss => {
            let (at, factor, rise) = (place(random), within(random, 1.4, 1.9), (start + 6).min(body / 3));
            for (step, value) in shape.rates.iter_mut().enumerate().skip(at) {
                let share = ((step - at) as f64 / rise as f64).min(1.0);
                *value *= 1.0 + (factor - 1.0) * share;
            }
            shape.blind = at..(at + rise).min(length);
        }
        Kind::SlowStart => {
            let (at, factor) = (place(random), within(random, 1.4, 2.0));
            scale(&mut shape.rates, at, length, factor);
            shape.startup_factor = 3;
        }
        Kind::WrongForecast => {
            let shift = record.load.rate.len() / 2;
            let other: Vec<f64> = (0..body).map(|step| rate(record, from + lead + step + shift)).collect();
            shape.rates[lead..].copy_from_slice(&other);
        }
        Kind::NodesLost => shape.loss = Some((place(random), 300 + random.below(200))),
        Kind::Growth => {
            let factor = within(random, 1.8, 2.5);
            for (step, value) in shape.rates.iter_mut().enumerate().skip(lead) {
                *value *= 1.0 + (factor - 1.0) * (step - lead) as f64 / body as f64;
            }
        }
        Kind::Swing => {
            let (half, by) = (start + 1 + random.below(4) as usize, within(random, 0.25, 0.45));
            for (step, value) in shape.rates.iter_mut().enumerate().skip(lead) {
                *value *= if (step - lead) / half % 2 == 0 { 1.0 + by } else { 1.0 - by };
            }
        }
        Kind::Noise => shape.rates.iter_mut().skip(lead).for_each(|rate| *rate *= random.log_normal(1.0, 0.25)),
    }
    shape
}
