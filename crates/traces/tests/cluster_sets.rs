//! The readers of cluster traces against the real sets: counts that were published, or that the collection's README states.
//! Without a set its test says that it did not run; under `PLIMSOLL_DATA_REQUIRED=1` that is a failure.

use plimsoll_traces::borg::{self, EventKind};
use plimsoll_traces::openb::{self, Nodes};
use plimsoll_traces::{ClusterSet, check, cluster_set, dataset};

fn set(test: &str, file: &str, name: &str) -> Option<ClusterSet> {
    dataset::find_for_test(test, file)?;
    Some(cluster_set(name).expect("a published set reads without error"))
}

fn openb_list(list: &str) -> Option<ClusterSet> {
    set("openb", &format!("openb-gpu-v2023/csv/openb_pod_list_{list}.csv.xz"), &format!("openb:{list}"))
}

#[test]
fn openb_default_has_the_published_nodes_and_pods() {
    let Some(default) = openb_list("default") else { return };
    assert_eq!((default.nodes.len(), default.gpu_capacity_milli()), (1_213, 6_212_000));
    let cpu: u64 = default.nodes.iter().map(|node| node.capacity.cpu.0).sum();
    assert_eq!(cpu, 107_018_000, "virtual CPUs on nodes with GPUs");
    assert_eq!(default.tasks.len(), 8_152);
    let asked: Vec<u64> = default.tasks.iter().map(|one| one.task.requests.gpu.total_milli()).collect();
    assert_eq!((asked.iter().filter(|asked| **asked == 0).count(), asked.iter().sum::<u64>()), (1_088, 6_086_800));
    assert_eq!(default.tasks.iter().filter(|one| one.run_time_true.is_none()).count(), 897, "pending pods");
    assert_eq!(check(&default.nodes, &default.tasks), []);
    let all = openb::set("default", Nodes::All).unwrap();
    assert_eq!((all.nodes.len(), all.gpu_capacity_milli()), (1_523, 6_212_000));
}

#[test]
fn openb_lists_differ_as_their_names_say() {
    for (list, pods, gpus_milli, constrained) in [
        ("cpu0", 7_064, 6_086_800, 0),
        ("cpu200", 8_832, 6_086_800, 0),
        ("gpushare100", 8_152, 3_952_670, 0),
        ("gpuspec33", 8_152, 6_086_800, 2_388),
        ("multigpu20", 8_324, 7_086_800, 0),
        ("multigpu50", 9_061, 11_358_800, 0),
    ] {
        let Some(set) = openb_list(list) else { continue };
        let asked: u64 = set.tasks.iter().map(|one| one.task.requests.gpu.total_milli()).sum();
        let with_models = set.tasks.iter().filter(|one| !one.task.requests.gpu.models.is_empty()).count();
        assert_eq!((set.tasks.len(), asked, with_models), (pods, gpus_milli, constrained), "{list}");
    }
}

#[test]
fn the_workload_of_the_paper_has_as_many_pods_as_were_counted_elsewhere() {
    // Another replica counted 9,377 pods for cpu0 and 10,771 for gpuspec05 at 130 %; draws differ, so within a percent.
    for (list, pods) in [("cpu0", 9_377_u64), ("gpuspec05", 10_771)] {
        let Some(set) = openb_list(list) else { continue };
        let made = openb::workload(&set.tasks, set.gpu_capacity_milli(), 1_300, 42);
        assert!((made.len() as u64).abs_diff(pods) * 50 < pods, "{list}: {}", made.len());
        let demand: u64 = made.iter().map(|one| one.task.requests.gpu.total_milli()).sum();
        assert!((8_074_600..8_083_600).contains(&demand), "{list}: {demand} of 8075600");
    }
    let Some(set) = openb_list("multigpu50") else { return };
    let made = openb::workload(&set.tasks, set.gpu_capacity_milli(), 1_300, 42);
    let demand: u64 = made.iter().map(|one| one.task.requests.gpu.total_milli()).sum();
    assert!(made.len() < set.tasks.len() && (8_067_600..=8_075_600).contains(&demand), "cut to {demand}");
}

#[test]
fn logs_of_the_archive_have_their_jobs_and_say_what_they_leave_out() {
    for (name, file, processors, jobs, left_out) in [
        ("swf:HPC2N", "swf/HPC2N-2002-2.1-cln.swf.gz", 240, 202_876, 0),
        ("swf:KTH-SP2", "swf/KTH-SP2-1996-2.1-cln.swf.gz", 100, 27_992, 0),
        ("swf:NASA-iPSC", "swf/NASA-iPSC-1993-3.1-cln.swf.gz", 128, 18_239, 173),
        ("swf:RICC", "swf/RICC-2010-2.swf.gz", 8_192, 447_794, 10),
        ("swf:SDSC-BLUE", "swf/SDSC-BLUE-2000-4.2-cln.swf.gz", 1_152, 243_306, 10_770),
        ("swf:LCG", "swf/LCG-2005-1.swf.gz", 24_515, 188_041, 521),
        ("swf:Lublin-1", "swf/lublin_256.swf.gz", 256, 10_000, 0),
        ("swf:Lublin-2", "swf/lublin_256_new2.swf.gz", 256, 10_000, 0),
    ] {
        let Some(set) = set("logs", file, name) else { continue };
        assert_eq!(set.nodes[0].capacity.cpu.0, processors * 1_000, "{name}");
        assert_eq!((set.tasks.len() as u64 + set.skipped.count(), set.skipped.count()), (jobs, left_out), "{name}");
        assert!(set.tasks.is_sorted_by_key(|one| one.task.submitted), "{name}");
    }
}

