//! The policies: each gives, per step, the capacity for it that was decided so many steps before.

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

/// All of them; the first is what the second ratio's denominator, HPA at 0.7, is.
pub const POLICIES: &[Policy] = &[
    Policy { name: "HPA-like max(5) / 0.7", capacity: |series, ahead| hpa(series, ahead, 0.7) },
    Policy { name: "HPA-like max(5) / 0.8", capacity: |series, ahead| hpa(series, ahead, 0.8) },
    Policy { name: "last + conformal, additive", capacity: |series, ahead| conformal(series, ahead, false) },
    Policy { name: "last + conformal, relative", capacity: |series, ahead| conformal(series, ahead, true) },
    Policy { name: "stream", capacity: stream },
];

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

/// The last value and the quantile ⌈q (n + 1)⌉ of its errors over one day.
fn conformal(series: &Recorded, ahead: usize, is_relative: bool) -> Vec<f64> {
    let window = usize::try_from(86_400_000 / series.step.0.max(1)).unwrap_or(1).max(200);
    let mut errors = Errors::new(window);
    let mut last = VecDeque::new();
    let mut newest = f64::NAN;
    shifted(series, ahead, |now| {
        let came = series.values[now];
        newest = if came.is_nan() { newest } else { came };
        last.push_back(newest);
        let said = if last.len() > ahead { last.pop_front().unwrap_or(f64::NAN) } else { f64::NAN };
        let error = if is_relative { (came / said).ln() } else { came - said };
        if error.is_finite() {
            errors.push(error);
        }
        let margin = errors.quantile(QUANTILE);
        if is_relative { newest * margin.exp() } else { newest + margin }
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

fn stream(series: &Recorded, ahead: usize) -> Vec<f64> {
    let mut stream = Stream::try_new(settings(series, ahead)).expect("the settings are possible");
    let horizon = series.step.saturating_mul(ahead as u64);
    let capacity = shifted(series, ahead, |now| {
        let at = series.start.plus(Millis(series.step.0 * now as u64));
        stream.observe(at, series.values[now]);
        let forecast = stream.forecast(at.plus(horizon), Permille(990));
        forecast.map_or(f64::NAN, |forecast| forecast.at_quantile(Permille(990)))
    });
    if std::env::var_os("PLIMSOLL_EXPLAIN").is_some() {
        println!("{:#?}", stream.explain());
    }
    capacity
}
