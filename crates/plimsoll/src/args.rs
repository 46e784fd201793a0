//! What can be typed. Meaning is given in `commands`.

mod analyst;
mod ask;
mod audit;
mod backtest;
mod calibrate;
mod capacity;
mod decide;
mod decisions;
mod doctor;
mod event;
mod evolve;
mod export;
mod forecast;
mod forget;
mod gate;
mod gateway;
mod man;
mod mcp;
mod plan;
mod simulate;
mod token;
mod top;
mod tune;
mod up;
mod usage;
mod watch;
mod wheel;

use crate::bounds;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

pub use analyst::{
    Analyst, AnalystDiagnose, AnalystEval, AnalystEvidence, AnalystFindings, AnalystModels, AnalystRemember,
    AnalystScenario, AnalystTest, AnalystVerb, Came, HistoryFormat, HistoryOf, ModelOf, Shown, With,
};
pub use ask::Ask;
pub use audit::Audit;
pub use backtest::{Backtest, Between, SoftOf};
pub use calibrate::Calibrate;
pub use capacity::Capacity;
pub use decide::{Decide, Import, ImportHpa, ImportWhat};
pub use decisions::Decisions;
pub use doctor::{Attempt, Doctor};
pub use event::Event;
pub use evolve::{Evolve, EvolveTask};
pub use export::{Export, ExportGrafana, ExportPrometheus, ExportWhat};
pub use forecast::{Forecast, ForecastOutput, Network, Train};
pub use forget::Forget;
pub use gate::{AnalystAnswer, AnalystProposals, AnalystProve};
pub use gateway::{Gateway, GatewayTop, GatewayVerb};
pub use man::Man;
pub use mcp::Mcp;
pub use plan::{Foresight, Plan};
pub use simulate::{Elastic, Policies, Simulate, Work};
pub use token::{Token, TokenCreate, TokenPlace, TokenRevoke, TokenVerb};
pub use top::{Top, TopView};
pub use tune::{Objective, Over as TuneOver, Tune};
pub use up::{Traffic, Up};
pub use usage::{Usage, UsageOutput};
pub use watch::{LogKind, Watch};
pub use wheel::{Common, Pause, PausedWay, Release, Scale, Stand, Stands};

