//! The thread that is no worker: it talks to the daemon, starts and commands the workers, judges outliers and reports.
//!
//! Nothing here is on the path of a request. When the daemon is gone the last snapshot stays in use, and the next daemon
//! finds the gateway at the same socket.

mod alone;
mod asked_http2;
mod checks;
mod ejection;
mod report;
mod socket;
mod takeover;

use crate::access_log::AccessLog;
use crate::control::{FromGateway, ListeningSockets, Snapshot, ToGateway};
use crate::listen;
use crate::plan::{self, Extent, Plan};
use crate::shared::Shared;
use crate::trace::export::Exporter;
use crate::worker::{self, Command, WorkerReport};
use crate::{GatewayError, Options};
use checks::{Checks, Turn};
use ejection::Judge;
use plimsoll_model::gateway::GatewayFile;
use plimsoll_model::spec::GatewaySpec;
use report::Reporter;
use socket::{Daemons, Event};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use takeover::Predecessor;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

/// How often outliers are judged.
const JUDGE_EVERY: Duration = Duration::from_millis(500);
/// Shortest time between two judgements, however much is suspected.
const JUDGE_PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for a worker's counts: a worker that is busy for longer is missing in one report.
const COLLECT_WAIT: Duration = Duration::from_millis(200);

/// Milliseconds since the Unix epoch.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

