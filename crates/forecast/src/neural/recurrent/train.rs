//! Training, global over many series: lanes of the batch walk along series, chunk by chunk, with the state carried on.
//!
//! The last values of every series are held out: no loss is taken there, and the parameters that did best on them are
//! the ones that are kept. The untrained network takes part in that contest, so training can not do harm there. The
//! rate falls along half a cosine.

use super::bptt::Chunk;
use super::network::{Network, State};
use super::output::{Loss, Targets, loss, softmax};
use super::shape::Cell;
use super::track::Track;
use super::trained::{Recipe, Trained};
use crate::neural::adam::{Adam, AdamSettings};
use plimsoll_stats::{Random, normal};

/// How training goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// Series (or places of one) that are walked along at once.
    pub lanes: usize,
    /// Steps from one update to the next: how far gradients flow back.
    pub chunk: usize,
    /// Every how many steps the forecast is compared with what came.
    pub every: usize,
    /// Most updates.
    pub updates: usize,
    /// Adam's rate at the start; at the end it is a twentieth of it.
    pub rate: f64,
    /// Times that the held-out loss is looked at; training ends when it got no better `patience` times in a row.
    pub checks: usize,
    /// See `checks`.
    pub patience: usize,
}

impl Default for Training {
    fn default() -> Self {
        Self { lanes: 16, chunk: 32, every: 4, updates: 2_000, rate: 3e-3, checks: 20, patience: 6 }
    }
}

/// What training came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingReport {
    /// Updates made.
    pub updates: usize,
    /// Steps of all lanes that the network was run over and differentiated on.
    pub steps: usize,
    /// Held-out loss of the network as it began, in units.
    pub loss_start: f64,
    /// Held-out loss of the network that was kept.
    pub loss_best: f64,
    /// Update after which that was.
    pub best_at: usize,
}

/// Most series that the held-out loss is taken on, evenly spread.
const CHECKED_MAX: usize = 64;
/// Forecasts that it is taken on, all series together; at least 8 of each.
const COMPARED: usize = 64;

/// One place in one series.
#[derive(Debug, Clone, Copy)]
struct Lane {
    track: usize,
    /// The next step to run over.
    step: usize,
}

/// Everything that training needs from update to update.
struct Trainer<'a> {
    tracks: &'a [Track],
    recipe: &'a Recipe,
    training: Training,
    network: Network<f32>,
    adam: Adam<f32>,
    random: Random,
    lanes: Vec<Lane>,
    state: State<f32>,
    chunk: Chunk<f32>,
    gradient: Vec<f32>,
    targets: Targets,
}

/// Trains a network of `widths` on series. The same arguments give the same bits.
///
/// Series too short for one chunk take no part, unless all are: then the chunk is shortened.
#[must_use]
pub fn train(
    tracks: &[Track],
    recipe: &Recipe,
    (cell, widths, skip): (Cell, &[usize], bool),
    training: Training,
    seed: u64,
) -> Option<(Trained, TrainingReport)> {
    let mut random = Random::new(seed);
    let shape = recipe.shape(cell, widths, skip);
    let mut network = Network::new(shape.clone(), shape.start(&mut random))?;
    start_head(&mut network, recipe);
    let most = tracks.iter().map(|track| track.steps_before(held_out(track, recipe))).max()?.max(1);
    let training = Training { chunk: training.chunk.clamp(1, most), lanes: training.lanes.max(1), ..training };
    let settings = AdamSettings { rate: training.rate, ..AdamSettings::default() };
    let mut trainer = Trainer {
        tracks,
        recipe,
        training,
        adam: Adam::new(network.parameters.len(), settings),
        random,
        lanes: Vec::new(),
        state: State::zero(network.shape(), training.lanes),
        chunk: Chunk::default(),
        gradient: vec![0.0; network.parameters.len()],
        targets: Targets::default(),
        network,
    };
    let report = trainer.run();
    let deviations = trainer.deviations();
    Some((Trained { network: trainer.network, recipe: recipe.clone(), deviations }, report))
}

