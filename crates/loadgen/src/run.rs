//! The run itself: a scheduler that begins requests when they are due, and lanes that carry them.
//!
//! The scheduler never waits for an answer. A lane is a task that holds one of at most `connections_max` connections;
//! when all are in use, due requests stand in line and their wait is part of their latency. The line has a bound
//! (`waiting_max`); past it a request fails as `overflow`, because memory has an end and silence would hide load.

use crate::alarm::Alarm;
use crate::client::{Failure, Pool};
use crate::options::{Options, RunError};
use crate::plan::{Choice, LoadPlan};
use crate::report::{Ended, FailureKind, LoadReport, Progress};
use crate::requests::Requests;
use crate::stop::Stop;
use crate::tally::{End, Ending, Tally};
use crate::target::Target;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A request that is due.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Duration,
    choice: Choice,
    waited: bool,
}

/// What all lanes share; one thread, so cells suffice.
struct Crew {
    plan: LoadPlan,
    options: Options,
    pool: Pool,
    requests: Requests,
    start: Instant,
    tally: RefCell<Tally>,
    waiting: RefCell<VecDeque<Due>>,
    lanes: Cell<usize>,
    all_ended: Notify,
}

/// Sends `plan` to `target` until its end, or until `stop`; `progress` is called every `progress_every`.
///
/// Needs a current-thread runtime with I/O and time. Whatever happened, every request is in the report.
///
/// # Errors
/// [`RunError`] when the plan or an option is out of range, the host has no address, or the system has no timer left.
pub async fn run(
    plan: &LoadPlan,
    target: &Target,
    options: &Options,
    stop: Stop,
    progress: impl FnMut(&Progress),
) -> Result<LoadReport, RunError> {
    plan.check()?;
    options.check()?;
    let resolve = |source| RunError::Resolve { target: target.to_string(), source };
    let addresses: Vec<_> =
        tokio::net::lookup_host((target.host.as_str(), target.port)).await.map_err(resolve)?.collect();
    let crew = Rc::new(Crew {
        plan: plan.clone(),
        options: options.clone(),
        pool: Pool::new(addresses, options.idle_max),
        requests: Requests::try_new(plan, target)?,
        start: options.start.unwrap_or_else(Instant::now),
        tally: RefCell::new(Tally::new()),
        waiting: RefCell::new(VecDeque::new()),
        lanes: Cell::new(0),
        all_ended: Notify::new(),
    });
    let local = tokio::task::LocalSet::new();
    let end = local.run_until(schedule(&crew, stop, progress)).await?;
    // Dropping the set drops what is still open, which `end` has counted.
    drop(local);
    let elapsed = crew.start.elapsed();
    let tally = crew.tally.replace(Tally::new());
    Ok(tally.finish(plan, target.to_string(), elapsed, end))
}

/// [`run`] on a current-thread runtime of its own, for a caller that has a thread to spare.
///
/// # Errors
/// As [`run`].
pub fn run_blocking(
    plan: &LoadPlan,
    target: &Target,
    options: &Options,
    stop: Stop,
    progress: impl FnMut(&Progress),
) -> Result<LoadReport, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(plan, target, options, stop, progress))
}

/// Begins every request when it is due, then waits for the open ones.
async fn schedule(crew: &Rc<Crew>, mut stop: Stop, mut progress: impl FnMut(&Progress)) -> io::Result<End> {
    let mut alarm = Alarm::try_new()?;
    let mut ticks = Ticks { every: crew.options.progress_every, next: crew.options.progress_every };
    let ended = send_all(crew, &mut alarm, &mut ticks, &mut stop, &mut progress).await?;
    let mut deadline = None;
    let mut unsent = 0;
    if ended == Ended::Stopped {
        (unsent, deadline) = (crew.abandon_waiting(), Some(crew.start.elapsed() + crew.options.stop_grace));
    }
    let mut ended = ended;
    while crew.lanes.get() > 0 && deadline.is_none_or(|deadline| crew.start.elapsed() < deadline) {
        let wake = deadline.map_or(ticks.next, |deadline| deadline.min(ticks.next));
        tokio::select! {
            () = crew.all_ended.notified() => {}
            () = stop.stopped(), if deadline.is_none() => {
                ended = Ended::Stopped;
                (unsent, deadline) = (crew.abandon_waiting(), Some(crew.start.elapsed() + crew.options.stop_grace));
            }
            slept = alarm.sleep_until(crew.start + wake) => slept?,
        }
        ticks.show(crew, &mut progress);
    }
    progress(&crew.progress(crew.start.elapsed()));
    Ok(End { ended, cancelled: crew.lanes.get() as u64, unsent })
}

/// Requests begun in one go before the lanes get the thread, so that a backlog does not delay the sends themselves.
const BURST_MAX: usize = 32;

