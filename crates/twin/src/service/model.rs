//! What one replica of a service does with requests: the model that both tiers run and that calibration fits.
//!
//! A request costs *work* (the time it takes when it is alone on a replica and nothing else is in the way) and then a
//! fixed *delay* that takes no resource of the replica: a database, the network. Up to `slots` requests are worked on at
//! once and share the replica evenly; more stand in line there. How much faster `n` at once get on than one is the
//! scalability law. With one slot a replica is a worker that takes requests in order; with many it is a web service under
//! processor sharing.
//!
//! # Source
//! The law: N. Gunther, "A General Theory of Computational Scalability Based on Rational Functions", 2008:
//! `X(n)/X(1) = n / (1 + σ(n−1) + κn(n−1))`. Cut off here at `cores`, because a limit of CPU is a hard corner and no bend.

use super::distribution::Distribution;
use serde::{Deserialize, Serialize};

/// Most requests worked on at once by one replica.
pub const SLOTS_MAX: u32 = 65_536;

/// One service as the twin knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceModel {
    /// Time a request takes alone on a replica that is warm, without the delay.
    pub work: Distribution,
    /// Time on top that no other request lengthens, ms.
    #[serde(default)]
    pub delay_ms: f64,
    /// How many at once go how much faster.
    #[serde(default)]
    pub law: ScalabilityLaw,
    /// CPU used.
    #[serde(default)]
    pub cpu: CpuUse,
    /// Memory used, where it matters.
    #[serde(default)]
    pub memory: Option<MemoryUse>,
    /// From the decision to start a replica to its being ready.
    pub startup: Distribution,
    /// The time after that.
    #[serde(default)]
    pub warm_up: WarmUp,
}

/// Throughput of one replica by the requests worked on at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalabilityLaw {
    /// Requests worked on at once, 1 to [`SLOTS_MAX`]; more stand in line at the replica.
    pub slots: u32,
    /// Most work done per time, as a multiple of what one request alone gets done: the cores, above 0.
    pub cores: f64,
    /// σ: share of the work that only one may do at a time, 0 to 1.
    #[serde(default)]
    pub contention: f64,
    /// κ: cost of agreeing, per pair at work, 0 to 1.
    #[serde(default)]
    pub coherency: f64,
}

/// CPU of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuUse {
    /// Thousandths of a core that an idle replica uses.
    pub fixed_millicores: f64,
    /// CPU time of one request, ms.
    pub per_request_ms: f64,
}

/// Memory of one replica, MiB.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryUse {
    /// Of an idle replica.
    pub fixed_mib: f64,
    /// On top for each request it holds, in line or at work.
    pub per_request_mib: f64,
    /// Never given back, for each request it has held: a leak.
    #[serde(default)]
    pub leak_per_request_mib: f64,
    /// Never given back, for each second of its life: a leak that needs no load.
    #[serde(default)]
    pub leak_per_s_mib: f64,
    /// At more than this it is killed at the next request, and everything it holds fails.
    pub limit_mib: f64,
}

/// A fresh replica's slowness.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// How long it lasts from readiness on, ms.
    pub duration_ms: f64,
    /// Its speed meanwhile, above 0 to 1.
    pub speed: f64,
}

impl Default for WarmUp {
    fn default() -> Self {
        Self { duration_ms: 0.0, speed: 1.0 }
    }
}

impl Default for ScalabilityLaw {
    /// One core shared evenly by up to 1,024 requests.
    fn default() -> Self {
        Self { slots: 1_024, cores: 1.0, contention: 0.0, coherency: 0.0 }
    }
}

/// A figure of a model that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the service model's {field} is {value}, and must be {range}")]
pub struct ModelError {
    /// Where.
    pub field: &'static str,
    /// What stands there.
    pub value: f64,
    /// What may.
    pub range: &'static str,
}

impl ScalabilityLaw {
    /// Work done per time with `active` requests at work, as a multiple of what one alone gets done.
    #[must_use]
    pub fn speed_up(&self, active: u32) -> f64 {
        let n = f64::from(active.min(self.slots));
        if n == 0.0 {
            return 0.0;
        }
        let law = n / (1.0 + self.contention * (n - 1.0) + self.coherency * n * (n - 1.0));
        law.min(self.cores)
    }

    /// Most requests at work that the cores do not hold back.
    #[must_use]
    pub fn uncapped(&self) -> u32 {
        let law = |n: f64| n / (1.0 + self.contention * (n - 1.0) + self.coherency * n * (n - 1.0));
        (1..=self.slots).find(|n| law(f64::from(*n)) > self.cores).map_or(self.slots, |n| n - 1)
    }

    /// The most of [`ScalabilityLaw::speed_up`] over all numbers of requests.
    #[must_use]
    pub fn peak(&self) -> f64 {
        // It rises to √((1−σ)/κ) and falls from there.
        let turn =
            if self.coherency > 0.0 { libm::sqrt((1.0 - self.contention).max(0.0) / self.coherency) } else { 1e9 };
        let below = (turn.clamp(1.0, f64::from(self.slots))) as u32;
        self.speed_up(below).max(self.speed_up((below + 1).min(self.slots)))
    }
}

impl ServiceModel {
    /// A web service: one core, shared by all requests at once; ready after `startup_ms`.
    #[must_use]
    pub fn sharing(work: Distribution, startup_ms: f64) -> Self {
        Self {
            work,
            delay_ms: 0.0,
            law: ScalabilityLaw::default(),
            cpu: CpuUse { fixed_millicores: 0.0, per_request_ms: work.mean_ms },
            memory: None,
            startup: Distribution::constant(startup_ms),
            warm_up: WarmUp::default(),
        }
    }

