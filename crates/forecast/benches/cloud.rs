//! Load of VMs, sites and clusters: `auto` beside what costs nothing. Run by `cargo xtask bench cloud`.
//!
//! Bitbrains, July: 20 windows of 48 steps of 5 minutes at the end of the month, gaps filled forward as in the published
//! table's closest variant (the only place where anything is filled, and both sides of the comparison see the same), mean
//! absolute error over CPU % and CPU MHz. The comparison is with our own last-value run on the same windows, with a paired
//! bootstrap interval over VMs. Published beside it: last value 130.2, TiRex 124.6, Toto-2.0 113.0 (GIFT-Eval).
//!
//! Traffic and clusters: at the start of each hour of the last half of a series the next hour is forecast step by step (for
//! the hourly series the next day, each day), WAPE over all steps, beside last value, same time yesterday and the mean of the
//! last hour (of the last day). `auto` is fitted again every day on at most four weeks, and follows in between.
//!
//! Without anything else every 25th VM and every second series is run; `PLIMSOLL_PROVE=1` runs all, `--every N` every N-th,
//! `--only vms` or `--only traffic` one part, `--series NAME` one series. `--earlier STEPS` leaves so many values off the end of
//! the VMs and `--skip N` takes others, `--half` takes the first half of traffic and clusters, which is what designs are tuned on.

mod common;

use common::{cpu_seconds, on_all_cores};
use plimsoll_forecast::naive::Recent;
use plimsoll_forecast::score::mean_of_scored;
use plimsoll_forecast::select::{Auto, Budget};
use plimsoll_forecast::{Ahead, Data, Fit, Fitted, Forecaster, Levels, Sample, Series};
use plimsoll_stats::paired_ratio;
use plimsoll_traces::Recorded;
use plimsoll_traces::sets::{SetError, by_name, cpu_mhz, cpu_percent};

const WINDOWS: usize = 20;
const HORIZON: usize = 48;
/// Steps of 5 minutes that are looked at: two weeks.
const VM_HISTORY: usize = 4_032;

fn main() {
    let proves = std::env::var("PLIMSOLL_PROVE").is_ok_and(|value| value == "1");
    let only = common::argument("--only").unwrap_or_default();
    if only.is_empty() || only == "vms" {
        virtual_machines(number("--every", if proves { 1 } else { 25 }));
    }
    if only.is_empty() || only == "traffic" {
        traffic(number("--every", if proves { 1 } else { 2 }));
    }
}

