//! The openb protocol through the simulated world gives out exactly what the chooser alone gives out: the world, the queue
//! and the books add nothing and lose nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::Fleet;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::scheduler::{Misfit, SchedulerPolicy};
use plimsoll_traces::{cluster_set, dataset, openb};
use plimsoll_twin::cluster::{Cluster, GPU, Job, Listed, Options, Simulation};

#[test]
fn the_world_gives_out_what_the_chooser_alone_does() {
    let test = "the_world_gives_out_what_the_chooser_alone_does";
    if dataset::find_for_test(test, "openb-gpu-v2023/csv").is_none() {
        return;
    }
    let set = cluster_set("openb:default").unwrap();
    let drawn = openb::workload(&set.tasks, set.gpu_capacity_milli(), 1_300, 7);
    let jobs: Vec<Job> = drawn.iter().map(|it| Job::new(it.task.clone(), it.run_time_true)).collect();
    for name in ["first-fit", "best-fit", "gpu-packing"] {
        let node = NodePolicy::by_name(name).unwrap();
        let mut fleet = Fleet::new();
        for node in &set.nodes {
            fleet.add(node).unwrap();
        }
        let mut chooser = Chooser::new(node.clone(), &fleet, 7);
        let mut given = 0;
        for job in &jobs {
            let shape = fleet.intern(&job.task).unwrap();
            if let Some(choice) = chooser.choose(&fleet, shape) {
                fleet.place_on(shape, choice.node, choice.gpus).unwrap();
                given += job.task.requests.gpu.total_milli();
            }
        }
        let policy = SchedulerPolicy {
            node,
            misfit: Misfit::Drop,
            seed: 7,
            ..SchedulerPolicy::new(QueueOrder::Fifo, Backfill::None)
        };
        let cluster = Cluster { nodes: &set.nodes, ..Cluster::default() };
        let options = Options { allocation_at_permille: vec![1_000, 1_300], ..Options::default() };
        let mut simulation = Simulation::new(cluster, policy, Listed::new(&jobs), options, None).unwrap();
        while simulation.step() {}
        assert_eq!(simulation.world().books.meter.now.used.0[GPU], given, "{name}");
        let metrics = simulation.finish().metrics;
        let share = given as f64 / set.gpu_capacity_milli() as f64;
        let noted: Vec<f64> = metrics.gpu_allocation.iter().map(|it| it.allocated).collect();
        assert!(noted[0] <= noted[1] && (noted[1] - share).abs() < 0.002, "{name}: {noted:?}, {share}");
        assert_eq!(metrics.tasks.running + metrics.tasks.dropped, metrics.tasks.submitted);
    }
}
