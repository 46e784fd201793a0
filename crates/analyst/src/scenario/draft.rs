//! A healthy service, its policy and its surroundings, before a fault changes some of it.
//!
//! Everything is drawn from ranges; the unseen half has ranges, service models and clocks of its own. A draft is sized so
//! that a run is some ten thousand requests: enough for steady figures, few enough for hundreds of runs.

use super::load::between;
use plimsoll_model::Millis;
use plimsoll_stats::Random;
use plimsoll_twin::machine::Measures;
use plimsoll_twin::service::exact::{Clients, Conditions};
use plimsoll_twin::service::model::{CpuUse, MemoryUse, ScalabilityLaw, WarmUp};
use plimsoll_twin::service::{Distribution, ServiceModel};

/// Ticks before the window, in which the controller finds its feet.
pub(super) const LEAD: usize = 24;

/// How time goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regime {
    /// Trace time of a tick, seconds.
    pub tick_s: u32,
    /// Ticks of the window.
    pub window: usize,
    /// Trace seconds per physical second.
    pub speed: u32,
}

impl Regime {
    /// Physical seconds of a tick.
    pub fn physical_s(self) -> f64 {
        f64::from(self.tick_s) / f64::from(self.speed)
    }

    /// Ticks with the lead.
    pub const fn ticks(self) -> usize {
        self.window + LEAD
    }
}

/// What is scaled on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Metric {
    /// Share of the request.
    Cpu(f64),
    /// Requests per second per replica.
    Rate(f64),
    /// Requests in flight per replica.
    InFlight(f64),
}

/// The policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub metric: Metric,
    pub min: u32,
    pub max: u32,
    pub request_cores: f64,
    pub request_mib: f64,
    pub limit_cores: Option<f64>,
    pub limit_mib: f64,
    pub tolerance: f64,
    /// Windows in ticks.
    pub up_ticks: u32,
    pub down_ticks: u32,
    pub step_up: u32,
    pub step_down: u32,
    pub in_flight_max: u32,
}

/// Everything a run is made of.
pub(super) struct Draft {
    pub regime: Regime,
    pub model: ServiceModel,
    pub policy: Policy,
    pub clients: Clients,
    pub measures: Measures,
    /// Requests per second at a factor of 1.
    pub level: f64,
    /// Replicas that it needs at its target.
    pub need: f64,
    pub factors: Vec<f64>,
    pub conditions: Vec<Conditions>,
    /// CPU of others on the host by tick, cores.
    pub neighbours: Vec<f64>,
    pub host_cores: f64,
    /// Share of samples that are lost.
    pub lost: f64,
    /// Ticks at which a harmless release is reported.
    pub releases: Vec<usize>,
    /// It is one that only the unseen half has.
    pub is_foreign: bool,
}

impl Draft {
    /// A healthy service under a load of these factors, with what the unseen half alone has where `foreign`.
    pub fn healthy(regime: Regime, factors: Vec<f64>, foreign: bool, random: &mut Random) -> Self {
        let target = if foreign { between(random, 0.45, 0.75) } else { between(random, 0.5, 0.7) };
        let need = if foreign { between(random, 3.0, 9.0) } else { between(random, 4.0, 7.0) };
        let request = if random.unit() < 0.5 { 1.0 } else { 2.0 };
        let busy = need * target * request;
        let seconds = regime.physical_s() * regime.ticks() as f64;
        let work_ms = busy * seconds / between(random, 45_000.0, 70_000.0) * 1_000.0;
        let level = busy * 1_000.0 / work_ms;
        let is_quota = random.unit() < 0.5;
        let cores = request * if is_quota { between(random, 2.0, 3.0) } else { between(random, 1.5, 2.0) };
        let fixed_mib = between(random, 80.0, 400.0);
        let limit_mib = libm::ceil(fixed_mib * between(random, 1.7, 2.5));
        let metric = match random.below(if foreign { 4 } else { 3 }) {
            0 => Metric::Rate(level / need),
            // In flight at that target, as a processor-sharing queue of so many cores would have it, about.
            3 => Metric::InFlight((target * request * 1.3).max(0.8)),
            _ => Metric::Cpu(target),
        };
        let peak = factors.iter().copied().fold(1.0, f64::max);
        let max = libm::ceil(need * peak * 1.5) as u32 + 2;
        let model = ServiceModel {
            work: work(work_ms, foreign, random),
            delay_ms: work_ms * between(random, 0.0, 0.2),
            law: ScalabilityLaw {
                slots: if foreign && random.unit() < 0.4 { 8 } else { 512 },
                cores,
                contention: if foreign && random.unit() < 0.4 { 0.03 } else { 0.0 },
                coherency: 0.0,
            },
            cpu: CpuUse { fixed_millicores: between(random, 2.0, 15.0) * request, per_request_ms: work_ms },
            memory: Some(MemoryUse {
                fixed_mib,
                per_request_mib: between(random, 0.5, 3.0),
                limit_mib,
                ..MemoryUse::default()
            }),
            startup: Distribution::log_normal(regime.physical_s() * between(random, 0.3, 1.2) * 1_000.0, 0.2),
            warm_up: WarmUp::default(),
        };
        let policy = Policy {
            metric,
            min: 2,
            max,
            request_cores: request,
            request_mib: libm::ceil(fixed_mib * between(random, 1.1, 1.3)),
            limit_cores: is_quota.then_some(cores),
            limit_mib,
            tolerance: 0.1,
            up_ticks: 0,
            down_ticks: 6 + random.below(8) as u32,
            step_up: (max / 2).max(4),
            step_down: 2,
            in_flight_max: 200,
        };
        let conditions = vec![Conditions::of(&model); factors.len()];
        let host_cores = libm::ceil(f64::from(max) * request * 1.2 + 8.0);
        let neighbours = calm(factors.len(), host_cores, random);
        let lost = if foreign && random.unit() < 0.3 { 0.03 } else { 0.0 };
        let releases = (0..random.below(3)).map(|_| random.below(factors.len() as u64) as usize).collect();
        // Some read and write a little all the time, and want for nothing.
        let reads = request < 1.5 && random.unit() < 0.4;
        let disk_bytes = reads.then(|| between(random, 1e4, 3e5));
        let (clients, measures) = (Clients::default(), Measures { is_quota, disk_bytes });
        let (is_foreign, model_is) = (foreign, model);
        Self {
            regime,
            model: model_is,
            policy,
            clients,
            measures,
            level,
            need,
            factors,
            conditions,
            neighbours,
            host_cores,
            lost,
            releases,
            is_foreign,
        }
    }

