//! The policies: each gives, per step, the capacity for it that was decided so many steps before.

use super::fixtures;
use plimsoll_forecast::direct::{Direct, Horizons, Learner};
use plimsoll_forecast::features::{Known, Recipe, Relative, Rolling, SeasonalLag, Statistic, Transform};
use plimsoll_forecast::online::{Stream, StreamSettings};
use plimsoll_forecast::trees::{BoostingSettings, Growth};
use plimsoll_forecast::{Data, Events, Fit as _, NO_EVENTS, Series};
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
    Policy { name: "max(5) + conformal, relative", capacity: |series, ahead| crest(series, ahead) },
    Policy { name: "stream", capacity: |series, ahead| stream(series, ahead, &mut |_, _| ()) },
];

/// Those that know the fixtures or have a guest that is fitted anew each day, for the sets that say so.
pub const GUESTS: &[Policy] = &[
    Policy {
        name: "stream + fixtures",
        capacity: |series, ahead| {
            let mut know = |now: usize, stream: &mut Stream| {
                if now == 0 {
                    stream.know(fixtures::matches());
                }
            };
            stream(series, ahead, &mut know)
        },
    },
    Policy { name: "stream + boosting", capacity: |series, ahead| with_boosting(series, ahead, &NO_EVENTS) },
    Policy {
        name: "stream + boosting + fixtures",
        capacity: |series, ahead| with_boosting(series, ahead, &fixtures::matches()),
    },
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
    let capacity = shifted(series, ahead, |now| {
        let at = series.start.plus(Millis(series.step.0 * now as u64));
        stream.observe(at, series.values[now]);
        visit(now, &mut stream);
        let forecast = stream.forecast(at.plus(horizon), Permille(990));
        forecast.map_or(f64::NAN, |forecast| forecast.at_quantile(Permille(990)))
    });
    if std::env::var_os("PLIMSOLL_EXPLAIN").is_some() {
        println!("{:#?}", stream.explain());
    }
    capacity
}

/// Steps between two fits of the guest: a day.
const REFIT: usize = 1_440;

/// The stream with boosted trees as a guest, fitted each day on all that came before, as a worker would.
fn with_boosting(series: &Recorded, ahead: usize, events: &Events) -> Vec<f64> {
    stream(series, ahead, &mut |now, stream| {
        if now % REFIT != REFIT - 1 || now < 4 * REFIT {
            return;
        }
        let known = Series { start: series.start, step: series.step, values: &series.values[..=now] };
        let target = known.tail(14 * REFIT);
        let data = Data { events, ..Data::alone(target, &[1_440, 10_080]) };
        let fitted = boosting(ahead, events).fit(&data, 1).expect("there are days of values");
        stream.know(events.clone());
        stream.adopt("boosting", fitted).expect("there is room");
    })
}

fn boosting(ahead: usize, events: &Events) -> Direct {
    let rolling =
        |window: usize| Rolling { window, statistics: vec![Statistic::Mean, Statistic::Deviation, Statistic::Max] };
    let recipe = Recipe {
        transform: Transform::Log,
        relative: Relative::Difference(3),
        recent: 6,
        lags: vec![7, 10, 15, 20, 30, 45, 60, 90, 120],
        seasonal: vec![
            SeasonalLag { period: 1_440, count: 3, smooth: 2 },
            SeasonalLag { period: 10_080, count: 1, smooth: 2 },
        ],
        rolling: [6, 20, 60, 240].map(rolling).into(),
        differences: vec![5],
        known: Known { fourier: Vec::new(), calendar: true, events: events.columns.len() },
        ..Recipe::default()
    };
    let settings = BoostingSettings {
        levels: vec![0.5, 0.97],
        rounds_max: 80,
        shrinkage: 0.06,
        growth: Growth { leaves_max: 31, rows_min: 60, columns: 0.5 },
        rows: 0.7,
        judged: 0.0,
        patience: 15,
        bins_max: 63,
    };
    Direct {
        name: "boosting",
        recipe: Some(recipe),
        learner: Learner::Boosting(settings),
        horizons: Horizons::Each(vec![ahead]),
        rows_max: 20_160,
    }
}
