//! Tail latency over real sockets, by balancing algorithm: every one of ours beside the best of each peer that is installed.
//!
//! Endpoints are listeners with a few workers each and a queue first in, first out; a request holds a worker for a time
//! drawn from an exponential distribution and kept by a timer, so that sixteen of them fit a machine with two cores: what is
//! measured is the choice of endpoint and nothing of this machine's CPU. Requests arrive by a Poisson process, whatever has
//! been answered (open loop), and latency counts from the moment a request was due (no coordinated omission). Clients come
//! from many loopback addresses, for the algorithms that hash them.
//!
//! Scenarios: a quarter of the endpoints sixteen times slower; two at a time slowed by neighbours for a second (antagonists);
//! all alike. Load is the share of what all endpoints together can serve. Last, throughput of endpoints that are all alike,
//! driven by more clients than they have workers: what a choice that avoids idle endpoints loses.
//!
//! Every row is one run of a proxy that was just started, one worker each. Runs of a scenario see the same arrivals and the
//! same service times in the order of arrivals.
//!
//! Environment: `PLIMSOLL_BENCH_ROUNDS` (1), `PLIMSOLL_BENCH_SECONDS` per run (12), `PLIMSOLL_BENCH_CASES`, words of the
//! scenarios' names (all), `PLIMSOLL_BENCH_ONLY`, parts of rows'
//! names with commas between (all).
//!
//! # Source
//! Sixteen endpoints and skew ×16: replications of Prequal (NSDI 2024); antagonists: the same paper, section 2.

#[allow(dead_code, reason = "another bench uses the rest")]
#[path = "gateway/configs.rs"]
mod configs;
#[allow(dead_code, reason = "another bench uses the rest")]
#[path = "gateway/peers.rs"]
mod peers;
#[path = "gateway/shop.rs"]
mod shop;
#[path = "gateway/stage.rs"]
mod stage;
mod tail {
    pub mod arrivals;
    pub mod endpoints;
    pub mod rows;
}

use stage::number;
use std::error::Error;
use std::time::Duration;
use tail::arrivals::{Outcome, closed_loop, open_loop};
use tail::endpoints::{Endpoints, SERVICE, SLOTS};
use tail::rows::{Row, rows};

type Failure = Box<dyn Error>;

/// Before measuring: averages are learnt, connections made. At least a few services of a slow endpoint.
const WARM_UP: Duration = Duration::from_secs(3);

/// What the endpoints are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Like {
    /// All serve alike.
    Alike,
    /// Every fourth takes this many times as long.
    Skewed(u32),
    /// Two at a time take this many times as long, others after a second.
    Antagonists(u32),
}

impl Like {
    /// What all together can serve, in endpoints that nothing slows.
    fn capacity(self, count: usize) -> f64 {
        let (all, slow) = (count as f64, (count / 4) as f64);
        match self {
            Self::Alike => all,
            Self::Skewed(factor) => all - slow + slow / f64::from(factor),
            Self::Antagonists(factor) => all - 2.0 + 2.0 / f64::from(factor),
        }
    }
}

/// What is measured.
struct Scenario {
    name: &'static str,
    like: Like,
    endpoints: usize,
    /// Share of the capacity; none drives as much as it takes.
    load: Option<f64>,
}

const SCENARIOS: [Scenario; 8] = [
    Scenario { name: "skew x16, load 70 %", like: Like::Skewed(16), endpoints: 16, load: Some(0.7) },
    Scenario { name: "skew x16, load 85 %", like: Like::Skewed(16), endpoints: 16, load: Some(0.85) },
    Scenario { name: "skew x16, load 95 %", like: Like::Skewed(16), endpoints: 16, load: Some(0.95) },
    Scenario { name: "antagonists x5, load 70 %", like: Like::Antagonists(5), endpoints: 20, load: Some(0.7) },
    Scenario { name: "antagonists x5, load 85 %", like: Like::Antagonists(5), endpoints: 20, load: Some(0.85) },
    Scenario { name: "alike, load 85 %", like: Like::Alike, endpoints: 16, load: Some(0.85) },
    Scenario { name: "alike, 4 endpoints, as much as they take", like: Like::Alike, endpoints: 4, load: None },
    Scenario { name: "alike, 16 endpoints, as much as they take", like: Like::Alike, endpoints: 16, load: None },
];

fn main() -> Result<(), Failure> {
    stage::enter(measure)
}

