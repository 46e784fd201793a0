//! What a pick costs, how many clients a hash moves, and what each algorithm does to latency. Run by
//! `cargo xtask bench balance`; prints its tables and fails if a pick allocates. Names of sections (`cost`, `moved`,
//! `alike`, `mixed`, `sink`) as arguments choose some of them.
//!
//! The physical limit of a pick: it reads at least one endpoint's counters, a cache line that other cores write. That is
//! about 1 ns from the first-level cache, 4 ns from the second, 20 to 70 ns when another core wrote it last. Two random
//! numbers cost 2 ns. So a draw of two cannot be under some 5 ns, and an algorithm that looks at all of n endpoints
//! cannot be under n lines: 128 KiB at 1,000 endpoints, about 1 µs out of the second-level cache. The bench runs one
//! thread, so lines are never stolen by another core.

use plimsoll_balance::simulation::{SERVICE_US, Scenario, run};
use plimsoll_balance::{Endpoint, Outcome, PickContext, Picker, Pool, Started};
use plimsoll_model::quantity::{Millis, Permille};
use plimsoll_model::spec::{Algorithm, EjectionSpec};
use plimsoll_stats::{Random, nearest_rank_sorted, paired_ratio};
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

/// Requests per simulated run.
const REQUESTS: u64 = 60_000;

/// Runs with seeds of their own behind each figure.
const SEEDS: u64 = 5;

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
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let sections: [(&str, fn()); 5] = [
        ("cost", pick_cost),
        ("moved", keys_moved),
        ("alike", || tails("ten endpoints alike", Scenario::alike)),
        ("mixed", || {
            tails(
                "ten endpoints that differ: one 4 times slower, one becomes so midway, three a little off",
                Scenario::mixed,
            )
        }),
        ("sink", sink_hole),
    ];
    for (name, section) in sections {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            section();
        }
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
    println!("{:<22} {:>15.1} ns   one thread", "started + finish", report_cost(1));
    println!("{:<22} {:>15.1} ns   two threads on the same endpoint", "", report_cost(2));
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

/// What counting a request in and out costs a thread, in ns, when so many do it at once; the fastest of five rounds.
fn report_cost(threads: usize) -> f64 {
    const REQUESTS: u64 = 200_000;
    let endpoint = Arc::new(Endpoint::new(1, 1, 0));
    let round = || {
        let start = Instant::now();
        for now in 0..REQUESTS {
            black_box(endpoint.started(now)).finish(now + 10, black_box(10), Outcome::Success);
        }
        start.elapsed().as_nanos() as f64 / REQUESTS as f64
    };
    let together = || {
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(round)).collect();
            let own = round();
            others.into_iter().filter_map(|other| other.join().ok()).fold(own, f64::max)
        })
    };
    (0..5).map(|_| together()).fold(f64::INFINITY, f64::min)
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

/// One algorithm's p50, p99 and p99.9 in ms, per seed.
fn quantiles(algorithm: Algorithm, load: f64, scenario: fn(f64, u64, u64) -> Scenario) -> Vec<[f64; 3]> {
    let with_weights = |scenario: Scenario| {
        if algorithm == Algorithm::WeightedRoundRobin { scenario.with_true_weights() } else { scenario }
    };
    let report = |seed| run(&with_weights(scenario(load, REQUESTS, seed)), algorithm);
    (0..SEEDS).map(report).map(|report| [0.5, 0.99, 0.999].map(|q| report.quantile(q) as f64 / 1_000.0)).collect()
}

/// The ratio of p99, seed by seed, with its interval.
fn ratio(own: &[[f64; 3]], its: &[[f64; 3]]) -> String {
    let pairs: Vec<(f64, f64)> = own.iter().zip(its).map(|(own, its)| (own[1], its[1])).collect();
    paired_ratio(&pairs, 0.95, 2_000, 1)
        .map_or(String::new(), |r| format!("{:.3} [{:.3}-{:.3}]", r.ratio, r.low, r.high))
}

