//! Right-sizing: what a user may set of it, and the reasons it gives.
//!
//! Every default is upstream's, stated in `plimsoll-config`; here are only the values. The rule itself lives in
//! `plimsoll_autoscale::vertical`. This file must hold no algorithm.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7: names and meaning of its recommendation and update modes.

use crate::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use crate::spec::{Limits, Resources};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is done with a recommended size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerticalMode {
    /// It is told and nothing else.
    #[default]
    Off,
    /// Replicas that start later get it; those that run keep what they have.
    Initial,
    /// Replicas that run get it too, where the driver can change them in place; otherwise when they start next.
    InPlace,
    /// Replicas that run get it in place where the driver can, and are replaced one by one where it cannot.
    Recreate,
}

/// What happens to limits when requests change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitsRule {
    /// They keep their proportion to the requests.
    #[default]
    Scale,
    /// They stay what the spec says.
    Keep,
}

/// Right-sizing of one service. Times are trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerticalSpec {
    /// What is done with a recommendation.
    pub mode: VerticalMode,
    /// What happens to limits.
    #[serde(default)]
    pub limits: LimitsRule,
    /// No replica is recommended less.
    pub min: Resources,
    /// No replica is recommended more; none is no bound.
    #[serde(default)]
    pub cpu_max: Option<Millicores>,
    /// No replica is recommended more; none is no bound.
    #[serde(default)]
    pub memory_max: Option<Bytes>,
    /// Quantile of the use that the recommended size covers, before the margin.
    pub quantile: Permille,
    /// Room above that quantile.
    pub margin: Permille,
    /// A sample counts half after this time.
    pub half_life: Millis,
    /// Memory counts as one peak per window of this length.
    pub memory_window: Millis,
    /// Time between two looks at whether to act.
    pub every: Millis,
    /// A size is changed within its range only when it is this old.
    pub age_min: Millis,
    /// A size is changed within its range only by more than this.
    pub change_min: Permille,
}

impl Default for VerticalSpec {
    /// Upstream's values, for tests and for what a journal of an earlier release lacks; a spec file's come from the
    /// table of fields in `plimsoll-config`, where a test holds the two equal.
    fn default() -> Self {
        Self {
            mode: VerticalMode::Off,
            limits: LimitsRule::Scale,
            min: Resources { cpu: Millicores(25), memory: Bytes(250 << 20) },
            cpu_max: None,
            memory_max: None,
            quantile: Permille(900),
            margin: Permille(150),
            half_life: Millis(86_400_000),
            memory_window: Millis(86_400_000),
            every: Millis(60_000),
            age_min: Millis(43_200_000),
            change_min: Permille(100),
        }
    }
}

/// What one replica is reserved and allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Size {
    /// Reserved.
    pub requests: Resources,
    /// Allowed.
    pub limits: Limits,
}

/// What a history of use recommends for one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The size to have.
    pub target: Resources,
    /// Below this a size is too small for certain.
    pub lower: Resources,
    /// Above this a size is too large for certain; the greatest number while too little is known.
    pub upper: Resources,
    /// How much is known: the lesser of days seen and samples per 1,440, in millionths.
    pub confidence_millionths: u64,
}

/// Which of the two resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizedResource {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
}

/// Why a size changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum ResizeReason {
    /// The size in force lies outside the recommended range.
    OutsideRange {
        /// In what.
        resource: SizedResource,
    },
    /// A replica ran out of memory soon after it had started.
    QuickOutOfMemory {
        /// How long it ran.
        ran: Millis,
    },
    /// The size in force is old enough and far enough off.
    Drift {
        /// Sum over both resources of |target − size| / size.
        change: Permille,
        /// Age of the size in force.
        age: Millis,
    },
    /// Replicas use more now than is reserved for them; this waits for nothing.
    InUse {
        /// Of what.
        resource: SizedResource,
        /// Used per replica: the mean of CPU, the largest of memory.
        used: u64,
    },
}

/// Why a size stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum SizeKept {
    /// Nothing was measured yet.
    NoSamples,
    /// It was looked at less than the interval ago.
    NotDue {
        /// When it is looked at next.
        next: Timestamp,
    },
    /// It is inside the range, and too young or too near for a change.
    WithinRange {
        /// Sum over both resources of |target − size| / size.
        change: Permille,
        /// Age of the size in force.
        age: Millis,
    },
    /// The mode only tells.
    AdviceOnly,
    /// The number of replicas is changing; the size follows when that has settled.
    HorizontalSettling {
        /// When that will be, unless the number changes again; none while replicas are still starting or leaving.
        until: Option<Timestamp>,
    },
}

