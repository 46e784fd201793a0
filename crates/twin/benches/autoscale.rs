//! How fast the twin and the loop are. `cargo xtask bench autoscale`; `--only ROW` runs one row.
//!
//! Every row counts CPU seconds of this process, not the wall: the machine may be shared.

#[path = "autoscale/exact.rs"]
mod exact;
#[path = "autoscale/plant.rs"]
mod plant;
#[path = "autoscale/step.rs"]
mod step;
#[path = "autoscale/whole.rs"]
mod whole;

fn main() {
    let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    let wants = |row: &str| only.as_deref().is_none_or(|name| name == row);
    println!("{:<58} {:>12} {:>10} {:>8}", "row", "per CPU s", "goal", "ratio");
    if wants("plant") {
        plant::rows();
    }
    if wants("exact") {
        exact::rows();
    }
    if wants("loop") {
        whole::rows();
    }
    if wants("step") {
        step::rows();
    }
}

/// CPU seconds that `work` takes.
fn cpu_seconds(work: impl FnOnce()) -> f64 {
    use rustix::time::{ClockId, clock_gettime};
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let before = now();
    work();
    now() - before
}

/// Prints one row.
fn print(row: &str, done: u64, seconds: f64, goal: f64) {
    let rate = done as f64 / seconds;
    println!("{row:<58} {rate:>12.0} {goal:>10.0} {:>8.2}", rate / goal);
}
