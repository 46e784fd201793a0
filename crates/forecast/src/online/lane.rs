//! One horizon of a stream: what was said and waits for its moment, and what is learnt when that comes.
//!
//! Points are fused at the median. Upper ends are fused at the wanted quantile: each kind of spread times its reach, the learnt
//! upper end, and the guests', each of which follows its own coverage. The result is shifted, on the scale that lost least so
//! far, until it covers the wanted share. All learn from the forecast as it was made, never from one made again afterwards.

use super::codec::{Fields, Half, Io};
use super::correction::{Correction, SCALE_NAMES, SCALES};
use super::ends::Ends;
use super::experts::{COUNT, Outlook, REGRESSION, Regression, scale};
use super::fusion::Fusion;
use super::health::{Account, Outcome};
use super::others::Others;
use super::spread::{SPREADS, Scale, Spreads};
use super::stream::GUESTS_MAX;
use super::tracker::Tracker;
use super::upper::{self, Upper, View};
use super::waiting::Waiting;
use std::collections::VecDeque;

/// Experts with the guests.
pub(super) const POINTS: usize = COUNT + GUESTS_MAX;
/// Where the learnt upper end stands among the upper ends.
pub(super) const LEARNT: usize = SPREADS;
/// Upper ends: by kind of spread, learnt, and the guests'.
pub(super) const UPPERS: usize = SPREADS + 1 + GUESTS_MAX;
/// Inputs of the regression for the point.
pub(super) const INPUTS: usize = 5;
/// Steps that it has learnt before it speaks.
const REGRESSION_MIN: u32 = 60;
/// Forecasts of one horizon that wait at most; at longer horizons only each n-th is scored.
pub(super) const WAITING_MAX: u32 = 8;
/// Step of a reach, relative to itself: up by this at an exceedance, down by its hundredth otherwise (at 0.99).
const REACH_STEP: f64 = 0.03;
/// The step is larger at first, by one over this share of the steps learnt.
const REACH_START: f64 = 20.0;
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
pub(super) struct Sight<'a> {
    pub points: [Option<f64>; COUNT],
    pub inputs: [f64; INPUTS],
    pub guests: [GuestSaid; GUESTS_MAX],
    pub outlook: &'a Outlook,
    pub last: f64,
    /// Greatest of the newest ten steps.
    pub crest: f64,
    /// Change of the season up to the moment that is forecast.
    pub season: f64,
    /// Long-run mean of the demand's size.
    pub usual: f64,
    /// Quarter of an hour of the day that is forecast.
    pub quarter: usize,
    /// Phase of the known event then.
    pub phase: usize,
}

