//! Both sides in one table.

use super::real;
use plimsoll_twin::machine::ServiceOutcome;
use serde_json::Value;

/// Latencies: what they are called in a report, and as a share; none is the mean.
const LATENCIES: [(&str, Option<f64>); 5] =
    [("mean", None), ("p50", Some(0.5)), ("p90", Some(0.9)), ("p99", Some(0.99)), ("p99_9", Some(0.999))];

pub fn print(real: &Value, twin: &ServiceOutcome) {
    let load = &real["load"];
    println!("\n{:<34} {:>12} {:>12} {:>9}", "", "real", "twin", "error");
    row("requests answered", load["succeeded"].as_f64().unwrap(), twin.window.succeeded as f64, "");
    row("requests failed", failed(load), twin.window.failed as f64, "");
    for (name, share) in LATENCIES {
        let twin = share.map_or(twin.window.latencies.mean_s(), |p| twin.window.latencies.quantile_s(p)).unwrap() * 1e3;
        row(&format!("latency {name}, ms"), load["latency"][name].as_f64().unwrap() / 1e3, twin, "");
    }
    let supply = real::supply(real);
    let mean = |supply: &[u32]| f64::from(supply.iter().sum::<u32>()) / supply.len() as f64;
    let highest = |supply: &[u32]| f64::from(supply.iter().copied().max().unwrap_or(0));
    row("ready replicas, mean", mean(&supply), mean(&twin.supply), "");
    row("ready replicas, highest", highest(&supply), highest(&twin.supply), "");
    let off: Vec<f64> = supply.iter().zip(&twin.supply).map(|(real, twin)| f64::from(real.abs_diff(*twin))).collect();
    println!(
        "replicas differ by {:.2} on average over {} ticks, at most by {:.0}",
        off.iter().sum::<f64>() / off.len() as f64,
        off.len(),
        off.iter().fold(0.0, |most: f64, next| most.max(*next))
    );
    println!(
        "requests that the generator itself began late (a busy machine): {}, longest {} ms",
        load["late"],
        load["late_max"].as_f64().unwrap() / 1e3
    );
    println!("\ntick        real  twin   (every 24th)");
    for (tick, (real, twin)) in supply.iter().zip(&twin.supply).enumerate().step_by(24) {
        println!("{tick:<10} {real:>5} {twin:>5}");
    }
}

fn failed(load: &Value) -> f64 {
    load["failed"].as_object().unwrap().values().filter_map(Value::as_f64).sum()
}

fn row(name: &str, real: f64, twin: f64, unit: &str) {
    let error = if real > 0.0 { format!("{:+.1} %", (twin / real - 1.0) * 100.0) } else { "-".to_owned() };
    println!("{name:<34} {real:>12.2} {twin:>12.2} {error:>9}{unit}");
}
