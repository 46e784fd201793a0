//! One load under one protocol: what it needed, and how any supply is scored on it.

use super::Protocol;
use super::card::{Card, card};
use super::load::{Between, Load};
use super::plant::Measured;
use super::response::plant_of;
use crate::optimum::{Bounds, Optimum, optimum};
use crate::service::ServiceModel;
use crate::service::fast::{Plant, PlantError};
use crate::yardstick::{YardstickError, replicas_needed};
use plimsoll_model::{Bytes, MilliRps, Millis, Timestamp};
use std::ops::Range;

/// A load, tick by tick, with what it needed and the cheapest that always had it.
#[derive(Debug, Clone)]
pub struct Course {
    protocol: Protocol,
    start: Timestamp,
    load: Vec<Option<MilliRps>>,
    /// Memory of one replica; empty where it was not recorded.
    memory: Vec<Option<Bytes>>,
    need: Vec<u32>,
    /// Index of the first scored tick.
    first: usize,
    optimum: Optimum,
    /// What the service does under load, before anything happened, and its model.
    service: Option<(Plant, ServiceModel)>,
}

/// Why there is no course, or no run over it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CourseError {
    /// Nothing is left to score.
    #[error("the load covers {span}, and the first {skip} are not scored, so nothing is left")]
    TooShort {
        /// What it covers.
        span: Millis,
        /// What is skipped.
        skip: Millis,
    },
    /// A tick of no length, or a capacity of nothing.
    #[error("the protocol has a {field} of 0")]
    Zero {
        /// Which.
        field: &'static str,
    },
    /// Load that no number of replicas carries.
    #[error("tick {tick} needs more than 4294967295 replicas")]
    Need {
        /// Which, from 0.
        tick: usize,
    },
    /// A policy without a service.
    #[error("the policy has {services} services; a backtest runs one")]
    Services {
        /// How many.
        services: usize,
    },
    /// Courses that are run together and do not have the same moments.
    #[error(
        "course {number} (from 1) does not have the moments of the first: loads that are run together are cut to the same"
    )]
    Apart {
        /// Which, from 1.
        number: usize,
    },
    /// A policy reads what the load has not.
    #[error("the policy {policy} reads {what}, which was not recorded with this load")]
    Unrecorded {
        /// Which policy.
        policy: &'static str,
        /// What.
        what: String,
    },
    /// A service model that makes no sense.
    #[error(transparent)]
    Model(#[from] PlantError),
    /// Bounds that hold nothing.
    #[error(transparent)]
    Yardstick(#[from] YardstickError),
}

/// Replicas per scored tick.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supply {
    /// Ready to serve.
    pub ready: Vec<u32>,
    /// Paid for, starting ones included.
    pub billed: Vec<u32>,
    /// Starts and stops that were ordered.
    pub actions: u64,
}

impl Course {
    /// Lays a load under a protocol.
    ///
    /// # Errors
    /// [`CourseError`].
    pub fn try_new(load: &Load, between: Between, protocol: Protocol) -> Result<Self, CourseError> {
        for (field, value) in [("tick", protocol.tick.0), ("usable capacity", protocol.usable_capacity().0)] {
            if value == 0 {
                return Err(CourseError::Zero { field });
            }
        }
        let rates = load.by_tick(protocol.tick, between);
        let first = usize::try_from(protocol.skip.0.div_ceil(protocol.tick.0)).unwrap_or(usize::MAX);
        if first >= rates.len() {
            return Err(CourseError::TooShort { span: load.span(), skip: protocol.skip });
        }
        let bounds = bounds(&protocol);
        let mut need = Vec::with_capacity(rates.len());
        for (tick, rate) in rates.iter().enumerate() {
            // In a gap the need stays: nobody may start again for free, and nobody saves what nobody measured.
            let before = need.last().copied().unwrap_or(0);
            let needed = match rate {
                Some(rate) => replicas_needed(*rate, protocol.usable_capacity()).ok_or(CourseError::Need { tick })?,
                None => before,
            };
            need.push(bounds.need(needed));
        }
        let optimum = optimum(&need[first..], &bounds)?;
        let memory = load.memory_by_tick(protocol.tick);
        Ok(Self { protocol, start: load.start, load: rates, memory, need, first, optimum, service: None })
    }