/// Latency quantiles of every algorithm at four loads: means over seeds, and p99 as a ratio to round robin's and to
/// power of two's in the same seed, with the 95 % bootstrap interval over the seeds.
fn tails(title: &str, scenario: fn(f64, u64, u64) -> Scenario) {
    println!("Latency in virtual time, {title}");
    println!(
        "4 workers, 4 slots per endpoint, log-normal service with mean 10 ms and cv 1, {SEEDS} seeds of {REQUESTS} requests"
    );
    println!(
        "weighted round robin knows the speeds of the first half; nobody else knows any. Who sends a slow endpoint more"
    );
    println!("than it serves has a queue there that grows with the run: such a p99 says 'broken', not how much");
    for load in [0.7, 0.8, 0.9, 0.95] {
        let runs: Vec<_> = ALL.map(|(algorithm, name)| (name, quantiles(algorithm, load, scenario))).into();
        let of = |wanted: &str| runs.iter().find(|(name, _)| *name == wanted).map_or(&[][..], |(_, runs)| runs);
        println!(
            "{:>3.0} % load {:<18} {:>9} {:>9} {:>9}   {:<22}  p99 / power of two's",
            load * 100.0,
            "(ms)",
            "p50",
            "p99",
            "p99.9",
            "p99 / round robin's"
        );
        for (name, own) in &runs {
            let mean = |column: usize| own.iter().map(|run| run[column]).sum::<f64>() / SEEDS as f64;
            let (to_first, to_second) = (ratio(own, of("round robin")), ratio(own, of("power of two")));
            let (p50, p99, p999) = (mean(0), mean(1), mean(2));
            println!("  {name:<26} {p50:>9.1} {p99:>9.1} {p999:>9.1}   {to_first:<22}  {to_second}");
        }
    }
    let floor = floor();
    println!(
        "  {:<26} {:>9.1} {:>9.1} {:>9.1}   the service time at speed 1, without any wait",
        "limit", floor[0], floor[1], floor[2]
    );
    println!();
}

/// Quantiles of the service time alone, ms: what no choice of endpoint can beat where all are alike.
fn floor() -> [f64; 3] {
    let mut random = Random::new(1);
    let mut times: Vec<f64> = (0..1_000_000).map(|_| random.log_normal(SERVICE_US, 1.0) / 1_000.0).collect();
    times.sort_unstable_by(f64::total_cmp);
    [0.5, 0.99, 0.999].map(|q| nearest_rank_sorted(&times, q).unwrap_or(0.0))
}

/// Requests that fail when one endpoint of ten turns into a sink hole midway, in relation to a tenth of the requests.
fn sink_hole() {
    println!("One of ten endpoints fails every request at once from midway on, 80 % load of the other nine");
    println!(
        "requests failed / its fair share; without and with ejection after 5 errors in a row, 10 s doubling to 300 s"
    );
    let ejection = EjectionSpec {
        consecutive_errors: 5,
        success_rate_min: Permille(800),
        latency_ratio_max: Permille(5_000),
        duration: Millis::from_secs(10),
        duration_max: Millis::from_secs(300),
        share_max: Permille(300),
    };
    println!("  {:<26} {:>10} {:>15}", "", "without", "with ejection");
    for (algorithm, name) in ALL {
        let share = |ejection: Option<EjectionSpec>| {
            let failed = |seed| {
                run(&Scenario { ejection: ejection.clone(), ..Scenario::sink_hole(0.8, REQUESTS, seed) }, algorithm)
                    .failed as f64
            };
            (0..SEEDS).map(failed).sum::<f64>() / (SEEDS * REQUESTS / 2 / 10) as f64
        };
        println!("  {name:<26} {:>10.3} {:>15.3}", share(None), share(Some(ejection.clone())));
    }
    println!();
}
