//! The figures of a simulation by name: what a table shows, what is compared, what a program reads.
//!
//! One list for text, JSON and comparison, so that they cannot drift apart. A figure that no run has is left out, and so
//! are the ends of tasks that never happened.

use super::Run;
use plimsoll_model::Millis;

/// One figure.
pub struct Figure {
    /// Its name in JSON, with the unit.
    pub key: String,
    /// Its name for people.
    pub title: String,
    /// How a value is written.
    pub write: fn(f64) -> String,
    /// What it is in each run.
    pub value: Box<OfRun>,
    /// Whether a difference of it is worth an interval.
    pub is_compared: bool,
}

/// What a figure is in a run; none where it has none.
type OfRun = dyn Fn(&Run) -> Option<f64>;

/// A figure that is known beforehand.
struct Plain {
    key: &'static str,
    title: &'static str,
    write: fn(f64) -> String,
    value: fn(&Run) -> Option<f64>,
    is_compared: bool,
}

impl Plain {
    const fn new(
        key: &'static str,
        title: &'static str,
        write: fn(f64) -> String,
        value: fn(&Run) -> Option<f64>,
    ) -> Self {
        Self { key, title, write, value, is_compared: false }
    }

    const fn compared(self) -> Self {
        Self { is_compared: true, ..self }
    }

    fn figure(&self) -> Figure {
        Figure {
            key: self.key.to_owned(),
            title: self.title.to_owned(),
            write: self.write,
            value: Box::new(self.value),
            is_compared: self.is_compared,
        }
    }
}

/// Per cent with two decimals, as the published tables have them.
fn percent(share: f64) -> String {
    format!("{:.2}", share * 100.0)
}

fn time(ms: f64) -> String {
    Millis(ms.round().max(0.0) as u64).to_string()
}

