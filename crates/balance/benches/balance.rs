//! What a pick costs, how many clients a hash moves, and what each algorithm does to latency. Run by
//! `cargo xtask bench balance`; prints three tables and fails if a pick allocates.
//!
//! The physical limit of a pick: it reads at least one endpoint's counters, a cache line that other cores write. That is
//! about 1 ns from the first-level cache, 4 ns from the second, 20 to 70 ns when another core wrote it last. Two random
//! numbers cost 2 ns. So a draw of two cannot be under some 5 ns, and an algorithm that looks at all of n endpoints
//! cannot be under n lines: 128 KiB at 1,000 endpoints, about 1 µs out of the second-level cache. The bench runs one
//! thread, so lines are never stolen by another core.

use plimsoll_balance::simulation::{Scenario, run};
use plimsoll_balance::{Endpoint, Outcome, PickContext, Picker, Pool, Started};
use plimsoll_model::spec::Algorithm;
use plimsoll_stats::{Random, paired_ratio};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes unchanged to the system allocator; the counter is an atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ALL: [(Algorithm, &str); 9] = [
    (Algorithm::RoundRobin, "round robin"),
    (Algorithm::WeightedRoundRobin, "weighted round robin"),
    (Algorithm::Random, "random"),
    (Algorithm::LeastConnections, "least connections"),
    (Algorithm::SourceHash, "source hash (Maglev)"),
    (Algorithm::RingHash, "ring hash, bounded"),
    (Algorithm::PowerOfTwo, "power of two"),
    (Algorithm::PeakEwma, "peak EWMA"),
    (Algorithm::Prequal, "Prequal"),
];

fn main() {
    let started = Instant::now();
    pick_cost();
    keys_moved();
    for (title, scenario) in [
        ("ten endpoints alike", Scenario::alike as fn(f64, u64, u64) -> Scenario),
        ("ten endpoints that differ: one 4 times slower, one becomes so midway, three a little off", Scenario::mixed),
    ] {
        tails(title, scenario);
    }
    println!("took {:.1} s", started.elapsed().as_secs_f64());
}

fn endpoints(count: usize) -> Vec<Arc<Endpoint>> {
    (1..=count as u64).map(|id| Arc::new(Endpoint::new(id, 1, 0))).collect()
}

/// Picks in a pool with two requests in flight per endpoint on average and known latencies: the state of a busy
/// gateway. Five rounds, the fastest counts: what a pick costs, not what else the machine did.
fn pick_cost() {
    const PICKS: u64 = 200_000;
    println!("Pick: ns per pick (million picks per second), one thread; allocations in all picks");
    println!(
        "{:<22} {:>18} {:>18} {:>18} {:>12}",
        "", "10 endpoints", "100 endpoints", "1,000 endpoints", "allocations"
    );
    for (algorithm, name) in ALL {
        let mut cells = String::new();
        let mut allocations = 0;
        for count in [10, 100, 1_000] {
            let endpoints = endpoints(count);
            let _open = busy(&endpoints);
            let mut picker = Picker::new(Arc::new(Pool::new(algorithm, endpoints)), 1);
            // The scans take so much longer that fewer picks do.
            let picks = if count == 1_000 { PICKS / 10 } else { PICKS };
            let mut best = f64::INFINITY;
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            for _ in 0..5 {
                let start = Instant::now();
                for now in 0..picks {
                    let context = PickContext { now: 1_000_000 + now, key: Some(now), ..PickContext::default() };
                    black_box(picker.pick(black_box(context)));
                }
                best = best.min(start.elapsed().as_nanos() as f64 / picks as f64);
            }
            allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
            cells += &format!(" {:>18}", format!("{best:.1} ({:.2})", 1_000.0 / best));
        }
        println!("{name:<22}{cells} {allocations:>12}");
        assert_eq!(allocations, 0, "{name} allocates on the pick path");
    }
    println!("{:<22} {:>18}", "started + finish", format!("{:.1} ns", report_cost()));
    println!();
}

fn busy(endpoints: &[Arc<Endpoint>]) -> Vec<Started> {
    let mut random = Random::new(5);
    for endpoint in endpoints {
        let latency = random.log_normal(10_000.0, 0.5) as u64;
        endpoint.started(0).finish(500_000, latency, Outcome::Success);
    }
    (0..endpoints.len() * 2).map(|_| endpoints[random.below(endpoints.len() as u64) as usize].started(0)).collect()
}