/// The published mean bounded slowdown of EASY, to the digits of the study, from the waits as read.
#[test]
fn the_easy_results_give_the_published_slowdown() {
    for (name, processors, jobs, published) in
        [("KTH-SP2", 100, 28_481, 92.58), ("SDSC-SP2", 128, 54_006, 87.87), ("SDSC-BLUE", 1_152, 232_542, 36.52)]
    {
        let file = format!("swf-easy-results/{name}.easy_backfill.result.swf.gz");
        let Some(set) = set("easy", &file, &format!("easy:{name}")) else { continue };
        assert_eq!((set.nodes[0].capacity.cpu.0, set.tasks.len()), (processors * 1_000, jobs), "{name}");
        assert_eq!((set.skipped.count(), set.notes.len()), (0, 0), "{name}");
        let slowdown = |one: &plimsoll_traces::RecordedTask| {
            let (wait, run) = (one.wait.unwrap().0 as f64, one.run_time_true.unwrap().0 as f64);
            ((wait + run) / run.max(10_000.0)).max(1.0)
        };
        let mean = set.tasks.iter().map(slowdown).sum::<f64>() / jobs as f64;
        assert!((mean - published).abs() < 0.005, "{name}: {mean}");
    }
}

#[test]
fn borg_parts_hold_the_events_that_were_counted() {
    if dataset::find_for_test("borg", &borg::part(7)).is_none() {
        return;
    }
    let mut counts = std::collections::BTreeMap::new();
    let (mut last, mut machines) = (0, std::collections::BTreeSet::new());
    borg::each_event(0..=7, |_, event| {
        *counts.entry(event.kind).or_insert(0_u64) += 1;
        assert!(event.at_us >= last, "events are in order of time");
        last = event.at_us;
        machines.extend(event.machine);
    })
    .unwrap();
    let counts: Vec<(EventKind, u64)> = counts.into_iter().collect();
    assert_eq!(
        counts,
        [
            (EventKind::Submit, 540_421),
            (EventKind::Schedule, 508_208),
            (EventKind::Evict, 87_858),
            (EventKind::Fail, 10_636),
            (EventKind::Finish, 182_872),
            (EventKind::Kill, 99_317),
            (EventKind::UpdatePending, 1),
            (EventKind::UpdateRunning, 27),
        ]
    );
    assert_eq!(machines.len(), 12_509);
}

#[test]
fn borg_tasks_fit_the_machines_that_were_made_for_them() {
    let Some(set) = set("borg", &borg::part(1), "borg:0-1") else { return };
    assert_eq!(set.nodes.len(), 12_583);
    let never = check(&set.nodes, &set.tasks);
    assert_eq!(never.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    let production = set.tasks.iter().filter(|one| !one.task.preemptible).count();
    println!("{} tasks, {production} of production, left out: {}", set.tasks.len(), set.skipped);
    let submitted = set.tasks.iter().map(|one| one.task.submitted.0);
    assert!(submitted.is_sorted());
}

#[test]
fn philly_has_its_jobs_tenants_and_gangs() {
    let Some(set) = set("philly", "philly/philly_dev_first70pct.csv.xz", "philly") else { return };
    let gangs = set.tasks.iter().filter_map(|one| one.task.gang.as_ref()).map(|gang| &gang.name);
    let gangs = gangs.collect::<std::collections::BTreeSet<_>>().len();
    let alone = set.tasks.iter().filter(|one| one.task.gang.is_none()).count();
    assert_eq!((alone + gangs, gangs, set.quotas.len(), set.skipped.count()), (57_572, 112, 13, 0));
    assert_eq!(check(&set.nodes, &set.tasks), []);
}

#[test]
fn azure_has_its_virtual_machines_batches_and_lifetimes() {
    let Some(dev) = set("azure-vm", "azure-vm-arrivals-2017/v1.dev.txt.xz", "azure-vm:dev") else { return };
    let last = dev.tasks.last().unwrap();
    assert_eq!((dev.tasks.len(), last.task.id.split('/').next()), (259_159, Some("53109")));
    assert_eq!(dev.tasks.iter().filter(|one| one.run_time_true.is_none()).count(), 14_317, "still ran at the end");
    println!("{}", dev.notes.join("; "));
    assert_eq!(check(&dev.nodes, &dev.tasks), []);
}

#[test]
fn dlrm_has_its_instances_and_limits() {
    let Some(set) = set("dlrm", "alibaba-gpu-2025-2026/disaggregated_DLRM_trace.csv.gz", "dlrm") else { return };
    let gpu = set.tasks.iter().filter(|one| one.task.requests.gpu.count > 0).count();
    let limited = set.tasks.iter().filter(|one| one.task.requests.extended.len() > 1).count();
    assert_eq!((set.tasks.len(), gpu, limited), (23_871, 7_386, 11_623));
    println!("{} nodes; {}", set.nodes.len(), set.notes.join("; "));
    assert_eq!(check(&set.nodes, &set.tasks), []);
}
