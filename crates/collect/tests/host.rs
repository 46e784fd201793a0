//! The host this test runs on, by itself and against figures from other sources.

use plimsoll_collect::host::HostSampler;
use plimsoll_model::spec::NodeSpec;
use plimsoll_model::{Bytes, Micros, Millicores, NodeName};
use std::time::{Duration, Instant};

fn node() -> NodeSpec {
    NodeSpec {
        name: NodeName::try_new("here").expect("a name"),
        cpu: None,
        memory: None,
        reserved_cpu: Millicores(100),
        reserved_memory: Bytes(1 << 20),
    }
}

#[test]
fn a_busy_host_uses_cpu_and_no_more_than_it_has() {
    let mut sampler = HostSampler::new(std::env::temp_dir());
    let start = Instant::now();
    let first = sampler.sample(Micros(0), &node());
    assert_eq!(first.cpu_used, None);
    let capacity = sampler.capacity();
    assert!(capacity.cpu.0 >= 1 && capacity.memory.0 > 1 << 20);
    assert_eq!(first.allocatable.cpu, capacity.cpu.saturating_sub(Millicores(100)));
    assert_eq!(first.allocatable.memory, capacity.memory.saturating_sub(Bytes(1 << 20)));
    assert!(first.memory_used.expect("meminfo").0 > 0);
    assert!(first.disk_free.expect("statvfs").0 > 0);
    // Work until at least half a second of CPU time is ours.
    let cpu_time = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let mut n = 1_u64;
    while (cpu_time().tv_sec, cpu_time().tv_nsec) < (0, 500_000_000) {
        n = std::hint::black_box(n.wrapping_mul(31));
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    let elapsed = start.elapsed().as_micros() as u64;
    let used = sampler.sample(Micros(elapsed), &node()).cpu_used.expect("a second sample").0;
    let ours = 400_000_000 / elapsed;
    let cores = std::fs::read_to_string("/proc/stat").expect("stat").matches("\ncpu").count() as u64;
    assert!(used >= ours, "{used} of which {ours} are ours");
    assert!(used <= cores * 1_000 * 11 / 10, "{used} on {cores} cores");
}

#[test]
fn what_the_node_states_is_what_is_given() {
    let node = NodeSpec { cpu: Some(Millicores(700)), memory: Some(Bytes(1 << 26)), ..node() };
    let given = HostSampler::new("/").allocatable(&node);
    assert_eq!((given.cpu, given.memory), (Millicores(700), Bytes(1 << 26)));
}

#[test]
fn a_host_without_these_files_has_gaps_and_no_figures() {
    let empty = tempfile::tempdir().expect("a directory");
    let mut sampler = HostSampler::with_roots("/nonexistent", empty.path(), empty.path());
    for _ in 0..2 {
        let seen = sampler.sample(Micros(1), &node());
        assert_eq!((seen.cpu_used, seen.memory_used, seen.disk_free, seen.pressure_cpu), (None, None, None, None));
    }
    assert_eq!(sampler.quality().gaps, 2);
}
