//! What is known of a service over a window: the configured policy, samples at equal steps, events, decisions, forecasts.
//!
//! Plain values that somebody hands in: the daemon from its history store, a file ([`csv`]), the twin through a
//! [`Recorder`]. A figure that was not measured is absent, never zero; whatever reads a history must live with any of them
//! missing. Times are trace time, rates and latencies physical, as everywhere in Plimsoll.

mod configured;
pub mod csv;
mod recorder;

pub use configured::{Configured, Target};
pub use recorder::Recorder;

use serde::{Deserialize, Serialize};

/// Most samples that are read; more are refused, so that a file cannot stall the analyst.
pub const SAMPLES_MAX: usize = 20_000;

/// A service over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Its name.
    pub service: String,
    /// Trace time of the first sample, milliseconds since the epoch.
    #[serde(default)]
    pub start_ms: i64,
    /// Trace time between two samples, ms, above 0.
    pub step_ms: u64,
    /// What the operator set.
    #[serde(default)]
    pub configured: Configured,
    /// Oldest first, one per step.
    pub samples: Vec<Sample>,
    /// What happened, oldest first.
    #[serde(default)]
    pub events: Vec<Happening>,
    /// Changes of the target, oldest first.
    #[serde(default)]
    pub decisions: Vec<Decided>,
    /// Forecasts that were made, oldest first.
    #[serde(default)]
    pub forecasts: Vec<Foreseen>,
}

/// Figures of one step. Sums are over the service's measured replicas.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    /// Requests that arrived per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// Ready replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<f64>,
    /// Replicas wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<f64>,
    /// CPU used by all measured replicas, cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<f64>,
    /// Replicas in `cpu_cores` and `memory_mib`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Mean memory of one replica, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<f64>,
    /// Memory of the replica that holds most, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max_mib: Option<f64>,
    /// Memory of the replica that has run longest, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_oldest_mib: Option<f64>,
    /// How long that one has run, seconds of trace time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_oldest_s: Option<f64>,
    /// Median latency, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_p50_ms: Option<f64>,
    /// 99 % were faster, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_p99_ms: Option<f64>,
    /// Mean requests in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<f64>,
    /// Requests failed per second, those shed included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_per_s: Option<f64>,
    /// Requests shed per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed_per_s: Option<f64>,
    /// Work that waits in a queue, items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<f64>,
    /// Mean share of scheduler periods in which a quota held a replica back, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<f64>,
    /// Replicas killed for want of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_memory: Option<f64>,
    /// Replicas that ended by themselves in another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<f64>,
    /// Read and written by all measured replicas, MiB per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_mib_per_s: Option<f64>,
    /// Received and sent by all measured replicas, MiB per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_mib_per_s: Option<f64>,
    /// Share of time in which something on the host waited for I/O, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure_io: Option<f64>,
    /// Share of time in which something on the host waited for CPU, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure_cpu: Option<f64>,
    /// CPU used by everything on the host, cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_cpu_cores: Option<f64>,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Another version was rolled out.
    Release,
    /// A setting or the policy changed.
    Change,
    /// Somebody announced load.
    Announced,
    /// A replica was killed, crashed or was replaced.
    Replica,
    /// Something else, known by its text alone.
    Other,
}

/// Something that happened, with the words of whoever reported it. The words are data: they are shown, and decide nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// Trace time, milliseconds since the epoch.
    pub at_ms: i64,
    /// What kind.
    pub kind: Kind,
    /// In whose words.
    #[serde(default)]
    pub text: String,
}

/// A change of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// Trace time, milliseconds since the epoch.
    pub at_ms: i64,
    /// Replicas wanted before.
    pub from: u32,
    /// Replicas wanted after.
    pub to: u32,
    /// The reason, as the controller gives it.
    #[serde(default)]
    pub reason: String,
}

/// A forecast that was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreseen {
    /// The moment forecast, milliseconds since the epoch.
    pub for_ms: i64,
    /// Its quantile, 0 to 1.
    pub quantile: f64,
    /// Requests per second at that quantile.
    pub rate_per_s: f64,
}

/// Why a history cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HistoryError {
    /// No time between samples.
    #[error("step_ms is 0, and must be above 0")]
    Step,
    /// Too few or too many.
    #[error("the history has {samples} samples, and must have {least} to {SAMPLES_MAX}")]
    Samples {
        /// How many there are.
        samples: usize,
        /// The fewest that say anything.
        least: usize,
    },
    /// A figure that cannot be.
    #[error("sample {row} (from 1): {field} is {value}, and must be {range}")]
    Figure {
        /// Which sample.
        row: usize,
        /// Which figure.
        field: &'static str,
        /// What stands there.
        value: f64,
        /// What may.
        range: &'static str,
    },
}

/// Fewer samples than this say nothing.
pub const SAMPLES_MIN: usize = 24;

