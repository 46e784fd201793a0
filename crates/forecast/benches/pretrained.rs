//! How well the pretrained network forecasts recorded series it was never trained on, and what a forecast costs. Run by
//! `cargo xtask bench pretrained`; `m4`, `cloud` and `speed` as arguments choose sections, a file of weights takes the
//! place of the committed ones.
//!
//! `m4`: M4 Hourly, 48 steps, seasons of 24 and 168 hours; MASE by the in-sample lag-24 error, sMAPE, and WQL of nine deciles
//! pooled, means over series otherwise. `cloud`: 12 steps after random moments of recorded cloud series; MASE by the lag-1
//! error of the context, SQL likewise over nine deciles. `speed`: CPU per forecast of 48 steps and 13 quantiles.

use plimsoll_forecast::naive::{LastValue, SeasonalNaive};
use plimsoll_forecast::pretrained::Pretrained;
use plimsoll_forecast::score::{QuantileTally, mase, mean_of_scored, scaled_quantile_loss, seasonal_scale, smape};
use plimsoll_forecast::{Ahead, Data, Fit, Forecaster, Levels, Prediction, Series};
use plimsoll_stats::Random;
use plimsoll_traces::Recorded;
use plimsoll_traces::sets::{HOURLY_HORIZON, HOURLY_SEASONS, SetError, by_name, hourly};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let file = args.iter().find(|arg| arg.ends_with(".safetensors"));
    let net = file.map_or_else(Pretrained::default, |file| {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        Pretrained::from_weights(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"))
    });
    let wanted = |name: &str| args.iter().all(|arg| Some(arg) == file) || args.iter().any(|arg| arg == name);
    if wanted("m4") {
        report_missing(m4_hourly(&net));
    }
    if wanted("cloud") {
        report_missing(cloud(&net));
    }
    if wanted("speed") {
        speed(&net);
    }
}

fn report_missing(done: Result<(), SetError>) {
    if let Err(error) = done {
        println!("not run: {error}");
    }
}

fn forecast(model: &dyn Fit, values: &[f64], seasons: &[usize], horizon: usize, levels: &Levels) -> Option<Prediction> {
    let fitted = model.fit(&Data::alone(Series::untimed(values), seasons), 1).ok()?;
    Some(fitted.predict(&Ahead::steps(horizon), levels))
}

fn m4_hourly(net: &Pretrained) -> Result<(), SetError> {
    println!(
        "M4 Hourly, 414 series, 48 steps          MASE   sMAPE     WQL   (published, zero-shot: TinyCast 1.022 / .029)"
    );
    let split = hourly()?;
    let levels = Levels::deciles();
    for (name, model) in [("seasonal naive", &SeasonalNaive { season: Some(0) } as &dyn Fit), ("pretrained", net)] {
        let mut tally = QuantileTally::new(&levels);
        let (mut mases, mut smapes) = (Vec::new(), Vec::new());
        for series in &split {
            let said = forecast(model, &series.train.values, &HOURLY_SEASONS, HOURLY_HORIZON, &levels);
            let Some(said) = said else { continue };
            mases.push(mase(&series.test, said.points(), seasonal_scale(&series.train.values, 24)));
            smapes.push(smape(&series.test, said.points()));
            tally.add(&series.test, &said);
        }
        let (mase, smape) = (mean_of_scored(&mases), mean_of_scored(&smapes));
        println!("{name:<38} {mase:>6.3}  {smape:>6.2}  {:>6.4}", tally.weighted_quantile_loss());
    }
    Ok(())
}

/// Steps ahead of the cloud windows.
const AHEAD: usize = 12;
/// Sets, windows drawn from each, and a day in steps.
const CLOUD: [(&str, usize, usize); 6] = [
    ("nab-cloudwatch", 64, 288),
    ("planetlab", 80, 288),
    ("genai-memory", 80, 1_516),
    ("world-cup-98", 48, 1_440),
    ("bitbrains-cpu", 80, 288),
    ("azure-cpu-2017", 24, 288),
];

