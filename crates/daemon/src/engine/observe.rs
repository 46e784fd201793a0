//! Everything measured, put together into one [`Observation`].

use super::Engine;
use crate::history_writer::HistoryWriter;
use crate::metrics_in::MetricsIn;
use plimsoll_collect::host::HostSampler;
use plimsoll_collect::usage::{CgroupPaths, Target, UsageSampler};
use plimsoll_controller::Input;
use plimsoll_model::{Micros, Millis, Observation, ServiceName};
use std::time::Instant;

/// What measures.
pub struct Instruments {
    /// Of workloads.
    pub usage: UsageSampler,
    /// Of the host.
    pub host: HostSampler,
    /// Figures that somebody else measures.
    pub metrics: MetricsIn,
    /// Where samples go; or why they are not kept.
    pub history: Result<HistoryWriter, String>,
    /// The origin of the samplers' monotonic time.
    pub origin: Instant,
    /// When the last observation was made.
    pub last: Instant,
    /// What it was.
    pub latest: Observation,
}

impl Engine {
    /// Measures everything.
    pub(super) fn observe(&mut self) -> Input {
        let now = Micros(u64::try_from(self.instruments.origin.elapsed().as_micros()).unwrap_or(u64::MAX));
        let workloads = self.driver.inventory();
        self.traffic.retain(|id| workloads.iter().any(|status| status.id == *id));
        let targets: Vec<Target> = self.driver.sampling_targets().into_iter().filter_map(target).collect();
        let services: Vec<ServiceName> = self.spec.services.keys().cloned().collect();
        let interval = self.instruments.last.elapsed();
        self.instruments.last = Instant::now();
        let mut usage = self.instruments.usage.sample(now, &targets);
        for (id, usage) in &mut usage {
            usage.in_flight_milli = self.traffic.in_flight(id).map(|count| count.saturating_mul(1_000));
        }
        self.instruments.metrics.follow(&self.spec);
        let mut services = self.traffic.take(services.into_iter());
        self.instruments.metrics.fill(&mut services);
        let observation = Observation {
            speed: self.clock.speed(),
            interval: Millis(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)),
            usage,
            services,
            host: self.instruments.host.sample(now, &self.spec.node),
            workloads,
            ..Observation::default()
        };
        self.instruments.latest = observation.clone();
        Input::Observed(Box::new(observation))
    }

    /// Only what the driver says, between two ticks.
    pub(super) fn inventory_input(&mut self) -> Input {
        let observation = Observation {
            speed: self.clock.speed(),
            workloads: self.driver.inventory(),
            host: self.instruments.latest.host.clone(),
            inventory_only: true,
            ..Observation::default()
        };
        self.instruments.latest.workloads.clone_from(&observation.workloads);
        Input::Observed(Box::new(observation))
    }
}

/// Where the driver runs a workload, as the collector wants it; none for a pid that cannot be.
fn target(target: plimsoll_driver_process::Target) -> Option<Target> {
    let cgroup = CgroupPaths {
        v2: target.cgroup.v2,
        // Where a duty cycle holds the quota, the shim counts in the same words.
        v1_cpu: target.cgroup.v1.cpu.or(target.duty_cycle),
        v1_cpuacct: target.cgroup.v1.cpuacct,
        v1_memory: target.cgroup.v1.memory,
        v1_blkio: None,
    };
    Some(Target { id: target.id, pid: u32::try_from(target.pid).ok()?, start_ticks: target.start_ticks, cgroup })
}
