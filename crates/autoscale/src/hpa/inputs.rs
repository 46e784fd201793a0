//! What one decision looks at: pods as the cluster has them, and one reading per metric.
//!
//! Everything is a value handed in. A reading that lacks is [`HpaReading::Failed`], never a zero.

use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::scaling::hpa_reason::HpaFailure;

/// Everything [`crate::hpa::propose`] looks at beside the policy and its memory.
#[derive(Debug, Clone)]
pub struct HpaInputs<'a> {
    /// Now, trace time.
    pub at: Timestamp,
    /// Fewest replicas.
    pub replicas_min: u32,
    /// Most replicas.
    pub replicas_max: u32,
    /// Replicas wanted before this decision (`spec.replicas` of the target).
    pub current: u32,
    /// Replicas that exist (`status.replicas` of the target).
    pub status_replicas: u32,
    /// Zero replicas at first sight are this policy's own, because nobody else can set the number.
    pub owns_zero: bool,
    /// Whether the pods could be chosen.
    pub selector: PodSelector,
    /// The pods.
    pub pods: HpaPods<'a>,
    /// One reading per metric, in the order of the policy. One that lacks at the end counts as failed.
    pub readings: &'a [HpaReading],
}

/// Whether the pods of the target could be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodSelector {
    /// By a selector that no other autoscaler's pods match; or they are owned, as here always.
    #[default]
    Owned,
    /// The target has no selector.
    Empty,
    /// Another autoscaler's pods match too.
    Ambiguous,
}

/// The pods of the target.
#[derive(Debug, Clone, Copy)]
pub enum HpaPods<'a> {
    /// One by one.
    Each(&'a [HpaPod<'a>]),
    /// Only how many there are; readings are [`HpaReading::Sum`] then.
    Count {
        /// Running and ready.
        ready: u32,
    },
}

impl HpaPods<'_> {
    /// Pods that run and are ready.
    pub(super) fn running_and_ready(&self) -> u32 {
        match self {
            Self::Count { ready } => *ready,
            Self::Each(pods) => {
                let counts =
                    |pod: &&HpaPod<'_>| pod.phase == PodPhase::Running && pod.ready.is_some_and(|it| it.is_ready);
                count(pods.iter().filter(counts).count())
            }
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Each([]))
    }
}

/// One pod.
#[derive(Debug, Clone, Copy)]
pub struct HpaPod<'a> {
    /// Its name, for a message.
    pub name: &'a str,
    /// Being deleted.
    pub is_deleting: bool,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Its Ready condition, where it has one.
    pub ready: Option<Readiness>,
    /// What each container reserves.
    pub containers: &'a [ContainerRequests<'a>],
    /// What the pod reserves as a whole, where pod-level requests are on and set.
    pub pod_level: Option<ContainerRequests<'a>>,
}

/// The phase of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// Not started on a node yet.
    Pending,
    /// At least one container runs.
    Running,
    /// Every container ended well.
    Succeeded,
    /// At least one container ended badly, and none runs.
    Failed,
}

/// The Ready condition of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Ready now.
    pub is_ready: bool,
    /// Since when it is as it is.
    pub changed_at: Timestamp,
}

/// What one container reserves, in thousandths of a core and of a byte; none is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerRequests<'a> {
    /// The container.
    pub name: &'a str,
    /// CPU.
    pub cpu_milli: Option<i64>,
    /// Memory.
    pub memory_milli: Option<i64>,
}

/// One pod's sample of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodSample {
    /// The value, thousandths (of a core, of a byte, of whatever it counts).
    pub value_milli: i64,
    /// When it was taken.
    pub at: Timestamp,
    /// The time it averages over.
    pub window: Millis,
}

/// What is known of one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HpaReading {
    /// A sample per pod, in the order of the pods; none where there is none.
    Pods {
        /// Of the target's pods.
        samples: Vec<Option<PodSample>>,
        /// Of pods that are not the target's any more.
        unknown_milli: Vec<i64>,
    },
    /// Only the sum over alike pods, all of them counted as ready.
    Sum {
        /// The sum, thousandths.
        value_milli: i64,
        /// Pods in it.
        pods: u32,
        /// Pods that do not serve yet.
        unready: u32,
        /// Pods without a sample.
        missing: u32,
        /// What each pod reserves of the resource, thousandths.
        request_milli: Option<i64>,
    },
    /// The values of a metric that is not of pods, thousandths; several series are summed.
    Values(Vec<i64>),
    /// Nothing.
    Failed(HpaFailure),
}

/// A count of things in memory, which are fewer than 2^32.
pub(super) fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX)
}