/// What counting a request in and out costs, in ns.
fn report_cost() -> f64 {
    let endpoint = Arc::new(Endpoint::new(1, 1, 0));
    let start = Instant::now();
    for now in 0..200_000 {
        black_box(endpoint.started(now)).finish(now + 10, black_box(10), Outcome::Success);
    }
    start.elapsed().as_nanos() as f64 / 200_000.0
}

/// Share of keys whose endpoint changes when one leaves, as the mean over three that leave in turn.
fn keys_moved() {
    const KEYS: u64 = 50_000;
    println!("Clients moved when one endpoint leaves (ideal: 1/n), mean of 3 leavers, {KEYS} clients");
    println!("{:<22} {:>10} {:>10} {:>10} {:>12}", "", "endpoints", "moved", "ideal", "moved/ideal");
    for (algorithm, name) in ALL {
        if !matches!(algorithm, Algorithm::SourceHash | Algorithm::RingHash) {
            continue;
        }
        for count in [10, 100, 1_000] {
            let endpoints = endpoints(count);
            let mut before = Picker::new(Arc::new(Pool::new(algorithm, endpoints.clone())), 1);
            let mut moved = 0;
            for leaver in [0, count / 2, count - 1] {
                let mut rest = endpoints.clone();
                rest.remove(leaver);
                let mut after = Picker::new(Arc::new(Pool::new(algorithm, rest.clone())), 1);
                for key in 0..KEYS {
                    let context = PickContext { key: Some(key), ..PickContext::default() };
                    let old = before.pick(context).map(|index| endpoints[index].id());
                    moved += u64::from(old != after.pick(context).map(|index| rest[index].id()));
                }
            }
            let (moved, ideal) = (moved as f64 / (3 * KEYS) as f64, 1.0 / count as f64);
            println!("{name:<22} {count:>10} {:>9.3}% {:>9.3}% {:>12.2}", moved * 100.0, ideal * 100.0, moved / ideal);
        }
    }
    println!();
}

/// Latency quantiles of every algorithm at four loads: means over seeds, with the ratio of p99 to round robin's and its
/// 95 % bootstrap interval over the seeds.
fn tails(title: &str, scenario: fn(f64, u64, u64) -> Scenario) {
    const REQUESTS: u64 = 60_000;
    const SEEDS: u64 = 5;
    println!("Latency in virtual time, {title}");
    println!(
        "4 workers, 4 slots per endpoint, log-normal service with mean 10 ms and cv 1, {SEEDS} seeds of {REQUESTS} requests"
    );
    println!("ms; ratio: p99 to round robin's in the same seed [95 % interval]");
    for load in [0.7, 0.8, 0.9, 0.95] {
        println!("{:.0} % load {:<20} {:>9} {:>9} {:>9}   ratio", load * 100.0, "", "p50", "p99", "p99.9");
        let mut yardstick = Vec::new();
        for (algorithm, name) in ALL {
            let runs: Vec<[f64; 3]> = (0..SEEDS)
                .map(|seed| {
                    let scenario = scenario(load, REQUESTS, seed);
                    let is_weighted = algorithm == Algorithm::WeightedRoundRobin;
                    let report = run(&if is_weighted { scenario.with_true_weights() } else { scenario }, algorithm);
                    [0.5, 0.99, 0.999].map(|q| report.quantile(q) as f64 / 1_000.0)
                })
                .collect();
            if algorithm == Algorithm::RoundRobin {
                yardstick = runs.clone();
            }
            let mean = |column: usize| runs.iter().map(|run| run[column]).sum::<f64>() / SEEDS as f64;
            let pairs: Vec<(f64, f64)> = runs.iter().zip(&yardstick).map(|(own, its)| (own[1], its[1])).collect();
            let ratio = paired_ratio(&pairs, 0.95, 2_000, 1)
                .map_or(String::new(), |r| format!("{:.3} [{:.3}-{:.3}]", r.ratio, r.low, r.high));
            println!("  {name:<28} {:>9.1} {:>9.1} {:>9.1}   {ratio}", mean(0), mean(1), mean(2));
        }
    }
    println!();
}
