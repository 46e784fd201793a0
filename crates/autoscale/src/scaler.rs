//! Everything that scaling remembers of one service, as one value.
//!
//! It serialises, so that a daemon that comes back decides as if it had never been away. A record of the first release
//! holds only what damping remembers, at the top level: that is why it stands there still.

use crate::cron::CronState;
use crate::hpa::HpaState;
use crate::inputs::Inputs;
use crate::kpa::KpaState;
use crate::propose::Proposal;
use crate::stabilizer::{Settled, Stabilizer};
use crate::vertical::Sizer;
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::{Event, ScalingPolicy};
use serde::{Deserialize, Serialize};

/// Most triggered events kept at a time; one more than a person could mean.
pub const EVENTS_MAX: usize = 64;

/// The memory of one service's scaling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scaler {
    /// What damping remembers.
    #[serde(flatten)]
    pub stabilizer: Stabilizer,
    /// One per policy of the spec, in its order.
    #[serde(default)]
    pub policies: Vec<PolicyState>,
    /// Events that were announced as they happened and are not over.
    #[serde(default)]
    pub events: Vec<Event>,
    /// What right-sizing remembers, where the spec has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizer: Option<Box<Sizer>>,
}

/// What one policy remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyState {
    /// Nothing.
    #[default]
    Stateless,
    /// The Kubernetes horizontal autoscaler.
    Hpa(Box<HpaState>),
    /// The Knative autoscaler.
    Concurrency(Box<KpaState>),
    /// A cron window.
    Cron(Box<CronState>),
}

impl PolicyState {
    /// The memory of a policy that has seen nothing.
    #[must_use]
    pub fn fresh(policy: &ScalingPolicy) -> Self {
        match policy {
            ScalingPolicy::Hpa(_) => Self::Hpa(Box::default()),
            ScalingPolicy::Concurrency(_) => Self::Concurrency(Box::default()),
            ScalingPolicy::Cron(_) => Self::Cron(Box::default()),
            _ => Self::Stateless,
        }
    }

    /// Whether this is the memory of such a policy.
    fn serves(&self, policy: &ScalingPolicy) -> bool {
        match (self, policy) {
            (Self::Hpa(_), ScalingPolicy::Hpa(_))
            | (Self::Concurrency(_), ScalingPolicy::Concurrency(_))
            | (Self::Cron(_), ScalingPolicy::Cron(_)) => true,
            (Self::Stateless, policy) => matches!(Self::fresh(policy), Self::Stateless),
            _ => false,
        }
    }
}

impl Scaler {
    /// Remembers `current` as if it had been proposed at `at`, so that a first look at the figures does not remove what
    /// is there already.
    #[must_use]
    pub fn seeded(at: Timestamp, current: u32) -> Self {
        Self { stabilizer: Stabilizer::seeded(at, current), ..Self::default() }
    }

    /// Makes room for the memory of each policy of the spec; where the spec has another policy now, the memory starts
    /// afresh. Called at the start of every decision.
    pub fn serve(&mut self, policies: &[ScalingPolicy]) {
        if self.policies.len() == policies.len()
            && self.policies.iter().zip(policies).all(|(state, policy)| state.serves(policy))
        {
            return;
        }
        self.policies.resize(policies.len(), PolicyState::Stateless);
        for (state, policy) in self.policies.iter_mut().zip(policies) {
            if !state.serves(policy) {
                *state = PolicyState::fresh(policy);
            }
        }
    }

    /// Takes an event that was announced as it happens; one of the same name is replaced. False when it is over already
    /// or too many are announced.
    pub fn announce(&mut self, at: Timestamp, event: &Event) -> bool {
        self.events.retain(|known| known.spec.end > at && known.spec.name != event.spec.name);
        let taken = event.spec.end > at && event.spec.end > event.spec.start && self.events.len() < EVENTS_MAX;
        if taken {
            self.events.push(event.clone());
        }
        taken
    }

    /// Remembers what was measured, proposed and decided.
    pub(crate) fn record(&mut self, inputs: &Inputs<'_>, proposal: &Proposal, settled: &Settled) {
        self.stabilizer.record(inputs, proposal.damped, settled.target);
        for (index, policy) in inputs.scaling.policies.iter().enumerate() {
            let (Some(state), Some(term)) = (self.policies.get_mut(index), proposal.terms.get(index)) else { continue };
            match (state, policy) {
                (PolicyState::Hpa(state), ScalingPolicy::Hpa(spec)) => state.record(spec, inputs, term, settled.target),
                (PolicyState::Concurrency(state), ScalingPolicy::Concurrency(spec)) => {
                    state.record(spec, inputs, term, settled.target);
                }
                (PolicyState::Cron(state), ScalingPolicy::Cron(spec)) => {
                    state.record(spec, inputs, term, settled.target);
                }
                _ => {}
            }
        }
        self.events.retain(|event| event.spec.end > inputs.at);
    }
}
