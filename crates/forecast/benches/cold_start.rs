//! Cold start: how well a service is forecast that has been running for 1, 6 and 24 hours. Run by
//! `cargo xtask bench cold_start`; `PLIMSOLL_PROVE=1` takes five times as many windows.
//!
//! Recorded series at steps of 5 minutes, cut at random moments: the model sees 12, 72 or 288 values and nothing else, and
//! forecasts the next 12. Without transfer: the last value, and seasonal naive with the day as its season where the history
//! has one (before that, a caller who knows no better gets the last value, which is what stands in for it). With transfer:
//! the pretrained network, trained on made-up series alone and told no season. Errors are in units of the whole series'
//! mean absolute change over one step, so that all histories of a window are judged by the same yardstick: MASE of the
//! points, and twice the mean pinball loss over the nine deciles and 0.95 and 0.99. Ratios are of sums over windows with a
//! paired bootstrap interval of 95 %, windows resampled.

use plimsoll_forecast::naive::{LastValue, SeasonalNaive};
use plimsoll_forecast::pretrained::Pretrained;
use plimsoll_forecast::score::{mase, scaled_quantile_loss, seasonal_scale};
use plimsoll_forecast::{Ahead, Data, Fit, Forecaster, Levels, Series};
use plimsoll_stats::{Random, paired_ratio};
use plimsoll_traces::Recorded;
use plimsoll_traces::sets::by_name;

/// Histories in steps and hours.
const HISTORIES: [(usize, u32); 3] = [(12, 1), (72, 6), (288, 24)];
/// A day in steps.
const DAY: usize = 288;
/// Steps forecast: an hour.
const AHEAD: usize = 12;
/// Draws of the bootstrap.
const RESAMPLES: u32 = 2_000;

/// Sets, the steps of theirs that make 5 minutes, and windows drawn from each in the short form.
const SETS: [(&str, usize, usize); 9] = [
    ("world-cup-98", 5, 60),
    ("nasa", 5, 40),
    ("twitter", 5, 40),
    ("crane", 5, 60),
    ("nab-cloudwatch", 1, 80),
    ("genai-memory", 5, 60),
    ("bitbrains-cpu", 1, 80),
    ("alibaba-2018", 1, 30),
    ("azure-cpu-2017", 1, 30),
];

/// Losses of the three models on one window: MASE and scaled quantile loss.
type Losses = [(f64, f64); 3];

fn main() {
    let times = if std::env::var_os("PLIMSOLL_PROVE").is_some() { 5 } else { 1 };
    let file = std::env::args().skip(1).find(|arg| arg.ends_with(".safetensors"));
    let net = file.map_or_else(Pretrained::default, |file| {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        Pretrained::from_weights(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"))
    });
    let mut all = HISTORIES.map(|_| Vec::new());
    println!(
        "{:<16}{:>8}  {:>15} {:>15} {:>15}",
        "MASE / SQL", "history", "last value", "seasonal naive", "pretrained"
    );
    for (name, group, windows) in SETS {
        let set = by_name(name).expect("invariant: a set of this program's list");
        let series: Vec<Recorded> = match (set.read)() {
            Ok(series) => series.iter().map(|series| series.means_of(group)).collect(),
            Err(error) => {
                println!("{name:<16} not run: {error}");
                continue;
            }
        };
        let losses = set_losses(&series, &net, windows * times);
        for (((_, hours), losses), all) in HISTORIES.iter().zip(losses).zip(&mut all) {
            print_row(name, *hours, &losses);
            all.extend(losses);
        }
    }
    for ((_, hours), losses) in HISTORIES.iter().zip(&all) {
        print_row("all", *hours, losses);
    }
    println!("\nwith over without transfer, all windows: ratio of sums [95 % interval]");
    for ((_, hours), losses) in HISTORIES.iter().zip(&all) {
        print_ratios(*hours, losses);
    }
}

fn print_row(name: &str, hours: u32, losses: &[Losses]) {
    let mean = |model: usize| {
        let sum = losses.iter().fold((0.0, 0.0), |sum, losses| (sum.0 + losses[model].0, sum.1 + losses[model].1));
        format!("{:.3} / {:.3}", sum.0 / losses.len() as f64, sum.1 / losses.len() as f64)
    };
    if !losses.is_empty() {
        println!("{name:<16}{hours:>6} h  {:>15} {:>15} {:>15}   ({})", mean(0), mean(1), mean(2), losses.len());
    }
}

fn print_ratios(hours: u32, losses: &[Losses]) {
    for (against, name) in [(0, "last value"), (1, "seasonal naive")] {
        let ratio = |score: fn(&(f64, f64)) -> f64| {
            let pairs: Vec<(f64, f64)> = losses.iter().map(|all| (score(&all[2]), score(&all[against]))).collect();
            paired_ratio(&pairs, 0.95, RESAMPLES, 1)
                .map_or("none".into(), |r| format!("{:.3} [{:.3}, {:.3}]", r.ratio, r.low, r.high))
        };
        println!("{hours:>4} h over {name:<16} MASE {}  SQL {}", ratio(|loss| loss.0), ratio(|loss| loss.1));
    }
}

/// The losses of every window, per history.
fn set_losses(series: &[Recorded], net: &Pretrained, windows: usize) -> [Vec<Losses>; 3] {
    let mut losses = HISTORIES.map(|_| Vec::new());
    let mut random = Random::new(1);
    let mut tries = 0;
    while losses[0].len() < windows && tries < 100 * windows {
        tries += 1;
        let values = &series[random.below(series.len() as u64) as usize].values;
        let Some(room) = values.len().checked_sub(DAY + AHEAD) else { continue };
        let end = DAY + random.below(room as u64 + 1) as usize;
        let (scale, actual) = (seasonal_scale(values, 1), &values[end..end + AHEAD]);
        // At least half of the shortest history measured, and something to be judged by.
        let shortest = values[end - HISTORIES[0].0..end].iter().filter(|value| value.is_finite()).count();
        if shortest < HISTORIES[0].0 / 2
            || scale.is_nan()
            || scale <= 0.0
            || !actual.iter().any(|value| value.is_finite())
        {
            continue;
        }
        for ((len, _), losses) in HISTORIES.iter().zip(&mut losses) {
            losses.push(window_losses(&values[end - len..end], actual, scale, net));
        }
    }
    losses
}

fn window_losses(history: &[f64], actual: &[f64], scale: f64, net: &Pretrained) -> Losses {
    let levels = Levels::try_new(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]);
    let levels = levels.expect("invariant: rising probabilities");
    let models: [(&dyn Fit, &[usize]); 3] = [(&LastValue, &[]), (&SeasonalNaive { season: None }, &[DAY]), (net, &[])];
    models.map(|(model, seasons)| {
        let data = Data::alone(Series::untimed(history), seasons);
        let fitted = model.fit(&data, 1).or_else(|_| LastValue.fit(&data, 1)).expect("invariant: a value was measured");
        let said = fitted.predict(&Ahead::steps(AHEAD), &levels);
        (mase(actual, said.points(), scale), scaled_quantile_loss(actual, &said, scale))
    })
}
