//! One load under one protocol, and runs over it.

use super::Protocol;
use super::card::{Card, card};
use super::load::{Between, Load};
use super::plant::Plant;
use crate::optimum::{Bounds, Optimum, optimum};
use crate::yardstick::{YardstickError, replicas_needed};
use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::{Generation, ServiceName};
use plimsoll_model::{MilliRps, Millis, ServiceRationale, Spec, Timestamp};
use std::ops::Range;

/// A load, tick by tick, with what it needed and the cheapest that always had it.
#[derive(Debug, Clone)]
pub struct Course {
    protocol: Protocol,
    start: Timestamp,
    load: Vec<Option<MilliRps>>,
    need: Vec<u32>,
    /// Index of the first scored tick.
    first: usize,
    optimum: Optimum,
}

/// Why there is no course, or no run over it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

/// A policy's run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it had and paid for.
    pub supply: Supply,
    /// How good that was.
    pub card: Card,
    /// The reasons of the moments that were asked for, in their order.
    pub explained: Vec<Explained>,
}

/// The decision in force at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub rationale: ServiceRationale,
    /// What was needed then.
    pub need: u32,
    /// What was ready after it.
    pub ready: u32,
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
        Ok(Self { protocol, start: load.start, load: rates, need, first, optimum })
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

    fn time(&self, tick: usize) -> Timestamp {
        self.start.plus(self.protocol.tick.saturating_mul(tick as u64))
    }

    /// Runs the one service of `spec` over the load. `history` is recorded load from before it; `explain` are moments whose
    /// decisions are wanted; `progress` is told of every so many ticks done.
    ///
    /// # Errors
    /// [`CourseError::Services`] when `spec` has not exactly one service.
    pub fn run(
        &self,
        spec: &Spec,
        history: Option<&Load>,
        explain: &[Timestamp],
        mut progress: impl FnMut(usize),
    ) -> Result<Run, CourseError> {
        let services = spec.services.len();
        let Some((name, service)) = spec.services.first_key_value().filter(|_| services == 1) else {
            return Err(CourseError::Services { services });
        };
        let mut spec_run = spec.clone();
        spec_run.tick = self.protocol.tick;
        // A start takes as long as the protocol says, and the policy knows it, as it would from its own replicas.
        for service in spec_run.services.values_mut() {
            service.startup = self.protocol.startup;
            service.health.startup_max = service.health.startup_max.max(self.protocol.startup.saturating_mul(2));
        }
        let mut state = State::new();
        let generation = Generation(1);
        let mut first = vec![Input::Policy { generation, spec: Box::new(spec_run) }];
        first.extend(history.and_then(|history| warm_up(name, history, self.start)));
        let _ = step(&mut state, self.start, &first);
        let mut plant = Plant::new(&self.protocol, name, service);
        let mut supply = Supply::default();
        let mut explained = Vec::new();
        let lag = usize::try_from(self.protocol.metric_lag.0 / self.protocol.tick.0).unwrap_or(usize::MAX);
        let mut before_scored = 0;
        for tick in 0..self.load.len() {
            let at = self.time(tick);
            let lagged = tick.checked_sub(lag).and_then(|then| self.load[then]);
            let decision = step(&mut state, at, plant.observe(at, lagged));
            let count = plant.obey(&decision, generation);
            if explain.iter().any(|wanted| *wanted >= at && wanted.since(at) < self.protocol.tick)
                && let Some(rationale) = state.services.get(name).and_then(|it| it.rationale.clone())
            {
                explained.push(Explained { at, rationale, need: self.need[tick], ready: count.ready });
            }
            if tick < self.first {
                before_scored = plant.actions;
            } else {
                supply.ready.push(count.ready);
                supply.billed.push(count.billed);
            }
            if tick % PROGRESS_EVERY == PROGRESS_EVERY - 1 {
                progress(PROGRESS_EVERY);
            }
        }
        progress(self.load.len() % PROGRESS_EVERY);
        supply.actions = plant.actions - before_scored;
        let card = self.judge(&supply);
        Ok(Run { supply, card, explained })
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

/// Ticks between two reports of progress.
const PROGRESS_EVERY: usize = 4_096;

fn bounds(protocol: &Protocol) -> Bounds {
    Bounds {
        slot: protocol.tick,
        startup: protocol.startup,
        switching: protocol.switching,
        replicas_min: protocol.replicas_min,
        replicas_max: protocol.replicas_max,
    }
}

/// Recorded load from before `start`, as the controller is given it; none where there is nothing.
fn warm_up(name: &ServiceName, history: &Load, start: Timestamp) -> Option<Input> {
    let slots = history.rate.iter().zip(0_u64..);
    let samples: Vec<(Timestamp, MilliRps)> = slots
        .filter_map(|(rate, index)| Some((history.start.plus(history.step.saturating_mul(index)), (*rate)?)))
        .filter(|(at, _)| *at < start)
        .collect();
    (!samples.is_empty()).then(|| Input::History { service: name.clone(), samples })
}