/// A number after an option, or what stands when it is not given.
fn number(name: &str, otherwise: usize) -> usize {
    common::argument(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Series of a set, or none after saying that it is not here.
fn read(name: &str, set: Result<Vec<Recorded>, SetError>) -> Vec<Recorded> {
    set.unwrap_or_else(|error| {
        println!("DID NOT RUN {name}: {error}");
        Vec::new()
    })
}

fn filled_forward(values: &mut [f64]) {
    let first = values.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0);
    let mut last = first;
    for value in values {
        if value.is_finite() {
            last = *value;
        } else {
            *value = last;
        }
    }
}

/// What is run on VMs beside the last value.
const VM_MODELS: [&str; 3] = ["auto", "recent-3", "recent-6"];

/// Mean absolute errors over the windows of one VM: of the last value, then of [`VM_MODELS`].
fn windows(vm: &Recorded) -> [f64; 4] {
    let mut values = vm.values.clone();
    filled_forward(&mut values);
    values.truncate(values.len().saturating_sub(number("--earlier", 0)));
    let auto = Auto { horizon: Some(HORIZON), history: Some(VM_HISTORY), budget: Budget::Quick, ..Auto::default() };
    let models: [Box<dyn Fit>; 3] = [Box::new(auto), Box::new(Recent { window: 3 }), Box::new(Recent { window: 6 })];
    let mut errors = [0.0; 4];
    let taken = (0..WINDOWS).step_by(number("--stride", 1));
    let steps = taken.len() * HORIZON;
    for window in taken {
        let origin = values.len() - (WINDOWS - window) * HORIZON;
        let came = &values[origin..origin + HORIZON];
        let data = Data::alone(Series { start: vm.start, step: vm.step, values: &values[..origin] }, &[288]);
        errors[0] += came.iter().map(|actual| (actual - values[origin - 1]).abs()).sum::<f64>();
        for (model, error) in models.iter().zip(&mut errors[1..]) {
            let fitted = model.fit(&data, 1).expect("a series that is filled has values");
            let said = fitted.predict(&Ahead::steps(HORIZON), &Levels::deciles());
            *error += came.iter().zip(said.points()).map(|(actual, said)| (actual - said).abs()).sum::<f64>();
        }
    }
    errors.map(|sum| sum / steps as f64)
}

/// Of the ratios of pairs, where both are more than 0: every VM counts the same, however large it is.
fn geometric_mean(pairs: &[(f64, f64)]) -> f64 {
    let known = pairs.iter().filter(|(ours, theirs)| *ours > 0.0 && *theirs > 0.0);
    let logs: Vec<f64> = known.map(|(ours, theirs)| (ours / theirs).ln()).collect();
    (logs.iter().sum::<f64>() / logs.len() as f64).exp()
}

fn virtual_machines(every: usize) {
    let percent = read("bitbrains", cpu_percent());
    let mhz = read("bitbrains", cpu_mhz());
    let vms: Vec<&Recorded> = percent.iter().skip(number("--skip", 0)).step_by(every).collect();
    let before = cpu_seconds();
    // Every model here follows a change of the unit, so the errors in MHz are those in % times the capacity.
    let errors = on_all_cores(&vms, |vm| windows(vm));
    let cpu = cpu_seconds() - before;
    let capacity = |vm: &Recorded| {
        let same = mhz.iter().find(|other| other.name == vm.name);
        let ratio = |other: &Recorded| other.values.iter().zip(&vm.values).find(|(_, p)| **p > 0.0).map(|(m, p)| m / p);
        same.and_then(ratio).unwrap_or(0.0)
    };
    let both = |vm: &Recorded, error: f64| (error + error * capacity(vm)) / 2.0;
    println!(
        "Bitbrains, {} VMs, {WINDOWS} windows of {HORIZON} steps: MAE over CPU % and MHz; {cpu:.1} CPU s",
        vms.len()
    );
    let of = |place: usize| vms.iter().zip(&errors).map(|(vm, all)| both(vm, all[place])).collect::<Vec<f64>>();
    let last = of(0);
    for (place, name) in VM_MODELS.iter().enumerate() {
        let ours = of(place + 1);
        let pairs: Vec<(f64, f64)> = ours.iter().copied().zip(last.iter().copied()).collect();
        print!("  {name:<12} {:>8.2}", mean_of_scored(&ours));
        if let Some(found) = paired_ratio(&pairs, 0.95, 2_000, 1) {
            let percent = |ratio: f64| (ratio - 1.0) * 100.0;
            let (low, high) = (percent(found.low), percent(found.high));
            print!(
                "  {:>+6.2} %  (95 % interval {low:+.2} to {high:+.2} %, paired bootstrap over VMs)",
                percent(found.ratio)
            );
        }
        print!(", geometric mean of the VMs' own ratios {:.3}", geometric_mean(&pairs));
        println!();
    }
}

/// WAPE of `auto`, last value, yesterday and moving mean.
fn hours(series: &Recorded) -> [f64; 4] {
    let len = series.values.len();
    let values = &series.values[..if common::has_flag("--half") { len / 2 } else { len }];
    let day = (86_400_000 / series.step.0) as usize;
    let horizon = if day <= 24 { day } else { day / 24 };
    let auto = Auto { horizon: Some(horizon), history: Some(28 * day), budget: Budget::Quick, ..Auto::default() };
    let seasons = [day, 7 * day];
    let at = |index: usize| values[..index].iter().rev().copied().find(|value| value.is_finite()).unwrap_or(0.0);
    let (mut errors, mut demand) = ([0.0; 4], 0.0);
    let mut fitted: Option<Fitted> = None;
    let start = values.len() / 2;
    let (mut known, mut fitted_at) = (start, 0);
    for origin in (start..values.len().saturating_sub(horizon)).step_by(horizon) {
        if fitted.is_none() || origin >= fitted_at + day.max(7 * horizon) {
            let data =
                Data::alone(Series { start: series.start, step: series.step, values: &values[..origin] }, &seasons);
            fitted = auto.fit(&data, 1).ok();
            (known, fitted_at) = (origin, origin);
            if let Some(model) = fitted.as_ref().filter(|_| common::has_flag("--explain")) {
                println!("{}", model.explain());
            }
        }
        let Some(model) = fitted.as_mut() else { continue };
        values[known..origin].iter().for_each(|value| model.update(&Sample::of(*value)));
        known = origin;
        let said = model.predict(&Ahead::steps(horizon), &Levels::deciles());
        let window: Vec<f64> =
            values[origin - horizon..origin].iter().copied().filter(|value| value.is_finite()).collect();
        let (last, mean) = (at(origin), window.iter().sum::<f64>() / window.len().max(1) as f64);
        for step in 0..horizon {
            let actual = values[origin + step];
            let yesterday = values[origin + step - day];
            if !actual.is_finite() {
                continue;
            }
            demand += actual.abs();
            let yesterday = if yesterday.is_finite() { yesterday } else { last };
            for (sum, said) in errors.iter_mut().zip([said.points()[step], last, yesterday, mean]) {
                *sum += (actual - said).abs();
            }
        }
    }
    errors.map(|sum| sum / demand)
}

fn traffic(every: usize) {
    let names =
        ["world-cup-98", "nasa", "twitter", "servegen", "cloud-monitoring", "alibaba-2018", "azure-cpu-2017", "crane"];
    let sets = names.iter().filter_map(|name| by_name(name));
    let mut all: Vec<Recorded> = sets.flat_map(|set| read(set.name, (set.read)())).collect();
    if let Some(name) = common::argument("--series") {
        all.retain(|series| series.name == name);
    }
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        (place - 1) % every == 0
    });
    println!("\nOne hour ahead over the last half (hourly series: one day), WAPE");
    println!("{:<32} {:>7} {:>7} {:>7} {:>7} {:>14}", "series", "auto", "last", "yesterd", "mean", "auto / best");
    let before = cpu_seconds();
    let mut worst: f64 = 0.0;
    for (series, scores) in all.iter().zip(on_all_cores(&all, hours)) {
        let [auto, last, yesterday, mean] = scores;
        let ratio = auto / last.min(yesterday).min(mean);
        worst = worst.max(ratio);
        println!("{:<32} {auto:>7.3} {last:>7.3} {yesterday:>7.3} {mean:>7.3} {ratio:>14.3}", series.name);
    }
    println!("worst ratio {worst:.3} (goal: at most 1.05); {:.1} CPU s", cpu_seconds() - before);
}