/// The head's first biases: around the anchors' mean, the quantiles of a normal distribution one unit wide.
fn start_head(network: &mut Network<f32>, recipe: &Recipe) {
    let bias = network.places()[network.shape().widths.len()].bias.clone();
    let scores: Vec<f32> = recipe.levels.as_slice().iter().map(|level| normal::quantile(*level) as f32).collect();
    for row in network.parameters[bias].chunks_exact_mut(scores.len()).take(recipe.horizon) {
        row.copy_from_slice(&scores);
    }
}

/// The time from which on a series is held out: its last twentieth, but at least one horizon and at most eight, and never
/// more than its last fifth.
fn held_out(track: &Track, recipe: &Recipe) -> usize {
    track.len() - (track.len() / 20).clamp(recipe.horizon, 8 * recipe.horizon).min(track.len() / 5)
}

impl Trainer<'_> {
    fn run(&mut self) -> TrainingReport {
        let start = self.held_out_loss();
        let mut report = TrainingReport { updates: 0, steps: 0, loss_start: start, loss_best: start, best_at: 0 };
        let (mut best, mut worse) = (self.network.parameters.clone(), 0);
        if !self.place_lanes() {
            return report;
        }
        let Training { updates, checks, patience, rate, .. } = self.training;
        let between = updates.div_ceil(checks.max(1)).max(1);
        for update in 1..=updates {
            let phase = std::f64::consts::PI * (update - 1) as f64 / updates as f64;
            self.adam.set_rate(rate * (0.05 + 0.95 * 0.5 * (1.0 + libm::cos(phase))));
            self.update(update);
            report.updates = update;
            report.steps += self.training.lanes * self.training.chunk;
            if update % between != 0 && update != updates {
                continue;
            }
            let now = self.held_out_loss();
            if now < report.loss_best {
                (report.loss_best, report.best_at, worse) = (now, update, 0);
                best.copy_from_slice(&self.network.parameters);
            } else {
                worse += 1;
            }
            if worse >= patience {
                break;
            }
        }
        self.network.parameters = best;
        report
    }

    /// Puts every lane somewhere. False when no series is long enough.
    fn place_lanes(&mut self) -> bool {
        let long = |track: &Track| track.steps_before(held_out(track, self.recipe)) >= self.training.chunk;
        if !self.tracks.iter().any(long) {
            return false;
        }
        self.lanes = (0..self.training.lanes).map(|_| self.draw()).collect();
        true
    }

    /// A random place in a random series that is long enough; half a chunk before its first loss at the earliest.
    fn draw(&mut self) -> Lane {
        loop {
            let index = self.random.below(self.tracks.len() as u64) as usize;
            let track = &self.tracks[index];
            let steps = track.steps_before(held_out(track, self.recipe));
            if let Some(last) = steps.checked_sub(self.training.chunk) {
                let first = track.first_whole().saturating_sub(self.training.chunk / 2).min(last);
                let step = first + self.random.below((last - first + 1) as u64) as usize;
                return Lane { track: index, step };
            }
        }
    }

    /// One chunk forward and back, and one step of Adam.
    fn update(&mut self, update: usize) {
        let chunk = self.training.chunk;
        for index in 0..self.lanes.len() {
            let Lane { track, step } = self.lanes[index];
            let track = &self.tracks[track];
            if step + chunk > track.steps_before(held_out(track, self.recipe)) {
                self.lanes[index] = self.draw();
                self.state.forget(index, self.network.shape());
            }
        }
        let row = |step: usize| -> Vec<f32> {
            let features = |lane: &Lane| self.tracks[lane.track].features(lane.step + step);
            self.lanes.iter().flat_map(features).copied().collect()
        };
        let inputs: Vec<Vec<f32>> = (0..chunk).map(row).collect();
        self.chunk.forward(&self.network, &mut self.state, &inputs);
        let every = self.training.every.clamp(1, chunk);
        let compared: Vec<usize> = (0..chunk).filter(|step| (step + update).is_multiple_of(every)).collect();
        let share = 1.0 / (compared.len().max(1) * self.lanes.len()) as f32;
        for step in compared {
            self.compare(step, share);
        }
        self.gradient.fill(0.0);
        self.chunk.backward(&self.network, &mut self.gradient);
        self.adam.step(&mut self.network.parameters, &self.gradient);
        self.lanes.iter_mut().for_each(|lane| lane.step += chunk);
    }

    fn compare(&mut self, step: usize, share: f32) {
        let outputs = self.chunk.outputs(&self.network, step);
        let width = self.recipe.outputs();
        let mut errors = vec![0.0; outputs.len()];
        for ((lane, outputs), error) in
            self.lanes.iter().zip(outputs.chunks_exact(width)).zip(errors.chunks_exact_mut(width))
        {
            let track = &self.tracks[lane.track];
            let times = 0..held_out(track, self.recipe);
            track.targets(lane.step + step, self.recipe.horizon, &times, &mut self.targets);
            let levels = self.recipe.levels.as_slice();
            if loss(self.recipe.loss, levels, outputs, &self.targets, Some(&mut *error)).is_some() {
                error.iter_mut().for_each(|slope| *slope *= share);
            }
        }
        self.chunk.set_error(step, errors);
    }

    /// Mean loss on what is held out; infinite when there is nothing.
    fn held_out_loss(&self) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        self.on_held_out(|outputs, targets| {
            let levels = self.recipe.levels.as_slice();
            if let Some(value) = loss(self.recipe.loss, levels, outputs, targets, None) {
                sum += value;
                count += 1;
            }
        });
        if count == 0 { f64::INFINITY } else { sum / f64::from(count) }
    }

    /// Per step ahead, the root mean square of the held-out errors; 1 where there is none.
    fn deviations(&self) -> Vec<f32> {
        let mut sums = vec![(0.0, 0_u32); self.recipe.horizon];
        if self.recipe.loss == Loss::Squared {
            self.on_held_out(|outputs, targets| squares(outputs, targets, &mut sums));
        }
        let root = |(sum, count): (f64, u32)| if count == 0 { 1.0 } else { libm::sqrt(sum / f64::from(count)) };
        sums.into_iter().map(|sum| root(sum) as f32).collect()
    }

    /// Runs the network over the end of some series and hands out outputs and targets of the held-out values.
    fn on_held_out(&self, mut each: impl FnMut(&[f32], &Targets)) {
        let mut targets = Targets::default();
        for track in self.tracks.iter().step_by(self.tracks.len().div_ceil(CHECKED_MAX).max(1)) {
            let times = held_out(track, self.recipe)..track.len();
            // The forecasts made up to a held-out stretch before it, where some of their steps fall into it.
            let early = (self.recipe.horizon / 2).min(times.start);
            let from = track.steps_before(times.start - early);
            let origins = (COMPARED / self.tracks.len()).max(8);
            let stride = ((track.steps() - from) / origins).max(1);
            let mut state = State::zero(self.network.shape(), 1);
            for step in from.saturating_sub(3 * self.training.chunk)..track.steps() {
                let features = track.features(step);
                self.network.step(&mut state, features);
                if step >= from && (step - from).is_multiple_of(stride) {
                    track.targets(step, self.recipe.horizon, &times, &mut targets);
                    each(&self.network.outputs(&state, features), &targets);
                }
            }
        }
    }
}

/// Adds squared errors per step ahead.
fn squares(outputs: &[f32], targets: &Targets, sums: &mut [(f64, u32)]) {
    let (numbers, logits) = outputs.split_at(targets.values.len());
    let weights = softmax(logits);
    for (ahead, target) in targets.values.iter().enumerate().filter(|(_, target)| target.is_finite()) {
        let anchors = &targets.anchors[ahead * weights.len()..(ahead + 1) * weights.len()];
        let base: f64 = anchors.iter().zip(&weights).map(|(anchor, weight)| anchor * weight).sum();
        let error = target - base - f64::from(numbers[ahead]);
        sums[ahead].0 += error * error;
        sums[ahead].1 += 1;
    }
}