    /// A worker: one request at a time, in order.
    #[must_use]
    pub fn worker(work: Distribution, startup_ms: f64) -> Self {
        let law = ScalabilityLaw { slots: 1, ..ScalabilityLaw::default() };
        Self { law, ..Self::sharing(work, startup_ms) }
    }

    /// Requests per second that one warm replica can finish, at most.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        1_000.0 * self.law.peak() / self.work.mean_ms
    }

    /// Thousandths of a core that `replicas` use under `rate` finished requests per second.
    #[must_use]
    pub fn cpu_millicores(&self, replicas: u32, rate: f64) -> f64 {
        f64::from(replicas) * self.cpu.fixed_millicores + rate * self.cpu.per_request_ms
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// [`ModelError`] naming the first that is out of range.
    pub fn check(&self) -> Result<(), ModelError> {
        let positive = |value: f64| value > 0.0 && value <= 1e9;
        let natural = |value: f64| (0.0..=1e9).contains(&value);
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let checks = [
            ("work.mean_ms", self.work.mean_ms, positive(self.work.mean_ms), "above 0"),
            ("work.variation", self.work.variation, (0.0..=20.0).contains(&self.work.variation), "0 to 20"),
            ("delay_ms", self.delay_ms, natural(self.delay_ms), "at least 0"),
            ("law.slots", f64::from(self.law.slots), (1..=SLOTS_MAX).contains(&self.law.slots), "1 to 65536"),
            ("law.cores", self.law.cores, positive(self.law.cores), "above 0"),
            ("law.contention", self.law.contention, share(self.law.contention), "0 to 1"),
            ("law.coherency", self.law.coherency, share(self.law.coherency), "0 to 1"),
            ("cpu.fixed_millicores", self.cpu.fixed_millicores, natural(self.cpu.fixed_millicores), "at least 0"),
            ("cpu.per_request_ms", self.cpu.per_request_ms, natural(self.cpu.per_request_ms), "at least 0"),
            ("startup.mean_ms", self.startup.mean_ms, natural(self.startup.mean_ms), "at least 0"),
            ("startup.variation", self.startup.variation, (0.0..=20.0).contains(&self.startup.variation), "0 to 20"),
            ("warm_up.duration_ms", self.warm_up.duration_ms, natural(self.warm_up.duration_ms), "at least 0"),
            (
                "warm_up.speed",
                self.warm_up.speed,
                self.warm_up.speed > 0.0 && share(self.warm_up.speed),
                "above 0 to 1",
            ),
        ];
        let wrong = checks.into_iter().find(|(_, _, holds, _)| !holds);
        let wrong = wrong.or_else(|| self.memory.and_then(|memory| memory.wrong()));
        wrong.map_or(Ok(()), |(field, value, _, range)| Err(ModelError { field, value, range }))
    }
}

impl MemoryUse {
    /// Memory of a replica of this age that holds so many requests and has answered so many, MiB.
    #[must_use]
    pub fn used_mib(&self, held: u32, answered: u64, age_s: f64) -> f64 {
        let kept = self.leak_per_request_mib * answered as f64 + self.leak_per_s_mib * age_s;
        self.fixed_mib + self.per_request_mib * f64::from(held) + kept
    }

    fn wrong(&self) -> Option<(&'static str, f64, bool, &'static str)> {
        let natural = |value: f64| (0.0..=1e12).contains(&value);
        let checks = [
            ("memory.fixed_mib", self.fixed_mib, natural(self.fixed_mib), "at least 0"),
            ("memory.per_request_mib", self.per_request_mib, natural(self.per_request_mib), "at least 0"),
            (
                "memory.leak_per_request_mib",
                self.leak_per_request_mib,
                natural(self.leak_per_request_mib),
                "at least 0",
            ),
            ("memory.leak_per_s_mib", self.leak_per_s_mib, natural(self.leak_per_s_mib), "at least 0"),
            ("memory.limit_mib", self.limit_mib, self.limit_mib > self.fixed_mib, "above memory.fixed_mib"),
        ];
        checks.into_iter().find(|(_, _, holds, _)| !holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_peaks_where_calculus_says_and_is_cut_at_the_cores() {
        let law = ScalabilityLaw { slots: 1_000, cores: 1e9, contention: 0.1, coherency: 0.001 };
        let brute = (1..=1_000).map(|n| law.speed_up(n)).fold(0.0, f64::max);
        assert_eq!(law.peak(), brute);
        assert_eq!(law.speed_up(1), 1.0);
        assert_eq!(ScalabilityLaw { cores: 4.0, ..law }.peak(), 4.0);
        let linear = ScalabilityLaw { slots: 8, cores: 1e9, contention: 0.0, coherency: 0.0 };
        assert_eq!((linear.peak(), linear.speed_up(20), linear.speed_up(0)), (8.0, 8.0, 0.0));
    }

    #[test]
    fn a_figure_out_of_range_is_named() {
        let mut model = ServiceModel::sharing(Distribution::exponential(10.0), 1_000.0);
        assert_eq!((model.check(), model.capacity()), (Ok(()), 100.0));
        model.law.contention = 1.5;
        assert_eq!(
            model.check().unwrap_err().to_string(),
            "the service model's law.contention is 1.5, and must be 0 to 1"
        );
        model.law.contention = 0.0;
        model.work.mean_ms = f64::NAN;
        assert!(model.check().is_err());
    }
}
