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
    println!("{} series, horizon {HOURLY_HORIZON}, seasons {HOURLY_SEASONS:?}", series.len());
    println!(
        "{:<24} {:>7} {:>7} {:>7} {:>7} {:>8} {:>9}",
        "model", "MASE", "sMAPE", "WQL", "cover", "CPU s", "series/s"
    );
    for entry in ZOO.iter().filter(wanted) {
        let before = cpu_seconds();
        let scored = on_all_cores(&series, |split| score(entry, split));
        report(entry.name, &scored, cpu_seconds() - before);
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
    let data = Data::alone(series, &HOURLY_SEASONS);
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

fn report(name: &str, scored: &[Scored], cpu: f64) {
    let mean = |part: fn(&Scored) -> f64| mean_of_scored(&scored.iter().map(part).collect::<Vec<_>>());
    let mut tally = QuantileTally::new(&Levels::deciles());
    scored.iter().for_each(|one| tally.merge(&one.tally));
    let fell_back = scored.iter().filter(|one| one.fell_back).count();
    let note = if fell_back > 0 { format!("  ({fell_back} by seasonal-naive)") } else { String::new() };
    let (mase, smape, wql) = (mean(|one| one.mase), mean(|one| one.smape), tally.weighted_quantile_loss());
    let (cover, rate) = (tally.miscoverage(), scored.len() as f64 / cpu);
    println!("{name:<24} {mase:>7.3} {smape:>7.2} {wql:>7.4} {cover:>7.3} {cpu:>8.2} {rate:>9.1}{note}");
}
