//! What the scheduler costs on whole logs, and that a run repeats: the digest of all starts is the same on any CPU.

use crate::common::cpu_seconds;
use crate::log;
use crate::replay::{Events, replay};
use plimsoll_placement::scheduler::SchedulerPolicy;

const RUNS: [(&str, &str); 10] = [
    ("easy:SDSC-BLUE", "fifo"),
    ("easy:SDSC-BLUE", "easy"),
    ("easy:SDSC-BLUE", "saf+easy-saf"),
    ("easy:SDSC-BLUE", "patient-saf"),
    ("easy:SDSC-BLUE", "fair-share+easy"),
    ("easy:SDSC-BLUE", "drf+easy"),
    ("easy:KTH-SP2", "multifactor+easy"),
    ("easy:KTH-SP2", "wfp3+easy"),
    ("easy:KTH-SP2", "conservative"),
    ("swf:RICC", "easy"),
];

/// Prints the table.
pub fn print() {
    println!("\nCost of whole logs, one thread; decisions are starts and reasons for waiting");
    println!(
        "{:<16} {:<18} {:>8} {:>9} {:>8} {:>9} {:>12} {:>17}",
        "log", "policy", "jobs", "slowdown", "CPU s", "jobs/s", "decisions", "digest"
    );
    for (name, policy) in RUNS {
        let Some(set) = log(name) else { continue };
        let before = cpu_seconds();
        let run = replay(&set, SchedulerPolicy::by_name(policy).expect("a policy of the catalogue"), Events::Together);
        let took = (cpu_seconds() - before).max(0.01);
        let jobs = set.tasks.len();
        println!(
            "{name:<16} {policy:<18} {jobs:>8} {:>9.2} {took:>8.2} {:>9.0} {:>12} {:>17x}",
            run.slowdown,
            jobs as f64 / took,
            run.decisions,
            run.digest
        );
    }
}
