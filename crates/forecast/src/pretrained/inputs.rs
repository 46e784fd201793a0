//! What the network is told: about the window once, and about each step ahead.

use super::candidates::{Backtest, CANDIDATES, Candidates, at, backtest};
use super::window::Window;

/// Newest values given one by one.
const NEWEST: usize = 48;
/// Older ones as means: how many of how many values each, going back.
const PATCHES: [(usize, usize); 3] = [(16, 4), (16, 16), (12, 48)];
const PATCH_COUNT: usize = PATCHES[0].0 + PATCHES[1].0 + PATCHES[2].0;
/// Figures about the window as a whole.
const FIGURES: usize = 34;
/// Inputs about the window.
pub(super) const WINDOW_INPUTS: usize = 2 * (NEWEST + PATCH_COUNT) + FIGURES;
/// Inputs about one step.
pub(super) const STEP_INPUTS: usize = 3 * CANDIDATES + 15;
/// Beyond this many steps the step's number is given as this.
pub(super) const STEPS_MAX: usize = 288;
/// Values that order statistics are taken from, at most.
const SORTED_MAX: usize = 128;

/// One step ahead: candidates and the unit of its errors beside the inputs.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub inputs: [f32; STEP_INPUTS],
    /// Candidate minus last value, in units; 0 where there is none.
    pub candidates: [f32; CANDIDATES],
    /// Which candidates there are.
    pub has: [bool; CANDIDATES],
    /// The unit that this step's output is in, as a share of the window's scale.
    pub unit: f32,
}

/// Squashes what may be far out; the identity near 0.
fn squash(value: f32) -> f32 {
    libm::asinhf(value)
}

fn log(value: f32) -> f32 {
    libm::logf(value.max(1e-6))
}

/// Inputs about the window.
pub(super) fn of_window(window: &Window) -> Vec<f32> {
    let mut inputs = Vec::with_capacity(WINDOW_INPUTS);
    let mut shares = Vec::with_capacity(NEWEST + PATCH_COUNT);
    let end = window.len() as isize;
    for back in 1..=NEWEST as isize {
        let value = window.at(end - back);
        inputs.push(squash(value.unwrap_or(0.0)));
        shares.push(f32::from(u8::from(value.is_some())));
    }
    let mut to = end - NEWEST as isize;
    for (count, width) in PATCHES {
        for _ in 0..count {
            let from = to - width as isize;
            inputs.push(squash(window.mean(from, to).unwrap_or(0.0)));
            shares.push(window.share(from, to));
            to = from;
        }
    }
    inputs.append(&mut shares);
    figures(window, &mut inputs);
    debug_assert_eq!(inputs.len(), WINDOW_INPUTS);
    inputs
}

fn figures(window: &Window, inputs: &mut Vec<f32>) {
    let len = window.len();
    let zero = (-window.last / window.scale).clamp(-1e6, 1e6) as f32;
    inputs.push(squash(zero));
    inputs.push(f32::from(u8::from(window.last == 0.0)));
    for span in [48, 512] {
        let sorted = sorted(window, span);
        inputs.extend([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98].map(|share| squash(rank(&sorted, share))));
    }
    for lag in [1, 2, 6] {
        inputs.push(log(gap(window, lag, 32)));
        inputs.push(log(gap(window, lag, 256)));
    }
    let still = |span: usize| {
        let from = len.saturating_sub(span).max(1);
        let same = (from..len).filter(|i| window.seen[*i] && window.seen[i - 1] && window.z[*i] == window.z[i - 1]);
        same.count() as f32 / (len - from).max(1) as f32
    };
    inputs.extend([still(32), still(256)]);
    let changes = changes(window);
    inputs.extend([0.05, 0.25, 0.75, 0.95].map(|share| squash(4.0 * rank(&changes, share))));
    let floor = (zero.abs() * 1e-3).max(1e-4);
    let idle = (0..len).filter(|i| window.seen[*i] && (window.z[*i] - zero).abs() < floor).count();
    inputs.push(idle as f32 / len as f32);
    inputs.push(libm::log1pf(len as f32) / 7.0);
    inputs.extend(window.seasons.map(|season| libm::log1pf(season as f32) / 7.0));
    inputs.extend(window.seasons.map(|season| f32::from(u8::from(season > 0))));
}

/// Up to [`SORTED_MAX`] of the last `span` values, evenly, sorted.
fn sorted(window: &Window, span: usize) -> Vec<f32> {
    let from = window.len().saturating_sub(span);
    let stride = (window.len() - from).div_ceil(SORTED_MAX);
    let indices = (from..window.len()).rev().step_by(stride).filter(|index| window.seen[*index]);
    let mut values: Vec<f32> = indices.map(|index| window.z[index]).collect();
    values.sort_unstable_by(f32::total_cmp);
    values
}

