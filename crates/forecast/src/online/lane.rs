//! One horizon of a stream: what was said and waits for its moment, and what is learnt when that comes.
//!
//! Points are fused at the median, spreads at the wanted quantile, and the product is corrected by what share of the demands it
//! covered. All three learn from the forecast as it was made, never from one made again afterwards.

use super::codec::{Fields, Half, Io};
use super::experts::{COUNT, INPUTS, NAMES, REGRESSION, Regression};
use super::fusion::Fusion;
use super::health::{Account, Outcome};
use super::sketch::Sketch;
use super::spread::{SPREADS, Scale, Spreads};
use super::stream::GUESTS_MAX;
use std::collections::VecDeque;

/// Experts with the guests.
pub(super) const POINTS: usize = COUNT + GUESTS_MAX;
/// Spreads with those of the guests.
pub(super) const REACHES: usize = SPREADS + GUESTS_MAX;
/// Forecasts of one horizon that wait at most; at longer horizons only each n-th is scored.
const WAITING_MAX: u32 = 8;
/// Step of a reach, relative to itself: up by this at an exceedance, down by its hundredth otherwise (at 0.99).
const REACH_STEP: f64 = 0.03;
/// Residuals before the sketch may shrink a margin.
const SKETCH_MIN: f64 = 50.0;
/// The corrected margin is at most this many fused ones.
const CORRECTION_MAX: f64 = 9.0;
/// How fast surplus exceedances raise the level asked of the sketch: by a tenth of the miss rate each.
const DEBT_WEIGHT: f64 = 0.1;
/// Surplus exceedances kept from one forecast to the next.
const DEBT_KEPT: f64 = 1.0 - 1.0 / 3_000.0;
/// At most so many surplus exceedances count.
const DEBT_MAX: f64 = 15.0;
/// Slack and limit of the test for a change of regime, in usual errors.
const CUSUM_SLACK: f64 = 1.0;
const CUSUM_LIMIT: f64 = 16.0;
/// One error counts at most this much there.
const CUSUM_ERROR_MAX: f64 = 5.0;
/// What fusion keeps of its regrets after a change of regime.
const KEPT_AFTER_CHANGE: f64 = 0.1;

/// What a guest says of one horizon: its point and the value at the wanted quantile.
pub(super) type GuestSaid = Option<(f64, f64)>;

/// What a lane goes by when it speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub points: [Option<f64>; COUNT],
    pub inputs: [f64; INPUTS],
    pub guests: [GuestSaid; GUESTS_MAX],
    pub last: f64,
    /// Long-run mean of the demand's size.
    pub usual: f64,
    /// Hour of the day that is forecast.
    pub hour: usize,
}

/// What a lane says.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub points: [Option<f64>; POINTS],
    pub weights: [f64; POINTS],
    pub point: f64,
    pub reaches: [Option<f64>; REACHES],
    pub reach_weights: [f64; REACHES],
    /// The fused margin above the point, before its correction.
    pub margin: f64,
}

/// A forecast that waits for its moment.
#[derive(Debug, Clone, Default)]
struct Waiting {
    due: u32,
    last: f32,
    point: f32,
    /// What was promised to cover the wanted share.
    said: f32,
    margin: f32,
    usual: f32,
    hour: u8,
    /// Bit per expert that was awake.
    awake: u16,
    points: [Half; POINTS],
    inputs: [Half; INPUTS],
    /// Bit per spread that was there.
    spread_awake: u16,
    spreads: [Half; REACHES],
}

/// One horizon.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub steps: u32,
    quantile: f64,
    waiting: VecDeque<Waiting>,
    fusion: Fusion,
    regression: Regression,
    pub spreads: Spreads,
    reach: [f32; REACHES],
    upper: Fusion,
    sketch: Sketch,
    debt: f64,
    pub account: Account,
    cusum: [f32; 2],
    /// Steps scored since the last change of regime.
    pub since_change: u32,
    pub changes: u32,
}

impl Lane {
    pub fn new(steps: u32, quantile: f64) -> Self {
        Self {
            steps,
            quantile,
            waiting: VecDeque::new(),
            fusion: Fusion::new(POINTS),
            regression: Regression::default(),
            spreads: Spreads::default(),
            reach: [2.0; REACHES],
            upper: Fusion::new(REACHES),
            sketch: Sketch::default(),
            debt: 0.0,
            account: Account::default(),
            cusum: [0.0; 2],
            since_change: 0,
            changes: 0,
        }
    }