struct Workers {
    commands: Vec<mpsc::UnboundedSender<Command>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(count: usize, shared: &Arc<Shared>) -> Result<Self, GatewayError> {
        let mut workers = Self { commands: Vec::new(), threads: Vec::new() };
        for index in 0..count {
            let (sender, receiver) = mpsc::unbounded_channel();
            let shared = Arc::clone(shared);
            let seed = unix_ms() << 16 ^ u64::from(std::process::id()) << 8 ^ index as u64;
            let thread = std::thread::Builder::new()
                .name(format!("gateway-{index}"))
                .spawn(move || {
                    // Without a runtime the channel closes, and the supervisor sees that nobody answers.
                    let _ = worker::run(index, shared, seed, receiver);
                })
                .map_err(GatewayError::Thread)?;
            workers.commands.push(sender);
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// Whether a worker has ended although nobody told it to.
    fn has_lost_one(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    fn stop(self) {
        self.commands.iter().for_each(|commands| drop(commands.send(Command::Stop)));
        drop(self.commands);
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// What the gateway is doing.
enum Course {
    Running,
    /// Until then, or until no connection is left.
    Draining(Instant),
}

struct Supervisor {
    options: Options,
    started_unix_ms: u64,
    workers_count: usize,
    shared: Option<Arc<Shared>>,
    workers: Option<Workers>,
    plan: Option<Arc<Plan>>,
    listening: BTreeMap<String, SocketAddr>,
    /// Descriptors of the listening sockets by address, in the order of workers.
    descriptors: BTreeMap<String, Vec<i32>>,
    drain: Duration,
    judge: Judge,
    judged_at: Instant,
    reporter: Reporter,
    course: Course,
    drained: Option<mpsc::UnboundedReceiver<()>>,
    drained_left: usize,
    log: Option<Arc<AccessLog>>,
    exporter: Option<Exporter>,
    /// What the daemon's last snapshot asked of the gateway itself.
    followed: Option<GatewaySpec>,
    /// The file in use, when it runs alone.
    file: Option<GatewayFile>,
    checks: Checks,
}

/// Compiles the plan of a file and throws it away.
///
/// # Errors
/// What is wrong with it.
pub fn check(file: &GatewayFile) -> Result<(), String> {
    let snapshot = alone::snapshot(1, file, &Checks::new());
    plan::compile(&snapshot, None, Extent::Whole, 1, 0).map(drop).map_err(|error| error.to_string())
}

/// Runs the gateway until it is told to stop.
///
/// # Errors
/// [`GatewayError`] when the control socket, a runtime or a thread cannot be had.
pub fn run(options: Options) -> Result<(), GatewayError> {
    raise_file_limit();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all();
    // Local: a check holds a TLS session, which belongs to one thread.
    let runtime = runtime.build_local(Default::default()).map_err(GatewayError::Runtime)?;
    let mut supervisor = Supervisor::new(options);
    let result = runtime.block_on(supervisor.serve());
    if let Some(workers) = supervisor.workers.take() {
        workers.stop();
    }
    if let Some(exporter) = supervisor.exporter.take() {
        runtime.block_on(exporter.finish());
    }
    result
}

/// Each request under way holds two sockets, and the usual soft limit of 1,024 is far below the hard one. Where it
/// cannot be raised, accepting pauses when descriptors run out.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// None under a daemon, where a terminal that goes away ends the gateway as before.
    hangup: Option<Signal>,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    ToEnd,
    ToReload,
}

impl Signals {
    fn new(is_alone: bool) -> Result<Self, GatewayError> {
        let open = |kind| signal(kind).map_err(GatewayError::Signals);
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
            hangup: is_alone.then(|| open(SignalKind::hangup())).transpose()?,
        })
    }

    /// The next signal that asks for something. Ctrl-C goes to the whole terminal session, so under a daemon it is
    /// the daemon that decides.
    async fn next(&mut self, ignore_interrupt: bool) -> Asks {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Asks::ToEnd,
                _ = self.interrupt.recv() => if !ignore_interrupt { return Asks::ToEnd },
                () = received(&mut self.hangup) => return Asks::ToReload,
            }
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

impl Supervisor {
    fn new(options: Options) -> Self {
        Self {
            options,
            started_unix_ms: unix_ms(),
            workers_count: 0,
            shared: None,
            workers: None,
            plan: None,
            listening: BTreeMap::new(),
            descriptors: BTreeMap::new(),
            drain: Duration::ZERO,
            judge: Judge::default(),
            judged_at: Instant::now(),
            reporter: Reporter::default(),
            course: Course::Running,
            drained: None,
            drained_left: 0,
            log: None,
            exporter: None,
            followed: None,
            file: None,
            checks: Checks::new(),
        }
    }

    fn hello(&self) -> FromGateway {
        FromGateway::Hello {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: self.started_unix_ms,
            snapshot_version: self.version(),
        }
    }

    async fn serve(&mut self) -> Result<(), GatewayError> {
        let mut signals = Signals::new(self.options.alone.is_some())?;
        let predecessor = self.take_over()?;
        let mut daemons = Daemons::listen(&self.options.control, predecessor.is_some())?;
        if self.options.alone.is_some() {
            self.reload().await.map_err(GatewayError::File)?;
            if let Some(predecessor) = predecessor {
                predecessor.drain().map_err(|source| self.not_taken_over(source))?;
            }
        }
        if let Some(snapshot) = self.options.initial.take()
            && let Err(reason) = self.apply(&snapshot, Extent::Whole).await
        {
            return Err(GatewayError::Initial(reason));
        }
        let mut reports = tokio::time::interval(Duration::from_millis(self.options.report_interval_ms.max(10)));
        let mut judging = tokio::time::interval(JUDGE_EVERY);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        judging.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut suspected = false;
        loop {
            let deadline = match self.course {
                Course::Running => None,
                Course::Draining(deadline) => Some(deadline),
            };
            tokio::select! {
                asks = signals.next(self.options.ignore_interrupt) => match asks {
                    Asks::ToEnd => if self.begin_drain() { return Ok(()) },
                    Asks::ToReload => self.reload_and_say().await,
                },
                turn = self.checks.next() => self.turn(&turn).await,
                event = daemons.next() => match event {
                    Event::Connected(daemon) => daemons.greet(daemon, &self.hello()),
                    Event::Said(_, ToGateway::Stop) => return Ok(()),
                    Event::Said(daemon, ToGateway::Reload) => {
                        let error = self.reload().await.err();
                        daemons.send(daemon, &self.ack(self.version(), error));
                    }
                    Event::Said(daemon, ToGateway::Sockets) => daemons.send(daemon, &self.ack(self.version(), None)),
                    Event::Said(_, ToGateway::Drain) => if matches!(self.course, Course::Running) && self.begin_drain() {
                        return Ok(());
                    },
                    Event::Said(daemon, ToGateway::Snapshot(snapshot)) => {
                        let version = snapshot.version;
                        let error = self.follow(*snapshot).await.err();
                        daemons.send(daemon, &self.ack(version, error));
                    }
                    Event::Garbled(daemon, error) => daemons.send(daemon, &self.ack(0, Some(error))),
                },
                _ = reports.tick() => {
                    if self.workers.as_ref().is_some_and(Workers::has_lost_one) {
                        return Err(GatewayError::WorkerEnded);
                    }
                    self.report(&mut daemons).await;
                }
                _ = judging.tick() => self.judge_outliers(),
                () = suspicion(self.shared.as_deref()), if !suspected => suspected = true,
                () = tokio::time::sleep_until(self.judged_at + JUDGE_PAUSE), if suspected => {
                    suspected = false;
                    self.judge_outliers();
                }
                () = drained(&mut self.drained) => {
                    self.drained_left = self.drained_left.saturating_sub(1);
                    if self.drained_left == 0 {
                        self.report(&mut daemons).await;
                        daemons.flush().await;
                        return Ok(());
                    }
                }
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return Ok(()),
            }
        }
    }

    fn version(&self) -> u64 {
        self.plan.as_ref().map_or(0, |plan| plan.version)
    }

    fn not_taken_over(&self, source: std::io::Error) -> GatewayError {
        GatewayError::Takeover { path: self.options.control.clone(), source }
    }

    /// Fetches the sockets of the gateway that runs, if that was asked for and one does.
    fn take_over(&mut self) -> Result<Option<Predecessor>, GatewayError> {
        if !self.options.takeover {
            return Ok(None);
        }
        let fetched = takeover::fetch(&self.options.control).map_err(|source| self.not_taken_over(source))?;
        let Some((predecessor, sockets)) = fetched else { return Ok(None) };
        self.options.inherited = sockets;
        Ok(Some(predecessor))
    }

    /// Reads the file again and uses it, or changes nothing.
    async fn reload(&mut self) -> Result<(), String> {
        let Some(alone) = self.options.alone.clone() else { return Err("this gateway runs by a daemon".to_owned()) };
        let file = (alone.0)()?;
        self.apply(&alone::snapshot(self.version() + 1, &file, &self.checks), Extent::Whole).await?;
        if let Some(plan) = &self.plan {
            self.checks.apply(&file, plan);
        }
        self.file = Some(file);
        Ok(())
    }

    async fn reload_and_say(&mut self) {
        match self.reload().await {
            Ok(()) => eprintln!("reloaded"),
            Err(reason) => eprintln!("the file is refused as a whole and the one before stays in use: {reason}"),
        }
    }

    /// Offers an endpoint again, or no longer.
    async fn turn(&mut self, turn: &Turn) {
        let Some(file) = self.file.clone() else { return };
        let name = alone::address(&file, &turn.id).map_or_else(|| turn.id.to_string(), |address| address.to_string());
        let verdict =
            if turn.is_well { "passes its checks and is back" } else { "fails its checks and gets nothing new" };
        eprintln!("endpoint {name} of pool {} {verdict}", turn.id.service);
        let snapshot = alone::snapshot(self.version() + 1, &file, &self.checks);
        if let Err(reason) = self.apply(&snapshot, Extent::Endpoints).await {
            eprintln!("endpoint {name}: {reason}");
        }
    }

    fn ack(&self, version: u64, error: Option<String>) -> FromGateway {
        let listeners = self.plan.iter().flat_map(|plan| &plan.listeners);
        let listening = listeners.filter_map(|listener| self.listening.get(&listener.address).copied()).collect();
        let sockets = self.descriptors.iter().map(|(address, descriptors)| ListeningSockets {
            address: address.clone(),
            descriptors: descriptors.clone(),
        });
        FromGateway::Ack { version, error, listening, sockets: sockets.collect() }
    }

    /// Stops accepting. True when the gateway should end at once: it was draining already, or nothing runs.
    fn begin_drain(&mut self) -> bool {
        let Some(workers) = self.workers.as_ref().filter(|_| matches!(self.course, Course::Running)) else {
            return true;
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        for commands in &workers.commands {
            let (done, drained) = oneshot::channel();
            let _ = commands.send(Command::Drain(done));
            let sender = sender.clone();
            tokio::spawn(async move {
                let _ = drained.await;
                let _ = sender.send(());
            });
        }
        self.drained_left = workers.commands.len();
        self.drained = Some(receiver);
        self.course = Course::Draining(Instant::now() + self.drain);
        false
    }

    /// Uses a snapshot of the daemon. Where only endpoints have changed, a certificate that cannot be read just now must not
    /// keep a dead one in use: then the files of before stay, and the rest of the snapshot counts.
    async fn follow(&mut self, snapshot: Snapshot) -> Result<(), String> {
        let applied = match self.apply(&snapshot, Extent::Whole).await {
            Err(reason) if self.differs_in_endpoints_only(&snapshot) => {
                eprintln!("what the gateway reads from files stays as it was: {reason}");
                self.apply(&snapshot, Extent::Endpoints).await
            }
            applied => applied,
        };
        applied?;
        self.followed = Some(snapshot.gateway);
        Ok(())
    }

    /// Whether a snapshot asks the same of the gateway as the one in use, for the same pools.
    fn differs_in_endpoints_only(&self, snapshot: &Snapshot) -> bool {
        let same_pools = self
            .plan
            .as_ref()
            .is_some_and(|plan| plan.services.iter().map(|service| &service.shared.name).eq(snapshot.pools.keys()));
        same_pools && self.followed.as_ref() == Some(&snapshot.gateway)
    }

    /// Makes a snapshot the one in use, in all workers, or changes nothing.
    async fn apply(&mut self, snapshot: &Snapshot, extent: Extent) -> Result<(), String> {
        if matches!(self.course, Course::Draining(_)) {
            return Err("the gateway is draining".to_owned());
        }
        if self.shared.is_none() {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let wanted = self.options.workers.or(snapshot.gateway.workers.map(|workers| workers as usize));
            self.workers_count = wanted.unwrap_or(cores).clamp(1, 256);
            self.shared = Some(Arc::new(Shared::new(self.workers_count)));
        }
        let Some(shared) = self.shared.clone() else { return Err("no shared state".to_owned()) };
        let plan = plan::compile(snapshot, self.plan.as_deref(), extent, self.workers_count, shared.now_us());
        let plan = Arc::new(plan.map_err(|error| error.to_string())?);
        let wanted = plan.observe.access_log.as_ref().filter(|_| extent == Extent::Whole);
        let log = wanted.map(|spec| {
            AccessLog::open(spec, self.log.as_ref()).map_err(|error| format!("access_log {}: {error}", spec.file))
        });
        let log = if extent == Extent::Endpoints { self.log.clone() } else { log.transpose()? };
        let mut opened: Vec<Vec<(String, TcpListener)>> = (0..self.workers_count).map(|_| Vec::new()).collect();
        let mut listening = BTreeMap::new();
        let mut descriptors = BTreeMap::new();
        for listener in &plan.listeners {
            if let Some(bound) = self.listening.get(&listener.address) {
                listening.insert(listener.address.clone(), *bound);
                descriptors
                    .extend(self.descriptors.get_key_value(&listener.address).map(|(a, b)| (a.clone(), b.clone())));
                continue;
            }
            let (bound, sockets) = self.open(&listener.address).map_err(|error| error.to_string())?;
            listening.insert(listener.address.clone(), bound);
            descriptors.insert(listener.address.clone(), sockets.iter().map(AsRawFd::as_raw_fd).collect());
            for (worker, socket) in opened.iter_mut().zip(sockets) {
                worker.push((listener.address.clone(), socket));
            }
        }
        if self.workers.is_none() {
            self.workers = Some(Workers::start(self.workers_count, &shared).map_err(|error| error.to_string())?);
        }
        let before = self.exporter.take();
        let wanted = plan.observe.otlp.as_ref();
        self.exporter = wanted.map(|spec| Exporter::open(spec, before, &shared));
        let tracer = self.exporter.as_ref().map(|exporter| Arc::clone(&exporter.tracer));
        let mut waiting = Vec::new();
        for (commands, sockets) in self.workers.iter().flat_map(|workers| &workers.commands).zip(opened) {
            let (done, applied) = oneshot::channel();
            let (plan, log, tracer) = (Arc::clone(&plan), log.clone(), tracer.clone());
            let _ = commands.send(Command::Apply { plan, log, tracer, sockets, done });
            waiting.push(applied);
        }
        for applied in waiting {
            applied.await.map_err(|_| "a worker has ended".to_owned())?;
        }
        self.log = log;
        self.judge.apply(&plan);
        self.reporter.apply(&plan, self.plan.as_deref());
        self.listening = listening;
        self.descriptors = descriptors;
        for unused in std::mem::take(&mut self.options.inherited) {
            drop(listen::take_over(&unused.descriptors, 0));
        }
        self.drain = Duration::from_millis(snapshot.gateway.limits.drain.get());
        self.plan = Some(plan);
        Ok(())
    }

    /// The listening sockets of a new address: a predecessor's where they were handed down, else new ones.
    fn open(&mut self, address: &str) -> Result<(SocketAddr, Vec<TcpListener>), listen::ListenError> {
        let inherited = &mut self.options.inherited;
        let kept = inherited.iter().position(|sockets| sockets.address == address).map(|at| inherited.remove(at));
        let kept = kept.and_then(|sockets| listen::take_over(&sockets.descriptors, self.workers_count));
        kept.map_or_else(|| listen::listen(address, self.workers_count), Ok)
    }

    async fn report(&mut self, daemons: &mut Daemons) {
        let (Some(plan), Some(shared)) = (self.plan.clone(), self.shared.clone()) else { return };
        let counted = self.collect().await;
        let report = self.reporter.make(&plan, &shared, &self.judge, counted);
        daemons.send_all(&FromGateway::Report(Box::new(report)));
    }

    async fn collect(&self) -> Vec<Option<WorkerReport>> {
        let asked: Vec<_> = self
            .workers
            .iter()
            .flat_map(|workers| &workers.commands)
            .map(|commands| {
                let (reply, counted) = oneshot::channel();
                let _ = commands.send(Command::Collect(reply));
                counted
            })
            .collect();
        let deadline = Instant::now() + COLLECT_WAIT;
        let mut counted = Vec::with_capacity(asked.len());
        for answer in asked {
            counted.push(tokio::time::timeout_at(deadline, answer).await.ok().and_then(Result::ok));
        }
        counted
    }

    fn judge_outliers(&mut self) {
        self.judged_at = Instant::now();
        if let (Some(plan), Some(shared)) = (&self.plan, &self.shared) {
            self.judge.evaluate(plan, shared.now_us());
        }
    }
}

/// Waits until a worker suspects an endpoint.
async fn suspicion(shared: Option<&Shared>) {
    match shared {
        Some(shared) => shared.suspicion.notified().await,
        None => std::future::pending().await,
    }
}

/// Waits until a worker has no connection left.
async fn drained(receiver: &mut Option<mpsc::UnboundedReceiver<()>>) {
    match receiver {
        Some(receiver) => {
            if receiver.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}
