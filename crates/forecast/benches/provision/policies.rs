//! The policies: each gives, per step, the capacity for it that was decided so many steps before.

use super::fixtures;
use plimsoll_forecast::online::{Stream, StreamSettings};
use plimsoll_model::quantity::{Millis, Permille};
use plimsoll_traces::Recorded;
use std::collections::VecDeque;

/// The quantile that capacity is provided for.
pub const QUANTILE: f64 = 0.99;

/// One way to provide.
pub struct Policy {
    pub name: &'static str,
    /// Capacity by step, NaN where it can not say.
    pub capacity: fn(&Recorded, usize) -> Vec<f64>,
}

/// All of them; ours is the last.
pub const POLICIES: &[Policy] = &[
    Policy { name: "HPA-like max(5) / 0.7", capacity: |series, ahead| hpa(series, ahead, 0.7) },
    Policy { name: "HPA-like max(5) / 0.8", capacity: |series, ahead| hpa(series, ahead, 0.8) },
    Policy { name: "last + conformal, additive", capacity: |series, ahead| conformal(series, ahead, false) },
    Policy { name: "last + conformal, relative", capacity: |series, ahead| conformal(series, ahead, true) },
    Policy { name: "max(5) + conformal, relative", capacity: |series, ahead| crest(series, ahead) },
    Policy { name: "stream", capacity: |series, ahead| stream(series, ahead, &mut |_, _| ()) },
];

/// For the World Cup: the stream that was told the fixture list, which was public long before.
pub const INFORMED: &[Policy] = &[Policy {
    name: "stream + fixtures",
    capacity: |series, ahead| {
        let mut know = |now: usize, stream: &mut Stream| {
            if now == 0 {
                stream.know(fixtures::matches());
            }
        };
        stream(series, ahead, &mut know)
    },
}];

fn hpa(series: &Recorded, ahead: usize, target: f64) -> Vec<f64> {
    let newest = |now: usize| series.values[now.saturating_sub(4)..=now].iter().copied().fold(f64::NAN, f64::max);
    shifted(series, ahead, |now| newest(now) / target)
}

/// Capacity of each step from what is decided `ahead` steps before.
fn shifted(series: &Recorded, ahead: usize, mut decide: impl FnMut(usize) -> f64) -> Vec<f64> {
    let mut capacity = vec![f64::NAN; series.values.len()];
    for now in 0..series.values.len() {
        let decided = decide(now);
        if let Some(place) = capacity.get_mut(now + ahead) {
            *place = decided;
        }
    }
    capacity
}

/// The greatest of five samples times the quantile of what the demand was of it: the reactive rule, its divisor learnt.
fn crest(series: &Recorded, ahead: usize) -> Vec<f64> {
    let newest = |now: usize| series.values[now.saturating_sub(4)..=now].iter().copied().fold(f64::NAN, f64::max);
    let crests: Vec<f64> = (0..series.values.len()).map(newest).collect();
    conformal_around(series, ahead, true, |now| crests[now])
}

/// The last value and the quantile ⌈q (n + 1)⌉ of its errors over one day.
fn conformal(series: &Recorded, ahead: usize, is_relative: bool) -> Vec<f64> {
    let mut newest = f64::NAN;
    let last = |value: &f64| {
        newest = if value.is_nan() { newest } else { *value };
        newest
    };
    let last: Vec<f64> = series.values.iter().map(last).collect();
    conformal_around(series, ahead, is_relative, |now| last[now])
}

/// What `around` says of each step, and the quantile of the errors that that had.
fn conformal_around(series: &Recorded, ahead: usize, is_relative: bool, around: impl Fn(usize) -> f64) -> Vec<f64> {
    let window = usize::try_from(86_400_000 / series.step.0.max(1)).unwrap_or(1).max(200);
    let mut errors = Errors::new(window);
    shifted(series, ahead, |now| {
        let said = now.checked_sub(ahead).map_or(f64::NAN, &around);
        let error = if is_relative { (series.values[now] / said).ln() } else { series.values[now] - said };
        if error.is_finite() {
            errors.push(error);
        }
        let margin = errors.quantile(QUANTILE);
        if is_relative { around(now) * margin.exp() } else { around(now) + margin }
    })
}

/// The newest errors in order of time and of size.
struct Errors {
    ring: VecDeque<f64>,
    sorted: Vec<f64>,
    window: usize,
}

impl Errors {
    const fn new(window: usize) -> Self {
        Self { ring: VecDeque::new(), sorted: Vec::new(), window }
    }

    fn push(&mut self, error: f64) {
        if self.ring.len() >= self.window
            && let Some(oldest) = self.ring.pop_front()
        {
            let place = self.sorted.partition_point(|kept| *kept < oldest);
            self.sorted.remove(place);
        }
        self.ring.push_back(error);
        let place = self.sorted.partition_point(|kept| *kept < error);
        self.sorted.insert(place, error);
    }

    fn quantile(&self, quantile: f64) -> f64 {
        let rank = (quantile * (self.sorted.len() + 1) as f64).ceil() as usize;
        self.sorted.get(rank.clamp(1, self.sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
    }
}

fn settings(series: &Recorded, ahead: usize) -> StreamSettings {
    let horizon = series.step.saturating_mul(ahead as u64);
    let mut settings = StreamSettings::daily_and_weekly(series.step, vec![horizon], Permille(990));
    let span = series.step.saturating_mul(series.values.len() as u64);
    settings.seasons.retain(|season| season.saturating_mul(2) <= span);
    settings
}

fn stream(series: &Recorded, ahead: usize, visit: &mut dyn FnMut(usize, &mut Stream)) -> Vec<f64> {
    let mut stream = Stream::try_new(settings(series, ahead)).expect("the settings are possible");
    let horizon = series.step.saturating_mul(ahead as u64);
    shifted(series, ahead, |now| {
        let at = series.start.plus(Millis(series.step.0 * now as u64));
        stream.observe(at, series.values[now]);
        visit(now, &mut stream);
        let forecast = stream.forecast(at.plus(horizon), Permille(990));
        forecast.map_or(f64::NAN, |forecast| forecast.at_quantile(Permille(990)))
    })
}

/// Microseconds of this thread per update of the stream (all horizons given) and bytes of its state.
pub fn cost(series: &Recorded, horizons: &[usize]) -> (f64, usize) {
    let mut settings = settings(series, 1);
    settings.horizons = horizons.iter().map(|steps| series.step.saturating_mul(*steps as u64)).collect();
    let mut stream = Stream::try_new(settings).expect("the settings are possible");
    let started = std::time::Instant::now();
    for (index, value) in series.values.iter().enumerate() {
        stream.observe(series.start.plus(series.step.saturating_mul(index as u64)), *value);
    }
    let spent = started.elapsed().as_secs_f64() * 1e6 / series.values.len() as f64;
    (spent, stream.to_bytes().len())
}