    /// The same course, whose cards tell response times too, by this model.
    ///
    /// # Errors
    /// [`CourseError::Model`] for a figure of the model that is out of range.
    pub fn with_service(self, model: &ServiceModel) -> Result<Self, CourseError> {
        let plant = plant_of(model, &self.protocol)?;
        Ok(Self { service: Some((plant, model.clone())), ..self })
    }

    /// What the service does under load, where a model was given.
    pub(super) fn service(&self) -> Option<&(Plant, ServiceModel)> {
        self.service.as_ref()
    }

    /// Whether memory was recorded with the load.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.memory.iter().any(Option::is_some)
    }

    /// The memory of one replica in every scored tick; empty where it was not recorded.
    #[must_use]
    pub fn memory(&self) -> &[Option<Bytes>] {
        self.memory.get(self.first..).unwrap_or_default()
    }

    /// What a source would have told of a tick of the whole course.
    pub(super) fn measured(&self, tick: usize) -> Measured {
        Measured { rate: self.load[tick], memory: self.memory.get(tick).copied().flatten() }
    }

    /// The load of a tick of the whole course.
    pub(super) fn rate(&self, tick: usize) -> Option<MilliRps> {
        self.load[tick]
    }

    /// The need of a tick of the whole course.
    pub(super) fn need_at(&self, tick: usize) -> u32 {
        self.need[tick]
    }

    /// The terms.
    #[must_use]
    pub const fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Start of the first scored tick.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.time(self.first)
    }

    /// The load of every scored tick.
    #[must_use]
    pub fn load(&self) -> &[Option<MilliRps>] {
        &self.load[self.first..]
    }

    /// Replicas needed in every scored tick.
    #[must_use]
    pub fn need(&self) -> &[u32] {
        &self.need[self.first..]
    }

    /// The cheapest supply that always has what is needed.
    #[must_use]
    pub const fn optimum(&self) -> &Optimum {
        &self.optimum
    }

    /// Ticks that a run steps through, those before the first scored one included.
    #[must_use]
    pub fn ticks(&self) -> usize {
        self.load.len()
    }

    /// The terms as the optimum takes them.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        bounds(&self.protocol)
    }

    pub(super) fn time(&self, tick: usize) -> Timestamp {
        self.start.plus(self.protocol.tick.saturating_mul(tick as u64))
    }

    /// Scores any supply on the same terms. Shorter than the course, it is taken to hold nothing from its end on.
    #[must_use]
    pub fn judge(&self, supply: &Supply) -> Card {
        card(self, supply)
    }

    /// The highest need, held throughout: the answer of who does not scale.
    #[must_use]
    pub fn constant_peak(&self) -> Supply {
        let peak = self.need().iter().copied().max().unwrap_or(0);
        self.held(peak)
    }

    /// The optimum as a supply: each start is paid for from one start-up time before.
    #[must_use]
    pub fn clairvoyant(&self) -> Supply {
        let ready = self.optimum.supply.clone();
        let ahead = usize::try_from(self.protocol.startup.0.div_ceil(self.protocol.tick.0)).unwrap_or(usize::MAX);
        let mut billed = ready.clone();
        let mut changes = 0;
        for tick in 0..ready.len() {
            let before = if tick == 0 { 0 } else { ready[tick - 1] };
            changes += u64::from(before.abs_diff(ready[tick]));
            let starts = ready[tick].saturating_sub(before);
            for slot in &mut billed[tick.saturating_sub(ahead)..tick] {
                *slot = slot.saturating_add(starts);
            }
        }
        Supply { ready, billed, actions: changes }
    }

    /// So many replicas, held throughout.
    #[must_use]
    pub fn held(&self, replicas: u32) -> Supply {
        let held = vec![replicas; self.need().len()];
        Supply { ready: held.clone(), billed: held, actions: 0 }
    }

    /// The scored ticks as indices into the whole course.
    #[must_use]
    pub fn scored(&self) -> Range<usize> {
        self.first..self.load.len()
    }
}

fn bounds(protocol: &Protocol) -> Bounds {
    Bounds {
        slot: protocol.tick,
        startup: protocol.startup,
        switching: protocol.switching,
        replicas_min: protocol.replicas_min,
        replicas_max: protocol.replicas_max,
    }
}
