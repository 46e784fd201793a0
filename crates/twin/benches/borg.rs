//! Borg's trace of 2011 replayed with its priorities, without and with evictions, in one process.
//!
//! `cargo bench -p plimsoll-twin --bench borg` replays part 0; `-- --tasks N` stops after so many tasks, `-- --parts N` reads
//! further parts. The state at time 0 comes first, then what follows. Time is the CPU time of this thread: the machine is shared.
//! `--stop S` gives up a replay after S CPU seconds and prints what it came to by then.

use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_traces::borg;
use plimsoll_twin::cluster::{Cluster, Job, Listed, Metrics, Options, Simulation};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let number = |name: &str| argument(name).and_then(|text| text.parse::<u32>().ok());
    let parts = number("--parts").unwrap_or(1);
    let set = match borg::set(0..=parts.saturating_sub(1)) {
        Ok(set) => set,
        Err(error) => {
            println!("did not run: borg: needs google-borg-2011: {error}");
            return;
        }
    };
    let mut jobs: Vec<Job> = set.tasks.into_iter().map(|one| Job::new(one.task, one.run_time_true)).collect();
    jobs.sort_by_key(|job| job.task.submitted);
    jobs.truncate(number("--tasks").map_or(usize::MAX, |tasks| tasks as usize));
    let stop = f64::from(number("--stop").unwrap_or(u32::MAX));
    println!("{} tasks on {} machines, first fit, by priority", jobs.len(), set.nodes.len());
    for preemption in [false, true] {
        let node = NodePolicy::by_name("first-fit").expect("a built-in policy");
        let order = QueueOrder::by_name("priority").expect("a built-in order");
        let policy = SchedulerPolicy { node, preemption, ..SchedulerPolicy::new(order, Backfill::None) };
        let began = cpu_seconds();
        let cluster = Cluster { nodes: &set.nodes, sites: &[], typical: &[] };
        let simulation = Simulation::new(cluster, policy, Listed::new(&jobs), Options::default(), None);
        let mut simulation = simulation.expect("the set makes sense");
        let mut steps = 0_u64;
        while simulation.step() {
            steps += 1;
            if steps.is_multiple_of(256) && cpu_seconds() - began > stop {
                println!("gave up after {stop} CPU seconds");
                break;
            }
        }
        let arrived = simulation.world().books.lives.len();
        let outcome = simulation.finish();
        print(preemption, arrived, &outcome.metrics, outcome.events, cpu_seconds() - began);
    }
}

fn print(preemption: bool, arrived: usize, metrics: &Metrics, events: u64, seconds: f64) {
    println!("\n{}", if preemption { "with evictions" } else { "without evictions" });
    println!("  CPU seconds {seconds:.1}, events per CPU second {:.0}", events as f64 / seconds);
    println!("  placements {}, per CPU second {:.0}", metrics.placements, metrics.placements as f64 / seconds);
    println!("  arrived {arrived}, ends {:?}", metrics.tasks);
    println!("  wait {:?}", metrics.wait);
    println!("  evictions {}, by priority {:?}", metrics.evicted(), metrics.evictions);
    println!("  work lost {:.0} h", metrics.work_lost_hours);
    for resource in &metrics.resources {
        println!("  {resource:?}");
    }
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// CPU time of this thread.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