fn measure() -> Result<(), Failure> {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
    let rounds = number("PLIMSOLL_BENCH_ROUNDS", 1);
    let window = Duration::from_secs(number("PLIMSOLL_BENCH_SECONDS", 12));
    let wanted = std::env::var("PLIMSOLL_BENCH_CASES").unwrap_or_default();
    println!(
        "{rounds} rounds of {} s after {} s; an endpoint: {SLOTS} workers, {} ms each on average; medians of rounds, ms",
        window.as_secs(),
        WARM_UP.as_secs(),
        SERVICE.as_millis()
    );
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(&wanted)) {
        run(scenario, rounds, window)?;
    }
    Ok(())
}

/// Runs every row of a scenario, in each round one after the other.
fn run(scenario: &Scenario, rounds: u64, window: Duration) -> Result<(), Failure> {
    let mut rows = rows();
    if let Ok(only) = std::env::var("PLIMSOLL_BENCH_ONLY") {
        rows.retain(|row| only.split(',').any(|part| row.name().contains(part)));
    }
    let mut results: Vec<(Row, Vec<Outcome>)> = rows.into_iter().map(|row| (row, Vec::new())).collect();
    for round in 0..rounds {
        for (row, outcomes) in &mut results {
            let endpoints = Endpoints::start(scenario.endpoints, scenario.like, round)?;
            let folder = tempfile::tempdir()?;
            let proxy = match row.start(folder.path(), &endpoints.addresses) {
                Ok(proxy) => proxy,
                Err(error) => {
                    println!("note: {} is not compared: {error}", row.name());
                    continue;
                }
            };
            let full = scenario.like.capacity(scenario.endpoints) * SLOTS as f64 / SERVICE.as_secs_f64();
            outcomes.push(match scenario.load {
                Some(load) => open_loop(proxy.address, load * full, round, WARM_UP, window)?,
                // Twice as many clients as there are workers.
                None => closed_loop(proxy.address, scenario.endpoints * SLOTS * 2, WARM_UP, window)?,
            });
        }
    }
    results.retain(|(_, outcomes)| !outcomes.is_empty());
    print(scenario, &results);
    Ok(())
}

fn median(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    let mut all: Vec<f64> = outcomes.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn print(scenario: &Scenario, results: &[(Row, Vec<Outcome>)]) {
    println!("{}", scenario.name);
    println!("  {:<34} {:>10} {:>10} {:>10} {:>12} {:>8}", "", "p50", "p99", "p99.9", "answered/s", "lost");
    for (row, outcomes) in results {
        let name = if row.is_default() { format!("{} (default)", row.name()) } else { row.name() };
        println!(
            "  {name:<34} {:>10.1} {:>10.1} {:>10.1} {:>12.1} {:>8.0}",
            median(outcomes, |one| one.p50_ms),
            median(outcomes, |one| one.p99_ms),
            median(outcomes, |one| one.p999_ms),
            median(outcomes, |one| one.rate),
            median(outcomes, |one| one.lost as f64),
        );
    }
    verdict(scenario, results);
}

/// The goals: under skew our default's p99 at most half of the best peer's; alike, its throughput at least 0.95 of round robin's.
fn verdict(scenario: &Scenario, results: &[(Row, Vec<Outcome>)]) {
    let find = |is_it: &dyn Fn(&Row) -> bool, of: fn(&Outcome) -> f64| -> Vec<f64> {
        results.iter().filter(|(row, _)| is_it(row)).map(|(_, outcomes)| median(outcomes, of)).collect()
    };
    if scenario.load.is_none() {
        let of = |one: &Outcome| one.rate;
        if let ([ours], [turns]) = (&find(&Row::is_default, of)[..], &find(&Row::is_round_robin, of)[..]) {
            println!("  throughput of the default / round robin {:.3} (goal: at least 0.95)", ours / turns);
        }
        return;
    }
    let of = |one: &Outcome| one.p99_ms;
    let best_peer = find(&Row::is_peer, of).into_iter().min_by(f64::total_cmp);
    if let ([ours], Some(peer)) = (&find(&Row::is_default, of)[..], best_peer) {
        let goal = if matches!(scenario.like, Like::Skewed(_)) { " (goal: at most 0.5)" } else { "" };
        println!("  p99 of the default / best peer {:.3}{goal}", ours / peer);
    }
}
