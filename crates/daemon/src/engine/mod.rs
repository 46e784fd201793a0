//! The live loop: measure, journal, step, journal, act.
//!
//! One thread, one `LocalSet`. The loop owns every part that has a state of its own and hands values between them; each rule
//! lives in the pure controller, which this loop calls with what was measured and the time. The order within a step is the
//! promise of the journal: inputs and decision are on disk before a driver sees an action, and what was handed over is noted
//! afterwards, so that a restart repeats nothing and forgets nothing.
//!
//! When the journal cannot be written the loop is *frozen*: the step that could not be recorded waits, no further step is
//! taken, gateway and workloads go on, and it tries again at each tick.

pub(crate) mod announce;
mod audit;
pub(crate) mod keep;
mod notify;
pub(crate) mod observe;
pub(crate) mod publish;
pub(crate) mod recorder;
pub(crate) mod recover;
pub(crate) mod reload;
mod wheel;

use crate::analyst::Desk;
use crate::analyst::worker::Proved;
use crate::api::{Order, Shared};
use crate::clock::Clock;
use crate::execute::{Executor, Launchpad};
use crate::fits::FitWorker;
use crate::gateway_link::{GatewayEvent, GatewayLink};
use crate::ledger::Ledger;
use crate::notify::Notifier;
use crate::snapshot;
use crate::traffic::TrafficWindow;
use observe::Instruments;
use plimsoll_controller::Input;
use plimsoll_driver_process::{DriverEvent, ProcessDriver};
use plimsoll_model::rationale::JobRationale;
use plimsoll_model::spec::Spec;
use plimsoll_model::{ActionKind, Decision, Generation, JobName, Millis, Observation, Phase, Timestamp};
use recorder::Recorder;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// An early step waits this long, so that several events that come together cause one step.
const COALESCE: Duration = Duration::from_millis(20);
/// How often workloads on their way out are looked at.
const LEAVING_EVERY: Duration = Duration::from_millis(25);
/// The gateway gets this much longer than its own drain time to say that it ended.
const DRAIN_MARGIN: Duration = Duration::from_secs(2);
/// Shortest physical time between two ticks, whatever tick and speed say: below this, CPU figures are mostly noise.
pub(crate) const TICK_MIN: Duration = Duration::from_millis(100);

/// Everything the loop owns.
pub struct Engine {
    pub(crate) clock: Clock,
    pub(crate) spec: Rc<Spec>,
    pub(crate) spec_path: PathBuf,
    pub(crate) generation: Generation,
    pub(crate) recorder: Recorder,
    pub(crate) driver: ProcessDriver,
    pub(crate) executor: Executor,
    pub(crate) launchpad: Launchpad,
    pub(crate) fits: Option<FitWorker>,
    pub(crate) gateway: GatewayLink,
    pub(crate) gateway_state: GatewayState,
    pub(crate) traffic: TrafficWindow,
    pub(crate) instruments: Instruments,
    pub(crate) shared: Rc<Shared>,
    pub(crate) ledger: Rc<RefCell<Ledger>>,
    pub(crate) started: Instant,
    pub(crate) warm_up: Vec<Input>,
    pub(crate) last_decision: Option<Decision>,
    pub(crate) job_verdicts: BTreeMap<JobName, (Timestamp, JobRationale)>,
    pub(crate) spec_warnings: Vec<String>,
    pub(crate) desk: Desk,
    pub(crate) notifier: Notifier,
    pub(crate) noted: keep::Noted,
}

/// What is known of the gateway.
#[derive(Debug, Default)]
pub struct GatewayState {
    pub(crate) pid: Option<u32>,
    pub(crate) adopted: bool,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) fault: Option<String>,
    pub(crate) connections_open: u64,
    pub(crate) listening: Vec<SocketAddr>,
}