/// Levels load: collects metrics, forecasts demand, decides how many replicas run, balances each request, and explains
/// itself.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Start with: plimsoll up examples/shop.toml --load data/alibaba-2018-day.csv")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One verb.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything a spec names: gateway, replicas, jobs, API and dashboard.
    ///
    /// Where it runs already, the changes are shown and, once agreed to, taken over while everything goes on.
    Up(Up),
    /// Show what a spec would change in what runs, and what the twin predicts of it. Nothing is touched.
    Plan(Plan),
    /// Show a running installation in the terminal, with keys to look into services, decisions and replicas.
    Top(Top),
    /// Drain and stop a running installation.
    Down(Down),
    /// Show the state of a running installation.
    Status(Status),
    /// Say why a service has the replicas it has, with the numbers and what would have changed it.
    Explain(Explain),
    /// List what was decided, the newest first, with actions and reasons.
    Decisions(Decisions),
    /// Run the journaled inputs again and compare every decision byte for byte.
    Replay(Replay),
    /// Show what replicas and jobs print.
    Logs(Logs),
    /// Read the spec file of a running installation again.
    Reload(Reload),
    /// Jobs of a running installation.
    Job(Job),
    /// Announce an event of a running installation as it happens (a release, a failover, a promotion), or list them.
    ///
    /// Replicas for the announced load are started at the next tick; the event expires by itself.
    Event(Event),
    /// Take the wheel: so many replicas of a service, whatever its policies say, for a time.
    Scale(Scale),
    /// Hold a service's number of replicas: no more, no fewer, or neither, for a time. Replicas that end are replaced.
    Pause(Pause),
    /// Do nothing about a service for a time: nothing is started, stopped, resized or replaced.
    Freeze(Stand),
    /// Stop all replicas of a service for a time.
    Stop(Stand),
    /// Give the wheel back: end the order that stands; the policies decide again.
    Resume(Release),
    /// Replace every replica of a service by a new one, without fewer of them serving.
    Restart(Release),
    /// Named tokens of the API: make one, list them, take one back.
    Token(Token),
    /// Count what services, jobs and users requested, used and left idle, times a price list.
    Usage(Usage),
    /// Write what other tools read: dashboards and alert rules, a scrape configuration.
    Export(Export),
    /// Who asked for which change, from where, and what became of it.
    Audit(Audit),
    /// Erase everything that is kept about a service that is no longer in the spec; the journal still holds.
    Forget(Forget),
    /// Validate a spec.
    Check(Check),
    /// Say what can be enforced on this machine and what cannot, with what was tried and the remedy.
    Doctor(Doctor),
    /// Decide once by a policy file and one observation, with every reason: how a policy is unit-tested.
    Decide(Decide),
    /// Read what others use as policies: Kubernetes HorizontalPodAutoscalers.
    Import(Import),
    /// Print the JSON Schema of a spec, of an observation for `decide`, or of a history, a proposal or a verdict of `analyst`.
    Schema {
        /// Of what.
        #[arg(value_enum, default_value_t)]
        of: SchemaOf,
    },
    /// Forecast series of a file or of standard input, or compare models on their past.
    ///
    /// Reads CSV, long (`series,timestamp,value` or `timestamp,value`) or wide (a column per series), compressed too.
    Forecast(Forecast),
    /// Train one recurrent network on all series of a file, for `forecast --weights`.
    Train(Train),
    /// Find a better assignment of processes to machines, and a safe way there.
    ///
    /// Reads instances of the ROADEF/EURO challenge 2012 (machine reassignment), plain, gz or xz.
    Rebalance(Rebalance),
    /// Say when the nodes there are will not do any more, and what to buy instead.
    Capacity(Capacity),
    /// Fit a service model to recorded load, replicas, CPU and latency, and print the twin's own error.
    Calibrate(Calibrate),
    /// Simulate a cluster and its queue on a public or own trace, several policies side by side.
    ///
    /// The scheduler that decides is the one that runs; the simulated world only knows how long tasks really take and
    /// which nodes fail when.
    Simulate(Box<Simulate>),
    /// Run scaling policies on recorded load, beside the clairvoyant optimum.
    ///
    /// The function that decides is the one that runs live. Exit code 3 when a condition of --fail-if holds.
    Backtest(Box<Backtest>),
    /// Watch a service that Plimsoll does not run, and say what it would have done, beside what happened, with both prices.
    ///
    /// Reads a Prometheus server, a `/metrics` page, a process, a control group or a log; sends GET requests and nothing else.
    Watch(Box<Watch>),
    /// Search the numbers of a scaling policy on some recorded loads, judge what was found on others, and write it.
    ///
    /// Exit code 3 when what is held is not held on the loads it is judged on.
    Tune(Box<Tune>),
    /// Search a policy as a formula (which node, which job next), prove it on sets and seeds it never saw, and write it.
    ///
    /// Candidates come from changed and crossed trees, a fit of their numbers and a learner; what gains gets the work. No
    /// model, no network, unless --endpoint names one: then it writes candidates as well. Exit code 3 when what was found does
    /// not beat what it has to.
    Evolve(Box<Evolve>),
    /// List the policies: node choice, queue order, backfill; whether static or dynamic, what they look at and cost.
    Policies(Policies),
    /// Send load to an address, open loop.
    ///
    /// Exit code 3 when requests were sent and none succeeded, 0 when any did.
    Load(Load),
    /// A sample service whose cost, latency and faults can be set.
    Testbed(Testbed),
    /// Say what a service's history shows, what is wrong and what would help; no model, no network.
    Analyst(Analyst),
    /// Ask about a service in plain words: why it scaled, what limits it, what would be better, what if the load were another.
    ///
    /// Every number of an answer is a figure of a fact that it cites. No model, no network.
    Ask(Ask),
    /// Offer status, explanations, questions, evidence and diagnoses to other agents: a Model Context Protocol server.
    ///
    /// On standard input and output. All tools only read.
    Mcp(Mcp),
    /// Print a shell completion script.
    Completions {
        /// For which shell.
        shell: Shell,
    },
    /// Write a man page per command, from the same definitions as `--help`.
    Man(Man),
    /// Run the data plane alone, as a plain load balancer.
    Gateway(Gateway),
    /// Holder of one workload; started by `up`.
    #[command(hide = true)]
    Shim {
        /// Directory of the workload.
        directory: PathBuf,
    },
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// A spec file.
    #[default]
    Spec,
    /// An observation for `plimsoll decide`.
    Observation,
    /// A history for `plimsoll analyst`.
    History,
    /// A proposal for `plimsoll analyst prove`.
    Proposal,
    /// A verdict of `plimsoll analyst prove`.
    Verdict,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Which installation is meant.
