//! What the proof programs share: CPU time of a thread, work spread over threads in a fixed order, arguments.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::sync::atomic::{AtomicUsize, Ordering};

/// CPU seconds of this process so far, all threads, user and system, to a hundredth.
///
/// # Source
/// `proc(5)`: fields 14 and 15 of `stat` in ticks, 100 a second on every Linux that Rust's tier 1 covers.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux tells a process's time");
    let after_name = text.rsplit(')').next().expect("the name stands in parentheses");
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / 100.0
}

/// `work` of every item, on all cores, results in the order of the items.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            match items.get(index) {
                Some(item) => done.push((index, work(item))),
                None => return done,
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The value after `--name`.
pub fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

/// Whether `--name` was given.
pub fn has_flag(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}
