//! Puts a daemon together on a state directory, adopting what an earlier one left running.

use crate::analyst::Desk;
use crate::analyst::asker::Asker;
use crate::api::access::Access;
use crate::api::{self, Order, Shared};
use crate::audit::Allowance;
use crate::clock::{Clock, Origin};
use crate::engine::keep::Noted;
use crate::engine::observe::Instruments;
use crate::engine::recorder::Recorder;
use crate::engine::recover::{Recovered, recover};
use crate::engine::{Engine, GatewayState, Sources, TICK_MIN};
use crate::execute::{Executor, Launchpad};
use crate::fits::FitWorker;
use crate::gateway_link::{GatewayCommand, GatewayLink};
use crate::history_warmup;
use crate::history_writer::HistoryWriter;
use crate::ledger::Ledger;
use crate::metrics_in::MetricsIn;
use crate::notify::Notifier;
use crate::state_dir::{DaemonFile, DaemonLock, StateDir, StateDirError};
use crate::traffic::TrafficWindow;
use crate::{forget, otlp, retention};
use plimsoll_collect::history::{History, Retention};
use plimsoll_collect::host::HostSampler;
use plimsoll_collect::usage::UsageSampler;
use plimsoll_driver_process::ProcessDriver;
use plimsoll_gateway::{ServerTls, TlsError, server_tls};
use plimsoll_journal::Journal;
use plimsoll_model::Observation;
use plimsoll_model::gateway::TlsSpec;
use plimsoll_model::spec::Spec;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// Orders that may wait for the loop.
const ORDERS_MAX: usize = 32;
/// Fitted models that may wait for the loop.
const FITS_MAX: usize = 32;
/// What the analyst found that may wait for the loop.
const PROVED_MAX: usize = 2;
/// Longest and shortest time between two reports of the gateway; in between, four per tick.
const REPORT_MAX: Duration = Duration::from_secs(1);
/// See [`REPORT_MAX`].
const REPORT_MIN: Duration = Duration::from_millis(100);

/// What a daemon is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The spec.
    pub spec: Spec,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
    /// The file it came from, absolute.
    pub spec_path: PathBuf,
    /// Where the state lives; by default a directory named after the spec.
    pub state_dir: Option<PathBuf>,
    /// Begin without what an earlier run recorded.
    pub fresh: bool,
    /// This program, for shims, gateway and the sample service.
    pub own_binary: PathBuf,
    /// Multiplies the recorded demand that warms the forecasts up.
    pub history_scale: f64,
}

