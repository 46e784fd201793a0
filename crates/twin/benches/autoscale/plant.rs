//! The fast tier's plant alone: need, utilisation, latency quantiles, lateness and backlog of one slot.

use plimsoll_stats::Random;
use plimsoll_twin::service::fast::{Objective, Plant};
use plimsoll_twin::service::{Distribution, ServiceModel};
use std::hint::black_box;

/// Slots of 15 s in 60 days.
const SLOTS: usize = 345_600;
/// Slot evaluations per CPU second that are wanted.
const GOAL: f64 = 5_000_000.0;

pub fn rows() {
    for (name, roughness) in [("a smooth day", 0.01), ("a rough one (each slot ±20 %)", 0.2)] {
        let load = load(roughness);
        let model = ServiceModel::sharing(Distribution::log_normal(25.0, 1.0), 60_000.0);
        let Ok(mut plant) = Plant::new(&model, Objective::latency(0.95, 0.2), 15.0, 30.0, 1.0) else {
            unreachable!("the model of this file holds");
        };
        let (mut ready, mut late) = (20, 0.0);
        // The first pass builds the rows, which every series of a service shares; it has a line of its own.
        let building = super::cpu_seconds(|| load.iter().for_each(|rate| late += plant.step(*rate, 40).late));
        let seconds = super::cpu_seconds(|| {
            for _ in 0..20 {
                for rate in &load {
                    let slot = plant.step(*rate, ready);
                    late += slot.late + slot.latency.p99_s;
                    // A supply that follows the need a slot late, so that both change as in a backtest.
                    ready = slot.need.max(1);
                }
            }
        });
        black_box(late);
        super::print(&format!("plant: slot evaluations, {name}"), 20 * SLOTS as u64, seconds, GOAL);
        println!("{:<58} {:>12.3} s once, tables included", format!("  first pass of {SLOTS} slots"), building);
    }
}

/// A day that repeats with noise, about 1,400 requests per second at its peak: 40 replicas.
fn load(roughness: f64) -> Vec<f64> {
    let mut random = Random::new(5);
    let slot = |n: usize| {
        let day = (n % 5_760) as f64 / 5_760.0;
        let shape = 0.6 - 0.4 * libm::cos(std::f64::consts::TAU * day);
        1_400.0 * shape * (1.0 + roughness * (2.0 * random.unit() - 1.0))
    };
    (0..SLOTS).map(slot).collect()
}
