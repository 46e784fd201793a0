//! The learnt upper end: an expectile regression on what precedes a rise, shifted until it covers the wanted share.
//!
//! It sees how the levels stand to each other, how much the series moves, how far it rose lately over this horizon, the season's
//! change, how far it usually rises at this quarter of an hour of the day, and what guests say. All relative to the present level.

use super::codec::{Fields, Half, Io};
use super::experts::{Outlook, Regression};
use super::stream::GUESTS_MAX;

/// Inputs without the guests'.
const OWN: usize = 15;
/// Inputs of the regression.
pub(super) const INPUTS: usize = OWN + GUESTS_MAX;
/// Quarters of an hour in a day.
pub(super) const QUARTERS: usize = 96;
/// Phases of a known event that are told apart; 0 is no event.
pub(super) const PHASES: usize = 48;
/// An error upwards weighs this much, one downwards the rest.
const EXPECTILE: f64 = 0.97;
/// Weights of a new rise in the three running means of them.
const RISES: [f64; 3] = [0.05, 0.01, 0.1];
/// What a rise is thought to be before one was seen.
const RISE_START: f64 = 0.05;
/// Weight of a new rise in that of its quarter of an hour and of its phase.
const QUARTERLY: f64 = 1.0 / 80.0;
/// A relative rise counts at most this much.
const RISE_MAX: f64 = 1.0;
/// A step weighs as its load over the usual, within these.
const LOADS: (f64, f64) = (0.2, 5.0);
/// Steps learnt before it speaks.
const LEARNT_MIN: u32 = 200;

/// What the regression is told besides its own account.
pub(super) struct View<'a> {
    pub outlook: &'a Outlook,
    pub scale: f64,
    /// Greatest of the newest ten steps, relative to the level.
    pub crest: f64,
    /// Change of the season up to the moment that is forecast, relative.
    pub season: f64,
    /// Quarter of an hour of the day that is forecast.
    pub quarter: usize,
    /// Phase of the known event at the moment that is forecast.
    pub phase: usize,
    /// What guests say of the wanted quantile, relative to the level.
    pub guests: [Option<f64>; GUESTS_MAX],
}

/// The learnt upper end at one horizon.
#[derive(Debug, Clone)]
pub(super) struct Upper {
    regression: Regression,
    /// Running means of rises (two windows) and of changes either way.
    rises: [f32; RISES.len()],
    quarters: Vec<Half>,
    phases: Vec<Half>,
}

impl Upper {
    pub fn new() -> Self {
        Self {
            regression: Regression::new(INPUTS),
            rises: [0.0; RISES.len()],
            quarters: vec![Half::of(RISE_START); QUARTERS],
            phases: vec![Half::of(RISE_START); PHASES],
        }
    }

    pub fn inputs(&self, view: &View<'_>) -> [f64; INPUTS] {
        let [newest, short, middle, long] = view.outlook.differences(view.scale);
        let [rise, rise_slow, change] = self.rises.map(f64::from);
        let quarter = view.quarter % QUARTERS;
        let usual = self.quarters[quarter].get();
        let beside = self.quarters[quarter ^ 1].get();
        let moves = view.outlook.moves();
        let own = [
            0.1,
            newest,
            short,
            middle,
            long,
            moves,
            rise,
            rise_slow,
            change,
            (-short).max(0.0),
            view.season,
            view.crest,
            usual,
            0.5 * (usual + beside),
            self.phases[view.phase % PHASES].get(),
        ];
        let mut inputs = [0.0; INPUTS];
        inputs[..OWN].copy_from_slice(&own);
        for (input, guest) in inputs[OWN..].iter_mut().zip(view.guests) {
            *input = guest.unwrap_or(0.0);
        }
        inputs
    }

    /// How far above the level the demand may come, relative; none until it has learnt enough.
    pub fn value(&self, inputs: &[f64]) -> Option<f64> {
        (self.regression.updates() >= LEARNT_MIN).then(|| self.regression.value(inputs))
    }

    /// Learns that the demand came this far above the level that was there, relative. `when`: quarter of an hour and phase. `load` is that level over the long-run
    /// mean: a relative error costs as much more as there is load.
    pub fn learn(&mut self, inputs: &[f64], came: f64, when: (usize, usize), load: f64) {
        self.regression.learn(inputs, came, EXPECTILE, load.clamp(LOADS.0, LOADS.1));
        let came = came.clamp(-RISE_MAX, RISE_MAX);
        let seen = [came.max(0.0), came.max(0.0), came.abs()];
        for ((mean, weight), seen) in self.rises.iter_mut().zip(RISES).zip(seen) {
            *mean = (f64::from(*mean) + weight * (seen - f64::from(*mean))) as f32;
        }
        let (quarter, phase) = when;
        for usual in [&mut self.quarters[quarter % QUARTERS], &mut self.phases[phase % PHASES]] {
            *usual = Half::of(usual.get() + QUARTERLY * (came.max(0.0) - usual.get()));
        }
    }
}

impl Fields for Upper {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.regression.fields(io);
        self.rises.iter_mut().for_each(|mean| io.f32(mean));
        self.quarters.iter_mut().chain(&mut self.phases).for_each(|usual| usual.fields(io));
    }
}

#[cfg(test)]
mod tests {
    use super::super::experts::Recent;
    use super::*;
    use plimsoll_stats::Random;

    fn learnt(phase_of: impl Fn(usize) -> usize) -> (Upper, Outlook) {
        let (mut upper, mut outlook, mut recent, mut random) =
            (Upper::new(), Outlook::default(), Recent::default(), Random::new(11));
        for step in 0..12_000 {
            recent.push(0, 100.0);
            outlook.update(100.0, &recent, 100.0);
            let (quarter, phase) = (step / 15 % QUARTERS, phase_of(step));
            let inputs = upper.inputs(&view(&outlook, quarter, phase));
            let spread = if quarter == 40 || phase == 3 { 0.4 } else { 0.05 };
            upper.learn(&inputs, spread * random.normal(), (quarter, phase), 1.0);
        }
        (upper, outlook)
    }

    fn view(outlook: &Outlook, quarter: usize, phase: usize) -> View<'_> {
        View { outlook, scale: 100.0, crest: 0.0, season: 0.0, quarter, phase, guests: [None; GUESTS_MAX] }
    }

    #[test]
    fn it_reaches_higher_when_demand_rises_at_that_time_of_day_or_in_that_phase() {
        let (upper, outlook) = learnt(|step| if step % 500 < 30 { 3 } else { 0 });
        let above = |quarter, phase| upper.value(&upper.inputs(&view(&outlook, quarter, phase))).unwrap();
        let (usual, time, event) = (above(10, 0), above(40, 0), above(10, 3));
        assert!(usual > 0.0 && usual < 0.15, "{usual}");
        assert!(time > usual + 0.05 && event > usual + 0.05, "{usual} {time} {event}");
    }

    #[test]
    fn it_sleeps_until_it_has_learnt() {
        let upper = Upper::new();
        assert_eq!(upper.value(&[0.0; INPUTS]), None);
    }
}