/// A count, or its mean over seeds.
fn count(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

fn three(value: f64) -> String {
    format!("{value:.3}")
}

/// Every figure that at least one of the runs has, in the order of the table.
pub fn figures(runs: &[&Run], is_open: bool) -> Vec<Figure> {
    let mut all = allocation(runs);
    all.extend(uses(runs, is_open));
    all.extend(PLAIN.iter().map(Plain::figure));
    all.extend(evictions(runs));
    all.extend(MEASURED.iter().map(Plain::figure));
    all.retain(|figure| runs.iter().any(|run| (figure.value)(run).is_some()));
    all
}

/// Something that only counts when it happened.
fn happened(count: u64) -> Option<f64> {
    (count > 0).then_some(count as f64)
}

const PLAIN: &[Plain] = &[
    Plain::new("gpu_fragmentation_pct", "unusable part of free GPU, %", percent, |run| run.metrics.gpu_fragmentation)
        .compared(),
    Plain::new("wait_mean_ms", "wait, mean", time, |run| waited(run, |wait| wait.mean_ms)).compared(),
    Plain::new("wait_p50_ms", "wait, median", time, |run| waited(run, |wait| wait.p50_ms as f64)),
    Plain::new("wait_p95_ms", "wait, 95 %", time, |run| waited(run, |wait| wait.p95_ms as f64)).compared(),
    Plain::new("wait_p99_ms", "wait, 99 %", time, |run| waited(run, |wait| wait.p99_ms as f64)).compared(),
    Plain::new("wait_max_ms", "wait, longest", time, |run| waited(run, |wait| wait.max_ms as f64)),
    Plain::new("response_mean_ms", "response, mean", time, |run| ended(run, run.metrics.response.mean_ms)).compared(),
    Plain::new("slowdown_mean", "bounded slowdown, mean", two, |run| run.metrics.slowdown_mean).compared(),
    Plain::new("makespan_ms", "makespan", time, |run| ended(run, run.metrics.makespan_ms as f64)).compared(),
    Plain::new("jobs_per_hour", "jobs per hour", two, |run| ended(run, run.metrics.jobs_per_hour?)),
    Plain::new("fairness_users", "fairness over users (Jain)", three, |run| run.metrics.fairness_users).compared(),
    Plain::new("fairness_queues", "fairness over queues (Jain)", three, |run| run.metrics.fairness_queues).compared(),
    Plain::new("waiting_mean", "tasks waiting, mean", two, |run| waited(run, |_| run.metrics.waiting_mean)),
    Plain::new("tasks_submitted", "tasks submitted", count, |run| Some(run.metrics.tasks.submitted as f64)),
    Plain::new("tasks_finished", "tasks finished", count, |run| happened(run.metrics.tasks.finished)),
    Plain::new("tasks_killed", "tasks stopped at their estimate", count, |run| happened(run.metrics.tasks.killed)),
    Plain::new("tasks_refused", "tasks that can never run", count, |run| happened(run.metrics.tasks.refused)),
    Plain::new("tasks_dropped", "tasks that did not fit", count, |run| happened(run.metrics.tasks.dropped)),
    Plain::new("tasks_lost", "tasks lost", count, |run| happened(run.metrics.tasks.lost)),
    Plain::new("tasks_waiting", "tasks waiting at the end", count, |run| happened(run.metrics.tasks.waiting)),
    Plain::new("tasks_running", "tasks running at the end", count, |run| happened(run.metrics.tasks.running)),
    Plain::new("placements", "placements", count, |run| Some(run.metrics.placements as f64)),
    Plain::new("resizes", "changes of size", count, |run| happened(run.metrics.resizes)),
    Plain::new("evictions", "evictions", count, |run| happened(run.metrics.evicted())),
    Plain::new("failures", "tasks stopped by a failure", count, |run| happened(run.metrics.failures)),
    Plain::new("work_lost_hours", "run time thrown away, h", two, |run| {
        Some(run.metrics.work_lost_hours).filter(|hours| *hours > 0.0)
    }),
    Plain::new("regret_checked", "approximate choices checked", count, |run| Some(run.metrics.regret?.checked as f64)),
    Plain::new("regret_worse_percent", "of these worse than the exact one, %", two, |run| {
        let regret = run.metrics.regret.filter(|regret| regret.checked > 0)?;
        Some(100.0 * regret.worse as f64 / regret.checked as f64)
    }),
    Plain::new("regret_lost_percent", "score lost by one on average, % of a whole term", two, |run| {
        let regret = run.metrics.regret.filter(|regret| regret.checked > 0 && regret.unit > 0)?;
        Some(100.0 * regret.lost as f64 / regret.checked as f64 / regret.unit as f64)
    }),
];

const MEASURED: &[Plain] = &[
    Plain::new("placements_per_cpu_second", "placements per CPU second", whole, |run| {
        run.per_cpu_second(run.metrics.placements)
    }),
    Plain::new("events_per_cpu_second", "events per CPU second", whole, |run| run.per_cpu_second(run.events)),
];

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// Nobody waits where nobody queues.
fn waited(run: &Run, value: impl Fn(&plimsoll_twin::cluster::Spread) -> f64) -> Option<f64> {
    (!run.is_open && run.metrics.wait.count > 0).then(|| value(&run.metrics.wait))
}

fn ended(run: &Run, value: f64) -> Option<f64> {
    (run.metrics.response.count > 0).then_some(value)
}

fn allocation(runs: &[&Run]) -> Vec<Figure> {
    let Some(run) = runs.first() else { return Vec::new() };
    let of = |index: usize, permille: u64| Figure {
        key: format!("gpu_allocation_at_{}_pct", permille / 10),
        title: format!("GPU allocation at {} % demand, %", permille / 10),
        write: percent,
        value: Box::new(move |run: &Run| run.metrics.gpu_allocation.get(index).map(|it| it.allocated)),
        is_compared: true,
    };
    run.metrics.gpu_allocation.iter().enumerate().map(|(index, it)| of(index, it.arrived_permille)).collect()
}

/// Use of each resource: its mean over time, or in the open loop, where nothing ever leaves, what it came to.
fn uses(runs: &[&Run], is_open: bool) -> Vec<Figure> {
    let Some(run) = runs.first() else { return Vec::new() };
    let of = |index: usize, name: &str| Figure {
        key: format!("{name}_use_{}_pct", if is_open { "end" } else { "mean" }),
        title: format!("{name} in use, {}, %", if is_open { "at the end" } else { "mean" }),
        write: percent,
        value: Box::new(move |run: &Run| {
            run.metrics.resources.get(index).map(|it| if is_open { it.end } else { it.mean })
        }),
        is_compared: !is_open,
    };
    run.metrics.resources.iter().enumerate().map(|(index, it)| of(index, it.resource)).collect()
}

fn evictions(runs: &[&Run]) -> Vec<Figure> {
    let priorities: std::collections::BTreeSet<i32> =
        runs.iter().flat_map(|run| run.metrics.evictions.keys().copied()).collect();
    let of = |priority: i32| Figure {
        key: format!("evictions_of_priority_{priority}"),
        title: format!("evictions of priority {priority}"),
        write: count,
        value: Box::new(move |run: &Run| {
            (!run.metrics.evictions.is_empty())
                .then(|| run.metrics.evictions.get(&priority).copied().unwrap_or(0) as f64)
        }),
        is_compared: false,
    };
    priorities.into_iter().map(of).collect()
}
