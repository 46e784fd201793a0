//! What an answer of each rung without a model costs, in CPU time of this thread, beside the features that all of them need.
//!
//! `cargo bench -p plimsoll-analyst --bench rungs`.

use plimsoll_analyst::retrieval::{Incident, Index, Memory, Outcome};
use plimsoll_analyst::{Features, classifier, diagnose, retrieval, scenario};
use std::hint::black_box;

/// CPU time of this thread, µs.
fn cpu_us() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1_000.0
}

/// Least mean of nine runs: what others on the machine take is no cost of ours.
fn cost(times: u32, mut work: impl FnMut()) -> f64 {
    let run = |work: &mut dyn FnMut()| {
        let from = cpu_us();
        (0..times).for_each(|_| work());
        (cpu_us() - from) / f64::from(times)
    };
    (0..9).map(|_| run(&mut work)).fold(f64::INFINITY, f64::min)
}

fn main() {
    // The flags that cargo gives a bench are of no use here.
    let numbers: Vec<u32> = (0..scenario::HALF).step_by(10).collect();
    let ran: Vec<_> = numbers.iter().filter_map(|number| scenario::run(*number).ok()).collect();
    let features: Vec<Features> = ran.iter().map(|(_, history)| Features::of(history)).collect();
    let incident = |(at, features): (usize, &Features)| {
        Incident::new(&at.to_string(), &ran[at % ran.len()].0.causes, Outcome::Unknown, features)
    };
    let memory = Memory { incidents: (0..260).map(|at| incident((at, &features[at % features.len()]))).collect() };
    let index = Index::new(&memory);
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % features.len();
        at
    };
    let rows = [
        (
            "features of a history",
            cost(20, || {
                let _made = black_box(Features::of(&ran[next()].1));
            }),
        ),
        ("rules", cost(2_000, || drop(black_box(diagnose(&features[next()]))))),
        ("classifier", cost(500, || drop(black_box(classifier::opinion(&features[next()]))))),
        ("retrieval among 260", cost(50, || drop(black_box(retrieval::opinion(&index, &features[next()], None))))),
        ("making a memory of 260 ready", cost(2, || drop(black_box(Index::new(&memory))))),
    ];
    println!("{:<30} {:>12}", "answer", "µs CPU");
    for (name, us) in rows {
        println!("{name:<30} {us:>12.1}");
    }
}