#[derive(Debug, Args)]
pub struct Installation {
    /// Name of the installation (`name` in its spec); the only running one if absent.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Its state directory; `$XDG_STATE_HOME/plimsoll/NAME` if absent.
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// A daemon on another machine, `https://HOST:PORT`; its token is in `PLIMSOLL_TOKEN` or in --token-file.
    #[arg(long, value_name = "URL", env = "PLIMSOLL_SERVER", help_heading = "Another machine")]
    pub server: Option<String>,
    /// PEM file of who may have signed that daemon's certificate; whom the system trusts if absent.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA", help_heading = "Another machine")]
    pub ca: Option<PathBuf>,
    /// File with a named token, on a line of its own.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TOKEN_FILE", help_heading = "Another machine")]
    pub token_file: Option<PathBuf>,
}

impl Installation {
    /// The only one on this machine.
    #[must_use]
    pub const fn here() -> Self {
        Self { name: None, state_dir: None, server: None, ca: None, token_file: None }
    }
}

/// `plimsoll rebalance`.
#[derive(Debug, Args)]
pub struct Rebalance {
    /// The model file, or the short name of an instance of the data set (`a1_1`, `b_9`).
    pub model: String,
    /// The file with the machine of every process; the one beside the model if absent.
    pub assignment: Option<PathBuf>,
    /// Time limit of the search, wall seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0, value_parser = bounds::seconds)]
    pub seconds: f64,
    /// Limit by the CPU time of each thread instead: fair on a busy machine.
    #[arg(long, value_name = "SECONDS", conflicts_with = "seconds", value_parser = bounds::seconds)]
    pub cpu_seconds: Option<f64>,
    /// Searches in parallel, each with a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Seed of the search.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Go on from this assignment, found before.
    #[arg(long, value_name = "FILE")]
    pub best: Option<PathBuf>,
    /// Write the best assignment, as the challenge does.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// A cost to be measured against; the published one beside the model if absent.
    #[arg(long, value_name = "COST")]
    pub reference: Option<i64>,
    /// Most moves: the plan is cut where that many gain most.
    #[arg(long, value_name = "N")]
    pub moves: Option<usize>,
    /// Write the moves in an order that breaks no constraint on the way (CSV).
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `plimsoll down`.
#[derive(Debug, Args)]
pub struct Down {
    #[command(flatten)]
    pub installation: Installation,
    /// Kill gateway and workloads at once, also when the daemon is gone.
    #[arg(long)]
    pub now: bool,
    /// Print what would be stopped, and stop nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `plimsoll status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub installation: Installation,
    /// Refresh every so many seconds until interrupted.
    #[arg(long, short, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    pub watch: Option<f64>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The service or job.
    pub service: String,
    /// The decision in force at this trace time (`2018-01-07T13:05:00Z` or milliseconds since the epoch); the last if absent.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Every decision that changed something, oldest first.
    #[arg(long, conflicts_with = "at")]
    pub changes: bool,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll replay`.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// A service, a job, or one replica (`shop/3`).
    pub workload: String,
    /// Go on as lines are written.
    #[arg(long, short)]
    pub follow: bool,
    /// Start so many lines before the end.
    #[arg(long, short = 'n', default_value_t = 50)]
    pub lines: usize,
    #[command(flatten)]
    pub installation: Installation,
}

/// `plimsoll reload`.
#[derive(Debug, Args)]
pub struct Reload {
    #[command(flatten)]
    pub installation: Installation,
}

/// `plimsoll job`.
#[derive(Debug, Args)]
pub struct Job {
    /// What to do.
    #[command(subcommand)]
    pub verb: JobVerb,
}

/// What can be done with jobs.
#[derive(Debug, Subcommand)]
pub enum JobVerb {
    /// Run a job now.
    Run {
        /// Its name.
        job: String,
        /// Print what would be sent and what it would do, and send nothing.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        installation: Installation,
    },
}

/// `plimsoll check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The spec file.
    pub spec: PathBuf,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Shapes of load that need no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// The same rate throughout.
    Constant,
    /// Half the rate, then the rate.
    Step,
    /// A tenth of the rate with one burst in the middle.
    Spike,
    /// Swings between a tenth of the rate and the rate.
    Sine,
}

/// `plimsoll load`.
#[derive(Debug, Args)]
pub struct Load {
    /// Where to send it, `http://HOST:PORT[/PATH]`.
    pub target: String,
    /// Replay this recording (`seconds,rps` as CSV, plain, .gz or .xz; the public traces by their file names).
    #[arg(long, value_name = "FILE", conflicts_with = "shape")]
    pub trace: Option<PathBuf>,
    /// Trace time per physical time; the rate is not multiplied.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "trace", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub speed: u32,
    /// A shape instead of a recording.
    #[arg(long, value_enum, default_value = "constant")]
    pub shape: Shape,
    /// Requests per second at the shape's top.
    #[arg(long, value_name = "RPS", default_value_t = 100.0, allow_negative_numbers = true, value_parser = bounds::rate)]
    pub rate: f64,
    /// How long a shape lasts, physical seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, allow_negative_numbers = true, value_parser = bounds::seconds)]
    pub duration: f64,
    #[command(flatten)]
    pub traffic: Traffic,
    /// Longest wait for an answer, physical seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, allow_negative_numbers = true, value_parser = bounds::seconds)]
    pub timeout: f64,
    /// Most connections.
    #[arg(long, default_value_t = 256)]
    pub connections: usize,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `plimsoll testbed`.
#[derive(Debug, Args)]
pub struct Testbed {
    /// What to do.
    #[command(subcommand)]
    pub verb: TestbedVerb,
}

/// What the testbed can do.
#[derive(Debug, Subcommand)]
pub enum TestbedVerb {
    /// Serve until SIGTERM.
    Serve(TestbedServe),
}

/// `plimsoll testbed serve`.
#[derive(Debug, Args)]
pub struct TestbedServe {
    /// Port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    /// CPU time per request, milliseconds.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = bounds::milliseconds)]
    pub cpu_ms: f64,
    /// Mean further latency per request, milliseconds.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = bounds::milliseconds)]
    pub latency_ms: f64,
    /// How that latency is distributed.
    #[arg(long, value_enum, default_value = "constant")]
    pub latency_distribution: LatencyDistribution,
    /// Requests served at once; the rest wait. 0 is no bound.
    #[arg(long, default_value_t = 0)]
    pub concurrency: usize,
    /// Memory held, MiB.
    #[arg(long, default_value_t = 0)]
    pub memory_mib: usize,
    /// Share of requests answered 500.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = bounds::share)]
    pub error_share: f64,
    /// Time from start to ready, milliseconds.
    #[arg(long, default_value_t = 0)]
    pub startup_ms: u64,
    /// Size of the answer, bytes.
    #[arg(long, default_value_t = 64)]
    pub body_bytes: usize,
    /// Answer `/control/...`, which makes it crash, hang, leak, slow down or fail.
    #[arg(long)]
    pub control: bool,
}

/// Shapes of a latency distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LatencyDistribution {
    /// Always the mean.
    Constant,
    /// Exponential.
    Exponential,
    /// Log-normal.
    LogNormal,
}
