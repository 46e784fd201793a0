//! Training on drawn series, seed by seed: one step takes a batch of windows cut from series of [`crate::synthetic`].
//!
//! The batches depend on the seed alone, so the same program gives the same weights on any CPU. Cutting several windows out
//! of one series, and asking for a few of the steps ahead rather than all, makes more different series fit into a CPU
//! second: neighbouring steps teach almost the same.

use super::gradient::{REPORTED_MAX, Target, backward, of_outputs};
use super::inputs::{STEPS_MAX, Step, of_step, of_window};
use super::network::{LEVELS, OUTPUTS, PARAMETERS, Pass, forward, quantiles, start};
use super::weights;
use super::window::{CONTEXT, Window};
use crate::neural::adam::{Adam, AdamSettings};
use crate::synthetic::draw;
use plimsoll_stats::Random;

/// Windows of one batch.
pub const WINDOWS: usize = 64;
/// Windows cut from one drawn series.
const PER_SERIES: usize = 4;
/// Steps ahead that one window is asked for.
const STEPS: usize = 12;
/// Batches after which the rate is at its highest.
const WARM: f64 = 1_000.0;
/// How strongly the average is weighted to the end of the run: it is over about its last ninth.
const RECENT: f64 = 8.0;
/// Shortest history trained on.
const HISTORY_MIN: f64 = 8.0;

/// Settings of a training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingSettings {
    /// Everything random follows from it.
    pub seed: u64,
    /// Batches.
    pub batches: u32,
    /// Highest learning rate: reached after [`WARM`] batches, held for four times as many, then falling with the root of
    /// the batches. It does not depend on how many batches there will be, so a run may be stopped at any checkpoint.
    pub rate: f64,
}

/// A run in progress.
#[derive(Debug)]
pub struct Training {
    settings: TrainingSettings,
    parameters: Vec<f32>,
    /// The average over the run so far, weighted to its end: what is measured and written.
    average: Vec<f32>,
    adam: Adam<f32>,
    random: Random,
    done: u32,
}

/// How well a network forecasts series that no batch held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    /// Mean pinball loss in units, as trained on.
    pub loss: f64,
    /// Sum of the medians' absolute errors over that of the last value, series at equal weight.
    pub median_to_last: f64,
    /// Share of values at or below the 0.9 and 0.99 quantiles.
    pub covered: [f64; 2],
}

struct Batch {
    windows: Vec<f32>,
    steps: Vec<f32>,
    asked: Vec<(Step, Target)>,
}

impl Training {
    /// A run at its start.
    #[must_use]
    pub fn new(settings: TrainingSettings) -> Self {
        let mut random = Random::new(settings.seed);
        let parameters = start(&mut random.fork());
        let adam = Adam::new(PARAMETERS, AdamSettings { norm_max: 0.5, ..AdamSettings::default() });
        Self { settings, average: parameters.clone(), parameters, adam, random, done: 0 }
    }

    /// Batches trained on so far.
    #[must_use]
    pub const fn done(&self) -> u32 {
        self.done
    }

    /// Whether all batches are done.
    #[must_use]
    pub const fn finished(&self) -> bool {
        self.done >= self.settings.batches
    }

    /// Trains on the next batch; its mean loss before the step.
    pub fn step(&mut self) -> f64 {
        let batch = Batch::draw(&mut self.random.fork());
        let pass = forward(&self.parameters, batch.windows, batch.steps);
        let targets: Vec<Target> = batch.asked.into_iter().map(|(_, target)| target).collect();
        let (loss, outputs) = of_outputs(&pass.outputs, &targets);
        let gradient = backward(&self.parameters, &pass, &outputs);
        self.adam.set_rate(self.rate());
        self.adam.step(&mut self.parameters, &gradient);
        self.done += 1;
        self.take_average();
        loss
    }

    /// Averages with weights that grow as the power [`RECENT`] of the batch, which stands in for lowering the rate to 0.
    ///
    /// # Source
    /// O. Shamir, T. Zhang, "Stochastic Gradient Descent for Non-smooth Optimization", ICML 2013, section 4: w̄ ← (1 − a) w̄ +
    /// a w with a = (η + 1) / (t + η).
    fn take_average(&mut self) {
        let share = ((RECENT + 1.0) / (f64::from(self.done) + RECENT)) as f32;
        let pairs = self.average.iter_mut().zip(&self.parameters);
        pairs.for_each(|(average, parameter)| *average += share * (parameter - *average));
    }

    fn rate(&self) -> f64 {
        let batch = f64::from(self.done + 1);
        self.settings.rate * (batch / WARM).min(1.0) * libm::sqrt(5.0 * WARM / batch).min(1.0)
    }

    /// Measures the network on so many batches that training never draws.
    #[must_use]
    pub fn held_out(&self, batches: u32) -> HeldOut {
        // Another seed than any run's; the stream of a seed is independent of every other's.
        let mut random = Random::new(0x4845_4c44);
        let mut sums = [0.0; 6];
        for _ in 0..batches {
            let batch = Batch::draw(&mut random);
            let pass = forward(&self.average, batch.windows, batch.steps);
            measure(&pass, &batch.asked, &mut sums);
        }
        let [loss, median, last, in_90, in_99, count] = sums;
        HeldOut { loss: loss / count, median_to_last: median / last, covered: [in_90 / count, in_99 / count] }
    }

