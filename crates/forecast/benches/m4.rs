//! M4 Hourly: every model of the zoo on the same series, beside published figures. Run by `cargo xtask bench m4`.
//!
//! Without anything else every 30th series is run, for a look; `PLIMSOLL_PROVE=1` runs all 414. `--models a,b` takes some
//! models, `--every N` every N-th series, `--holdout` forecasts the last 48 values of the training parts instead of the test
//! parts (what designs are tuned on), `--output json` prints one object per model.

mod common;

use common::{argument, cpu_seconds, has_flag, on_all_cores};
use plimsoll_forecast::score::{QuantileTally, mase, mean_of_scored, seasonal_scale, smape};
use plimsoll_forecast::zoo::{Entry, ZOO};
use plimsoll_forecast::{Ahead, Data, Forecaster, Levels, Series};
use plimsoll_traces::sets::{HOURLY_HORIZON, HOURLY_SEASONS, Split, hourly};

/// One series' scores.
struct Scored {
    mase: f64,
    smape: f64,
    tally: QuantileTally,
    fell_back: bool,
}

fn main() {
    let every = argument("--every").and_then(|text| text.parse().ok());
    let every: usize = every.unwrap_or(if std::env::var("PLIMSOLL_PROVE").is_ok_and(|v| v == "1") { 1 } else { 30 });
    let mut series: Vec<Split> = match hourly() {
        Ok(series) => series.into_iter().step_by(every.max(1)).collect(),
        Err(error) => {
            println!("DID NOT RUN m4: {error}");
            return;
        }
    };
    if has_flag("--holdout") {
        series.iter_mut().for_each(hold_out);
    }
    let models = argument("--models");
    let wanted = |entry: &&Entry| models.as_ref().is_none_or(|names| names.split(',').any(|name| name == entry.name));
    eprintln!(
        "{} series, horizon {HOURLY_HORIZON}, seasons {HOURLY_SEASONS:?}; ratios are to all 414 series",
        series.len()
    );
    eprintln!(
        "{:<24} {:>7} {:>7} {:>7} {:>7} {:>8} {:>9}",
        "model", "MASE", "sMAPE", "WQL", "cover", "CPU s", "series/s"
    );
    let is_json = argument("--output").is_some_and(|output| output == "json");
    for entry in ZOO.iter().filter(wanted) {
        let before = cpu_seconds();
        let scored = on_all_cores(&series, |split| score(entry, split));
        report(entry.name, &scored, cpu_seconds() - before, is_json);
        if has_flag("--worst") {
            let mut worst: Vec<_> = scored.iter().zip(&series).map(|(s, split)| (s.mase, &split.train.name)).collect();
            worst.sort_by(|a, b| b.0.total_cmp(&a.0));
            println!("   {:?}", &worst[..worst.len().min(12)]);
        }
    }
}

fn hold_out(split: &mut Split) {
    let at = split.train.values.len() - HOURLY_HORIZON;
    split.test = split.train.values.split_off(at);
}

fn score(entry: &Entry, split: &Split) -> Scored {
    let train = &split.train.values;
    let (levels, ahead) = (Levels::deciles(), Ahead::steps(HOURLY_HORIZON));
    let series = Series { start: split.train.start, step: split.train.step, values: train };
    // The reference's seasonal naive has one season; ours takes the longest it is given.
    let seasons = if entry.name == "seasonal-naive" { &HOURLY_SEASONS[..1] } else { &HOURLY_SEASONS };
    let data = Data::alone(series, seasons);
    let fitted = (entry.model)().fit(&data, 1);
    let fell_back = fitted.is_err();
    let said = match fitted {
        Ok(fitted) => fitted.predict(&ahead, &levels),
        Err(_) => plimsoll_forecast::zoo::by_name("seasonal-naive")
            .and_then(|model| model.fit(&data, 1).ok())
            .map(|fitted| fitted.predict(&ahead, &levels))
            .expect("every series of the set has two days"),
    };
    let mut tally = QuantileTally::new(&levels);
    tally.add(&split.test, &said);
    let scale = seasonal_scale(train, HOURLY_SEASONS[0]);
    let (mase, smape) = (mase(&split.test, said.points(), scale), smape(&split.test, said.points()));
    Scored { mase, smape, tally, fell_back }
}

/// What others measured or published on all 414 series: MASE, sMAPE, WQL, series per CPU second; NaN where it is not known.
/// statsforecast 2.1.1 on this project's machine, and GIFT-Eval's table, as the research notes give them.
const REFERENCES: &[(&str, &str, [f64; 4])] = &[
    ("last-value", "published Naive", [11.608, 43.003, 0.136, f64::NAN]),
    ("seasonal-naive", "statsforecast SeasonalNaive(24)", [1.193, 13.91, 0.0376, 1_000.0]),
    ("holt-winters", "statsforecast HoltWinters", [1.107, 16.38, 0.0395, 8.5]),
    ("auto-theta", "statsforecast AutoTheta", [2.456, 18.16, 0.0425, 8.2]),
    ("dynamic-optimized-theta", "statsforecast", [2.385, 18.10, 0.0404, 25.0]),
    ("auto-ets", "statsforecast AutoETS", [1.606, 17.19, 0.0696, 1.8]),
    ("mstl", "statsforecast MSTL+ETS", [1.102, 13.76, 0.0285, 4.9]),
    ("auto-arima", "published AutoARIMA", [1.030, 13.7, 0.034, 0.08]),
    ("pretrained", "TinyCast, 146 k parameters", [1.022, f64::NAN, 0.029, f64::NAN]),
    ("auto", "Chronos-Bolt base, 205 M parameters", [0.837, f64::NAN, 0.025, f64::NAN]),
];

fn report(name: &str, scored: &[Scored], cpu: f64, is_json: bool) {
    let mean = |part: fn(&Scored) -> f64| mean_of_scored(&scored.iter().map(part).collect::<Vec<_>>());
    let mut tally = QuantileTally::new(&Levels::deciles());
    scored.iter().for_each(|one| tally.merge(&one.tally));
    let fell_back = scored.iter().filter(|one| one.fell_back).count();
    let note = if fell_back > 0 { format!("  ({fell_back} by seasonal-naive)") } else { String::new() };
    let (mase, smape, wql) = (mean(|one| one.mase), mean(|one| one.smape), tally.weighted_quantile_loss());
    let (cover, rate) = (tally.miscoverage(), scored.len() as f64 / cpu);
    if is_json {
        println!(
            "{{\"model\":\"{name}\",\"series\":{},\"mase\":{mase},\"smape\":{smape},\"wql\":{wql},\"miscoverage\":{cover},\"cpu_seconds\":{cpu}}}",
            scored.len()
        );
        return;
    }
    println!("{name:<24} {mase:>7.3} {smape:>7.2} {wql:>7.4} {cover:>7.3} {cpu:>8.2} {rate:>9.1}{note}");
    if let Some((_, whose, values)) = REFERENCES.iter().find(|(model, ..)| *model == name) {
        let ours = [mase, smape, wql, rate];
        let ratio = |(ours, theirs): (&f64, &f64)| {
            if theirs.is_finite() { format!("{:>7.3}", ours / theirs) } else { " ".repeat(7) }
        };
        let ratios: Vec<String> = ours.iter().zip(values).map(ratio).collect();
        println!("  ours / {whose:<15} {}   (MASE, sMAPE, WQL, series per CPU s)", ratios.join(" "));
    }
}
