//! Our own queue policy against EASY and EASY-SJBF: on the logs that it was chosen on, and on those that it was not.

use crate::common::cpu_seconds;
use crate::log;
use crate::replay::{Events, Replay, replay};
use plimsoll_placement::scheduler::SchedulerPolicy;

/// Logs that the policy was chosen on, and logs that were only looked at afterwards.
const CHOSEN_ON: [&str; 4] = ["swf:HPC2N", "swf:RICC", "swf:Lublin-1", "swf:Lublin-2"];
const UNSEEN: [&str; 3] = ["easy:KTH-SP2", "easy:SDSC-SP2", "easy:SDSC-BLUE"];

/// Prints the table; `names` are further policies to show, and `unseen` says whether the unseen logs are looked at.
pub fn print(names: &[&str], unseen: bool) {
    println!("\nPolicies against EASY (waits) and EASY-SJBF (slowdown); events at one time together");
    println!(
        "{:<16} {:<14} {:>9} {:>8} {:>10} {:>6} {:>10} {:>6} {:>10} {:>6}",
        "log", "policy", "slowdown", "/ SJBF", "max s", "/ EASY", "p99 s", "/ EASY", "mean s", "CPU s"
    );
    let logs = CHOSEN_ON.iter().chain(if unseen { &UNSEEN[..] } else { &[] });
    for name in logs {
        let Some(set) = log(name) else { continue };
        let run = |policy: &str| {
            let before = cpu_seconds();
            let known = SchedulerPolicy::by_name(policy).expect("a policy of the catalogue");
            (replay(&set, known, Events::Together), cpu_seconds() - before)
        };
        let (easy, shortest) = (run("easy"), run("easy-sjbf"));
        let line = |policy: &str, (run, took): &(Replay, f64)| {
            let part = |a: u64, b: u64| a as f64 / b.max(1) as f64;
            println!(
                "{name:<16} {policy:<14} {:>9.2} {:>8.3} {:>10} {:>6.2} {:>10} {:>6.2} {:>10.0} {took:>6.2}",
                run.slowdown,
                run.slowdown / shortest.0.slowdown,
                run.wait_max,
                part(run.wait_max, easy.0.wait_max),
                run.wait_p99,
                part(run.wait_p99, easy.0.wait_p99),
                run.wait_mean,
            );
        };
        line("easy", &easy);
        line("easy-sjbf", &shortest);
        names.iter().for_each(|policy| line(policy, &run(policy)));
    }
}
