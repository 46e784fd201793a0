//! Everything that scaling remembers of one service, as one value.
//!
//! It serialises, so that a daemon that comes back decides as if it had never been away. A record of the first release
//! holds only what damping remembers, at the top level: that is why it stands there still.

use crate::cron::CronState;
use crate::event::EventState;
use crate::formula::FormulaState;
use crate::guard::GuardState;
use crate::headroom::HeadroomState;
use crate::hpa::HpaState;
use crate::inputs::{Inputs, Reading};
use crate::kpa::KpaState;
use crate::lazy::LazyState;
use crate::propose::{Proposal, has_target};
use crate::reserve::{Burst, BurstSketch};
use crate::seasonal::SeasonMemory;
use crate::stabilizer::Stabilizer;
use crate::vertical::Sizer;
use plimsoll_model::quantity::{MilliRps, Millis, Timestamp};
use plimsoll_model::scaling::ScalingSpec;
use plimsoll_model::{Event, ScalingPolicy, Term};
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
    pub events: Vec<Announced>,
    /// What the guards remember.
    #[serde(default)]
    pub guard: GuardState,
    /// How much the load grows within a start-up time, where the spec keeps a reserve for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Box<BurstSketch>>,
    /// What right-sizing remembers, where the spec has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizer: Option<Box<Sizer>>,
}

/// An event that was announced as it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// What.
    #[serde(flatten)]
    pub event: Event,
    /// What is remembered of it.
    #[serde(default)]
    pub state: EventState,
}

impl Announced {
    pub(crate) fn vote(&self, season: Option<&SeasonMemory>, inputs: &Inputs<'_>) -> Term {
        self.state.vote((&self.event.spec, &self.event.by), season, inputs)
    }
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
    /// An event of the spec.
    Event(EventState),
    /// The needs of one season.
    Seasonal(Box<SeasonMemory>),
    /// Lazy capacity provisioning.
    Lazy(Box<LazyState>),
    /// Headroom that is learnt.
    Headroom(Box<HeadroomState>),
    /// A formula.
    Formula(Box<FormulaState>),
}

impl PolicyState {
    /// The memory of a policy that has seen nothing.
    #[must_use]
    pub fn fresh(policy: &ScalingPolicy) -> Self {
        match policy {
            ScalingPolicy::Hpa(_) => Self::Hpa(Box::default()),
            ScalingPolicy::Concurrency(_) => Self::Concurrency(Box::default()),
            ScalingPolicy::Cron(_) => Self::Cron(Box::default()),
            ScalingPolicy::Event(_) => Self::Event(EventState::default()),
            ScalingPolicy::Seasonal { .. } => Self::Seasonal(Box::default()),
            ScalingPolicy::Lazy(_) => Self::Lazy(Box::default()),
            ScalingPolicy::Headroom(_) => Self::Headroom(Box::default()),
            ScalingPolicy::Formula(_) => Self::Formula(Box::default()),
            ScalingPolicy::Cpu { .. }
            | ScalingPolicy::Memory { .. }
            | ScalingPolicy::RequestRate { .. }
            | ScalingPolicy::InFlight { .. }
            | ScalingPolicy::Backlog(_) => Self::Stateless,
        }
    }

