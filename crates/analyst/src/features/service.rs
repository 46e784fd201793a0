//! CPU, disk, host and latency of a service, and what else was the matter whenever it was slow.
//!
//! A slow sample is one whose median latency is well above what is usual. What explains it is looked for in the same
//! sample: CPU used up, a quota, a busy disk, others on the host, replicas that are missing or were killed. A sample that
//! nothing explains speaks for something outside.

use super::math;
use crate::history::{Configured, History};
use serde::Serialize;

/// Slow is this many times the usual median latency.
pub(super) const SLOW: f64 = 1.8;
/// From here on each explains slowness.
const BUSY_CPU: f64 = 0.9;
const BUSY_QUOTA: f64 = 0.3;
const BUSY_DISK: f64 = 0.8;
const BUSY_HOST: f64 = 0.45;

/// CPU.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Cpu {
    /// Median used by a replica as a share of its request.
    pub of_request: f64,
    /// Its 0.9 quantile.
    pub of_request_p90: f64,
    /// Median as a share of the limit.
    pub of_limit: Option<f64>,
    /// Correlation with the load.
    pub with_load: Option<f64>,
    /// CPU time of a request, ms: median.
    pub per_request_ms: Option<f64>,
    /// That of the last quarter of the window over that of the first.
    pub per_request_change: Option<f64>,
    /// Share of samples at the most replicas with CPU used up.
    pub saturated: f64,
    /// Share of samples with a quota that holds back often.
    pub throttled: f64,
    /// Mean share of periods in which a quota held back.
    pub throttling: Option<f64>,
    /// Share of samples that are throttled while more replicas might run.
    pub throttled_below_max: f64,
}

/// Disk.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Disk {
    /// Median share of time in which something waited for I/O.
    pub pressure: f64,
    /// Share of samples in which that is nearly always.
    pub busy: f64,
    /// Correlation of the pressure with the load.
    pub with_load: Option<f64>,
    /// Mean MiB per second.
    pub mib_per_s: Option<f64>,
}

/// The host.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Host {
    /// Median CPU of others as a share of the host.
    pub others: f64,
    /// Its highest.
    pub others_most: f64,
    /// Share of samples in which others use much of the host.
    pub crowded: f64,
    /// Of those, the share in which the service was slow.
    pub slow_when_crowded: Option<f64>,
    /// Of the others, the share in which it was slow.
    pub slow_when_not: Option<f64>,
    /// Latency while crowded over latency while not.
    pub latency_when_crowded: Option<f64>,
}

/// Latency.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// The usual median, ms: the lower quintile of medians.
    pub usual_p50_ms: f64,
    /// Median of medians, ms.
    pub p50_ms: f64,
    /// Median of 0.99 quantiles, ms.
    pub p99_ms: Option<f64>,
    /// The 0.95 quantile of those, ms.
    pub worst_p99_ms: Option<f64>,
    /// Correlation of the median with the load.
    pub with_load: Option<f64>,
}

/// When it was slow; shares of all samples.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Slow {
    /// Slow at all.
    pub share: f64,
    /// Slow, with others on the host busy.
    pub host: f64,
    /// Slow, with CPU used up.
    pub cpu: f64,
    /// Slow, with a quota holding back.
    pub quota: f64,
    /// Slow, with a busy disk.
    pub disk: f64,
    /// Slow, with replicas missing, killed or just started.
    pub replicas: f64,
    /// Slow, and nothing of those.
    pub unexplained: f64,
    /// Samples of the longest stretch of that kind, gaps of two allowed.
    pub unexplained_run: u32,
    /// How many times the usual the latency is then: median.
    pub unexplained_times: f64,
}

/// Errors.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Errors {
    /// Requests failed as a share of those that came.
    pub failed: Option<f64>,
    /// Requests shed as a share of those that came.
    pub shed: Option<f64>,
    /// Replicas that ended by themselves, not for want of memory.
    pub restarts: f64,
    /// Work waiting in a queue: mean items.
    pub queue: Option<f64>,
    /// Items per sample by which that grows.
    pub queue_growth: Option<f64>,
}

/// The columns of a history that several figures need.
pub(super) struct View<'a> {
    configured: &'a Configured,
    rate: Vec<f64>,
    /// CPU of a replica, cores.
    each: Vec<f64>,
    cpu: Vec<f64>,
    throttled: Vec<f64>,
    wanted: Vec<f64>,
    ready: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    pressure: Vec<f64>,
    disk: Vec<f64>,
    /// CPU of others as a share of the host.
    others: Vec<f64>,
    kills: Vec<f64>,
    usual: Option<f64>,
}

