//! What one horizon learns: forecasts are written down as they were made, and scored when their moment comes.

use super::codec::Half;
use super::experts::scale;
use super::health::Outcome;
use super::lane::{Lane, POINTS, Said, Sight, UPPERS, WAITING_MAX};
use super::spread::{SPREADS, Scale};
use super::waiting::Waiting;

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

impl Lane {
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
        if unit <= 0.0 || self.spreads.count() < 30 {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::experts::{COUNT, Outlook};
    use crate::online::stream::GUESTS_MAX;

    /// A lane of so many steps that saw a constant demand and says it.
    fn run(lane: &mut Lane, steps: u32, value: impl Fn(u32) -> f64) -> Vec<u32> {
        let (mut scored, outlook) = (Vec::new(), Outlook::default());
        for now in 0..steps {
            if lane.score(now, value(now)).is_some() {
                scored.push(now);
            }
            let mut points = [None; COUNT];
            points[0] = Some(value(now));
            let sight = Sight {
                points,
                inputs: [0.0; crate::online::lane::INPUTS],
                guests: [None; GUESTS_MAX],
                outlook: &outlook,
                last: value(now),
                crest: value(now),
                season: 0.0,
                usual: 10.0,
                quarter: 0,
                phase: 0,
            };
            let said = lane.say(&sight);
            let promised = lane.value(&said, 0.99);
            lane.issue(now + lane.steps, &sight, &said, promised);
        }
        scored
    }

    #[test]
    fn a_short_horizon_is_scored_at_each_step_and_a_long_one_at_each_nth() {
        assert_eq!(run(&mut Lane::new(3, 0.99), 10, |_| 10.0), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(run(&mut Lane::new(20, 0.99), 33, |_| 10.0), [20, 23, 26, 29, 32]);
    }

    #[test]
    fn a_lasting_shift_of_the_errors_is_a_change_of_regime() {
        let mut lane = Lane::new(1, 0.99);
        let ramp = |now: u32| f64::from(now.saturating_sub(500)).mul_add(5.0, f64::from(now % 2));
        run(&mut lane, 500, ramp);
        assert_eq!(lane.changes, 0);
        let mut lane = Lane::new(1, 0.99);
        run(&mut lane, 600, ramp);
        assert!(lane.changes > 0 && lane.since_change < 100);
    }
}