/// Changes from value to value among the newest, sorted.
fn changes(window: &Window) -> Vec<f32> {
    let from = window.len().saturating_sub(SORTED_MAX).max(1);
    let both = (from..window.len()).filter(|index| window.seen[*index] && window.seen[index - 1]);
    let mut values: Vec<f32> = both.map(|index| window.z[index] - window.z[index - 1]).collect();
    values.sort_unstable_by(f32::total_cmp);
    values
}

fn rank(sorted: &[f32], share: f32) -> f32 {
    let last = sorted.len().saturating_sub(1) as f32;
    sorted.get((share * last + 0.5) as usize).copied().unwrap_or(0.0)
}

/// Mean absolute difference of values `lag` apart among the last `span`.
fn gap(window: &Window, lag: usize, span: usize) -> f32 {
    let from = window.len().saturating_sub(span).max(lag);
    let (mut sum, mut count) = (0.0, 0.0_f32);
    for index in from..window.len() {
        if window.seen[index] && window.seen[index - lag] {
            sum += (window.z[index] - window.z[index - lag]).abs();
            count += 1.0;
        }
    }
    sum / count.max(1.0)
}

/// Inputs about the step `ahead` (1: the next).
pub(super) fn of_step(window: &Window, ahead: usize) -> Step {
    let said = at(window, window.len() - 1, ahead);
    let tested = backtest(window, ahead);
    let unit = unit(window, &tested, ahead);
    let mut step = Step { inputs: [0.0; STEP_INPUTS], candidates: [0.0; CANDIDATES], has: [false; CANDIDATES], unit };
    for (index, candidate) in said.iter().enumerate() {
        if let Some(value) = candidate {
            step.candidates[index] = value / unit;
            step.has[index] = true;
        }
    }
    let mut inputs = step.candidates[1..].iter().map(|value| squash(*value)).collect::<Vec<f32>>();
    // An error that could not be measured counts as a rather large one.
    for errors in [tested.errors, tested.newest] {
        inputs.extend(errors.map(|error| error.map_or(2.0, |error| log(error / unit).clamp(-2.0, 5.0))));
    }
    rest(window, ahead, &said, &tested, unit, &mut inputs);
    debug_assert_eq!(inputs.len(), STEP_INPUTS);
    step.inputs.copy_from_slice(&inputs);
    step
}

/// Flags, neighbours one season ago, the spread between seasons, and where in time the step lies.
fn rest(window: &Window, ahead: usize, said: &Candidates, tested: &Backtest, unit: f32, inputs: &mut Vec<f32>) {
    inputs.extend([4, 6, 8].map(|index: usize| f32::from(u8::from(said[index].is_some()))));
    let season = window.seasons[0];
    let near = |back: usize, aside: isize| {
        let lag = season * (ahead.div_ceil(season.max(1)) + back);
        let value = (season > 0).then(|| window.at((window.len() + ahead - 1) as isize - lag as isize + aside));
        let base = said[4].unwrap_or(0.0);
        value.flatten().filter(|_| said[4].is_some()).map_or(0.0, |value| squash((value - base) / unit))
    };
    inputs.extend([near(0, -1), near(0, 1), near(0, 2), near(1, 0), near(2, 0), near(3, 0)]);
    inputs.push(log(tested.largest / unit).clamp(-2.0, 6.0));
    let ahead = ahead.min(STEPS_MAX) as f32;
    let phase = if season > 0 { (ahead / season as f32).min(4.0) } else { 0.0 };
    inputs.extend([libm::log1pf(ahead) / 5.0, ahead / 288.0, 1.0 / ahead, phase, log(unit)]);
    inputs.push(f32::from(u8::from(tested.errors[0].is_some())));
}

/// The smallest error of a candidate on the window; what one step's changes suggest where nothing could be tested.
fn unit(window: &Window, tested: &Backtest, ahead: usize) -> f32 {
    let best = tested.errors.iter().flatten().copied().fold(f32::INFINITY, f32::min);
    let walk = gap(window, 1, 256) * libm::sqrtf(ahead.min(16) as f32);
    let unit = if best.is_finite() { best } else { walk };
    unit.clamp(0.003, 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_finite_and_of_the_right_number_for_any_window() {
        let long: Vec<f64> = (0..1_024).map(|i| if i % 50 == 3 { f64::NAN } else { f64::from(i * i % 97) }).collect();
        for values in [&[1.0, 2.0][..], &[0.0, 0.0, 5.0], &[1e15, 2e15, f64::NAN, 1.5e15], &long] {
            let window = Window::new(values, &[24, 168]).unwrap();
            let inputs = of_window(&window);
            assert_eq!(inputs.len(), WINDOW_INPUTS);
            assert!(inputs.iter().all(|value| value.is_finite()));
            for ahead in [1, 24, 48, 1_000] {
                let step = of_step(&window, ahead);
                assert!(step.inputs.iter().chain(&step.candidates).all(|value| value.is_finite()));
                assert!(step.has[0] && step.unit > 0.0);
            }
        }
    }
}
