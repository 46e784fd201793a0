//! All cores, and a progress bar: the two things that neither a model nor a simulation may have.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `work` for each item, in parallel; the results in the order of the items.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    threads: Option<usize>,
    quiet: bool,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let bar = bar(items.len() as u64, "series", quiet || items.len() < 2);
    let results = on_all_cores(items, threads, |item| {
        let result = work(item);
        bar.inc(1);
        result
    });
    bar.finish_and_clear();
    results
}

/// As [`each`], for work that moves a bar of its own.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], threads: Option<usize>, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = threads.unwrap_or(cores).clamp(1, items.len().max(1));
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A bar of `len` things called `what`, on standard error.
pub fn bar(len: u64, what: &str, hidden: bool) -> ProgressBar {
    let bar = ProgressBar::new(len);
    bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
    if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {what}, {{eta}} left")) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_the_items_whoever_made_them() {
        let items: Vec<u64> = (0..500).collect();
        assert_eq!(
            super::each(&items, Some(4), true, |item| item * 2),
            items.iter().map(|i| i * 2).collect::<Vec<_>>()
        );
        assert!(super::each(&[] as &[u64], None, true, |item| *item).is_empty());
    }
}
