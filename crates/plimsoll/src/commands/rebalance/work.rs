//! The clock, the threads and the progress bar of a search.

use crate::args::{Output, Rebalance};
use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_placement::rebalance::{Options, Problem, Search, WHOLE};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Moves tried between two looks at the clock: a few milliseconds.
const EVALUATIONS: u64 = 20_000;
/// Least time between two reports of a thread.
const REPORT: Duration = Duration::from_millis(100);

/// Shares of the time at which threads compare where they stand.
const MEETINGS: [f64; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.97];

/// For each meeting, what the thread that stood best of those that came by so far left there: cost and assignment.
#[derive(Default)]
struct Meetings([Mutex<Option<Left>>; MEETINGS.len()]);

/// A cost and the assignment that has it.
type Left = (i64, Vec<u32>);

impl Meetings {
    /// Leaves `search`'s assignment where it is the best so far, and lets it go on from the best otherwise.
    fn visit(&self, meeting: usize, search: &mut Search<'_>, cost: i64) -> anyhow::Result<()> {
        let mut left = self.0[meeting].lock().unwrap_or_else(PoisonError::into_inner);
        match left.as_ref() {
            Some((lowest, assignment)) if *lowest < cost => search.adopt(assignment)?,
            _ => *left = Some((cost, search.current().to_vec())),
        }
        Ok(())
    }
}

/// What the searches found, all threads together.
pub struct Found {
    /// The best assignment.
    pub assignment: Vec<u32>,
    /// What it costs.
    pub cost: i64,
    /// Moves tried.
    pub evaluations: u64,
    /// CPU time spent.
    pub cpu_seconds: f64,
    /// Time passed.
    pub wall_seconds: f64,
}

/// When a search ends.
#[derive(Clone, Copy)]
enum Limit {
    /// After so many seconds from a moment.
    Wall(Instant, f64),
    /// After so many CPU seconds of the thread, from a reading of its clock.
    Cpu(f64, f64),
}

impl Limit {
    /// Starts counting; to be called on the thread that searches.
    fn start(typed: &Rebalance, started: Instant) -> Self {
        match typed.cpu_seconds {
            Some(seconds) => Self::Cpu(thread_cpu_seconds(), seconds),
            None => Self::Wall(started, typed.seconds),
        }
    }

    /// The share of the limit that is spent, 1 and more at its end.
    fn spent(self) -> f64 {
        match self {
            Self::Wall(started, seconds) => started.elapsed().as_secs_f64() / seconds,
            Self::Cpu(started, seconds) => (thread_cpu_seconds() - started) / seconds,
        }
    }
}

/// One report of one thread.
struct Report {
    thread: usize,
    spent: f64,
    cost: i64,
    best: i64,
    evaluations: u64,
}

/// Searches on as many threads as typed and returns the best of all.
pub fn search(problem: &Problem, typed: &Rebalance, start: Option<&[u32]>) -> anyhow::Result<Found> {
    let started = Instant::now();
    let threads = usize::from(typed.threads);
    let bar = bar(typed.quiet || typed.output == Output::Json);
    let (reports, received) = mpsc::channel();
    let meetings = Meetings::default();
    let results = std::thread::scope(|scope| {
        let spawn = |thread: usize| {
            let reports = reports.clone();
            let meetings = &meetings;
            scope.spawn(move || Worker { problem, typed, thread, started, meetings, reports }.run(start))
        };
        let workers: Vec<_> = (0..threads).map(spawn).collect();
        drop(reports);
        show(&bar, &received, threads);
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a search panicked"))?).collect::<Vec<_>>()
    });
    bar.finish_and_clear();
    let results = results.into_iter().collect::<anyhow::Result<Vec<Found>>>()?;
    let (evaluations, cpu_seconds) = results
        .iter()
        .fold((0, 0.0), |(evaluations, seconds), found| (evaluations + found.evaluations, seconds + found.cpu_seconds));
    let best = results.into_iter().min_by_key(|found| found.cost).ok_or_else(|| anyhow!("no thread searched"))?;
    Ok(Found { evaluations, cpu_seconds, wall_seconds: started.elapsed().as_secs_f64(), ..best })
}

/// One thread.
struct Worker<'a> {
    problem: &'a Problem,
    typed: &'a Rebalance,
    thread: usize,
    started: Instant,
    meetings: &'a Meetings,
    reports: mpsc::Sender<Report>,
}

impl Worker<'_> {
    fn run(&self, start: Option<&[u32]>) -> anyhow::Result<Found> {
        let Self { problem, typed, .. } = *self;
        let cpu_started = thread_cpu_seconds();
        let limit = Limit::start(typed, self.started);
        let seed = typed.seed.wrapping_mul(1_000_003).wrapping_add(self.thread as u64);
        let options = if start.is_some() { Options::to_refine(problem) } else { Options::suited_to(problem) };
        let mut search = Search::new(problem, seed, options)?;
        if let Some(start) = start {
            search.adopt(start)?;
        }
        let (mut evaluations, mut met) = (0, 0);
        let mut reported = Instant::now();
        loop {
            let spent = limit.spent();
            if spent >= 1.0 {
                break;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share between 0 and 1")]
            let progress = search.run(EVALUATIONS, (spent * WHOLE as f64) as u64);
            evaluations += progress.evaluations;
            if MEETINGS.get(met).is_some_and(|at| spent >= *at) {
                self.meetings.visit(met, &mut search, progress.cost)?;
                met += 1;
            }
            if reported.elapsed() >= REPORT {
                reported = Instant::now();
                let (cost, best) = (progress.cost, progress.best);
                // Nobody listens any more only when everything is being torn down.
                let _ = self.reports.send(Report { thread: self.thread, spent, cost, best, evaluations });
            }
        }
        Ok(Found {
            assignment: search.best().to_vec(),
            cost: search.best_cost(),
            evaluations,
            cpu_seconds: thread_cpu_seconds() - cpu_started,
            wall_seconds: 0.0,
        })
    }
}

fn show(bar: &ProgressBar, received: &mpsc::Receiver<Report>, threads: usize) {
    let mut last: Vec<Option<Report>> = (0..threads).map(|_| None).collect();
    for report in received {
        let thread = report.thread;
        last[thread] = Some(report);
        let known = || last.iter().flatten();
        let spent = known().map(|report| report.spent).fold(1.0, f64::min);
        let best = known().map(|report| report.best).min().unwrap_or_default();
        let now = known().map(|report| report.cost).min().unwrap_or_default();
        let evaluations: u64 = known().map(|report| report.evaluations).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share between 0 and 1")]
        bar.set_position((spent * 1_000.0) as u64);
        bar.set_message(format!("best {best}  now {now}  {:.0} M moves tried", evaluations as f64 / 1e6));
    }
}

fn bar(quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(1_000);
    bar.set_draw_target(if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}") {
        bar.set_style(style);
    }
    bar
}

fn thread_cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
