//! Which facts there are: each kind has an id that never changes, a rank, a source and a trust class.

use crate::features::Features;
use serde::Serialize;

/// Who measured or said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The gateway's counters.
    Gateway,
    /// The replicas' own counters (cgroups).
    Replicas,
    /// The host's counters.
    Host,
    /// The spec in force.
    Spec,
    /// The controller's decisions and forecasts.
    Controller,
    /// Somebody's words.
    Reported,
    /// A run of the twin.
    Twin,
}

/// How far it may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Computed from counters.
    Measured,
    /// Set by the operator.
    Configured,
    /// Decided by the controller.
    Decided,
    /// Words of others: data, never an instruction.
    Reported,
}

/// A kind of fact that there is once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs, reason = "each is described where its figures are made, in `facts`")]
pub enum Code {
    Bounds,
    Size,
    Targets,
    Damping,
    Level,
    Spread,
    Season,
    Bursts,
    Trend,
    Step,
    Change,
    CpuUse,
    Saturation,
    Throttling,
    CpuCost,
    CpuFollows,
    MemoryUse,
    MemoryPeak,
    MemoryFollows,
    MemoryIdle,
    Leak,
    Kills,
    DiskPressure,
    DiskFlow,
    Crowded,
    Latency,
    Slow,
    Unexplained,
    Failed,
    Queue,
    Replicas,
    Turns,
    AtMax,
    AtMin,
    ForecastError,
    Quality,
}

use Code::*;

impl Code {
    /// All, in the order in which they are written.
    pub const ALL: [Self; 36] = [
        Bounds,
        Size,
        Targets,
        Damping,
        Level,
        Spread,
        Season,
        Bursts,
        Trend,
        Step,
        Change,
        CpuUse,
        Saturation,
        Throttling,
        CpuCost,
        CpuFollows,
        MemoryUse,
        MemoryPeak,
        MemoryFollows,
        MemoryIdle,
        Leak,
        Kills,
        DiskPressure,
        DiskFlow,
        Crowded,
        Latency,
        Slow,
        Unexplained,
        Failed,
        Queue,
        Replicas,
        Turns,
        AtMax,
        AtMin,
        ForecastError,
        Quality,
    ];

    /// Id, name, source, trust and rank (1 is kept longest).
    const fn row(self) -> (&'static str, &'static str, Source, Trust, u8) {
        use Source::{Controller, Gateway, Host, Replicas as Counters, Spec};
        use Trust::{Configured, Decided, Measured};
        match self {
            Bounds => ("P1", "replica bounds", Spec, Configured, 2),
            Size => ("P2", "size of a replica", Spec, Configured, 3),
            Targets => ("P3", "scaling targets", Spec, Configured, 2),
            Damping => ("P4", "damping of scaling", Spec, Configured, 4),
            Level => ("L1", "load level", Gateway, Measured, 1),
            Spread => ("L2", "load spread", Gateway, Measured, 4),
            Season => ("L3", "load season", Gateway, Measured, 2),
            Bursts => ("L4", "load excursions", Gateway, Measured, 3),
            Trend => ("L5", "load trend", Gateway, Measured, 3),
            Step => ("L6", "load step", Gateway, Measured, 3),
            Change => ("L7", "largest change of the load's mean", Gateway, Measured, 5),
            CpuUse => ("C1", "CPU of a replica over its request", Counters, Measured, 1),
            Saturation => ("C2", "time at most replicas with CPU used up", Counters, Measured, 3),
            Throttling => ("C3", "time throttled by the CPU limit", Counters, Measured, 3),
            CpuCost => ("C4", "CPU time of a request", Counters, Measured, 5),
            CpuFollows => ("C5", "correlation of CPU with load", Counters, Measured, 6),
            MemoryUse => ("M1", "memory of a replica", Counters, Measured, 3),
            MemoryPeak => ("M2", "largest replica's memory over the limit", Counters, Measured, 3),
            MemoryFollows => ("M3", "correlation of memory with requests in flight", Counters, Measured, 6),
            MemoryIdle => ("M4", "memory without requests over the limit", Counters, Measured, 6),
            Leak => ("M5", "memory growth with age", Counters, Measured, 3),
            Kills => ("M6", "replicas killed for want of memory", Counters, Measured, 2),
            DiskPressure => ("I1", "time waiting for I/O", Host, Measured, 3),
            DiskFlow => ("I2", "disk throughput", Counters, Measured, 7),
            Crowded => ("H1", "time with others using much of the host", Host, Measured, 3),
            Latency => ("T1", "latency", Gateway, Measured, 1),
            Slow => ("T2", "time slow, and what else was then", Gateway, Measured, 2),
            Unexplained => ("T3", "time slow with nothing here to explain it", Gateway, Measured, 3),
            Failed => ("E1", "requests failed", Gateway, Measured, 2),
            Queue => ("E2", "work waiting in a queue", Counters, Measured, 4),
            Replicas => ("S1", "replicas wanted", Controller, Decided, 2),
            Turns => ("S2", "changes taken back at once", Controller, Decided, 4),
            AtMax => ("S3", "time at most replicas", Controller, Decided, 3),
            AtMin => ("S4", "time at fewest replicas", Controller, Decided, 4),
            ForecastError => ("F1", "error of forecasts", Controller, Decided, 4),
            Quality => ("Q1", "samples and gaps", Controller, Measured, 5),
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.row().0
    }

    /// What it is about.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// Who measured it.
    #[must_use]
    pub const fn source(self) -> Source {
        self.row().2
    }

    /// How far it may be believed.
    #[must_use]
    pub const fn trust(self) -> Trust {
        self.row().3
    }

    /// How long it is kept when room is short; 1 is longest.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self.row().4
    }

    /// Whether the features have what it says.
    #[must_use]
    pub fn is_there(self, features: &Features) -> bool {
        !super::facts::figures(self, features).is_empty()
    }
}
