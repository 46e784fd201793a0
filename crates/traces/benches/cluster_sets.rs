//! What reading a cluster trace costs: CPU time of the whole set beside that of only decompressing its main table and finding its
//! lines, which no reader can avoid.
//!
//! `cargo xtask bench cluster_sets`. CPU time of this process, the least of three; a set that is not here is named and left out.

use plimsoll_traces::csv::Rows;
use plimsoll_traces::source::Source;
use plimsoll_traces::{borg, cluster_set, dataset};

const ROUNDS: usize = 3;

fn main() {
    println!("{:<16} {:>9} {:>10} {:>12} {:>10} {:>7}", "set", "tasks", "CPU ms", "tasks/CPU s", "lines ms", "ratio");
    for (name, tables) in [
        ("openb:default", vec!["openb-gpu-v2023/csv/openb_pod_list_default.csv.xz".to_owned()]),
        ("swf:HPC2N", vec!["swf/HPC2N-2002-2.1-cln.swf.gz".to_owned()]),
        ("swf:RICC", vec!["swf/RICC-2010-2.swf.gz".to_owned()]),
        ("easy:SDSC-BLUE", vec!["swf-easy-results/SDSC-BLUE.easy_backfill.result.swf.gz".to_owned()]),
        ("borg:0-7", (0..=7).map(borg::part).collect()),
        ("azure-vm:dev", vec!["azure-vm-arrivals-2017/v1.dev.txt.xz".to_owned()]),
        ("philly", vec!["philly/philly_dev_first70pct.csv.xz".to_owned()]),
        ("dlrm", vec!["alibaba-gpu-2025-2026/disaggregated_DLRM_trace.csv.gz".to_owned()]),
    ] {
        if let Some(missing) = tables.iter().find_map(|table| dataset::find(table).err()) {
            println!("{name:<16} did not run: {missing}");
            continue;
        }
        let mut tasks = 0;
        let whole = least_cpu_ms(|| tasks = cluster_set(name).expect("the set is here").tasks.len());
        let lines = least_cpu_ms(|| tables.iter().for_each(|table| only_lines(table)));
        let rate = tasks as f64 / whole * 1e3;
        println!("{name:<16} {tasks:>9} {whole:>10.1} {rate:>12.0} {lines:>10.1} {:>7.2}", whole / lines);
    }
}

fn least_cpu_ms(mut run: impl FnMut()) -> f64 {
    let cpu_ms = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let mut once = || {
        let before = cpu_ms();
        run();
        cpu_ms() - before
    };
    (0..ROUNDS).map(|_| once()).fold(f64::INFINITY, f64::min)
}

fn only_lines(table: &str) {
    let source = Source { path: dataset::find(table).expect("the set is here"), member: None };
    let lines = source.with_reader(|reader| {
        let mut rows = Rows::new(table, reader);
        let mut count = 0_u64;
        while rows.next_row()?.is_some() {
            count += 1;
        }
        Ok(count)
    });
    assert!(lines.expect("the table is read") > 0);
}