    /// What it says of `steps` ahead, seen as it is now.
    pub fn say(&self, sight: &Sight) -> Said {
        let mut points = [None; POINTS];
        points[..COUNT].copy_from_slice(&sight.points);
        let change = self.regression.value(&sight.inputs);
        points[REGRESSION] = change.map(|change| sight.last + change * sight.last.abs().max(0.1 * sight.usual));
        for (place, guest) in points[COUNT..].iter_mut().zip(&sight.guests) {
            *place = guest.map(|(point, _)| point);
        }
        let points = points.map(|point| point.filter(|value| value.is_finite()));
        let weights = self.fusion.weights(&points);
        let point = mix(&weights, &points, sight.last);
        let level = point.abs().max(0.1 * sight.usual);
        let scale = Scale { level, usual: sight.usual, hour: sight.hour };
        let reaches = self.reaches(&scale, point, &sight.guests);
        let reach_weights = self.upper.weights(&reaches);
        let margin = mix(&reach_weights, &reaches, 0.0).max(0.0);
        Said { points, weights, point, reaches, reach_weights, margin }
    }

    /// Each spread times its reach.
    fn reaches(&self, scale: &Scale, point: f64, guests: &[GuestSaid]) -> [Option<f64>; REACHES] {
        let mut reaches = [None; REACHES];
        reaches[..SPREADS].copy_from_slice(&self.spreads.candidates(scale));
        for (place, guest) in reaches[SPREADS..].iter_mut().zip(guests) {
            *place = guest.map(|(_, upper)| (upper - point).max(0.05 * self.spreads.unit()));
        }
        for (place, reach) in reaches.iter_mut().zip(&self.reach) {
            *place = place.map(|spread| spread * f64::from(*reach)).filter(|value| value.is_finite());
        }
        reaches
    }

    /// The demand that a share `quantile` will not exceed.
    pub fn value(&self, said: &Said, quantile: f64) -> f64 {
        let enough = self.sketch.count() >= SKETCH_MIN;
        let miss = (1.0 - quantile) * libm::exp(-DEBT_WEIGHT * self.debt.max(-DEBT_MAX / 2.0));
        let level = if quantile > 0.5 { 1.0 - miss.min(1.0 - quantile + 0.02) } else { quantile };
        let mut correction = self.sketch.quantile(level).clamp(-CORRECTION_MAX, CORRECTION_MAX);
        if !enough && quantile >= self.quantile {
            correction = correction.max(1.0);
        }
        let value = said.point + correction * said.margin;
        if value.is_finite() { value } else { said.point }
    }

    /// Writes down what it said of the step `due`.
    pub fn issue(&mut self, due: u32, sight: &Sight, said: &Said, promised: f64) {
        let apart = self.steps.div_ceil(WAITING_MAX);
        let early = self.waiting.back().is_some_and(|last| due < last.due.saturating_add(apart));
        if early || self.waiting.len() >= WAITING_MAX as usize {
            return;
        }
        let bits = |places: &[bool]| places.iter().rev().fold(0u16, |bits, bit| bits << 1 | u16::from(*bit));
        self.waiting.push_back(Waiting {
            due,
            last: sight.last as f32,
            point: said.point as f32,
            said: promised as f32,
            margin: said.margin as f32,
            usual: sight.usual as f32,
            hour: sight.hour as u8,
            awake: bits(&said.points.map(|point| point.is_some())),
            points: said.points.map(|point| Half::of(point.unwrap_or(sight.last) - sight.last)),
            inputs: sight.inputs.map(Half::of),
            spread_awake: bits(&said.reaches.map(|reach| reach.is_some())),
            spreads: std::array::from_fn(|index| {
                Half::of(said.reaches[index].unwrap_or(0.0) / f64::from(self.reach[index]))
            }),
        });
    }

    /// Learns from the step `index`. Gives, where a forecast waited for it, whether the demand exceeded what was promised
    /// and for which hour that was.
    pub fn score(&mut self, index: u32, came: f64) -> Option<(usize, bool)> {
        let mut due = None;
        while self.waiting.front().is_some_and(|waiting| waiting.due <= index) {
            due = self.waiting.pop_front();
        }
        let waiting = due.filter(|waiting| waiting.due == index)?;
        self.learn_points(&waiting, came);
        self.learn_spreads(&waiting, came);
        self.watch_for_change(&waiting, came);
        let said = f64::from(waiting.said);
        let exceeded = came > said;
        let missed = f64::from(u8::from(exceeded)) - (1.0 - self.quantile);
        self.debt = (self.debt * DEBT_KEPT + missed).clamp(-DEBT_MAX, DEBT_MAX);
        let (point, last) = (f64::from(waiting.point), f64::from(waiting.last));
        let outcome = Outcome { said, point, last, came, unit: self.spreads.unit() };
        self.account.add(&outcome, self.quantile);
        Some((usize::from(waiting.hour), exceeded))
    }

    fn learn_points(&mut self, waiting: &Waiting, came: f64) {
        let last = f64::from(waiting.last);
        let said: [Option<f64>; POINTS] =
            std::array::from_fn(|index| (waiting.awake >> index & 1 == 1).then(|| last + waiting.points[index].get()));
        self.fusion.learn(&said, f64::from(waiting.point), came, 0.5, self.spreads.unit());
        let level = last.abs().max(0.1 * f64::from(waiting.usual));
        if level > 0.0 {
            self.regression.learn(&waiting.inputs.map(Half::get), (came - last) / level);
        }
    }