    /// The weights as a file.
    #[must_use]
    pub fn to_bytes(&self, notes: &[(&str, String)]) -> Vec<u8> {
        weights::to_bytes(&self.average, notes)
    }
}

fn measure(pass: &Pass<f32>, asked: &[(Step, Target)], sums: &mut [f64; 6]) {
    for (outputs, (step, target)) in pass.outputs.chunks(OUTPUTS).zip(asked) {
        let Some(truth) = target.truth else { continue };
        let mut said = quantiles(outputs, step);
        said.sort_unstable_by(f32::total_cmp);
        let pinball = said.iter().zip(LEVELS).map(|(said, level)| {
            let under = f64::from(truth - said);
            if under > 0.0 { level * under } else { (level - 1.0) * under }
        });
        sums[0] += (pinball.sum::<f64>() / LEVELS.len() as f64).min(REPORTED_MAX);
        let scale = f64::from(truth.abs().max((truth - said[6]).abs()).max(1.0));
        sums[1] += f64::from((truth - said[6]).abs()) / scale;
        sums[2] += f64::from(truth.abs()) / scale;
        sums[3] += f64::from(u8::from(truth <= said[10]));
        sums[4] += f64::from(u8::from(truth <= said[12]));
        sums[5] += 1.0;
    }
}

impl Batch {
    fn draw(random: &mut Random) -> Self {
        let mut batch = Self { windows: Vec::new(), steps: Vec::new(), asked: Vec::new() };
        let mut cut = 0;
        while cut < WINDOWS {
            let drawn = draw(random, CONTEXT + STEPS_MAX);
            for _ in 0..PER_SERIES {
                cut += usize::from(batch.cut(random, &drawn.values, &drawn.seasons));
            }
        }
        batch
    }

    /// Cuts one window; false when it holds too little to learn from.
    fn cut(&mut self, random: &mut Random, values: &[f64], seasons: &[usize]) -> bool {
        if self.windows.len() >= WINDOWS * super::inputs::WINDOW_INPUTS {
            return false;
        }
        let len = history(random);
        let end = len + random.below((CONTEXT - len + 1) as u64) as usize;
        let known = known_seasons(random, seasons);
        let Some(window) = Window::new(&values[end - len..end], &known) else { return false };
        if window.scale == 0.0 {
            return false;
        }
        self.windows.extend(of_window(&window));
        for ahead in aheads(random) {
            let step = of_step(&window, ahead);
            let value = (values[end + ahead - 1] - window.last) / window.scale;
            let truth = value.is_finite().then_some((value.clamp(-1e6, 1e6) as f32) / step.unit);
            self.steps.extend(step.inputs);
            let target = Target { candidates: step.candidates, has: step.has, truth };
            self.asked.push((step, target));
        }
        true
    }
}

/// A history's length: a third of them longer than 300.
fn history(random: &mut Random) -> usize {
    if random.unit() < 0.25 {
        return 256 + random.below((CONTEXT - 256) as u64 + 1) as usize;
    }
    (HISTORY_MIN * libm::exp(random.unit() * libm::log(CONTEXT as f64 / HISTORY_MIN))) as usize
}

/// What the caller says of the seasons: mostly the truth, sometimes nothing, sometimes a day that is not there.
fn known_seasons(random: &mut Random, seasons: &[usize]) -> Vec<usize> {
    match random.below(20) {
        0..12 => seasons.to_vec(),
        12..14 if seasons.is_empty() => vec![[24, 288, 60, 144][random.below(4) as usize]],
        12..14 => seasons[..1].to_vec(),
        _ => Vec::new(),
    }
}

/// Steps ahead to ask for: the near ones most often.
fn aheads(random: &mut Random) -> [usize; STEPS] {
    let mut aheads = [1; STEPS];
    for (index, ahead) in aheads.iter_mut().enumerate() {
        *ahead = 1 + match index {
            0..3 => random.below(12) as usize,
            3..10 => random.below(48) as usize,
            _ => (libm::exp(random.unit() * libm::log(STEPS_MAX as f64)) as usize).min(STEPS_MAX - 1),
        };
    }
    aheads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_training_lowers_the_loss_on_series_it_never_saw() {
        let settings = TrainingSettings { seed: 1, batches: 120, rate: 2e-2 };
        let mut training = Training::new(settings);
        let before = training.held_out(4);
        while !training.finished() {
            assert!(training.step().is_finite());
        }
        let after = training.held_out(4);
        assert!(after.loss < 0.97 * before.loss, "{before:?} {after:?}");
        assert_eq!(training.done(), 120);
    }

    #[test]
    fn the_same_seed_gives_the_same_weights() {
        let trained = |seed| {
            let mut training = Training::new(TrainingSettings { seed, batches: 2, rate: 1e-3 });
            training.step();
            training.to_bytes(&[])
        };
        assert_eq!(trained(5), trained(5));
        assert_ne!(trained(5), trained(6));
    }
}
