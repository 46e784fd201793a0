//! How `density` and `priority-over-time` differ on one trace: mean wait by length and width of jobs.

use crate::log;
use crate::replay::{Events, replay};
use plimsoll_placement::scheduler::SchedulerPolicy;

/// Jobs up to an hour are short, up to 32 processors narrow.
const SHORT_SECONDS: u64 = 3_600;
const NARROW: u64 = 32;

/// Prints the table.
pub fn print() {
    let Some(mut set) = log("swf:Lublin-2") else { return };
    // The log states no priorities: a job's is 1 + ⌊log₂ processors⌋, so that both orders weigh size against time.
    for task in &mut set.tasks {
        let processors = task.task.requests.cpu.0 / 1_000;
        task.task.priority = 1 + processors.max(1).ilog2() as i32;
    }
    println!("\nLublin-2, EASY, priority = 1 + ⌊log₂ processors⌋; mean wait in hours");
    println!(
        "{:<26} {:>9} {:>8} {:>12} {:>12} {:>12} {:>12}",
        "order", "slowdown", "all", "short narrow", "short wide", "long narrow", "long wide"
    );
    for order in ["fifo", "sjf", "saf", "priority", "density", "priority-over-time"] {
        let policy = SchedulerPolicy::by_name(&format!("{order}+easy-{order}")).or(SchedulerPolicy::by_name("easy"));
        let policy = policy.filter(|_| order != "fifo").or(SchedulerPolicy::by_name("easy"));
        let run = replay(&set, policy.expect("names of the catalogue"), Events::Together);
        let mut sums = [(0_u64, 0_u64); 4];
        for (task, wait) in set.tasks.iter().zip(&run.waits) {
            let seconds = task.run_time_true.map_or(0, |run| run.0 / 1_000);
            let wide = task.task.requests.cpu.0 / 1_000 > NARROW;
            let class = 2 * usize::from(seconds > SHORT_SECONDS) + usize::from(wide);
            sums[class] = (sums[class].0 + wait, sums[class].1 + 1);
        }
        print!("{order:<26} {:>9.2} {:>8.2}", run.slowdown, run.wait_mean / 3_600.0);
        sums.iter().for_each(|(sum, count)| print!(" {:>12.2}", *sum as f64 / (*count).max(1) as f64 / 3_600.0));
        println!();
    }
}
