//! The twin against reality: the same recorded load through `plimsoll up` (the real loop, real processes, real sockets) and
//! through the twin's exact tier with the same controller in the loop; latency quantiles and replica counts side by side.
//!
//! `cargo bench -p plimsoll --bench reality`. Two real runs. The first, of a quarter of the day under another seed, is what the
//! service model is calibrated on; the second, of the whole day, is what the twin is compared with and was never shown.
//! `--span 6h` shortens the second run, `--scale S` sets the load (0.4), and `--runs FOLDER` takes the reports of earlier runs
//! (`calibration.json`, `day.json`) instead of running.
//!
//! Latency is from the intended moment of sending to the last byte, as clients of an open loop see it. What the machine adds
//! when others use it is in the real figures and not in the twin's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails should stop loudly")]

#[path = "reality/compare.rs"]
mod compare;
#[path = "reality/driven.rs"]
mod driven;
#[path = "reality/real.rs"]
mod real;

use plimsoll_twin::service::calibrate::{Settings, calibrate};

/// Seeds of the arrivals of the three runs.
const SEEDS: [u64; 3] = [2, 1, 1];

fn main() {
    let argument = |name: &str| std::env::args().skip_while(|argument| argument != name).nth(1);
    let scale: f64 = argument("--scale").map_or(0.4, |text| text.parse().expect("--scale takes a number"));
    let span = argument("--span").unwrap_or_else(|| "1d".to_owned());
    let [learnt, judged] = match argument("--runs") {
        Some(folder) => ["calibration", "day"].map(|name| real::read(&format!("{folder}/{name}.json"))),
        None => [real::run("6h", scale, SEEDS[0]), real::run(&span, scale, SEEDS[1])],
    };
    let samples = real::samples(&learnt);
    let settings = Settings { slots: 1_024, law: None, startup_s: Some(real::startup_s()) };
    let found = match calibrate(&samples, &settings) {
        Ok(found) => found,
        Err(error) => panic!("the first run calibrates nothing: {error}"),
    };
    println!(
        "calibrated on {} s of another run: work {:.2} ms (cv {:.2}), delay {:.2} ms, {:.2} cores, start-up {:.2} s",
        samples.len(),
        found.model.work.mean_ms,
        found.model.work.variation,
        found.model.delay_ms,
        found.model.law.cores,
        found.model.startup.mean_ms / 1_000.0
    );
    if let Some(error) = found.errors.p50 {
        println!("its error per second on seconds it was not fitted to: p50 {:.0} %", error.median * 100.0);
    }
    let seconds = real::seconds(&judged);
    let twin = driven::run(&real::spec(), &found.model, scale, seconds, SEEDS[2]);
    compare::print(&judged, &twin);
}
