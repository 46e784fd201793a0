//! Prints a report and the generator's own CPU cost: `cargo run --release -p plimsoll-loadgen --example fixed_rate -- URL RPS SECONDS`.

use plimsoll_loadgen::{LoadPlan, Options, Shape, Stop, run_blocking};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, rps, seconds] = arguments.as_slice() else { return Err("expected URL RPS SECONDS".into()) };
    let shape = Shape::Constant { rps: rps.parse()?, duration: Duration::from_secs_f64(seconds.parse()?) };
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
