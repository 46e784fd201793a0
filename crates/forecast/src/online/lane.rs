//! One horizon of a stream: what was said and waits for its moment, and what is learnt when that comes.
//!
//! Points are fused at the median. Upper ends are fused at the wanted quantile: each kind of spread times its reach, the learnt
//! upper end, and the guests', each of which follows its own coverage. The result is shifted, on the scale that lost least so
//! far, until it covers the wanted share. All learn from the forecast as it was made, never from one made again afterwards.

use super::codec::{Fields, Io};
use super::correction::{Correction, SCALE_NAMES, SCALES};
use super::ends::Ends;
use super::experts::{COUNT, Outlook, REGRESSION, Regression, scale};
use super::fusion::Fusion;
use super::health::Account;
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
    pub(super) raw: [Option<f64>; UPPERS],
    pub upper_weights: [f64; UPPERS],
    pub(super) upper_inputs: [f64; upper::INPUTS],
    /// The fused upper end above the point, before its correction.
    pub(super) fused: f64,
    /// The wanted quantile above the point.
    pub margin: f64,
}

/// One horizon.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub steps: u32,
    pub(super) quantile: f64,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) fusion: Fusion,
    pub(super) regression: Regression,
    pub spreads: Spreads,
    pub(super) reach: [f32; SPREADS],
    pub(super) upper: Upper,
    pub(super) shifts: [Tracker; UPPERS - SPREADS],
    pub(super) ends: Ends,
    pub(super) correction: Correction,
    pub(super) others: Others,
    pub account: Account,
    pub(super) cusum: [f32; 2],
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

    /// A lane that looks another way ahead and begins with what this one has learnt. What this one still waits for is of
    /// another horizon.
    pub fn heir(&self, steps: u32) -> Self {
        Self { steps, waiting: VecDeque::new(), ..self.clone() }
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
    pub(super) fn units(&self, at: &Scale) -> [f64; SCALES] {
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
        if size <= 0.0 {
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
    pub(super) fn uppers(&self, raw: &[Option<f64>; UPPERS], size: f64) -> [Option<f64>; UPPERS] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_of_those_awake_and_otherwise_what_is_known() {
        assert_eq!(mix(&[0.5, 0.5, 0.0], &[Some(2.0), Some(4.0), None], 9.0), 3.0);
        assert_eq!(mix(&[0.0; 2], &[None::<f64>; 2], 9.0), 9.0);
        assert_eq!(mix(&[0.5, 0.5], &[Some(f64::MAX), Some(f64::MAX)], -f64::MAX), -f64::MAX);
    }
}