/// What became of a recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum SizeVerdict {
    /// The size changed.
    Resized {
        /// Why.
        #[serde(flatten)]
        reason: ResizeReason,
        /// What it was.
        from: Resources,
    },
    /// It did not.
    Kept {
        /// Why.
        #[serde(flatten)]
        reason: SizeKept,
    },
}

/// What kept a recommended size from being taken as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "bound")]
pub enum SizeBound {
    /// Raised to what is used now.
    InUse {
        /// Of what.
        resource: SizedResource,
        /// What was recommended.
        wanted: u64,
    },
    /// Raised to the least, or held at the most, that the spec allows.
    Spec {
        /// Of what.
        resource: SizedResource,
        /// What was recommended.
        wanted: u64,
    },
}

/// Why a service's replicas have the size they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerticalReason {
    /// What the spec says is done with it.
    pub mode: VerticalMode,
    /// The size in force from now on.
    pub size: Size,
    /// What the history recommends; none while there is none.
    #[serde(default)]
    pub recommended: Option<Recommendation>,
    /// What became of it.
    pub verdict: SizeVerdict,
    /// What bound the new size, where there is one.
    #[serde(default)]
    pub bounds: Vec<SizeBound>,
    /// Replicas that have another size still.
    #[serde(default)]
    pub pending: u32,
}

impl SizedResource {
    fn amount(self, value: u64) -> String {
        match self {
            Self::Cpu => Millicores(value).to_string(),
            Self::Memory => Bytes(value).to_string(),
        }
    }
}

impl fmt::Display for SizedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
        })
    }
}

impl fmt::Display for ResizeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideRange { resource } => write!(f, "{resource} lay outside the recommended range"),
            Self::QuickOutOfMemory { ran } => write!(f, "a replica ran out of memory {ran} after its start"),
            Self::Drift { change, age } => write!(f, "it was {age} old and {change} off"),
            Self::InUse { resource, used } => {
                write!(f, "replicas use {} of {resource} each, more than was reserved", resource.amount(*used))
            }
        }
    }
}

impl fmt::Display for SizeKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSamples => f.write_str("nothing was measured yet"),
            Self::NotDue { next } => write!(f, "looked at again at {next}"),
            Self::WithinRange { change, age } => write!(f, "within its range, {change} off, {age} old"),
            Self::AdviceOnly => f.write_str("the mode is off: this is advice"),
            Self::HorizontalSettling { until: Some(until) } => {
                write!(f, "the number of replicas changed; not before {until}")
            }
            Self::HorizontalSettling { until: None } => f.write_str("replicas are starting or leaving"),
        }
    }
}

impl fmt::Display for SizeBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource, wanted, why) = match self {
            Self::InUse { resource, wanted } => (resource, wanted, "raised to what is used now"),
            Self::Spec { resource, wanted } => (resource, wanted, "held within the spec's bounds"),
        };
        write!(f, "{resource}: {why} (recommended {})", resource.amount(*wanted))
    }
}

impl fmt::Display for VerticalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "size {}", self.size.requests)?;
        match &self.verdict {
            SizeVerdict::Resized { reason, from } => write!(f, " instead of {from}: {reason}")?,
            SizeVerdict::Kept { reason } => write!(f, " stays: {reason}")?,
        }
        if let Some(Recommendation { target, lower, upper, confidence_millionths }) = &self.recommended {
            write!(f, "; recommended {target}, at least {lower}, ")?;
            match upper.cpu.0.max(upper.memory.0) {
                u64::MAX => f.write_str("no upper bound yet")?,
                _ => write!(f, "at most {upper}")?,
            }
            write!(
                f,
                " ({}.{:02} days of samples)",
                confidence_millionths / 1_000_000,
                confidence_millionths / 10_000 % 100
            )?;
        }
        if self.pending > 0 {
            write!(f, "; {} running replicas have another size still", self.pending)?;
        }
        self.bounds.iter().try_for_each(|bound| write!(f, "; {bound}"))
    }
}