    fn learn_spreads(&mut self, waiting: &Waiting, came: f64) {
        let point = f64::from(waiting.point);
        let error = came - point;
        let margin = f64::from(waiting.margin);
        let reaches: [Option<f64>; REACHES] = std::array::from_fn(|index| {
            let spread = waiting.spreads[index].get() * f64::from(self.reach[index]);
            (waiting.spread_awake >> index & 1 == 1).then_some(spread)
        });
        self.upper.learn(&reaches, margin, error, self.quantile, self.spreads.unit());
        for (reach, said) in self.reach.iter_mut().zip(&reaches) {
            let Some(said) = said else { continue };
            let step = if error > *said { self.quantile } else { self.quantile - 1.0 };
            *reach = (f64::from(*reach) * (1.0 + REACH_STEP * step)).clamp(0.05, 50.0) as f32;
        }
        if margin > 0.0 {
            self.sketch.add(error / margin);
        }
        let level = point.abs().max(0.1 * f64::from(waiting.usual));
        let scale = Scale { level, usual: f64::from(waiting.usual), hour: usize::from(waiting.hour) };
        self.spreads.learn(error, &scale);
    }

    /// Two-sided CUSUM on errors over their usual size (E. S. Page, "Continuous Inspection Schemes", 1954). Errors of
    /// forecasts several steps ahead overlap, so that the limit grows with the horizon.
    fn watch_for_change(&mut self, waiting: &Waiting, came: f64) {
        self.since_change = self.since_change.saturating_add(1);
        let unit = self.spreads.unit();
        if !(unit > 0.0) || self.spreads.count() < 30 {
            return;
        }
        let error = ((came - f64::from(waiting.point)) / unit).clamp(-CUSUM_ERROR_MAX, CUSUM_ERROR_MAX);
        let add = |sum: f32, error: f64| (f64::from(sum) + error - CUSUM_SLACK).max(0.0) as f32;
        self.cusum = [add(self.cusum[0], error), add(self.cusum[1], -error)];
        let limit = CUSUM_LIMIT * libm::sqrt(f64::from(self.steps.min(WAITING_MAX)));
        if self.cusum.iter().any(|sum| f64::from(*sum) > limit) {
            self.fusion.forget(KEPT_AFTER_CHANGE);
            self.upper.forget(KEPT_AFTER_CHANGE);
            self.spreads.restart();
            (self.cusum, self.since_change) = ([0.0; 2], 0);
            self.changes = self.changes.saturating_add(1);
        }
    }

    /// Another guest takes this place.
    pub fn reset_guest(&mut self, guest: usize) {
        self.fusion.reset(COUNT + guest);
        self.upper.reset(SPREADS + guest);
        self.reach[SPREADS + guest] = 1.0;
        for waiting in &mut self.waiting {
            waiting.awake &= !(1 << (COUNT + guest));
            waiting.spread_awake &= !(1 << (SPREADS + guest));
        }
    }

    /// The name of an expert that is no guest.
    pub fn name(index: usize) -> Option<&'static str> {
        NAMES.get(index).copied()
    }
}

/// The weighted mean; `otherwise` when nobody is awake.
fn mix<const N: usize>(weights: &[f64; N], said: &[Option<f64>; N], otherwise: f64) -> f64 {
    let terms = weights.iter().zip(said).filter_map(|(weight, said)| Some((*weight, (*said)?)));
    let (sum, total) =
        terms.fold((0.0, 0.0), |(sum, total), (weight, said)| (sum + weight * (said - otherwise), total + weight));
    if total > 0.0 && sum.is_finite() { otherwise + sum / total } else { otherwise }
}

impl Fields for Waiting {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.u32(&mut self.due);
        for value in [&mut self.last, &mut self.point, &mut self.said, &mut self.margin, &mut self.usual] {
            io.f32(value);
        }
        io.u8(&mut self.hour);
        io.u16(&mut self.awake);
        self.points.iter_mut().for_each(|half| half.fields(io));
        self.inputs.iter_mut().for_each(|half| half.fields(io));
        io.u16(&mut self.spread_awake);
        self.spreads.iter_mut().for_each(|half| half.fields(io));
    }
}

impl Fields for Lane {
    fn fields(&mut self, io: &mut Io<'_>) {
        let mut count = self.waiting.len() as u8;
        io.u8(&mut count);
        io.check(u32::from(count) <= WAITING_MAX);
        if io.is_reading() {
            self.waiting = vec![Waiting::default(); usize::from(count)].into();
        }
        self.waiting.iter_mut().for_each(|waiting| waiting.fields(io));
        self.fusion.fields(io);
        self.regression.fields(io);
        self.spreads.fields(io);
        for reach in &mut self.reach {
            io.f32(reach);
            io.check(*reach > 0.0);
        }
        self.upper.fields(io);
        self.sketch.fields(io);
        io.f64(&mut self.debt);
        self.account.fields(io);
        self.cusum.iter_mut().for_each(|sum| io.f32(sum));
        io.u32(&mut self.since_change);
        io.u32(&mut self.changes);
    }
}