impl GatewayState {
    /// Snapshot versions begin at the wall clock, so that they go on growing when a daemon is started again beside a gateway
    /// that has an earlier daemon's.
    pub(crate) fn new() -> Self {
        Self { sent: crate::clock::wall_ms().unsigned_abs(), ..Self::default() }
    }
}

/// What the loop listens to.
pub struct Sources {
    /// From the driver.
    pub driver: mpsc::Receiver<DriverEvent>,
    /// From the gateway.
    pub gateway: mpsc::Receiver<GatewayEvent>,
    /// From the API.
    pub orders: mpsc::Receiver<Order>,
    /// From the fit worker.
    pub fits: mpsc::Receiver<Input>,
    /// From the analyst.
    pub proved: mpsc::Receiver<Proved>,
}

/// Where the loop is in its own life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Running,
    /// The gateway finishes what is open.
    DrainingGateway {
        /// It is not waited for any longer than this.
        until: tokio::time::Instant,
    },
    /// The workloads are told to stop.
    StoppingWorkloads,
}

impl Course {
    const fn deadline(self) -> Option<tokio::time::Instant> {
        match self {
            Self::DrainingGateway { until } => Some(until),
            Self::Running | Self::StoppingWorkloads => None,
        }
    }
}

impl Engine {
    /// Runs until a shutdown is complete.
    ///
    /// # Errors
    /// When a signal handler cannot be installed.
    pub async fn run(mut self, mut sources: Sources) -> std::io::Result<()> {
        let mut signals = Signals::install()?;
        let tick = self.clock.to_physical(self.spec.tick).max(TICK_MIN);
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut leaving = tokio::time::interval(LEAVING_EVERY);
        leaving.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut course = Course::Running;
        let mut early: Option<tokio::time::Instant> = None;
        self.send_snapshot();
        loop {
            tokio::select! {
                _ = ticks.tick() => self.step(true),
                () = sleep_until(early), if early.is_some() => {
                    early = None;
                    self.step(false);
                }
                _ = leaving.tick(), if !self.executor.is_idle() => {}
                Some(event) = sources.driver.recv() => {
                    if self.on_driver(&event) {
                        early.get_or_insert(tokio::time::Instant::now() + COALESCE);
                    }
                }
                Some(event) = sources.gateway.recv() => {
                    let ended = matches!(event, GatewayEvent::Ended);
                    self.on_gateway(event);
                    if ended && matches!(course, Course::DrainingGateway { .. }) {
                        course = self.stop_workloads();
                    }
                }
                Some(fitted) = sources.fits.recv() => self.decide(vec![fitted]),
                Some(proved) = sources.proved.recv() => self.on_proved(proved),
                Some(order) = sources.orders.recv() => {
                    if let Order::Audit { entry, done } = order {
                        self.audit(&entry, done);
                    } else if let Order::Record { service, answer } = order {
                        let _ = answer.send(((*self.spec).clone(), self.desk.history(&service).cloned()));
                    } else if let Some(answer) = self.on_order(order) {
                        course = self.begin_shutdown(course, Some(answer));
                    } else {
                        early.get_or_insert(tokio::time::Instant::now() + COALESCE);
                    }
                }
                () = sleep_until(course.deadline()), if course.deadline().is_some() => course = self.stop_workloads(),
                caught = signals.next() => match caught {
                    Caught::Reload => {
                        self.reload_by_signal();
                        early.get_or_insert(tokio::time::Instant::now() + COALESCE);
                    }
                    Caught::Terminate if course == Course::Running => {
                        self.audit_signal("SIGTERM or SIGINT", Ok("draining"));
                        course = self.begin_shutdown(course, None);
                    }
                    Caught::Terminate => {
                        self.gateway.stop();
                        self.executor.stop_all_now(&mut self.driver);
                    }
                }
            }
            early = self.wake_for_restart(early);
            self.executor.advance(self.gateway_state.acknowledged, |id| self.traffic.in_flight(id), &mut self.driver);
            if course == Course::StoppingWorkloads && self.nothing_runs() {
                self.recorder.close();
                return Ok(());
            }
        }
    }