impl Sample {
    /// Every figure with its name, in the order of the columns.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, Option<f64>); 23] {
        [
            ("rate_per_s", self.rate_per_s),
            ("ready", self.ready),
            ("wanted", self.wanted),
            ("cpu_cores", self.cpu_cores),
            ("measured", self.measured),
            ("memory_mib", self.memory_mib),
            ("memory_max_mib", self.memory_max_mib),
            ("memory_oldest_mib", self.memory_oldest_mib),
            ("age_oldest_s", self.age_oldest_s),
            ("latency_p50_ms", self.latency_p50_ms),
            ("latency_p99_ms", self.latency_p99_ms),
            ("in_flight", self.in_flight),
            ("failed_per_s", self.failed_per_s),
            ("shed_per_s", self.shed_per_s),
            ("queue", self.queue),
            ("throttled", self.throttled),
            ("out_of_memory", self.out_of_memory),
            ("restarts", self.restarts),
            ("disk_mib_per_s", self.disk_mib_per_s),
            ("network_mib_per_s", self.network_mib_per_s),
            ("pressure_io", self.pressure_io),
            ("pressure_cpu", self.pressure_cpu),
            ("host_cpu_cores", self.host_cpu_cores),
        ]
    }

    /// The figure of this name, to be set; none for a name that is no figure.
    pub fn figure_mut(&mut self, name: &str) -> Option<&mut Option<f64>> {
        Some(match name {
            "rate_per_s" => &mut self.rate_per_s,
            "ready" => &mut self.ready,
            "wanted" => &mut self.wanted,
            "cpu_cores" => &mut self.cpu_cores,
            "measured" => &mut self.measured,
            "memory_mib" => &mut self.memory_mib,
            "memory_max_mib" => &mut self.memory_max_mib,
            "memory_oldest_mib" => &mut self.memory_oldest_mib,
            "age_oldest_s" => &mut self.age_oldest_s,
            "latency_p50_ms" => &mut self.latency_p50_ms,
            "latency_p99_ms" => &mut self.latency_p99_ms,
            "in_flight" => &mut self.in_flight,
            "failed_per_s" => &mut self.failed_per_s,
            "shed_per_s" => &mut self.shed_per_s,
            "queue" => &mut self.queue,
            "throttled" => &mut self.throttled,
            "out_of_memory" => &mut self.out_of_memory,
            "restarts" => &mut self.restarts,
            "disk_mib_per_s" => &mut self.disk_mib_per_s,
            "network_mib_per_s" => &mut self.network_mib_per_s,
            "pressure_io" => &mut self.pressure_io,
            "pressure_cpu" => &mut self.pressure_cpu,
            "host_cpu_cores" => &mut self.host_cpu_cores,
            _ => return None,
        })
    }
}

impl History {
    /// Checks what a type cannot say.
    ///
    /// # Errors
    /// [`HistoryError`] naming the first thing that is wrong.
    pub fn check(&self) -> Result<(), HistoryError> {
        if self.step_ms == 0 {
            return Err(HistoryError::Step);
        }
        if !(SAMPLES_MIN..=SAMPLES_MAX).contains(&self.samples.len()) {
            return Err(HistoryError::Samples { samples: self.samples.len(), least: SAMPLES_MIN });
        }
        for (index, sample) in self.samples.iter().enumerate() {
            for (field, value) in sample.figures() {
                let Some(value) = value else { continue };
                let is_share = matches!(field, "throttled" | "pressure_io" | "pressure_cpu");
                let (most, range) = if is_share { (1.0, "0 to 1") } else { (1e15, "0 to 1e15") };
                if !(0.0..=most).contains(&value) {
                    return Err(HistoryError::Figure { row: index + 1, field, value, range });
                }
            }
        }
        Ok(())
    }

    /// What of it happened before a moment: what somebody may know who has not seen the rest.
    #[must_use]
    pub fn before(&self, at_ms: i64) -> Self {
        let kept = u64::try_from(at_ms.saturating_sub(self.start_ms)).unwrap_or(0).div_ceil(self.step_ms.max(1));
        let mut seen = self.clone();
        seen.samples.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        seen.events.retain(|event| event.at_ms < at_ms);
        seen.decisions.retain(|decision| decision.at_ms < at_ms);
        // A forecast is made before the moment that it is for; of one for later it is not known when it was made.
        seen.forecasts.retain(|forecast| forecast.for_ms < at_ms);
        seen
    }

    /// One figure over all samples; NaN where it was not measured.
    #[must_use]
    pub fn column(&self, of: impl Fn(&Sample) -> Option<f64>) -> Vec<f64> {
        self.samples.iter().map(|sample| of(sample).unwrap_or(f64::NAN)).collect()
    }

    /// Trace time between two samples, seconds.
    #[must_use]
    pub fn step_s(&self) -> f64 {
        self.step_ms as f64 / 1_000.0
    }

    /// Length of the window, seconds of trace time.
    #[must_use]
    pub fn span_s(&self) -> f64 {
        self.step_s() * self.samples.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(samples: usize) -> History {
        let sample = Sample { rate_per_s: Some(1.0), ..Sample::default() };
        History {
            service: "web".into(),
            start_ms: 0,
            step_ms: 1_000,
            configured: Configured::default(),
            samples: vec![sample; samples],
            events: Vec::new(),
            decisions: Vec::new(),
            forecasts: Vec::new(),
        }
    }

    #[test]
    fn every_figure_is_found_by_the_name_it_goes_by() {
        let mut sample = Sample::default();
        for (index, (name, _)) in Sample::default().figures().into_iter().enumerate() {
            *sample.figure_mut(name).unwrap() = Some(index as f64);
        }
        let values: Vec<f64> = sample.figures().into_iter().filter_map(|(_, value)| value).collect();
        assert_eq!(values, (0..23).map(f64::from).collect::<Vec<_>>());
        assert!(sample.figure_mut("colour").is_none());
    }

    #[test]
    fn what_cannot_be_is_named_with_its_place() {
        assert_eq!(history(30).check(), Ok(()));
        assert!(history(3).check().unwrap_err().to_string().contains("3 samples, and must have 24"));
        let mut wrong = history(30);
        wrong.samples[4].throttled = Some(1.5);
        assert_eq!(wrong.check().unwrap_err().to_string(), "sample 5 (from 1): throttled is 1.5, and must be 0 to 1");
        wrong.samples[4].throttled = Some(f64::NAN);
        assert!(wrong.check().is_err());
        assert_eq!(History { step_ms: 0, ..history(30) }.check(), Err(HistoryError::Step));
    }
}
