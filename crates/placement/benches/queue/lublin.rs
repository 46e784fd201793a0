//! The ten sequences of 1,024 jobs of RLScheduler's tables, in its mode and with real EASY.

use crate::log;
use crate::replay::{Events, replay_on};
use plimsoll_model::cluster::Node;
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::fleet::Fleet;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_traces::RecordedTask;

/// First jobs of the sequences, from 0.
const STARTS: [usize; 10] = [1981, 2756, 4299, 8850, 3316, 2714, 5228, 7762, 4022, 7085];
const LENGTH: usize = 1_024;
/// Order, and the published figures of Lublin-1 without and with backfill, then of Lublin-2.
const PUBLISHED: [(&str, [f64; 4]); 5] = [
    ("fifo", [7273.77, 235.82, 7842.47, 247.61]),
    ("wfp3-rls", [19753.53, 133.87, 9523.18, 318.35]),
    ("unicep-rls", [22274.74, 307.23, 11265.31, 379.59]),
    ("sjf", [277.35, 73.31, 787.89, 91.99]),
    ("f1", [258.37, 75.07, 698.34, 148.25]),
];
/// What RLScheduler's learned policy reaches with its backfill.
const LEARNED: [f64; 2] = [58.64, 118.79];

/// Mean over the sequences of the average bounded slowdown.
fn mean(nodes: &[Node], tasks: &[RecordedTask], policy: &SchedulerPolicy, events: Events) -> f64 {
    let one = |start: &usize| {
        let mut fleet = Fleet::new();
        nodes.iter().for_each(|node| {
            fleet.add(node).expect("a log has one node");
        });
        replay_on(fleet, &tasks[*start..start + LENGTH], policy.clone(), events).slowdown
    };
    STARTS.iter().map(one).sum::<f64>() / STARTS.len() as f64
}

/// Prints the tables.
pub fn print() {
    println!("\nTen sequences of 1,024 jobs (RLScheduler, SC'20, table V); average bounded slowdown");
    for (log_index, name) in ["swf:Lublin-1", "swf:Lublin-2"].into_iter().enumerate() {
        let Some(set) = log(name) else { continue };
        println!(
            "{name}: in RLScheduler's mode\n{:<16} {:>10} {:>10} {:>10} {:>10}",
            "order", "none", "published", "backfill", "published"
        );
        for (order, published) in PUBLISHED {
            let order_known = QueueOrder::by_name(order).expect("an order of the catalogue");
            let run =
                |backfill| mean(&set.nodes, &set.tasks, &SchedulerPolicy::new(order_known, backfill), Events::Rls);
            let (none, filled) = (run(Backfill::RlsNone), run(Backfill::Rls));
            println!(
                "{order:<16} {none:>10.2} {:>10.2} {filled:>10.2} {:>10.2}",
                published[2 * log_index],
                published[2 * log_index + 1]
            );
        }
        println!("{name}: real backfill (learned policy with its backfill: {:.2})", LEARNED[log_index]);
        let orders = ["fifo", "sjf", "saf", "wfp3", "unicep", "f1"];
        let backfills = ["none", "easy", "easy-sjbf", "easy-saf"];
        print!("{:<16}", "order");
        backfills.iter().for_each(|backfill| print!(" {backfill:>10}"));
        println!();
        for order in orders {
            print!("{order:<16}");
            for backfill in backfills {
                let policy = SchedulerPolicy::by_name(&format!("{order}+{backfill}")).expect("names of the catalogue");
                print!(" {:>10.2}", mean(&set.nodes, &set.tasks, &policy, Events::Together));
            }
            println!();
        }
    }
}