    /// A restart that waits for its backoff gets a step of its own when the wait is over, however long the tick is.
    fn wake_for_restart(&self, early: Option<tokio::time::Instant>) -> Option<tokio::time::Instant> {
        let restarts = self.recorder.state().services.values().filter_map(|service| service.restart_at);
        let Some(wait) = next_wait(restarts, self.clock.now()) else { return early };
        let wait = self.clock.to_physical(wait).max(COALESCE);
        // Beyond a tick the tick is soon enough; and what is set already is not pushed away.
        let is_late = wait > self.clock.to_physical(self.spec.tick);
        if early.is_some() || is_late { early } else { Some(tokio::time::Instant::now() + wait) }
    }

    fn nothing_runs(&self) -> bool {
        self.executor.is_idle() && !self.driver.inventory().iter().any(|status| status.phase.holds_resources())
    }

    /// The gateway goes first, so that no request finds its replica gone.
    fn begin_shutdown(&mut self, course: Course, answer: Option<oneshot::Sender<Result<String, String>>>) -> Course {
        if let Some(answer) = answer {
            let _ = answer.send(Ok("draining".to_owned()));
        }
        if course != Course::Running {
            return course;
        }
        self.gateway.drain();
        let drain = Duration::from_millis(self.spec.gateway.limits.drain.get()) + DRAIN_MARGIN;
        Course::DrainingGateway { until: tokio::time::Instant::now() + drain }
    }

    fn stop_workloads(&mut self) -> Course {
        self.decide(vec![Input::Shutdown]);
        Course::StoppingWorkloads
    }

    /// Measures and decides. `full` is false between ticks, when only the inventory has changed: rates over a few
    /// milliseconds would be noise.
    fn step(&mut self, full: bool) {
        let observed = if full { self.observe() } else { self.inventory_input() };
        // First what says how fast time passes, then what a forecast learns with it.
        let mut inputs = vec![observed];
        inputs.append(&mut self.warm_up);
        self.decide(inputs);
        if full {
            self.keep();
        }
    }

    pub(crate) fn decide(&mut self, inputs: Vec<Input>) {
        let measured =
            inputs.iter().any(|input| matches!(input, Input::Observed(observation) if !observation.inventory_only));
        let seen = if Desk::wants(&self.spec) { inputs.iter().find_map(observed) } else { None };
        if let Some(decision) = self.recorder.step(self.clock.now(), inputs) {
            // Before the orders that name it.
            self.keep_demand(decision.at);
            self.apply(&decision);
            self.feed(&decision);
            self.keep_verdicts(&decision);
            self.analyse(seen.as_ref(), &decision);
            self.last_decision = Some(decision);
        }
        self.publish(measured);
        self.notify();
    }

    pub(crate) fn apply(&mut self, decision: &Decision) {
        for action in &decision.actions {
            match (&action.kind, &self.fits) {
                (ActionKind::Fit { order }, Some(worker)) => worker.carry_out((**order).clone()),
                _ => self.executor.apply(action, &self.spec, &self.launchpad, &mut self.driver),
            }
        }
        if !decision.actions.is_empty() {
            self.recorder.applied(decision);
            self.send_snapshot();
        }
    }

    /// Sends what is ready now to the gateway.
    pub(crate) fn send_snapshot(&mut self) {
        self.gateway_state.sent += 1;
        let version = self.gateway_state.sent;
        self.gateway.send(snapshot::of(version, &self.spec, &self.driver.inventory(), &self.driver));
        self.executor.snapshot_sent(version);
    }

    /// True when the controller should be asked before the next tick.
    fn on_driver(&mut self, event: &DriverEvent) -> bool {
        match event {
            DriverEvent::PhaseChanged { phase, .. } => {
                self.send_snapshot();
                matches!(phase, Phase::Ready | Phase::Exited)
            }
            DriverEvent::Exited { .. } => {
                self.send_snapshot();
                true
            }
        }
    }