async fn send_all(
    crew: &Rc<Crew>,
    alarm: &mut Alarm,
    ticks: &mut Ticks,
    stop: &mut Stop,
    progress: &mut impl FnMut(&Progress),
) -> io::Result<Ended> {
    let mut arrivals = crew.plan.arrivals().peekable();
    let mut choices = crew.plan.choices();
    let mut planned = 0;
    loop {
        let next = arrivals.peek().copied();
        if next.is_some() && planned == crew.plan.requests_max {
            return Ok(Ended::RequestLimit);
        }
        let end = crew.plan.duration();
        let wake = next.unwrap_or(end).min(ticks.next);
        tokio::select! {
            biased;
            () = stop.stopped() => return Ok(Ended::Stopped),
            slept = alarm.sleep_until(crew.start + wake) => slept?,
        }
        ticks.show(crew, progress);
        let now = crew.start.elapsed();
        if next.is_none() && now >= end {
            let cut = crew.plan.duration_max < crew.plan.shape.duration();
            return Ok(if cut { Ended::TimeLimit } else { Ended::Completed });
        }
        for _ in 0..BURST_MAX {
            let due = arrivals.next_if(|due| *due <= now && planned < crew.plan.requests_max);
            let (Some(at), Some(choice)) = (due, choices.next()) else { break };
            planned += 1;
            crew.dispatch(Due { at, choice, waited: false });
        }
        // Gives the thread to the lanes even when the next request is overdue and the alarm would not wait.
        tokio::task::yield_now().await;
    }
}

/// When the progress callback is due.
struct Ticks {
    every: Duration,
    next: Duration,
}

impl Ticks {
    fn show(&mut self, crew: &Crew, progress: &mut impl FnMut(&Progress)) {
        let now = crew.start.elapsed();
        if now < self.next {
            return;
        }
        self.next = now + self.every;
        crew.pool.close_aged();
        progress(&crew.progress(now));
    }
}

impl Crew {
    fn dispatch(self: &Rc<Self>, due: Due) {
        self.tally.borrow_mut().planned += 1;
        if self.lanes.get() < self.options.connections_max {
            self.lanes.set(self.lanes.get() + 1);
            tokio::task::spawn_local(Rc::clone(self).lane(due));
        } else if self.waiting.borrow().len() < self.options.waiting_max {
            self.waiting.borrow_mut().push_back(Due { waited: true, ..due });
        } else {
            self.never_sent(due, "all connections were in use and the line was full");
        }
    }

    /// Carries requests until none is waiting.
    async fn lane(self: Rc<Self>, first: Due) {
        let mut next = Some(first);
        while let Some(due) = next {
            self.carry(due).await;
            next = self.waiting.borrow_mut().pop_front();
        }
        self.lanes.set(self.lanes.get() - 1);
        if self.lanes.get() == 0 {
            self.all_ended.notify_one();
        }
    }

    async fn carry(&self, due: Due) {
        let begun = self.start.elapsed();
        let deadline = due.at + self.options.timeout;
        if begun >= deadline {
            return self.never_sent(due, "no connection came free within the time-out");
        }
        self.tally(begun).begin(due.at, begun, due.waited, self.options.late_after);
        let mut opened = 0;
        let exchange = self.pool.exchange(self.requests.build(due.choice), &mut opened);
        let outcome = tokio::time::timeout_at((self.start + deadline).into(), exchange).await;
        let ended = self.start.elapsed();
        let mut tally = self.tally(ended);
        tally.connections_opened += opened;
        let ending = Ending { due: due.at, begun, ended };
        let (kind, what) = match outcome {
            Ok(Ok(bytes)) => {
                tally.bytes_received += bytes;
                return tally.succeed(ending);
            }
            Ok(Err(Failure { kind, what })) => (kind, what),
            Err(_) => (FailureKind::Timeout, format!("no whole answer {:?} after it was due", self.options.timeout)),
        };
        tally.fail(ending, self.requests.method(due.choice), self.requests.path(due.choice), kind, what);
    }

    fn never_sent(&self, due: Due, what: &str) {
        let now = self.start.elapsed();
        let ending = Ending { due: due.at, begun: now, ended: now };
        let (method, path) = (self.requests.method(due.choice), self.requests.path(due.choice));
        self.tally(now).fail(ending, method, path, FailureKind::Overflow, what.to_owned());
    }

    /// The tally, with the seconds before `now` closed.
    fn tally(&self, now: Duration) -> std::cell::RefMut<'_, Tally> {
        let mut tally = self.tally.borrow_mut();
        tally.advance(&self.plan, now);
        tally
    }

    fn abandon_waiting(&self) -> u64 {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len() as u64;
        waiting.clear();
        count
    }

    fn progress(&self, elapsed: Duration) -> Progress {
        let tally = self.tally(elapsed);
        Progress {
            elapsed,
            duration: self.plan.duration(),
            trace_time: self.plan.shape.trace_time(elapsed),
            planned_rps: self.plan.shape.rate_at(elapsed.as_secs_f64()).map(|rps| rps * self.plan.scale),
            sent: tally.sent,
            succeeded: tally.succeeded,
            failed: tally.failed.total(),
            late: tally.late,
            in_flight: self.lanes.get(),
            waiting: self.waiting.borrow().len(),
            last_second: tally.timeline.last().cloned(),
        }
    }
}