impl<'a> View<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let cpu = history.column(|sample| sample.cpu_cores);
        let measured = history.column(|sample| sample.measured.or(sample.ready));
        let host = history.configured.host_cpu_cores.unwrap_or(f64::NAN);
        // Where nothing runs, nothing is measured, and nothing is used.
        let none = |sample: &crate::history::Sample| sample.ready.filter(|ready| *ready == 0.0);
        let own = |sample: &crate::history::Sample| sample.cpu_cores.or_else(|| none(sample));
        let others = history.column(|sample| Some((sample.host_cpu_cores? - own(sample)?).max(0.0) / host));
        let p50 = history.column(|sample| sample.latency_p50_ms);
        Self {
            configured: &history.configured,
            rate: history.column(|sample| sample.rate_per_s),
            each: math::over(&cpu, &measured),
            cpu,
            throttled: history.column(|sample| sample.throttled),
            wanted: history.column(|sample| sample.wanted.or(sample.ready)),
            ready: history.column(|sample| sample.ready),
            usual: math::at(&p50, 0.2).filter(|usual| *usual > 0.0),
            p50,
            p99: history.column(|sample| sample.latency_p99_ms),
            pressure: history.column(|sample| sample.pressure_io),
            disk: history.column(|sample| sample.disk_mib_per_s),
            others,
            kills: history.column(|sample| sample.out_of_memory),
        }
    }

    fn of_request(&self) -> Vec<f64> {
        let request = self.configured.request_cpu_cores.filter(|request| *request > 0.0).unwrap_or(f64::NAN);
        self.each.iter().map(|each| each / request).collect()
    }

    fn is_at_max(&self, at: usize) -> bool {
        self.configured.replicas_max.is_some_and(|max| self.wanted[at] >= f64::from(max))
    }

    /// Slow, or down while requests come.
    fn is_slow(&self, at: usize) -> bool {
        let is_down = self.rate[at] > 0.0 && self.ready[at] == 0.0;
        is_down || self.usual.is_some_and(|usual| self.p50[at] >= SLOW * usual)
    }

    /// Replicas are missing, were killed lately, or have just been started.
    fn lacks_replicas(&self, at: usize) -> bool {
        let from = at.saturating_sub(2);
        let missing = self.ready[from..=at].iter().zip(&self.wanted[from..=at]).any(|(ready, wanted)| ready < wanted);
        missing || self.kills[from..=at].iter().any(|kills| *kills > 0.0)
    }
}

pub(super) fn cpu(view: &View<'_>) -> Option<Cpu> {
    let of_request = view.of_request();
    let typical = math::at(&of_request, 0.5)?;
    let per_request: Vec<f64> = math::over(&view.cpu, &view.rate).iter().map(|cores| cores * 1_000.0).collect();
    let quarter = per_request.len() / 4;
    let (first, last) = (math::at(&per_request[..quarter], 0.5), math::at(&per_request[3 * quarter..], 0.5));
    let share_of = |holds: &dyn Fn(usize) -> bool| {
        let held = (0..of_request.len()).filter(|at| holds(*at)).count();
        held as f64 / of_request.len().max(1) as f64
    };
    let limit = view.configured.limit_cpu_cores.filter(|limit| *limit > 0.0);
    Some(Cpu {
        of_request: typical,
        of_request_p90: math::at(&of_request, 0.9)?,
        of_limit: limit.and_then(|limit| Some(math::at(&view.each, 0.5)? / limit)),
        with_load: math::line(&view.rate, &view.cpu).map(|line| line.correlation),
        per_request_ms: math::at(&per_request, 0.5),
        per_request_change: first.zip(last).filter(|(first, _)| *first > 0.0).map(|(first, last)| last / first),
        saturated: share_of(&|at| view.is_at_max(at) && of_request[at] >= BUSY_CPU),
        throttled: math::share(&view.throttled, |share| share >= BUSY_QUOTA),
        throttling: math::mean(&view.throttled),
        throttled_below_max: share_of(&|at| view.throttled[at] >= BUSY_QUOTA && !view.is_at_max(at)),
    })
}