/// What a lane says.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub points: [Option<f64>; POINTS],
    pub weights: [f64; POINTS],
    pub point: f64,
    /// Upper ends above the point, before reach or shift: as they are learnt from.
    raw: [Option<f64>; UPPERS],
    pub upper_weights: [f64; UPPERS],
    upper_inputs: [f64; upper::INPUTS],
    /// The fused upper end above the point, before its correction.
    fused: f64,
    /// The wanted quantile above the point.
    pub margin: f64,
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
    reach: [f32; SPREADS],
    upper: Upper,
    shifts: [Tracker; UPPERS - SPREADS],
    ends: Ends,
    correction: Correction,
    others: Others,
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
            regression: Regression::new(INPUTS),
            spreads: Spreads::default(),
            reach: [3.0; SPREADS],
            upper: Upper::new(),
            shifts: Default::default(),
            ends: Ends::new(UPPERS, LEARNT),
            correction: Correction::default(),
            others: Others::new(quantile),
            account: Account::default(),
            cusum: [0.0; 2],
            since_change: 0,
            changes: 0,
        }
    }

    /// What it says of `steps` ahead, seen as it is now.
    pub fn say(&self, sight: &Sight<'_>) -> Said {
        let points = self.points(sight);
        let weights = self.fusion.weights(&points);
        let point = mix(&weights, &points, sight.last);
        let at = Scale::of(point, sight.usual, sight.quarter / 4);
        let upper_inputs = self.upper_inputs(sight);
        let raw = self.raw(sight, &at, point, &upper_inputs);
        let uppers = self.uppers(&raw, scale(sight.outlook.level(), sight.usual));
        let upper_weights = self.ends.weights(&uppers);
        let fused = mix(&upper_weights, &uppers, 0.0);
        let margin =
            (self.correction.factor() * (fused + self.correction.value(&self.units(&at), self.quantile))).max(0.0);
        Said { points, weights, point, raw, upper_weights, upper_inputs, fused, margin }
    }

    /// A usual error on each scale, in the unit of the series.
    fn units(&self, at: &Scale) -> [f64; SCALES] {
        let (each, usual) = (at.each(), self.spreads.usual());
        std::array::from_fn(|index| each[index] * usual[index])
    }

    fn points(&self, sight: &Sight<'_>) -> [Option<f64>; POINTS] {
        let mut points = [None; POINTS];
        points[..COUNT].copy_from_slice(&sight.points);
        if self.regression.updates() >= REGRESSION_MIN {
            let change = self.regression.value(&sight.inputs);
            points[REGRESSION] = Some(sight.last + change * scale(sight.last, sight.usual));
        }
        for (place, guest) in points[COUNT..].iter_mut().zip(&sight.guests) {
            *place = guest.map(|(point, _)| point);
        }
        points.map(|point| point.filter(|value| value.is_finite()))
    }

    fn upper_inputs(&self, sight: &Sight<'_>) -> [f64; upper::INPUTS] {
        let level = sight.outlook.level();
        let size = scale(level, sight.usual);
        if !(size > 0.0) {
            return [0.0; upper::INPUTS];
        }
        self.upper.inputs(&View {
            outlook: sight.outlook,
            scale: size,
            crest: (sight.crest - level) / size,
            season: sight.season / size,
            quarter: sight.quarter,
            phase: sight.phase,
            guests: sight.guests.map(|guest| guest.map(|(_, upper)| (upper - level) / size)),
        })
    }

    fn raw(&self, sight: &Sight<'_>, at: &Scale, point: f64, inputs: &[f64]) -> [Option<f64>; UPPERS] {
        let mut raw = [None; UPPERS];
        raw[..SPREADS].copy_from_slice(&self.spreads.candidates(at));
        let level = sight.outlook.level();
        let learnt = self.upper.value(inputs).filter(|_| level != 0.0 || sight.usual > 0.0);
        raw[LEARNT] = learnt.map(|above| level + above * scale(level, sight.usual) - point);
        for (place, guest) in raw[LEARNT + 1..].iter_mut().zip(&sight.guests) {
            *place = guest.map(|(_, upper)| upper - point);
        }
        raw.map(|raw| raw.filter(|value| value.is_finite()))
    }

    /// Each spread times its reach, each other upper end with its shift of the level.
    fn uppers(&self, raw: &[Option<f64>; UPPERS], size: f64) -> [Option<f64>; UPPERS] {
        let mut uppers = *raw;
        for (place, reach) in uppers.iter_mut().zip(&self.reach) {
            *place = place.map(|spread| spread * f64::from(*reach));
        }
        for (place, tracker) in uppers[SPREADS..].iter_mut().zip(&self.shifts) {
            *place = place.map(|raw| raw + f64::from(tracker.shift) * size);
        }
        uppers
    }

    /// The demand that a share `quantile` will not exceed. Away from the wanted quantile it is as many margins above the point
    /// as demands were before.
    pub fn value(&self, said: &Said, quantile: f64) -> f64 {
        let margins = self.others.margins(quantile, self.quantile);
        let value = said.point + margins * said.margin;
        if value.is_finite() { value } else { said.point }
    }

    /// Writes down what it said of the step `due`.
    pub fn issue(&mut self, due: u32, sight: &Sight<'_>, said: &Said, promised: f64) {
        let apart = self.steps.div_ceil(WAITING_MAX);
        let early = self.waiting.back().is_some_and(|last| due < last.due.saturating_add(apart));
        if early || self.waiting.len() >= WAITING_MAX as usize {
            return;
        }
        let bits = |places: &[Option<f64>]| {
            places.iter().rev().fold(0u16, |bits, place| bits << 1 | u16::from(place.is_some()))
        };
        self.waiting.push_back(Waiting {
            due,
            last: sight.last as f32,
            level: sight.outlook.level() as f32,
            point: said.point as f32,
            said: promised as f32,
            fused: said.fused as f32,
            usual: sight.usual as f32,
            quarter: sight.quarter as u8,
            phase: sight.phase as u8,
            awake: bits(&said.points),
            points: said.points.map(|point| Half::of(point.unwrap_or(sight.last) - sight.last)),
            inputs: sight.inputs.map(Half::of),
            upper_awake: bits(&said.raw),
            raw: said.raw.map(|raw| Half::of(raw.unwrap_or(0.0))),
            upper_inputs: said.upper_inputs.map(Half::of),
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
        self.learn_uppers(&waiting, came);
        self.watch_for_change(&waiting, came);
        let said = f64::from(waiting.said);
        let (point, last) = (f64::from(waiting.point), f64::from(waiting.last));
        let outcome = Outcome { said, point, last, came, unit: self.spreads.unit() };
        self.account.add(&outcome, self.quantile);
        Some((usize::from(waiting.quarter) / 4, came > said))
    }

    fn learn_points(&mut self, waiting: &Waiting, came: f64) {
        let last = f64::from(waiting.last);
        let said: [Option<f64>; POINTS] =
            std::array::from_fn(|index| (waiting.awake >> index & 1 == 1).then(|| last + waiting.points[index].get()));
        self.fusion.learn(&said, f64::from(waiting.point), came, 0.5, self.spreads.unit());
        let size = scale(last, f64::from(waiting.usual));
        if size > 0.0 {
            self.regression.learn(&waiting.inputs.map(Half::get), (came - last) / size, 0.5, 1.0);
        }
    }

    fn learn_uppers(&mut self, waiting: &Waiting, came: f64) {
        let point = f64::from(waiting.point);
        let (error, fused, usual) = (came - point, f64::from(waiting.fused), f64::from(waiting.usual));
        let at = Scale::of(point, usual, usize::from(waiting.quarter) / 4);
        let level = f64::from(waiting.level);
        let size = scale(level, usual);
        let raw: [Option<f64>; UPPERS] =
            std::array::from_fn(|index| (waiting.upper_awake >> index & 1 == 1).then(|| waiting.raw[index].get()));
        let uppers = self.uppers(&raw, size);
        self.ends.learn(&uppers, error, self.quantile, self.spreads.unit());
        self.follow(&uppers, error);
        let exceeded = came > f64::from(waiting.said);
        self.correction.learn(error - fused, &self.units(&at), self.quantile, exceeded);
        let margin = f64::from(waiting.said) - point;
        if margin > 0.0 {
            self.others.learn(error / margin);
        }
        if size > 0.0 {
            let when = (usize::from(waiting.quarter), usize::from(waiting.phase));
            self.upper.learn(&waiting.upper_inputs.map(Half::get), (came - level) / size, when, level.abs() / usual);
        }
        self.spreads.learn(error, &at);
    }

    /// Moves reaches and shifts towards the wanted coverage of each upper end.
    fn follow(&mut self, uppers: &[Option<f64>; UPPERS], error: f64) {
        let pace = REACH_STEP * (1.0 + REACH_START / (1.0 + f64::from(self.spreads.count()) / 10.0));
        for (reach, said) in self.reach.iter_mut().zip(uppers) {
            let Some(said) = said else { continue };
            let step = if error > *said { self.quantile } else { self.quantile - 1.0 };
            *reach = (f64::from(*reach) * (1.0 + pace * step)).clamp(0.05, 50.0) as f32;
        }
        let [.., relative] = self.spreads.usual();
        for (tracker, said) in self.shifts.iter_mut().zip(&uppers[SPREADS..]) {
            let Some(said) = said else { continue };
            tracker.learn(error > *said, self.quantile, relative, self.spreads.count());
        }
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
            (self.cusum, self.since_change) = ([0.0; 2], 0);
            self.changes = self.changes.saturating_add(1);
        }
    }

    /// The scale on which excesses are most regular.
    pub fn scale_name(&self) -> &'static str {
        SCALE_NAMES[self.correction.chosen()]
    }

    /// Another guest takes this place.
    pub fn reset_guest(&mut self, guest: usize) {
        self.fusion.reset(COUNT + guest);
        self.ends.reset(LEARNT + 1 + guest);
        self.shifts[1 + guest] = Tracker::default();
        for waiting in &mut self.waiting {
            waiting.awake &= !(1 << (COUNT + guest));
            waiting.upper_awake &= !(1 << (LEARNT + 1 + guest));
        }
    }
}

/// The weighted mean; `otherwise` when nobody is awake.
fn mix<const N: usize>(weights: &[f64; N], said: &[Option<f64>; N], otherwise: f64) -> f64 {
    let terms = weights.iter().zip(said).filter_map(|(weight, said)| Some((*weight, (*said)?)));
    let add = |(sum, total), (weight, said): (f64, f64)| (sum + weight * (said - otherwise), total + weight);
    let (sum, total) = terms.fold((0.0, 0.0), add);
    if total > 0.0 && sum.is_finite() { otherwise + sum / total } else { otherwise }
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
        self.shifts.iter_mut().for_each(|shift| shift.fields(io));
        self.ends.fields(io);
        self.correction.fields(io);
        self.others.fields(io);
        self.account.fields(io);
        self.cusum.iter_mut().for_each(|sum| io.f32(sum));
        io.u32(&mut self.since_change);
        io.u32(&mut self.changes);
    }
}
