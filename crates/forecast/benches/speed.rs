//! How many series a CPU second fits and forecasts, what one online update costs, and the same of Python's statsforecast.
//!
//! `cargo xtask bench speed`. One thread, CPU time of the process, so that a busy machine changes little. Series: the M4
//! hourly ones where the set is there (every 30th; `PLIMSOLL_PROVE=1` every 5th), seeded synthetic ones otherwise. Each
//! figure includes the forecast of 48 steps with nine deciles. `statsforecast` is looked for in `python3`, or in the program
//! that `PLIMSOLL_PYTHON` names, and runs on the same series in the same run; without it the ratio is left out, and said so.
//!
//! The limit of the hot path (an exponential smoothing recursion) is the latency of a dependent multiply-add: about 4 ns per
//! value and evaluation on the machines at hand, so 1,000 values × 100 evaluations × 15 forms take 6 ms.

use plimsoll_forecast::online::{Stream, StreamSettings};
use plimsoll_forecast::{Ahead, Data, Forecaster, Levels, Series, zoo};
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use plimsoll_stats::Random;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

const HORIZON: usize = 48;
const SEASONS: [usize; 2] = [24, 168];
/// Our model, the one of statsforecast, and how many of the series that one gets: it is too slow for all.
const MODELS: &[(&str, Option<(&str, usize)>)] = &[
    ("holt-winters", Some(("HoltWinters", 14))),
    ("dynamic-optimized-theta", Some(("DynamicOptimizedTheta", 14))),
    ("auto-ets", Some(("AutoETS", 14))),
    ("mstl", Some(("MSTL", 14))),
    ("auto-arima", Some(("AutoARIMA", 2))),
    ("ridge", None),
    ("decision-tree", None),
    ("random-forest", None),
    ("boosting", None),
    ("lstm", None),
    ("pretrained", None),
    ("auto", None),
];

fn main() {
    let (name, series) = series();
    println!("{} series of {name}, horizon {HORIZON}, nine deciles, one thread\n", series.len());
    println!("{:<26}{:>8}{:>14}{:>16}  statsforecast / ours", "model", "MASE", "CPU ms each", "series / CPU s");
    let theirs = statsforecast(&series);
    for (model, peer) in MODELS {
        let Some(score) = measure(model, &series, usize::MAX) else {
            println!("{model:<26}  is not in this build");
            continue;
        };
        let ratio = peer.and_then(|(peer, count)| {
            let theirs = theirs.as_ref()?.get(peer)?["cpu_seconds"].as_f64()?;
            let ours = measure(model, &series, count)?;
            Some(format!("{:.0} x ({:.2} s / {:.3} s)", theirs / ours.seconds, theirs, ours.seconds))
        });
        let each = score.seconds / score.fitted.max(1) as f64;
        let ratio = ratio.unwrap_or_else(|| "-".to_owned());
        println!("{model:<26}{:>8.3}{:>14.2}{:>16.1}  {ratio}", score.mase, each * 1e3, 1.0 / each);
    }
    streams();
    if theirs.is_none() {
        println!("\nstatsforecast is not installed for this python3 (PLIMSOLL_PYTHON names another): no ratio");
    }
}

/// What a streaming forecast costs: time and bytes per update, and the memory of ten thousand of them.
fn streams() {
    const SERIES: usize = 10_000;
    const SAMPLES: i64 = 400;
    let minute = Millis(60_000);
    let settings = StreamSettings::daily_and_weekly(minute, vec![Millis(300_000)], Permille(990));
    let before = resident_kib();
    let mut random = Random::new(1);
    let mut all: Vec<Stream> =
        (0..SERIES).map(|_| Stream::try_new(settings.clone()).expect("settings that can be")).collect();
    let started = cpu_seconds();
    for sample in 0..SAMPLES {
        let at = Timestamp(sample * 60_000);
        for stream in &mut all {
            stream.observe(at, 100.0 + 10.0 * random.normal());
        }
    }
    let spent = cpu_seconds() - started;
    let (updates, memory) = (SERIES as f64 * SAMPLES as f64, resident_kib().saturating_sub(before));
    let bytes = all.iter().map(|stream| stream.to_bytes().len()).max().unwrap_or(0);
    println!(
        "\nstreaming, {SERIES} series side by side: {:.2} us per update, {bytes} bytes of state, {} MiB resident in all",
        spent / updates * 1e6,
        memory / 1_024
    );
}

/// Memory of this process that is in RAM.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

struct Score {
    seconds: f64,
    fitted: usize,
    mase: f64,
}

/// Fits and forecasts the first `count` series; none for a model that does not exist.
fn measure(name: &str, series: &[Vec<f64>], count: usize) -> Option<Score> {
    let model = zoo::by_name(name)?;
    let levels = Levels::deciles();
    let (mut mase, mut fitted) = (0.0, 0);
    let started = cpu_seconds();
    for values in series.iter().take(count) {
        let (past, future) = values.split_at(values.len() - HORIZON);
        let Ok(fit) = model.fit(&Data::alone(Series::untimed(past), &SEASONS), 1) else { continue };
        let said = fit.predict(&Ahead::steps(HORIZON), &levels);
        let error =
            said.points().iter().zip(future).map(|(said, came)| (said - came).abs()).sum::<f64>() / HORIZON as f64;
        let lag = past.windows(SEASONS[0] + 1).map(|w| (w[SEASONS[0]] - w[0]).abs()).sum::<f64>();
        mase += error / (lag / (past.len() - SEASONS[0]) as f64);
        fitted += 1;
    }
    Some(Score { seconds: cpu_seconds() - started, fitted, mase: mase / fitted.max(1) as f64 })
}

fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Each with its last 48 values for comparison.
fn series() -> (&'static str, Vec<Vec<f64>>) {
    let every = if std::env::var_os("PLIMSOLL_PROVE").is_some() { 5 } else { 30 };
    match plimsoll_traces::sets::hourly() {
        Ok(splits) => {
            let whole = |split: &plimsoll_traces::sets::Split| [&split.train.values[..], &split.test[..]].concat();
            ("M4 hourly", splits.iter().step_by(every).map(whole).collect())
        }
        Err(error) => {
            println!("{error}; seeded synthetic series instead");
            ("a seeded generator", (0..414 / every as u64).map(synthetic).collect())
        }
    }
}

/// A day and a week, a drifting level, and noise.
fn synthetic(seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut level = 100.0;
    let hour = |hour: usize, period: usize| libm::sin(hour as f64 * std::f64::consts::TAU / period as f64);
    let mut value = |at: usize| {
        level += 0.3 * random.normal();
        level + 30.0 * hour(at, 24) + 10.0 * hour(at, 168) + 3.0 * random.normal()
    };
    (0..748).map(&mut value).collect()
}

/// What its script says of the same series; none where it cannot run.
fn statsforecast(series: &[Vec<f64>]) -> Option<Value> {
    let python = std::env::var("PLIMSOLL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/statsforecast_speed.py");
    let asked: serde_json::Map<String, Value> = MODELS
        .iter()
        .filter_map(|(_, peer)| *peer)
        .map(|(peer, count)| {
            (peer.to_owned(), json!(series.iter().take(count).map(|s| &s[..s.len() - HORIZON]).collect::<Vec<_>>()))
        })
        .collect();
    let mut child = Command::new(python)
        .arg(script)
        .env("OMP_NUM_THREADS", "1")
        .env("NIXTLA_ID_AS_COL", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let text = json!({ "horizon": HORIZON, "models": asked }).to_string();
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
    serde_json::from_slice(&output.stdout).ok()
}
