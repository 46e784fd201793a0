//! Sends a load and prints its report and the generator's own CPU cost:
//! `cargo run --release -p plimsoll-loadgen --example cost -- URL SHAPE`, where SHAPE is one that `Shape` parses
//! (`constant:rps=2000,duration=6s`) or a trace file, which then passes at speed 3,600.

use plimsoll_loadgen::{LoadPlan, Options, Shape, Stop, run_blocking};
use plimsoll_traces::{RateSeries, dataset};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, shape] = arguments.as_slice() else { return Err("expected URL SHAPE".into()) };
    let shape = match dataset::resolve(shape) {
        Ok(path) => {
            let series = RateSeries::read(path.to_str().ok_or("the path is not UTF-8")?)?;
            Shape::Trace { series: Arc::new(series), speed: 3_600 }
        }
        Err(_) => shape.parse()?,
    };
    let report = run_blocking(&LoadPlan::new(shape), &target.parse()?, &Options::default(), Stop::never(), |_| {})?;
    println!("{report}");
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let used_us = used.tv_sec as f64 * 1e6 + used.tv_nsec as f64 / 1e3;
    println!(
        "cost      {:.1} µs of CPU per request, {:.1} % of one core",
        used_us / report.sent.max(1) as f64,
        used_us / 1e4 / (report.elapsed_ms.0 as f64 / 1e3)
    );
    Ok(())
}