/// Why a daemon could not be started.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The state directory.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// What an interrupted `plimsoll forget` left cannot be finished.
    #[error(transparent)]
    Forget(#[from] forget::PlaceError),
    /// The journal.
    #[error("journal in {path}")]
    Journal {
        /// Its directory.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: plimsoll_journal::OpenError,
    },
    /// The driver.
    #[error("process driver in {path}")]
    Driver {
        /// Its directory.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: plimsoll_driver_process::OpenError,
    },
    /// The API's address.
    #[error("api.listen = {address:?}: cannot listen there; choose another address, or port 0 for any free one")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The API's certificate.
    #[error("api.certificate, api.key")]
    Certificate {
        /// What is wrong with it.
        #[source]
        source: plimsoll_gateway::TlsError,
    },
    /// The copy of the certificate for the command line.
    #[error("cannot keep a copy of api.certificate in {path}")]
    KeptCertificate {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An address that others can reach, without a certificate.
    #[error("api.listen = {address:?} can be reached from other machines; it needs `certificate` and `key`")]
    InTheClear {
        /// The address.
        address: String,
    },
    /// `--fresh` while something runs.
    #[error(
        "{live} workloads of an earlier run are still running in {path}; adopt them by leaving --fresh out, or stop them with `plimsoll down --now`"
    )]
    StillRunning {
        /// How many.
        live: usize,
        /// The state directory.
        path: PathBuf,
    },
    /// The old record cannot be put aside.
    #[error("cannot remove {path}")]
    Remove {
        /// What.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// A daemon ready to run.
pub struct Daemon {
    engine: Engine,
    sources: Sources,
    listener: TcpListener,
    shared: Rc<Shared>,
    orders: mpsc::Sender<Order>,
    dir: StateDir,
    _lock: DaemonLock,
}

/// What the rest of the process sees of a daemon.
#[derive(Clone)]
pub struct Handle {
    /// Address of the API and dashboard.
    pub api: SocketAddr,
    /// How it is spoken to there, `http` or `https`.
    pub scheme: &'static str,
    /// State, feed and history.
    pub shared: Rc<Shared>,
    /// Orders.
    pub orders: mpsc::Sender<Order>,
    /// Demand and supply per tick.
    pub ledger: Rc<RefCell<Ledger>>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// Workloads of an earlier daemon that run on.
    pub adopted: usize,
    /// What is worth telling about the start, one line each.
    pub notes: Vec<String>,
}

/// Opens everything. Must be called on a `LocalSet` of a current-thread runtime.
///
/// # Errors
/// [`OpenError`]; nothing is left running that was not running before.
pub async fn open(options: Options) -> Result<(Daemon, Handle), OpenError> {
    let root = options.state_dir.clone().unwrap_or_else(|| StateDir::default_path(&options.spec.name));
    let dir = StateDir::open(&root)?;
    let lock = dir.lock()?;
    forget::mend(dir.root(), &mut forget::Steps::default())?;
    let token = dir.token()?;
    let tls = certificate(&options.spec, None).map_err(|source| OpenError::Certificate { source })?;
    raise_descriptor_limit();
    let listener = listen(&options.spec.api_listen).await?;
    let api = listener
        .local_addr()
        .map_err(|source| OpenError::Listen { address: options.spec.api_listen.clone(), source })?;
    let is_exposed = !api.ip().is_loopback();
    if is_exposed && tls.is_none() {
        return Err(OpenError::InTheClear { address: api.to_string() });
    }
    let access = access(&dir, &options.spec, token, is_exposed);
    let past = open_past(&dir, &options)?;
    let clock = past.clock;
    let (driver, driver_events) = ProcessDriver::open(&dir.driver(), own(&options, "shim"), move || clock.now())
        .map_err(|source| OpenError::Driver { path: dir.driver(), source })?;
    let live = driver.inventory().iter().filter(|status| status.phase.holds_resources()).count();
    if past.begins_anew && live > 0 {
        return Err(OpenError::StillRunning { live, path: dir.root().to_owned() });
    }
    dir.remove("ended.json");
    let (gateway, gateway_events) = GatewayLink::spawn(GatewayCommand {
        command: own(&options, "gateway"),
        socket: dir.gateway_socket(),
        log: dir.gateway_log(),
        report_interval: (clock.to_physical(options.spec.tick).max(TICK_MIN) / 4).clamp(REPORT_MIN, REPORT_MAX),
    });
    announce(&dir, &options, api)?;
    let (history, writer) = open_history(&dir, &options.spec);
    let (orders, orders_in) = mpsc::channel(ORDERS_MAX);
    let shared = Rc::new(Shared {
        state: RefCell::default(),
        decisions: RefCell::new(VecDeque::new()),
        policy: RefCell::new(serde_json::to_value(&options.spec).unwrap_or_default()),
        proposals: RefCell::default(),
        searches: RefCell::default(),
        diagnoses: RefCell::default(),
        analyst: RefCell::default(),
        asker: Asker::start().ok(),
        history,
        totals: RefCell::default(),
        clock,
        started: Instant::now(),
        access,
        tls: RefCell::new(tls),
        allowance: RefCell::new(Allowance::new(Instant::now())),
        journal: dir.journal(),
        asked: Cell::new(0),
        audit_lost: Cell::new(0),
        ended_logs: Cell::new(0),
        hooks: RefCell::default(),
        exported: Cell::new((0, 0)),
        circuits: RefCell::default(),
        news: watch::channel(0).0,
    });
    let ((fitted, fits_in), (found, proved_in)) = (mpsc::channel(FITS_MAX), mpsc::channel(PROVED_MAX));
    let (recorded, _) = history_warmup::read(&options.spec, clock.origin().trace, options.history_scale);
    let fits = FitWorker::start(shared.history.clone(), history_warmup::by_service(recorded), fitted).ok();
    let desk = Desk::open(dir.clone(), Some(found));
    let world = World { driver, gateway, fits, desk, instruments: instruments(&dir, writer), shared: shared.clone() };
    let (engine, notes) = assemble(options, past, world);
    let handle = Handle {
        api,
        scheme: if shared.tls.borrow().is_some() { "https" } else { "http" },
        shared: shared.clone(),
        orders: orders.clone(),
        ledger: engine.ledger.clone(),
        state_dir: dir.root().to_owned(),
        adopted: live,
        notes,
    };
    let sources =
        Sources { driver: driver_events, gateway: gateway_events, orders: orders_in, fits: fits_in, proved: proved_in };
    Ok((Daemon { engine, sources, listener, shared, orders, dir, _lock: lock }, handle))
}

/// Writes down where the daemon is, for the command line of this machine.
fn announce(dir: &StateDir, options: &Options, api: SocketAddr) -> Result<(), OpenError> {
    let certificate = keep_certificate(&options.spec, &dir.certificate())
        .map_err(|source| OpenError::KeptCertificate { path: dir.certificate(), source })?;
    let (pid, spec) = (std::process::id(), options.spec_path.clone());
    Ok(dir.write_json("daemon.json", &DaemonFile { pid, api: api.to_string(), spec, certificate })?)
}

/// What the API's connections are made secure with; none where the spec names no certificate. Sessions that began with
/// `before` can be resumed.
pub(crate) fn certificate(spec: &Spec, before: Option<&ServerTls>) -> Result<Option<ServerTls>, TlsError> {
    let Some(pair) = &spec.operations.api.certificate else { return Ok(None) };
    let spec =
        TlsSpec { certificates: vec![pair.clone()], client_ca: None, client_optional: false, client_forward: false };
    server_tls(&spec, false, before).map(Some)
}

/// Keeps what the API shows where the command line on this machine finds it: the file that the spec names may be newer
/// than what the daemon has read. The copy's path; none where the spec names no certificate.
pub(crate) fn keep_certificate(spec: &Spec, copy: &Path) -> std::io::Result<Option<PathBuf>> {
    let Some(pair) = &spec.operations.api.certificate else { return Ok(None) };
    if Path::new(&pair.certificate) != copy {
        std::fs::copy(&pair.certificate, copy)?;
    }
    Ok(Some(copy.to_owned()))
}

fn access(dir: &StateDir, spec: &Spec, token: String, is_exposed: bool) -> Access {
    let api = &spec.operations.api;
    let tokens = api.tokens.as_ref().map_or_else(|| dir.tokens(), PathBuf::from);
    Access::new(token, tokens, api.require_token || is_exposed)
}

/// What an earlier daemon recorded, replayed.
struct Past {
    journal: Journal,
    recovered: Recovered,
    clock: Clock,
    begins_anew: bool,
}

fn open_past(dir: &StateDir, options: &Options) -> Result<Past, OpenError> {
    let clock_spec = &options.spec.clock;
    let origin: Option<Origin> = dir.read_json("clock.json");
    // A replay's clock starts at a moment of its own, so a new run after a clean end is a new record.
    let begins_anew = options.fresh || (dir.read_json::<bool>("ended.json").is_some() && clock_spec.start.is_some());
    if begins_anew {
        put_aside(dir)?;
    }
    let (journal, recovery) = Journal::open(dir.journal(), journal_options(&options.spec))
        .map_err(|source| OpenError::Journal { path: dir.journal(), source })?;
    let recovered = recover(&recovery);
    let clock = match (recovered.last_at, origin) {
        (Some(last_at), Some(origin)) if !begins_anew && origin.speed == clock_spec.speed => {
            Clock::resume(origin, last_at)
        }
        (Some(last_at), _) => Clock::start(clock_spec).not_before(last_at),
        (None, _) => Clock::start(clock_spec),
    };
    dir.write_json("clock.json", &clock.origin())?;
    Ok(Past { journal, recovered, clock, begins_anew })
}

/// What the engine acts on and measures with.
struct World {
    driver: ProcessDriver,
    gateway: GatewayLink,
    fits: Option<FitWorker>,
    desk: Desk,
    instruments: Instruments,
    shared: Rc<Shared>,
}

/// The engine in the state that the journal led to, with what was decided and not handed over handed over now.
fn assemble(options: Options, past: Past, world: World) -> (Engine, Vec<String>) {
    let Past { journal, recovered, clock, .. } = past;
    let Recovered { state, steps, unapplied, unrecorded, mut notes, observed, .. } = recovered;
    let (warm_up, faults) = if steps == 0 {
        history_warmup::read(&options.spec, clock.origin().trace, options.history_scale)
    } else {
        (Vec::new(), Vec::new())
    };
    notes.extend(faults);
    // The policy is taken over anew after a clean end too: the state says that everything is being stopped, and only a policy ends that.
    let is_same_policy = state.spec.as_deref() == Some(&options.spec) && !state.shutdown;
    let mut engine = Engine {
        clock,
        launchpad: Launchpad {
            own_binary: options.own_binary,
            directory: options.spec_path.parent().map(PathBuf::from).unwrap_or_default(),
        },
        spec: Rc::new(options.spec),
        spec_path: options.spec_path,
        generation: state.generation,
        recorder: Recorder::new(state, journal, steps, unrecorded),
        driver: world.driver,
        executor: Executor::default(),
        fits: world.fits,
        gateway: world.gateway,
        gateway_state: GatewayState::new(),
        traffic: TrafficWindow::default(),
        instruments: world.instruments,
        shared: world.shared,
        ledger: Rc::new(RefCell::new(Ledger::default())),
        started: Instant::now(),
        warm_up: Vec::new(),
        last_decision: None,
        job_verdicts: BTreeMap::new(),
        notifier: Notifier::default(),
        noted: Noted::default(),
        spec_warnings: options.warnings.into_iter().chain(notes.iter().cloned()).collect(),
        desk: world.desk,
    };
    engine.catch_up(&observed);
    for decision in unapplied {
        engine.apply(&decision);
    }
    if !is_same_policy {
        let spec = (*engine.spec).clone();
        engine.adopt_spec(spec);
    }
    engine.warm_up = warm_up;
    (engine, notes)
}

fn instruments(dir: &StateDir, history: Result<HistoryWriter, String>) -> Instruments {
    let now = Instant::now();
    Instruments {
        usage: UsageSampler::new(),
        host: HostSampler::new(dir.root()),
        metrics: MetricsIn::default(),
        history,
        origin: now,
        last: now,
        latest: Observation::default(),
    }
}

/// This program with a subcommand.
fn own(options: &Options, subcommand: &str) -> Vec<OsString> {
    vec![options.own_binary.clone().into_os_string(), subcommand.into()]
}

/// The samplers keep up to seven files open per workload, so the soft limit of descriptors goes up to the hard one. Where
/// that is refused, samplers open files again and again instead.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

impl Daemon {
    /// Runs until a shutdown is complete; then nothing of it is left running.
    ///
    /// # Errors
    /// When a signal handler cannot be installed.
    pub async fn run(self) -> std::io::Result<()> {
        let operations = self.engine.spec.operations.clone();
        let age = Duration::from_millis(operations.retention.ended_logs.get());
        let mut beside = vec![
            tokio::task::spawn_local(api::serve(self.listener, self.shared.clone(), self.orders)),
            tokio::task::spawn_local(retention::run(self.dir.driver().join("logs"), age, self.shared.clone())),
        ];
        beside.extend(operations.otlp.map(|spec| tokio::task::spawn_local(otlp::run(spec, self.shared))));
        let result = self.engine.run(self.sources).await;
        beside.iter().for_each(tokio::task::JoinHandle::abort);
        self.dir.remove("daemon.json");
        let _ = self.dir.write_json("ended.json", &true);
        result
    }
}

async fn listen(address: &str) -> Result<TcpListener, OpenError> {
    TcpListener::bind(address).await.map_err(|source| OpenError::Listen { address: address.to_owned(), source })
}

fn put_aside(dir: &StateDir) -> Result<(), OpenError> {
    dir.remove(crate::analyst::FILE);
    dir.remove(crate::analyst::seek::FILE);
    for path in [dir.journal(), dir.history()] {
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(OpenError::Remove { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn journal_options(spec: &Spec) -> plimsoll_journal::Options {
    plimsoll_journal::Options {
        retention_bytes: spec.history.journal_size_max.get(),
        retention_age: Duration::from_millis(spec.history.journal.get()),
        ..plimsoll_journal::Options::default()
    }
}

/// The store for reading, and its writer; without a store only the reason.
fn open_history(dir: &StateDir, spec: &Spec) -> (Option<Arc<History>>, Result<HistoryWriter, String>) {
    let retention = Retention { raw: spec.history.raw, summary: spec.history.summary, size_max: spec.history.size_max };
    match History::open(dir.history(), retention) {
        Ok(history) => {
            let history = Arc::new(history);
            let writer = HistoryWriter::start(history.clone()).map_err(|error| error.to_string());
            (Some(history), writer)
        }
        Err(error) => (None, Err(error.to_string())),
    }
}