    /// Whether this is the memory of such a policy.
    const fn serves(&self, policy: &ScalingPolicy) -> bool {
        match self {
            Self::Hpa(_) => matches!(policy, ScalingPolicy::Hpa(_)),
            Self::Concurrency(_) => matches!(policy, ScalingPolicy::Concurrency(_)),
            Self::Cron(_) => matches!(policy, ScalingPolicy::Cron(_)),
            Self::Event(_) => matches!(policy, ScalingPolicy::Event(_)),
            Self::Seasonal(_) => matches!(policy, ScalingPolicy::Seasonal { .. }),
            Self::Lazy(_) => matches!(policy, ScalingPolicy::Lazy(_)),
            Self::Headroom(_) => matches!(policy, ScalingPolicy::Headroom(_)),
            Self::Formula(_) => matches!(policy, ScalingPolicy::Formula(_)),
            Self::Stateless => has_target(policy) || matches!(policy, ScalingPolicy::Backlog(_)),
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
        self.make_room(policies);
        for (state, policy) in self.policies.iter_mut().zip(policies) {
            if let (PolicyState::Formula(state), ScalingPolicy::Formula(spec)) = (state, policy) {
                state.prepare(&spec.text);
            }
        }
    }

    fn make_room(&mut self, policies: &[ScalingPolicy]) {
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
        self.events.retain(|known| known.event.spec.end > at && known.event.spec.name != event.spec.name);
        let taken = event.spec.end > at && event.spec.end > event.spec.start && self.events.len() < EVENTS_MAX;
        if taken {
            self.events.push(Announced { event: event.clone(), state: EventState::default() });
        }
        taken
    }

    /// Takes the load, where the spec keeps a reserve for bursts, and gives that reserve. `lag` is the start-up time.
    pub fn burst(
        &mut self,
        scaling: &ScalingSpec,
        (at, lag): (Timestamp, Millis),
        rate: Reading<MilliRps>,
        per_replica: Option<MilliRps>,
    ) -> Option<Burst> {
        let Some(quantile) = scaling.reserve_burst else {
            self.burst = None;
            return None;
        };
        let sketch = self.burst.get_or_insert_default();
        if let Reading::Fresh(rate) = rate {
            sketch.observe(at, rate, lag);
        }
        sketch.burst(quantile, per_replica.filter(|per_replica| per_replica.0 > 0)?)
    }

    /// What was needed one season ago, where a policy keeps it.
    pub(crate) fn season(&self) -> Option<&SeasonMemory> {
        self.policies.iter().find_map(|state| match state {
            PolicyState::Seasonal(memory) => Some(memory.as_ref()),
            _ => None,
        })
    }

    /// Remembers what was measured, proposed and decided.
    pub(crate) fn record(&mut self, inputs: &Inputs<'_>, proposal: &Proposal, target: u32) {
        self.stabilizer.record(inputs, proposal.damped, target);
        self.guard.record(inputs, &proposal.terms, target);
        self.record_events(inputs);
        for (index, policy) in inputs.scaling.policies.iter().enumerate() {
            let (Some(state), Some(term)) = (self.policies.get_mut(index), proposal.terms.get(index)) else { continue };
            match (state, policy) {
                (PolicyState::Hpa(state), ScalingPolicy::Hpa(spec)) => state.note(spec, inputs, term, target),
                (PolicyState::Concurrency(state), ScalingPolicy::Concurrency(spec)) => state.note(spec, inputs),
                (PolicyState::Cron(state), ScalingPolicy::Cron(spec)) => state.note(spec, inputs, term),
                (PolicyState::Seasonal(state), ScalingPolicy::Seasonal { season, .. }) => state.record(*season, inputs),
                (PolicyState::Lazy(state), ScalingPolicy::Lazy(spec)) => state.record(spec, inputs, term),
                (PolicyState::Headroom(state), ScalingPolicy::Headroom(spec)) => state.record(spec, inputs, term),
                (PolicyState::Formula(state), ScalingPolicy::Formula(spec)) => state.record(spec, inputs, term),
                _ => {}
            }
        }
    }

    /// Remembers the usual load of each event, before this moment joins the season's memory.
    fn record_events(&mut self, inputs: &Inputs<'_>) {
        self.events.retain(|known| known.event.spec.end > inputs.at);
        let season = self.policies.iter().find_map(|state| match state {
            PolicyState::Seasonal(memory) => Some(memory),
            _ => None,
        });
        for known in &mut self.events {
            known.state.record(&known.event.spec, season.map(AsRef::as_ref), inputs);
        }
        if !inputs.scaling.policies.iter().any(|policy| matches!(policy, ScalingPolicy::Event(_))) {
            return;
        }
        let mut states: Vec<(usize, EventState)> = Vec::new();
        for (index, (policy, state)) in inputs.scaling.policies.iter().zip(&self.policies).enumerate() {
            if let (ScalingPolicy::Event(spec), PolicyState::Event(state)) = (policy, state) {
                let mut state = *state;
                state.record(spec, self.season(), inputs);
                states.push((index, state));
            }
        }
        for (index, state) in states {
            self.policies[index] = PolicyState::Event(state);
        }
    }
}