fn cloud(net: &Pretrained) -> Result<(), SetError> {
    println!("\nCloud, 12 steps, contexts to 2,880: MASE / SQL by lag-1 error");
    println!("{:<16} {:>16} {:>16} {:>16}", "set (windows)", "last value", "seasonal naive", "pretrained");
    let models: [&dyn Fit; 3] = [&LastValue, &SeasonalNaive { season: Some(0) }, net];
    for (name, windows, day) in CLOUD {
        let set = by_name(name).expect("invariant: a set of this program's list");
        let series = (set.read)()?;
        let mut random = Random::new(1);
        let mut scores = [const { Vec::new() }; 3];
        while scores[0].len() < windows {
            let Some((context, actual, scale)) = window(&series, &mut random) else { continue };
            for (model, scores) in models.iter().zip(&mut scores) {
                let said = forecast(*model, &context, &[day], AHEAD, &Levels::deciles());
                let said = said.or_else(|| forecast(&LastValue, &context, &[], AHEAD, &Levels::deciles()));
                let said = said.expect("invariant: a window has values");
                scores.push((mase(&actual, said.points(), scale), scaled_quantile_loss(&actual, &said, scale)));
            }
        }
        let mean = |scores: &[(f64, f64)]| {
            let (points, quantiles): (Vec<f64>, Vec<f64>) = scores.iter().copied().unzip();
            format!("{:.3} / {:.3}", mean_of_scored(&points), mean_of_scored(&quantiles))
        };
        let [last, seasonal, net] = scores.map(|scores| mean(&scores));
        println!("{name:<16} {last:>16} {seasonal:>16} {net:>16}   ({windows})");
    }
    Ok(())
}

/// A random moment of a random series: context, what followed, and the context's lag-1 error.
fn window(series: &[Recorded], random: &mut Random) -> Option<(Vec<f64>, Vec<f64>, f64)> {
    let values = &series[random.below(series.len() as u64) as usize].values;
    let room = values.len().checked_sub(AHEAD + 100)?;
    let end = 100 + random.below(room as u64 + 1) as usize;
    let context = &values[end.saturating_sub(2_880)..end];
    let actual = &values[end..end + AHEAD];
    let scale = seasonal_scale(context, 1);
    let whole = actual.iter().all(|value| value.is_finite()) && context[context.len() - 1].is_finite();
    (whole && scale > 0.0).then(|| (context.to_vec(), actual.to_vec(), scale))
}

fn speed(net: &Pretrained) {
    let mut random = Random::new(1);
    let values = plimsoll_forecast::synthetic::draw(&mut random, 1_024).values;
    let levels = Levels::deciles();
    forecast(net, &values, &[24, 168], 48, &levels);
    let held = HELD.load(Ordering::Relaxed);
    PEAK.store(held, Ordering::Relaxed);
    let (rounds, start) = (500, cpu_seconds());
    for _ in 0..rounds {
        std::hint::black_box(forecast(net, &values, &[24, 168], 48, &levels));
    }
    let each = (cpu_seconds() - start) * 1e3 / f64::from(rounds);
    let (weights, more) = (net.parameters() * 4, PEAK.load(Ordering::Relaxed) - held);
    println!("\nfit and forecast, 1,024 values, 48 steps, 9 deciles: {each:.3} ms CPU (goal at most 10)");
    println!(
        "memory: weights {weights} bytes, twice (file and numbers); at most {more} bytes more during a forecast (goal 4 MB)"
    );
}

/// User time of this process: field 14 of `/proc/self/stat`, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let field = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(11)?.parse::<f64>().ok());
    field.map_or(f64::NAN, |ticks| ticks / 100.0)
}

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Counts what is held and the most that ever was.
struct Counting;

// SAFETY: every call goes unchanged to the system allocator; the counters are atomics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
