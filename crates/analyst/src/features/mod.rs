//! A history as few numbers, each with a meaning and a unit.
//!
//! Names, words of events and reasons are not looked at: nothing that anybody can write into a text reaches a number here.
//! What cannot be computed, because nothing was measured or configured, is absent.

mod load;
mod math;
mod memory;
mod scaling;
mod service;

pub use load::{Changed, Load, Season, Shape};
pub use memory::Memory;
pub use scaling::Scaling;
pub use service::{Cpu, Disk, Errors, Host, Latency, Slow};

use crate::history::History;
use serde::Serialize;

/// Everything that rules look at.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Features {
    /// Samples, and the share of them without a load.
    pub samples: usize,
    /// See there.
    pub gaps: f64,
    /// Seconds between samples.
    pub step_s: f64,
    /// The load.
    pub load: Option<Load>,
    /// CPU.
    pub cpu: Option<Cpu>,
    /// Memory.
    pub memory: Option<Memory>,
    /// Disk.
    pub disk: Option<Disk>,
    /// The host.
    pub host: Option<Host>,
    /// Latency.
    pub latency: Option<Latency>,
    /// When it was slow, and what else was then.
    pub slow: Option<Slow>,
    /// Errors.
    pub errors: Errors,
    /// What the policy did.
    pub scaling: Option<Scaling>,
}

impl Features {
    /// Computes them.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let rates = history.column(|sample| sample.rate_per_s);
        let missing = rates.iter().filter(|rate| rate.is_nan()).count();
        let step_s = history.step_s();
        // What a calendar suggests: hours, days and weeks, where they fit twice.
        let hint = |seconds: f64| (seconds / step_s) as usize;
        let hints: Vec<usize> =
            [3_600.0, 86_400.0, 604_800.0].map(hint).into_iter().filter(|p| *p >= 8 && p * 2 <= rates.len()).collect();
        let view = service::View::new(history);
        Self {
            samples: rates.len(),
            gaps: missing as f64 / rates.len().max(1) as f64,
            step_s,
            load: load::of(&rates, &hints),
            cpu: service::cpu(&view),
            memory: memory::of(history),
            disk: service::disk(&view),
            host: service::host(&view),
            latency: service::latency(&view),
            slow: service::slow(&view),
            errors: service::errors(history),
            scaling: scaling::of(history),
        }
    }
}
