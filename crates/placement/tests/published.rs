//! Published schedules, job by job: the wait of every job of KTH-SP2 under EASY, and averages of RLScheduler's sequences.
//!
//! The long form, with every log and table, is `cargo bench -p plimsoll-placement --bench queue`.

#[path = "../benches/queue/replay.rs"]
#[allow(dead_code, reason = "the bench takes more of it")]
mod replay;

use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::fleet::Fleet;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_traces::dataset::find_for_test;
use plimsoll_traces::{ClusterSet, cluster_set};
use replay::{Events, replay, replay_on};

fn log(test: &str, name: &str, path: &str) -> Option<ClusterSet> {
    find_for_test(test, path)?;
    Some(cluster_set(name).expect("a set that is here can be read"))
}

#[test]
fn every_job_of_kth_sp2_waits_as_long_as_in_the_published_easy_schedule() {
    let path = "swf-easy-results/KTH-SP2.easy_backfill.result.swf.gz";
    let Some(set) = log("every_job_of_kth_sp2", "easy:KTH-SP2", path) else { return };
    let run = replay(&set, SchedulerPolicy::by_name("easy").unwrap(), Events::Pyss);
    let recorded: Vec<u64> = set.tasks.iter().map(|task| task.wait.unwrap().0 / 1_000).collect();
    assert!(run.waits == recorded, "{} of {} differ", differing(&run.waits, &recorded), recorded.len());
    assert_eq!(format!("{:.2}", run.slowdown), "92.58");
    let shortest = replay(&set, SchedulerPolicy::by_name("easy-sjbf").unwrap(), Events::Pyss);
    assert_eq!(format!("{:.2}", shortest.slowdown), "69.41");
}

fn differing(ours: &[u64], theirs: &[u64]) -> usize {
    ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).count()
}

#[test]
fn our_policy_beats_the_published_easy_sjbf_on_kth_sp2_within_half_as_much_again_of_its_waits() {
    let path = "swf-easy-results/KTH-SP2.easy_backfill.result.swf.gz";
    let Some(set) = log("our_policy_beats", "easy:KTH-SP2", path) else { return };
    let easy = replay(&set, SchedulerPolicy::by_name("easy").unwrap(), Events::Together);
    let ours = replay(&set, SchedulerPolicy::by_name("patient-saf").unwrap(), Events::Together);
    assert!(ours.slowdown < 69.41, "{}", ours.slowdown);
    assert!(2 * ours.wait_max <= 3 * easy.wait_max && 2 * ours.wait_p99 <= 3 * easy.wait_p99);
}

#[test]
fn averages_of_the_rlscheduler_sequences_come_out_to_the_last_printed_digit() {
    let Some(set) = log("averages_of_the_rlscheduler", "swf:Lublin-1", "swf/lublin_256.swf.gz") else { return };
    let starts = [1981, 2756, 4299, 8850, 3316, 2714, 5228, 7762, 4022, 7085];
    for (order, backfill, published) in [
        ("fifo", Backfill::RlsNone, "7273.77"),
        ("fifo", Backfill::Rls, "235.82"),
        ("sjf", Backfill::RlsNone, "277.35"),
        ("sjf", Backfill::Rls, "73.31"),
        ("f1", Backfill::RlsNone, "258.37"),
        ("f1", Backfill::Rls, "75.07"),
        ("wfp3-rls", Backfill::Rls, "133.87"),
        ("unicep-rls", Backfill::Rls, "307.23"),
    ] {
        let policy = SchedulerPolicy::new(QueueOrder::by_name(order).unwrap(), backfill.clone());
        let sum: f64 = starts
            .iter()
            .map(|start| {
                let mut fleet = Fleet::new();
                fleet.add(&set.nodes[0]).unwrap();
                replay_on(fleet, &set.tasks[*start..start + 1_024], policy.clone(), Events::Rls).slowdown
            })
            .sum();
        assert_eq!(format!("{:.2}", sum / 10.0), published, "{order} {backfill:?}");
    }
}
