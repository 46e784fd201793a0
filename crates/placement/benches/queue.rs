//! `cargo bench -p plimsoll-placement --bench queue [-- --only easy|lublin|ours|page|speed]`: queue orders and backfill
//! against published results, on logs of the Parallel Workloads Archive.
//!
//! A log is one machine, and every decision is made by `Scheduler`, which the twin and the controller drive too. Where a
//! published table depends on the order in which simultaneous events were handled, the loop here has that order.

mod common;
#[path = "queue/easy.rs"]
mod easy;
#[path = "queue/lublin.rs"]
mod lublin;
#[path = "queue/ours.rs"]
mod ours;
#[path = "queue/page.rs"]
mod page;
#[path = "queue/replay.rs"]
mod replay;
#[path = "queue/speed.rs"]
mod speed;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let only = arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
    let only = only.map(String::as_str);
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    if wanted("easy") {
        easy::print();
    }
    if wanted("lublin") {
        lublin::print();
    }
    if wanted("ours") {
        ours::print(&["patient-saf"], true);
    }
    if only == Some("chosen-on") {
        let variants: Vec<&str> =
            arguments.iter().skip_while(|argument| *argument != "--policies").skip(1).map(String::as_str).collect();
        ours::print(&variants, false);
    }
    if wanted("page") {
        page::print();
    }
    if wanted("speed") {
        speed::print();
    }
}

/// A log by its name, or nothing after saying that it is not here.
pub fn log(name: &str) -> Option<plimsoll_traces::ClusterSet> {
    match plimsoll_traces::cluster_set(name) {
        Ok(set) => Some(set),
        Err(error) => {
            println!("did not run: {name}: {error}");
            None
        }
    }
}
