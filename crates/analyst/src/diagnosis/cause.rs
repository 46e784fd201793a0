//! What can be the matter.

use serde::{Deserialize, Serialize};

/// A cause that a diagnosis can name. The first five are shapes of the load, the others are faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The load repeats after a period.
    Seasonal,
    /// Short bursts come again and again, at no regular times.
    Bursty,
    /// The load grows or shrinks steadily over the window.
    Trend,
    /// The load is at another level from some moment on.
    Step,
    /// Once, far more came than ever else, and went again.
    FlashCrowd,
    /// Memory grows with age or with requests served, and is not given back.
    Leak,
    /// As many replicas as may run use all the CPU they can.
    CpuBound,
    /// Memory that requests in flight hold reaches its limit while CPU is left.
    MemoryBound,
    /// A disk is busy while CPU is left.
    IoBound,
    /// Requests take longer, and nothing of the service or its host explains it.
    DependencyBound,
    /// Others on the host take CPU that the service needs.
    NoisyNeighbour,
    /// Far more is reserved than is ever used.
    OverProvisioned,
    /// The policy changes the number of replicas back and forth under a load that does not.
    FlappingPolicy,
    /// A limit of CPU or memory is below what a replica needs at any load.
    BadLimits,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Seasonal,
        Self::Bursty,
        Self::Trend,
        Self::Step,
        Self::FlashCrowd,
        Self::Leak,
        Self::CpuBound,
        Self::MemoryBound,
        Self::IoBound,
        Self::DependencyBound,
        Self::NoisyNeighbour,
        Self::OverProvisioned,
        Self::FlappingPolicy,
        Self::BadLimits,
    ];

    /// Its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seasonal => "seasonal",
            Self::Bursty => "bursty",
            Self::Trend => "trend",
            Self::Step => "step",
            Self::FlashCrowd => "flash-crowd",
            Self::Leak => "leak",
            Self::CpuBound => "cpu-bound",
            Self::MemoryBound => "memory-bound",
            Self::IoBound => "io-bound",
            Self::DependencyBound => "dependency-bound",
            Self::NoisyNeighbour => "noisy-neighbour",
            Self::OverProvisioned => "over-provisioned",
            Self::FlappingPolicy => "flapping-policy",
            Self::BadLimits => "bad-limits",
        }
    }

    /// A shape of the load, and nobody's fault.
    #[must_use]
    pub const fn is_load(self) -> bool {
        matches!(self, Self::Seasonal | Self::Bursty | Self::Trend | Self::Step | Self::FlashCrowd)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