    /// The spec file of this service.
    pub fn spec_text(&self, seed: u64) -> String {
        let Regime { tick_s, speed, .. } = self.regime;
        let p = &self.policy;
        let metric = match p.metric {
            Metric::Cpu(share) => format!("cpu = \"{}%\"", libm::round(share * 100.0).max(1.0)),
            Metric::Rate(rate) => format!("request_rate = \"{:.3}/s\"", rate.max(0.001)),
            Metric::InFlight(count) => format!("in_flight = {count:.2}"),
        };
        let cores = |cores: f64| format!("{}m", libm::round(cores * 1_000.0).max(1.0));
        let mib = |mib: f64| format!("{}MiB", libm::ceil(mib));
        let cpu_limit = p.limit_cores.map_or(String::new(), |limit| format!("cpu = \"{}\", ", cores(limit)));
        let startup = libm::ceil(self.model.startup.mean_ms);
        format!(
            "name = \"s{seed}\"\ntick = \"{tick_s}s\"\n[clock]\nspeed = {speed}\nstart = \"2026-01-05T00:00:00Z\"\n\
             [services.web]\ncommand = [\"true\"]\nrequests = {{ cpu = \"{}\", memory = \"{}\" }}\n\
             limits = {{ {cpu_limit}memory = \"{}\" }}\nreplicas = {{ min = {}, max = {} }}\nstartup = \"{startup}ms\"\ngrace = \"120s\"\n\
             balance = {{ algorithm = \"least_connections\", in_flight_max = {}, queue_max = 100, queue_timeout = \"10s\" }}\n\
             [services.web.scaling]\n{metric}\ntolerance = \"{}%\"\n\
             stabilization = {{ up = \"{}s\", down = \"{}s\" }}\nstep = {{ up = {}, down = {}, period = \"{tick_s}s\" }}\n",
            cores(p.request_cores),
            mib(p.request_mib),
            mib(p.limit_mib),
            p.min,
            p.max,
            p.in_flight_max,
            libm::round(p.tolerance * 100.0),
            p.up_ticks * tick_s,
            p.down_ticks * tick_s,
            p.step_up,
            p.step_down,
        )
    }

    /// Indexes of the ticks in the window, as a share of it.
    pub fn tick_at(&self, share: f64) -> usize {
        LEAD + (self.regime.window as f64 * share) as usize
    }

    /// CPU that a request takes on average, cores per request per second.
    pub fn busy_cores(&self) -> f64 {
        self.level * self.model.work.mean_ms / 1_000.0
    }

    /// Time of the window in physical seconds.
    pub fn window_s(&self) -> f64 {
        self.regime.physical_s() * self.regime.window as f64
    }
}

fn work(mean_ms: f64, foreign: bool, random: &mut Random) -> Distribution {
    match random.below(if foreign { 4 } else { 2 }) {
        0 => Distribution::exponential(mean_ms),
        1 => Distribution::log_normal(mean_ms, between(random, 0.5, 1.2)),
        2 => Distribution::hyper_exponential(mean_ms, between(random, 1.3, 2.0)),
        _ => Distribution::constant(mean_ms),
    }
}

/// Others on the host who come and go and take nothing that is missed.
fn calm(ticks: usize, host_cores: f64, random: &mut Random) -> Vec<f64> {
    let (mut level, middle) = (0.0, host_cores * between(random, 0.08, 0.2));
    (0..ticks)
        .map(|_| {
            level = level * 0.9 + (random.unit() - 0.5) * 0.3;
            (middle * (1.0 + level)).max(0.1)
        })
        .collect()
}

/// Time-outs of so many milliseconds, without retries.
pub(super) fn patience(ms: u64) -> Clients {
    Clients { timeout: Some(Millis(ms.max(1))), ..Clients::default() }
}