pub(super) fn disk(view: &View<'_>) -> Option<Disk> {
    Some(Disk {
        pressure: math::at(&view.pressure, 0.5)?,
        busy: math::share(&view.pressure, |pressure| pressure >= BUSY_DISK),
        with_load: math::line(&view.rate, &view.pressure).map(|line| line.correlation),
        mib_per_s: math::mean(&view.disk),
    })
}

pub(super) fn host(view: &View<'_>) -> Option<Host> {
    let others = math::at(&view.others, 0.5)?;
    let measured: Vec<usize> =
        (0..view.others.len()).filter(|at| view.others[*at].is_finite() && view.rate[*at].is_finite()).collect();
    let (crowded, calm): (Vec<usize>, Vec<usize>) = measured.iter().partition(|at| view.others[**at] >= BUSY_HOST);
    let slow = |of: &[usize]| {
        let slow = of.iter().filter(|at| view.is_slow(**at)).count();
        (!of.is_empty()).then(|| slow as f64 / of.len() as f64)
    };
    let latency = |of: &[usize]| math::at(&of.iter().map(|at| view.p50[*at]).collect::<Vec<_>>(), 0.5);
    let quotient = latency(&crowded).zip(latency(&calm)).filter(|(_, calm)| *calm > 0.0);
    Some(Host {
        others,
        others_most: math::at(&view.others, 1.0)?,
        crowded: crowded.len() as f64 / measured.len().max(1) as f64,
        slow_when_crowded: slow(&crowded),
        slow_when_not: slow(&calm),
        latency_when_crowded: quotient.map(|(crowded, calm)| crowded / calm),
    })
}

pub(super) fn latency(view: &View<'_>) -> Option<Latency> {
    Some(Latency {
        usual_p50_ms: view.usual?,
        p50_ms: math::at(&view.p50, 0.5)?,
        p99_ms: math::at(&view.p99, 0.5),
        worst_p99_ms: math::at(&view.p99, 0.95),
        with_load: math::line(&view.rate, &view.p50).map(|line| line.correlation),
    })
}

pub(super) fn slow(view: &View<'_>) -> Option<Slow> {
    let usual = view.usual?;
    let of_request = view.of_request();
    let measured = view.rate.iter().filter(|rate| rate.is_finite()).count().max(1) as f64;
    let mut slow = Slow::default();
    let (mut run, mut calm) = (0_u32, 0_u32);
    let mut times = Vec::new();
    for (at, of_request) in of_request.iter().enumerate() {
        if !view.is_slow(at) {
            calm += 1;
            run = if calm > 2 { 0 } else { run };
            continue;
        }
        slow.share += 1.0;
        let causes = [
            (view.others[at] >= BUSY_HOST, &mut slow.host),
            (*of_request >= BUSY_CPU, &mut slow.cpu),
            (view.throttled[at] >= BUSY_QUOTA, &mut slow.quota),
            (view.pressure[at] >= BUSY_DISK, &mut slow.disk),
            (view.lacks_replicas(at), &mut slow.replicas),
        ];
        let mut is_explained = false;
        for (holds, count) in causes {
            *count += f64::from(u8::from(holds));
            is_explained |= holds;
        }
        if !is_explained {
            (run, calm) = (run + 1, 0);
            slow.unexplained += 1.0;
            slow.unexplained_run = slow.unexplained_run.max(run);
            times.push(view.p50[at] / usual);
        }
    }
    let counts = [
        &mut slow.share,
        &mut slow.host,
        &mut slow.cpu,
        &mut slow.quota,
        &mut slow.disk,
        &mut slow.replicas,
        &mut slow.unexplained,
    ];
    counts.into_iter().for_each(|count| *count /= measured);
    slow.unexplained_times = math::at(&times, 0.5).unwrap_or(1.0);
    Some(slow)
}

pub(super) fn errors(history: &History) -> Errors {
    let sum = |values: &[f64]| math::finite(values).iter().sum::<f64>();
    let came = sum(&history.column(|sample| sample.rate_per_s));
    let share = |values: Vec<f64>| (came > 0.0 && values.iter().any(|v| v.is_finite())).then(|| sum(&values) / came);
    let queue = history.column(|sample| sample.queue);
    let order: Vec<f64> = (0..queue.len()).map(|at| at as f64).collect();
    Errors {
        failed: share(history.column(|sample| sample.failed_per_s)),
        shed: share(history.column(|sample| sample.shed_per_s)),
        restarts: sum(&history.column(|sample| sample.restarts)),
        queue: math::mean(&queue),
        queue_growth: math::line(&order, &queue).map(|line| line.slope),
    }
}