    fn on_gateway(&mut self, event: GatewayEvent) {
        match event {
            GatewayEvent::Connected { pid, adopted } => {
                self.gateway_state.pid = Some(pid);
                self.gateway_state.adopted = adopted;
                self.gateway_state.fault = None;
                self.traffic.connected(adopted);
            }
            GatewayEvent::Ack { version, error, listening } => {
                self.gateway_state.acknowledged = self.gateway_state.acknowledged.max(version);
                self.gateway_state.fault = error;
                if !listening.is_empty() {
                    self.gateway_state.listening = listening;
                }
            }
            GatewayEvent::Report(report) => {
                self.gateway_state.connections_open = report.connections_open;
                let circuits = report.services.iter();
                *self.shared.circuits.borrow_mut() =
                    circuits.filter_map(|(name, service)| Some((name.clone(), service.circuit?))).collect();
                self.traffic.add(*report);
            }
            GatewayEvent::Disconnected { why } => {
                self.gateway_state.pid = None;
                self.gateway_state.fault = Some(why);
            }
            GatewayEvent::Ended => {
                self.gateway_state.pid = None;
                // A gateway that is gone offers nothing to anybody, so nobody has to wait for its acknowledgement.
                self.gateway_state.acknowledged = u64::MAX;
                self.traffic.connected(false);
            }
        }
    }

    /// Some answer channel when the order is to end.
    fn on_order(&mut self, order: Order) -> Option<oneshot::Sender<Result<String, String>>> {
        match order {
            Order::Shutdown { answer } => return Some(answer),
            Order::RunJob { job, answer } => {
                let result = if self.spec.jobs.contains_key(&job) {
                    self.decide(vec![Input::RunJob { job: job.clone() }]);
                    Ok(format!("{job} queued"))
                } else {
                    Err(format!("the spec has no job {job}"))
                };
                let _ = answer.send(result);
            }
            Order::Announce { announcement, answer } => {
                let _ = answer.send(self.announce(&announcement));
            }
            Order::Wheel { service, handed, answer } => {
                let _ = answer.send(self.take_hand(&service, &handed));
            }
            Order::Proposal { said, answer } => {
                let _ = answer.send(self.answer_proposal(&said.id, said.is_yes, &said.by));
            }
            Order::Reload { answer } => {
                let _ = answer.send(self.renew_certificate().and_then(|()| self.reload()));
            }
            // Handled before: they are no step of their own.
            Order::Audit { entry, done } => self.audit(&entry, done),
            Order::Record { .. } => {}
            Order::Policy { spec, answer } => {
                let _ = answer.send(self.take_over_text(&spec));
            }
        }
        None
    }
}

/// What was measured, where an input is that.
fn observed(input: &Input) -> Option<Observation> {
    match input {
        Input::Observed(observation) => Some((**observation).clone()),
        _ => None,
    }
}

/// The wait until the first of `moments` that is still to come. One that is past and stands there all the same waits for
/// something else (room on the node, the end of a shutdown), and asking again and again would not bring it.
fn next_wait(moments: impl Iterator<Item = Timestamp>, now: Timestamp) -> Option<Millis> {
    moments.filter(|at| *at > now).min().map(|at| at.since(now))
}

async fn sleep_until(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What a signal means.
enum Caught {
    Terminate,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Caught {
        tokio::select! {
            _ = self.terminate.recv() => Caught::Terminate,
            _ = self.interrupt.recv() => Caught::Terminate,
            _ = self.hangup.recv() => Caught::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_that_is_due_and_cannot_happen_does_not_wake_the_loop_and_hides_no_later_one() {
        let wait = |moments: &[i64]| next_wait(moments.iter().map(|at| Timestamp(*at)), Timestamp(1_000));
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[400, 1_000]), None);
        assert_eq!(wait(&[400, 1_900, 1_250]), Some(Millis(250)));
    }
}
