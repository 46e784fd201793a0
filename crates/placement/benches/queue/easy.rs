//! EASY and EASY-SJBF on three logs, beside the published averages and the published wait of every job.

use crate::common::cpu_seconds;
use crate::log;
use crate::replay::{Events, replay};
use plimsoll_placement::scheduler::SchedulerPolicy;

/// Log, published EASY, published EASY-SJBF (README of the data set, section 2.2).
const PUBLISHED: [(&str, f64, f64); 3] =
    [("easy:KTH-SP2", 92.58, 69.41), ("easy:SDSC-SP2", 87.87, 84.89), ("easy:SDSC-BLUE", 36.52, 19.83)];

/// Prints the table.
pub fn print() {
    println!("EASY on logs whose EASY schedule is published; average bounded slowdown, tau 10 s");
    println!(
        "{:<16} {:<10} {:>8} {:>9} {:>9} {:>7} {:>11} {:>9} {:>9} {:>7} {:>9}",
        "log", "policy", "events", "slowdown", "published", "off", "equal waits", "max s", "p99 s", "CPU s", "jobs/s"
    );
    for (name, easy, shortest) in PUBLISHED {
        let Some(set) = log(name) else { continue };
        let recorded: Vec<u64> =
            set.tasks.iter().map(|task| task.wait.map_or(u64::MAX, |wait| wait.0 / 1_000)).collect();
        for (policy, published) in [("easy", easy), ("easy-sjbf", shortest)] {
            for events in [Events::Pyss, Events::Together] {
                let before = cpu_seconds();
                let known = SchedulerPolicy::by_name(policy).expect("a policy of the catalogue");
                let run = replay(&set, known, events);
                let took = cpu_seconds() - before;
                let equal = run.waits.iter().zip(&recorded).filter(|(ours, theirs)| ours == theirs).count();
                let equal = if policy == "easy" {
                    format!("{:.2} %", 100.0 * equal as f64 / recorded.len() as f64)
                } else {
                    "-".to_owned()
                };
                println!(
                    "{name:<16} {policy:<10} {:>8} {:>9.2} {published:>9.2} {:>6.2}% {equal:>11} {:>9} {:>9} {took:>7.2} {:>9.0}",
                    format!("{events:?}"),
                    run.slowdown,
                    100.0 * (run.slowdown / published - 1.0),
                    run.wait_max,
                    run.wait_p99,
                    set.tasks.len() as f64 / took.max(0.01)
                );
            }
        }
    }
}
